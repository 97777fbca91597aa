use super::*;
use crate::{
    anthropic::testing::{asked, core, golden, nothing_asked},
    conversation::{Conversation, FaultKind, Source},
};
use proptest::prelude::*;
use serde_json::Value;

fn written(answer: &Answer, asked: &Asked) -> Value {
    serde_json::from_slice(&write_answer(answer, asked)).unwrap()
}

#[test]
fn an_answer_that_is_written_is_read_again_the_same() {
    for (name, body) in golden("answer.json") {
        let Ok(answer) = read_answer(&body) else { continue };
        let again = read_answer(&write_answer(&answer, &nothing_asked())).unwrap();
        let expected = Answer { model: Some("alias".to_owned()), ..answer };
        assert_eq!(again, expected, "{name}");
    }
}

#[test]
fn nothing_is_lost_of_what_is_charged_or_explained() {
    let bodies = golden("answer.json");
    let search = read_answer(&bodies["web_search"]).unwrap();
    assert_eq!(search.usage.billed.unwrap().web_searches, 1);
    let cached = read_answer(&bodies["cache_usage"]).unwrap();
    assert_eq!(named(&cached.extra, "usage").unwrap().get(), r#"{"inference_geo":"us"}"#);
    assert_eq!(cached.service_tier.as_deref(), Some("priority"));
    let billed = cached.usage.billed.unwrap();
    assert_eq!(
        (billed.cache_read, billed.cache_write_5m, billed.cache_write_1h),
        (9000, 500, 1200)
    );
    let refused = read_answer(&bodies["refusal"]).unwrap();
    assert_eq!(refused.choices[0].stop, Stop::Filtered);
    assert_eq!(refused.choices[0].extra[0].0, "stop_details");
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let overloaded =
        br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let fault = read_answer(overloaded).unwrap_err();
    assert_eq!((fault.kind, fault.message.as_str()), (FaultKind::Overloaded, "Overloaded"));
    for body in ["", "<html>", "{}", r#"{"content":"text"}"#, r#"{"content":[7]}"#] {
        assert_eq!(read_answer(body.as_bytes()).unwrap_err().kind, FaultKind::Garbage, "{body}");
    }
    let empty = read_answer(br#"{"content":[],"stop_reason":"end_turn"}"#).unwrap();
    assert_eq!(empty.choices, [Choice::default()]);
}

#[test]
fn a_foreign_answer_takes_this_formats_shape() {
    let gemini = Signature::new(Format::Gemini, "sealed by gemini");
    let call = |signature| {
        Part::new(PartKind::ToolCall {
            id: "c1".into(),
            name: "f".into(),
            arguments: "{\"b\":1.0,\"a\":2}".into(),
            custom: false,
            signature,
        })
    };
    let choice = Choice {
        parts: vec![
            Part::new(PartKind::Reasoning { text: "hm".into(), signature: None }),
            Part::new(PartKind::Reasoning { text: "ho".into(), signature: Some(gemini.clone()) }),
            Part::new(PartKind::Sealed(gemini.clone())),
            Part::text(""),
            Part::text("hi"),
            Part::new(PartKind::Native(Format::Gemini, Raw::empty_object())),
            Part::new(PartKind::Media(Media::of_url(MediaKind::Image, "https://x/y.png"))),
            call(Some(gemini.clone())),
        ],
        stop: Stop::End,
        ..Choice::default()
    };
    let answer = Answer { id: Some("resp-7.x".into()), choices: vec![choice], ..Answer::default() };
    let body = written(&answer, &nothing_asked());
    assert_eq!(body["id"], "msg_resp7x");
    assert_eq!(body["model"], "alias", "the name that the app asked for");
    assert_eq!(body["stop_reason"], "tool_use", "agents stop if a call is told as an end");
    assert_eq!(body["usage"]["output_tokens"], 0);
    let content = body["content"].as_array().unwrap();
    let kinds: Vec<_> = content.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "thinking", "redacted_thinking", "text", "text", "tool_use"]);
    assert_eq!(content[0]["signature"], "");
    let shown = content[1]["signature"].as_str().unwrap();
    assert_eq!(Signature::read_in(Format::Anthropic, shown), gemini);
    assert_eq!(content[4]["text"], "![image](https://x/y.png)");
    let (id, signature) = Signature::out_of_id(content[5]["id"].as_str().unwrap());
    assert_eq!((id.as_str(), signature), ("c1", Some(gemini)));
    assert_eq!(content[5]["input"].to_string(), r#"{"a":2,"b":1.0}"#);
}

#[test]
fn why_an_answer_ended_is_told_in_this_formats_words() {
    let refusal = || vec![Part::new(PartKind::Refusal("no".into()))];
    let cases = [
        (Stop::End, Vec::new(), "end_turn"),
        (Stop::Length, Vec::new(), "max_tokens"),
        (Stop::Tool, Vec::new(), "end_turn"),
        (Stop::Filtered, Vec::new(), "refusal"),
        (Stop::Pause, Vec::new(), "pause_turn"),
        (Stop::Sequence, Vec::new(), "stop_sequence"),
        (Stop::End, refusal(), "refusal"),
        (Stop::Length, refusal(), "max_tokens"),
    ];
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.sampling.stop = vec!["END".into()];
    let asked = asked(conversation);
    for (stop, parts, expected) in cases {
        let choices = vec![Choice { parts, stop, ..Choice::default() }];
        let body = written(&Answer { choices, ..Answer::default() }, &asked);
        assert_eq!(body["stop_reason"], expected, "{stop:?}");
        let sequence = (stop == Stop::Sequence).then_some("END");
        assert_eq!(body["stop_sequence"].as_str(), sequence, "{stop:?}");
    }
}

#[test]
fn a_file_is_mentioned() {
    let file =
        |source| Media { kind: MediaKind::Audio, source, mime: None, name: None, detail: None };
    assert_eq!(mention(&file(Source::Base64("AAAA".into()))), "[audio]");
    assert_eq!(mention(&file(Source::Text("words".into()))), "words");
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        kind in "(text|thinking|tool_use|redacted_thinking|other)",
        text in ".{0,10}",
    ) {
        let _ = read_answer(&bytes);
        let body = serde_json::json!({"content": [{"type": kind, "text": text, "thinking": text, "name": text, "input": [text]}], "usage": text});
        if let Ok(answer) = read_answer(body.to_string().as_bytes()) {
            let again = read_answer(&write_answer(&answer, &nothing_asked())).unwrap();
            let (again, answer) = (core(&again), core(&answer));
            prop_assert_eq!(again.choices[0].parts.len(), answer.choices[0].parts.len());
        }
    }
}
