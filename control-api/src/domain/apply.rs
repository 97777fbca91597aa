//! Makes a tenant's configuration what a config document says. Providers, models, routes and budgets become exactly
//! those of the document; API keys and teams that it does not name are left alone, because people make them too.

use super::{audited, document::check, provider_keys, providers::check_spec};
use crate::{
    access::Actor,
    error::{ApiError, FieldError},
    ids::{ApiKeyId, BudgetId, MemberId, ProviderId, ProviderKeyId, RouteId, TeamId},
    state::State,
    store::{
        self, TenantTx,
        api_keys::{Origin, Settings as KeySettings},
        budgets::Settings as BudgetSettings,
        config::TenantConfig,
        guards::GuardRow,
        provider_keys::NewProviderKey,
    },
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_contract::{
    api_key::ApiKeyHash,
    budget::{Mode, OnExceed, OnOutage},
    document::{self, ApiKeyEntry, ApiKeySecret, At, BudgetEntry, Document, SecretRef},
    secret::Secret,
    world::Unpriced,
};
use uuid::Uuid;

/// A document with what only its sender can know.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The config document, TOML, of one tenant.
    pub document: String,
    /// Provider keys by provider, in the order of its `keys`, for those that are references; null for the others.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<Option<String>>>)]
    pub provider_secrets: BTreeMap<String, Vec<Option<SecretText>>>,
    /// What API keys are known by, for those whose `secret` is a reference.
    #[serde(default)]
    pub api_keys: BTreeMap<String, ApiKeyFacts>,
    /// Only tell what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// A secret in a request.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub struct SecretText(pub Secret);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// What an API key is known by.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyFacts {
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// The key's last four characters.
    pub last4: String,
}

/// Applies a document. Returns what changed, in words.
pub async fn apply(
    state: &State,
    actor: &Actor,
    application: &Application,
) -> Result<Vec<String>, ApiError> {
    let document = read(&application.document)?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let before = current(&mut tx, actor).await?;
    if let Some(name) = document.tenants.keys().find(|name| **name != before.tenant.name) {
        let message = format!(
            "the document is of tenant \"{name}\", and you are in \"{}\"",
            before.tenant.name
        );
        return Err(ApiError::invalid("/document", message));
    }
    let mut work = Work { state, actor, document: &document, before, changes: Vec::new() };
    work.settings(&mut tx).await?;
    work.teams(&mut tx).await?;
    work.providers(&mut tx, application).await?;
    work.specs(&mut tx, &application.document).await?;
    work.api_keys(&mut tx, application).await?;
    work.budgets(&mut tx).await?;
    let changes = work.changes;
    check(&current(&mut tx, actor).await?, "")?;
    if application.dry_run || changes.is_empty() {
        return Ok(changes);
    }
    audited(
        &mut tx,
        actor,
        "config.applied",
        &actor.tenant.to_string(),
        json!({ "changes": changes }),
    )
    .await?;
    store::world::advance(&mut tx).await?;
    tx.commit().await?;
    Ok(changes)
}

/// The tenant's configuration as a document.
pub async fn export(state: &State, actor: &Actor) -> Result<String, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    super::document::compose(&current(&mut tx, actor).await?, super::document::Naming::Names)
}

async fn current(tx: &mut TenantTx, actor: &Actor) -> Result<TenantConfig, ApiError> {
    store::config::load(tx, &[actor.tenant.0]).await?.pop().ok_or(ApiError::NotFound)
}

fn read(text: &str) -> Result<Document, ApiError> {
    let document = document::read(text).map_err(|problems| {
        let show = |problem: &document::Problem| FieldError::new("/document", problem.to_string());
        ApiError::Invalid(problems.iter().map(show).collect())
    })?;
    if document.tenants.len() > 1 {
        return Err(ApiError::invalid("/document", "has several tenants: apply one at a time"));
    }
    Ok(document)
}

struct Work<'w> {
    state: &'w State,
    actor: &'w Actor,
    document: &'w Document,
    before: TenantConfig,
    changes: Vec<String>,
}

