//! Versions of what people edit: `ETag` and `If-Match`.

use crate::error::ApiError;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload};
use serde::Serialize;
use std::future::{Ready, ready};

/// The version that a change is of, from `If-Match`. Without it: 428.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i32);

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get("if-match").and_then(|value| value.to_str().ok());
        ready(header.ok_or(ApiError::VersionRequired).and_then(|text| {
            // A tag that is none of ours is another version.
            text.trim().trim_matches('"').parse().map(Self).map_err(|_| ApiError::Stale)
        }))
    }
}

/// 200 with the resource and its version.
pub fn with_etag<T: Serialize>(resource: &T, version: i32) -> HttpResponse {
    HttpResponse::Ok().insert_header(("etag", format!("\"{version}\""))).json(resource)
}
