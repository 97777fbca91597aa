//! Metrics, as Prometheus scrapes them. No text of an app or a tenant gets into a label: only our own words, and
//! providers and targets, which the config names.

use super::split_target;
use prometheus::{
    Counter, CounterVec, Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, Opts, Registry, TextEncoder, core::Collector,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tollgate_contract::{
    event::{AttemptRecord, UsageEvent},
    usage::Usage,
};

/// Requests that ended.
pub const REQUESTS_TOTAL: &str = "tollgate_requests_total";
/// Their time, answer included.
pub const REQUEST_DURATION_SECONDS: &str = "tollgate_request_duration_seconds";
/// The gateway's own part of it.
pub const OVERHEAD_SECONDS: &str = "tollgate_overhead_seconds";
/// A provider's time to the first byte of its answer.
pub const TIME_TO_FIRST_BYTE_SECONDS: &str = "tollgate_time_to_first_byte_seconds";
/// Calls of providers.
pub const UPSTREAM_ATTEMPTS_TOTAL: &str = "tollgate_upstream_attempts_total";
/// What was consumed.
pub const TOKENS_TOTAL: &str = "tollgate_tokens_total";
/// What was charged.
pub const COST_USD_TOTAL: &str = "tollgate_cost_usd_total";
/// Requests over routes with a cache.
pub const CACHE_LOOKUPS_TOTAL: &str = "tollgate_cache_lookups_total";
/// What cached answers had cost.
pub const CACHE_SAVED_USD_TOTAL: &str = "tollgate_cache_saved_usd_total";
/// Tries to reserve limits and budgets.
pub const HOLDS_TOTAL: &str = "tollgate_holds_total";
/// Requests that run now.
pub const REQUESTS_IN_FLIGHT: &str = "tollgate_requests_in_flight";
/// Charges that wait for the counters.
pub const SETTLEMENTS_PENDING: &str = "tollgate_settlements_pending";
/// Usage events that were lost.
pub const USAGE_EVENTS_DROPPED_TOTAL: &str = "tollgate_usage_events_dropped_total";
/// Config files that were read again.
pub const CONFIG_RELOADS_TOTAL: &str = "tollgate_config_reloads_total";
/// Charges by our own count.
pub const ESTIMATED_TOTAL: &str = "tollgate_estimated_total";
/// Charges that were clipped.
pub const DISPUTED_TOTAL: &str = "tollgate_disputed_total";
/// Whether the counters answer.
pub const REDIS_HEALTHY: &str = "tollgate_redis_healthy";
/// The world in use.
pub const WORLD_REVISION: &str = "tollgate_world_revision";
/// Whether the link to the control plane stands.
pub const CONTROL_CONNECTED: &str = "tollgate_control_connected";
/// How long ago the control plane confirmed the world.
pub const CONTROL_CONTACT_AGE_SECONDS: &str = "tollgate_control_contact_age_seconds";
/// Tenants whose last change could not be taken.
pub const TENANTS_REJECTED_TOTAL: &str = "tollgate_tenants_rejected_total";
/// What runs.
pub const BUILD_INFO: &str = "tollgate_build_info";

/// From a quick refusal to a long answer of a thinking model.
const DURATION_BUCKETS: [f64; 14] =
    [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 600.0];
const OVERHEAD_BUCKETS: [f64; 13] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1,
    1.0,
];
const FIRST_BYTE_BUCKETS: [f64; 12] =
    [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0, 90.0];

/// An app may name any model of a provider, so there is no end to targets: later ones share a label.
const TARGETS_MAX: usize = 1000;
const TARGET_BYTES_MAX: usize = 128;
const PROVIDERS_MAX: usize = 500;
const OUTCOMES_MAX: usize = 32;
const OTHER: &str = "other";
const NONE: &str = "none";

