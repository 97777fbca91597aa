use super::*;
use crate::{
    conversation::{FaultKind, Format, Part, PartKind, Signature, Stop},
    openai_responses::{
        checking::{collected, events, exchange, exchanges},
        read_answer,
    },
};
use serde_json::{Value, json};

/// Events of data, each as OpenAI frames it.
fn read(data: &[Value]) -> Vec<Event> {
    let frame =
        |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or(""));
    events(data.iter().map(frame).collect::<String>().as_bytes())
}

fn completed() -> Value {
    json!({"type": "response.completed", "response": {"status": "completed", "output": []}})
}

fn said(events: Vec<Event>) -> Vec<PartKind> {
    let answer = collected(events).expect("no fault");
    answer.choices[0].parts.iter().map(|part| part.kind.clone()).collect()
}

fn call(id: &str, arguments: &str) -> PartKind {
    PartKind::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        custom: false,
        signature: None,
    }
}

#[test]
fn a_streamed_answer_adds_up_to_the_whole_one() {
    for exchange in exchanges() {
        let whole = read_answer(&exchange.answer).map(|mut answer| {
            // What a stream does not tell.
            (answer.created, answer.service_tier) = (None, None);
            answer
        });
        let mut streamed = collected(events(&exchange.stream));
        if let (Ok(streamed), Ok(whole)) = (&mut streamed, &whole) {
            let logprobs = |raw: &Option<crate::json::Raw>| {
                raw.as_ref().map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap())
            };
            let (ours, theirs) = (&mut streamed.choices[0].logprobs, &whole.choices[0].logprobs);
            assert_eq!(logprobs(ours), logprobs(theirs), "{}", exchange.name);
            assert_eq!(ours.is_some(), exchange.name == "log_probabilities");
            ours.clone_from(theirs);
        }
        assert_eq!(streamed, whole, "{}", exchange.name);
        let fails = matches!(exchange.name.as_str(), "failed" | "error_event");
        assert_eq!(whole.is_err(), fails, "{}", exchange.name);
    }
}

#[test]
fn usage_and_the_reason_come_from_the_last_event() {
    let told = |name: &str| {
        let answer = collected(events(&exchange(name).stream)).unwrap();
        (answer.choices[0].stop, answer.usage.billed.unwrap())
    };
    let (stop, usage) = told("cached_usage");
    assert_eq!(stop, Stop::End);
    assert_eq!((usage.input_uncached, usage.cache_read, usage.cache_write_5m), (57, 1792, 256));
    let (stop, usage) = told("reasoning_tools");
    assert_eq!((stop, usage.output, usage.reasoning), (Stop::Tool, 118, 64));
    assert_eq!((told("length").0, told("content_filter").0), (Stop::Length, Stop::Filtered));
    assert_eq!((told("custom_tool").0, told("refusal").0), (Stop::Tool, Stop::End));
}

#[test]
fn searches_of_the_web_are_counted_beside_the_tokens() {
    let usage = json!({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12});
    let tools = json!({"image_gen": {}, "web_search": {"num_requests": 2}});
    let body = json!({"status": "completed", "output": [], "usage": usage, "tool_usage": tools});
    let billed = read_answer(body.to_string().as_bytes()).unwrap().usage.billed.unwrap();
    assert_eq!((billed.tokens(), billed.web_searches), (12, 2));
}

#[test]
fn an_id_that_only_names_an_item_is_not_the_calls_id() {
    let events = events(&exchange("parallel_tools").stream);
    let calls = events.iter().filter_map(|event| match event {
        Event::Call { id, call, .. } => Some((*call, id.starts_with("call_"))),
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), [(0, true), (1, true), (2, true)]);
}

