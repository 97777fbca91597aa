//! `/console`: what the tenant spent, how its requests fared, which budgets run out.

use super::{
    Visit,
    clock::{shown, stored},
    html, page, see,
    standing::{self, Standing},
};
use crate::{
    access::permission::of,
    error::ApiError,
    ids::BudgetId,
    store::{
        TenantTx,
        api_keys::{self, Filter as KeyFilter},
        budgets::{self, BudgetRow},
        provider_keys,
        usage::report::{self, Filter, Question, RequestRow, Sums},
    },
};
use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned};
use std::collections::HashMap;
use tollgate_contract::{budget::Window, money::NanoUsd};
use tollgate_web::{
    Template as _,
    chart::{Point, Step},
    layout::{Nav, Shell},
    list::percent_encoded,
    pages::overview::{BudgetLine, CostLine, Failure, OverviewPage, Range, Setup, Totals},
};

/// Lines of each short table.
const LINES: usize = 5;
/// Percentiles are of today's newest requests, not of millions.
const LATENCIES_MAX: i64 = 10_000;

/// `GET /console`.
pub async fn overview(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    if visit.session.tenant.is_none() {
        // An operator who is a member of no tenant and looks into none.
        return Ok(see("/operator/tenants"));
    }
    let overview = overview_page(&visit).await?;
    if visit.query("fragment") == "live" { html(overview.as_live().render()) } else { page(&overview) }
}

/// `GET /`.
pub async fn home() -> HttpResponse {
    see("/console")
}

async fn overview_page(visit: &Visit<of::See>) -> Result<OverviewPage, ApiError> {
    let shell = visit.shell(Nav::Overview).await?;
    let range = Range::from_name(&visit.query("range"));
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let starts = starts(range.step(), &shell.now.to_zoned(shell.zone.clone()));
    let midnight = start_of(Window::Day, &shell);
    let month = start_of(Window::Month, &shell);
    let from = starts.iter().copied().fold(month, Timestamp::min);
    let hours = report::hours(&mut tx, stored(from), Utc::now()).await?;
    let hours: Vec<(Timestamp, Sums)> = hours.into_iter().map(|(hour, sums)| (shown(hour), sums)).collect();
    let latencies = report::latencies(&mut tx, stored(midnight), LATENCIES_MAX).await?;
    let first = starts.first().copied().unwrap_or(midnight);
    let [by_model, by_team, by_key] = costs(&mut tx, first).await?;
    let failed = failures(&mut tx).await?;
    let budgets = budgets::of(&mut tx, &[visit.actor.tenant.0]).await?;
    let mut ids: Vec<String> = budgets.iter().flat_map(standing::scope_ids).collect();
    ids.extend(by_team.iter().chain(&by_key).map(|([id, _], _)| id.clone()));
    ids.extend(failed.iter().map(|row| row.api_key.clone()));
    let names = report::names(&mut tx, ids.iter().map(String::as_str)).await?;
    let setup = if hours.is_empty() { setup(&mut tx).await? } else { None };
    let standings = standing::of(&visit.state, &mut tx, &budgets, shell.now, &shell.zone).await?;
    drop(tx);
    let named = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let range_name = range.name();
    let link = |field: &str, value: &str| {
        format!("/console/requests?{field}={}&range={range_name}", percent_encoded(value))
    };
    Ok(OverviewPage {
        setup,
        range,
        totals: totals(&hours, midnight, month, latencies),
        points: points(&hours, &starts),
        budgets: budget_lines(&budgets, standings, &names),
        models: lines(by_model, |target| match target {
            "" => ("Not served".to_owned(), link("status", "errors")),
            target => (target.to_owned(), link("model", target)),
        }),
        // The log cannot be filtered by team: the team's page is the next best place.
        teams: lines(by_team, |team| match team {
            "" => ("No team".to_owned(), "/console/members#teams".to_owned()),
            team => (named(team), "/console/members#teams".to_owned()),
        }),
        api_keys: lines(by_key, |key| (named(key), link("api_key", key))),
        failures: failed.into_iter().map(|row| failure(row, &named)).collect(),
        shell,
    })
}

