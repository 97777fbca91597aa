//! What an error means, by its codes first and its words last.

use crate::stream::Meaning;
use serde_json::Value;

/// What there is to decide by.
pub(super) struct Said<'s> {
    pub(super) status: u16,
    /// Codes, types and status words, in lower case.
    pub(super) codes: &'s [String],
    pub(super) words: &'s str,
    /// The error object.
    pub(super) error: &'s Value,
}

/// The meaning where the codes or words say more than the HTTP status.
pub(super) fn of(said: &Said) -> Option<Meaning> {
    let words = said.words.to_ascii_lowercase();
    // A type as general as `invalid_request_error` is told by many codes; what the words say goes before it.
    said.codes
        .iter()
        .find_map(|code| by_code(code))
        .or_else(|| moderated(said, &words))
        .or_else(|| by_words(said.status, &words))
        .or_else(|| by_status(said))
        .or_else(|| said.codes.iter().find_map(|kind| by_type(kind)))
}

fn by_code(code: &str) -> Option<Meaning> {
    CODES.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, meaning)| *meaning)
}

/// Codes that mean the same wherever they come. The numbers of four digits are Z.ai's business codes: its status is 429
/// for an empty account too.
const CODES: &[(&[&str], Meaning)] = &[
    (
        &[
            "context_length_exceeded",
            "context_window_exceeded",
            "model_max_prompt_tokens_exceeded",
            "exceed_context_size_error",
            "prompt_too_long",
            "1261",
        ],
        Meaning::ContextWindow,
    ),
    (
        &[
            "content_filter",
            "content_filtered",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "data_inspection_failed",
            "datainspectionfailed",
            "moderation_blocked",
            "1301",
        ],
        Meaning::ContentFilter,
    ),
    (
        &[
            "insufficient_quota",
            "insufficient_balance",
            "insufficient_credits",
            "insufficient_user_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "enforced_spend_limit_reached",
            "exceeded_current_quota_error",
            "payment_required",
            "arrearage",
            "1110",
            "1111",
            "1112",
            "1113",
            "1304",
            "1308",
            "1310",
        ],
        Meaning::OutOfCredit,
    ),
    (
        &[
            "invalid_api_key",
            "invalidapikey",
            "incorrect_api_key",
            "wrong_api_key",
            "invalid_authentication_error",
            "expired_api_key",
            "token_expired",
            "1000",
            "1001",
            "1002",
            "1003",
            "1004",
        ],
        Meaning::BadKey,
    ),
    (
        &["model_not_found", "deploymentnotfound", "model_decommissioned", "unknown_model", "1211"],
        Meaning::ModelNotFound,
    ),
    (
        &["unsupported_country_region_territory", "permission_denied", "permission_error"],
        Meaning::Forbidden,
    ),
    (
        &[
            "rate_limit_exceeded",
            "rate_limited",
            "rate_limit_error",
            "rate_limit_reached_error",
            "ratelimitreached",
            "too_many_requests",
            "throttling",
            "throttling.ratequota",
            "throttling.burstrate",
            "throttling.allocationquota",
            "1302",
            "1303",
            "1305",
        ],
        Meaning::RateLimited,
    ),
    (
        &[
            // The model wrote broken JSON: another try may succeed.
            "tool_use_failed",
            "json_validate_failed",
            "capacity_exceeded",
            "nocapacity",
            "server_error",
            "internal_server_error",
            "internalservererror",
            "serviceunavailable",
            "service_unavailable",
            "engine_overloaded_error",
            "overloaded_error",
            "unavailable_error",
            "1312",
        ],
        Meaning::Server,
    ),
    (
        &[
            "unsupported_parameter",
            "unsupported_value",
            "unknown_parameter",
            "invalid_value",
            "operationnotsupported",
            "invalidparameter",
            "1210",
            "1213",
            "1214",
        ],
        Meaning::Caller,
    ),
];

fn by_type(kind: &str) -> Option<Meaning> {
    Some(match kind {
        "authentication_error" => Meaning::BadKey,
        "not_found_error" => Meaning::ModelNotFound,
        "invalid_request_error" | "badrequesterror" | "validation_error" => Meaning::Caller,
        _ => return None,
    })
}

/// OpenRouter's 403 of a moderated prompt names the reasons; others only say so.
fn moderated(said: &Said, words: &str) -> Option<Meaning> {
    let metadata = &said.error["metadata"];
    let reasons = metadata["reasons"].is_array() || metadata["flagged_input"].is_string();
    let told = words.contains("moderation") && (words.contains("flagged") || said.status == 403);
    (reasons || told).then_some(Meaning::ContentFilter)
}

fn by_words(status: u16, words: &str) -> Option<Meaning> {
    if !matches!(status, 200 | 400..=499 | 500) {
        return None;
    }
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    if status != 429 && has(CONTEXT) {
        Some(Meaning::ContextWindow)
    } else if has(FILTER) {
        Some(Meaning::ContentFilter)
    } else if has(CREDIT) {
        Some(Meaning::OutOfCredit)
    } else if has(KEY) {
        Some(Meaning::BadKey)
    } else if status == 404 && words.contains("model") && has(&["not found", "does not exist"]) {
        Some(Meaning::ModelNotFound)
    } else {
        None
    }
}

const CONTEXT: &[&str] = &[
    "maximum context length",
    "context length exceeded",
    "context window",
    "exceeds the context",
    "exceed context size",
    "exceeds the available context",
    "exceeds the maximum number of tokens",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "reduce the length of the messages",
    "reduce the length of your prompt",
    "range of input length should be",
    "exceeded model token limit",
    "longer than the maximum model length",
    "inputs tokens + max_new_tokens must be",
];

const FILTER: &[&str] =
    &["content management policy", "content policy violation", "inappropriate content"];

const CREDIT: &[&str] = &[
    "insufficient balance",
    "insufficient credit",
    "insufficient funds",
    "insufficient quota",
    "exceeded your current quota",
    "exceeded your monthly spending",
    "more credits",
];

const KEY: &[&str] = &[
    "incorrect api key",
    "invalid api key",
    "invalid subscription key",
    "api key is invalid",
    "no auth credentials found",
];

/// A status that means the same wherever it comes, and the number of one inside a body.
fn by_status(said: &Said) -> Option<Meaning> {
    if said.status == 402 {
        return Some(Meaning::OutOfCredit);
    }
    let numbers = said.codes.iter().filter_map(|code| code.parse::<u16>().ok());
    let inside = numbers.into_iter().find(|code| (400..600).contains(code))?;
    (inside != said.status).then_some(())?;
    Some(match inside {
        401 => Meaning::BadKey,
        402 => Meaning::OutOfCredit,
        403 => Meaning::Forbidden,
        404 => Meaning::ModelNotFound,
        429 => Meaning::RateLimited,
        408 | 409 | 500.. => Meaning::Server,
        _ => Meaning::Caller,
    })
}
