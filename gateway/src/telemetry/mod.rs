//! What a node tells its operator: logs, metrics and traces. Usage events are not here; they are the product's data.

pub mod logs;
pub mod metrics;
pub mod otlp;
pub mod traces;

use metrics::Metrics;
use std::sync::Arc;
use tollgate_contract::event::UsageEvent;
use traces::Traces;

/// Metrics always, traces if someone collects them.
pub struct Telemetry {
    /// For the admin port.
    pub metrics: Arc<Metrics>,
    /// For the collector.
    pub traces: Option<Traces>,
}

impl Telemetry {
    /// Starts it. The endpoint is a collector's base URL, as in `http://127.0.0.1:4318`.
    pub fn start(otlp_endpoint: Option<&str>) -> Result<Self, String> {
        let traces = otlp_endpoint.map(Traces::start).transpose()?;
        Ok(Self { metrics: Arc::new(Metrics::new()), traces })
    }

    /// Counts a request that has ended, and sends its spans. Does not wait for anything.
    pub fn record(&self, event: &UsageEvent, overhead_us: u64, traceparent: Option<&str>) {
        self.metrics.record(event, overhead_us);
        if let Some(traces) = &self.traces {
            traces.record(event, traceparent);
        }
    }
}

/// `provider/upstream-model` in two. A model may contain slashes itself.
fn split_target(target: &str) -> (&str, &str) {
    target.split_once('/').unwrap_or((target, ""))
}

/// What tests of this module report.
#[cfg(test)]
pub mod samples {
    use std::collections::BTreeMap;
    use tollgate_contract::{
        event::{AttemptRecord, UsageEvent},
        ids::{ApiKeyId, MemberId, ProviderKeyId, RouteId, TeamId, TenantId},
        money::NanoUsd,
        usage::Usage,
    };

    /// A chat that was served by the second of two targets.
    pub fn event() -> UsageEvent {
        let usage = Usage {
            input_uncached: 100,
            cache_read: 40,
            output: 20,
            requests: 1,
            ..Usage::default()
        };
        UsageEvent {
            id: "01990000-0000-7000-8000-000000000000".to_owned(),
            adjusts: None,
            at: "2026-11-24T20:00:00Z".to_owned(),
            tenant: TenantId::new("acme"),
            team: Some(TeamId::new("search")),
            member: Some(MemberId::new("ci")),
            api_key: ApiKeyId::new("search-ci"),
            user: Some("jane@example.com".to_owned()),
            metadata: BTreeMap::from([("ticket".to_owned(), "TOP-SECRET".to_owned())]),
            api: "chat".to_owned(),
            requested: "support".to_owned(),
            route: Some(RouteId::new("support")),
            target: Some("openai/gpt-4o".to_owned()),
            provider_key: Some(ProviderKeyId::new("openai-1")),
            status: 200,
            error: None,
            stream: true,
            cache: "off".to_owned(),
            usage,
            cost_nano_usd: NanoUsd::new(500_000),
            list_cost_nano_usd: NanoUsd::new(500_000),
            saved_nano_usd: None,
            cache_similarity: None,
            estimated: false,
            disputed: false,
            attempts: vec![
                AttemptRecord {
                    target: "anthropic/claude-opus-4-1".to_owned(),
                    ended_ms: 100,
                    status: Some(503),
                    error: Some("server_error".to_owned()),
                    ..AttemptRecord::default()
                },
                AttemptRecord {
                    target: "openai/gpt-4o".to_owned(),
                    provider_key: Some(ProviderKeyId::new("openai-1")),
                    started_ms: 100,
                    first_byte_ms: Some(350),
                    ended_ms: 900,
                    status: Some(200),
                    usage,
                    cost_nano_usd: NanoUsd::new(500_000),
                    ..AttemptRecord::default()
                },
            ],
            timing_us: BTreeMap::from([("total".to_owned(), 901_000)]),
            decision: None,
            guards: Vec::new(),
            beside: None,
        }
    }
}
