//! Sessions.
use super::Actor;
use crate::error::ApiError;
use actix_web::HttpRequest;
/// Who sent a request.
pub async fn actor_of(_request: &HttpRequest) -> Result<Actor, ApiError> {
    Err(ApiError::Unauthenticated)
}
