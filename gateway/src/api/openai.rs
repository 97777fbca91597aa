//! OpenAI's API.

use crate::{
    formats::facts::Api,
    pipeline::{Incoming, serve},
    state::Worker,
};
use actix_web::{HttpRequest, HttpResponse, web};
use std::time::Instant;

/// `POST /v1/chat/completions`.
pub async fn chat_completions(
    worker: web::Data<Worker>,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    serve(&worker, Api::Chat, now(&http), payload).await
}

/// `POST /v1/embeddings`.
pub async fn embeddings(
    worker: web::Data<Worker>,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    serve(&worker, Api::Embeddings, now(&http), payload).await
}

fn now(http: &HttpRequest) -> Incoming<'_> {
    Incoming { http, started: Instant::now(), at: jiff::Timestamp::now() }
}
