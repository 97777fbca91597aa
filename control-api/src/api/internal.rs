//! `/internal/v1`: between the planes. Never public; nodes only.

use crate::{access::token, error::ApiError, publish, state::State};
use actix_web::{HttpRequest, HttpResponse, get, web};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::mpsc;

/// Where the node stopped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    #[serde(default)]
    after: i64,
}

/// Lines that wait for a slow node.
const QUEUE: usize = 64;

/// The world as NDJSON: see `tollgate_contract::feed`.
#[get("/internal/v1/world")]
pub async fn world(
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<After>,
) -> Result<HttpResponse, ApiError> {
    let node = token::node_of(&request).await?;
    let version =
        request.headers().get("x-tollgate-node-version").and_then(|value| value.to_str().ok());
    let version = version.filter(|text| text.len() <= 64).unwrap_or_default().to_owned();
    let (sender, receiver) = mpsc::channel(QUEUE);
    actix_web::rt::spawn(publish::stream(
        state.get_ref().clone(),
        node,
        version,
        query.after,
        sender,
    ));
    let lines = stream::unfold(receiver, |mut receiver| async {
        let line = receiver.recv().await?;
        Some((line, receiver))
    });
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(lines))
}

/// Mounts it.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(world);
}
