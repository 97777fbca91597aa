//! What arrives at a collector.

use super::*;
use crate::telemetry::samples;
use opentelemetry::{SpanId, TraceId, Value};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
};

/// Keeps the spans. The SDK has one too, behind a feature that would add a dependency for all.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

fn spans_of(event: &UsageEvent, parent: Option<&str>) -> Vec<SpanData> {
    let kept = Kept::default();
    let traces =
        Traces::with(SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build());
    traces.record(event, parent);
    kept.0.lock().unwrap().clone()
}

fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
    span.attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == name)
        .map(|attribute| &attribute.value)
}

#[test]
fn a_request_is_a_server_span_with_a_client_span_per_attempt() {
    let event = samples::event();
    let spans = spans_of(&event, None);

    let [first, second, request] = &spans[..] else { panic!("{spans:#?}") };
    let start = SystemTime::from(event.at.parse::<Timestamp>().unwrap());
    assert_eq!(request.name, "chat support");
    assert_eq!(request.span_kind, SpanKind::Server);
    assert_eq!(request.parent_span_id, SpanId::INVALID);
    assert_eq!(request.start_time, start);
    assert_eq!(request.end_time, start + Duration::from_millis(901));
    assert_eq!(request.status, Status::Unset);
    for (name, value) in [
        ("gen_ai.operation.name", Value::from("chat")),
        ("gen_ai.provider.name", Value::from("openai")),
        ("gen_ai.request.model", Value::from("support")),
        ("gen_ai.response.model", Value::from("gpt-4o")),
        ("gen_ai.request.stream", Value::from(true)),
        ("gen_ai.usage.input_tokens", Value::from(140)),
        ("gen_ai.usage.output_tokens", Value::from(20)),
        ("gen_ai.usage.cache_read.input_tokens", Value::from(40)),
        ("http.response.status_code", Value::from(200)),
        ("tollgate.tenant", Value::from("acme")),
        ("tollgate.api_key", Value::from("search-ci")),
        ("tollgate.route", Value::from("support")),
        ("tollgate.target", Value::from("openai/gpt-4o")),
        ("tollgate.cost_nano_usd", Value::from(500_000)),
        ("tollgate.estimated", Value::from(false)),
        ("tollgate.disputed", Value::from(false)),
    ] {
        assert_eq!(attribute(request, name), Some(&value), "{name}");
    }
    for (span, name, from, to) in [
        (first, "attempt anthropic/claude-opus-4-1", 0, 100),
        (second, "attempt openai/gpt-4o", 100, 900),
    ] {
        assert_eq!(span.name, name);
        assert_eq!(span.span_kind, SpanKind::Client);
        assert_eq!(span.parent_span_id, request.span_context.span_id());
        assert_eq!(span.span_context.trace_id(), request.span_context.trace_id());
        assert_eq!(span.start_time, start + Duration::from_millis(from));
        assert_eq!(span.end_time, start + Duration::from_millis(to));
    }
    assert_eq!(first.status, Status::error("server_error"));
    assert_eq!(attribute(first, "http.response.status_code"), Some(&Value::from(503)));
    assert_eq!(attribute(second, "tollgate.provider_key"), Some(&Value::from("openai-1")));
}

#[test]
fn users_and_metadata_are_on_no_span() {
    let text = format!("{:?}", spans_of(&samples::event(), None));
    assert!(!text.contains("jane@example.com") && !text.contains("TOP-SECRET"), "{text}");
}

#[test]
fn the_callers_trace_is_continued_or_left_alone() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sampled = format!("00-{trace}-00f067aa0ba902b7-01");
    let spans = spans_of(&samples::event(), Some(&sampled));
    assert_eq!(spans.len(), 3);
    assert_eq!(spans[2].span_context.trace_id(), TraceId::from_hex(trace).unwrap());
    assert_eq!(spans[2].parent_span_id, SpanId::from_hex("00f067aa0ba902b7").unwrap());

    let unsampled = format!("00-{trace}-00f067aa0ba902b7-00");
    assert!(spans_of(&samples::event(), Some(&unsampled)).is_empty());
    for nonsense in ["", "00", "\u{1F980}", "00-zz-zz-01", "ff-00-00-00-00"] {
        assert_eq!(spans_of(&samples::event(), Some(nonsense)).len(), 3, "{nonsense}");
    }
}

#[test]
fn an_answer_that_broke_is_an_error_and_the_apps_own_fault_is_none() {
    for (status, error, expected) in [
        (200, None, Status::Unset),
        (200, Some("broken"), Status::error("broken")),
        (429, Some("budget_exceeded"), Status::Unset),
        (504, Some("timeout"), Status::error("timeout")),
    ] {
        let mut event = samples::event();
        event.status = status;
        event.error = error.map(str::to_owned);
        let spans = spans_of(&event, None);
        assert_eq!(spans[2].status, expected, "{status}");
        assert_eq!(attribute(&spans[2], "error.type").map(ToString::to_string).as_deref(), error);
    }
}

#[test]
fn odd_events_do_no_harm() {
    let mut event = samples::event();
    event.at = "yesterday".to_owned();
    event.requested = "\u{e9}".repeat(200);
    event.timing_us.insert("total".to_owned(), u64::MAX);
    event.attempts[1].started_ms = 1000;
    let spans = spans_of(&event, None);
    assert!(spans[2].name.len() < 140, "{}", spans[2].name);
    assert_eq!(spans[1].start_time, spans[1].end_time);

    event.adjusts = Some(event.id.clone());
    assert!(spans_of(&event, None).is_empty());
}

/// The main thread's runtime has one thread, and it is the one that waits.
#[tokio::test]
async fn a_collector_gets_the_spans_when_the_node_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&got).contains("openai/gpt-4o") {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0);
            got.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&got).into_owned()
    });

    let traces = Traces::start(&endpoint).unwrap();
    traces.record(&samples::event(), None);
    traces.shutdown();

    let got = collector.join().unwrap();
    assert!(got.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{got}");
    assert!(got.to_lowercase().contains("content-type: application/x-protobuf"), "{got}");
    assert!(got.contains("tollgate-gateway") && got.contains("service.instance.id"), "{got}");
}

#[test]
fn a_collector_that_is_gone_delays_the_end_only_so_long() {
    let traces = Traces::start("http://127.0.0.1:9").unwrap();
    traces.record(&samples::event(), None);
    let begin = std::time::Instant::now();
    traces.shutdown();
    assert!(begin.elapsed() < SHUTDOWN_LIMIT + Duration::from_secs(2));
}
