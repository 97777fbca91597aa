//! `GET /v1/models`: the routes and targets that a key may use.

use crate::{auth, error::GatewayError, state::Worker, tell};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate_contract::{
    pricing::Price,
    world::{ApiKey, Upstreams},
};

/// All of them.
pub async fn list(worker: web::Data<Worker>, http: HttpRequest) -> HttpResponse {
    match key_of(&worker, &http) {
        Ok(key) => HttpResponse::Ok().json(json!({ "object": "list", "data": visible(&key) })),
        Err(error) => tell::error(&error, None),
    }
}

/// One of them; its name may contain slashes.
pub async fn one(
    worker: web::Data<Worker>,
    http: HttpRequest,
    name: web::Path<String>,
) -> HttpResponse {
    let key = match key_of(&worker, &http) {
        Ok(key) => key,
        Err(error) => return tell::error(&error, None),
    };
    match visible(&key).into_iter().find(|model| model["id"] == name.as_str()) {
        Some(model) => HttpResponse::Ok().json(model),
        None => {
            let message = format!(
                "The model \"{name}\" does not exist here, or this API key may not use it."
            );
            tell::error(
                &GatewayError::new(
                    StatusCode::NOT_FOUND,
                    "invalid_request_error",
                    "model_not_found",
                    message,
                ),
                None,
            )
        }
    }
}

fn key_of(worker: &Worker, http: &HttpRequest) -> Result<Arc<ApiKey>, GatewayError> {
    let current = worker.state.current.load();
    let link = worker.state.link.as_deref();
    let now = jiff::Timestamp::now();
    auth::authenticate(&current.world, link, http.headers(), http.query_string(), now)
}

fn visible(key: &ApiKey) -> Vec<Value> {
    let upstreams = &key.tenant.upstreams;
    let routes = upstreams.routes.keys().filter(|id| key.models.matches(id.as_str())).map(
        |id| json!({ "id": id.as_str(), "object": "model", "created": 0, "owned_by": "route" }),
    );
    let targets =
        upstreams.known_targets().into_iter().filter(|target| key.models.matches(target.as_str()));
    routes.chain(targets.map(|target| described(upstreams, target))).collect()
}

fn described(upstreams: &Upstreams, target: &tollgate_contract::route::Target) -> Value {
    let model = upstreams.model(target);
    let price = |price: &Price| {
        json!({
            "input_usd_per_1m": price.rates.input.to_string(),
            "output_usd_per_1m": price.rates.output.to_string(),
        })
    };
    json!({
        "id": target.as_str(),
        "object": "model",
        "created": 0,
        "owned_by": target.provider(),
        "price": model.price.as_ref().map(price),
        "context_window": model.context_window,
        "max_output": model.max_output,
        "capabilities": model.capabilities,
    })
}
