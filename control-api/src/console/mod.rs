//! The console: HTML handlers, one file per page. Form in, page out; the domain does the rest.

use crate::error::ApiError;
use actix_web::{HttpResponse, web};

/// Mounts the console.
pub fn routes(_config: &mut web::ServiceConfig) {}

/// A page that does not exist.
pub async fn nothing_there() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}