impl Work<'_> {
    async fn settings(&mut self, tx: &mut TenantTx) -> Result<(), ApiError> {
        let Some(entry) = self.document.tenants.values().next() else { return Ok(()) };
        let zone = entry.zone.iana_name().unwrap_or("UTC");
        let unpriced = match entry.unpriced {
            Unpriced::Deny => "deny",
            Unpriced::Allow => "allow",
        };
        let row = &self.before.tenant;
        if row.time_zone != zone || row.unpriced != unpriced {
            store::tenants::change(tx, row.version, zone, unpriced).await?;
            self.changes.push("tenant changed".to_owned());
        }
        Ok(())
    }

    async fn teams(&mut self, tx: &mut TenantTx) -> Result<(), ApiError> {
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        for entry in self.document.tenants.values() {
            wanted.extend(entry.teams.iter().map(|at| at.value.as_str()));
            wanted.extend(entry.api_keys.values().filter_map(|key| key.team.as_deref()));
        }
        for name in wanted {
            if self.before.teams.values().any(|known| known == name) {
                continue;
            }
            let id = TeamId::new();
            let name = super::name(name, "/document")?;
            store::teams::create(tx, id, &name).await?;
            self.changes.push(format!("team {name} created"));
            self.before.teams.insert(id.0, name);
        }
        Ok(())
    }

    async fn providers(
        &mut self,
        tx: &mut TenantTx,
        application: &Application,
    ) -> Result<(), ApiError> {
        let tables = tables(&application.document, "providers")?;
        for (name, mut spec) in tables {
            if let Value::Object(object) = &mut spec {
                object.remove("keys");
                // Keys are sealed apart, so what they alone say of the provider has to be said here.
                let entry = self.document.providers.get(&name);
                if let Some(region) = entry.and_then(|entry| entry.region.clone()) {
                    object.entry("region").or_insert(region.into());
                }
            }
            check_spec(self.state, &spec)
                .map_err(|error| in_document(error, &format!("providers.{name}")))?;
            let known = self.before.providers.iter().find(|row| row.name == name);
            let id = match known {
                Some(row) if row.spec == spec => ProviderId(row.id),
                Some(row) => {
                    store::providers::change(tx, ProviderId(row.id), None, &spec).await?;
                    self.changes.push(format!("provider {name} changed"));
                    ProviderId(row.id)
                }
                None => {
                    let id = ProviderId::new();
                    store::providers::create(
                        tx,
                        id,
                        &super::providers::provider_name(&name)?,
                        &spec,
                    )
                    .await?;
                    self.changes.push(format!("provider {name} created"));
                    id
                }
            };
            self.provider_keys(tx, &name, id, application).await?;
        }
        for row in self.before.providers.clone() {
            if !self.document.providers.contains_key(&row.name) {
                store::providers::delete(tx, ProviderId(row.id)).await?;
                self.changes.push(format!("provider {} deleted", row.name));
            }
        }
        Ok(())
    }

    async fn provider_keys(
        &mut self,
        tx: &mut TenantTx,
        name: &str,
        provider: ProviderId,
        application: &Application,
    ) -> Result<(), ApiError> {
        let Some(entry) = self.document.providers.get(name) else { return Ok(()) };
        let known: Vec<_> = self
            .before
            .provider_keys
            .iter()
            .filter(|row| row.provider_id == provider.0)
            .cloned()
            .collect();
        let mut kept = BTreeSet::new();
        for (index, key) in entry.keys.iter().enumerate() {
            let place = format!("providers.{name}.keys[{index}]");
            let weight = i32::try_from(key.weight).unwrap_or(i32::MAX);
            let existing = match key.secret.as_secret() {
                Some(SecretRef::ProviderKey(id)) => {
                    let id: ProviderKeyId = id.parse().map_err(|error| {
                        ApiError::invalid("/document", format!("{place}: {error}"))
                    })?;
                    let row = known.iter().find(|row| row.id == id.0).ok_or_else(|| {
                        ApiError::invalid(
                            "/document",
                            format!("{place}: provider {name} has no provider key {id}"),
                        )
                    })?;
                    Some(row)
                }
                Some(SecretRef::Env(_) | SecretRef::File(_) | SecretRef::Inline(_)) | None => {
                    let secret = sent_secret(application, name, index).ok_or_else(|| {
                        ApiError::invalid(
                            "/provider_secrets",
                            format!("{place}: the secret was not sent"),
                        )
                    })?;
                    provider_keys::check_secret(entry.kind, secret)
                        .map_err(|error| in_document(error, &place))?;
                    let fingerprint = self.state.keys.audit_hint(secret);
                    let found = known
                        .iter()
                        .find(|row| row.fingerprint == fingerprint && !kept.contains(&row.id));
                    if found.is_none() {
                        self.add_provider_key(tx, provider, secret, &fingerprint, weight).await?;
                        self.changes.push(format!("provider key of {name} added ({fingerprint})"));
                    }
                    found
                }
            };
            if let Some(row) = existing {
                kept.insert(row.id);
                if row.weight != weight {
                    store::provider_keys::set_weight(tx, ProviderKeyId(row.id), weight).await?;
                    self.changes
                        .push(format!("provider key of {name} changed ({})", row.fingerprint));
                }
            }
        }
        for row in known.iter().filter(|row| !kept.contains(&row.id)) {
            store::provider_keys::destroy(tx, ProviderKeyId(row.id)).await?;
            self.changes.push(format!("provider key of {name} destroyed ({})", row.fingerprint));
        }
        Ok(())
    }

    async fn add_provider_key(
        &self,
        tx: &mut TenantTx,
        provider: ProviderId,
        secret: &Secret,
        fingerprint: &str,
        weight: i32,
    ) -> Result<(), ApiError> {
        let id = ProviderKeyId::new();
        let sealed = provider_keys::seal(&self.state.keys, self.actor.tenant, id, secret)?;
        let new = NewProviderKey {
            id,
            provider,
            fingerprint,
            sealed: &sealed,
            kek_id: self.state.keys.kek_id(),
            weight,
            created_by: &self.actor.id(),
        };
        Ok(store::provider_keys::create(tx, &new).await?)
    }

    async fn guards(&mut self, tx: &mut TenantTx, text: &str) -> Result<(), ApiError> {
        let guards = tables(text, "guards")?;
        for row in self.before.guards.clone() {
            if !guards.contains_key(&row.name) {
                store::guards::delete(tx, &row.name).await?;
                self.changes.push(format!("guard {} deleted", row.name));
            }
        }
        let applied: Vec<String> = self
            .document
            .tenants
            .values()
            .flat_map(|tenant| &tenant.guards)
            .map(|at| at.value.clone())
            .collect();
        for (name, spec) in guards {
            let place = applied.iter().position(|applied| *applied == name);
            let place = place.and_then(|place| i16::try_from(place).ok());
            let same =
                |row: &GuardRow| row.name == name && row.spec == spec && row.position == place;
            if !self.before.guards.iter().any(same) {
                store::guards::set(tx, &name, &spec, place).await?;
                self.changes.push(format!("guard {name} set"));
            }
        }
        Ok(())
    }

    async fn specs(&mut self, tx: &mut TenantTx, text: &str) -> Result<(), ApiError> {
        let models = tables(text, "models")?;
        for row in self.before.models.clone() {
            if !models.contains_key(&row.name) {
                store::models::delete(tx, &row.name).await?;
                self.changes.push(format!("model {} deleted", row.name));
            }
        }
        for (name, spec) in models {
            if !self.before.models.iter().any(|row| row.name == name && row.spec == spec) {
                store::models::set(tx, &name, &spec).await?;
                self.changes.push(format!("model {name} set"));
            }
        }
        self.guards(tx, text).await?;
        let routes = tables(text, "routes")?;
        for row in self.before.routes.clone() {
            if !routes.contains_key(&row.name) {
                store::routes::delete(tx, RouteId(row.id)).await?;
                self.changes.push(format!("route {} deleted", row.name));
            }
        }
        for (name, spec) in routes {
            match self.before.routes.iter().find(|row| row.name == name) {
                Some(row) if row.spec == spec => {}
                Some(row) => {
                    store::routes::change(tx, RouteId(row.id), None, &spec).await?;
                    self.changes.push(format!("route {name} changed"));
                }
                None => {
                    store::routes::create(
                        tx,
                        RouteId::new(),
                        &super::name(&name, "/document")?,
                        &spec,
                    )
                    .await?;
                    self.changes.push(format!("route {name} created"));
                }
            }
        }
        Ok(())
    }

    async fn api_keys(
        &mut self,
        tx: &mut TenantTx,
        application: &Application,
    ) -> Result<(), ApiError> {
        let Some(entry) = self.document.tenants.values().next() else { return Ok(()) };
        for (name, key) in &entry.api_keys {
            let place = format!("tenants.{}.api_keys.{name}", self.before.tenant.name);
            let (hash, last4) = facts(name, key, application).ok_or_else(|| {
                ApiError::invalid(
                    "/api_keys",
                    format!("{place}: its sha256 and last4 were not sent, or cannot be read"),
                )
            })?;
            let name = super::name(name, "/document")?;
            let models: Vec<_> = key.models.iter().map(|at| at.value.clone()).collect();
            let limit = |limit: Option<u64>| limit.and_then(|limit| i64::try_from(limit).ok());
            let settings = KeySettings {
                name: &name,
                team: key.team.as_deref().and_then(|team| self.team(team)),
                models: &models,
                requests_per_minute: limit(key.limits.requests_per_minute),
                tokens_per_minute: limit(key.limits.tokens_per_minute),
                concurrent: limit(key.limits.concurrent),
                expires_at: key
                    .expires
                    .and_then(|at| DateTime::<Utc>::from_timestamp(at.as_second(), 0)),
            };
            let member =
                key.member.as_deref().map(|email| self.member(email, &place)).transpose()?;
            let Some(row) = self.before.api_keys.iter().find(|row| row.name == name).cloned()
            else {
                let origin = Origin {
                    id: ApiKeyId::new(),
                    hash: hash.as_bytes(),
                    last4: last4.as_deref().unwrap_or("····"),
                    member,
                    rotated_from: None,
                    created_by: &self.actor.id(),
                };
                store::api_keys::create(tx, &origin, &settings).await?;
                self.changes.push(format!("API key {name} created"));
                continue;
            };
            let id = ApiKeyId(row.id);
            let same = row.team_id == settings.team.map(|id| id.0)
                && row.models == models
                && row.requests_per_minute == settings.requests_per_minute
                && row.tokens_per_minute == settings.tokens_per_minute
                && row.concurrent == settings.concurrent
                && row.expires_at.map(|at| at.timestamp())
                    == settings.expires_at.map(|at| at.timestamp());
            if !same {
                store::api_keys::change(tx, id, row.version, &settings).await?;
                self.changes.push(format!("API key {name} changed"));
            }
            if row.hash != hash.as_bytes() {
                store::api_keys::set_hash(
                    tx,
                    id,
                    hash.as_bytes(),
                    last4.as_deref().unwrap_or("····"),
                )
                .await?;
                self.changes.push(format!("API key {name} has another secret"));
            }
        }
        Ok(())
    }

    async fn budgets(&mut self, tx: &mut TenantTx) -> Result<(), ApiError> {
        let Some(entry) = self.document.tenants.values().next() else { return Ok(()) };
        let keys = store::api_keys::living(tx, &[self.actor.tenant.0]).await?;
        for row in self.before.budgets.clone() {
            if !entry.budgets.iter().any(|budget| budget.name == row.name) {
                store::budgets::delete(tx, BudgetId(row.id)).await?;
                self.changes.push(format!("budget {} deleted", row.name));
            }
        }
        for budget in &entry.budgets {
            let key = |at: &At<String>| {
                keys.iter().find(|key| key.name == at.value).map(|key| ApiKeyId(key.id))
            };
            let settings =
                super::budgets::check(self.budget(budget, budget.api_key.as_ref().and_then(key))?)
                    .map_err(|error| in_document(error, &format!("budget \"{}\"", budget.name)))?;
            match self.before.budgets.iter().find(|row| row.name == budget.name) {
                Some(row) if same(&super::budgets::settings_of(row), &settings) => {}
                Some(row) => {
                    store::budgets::change(tx, BudgetId(row.id), None, &settings).await?;
                    self.changes.push(format!("budget {} changed", budget.name));
                }
                None => {
                    store::budgets::create(tx, BudgetId::new(), &settings).await?;
                    self.changes.push(format!("budget {} created", budget.name));
                }
            }
        }
        Ok(())
    }

    fn budget(
        &self,
        entry: &BudgetEntry,
        api_key: Option<ApiKeyId>,
    ) -> Result<BudgetSettings, ApiError> {
        let place = format!("budget \"{}\"", entry.name);
        let member = entry.member.as_ref().map(|at| self.member(&at.value, &place)).transpose()?;
        Ok(BudgetSettings {
            name: entry.name.clone(),
            limit_nano_usd: entry.limit.as_nanos(),
            time_window: entry.window.name().to_owned(),
            team: entry.team.as_ref().and_then(|at| self.team(&at.value)),
            member,
            api_key,
            provider: entry.provider.as_ref().map(|at| at.value.clone()),
            models: entry
                .models
                .as_ref()
                .map(|all| all.iter().map(|at| at.value.clone()).collect()),
            on_exceed: match entry.on_exceed {
                OnExceed::Block => "block",
                OnExceed::Alert => "alert",
            }
            .to_owned(),
            on_outage: entry.on_outage.map(|policy| {
                match policy {
                    OnOutage::Deny => "deny",
                    OnOutage::Lease => "lease",
                    OnOutage::Allow => "allow",
                }
                .to_owned()
            }),
            alert_at: entry.alert_at.iter().map(|percent| i16::from(*percent)).collect(),
            mode: match entry.mode {
                Mode::Enforce => "enforce",
                Mode::Shadow => "shadow",
            }
            .to_owned(),
        })
    }

    fn team(&self, name: &str) -> Option<TeamId> {
        id_of(&self.before.teams, name).map(TeamId)
    }

    fn member(&self, email: &str, place: &str) -> Result<MemberId, ApiError> {
        id_of(&self.before.members, email).map(MemberId).ok_or_else(|| {
            ApiError::invalid("/document", format!("{place}: \"{email}\" is no member: invite them first, or write the e-mail address of one"))
        })
    }
}

