//! Name resolution that refuses private addresses unless a provider may use them, so that a base URL cannot be turned
//! against the network that the gateway stands in. The connection goes to the address that was checked.

use hyper_util::client::legacy::connect::dns::Name;
use std::{
    future::Future,
    io,
    net::{SocketAddr, ToSocketAddrs},
    pin::Pin,
    task::{Context, Poll},
};
use tollgate_contract::network::is_public;

/// Resolves by the system, then filters.
#[derive(Debug, Clone, Copy)]
pub struct Resolver {
    /// Whether private, loopback and link-local addresses are taken.
    pub allow_private: bool,
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let all = tokio::task::spawn_blocking(move || {
                (host.as_str(), 0).to_socket_addrs().map(Vec::from_iter)
            })
            .await
            .map_err(io::Error::other)??;
            let allowed: Vec<_> = all
                .into_iter()
                .filter(|address| allow_private || is_public(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "the name leads to private addresses only (see allow_private_network)",
                ));
            }
            Ok(allowed.into_iter())
        })
    }
}
