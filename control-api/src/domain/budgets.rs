//! Budgets: money per window for a scope.

use super::{audited, name, publish};
use crate::{
    access::Actor,
    error::{ApiError, FieldError},
    ids::BudgetId,
    state::State,
    store::budgets::{self as store, BudgetRow, Settings},
};
use serde_json::json;

/// The most that a window may allow: sums must stay exact in Redis (below 2^53 nano-USD).
const LIMIT_MAX: i64 = 9_000_000_000_000_000;

/// The tenant's budgets, by name.
pub async fn list(state: &State, actor: &Actor) -> Result<Vec<BudgetRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::of(&mut tx, &[actor.tenant.0]).await?)
}

/// One budget.
pub async fn get(state: &State, actor: &Actor, id: BudgetId) -> Result<BudgetRow, ApiError> {
    let all = list(state, actor).await?;
    all.into_iter().find(|row| row.id == id.0).ok_or(ApiError::NotFound)
}

/// Makes a budget.
pub async fn create(
    state: &State,
    actor: &Actor,
    settings: Settings,
) -> Result<BudgetId, ApiError> {
    let settings = check(settings)?;
    let id = BudgetId::new();
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::create(&mut tx, id, &settings).await?;
    audited(&mut tx, actor, "budget.created", &id.to_string(), shown(&settings)).await?;
    publish(tx, "").await?;
    Ok(id)
}

/// Changes a budget that is still at a version.
pub async fn change(
    state: &State,
    actor: &Actor,
    id: BudgetId,
    version: i32,
    settings: Settings,
) -> Result<(), ApiError> {
    let settings = check(settings)?;
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::change(&mut tx, id, Some(version), &settings).await?;
    let detail = json!({ "before": shown(&settings_of(&before)), "after": shown(&settings) });
    audited(&mut tx, actor, "budget.changed", &id.to_string(), detail).await?;
    publish(tx, "").await?;
    Ok(())
}

/// Deletes a budget: nothing is refused by it any more.
pub async fn delete(state: &State, actor: &Actor, id: BudgetId) -> Result<(), ApiError> {
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::delete(&mut tx, id).await?;
    audited(&mut tx, actor, "budget.deleted", &id.to_string(), shown(&settings_of(&before)))
        .await?;
    publish(tx, "").await?;
    Ok(())
}

/// Checks the rules that need no database: all mistakes at once.
pub fn check(mut settings: Settings) -> Result<Settings, ApiError> {
    let mut errors = Vec::new();
    match name(&settings.name, "/name") {
        Ok(name) => settings.name = name,
        Err(ApiError::Invalid(found)) => errors.extend(found),
        Err(other) => return Err(other),
    }
    let mut word = |pointer: &str, value: &str, words: &[&str]| {
        if !words.contains(&value) {
            errors.push(FieldError::new(pointer, format!("must be one of: {}", words.join(", "))));
        }
    };
    word("/window", &settings.time_window, &["hour", "day", "week", "month", "total"]);
    word("/on_exceed", &settings.on_exceed, &["block", "alert"]);
    word("/mode", &settings.mode, &["enforce", "shadow"]);
    if let Some(on_outage) = &settings.on_outage {
        word("/on_outage", on_outage, &["deny", "lease", "allow"]);
    }
    if !(1..=LIMIT_MAX).contains(&settings.limit_nano_usd) {
        errors.push(FieldError::new("/limit", "must be more than 0 and at most 9000000 USD"));
    }
    settings.alert_at.sort_unstable();
    settings.alert_at.dedup();
    if settings.alert_at.iter().any(|percent| !(1..=100).contains(percent)) {
        errors.push(FieldError::new("/alert_at", "percentages are 1 to 100"));
    }
    if settings.models.as_ref().is_some_and(Vec::is_empty) {
        settings.models = None;
    }
    if settings
        .models
        .as_ref()
        .is_some_and(|models| models.len() > 200 || models.iter().any(|name| name.len() > 256))
    {
        errors.push(FieldError::new("/models", "at most 200 of at most 256 characters"));
    }
    if errors.is_empty() { Ok(settings) } else { Err(ApiError::Invalid(errors)) }
}

/// A budget's settings as they are.
pub fn settings_of(row: &BudgetRow) -> Settings {
    Settings {
        name: row.name.clone(),
        limit_nano_usd: row.limit_nano_usd,
        time_window: row.time_window.clone(),
        team: row.team_id.map(Into::into),
        member: row.member_id.map(Into::into),
        api_key: row.api_key_id.map(Into::into),
        provider: row.provider.clone(),
        models: row.models.clone(),
        on_exceed: row.on_exceed.clone(),
        on_outage: row.on_outage.clone(),
        alert_at: row.alert_at.clone(),
        mode: row.mode.clone(),
    }
}

fn shown(settings: &Settings) -> serde_json::Value {
    json!({
        "name": settings.name,
        "limit_nano_usd": settings.limit_nano_usd,
        "window": settings.time_window,
        "team": settings.team,
        "member": settings.member,
        "api_key": settings.api_key,
        "provider": settings.provider,
        "models": settings.models,
        "on_exceed": settings.on_exceed,
        "on_outage": settings.on_outage,
        "alert_at": settings.alert_at,
        "mode": settings.mode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_budgets_are_refused_with_every_mistake_at_once() {
        let settings = Settings {
            name: " ".to_owned(),
            limit_nano_usd: -1,
            time_window: "fortnight".to_owned(),
            team: None,
            member: None,
            api_key: None,
            provider: None,
            models: None,
            on_exceed: "explode".to_owned(),
            on_outage: Some("pray".to_owned()),
            alert_at: vec![0, 50],
            mode: "maybe".to_owned(),
        };
        let ApiError::Invalid(errors) = check(settings).unwrap_err() else { panic!() };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/name", "/window", "/on_exceed", "/mode", "/on_outage", "/limit", "/alert_at"]
        );
    }
}
