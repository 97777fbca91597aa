//! Provider keys: sealed on arrival, never shown again, opened here only to try them.

use super::{audited, probe, providers, publish};
use crate::{
    access::Actor,
    error::ApiError,
    ids::{ProviderId, ProviderKeyId, TenantId},
    keys::Keys,
    state::State,
    store::{
        provider_keys::{self as store, NewProviderKey, ProviderKeyRow},
        providers::ProviderRow,
    },
};
use serde_json::json;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tollgate_contract::{
    network, node::PROVIDER_KEY_PURPOSE, provider::ProviderKind, sealed::Binding, secret::Secret,
};

/// How long a try may take.
const TEST_LIMIT: Duration = Duration::from_secs(10);

/// What came of trying a key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct TestResult {
    /// Whether the provider took the key.
    pub ok: bool,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// Milliseconds to the answer.
    pub latency_ms: u64,
    /// What it means, and what to do.
    pub message: String,
}

/// The tenant's provider keys.
pub async fn list(state: &State, actor: &Actor) -> Result<Vec<ProviderKeyRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::of(&mut tx, &[actor.tenant.0]).await?)
}

/// One provider key.
pub async fn get(
    state: &State,
    actor: &Actor,
    id: ProviderKeyId,
) -> Result<ProviderKeyRow, ApiError> {
    list(state, actor).await?.into_iter().find(|row| row.id == id.0).ok_or(ApiError::NotFound)
}

/// Refuses what no provider of the kind can have given.
pub fn check_secret(kind: Option<ProviderKind>, secret: &Secret) -> Result<(), ApiError> {
    match probe::mistake_in(kind, secret) {
        Some(mistake) => Err(ApiError::invalid("/secret", mistake)),
        None => Ok(()),
    }
}

/// Seals a provider key for its record.
pub fn seal(
    keys: &Keys,
    tenant: TenantId,
    id: ProviderKeyId,
    secret: &Secret,
) -> Result<Vec<u8>, ApiError> {
    let (tenant, record) = (tenant.to_string(), id.to_string());
    keys.seal(&binding(&tenant, &record), secret.expose().as_bytes()).map_err(ApiError::internal)
}

const fn binding<'b>(tenant: &'b str, record: &'b str) -> Binding<'b> {
    Binding { purpose: PROVIDER_KEY_PURPOSE, tenant, record, version: 1 }
}

/// Adds a key to a provider.
pub async fn create(
    state: &State,
    actor: &Actor,
    provider: ProviderId,
    secret: &Secret,
    weight: i32,
) -> Result<ProviderKeyId, ApiError> {
    check_weight(weight)?;
    let owner = providers::get(state, actor, provider).await.map_err(|error| match error {
        ApiError::NotFound => {
            ApiError::invalid("/provider_id", "there is no such provider in this tenant")
        }
        other => other,
    })?;
    check_secret(providers::kind(&owner), secret)?;
    let id = ProviderKeyId::new();
    let sealed = seal(&state.keys, actor.tenant, id, secret)?;
    let fingerprint = state.keys.audit_hint(secret);
    let new = NewProviderKey {
        id,
        provider,
        fingerprint: &fingerprint,
        sealed: &sealed,
        kek_id: state.keys.kek_id(),
        weight,
        created_by: &actor.id(),
    };
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::create(&mut tx, &new).await?;
    let detail = json!({ "provider": owner.name, "fingerprint": fingerprint, "weight": weight });
    audited(&mut tx, actor, "provider_key.created", &id.to_string(), detail).await?;
    publish(tx, "").await?;
    Ok(id)
}

/// Changes a key's share of its provider's traffic.
pub async fn set_weight(
    state: &State,
    actor: &Actor,
    id: ProviderKeyId,
    weight: i32,
) -> Result<(), ApiError> {
    check_weight(weight)?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::set_weight(&mut tx, id, weight).await?;
    audited(&mut tx, actor, "provider_key.changed", &id.to_string(), json!({ "weight": weight }))
        .await?;
    publish(tx, "").await?;
    Ok(())
}

