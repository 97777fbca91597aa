//! API keys: what apps present to gateways.

use super::{audited, name, publish};
use crate::{
    access::{Actor, Role},
    error::{ApiError, FieldError},
    ids::{ApiKeyId, BudgetId, MemberId, TeamId},
    publish::mark,
    state::State,
    store::{
        TenantTx,
        api_key_list::{self, ListedKey, Question},
        api_keys::{self as store, ApiKeyRow, Origin, Settings},
        budgets,
    },
};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use tollgate_contract::{
    api_key::{self, ApiKeyHash},
    counter_keys::Revocation,
    secret::Secret,
};

/// What people decide about an API key.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Its name.
    pub name: String,
    /// Its team.
    pub team: Option<TeamId>,
    /// Names and targets that it may use, as globs; empty: all.
    pub models: Vec<String>,
    /// A limit.
    pub requests_per_minute: Option<i64>,
    /// A limit.
    pub tokens_per_minute: Option<i64>,
    /// A limit.
    pub concurrent: Option<i64>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that was made, with the secret that is shown once.
#[derive(Debug)]
pub struct Minted {
    /// Its id.
    pub id: ApiKeyId,
    /// The key.
    pub secret: Secret,
}

/// What is checked before anything is written: all mistakes at once.
#[derive(Debug)]
pub struct Checked(Wishes);

impl Wishes {
    /// Checks the rules that need no database.
    pub fn check(mut self, now: DateTime<Utc>) -> Result<Checked, ApiError> {
        const MOST: i64 = 1_000_000_000_000;
        let mut errors = Vec::new();
        match name(&self.name, "/name") {
            Ok(name) => self.name = name,
            Err(ApiError::Invalid(found)) => errors.extend(found),
            Err(other) => return Err(other),
        }
        if self.models.is_empty() {
            self.models.push("*".to_owned());
        }
        if self.models.len() > 200 {
            errors.push(FieldError::new("/models", "at most 200"));
        }
        for (index, pattern) in self.models.iter().enumerate() {
            if pattern.is_empty() || pattern.len() > 256 || pattern.chars().any(char::is_whitespace)
            {
                errors.push(FieldError::new(
                    format!("/models/{index}"),
                    "must be a route, a target or a glob like \"openai/*\", of 1 to 256 characters without spaces",
                ));
            }
        }
        for (pointer, limit) in [
            ("/limits/requests_per_minute", self.requests_per_minute),
            ("/limits/tokens_per_minute", self.tokens_per_minute),
            ("/limits/concurrent", self.concurrent),
        ] {
            if limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
                errors.push(FieldError::new(
                    pointer,
                    format!("must be 1 to {MOST}; leave it out for no limit"),
                ));
            }
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            errors.push(FieldError::new("/expires_at", "must be in the future"));
        }
        if errors.is_empty() { Ok(Checked(self)) } else { Err(ApiError::Invalid(errors)) }
    }
}

impl Checked {
    fn settings(&self) -> Settings<'_> {
        Settings {
            name: &self.0.name,
            team: self.0.team,
            models: &self.0.models,
            requests_per_minute: self.0.requests_per_minute,
            tokens_per_minute: self.0.tokens_per_minute,
            concurrent: self.0.concurrent,
            expires_at: self.0.expires_at,
        }
    }
}

/// Makes a key. It belongs to the member that makes it.
pub async fn create(state: &State, actor: &Actor, wishes: Wishes) -> Result<Minted, ApiError> {
    let checked = wishes.check(Utc::now())?;
    let minted = mint();
    let mut tx = state.db.tenant(actor.tenant).await?;
    let hash = ApiKeyHash::of(minted.secret.expose());
    let origin = Origin {
        id: minted.id,
        hash: hash.as_bytes(),
        last4: last4(&minted.secret),
        member: actor.member(),
        rotated_from: None,
        created_by: &actor.id(),
    };
    store::create(&mut tx, &origin, &checked.settings()).await?;
    audited(&mut tx, actor, "api_key.created", &minted.id.to_string(), shown(&checked.0)).await?;
    publish(tx, &place(minted.id, actor)).await?;
    Ok(minted)
}

