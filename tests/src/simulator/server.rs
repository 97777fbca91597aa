//! The listener: one hyper connection and one task for each socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::door;
use super::state::State;
use super::wire::{ResetSwitch, Wire};

/// A simulator that has its port but does not answer yet.
#[derive(Debug)]
pub struct Simulator {
    listener: TcpListener,
    state: Arc<State>,
}

impl Simulator {
    /// Takes a port (0: a free one). `keys` are the provider keys to accept; none: any.
    pub async fn bind(listen: SocketAddr, keys: Vec<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        Ok(Self { listener, state: Arc::new(State::new(keys)) })
    }

    /// The address that was taken.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the future is dropped. Connections end with the runtime.
    pub async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, Arc::clone(&self.state)));
                }
                // Out of descriptors, most likely: others will be closed soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    // Each chunk is to leave at once. If this fails, the peer is gone and reading will say so.
    let _ = stream.set_nodelay(true);
    let switch = ResetSwitch::default();
    let wire = Wire::new(stream, switch.clone());
    let service =
        service_fn(move |request| door::handle(Arc::clone(&state), switch.clone(), request));
    // Without a timer, hyper never closes an idle connection: tests of connection pools rely on
    // that. An error is a client that left or a fault that was asked for; both are on record.
    let _ = http1::Builder::new()
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(wire), service)
        .await;
}
