//! `/console/requests`: the log of requests, and one request with its decision, attempts and cost.

use super::{
    Visit,
    clock::shown,
    csv, html, page, paging, see,
};
use crate::{
    access::permission::of,
    domain::ledger::day_of,
    error::ApiError,
    ids::ApiKeyId,
    store::{
        TenantTx, api_keys,
        usage::{
            attempts,
            report::{self, Filter, Question, RequestRow as Stored},
        },
    },
};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeSet, HashMap};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template as _,
    form::Choice,
    layout::Nav,
    list::Query,
    pages::requests::{RequestPage, RequestRow, RequestsPage},
};

mod detail;

/// Choices of a filter.
const CHOICES_MAX: i64 = 200;

/// `GET /console/requests`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let query = Query::new("/console/requests", visit.queries());
    let sought = query.get("q").trim();
    if let Some(day) = day_of(sought) {
        let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
        if !report::request(&mut tx, sought, day).await?.is_empty() {
            return Ok(see(&format!("/console/requests/{sought}")));
        }
    }
    if visit.query("format") == "csv" {
        return csv_of(&visit, &query).await;
    }
    let requests = requests_page(&visit, query).await?;
    if visit.query("fragment") == "live" { html(requests.as_live().render()) } else { page(&requests) }
}

async fn requests_page(visit: &Visit<of::See>, query: Query) -> Result<RequestsPage, ApiError> {
    let cursor = visit.query("cursor");
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let mut rows = match filter(&query, &cursor, paging::ROWS + 1) {
        Some(filter) => report::requests(&mut tx, &filter).await?,
        None => Vec::new(),
    };
    let pager = paging::pager(&mut rows, &query, &cursor, cursor_of);
    let names = report::names(&mut tx, rows.iter().map(|row| row.api_key.as_str())).await?;
    let attempts = attempts::of(&mut tx, &rows).await?;
    Ok(RequestsPage {
        models: models(&mut tx, query.get("model")).await?,
        api_keys: keys(&mut tx).await?,
        rows: rows.into_iter().map(|row| row_of(row, &names, &attempts)).collect(),
        pager,
        // A page that moves under the reader is no help: only the newest requests refresh.
        live: cursor.is_empty() && query.get("q").is_empty(),
        shell: visit.shell(Nav::Requests).await?,
        query,
    })
}

/// What is asked for; `None` if nothing can match.
fn filter(query: &Query, cursor: &str, limit: i64) -> Option<Filter> {
    if !query.get("q").is_empty() {
        // An id that is there was answered before.
        return None;
    }
    let to = Utc::now() + Duration::minutes(5);
    let back = match query.get("range") {
        "1h" => Some(Duration::hours(1)),
        "24h" => Some(Duration::hours(24)),
        "7d" => Some(Duration::days(7)),
        "30d" => Some(Duration::days(30)),
        _ => None,
    };
    let failed = match query.get("status") {
        "ok" => Some(false),
        "errors" => Some(true),
        _ => None,
    };
    let given = |name: &str| Some(query.get(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    Some(Filter {
        failed,
        model: given("model"),
        api_key: given("api_key"),
        from: back.map_or(DateTime::UNIX_EPOCH, |back| Utc::now() - back),
        to,
        before: parsed_cursor(cursor),
        limit,
    })
}

fn cursor_of(row: &Stored) -> String {
    format!("{}.{}", row.at.timestamp_micros(), row.id)
}

/// A cursor that is none begins at the newest request.
fn parsed_cursor(cursor: &str) -> Option<(DateTime<Utc>, String)> {
    let (at, id) = cursor.split_once('.')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.to_owned()))
}

/// Routes and targets of the last 30 days, and the one that is chosen.
async fn models(tx: &mut TenantTx, chosen: &str) -> Result<Vec<Choice>, ApiError> {
    let question = Question {
        from: Utc::now() - Duration::days(30),
        to: Utc::now(),
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
    let all = api_keys::Filter { with_dead: true, limit: CHOICES_MAX, ..api_keys::Filter::default() };
    let rows = api_keys::list(tx, &all).await?;
    Ok(rows.into_iter().map(|row| Choice::new(ApiKeyId(row.id).to_string(), row.name)).collect())
}

fn row_of(row: Stored, names: &HashMap<String, String>, attempts: &HashMap<String, i64>) -> RequestRow {
    RequestRow {
        at: shown(row.at),
        status: u16::try_from(row.status).unwrap_or(0),
        error: row.error,
        api: row.api,
        requested: row.requested,
        attempts: attempts.get(&row.id).copied().map_or(0, count),
        target: Some(row.target).filter(|target| !target.is_empty()),
        api_key: names.get(&row.api_key).cloned().unwrap_or(row.api_key),
        input_tokens: count(row.input_tokens),
        output_tokens: count(row.output_tokens),
        cost: NanoUsd::new(row.cost_nano_usd),
        latency_ms: count(row.latency_ms),
        id: row.id,
    }
}

const fn count(number: i64) -> u64 {
    if number < 0 { 0 } else { number.unsigned_abs() }
}

async fn csv_of(visit: &Visit<of::See>, query: &Query) -> Result<HttpResponse, ApiError> {
    const COLUMNS: [&str; 17] = [
        "id", "at", "status", "error", "api", "model", "route", "target", "api_key", "api_key_name", "team", "member",
        "stream", "input_tokens", "output_tokens", "cost_usd", "latency_ms",
    ];
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let rows = match filter(query, "", csv::ROWS_MAX) {
        Some(filter) => report::requests(&mut tx, &filter).await?,
        None => Vec::new(),
    };
    let ids = rows.iter().flat_map(|row| [row.api_key.as_str(), row.team.as_str(), row.member.as_str()]);
    let names = report::names(&mut tx, ids.collect::<BTreeSet<_>>().into_iter()).await?;
    csv::file("requests", &COLUMNS, rows.into_iter().map(|row| cells(row, &names)))
}

fn cells(row: Stored, names: &HashMap<String, String>) -> Vec<String> {
    let named = |id: &String| names.get(id).unwrap_or(id).clone();
    vec![
        row.id,
        shown(row.at).to_string(),
        row.status.to_string(),
        row.error.unwrap_or_default(),
        row.api,
        row.requested,
        row.route,
        row.target,
        row.api_key.clone(),
        named(&row.api_key),
        named(&row.team),
        named(&row.member),
        row.stream.to_string(),
        row.input_tokens.to_string(),
        row.output_tokens.to_string(),
        NanoUsd::new(row.cost_nano_usd).to_string(),
        row.latency_ms.to_string(),
    ]
}

/// `GET /console/requests/{id}`.
pub async fn one(visit: Visit<of::See>, id: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let day = day_of(&id).ok_or(ApiError::NotFound)?;
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let mut events = report::request(&mut tx, &id, day).await?.into_iter();
    let event = events.next().filter(|event| event.row.id == *id).ok_or(ApiError::NotFound)?;
    let request: RequestPage = detail::request_page(&visit, tx, event, events.collect()).await?;
    page(&request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_the_first_page() {
        let at = DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap();
        let text = format!("{}.{}", at.timestamp_micros(), "0193c5aa-0000-7000-8000-000000000000");
        assert_eq!(parsed_cursor(&text), Some((at, "0193c5aa-0000-7000-8000-000000000000".to_owned())));
        for wrong in ["", ".", "x.y", "99999999999999999999.a"] {
            assert_eq!(parsed_cursor(wrong), None, "{wrong}");
        }
    }
}
