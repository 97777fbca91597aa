//! Tenants: their settings, and what operators do with them.

use super::{audited, name, publish};
use crate::{
    access::{Actor, Who},
    error::ApiError,
    ids::{PersonId, TenantId},
    publish::mark,
    state::State,
    store::{
        self, Db,
        audit_log::{self, NewEntry},
        tenants::TenantRow,
    },
};
use jiff::tz::TimeZone;
use serde_json::json;
use tollgate_contract::counter_keys::Revocation;

/// The actor's tenant.
pub async fn own(state: &State, actor: &Actor) -> Result<TenantRow, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::tenants::own(&mut tx).await?)
}

/// Changes the settings of the actor's tenant.
pub async fn change(
    state: &State,
    actor: &Actor,
    version: i32,
    time_zone: &str,
    unpriced: &str,
) -> Result<(), ApiError> {
    check_zone(time_zone, "/time_zone")?;
    if !matches!(unpriced, "deny" | "allow") {
        return Err(ApiError::invalid("/unpriced", "must be one of: deny, allow"));
    }
    let mut tx = state.db.tenant(actor.tenant).await?;
    let before = store::tenants::own(&mut tx).await?;
    store::tenants::change(&mut tx, version, time_zone, unpriced).await?;
    let detail = json!({
        "before": { "time_zone": before.time_zone, "unpriced": before.unpriced },
        "after": { "time_zone": time_zone, "unpriced": unpriced },
    });
    audited(&mut tx, actor, "tenant.changed", &actor.tenant.to_string(), detail).await?;
    publish(tx, "").await?;
    Ok(())
}

/// Gives the actor's tenant another name. Its new version.
pub async fn rename(
    state: &State,
    actor: &Actor,
    version: i32,
    raw_name: &str,
) -> Result<i32, ApiError> {
    let name = name(raw_name, "/name")?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let before = store::tenants::own(&mut tx).await?.name;
    let version = store::tenants::rename(&mut tx, version, &name).await?;
    let detail = json!({ "before": before, "after": name });
    audited(&mut tx, actor, "tenant.renamed", &actor.tenant.to_string(), detail).await?;
    tx.commit().await?;
    Ok(version)
}

/// Whether a time zone exists.
pub fn check_zone(zone: &str, pointer: &str) -> Result<(), ApiError> {
    TimeZone::get(zone).map(drop).map_err(|_| {
        ApiError::invalid(
            pointer,
            format!("\"{zone}\" is no time zone: write one like \"Europe/Berlin\""),
        )
    })
}

/// Creates a tenant and its owner. The owner gets in by a link.
pub async fn create(
    db: &Db,
    by: &Who,
    raw_name: &str,
    time_zone: &str,
    owner_email: &str,
) -> Result<(TenantId, PersonId), ApiError> {
    let name = name(raw_name, "/name")?;
    check_zone(time_zone, "/time_zone")?;
    let email = email(owner_email, "/owner")?;
    let tenant = TenantId::new();
    let mut tx = db.system().await?;
    store::tenants::create(&mut tx, tenant, &name, time_zone).await?;
    let person = store::people::ensure(&mut tx, &email).await?;
    store::members::add_owner(&mut tx, tenant, person).await?;
    let actor = Actor { who: by.clone(), ..Actor::command_line(tenant) };
    let entry = NewEntry {
        actor: &actor.id(),
        actor_name: &actor.name(),
        action: "tenant.created",
        object: &tenant.to_string(),
        outcome: "ok",
        ip: "",
        request_id: &actor.request_id,
        detail: json!({ "name": name, "time_zone": time_zone, "owner": person }),
    };
    audit_log::append_system(&mut tx, audit_log::PLATFORM, entry).await?;
    tx.commit().await?;
    // Its first revision: gateways learn that it exists.
    publish(db.tenant(tenant).await?, "").await?;
    Ok((tenant, person))
}

/// An e-mail address in lower case; not more than that it may be one.
pub fn email(raw: &str, pointer: &str) -> Result<String, ApiError> {
    let email = raw.trim().to_lowercase();
    let (local, domain) = email.split_once('@').unwrap_or_default();
    let plain = email.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if local.is_empty() || domain.is_empty() || domain.contains('@') || !plain || email.len() > 254
    {
        return Err(ApiError::invalid(pointer, "must be an e-mail address"));
    }
    Ok(email)
}

/// All tenants, for operators.
pub async fn search(
    state: &State,
    contains: &str,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<TenantRow>, ApiError> {
    let mut tx = state.db.system().await?;
    Ok(store::tenants::search(&mut tx, contains, after, limit).await?)
}

/// Suspends a tenant, or lets it go on. Gateways refuse a suspended tenant's keys.
pub async fn suspend(
    state: &State,
    actor: &Actor,
    tenant: TenantId,
    suspended: bool,
) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(tenant).await?;
    store::tenants::own(&mut tx).await?;
    store::tenants::suspend(&mut tx, suspended).await?;
    let action = if suspended { "tenant.suspended" } else { "tenant.resumed" };
    audited(&mut tx, actor, action, &tenant.to_string(), json!({})).await?;
    let revision = store::world::advance(&mut tx).await?;
    let marker = Revocation::Tenant(tenant.to_contract()).to_string();
    if suspended {
        store::world::note_revocation(&mut tx, revision, &marker).await?;
    }
    tx.commit().await?;
    if suspended {
        mark(state, revision, &marker).await;
    }
    Ok(())
}
