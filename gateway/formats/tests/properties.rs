//! What has to hold of every recorded exchange, whatever the formats on both sides.

mod support;

use serde_json::Value;
use std::{fs, path::PathBuf};
use support::{
    PROVIDERS, answers, check_chat_grammar, check_messages_grammar, drive, exchanges, read_stream,
    sent, stream_bytes, streamed,
};
use tollgate_formats::{
    conversation::{Collector, Event, Format, PartKind, Reported, Turn},
    facts::Api,
};

/// Every recorded stream, with its events.
fn streams() -> Vec<(PathBuf, Format, Vec<u8>, Vec<Event>)> {
    let mut all = Vec::new();
    for (folder, format, ..) in PROVIDERS {
        for exchange in exchanges(folder) {
            let Some(bytes) = stream_bytes(&exchange) else { continue };
            let events = read_stream(format, &bytes, bytes.len());
            all.push((exchange, format, bytes, events));
        }
    }
    assert!(all.len() > 60, "{} recorded streams", all.len());
    all
}

fn broke_off(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Fault(_)))
}

/// Property 1: what apps see of the answer that a stream adds up to is what they see of the whole answer. Only members
/// that a single format knows are left out: streams do not carry them.
#[test]
fn a_translated_stream_adds_up_to_the_translated_answer() {
    for (exchange, format, _, events) in streams() {
        if broke_off(&events) {
            continue;
        }
        let Ok(body) = fs::read(exchange.join("answer.json")) else { continue };
        let Ok(mut whole) = drive::read_answer(format, &body) else { continue };
        whole.choices.iter_mut().for_each(|choice| choice.extra.clear());
        let mut collector = Collector::default();
        for event in events {
            collector.take(event).expect("it did not break off");
        }
        let collected = collector.finish();
        for ((app, left), (_, right)) in answers(&collected).into_iter().zip(answers(&whole)) {
            let said = |body: &Value| match app {
                "chat" => vec![body["choices"].clone(), body["usage"].clone()],
                "responses" => vec![body["output"].clone(), body["status"].clone()],
                "messages" => vec![body["content"].clone(), body["stop_reason"].clone()],
                _ => vec![body["candidates"].clone(), body["usageMetadata"].clone()],
            };
            assert_eq!(said(&left), said(&right), "{app} of {}", exchange.display());
        }
    }
}

/// Property 2.
#[test]
fn any_split_of_the_bytes_gives_the_same_events() {
    for (exchange, format, bytes, events) in streams() {
        for size in [1, 5, 13, 200] {
            let cut = read_stream(format, &bytes, size);
            assert_eq!(cut, events, "{} in pieces of {size}", exchange.display());
        }
    }
}

/// Without what another provider signed, and OpenAI's chat without reasoning: its own models take none back.
fn without_foreign(turn: &mut Turn, format: Format) {
    turn.extra.clear();
    let reasons = format != Format::OpenaiChat;
    turn.parts.retain(|part| {
        reasons || !matches!(part.kind, PartKind::Reasoning { .. } | PartKind::Sealed(_))
    });
    for part in &mut turn.parts {
        if let PartKind::ToolCall { signature, .. } = &mut part.kind {
            signature.take_if(|signature| signature.by != format);
        }
    }
}

/// Property 3: a request that is read and written in its own format, and read again, says the same.
#[test]
fn a_request_in_its_own_format_comes_out_as_it_went_in() {
    let own = [
        ("anthropic", Api::Messages, Format::Anthropic),
        ("openai_chat", Api::Chat, Format::OpenaiChat),
    ];
    let mut seen = 0;
    for (folder, api, format) in own {
        for exchange in exchanges(folder) {
            let body = fs::read(exchange.join("request.json")).expect("a request");
            // White space in schemas is kept or not, which says nothing.
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let mut asked = support::request(api, &body);
            let again: Value = sent(format, &asked);
            let mut again = support::request(api, &again);
            // OpenAI's own models do not take it.
            asked.sampling.top_k.take_if(|_| format == Format::OpenaiChat);
            for conversation in [&mut asked, &mut again] {
                conversation.turns.iter_mut().for_each(|turn| without_foreign(turn, format));
            }
            assert_eq!(again.turns, asked.turns, "{}", exchange.display());
            assert_eq!(again.tools, asked.tools, "{}", exchange.display());
            assert_eq!(again.tool_choice, asked.tool_choice, "{}", exchange.display());
            assert_eq!(again.output, asked.output, "{}", exchange.display());
            assert_eq!(again.sampling, asked.sampling, "{}", exchange.display());
            seen += 1;
        }
    }
    assert!(seen > 20);
}

/// Property 4.
#[test]
fn every_stream_of_messages_keeps_to_anthropics_grammar() {
    for (_, _, _, events) in streams() {
        check_messages_grammar(&streamed("messages", &events));
    }
}

/// Property 5.
#[test]
fn every_stream_of_chat_keeps_to_openais_grammar() {
    for (_, _, _, events) in streams() {
        let stream = streamed("chat", &events);
        check_chat_grammar(&stream);
        assert_eq!(stream.contains("data: [DONE]"), !broke_off(&events), "{stream}");
    }
}

/// Property 6. The counts cannot be negative by their type; that they add up is what apps of every format are told.
#[test]
fn the_parts_of_the_prompt_add_up_to_its_total_for_every_provider() {
    let mut seen = 0;
    for (exchange, _, _, events) in streams() {
        let mut reported = Reported::default();
        for event in &events {
            if let Event::Usage(usage) = event {
                reported.update(*usage);
            }
        }
        let Some(usage) = reported.shown().filter(|_| !broke_off(&events)) else { continue };
        let stream = streamed("chat", &events);
        let chat = support::messages(&stream);
        let told = &chat[chat.len() - 2]["usage"];
        assert_eq!(told["prompt_tokens"], usage.input(), "{}", exchange.display());
        let stream = streamed("messages", &events);
        let messages = support::messages(&stream);
        let told = &messages[messages.len() - 2]["usage"];
        let parts = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
        let sum: u64 = parts.iter().filter_map(|part| told[part].as_u64()).sum();
        assert_eq!(sum, usage.input(), "{}", exchange.display());
        seen += 1;
    }
    assert!(seen > 50, "{seen} streams tell their usage");
}

/// Property 7.
#[test]
fn no_whole_answer_has_neither_content_nor_a_reason_to_end() {
    for (folder, format, ..) in PROVIDERS {
        for exchange in exchanges(folder) {
            let body = fs::read(exchange.join("answer.json")).expect("an answer");
            let Ok(answer) = drive::read_answer(format, &body) else { continue };
            for (app, body) in answers(&answer) {
                let ended = match app {
                    "chat" => body["choices"][0]["finish_reason"].is_string(),
                    "responses" => body["status"].is_string(),
                    "messages" => body["stop_reason"].is_string(),
                    _ => body["candidates"][0]["finishReason"].is_string(),
                };
                assert!(ended, "{app} of {}: {body}", exchange.display());
            }
        }
    }
    for body in ["", "{}", "[]", "null", "<html>", r#"{"choices":[]}"#] {
        for (_, format, ..) in PROVIDERS {
            assert!(drive::read_answer(format, body.as_bytes()).is_err(), "{format:?}: {body}");
        }
    }
}
