//! What apps call. Thin: each handler names its API and hands over to the pipeline.

mod models;
mod openai;

use crate::{error::GatewayError, tell};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};

/// The routes of the data plane.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/v1/chat/completions")
            .route(web::post().to(openai::chat_completions))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1/embeddings")
            .route(web::post().to(openai::embeddings))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1/models")
            .route(web::get().to(models::list))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1/models/{model:.+}")
            .route(web::get().to(models::one))
            .default_service(web::to(wrong_method)),
    )
    .default_service(web::to(nothing_here));
}

async fn wrong_method(http: HttpRequest) -> HttpResponse {
    let message = format!("{} is not possible on this path.", http.method());
    tell::error(
        &GatewayError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            "method_not_allowed",
            message,
        ),
        None,
    )
}

async fn nothing_here(http: HttpRequest) -> HttpResponse {
    let message = format!(
        "There is nothing at {} {}. An SDK's base URL ends in /v1; there are POST /v1/chat/completions, \
         POST /v1/embeddings and GET /v1/models.",
        http.method(),
        http.path().chars().take(200).collect::<String>()
    );
    tell::error(
        &GatewayError::new(StatusCode::NOT_FOUND, "invalid_request_error", "unknown_path", message),
        None,
    )
}
