//! What apps call. Thin: each path names its API and hands over to the pipeline.

mod call;
mod gemini;
mod models;
mod responses;

use crate::{
    error::GatewayError,
    formats::facts::{Api, Shape},
    tell,
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};

/// The paths whose requests are known by the path alone.
const POSTS: [(&str, Api); 14] = [
    ("/v1/chat/completions", Api::Chat),
    ("/v1/completions", Api::Completions),
    ("/v1/responses", Api::Responses),
    ("/v1/embeddings", Api::Embeddings),
    ("/v1/moderations", Api::Moderations),
    ("/v1/rerank", Api::Rerank),
    ("/v2/rerank", Api::Rerank),
    ("/v1/images/generations", Api::Images),
    ("/v1/images/edits", Api::ImageEdits),
    ("/v1/audio/speech", Api::Speech),
    ("/v1/audio/transcriptions", Api::Transcriptions),
    ("/v1/audio/translations", Api::Translations),
    ("/v1/messages", Api::Messages),
    ("/v1/messages/count_tokens", Api::CountTokens),
];

/// The routes of the data plane.
pub fn routes(cfg: &mut web::ServiceConfig) {
    for (path, api) in POSTS {
        cfg.service(
            web::resource(path)
                .app_data(web::Data::new(api))
                .route(web::post().to(call::plain))
                .default_service(web::to(wrong_method)),
        );
    }
    cfg.service(
        web::resource("/v1/responses/{id}")
            .route(web::get().to(responses::get))
            .route(web::delete().to(responses::delete))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1/responses/{id}/input_items")
            .route(web::get().to(responses::input_items))
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
            .route(web::post().to(gemini::call))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1beta/models")
            .route(web::get().to(gemini::list))
            .default_service(web::to(wrong_method)),
    )
    .service(
        web::resource("/v1beta/models/{model:.+}")
            .route(web::get().to(gemini::one))
            .route(web::post().to(gemini::call))
            .default_service(web::to(wrong_method)),
    )
    // A name with a slash is a whole resource to some of Gemini's clients.
    .service(
        web::resource("/v1beta/{model:.+}")
            .route(web::post().to(gemini::call))
            .default_service(web::to(nothing_here)),
    )
    // What Azure's SDKs call: the deployment stands for the model.
    .service(
        web::resource("/openai/deployments/{model}/{operation:.+}")
            .route(web::post().to(call::azure))
            .default_service(web::to(wrong_method)),
    )
    // Claude Code knocks here before its first request.
    .service(web::resource("/api/hello").route(web::route().to(HttpResponse::Ok)))
    .default_service(web::to(nothing_here));
}

/// The shape of errors on a path.
fn shape_of(http: &HttpRequest) -> Shape {
    let path = http.path();
    if path.starts_with("/v1beta/") {
        Shape::Gemini
    } else if path.starts_with("/v1/messages") || http.headers().contains_key("anthropic-version") {
        Shape::Anthropic
    } else {
        Shape::Openai
    }
}

async fn wrong_method(http: HttpRequest) -> HttpResponse {
    let message = format!("{} is not possible on this path.", http.method());
    let error = GatewayError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "method_not_allowed",
        message,
    );
    tell::error(&error, shape_of(&http), None)
}

async fn nothing_here(http: HttpRequest) -> HttpResponse {
    tell::error(&unknown_path(&http), shape_of(&http), None)
}

/// 404, with what there is.
fn unknown_path(http: &HttpRequest) -> GatewayError {
    let message = format!(
        "There is nothing at {} {}. Base URLs: OpenAI SDKs …/v1, Anthropic and Gemini SDKs this address without a \
         path. There are POST /v1/chat/completions, /v1/responses, /v1/embeddings and the other OpenAI APIs, \
         POST /v1/messages, POST /v1beta/models/MODEL:generateContent and GET /v1/models.",
        http.method(),
        http.path().chars().take(200).collect::<String>()
    );
    GatewayError::new(StatusCode::NOT_FOUND, "invalid_request_error", "unknown_path", message)
}
