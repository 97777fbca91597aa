//! Traces: the spans of a request, built from its usage event after it has ended. Names follow OpenTelemetry's
//! conventions for generative AI. Content, users and metadata are never on a span.

use super::{otlp, split_target};
use jiff::Timestamp;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use std::time::{Duration, SystemTime};
use tollgate_contract::event::{AttemptRecord, UsageEvent};

/// How long the last batch may take when the node ends.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);
/// An app may put any text into `model`.
const NAME_BYTES_MAX: usize = 128;

const SERVICE: &str = "tollgate-gateway";
const SERVICE_VERSION: &str = "service.version";
const SERVICE_INSTANCE_ID: &str = "service.instance.id";

const OPERATION_NAME: &str = "gen_ai.operation.name";
const PROVIDER_NAME: &str = "gen_ai.provider.name";
const REQUEST_MODEL: &str = "gen_ai.request.model";
const REQUEST_STREAM: &str = "gen_ai.request.stream";
const RESPONSE_MODEL: &str = "gen_ai.response.model";
const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
const STATUS_CODE: &str = "http.response.status_code";
const ERROR_TYPE: &str = "error.type";

const REQUEST_ID: &str = "tollgate.request_id";
const TENANT: &str = "tollgate.tenant";
const TEAM: &str = "tollgate.team";
const API_KEY: &str = "tollgate.api_key";
const ROUTE: &str = "tollgate.route";
const TARGET: &str = "tollgate.target";
const PROVIDER_KEY: &str = "tollgate.provider_key";
const COST: &str = "tollgate.cost_nano_usd";
const ESTIMATED: &str = "tollgate.estimated";
const DISPUTED: &str = "tollgate.disputed";

/// The sender of spans. Spans wait in a bounded queue; a full one drops.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Traces {
    /// Starts sending to a collector, whose base URL this is.
    pub fn start(endpoint: &str) -> Result<Self, String> {
        let exporter = otlp::exporter(endpoint)?;
        Ok(Self::with(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource())
                .build(),
        ))
    }

    fn with(provider: SdkTracerProvider) -> Self {
        Self {
            tracer: provider.tracer(SERVICE),
            provider,
            propagator: TraceContextPropagator::new(),
        }
    }

    /// Sends the spans of a request. `parent` is the `traceparent` header that came with it; a caller that does not
    /// sample is obeyed.
    pub fn record(&self, event: &UsageEvent, parent: Option<&str>) {
        if event.adjusts.is_some() {
            return;
        }
        let context = match parent {
            Some(header) => {
                self.propagator.extract_with_context(&Context::new(), &Traceparent(header))
            }
            None => Context::new(),
        };
        let took = took(event);
        let start = match event.at.parse::<Timestamp>() {
            Ok(at) => SystemTime::from(at),
            Err(_) => SystemTime::now() - took,
        };
        let builder = self
            .tracer
            .span_builder(format!("{} {}", operation(&event.api), shortened(&event.requested)))
            .with_kind(SpanKind::Server)
            .with_start_time(start)
            .with_attributes(request_attributes(event));
        let mut span = self.tracer.build_with_context(builder, &context);
        // A refusal that was the app's own fault is no error of this service, but an answer that broke is.
        if event.status >= 500 || (event.status < 400 && event.error.is_some()) {
            span.set_status(Status::error(event.error.clone().unwrap_or_default()));
        }
        let context = context.with_remote_span_context(span.span_context().clone());
        for attempt in &event.attempts {
            self.record_attempt(attempt, start, &context);
        }
        span.end_with_timestamp(start + took);
    }

    fn record_attempt(&self, attempt: &AttemptRecord, start: SystemTime, context: &Context) {
        let at = |ms| start + Duration::from_millis(ms);
        let builder = self
            .tracer
            .span_builder(format!("attempt {}", attempt.target))
            .with_kind(SpanKind::Client)
            .with_start_time(at(attempt.started_ms))
            .with_attributes(attempt_attributes(attempt));
        let mut span = self.tracer.build_with_context(builder, context);
        if let Some(error) = &attempt.error {
            span.set_status(Status::error(error.clone()));
        }
        span.end_with_timestamp(at(attempt.ended_ms.max(attempt.started_ms)));
    }

    /// Sends what is still queued, and waits for that a few seconds at most.
    pub fn shutdown(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(SHUTDOWN_LIMIT) {
            tracing::warn!(%error, "The last traces could not be sent");
        }
    }
}

