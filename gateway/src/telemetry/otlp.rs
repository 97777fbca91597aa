//! The way to a collector: OTLP over HTTP. The exporter brings no client of its own, so that no second HTTP and TLS
//! stack gets linked.

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use rustls::{ClientConfig, RootCertStore};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

const TRACES_PATH: &str = "/v1/traces";
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Builds the exporter of spans for a collector's base URL; `/v1/traces` is appended unless it is there.
pub fn exporter(endpoint: &str) -> Result<SpanExporter, String> {
    let url = traces_url(endpoint)?;
    SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(url.scheme_str() == Some("https"))?)
        .with_endpoint(url.to_string())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| format!("[telemetry] otlp_endpoint: {error}"))
}

fn traces_url(endpoint: &str) -> Result<Uri, String> {
    let wrong = || {
        "[telemetry] otlp_endpoint: write the collector's base URL, as in \"http://127.0.0.1:4318\""
            .to_owned()
    };
    let base = endpoint.trim().trim_end_matches('/');
    let path = if base.ends_with(TRACES_PATH) { "" } else { TRACES_PATH };
    let url: Uri = format!("{base}{path}").parse().map_err(|_| wrong())?;
    let spoken = matches!(url.scheme_str(), Some("http" | "https"));
    if spoken && url.host().is_some() && url.query().is_none() { Ok(url) } else { Err(wrong()) }
}

/// Sends one batch at a time, from the batch processor's own thread. Its runtime turns only while that thread waits
/// here: the servers' threads are not involved, and one of them may wait for the last batch when the node ends.
struct Collector {
    runtime: Runtime,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Failures are logged when they begin and when they end.
    failing: AtomicBool,
}

impl Collector {
    fn new(encrypted: bool) -> Result<Self, String> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the sender of traces cannot start: {error}"))?;
        let tls = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS for traces cannot start: {error}"))?
        .with_root_certificates(if encrypted { native_roots()? } else { RootCertStore::empty() })
        .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        // Batches are seconds apart: a kept connection would mostly be found closed.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { runtime, client, failing: AtomicBool::new(false) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = async {
            let response = self.client.request(request.map(Full::new)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let sent = self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, exchange).await });
        let sent = sent.map_err(HttpError::from).flatten();
        self.note(&sent);
        sent
    }

    fn note(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let problem = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        match (problem, self.failing.load(Relaxed)) {
            (Some(problem), false) => tracing::warn!(
                problem,
                "The collector does not take traces: they are lost until it does"
            ),
            (None, true) => tracing::info!("The collector takes traces again"),
            _ => return,
        }
        self.failing.fetch_not(Relaxed);
    }
}

fn native_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("[telemetry] otlp_endpoint: this machine has no root certificates (package ca-certificates), so https is not possible".to_owned());
    }
    Ok(roots)
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

// Written without the macro that the trait was written with, for it would be one more dependency.
impl HttpClient for Collector {
    fn send_bytes<'this, 'sending>(&'this self, request: Request<Bytes>) -> Sending<'sending>
    where
        'this: 'sending,
    {
        Box::pin(async move { self.send(request) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_appended_once() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
            ("http://127.0.0.1:4318/", Some("http://127.0.0.1:4318/v1/traces")),
            ("https://otel.example/v1/traces", Some("https://otel.example/v1/traces")),
            ("https://otel.example/tenant-a/", Some("https://otel.example/tenant-a/v1/traces")),
            ("127.0.0.1:4318", None),
            ("grpc://127.0.0.1:4317", None),
            ("", None),
        ] {
            assert_eq!(
                traces_url(endpoint).ok().map(|url| url.to_string()).as_deref(),
                expected,
                "{endpoint}"
            );
        }
    }
}
