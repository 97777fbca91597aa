//! The list, and the list as CSV. A tenant has a few budgets, so that search and order need no database.

use super::{LIST, rows};
use crate::{
    access::permission::of,
    console::{Visit, csv, page, paging},
    domain::budgets,
    error::ApiError,
};
use actix_web::HttpResponse;
use tollgate_web::{
    layout::Nav,
    list::Query,
    pages::budgets::{BudgetRow, BudgetsPage},
};

/// `GET /console/budgets`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::Budgets).await?;
    let query = Query::new(LIST, visit.queries());
    let budgets = budgets::list(&visit.state, &visit.actor).await?;
    let (mut rows, counters_known) = rows(&visit, &shell, budgets).await?;
    let search = query.get("q").trim().to_lowercase();
    rows.retain(|row| {
        row.name.to_lowercase().contains(&search) || row.scope.to_lowercase().contains(&search)
    });
    sort(&mut rows, query.get("sort"));
    if visit.query("format") == "csv" {
        return as_csv(rows);
    }
    let cursor = visit.query("cursor");
    if let Some(place) = rows.iter().position(|row| row.id == cursor) {
        rows.drain(..=place);
    }
    let pager = paging::pager(&mut rows, &query, &cursor, |row| row.id.clone());
    page(&BudgetsPage { shell, query, rows, pager, counters_known })
}

fn sort(rows: &mut [BudgetRow], sort: &str) {
    match sort.trim_start_matches('-') {
        "used" => rows.sort_by_key(|row| row.used),
        "limit" => rows.sort_by_key(|row| row.limit),
        _ => rows.sort_by_key(|row| row.name.to_lowercase()),
    }
    if sort.starts_with('-') {
        rows.reverse();
    }
}

fn as_csv(rows: Vec<BudgetRow>) -> Result<HttpResponse, ApiError> {
    let header = [
        "id",
        "name",
        "scope",
        "window",
        "limit_usd",
        "used_usd",
        "held_usd",
        "remaining_usd",
        "resets_at",
        "on_exceed",
        "mode",
    ];
    let line = |row: BudgetRow| {
        let remaining = row.remaining().to_string();
        vec![
            row.id,
            row.name,
            row.scope,
            row.window,
            row.limit.to_string(),
            row.used.to_string(),
            row.held.to_string(),
            remaining,
            row.resets_at.map_or(String::new(), |at| at.to_string()),
            row.on_exceed,
            if row.shadow { "shadow" } else { "enforce" }.to_owned(),
        ]
    };
    csv::file("budgets", &header, rows.into_iter().map(line))
}
