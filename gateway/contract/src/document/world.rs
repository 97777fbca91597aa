//! From a document to a world: references to secrets are resolved here, through the caller's function, because reading
//! files and variables is I/O.

use super::{
    ApiKeyEntry, ApiKeySecret, At, Document, Problem, ProviderEntry, SecretRef, problem::Problems,
    tenants::TenantEntry,
};
use crate::{
    api_key::{self, ApiKeyHash},
    budget::{Budget, Scope},
    guard::Guard,
    ids::{ApiKeyId, BudgetId, MemberId, ProviderId, ProviderKeyId, RouteId, TeamId, TenantId},
    pattern::Patterns,
    price_book::PriceBook,
    provider::{KeySecret, Model, Provider, ProviderKey},
    route::{Hop, Route, RouteTarget, Target},
    secret::Secret,
    world::{ApiKey, Tenant, Upstreams, World},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Fetches what a document refers to. The errors say what is wrong with the reference. A function from a reference to
/// its secret is one that knows plain secrets only.
pub trait Resolve {
    /// A secret.
    fn secret(&mut self, reference: &SecretRef) -> Result<Secret, String>;

    /// The secret of a provider key.
    fn provider_key(&mut self, reference: &SecretRef) -> Result<KeySecret, String> {
        self.secret(reference).map(KeySecret::Plain)
    }

    /// What the platform says of models.
    fn price_book(&self) -> Arc<PriceBook> {
        Arc::default()
    }

    /// The tenant that the document's providers belong to alone.
    fn owner(&self) -> Option<TenantId> {
        None
    }
}

impl<F: FnMut(&SecretRef) -> Result<Secret, String>> Resolve for F {
    fn secret(&mut self, reference: &SecretRef) -> Result<Secret, String> {
        self(reference)
    }
}

/// Makes the world that a document describes. `text` is the document, for the lines in messages.
pub fn world_from(
    document: &Document,
    text: &str,
    revision: u64,
    resolve: &mut dyn Resolve,
) -> Result<World, Vec<Problem>> {
    let problems = Problems::new(text);
    let upstreams = Arc::new(upstreams(document, &problems, resolve));
    let mut world = World::default();
    world.revision = revision;
    let mut taken = BTreeSet::new();
    for (name, entry) in &document.tenants {
        let tenant = Arc::new(tenant(name, entry, document, revision, &upstreams));
        let mut keys = Vec::with_capacity(entry.api_keys.len());
        for (key_name, key) in &entry.api_keys {
            let Some(hash) = hash_of(key, &problems, resolve) else { continue };
            if !taken.insert(hash) {
                problems.add(
                    key.place.offset,
                    &key.place.key,
                    "another API key has the same secret",
                );
            }
            let api_key = ApiKey {
                id: id_of(key_name, key),
                tenant: tenant.clone(),
                team: key.team.as_deref().map(TeamId::new),
                member: key.member.as_deref().map(MemberId::new),
                models: Patterns::new(key.models.iter().map(|at| at.value.clone()).collect()),
                limits: key.limits,
                expires: key.expires,
            };
            keys.push((hash, Arc::new(api_key)));
        }
        world.put(tenant, keys);
    }
    let list = problems.into_list();
    if list.is_empty() { Ok(world) } else { Err(list) }
}

fn id_of(name: &str, key: &ApiKeyEntry) -> ApiKeyId {
    ApiKeyId::new(key.id.as_deref().unwrap_or(name))
}

fn hash_of(
    key: &ApiKeyEntry,
    problems: &Problems,
    resolve: &mut dyn Resolve,
) -> Option<ApiKeyHash> {
    match key.secret.as_ref()? {
        ApiKeySecret::Sha256(hash) => Some(*hash),
        ApiKeySecret::Plain(reference) => {
            let secret = fetch(reference, &key.place, problems, resolve)?;
            if !api_key::is_acceptable(secret.expose()) {
                problems.add(
                    key.place.offset,
                    &key.place.key,
                    "an API key has 16 to 256 visible ASCII characters",
                );
                return None;
            }
            Some(ApiKeyHash::of(secret.expose()))
        }
    }
}

fn fetch(
    reference: &SecretRef,
    place: &At<()>,
    problems: &Problems,
    resolve: &mut dyn Resolve,
) -> Option<Secret> {
    let fetched = resolve.secret(reference);
    fetched.map_err(|message| problems.add(place.offset, &place.key, message)).ok()
}

fn upstreams(document: &Document, problems: &Problems, resolve: &mut dyn Resolve) -> Upstreams {
    let mut upstreams = Upstreams {
        owner: resolve.owner(),
        price_book: resolve.price_book(),
        ..Upstreams::default()
    };
    for (name, entry) in &document.providers {
        if let Some(provider) = provider(name, entry, problems, resolve) {
            upstreams.providers.insert(provider.id.clone(), Arc::new(provider));
        }
    }
    for (name, entry) in &document.routes {
        let id = RouteId::new(name.as_str());
        upstreams.routes.insert(id.clone(), Arc::new(route(id, entry, document)));
    }
    let written = document
        .models
        .iter()
        .filter_map(|(name, entry)| Some((Target::parse(name)?, entry.model.clone())));
    let written: BTreeMap<Target, Model> = written.collect();
    let in_routes: Vec<Target> = upstreams.known_targets().into_iter().cloned().collect();
    for target in in_routes.into_iter().chain(written.keys().cloned()) {
        let own = written.get(&target).cloned().unwrap_or_default();
        let model = upstreams.complete(&target, own);
        upstreams.models.insert(target, Arc::new(model));
    }
    upstreams
}

fn provider(
    name: &str,
    entry: &ProviderEntry,
    problems: &Problems,
    resolve: &mut dyn Resolve,
) -> Option<Provider> {
    let kind = entry.kind?;
    let base_url = entry.base_url.clone().or_else(|| kind.default_base_url().map(str::to_owned))?;
    let mut keys = Vec::new();
    for (index, key) in entry.keys.iter().enumerate() {
        let secret = match key.secret.as_secret() {
            Some(reference) => resolve.provider_key(reference),
            None => key.secret.resolve(&mut |part| resolve.secret(part)).map(KeySecret::Plain),
        };
        match secret {
            Ok(secret) => {
                let id = match &secret {
                    KeySecret::Plain(_) => ProviderKeyId::new(format!("{name}/{}", index + 1)),
                    KeySecret::Sealed(sealed) => sealed.id.clone(),
                };
                keys.push(ProviderKey { id, secret, weight: key.weight });
            }
            Err(message) => problems.add(key.place.offset, &key.place.key, message),
        }
    }
    Some(Provider {
        id: ProviderId::new(name),
        kind,
        base_url,
        api_version: entry.api_version.clone(),
        region: entry.region.clone(),
        project: entry.project.clone(),
        location: entry.location.clone(),
        keys,
        trust: entry.trust,
        max_concurrency: entry.max_concurrency,
        headers: entry.headers.clone(),
        allow_private_network: entry.allow_private_network,
        price: entry.price.clone(),
    })
}

fn route(id: RouteId, entry: &super::RouteEntry, document: &Document) -> Route {
    let hop = |name: &str| {
        if document.routes.contains_key(name) {
            return Some(Hop::Route(RouteId::new(name)));
        }
        Target::parse(name).map(Hop::Target)
    };
    Route {
        id,
        strategy: entry.strategy.clone(),
        targets: entry
            .targets
            .iter()
            .filter_map(|target| {
                Some(RouteTarget {
                    to: hop(&target.to.value)?,
                    weight: target.weight,
                    retries: target.retries,
                    first_byte: target.first_byte,
                })
            })
            .collect(),
        timeouts: entry.timeouts,
        fallback_on: entry.fallback_on.clone(),
        breaker: entry.breaker,
        max_price: entry.max_price,
        require_parameters: entry.require_parameters,
        drop_unsupported: entry.drop_unsupported,
        require_trust: entry.require_trust,
        hedge: entry.hedge,
        shadow: entry.shadow.clone(),
        cache: entry.cache.clone(),
    }
}

fn tenant(
    name: &str,
    entry: &TenantEntry,
    document: &Document,
    revision: u64,
    upstreams: &Arc<Upstreams>,
) -> Tenant {
    let guards = entry.guards.iter().filter_map(|at| {
        let guard = document.guards.get(&at.value)?.guard.clone();
        Some(Arc::new(Guard { name: at.value.clone(), ..guard }))
    });
    let budgets = entry.budgets.iter().map(|budget| {
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        Arc::new(Budget {
            id: BudgetId::new(budget.id.as_deref().unwrap_or(&budget.name)),
            name: budget.name.clone(),
            scope: Scope {
                team: text(&budget.team).map(TeamId::new),
                member: text(&budget.member).map(MemberId::new),
                // The document names the API key; the world knows it by its id.
                api_key: text(&budget.api_key).map(|name| match entry.api_keys.get(&name) {
                    Some(key) => id_of(&name, key),
                    None => ApiKeyId::new(name),
                }),
                provider: text(&budget.provider).map(ProviderId::new),
                models: budget
                    .models
                    .as_ref()
                    .map(|all| Patterns::new(all.iter().map(|at| at.value.clone()).collect())),
            },
            limit: budget.limit,
            window: budget.window,
            on_exceed: budget.on_exceed,
            on_outage: budget.on_outage,
            alert_at: budget.alert_at.clone(),
            mode: budget.mode,
        })
    });
    Tenant {
        guards: guards.collect(),
        id: TenantId::new(name),
        revision,
        zone: entry.zone.clone(),
        unpriced: entry.unpriced,
        budgets: budgets.collect(),
        upstreams: upstreams.clone(),
    }
}
