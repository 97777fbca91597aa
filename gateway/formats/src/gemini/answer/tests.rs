use super::*;
use crate::{
    conversation::{Media, MediaKind, Reported, Source, Stop},
    gemini::recorded::{self, asked},
};
use tollgate_contract::usage::Usage;

/// Answers to an app that sees thoughts; the model is what the app called it.
fn round(answer: &Answer) -> Answer {
    read_answer(&write_answer(answer, &asked(true))).unwrap()
}

#[test]
fn a_recorded_answer_is_the_same_after_a_round() {
    for exchange in recorded::all() {
        let Ok(mut answer) = read_answer(&exchange.answer) else { continue };
        answer.model = Some("alias".into());
        // An app is shown one count.
        answer.usage.billed = answer.usage.shown();
        answer.usage.counted = None;
        if let Some(usage) = &mut answer.usage.billed {
            usage.web_searches = 0;
        }
        let mut again = round(&answer);
        if let Some(usage) = &mut again.usage.billed {
            usage.web_searches = 0;
        }
        if exchange.name == "search" {
            again.usage.billed = again.usage.shown();
            again.usage.counted = None;
        }
        assert_eq!(again, answer, "{}", exchange.name);
    }
}

#[test]
fn an_answer_has_googles_shape() {
    let call = |id: &str, signature: Option<Signature>| {
        Part::new(PartKind::ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{\"x\": 1.0}".into(),
            custom: false,
            signature,
        })
    };
    let parts = vec![
        Part::new(PartKind::Reasoning {
            text: "hm".into(),
            signature: Some(Signature::new(Format::Gemini, "SIG")),
        }),
        Part::text("hi"),
        Part::new(PartKind::Reasoning {
            text: String::new(),
            signature: Some(Signature::new(Format::Gemini, "TEXTSIG")),
        }),
        call("c1", Some(Signature::new(Format::Gemini, "CALLSIG"))),
        Part::new(PartKind::Refusal("no".into())),
    ];
    let usage = Usage {
        input_uncached: 10,
        cache_read: 90,
        output: 7,
        reasoning: 3,
        requests: 1,
        ..Usage::default()
    };
    let answer = Answer {
        id: Some("r".into()),
        choices: vec![Choice { parts, stop: Stop::Tool, ..Choice::default() }],
        usage: Reported::of(usage),
        ..Answer::default()
    };
    let written = String::from_utf8(write_answer(&answer, &asked(true))).unwrap();
    assert_eq!(
        written,
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":"SIG"},{"text":"hi","thoughtSignature":"TEXTSIG"},{"functionCall":{"id":"c1","name":"f","args":{"x":1.0}},"thoughtSignature":"CALLSIG"},{"text":"no"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":90,"candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":107,"promptTokensDetails":[{"modality":"TEXT","tokenCount":100}],"cacheTokensDetails":[{"modality":"TEXT","tokenCount":90}]},"modelVersion":"alias","responseId":"r"}"#
    );
    let hidden = String::from_utf8(write_answer(&answer, &asked(false))).unwrap();
    assert!(!hidden.contains("hm") && hidden.contains("TEXTSIG") && hidden.contains("CALLSIG"));
}

#[test]
fn reasoning_of_another_provider_comes_back_as_it_went() {
    let by = |data: &str| Signature::new(Format::Anthropic, data);
    let parts = vec![
        Part::new(PartKind::Reasoning { text: "deep".into(), signature: Some(by("a+/=")) }),
        Part::new(PartKind::Reasoning { text: String::new(), signature: Some(by("omitted")) }),
        Part::new(PartKind::Sealed(by("sealed"))),
        Part::text("done"),
    ];
    let choice = Choice { parts: parts.clone(), ..Choice::default() };
    let answer = Answer { choices: vec![choice], ..Answer::default() };
    let written = write_answer(&answer, &asked(true));
    let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let content = &value["candidates"][0]["content"];
    let request =
        serde_json::json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}, content]});
    let read = crate::gemini::read_request(request.to_string().as_bytes(), "m", false).unwrap();
    assert_eq!(read.turns[1].parts, parts);
}

#[test]
fn an_answer_with_nothing_to_show_still_has_a_part() {
    let media = Media {
        kind: MediaKind::Image,
        source: Source::Base64("/9j/4AAQSkZJRg==".into()),
        mime: Some("image/png".into()),
        name: None,
        detail: None,
    };
    for (parts, expected) in [
        (vec![], r#"[{"text":""}]"#),
        (
            vec![Part::new(PartKind::Native(Format::Anthropic, crate::json::Raw::empty_object()))],
            r#"[{"text":""}]"#,
        ),
        (
            vec![Part::new(PartKind::Media(media))],
            r#"[{"inlineData":{"mimeType":"image/jpeg","data":"/9j/4AAQSkZJRg=="}}]"#,
        ),
    ] {
        let choice = Choice { parts, stop: Stop::Filtered, ..Choice::default() };
        let answer = Answer { choices: vec![choice], ..Answer::default() };
        let written = String::from_utf8(write_answer(&answer, &asked(false))).unwrap();
        assert!(written.contains(expected), "{written}");
        assert!(written.contains(r#""finishReason":"SAFETY""#));
    }
}
