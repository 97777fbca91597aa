//! Gemini's API: the model and what is asked of it stand in the path.

use super::{call, models, unknown_path};
use crate::{
    formats::{
        facts::{Api, RequestHead, Shape},
        gemini::{self, ModelEntry},
    },
    state::Worker,
    tell,
};
use actix_web::{HttpRequest, HttpResponse, web};

/// `POST /v1beta/models/{model}:{verb}`.
pub async fn call(
    worker: web::Data<Worker>,
    path: web::Path<String>,
    http: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let path = path.into_inner();
    // A name may have colons itself.
    let asked = path.rsplit_once(':').and_then(|(model, verb)| {
        let api = match verb {
            "generateContent" | "streamGenerateContent" => Api::Generate,
            "countTokens" => Api::GeminiCount,
            "embedContent" => Api::GeminiEmbed,
            "batchEmbedContents" => Api::GeminiBatchEmbed,
            _ => return None,
        };
        Some((model.to_owned(), verb == "streamGenerateContent", api))
    });
    let Some((model, stream, api)) = asked else {
        return tell::error(&unknown_path(&http), Shape::Gemini, None);
    };
    let events = http.query_string().split('&').any(|pair| pair == "alt=sse");
    let head =
        RequestHead { model: Some(model), stream, array: stream && !events, ..call::head(&http) };
    call::run(&worker, api, &http, head, payload).await
}

/// `GET /v1beta/models`.
pub async fn list(worker: web::Data<Worker>, http: HttpRequest) -> HttpResponse {
    match models::key_of(&worker, &http) {
        Ok(key) => {
            let visible = models::visible(&key);
            let entries: Vec<_> = visible.iter().map(entry).collect();
            json(gemini::write_models(&entries))
        }
        Err(error) => tell::error(&error, Shape::Gemini, None),
    }
}

/// `GET /v1beta/models/{model}`.
pub async fn one(
    worker: web::Data<Worker>,
    http: HttpRequest,
    name: web::Path<String>,
) -> HttpResponse {
    let found = models::key_of(&worker, &http).and_then(|key| models::find(&key, &name));
    match found {
        Ok(model) => json(gemini::write_model(&entry(&model))),
        Err(error) => tell::error(&error, Shape::Gemini, None),
    }
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}

fn entry(model: &models::Visible) -> ModelEntry<'_> {
    let can = |word: &str| model.capabilities.as_ref().is_none_or(|all| all.contains(word));
    let mut methods = Vec::new();
    if can("chat") {
        methods.extend(["generateContent", "streamGenerateContent", "countTokens"]);
    }
    if can("embeddings") {
        methods.extend(["embedContent", "batchEmbedContents"]);
    }
    ModelEntry {
        name: &model.id,
        display_name: &model.id,
        input_token_limit: model.context_window,
        output_token_limit: model.max_output,
        methods,
    }
}