/// What a tenant that never had a request still has to do.
async fn setup(tx: &mut TenantTx) -> Result<Option<Setup>, ApiError> {
    let ever = Filter {
        failed: None,
        model: None,
        api_key: None,
        from: DateTime::UNIX_EPOCH,
        to: Utc::now(),
        before: None,
        limit: 1,
    };
    if !report::requests(tx, &ever).await?.is_empty() {
        return Ok(None);
    }
    let tenant = tx.tenant().0;
    let has_provider_key = !provider_keys::of(tx, &[tenant]).await?.is_empty();
    let has_api_key = !api_keys::list(tx, &KeyFilter { limit: 1, ..KeyFilter::default() }).await?.is_empty();
    Ok(Some(Setup { has_provider_key, has_api_key }))
}

type Costs = Vec<([String; 2], Sums)>;

/// The dearest models, teams and API keys since a time.
async fn costs(tx: &mut TenantTx, from: Timestamp) -> Result<[Costs; 3], ApiError> {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (costs, by) in all.iter_mut().zip(["target", "team", "api_key"]) {
        let question = Question {
            from: stored(from),
            to: Utc::now(),
            zone: "UTC".to_owned(),
            by: [by, ""],
            by_cost: true,
            limit: LINES as i64,
            ..Question::default()
        };
        *costs = report::sums(tx, &question).await?;
    }
    Ok(all)
}

fn lines(costs: Costs, named: impl Fn(&str) -> (String, String)) -> Vec<CostLine> {
    let line = |([id, _], sums): ([String; 2], Sums)| {
        let (name, href) = named(&id);
        CostLine { name, href, requests: count(sums.requests), tokens: tokens(&sums), cost: NanoUsd::new(sums.cost_nano_usd) }
    };
    costs.into_iter().map(line).collect()
}

/// The latest failed requests of a week.
async fn failures(tx: &mut TenantTx) -> Result<Vec<RequestRow>, ApiError> {
    let to = Utc::now();
    let filter = Filter {
        failed: Some(true),
        model: None,
        api_key: None,
        from: to - chrono::Duration::days(7),
        to,
        before: None,
        limit: LINES as i64,
    };
    Ok(report::requests(tx, &filter).await?)
}

fn failure(row: RequestRow, named: impl Fn(&str) -> String) -> Failure {
    Failure {
        id: row.id,
        at: shown(row.at),
        status: u16::try_from(row.status).unwrap_or(0),
        error: row.error.unwrap_or_else(|| "failed".to_owned()),
        model: row.requested,
        api_key: named(&row.api_key),
    }
}

/// The budgets that are closest to their limit.
fn budget_lines(budgets: &[BudgetRow], standings: Vec<Standing>, names: &HashMap<String, String>) -> Vec<BudgetLine> {
    let line = |(budget, standing): (&BudgetRow, Standing)| BudgetLine {
        id: BudgetId(budget.id).to_string(),
        name: budget.name.clone(),
        scope: standing::scope(budget, names),
        limit: NanoUsd::new(budget.limit_nano_usd),
        used: standing.used,
        held: standing.held,
        resets_at: standing.resets_at,
    };
    let mut lines: Vec<BudgetLine> = budgets.iter().zip(standings).map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.meter().percent));
    lines.truncate(LINES);
    lines
}

fn totals(
    hours: &[(Timestamp, Sums)],
    midnight: Timestamp,
    month: Timestamp,
    (p50, p95): (Option<i64>, Option<i64>),
) -> Totals {
    let today = sum(hours, midnight, None);
    Totals {
        spend_today: NanoUsd::new(today.cost_nano_usd),
        spend_month: NanoUsd::new(sum(hours, month, None).cost_nano_usd),
        requests_today: count(today.requests),
        tokens_today: tokens(&today),
        errors_today: count(today.errors),
        p50_ms: p50.map(count),
        p95_ms: p95.map(count),
    }
}

