//! The world: everything a gateway needs to know, as of a revision. Immutable; a new one replaces it whole.

use crate::{
    api_key::ApiKeyHash,
    budget::{Budget, Limits},
    catalog,
    ids::{ApiKeyId, MemberId, ProviderId, RouteId, TeamId, TenantId},
    pattern::Patterns,
    provider::{Model, Provider},
    route::{Route, Target},
};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Everything a gateway needs to know.
#[derive(Debug, Default)]
pub struct World {
    /// Which one this is; rises with each change.
    pub revision: u64,
    /// The tenants.
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    /// The API keys by the hash of what an app presents.
    pub api_keys: HashMap<ApiKeyHash, Arc<ApiKey>>,
}

/// A customer organisation.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The zone of its calendar windows.
    pub zone: TimeZone,
    /// Whether targets without a price may be used while a budget applies.
    pub unpriced: Unpriced,
    /// Its budgets.
    pub budgets: Vec<Arc<Budget>>,
    /// What its requests can reach.
    pub upstreams: Arc<Upstreams>,
}

/// What to do with a target that has no price while a budget applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unpriced {
    /// It is out.
    #[default]
    Deny,
    /// It counts as free.
    Allow,
}

/// What an app presents, as the world knows it.
#[derive(Debug)]
pub struct ApiKey {
    /// Its name.
    pub id: ApiKeyId,
    /// Whose it is.
    pub tenant: Arc<Tenant>,
    /// Its team.
    pub team: Option<TeamId>,
    /// Whose key it is within the tenant.
    pub member: Option<MemberId>,
    /// Names and targets that it may use.
    pub models: Patterns,
    /// Its limits.
    pub limits: Limits,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// Providers, models and routes: what requests can reach.
#[derive(Debug, Default)]
pub struct Upstreams {
    /// The providers by name.
    pub providers: BTreeMap<ProviderId, Arc<Provider>>,
    /// What is known of the targets that are named anywhere, all sources taken together.
    pub models: HashMap<Target, Arc<Model>>,
    /// The routes by name.
    pub routes: BTreeMap<RouteId, Arc<Route>>,
}

impl Upstreams {
    /// What is known of a target; without a price it is unpriced.
    pub fn model(&self, target: &Target) -> Arc<Model> {
        self.models
            .get(target)
            .cloned()
            .unwrap_or_else(|| Arc::new(self.complete(target, Model::default())))
    }

    /// Fills in what `model`, the target's own entry, leaves open: by its provider's price, then by the built-in
    /// catalog, each fact by itself.
    pub fn complete(&self, target: &Target, mut model: Model) -> Model {
        let Some(provider) = self.providers.get(target.provider()) else { return model };
        model.price = model.price.or_else(|| provider.price.clone());
        if let Some(known) = catalog::look_up(provider.kind, target.upstream_model()) {
            model.price = model.price.or_else(|| known.price.clone());
            model.context_window = model.context_window.or(known.context_window);
            model.max_output = model.max_output.or(known.max_output);
        }
        model
    }

    /// All targets that are named anywhere, sorted. Others can be called too: a provider may serve models that nobody
    /// wrote down.
    pub fn known_targets(&self) -> Vec<&Target> {
        let in_routes =
            self.routes.values().flat_map(|route| &route.targets).filter_map(
                |entry| match &entry.to {
                    crate::route::Hop::Target(target) => Some(target),
                    crate::route::Hop::Route(_) => None,
                },
            );
        let mut targets: Vec<_> = self.models.keys().chain(in_routes).collect();
        targets.sort();
        targets.dedup();
        targets
    }
}
