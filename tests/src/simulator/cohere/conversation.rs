//! The messages of a chat: what each role may say, and that tool calls are answered.

use serde_json::Value;

use super::super::fields::{Fields, Mistake, join};
use super::super::tokens;

/// What an image counts in the prompt.
const IMAGE_TOKENS: u64 = 85;

/// Checks the field `messages`, and gives the provider's count of them: for each message 3 + text/4,
/// and 85 for each image.
pub fn check(fields: Fields<'_, '_>) -> Result<u64, Mistake> {
    fields.required("messages")?;
    let messages = fields.list("messages")?.unwrap_or_default();
    let (mut tokens, mut open) = (0, Vec::new());
    for (index, message) in messages.iter().enumerate() {
        let path = join("messages", index);
        let fields = Fields::of(message, &path)?;
        let role = fields.required_word("role", &["system", "user", "assistant", "tool"])?;
        if role == "tool" {
            answer(fields, &mut open)?;
        } else if let Some(id) = open.first() {
            return Err(fields.wrong("role", format!("tool call {id} has no tool message")));
        }
        tokens += match role {
            "assistant" => assistant(fields, &mut open)?,
            "system" => said(fields, &["role", "content"], &["text"])?,
            "user" => said(fields, &["role", "content"], &["text", "image_url"])?,
            _ => said(fields, &["role", "tool_call_id", "content"], &["text", "document"])?,
        };
    }
    let last = messages.last().map(|message| &message["role"]);
    if !open.is_empty() || last.is_none_or(|role| role != "user" && role != "tool") {
        let message = "the last message must be from the user, or answer all tool calls";
        return Err(Mistake::at("messages", message));
    }
    Ok(tokens)
}

fn answer(fields: Fields<'_, '_>, open: &mut Vec<String>) -> Result<(), Mistake> {
    let id = fields.required_text("tool_call_id")?;
    match open.iter().position(|call| call == id) {
        Some(at) => {
            open.remove(at);
            Ok(())
        }
        None => Err(fields.wrong("tool_call_id", format!("no tool call {id} waits for an answer"))),
    }
}

/// Either content or tool calls, never both.
fn assistant(fields: Fields<'_, '_>, open: &mut Vec<String>) -> Result<u64, Mistake> {
    fields.only(&["role", "content", "tool_calls", "tool_plan", "citations"])?;
    let calls = fields.list("tool_calls")?.unwrap_or_default();
    match (fields.get("content"), calls.is_empty()) {
        (Some(_), false) => {
            return Err(fields.wrong("content", "cannot specify both content and tool_calls"));
        }
        (None, true) => {
            return Err(fields.wrong("content", "must specify either content or tool_calls"));
        }
        (Some(_), true) if fields.get("tool_plan").is_some() => {
            return Err(fields.wrong("tool_plan", "is only allowed with tool_calls"));
        }
        (Some(_), true) => {
            return said(fields, &["role", "content", "citations"], &["text", "thinking"]);
        }
        (None, false) => {}
    }
    for (index, call) in calls.iter().enumerate() {
        let path = join(&fields.path_of("tool_calls"), index);
        let call = Fields::of(call, &path)?;
        call.only(&["id", "type", "function"])?;
        call.required_word("type", &["function"])?;
        let path = call.path_of("function");
        let function = Fields::of(call.required("function")?, &path)?;
        function.only(&["name", "arguments"])?;
        function.required_text("name")?;
        let arguments = function.required_text("arguments")?;
        if !serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object()) {
            return Err(function.wrong("arguments", "must be a JSON object as a string"));
        }
        open.push(call.required_text("id")?.to_owned());
    }
    let plan = fields.text("tool_plan")?.unwrap_or_default();
    Ok(3 + tokens::of_bytes(plan.len()))
}

fn said(fields: Fields<'_, '_>, known: &[&str], kinds: &[&str]) -> Result<u64, Mistake> {
    fields.only(known)?;
    let content = fields.required("content")?;
    if let Value::String(text) = content {
        if text.is_empty() {
            return Err(fields.wrong("content", "must be at least 1 token long"));
        }
        return Ok(3 + tokens::of_bytes(text.len()));
    }
    let parts = fields.list("content")?.unwrap_or_default();
    if parts.is_empty() {
        return Err(fields.wrong("content", "must have at least one element"));
    }
    let (mut bytes, mut images) = (0, 0);
    for (index, part) in parts.iter().enumerate() {
        let path = join(&fields.path_of("content"), index);
        let part = Fields::of(part, &path)?;
        match part.required_word("type", kinds)? {
            "image_url" => {
                part.only(&["type", "image_url"])?;
                let path = part.path_of("image_url");
                let image = Fields::of(part.required("image_url")?, &path)?;
                image.only(&["url", "detail"])?;
                image.required_text("url")?;
                image.word("detail", &["auto", "low", "high"])?;
                images += 1;
            }
            "document" => {
                part.only(&["type", "document"])?;
                bytes += document(part)?;
            }
            kind => {
                part.only(&["type", kind])?;
                let text = part.required_text(kind)?;
                if text.is_empty() {
                    return Err(part.wrong(kind, "must be at least 1 token long"));
                }
                bytes += text.len();
            }
        }
    }
    Ok(3 + tokens::of_bytes(bytes) + IMAGE_TOKENS * images)
}

fn document(part: Fields<'_, '_>) -> Result<usize, Mistake> {
    let path = part.path_of("document");
    let document = Fields::of(part.required("document")?, &path)?;
    document.only(&["id", "data"])?;
    match document.required("data")? {
        Value::String(text) => Ok(text.len()),
        data @ Value::Object(_) => Ok(data.to_string().len()),
        _ => Err(document.wrong("data", "must be a string or an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_role_says_what_it_may() {
        let user = json!({ "role": "user", "content": "abcd" });
        let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": arguments } });
        let calls = |plan: &str| json!({ "role": "assistant", "tool_plan": plan, "tool_calls": [call("a", "{}"), call("b", "{}")] });
        let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "42" });
        let both = json!({ "role": "assistant", "content": "x", "tool_calls": [call("a", "{}")] });
        let parts = json!({ "role": "user", "content": [{ "type": "text", "text": "abcd" }, { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA" } }] });
        let cases = [
            (json!([user]), Some(4)),
            (json!([{ "role": "system", "content": "abcd" }, user]), Some(8)),
            (json!([parts]), Some(4 + 85)),
            (json!([user, calls("abcd"), result("b"), result("a")]), Some(4 + 4 + 4 + 4)),
            (json!([user, calls("abcd"), result("a")]), None),
            (json!([user, calls("abcd"), result("a"), user]), None),
            (json!([user, result("a")]), None),
            (json!([user, both, result("a")]), None),
            (
                json!([user, { "role": "assistant", "tool_calls": [call("a", "null")] }, result("a")]),
                None,
            ),
            (json!([user, { "role": "assistant" }, user]), None),
            (json!([user, { "role": "assistant", "content": "x", "tool_plan": "y" }, user]), None),
            (json!([user, { "role": "assistant", "content": "x" }]), None),
            (json!([{ "role": "developer", "content": "x" }, user]), None),
            (json!([{ "role": "user", "content": "" }]), None),
            (json!([{ "role": "user", "content": "x", "name": "y" }]), None),
            (json!([]), None),
        ];
        for (messages, expected) in cases {
            let body = json!({ "messages": messages });
            let found = check(Fields::at_top(body.as_object().unwrap()));
            assert_eq!(found.clone().ok(), expected, "{messages}: {found:?}");
        }
    }
}
