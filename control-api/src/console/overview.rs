//! `/console`: what the tenant spent, how its requests fared, which budgets run out.

use super::{Visit, clock::shown, html, page, scope, see};
use crate::{
    access::permission::of,
    domain::usage::{self, BudgetState, NamedRequest, Overview},
    error::ApiError,
    ids::BudgetId,
    store::{
        TenantTx,
        api_keys::{self, Filter as KeyFilter},
        budgets::{self, BudgetRow},
        provider_keys,
        usage::{
            report::{self, Question, Sums},
            requests::{self, Filter},
        },
    },
};
use actix_web::HttpResponse;
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, HashMap};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    Template as _,
    chart::{Point, Step},
    layout::Nav,
    list::percent_encoded,
    pages::overview::{BudgetLine, CostLine, Failure, OverviewPage, Range, Setup, Totals},
};

/// Lines of each short table.
const LINES: usize = 5;
/// Bars of a week.
const WEEK: usize = 7;

/// `GET /`.
pub async fn home() -> HttpResponse {
    see("/console")
}

/// `GET /console`.
pub async fn overview(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    if visit.session.tenant.is_none() {
        // An operator who is a member of no tenant and looks into none.
        return Ok(see("/operator/tenants"));
    }
    let overview = overview_page(&visit).await?;
    if visit.query("fragment") == "live" {
        html(overview.as_live().render())
    } else {
        page(&overview)
    }
}

async fn overview_page(visit: &Visit<of::See>) -> Result<OverviewPage, ApiError> {
    let (state, actor) = (&visit.state, &visit.actor);
    let shell = visit.shell(Nav::Overview).await?;
    let range = Range::from_name(&visit.query("range"));
    let overview = usage::overview(state, actor, Utc::now(), &shell.zone).await?;
    let points = bars(&overview, range);
    let mut tx = state.db.tenant(actor.tenant).await?;
    let from = points.first().map_or_else(Utc::now, |point| point.start);
    let [by_model, by_team, by_key] = costs(&mut tx, from).await?;
    let budgets = budgets::of(&mut tx, &[actor.tenant.0]).await?;
    let mut ids: Vec<String> = budgets.iter().flat_map(scope::ids).collect();
    ids.extend(by_team.iter().chain(&by_key).map(|([id, _], _)| id.clone()));
    let names = report::names(&mut tx, ids.iter().map(String::as_str)).await?;
    let is_quiet = overview.days.iter().all(|day| day.sums.requests == 0);
    let setup = if is_quiet { setup(&mut tx).await? } else { None };
    drop(tx);
    let states = usage::budget_state(state, actor.tenant, &budgets, &shell.zone).await?;
    let named = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let link = |field: &str, value: &str| {
        format!("/console/requests?{field}={}&range={}", percent_encoded(value), range.name())
    };
    Ok(OverviewPage {
        setup,
        range,
        totals: totals(&overview),
        points: points.iter().map(point).collect(),
        budgets: budget_lines(&budgets, &states, &names),
        models: lines(by_model, |target| match target {
            "" => ("Not served".to_owned(), link("status", "errors")),
            target => (target.to_owned(), link("model", target)),
        }),
        // The log cannot be filtered by team: where the team is shown is the next best place.
        teams: lines(by_team, |team| match team {
            "" => ("No team".to_owned(), "/console/members#teams".to_owned()),
            team => (named(team), "/console/members#teams".to_owned()),
        }),
        api_keys: lines(by_key, |key| (named(key), link("api_key", key))),
        failures: overview.failures.into_iter().map(failure).collect(),
        shell,
    })
}

/// What a tenant that never had a request still has to do.
async fn setup(tx: &mut TenantTx) -> Result<Option<Setup>, ApiError> {
    let ever = Filter {
        from: DateTime::UNIX_EPOCH,
        to: Utc::now() + Duration::hours(1),
        limit: 1,
        ..Filter::default()
    };
    if !requests::requests(tx, &ever).await?.is_empty() {
        return Ok(None);
    }
    let tenant = tx.tenant().0;
    let has_provider_key = !provider_keys::of(tx, &[tenant]).await?.is_empty();
    let has_api_key =
        !api_keys::list(tx, &KeyFilter { limit: 1, ..KeyFilter::default() }).await?.is_empty();
    Ok(Some(Setup { has_provider_key, has_api_key }))
}

fn bars(overview: &Overview, range: Range) -> &[usage::Point] {
    match range.step() {
        Step::Hour => &overview.hours,
        Step::Day => overview.days.split_at(overview.days.len().saturating_sub(WEEK)).1,
    }
}

fn point(point: &usage::Point) -> Point {
    Point {
        at: shown(point.start),
        cost: point.sums.cost(),
        requests: count(point.sums.requests),
        errors: count(point.sums.errors),
    }
}

fn totals(overview: &Overview) -> Totals {
    Totals {
        spend_today: overview.today.cost(),
        spend_month: overview.month.cost(),
        requests_today: count(overview.today.requests),
        tokens_today: tokens(&overview.today),
        errors_today: count(overview.today.errors),
        p50_ms: overview.p50_ms.map(count),
        p95_ms: overview.p95_ms.map(count),
    }
}

type Costs = Vec<([String; 2], Sums)>;

/// The dearest models, teams and API keys since a time.
async fn costs(tx: &mut TenantTx, from: DateTime<Utc>) -> Result<[Costs; 3], ApiError> {
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (costs, by) in all.iter_mut().zip(["target", "team", "api_key"]) {
        let question = Question {
            from,
            to: Utc::now() + Duration::hours(1),
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
        CostLine {
            name,
            href,
            requests: count(sums.requests),
            tokens: tokens(&sums),
            cost: sums.cost(),
        }
    };
    costs.into_iter().map(line).collect()
}

fn failure(request: NamedRequest) -> Failure {
    Failure {
        id: request.row.id,
        at: shown(request.row.at),
        status: u16::try_from(request.row.status).unwrap_or(0),
        error: request.row.error.unwrap_or_else(|| "failed".to_owned()),
        model: request.row.requested,
        api_key: request.api_key_name,
    }
}

/// The budgets that are closest to their limit.
fn budget_lines(
    budgets: &[BudgetRow],
    states: &BTreeMap<BudgetId, BudgetState>,
    names: &HashMap<String, String>,
) -> Vec<BudgetLine> {
    let line = |budget: &BudgetRow| {
        let id = BudgetId(budget.id);
        let state = states.get(&id)?;
        Some(BudgetLine {
            id: id.to_string(),
            name: budget.name.clone(),
            scope: scope::in_words(budget, names),
            limit: NanoUsd::new(budget.limit_nano_usd),
            used: state.settled,
            held: state.held.unwrap_or_default(),
            resets_at: state.ends_at.map(shown),
        })
    };
    let mut lines: Vec<BudgetLine> = budgets.iter().filter_map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.meter().percent));
    lines.truncate(LINES);
    lines
}

const fn tokens(sums: &Sums) -> u64 {
    count(sums.input_tokens).saturating_add(count(sums.output_tokens))
}

/// Corrections may leave a sum below nothing for a moment; pages show nothing then.
const fn count(number: i64) -> u64 {
    if number < 0 { 0 } else { number.unsigned_abs() }
}
