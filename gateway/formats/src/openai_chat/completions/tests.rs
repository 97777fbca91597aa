use super::*;
use crate::conversation::Fault;
use crate::openai_chat::checking::{data_of, plain, written};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_contract::usage::Usage;

fn read(more: &Value) -> Result<Conversation, Mistake> {
    let mut body = json!({"model": "m"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read_request(body.to_string().as_bytes())
}

#[test]
fn the_prompt_is_what_the_user_says() {
    for prompt in [json!("Once"), json!(["Once"])] {
        let conversation = read(&json!({"prompt": prompt, "n": 2, "logprobs": 3, "stop": "\n", "stream": true,
            "stream_options": {"include_usage": true}, "user": "u", "best_of": 2, "echo": false, "suffix": null, "x": 1}))
        .unwrap();
        assert_eq!(conversation.turns, [Turn::new(Role::User, vec![Part::text("Once")])]);
        assert_eq!(conversation.max_output, Some(16));
        let sampling = &conversation.sampling;
        assert_eq!(
            (sampling.choices, sampling.logprobs, sampling.top_logprobs),
            (Some(2), Some(true), Some(3))
        );
        assert!(conversation.stream && conversation.include_usage);
        assert_eq!(
            conversation.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["x"]
        );
    }
    assert_eq!(read(&json!({"prompt": "a", "max_tokens": 99})).unwrap().max_output, Some(99));
}

#[test]
fn what_a_chat_cannot_do_is_refused_with_what_to_do_instead() {
    let cases = [
        (json!({}), "missing_required_parameter", "prompt"),
        (json!({"prompt": []}), "missing_required_parameter", "prompt"),
        (json!({"prompt": 5}), "invalid_type", "prompt"),
        (json!({"prompt": ["a", "b"]}), "unsupported_parameter", "prompt"),
        (json!({"prompt": [1, 2]}), "unsupported_parameter", "prompt"),
        (json!({"prompt": [[1, 2]]}), "unsupported_parameter", "prompt"),
        (json!({"prompt": "a", "suffix": "b"}), "unsupported_parameter", "suffix"),
        (json!({"prompt": "a", "echo": true}), "unsupported_parameter", "echo"),
        (json!({"prompt": "a", "best_of": 3}), "unsupported_parameter", "best_of"),
    ];
    for (more, code, param) in cases {
        let mistake = read(&more).unwrap_err();
        assert_eq!((mistake.code, mistake.param.as_deref()), (code, Some(param)), "{more}");
    }
    assert!(
        read(&json!({"prompt": ["a", "b"]}))
            .unwrap_err()
            .message
            .contains("one prompt per request")
    );
    assert!(read(&json!({"prompt": [1, 2]})).unwrap_err().message.contains("as text"));
}

fn events() -> Vec<Event> {
    let logprobs = r#"{"content":[{"token":"On","logprob":-0.1,"top_logprobs":[{"token":"On","logprob":-0.1}]},{"token":"ce","logprob":-0.2,"top_logprobs":[]}]}"#;
    let usage = Usage { input_uncached: 3, output: 2, requests: 1, ..Usage::default() };
    vec![
        Event::Start { id: Some("x-1".into()), model: None },
        Event::Reasoning { choice: 0, text: "hm".into() },
        Event::Text { choice: 0, text: "Once".into() },
        Event::Logprobs { choice: 0, logprobs: Raw::parse(logprobs).unwrap() },
        Event::Text { choice: 0, text: " more".into() },
        Event::Usage(Reported::of(usage)),
        Event::Stop { choice: 0, stop: Stop::Length, sequence: None },
        Event::End,
    ]
}

#[test]
fn an_answer_is_told_in_the_older_shape() {
    let answer = crate::openai_chat::checking::collected(events()).unwrap();
    let written: Value = serde_json::from_slice(&write_answer(&answer, &plain(false))).unwrap();
    assert_eq!(
        (&written["id"], &written["object"], &written["model"]),
        (&json!("cmpl-x1"), &json!("text_completion"), &json!("alias"))
    );
    assert_eq!(written["usage"]["total_tokens"], 5);
    assert_eq!(
        written["choices"],
        json!([{"index": 0, "text": "Once more", "finish_reason": "length", "logprobs": {
            "tokens": ["On", "ce"], "token_logprobs": [-0.1, -0.2], "top_logprobs": [{"On": -0.1}, {}], "text_offset": [0, 2]}}])
    );
}

#[test]
fn a_stream_is_told_in_the_older_shape() {
    for include_usage in [true, false] {
        let out = written(Writer::new(plain(include_usage)), &events());
        let data = data_of(&out);
        let (last, chunks) = data.split_last().unwrap();
        assert_eq!(last.as_ref(), b"[DONE]");
        let chunks: Vec<Value> =
            chunks.iter().map(|chunk| serde_json::from_slice(chunk).unwrap()).collect();
        let text: String =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
        assert_eq!(text, "Once more");
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk["object"] == "text_completion" && chunk["id"] == "cmpl-x1")
        );
        let reasons: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["finish_reason"])
            .filter(|it| !it.is_null())
            .collect();
        assert_eq!(reasons, ["length"]);
        let usage: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["usage"]["total_tokens"])
            .filter(|it| !it.is_null())
            .collect();
        assert_eq!(usage.len(), usize::from(include_usage));
        let probabilities =
            chunks.iter().find(|chunk| !chunk["choices"][0]["logprobs"].is_null()).unwrap();
        assert_eq!(probabilities["choices"][0]["logprobs"]["text_offset"], json!([0, 2]));
    }
}

#[test]
fn a_failure_is_an_error_event_and_never_an_end() {
    let mut events = events();
    events.truncate(3);
    events.push(Event::Fault(Fault::truncated()));
    events.push(Event::End);
    let out = String::from_utf8(written(Writer::new(plain(false)), &events)).unwrap();
    assert!(out.contains("upstream_truncated") && !out.contains("[DONE]"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(text in r#"[\[\]{}:,"a-z0-9 ]{0,60}"#) {
        let _ = read_request(format!("{{\"model\":\"m\",\"prompt\":{text}}}").as_bytes());
    }
}
