//! Anthropic's error object: ours as apps see it, and a provider's as we understand it.

use crate::{
    conversation::{Fault, FaultKind},
    json::{Members, object},
    stream::{ErrorFacts, Meaning, ProviderSaid},
};

/// The most characters of a provider's words.
const MOST_CHARACTERS: usize = 500;

/// Writes an error for an app.
pub fn write_error(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |body| {
        body.put("type", "error").object("error", |object| {
            object.put("type", word(error)).put("message", message(error));
            object.object("details", |details| {
                details.put("error_code", error.code).put_some("param", error.param);
                if let Some((name, value)) = error.details {
                    details.put(name, value);
                }
            });
        });
        body.put_some("request_id", error.request_id);
    });
    out
}

/// The error's type.
fn word(error: &ErrorFacts) -> &'static str {
    match error.status {
        // Our own budgets, whatever their status.
        _ if error.kind == "insufficient_quota" => "billing_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Clients look for the words with which Anthropic itself tells that a prompt is too long.
fn message(error: &ErrorFacts) -> String {
    const TOO_LONG: &str = "prompt is too long";
    if error.code == "context_length_exceeded" && !error.message.contains(TOO_LONG) {
        return format!("{TOO_LONG}: {}", error.message);
    }
    error.message.to_owned()
}

/// The event of a failure in a stream that began well; nothing follows it.
pub(super) fn write_fault(fault: &Fault, out: &mut Vec<u8>) {
    let word = match fault.kind {
        FaultKind::Overloaded => "overloaded_error",
        FaultKind::RateLimited => "rate_limit_error",
        FaultKind::Reported | FaultKind::Garbage | FaultKind::Truncated => "api_error",
    };
    out.extend_from_slice(b"event: error\ndata: ");
    object(out, |event| {
        event.put("type", "error").object("error", |error| {
            error.put("type", word).put("message", &fault.message);
        });
    });
    out.extend_from_slice(b"\n\n");
}

/// The fault that an error object in a stream, or in the clothes of a good answer, tells.
pub(super) fn fault_of(error: &str) -> Fault {
    let (kind, message) = match Members::of_text(error) {
        Some(members) => (
            members.peek_str("type").unwrap_or_default(),
            members.peek_str("message").unwrap_or_default(),
        ),
        None => (String::new(), serde_json::from_str(error).unwrap_or_default()),
    };
    let message = match message.is_empty() {
        true => "The provider reported an error without words.".to_owned(),
        false => short(&message),
    };
    let kind = match kind.as_str() {
        "overloaded_error" => FaultKind::Overloaded,
        "rate_limit_error" => FaultKind::RateLimited,
        _ => FaultKind::Reported,
    };
    Fault { kind, message }
}

/// Reads a provider's answer with an error status. Servers that only speak the format may tell errors in other shapes.
pub fn read_error(status: u16, body: &[u8]) -> ProviderSaid {
    let text = String::from_utf8_lossy(body);
    let Some(outer) = Members::of_text(&text) else {
        let message = if looks_like_a_page(&text) { String::new() } else { short(text.trim()) };
        return ProviderSaid { meaning: by_status(status), message, ..ProviderSaid::default() };
    };
    let inner = outer.peek("error").map(|raw| raw.get());
    let error = inner.and_then(Members::of_text);
    let look = |name: &str| error.as_ref().and_then(|error| word_of(error, name));
    let message = look("message")
        .or_else(|| inner.and_then(|raw| serde_json::from_str(raw).ok()))
        .or_else(|| word_of(&outer, "message"))
        .or_else(|| word_of(&outer, "detail"))
        .unwrap_or_default();
    let details = error.as_ref().and_then(|error| Members::of_text(error.peek("details")?.get()));
    let code = details.and_then(|details| word_of(&details, "error_code")).or_else(|| look("code"));
    let kind = look("type");
    let meaning = code
        .as_deref()
        .and_then(by_code)
        .or_else(|| by_words(status, &message))
        .or_else(|| kind.as_deref().and_then(|kind| by_type(kind, &message)))
        .or_else(|| by_status(status));
    let param = look("param");
    ProviderSaid { message: short(&message), code, kind, param, meaning, retry_after_ms: None }
}

/// A member that is a word or a number.
fn word_of(members: &Members, name: &str) -> Option<String> {
    let raw = members.peek(name)?.get();
    let number = raw.parse::<i64>().is_ok().then(|| raw.to_owned());
    members.peek_str(name).or(number).filter(|word| !word.is_empty())
}

fn by_code(code: &str) -> Option<Meaning> {
    Some(match code {
        // A monthly cap, told with 429 and without a time to wait.
        "enforced_spend_limit_reached" | "contract_spend_limit_reached" => Meaning::OutOfCredit,
        "ramp_limit_exceeded" => Meaning::RateLimited,
        "context_length_exceeded" => Meaning::ContextWindow,
        "invalid_api_key" => Meaning::BadKey,
        "insufficient_quota" => Meaning::OutOfCredit,
        _ => return None,
    })
}

/// Words that tell more than the type `invalid_request_error`, for which there is no code.
fn by_words(status: u16, message: &str) -> Option<Meaning> {
    if !matches!(status, 400 | 403 | 413 | 422) {
        return None;
    }
    let words = message.to_ascii_lowercase();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    if has(&["prompt is too long", "exceed context limit", "context window"]) {
        Some(Meaning::ContextWindow)
    } else if has(&["credit balance is too low", "specified api usage limits"]) {
        Some(Meaning::OutOfCredit)
    } else if has(&["content filtering policy", "content_filter"]) {
        Some(Meaning::ContentFilter)
    } else {
        None
    }
}

fn by_type(kind: &str, message: &str) -> Option<Meaning> {
    Some(match kind {
        "authentication_error" => Meaning::BadKey,
        "permission_error" => Meaning::Forbidden,
        "billing_error" => Meaning::OutOfCredit,
        "rate_limit_error" => Meaning::RateLimited,
        "not_found_error" if message.to_ascii_lowercase().contains("model") => {
            Meaning::ModelNotFound
        }
        "not_found_error" | "invalid_request_error" | "request_too_large" | "conflict_error" => {
            Meaning::Caller
        }
        "api_error" | "timeout_error" | "overloaded_error" => Meaning::Server,
        _ => return None,
    })
}

/// The statuses that are Anthropic's own.
const fn by_status(status: u16) -> Option<Meaning> {
    match status {
        402 => Some(Meaning::OutOfCredit),
        413 => Some(Meaning::Caller),
        529 => Some(Meaning::Server),
        _ => None,
    }
}

/// A page of a proxy before the provider says nothing to an app.
fn looks_like_a_page(text: &str) -> bool {
    text.trim_start().starts_with('<')
}

fn short(message: &str) -> String {
    message.chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests;