/// The process's metrics.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    overhead: Histogram,
    first_byte: HistogramVec,
    attempts: IntCounterVec,
    tokens: IntCounterVec,
    cost: CounterVec,
    cache_lookups: IntCounterVec,
    cache_saved: Counter,
    holds: IntCounterVec,
    /// Requests that run now.
    pub requests_in_flight: IntGauge,
    settlements_pending: IntGauge,
    usage_events_dropped: IntCounter,
    usage_events_dropped_seen: AtomicU64,
    config_reloads: IntCounterVec,
    estimated: IntCounter,
    disputed: IntCounter,
    redis_healthy: IntGauge,
    world_revision: IntGauge,
    control: OnceLock<ControlSeries>,
    targets: RwLock<HashSet<String>>,
    providers: RwLock<HashMap<String, Arc<ProviderSeries>>>,
}

/// The series that only a connected node has: one without a control plane must not look as if it had lost it.
struct ControlSeries {
    connected: IntGauge,
    contact_age: IntGauge,
    tenants_rejected: IntCounter,
}

/// The series of one provider, found once.
struct ProviderSeries {
    label: String,
    first_byte: Histogram,
    input: IntCounter,
    output: IntCounter,
    cache_read: IntCounter,
    cost: Counter,
    outcomes: RwLock<HashMap<String, IntCounter>>,
}

impl Metrics {
    /// Fresh metrics in a registry of their own.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name, help| register(&registry, IntCounter::new(name, help));
        let counters = |name, help, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name, help| register(&registry, IntGauge::new(name, help));
        let histogram =
            |name, help, buckets: &[f64]| HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let by = |options: HistogramOpts, label| {
            register(&registry, HistogramVec::new(options, &[label]))
        };

        let version =
            Opts::new(BUILD_INFO, "What runs").const_label("version", env!("CARGO_PKG_VERSION"));
        register(&registry, IntGauge::with_opts(version)).set(1);

