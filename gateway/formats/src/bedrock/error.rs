//! Errors of Bedrock: a name, mostly in the header `x-amzn-errortype`, and a sentence in the body.

use crate::{
    conversation::{Fault, FaultKind},
    json::Members,
    stream::{Meaning, ProviderSaid},
};

/// The most characters of a provider's words.
const MOST_CHARACTERS: usize = 500;

/// Reads an answer with an error status. `error_type` is the header `x-amzn-errortype`.
pub fn read_error(status: u16, error_type: Option<&str>, body: &[u8]) -> ProviderSaid {
    let text = String::from_utf8_lossy(body);
    let members = Members::of_text(&text);
    let look = |name: &str| members.as_ref().and_then(|members| members.peek_str(name));
    let named = error_type.map(str::to_owned).or_else(|| look("__type")).or_else(|| look("code"));
    let name = named.as_deref().map(plain_name).filter(|name| !name.is_empty());
    let message = look("message").or_else(|| look("Message")).unwrap_or_default();
    ProviderSaid {
        meaning: meaning(status, name.unwrap_or_default(), &message),
        message: short(&message),
        code: name.map(str::to_owned),
        kind: name.map(str::to_owned),
        param: None,
        retry_after_ms: None,
    }
}

/// `ThrottlingException` out of `ThrottlingException:http://…` and of `com.amazon.coral#ThrottlingException`.
fn plain_name(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

fn meaning(status: u16, name: &str, message: &str) -> Option<Meaning> {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    Some(match name {
        "ValidationException" => match () {
            () if says(TOO_LONG) => Meaning::ContextWindow,
            () if says(FILTERED) => Meaning::ContentFilter,
            () if says(NO_SUCH_MODEL) => Meaning::ModelNotFound,
            () => Meaning::Caller,
        },
        "ServiceQuotaExceededException" => Meaning::OutOfCredit,
        "AccessDeniedException" if says(&["api key", "authentication failed"]) => Meaning::BadKey,
        "AccessDeniedException" => Meaning::Forbidden,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "ExpiredToken" => Meaning::BadKey,
        "ResourceNotFoundException" => Meaning::ModelNotFound,
        "ThrottlingException" | "TooManyRequestsException" => Meaning::RateLimited,
        "ModelTimeoutException"
        | "ModelErrorException"
        | "ModelStreamErrorException"
        | "ModelNotReadyException"
        | "InternalServerException"
        | "InternalFailure"
        | "ServiceUnavailableException"
        | "ServiceUnavailable" => Meaning::Server,
        _ => match status {
            400 if says(TOO_LONG) => Meaning::ContextWindow,
            // 424 is what Bedrock says where the model behind it has failed.
            408 | 424 => Meaning::Server,
            _ => return None,
        },
    })
}

const TOO_LONG: &[&str] = &[
    "input is too long",
    "prompt is too long",
    "too many input tokens",
    "maximum context length",
    "context window",
    "exceeds the maximum number of tokens",
    "exceed context limit",
];

const FILTERED: &[&str] = &["content filtering policy", "content filter", "guardrail intervened"];

/// The last one: a model that is only served by way of an inference profile, whose name is another one.
const NO_SUCH_MODEL: &[&str] = &[
    "model identifier is invalid",
    "could not resolve the foundation model",
    "on-demand throughput isn",
    "model is not supported in this region",
];

/// The fault that an exception in a stream tells; the status was good.
pub(super) fn fault_of(name: &str, payload: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(payload);
    let members = Members::of_text(&text);
    let look = |name: &str| {
        let said = members.as_ref().and_then(|members| members.peek_str(name));
        said.filter(|said| !said.is_empty())
    };
    let message = look("message").or_else(|| look("originalMessage")).or_else(|| look("Message"));
    let kind = match name {
        "throttlingException" => FaultKind::RateLimited,
        "serviceUnavailableException" => FaultKind::Overloaded,
        _ => FaultKind::Reported,
    };
    let nameless = || format!("The provider reported {name}.");
    Fault { kind, message: short(&message.unwrap_or_else(nameless)) }
}

fn short(message: &str) -> String {
    message.trim().chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exceptions_name_says_more_than_its_status() {
        const TAIL: &str = ":http://internal.amazon.com/coral/com.amazon.bedrock/";
        let cases = [
            (400, "ValidationException", "Malformed input request", Meaning::Caller),
            (
                400,
                "ValidationException",
                "Input is too long for requested model.",
                Meaning::ContextWindow,
            ),
            (
                400,
                "ValidationException",
                "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
                Meaning::ContextWindow,
            ),
            (
                400,
                "ValidationException",
                "The model returned the following errors: Output blocked by content filtering policy",
                Meaning::ContentFilter,
            ),
            (
                400,
                "ValidationException",
                "The provided model identifier is invalid.",
                Meaning::ModelNotFound,
            ),
            (
                400,
                "ValidationException",
                "Invocation of model ID x with on-demand throughput isn’t supported. Retry with an inference profile.",
                Meaning::ModelNotFound,
            ),
            (400, "ServiceQuotaExceededException", "over the quota", Meaning::OutOfCredit),
            (
                403,
                "AccessDeniedException",
                "You don't have access to the model",
                Meaning::Forbidden,
            ),
            (
                403,
                "AccessDeniedException",
                "Authentication failed: API Key is not valid",
                Meaning::BadKey,
            ),
            (403, "UnrecognizedClientException", "The security token is invalid.", Meaning::BadKey),
            (403, "InvalidSignatureException", "does not match", Meaning::BadKey),
            (403, "ExpiredTokenException", "expired", Meaning::BadKey),
            (404, "ResourceNotFoundException", "Could not resolve", Meaning::ModelNotFound),
            (408, "ModelTimeoutException", "timed out", Meaning::Server),
            (424, "ModelErrorException", "unexpected", Meaning::Server),
            (
                429,
                "ThrottlingException",
                "Too many tokens, please wait before trying again.",
                Meaning::RateLimited,
            ),
            (429, "ModelNotReadyException", "not ready", Meaning::Server),
            (500, "InternalServerException", "oops", Meaning::Server),
            (503, "ServiceUnavailableException", "oops", Meaning::Server),
        ];
        for (status, name, message, meaning) in cases {
            let body = serde_json::json!({ "message": message }).to_string();
            let said = read_error(status, Some(&format!("{name}{TAIL}")), body.as_bytes());
            assert_eq!(said.meaning, Some(meaning), "{name}: {message}");
            assert_eq!((said.message.as_str(), said.code.as_deref()), (message, Some(name)));
            let in_body =
                serde_json::json!({ "__type": format!("com.amazon#{name}"), "Message": message });
            let again = read_error(status, None, in_body.to_string().as_bytes());
            assert_eq!(again, said, "the name may stand in the body");
        }
    }

    #[test]
    fn a_status_without_a_name_says_what_it_says() {
        assert_eq!(read_error(424, None, b"").meaning, Some(Meaning::Server));
        assert_eq!(read_error(403, None, b"<html>").meaning, None);
        assert_eq!(read_error(403, None, b"<html>").message, "");
        let long = serde_json::json!({ "message": "ä".repeat(900) }).to_string();
        assert_eq!(read_error(400, None, long.as_bytes()).message.chars().count(), 500);
    }

    #[test]
    fn exceptions_in_a_stream_are_told_by_their_name() {
        let cases = [
            (
                "throttlingException",
                r#"{"message":"Too many requests"}"#,
                FaultKind::RateLimited,
                "Too many requests",
            ),
            (
                "serviceUnavailableException",
                "{}",
                FaultKind::Overloaded,
                "The provider reported serviceUnavailableException.",
            ),
            (
                "modelStreamErrorException",
                r#"{"originalStatusCode":500,"originalMessage":"Internal server error"}"#,
                FaultKind::Reported,
                "Internal server error",
            ),
            (
                "internalServerException",
                "no JSON",
                FaultKind::Reported,
                "The provider reported internalServerException.",
            ),
        ];
        for (name, payload, kind, message) in cases {
            let fault = fault_of(name, payload.as_bytes());
            assert_eq!((fault.kind, fault.message.as_str()), (kind, message));
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in any::<u16>(), name in proptest::option::of(".{0,30}"), body in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(read_error(status, name.as_deref(), &body).message.chars().count() <= 500);
            fault_of(name.as_deref().unwrap_or_default(), &body);
        }
    }
}
