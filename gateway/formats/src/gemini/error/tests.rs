use super::*;

fn body(code: u16, status: &str, message: &str, details: &str) -> String {
    format!(
        r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}","details":[{details}]}}}}"#
    )
}

#[test]
fn the_status_word_the_reason_and_the_words_tell_what_an_error_means() {
    let info = |reason: &str| {
        format!(
            r#"{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"googleapis.com"}}"#
        )
    };
    let cases = [
        (400, "INVALID_ARGUMENT", "Unknown name \\\"x\\\"", String::new(), Meaning::Caller),
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            info("API_KEY_INVALID"),
            Meaning::BadKey,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            String::new(),
            Meaning::ContextWindow,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            String::new(),
            Meaning::Forbidden,
        ),
        (401, "UNAUTHENTICATED", "expired", info("ACCESS_TOKEN_EXPIRED"), Meaning::BadKey),
        (403, "PERMISSION_DENIED", "no", String::new(), Meaning::Forbidden),
        (
            403,
            "PERMISSION_DENIED",
            "Your API key was reported as leaked.",
            String::new(),
            Meaning::BadKey,
        ),
        (404, "NOT_FOUND", "no such model", String::new(), Meaning::ModelNotFound),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'input token count'",
            String::new(),
            Meaning::RateLimited,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Your prepayment credits are depleted.",
            String::new(),
            Meaning::OutOfCredit,
        ),
        (500, "INTERNAL", "oops", String::new(), Meaning::Server),
        (503, "UNAVAILABLE", "The model is overloaded.", String::new(), Meaning::Server),
        (504, "DEADLINE_EXCEEDED", "late", String::new(), Meaning::Server),
    ];
    for (code, word, message, details, meaning) in cases {
        let text = body(code, word, message, &details);
        let said = read_error(code, text.as_bytes());
        assert_eq!((said.meaning, said.kind.as_deref()), (Some(meaning), Some(word)), "{message}");
    }
}

#[test]
fn an_error_in_an_array_is_read_like_any_other() {
    let text = format!("[{}]", body(429, "RESOURCE_EXHAUSTED", "slow down", ""));
    let said = read_error(429, text.as_bytes());
    assert_eq!(said.message, "slow down");
    assert_eq!(said.code.as_deref(), Some("429"));
    assert_eq!(said.meaning, Some(Meaning::RateLimited));
}

#[test]
fn a_quota_says_how_long_to_wait_and_one_of_a_day_long() {
    let retry = |delay: &str| {
        format!(r#"{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}"#)
    };
    let quota = |id: &str| {
        format!(
            r#"{{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaMetric":"m","quotaId":"{id}"}}]}}"#
        )
    };
    let cases = [
        (retry("30s"), Some(30_000)),
        (retry("1.2345s"), Some(1_235)),
        (retry("soon"), None),
        (
            format!("{},{}", quota("GenerateRequestsPerMinutePerProject"), retry("12s")),
            Some(12_000),
        ),
        (
            format!("{},{}", quota("GenerateRequestsPerDayPerProjectPerModel"), retry("12s")),
            Some(3_600_000),
        ),
        (String::new(), None),
    ];
    for (details, expected) in cases {
        let text = body(429, "RESOURCE_EXHAUSTED", "m", &details);
        assert_eq!(read_error(429, text.as_bytes()).retry_after_ms, expected, "{details}");
    }
}

#[test]
fn a_bad_field_is_named() {
    let details = r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0].parts","description":"d"}]}"#;
    let said = read_error(400, body(400, "INVALID_ARGUMENT", "m", details).as_bytes());
    assert_eq!(said.param.as_deref(), Some("contents[0].parts"));
}

#[test]
fn what_is_no_error_object_still_has_a_message() {
    let cases: [(&[u8], &str); 5] = [
        (b"<html>Bad Gateway</html>", NO_REASON),
        (b"", NO_REASON),
        (b"\xff\xfe", NO_REASON),
        (br#"{"error":"quota"}"#, "quota"),
        (br#"{"message":"no"}"#, r#"{"message":"no"}"#),
    ];
    for (body, expected) in cases {
        assert_eq!(read_error(502, body).message, expected);
    }
    let long = body(400, "INVALID_ARGUMENT", &"x".repeat(2000), "");
    assert_eq!(read_error(400, long.as_bytes()).message.chars().count(), 500);
}

#[test]
fn an_error_for_an_app_is_one_that_we_understand_ourselves() {
    let budget = serde_json::json!({"limit": 5});
    let facts = ErrorFacts {
        status: 429,
        kind: "rate_limit_error",
        code: "budget_exceeded",
        param: Some("contents"),
        message: "No money left.",
        details: Some(("budget", &budget)),
        request_id: Some("r1"),
    };
    let written = write_error(&facts);
    let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(value["error"]["code"], 429);
    assert_eq!(value["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(value["error"]["budget"]["limit"], 5);
    assert_eq!(value["error"]["details"][2]["requestId"], "r1");
    let said = read_error(429, &written);
    assert_eq!(said.message, "No money left.");
    assert_eq!(said.code.as_deref(), Some("BUDGET_EXCEEDED"));
    assert_eq!(said.param.as_deref(), Some("contents"));
}

#[test]
fn every_status_has_its_word() {
    let cases = [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "RESOURCE_EXHAUSTED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ];
    for (status, word) in cases {
        assert_eq!(status_word(status), word, "{status}");
    }
}
