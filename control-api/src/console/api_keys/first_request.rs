//! Word of the first request with a key, while somebody waits for it.

use crate::{
    access::permission::of,
    console::{Visit, clock::shown, html, page},
    domain::{
        api_keys,
        usage::{self, NamedRequest},
    },
    error::ApiError,
    ids::ApiKeyId,
};
use actix_web::{HttpResponse, web};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template as _,
    layout::Nav,
    pages::api_keys::{FirstRequest, FirstRequestPage},
};

/// `GET /console/api-keys/{id}/first-request`.
pub async fn first_request(
    visit: Visit<of::See>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let row = api_keys::get(&visit.state, &visit.actor, *id).await?;
    let first_request = usage::first_request(&visit.state, &visit.actor, *id).await?.map(told);
    let shell = visit.shell(Nav::ApiKeys).await?;
    let found = FirstRequestPage { shell, id: id.to_string(), name: row.name, first_request };
    let is_fragment = visit.request().headers().contains_key("hx-request");
    if is_fragment { html(found.as_first_request().render()) } else { page(&found) }
}

fn told(first: NamedRequest) -> FirstRequest {
    let row = first.row;
    let tokens = row.input_tokens.saturating_add(row.output_tokens);
    FirstRequest {
        model: if row.target.is_empty() { row.requested } else { row.target },
        id: row.id,
        at: shown(row.at),
        status: u16::try_from(row.status).unwrap_or(0),
        tokens: u64::try_from(tokens).unwrap_or(0),
        cost: NanoUsd::new(row.cost_nano_usd),
    }
}
