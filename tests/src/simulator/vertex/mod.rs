//! Google's Vertex AI: Gemini behind paths with a project and a location, Claude beside it, and
//! access tokens instead of keys.

pub mod account;
pub mod claude;
pub mod tokens;

use hyper::{Method, Response};

use super::body::{Body, Cut};
use super::gemini::errors::GoogleError;
use super::gemini::proto::Host;
use super::gemini::{self, Verb};
use super::state::State;
use super::visit::Visit;

/// What a path leads to. Names are still escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint<'a> {
    Token,
    /// A model of Google's, or a tuned one.
    Gemini {
        model: &'a str,
        verb: Verb,
        express: bool,
    },
    /// A model of Anthropic's.
    Claude {
        model: &'a str,
        stream: bool,
    },
}

/// Whether a request is for Vertex.
pub fn knows(visit: &Visit<'_>) -> bool {
    let path = visit.path;
    let below = |prefix: &str| {
        let versions = ["v1/", "v1beta1/"].iter();
        versions.filter_map(|version| path.strip_prefix(version)).any(|p| p.starts_with(prefix))
    };
    path == "token" || below("projects/") || below("publishers/")
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match check(state, visit) {
        Ok(Endpoint::Token) => return tokens::answer(state, visit).await,
        Ok(Endpoint::Gemini { model, verb, .. }) => match gemini::begin(state, visit, model) {
            Ok(call) => Ok(gemini::carry_out(call, Host::Vertex, verb).await?),
            Err(error) => Err(error),
        },
        Ok(Endpoint::Claude { model, stream }) => {
            return claude::answer(state, visit, model, stream).await;
        }
        Err(error) => Err(error),
    };
    Ok(answered.unwrap_or_else(|error| gemini::said(error, visit)))
}

fn check<'a>(state: &State, visit: &Visit<'a>) -> Result<Endpoint<'a>, GoogleError> {
    let not_found = || GoogleError {
        message: "The requested URL was not found on this server.".to_owned(),
        ..GoogleError::of_status(404, "")
    };
    let endpoint = endpoint(visit).ok_or_else(not_found)?;
    if endpoint == Endpoint::Token {
        return Ok(endpoint);
    }
    if visit.head.method != Method::POST {
        return Err(not_found());
    }
    // Without a project there is nobody that an account could belong to: a key says who asks.
    if matches!(endpoint, Endpoint::Gemini { express: true, .. }) {
        gemini::authenticate(state, visit)?;
    } else if !visit.bearer().is_some_and(|token| state.tokens.is_good(visit.provider, token)) {
        return Err(GoogleError::bad_token());
    }
    Ok(endpoint)
}

fn endpoint<'a>(visit: &Visit<'a>) -> Option<Endpoint<'a>> {
    if visit.path == "token" {
        return Some(Endpoint::Token);
    }
    let (_, path) = visit.path.split_once('/')?;
    let segments: Vec<&str> = path.split('/').collect();
    let (place, model) = match segments.as_slice() {
        ["projects", project, "locations", location, place @ .., model]
            if !project.is_empty() && !location.is_empty() =>
        {
            (place, *model)
        }
        ["publishers", "google", "models", model] => {
            let (model, verb) = named(gemini::verb(visit, model)?)?;
            return Some(Endpoint::Gemini { model, verb, express: true });
        }
        _ => return None,
    };
    match place {
        ["publishers", "google", "models"] | ["endpoints"] => {
            let (model, verb) = named(gemini::verb(visit, model)?)?;
            Some(Endpoint::Gemini { model, verb, express: false })
        }
        ["publishers", "anthropic", "models"] => {
            let (model, verb) = model.rsplit_once(':').filter(|(model, _)| !model.is_empty())?;
            match verb {
                "rawPredict" => Some(Endpoint::Claude { model, stream: false }),
                "streamRawPredict" => Some(Endpoint::Claude { model, stream: true }),
                _ => None,
            }
        }
        _ => None,
    }
}

fn named<T>((model, verb): (&str, T)) -> Option<(&str, T)> {
    (!model.is_empty()).then_some((model, verb))
}
