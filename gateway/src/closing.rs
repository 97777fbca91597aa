//! What a stream's last event tells of its usage and cost, for apps that ask for it with `x-tollgate-usage: 1`: the head
//! of a stream goes out before either is known.
//!
//! The member `tollgate` stands in an event that the app's API ends with anyway: `message_stop`, `response.completed`; in
//! a chunk without choices before `[DONE]`, and in a chunk without candidates at the end of Gemini's.

use crate::{
    flight::Flight,
    formats::{facts::Api, sse},
    meter::Charge,
};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tollgate_contract::money::NanoUsd;

/// The last bytes of a complete stream, with what was used for it if the app asked for that. `cost` is absent for a target
/// without a price.
pub fn close(flight: &Flight, target: &str, cost: Option<NanoUsd>, last: Bytes) -> Bytes {
    let Some((api, array)) = flight.closing else { return last };
    let charge = flight.meter.charge();
    let created = flight.at.as_second();
    Closing { id: &flight.event.id, created, target, charge, cost }.told_in(api, array, last)
}

/// What is told.
struct Closing<'c> {
    id: &'c str,
    /// Seconds since 1970.
    created: i64,
    target: &'c str,
    charge: Charge,
    cost: Option<NanoUsd>,
}

impl Closing<'_> {
    fn member(&self) -> Value {
        let Charge { usage, estimated, disputed, .. } = &self.charge;
        let mut member = json!({
            "request_id": self.id,
            "model": self.target,
            "usage": usage,
            "estimated": estimated,
            "disputed": disputed,
        });
        if let Some(cost) = self.cost {
            member["cost_usd"] = json!(cost.to_string());
        }
        member
    }

    /// `array`: Gemini's JSON array instead of events.
    fn told_in(&self, api: Api, array: bool, last: Bytes) -> Bytes {
        let member = self.member();
        match api {
            Api::Generate if array => in_array(&member, &last),
            Api::Generate => after(&json!({ "candidates": [], "tollgate": member }), &last),
            Api::Chat | Api::Completions => {
                let object = match api {
                    Api::Chat => "chat.completion.chunk",
                    _ => "text_completion",
                };
                let chunk = json!({"id": self.id, "object": object, "created": self.created,
                    "model": self.target, "choices": [], "tollgate": member});
                before_last(&chunk, last)
            }
            Api::Messages | Api::Responses => into_last(&member, last),
            _ => last,
        }
    }
}

/// Where the last event with data begins.
fn last_event(piece: &Bytes) -> Option<(usize, sse::Event)> {
    let (mut from, mut found) = (0, None);
    for event in sse::events(piece) {
        let at = from;
        from += event.bytes.len();
        if event.data().is_some() {
            found = Some((at, event));
        }
    }
    found
}

fn before_last(chunk: &Value, last: Bytes) -> Bytes {
    let Some((at, _)) = last_event(&last) else { return last };
    let mut out = BytesMut::from(&last[..at]);
    out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    out.extend_from_slice(&last[at..]);
    out.freeze()
}

/// As a member of the last event's object.
fn into_last(member: &Value, last: Bytes) -> Bytes {
    let Some((at, event)) = last_event(&last) else { return last };
    let Some(data) = event.data() else { return last };
    let Ok(Value::Object(mut object)) = serde_json::from_slice(&data) else { return last };
    object.insert("tollgate".to_owned(), member.clone());
    let name = event.name();
    let mut out = BytesMut::from(&last[..at]);
    if !name.is_empty() {
        out.extend_from_slice(format!("event: {name}\n").as_bytes());
    }
    out.extend_from_slice(format!("data: {}\n\n", Value::Object(object)).as_bytes());
    out.extend_from_slice(&last[at + event.bytes.len()..]);
    out.freeze()
}

fn after(chunk: &Value, last: &Bytes) -> Bytes {
    let mut out = BytesMut::from(&last[..]);
    if !(out.is_empty() || out.ends_with(b"\n\n") || out.ends_with(b"\r\n\r\n")) {
        out.extend_from_slice(b"\r\n\r\n");
    }
    out.extend_from_slice(format!("data: {chunk}\r\n\r\n").as_bytes());
    out.freeze()
}

/// As one more element. The array has others: a complete answer says at least why it ended.
fn in_array(member: &Value, last: &Bytes) -> Bytes {
    let Some(end) = memchr::memrchr(b']', last) else { return last.clone() };
    let mut out = BytesMut::from(&last[..end]);
    let chunk = json!({ "candidates": [], "tollgate": member });
    out.extend_from_slice(format!(",{chunk}").as_bytes());
    out.extend_from_slice(&last[end..]);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::usage::Usage;

    fn told(api: Api, array: bool, last: &'static str) -> String {
        let usage = Usage { input_uncached: 3, output: 4, requests: 1, ..Usage::default() };
        let charge = Charge { usage, ..Charge::default() };
        let cost = Some(NanoUsd::new(12_500));
        let closing = Closing { id: "r", created: 7, target: "p/m", charge, cost };
        let bytes = closing.told_in(api, array, Bytes::from_static(last.as_bytes()));
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The data of all events.
    fn events(text: &str) -> Vec<Value> {
        let piece = Bytes::copy_from_slice(text.as_bytes());
        let data = sse::events(&piece).filter_map(|event| event.data());
        data.map(|data| serde_json::from_slice(&data).unwrap_or(Value::Null)).collect()
    }

    #[test]
    fn chunks_tell_it_before_the_end() {
        let text = told(Api::Chat, false, ": x\n\ndata: {\"a\":1}\n\ndata: [DONE]\n\n");
        let events = events(&text);
        assert_eq!(events.len(), 3);
        assert_eq!((&events[0], &events[2]), (&json!({"a": 1}), &Value::Null));
        assert_eq!(events[1]["choices"], json!([]));
        assert_eq!(events[1]["tollgate"]["cost_usd"], "0.0000125");
        assert_eq!(events[1]["tollgate"]["usage"]["output"], 4);
        assert!(text.starts_with(": x\n\n") && text.ends_with("data: [DONE]\n\n"));
    }

    #[test]
    fn named_events_keep_their_names() {
        let last = "event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n: bye\n\n";
        let text = told(Api::Messages, false, last);
        assert!(text.starts_with("event: message_stop\ndata: {") && text.ends_with(": bye\n\n"));
        let event = &events(&text)[0];
        assert_eq!(
            (&event["type"], &event["tollgate"]["model"]),
            (&json!("message_stop"), &json!("p/m"))
        );
    }

    #[test]
    fn gemini_gets_one_more_piece() {
        for last in ["", "data: {\"a\":1}\r\n\r\n", "data: {\"a\":1}"] {
            let events = events(&told(Api::Generate, false, last));
            assert_eq!(events.len(), 1 + usize::from(!last.is_empty()), "{last}");
            assert_eq!(events.last().unwrap()["tollgate"]["request_id"], "r");
        }
        let text = told(Api::Generate, true, ",{\"a\":[1]}\n]\n");
        let array: Value = serde_json::from_str(&format!("[{{}}{text}")).unwrap();
        assert_eq!((array.as_array().unwrap().len(), &array[1]), (3, &json!({"a": [1]})));
    }

    #[test]
    fn what_is_no_stream_of_events_stays_as_it_is() {
        assert_eq!(told(Api::Messages, false, "data: nonsense\n\n"), "data: nonsense\n\n");
        assert_eq!(told(Api::Chat, false, ""), "");
    }
}
