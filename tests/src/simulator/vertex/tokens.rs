//! `POST /{provider}/token`: an assertion of the service account buys an access token that lives for
//! a while.
//!
//! The query chooses how: `?life=2` makes tokens that live for two seconds, and `?status=500`,
//! `?slow=300`, `?hang` and the like are directives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use hyper::header::HOST;
use hyper::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::answers;
use super::super::body::{Body, Cut};
use super::super::directives::{Directives, Fault, Refusal};
use super::super::models::percent_decoded;
use super::super::requests::unix_ms;
use super::super::state::State;
use super::super::visit::Visit;
use super::account::{self, Refused};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A second less than an hour, as Google says.
const LIFE: Duration = Duration::from_secs(3_599);
/// Beyond that many, those that have ended are forgotten.
const TOKENS_MAX: usize = 10_000;

/// All access tokens of the process.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tokens: HashMap<String, Token>,
    counts: BTreeMap<String, TokenCounts>,
}

#[derive(Debug)]
struct Token {
    provider: String,
    ends: Instant,
}

/// How often a provider was asked for a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCounts {
    /// All requests.
    pub requests: u64,
    /// Those that got one.
    pub issued: u64,
}

impl Tokens {
    /// Whether a token is one of a provider's that has not ended.
    pub fn is_good(&self, provider: &str, token: &str) -> bool {
        let now = Instant::now();
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tokens.get(token).is_some_and(|token| token.provider == provider && now < token.ends)
    }

    /// Ends all tokens at once. What has been counted stays.
    pub fn revoke(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tokens.clear();
    }

    /// How often each provider was asked.
    pub fn counts(&self) -> BTreeMap<String, TokenCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    fn count(&self, provider: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.counts.entry(provider.to_owned()).or_default().requests += 1;
    }

    fn issue(&self, provider: &str, life: Duration) -> String {
        let token = format!("ya29.c.{}", random());
        let now = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if TOKENS_MAX <= kept.tokens.len() {
            kept.tokens.retain(|_, token| now < token.ends);
        }
        kept.counts.entry(provider.to_owned()).or_default().issued += 1;
        let kept_token = Token { provider: provider.to_owned(), ends: now + life };
        kept.tokens.insert(token.clone(), kept_token);
        token
    }
}

/// Answers a request for a token.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    state.tokens.count(visit.provider);
    let (life, directives) = match asked(visit) {
        Ok(asked) => asked,
        Err(refused) => return Ok(refusal(StatusCode::BAD_REQUEST, refused)),
    };
    tokio::time::sleep(directives.delay()).await;
    match directives.fault {
        Some(Fault::Hang) => return std::future::pending().await,
        Some(Fault::Reset(_)) => {
            visit.switch.arm();
            return Err(Cut);
        }
        Some(Fault::Page) => return Ok(answers::page()),
        Some(Fault::Refuse(Refusal::Status(code))) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Ok(refusal(status, Refused("internal_failure", "Backend Error")));
        }
        _ => {}
    }
    if let Err(refused) = check(visit) {
        return Ok(refusal(StatusCode::BAD_REQUEST, refused));
    }
    let token = state.tokens.issue(visit.provider, life);
    let document =
        json!({ "access_token": token, "expires_in": life.as_secs(), "token_type": "Bearer" });
    Ok(answers::json(StatusCode::OK, &document))
}

fn asked(visit: &Visit<'_>) -> Result<(Duration, Directives), Refused> {
    const UNKNOWN: Refused = Refused("invalid_request", "The query is not understood.");
    let query = visit.head.uri.query().unwrap_or_default();
    let (mut life, mut directives) = (LIFE, Directives::default());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.strip_prefix("life=") {
            Some(seconds) => {
                life = Duration::from_secs(seconds.parse().map_err(|_| UNKNOWN)?);
            }
            None => directives.add_header(part).map_err(|_| UNKNOWN)?,
        }
    }
    Ok((life, directives))
}

fn check(visit: &Visit<'_>) -> Result<(), Refused> {
    let form = visit.content_type().0.starts_with("application/x-www-form-urlencoded");
    if visit.head.method != Method::POST || !form {
        return Err(Refused("invalid_request", "Bad Request"));
    }
    let body = String::from_utf8_lossy(visit.body.as_deref().unwrap_or_default());
    let field = |name: &str| {
        let mut pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find_map(|(key, value)| (key == name).then_some(value));
        value.map(|value| percent_decoded(&value.replace('+', " ")))
    };
    match field("grant_type").as_deref() {
        None => return Err(Refused("invalid_request", "Missing parameter: grant_type")),
        Some(GRANT) => {}
        Some(_) => {
            return Err(Refused("unsupported_grant_type", "Invalid grant_type"));
        }
    }
    let assertion = field("assertion").unwrap_or_default();
    let now = i64::try_from(unix_ms() / 1_000).unwrap_or(i64::MAX);
    account::check(&assertion, &here(visit), now)
}

/// The address that the request came to.
fn here(visit: &Visit<'_>) -> String {
    let host = visit.header(HOST.as_str()).unwrap_or_default();
    let path = visit.head.uri.path_and_query().map_or("", |path| path.as_str());
    format!("http://{host}{path}")
}

fn refusal(status: StatusCode, Refused(word, sentence): Refused) -> Response<Body> {
    let document: Value = json!({ "error": word, "error_description": sentence });
    answers::json(status, &document)
}

fn random() -> String {
    let mut bytes = [0; 24];
    // It fails only where the system has no randomness at all. A token is no secret here.
    let _ = rand::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_provider_and_its_time() {
        let tokens = Tokens::default();
        let long = tokens.issue("a", LIFE);
        let ended = tokens.issue("a", Duration::ZERO);
        assert_ne!(long, ended);
        assert!(tokens.is_good("a", &long));
        assert!(!tokens.is_good("b", &long) && !tokens.is_good("a", &ended));
        assert!(!tokens.is_good("a", "ya29.c.other"));
        tokens.revoke();
        assert!(!tokens.is_good("a", &long));
        assert_eq!(tokens.counts()["a"].issued, 2);
    }
}
