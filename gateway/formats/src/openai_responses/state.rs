//! What lets an app go on from an earlier answer (`previous_response_id`) at providers that keep none: the items of the
//! conversation so far, as JSON. Pure; where it is kept and for how long is decided elsewhere.

use super::{marks, outgoing::stored_items, request};
use crate::{
    conversation::Conversation,
    json::{Members, Raw, object},
    mistake::Mistake,
    sse,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A conversation that is larger than this is not kept.
pub const MAX_STORED_BYTES: usize = 4 << 20;

/// An answer that can be gone on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredResponse {
    /// Its id.
    pub id: String,
    /// Everything that it answered, what was said before it included. Instructions are no part of it: they hold for one
    /// answer.
    pub input_items: Vec<Raw>,
    /// What it said.
    pub output_items: Vec<Raw>,
    /// The response object as the app got it.
    pub object: Raw,
}

/// Which entries of a list an app asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most this many; 1 to 100.
    pub limit: usize,
    /// Behind the item with this id.
    pub after: Option<String>,
    /// Whether the newest come first.
    pub newest_first: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: 20, after: None, newest_first: true }
    }
}

/// Whether an app lets the answer be stored; it does unless it says otherwise.
pub fn wants_storing(conversation: &Conversation) -> bool {
    marks::find(&conversation.extra, "store").is_none_or(|raw| raw.get() != "false")
}

/// The id of the answer that a request goes on from. Looks at nothing else: a request that its provider takes as it is
/// may have what [`super::read_request`] refuses.
pub fn previous_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire {
        previous_response_id: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(body).ok()?;
    wire.previous_response_id.filter(|id| !id.is_empty())
}

/// Whether a request has items that an answer of another provider left in the app's hands, which a provider of
/// responses would refuse: then [`super::write_request`] has to leave out of it what is not that provider's.
pub fn has_foreign_items(body: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(body, text.as_bytes()).is_some();
    has("tollgate1_") || has(&format!("\"rs_{}", marks::OURS))
}

/// Reads a request that goes on from a stored answer: what was said before comes before its own input. The id is taken
/// out of [`Conversation::previous_response_id`], for no provider has to resolve it any more, and is still told in the
/// answer.
pub fn continued(body: &[u8], previous: &StoredResponse) -> Result<Conversation, Mistake> {
    let history: Vec<Raw> =
        previous.input_items.iter().chain(&previous.output_items).cloned().collect();
    let mut conversation = request::read(body, &history)?;
    if let (Some(id), Some(turn)) =
        (conversation.previous_response_id.take(), conversation.turns.first_mut())
    {
        turn.extra.push((marks::CONTINUES.to_owned(), Raw::string(&id)));
    }
    Ok(conversation)
}

/// The response object in a piece of a stream: of the event that ends it well. A failure is nothing to go on from.
pub fn answered(piece: &Bytes) -> Option<Raw> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        response: Option<&'a RawValue>,
    }
    const ENDS: [&str; 2] = ["response.completed", "response.incomplete"];
    // Most pieces end nothing, and need not be cut into events.
    if !ENDS.iter().any(|end| memchr::memmem::find(piece, end.as_bytes()).is_some()) {
        return None;
    }
    let mut ends = sse::events(piece).filter(|event| ENDS.contains(&event.name()));
    let data = ends.find_map(|event| event.data())?;
    let wire: Wire = serde_json::from_slice(&data).ok()?;
    wire.response.map(Raw::from)
}

impl StoredResponse {
    /// What is kept of an answer: the request and the response object that the app got. `None` if that is none, or no
    /// answer that can be gone on from.
    pub fn new(conversation: &Conversation, object: &[u8]) -> Option<Self> {
        let object = Raw::parse(std::str::from_utf8(object).ok()?)?;
        let members = Members::of_text(object.get())?;
        let status = members.peek_str("status")?;
        if !matches!(status.as_str(), "completed" | "incomplete") {
            return None;
        }
        let id = members.peek_str("id").filter(|id| !id.is_empty())?;
        let output_items = serde_json::from_str(members.peek("output")?.get()).ok()?;
        let input_items = serde_json::from_str(&stored_items(conversation)).ok()?;
        Some(Self { id, input_items, output_items, object })
    }

    /// The text to keep; `None` for one above [`MAX_STORED_BYTES`].
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let bytes = serde_json::to_vec(self).ok()?;
        (bytes.len() <= MAX_STORED_BYTES).then_some(bytes)
    }

    /// Reads a text that was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The answer to `GET /v1/responses/{id}/input_items`. Items without an id and a status of
    /// their own have an id by their place and are completed.
    pub fn input_list(&self, page: &Page) -> Vec<u8> {
        let number = |(index, item)| identified(item, &self.id, index);
        let mut all: Vec<(String, Raw)> =
            self.input_items.iter().enumerate().filter_map(number).collect();
        if page.newest_first {
            all.reverse();
        }
        let after = page.after.as_deref();
        let from = after.and_then(|after| all.iter().position(|(id, _)| id == after));
        let behind = all.get(from.map_or(0, |at| at + 1)..).unwrap_or_default();
        let shown = behind.get(..page.limit.clamp(1, 100)).unwrap_or(behind);
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("object", "list").list("data", |l| {
                for (_, item) in shown {
                    l.put_text(item.get());
                }
            });
            let id = |entry: Option<&(String, Raw)>| entry.map(|(id, _)| id.clone());
            o.put("first_id", id(shown.first())).put("last_id", id(shown.last()));
            o.put("has_more", shown.len() < behind.len());
        });
        out
    }
}

/// The answer to `DELETE /v1/responses/{id}`.
pub fn deletion(id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("id", id).put("object", "response").put("deleted", true);
    });
    out
}

/// An item with its id.
fn identified(item: &Raw, response: &str, index: usize) -> Option<(String, Raw)> {
    let mut members = Members::of_text(item.get())?;
    let kind = members.peek_str("type").unwrap_or_default();
    if let Some(id) = members.peek_str("id") {
        return Some((id, item.clone()));
    }
    members.take("id");
    let prefix = match kind.as_str() {
        "message" => "msg",
        "function_call" | "function_call_output" => "fc",
        "custom_tool_call" | "custom_tool_call_output" => "ctc",
        "reasoning" => "rs",
        _ => "item",
    };
    let id = super::output::Ids::of(response).item(&format!("{prefix}_in"), index);
    let listed = kind == "message";
    let finished = !members.has("status");
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put("id", &id);
        if finished {
            o.put("status", "completed");
        }
        let role = members.peek_str("role");
        for (name, raw) in members.rest() {
            // Typed SDKs take content for a list.
            let text = (listed && name == "content" && raw.get().starts_with('"')).then_some(&raw);
            match text {
                Some(text) => content(o, text, role.as_deref()),
                None => {
                    o.put_text(&name, raw.get());
                }
            }
        }
    });
    Some((id, request::raw_of(&out)))
}

fn content(o: &mut crate::json::Object, text: &Raw, role: Option<&str>) {
    let spoken = if role == Some("assistant") { "output_text" } else { "input_text" };
    o.list("content", |l| {
        l.object(|o| {
            o.put("type", spoken).put_text("text", text.get());
        });
    });
}

#[cfg(test)]
mod tests;
