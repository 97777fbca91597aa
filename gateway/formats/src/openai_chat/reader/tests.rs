use super::*;
use crate::{
    conversation::{Answer, FaultKind, MediaKind},
    openai_chat::{checking, dialect},
};
use proptest::prelude::*;

/// The events of a stream, given as the data of its events.
fn events(data: &[&str]) -> Vec<Event> {
    let text: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    checking::read(Reader::default(), text.as_bytes())
}

fn answer(data: &[&str]) -> Answer {
    checking::collected(events(data)).unwrap_or_else(|fault| panic!("{fault:?}: {data:?}"))
}

fn fault(data: &[&str]) -> Fault {
    match events(data).pop() {
        Some(Event::Fault(fault)) => fault,
        other => panic!("{other:?}: {data:?}"),
    }
}

/// A chunk with one choice.
fn chunk(delta: &str, reason: &str) -> String {
    format!(
        r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#
    )
}

fn of_deltas(deltas: &[&str], reason: &str) -> Answer {
    let mut chunks: Vec<String> = deltas.iter().map(|delta| chunk(delta, "null")).collect();
    chunks.push(chunk("{}", reason));
    let mut data: Vec<&str> = chunks.iter().map(String::as_str).collect();
    data.push("[DONE]");
    answer(&data)
}

/// Parts in short.
fn told(answer: &Answer) -> String {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) => format!("text {text}"),
        PartKind::Refusal(text) => format!("refusal {text}"),
        PartKind::Reasoning { text, signature: None } => format!("reasoning {text}"),
        PartKind::Reasoning { text, signature: Some(signature) } => {
            format!("reasoning {text} signed {}", signature.data)
        }
        PartKind::Sealed(signature) => format!("sealed {}", signature.data),
        PartKind::ToolCall { id, name, arguments, custom, .. } => {
            let kind = if *custom { "custom" } else { "call" };
            format!("{kind} {id} {name} {arguments}")
        }
        PartKind::Media(media) => format!("{:?}", media.kind),
        PartKind::Native(_, raw) => raw.get().to_owned(),
        PartKind::ToolResult { .. } => "a result".to_owned(),
    };
    let choice = &answer.choices[0];
    let parts: Vec<String> = choice.parts.iter().map(part).collect();
    format!("{} | {:?}", parts.join(", "), choice.stop)
}

