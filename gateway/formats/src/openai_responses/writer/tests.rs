use super::*;
use crate::{
    conversation::{Answer, Choice, FaultKind, Format, Media, MediaKind, Source},
    json::Raw,
    openai_responses::{
        checking::{
            accumulated, asked, asked_for, collected, events, exchange, exchanges, seen, written,
        },
        read_answer, read_request, write_answer,
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_contract::usage::Usage;

fn start() -> Event {
    Event::Start { id: Some("chatcmpl-1".into()), model: Some("theirs".into()) }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn call(call: u32) -> Event {
    let (id, name) = (format!("call_{call}"), format!("f{call}"));
    Event::Call { choice: 0, call, id, name, custom: false, signature: None }
}

fn arguments(call: u32, json: &str) -> Event {
    Event::Arguments { choice: 0, call, json: json.into() }
}

fn stop(stop: Stop) -> Event {
    Event::Stop { choice: 0, stop, sequence: None }
}

/// Types of events in short.
fn types(out: &[u8]) -> Vec<String> {
    let short =
        |event: &Value| event["type"].as_str().unwrap().trim_start_matches("response.").to_owned();
    seen(out).iter().map(short).collect()
}

#[test]
fn the_whole_ladder_is_climbed_for_reasoning_text_and_a_call() {
    let out = written(&[
        start(),
        Event::Reasoning { choice: 0, text: "hm".into() },
        text("hi"),
        call(0),
        arguments(0, "{\"x\":1}"),
        stop(Stop::Tool),
        Event::Usage(Reported::of(Usage {
            input_uncached: 10,
            output: 5,
            requests: 1,
            ..Usage::default()
        })),
        Event::End,
    ]);
    assert_eq!(
        types(&out),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let last = accumulated(&out);
    let response = &last["response"];
    assert_eq!(response["id"], "resp_0190a1b2000070008000000000000001");
    assert_eq!((&response["model"], &response["status"]), (&json!("alias"), &json!("completed")));
    assert_eq!(response["usage"]["total_tokens"], 15);
    assert_eq!(response["output"][2]["call_id"], "call_0");
    assert!(response["output"][2]["id"].as_str().unwrap().starts_with("fc_"));
    assert!(!String::from_utf8_lossy(&out).contains("[DONE]"));
}

#[test]
fn pieces_of_parallel_calls_may_come_mixed() {
    let out = written(&[
        start(),
        call(0),
        call(1),
        arguments(0, "{\"a\""),
        arguments(1, "{\"b\""),
        text("between"),
        arguments(0, ":0}"),
        arguments(1, ":1}"),
        call(2),
        call(3),
        arguments(3, " \u{2001}"),
        call(4),
        arguments(4, "\n"),
        arguments(4, "{}"),
        stop(Stop::Tool),
        Event::End,
    ]);
    let last = accumulated(&out);
    let told = |item: &Value| {
        item["arguments"].as_str().or(item["content"][0]["text"].as_str()).unwrap().to_owned()
    };
    let output: Vec<_> = last["response"]["output"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(output, ["{\"a\":0}", "{\"b\":1}", "between", "{}", "{}", "\n{}"]);
}

#[test]
fn the_reason_decides_between_completed_and_incomplete() {
    let cases = [
        (Stop::End, "completed", Value::Null, "completed"),
        (Stop::Sequence, "completed", Value::Null, "completed"),
        (Stop::Pause, "completed", Value::Null, "completed"),
        (Stop::Length, "incomplete", json!("max_output_tokens"), "incomplete"),
        (Stop::Filtered, "incomplete", json!("content_filter"), "incomplete"),
    ];
    for (reason, status, details, item) in cases {
        let last = accumulated(&written(&[start(), text("x"), stop(reason), Event::End]));
        assert_eq!(last["type"], format!("response.{status}"));
        assert_eq!(last["response"]["incomplete_details"]["reason"], details);
        assert_eq!(last["response"]["output"][0]["status"], item);
    }
}

#[test]
fn a_fault_is_a_failed_response_that_the_sdks_raise_on() {
    let fault = |kind| Event::Fault(Fault { kind, message: "oops".into() });
    let out = written(&[start(), text("x"), fault(FaultKind::Truncated), text("late"), Event::End]);
    let last = accumulated(&out);
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(last["response"]["error"], json!({"code": "server_error", "message": "oops"}));
    let error = &last["error"];
    assert_eq!(
        (&error["message"], &error["code"]),
        (&json!("oops"), &json!("upstream_truncated")),
        "the SDKs look here"
    );
    assert!(!String::from_utf8_lossy(&out).contains("response.completed"));
    let limited = accumulated(&written(&[fault(FaultKind::RateLimited)]));
    assert_eq!(limited["response"]["error"]["code"], "rate_limit_exceeded");
}

#[test]
fn usage_after_the_reason_is_told_and_the_last_word_counts() {
    let usage = |output| {
        Event::Usage(Reported::of(Usage {
            input_uncached: 25,
            output,
            requests: 1,
            ..Usage::default()
        }))
    };
    let last = accumulated(&written(&[
        start(),
        usage(1),
        text("x"),
        stop(Stop::End),
        usage(89),
        Event::End,
    ]));
    assert_eq!(
        (&last["response"]["usage"]["input_tokens"], &last["response"]["usage"]["output_tokens"]),
        (&json!(25), &json!(89))
    );
}

#[test]
fn silence_is_a_comment_and_further_choices_are_left_out() {
    let mut writer = Writer::new(asked());
    let mut out = Vec::new();
    writer.keep_alive(&mut out);
    writer.write(&Event::Ping, &mut out);
    assert_eq!(out, b": keep-alive\n\n: keep-alive\n\n");
    let second = Event::Text { choice: 1, text: "second".into() };
    let last = accumulated(&written(&[start(), text("x"), second, stop(Stop::End), Event::End]));
    assert_eq!(last["response"]["output"].as_array().unwrap().len(), 1);
}

#[test]
fn signatures_of_others_go_out_and_come_back() {
    let claude = Signature::new(Format::Anthropic, "sig");
    let google = Signature::new(Format::Gemini, "thought");
    let with_signature = Event::Call {
        choice: 0,
        call: 0,
        id: "c1".into(),
        name: "f".into(),
        custom: false,
        signature: Some(google.clone()),
    };
    let sealed = Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(claude.clone())) };
    let out = written(&[
        start(),
        Event::Reasoning { choice: 0, text: "hm".into() },
        Event::Signed { choice: 0, signature: claude.clone() },
        Event::Reasoning { choice: 0, text: String::new() },
        Event::Signed { choice: 0, signature: claude.clone() },
        sealed,
        with_signature,
        stop(Stop::Tool),
        Event::End,
    ]);
    let output = accumulated(&out)["response"]["output"].clone();
    let body = json!({"model": "m", "input": output});
    let conversation = read_request(body.to_string().as_bytes()).unwrap();
    let kinds: Vec<_> = conversation.turns[0].parts.iter().map(|part| &part.kind).collect();
    let thought =
        |text: &str| PartKind::Reasoning { text: text.into(), signature: Some(claude.clone()) };
    assert_eq!(kinds[..3], [&thought("hm"), &thought(""), &PartKind::Sealed(claude.clone())]);
    let PartKind::ToolCall { id, signature, .. } = kinds[3] else { panic!() };
    assert_eq!((id.as_str(), signature.as_ref()), ("c1", Some(&google)));
}

#[test]
fn an_image_is_the_result_of_drawing_and_native_items_pass_as_they_came() {
    let media =
        Media { source: Source::Base64("AAAA".into()), ..Media::of_url(MediaKind::Image, "") };
    let whole = |kind| Event::Whole { choice: 0, part: Part::new(kind) };
    let raw = r#"{"id":"ws_1","type":"web_search_call","status":"completed","z":1.0}"#;
    let foreign = PartKind::Native(Format::Anthropic, Raw::empty_object());
    let out = written(&[
        start(),
        whole(PartKind::Media(media)),
        whole(PartKind::Native(Format::OpenaiResponses, Raw::parse(raw).unwrap())),
        whole(foreign),
        stop(Stop::End),
        Event::End,
    ]);
    let output = accumulated(&out)["response"]["output"].clone();
    assert_eq!(
        (&output[0]["type"], &output[0]["result"]),
        (&json!("image_generation_call"), &json!("AAAA"))
    );
    assert_eq!(output.as_array().unwrap().len(), 2);
    assert!(String::from_utf8_lossy(&out).contains(raw));
}

#[test]
fn log_probabilities_stand_beside_the_text_that_they_are_of() {
    let recorded = exchange("log_probabilities");
    let last = accumulated(&written(&events(&recorded.stream)));
    let answer: Value = serde_json::from_slice(&recorded.answer).unwrap();
    let logprobs = |response: &Value| response["output"][0]["content"][0]["logprobs"].clone();
    assert_eq!(logprobs(&last["response"]), logprobs(&answer));
    assert_eq!(logprobs(&answer).as_array().unwrap().len(), 3);
}

#[test]
fn the_response_repeats_what_was_asked() {
    let body = json!({
        "model": "alias", "input": "q", "instructions": "be kind", "max_output_tokens": 50, "temperature": 0.5,
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "x": 1}, "strict": false, "defer_loading": true},
            {"type": "web_search"}
        ],
        "tool_choice": "required", "parallel_tool_calls": false, "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"}, "store": false, "metadata": {"a": "b"},
        "truncation": "auto", "previous_response_id": "resp_0", "user": "u", "top_logprobs": 2
    });
    let conversation = read_request(body.to_string().as_bytes()).unwrap();
    let written = write_answer(&Answer::default(), &asked_for(conversation));
    let response: Value = serde_json::from_slice(&written).unwrap();
    for (name, value) in body.as_object().unwrap() {
        if name != "input" {
            assert_eq!(&response[name], value, "{name}");
        }
    }
    assert_eq!(
        (&response["object"], &response["created_at"]),
        (&json!("response"), &json!(1_760_000_000))
    );
    let plain: Value = serde_json::from_slice(&write_answer(&Answer::default(), &asked())).unwrap();
    assert_eq!(plain["tools"], json!([]));
    assert_eq!(
        (&plain["tool_choice"], &plain["parallel_tool_calls"]),
        (&json!("auto"), &json!(true))
    );
    assert_eq!(plain["text"], json!({"format": {"type": "text"}}));
}

