//! The admin port: health for the orchestrator, readiness for the load balancer, metrics for Prometheus. Nothing here
//! changes anything.

use crate::{telemetry::metrics::Metrics, world::link::Unfit};
use actix_web::{HttpResponse, http::header::ContentType, web};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

/// What the admin port tells.
pub struct AdminState {
    /// Where the process is in its life.
    pub ready: Arc<Readiness>,
    /// The process's metrics.
    pub metrics: Arc<Metrics>,
    /// The revision of the world in use.
    pub world_revision: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The link to the control plane, in the connected mode.
    pub link: Option<Box<dyn Fn() -> LinkReport + Send + Sync>>,
    /// Whether the counters answer.
    pub counters_healthy: Box<dyn Fn() -> bool + Send + Sync>,
    /// Brings gauges up to date that are not kept at every change.
    pub before_scrape: Box<dyn Fn(&Metrics) + Send + Sync>,
}

/// The link to the control plane at a moment.
#[derive(Debug, Clone, Copy)]
pub struct LinkReport {
    /// Whether it stands.
    pub connected: bool,
    /// Why the node serves nothing.
    pub unfit: Option<Unfit>,
}

/// Where the process is in its life: it starts, is ready, drains.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// It takes requests now. A process that drains does not get ready again.
    pub fn set_ready(&self) {
        let _ = self.0.compare_exchange(STARTING, READY, Relaxed, Relaxed);
    }

    /// It will end: no new requests, please.
    pub fn set_draining(&self) {
        self.0.store(DRAINING, Relaxed);
    }

    /// Whether it takes requests.
    pub fn is_ready(&self) -> bool {
        self.0.load(Relaxed) == READY
    }

    /// Whether it is about to end.
    pub fn is_draining(&self) -> bool {
        self.0.load(Relaxed) == DRAINING
    }
}

/// The routes of the admin port.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(healthz))
        .route("/readyz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics))
        .default_service(web::to(not_found));
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// A node whose counters are out of reach stays in: its budgets say what happens then, and the others' counters are the
/// same ones, so that a load balancer would take out every node at once. One without a world, or with one that is too old
/// to be served, is out.
async fn readyz(admin: web::Data<AdminState>) -> HttpResponse {
    let link = admin.link.as_ref().map(|link| link());
    let unfit = link.and_then(|link| link.unfit);
    let status = match (&admin.ready, unfit) {
        (ready, _) if ready.is_draining() => "draining",
        (ready, _) if !ready.is_ready() => "starting",
        (_, Some(unfit)) => unfit.code(),
        _ if !(admin.counters_healthy)() => "degraded",
        _ => "ready",
    };
    let mut response = match admin.ready.is_ready() && unfit.is_none() {
        true => HttpResponse::Ok(),
        false => HttpResponse::ServiceUnavailable(),
    };
    let revision = (admin.world_revision)();
    let mut answer = json!({ "status": status, "world_revision": revision });
    if let Some(link) = link {
        let word = if link.connected { "connected" } else { "disconnected" };
        answer["world"] = format!("revision {revision}, {word}").into();
    }
    if let Some(unfit) = unfit {
        answer["reason"] = unfit.message().into();
    }
    response.json(answer)
}

async fn metrics(admin: web::Data<AdminState>) -> HttpResponse {
    (admin.before_scrape)(&admin.metrics);
    HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(admin.metrics.render())
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().insert_header(ContentType::json()).body(
        json!({ "code": "not_found", "message": "here are /healthz, /readyz and /metrics" })
            .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, test};
    use std::sync::atomic::AtomicBool;

    struct Node {
        ready: Arc<Readiness>,
        healthy: Arc<AtomicBool>,
        admin: web::Data<AdminState>,
    }

    fn node() -> Node {
        let (ready, healthy) = (Arc::new(Readiness::default()), Arc::new(AtomicBool::new(true)));
        let counters = healthy.clone();
        let admin = AdminState {
            ready: ready.clone(),
            metrics: Arc::new(Metrics::new()),
            world_revision: Box::new(|| 7),
            link: None,
            counters_healthy: Box::new(move || counters.load(Relaxed)),
            before_scrape: Box::new(|metrics| metrics.before_scrape(3, true, 0)),
        };
        Node { ready, healthy, admin: web::Data::new(admin) }
    }

    async fn get(node: &Node, path: &str) -> (u16, String, String) {
        let app =
            test::init_service(App::new().app_data(node.admin.clone()).configure(routes)).await;
        let response =
            test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
        let status = response.status().as_u16();
        let kind =
            response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let body = test::read_body(response).await;
        (status, kind.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[actix_web::test]
    async fn readiness_follows_the_process_and_not_the_counters() {
        let node = node();
        let answer = |status: &str| format!(r#"{{"status":"{status}","world_revision":7}}"#);
        let json = "application/json".to_owned();

        assert_eq!(get(&node, "/readyz").await, (503, json.clone(), answer("starting")));
        node.ready.set_ready();
        assert_eq!(get(&node, "/readyz").await, (200, json.clone(), answer("ready")));
        node.healthy.store(false, Relaxed);
        assert_eq!(get(&node, "/readyz").await, (200, json.clone(), answer("degraded")));
        node.ready.set_draining();
        assert_eq!(get(&node, "/readyz").await, (503, json.clone(), answer("draining")));
        node.ready.set_ready();
        assert_eq!(get(&node, "/readyz").await, (503, json.clone(), answer("draining")));
        assert_eq!(get(&node, "/healthz").await, (200, json, r#"{"status":"ok"}"#.to_owned()));
    }

    #[actix_web::test]
    async fn a_connected_node_is_ready_with_a_fit_world_and_says_how_its_link_is() {
        for (connected, unfit, status, expected) in [
            (true, None, 200, r#""status":"ready","world":"revision 7, connected""#),
            (false, None, 200, r#""status":"ready","world":"revision 7, disconnected""#),
            (false, Some(Unfit::NoWorld), 503, r#""status":"no_world""#),
            (false, Some(Unfit::Expired), 503, r#""status":"world_expired""#),
        ] {
            let mut node = node();
            let link = move || LinkReport { connected, unfit };
            let admin = AdminState {
                ready: node.ready.clone(),
                metrics: Arc::new(Metrics::new()),
                world_revision: Box::new(|| 7),
                link: Some(Box::new(link)),
                counters_healthy: Box::new(|| true),
                before_scrape: Box::new(|_| {}),
            };
            node.admin = web::Data::new(admin);
            node.ready.set_ready();
            let (found, _, body) = get(&node, "/readyz").await;
            assert_eq!(found, status, "{body}");
            assert!(body.contains(expected), "{body}");
            assert_eq!(body.contains("reason"), unfit.is_some(), "{body}");
        }
    }

    #[actix_web::test]
    async fn metrics_are_fresh_and_the_rest_is_not_found() {
        let node = node();
        let (status, kind, text) = get(&node, "/metrics").await;
        assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4"));
        assert!(text.contains("tollgate_settlements_pending 3\n"), "{text}");
        let (status, kind, text) = get(&node, "/v1/models").await;
        assert_eq!((status, kind.as_str()), (404, "application/json"));
        assert!(text.contains("not_found"), "{text}");
    }
}