fn id_of(names: &BTreeMap<Uuid, String>, name: &str) -> Option<Uuid> {
    names.iter().find(|(_, known)| *known == name).map(|(id, _)| *id)
}

fn same(a: &BudgetSettings, b: &BudgetSettings) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

fn sent_secret<'a>(
    application: &'a Application,
    provider: &str,
    index: usize,
) -> Option<&'a Secret> {
    application.provider_secrets.get(provider)?.get(index)?.as_ref().map(|text| &text.0)
}

fn facts(
    name: &str,
    key: &ApiKeyEntry,
    application: &Application,
) -> Option<(ApiKeyHash, Option<String>)> {
    match key.secret.as_ref()? {
        ApiKeySecret::Sha256(hash) => Some((*hash, None)),
        ApiKeySecret::Plain(_) => {
            let facts = application.api_keys.get(name)?;
            let last4 = Some(facts.last4.clone()).filter(|text| text.chars().count() == 4)?;
            Some((ApiKeyHash::from_hex(&facts.sha256)?, Some(last4)))
        }
    }
}

/// A mistake at a field is a mistake in the document here.
fn in_document(error: ApiError, place: &str) -> ApiError {
    let ApiError::Invalid(errors) = error else { return error };
    let told = |error: FieldError| {
        FieldError::new(
            "/document",
            format!("{place}{}: {}", error.pointer.replace('/', "."), error.message),
        )
    };
    ApiError::Invalid(errors.into_iter().map(told).collect())
}

/// The named tables of a document as JSON.
fn tables(text: &str, name: &str) -> Result<BTreeMap<String, Value>, ApiError> {
    let mut root: toml::Table =
        text.parse().map_err(|_| ApiError::invalid("/document", "is no TOML"))?;
    let Some(toml::Value::Table(tables)) = root.remove(name) else { return Ok(BTreeMap::new()) };
    tables
        .into_iter()
        .map(|(name, table)| Ok((name, serde_json::to_value(table).map_err(ApiError::internal)?)))
        .collect()
}