#[test]
fn a_request_with_lines_of_its_own_breaks_no_event() {
    let body = json!({"model": "alias", "input": "q", "metadata": {"a": "b\n"}, "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]});
    let pretty = serde_json::to_string_pretty(&body).unwrap().replace('\n', "\r\n");
    let mut writer = Writer::new(asked_for(read_request(pretty.as_bytes()).unwrap()));
    let mut out = Vec::new();
    for event in [start(), text("x\ny"), stop(Stop::End), Event::End] {
        writer.write(&event, &mut out);
    }
    let last = accumulated(&out);
    assert_eq!(last["response"]["tools"][0]["parameters"], json!({"type": "object"}));
    assert_eq!(last["response"]["metadata"]["a"], "b\n");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "x\ny");
}

#[test]
fn a_providers_own_id_is_kept_and_others_are_not_trusted_to_be_unique() {
    let id = |given: &str| {
        let answer = Answer { id: Some(given.into()), ..Answer::default() };
        let response: Value = serde_json::from_slice(&write_answer(&answer, &asked())).unwrap();
        response["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(id("resp_68af"), "resp_68af");
    assert_eq!(id("chatcmpl-1"), "resp_0190a1b2000070008000000000000001");
}

#[test]
fn an_answer_above_the_limit_fails_instead_of_growing() {
    let mut writer = Writer::new(asked());
    let mut out = Vec::new();
    writer.write(&start(), &mut out);
    let piece = text(&"x".repeat(1 << 20));
    for _ in 0..=(MAX_ANSWER_BYTES >> 20) {
        out.clear();
        writer.write(&piece, &mut out);
    }
    assert_eq!(types(&out[out.len() - 10..]).len(), 0);
    let last = String::from_utf8_lossy(&out);
    assert!(last.starts_with("event: response.failed\n"), "{}", &last[..60]);
    out.clear();
    writer.write(&piece, &mut out);
    assert!(out.is_empty());
}

#[test]
fn recorded_streams_come_out_as_the_answers_that_they_add_up_to() {
    for exchange in exchanges() {
        let events = events(&exchange.stream);
        let out = written(&events);
        let last = accumulated(&out);
        let Ok(answer) = collected(events) else {
            assert_eq!(last["type"], "response.failed", "{}", exchange.name);
            continue;
        };
        let whole = write_answer(&answer, &asked());
        let again = read_answer(&whole).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(last["response"], whole, "{}", exchange.name);
        assert_eq!(
            (&again.choices[0].parts, again.choices[0].stop),
            (&answer.choices[0].parts, answer.choices[0].stop)
        );
        assert_eq!(again.usage, answer.usage);
    }
}

/// Parts as a provider may give them in a row.
fn part() -> impl Strategy<Value = PartKind> {
    let words = "\\PC{1,12}";
    let signature = "[a-z]{1,8}".prop_map(|data| Signature::new(Format::Anthropic, data));
    let call = (words, "[a-z]{1,8}", any::<bool>(), proptest::option::of(signature.clone()));
    prop_oneof![
        words.prop_map(PartKind::Text),
        words.prop_map(PartKind::Refusal),
        (words, proptest::option::of(signature.clone()))
            .prop_map(|(text, signature)| PartKind::Reasoning { text, signature }),
        signature.prop_map(PartKind::Sealed),
        call.prop_map(|(arguments, id, custom, signature)| PartKind::ToolCall {
            id,
            name: "f".into(),
            arguments,
            custom,
            signature,
        }),
    ]
}

fn reason() -> impl Strategy<Value = Stop> {
    prop_oneof![Just(Stop::End), Just(Stop::Tool), Just(Stop::Length), Just(Stop::Filtered)]
}

/// An event in pieces, cut where the numbers say.
fn in_pieces(event: Event, cut: usize) -> Vec<Event> {
    let halves = |text: &str| {
        let at = text.char_indices().map(|(at, _)| at).nth(cut).filter(|at| *at > 0);
        at.map(|at| (text[..at].to_owned(), text[at..].to_owned()))
    };
    let made: Option<[Event; 2]> = match &event {
        Event::Text { choice, text } => {
            halves(text).map(|(a, b)| [a, b].map(|text| Event::Text { choice: *choice, text }))
        }
        Event::Reasoning { choice, text } => {
            halves(text).map(|(a, b)| [a, b].map(|text| Event::Reasoning { choice: *choice, text }))
        }
        Event::Arguments { choice, call, json } => halves(json).map(|(a, b)| {
            [a, b].map(|json| Event::Arguments { choice: *choice, call: *call, json })
        }),
        _ => None,
    };
    made.map_or_else(|| vec![event], Vec::from)
}

proptest! {
    #[test]
    fn any_answer_climbs_the_ladder_and_comes_back(
        parts in proptest::collection::vec(part(), 0..8),
        reason in reason(),
        cut in 0usize..6,
        late in any::<bool>(),
    ) {
        let parts: Vec<_> = parts.into_iter().map(Part::new).collect();
        let choice = Choice { parts, stop: reason, ..Choice::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        let mut told: Vec<_> = answer.into_events().into_iter().flat_map(|event| in_pieces(event, cut)).collect();
        if late {
            // Arguments that come after everything else but the end.
            let is_late = |event: &Event| matches!(event, Event::Arguments { .. });
            let end = told.iter().position(|event| matches!(event, Event::Stop { .. })).unwrap();
            let rest = told.split_off(end);
            let (arguments, first): (Vec<_>, Vec<_>) = told.into_iter().partition(is_late);
            told = first.into_iter().chain(arguments).chain(rest).collect();
        }
        let out = written(&told);
        let last = accumulated(&out);
        let answer = collected(told).unwrap();
        let whole: Value = serde_json::from_slice(&write_answer(&answer, &asked())).unwrap();
        prop_assert_eq!(&last["response"], &whole);
        // What an app gets is read back as the same answer, whole or streamed.
        let again = read_answer(whole.to_string().as_bytes()).unwrap();
        let is_call = |part: &Part| matches!(part.kind, PartKind::ToolCall { .. });
        let calls = again.choices[0].parts.iter().skip_while(|part| !is_call(part));
        if calls.clone().all(is_call) {
            let streamed = collected(events(&out)).unwrap();
            prop_assert_eq!(&again.choices, &streamed.choices);
        }
        prop_assert_eq!(again.choices[0].stop, answer.choices[0].stop);
        prop_assert_eq!(said(&again), said(&answer));
    }

    #[test]
    fn events_in_any_order_of_their_grammar_make_a_stream_that_ends_once(
        picks in proptest::collection::vec((0usize..8, 0u32..4), 0..30),
        fails in any::<bool>(),
    ) {
        let mut told = vec![start()];
        let mut calls = 0;
        for (pick, which) in picks {
            let signature = Signature::new(Format::Gemini, "s");
            told.push(match pick {
                0 => text("t"),
                1 => Event::Refusal { choice: 0, text: "r".into() },
                2 => Event::Reasoning { choice: 0, text: if which == 0 { String::new() } else { "hm".into() } },
                3 => Event::Signed { choice: 0, signature },
                4 => Event::Whole { choice: 0, part: Part::new(PartKind::Sealed(signature)) },
                5 => { calls += 1; call(calls - 1) }
                6 if which < calls => arguments(which, "1"),
                _ => Event::Ping,
            });
        }
        told.push(if fails { Event::Fault(Fault::truncated()) } else { stop(Stop::End) });
        told.push(Event::End);
        let last = accumulated(&written(&told));
        prop_assert_eq!(last["type"] == "response.failed", fails);
        if !fails {
            let answer = collected(told).unwrap();
            let whole: Value = serde_json::from_slice(&write_answer(&answer, &asked())).unwrap();
            prop_assert_eq!(&last["response"], &whole);
        }
    }
}

/// The texts of an answer, calls apart from their signatures' ids.
fn said(answer: &Answer) -> Vec<String> {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => text.clone(),
        PartKind::Reasoning { text, signature } => format!("{text} {signature:?}"),
        PartKind::Sealed(signature) => signature.data.clone(),
        PartKind::ToolCall { id, name, arguments, .. } => {
            format!("{} {name} {arguments}", Signature::out_of_id(id).0)
        }
        other => format!("{other:?}"),
    };
    answer.choices.iter().flat_map(|choice| &choice.parts).map(part).collect()
}
