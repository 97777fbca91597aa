//! `GET /v1/models`: the routes and targets that a key may use, in the shape of OpenAI or, for whoever sends
//! `anthropic-version`, of Anthropic.

use crate::{auth, error::GatewayError, formats::facts::Shape, state::Worker, tell};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tollgate_contract::{
    pricing::Price,
    world::{ApiKey, Upstreams},
};

/// A model as apps see it: a route, or a target with what is known of it.
pub struct Visible {
    /// What apps put in `model`.
    pub id: String,
    /// The provider's name, or `route`.
    pub owner: String,
    /// Its price; absent: unpriced, or a route.
    pub price: Option<Price>,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// The most answer tokens.
    pub max_output: Option<u64>,
    /// What it can do; absent: not known.
    pub capabilities: Option<BTreeSet<String>>,
}

/// All of them.
pub async fn list(worker: web::Data<Worker>, http: HttpRequest) -> HttpResponse {
    let shape = super::shape_of(&http);
    match key_of(&worker, &http) {
        Ok(key) if shape == Shape::Anthropic => anthropic_page(&visible(&key), http.query_string()),
        Ok(key) => {
            let data: Vec<_> = visible(&key).iter().map(openai).collect();
            HttpResponse::Ok().json(json!({ "object": "list", "data": data }))
        }
        Err(error) => tell::error(&error, shape, None),
    }
}

/// One of them; its name may contain slashes.
pub async fn one(
    worker: web::Data<Worker>,
    http: HttpRequest,
    name: web::Path<String>,
) -> HttpResponse {
    let shape = super::shape_of(&http);
    match key_of(&worker, &http).and_then(|key| find(&key, &name)) {
        Ok(model) if shape == Shape::Anthropic => HttpResponse::Ok().json(anthropic(&model)),
        Ok(model) => HttpResponse::Ok().json(openai(&model)),
        Err(error) => tell::error(&error, shape, None),
    }
}

/// The key of a request that reads only.
pub fn key_of(worker: &Worker, http: &HttpRequest) -> Result<Arc<ApiKey>, GatewayError> {
    let current = worker.state.current.load();
    let link = worker.state.link.as_deref();
    let now = jiff::Timestamp::now();
    auth::authenticate(&current.world, link, http.headers(), http.query_string(), now)
}

/// The model of that name, if the key may use it.
pub fn find(key: &ApiKey, name: &str) -> Result<Visible, GatewayError> {
    visible(key).into_iter().find(|model| model.id == name).ok_or_else(|| {
        let message =
            format!("The model \"{name}\" does not exist here, or this API key may not use it.");
        GatewayError::unknown_model(message)
    })
}

/// What a key may use.
pub fn visible(key: &ApiKey) -> Vec<Visible> {
    let upstreams = &key.tenant.upstreams;
    let routes =
        upstreams.routes.keys().filter(|id| key.models.matches(id.as_str())).map(|id| Visible {
            id: id.as_str().to_owned(),
            owner: "route".to_owned(),
            price: None,
            context_window: None,
            max_output: None,
            capabilities: None,
        });
    let targets =
        upstreams.known_targets().into_iter().filter(|target| key.models.matches(target.as_str()));
    routes.chain(targets.map(|target| described(upstreams, target))).collect()
}

fn described(upstreams: &Upstreams, target: &tollgate_contract::route::Target) -> Visible {
    let model = upstreams.model(target);
    Visible {
        id: target.as_str().to_owned(),
        owner: target.provider().to_string(),
        price: model.price.clone(),
        context_window: model.context_window,
        max_output: model.max_output,
        capabilities: model.capabilities.clone(),
    }
}

fn openai(model: &Visible) -> Value {
    let mut object = json!({
        "id": model.id,
        "object": "model",
        "created": 0,
        "owned_by": model.owner,
    });
    if model.owner != "route"
        && let Some(object) = object.as_object_mut()
    {
        let price = model.price.as_ref().map(|price| {
            json!({
                "input_usd_per_1m": price.rates.input.to_string(),
                "output_usd_per_1m": price.rates.output.to_string(),
            })
        });
        object.insert("price".into(), price.into());
        object.insert("context_window".into(), model.context_window.into());
        object.insert("max_output".into(), model.max_output.into());
        object.insert("capabilities".into(), json!(model.capabilities));
    }
    object
}

fn anthropic(model: &Visible) -> Value {
    json!({
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": "1970-01-01T00:00:00Z",
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output,
    })
}

/// A page of the list, as Anthropic cuts it: `limit` (20 unless told, at most 1000) after `after_id`.
fn anthropic_page(models: &[Visible], query: &str) -> HttpResponse {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let value =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let limit = value("limit").and_then(|text| text.parse().ok()).unwrap_or(20).clamp(1, 1000);
    let after = value("after_id")
        .and_then(|id| models.iter().position(|model| model.id == id))
        .map_or(0, |at| at + 1);
    let page: Vec<_> = models.iter().skip(after).take(limit).map(anthropic).collect();
    let id = |entry: Option<&Value>| entry.map(|entry| entry["id"].clone());
    HttpResponse::Ok().json(json!({
        "first_id": id(page.first()),
        "last_id": id(page.last()),
        "has_more": models.len() > after + page.len(),
        "data": page,
    }))
}
