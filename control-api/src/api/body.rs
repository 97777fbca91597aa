//! JSON bodies: bounded, strict, and with a pointer to what cannot be read.

use crate::error::{ApiError, FieldError};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use std::{future::Future, pin::Pin};

/// The largest body in bytes.
pub const BODY_MAX: usize = 1 << 20;

/// A JSON body. Unknown fields are refused where `T` denies them: all do.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut payload = payload.take();
        let is_json = request
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/json"));
        Box::pin(async move {
            let bytes = read(&mut payload).await?;
            if !is_json {
                return Err(malformed(
                    "",
                    "The body must be JSON: send content-type: application/json.",
                ));
            }
            parse(&bytes).map(Self)
        })
    }
}

/// Reads a payload within bounds.
pub async fn read(payload: &mut Payload) -> Result<web::Bytes, ApiError> {
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| malformed("", "The body broke off."))?;
        if bytes.len() + chunk.len() > BODY_MAX {
            return Err(ApiError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer: String = error
            .path()
            .iter()
            .map(|part| match part {
                serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
                serde_path_to_error::Segment::Map { key } => {
                    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
                }
                serde_path_to_error::Segment::Enum { .. }
                | serde_path_to_error::Segment::Unknown => String::new(),
            })
            .collect();
        malformed(&pointer, error.inner().to_string())
    })?;
    json.end().map_err(|error| malformed("", error.to_string()))?;
    Ok(value)
}

fn malformed(pointer: &str, message: impl Into<String>) -> ApiError {
    ApiError::Malformed(FieldError::new(pointer, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        #[expect(dead_code)]
        limits: Limits,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        #[expect(dead_code)]
        concurrent: u64,
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        for (text, pointer) in [
            (r#"{"limits":{"concurrent":-1}}"#, "/limits/concurrent"),
            (r#"{"limits":{"concurrent":1,"x":2}}"#, "/limits/x"),
            (r#"{"limits":{"concurrent":1}} extra"#, ""),
            ("{", ""),
        ] {
            let ApiError::Malformed(error) = parse::<Input>(text.as_bytes()).unwrap_err() else {
                panic!()
            };
            assert_eq!(error.pointer, pointer, "{text}");
        }
    }
}