/// Changes a key that is still at a version.
pub async fn change(
    state: &State,
    actor: &Actor,
    id: ApiKeyId,
    version: i32,
    wishes: Wishes,
) -> Result<(), ApiError> {
    let checked = wishes.check(DateTime::<Utc>::MIN_UTC)?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let before = own(store::lock(&mut tx, id).await?, actor)?;
    if before.version != version {
        return Err(ApiError::Stale);
    }
    if checked.0.expires_at != before.expires_at
        && checked.0.expires_at.is_some_and(|at| at <= Utc::now())
    {
        return Err(ApiError::invalid(
            "/expires_at",
            "must be in the future; to end the key now, revoke it",
        ));
    }
    store::change(&mut tx, id, version, &checked.settings()).await?;
    let detail = json!({ "before": shown(&wishes_of(&before)), "after": shown(&checked.0) });
    audited(&mut tx, actor, "api_key.changed", &id.to_string(), detail).await?;
    publish(tx, &place(id, actor)).await?;
    Ok(())
}

/// Makes a successor with the same rights; the old key lives on for the overlap, under another name.
pub async fn rotate(
    state: &State,
    actor: &Actor,
    id: ApiKeyId,
    overlap: Duration,
) -> Result<Minted, ApiError> {
    if overlap < Duration::zero() || overlap > Duration::days(30) {
        return Err(ApiError::invalid("/overlap_seconds", "must be 0 to 2592000 (30 days)"));
    }
    let minted = mint();
    let mut tx = state.db.tenant(actor.tenant).await?;
    let old = own(store::lock(&mut tx, id).await?, actor)?;
    let ends = Utc::now() + overlap;
    let until = old.expires_at.map_or(ends, |at| at.min(ends));
    retire(&mut tx, &old, until).await?;
    let hash = ApiKeyHash::of(minted.secret.expose());
    let origin = Origin {
        id: minted.id,
        hash: hash.as_bytes(),
        last4: last4(&minted.secret),
        member: old.member_id.map(MemberId),
        rotated_from: Some(id),
        created_by: &actor.id(),
    };
    let successor = Checked(wishes_of(&old));
    store::create(&mut tx, &origin, &successor.settings()).await?;
    hand_over_budgets(&mut tx, &old, minted.id, overlap).await?;
    let detail = json!({ "successor": minted.id, "old_key_ends": until });
    audited(&mut tx, actor, "api_key.rotated", &id.to_string(), detail).await?;
    if overlap.is_zero() {
        store::revoke(&mut tx, id).await?;
        let revision = publish_revocation(tx, actor, id).await?;
        mark(state, revision, &marker(actor, id)).await;
    } else {
        publish(tx, &place(minted.id, actor)).await?;
    }
    Ok(minted)
}

/// What a rotated key is called for as long as it lives on.
fn retired_name(name: &str, old: &ApiKeyRow) -> String {
    let short: String = name.chars().take(50).collect();
    format!("{short} (old {})", old.last4)
}

/// The old key gives its name to the successor, and ends.
async fn retire(tx: &mut TenantTx, old: &ApiKeyRow, until: DateTime<Utc>) -> Result<(), ApiError> {
    let settings = Settings {
        name: &retired_name(&old.name, old),
        team: old.team_id.map(TeamId),
        models: &old.models,
        requests_per_minute: old.requests_per_minute,
        tokens_per_minute: old.tokens_per_minute,
        concurrent: old.concurrent,
        expires_at: Some(until),
    };
    Ok(store::change(tx, ApiKeyId(old.id), old.version, &settings).await?)
}

/// The old key's budgets, and what was spent of them, become the successor's. For the overlap the old key has budgets
/// of its own with the same limits, so that neither can spend without one.
async fn hand_over_budgets(
    tx: &mut TenantTx,
    old: &ApiKeyRow,
    successor: ApiKeyId,
    overlap: Duration,
) -> Result<(), ApiError> {
    let tenant = tx.tenant();
    for row in budgets::of(tx, &[tenant.0]).await? {
        if row.api_key_id != Some(old.id) {
            continue;
        }
        let mut settings = super::budgets::settings_of(&row);
        settings.api_key = Some(successor);
        budgets::change(tx, BudgetId(row.id), None, &settings).await?;
        if !overlap.is_zero() {
            settings.name = retired_name(&row.name, old);
            settings.api_key = Some(ApiKeyId(old.id));
            budgets::create(tx, BudgetId::new(), &settings).await?;
        }
    }
    Ok(())
}