#[test]
fn reasoning_is_read_under_every_name_and_never_twice() {
    let cases: [(&[&str], &str); 8] = [
        (
            &[r#"{"reasoning_content":"h"}"#, r#"{"reasoning_content":"m"}"#, r#"{"content":"a"}"#],
            "reasoning hm, text a | End",
        ),
        (
            &[r#"{"reasoning":"hm"}"#, r#"{"content":"a","reasoning":null}"#],
            "reasoning hm, text a | End",
        ),
        (&[r#"{"reasoning":"hm","reasoning_content":"hm"}"#], "reasoning hm | End"),
        (&[r#"{"reasoning":"","reasoning_content":"","content":"a"}"#], "text a | End"),
        (
            &[
                r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#,
                r#"{"content":[{"type":"text","text":"a"}]}"#,
            ],
            "reasoning hm, text a | End",
        ),
        (
            &[
                r#"{"thinking_blocks":[{"type":"thinking","thinking":"hm","signature":""}],"reasoning_content":"hm"}"#,
                r#"{"thinking_blocks":[{"type":"thinking","thinking":"","signature":"s"}]}"#,
                r#"{"thinking_blocks":[{"type":"redacted_thinking","data":"x"}]}"#,
                r#"{"content":"a"}"#,
            ],
            "reasoning hm signed s, sealed x, text a | End",
        ),
        (
            &[
                r#"{"reasoning_details":[{"type":"reasoning.text","text":"h","index":0}]}"#,
                r#"{"reasoning_details":[{"type":"reasoning.text","text":"m","index":0}]}"#,
                r#"{"content":"a"}"#,
            ],
            r#"reasoning hm signed [{"type":"reasoning.text","text":"hm","index":0}], text a | End"#,
        ),
        (&[r#"{"content":"<think>hm</think>a"}"#], "text <think>hm</think>a | End"),
    ];
    for (deltas, expected) in cases {
        assert_eq!(told(&of_deltas(deltas, "\"stop\"")), expected, "{deltas:?}");
    }
}

#[test]
fn think_tags_are_read_only_where_the_dialect_has_them() {
    let chunks = [
        chunk(r#"{"content":"<thi"}"#, "null"),
        chunk(r#"{"content":"nk>h"}"#, "null"),
        chunk(r#"{"content":"m</think>\n\na"}"#, "\"stop\""),
    ];
    let text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    for (kind, expected) in
        [("vllm", "reasoning hm, text a | End"), ("openai", "text <think>hm</think>\n\na | End")]
    {
        let events = checking::read(Reader::of(dialect::row(kind)), text.as_bytes());
        assert_eq!(told(&checking::collected(events).unwrap()), expected, "{kind}");
    }
    let plain = format!("data: {}\n\n", chunk(r#"{"content":"<thi"}"#, "\"stop\""));
    let events = checking::read(Reader::of(dialect::row("vllm")), plain.as_bytes());
    assert_eq!(told(&checking::collected(events).unwrap()), "text <thi | End");
}

#[test]
fn the_role_may_be_absent_empty_or_repeated_and_content_null() {
    let deltas = [
        r#"{"role":"","content":null}"#,
        r#"{"role":"assistant","content":"a"}"#,
        r#"{"role":"assistant","content":"b"}"#,
        r#"{"content":""}"#,
    ];
    assert_eq!(told(&of_deltas(&deltas, "\"stop\"")), "text ab | End");
}

#[test]
fn calls_without_an_index_are_told_apart_by_id_or_by_being_whole() {
    let cases: [(&str, &[&str], &str); 13] = [
        (
            "OpenAI",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"function":{"arguments":"{}"}}]}"#,
            ],
            "call a f {\"x\":1}, call b g {} | Tool",
        ),
        (
            "known id, same call; new id, next call; no id, last call",
            &[
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"function":{"arguments":"\"x\""}}]}"#,
                r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"id":"a","function":{"arguments":":1}"}}]}"#,
            ],
            "call a f {\"x\":1}, call b g {} | Tool",
        ),
        (
            "index null",
            &[
                r#"{"tool_calls":[{"index":null,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            "call a f {} | Tool",
        ),
        (
            "whole calls in one piece",
            &[
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            "call a f {\"x\":1}, call b f {} | Tool",
        ),
        (
            "neither index nor id",
            &[
                r#"{"tool_calls":[{"function":{"name":"f","arguments":"{\"x\":\"}\"}"}},{"function":{"name":"g","arguments":""}}]}"#,
                r#"{"tool_calls":[{"function":{"arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"function":{"name":"h","arguments":"{}"}}]}"#,
            ],
            "call call_c00 f {\"x\":\"}\"}, call call_c01 g {}, call call_c02 h {} | Tool",
        ),
        (
            "ids repeated with every piece, empty and null ones",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"\"x\":1"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":"}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":null,"function":{"name":null,"arguments":null}}]}"#,
            ],
            "call a f {\"x\":1} | Tool",
        ),
        (
            "every call numbered 0",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
            ],
            "call a f {}, call b g {} | Tool",
        ),
        (
            "arguments as an object",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x": 1.0}}}]}"#,
            ],
            "call a f {\"x\":1.0} | Tool",
        ),
        (
            "no arguments at all",
            &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}"#],
            "call a f {} | Tool",
        ),
        (
            "arguments before the name",
            &[
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}]}"#,
            ],
            "call a f {\"x\":1} | Tool",
        ),
        (
            "the same id twice",
            &[
                r#"{"tool_calls":[{"index":0,"id":"f","function":{"name":"f","arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"f","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
            "call f f {}, call call_c01 f {} | Tool",
        ),
        (
            "a custom tool",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":""}}]}"#,
                r#"{"tool_calls":[{"index":0,"custom":{"input":"select"}}]}"#,
            ],
            "custom a f select | Tool",
        ),
        (
            "the older function_call",
            &[
                r#"{"function_call":{"name":"f","arguments":""}}"#,
                r#"{"function_call":{"arguments":"{\"x\":1}"}}"#,
            ],
            "call call_c00 f {\"x\":1} | Tool",
        ),
    ];
    for (case, deltas, expected) in cases {
        assert_eq!(told(&of_deltas(deltas, "\"tool_calls\"")), expected, "{case}");
    }
}