#[test]
fn pieces_of_parallel_calls_find_their_calls() {
    let added = |index: u64| {
        let item = json!({"type": "function_call", "id": format!("fc_{index}"), "call_id": format!("c{index}"), "name": "f", "arguments": ""});
        json!({"type": "response.output_item.added", "output_index": index, "item": item})
    };
    let delta = |id: &str, index: u64, delta: &str| json!({"type": "response.function_call_arguments.delta", "item_id": id, "output_index": index, "delta": delta});
    let pieces = [
        added(0),
        added(1),
        delta("fc_0", 0, "{\"a\""),
        delta("fc_1", 1, "{\"b\""),
        // By its id, whatever the index says; by its index, where the id has changed.
        delta("fc_0", 9, ":0}"),
        delta("other", 1, ":1}"),
        completed(),
    ];
    assert_eq!(said(read(&pieces)), [call("c0", "{\"a\":0}"), call("c1", "{\"b\":1}")]);
}

#[test]
fn what_was_not_streamed_is_told_when_the_item_is_done() {
    let done = |index: u64, item: Value| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let function = json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"x\":1}"});
    let message =
        json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "hi"}]});
    let partly = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f"}}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": "{\"x\""}),
        done(0, function.clone()),
        completed(),
    ];
    let object = json!({"type": "function_call", "id": "c1", "name": "f", "arguments": {"x": 1}});
    let cases = [
        (vec![done(0, function.clone()), completed()], vec![call("c1", "{\"x\":1}")]),
        (partly.to_vec(), vec![call("c1", "{\"x\":1}")]),
        (vec![done(0, object), completed()], vec![call("c1", "{\"x\":1}")]),
        (vec![done(0, message.clone()), completed()], vec![PartKind::Text("hi".into())]),
        (
            vec![
                json!({"type": "response.completed", "response": {"status": "completed", "output": [message, function]}}),
            ],
            vec![PartKind::Text("hi".into()), call("c1", "{\"x\":1}")],
        ),
    ];
    for (data, expected) in cases {
        assert_eq!(said(read(&data)), expected, "{data:?}");
    }
}

#[test]
fn reasoning_keeps_its_paragraphs_and_its_seal() {
    let parts = said(events(&exchange("reasoning_tools").stream));
    let PartKind::Reasoning { text, signature: Some(signature) } = &parts[0] else { panic!() };
    assert!(text.contains("rain in Oslo.\n\n**Choosing"), "{text}");
    assert_eq!(signature.by, Format::OpenaiResponses);
    let parts = said(events(&exchange("sealed_reasoning").stream));
    assert!(matches!(&parts[0], PartKind::Sealed(signature) if signature.data.len() > 50));
    let parts = said(events(&exchange("open_reasoning").stream));
    assert_eq!(
        parts[0],
        PartKind::Reasoning { text: "Simple sum.\n\nIt is 4.".into(), signature: None }
    );
}

#[test]
fn two_reasoning_items_without_a_seal_are_paragraphs_in_streams_and_answers() {
    let item = |n: u64| json!({"type": "reasoning", "id": format!("rs_{n}"), "summary": [{"type": "summary_text", "text": format!("t{n}")}]});
    let delta = |n: u64| json!({"type": "response.reasoning_summary_text.delta", "item_id": format!("rs_{n}"), "output_index": n, "summary_index": 0, "delta": format!("t{n}")});
    let done =
        |n: u64| json!({"type": "response.output_item.done", "output_index": n, "item": item(n)});
    let streamed = said(read(&[delta(0), done(0), delta(1), done(1), completed()]));
    let body = json!({"status": "completed", "output": [item(0), item(1)]});
    let whole = read_answer(body.to_string().as_bytes()).unwrap();
    assert_eq!(streamed, [PartKind::Reasoning { text: "t0\n\nt1".into(), signature: None }]);
    assert_eq!(whole.choices[0].parts, [Part::new(streamed[0].clone())]);
}

#[test]
fn an_omitted_block_of_another_provider_stays_one() {
    let claude = Signature::new(Format::Anthropic, "sig");
    let shown = claude.shown_in(Format::OpenaiResponses);
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": ""}], "encrypted_content": shown});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
    assert_eq!(
        said(read(&[done, completed()])),
        [PartKind::Reasoning { text: String::new(), signature: Some(claude) }]
    );
}

