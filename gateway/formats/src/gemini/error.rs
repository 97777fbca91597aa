//! Errors: `google.rpc.Status` in an object, which sometimes stands in an array of one.

use crate::{
    json::object,
    stream::{ErrorFacts, Meaning, ProviderSaid},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: &'a RawValue,
}

#[derive(Deserialize, Default)]
struct Status<'a> {
    code: Option<i64>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    details: Vec<&'a RawValue>,
}

/// One of the details; which one it is, its members tell.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    /// `ErrorInfo`.
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    /// `RetryInfo`.
    #[serde(borrow)]
    retry_delay: Option<Cow<'a, str>>,
    /// `QuotaFailure`.
    #[serde(borrow, default)]
    violations: Vec<Violation<'a>>,
    /// `BadRequest`.
    #[serde(borrow, default)]
    field_violations: Vec<Field<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Violation<'a> {
    #[serde(borrow)]
    quota_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Field<'a> {
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
}

/// What the details say, taken together.
#[derive(Default)]
struct Details {
    reason: Option<String>,
    retry_after_ms: Option<u64>,
    daily: bool,
    field: Option<String>,
}

/// Reads the body of an answer with an error status.
pub fn read_error(status: u16, body: &[u8]) -> ProviderSaid {
    let Some(error) = error_of(body) else { return unreadable(body) };
    let read: Status = serde_json::from_str(error.get()).unwrap_or_default();
    let details = Details::read(&read.details);
    // Some proxies give a text instead of an object.
    let text = serde_json::from_str::<Cow<str>>(error.get()).ok();
    let message = read.message.or(text).unwrap_or_default();
    let message: String = message.trim().chars().take(500).collect();
    let word = read.status.map(Cow::into_owned);
    let meaning = meaning(status, word.as_deref().unwrap_or_default(), &details, &message);
    ProviderSaid {
        code: details.reason.or_else(|| read.code.map(|code| code.to_string())),
        kind: word,
        param: details.field,
        meaning,
        retry_after_ms: details.retry_after_ms,
        message: if message.is_empty() { NO_REASON.to_owned() } else { message },
    }
}

const NO_REASON: &str = "The provider gave no readable reason.";

fn unreadable(body: &[u8]) -> ProviderSaid {
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let readable = json && !text.is_empty();
    let message = if readable { text.chars().take(500).collect() } else { NO_REASON.to_owned() };
    ProviderSaid { message, ..ProviderSaid::default() }
}

fn error_of(body: &[u8]) -> Option<&RawValue> {
    if !body.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice::<Body>(body).ok().map(|body| body.error);
    }
    let several: Vec<Body> = serde_json::from_slice(body).ok()?;
    several.into_iter().next().map(|body| body.error)
}

impl Details {
    fn read(raw: &[&RawValue]) -> Self {
        /// A quota of a day comes back at midnight in California, whatever the delay says. Until then it is worth a look
        /// now and then.
        const DAILY_MS: u64 = 3_600_000;
        let mut all = Self::default();
        for detail in raw.iter().filter_map(|raw| serde_json::from_str::<Detail>(raw.get()).ok()) {
            all.reason = all.reason.or(detail.reason.map(Cow::into_owned));
            let delay = detail.retry_delay.and_then(|text| milliseconds(&text));
            all.retry_after_ms = all.retry_after_ms.or(delay);
            let quotas = detail.violations.iter().filter_map(|one| one.quota_id.as_deref());
            all.daily |= quotas.into_iter().any(|quota| quota.contains("PerDay"));
            let field = detail.field_violations.into_iter().find_map(|one| one.field);
            all.field = all.field.or(field.map(Cow::into_owned));
        }
        if all.daily {
            all.retry_after_ms = Some(all.retry_after_ms.unwrap_or(0).max(DAILY_MS));
        }
        all
    }
}

/// `30s` or `1.5s`, rounded up.
fn milliseconds(text: &str) -> Option<u64> {
    let seconds: f64 = text.trim().strip_suffix('s')?.parse().ok()?;
    let fits = (0.0..=1e9).contains(&seconds);
    fits.then(|| (seconds * 1000.0).ceil() as u64)
}

fn meaning(status: u16, word: &str, details: &Details, message: &str) -> Option<Meaning> {
    let message = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    // A bad key is told as a bad request.
    let reason = details.reason.as_deref().unwrap_or_default();
    if matches!(reason, "API_KEY_INVALID" | "API_KEY_EXPIRED" | "CONSUMER_SUSPENDED")
        || says(&["api key not valid", "api key expired", "reported as leaked"])
    {
        return Some(Meaning::BadKey);
    }
    if says(&["credits are depleted", "spending cap", "billing account", "billing to be enabled"]) {
        return Some(Meaning::OutOfCredit);
    }
    if says(&[
        "exceeds the maximum number of tokens",
        "input token count",
        "input context is too long",
    ]) && !says(&["quota"])
    {
        return Some(Meaning::ContextWindow);
    }
    if says(&["user location is not supported"]) {
        return Some(Meaning::Forbidden);
    }
    Some(match (word, status) {
        ("UNAUTHENTICATED", _) | (_, 401) => Meaning::BadKey,
        ("PERMISSION_DENIED", _) | (_, 403) => Meaning::Forbidden,
        ("NOT_FOUND", _) | (_, 404) => Meaning::ModelNotFound,
        ("RESOURCE_EXHAUSTED", _) | (_, 429) => Meaning::RateLimited,
        (
            "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "UNKNOWN" | "ABORTED" | "CANCELLED",
            _,
        )
        | (_, 408 | 499 | 500..) => Meaning::Server,
        ("INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE", _) | (_, 400..500) => {
            Meaning::Caller
        }
        _ => return None,
    })
}

/// Google's word for an HTTP status.
pub(super) const fn status_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        405 | 501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// Writes an error for an app. Our own code is the reason in `ErrorInfo`.
pub fn write_error(error: &ErrorFacts) -> Vec<u8> {
    const TYPES: &str = "type.googleapis.com/google.rpc.";
    let mut out = Vec::new();
    object(&mut out, |body| {
        body.object("error", |members| {
            members
                .put("code", error.status)
                .put("message", error.message)
                .put("status", status_word(error.status));
            members.list("details", |details| {
                details.object(|info| {
                    info.put("@type", format!("{TYPES}ErrorInfo"))
                        .put("reason", error.code.to_ascii_uppercase())
                        .put("domain", "tollgate");
                    info.object("metadata", |metadata| {
                        metadata.put("code", error.code).put("type", error.kind);
                    });
                });
                if let Some(param) = error.param {
                    details.object(|request| {
                        request.put("@type", format!("{TYPES}BadRequest"));
                        request.list("fieldViolations", |list| {
                            list.object(|violation| {
                                violation.put("field", param).put("description", error.message);
                            });
                        });
                    });
                }
                if let Some(id) = error.request_id {
                    details.object(|request| {
                        request.put("@type", format!("{TYPES}RequestInfo")).put("requestId", id);
                    });
                }
            });
            if let Some((name, facts)) = error.details {
                members.put(name, facts);
            }
        });
    });
    out
}

#[cfg(test)]
mod tests;
