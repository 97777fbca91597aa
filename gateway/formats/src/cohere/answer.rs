//! A whole answer.

use super::{
    error::short,
    said::{Call, Content, Said, stop_of},
    usage::read_usage,
};
use crate::{
    conversation::{Answer, Collector, Event, Fault},
    json::{Members, Text},
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Reads a whole body that came with a 2xx. Citations are kept with the choice.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let mut members = Members::of_body(body).map_err(|_| Fault::garbage())?;
    let id = members.string("id").ok().flatten();
    if let Ok(Some(said)) = members.peek("message").map(string).transpose() {
        return Err(Fault::reported(short(&said)));
    }
    let mut message = members.object("message").ok().flatten().ok_or_else(Fault::garbage)?;
    let mut said = Said::of(id.as_deref().unwrap_or_default());
    let mut events = Vec::new();
    read_message(&mut message, &mut said, &mut events)?;
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    let mut answer = collector.finish();
    let mut choice = answer.choices.pop().unwrap_or_default();
    let word = members.string("finish_reason").ok().flatten().unwrap_or_default();
    let error = members.take("error").map(RawValue::get);
    choice.stop = stop_of(&word, error, said.called())?;
    choice.extra.extend(message.raw("citations").map(|raw| ("citations".to_owned(), raw)));
    answer.choices = vec![choice];
    answer.id = id;
    if let Some(usage) = members.take("usage") {
        answer.usage = read_usage(usage.get());
    }
    answer.extra = members.rest();
    Ok(answer)
}

fn read_message(
    message: &mut Members,
    said: &mut Said,
    events: &mut Vec<Event>,
) -> Result<(), Fault> {
    match message.take("content") {
        None => {}
        Some(raw) => match string(raw) {
            Ok(text) => {
                let text = Some(Text(Cow::Owned(text)));
                said.content(Content { text, thinking: None }, events);
            }
            Err(_) => {
                let parts: Vec<Content> =
                    serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())?;
                parts.into_iter().for_each(|part| said.content(part, events));
            }
        },
    }
    let plan = message.string("tool_plan").map_err(|_| Fault::garbage())?;
    said.plan(plan.unwrap_or_default(), events);
    if let Some(raw) = message.take("tool_calls") {
        let calls: Vec<Call> = serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())?;
        for (index, call) in calls.into_iter().enumerate() {
            said.call(index as u64, call, events)?;
        }
    }
    said.all_ends(events);
    Ok(())
}

fn string(raw: &RawValue) -> serde_json::Result<String> {
    serde_json::from_str(raw.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cohere::testing::exchanges,
        conversation::{FaultKind, Part, PartKind, Stop},
    };
    use proptest::prelude::*;

    fn recorded(name: &str) -> Answer {
        let path = exchanges().remove(name).unwrap();
        read_answer(&std::fs::read(path.join("answer.json")).unwrap()).unwrap()
    }

    #[test]
    fn a_plan_is_reasoning_and_stands_before_the_calls() {
        let answer = recorded("tool_plan");
        let [plan, call] = answer.choices[0].parts.as_slice() else { panic!("{answer:?}") };
        let text = "I will look it up".to_owned();
        assert_eq!(plan.kind, PartKind::Reasoning { text, signature: None });
        assert!(
            matches!(&call.kind, PartKind::ToolCall { arguments, .. } if arguments == "{\"x\":1}")
        );
        assert_eq!((answer.id.as_deref(), answer.model), (Some("c14"), None));
        assert_eq!(answer.choices[0].stop, Stop::Tool);
    }

    #[test]
    fn citations_are_kept_and_strings_are_read_as_content() {
        let answer = recorded("documents");
        assert_eq!(answer.choices[0].extra[0].0, "citations");
        let plain = br#"{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant","content":"hi"}}"#;
        assert_eq!(read_answer(plain).unwrap().choices[0].parts, [Part::text("hi")]);
    }

    /// `null`, nothing and an empty text are what tools without parameters are called with.
    #[test]
    fn arguments_that_say_nothing_are_an_empty_object() {
        let cases = [
            (r#""null""#, "{}"),
            (r#""""#, "{}"),
            ("null", "{}"),
            (r#""{\"a\":1.0}""#, r#"{"a":1.0}"#),
            (r#""nu""#, "nu"),
        ];
        for (arguments, expected) in cases {
            let body = format!(
                r#"{{"finish_reason":"COMPLETE","message":{{"tool_calls":[{{"id":"","type":"function","function":{{"name":"f","arguments":{arguments}}}}}]}}}}"#
            );
            let answer = read_answer(body.as_bytes()).unwrap();
            let PartKind::ToolCall { id, arguments, .. } = &answer.choices[0].parts[0].kind else {
                panic!("{answer:?}")
            };
            assert_eq!((id.is_empty(), arguments.as_str()), (false, expected));
            assert_eq!(answer.choices[0].stop, Stop::Tool, "whatever the word says");
        }
    }

    #[test]
    fn a_failure_with_a_good_status_is_a_fault() {
        let ended = |word: &str, error: &str| {
            format!(
                r#"{{"finish_reason":"{word}","error":{error},"message":{{"role":"assistant"}}}}"#
            )
        };
        let cases = [
            (ended("ERROR", "null"), FaultKind::Reported, "(ERROR)"),
            (ended("TIMEOUT", "null"), FaultKind::Reported, "(TIMEOUT)"),
            (ended("ERROR_LIMIT", "null"), FaultKind::Reported, "(ERROR_LIMIT)"),
            (ended("ERROR", r#""It broke.""#), FaultKind::Reported, "It broke."),
            (ended("COMPLETE", r#"{"message":"It broke."}"#), FaultKind::Reported, "It broke."),
            (r#"{"id":"e","message":"not now"}"#.to_owned(), FaultKind::Reported, "not now"),
            ("{}".to_owned(), FaultKind::Garbage, ""),
            ("[]".to_owned(), FaultKind::Garbage, ""),
            (String::new(), FaultKind::Garbage, ""),
            (r#"{"message":{"content":[7]}}"#.to_owned(), FaultKind::Garbage, ""),
            (r#"{"message":{"tool_calls":[{"id":"a"}]}}"#.to_owned(), FaultKind::Garbage, ""),
        ];
        for (body, kind, words) in cases {
            let fault = read_answer(body.as_bytes()).unwrap_err();
            assert_eq!(fault.kind, kind, "{body}");
            assert!(fault.message.contains(words), "{}", fault.message);
        }
        let toxic = read_answer(ended("ERROR_TOXIC", r#""toxic""#).as_bytes()).unwrap();
        assert_eq!(toxic.choices[0].stop, Stop::Filtered);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), at in 0..600_usize, byte in any::<u8>()) {
            let _ = read_answer(&bytes);
            let path = exchanges().remove("reasoning_tools").unwrap();
            let mut near = std::fs::read(path.join("answer.json")).unwrap();
            let at = at % near.len();
            near[at] = byte;
            let _ = read_answer(&near);
        }
    }
}
