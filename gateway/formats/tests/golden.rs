//! Recorded exchanges of each provider's format (`golden/FORMAT/NAME`), and what must come out of them in each format
//! that apps speak (`answers.txt`, `streams.txt`) and that providers speak (`requests.txt`). `UPDATE_GOLDEN=1` writes
//! what comes out instead of comparing: read the difference before you keep it.

mod support;

use bytes::Bytes;
use std::{fs, path::Path};
use support::{
    PROVIDERS,
    drive::{self, asked, read_answer, read_request, write_request, writers},
    exchanges, read_stream, stream_bytes,
};
use tollgate_formats::{
    anthropic, bedrock,
    conversation::{Answer, Collector, Event, Fit, Format, TargetFacts},
    facts::Api,
    gemini, openai_chat, openai_responses, sse,
};

/// The formats that apps speak, by the folder that holds their recorded requests.
const APPS: [(&str, Api); 4] = [
    ("openai_chat", Api::Chat),
    ("openai_responses", Api::Responses),
    ("anthropic", Api::Messages),
    ("gemini", Api::Generate),
];

/// What comes out of an exchange, one section per format.
#[derive(Default)]
struct Sections(String);

impl Sections {
    fn add(&mut self, name: &str, out: &[u8]) {
        self.0.push_str("=== ");
        self.0.push_str(name);
        self.0.push('\n');
        self.0.push_str(std::str::from_utf8(out).expect("what goes out is UTF-8"));
        if !self.0.ends_with('\n') {
            self.0.push('\n');
        }
    }

    /// Compares with the golden file, or writes it.
    #[allow(clippy::disallowed_methods, reason = "the only switch of these tests")]
    fn check(self, path: &Path, problems: &mut Vec<String>) {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path, self.0).expect("the file can be written");
            return;
        }
        match fs::read_to_string(path) {
            Ok(expected) if expected == self.0 => {}
            Ok(expected) => {
                let mut lines = expected.lines().zip(self.0.lines());
                let first = lines.find(|(expected, got)| expected != got);
                let (expected, got) = first.unwrap_or(("", "more lines, or fewer"));
                let path = path.display();
                problems.push(format!("{path}\n  expected {expected}\n  got      {got}"));
            }
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
}