fn resource() -> Resource {
    Resource::builder()
        .with_service_name(SERVICE)
        .with_attributes([
            KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(SERVICE_INSTANCE_ID, uuid::Uuid::now_v7().to_string()),
        ])
        .build()
}

fn took(event: &UsageEvent) -> Duration {
    let stages =
        event.timing_us.values().max().map_or(Duration::ZERO, |us| Duration::from_micros(*us));
    let attempts = event
        .attempts
        .iter()
        .map(|attempt| attempt.ended_ms)
        .max()
        .map_or(Duration::ZERO, Duration::from_millis);
    // Both are durations of one request; a nonsensical one must not overflow the clock.
    stages.max(attempts).min(Duration::from_secs(86_400))
}

/// The operation's name in the conventions, for those of our APIs that have one.
fn operation(api: &str) -> &str {
    match api {
        "messages" | "responses" => "chat",
        "completions" => "text_completion",
        api => api,
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(NAME_BYTES_MAX)]
}

fn request_attributes(event: &UsageEvent) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(OPERATION_NAME, operation(&event.api).to_owned()),
        KeyValue::new(REQUEST_MODEL, shortened(&event.requested).to_owned()),
        KeyValue::new(REQUEST_STREAM, event.stream),
        KeyValue::new(INPUT_TOKENS, whole(event.usage.input())),
        KeyValue::new(OUTPUT_TOKENS, whole(event.usage.total_output())),
        KeyValue::new(CACHE_READ_TOKENS, whole(event.usage.cache_read)),
        KeyValue::new(STATUS_CODE, i64::from(event.status)),
        KeyValue::new(REQUEST_ID, event.id.clone()),
        KeyValue::new(TENANT, event.tenant.to_string()),
        KeyValue::new(API_KEY, event.api_key.to_string()),
        KeyValue::new(COST, event.cost_nano_usd.as_nanos()),
        KeyValue::new(ESTIMATED, event.estimated),
        KeyValue::new(DISPUTED, event.disputed),
    ];
    if let Some(target) = &event.target {
        let (provider, model) = split_target(target);
        attributes.push(KeyValue::new(PROVIDER_NAME, provider.to_owned()));
        attributes.push(KeyValue::new(RESPONSE_MODEL, model.to_owned()));
        attributes.push(KeyValue::new(TARGET, target.clone()));
    }
    attributes.extend(event.team.as_ref().map(|team| KeyValue::new(TEAM, team.to_string())));
    attributes.extend(event.route.as_ref().map(|route| KeyValue::new(ROUTE, route.to_string())));
    attributes.extend(event.error.as_ref().map(|error| KeyValue::new(ERROR_TYPE, error.clone())));
    attributes
}

/// Without the usage: whoever adds up the tokens of all spans would count them twice.
fn attempt_attributes(attempt: &AttemptRecord) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(TARGET, attempt.target.clone())];
    attributes.extend(
        attempt.provider_key.as_ref().map(|key| KeyValue::new(PROVIDER_KEY, key.to_string())),
    );
    attributes.extend(attempt.status.map(|status| KeyValue::new(STATUS_CODE, i64::from(status))));
    attributes.extend(attempt.error.as_ref().map(|error| KeyValue::new(ERROR_TYPE, error.clone())));
    attributes
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The one header, for a propagator that asks for headers by name.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
#[path = "traces_tests.rs"]
mod tests;
