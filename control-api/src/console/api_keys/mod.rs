//! API keys: `list` them, `create` one and show its secret once, `edit` it, end it (`revoke`). What is asked is in
//! `fields`; here is what these pages share.

pub mod create;
pub mod edit;
mod fields;
mod first_request;
pub mod list;
pub mod revoke;
mod snippets;

pub use first_request::first_request;

use super::{Visit, clock::shown, days::month_start};
use crate::{
    domain::{api_keys, teams},
    error::ApiError,
    ids::{ApiKeyId, TeamId},
    store::{
        api_key_list::{ListedKey, Question},
        usage::report,
    },
};
use chrono::{Duration, Utc};
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    form::Choice,
    layout::Shell,
    pages::api_keys::{ApiKeyRow, ApiKeyStatus, ApiKeyUsage},
};

/// Where the list is.
const LIST: &str = "/console/api-keys";
/// How many teams a select offers.
const TEAMS_MAX: i64 = 1_000;

fn row(key: ListedKey) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId(key.id).to_string(),
        name: key.name,
        last4: key.last4,
        team: key.team,
        member: key.member,
        created_at: shown(key.created_at),
        last_used_at: key.last_used_at.map(shown),
        spend_month: NanoUsd::new(key.cost_nano_usd),
        expires_at: key.expires_at.map(shown),
        status: status(&key.status).unwrap_or(ApiKeyStatus::Active),
    }
}

fn status(name: &str) -> Option<ApiKeyStatus> {
    ApiKeyStatus::ALL.into_iter().find(|status| status.name() == name)
}

/// A key that the visitor may see, with what it did.
async fn one<P>(visit: &Visit<P>, shell: &Shell, id: ApiKeyId) -> Result<ApiKeyRow, ApiError> {
    let since = month_start(shell.now, &shell.zone);
    let question = Question { only: Some(id), since, limit: 1, ..Question::default() };
    let found = api_keys::look_through(&visit.state, &visit.actor, question).await?.pop();
    found.map(row).ok_or(ApiError::NotFound)
}

async fn usage<P>(visit: &Visit<P>, shell: &Shell, id: ApiKeyId) -> Result<ApiKeyUsage, ApiError> {
    let now = Utc::now();
    let question = |from| report::Question {
        from,
        to: now,
        zone: "UTC".to_owned(),
        api_key: Some(id.to_string()),
        limit: 1,
        ..report::Question::default()
    };
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let day = report::sums(&mut tx, &question(now - Duration::hours(24)))
        .await?
        .pop()
        .unwrap_or_default()
        .1;
    let month = month_start(shell.now, &shell.zone);
    let month = report::sums(&mut tx, &question(month)).await?.pop().unwrap_or_default().1;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(ApiKeyUsage {
        requests_24h: count(day.requests),
        errors_24h: count(day.errors),
        spend_24h: NanoUsd::new(day.cost_nano_usd),
        tokens_month: count(month.input_tokens.saturating_add(month.output_tokens)),
    })
}

async fn teams<P>(visit: &Visit<P>) -> Result<Vec<Choice>, ApiError> {
    let mut teams = teams::list(&visit.state, &visit.actor, None, TEAMS_MAX).await?;
    teams.sort_by_key(|team| team.name.to_lowercase());
    Ok(teams.into_iter().map(|team| Choice::new(TeamId(team.id).to_string(), team.name)).collect())
}
