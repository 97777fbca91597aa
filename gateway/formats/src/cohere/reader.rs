//! Cohere's streams: named events whose data repeats the name.

use super::{read_usage, stop_of};
use crate::{
    conversation::{Event, Fault, Stop},
    stream::StreamReader,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap};

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    over: bool,
    calls: u32,
    /// Which call is under way, by the index of its event, and whether its arguments have begun.
    open: HashMap<u32, (u32, bool)>,
    stop: Option<Stop>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
}

/// `content` and `tool_calls` are lists where the message starts and objects later, so they are read when needed.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_plan: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<Cow<'a, str>>,
}

impl StreamReader for Reader {
    fn read(&mut self, name: &str, data: &[u8], out: &mut Vec<Event>) {
        if self.over || data.trim_ascii().starts_with(b"[DONE]") {
            return;
        }
        let Ok(data) = serde_json::from_slice::<Data>(data) else {
            return self.fail(Fault::garbage(), out);
        };
        let kind = data.kind.as_deref().unwrap_or(name);
        if !self.started {
            // An error object has nothing but a message.
            if let (None, Some(words)) = (&data.delta, &data.message) {
                return self.fail(Fault::reported(words.as_ref()), out);
            }
            self.started = true;
            let id = data.id.as_deref().map(str::to_owned);
            out.push(Event::Start { id, model: None });
        }
        let index = data.index.unwrap_or(0);
        let Some(delta) = data.delta else {
            if kind == "tool-call-end" {
                self.end_call(index, out);
            }
            return;
        };
        match kind {
            "content-start" | "content-delta" => content(&delta, out),
            "tool-plan-delta" => {
                let plan = delta.message.and_then(|message| message.tool_plan);
                if let Some(text) = plan.filter(|plan| !plan.is_empty()) {
                    out.push(Event::Reasoning { choice: 0, text: text.into_owned() });
                }
            }
            "tool-call-start" | "tool-call-delta" => self.call(kind, index, &delta, out),
            "tool-call-end" => self.end_call(index, out),
            "message-end" => self.message_end(delta, out),
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        match self.stop {
            Some(stop) => {
                let stop = stop.given_calls(self.calls > 0);
                out.push(Event::Stop { choice: 0, stop, sequence: None });
                out.push(Event::End);
            }
            None => out.push(Event::Fault(Fault::truncated())),
        }
    }
}

fn content(delta: &Delta, out: &mut Vec<Event>) {
    let raw = delta.message.as_ref().and_then(|message| message.content);
    let Some(content) = raw.and_then(|raw| serde_json::from_str::<Content>(raw.get()).ok()) else {
        return;
    };
    if let Some(text) = content.text.filter(|text| !text.is_empty()) {
        out.push(Event::Text { choice: 0, text: text.into_owned() });
    }
    if let Some(text) = content.thinking.filter(|text| !text.is_empty()) {
        out.push(Event::Reasoning { choice: 0, text: text.into_owned() });
    }
}

impl Reader {
    fn call(&mut self, kind: &str, index: u32, delta: &Delta, out: &mut Vec<Event>) {
        let raw = delta.message.as_ref().and_then(|message| message.tool_calls);
        let Some(call) = raw.and_then(|raw| serde_json::from_str::<Call>(raw.get()).ok()) else {
            return;
        };
        let function = call.function.as_ref();
        if kind == "tool-call-start" {
            let id = call.id.as_deref().unwrap_or_default();
            let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
            if id.is_empty() || name.is_empty() {
                return self.fail(Fault::garbage(), out);
            }
            let number = self.calls;
            self.calls += 1;
            self.open.insert(index, (number, false));
            out.push(Event::Call {
                choice: 0,
                call: number,
                id: id.to_owned(),
                name: name.to_owned(),
                custom: false,
                signature: None,
            });
        }
        let json = function.and_then(|function| function.arguments.as_deref()).unwrap_or_default();
        // A tool without arguments is called with `null`.
        if let Some((number, begun)) = self.open.get_mut(&index)
            && !json.is_empty()
            && (*begun || json.trim() != "null")
        {
            *begun = true;
            out.push(Event::Arguments { choice: 0, call: *number, json: json.to_owned() });
        }
    }

    fn end_call(&mut self, index: u32, out: &mut Vec<Event>) {
        if let Some((number, false)) = self.open.remove(&index) {
            out.push(Event::Arguments { choice: 0, call: number, json: "{}".to_owned() });
        }
    }

    fn message_end(&mut self, delta: Delta, out: &mut Vec<Event>) {
        if let Some(raw) = delta.usage {
            out.push(Event::Usage(read_usage(raw.get())));
        }
        if let Some(error) = delta.error.filter(|error| !error.is_empty()) {
            return self.fail(Fault::reported(error), out);
        }
        match stop_of(delta.finish_reason.as_deref().unwrap_or_default()) {
            Ok(stop) => self.stop = Some(stop),
            Err(fault) => self.fail(fault, out),
        }
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.over = true;
        out.push(Event::Fault(fault));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Collector, FaultKind};
    use proptest::prelude::*;

    fn read(events: &[&str]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut out = Vec::new();
        for data in events {
            reader.read("", data.as_bytes(), &mut out);
        }
        reader.end(&mut out);
        out
    }

    #[test]
    fn a_plan_and_a_call_are_read_and_the_billed_units_are_charged() {
        let events = read(&[
            r#"{"type":"message-start","id":"c14","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
            r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will look it up"}}}"#,
            r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_abc","type":"function","function":{"name":"f","arguments":""}}}}}"#,
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"x\":1}"}}}}}"#,
            r#"{"type":"tool-call-end","index":0}"#,
            r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"f_b","type":"function","function":{"name":"g","arguments":"null"}}}}}"#,
            r#"{"type":"tool-call-end","index":1}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":10,"output_tokens":5},"tokens":{"input_tokens":80,"output_tokens":9}}}}"#,
        ]);
        let mut collector = Collector::default();
        for event in events {
            collector.take(event).unwrap();
        }
        let answer = collector.finish();
        assert_eq!(answer.choices[0].parts.len(), 3);
        assert_eq!(answer.choices[0].stop, Stop::Tool);
        assert_eq!(answer.usage.billed.map(|usage| usage.input()), Some(10));
        assert_eq!(answer.usage.shown().map(|usage| usage.input()), Some(80));
    }

    #[test]
    fn an_error_at_the_end_and_an_early_end_are_faults() {
        let start = r#"{"type":"message-start","id":"c","delta":{"message":{}}}"#;
        let failed = read(&[
            start,
            r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}"#,
        ]);
        assert!(matches!(failed.last(), Some(Event::Fault(fault)) if fault.message == "boom"));
        let early = read(&[start]);
        assert!(
            matches!(early.last(), Some(Event::Fault(fault)) if fault.kind == FaultKind::Truncated)
        );
    }

    proptest! {
        #[test]
        fn no_data_makes_it_panic(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut reader = Reader::default();
            reader.read("content-delta", &data, &mut Vec::new());
        }
    }
}