fn check_weight(weight: i32) -> Result<(), ApiError> {
    if (1..=1_000_000).contains(&weight) {
        Ok(())
    } else {
        Err(ApiError::invalid("/weight", "must be 1 to 1000000"))
    }
}

/// Destroys a key: its envelope is overwritten, and gateways drop it with the next revision.
pub async fn destroy(state: &State, actor: &Actor, id: ProviderKeyId) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::destroy(&mut tx, id).await?;
    audited(&mut tx, actor, "provider_key.destroyed", &id.to_string(), json!({})).await?;
    publish(tx, "").await?;
    Ok(())
}

/// Asks the provider for its models with the key. Opening the key is written down before it happens.
pub async fn test(state: &State, actor: &Actor, id: ProviderKeyId) -> Result<TestResult, ApiError> {
    let row = get(state, actor, id).await?;
    let provider = providers::get(state, actor, ProviderId(row.provider_id)).await?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    audited(&mut tx, actor, "provider_key.opened", &id.to_string(), json!({ "purpose": "test" }))
        .await?;
    tx.commit().await?;
    let (tenant, record) = (actor.tenant.to_string(), id.to_string());
    let opened =
        state.keys.open(&binding(&tenant, &record), &row.sealed).map_err(ApiError::internal)?;
    let secret = Secret::new(String::from_utf8_lossy(&opened).into_owned());
    let result = ask(state, &provider, &secret).await;
    let mut tx = state.db.tenant(actor.tenant).await?;
    store::note_test(&mut tx, id, &serde_json::to_value(&result).map_err(ApiError::internal)?)
        .await?;
    tx.commit().await?;
    Ok(result)
}

async fn ask(state: &State, provider: &ProviderRow, secret: &Secret) -> TestResult {
    let start = Instant::now();
    let outcome = call(state, provider, secret).await;
    let latency_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (ok, status, message) = match outcome {
        Ok(status @ 200..=299) => (true, Some(status), "The provider takes this key.".to_owned()),
        Ok(status @ (401 | 403)) => {
            (false, Some(status), format!("The provider refuses this key ({status}): replace it."))
        }
        Ok(429) => {
            (true, Some(429), "The provider knows the key, and limits its rate for now.".to_owned())
        }
        Ok(404) => (
            false,
            Some(404),
            "The provider has no list of models there (404): check the base URL.".to_owned(),
        ),
        Ok(status) => {
            (false, Some(status), format!("The provider answered {status}: try again later."))
        }
        Err(message) => (false, None, message),
    };
    TestResult { ok, status, latency_ms, message }
}

async fn call(state: &State, provider: &ProviderRow, secret: &Secret) -> Result<u16, String> {
    let probe = probe::of(provider).ok_or(
        "Keys of this kind of provider cannot be tried from here: send a request through a gateway.",
    )?;
    let url = reqwest::Url::parse(&probe.url)
        .map_err(|_| "The base URL cannot be read: correct the provider.".to_owned())?;
    let private = provider.spec.get("allow_private_network").and_then(serde_json::Value::as_bool)
        == Some(true)
        && state.settings.allow_private_networks;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let addresses = resolve(&host, url.port_or_known_default().unwrap_or(443), private).await?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TEST_LIMIT)
        // To the addresses that were checked, and to no others.
        .resolve_to_addrs(&host, &addresses)
        .build()
        .map_err(|_| "The HTTP client cannot be made.".to_owned())?;
    let mut request = client.get(url);
    for (name, value) in probe.headers {
        request = request.header(*name, *value);
    }
    request = match probe.key_header {
        Some(name) => request.header(name, secret.expose()),
        None => request.bearer_auth(secret.expose()),
    };
    let answer = request.send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| {
        if error.is_timeout() {
            format!("The provider did not answer within {} seconds.", TEST_LIMIT.as_secs())
        } else {
            "The provider cannot be reached: check the base URL.".to_owned()
        }
    })
}

async fn resolve(host: &str, port: u16, private: bool) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| format!("There is no host {host}."))?;
    let addresses: Vec<_> =
        found.filter(|address| private || network::is_public(address.ip())).collect();
    if addresses.is_empty() {
        return Err(format!("{host} is a private address, which this provider may not use."));
    }
    Ok(addresses)
}
