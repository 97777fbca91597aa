//! The two servers of a node: what apps call, and the admin port. Built on actix's HTTP service directly, because the
//! raw stream of a connection has to pass [`framing`] first.

pub mod admin;
pub mod framing;
pub mod listen;

use crate::{
    api,
    state::{State, Worker},
};
use actix_http::HttpService;
use actix_server::{Server, ServerHandle};
use actix_service::{ServiceFactoryExt, fn_service, map_config};
use actix_web::{App, dev::AppConfig, web};
use framing::FramedIo;
use std::{net::TcpListener, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::watch};

/// The head of a request must come within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An idle connection is kept this long: longer than common load balancers keep theirs, so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How the data plane is served.
pub struct Options {
    /// Bound already.
    pub listener: TcpListener,
    /// Threads; 0: one per core.
    pub workers: usize,
    /// How long streams may go on after the end was asked for.
    pub grace: Duration,
    /// Turns true when connections shall be closed after their current answer.
    pub draining: watch::Receiver<bool>,
}

/// Builds the data plane's server; it runs when it is awaited.
pub fn build(state: Arc<State>, options: Options) -> std::io::Result<Server> {
    let Options { listener, workers, grace, draining } = options;
    let server = Server::build()
        .disable_signals()
        .shutdown_timeout(grace.as_secs() + 2)
        .max_concurrent_connections(25_600);
    let server = if workers > 0 { server.workers(workers) } else { server };
    let server = server.listen("gateway", listener, move || {
        // Runs once on each worker's thread.
        let worker = web::Data::new(Worker::new(state.clone()));
        let app = map_config(App::new().app_data(worker).configure(api::routes), |()| {
            AppConfig::default()
        });
        let draining = draining.clone();
        let service = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(Duration::from_secs(1))
            // An app that closes its side has left: its call is cancelled at once.
            .h1_allow_half_closed(false)
            .graceful_shutdown_signal(move || {
                let mut draining = draining.clone();
                async move {
                    let _ = draining.wait_for(|draining| *draining).await;
                }
            })
            .h1(app);
        fn_service(|io: TcpStream| async move {
            let peer = io.peer_addr().ok();
            // Small writes are whole events: they must not wait for each other.
            let _ = io.set_nodelay(true);
            Ok((FramedIo::new(io), peer))
        })
        .and_then(service)
    })?;
    Ok(server.run())
}

/// Builds the admin server.
pub fn build_admin(
    listener: TcpListener,
    admin: web::Data<admin::AdminState>,
) -> std::io::Result<actix_web::dev::Server> {
    let server = actix_web::HttpServer::new(move || {
        App::new().app_data(admin.clone()).configure(admin::routes)
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}

/// Stops a server: no new connections, the present ones may end.
pub async fn stop(handle: ServerHandle) {
    handle.stop(true).await;
}
