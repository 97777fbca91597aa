//! `/api/v1/health/targets`: how the tenant's targets do now, once or every second.

use crate::{
    access::permission::{Permit, of},
    domain::target_health::{KeyHealth, SECONDS, TargetHealth},
    ids::TenantId,
    state::State,
};
use actix_web::{HttpResponse, get, http::header, web};
use chrono::{DateTime, Utc};
use futures_util::stream::unfold;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

/// How often the stream tells.
const EVERY: Duration = Duration::from_secs(1);
/// A stream ends after this long, so that whoever lost their access does not go on watching; clients connect again.
const STREAM_LIFE: Duration = Duration::from_secs(600);

/// How targets do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TargetsHealth {
    /// Now.
    at: DateTime<Utc>,
    /// Gateway nodes that were heard of in the last seconds.
    nodes: usize,
    /// Over how many seconds calls are counted.
    seconds: usize,
    /// Targets that were called in that time or cannot be called now, by name.
    data: Vec<OneTarget>,
}

/// How one target does.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OneTarget {
    /// `provider/model`.
    target: String,
    /// `up`; `degraded`: calls fail, or a provider key cannot be used at some node; `down`: no node calls it now.
    condition: &'static str,
    /// Calls that ended; of streams: whose first byte came.
    calls: u64,
    /// Those that failed.
    failures: u64,
    /// The same by class, as in a route's `fallback_on`.
    failures_by_class: BTreeMap<String, u64>,
    /// Half of the good calls took at most so many milliseconds (to the first byte of a stream); the bound of a bucket.
    p50_ms: Option<u32>,
    /// 95 of 100.
    p95_ms: Option<u32>,
    /// 99 of 100.
    p99_ms: Option<u32>,
    /// The moving average of the time to the first byte of streams, at the slowest node.
    first_byte_ms: Option<f64>,
    /// Calls under way at its provider, whatever the model.
    in_flight: u64,
    /// Its provider keys.
    provider_keys: Vec<OneKey>,
    /// `[calls, failures]` of each second, oldest first.
    per_second: Vec<[u64; 2]>,
}

/// A provider key at a target.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OneKey {
    /// Its id; null where the provider needs none.
    provider_key: Option<String>,
    /// Nodes that use it.
    nodes: usize,
    /// Nodes where its circuit is open.
    open: usize,
    /// Nodes where its circuit is half open: a call now and then tries.
    half_open: usize,
    /// Nodes where the provider did not accept it: it has to be replaced.
    refused: usize,
    /// How long its provider still limits its rate, at most, in milliseconds.
    limited_ms: u64,
}

impl From<KeyHealth> for OneKey {
    fn from(key: KeyHealth) -> Self {
        Self {
            provider_key: key.key,
            nodes: key.nodes,
            open: key.open,
            half_open: key.half_open,
            refused: key.refused,
            limited_ms: key.limited_ms,
        }
    }
}

impl From<TargetHealth> for OneTarget {
    fn from(health: TargetHealth) -> Self {
        let [p50_ms, p95_ms, p99_ms] = health.percentiles_ms;
        Self {
            target: health.target,
            condition: health.condition.name(),
            calls: health.calls,
            failures: health.errors.values().sum(),
            failures_by_class: health.errors,
            p50_ms,
            p95_ms,
            p99_ms,
            first_byte_ms: health.first_byte_ms,
            in_flight: health.in_flight,
            provider_keys: health.keys.into_iter().map(OneKey::from).collect(),
            per_second: health.seconds.into_iter().map(|(calls, failed)| [calls, failed]).collect(),
        }
    }
}

fn now(state: &State, tenant: TenantId) -> TargetsHealth {
    let at = Utc::now();
    let data = state.pulses.of(tenant, at).into_iter().map(OneTarget::from).collect();
    TargetsHealth { at, nodes: state.pulses.nodes(at), seconds: SECONDS, data }
}

/// How the tenant's targets did in the last 60 seconds, over all gateway nodes, and whether they can be called now.
#[utoipa::path(tag = "Health", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = TargetsHealth)))]
#[get("/api/v1/health/targets")]
pub async fn targets(permit: Permit<of::See>, state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(now(&state, permit.actor.tenant))
}

/// The same every second, as server-sent events of type `targets`. It ends after ten minutes: connect again.
#[utoipa::path(tag = "Health", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, content_type = "text/event-stream", description = "Events whose data is a TargetsHealth.")))]
#[get("/api/v1/health/targets/stream")]
pub async fn stream(permit: Permit<of::See>, state: web::Data<State>) -> HttpResponse {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let watch =
        Watch { state, tenant: permit.actor.tenant, clock, until: Instant::now() + STREAM_LIFE };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .streaming(unfold(watch, |mut watch| async {
            let event = watch.next().await?;
            Some((Ok::<_, actix_web::Error>(event), watch))
        }))
}

struct Watch {
    state: web::Data<State>,
    tenant: TenantId,
    clock: Interval,
    until: Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<web::Bytes> {
        let at = self.clock.tick().await;
        let json = serde_json::to_string(&now(&self.state, self.tenant)).ok()?;
        (at < self.until).then(|| format!("event: targets\ndata: {json}\n\n").into())
    }
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(targets, stream))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(targets).service(stream);
}