#[test]
fn pieces_of_several_calls_may_be_mixed() {
    let deltas = [
        r#"{"content":"let me"}"#,
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"é"}},{"index":1,"id":"b","function":{"name":"g","arguments":"["}}]}"#,
        r#"{"tool_calls":[{"index":1,"function":{"arguments":"1]"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"\":0}"}}]}"#,
    ];
    assert_eq!(
        told(&of_deltas(&deltas, "\"stop\"")),
        "text let me, call a f {\"é\":0}, call b g [1] | Tool"
    );
}

#[test]
fn the_reason_is_brought_in_line_with_the_calls() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#;
    let cases = [
        (call, "\"stop\"", "call a f {} | Tool"),
        (call, "\"length\"", "call a f {} | Length"),
        (r#"{"content":"a"}"#, "\"tool_calls\"", "text a | End"),
        (r#"{"content":"a"}"#, "\"eos\"", "text a | End"),
        (r#"{"content":"a"}"#, "\"model_length\"", "text a | Length"),
        (r#"{"content":"a"}"#, "\"content_filter\"", "text a | Filtered"),
    ];
    for (delta, reason, expected) in cases {
        assert_eq!(told(&of_deltas(&[delta], reason)), expected, "{reason}");
    }
    // A reason may come before the calls, and more than once.
    let early =
        [chunk(r#"{"content":"a"}"#, "\"stop\""), chunk(call, "null"), chunk("{}", "\"stop\"")];
    assert_eq!(
        told(&answer(&[&early[0], &early[1], &early[2], "[DONE]"])),
        "text a, call a f {} | Tool"
    );
}

#[test]
fn a_failure_told_by_the_reason_is_one() {
    for (word, kind) in [
        ("error", FaultKind::Reported),
        ("abort", FaultKind::Reported),
        ("insufficient_system_resource", FaultKind::Overloaded),
    ] {
        let last = chunk("{}", &format!("\"{word}\""));
        assert_eq!(
            fault(&[&chunk(r#"{"content":"a"}"#, "null"), &last, "[DONE]"]).kind,
            kind,
            "{word}"
        );
    }
}

#[test]
fn usage_of_the_last_chunk_counts_and_is_never_summed() {
    let with = |usage: &str| {
        chunk(r#"{"content":"a"}"#, "null").replacen(
            "{\"id\"",
            &format!("{{\"usage\":{usage},\"id\""),
            1,
        )
    };
    let data = [
        with(r#"{"prompt_tokens":5,"completion_tokens":1}"#),
        with(r#"{"prompt_tokens":5,"completion_tokens":2}"#),
        chunk("{}", "\"stop\""),
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}"#.to_owned(),
    ];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    assert_eq!(answer(&data).usage.billed.map(|usage| (usage.input(), usage.output)), Some((5, 3)));
    let refused =
        [chunk("{}", "\"stop\""), r#"{"choices":[],"usage":{"prompt_tokens":-5}}"#.to_owned()];
    let refused = answer(&[&refused[0], &refused[1]]).usage;
    assert!(refused.refused && refused.billed.is_none());
}

#[test]
fn events_without_choices_or_of_an_unknown_shape_are_passed_over() {
    let data = [
        r#"{"choices":[],"id":"","model":"","prompt_filter_results":[]}"#,
        r#"{"type":"metadata"}"#,
        r#"{"choices":"odd"}"#,
        "[1,2]",
        r#"{"id":"late","model":"m","created":1.5,"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"id":"other","model":"n","created":0,"choices":[{"delta":{},"finish_reason":"stop","index":0}]}"#,
        r#"{"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{"check_offset":1}}]}"#,
        "[DONE]",
        "[DONE]",
    ];
    let answer = answer(&data);
    assert_eq!((answer.id.as_deref(), answer.model.as_deref()), (Some("late"), Some("m")));
    assert_eq!(told(&answer), "text a | End");
}

#[test]
fn an_end_without_a_word_counts_only_if_a_reason_was_told() {
    let (text, end) = (chunk(r#"{"content":"a"}"#, "null"), chunk("{}", "\"stop\""));
    assert_eq!(told(&answer(&[&text, &end])), "text a | End");
    // `[DONE]` is a word.
    assert_eq!(told(&answer(&[&text, "[DONE]"])), "text a | End");
    let truncated = FaultKind::Truncated;
    assert_eq!(fault(&[&text]).kind, truncated);
    assert_eq!(fault(&[]).kind, truncated);
    assert_eq!(fault(&["[DONE]"]).kind, truncated);
    assert_eq!(
        fault(&[&chunk(r#"{"role":"assistant","content":""}"#, "null"), "[DONE]"]).kind,
        truncated
    );
    let second = r#"{"id":"c","choices":[{"index":1,"delta":{"content":"b"}}]}"#;
    assert_eq!(fault(&[&text, &end, second]).kind, truncated);
}

#[test]
fn an_error_is_told_in_every_shape_and_nothing_follows_it() {
    let cases = [
        (r#"{"error":{"message":"m","code":500}}"#, FaultKind::Reported),
        (r#"{"error":"m"}"#, FaultKind::Reported),
        (r#"{"object":"error","message":"m","code":400}"#, FaultKind::Reported),
        (r#"[{"error":{"message":"m","code":400}}]"#, FaultKind::Reported),
        (r#"{"choices":[],"x_groq":{"error":"m"}}"#, FaultKind::Reported),
        (r#"{"error":{"message":"m","code":429}}"#, FaultKind::RateLimited),
        (r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, FaultKind::RateLimited),
        (r#"{"error":{"message":"m","code":503}}"#, FaultKind::Overloaded),
    ];
    for (data, kind) in cases {
        let after = chunk(r#"{"content":"more"}"#, "\"stop\"");
        let fault = fault(&[&chunk(r#"{"content":"a"}"#, "null"), data, &after, "[DONE]"]);
        assert_eq!((fault.kind, fault.message.as_str()), (kind, "m"), "{data}");
    }
    let no_error = format!("{{\"error\":null,{}", &chunk(r#"{"content":"a"}"#, "\"stop\"")[1..]);
    assert_eq!(told(&answer(&[&no_error])), "text a | End");
    for garbage in ["{\"choices\":[{", "<html>", "data"] {
        assert_eq!(fault(&[garbage]).kind, FaultKind::Garbage, "{garbage}");
    }
    let mut events = Vec::new();
    let mut reader = Reader::default();
    reader.read("error", br#"{"message":"m"}"#, &mut events);
    reader.end(&mut events);
    assert_eq!(events, [Event::Fault(Fault::reported("m"))]);
}

#[test]
fn a_whole_message_in_a_stream_is_taken_like_a_piece() {
    let data = r#"{"id":"c","choices":[{"message":{"role":"assistant","content":"a","refusal":"no","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}],"annotations":[{"type":"url_citation"}]},"finish_reason":"stop"}]}"#;
    let answer = answer(&[data, "[DONE]"]);
    assert_eq!(
        told(&answer),
        r#"text a, refusal no, Image, {"annotations":[{"type":"url_citation"}]} | End"#
    );
    assert!(
        matches!(&answer.choices[0].parts[2].kind, PartKind::Media(media) if media.kind == MediaKind::Image)
    );
    let again = [
        chunk(r#"{"content":"a"}"#, "null"),
        r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#.to_owned(),
    ];
    assert_eq!(told(&self::answer(&[&again[0], &again[1]])), "text a | End");
    let older = r#"{"id":"c","choices":[{"index":0,"text":"a","finish_reason":"stop"}]}"#;
    assert_eq!(told(&self::answer(&[older])), "text a | End");
}

#[test]
fn what_is_held_back_has_an_end() {
    let nameless = format!(
        r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{}"}}}}]}}"#,
        "x".repeat(200_000)
    );
    let chunk_of = chunk(&nameless, "null");
    assert_eq!(fault(&[chunk_of.as_str(); 6]).kind, FaultKind::Garbage);
    assert_eq!(fault(&[&chunk_of, &chunk("{}", "\"tool_calls\"")]).kind, FaultKind::Garbage);
    let details = format!(
        r#"{{"reasoning_details":[{{"type":"reasoning.encrypted","index":0,"data":"{}"}}]}}"#,
        "x".repeat(200_000)
    );
    let chunk_of = chunk(&details, "null");
    assert_eq!(fault(&[chunk_of.as_str(); 6]).kind, FaultKind::Garbage);
    let many: Vec<String> = (0..1100).map(|call| chunk(&format!(r#"{{"tool_calls":[{{"index":{call},"id":"i{call}","function":{{"name":"f"}}}}]}}"#), "null")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(fault(&many).kind, FaultKind::Garbage);
    assert_eq!(
        fault(&[r#"{"id":"c","choices":[{"index":100000,"delta":{"content":"a"}}]}"#]).kind,
        FaultKind::Garbage
    );
}

proptest! {
    #[test]
    fn no_stream_makes_the_reader_panic_or_break_the_grammar(
        pieces in proptest::collection::vec(prop_oneof![
            Just(chunk(r#"{"role":"assistant","content":""}"#, "null")),
            Just(chunk(r#"{"content":"<think>a</think>b"}"#, "null")),
            Just(chunk(r#"{"reasoning":"r","reasoning_details":[{"type":"t","index":0,"text":"r"}]}"#, "null")),
            (0u8..3, 0u8..3, any::<bool>(), "[{}\"x:1]{0,4}").prop_map(|(index, id, name, arguments)| {
                let name = if name { "\"f\"" } else { "null" };
                let index = if index == 2 { "null".to_owned() } else { index.to_string() };
                let id = if id == 2 { "null".to_owned() } else { format!("\"i{id}\"") };
                let arguments = serde_json::Value::from(arguments);
                chunk(&format!(r#"{{"tool_calls":[{{"index":{index},"id":{id},"function":{{"name":{name},"arguments":{arguments}}}}}]}}"#), "null")
            }),
            Just(chunk("{}", "\"stop\"")),
            Just(chunk("{}", "\"length\"").replace("\"index\":0", "\"index\":1")),
            Just(r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#.to_owned()),
            Just(r#"{"error":{"message":"m"}}"#.to_owned()),
            Just("[DONE]".to_owned()),
            r#"[\[\]{}:,"a-z0-9]{0,20}"#,
        ], 0..12),
        tags in any::<bool>(),
    ) {
        let text: String = pieces.iter().map(|piece| format!("data: {piece}\n\n")).collect();
        let reader = Reader { think_tags: tags, ..Reader::default() };
        let events = checking::read(reader, text.as_bytes());
        prop_assert!(!events.is_empty());
    }
}
