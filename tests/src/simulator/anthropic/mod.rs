//! Anthropic's Messages API: paths, key, version and body are checked here, in this order.

pub mod errors;
pub mod families;
pub mod models;

pub mod messages;
pub mod request;

pub mod blocks;
pub mod cache;
pub mod conversation;
pub mod sampling;
pub mod schemas;
pub mod thinking;
pub mod tools;

pub mod stream;
pub mod usage;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;

use self::errors::MessagesError;
use self::request::Purpose;
use super::body::{Body, Cut};
use super::call::Call;
use super::provider_error::ProviderError;
use super::requests::unix_ms;
use super::state::State;
use super::visit::Visit;

/// What Anthropic takes for a request, half of what the door takes.
const BODY_BYTES_MAX: usize = 32 << 20;

/// The version of the API that a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `2023-06-01`.
    V2023,
    /// `2026-10-21`.
    V2026,
}

/// What a request says of itself outside of the fields that make the message.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    /// The version of the API.
    pub version: Version,
    /// The betas it takes part in.
    pub betas: Vec<&'a str>,
    /// Fields that its body has where other clouds than Anthropic's own serve the format.
    pub body_fields: &'static [&'static str],
}

impl Caller<'_> {
    /// Whether it takes part in a beta that begins so.
    pub fn has_beta(&self, prefix: &str) -> bool {
        self.betas.iter().any(|beta| beta.starts_with(prefix))
    }
}

enum Endpoint<'a> {
    Messages(Purpose),
    Models,
    Model(&'a str),
}

/// Whether a request is for Anthropic. OpenAI has models under the same path.
pub fn knows(visit: &Visit<'_>) -> bool {
    match endpoint(visit.path) {
        Some(Endpoint::Messages(_)) => true,
        Some(Endpoint::Models | Endpoint::Model(_)) => visit.header("anthropic-version").is_some(),
        None => false,
    }
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match check(state, visit) {
        Ok((Endpoint::Models, _)) => models::list(state, visit),
        Ok((Endpoint::Model(id), _)) => models::one(state, visit, id),
        Ok((Endpoint::Messages(purpose), caller)) => match begin(state, visit) {
            Ok(call) => Ok(messages::answer(call, &caller, purpose).await?),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(|error| error.response(visit.number));
    dress(&mut response, visit.number);
    Ok(response)
}

/// The id of a request, which its answer and its error name.
pub fn request_id(number: u64) -> String {
    format!("req_{number:024x}")
}

fn endpoint(path: &str) -> Option<Endpoint<'_>> {
    match path.strip_prefix("v1/")? {
        "messages" => Some(Endpoint::Messages(Purpose::Message)),
        "messages/count_tokens" => Some(Endpoint::Messages(Purpose::Count)),
        "models" => Some(Endpoint::Models),
        rest => rest.strip_prefix("models/").filter(|id| !id.is_empty()).map(Endpoint::Model),
    }
}

fn check<'a>(
    state: &State,
    visit: &Visit<'a>,
) -> Result<(Endpoint<'a>, Caller<'a>), MessagesError> {
    let not_found = || MessagesError::of_status(404, visit.path);
    let endpoint = endpoint(visit.path).ok_or_else(not_found)?;
    let expected = match endpoint {
        Endpoint::Messages(_) => Method::POST,
        Endpoint::Models | Endpoint::Model(_) => Method::GET,
    };
    if visit.head.method != expected {
        let message = "Method Not Allowed";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Err(MessagesError::new(status, "invalid_request_error", message));
    }
    authenticate(state, visit)?;
    let version = match visit.header("anthropic-version") {
        Some("2023-06-01") => Version::V2023,
        Some("2026-10-21") => Version::V2026,
        Some(other) => {
            let message = format!("\"{other}\" is not a valid version");
            return Err(MessagesError::at("anthropic-version", &message));
        }
        None => return Err(MessagesError::at("anthropic-version", "header is required")),
    };
    let betas = visit.head.headers.get_all("anthropic-beta").iter();
    let betas = betas.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let betas = betas.map(str::trim).collect();
    if visit.body.as_ref().is_none_or(|body| BODY_BYTES_MAX < body.len()) {
        return Err(MessagesError::of_status(413, ""));
    }
    Ok((endpoint, Caller { version, betas, body_fields: &[] }))
}

/// The key comes in a header of its own or as a bearer token, or the same one in both.
fn authenticate(state: &State, visit: &Visit<'_>) -> Result<(), MessagesError> {
    let (own, bearer) = (visit.header("x-api-key"), visit.bearer());
    let presented = own.or(bearer).filter(|key| bearer.is_none_or(|other| other == *key));
    match presented.and_then(|key| state.key(key)) {
        Some(key) => {
            visit.record.presented(key);
            Ok(())
        }
        None => Err(MessagesError::of_status(401, "")),
    }
}

/// Reads a JSON body and its field `model`; from here on the request is on the bill.
fn begin(state: &State, visit: &Visit<'_>) -> Result<Call, MessagesError> {
    let bytes = visit.body.as_deref().unwrap_or_default();
    let body = match serde_json::from_slice(bytes) {
        Ok(Value::Object(body)) if visit.content_type().1 => body,
        _ => return Err(MessagesError::invalid("The request body is not valid JSON.")),
    };
    let requested = match body.get("model") {
        Some(Value::String(model)) if !model.is_empty() => model.clone(),
        Some(_) => return Err(MessagesError::at("model", "Input should be a valid string")),
        None => return Err(MessagesError::at("model", "Field required")),
    };
    Call::begin(state, visit, requested, body)
}

/// Adds the headers that each answer carries.
fn dress(response: &mut Response<Body>, number: u64) {
    let used_up = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    set(headers, "request-id", &request_id(number));
    set(headers, "anthropic-organization-id", "00000000-0000-4000-8000-000000000000");
    // The minute that is under way ends then.
    let reset = i64::try_from(unix_ms() / 60_000 * 60 + 60).unwrap_or(i64::MAX);
    let reset = jiff::Timestamp::from_second(reset).unwrap_or_default().to_string();
    for (name, limit) in [
        ("requests", "4000"),
        ("tokens", "2400000"),
        ("input-tokens", "2000000"),
        ("output-tokens", "400000"),
    ] {
        let prefix = format!("anthropic-ratelimit-{name}");
        set(headers, &format!("{prefix}-limit"), limit);
        set(headers, &format!("{prefix}-remaining"), if used_up { "0" } else { limit });
        set(headers, &format!("{prefix}-reset"), &reset);
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
    {
        headers.insert(name, value);
    }
}
