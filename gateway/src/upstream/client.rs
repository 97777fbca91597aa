//! HTTP clients to providers. One set per worker: a pooled connection lives on the worker that opened it, so no request
//! crosses threads.

use super::resolver::Resolver;
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// A pool of connections with one connect timeout.
pub type Client = Pool<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// The clients of a worker.
#[derive(Debug, Default)]
pub struct Clients {
    made: RefCell<HashMap<Settings, Client>>,
}

/// What distinguishes clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Time to a connection.
    pub connect: Duration,
    /// Whether private addresses may be connected to.
    pub allow_private: bool,
    /// Whether certificates are needed.
    pub tls: bool,
}

impl Clients {
    /// The client with these settings.
    pub fn get(&self, settings: Settings) -> Client {
        /// Timeouts come from the config, so there are few; this only guards against many reloads.
        const MOST: usize = 64;
        if let Some(client) = self.made.borrow().get(&settings) {
            return client.clone();
        }
        let client = build(settings);
        let mut made = self.made.borrow_mut();
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(settings, client.clone());
        client
    }
}

fn build(settings: Settings) -> Client {
    let mut tcp =
        HttpConnector::new_with_resolver(Resolver { allow_private: settings.allow_private });
    tcp.set_connect_timeout(Some(settings.connect));
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(settings.tls))
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        // Below the idle time of common servers and load balancers, so that we rarely write to a closing connection.
        .pool_idle_timeout(Duration::from_secs(50))
        .build(connector)
}

/// The system's certificates are read once, and only when some provider is called by https.
fn tls_config(needed: bool) -> rustls::ClientConfig {
    static ROOTS: OnceLock<Arc<rustls::RootCertStore>> = OnceLock::new();
    let roots = if needed {
        ROOTS.get_or_init(load_roots).clone()
    } else {
        Arc::new(rustls::RootCertStore::empty())
    };
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

fn load_roots() -> Arc<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::error!(
            "No system certificates found: providers cannot be called by https. Install ca-certificates."
        );
    }
    Arc::new(roots)
}
