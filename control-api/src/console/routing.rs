//! Routes, to look at: they are changed by the config document.

use super::{Visit, clock::shown, page};
use crate::{
    access::permission::of,
    domain::routes,
    error::ApiError,
    store::{
        route_traffic::{self, Attempts},
        routes::RouteRow as Stored,
        usage::report::{self, Sums},
    },
};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, time::Duration};
use tollgate_contract::{
    money::NanoUsd,
    route::{BreakerSettings, FailureClass, Timeouts},
};
use tollgate_web::{
    layout::Nav,
    list::Query,
    pages::routes::{RoutePage, RouteRow, RouteTarget, RoutesPage, SplitLine},
};

/// Latencies and failed attempts are those of at most this many requests.
const SAMPLE_MAX: i64 = 10_000;
/// The most routes and targets that sums are asked for.
const ROWS_MAX: i64 = 10_000;

/// `GET /console/routes`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::Routes).await?;
    let query = Query::new("/console/routes", visit.queries());
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let traffic = report::sums(&mut tx, &question("route", None)).await?;
    drop(tx);
    let traffic: HashMap<String, Sums> =
        traffic.into_iter().map(|([route, _], sums)| (route, sums)).collect();
    let routes = routes::list(&visit.state, &visit.actor).await?;
    let row = |route: &Stored| row(route, traffic.get(&route.name).copied().unwrap_or_default());
    let mut rows: Vec<_> = routes.iter().map(row).collect();
    let search = query.get("q").trim().to_lowercase();
    let found = |name: &str| name.to_lowercase().contains(&search);
    rows.retain(|row| found(&row.name) || row.targets.iter().any(|target| found(&target.name)));
    page(&RoutesPage { shell, query, rows })
}

/// `GET /console/routes/{name}`.
pub async fn show(
    visit: Visit<of::See>,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let routes = routes::list(&visit.state, &visit.actor).await?;
    let route = routes.into_iter().find(|route| route.name == *name).ok_or(ApiError::NotFound)?;
    let shell = visit.shell(Nav::Routes).await?;
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let served = report::sums(&mut tx, &question("target", Some(route.name.clone()))).await?;
    let sample = route_traffic::newest(&mut tx, &route.name, since(), SAMPLE_MAX).await?;
    drop(tx);
    let served: Vec<_> = served.into_iter().map(|([target, _], sums)| (target, sums)).collect();
    let mut all = Sums::default();
    for (_, sums) in &served {
        all.add(sums);
    }
    page(&RoutePage {
        shell,
        route: row(&route, all),
        // Only the first version's time is known here.
        updated_at: Some(shown(route.created_at)).filter(|_| route.version == 1),
        timeouts: timeouts(&route.spec),
        fallback_on: fallback_on(&route.spec),
        breaker: breaker(&route.spec),
        toml: toml_of(&route.name, &route.spec)?,
        split: split(&served, &sample),
    })
}

fn since() -> DateTime<Utc> {
    Utc::now() - chrono::Duration::hours(24)
}

