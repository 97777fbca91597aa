use super::*;
use proptest::prelude::*;

fn facts<'e>(status: u16, kind: &'e str, code: &'e str, message: &'e str) -> ErrorFacts<'e> {
    ErrorFacts { status, kind, code, param: None, message, details: None, request_id: None }
}

#[test]
fn apps_are_told_errors_in_anthropics_words() {
    let cases = [
        (400, "invalid_request_error", "invalid_request_error"),
        (422, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "insufficient_quota", "billing_error"),
        (429, "insufficient_quota", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "invalid_request_error", "timeout_error"),
        (409, "invalid_request_error", "conflict_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "upstream_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "upstream_error", "timeout_error"),
        (529, "upstream_error", "overloaded_error"),
    ];
    for (status, kind, expected) in cases {
        let body = write_error(&facts(status, kind, "c", "words"));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], expected, "{status} {kind}");
    }
}

#[test]
fn an_error_has_all_its_parts() {
    let details = serde_json::json!({"limit": 5});
    let error = ErrorFacts {
        param: Some("messages"),
        details: Some(("budget", &details)),
        request_id: Some("req_1"),
        ..facts(400, "invalid_request_error", "context_length_exceeded", "9 tokens > 8 maximum")
    };
    assert_eq!(
        String::from_utf8(write_error(&error)).unwrap(),
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum","details":{"error_code":"context_length_exceeded","param":"messages","budget":{"limit":5}}},"request_id":"req_1"}"#
    );
}

#[test]
fn what_a_provider_says_is_understood() {
    let said = |kind: &str, message: &str| {
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        )
    };
    let capped = r#"{"type":"error","error":{"type":"rate_limit_error","message":"Monthly cap.","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    let ramp = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"ramp_limit_exceeded"}}}"#;
    let cases = [
        (400, said("invalid_request_error", "max_tokens: required"), Meaning::Caller),
        (
            400,
            said("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            Meaning::ContextWindow,
        ),
        (
            400,
            said("invalid_request_error", "You have reached your specified API usage limits."),
            Meaning::OutOfCredit,
        ),
        (
            400,
            said("invalid_request_error", "Your credit balance is too low"),
            Meaning::OutOfCredit,
        ),
        (
            400,
            said("invalid_request_error", "Output blocked by content filtering policy"),
            Meaning::ContentFilter,
        ),
        (401, said("authentication_error", "invalid x-api-key"), Meaning::BadKey),
        (402, said("billing_error", "pay"), Meaning::OutOfCredit),
        (403, said("permission_error", "no"), Meaning::Forbidden),
        (404, said("not_found_error", "model: claude-x"), Meaning::ModelNotFound),
        (404, said("not_found_error", "no such page"), Meaning::Caller),
        (413, said("request_too_large", "32 MB"), Meaning::Caller),
        (429, said("rate_limit_error", "slow down"), Meaning::RateLimited),
        (429, capped.to_owned(), Meaning::OutOfCredit),
        (429, ramp.to_owned(), Meaning::RateLimited),
        (500, said("api_error", "oops"), Meaning::Server),
        (504, said("timeout_error", "late"), Meaning::Server),
        (529, said("overloaded_error", "Overloaded"), Meaning::Server),
        (529, "<html>oops</html>".to_owned(), Meaning::Server),
        (413, "<html>Cloudflare</html>".to_owned(), Meaning::Caller),
    ];
    for (status, body, expected) in cases {
        assert_eq!(read_error(status, body.as_bytes()).meaning, Some(expected), "{status} {body}");
    }
    let read = read_error(429, capped.as_bytes());
    assert_eq!(read.code.as_deref(), Some("enforced_spend_limit_reached"));
    assert_eq!(read.kind.as_deref(), Some("rate_limit_error"));
    assert_eq!(read.message, "Monthly cap.");
}

#[test]
fn other_shapes_give_their_words_too() {
    let cases = [
        (r#"{"error":{"message":"m","code":1113}}"#, "m", Some("1113")),
        (r#"{"error":"plain"}"#, "plain", None),
        (r#"{"message":"aws"}"#, "aws", None),
        ("upstream gone", "upstream gone", None),
        ("<html>page</html>", "", None),
        ("[]", "[]", None),
    ];
    for (body, message, code) in cases {
        let read = read_error(500, body.as_bytes());
        assert_eq!((read.message.as_str(), read.code.as_deref()), (message, code), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..80), text in ".{0,700}") {
        read_error(400, &body);
        let body = serde_json::json!({"error": {"message": text, "type": text}}).to_string();
        prop_assert!(read_error(400, body.as_bytes()).message.chars().count() <= MOST_CHARACTERS);
    }
}
