//! From a document to a world: references to secrets are resolved here, through the caller's function, because reading
//! files and variables is I/O.

use super::{
    ApiKeySecret, At, Document, Problem, ProviderEntry, SecretRef, problem::Problems,
    tenants::TenantEntry,
};
use crate::{
    api_key::{self, ApiKeyHash},
    budget::{Budget, Scope},
    ids::{ApiKeyId, BudgetId, MemberId, ProviderId, ProviderKeyId, RouteId, TeamId, TenantId},
    pattern::Patterns,
    provider::{Model, Provider, ProviderKey},
    route::{Hop, Route, RouteTarget, Target},
    secret::Secret,
    world::{ApiKey, Tenant, Upstreams, World},
};
use std::{collections::BTreeMap, sync::Arc};

/// Fetches a secret; the error says what is wrong with the reference.
pub type Resolve<'a> = dyn FnMut(&SecretRef) -> Result<Secret, String> + 'a;

/// Makes the world that a document describes. `text` is the document, for the lines in messages.
pub fn world_from(
    document: &Document,
    text: &str,
    revision: u64,
    resolve: &mut Resolve,
) -> Result<World, Vec<Problem>> {
    let problems = Problems::new(text);
    let upstreams = Arc::new(upstreams(document, &problems, resolve));
    let mut world = World { revision, ..World::default() };
    for (name, entry) in &document.tenants {
        let tenant = Arc::new(tenant(name, entry, &upstreams));
        for (key_name, key) in &entry.api_keys {
            let Some(hash) = hash_of(key, &problems, resolve) else { continue };
            let api_key = ApiKey {
                id: ApiKeyId::new(key.id.as_deref().unwrap_or(key_name)),
                tenant: tenant.clone(),
                team: key.team.as_deref().map(TeamId::new),
                member: key.member.as_deref().map(MemberId::new),
                models: Patterns::new(key.models.iter().map(|at| at.value.clone()).collect()),
                limits: key.limits,
                expires: key.expires,
            };
            if world.api_keys.insert(hash, Arc::new(api_key)).is_some() {
                problems.add(
                    key.place.offset,
                    &key.place.key,
                    "another API key has the same secret",
                );
            }
        }
        world.tenants.insert(tenant.id.clone(), tenant);
    }
    let list = problems.into_list();
    if list.is_empty() { Ok(world) } else { Err(list) }
}

fn hash_of(
    key: &super::ApiKeyEntry,
    problems: &Problems,
    resolve: &mut Resolve,
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
    resolve: &mut Resolve,
) -> Option<Secret> {
    resolve(reference).map_err(|message| problems.add(place.offset, &place.key, message)).ok()
}

fn upstreams(document: &Document, problems: &Problems, resolve: &mut Resolve) -> Upstreams {
    let mut upstreams = Upstreams::default();
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
    resolve: &mut Resolve,
) -> Option<Provider> {
    let kind = entry.kind?;
    let base_url = entry.base_url.clone().or_else(|| kind.default_base_url().map(str::to_owned))?;
    let mut keys = Vec::new();
    for (index, key) in entry.keys.iter().enumerate() {
        if let Some(secret) = fetch(&key.secret, &key.place, problems, resolve) {
            let id = ProviderKeyId::new(format!("{name}/{}", index + 1));
            keys.push(ProviderKey { id, secret, weight: key.weight });
        }
    }
    Some(Provider {
        id: ProviderId::new(name),
        kind,
        base_url,
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
        require_trust: entry.require_trust,
    }
}

fn tenant(name: &str, entry: &TenantEntry, upstreams: &Arc<Upstreams>) -> Tenant {
    let budgets = entry.budgets.iter().map(|budget| {
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        Arc::new(Budget {
            id: BudgetId::new(budget.id.as_deref().unwrap_or(&budget.name)),
            name: budget.name.clone(),
            scope: Scope {
                team: text(&budget.team).map(TeamId::new),
                member: text(&budget.member).map(MemberId::new),
                api_key: text(&budget.api_key).map(ApiKeyId::new),
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
        id: TenantId::new(name),
        zone: entry.zone.clone(),
        unpriced: entry.unpriced,
        budgets: budgets.collect(),
        upstreams: upstreams.clone(),
    }
}