fn question(by: &'static str, route: Option<String>) -> report::Question {
    report::Question {
        from: since(),
        to: Utc::now(),
        zone: "UTC".to_owned(),
        by: [by, ""],
        route,
        limit: ROWS_MAX,
        ..report::Question::default()
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn row(route: &Stored, traffic: Sums) -> RouteRow {
    let strategy = route.spec.get("strategy").and_then(Value::as_str).unwrap_or("fallback");
    let targets = entries(&route.spec);
    RouteRow {
        name: route.name.clone(),
        strategy: strategy.to_owned(),
        targets: targets
            .map(|(target, when)| route_target(&target, when, strategy == "weighted"))
            .collect(),
        requests_24h: count(traffic.requests),
        errors_24h: count(traffic.errors),
        cost_24h: NanoUsd::new(traffic.cost_nano_usd),
    }
}

/// What a route can lead to, in its order, and when: its targets, or what its intents, its rules and its default name.
pub(super) fn entries(spec: &Value) -> impl Iterator<Item = (Value, Option<String>)> {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = list("targets").into_iter().map(|target| (target, None));
    let intents = list("intents").into_iter().map(|intent| {
        let when = text(&intent, "name").map(|name| format!("intent {name}"));
        (intent, when)
    });
    let rules = list("rules").into_iter().map(|rule| {
        let when = text(&rule, "when");
        (rule, when)
    });
    let default = text(spec, "default")
        .map(|name| (serde_json::json!({ "use": name }), Some("default".to_owned())));
    targets.chain(intents).chain(rules).chain(default)
}

fn route_target(target: &Value, when: Option<String>, weighted: bool) -> RouteTarget {
    let number = |name: &str| {
        target.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
    };
    RouteTarget {
        name: text(target, "use").unwrap_or_default(),
        when,
        weight: weighted.then(|| number("weight").unwrap_or(1)),
        retries: number("retries").unwrap_or(0),
        first_byte: text(target, "first_byte"),
    }
}

fn text(table: &Value, name: &str) -> Option<String> {
    table.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Timeouts, with those that hold where the route says nothing.
fn timeouts(spec: &Value) -> Vec<(String, String)> {
    let (written, usual) = (spec.get("timeouts").unwrap_or(&Value::Null), Timeouts::default());
    let or = |name: &str, usual: Duration| text(written, name).unwrap_or_else(|| span(usual));
    let streams = || format!("{} where the answer streams", span(Timeouts::STREAM_FIRST_BYTE));
    let first_byte = text(written, "first_byte").unwrap_or_else(streams);
    [
        ("Connect", or("connect", usual.connect)),
        ("First byte", first_byte),
        ("Between chunks", or("idle", usual.idle)),
        ("Total", or("total", usual.total)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn fallback_on(spec: &Value) -> Vec<String> {
    match spec.get("fallback_on").and_then(Value::as_array) {
        Some(classes) => classes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => FailureClass::ALL.map(|class| class.name().to_owned()).to_vec(),
    }
}

fn breaker(spec: &Value) -> Vec<(String, String)> {
    let (written, usual) =
        (spec.get("breaker").unwrap_or(&Value::Null), BreakerSettings::default());
    let number =
        |name: &str, usual: u32| written.get(name).and_then(Value::as_u64).unwrap_or(usual.into());
    let ratio = written.get("ratio").and_then(Value::as_f64).unwrap_or(usual.ratio);
    let window = text(written, "window").unwrap_or_else(|| span(usual.window));
    let cooldown = text(written, "cooldown").unwrap_or_else(|| span(usual.cooldown));
    let failures = number("failures", usual.failures);
    let requests = number("min_requests", usual.min_requests);
    [
        ("Circuit opens after", format!("{failures} failures in a row")),
        (
            "Or when",
            format!(
                "{}% of {requests} or more requests fail within {window}",
                (ratio * 100.0).round()
            ),
        ),
        ("Stays open for", format!("{cooldown}, longer each time")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// A span as the config document writes it.
fn span(span: Duration) -> String {
    let ms = span.as_millis();
    match ms {
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// `[routes.NAME]` as it stands in the config document.
fn toml_of(name: &str, spec: &Value) -> Result<String, ApiError> {
    toml::to_string(&json!({ "routes": { name: without_nulls(spec) } })).map_err(ApiError::internal)
}

/// TOML has no null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            let kept = table.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(list) => {
            Value::Array(list.iter().filter(|value| !value.is_null()).map(without_nulls).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Where the requests went. Requests and cost are exact; failed attempts are those of the newest requests, projected to
/// all of them.
fn split(served: &[(String, Sums)], sample: &[Attempts]) -> Vec<SplitLine> {
    let of = served.iter().map(|(_, sums)| count(sums.requests)).sum();
    let sampled: u64 = sample.iter().map(|attempts| count(attempts.requests)).sum();
    let project = |errors: i64| {
        let all = u128::from(count(errors)) * u128::from(of) / u128::from(sampled.max(1));
        u64::try_from(all).unwrap_or(u64::MAX)
    };
    let mut targets: Vec<&str> = served.iter().map(|(target, _)| target.as_str()).collect();
    targets.extend(sample.iter().map(|attempts| attempts.target.as_str()));
    targets.sort_unstable();
    targets.dedup();
    let line = |target: &str| {
        let sums = served
            .iter()
            .find(|(name, _)| name == target)
            .map(|(_, sums)| *sums)
            .unwrap_or_default();
        let attempts = sample.iter().find(|attempts| attempts.target == target);
        SplitLine {
            target: if target.is_empty() { "none answered".to_owned() } else { target.to_owned() },
            requests: count(sums.requests),
            of,
            errors: attempts.map_or(0, |attempts| project(attempts.errors)),
            p50_ms: attempts.and_then(|attempts| attempts.p50_ms).map(count),
            cost: NanoUsd::new(sums.cost_nano_usd),
        }
    };
    let mut lines: Vec<_> = targets.into_iter().map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.requests));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_as_in_the_config_document() {
        let spec = json!({
            "strategy": "weighted", "sticky": null,
            "targets": [{ "use": "openai/gpt-4o", "weight": 95 }, { "use": "local/llama", "first_byte": "2s" }],
            "timeouts": { "total": "5m" },
        });
        let text = toml_of("my route", &spec).unwrap();
        assert!(
            text.contains("[routes.\"my route\"]") && text.contains("total = \"5m\""),
            "{text}"
        );
        let back: Value = toml::from_str(&text).unwrap();
        assert_eq!(back["routes"]["my route"]["targets"][0]["weight"], 95);
        let route = Stored {
            tenant_id: uuid::Uuid::nil(),
            id: uuid::Uuid::nil(),
            name: "my route".to_owned(),
            spec,
            version: 1,
            created_at: Utc::now(),
        };
        let row = row(&route, Sums::default());
        assert_eq!((row.targets[0].weight, row.targets[1].weight), (Some(95), Some(1)));
        assert_eq!(row.targets[1].first_byte.as_deref(), Some("2s"));
    }

    #[test]
    fn what_a_route_does_not_write_is_shown_as_it_holds() {
        let values: Vec<_> = timeouts(&json!({ "timeouts": { "connect": "250ms" } }))
            .into_iter()
            .map(|(_, v)| v)
            .collect();
        assert_eq!(values, ["250ms", "20s where the answer streams", "1m", "10m"]);
        assert_eq!(fallback_on(&json!({})).len(), 8);
        assert_eq!(fallback_on(&json!({ "fallback_on": ["429"] })), ["429"]);
        assert_eq!(
            breaker(&json!({ "breaker": { "ratio": 0.25 } }))[1].1,
            "25% of 20 or more requests fail within 10s"
        );
    }

    #[test]
    fn failed_attempts_are_projected_to_all_requests() {
        let sums = |requests| Sums { requests, ..Sums::default() };
        let attempts = |target: &str, requests, errors| Attempts {
            target: target.to_owned(),
            requests,
            errors,
            p50_ms: Some(9),
        };
        let served = [("a".to_owned(), sums(30)), ("b".to_owned(), sums(70))];
        let lines =
            split(&served, &[attempts("a", 3, 1), attempts("b", 7, 0), attempts("c", 0, 2)]);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.target.as_str(), line.requests, line.of, line.errors))
            .collect();
        assert_eq!(told, [("b", 70, 100, 0), ("a", 30, 100, 10), ("c", 0, 100, 20)]);
    }
}