        let overhead = histogram(
            OVERHEAD_SECONDS,
            "The gateway's own share of a request's time",
            &OVERHEAD_BUCKETS,
        );
        let duration = histogram(
            REQUEST_DURATION_SECONDS,
            "From a request's head to the end of its answer",
            &DURATION_BUCKETS,
        );
        let first_byte = histogram(
            TIME_TO_FIRST_BYTE_SECONDS,
            "From the call of a provider to the first byte of its answer",
            &FIRST_BYTE_BUCKETS,
        );
        Self {
            requests: counters(
                REQUESTS_TOTAL,
                "Requests that ended",
                &["api", "status_class", "target"],
            ),
            duration: by(duration, "api"),
            overhead: register(&registry, Histogram::with_opts(overhead)),
            first_byte: by(first_byte, "provider"),
            attempts: counters(
                UPSTREAM_ATTEMPTS_TOTAL,
                "Calls of providers",
                &["provider", "outcome"],
            ),
            tokens: counters(
                TOKENS_TOTAL,
                "Tokens consumed; the kinds do not overlap, cache_read is not part of input",
                &["kind", "provider"],
            ),
            cost: register(
                &registry,
                CounterVec::new(
                    Opts::new(COST_USD_TOTAL, "What was charged, in USD"),
                    &["provider"],
                ),
            ),
            cache_lookups: counters(
                CACHE_LOOKUPS_TOTAL,
                "Requests over routes with a cache, by what it had",
                &["result"],
            ),
            cache_saved: register(
                &registry,
                Counter::new(CACHE_SAVED_USD_TOTAL, "What cached answers had cost, in USD"),
            ),
            holds: counters(HOLDS_TOTAL, "Tries to reserve limits and budgets", &["outcome"]),
            requests_in_flight: gauge(REQUESTS_IN_FLIGHT, "Requests that run now"),
            settlements_pending: gauge(SETTLEMENTS_PENDING, "Charges that wait for the counters"),
            usage_events_dropped: counter(
                USAGE_EVENTS_DROPPED_TOTAL,
                "Usage events that were lost",
            ),
            usage_events_dropped_seen: AtomicU64::new(0),
            config_reloads: counters(
                CONFIG_RELOADS_TOTAL,
                "Changed config files, by whether they were taken",
                &["outcome"],
            ),
            estimated: counter(
                ESTIMATED_TOTAL,
                "Requests charged by our own count, because the provider gave none",
            ),
            disputed: counter(
                DISPUTED_TOTAL,
                "Requests whose provider reported an impossible usage",
            ),
            redis_healthy: gauge(REDIS_HEALTHY, "1 while the counters answer"),
            world_revision: gauge(WORLD_REVISION, "The revision of the world in use"),
            control: OnceLock::new(),
            targets: RwLock::default(),
            providers: RwLock::default(),
            registry,
        }
    }

    /// Counts a request that has ended.
    pub fn record(&self, event: &UsageEvent, overhead_us: u64) {
        // A correction is no request, and its cost may be negative, which a counter cannot be.
        if event.adjusts.is_some() {
            return;
        }
        let target = self.target_label(event);
        self.requests
            .with_label_values(&[event.api.as_str(), status_class(event.status), target])
            .inc();
        if let Some(total) = event.timing_us.get("total") {
            self.duration.with_label_values(&[event.api.as_str()]).observe(seconds_of_us(*total));
        }
        self.overhead.observe(seconds_of_us(overhead_us));
        for attempt in &event.attempts {
            self.record_attempt(attempt);
        }
        if let Some(target) = &event.target {
            self.provider(split_target(target).0)
                .charge(&event.usage, event.cost_nano_usd.as_nanos());
        }
        if event.cache != "off" {
            self.cache_lookups.with_label_values(&[event.cache.as_str()]).inc();
        }
        if let Some(saved) = event.saved_nano_usd {
            self.cache_saved.inc_by(saved.as_nanos().max(0) as f64 / 1e9);
        }
        if event.estimated {
            self.estimated.inc();
        }
        if event.disputed {
            self.disputed.inc();
        }
    }

    fn record_attempt(&self, attempt: &AttemptRecord) {
        let series = self.provider(split_target(&attempt.target).0);
        if let Some(first_byte_ms) = attempt.first_byte_ms {
            let waited = first_byte_ms.saturating_sub(attempt.started_ms);
            series.first_byte.observe(Duration::from_millis(waited).as_secs_f64());
        }
        let outcome = attempt.error.as_deref().unwrap_or("ok");
        self.outcome(&series, outcome).inc();
    }

    /// A hold was granted.
    pub fn hold_granted(&self) {
        self.holds.with_label_values(&["granted"]).inc();
    }

    /// A hold was refused: over a limit, or because the counters are out of reach.
    pub fn hold_refused(&self, unavailable: bool) {
        self.holds.with_label_values(&[if unavailable { "unavailable" } else { "denied" }]).inc();
    }

    /// A changed config file was taken, or was not.
    pub fn config_reloaded(&self, taken: bool) {
        self.config_reloads.with_label_values(&[if taken { "taken" } else { "rejected" }]).inc();
    }

    /// Sets what others count: `dropped` is the number of usage events lost since the start.
    pub fn before_scrape(&self, settlements_pending: usize, counters_healthy: bool, dropped: u64) {
        self.settlements_pending.set(i64::try_from(settlements_pending).unwrap_or(i64::MAX));
        self.redis_healthy.set(i64::from(counters_healthy));
        let seen = self.usage_events_dropped_seen.fetch_max(dropped, Relaxed);
        self.usage_events_dropped.inc_by(dropped.saturating_sub(seen));
    }

    /// The node has a control plane: its series are there from now on.
    pub fn connected_mode(&self) {
        let gauge = |name, help| register(&self.registry, IntGauge::new(name, help));
        self.control.get_or_init(|| ControlSeries {
            connected: gauge(CONTROL_CONNECTED, "1 while the link to the control plane stands"),
            contact_age: gauge(
                CONTROL_CONTACT_AGE_SECONDS,
                "Seconds since the control plane confirmed the world",
            ),
            tenants_rejected: register(
                &self.registry,
                IntCounter::new(
                    TENANTS_REJECTED_TOTAL,
                    "Changes of tenants that had mistakes, so that the last good state stayed",
                ),
            ),
        });
    }

    /// A tenant's change could not be taken.
    pub fn tenant_rejected(&self) {
        if let Some(control) = self.control.get() {
            control.tenants_rejected.inc();
        }
    }

    /// The world in use, and for a connected node whether its link stands and how old its world is.
    pub fn world(&self, revision: u64, contact: Option<(bool, Duration)>) {
        self.world_revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        if let (Some(control), Some((connected, age))) = (self.control.get(), contact) {
            control.connected.set(i64::from(connected));
            control.contact_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// All of them in the text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "The metrics cannot be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The target if it is known or there is room. A failed request makes no room: the name may be an app's invention.
    fn target_label<'a>(&self, event: &'a UsageEvent) -> &'a str {
        let Some(target) = event.target.as_deref() else { return NONE };
        if self.targets.read().unwrap_or_else(PoisonError::into_inner).contains(target) {
            return target;
        }
        if event.status >= 400 || target.len() > TARGET_BYTES_MAX {
            return OTHER;
        }
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        if targets.len() < TARGETS_MAX {
            targets.insert(target.to_owned());
            return target;
        }
        OTHER
    }

    fn provider(&self, name: &str) -> Arc<ProviderSeries> {
        if let Some(series) =
            self.providers.read().unwrap_or_else(PoisonError::into_inner).get(name)
        {
            return series.clone();
        }
        let mut providers = self.providers.write().unwrap_or_else(PoisonError::into_inner);
        // Worlds come and go, and their providers with them.
        let name = if providers.len() < PROVIDERS_MAX { name } else { OTHER };
        providers
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(self.provider_series(name)))
            .clone()
    }

    fn provider_series(&self, name: &str) -> ProviderSeries {
        ProviderSeries {
            label: name.to_owned(),
            first_byte: self.first_byte.with_label_values(&[name]),
            input: self.tokens.with_label_values(&["input", name]),
            output: self.tokens.with_label_values(&["output", name]),
            cache_read: self.tokens.with_label_values(&["cache_read", name]),
            cost: self.cost.with_label_values(&[name]),
            outcomes: RwLock::default(),
        }
    }

    fn outcome(&self, series: &ProviderSeries, outcome: &str) -> IntCounter {
        if let Some(counter) =
            series.outcomes.read().unwrap_or_else(PoisonError::into_inner).get(outcome)
        {
            return counter.clone();
        }
        let mut outcomes = series.outcomes.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = if outcomes.len() < OUTCOMES_MAX { outcome } else { OTHER };
        let make = || self.attempts.with_label_values(&[series.label.as_str(), outcome]);
        outcomes.entry(outcome.to_owned()).or_insert_with(make).clone()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ProviderSeries {
    fn charge(&self, usage: &Usage, cost_nano_usd: i64) {
        self.input.inc_by(usage.input().saturating_sub(usage.cache_read));
        self.output.inc_by(usage.total_output());
        self.cache_read.inc_by(usage.cache_read);
        // A float, as Prometheus has nothing else: for curves, not for bills.
        self.cost.inc_by(cost_nano_usd.max(0) as f64 / 1e9);
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("names and labels are constants that Prometheus accepts");
    registry.register(Box::new(collector.clone())).expect("each constant name is registered once");
    collector
}

const fn status_class(status: u16) -> &'static str {
    match status {
        0..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

fn seconds_of_us(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::samples;
    use tollgate_contract::money::NanoUsd;

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "no line {line} in\n{text}");
    }

    #[test]
    fn what_the_cache_had_and_saved_is_counted() {
        let metrics = Metrics::new();
        let event = |cache: &str, saved: Option<i64>| UsageEvent {
            cache: cache.to_owned(),
            saved_nano_usd: saved.map(NanoUsd::new),
            ..samples::event()
        };
        for event in [event("off", None), event("miss", None), event("hit", Some(2_500_000))] {
            metrics.record(&event, 80);
        }
        let text = metrics.render();
        has(&text, r#"tollgate_cache_lookups_total{result="hit"} 1"#);
        has(&text, r#"tollgate_cache_lookups_total{result="miss"} 1"#);
        has(&text, "tollgate_cache_saved_usd_total 0.0025");
        assert!(!text.contains(r#"result="off""#));
    }

    #[test]
    fn a_request_is_counted_once_in_every_series() {
        let metrics = Metrics::new();
        metrics.record(&samples::event(), 420);
        metrics.record(&samples::event(), 80);
        let text = metrics.render();

        for line in [
            r#"tollgate_requests_total{api="chat",status_class="2xx",target="openai/gpt-4o"} 2"#,
            r#"tollgate_request_duration_seconds_count{api="chat"} 2"#,
            r#"tollgate_overhead_seconds_bucket{le="0.0001"} 1"#,
            r#"tollgate_overhead_seconds_bucket{le="0.0005"} 2"#,
            r#"tollgate_time_to_first_byte_seconds_bucket{provider="openai",le="0.4"} 2"#,
            r#"tollgate_upstream_attempts_total{outcome="ok",provider="openai"} 2"#,
            r#"tollgate_upstream_attempts_total{outcome="server_error",provider="anthropic"} 2"#,
            r#"tollgate_tokens_total{kind="input",provider="openai"} 200"#,
            r#"tollgate_tokens_total{kind="cache_read",provider="openai"} 80"#,
            r#"tollgate_tokens_total{kind="output",provider="openai"} 40"#,
            r#"tollgate_cost_usd_total{provider="openai"} 0.001"#,
            &format!(r#"tollgate_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")),
        ] {
            has(&text, line);
        }
        for secret in ["acme", "search", "jane", "TOP-SECRET", "support"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }

    #[test]
    fn targets_beyond_the_limit_and_failed_inventions_share_a_label() {
        let metrics = Metrics::new();
        let mut event = samples::event();
        event.status = 404;
        event.target = Some("openai/invented".to_owned());
        metrics.record(&event, 0);
        event.status = 200;
        for n in 0..TARGETS_MAX + 5 {
            event.target = Some(format!("openai/model-{n}"));
            metrics.record(&event, 0);
        }
        event.target = None;
        metrics.record(&event, 0);
        let text = metrics.render();

        has(&text, r#"tollgate_requests_total{api="chat",status_class="4xx",target="other"} 1"#);
        has(&text, r#"tollgate_requests_total{api="chat",status_class="2xx",target="other"} 5"#);
        has(&text, r#"tollgate_requests_total{api="chat",status_class="2xx",target="none"} 1"#);
        has(
            &text,
            r#"tollgate_requests_total{api="chat",status_class="2xx",target="openai/model-999"} 1"#,
        );
    }

    #[test]
    fn a_correction_is_no_request() {
        let metrics = Metrics::new();
        let mut event = samples::event();
        event.adjusts = Some(event.id.clone());
        event.cost_nano_usd = tollgate_contract::money::NanoUsd::new(-5);
        metrics.record(&event, 0);
        assert!(!metrics.render().contains("tollgate_requests_total{"));
    }

    #[test]
    fn only_a_connected_node_has_series_of_its_control_plane() {
        let metrics = Metrics::new();
        metrics.tenant_rejected();
        metrics.world(3, None);
        let text = metrics.render();
        has(&text, "tollgate_world_revision 3");
        assert!(!text.contains("tollgate_control_connected"));
        metrics.connected_mode();
        metrics.tenant_rejected();
        metrics.world(4, Some((true, Duration::from_secs(9))));
        let text = metrics.render();
        has(&text, "tollgate_control_connected 1");
        has(&text, "tollgate_control_contact_age_seconds 9");
        has(&text, "tollgate_tenants_rejected_total 1");
    }

    #[test]
    fn what_others_count_is_taken_over_without_counting_it_twice() {
        let metrics = Metrics::new();
        metrics.hold_granted();
        metrics.hold_refused(true);
        metrics.hold_refused(false);
        metrics.config_reloaded(false);
        metrics.before_scrape(3, true, 7);
        metrics.before_scrape(2, false, 9);
        let text = metrics.render();
        for line in [
            r#"tollgate_holds_total{outcome="granted"} 1"#,
            r#"tollgate_holds_total{outcome="unavailable"} 1"#,
            r#"tollgate_holds_total{outcome="denied"} 1"#,
            r#"tollgate_config_reloads_total{outcome="rejected"} 1"#,
            "tollgate_settlements_pending 2",
            "tollgate_redis_healthy 0",
            "tollgate_usage_events_dropped_total 9",
        ] {
            has(&text, line);
        }
    }
}
