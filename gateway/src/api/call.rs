//! Requests that go through the pipeline.

use crate::{
    formats::facts::{Api, RequestHead},
    pipeline::{Incoming, serve},
    state::Worker,
    tell,
};
use actix_web::{HttpRequest, HttpResponse, web};
use std::time::Instant;

/// An API that the path alone tells.
pub async fn plain(
    worker: web::Data<Worker>,
    api: web::Data<Api>,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let head = head(&http);
    run(&worker, **api, &http, head, payload).await
}

/// `POST /openai/deployments/{deployment}/{operation}`: Azure's dated style.
pub async fn azure(
    worker: web::Data<Worker>,
    path: web::Path<(String, String)>,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let (deployment, operation) = path.into_inner();
    let api = super::POSTS.iter().find(|(path, _)| path.strip_prefix("/v1/") == Some(&operation));
    let Some((_, api)) = api.filter(|(_, api)| api.shape() == crate::formats::facts::Shape::Openai)
    else {
        return super::nothing_here(http).await;
    };
    let head = RequestHead { model: Some(deployment), ..head(&http) };
    run(&worker, *api, &http, head, payload).await
}

/// Runs a request through the pipeline.
pub(super) async fn run(
    worker: &web::Data<Worker>,
    api: Api,
    http: &HttpRequest,
    head: RequestHead,
    payload: web::Payload,
) -> HttpResponse {
    let started = Instant::now();
    let incoming = Incoming { http, head, started, at: jiff::Timestamp::now() };
    serve(worker, api, incoming, payload).await
}

/// What the head of a request says of the request itself.
pub(super) fn head(http: &HttpRequest) -> RequestHead {
    let content_type = tell::header(http, "content-type").map(str::to_owned);
    let goes_along = |name: &str| {
        // `anthropic-beta` pairs with members of the body, and new headers come without notice: an open list.
        name.starts_with("anthropic-") || name == "openai-beta"
    };
    let forwarded = http
        .headers()
        .iter()
        .filter(|(name, _)| goes_along(name.as_str()))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    RequestHead { content_type, forwarded, ..RequestHead::default() }
}
