//! Providers: whom a tenant can call.

use super::{audited, document::key, name, publish};
use crate::{
    access::Actor,
    error::ApiError,
    ids::ProviderId,
    state::State,
    store::providers::{self as store, ProviderRow},
};
use serde_json::{Value, json};
use tollgate_contract::provider::{ProviderKind, bedrock_url, vertex_url};

/// The tenant's providers, by name.
pub async fn list(state: &State, actor: &Actor) -> Result<Vec<ProviderRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::of(&mut tx, &[actor.tenant.0]).await?)
}

/// One provider.
pub async fn get(state: &State, actor: &Actor, id: ProviderId) -> Result<ProviderRow, ApiError> {
    list(state, actor).await?.into_iter().find(|row| row.id == id.0).ok_or(ApiError::NotFound)
}

/// Makes a provider. `spec` is `[providers.NAME]` of the config document without `keys`.
pub async fn create(
    state: &State,
    actor: &Actor,
    raw_name: &str,
    spec: Value,
) -> Result<ProviderId, ApiError> {
    let name = provider_name(raw_name)?;
    check_spec(state, &spec)?;
    let id = ProviderId::new();
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::create(&mut tx, id, &name, &spec).await?;
    audited(
        &mut tx,
        actor,
        "provider.created",
        &id.to_string(),
        json!({ "name": name, "spec": spec }),
    )
    .await?;
    publish(tx, &format!("providers.{}", key(&name))).await?;
    Ok(id)
}

/// Changes a provider that is still at a version.
pub async fn change(
    state: &State,
    actor: &Actor,
    id: ProviderId,
    version: i32,
    spec: Value,
) -> Result<(), ApiError> {
    check_spec(state, &spec)?;
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::change(&mut tx, id, Some(version), &spec).await?;
    let detail = json!({ "name": before.name, "before": before.spec, "after": spec });
    audited(&mut tx, actor, "provider.changed", &id.to_string(), detail).await?;
    publish(tx, &format!("providers.{}", key(&before.name))).await?;
    Ok(())
}

/// Deletes a provider with its keys; refused while a route, model or budget names it.
pub async fn delete(state: &State, actor: &Actor, id: ProviderId) -> Result<(), ApiError> {
    let before = get(state, actor, id).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::delete(&mut tx, id).await?;
    audited(&mut tx, actor, "provider.deleted", &id.to_string(), json!({ "name": before.name }))
        .await?;
    publish(tx, "").await.map_err(|error| match error {
        ApiError::Invalid(errors) => {
            let named: Vec<_> = errors.into_iter().map(|error| error.message).collect();
            ApiError::Conflict(format!("The provider is still in use: {}", named.join("; ")))
        }
        other => other,
    })?;
    Ok(())
}

/// The kind that a provider's spec names.
pub fn kind(provider: &ProviderRow) -> Option<ProviderKind> {
    provider.spec.get("kind").and_then(Value::as_str).and_then(ProviderKind::from_name)
}

/// Where a provider is called, without a trailing slash.
pub fn base_url(provider: &ProviderRow) -> Option<String> {
    let text = |name: &str| provider.spec.get(name).and_then(Value::as_str);
    if let Some(url) = text("base_url") {
        return Some(url.trim_end_matches('/').to_owned());
    }
    match kind(provider)? {
        ProviderKind::Bedrock => text("region").map(bedrock_url),
        ProviderKind::Vertex => Some(vertex_url(text("location").unwrap_or("global"))),
        kind => kind.default_base_url().map(str::to_owned),
    }
}

/// A provider's name is the first part of its targets.
pub fn provider_name(raw: &str) -> Result<String, ApiError> {
    let name = name(raw, "/name")?;
    if name.contains('/') || name.chars().any(char::is_whitespace) {
        return Err(ApiError::invalid(
            "/name",
            "must not contain `/` or spaces: it is the first part of \"provider/model\"",
        ));
    }
    Ok(name)
}

/// What the config document cannot know: what this installation allows.
pub fn check_spec(state: &State, spec: &Value) -> Result<(), ApiError> {
    if spec.get("keys").is_some() {
        return Err(ApiError::invalid(
            "/keys",
            "add provider keys with POST /api/v1/provider-keys",
        ));
    }
    let private = spec.get("allow_private_network").and_then(Value::as_bool) == Some(true);
    if private && !state.settings.allow_private_networks {
        let message = "private networks are not allowed here: the operator starts the control plane with --allow-private-networks";
        return Err(ApiError::invalid("/allow_private_network", message));
    }
    let url = spec.get("base_url").and_then(Value::as_str);
    if !private && url.is_some_and(is_private_address) {
        return Err(ApiError::invalid(
            "/base_url",
            "is a private address: set allow_private_network to true if it is meant",
        ));
    }
    Ok(())
}

/// Whether a URL names a private address outright. Names are checked when they are connected to.
fn is_private_address(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address| !tollgate_contract::network::is_public(address))
}