#[test]
fn an_answer_begins_with_the_first_thing_that_the_model_does() {
    let created = json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}});
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "no"}}});
    let fault = Event::Fault(Fault::reported("no"));
    assert_eq!(read(&[created.clone(), failed]), [fault], "nothing began");
    let events = read(&[created, completed()]);
    assert_eq!(events[0], Event::Start { id: Some("resp_1".into()), model: Some("m".into()) });
}

#[test]
fn a_failure_is_never_an_end() {
    let delta = json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "x"});
    let response =
        |status: &str, error: Value| json!({"status": status, "output": [], "error": error});
    let nested =
        json!({"type": "error", "error": {"code": "server_is_overloaded", "message": "full"}});
    let cases = [
        (vec![delta.clone()], FaultKind::Truncated),
        (
            vec![
                delta.clone(),
                json!({"type": "error", "code": "server_error", "message": "m", "param": null}),
            ],
            FaultKind::Reported,
        ),
        (
            vec![
                delta.clone(),
                json!({"type": "error", "code": "rate_limit_exceeded", "message": "m"}),
            ],
            FaultKind::RateLimited,
        ),
        (vec![delta.clone(), nested], FaultKind::Overloaded),
        (vec![delta.clone(), json!({"error": {"message": "proxy"}})], FaultKind::Reported),
        (
            vec![
                delta.clone(),
                json!({"type": "response.failed", "response": response("failed", Value::Null)}),
            ],
            FaultKind::Reported,
        ),
        (
            vec![
                delta.clone(),
                json!({"type": "response.completed", "response": response("failed", json!({"message": "m"}))}),
            ],
            FaultKind::Reported,
        ),
        (
            vec![
                delta.clone(),
                json!({"type": "response.completed", "response": response("cancelled", Value::Null)}),
            ],
            FaultKind::Reported,
        ),
        (
            vec![delta, json!({"type": "response.output_text.delta", "output_index": "x"})],
            FaultKind::Garbage,
        ),
        (vec![], FaultKind::Truncated),
    ];
    for (data, kind) in cases {
        let events = read(&data);
        match events.last() {
            Some(Event::Fault(fault)) => assert_eq!(fault.kind, kind, "{data:?}"),
            other => panic!("{other:?} of {data:?}"),
        }
        assert!(!events.contains(&Event::End));
    }
    assert_eq!(events(b"data: <html>\n\n"), [Event::Fault(Fault::garbage())]);
}

#[test]
fn a_failure_tells_what_was_used_until_then() {
    let usage = json!({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12});
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "usage": usage, "error": {"message": "m"}}});
    let events = read(&[failed]);
    assert!(
        matches!(&events[..], [Event::Usage(usage), Event::Fault(_)] if usage.billed.unwrap().tokens() == 12)
    );
}

#[test]
fn what_nobody_knows_is_ignored_and_nothing_follows_the_end() {
    let strange = [
        json!({"type": "response.new_thing", "delta": {"x": 1}, "output_index": "a"}),
        json!({"type": "response.output_text.annotation.added", "annotation": {}}),
        json!({"type": "keepalive"}),
        completed(),
        json!({"type": "error", "message": "late"}),
        completed(),
    ];
    let events = read(&strange);
    let ends = [Event::Stop { choice: 0, stop: Stop::End, sequence: None }, Event::End];
    assert_eq!(events[1..], ends, "{events:?}");
    assert!(matches!(events[0], Event::Start { .. }));
}

#[test]
fn endlessly_many_open_items_are_garbage() {
    let delta = |n: usize| json!({"type": "response.output_text.delta", "item_id": format!("m{n}"), "delta": "x"});
    let data: Vec<_> = (0..MOST_OPEN + 5).map(delta).collect();
    assert_eq!(read(&data).last(), Some(&Event::Fault(Fault::garbage())));
}
