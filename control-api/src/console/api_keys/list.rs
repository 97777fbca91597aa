//! The list, and the list as CSV.

use super::{LIST, row, status};
use crate::{
    access::permission::of,
    console::{Visit, csv, days::month_start, page, paging},
    domain::api_keys,
    error::ApiError,
    store::api_key_list::Question,
};
use actix_web::HttpResponse;
use tollgate_web::{
    layout::Nav,
    list::Query,
    pages::api_keys::{ApiKeyRow, ApiKeysPage},
};

/// `GET /console/api-keys`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::ApiKeys).await?;
    let query = Query::new(LIST, visit.queries());
    let (is_csv, cursor) = (visit.query("format") == "csv", visit.query("cursor"));
    let question = Question {
        search: query.get("q").trim().to_owned(),
        status: status(query.get("status"))
            .map_or(String::new(), |status| status.name().to_owned()),
        sort: query.get("sort").to_owned(),
        since: month_start(shell.now, &shell.zone),
        // Who comes with a cursor that is none starts at the first page.
        after: cursor.parse().ok(),
        limit: if is_csv { csv::ROWS_MAX } else { paging::ROWS + 1 },
        ..Question::default()
    };
    let rows = api_keys::look_through(&visit.state, &visit.actor, question).await?;
    let mut rows: Vec<_> = rows.into_iter().map(row).collect();
    if is_csv {
        return as_csv(rows);
    }
    let pager = paging::pager(&mut rows, &query, &cursor, |row| row.id.clone());
    page(&ApiKeysPage { shell, query, rows, pager })
}

fn as_csv(rows: Vec<ApiKeyRow>) -> Result<HttpResponse, ApiError> {
    let header = [
        "id",
        "name",
        "last4",
        "team",
        "member",
        "status",
        "spend_month_usd",
        "created_at",
        "last_used_at",
        "expires_at",
    ];
    let time = |at: Option<jiff::Timestamp>| at.map_or(String::new(), |at| at.to_string());
    let line = |row: ApiKeyRow| {
        vec![
            row.id,
            row.name,
            row.last4,
            row.team.unwrap_or_default(),
            row.member.unwrap_or_default(),
            row.status.name().to_owned(),
            row.spend_month.to_string(),
            row.created_at.to_string(),
            time(row.last_used_at),
            time(row.expires_at),
        ]
    };
    csv::file("api-keys", &header, rows.into_iter().map(line))
}
