//! `/console/requests`: the log of requests, and one request with its decision, attempts and cost.

use super::{Visit, clock::shown, csv, html, page, paging, see};
use crate::{
    access::permission::of,
    domain::usage::{self, Cursor, NamedRequest, Search},
    error::ApiError,
    ids::ApiKeyId,
    store::{
        TenantTx, api_keys,
        usage::{
            attempts,
            report::{self, Question},
        },
    },
};
use actix_web::{HttpResponse, web};
use chrono::{Duration, Utc};
use std::collections::{BTreeSet, HashMap};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template as _,
    form::Choice,
    layout::Nav,
    list::Query,
    pages::requests::{RequestRow, RequestsPage},
};

mod detail;

/// Choices of a filter.
const CHOICES_MAX: i64 = 200;

/// `GET /console/requests`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let query = Query::new("/console/requests", visit.queries());
    let limit = if visit.query("format") == "csv" { csv::ROWS_MAX } else { paging::ROWS + 1 };
    let cursor = visit.query("cursor");
    let rows = match search(&query, &cursor, limit) {
        Some(search) => usage::requests(&visit.state, &visit.actor, search).await?,
        None => Vec::new(),
    };
    if visit.query("format") == "csv" {
        return csv::file("requests", &COLUMNS, rows.into_iter().map(cells));
    }
    if let ([only], true) = (rows.as_slice(), !query.get("q").is_empty()) {
        return Ok(see(&format!("/console/requests/{}", only.row.id)));
    }
    let requests = requests_page(&visit, query, &cursor, rows).await?;
    if visit.query("fragment") == "live" {
        html(requests.as_live().render())
    } else {
        page(&requests)
    }
}

async fn requests_page(
    visit: &Visit<of::See>,
    query: Query,
    cursor: &str,
    mut rows: Vec<NamedRequest>,
) -> Result<RequestsPage, ApiError> {
    let pager = paging::pager(&mut rows, &query, cursor, |request| Cursor::of(request).to_string());
    let shell = visit.shell(Nav::Requests).await?;
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let attempts = attempts::of(&mut tx, rows.iter().map(|request| &request.row)).await?;
    Ok(RequestsPage {
        models: models(&mut tx, query.get("model")).await?,
        api_keys: keys(&mut tx).await?,
        rows: rows.into_iter().map(|request| row_of(request, &attempts)).collect(),
        pager,
        // A page that moves under the reader is no help: only the newest requests refresh.
        live: cursor.is_empty() && query.get("q").is_empty(),
        shell,
        query,
    })
}

/// What is asked for; `None` if nothing can match. Values that no filter has are as good as none.
fn search(query: &Query, cursor: &str, limit: i64) -> Option<Search> {
    let given = |name: &str| {
        Some(query.get(name).trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let back = match query.get("range") {
        "1h" => Duration::hours(1),
        "24h" => Duration::hours(24),
        "7d" => Duration::days(7),
        "30d" => Duration::days(30),
        // As far as one question reaches.
        _ => Duration::days(366),
    };
    let to = Utc::now() + Duration::minutes(5);
    let api_key = match given("api_key") {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    Some(Search {
        id: given("q"),
        status: given("status").filter(|status| matches!(status.as_str(), "ok" | "errors")),
        model: given("model"),
        api_key,
        from: Some(to - back),
        to: Some(to),
        // A cursor that is none begins at the newest request.
        after: cursor.parse().ok(),
        limit,
        ..Search::default()
    })
}

/// Routes and targets of the last 30 days, and the one that is chosen.
async fn models(tx: &mut TenantTx, chosen: &str) -> Result<Vec<Choice>, ApiError> {
    let question = Question {
        from: Utc::now() - Duration::days(30),
        to: Utc::now() + Duration::hours(1),
        zone: "UTC".to_owned(),
        by: ["route", "target"],
        limit: CHOICES_MAX,
        ..Question::default()
    };
    let seen = report::sums(tx, &question).await?.into_iter().flat_map(|(names, _)| names);
    let names: BTreeSet<String> =
        seen.chain([chosen.to_owned()]).filter(|name| !name.is_empty()).collect();
    Ok(names.into_iter().map(|name| Choice::new(name.clone(), name)).collect())
}

async fn keys(tx: &mut TenantTx) -> Result<Vec<Choice>, ApiError> {
    let all =
        api_keys::Filter { with_dead: true, limit: CHOICES_MAX, ..api_keys::Filter::default() };
    let rows = api_keys::list(tx, &all).await?;
    Ok(rows.into_iter().map(|row| Choice::new(ApiKeyId(row.id).to_string(), row.name)).collect())
}

fn row_of(request: NamedRequest, attempts: &HashMap<String, i64>) -> RequestRow {
    let NamedRequest { row, api_key_name, .. } = request;
    RequestRow {
        at: shown(row.at),
        status: u16::try_from(row.status).unwrap_or(0),
        error: row.error,
        api: row.api,
        requested: row.requested,
        target: Some(row.target).filter(|target| !target.is_empty()),
        api_key: api_key_name,
        input_tokens: count(row.input_tokens),
        output_tokens: count(row.output_tokens),
        cost: NanoUsd::new(row.cost_nano_usd),
        latency_ms: count(row.latency_ms),
        attempts: attempts.get(&row.id).copied().map_or(0, count),
        cached: row.cache == "hit",
        purpose: row.purpose,
        id: row.id,
    }
}

const fn count(number: i64) -> u64 {
    if number < 0 { 0 } else { number.unsigned_abs() }
}

const COLUMNS: [&str; 17] = [
    "id",
    "at",
    "status",
    "error",
    "api",
    "model",
    "route",
    "target",
    "api_key",
    "api_key_name",
    "team",
    "member",
    "stream",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
];

fn cells(request: NamedRequest) -> Vec<String> {
    let NamedRequest { row, api_key_name, team_name, member_name } = request;
    vec![
        row.id,
        shown(row.at).to_string(),
        row.status.to_string(),
        row.error.unwrap_or_default(),
        row.api,
        row.requested,
        row.route,
        row.target,
        row.api_key,
        api_key_name,
        team_name,
        member_name,
        row.stream.to_string(),
        row.input_tokens.to_string(),
        row.output_tokens.to_string(),
        NanoUsd::new(row.cost_nano_usd).to_string(),
        row.latency_ms.to_string(),
    ]
}

/// `GET /console/requests/{id}`.
pub async fn one(visit: Visit<of::See>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let found = usage::request(&visit.state, &visit.actor, &id).await?;
    // A correction is shown with the request that it corrects.
    if found.request.row.id != *id || id.contains(':') {
        return Err(ApiError::NotFound);
    }
    page(&detail::request_page(&visit, found).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Option<Search> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        search(&Query::new("/console/requests", pairs), "nonsense", 50)
    }

    #[test]
    fn filters_that_make_no_sense_show_everything_and_a_wrong_key_nothing() {
        let all = asked(&[("status", "maybe"), ("range", "eternity"), ("model", " ")]).unwrap();
        assert_eq!((all.status, all.model, all.after), (None, None, None));
        let some =
            asked(&[("status", "errors"), ("api_key", "key_0193c5f0a1b27c3d8e4f5a6b7c8d9e0f")])
                .unwrap();
        assert_eq!(some.status.as_deref(), Some("errors"));
        assert!(some.api_key.is_some());
        assert!(asked(&[("api_key", "key_x")]).is_none());
    }
}
