//! Errors: OpenAI's error object on both sides, and what a response that failed says.

pub use crate::openai_chat::{read_error, write_error};

use crate::{
    conversation::{Fault, FaultKind},
    json::Members,
};

/// What a response says of its failure: its `error` member, or the data of an `error` event.
pub(super) fn fault_of(error: Option<&str>) -> Fault {
    let error = error.and_then(Members::of_text);
    let word = |name: &str| error.as_ref().and_then(|error| error.peek_str(name));
    let kind = match word("code").or_else(|| word("type")).as_deref() {
        Some("rate_limit_exceeded" | "rate_limit_error") => FaultKind::RateLimited,
        Some("server_is_overloaded" | "slow_down" | "overloaded_error" | "engine_overloaded") => {
            FaultKind::Overloaded
        }
        _ => FaultKind::Reported,
    };
    let message = word("message").filter(|message| !message.trim().is_empty());
    let message = message.unwrap_or_else(|| "The provider failed and gave no reason.".to_owned());
    Fault { kind, message: message.chars().take(500).collect() }
}

/// The code of a failure, in the words that `error.code` of a response may have. There is none for an overload.
pub(super) const fn code_of(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::RateLimited => "rate_limit_exceeded",
        FaultKind::Overloaded | FaultKind::Reported | FaultKind::Garbage | FaultKind::Truncated => {
            "server_error"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_kind_and_its_words() {
        let cases = [
            (r#"{"code":"server_error","message":"oops"}"#, FaultKind::Reported, "oops"),
            (r#"{"code":"rate_limit_exceeded","message":"slow"}"#, FaultKind::RateLimited, "slow"),
            (r#"{"code":"server_is_overloaded","message":"full"}"#, FaultKind::Overloaded, "full"),
            (r#"{"code":429,"message":"m"}"#, FaultKind::Reported, "m"),
            ("null", FaultKind::Reported, "The provider failed and gave no reason."),
        ];
        for (error, kind, message) in cases {
            let fault = fault_of(Some(error));
            assert_eq!((fault.kind, fault.message.as_str()), (kind, message), "{error}");
        }
        for kind in [FaultKind::RateLimited, FaultKind::Reported] {
            let back = format!(r#"{{"code":"{}","message":"m"}}"#, code_of(kind));
            assert_eq!(fault_of(Some(&back)).kind, kind);
        }
    }
}
