//! Whole answers of Cohere.

use super::{read_usage, stop_of};
use crate::{
    conversation::{Answer, Choice, Fault, Part, PartKind},
    json::Members,
};

/// Reads a whole answer. What the model says before its calls (`tool_plan`) is reasoning: it is for the model's own
/// next turn, and comes back as such.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::garbage())?;
    let mut members = Members::of_text(text).ok_or_else(Fault::garbage)?;
    let Some(mut message) = members.object("message").ok().flatten() else {
        return Err(match members.string("message") {
            Ok(Some(words)) => Fault::reported(words),
            _ => Fault::garbage(),
        });
    };
    let mut parts = Vec::new();
    if let Ok(Some(plan)) = message.string("tool_plan")
        && !plan.is_empty()
    {
        parts.push(Part::new(PartKind::Reasoning { text: plan, signature: None }));
    }
    for (_, raw) in message.list("content").ok().flatten().unwrap_or_default() {
        let Some(mut block) = Members::of_text(raw.get()) else { continue };
        if let Ok(Some(text)) = block.string("thinking") {
            parts.push(Part::new(PartKind::Reasoning { text, signature: None }));
        } else if let Ok(Some(text)) = block.string("text")
            && !text.is_empty()
        {
            parts.push(Part::text(text));
        }
    }
    let mut called = false;
    for (_, raw) in message.list("tool_calls").ok().flatten().unwrap_or_default() {
        let call = Members::of_text(raw.get()).and_then(|mut call| {
            let mut function = call.object("function").ok()??;
            let arguments = function.string("arguments").ok()?.unwrap_or_default();
            let empty = matches!(arguments.trim(), "" | "null");
            Some(PartKind::ToolCall {
                id: call.string("id").ok()??,
                name: function.string("name").ok()??,
                arguments: if empty { "{}".to_owned() } else { arguments },
                custom: false,
                signature: None,
            })
        });
        called |= call.is_some();
        parts.extend(call.map(Part::new));
    }
    let word = members.string("finish_reason").ok().flatten().unwrap_or_default();
    let stop = stop_of(&word)?.given_calls(called);
    let usage = members.take("usage").map(|raw| read_usage(raw.get())).unwrap_or_default();
    let id = members.string("id").ok().flatten();
    let choice = Choice { parts, stop, ..Choice::default() };
    Ok(Answer { id, choices: vec![choice], usage, ..Answer::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Stop;

    #[test]
    fn thinking_plan_text_and_calls_are_told_apart() {
        let body = br#"{"id":"c14","finish_reason":"TOOL_CALL","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"}],"tool_plan":"I will","tool_calls":[{"id":"f1","type":"function","function":{"name":"f","arguments":"null"}}]},"usage":{"billed_units":{"input_tokens":1,"output_tokens":2}}}"#;
        let answer = read_answer(body).unwrap();
        let choice = &answer.choices[0];
        assert_eq!((choice.parts.len(), choice.stop), (4, Stop::Tool));
        assert!(
            matches!(&choice.parts[3].kind, PartKind::ToolCall { arguments, .. } if arguments == "{}")
        );
    }

    #[test]
    fn a_failure_in_the_clothes_of_an_answer_is_a_fault() {
        for body in [
            r#"{"id":"c","finish_reason":"ERROR","message":{"content":[]}}"#,
            r#"{"id":"c","finish_reason":"TIMEOUT","message":{"content":[]}}"#,
            r#"{"message":"no"}"#,
            "[]",
        ] {
            assert!(read_answer(body.as_bytes()).is_err(), "{body}");
        }
    }
}
