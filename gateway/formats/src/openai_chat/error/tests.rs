use super::*;
use crate::stream::{Meaning, ProviderSaid};
use proptest::prelude::*;

fn said(status: u16, body: &str) -> ProviderSaid {
    read_error(status, body.as_bytes())
}

#[test]
fn a_message_is_found_in_every_shape() {
    let cases = [
        (r#"{"error":{"message":"a","type":"t","param":"p","code":"c"}}"#, "a"),
        (r#"{"error":"a"}"#, "a"),
        (r#"{"message":"a"}"#, "a"),
        (
            r#"{"object":"error","message":"a","type":"rate_limited","param":null,"code":"1300"}"#,
            "a",
        ),
        (r#"{"object":"error","message":{"detail":"a"},"type":"x"}"#, "a"),
        (r#"{"detail":"a"}"#, "a"),
        (
            r#"{"detail":[{"loc":["body","messages",0,"role"],"msg":"a","type":"enum"},{"msg":"b"}]}"#,
            "messages.0.role: a; b",
        ),
        (r#"{"code":5,"msg":"a"}"#, "a"),
        (r#"{"error_message":"a"}"#, "a"),
        (r#"[{"error":{"code":400,"message":"a","status":"INVALID_ARGUMENT"}}]"#, "a"),
        (r#"{"statusCode":429,"message":"a"}"#, "a"),
        (
            r#"{"error":{"code":400,"message":"Provider returned error","metadata":
                {"provider_name":"X","raw":"{\"error\":{\"message\":\"too hot\"}}"}}}"#,
            "Provider returned error: too hot",
        ),
        (r#"{"strange":1}"#, r#"{"strange":1}"#),
        ("\"a\"", "a"),
        ("<html>502 Bad Gateway</html>", "the provider gave no readable reason"),
        ("", "the provider gave no readable reason"),
    ];
    for (body, message) in cases {
        assert_eq!(said(500, body).message, message, "{body}");
    }
    assert_eq!(said(400, &format!("{{\"error\":\"{}\"}}", "x".repeat(900))).message.len(), 500);
}

#[test]
fn code_type_and_param_are_told_where_they_are_words_or_numbers() {
    let openai = said(400, r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#);
    assert_eq!(openai.code.as_deref(), Some("c"));
    assert_eq!(openai.kind.as_deref(), Some("t"));
    assert_eq!(openai.param.as_deref(), Some("p"));
    let clone = said(400, r#"{"error":{"message":"m","code":429,"param":{"x":1},"type":null}}"#);
    assert_eq!((clone.code.as_deref(), clone.kind, clone.param), (Some("429"), None, None));
}

#[test]
fn codes_and_words_tell_more_than_the_status() {
    use Meaning::*;
    let cases = [
        (400, r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, Some(ContextWindow)),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"BadRequestError","code":400}}"#,
            Some(ContextWindow),
        ),
        (400, r#"{"error":{"code":"1261","message":"Prompt too long"}}"#, Some(ContextWindow)),
        (
            400,
            r#"{"error":{"code":400,"type":"exceed_context_size_error","message":"m"}}"#,
            Some(ContextWindow),
        ),
        (
            400,
            r#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400,
                "innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            Some(ContentFilter),
        ),
        (
            400,
            r#"{"error":{"code":null,"message":"m","inner_error":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            Some(ContentFilter),
        ),
        (
            400,
            r#"{"error":{"code":null,"message":"m"},"innererror":{"code":"ResponsibleAIPolicyViolation"}}"#,
            Some(ContentFilter),
        ),
        (
            400,
            r#"{"error":{"code":"content_policy_violation","message":"m"}}"#,
            Some(ContentFilter),
        ),
        (
            400,
            r#"{"error":{"code":null,"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy."}}"#,
            Some(ContentFilter),
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}}"#,
            Some(ContentFilter),
        ),
        (403, r#"{"error":{"code":403,"message":"x requires moderation"}}"#, Some(ContentFilter)),
        (
            429,
            r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"m"}}"#,
            Some(OutOfCredit),
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
            Some(OutOfCredit),
        ),
        (402, r#"{"error":{"message":"m"}}"#, Some(OutOfCredit)),
        (429, r#"{"error":{"code":"1113","message":"m"}}"#, Some(OutOfCredit)),
        (429, r#"{"error":{"code":"1302","message":"m"}}"#, Some(RateLimited)),
        (401, r#"{"error":{"code":"1002","message":"m"}}"#, Some(BadKey)),
        (400, r#"{"error":{"code":"1211","message":"m"}}"#, Some(ModelNotFound)),
        (429, r#"{"error":{"code":"1312","message":"m"}}"#, Some(Server)),
        (401, r#"{"error":{"code":"invalid_api_key","message":"m"}}"#, Some(BadKey)),
        (
            401,
            r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}"#,
            Some(BadKey),
        ),
        (404, r#"{"error":{"code":"model_not_found","message":"m"}}"#, Some(ModelNotFound)),
        (
            404,
            r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error"}}"#,
            Some(ModelNotFound),
        ),
        (404, r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, Some(ModelNotFound)),
        (404, r#"{"error":{"code":"404","message":"Resource not found"}}"#, None),
        (
            400,
            r#"{"error":{"code":"tool_use_failed","message":"m","failed_generation":"x"}}"#,
            Some(Server),
        ),
        (400, r#"{"error":{"code":"json_validate_failed","message":"m"}}"#, Some(Server)),
        (
            403,
            r#"{"error":{"code":"unsupported_country_region_territory","message":"m"}}"#,
            Some(Forbidden),
        ),
        (429, r#"{"error":{"code":"429","message":"m"}}"#, None),
        (200, r#"{"error":{"code":429,"message":"m"}}"#, Some(RateLimited)),
        (200, r#"{"error":{"code":502,"message":"m"}}"#, Some(Server)),
        (400, r#"{"error":{"type":"invalid_request_error","message":"m"}}"#, Some(Caller)),
        (500, "<html></html>", None),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Some(Server),
        ),
    ];
    for (status, body, meaning) in cases {
        assert_eq!(said(status, body).meaning, meaning, "{status} {body}");
    }
}

#[test]
fn the_wait_is_read_out_of_the_words() {
    let cases = [
        ("Please retry after 27 seconds.", Some(27_000)),
        ("Rate limit is exceeded. Try again in 12 seconds.", Some(12_000)),
        ("Limit reached. Please try again in 20ms. Visit https://x", Some(20)),
        ("Please try again in 2m59.56s.", Some(179_560)),
        ("Please try again in 6m0s", Some(360_000)),
        ("retry after 1 minute and 3 seconds", Some(63_000)),
        ("retry after 5", Some(5_000)),
        ("retry after a while", None),
        ("try again in 9999999999999 days", None),
        ("nothing", None),
    ];
    for (words, expected) in cases {
        let body = serde_json::json!({"error": {"message": words}}).to_string();
        assert_eq!(said(429, &body).retry_after_ms, expected, "{words}");
    }
    let member = r#"{"error":{"message":"m","retry_after":1.5}}"#;
    assert_eq!(said(429, member).retry_after_ms, Some(1500));
}

#[test]
fn our_error_has_all_members_of_openais() {
    let details = serde_json::json!({"a": 1});
    let facts = ErrorFacts {
        status: 400,
        kind: "invalid_request_error",
        code: "invalid_value",
        param: Some("n"),
        message: "no",
        details: Some(("details", &details)),
        request_id: None,
    };
    let written: Value = serde_json::from_slice(&write_error(&facts)).unwrap();
    assert_eq!(
        written,
        json!({"error": {"message": "no", "type": "invalid_request_error", "param": "n", "code": "invalid_value",
            "details": {"a": 1}}})
    );
    assert_eq!(said(400, &written.to_string()).message, "no");
}

proptest! {
    #[test]
    fn no_body_of_an_error_makes_it_panic(status in 200u16..600, body in ".{0,200}") {
        let said = read_error(status, body.as_bytes());
        prop_assert!(said.message.chars().count() <= 500);
    }

    #[test]
    fn no_wait_makes_it_panic(words in "(retry after|try again in) [0-9.ms hand]{0,30}") {
        let body = serde_json::json!({"error": words}).to_string();
        let _ = read_error(429, body.as_bytes());
    }
}
