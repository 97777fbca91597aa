//! `/api/v1/price-book`: what models cost by the platform's price book. It is filled by `tollgate-control prices import`.

use super::Page;
use crate::{
    access::permission::{Permit, of},
    domain::price_book,
    error::{ApiError, Problem},
    state::State,
    store::price_book::{Filter, PriceRow},
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A row of the price book.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ListPrice {
    /// The kind of provider.
    kind: String,
    /// The provider's own name of the model.
    model: String,
    /// The AWS region, Azure data zone or geography that it is for; null: everywhere.
    region: Option<String>,
    /// From when on it is in force.
    valid_from: DateTime<Utc>,
    /// What the model costs and what is known of it: `[models."provider/model"]` of the config document as JSON.
    spec: Value,
    /// Where it is from.
    source: String,
    /// When it was added.
    recorded_at: DateTime<Utc>,
}

/// All rows of a model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PriceHistory {
    data: Vec<ListPrice>,
}

/// Which rows.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ask {
    /// 1 to 200; 50 by default.
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Only of this kind of provider.
    kind: Option<String>,
    /// Only of this model.
    model: Option<String>,
}

/// Which model.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskHistory {
    /// The kind of provider.
    kind: String,
    /// The provider's own name of the model.
    model: String,
}

impl From<PriceRow> for ListPrice {
    fn from(row: PriceRow) -> Self {
        Self {
            kind: row.kind,
            model: row.model,
            region: (!row.region.is_empty()).then_some(row.region),
            valid_from: row.valid_from,
            spec: row.spec,
            source: row.source,
            recorded_at: row.recorded_at,
        }
    }
}

/// Lists the rows that are in force, by kind, model and region.
#[utoipa::path(tag = "Price book", params(Ask), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Page<ListPrice>), (status = 422, body = Problem)))]
#[get("/api/v1/price-book")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
    ask: web::Query<Ask>,
) -> Result<HttpResponse, ApiError> {
    let Ask { limit, after, kind, model } = ask.into_inner();
    let limit = super::PageQuery { limit, after: None }.limit()?;
    let after = after.map(|text| cursor(&text)).transpose()?;
    let filter = Filter { kind, model, after };
    let rows = price_book::list(&state, &permit.actor, &filter, limit).await?;
    let rows = rows.into_iter().map(ListPrice::from).collect();
    Ok(HttpResponse::Ok().json(Page::new(rows, limit, |last: &ListPrice| {
        let region = last.region.as_deref().unwrap_or_default();
        format!("{}\t{region}\t{}", last.kind, last.model)
    })))
}

/// Where the page before ended: kind, region and model.
fn cursor(text: &str) -> Result<[String; 3], ApiError> {
    let mut parts = text.splitn(3, '\t').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(kind), Some(region), Some(model)) => Ok([kind, model, region]),
        _ => Err(ApiError::invalid("/after", "must be the `next` of the page before")),
    }
}

/// All rows of a model, those that come into force later too; the last 200.
#[utoipa::path(tag = "Price book", params(AskHistory), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))), responses((status = 200, body = PriceHistory)))]
#[get("/api/v1/price-book/history")]
pub async fn history(
    permit: Permit<of::See>,
    state: web::Data<State>,
    ask: web::Query<AskHistory>,
) -> Result<HttpResponse, ApiError> {
    let rows = price_book::history(&state, &permit.actor, &ask.kind, &ask.model).await?;
    Ok(HttpResponse::Ok()
        .json(PriceHistory { data: rows.into_iter().map(ListPrice::from).collect() }))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, history))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(history);
}
