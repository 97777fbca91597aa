//! Binds a port, and says what to do if that fails.

use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener},
};

/// Binds; `setting` is what to change when it cannot.
pub fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    try_bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process: stop it, or choose another address with {setting}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{address} may not be bound: choose a port above 1023 with {setting}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{address} is no address of this machine: choose another with {setting}")
        }
        _ => format!("{address} cannot be bound: {error}; see {setting}"),
    })
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the last process to fade.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
