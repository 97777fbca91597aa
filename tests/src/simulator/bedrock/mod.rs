//! Amazon Bedrock's runtime: path, signature or key, and body are checked here, in this order.

pub mod errors;
pub mod signature;

pub mod converse;
pub mod invoke;
pub mod request;

pub mod content;
pub mod conversation;
pub mod options;
pub mod tools;

pub mod frames;
pub mod stream;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, Response};
use jiff::Timestamp;
use serde_json::Value;

use self::errors::BedrockError;
use self::signature::Signed;
use super::body::{Body, Cut};
use super::call::Call;
use super::models::percent_decoded;
use super::provider_error::ProviderError;
use super::state::State;
use super::visit::Visit;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What is to be done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Converse,
    ConverseStream,
    Invoke,
}

/// Whether a request is for Bedrock.
pub fn knows(visit: &Visit<'_>) -> bool {
    visit.path.starts_with("model/")
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let answered = match begin(state, visit) {
        Ok((Operation::Converse, call)) => Ok(converse::answer(call, false).await?),
        Ok((Operation::ConverseStream, call)) => Ok(converse::answer(call, true).await?),
        Ok((Operation::Invoke, call)) => Ok(invoke::answer(call).await?),
        Err(error) => Err(error),
    };
    let mut response = answered.unwrap_or_else(|error| error.response(visit.number));
    let id = format!(
        "00000000-0000-4000-{:04x}-{:012x}",
        visit.number >> 48,
        visit.number & 0xffff_ffff_ffff
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

fn begin(state: &State, visit: &Visit<'_>) -> Result<(Operation, Call), BedrockError> {
    let unknown = || BedrockError::new(404, "UnknownOperationException", "");
    let (model, operation) = endpoint(visit.path).ok_or_else(unknown)?;
    if visit.head.method != Method::POST {
        return Err(unknown());
    }
    let Some(bytes) = visit.body.as_deref() else {
        return Err(BedrockError::new(413, "ValidationException", "The request is too large."));
    };
    authenticate(state, visit, bytes)?;
    let Ok(Value::Object(body)) = serde_json::from_slice(bytes) else {
        return Err(BedrockError::new(400, "SerializationException", "The body is not JSON."));
    };
    let call = Call::begin::<BedrockError>(state, visit, percent_decoded(model), body)?;
    Ok((operation, call))
}

/// The escaped id of the model, which is one segment of the path, and what is to be done with it.
fn endpoint(path: &str) -> Option<(&str, Operation)> {
    let (model, operation) = path.strip_prefix("model/")?.split_once('/')?;
    let operation = match operation {
        "converse" => Operation::Converse,
        "converse-stream" => Operation::ConverseStream,
        "invoke" => Operation::Invoke,
        _ => return None,
    };
    (!model.is_empty()).then_some((model, operation))
}

/// A signature with the credentials that the simulator knows, or a key as a bearer token.
fn authenticate(state: &State, visit: &Visit<'_>, body: &[u8]) -> Result<(), BedrockError> {
    let Some(authorization) = visit.header(AUTHORIZATION.as_str()) else {
        let message = "Missing Authentication Token";
        return Err(BedrockError::new(403, "MissingAuthenticationTokenException", message));
    };
    if signature::is_claimed(authorization) {
        let signed = Signed {
            method: visit.head.method.as_str(),
            path: visit.head.uri.path(),
            query: visit.head.uri.query().unwrap_or_default(),
            headers: &visit.head.headers,
            body,
        };
        return signature::check(signed, Timestamp::now());
    }
    match visit.bearer().and_then(|key| state.key(key)) {
        Some(key) => {
            visit.record.presented(key);
            Ok(())
        }
        None => {
            let message = "Authentication failed: Please make sure your API Key is valid.";
            Err(BedrockError::new(403, "AccessDeniedException", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_model_is_one_segment() {
        let cases = [
            ("model/a%3A0/converse", Some(("a%3A0", Operation::Converse))),
            ("model/a/converse-stream", Some(("a", Operation::ConverseStream))),
            ("model/a%2Fb/invoke", Some(("a%2Fb", Operation::Invoke))),
            ("model/a/b/converse", None),
            ("model//converse", None),
            ("model/a", None),
        ];
        for (path, expected) in cases {
            assert_eq!(endpoint(path), expected, "{path}");
        }
    }
}
