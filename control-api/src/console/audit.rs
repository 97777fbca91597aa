//! `/console/audit`: who did what, and whether the chain of hashes holds.

use super::{Visit, clock::shown, csv, page, paging};
use crate::{
    access::permission::of,
    domain::audit,
    error::ApiError,
    store::audit_log::{Entry, Filter},
};
use actix_web::HttpResponse;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use tollgate_web::{
    form::Choice,
    layout::Nav,
    list::Query,
    pages::audit::{AuditPage, AuditRow, Chain, Change},
};

/// A longer chain is not recomputed while somebody waits for the page; `tollgate-control audit verify` does it.
const CHAIN_MAX: i64 = 5_000;

/// What can be done, by the beginning of the action's name.
const ACTIONS: [(&str, &str); 14] = [
    ("api_key.", "API keys"),
    ("budget.", "Budgets"),
    ("config.", "Config documents"),
    ("management_token.", "Management tokens"),
    ("member.", "Members and invitations"),
    ("model.", "Models"),
    ("provider.", "Providers"),
    ("provider_key.", "Provider keys"),
    ("provider_key.opened", "Provider keys that were opened"),
    ("route.", "Routes"),
    ("team.", "Teams"),
    ("tenant.", "The tenant"),
    ("tenant.entered", "Operators who looked in"),
    ("tenant.suspended", "Suspensions"),
];

/// `GET /console/audit`.
pub async fn list(visit: Visit<of::SeeAudit>) -> Result<HttpResponse, ApiError> {
    let query = Query::new("/console/audit", visit.queries());
    if visit.query("format") == "csv" {
        let entries =
            audit::list(&visit.state, &visit.actor, &filter(&query, None, csv::ROWS_MAX)).await?;
        return csv::file("audit", &COLUMNS, entries.into_iter().map(cells));
    }
    let cursor = visit.query("cursor");
    let mut entries = audit::list(
        &visit.state,
        &visit.actor,
        &filter(&query, cursor.parse().ok(), paging::ROWS + 1),
    )
    .await?;
    let pager = paging::pager(&mut entries, &query, &cursor, |row| row.seq.to_string());
    let shell = visit.shell(Nav::Audit).await?;
    page(&AuditPage {
        actions: ACTIONS.map(|(value, label)| Choice::new(value, label)).to_vec(),
        chain: chain(&visit).await?,
        rows: entries.into_iter().map(row).collect(),
        pager,
        query,
        shell,
    })
}

fn filter(query: &Query, before: Option<i64>, limit: i64) -> Filter {
    let given = |name: &str| {
        Some(query.get(name).trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    Filter { before, action: given("action"), actor: given("actor"), limit }
}

async fn chain(visit: &Visit<of::SeeAudit>) -> Result<Chain, ApiError> {
    let newest =
        audit::list(&visit.state, &visit.actor, &Filter { limit: 1, ..Filter::default() }).await?;
    if newest.first().is_some_and(|entry| entry.seq > CHAIN_MAX) {
        return Ok(Chain::Unchecked);
    }
    let chain = audit::verify_own(&visit.state, &visit.actor).await?;
    let at = shown(chrono::Utc::now());
    Ok(match chain.broken {
        Some(broken) => Chain::Broken { seq: broken.seq.unsigned_abs(), at },
        None => Chain::Verified { seq: chain.rows.unsigned_abs(), at },
    })
}

fn row(entry: Entry) -> AuditRow {
    AuditRow {
        seq: entry.seq.unsigned_abs(),
        at: shown(entry.at),
        actor: entry.actor_name,
        action: entry.action,
        object: entry.object,
        ok: entry.outcome == "ok",
        outcome: entry.outcome,
        ip: entry.ip,
        request_id: entry.request_id,
        changes: changes(&entry.detail),
    }
}

const COLUMNS: [&str; 11] = [
    "seq",
    "at",
    "actor",
    "actor_name",
    "action",
    "object",
    "outcome",
    "ip",
    "request_id",
    "detail",
    "hash",
];

fn cells(entry: Entry) -> Vec<String> {
    vec![
        entry.seq.to_string(),
        shown(entry.at).to_string(),
        entry.actor,
        entry.actor_name,
        entry.action,
        entry.object,
        entry.outcome,
        entry.ip,
        entry.request_id,
        entry.detail,
        tollgate_contract::feed::to_hex(&entry.hash),
    ]
}

/// What changed, field by field: `{"before": …, "after": …}` shows what differs, anything else is told as it is.
fn changes(detail: &str) -> Vec<Change> {
    let Ok(Value::Object(detail)) = serde_json::from_str(detail) else { return Vec::new() };
    let (before, after) = match (detail.get("before"), detail.get("after")) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            (before.clone(), after.clone())
        }
        (Some(before), Some(after)) => {
            let name = |value: &Value| Map::from_iter([("name".to_owned(), value.clone())]);
            (name(before), name(after))
        }
        _ => (Map::new(), detail),
    };
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |field: &&String| before.get(*field) != after.get(*field);
    let change = |field: &String| Change {
        field: field.replace('_', " "),
        before: before.get(field).and_then(text),
        after: after.get(field).and_then(text),
    };
    let changes = fields.into_iter().filter(differs).map(change);
    changes.filter(|change| change.before.is_some() || change.after.is_some()).collect()
}

/// A value as people read it; nothing for null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let all: Vec<String> = list.iter().filter_map(text).collect();
            Some(all.join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let told = |detail: &str| {
            let all = changes(detail).into_iter();
            all.map(|change| (change.field, change.before, change.after)).collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        let detail = r#"{"before":{"a_b":1,"same":true,"gone":"x"},"after":{"a_b":2,"same":true,"gone":null}}"#;
        assert_eq!(
            told(detail),
            [("a b".to_owned(), some("1"), some("2")), ("gone".to_owned(), some("x"), None)]
        );
        assert_eq!(
            told(r#"{"before":"old","after":"new"}"#),
            [("name".to_owned(), some("old"), some("new"))]
        );
        let detail = r#"{"models":["a","b"],"team":null}"#;
        assert_eq!(told(detail), [("models".to_owned(), None, some("a, b"))]);
        assert_eq!(told("no json"), []);
    }
}
