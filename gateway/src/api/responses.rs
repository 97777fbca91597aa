//! `/v1/responses/{id}`: answers that the gateway keeps for the key that asked for them.

use super::models;
use crate::{
    auth,
    error::GatewayError,
    formats::{
        facts::Shape,
        openai_responses::state::{self, Page, StoredResponse},
    },
    kept::Owner,
    responses,
    state::Worker,
    tell,
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};

/// `GET /v1/responses/{id}`.
pub async fn get(
    worker: web::Data<Worker>,
    http: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    told(find(&worker, &http, &id).await.map(|stored| stored.object.get().as_bytes().to_vec()))
}

/// `GET /v1/responses/{id}/input_items`: `limit` (20 unless told, at most 100), `order`, `after`.
pub async fn input_items(
    worker: web::Data<Worker>,
    http: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(http.query_string()).unwrap_or_default();
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let page = Page {
        limit: value("limit").and_then(|text| text.parse().ok()).unwrap_or(20),
        after: value("after").cloned(),
        newest_first: value("order").is_none_or(|order| order != "asc"),
    };
    told(find(&worker, &http, &id).await.map(|stored| stored.input_list(&page)))
}

/// `DELETE /v1/responses/{id}`.
pub async fn delete(
    worker: web::Data<Worker>,
    http: HttpRequest,
    id: web::Path<String>,
) -> HttpResponse {
    let deleted = async {
        let owner = owner(&worker, &http)?;
        let kept = worker.state.kept.delete(&owner, &id).await;
        let there = kept.map_err(responses::out_of_reach)?;
        if there { Ok(state::deletion(&id)) } else { Err(unknown(&id)) }
    };
    told(deleted.await)
}

fn owner(worker: &Worker, http: &HttpRequest) -> Result<Owner, GatewayError> {
    let key = models::key_of(worker, http)?;
    let presented = auth::presented_key(http.headers(), http.query_string())?;
    Ok(Owner::of(&key, presented))
}

async fn find(
    worker: &Worker,
    http: &HttpRequest,
    id: &str,
) -> Result<StoredResponse, GatewayError> {
    let owner = owner(worker, http)?;
    let found = responses::find(&worker.state, &owner, id).await?;
    found.map(|(_, stored)| stored).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> GatewayError {
    let id: String = id.chars().take(200).collect();
    let message = format!(
        "Response \"{id}\" is not kept here: it was another key's, was asked for with store = false, or is older than a day."
    );
    GatewayError::new(StatusCode::NOT_FOUND, "invalid_request_error", "response_not_found", message)
}

fn told(result: Result<Vec<u8>, GatewayError>) -> HttpResponse {
    match result {
        Ok(body) => HttpResponse::Ok().content_type("application/json").body(body),
        Err(error) => tell::error(&error, Shape::Openai, None),
    }
}