fn points(hours: &[(Timestamp, Sums)], starts: &[Timestamp]) -> Vec<Point> {
    let point = |(index, start): (usize, &Timestamp)| {
        let sums = sum(hours, *start, starts.get(index + 1).copied());
        Point {
            at: *start,
            cost: NanoUsd::new(sums.cost_nano_usd),
            requests: count(sums.requests),
            errors: count(sums.errors),
        }
    };
    starts.iter().enumerate().map(point).collect()
}

/// What came in from `from` on and before `to`.
fn sum(hours: &[(Timestamp, Sums)], from: Timestamp, to: Option<Timestamp>) -> Sums {
    let within = |(hour, _): &&(Timestamp, Sums)| from <= *hour && to.is_none_or(|to| *hour < to);
    hours.iter().filter(within).fold(Sums::default(), |all, (_, sums)| Sums {
        requests: all.requests.saturating_add(sums.requests),
        errors: all.errors.saturating_add(sums.errors),
        input_tokens: all.input_tokens.saturating_add(sums.input_tokens),
        output_tokens: all.output_tokens.saturating_add(sums.output_tokens),
        cost_nano_usd: all.cost_nano_usd.saturating_add(sums.cost_nano_usd),
    })
}

/// Where the bars start, oldest first. Sums are kept by the full hour of UTC, so hours are those.
fn starts(step: Step, now: &Zoned) -> Vec<Timestamp> {
    match step {
        Step::Hour => {
            let second = now.timestamp().as_second();
            let this = Timestamp::from_second(second - second.rem_euclid(3600)).unwrap_or(now.timestamp());
            (0..24).rev().map(|hours| this.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(this)).collect()
        }
        Step::Day => {
            let midnight = |days: i64| {
                let day = now.date().saturating_sub(days.days());
                day.to_zoned(now.time_zone().clone()).map(|start| start.timestamp())
            };
            (0..7).rev().filter_map(|days| midnight(days).ok()).collect()
        }
    }
}

/// When the window that we are in began.
fn start_of(window: Window, shell: &Shell) -> Timestamp {
    let (span, _) = window.current_and_next(shell.now, &shell.zone);
    Timestamp::from_millisecond(span.start_ms).unwrap_or(shell.now)
}

const fn tokens(sums: &Sums) -> u64 {
    count(sums.input_tokens).saturating_add(count(sums.output_tokens))
}

/// Corrections may leave a sum below nothing for a moment; pages show nothing then.
const fn count(number: i64) -> u64 {
    if number < 0 { 0 } else { number.unsigned_abs() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn hour(at: &str, cost: i64) -> (Timestamp, Sums) {
        (at.parse().unwrap(), Sums { requests: 1, cost_nano_usd: cost, ..Sums::default() })
    }

    #[test]
    fn bars_follow_the_calendar_of_the_zone_and_lose_nothing() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-10-26T10:30:00Z".parse::<Timestamp>().unwrap().to_zoned(berlin);
        let days = starts(Step::Day, &now);
        assert_eq!(days.len(), 7);
        assert_eq!(days[5].to_string(), "2026-10-24T22:00:00Z", "Sunday, in summer time");
        assert_eq!(days[6].to_string(), "2026-10-25T23:00:00Z", "Monday, in winter time");
        let hours = [hour("2026-10-24T22:00:00Z", 1), hour("2026-10-25T22:00:00Z", 2), hour("2026-10-25T23:00:00Z", 4)];
        let costs: Vec<i64> = points(&hours, &days).iter().map(|point| point.cost.as_nanos()).collect();
        assert_eq!(costs, [0, 0, 0, 0, 0, 3, 4]);
        let hours = starts(Step::Hour, &now);
        assert_eq!((hours.len(), hours[23].to_string()), (24, "2026-10-26T10:00:00Z".to_owned()));
    }
}
