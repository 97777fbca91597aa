//! Azure OpenAI's addresses: a deployment in the path and a dated `api-version`, or `openai/v1` with
//! neither; the key in a header of its own. What is behind them is OpenAI's format.

use hyper::{Method, Response, StatusCode};

use super::answers;
use super::body::{Body, Cut};
use super::call::Call;
use super::errors::ApiError;
use super::models::percent_decoded;
use super::openai::{self, operation::Operation};
use super::state::State;
use super::visit::Visit;

/// What a path leads to, and the deployment if the path names it.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    operation: Operation,
    deployment: Option<String>,
}

/// Whether a request is for Azure.
pub fn knows(visit: &Visit<'_>) -> bool {
    visit.path.starts_with("openai/")
}

/// Answers a request.
pub async fn answer(state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
    let mut response = match begun(state, visit).await {
        Ok((operation, call)) => operation.answer(call).await?,
        Err(error) => answers::error(&error),
    };
    answers::dress(&mut response, visit.number, visit.started);
    Ok(response)
}

async fn begun(state: &State, visit: &Visit<'_>) -> Result<(Operation, Call), ApiError> {
    let Address { operation, deployment } = check(state, visit)?;
    Ok((operation, openai::begin(state, visit, operation, deployment).await?))
}

/// The address first, then the key: Azure says 404 to anyone who asks without a version.
fn check(state: &State, visit: &Visit<'_>) -> Result<Address, ApiError> {
    let address = address(visit.path, visit.query("api-version"));
    let address = address.filter(|_| visit.head.method == Method::POST).ok_or_else(|| {
        let kind = "invalid_request_error";
        ApiError::new(StatusCode::NOT_FOUND, kind, Some("404"), "Resource not found")
    })?;
    match visit.header("api-key").and_then(|key| state.key(key)) {
        Some(key) => {
            visit.record.presented(key);
            Ok(address)
        }
        None => {
            let message = "Access denied due to invalid subscription key or wrong API endpoint.";
            let kind = "invalid_request_error";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, kind, Some("401"), message))
        }
    }
}

fn address(path: &str, version: Option<&str>) -> Option<Address> {
    let path = path.strip_prefix("openai/")?;
    let (deployment, path) = if let Some(path) = path.strip_prefix("v1/") {
        (None, path)
    } else {
        version.filter(|version| is_dated(version))?;
        match path.strip_prefix("deployments/") {
            Some(rest) => {
                let (deployment, path) = rest.split_once('/')?;
                (Some(percent_decoded(deployment)), path)
            }
            None => (None, path),
        }
    };
    // What Azure has of Cohere's has addresses of its own.
    let operation = Operation::at(path).filter(|operation| *operation != Operation::Rerank)?;
    Some(Address { operation, deployment })
}

/// `2024-10-21`, or with `-preview` behind it.
fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let parts: Vec<usize> = date.split('-').map(str::len).collect();
    parts == [4, 2, 2] && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_needs_a_dated_version() {
        let path = "openai/deployments/gpt-4o--tools%3D1/chat/completions";
        let named =
            Address { operation: Operation::Chat, deployment: Some("gpt-4o--tools=1".to_owned()) };
        assert_eq!(address(path, Some("2024-10-21")).as_ref(), Some(&named));
        assert_eq!(address(path, Some("2025-02-01-preview")), Some(named));
        for version in [None, Some("v1"), Some("2024-10"), Some("2024-1x-21")] {
            assert_eq!(address(path, version), None, "{version:?}");
        }
        let plain = Address { operation: Operation::Embeddings, deployment: None };
        assert_eq!(address("openai/v1/embeddings", None), Some(plain));
    }
}