fn answers(answer: &Answer) -> [(&'static str, Vec<u8>); 4] {
    [
        ("chat", openai_chat::write_answer(answer, &asked())),
        ("responses", openai_responses::write_answer(answer, &asked())),
        ("messages", anthropic::write_answer(answer, &asked())),
        ("gemini", gemini::write_answer(answer, &asked())),
    ]
}

#[test]
fn whole_answers_come_out_in_every_format_as_recorded() {
    let mut problems = Vec::new();
    for (name, format, ..) in PROVIDERS {
        for exchange in exchanges(name) {
            let Ok(body) = fs::read(exchange.join("answer.json")) else { continue };
            let mut sections = Sections::default();
            match read_answer(format, &body) {
                Ok(answer) => {
                    for (app, out) in answers(&answer) {
                        sections.add(app, &out);
                    }
                }
                Err(fault) => sections.add(fault.code(), fault.message.as_bytes()),
            }
            sections.check(&exchange.join("answers.txt"), &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn streams_come_out_in_every_format_as_recorded() {
    let mut problems = Vec::new();
    for (name, format, ..) in PROVIDERS {
        for exchange in exchanges(name) {
            let Some(events) = recorded_events(&exchange, format) else { continue };
            drive::check_grammar(&events);
            let mut sections = Sections::default();
            for (app, mut writer) in writers() {
                let mut out = Vec::new();
                for event in &events {
                    writer.write(event, &mut out);
                }
                sections.add(app, &out);
            }
            sections.check(&exchange.join("streams.txt"), &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn requests_go_out_in_every_format_as_recorded() {
    let mut problems = Vec::new();
    for (name, api) in APPS {
        for exchange in exchanges(name) {
            let Ok(body) = fs::read(exchange.join("request.json")) else { continue };
            let conversation = read_request(api, &body)
                .unwrap_or_else(|mistake| panic!("{}: {mistake}", exchange.display()));
            let mut sections = Sections::default();
            for (target, format, kind, model) in PROVIDERS {
                let fit = Fit::new(TargetFacts::new(kind, model));
                let out = match write_request(format, &conversation, fit) {
                    Ok(outgoing) => {
                        let mut out = outgoing.body.to_vec();
                        out.extend_from_slice(
                            format!(
                                "\ndropped: {}\nclamped: {}\n",
                                outgoing.dropped.join(", "),
                                outgoing.clamped.join(", ")
                            )
                            .as_bytes(),
                        );
                        out
                    }
                    Err(mistake) => format!("{}: {}\n", mistake.code, mistake.message).into_bytes(),
                };
                sections.add(target, &out);
            }
            sections.check(&exchange.join("requests.txt"), &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The translated stream tells the same as the translated answer.
#[test]
fn a_stream_adds_up_to_the_answer() {
    for (name, format, ..) in PROVIDERS {
        for exchange in exchanges(name) {
            let Some(events) = recorded_events(&exchange, format) else { continue };
            let Ok(body) = fs::read(exchange.join("answer.json")) else { continue };
            let Ok(answer) = read_answer(format, &body) else { continue };
            if events.iter().any(|event| matches!(event, Event::Fault(_))) {
                continue;
            }
            let mut collector = Collector::default();
            for event in events {
                collector.take(event).expect("no fault");
            }
            let streamed = collector.finish();
            let said = |answer: &Answer| {
                answer
                    .choices
                    .iter()
                    .map(|choice| (choice.parts.clone(), choice.stop))
                    .collect::<Vec<_>>()
            };
            assert_eq!(said(&streamed), said(&answer), "{}", exchange.display());
            assert_eq!(streamed.usage, answer.usage, "{}", exchange.display());
        }
    }
}

/// Any cut of the bytes gives the same events.
#[test]
fn chunks_do_not_matter() {
    for (name, format, ..) in PROVIDERS {
        for exchange in exchanges(name) {
            let Some(events) = recorded_events(&exchange, format) else { continue };
            let bytes = stream_bytes(&exchange).expect("it has events");
            for size in [1, 2, 3, 7, 64, 1000] {
                assert_eq!(read_stream(format, &bytes, size), events, "{}", exchange.display());
            }
        }
    }
}

/// An error after the first events is told in every format, and never as an end.
#[test]
fn a_broken_stream_is_an_error_in_every_format() {
    for (name, format, ..) in PROVIDERS {
        let broken: Vec<_> = exchanges(name)
            .into_iter()
            .filter_map(|exchange| recorded_events(&exchange, format))
            .filter(|events| matches!(events.last(), Some(Event::Fault(_))))
            .collect();
        assert!(!broken.is_empty(), "{name} has a recorded stream that breaks off");
        for events in broken {
            for (app, mut writer) in writers() {
                let mut out = Vec::new();
                for event in &events {
                    writer.write(event, &mut out);
                }
                let text = String::from_utf8(out).expect("UTF-8");
                assert!(text.contains("error"), "{app} of {name}: {text}");
                let ends = ["[DONE]", "message_stop", "response.completed"];
                assert!(!ends.iter().any(|end| text.contains(end)), "{app} of {name}: {text}");
            }
        }
    }
}

fn recorded_events(exchange: &Path, format: Format) -> Option<Vec<Event>> {
    let bytes = stream_bytes(exchange)?;
    Some(read_stream(format, &bytes, bytes.len()))
}

#[test]
fn splitters_of_both_kinds_take_nothing_for_nothing() {
    let mut splitter = sse::Splitter::default();
    assert!(splitter.push(Bytes::new()).is_ok_and(|piece| piece.is_empty()));
    let mut frames = bedrock::frames::Frames::default();
    assert!(frames.push(Bytes::new()).is_ok() && frames.next().is_none());
}