/// Revokes a key: every gateway refuses it within 2 seconds, also while the control link is cut.
pub async fn revoke(state: &State, actor: &Actor, id: ApiKeyId) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    own(store::lock(&mut tx, id).await?, actor)?;
    if !store::revoke(&mut tx, id).await? {
        return Err(ApiError::NotFound);
    }
    audited(&mut tx, actor, "api_key.revoked", &id.to_string(), json!({})).await?;
    let revision = publish_revocation(tx, actor, id).await?;
    mark(state, revision, &marker(actor, id)).await;
    Ok(())
}

async fn publish_revocation(
    mut tx: TenantTx,
    actor: &Actor,
    id: ApiKeyId,
) -> Result<i64, ApiError> {
    let revision = crate::store::world::advance(&mut tx).await?;
    crate::store::world::note_revocation(&mut tx, revision, &marker(actor, id)).await?;
    tx.commit().await?;
    Ok(revision)
}

fn marker(actor: &Actor, id: ApiKeyId) -> String {
    let id = tollgate_contract::ids::ApiKeyId::new(id.to_string());
    Revocation::ApiKey(actor.tenant.to_contract(), id).to_string()
}

/// Lists keys: members see their own, admins all.
pub async fn list(
    state: &State,
    actor: &Actor,
    mut filter: store::Filter,
) -> Result<Vec<ApiKeyRow>, ApiError> {
    filter.member = only_of(actor);
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::list(&mut tx, &filter).await?)
}

/// A page of keys with what they did, in the order that was asked for: members see their own, admins all.
pub async fn look_through(
    state: &State,
    actor: &Actor,
    mut question: Question,
) -> Result<Vec<ListedKey>, ApiError> {
    question.member = only_of(actor);
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(api_key_list::page(&mut tx, &question).await?)
}

/// The member whose keys are all that the actor sees.
fn only_of(actor: &Actor) -> Option<MemberId> {
    let sees_all = actor.role >= Role::Billing || actor.role == Role::Viewer || actor.is_operator();
    if sees_all { None } else { actor.member() }
}

/// One key.
pub async fn get(state: &State, actor: &Actor, id: ApiKeyId) -> Result<ApiKeyRow, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let row = store::lock(&mut tx, id).await?;
    if actor.role == Role::Viewer { Ok(row) } else { own(row, actor) }
}

/// Members have their own keys; who is more has all. Another's key does not exist for a member.
fn own(row: ApiKeyRow, actor: &Actor) -> Result<ApiKeyRow, ApiError> {
    let all = actor.role >= Role::Billing;
    let mine = actor.member().is_some_and(|member| row.member_id == Some(member.0));
    if all || mine { Ok(row) } else { Err(ApiError::NotFound) }
}

fn wishes_of(row: &ApiKeyRow) -> Wishes {
    Wishes {
        name: row.name.clone(),
        team: row.team_id.map(TeamId),
        models: row.models.clone(),
        requests_per_minute: row.requests_per_minute,
        tokens_per_minute: row.tokens_per_minute,
        concurrent: row.concurrent,
        expires_at: row.expires_at,
    }
}

fn shown(wishes: &Wishes) -> serde_json::Value {
    json!({
        "name": wishes.name,
        "team": wishes.team,
        "models": wishes.models,
        "requests_per_minute": wishes.requests_per_minute,
        "tokens_per_minute": wishes.tokens_per_minute,
        "concurrent": wishes.concurrent,
        "expires_at": wishes.expires_at,
    })
}

fn mint() -> Minted {
    Minted { id: ApiKeyId::new(), secret: Secret::new(api_key::mint(&rand::random())) }
}

fn last4(secret: &Secret) -> &str {
    let text = secret.expose();
    &text[text.len().saturating_sub(4)..]
}

fn place(id: ApiKeyId, actor: &Actor) -> String {
    format!("tenants.{}.api_keys.{id}", actor.tenant)
}
