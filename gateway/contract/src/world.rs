//! The world: everything a gateway needs to know, as of a revision. Immutable once it is in use; a new one replaces it
//! whole. Its parts are shared between one world and the next, so that a new one costs little where little changed.

use crate::{
    api_key::ApiKeyHash,
    budget::{Budget, Limits},
    catalog,
    guard::Guard,
    ids::{ApiKeyId, MemberId, ProviderId, RouteId, TeamId, TenantId},
    pattern::Patterns,
    price_book::PriceBook,
    provider::{Model, Provider},
    route::{Route, Target},
};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Everything a gateway needs to know.
#[derive(Debug, Default, Clone)]
pub struct World {
    /// Which one this is; rises with each change.
    pub revision: u64,
    /// The tenants.
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    /// The API keys by the hash of what an app presents.
    pub api_keys: ApiKeys,
    /// Which of the API keys are whose, so that they leave with their tenant.
    hashes: BTreeMap<TenantId, Arc<[ApiKeyHash]>>,
}

/// An API key and what it is found by.
pub type HashedKey = (ApiKeyHash, Arc<ApiKey>);

impl World {
    /// Puts a tenant and its API keys in the place of what was there of it. A key whose hash is taken stays out, whoever
    /// has it already: two owners of one secret cannot be told apart, and the first must not lose it to the second.
    /// Returns those keys.
    pub fn put(&mut self, tenant: Arc<Tenant>, keys: Vec<HashedKey>) -> Vec<Arc<ApiKey>> {
        self.remove(&tenant.id);
        let mut hashes = Vec::with_capacity(keys.len());
        let mut refused = Vec::new();
        for (hash, key) in keys {
            if self.api_keys.get(&hash).is_some() {
                refused.push(key);
            } else {
                self.api_keys.insert(hash, key);
                hashes.push(hash);
            }
        }
        self.hashes.insert(tenant.id.clone(), hashes.into());
        self.tenants.insert(tenant.id.clone(), tenant);
        refused
    }

    /// Takes a tenant and its API keys out. True if it was there.
    pub fn remove(&mut self, tenant: &TenantId) -> bool {
        for hash in self.hashes.remove(tenant).iter().flat_map(|hashes| hashes.iter()) {
            self.api_keys.remove(hash);
        }
        self.tenants.remove(tenant).is_some()
    }
}

/// The API keys of all tenants. In shards, of which a copy shares all that it does not change: one changed key among a
/// million must not copy the table.
#[derive(Clone)]
pub struct ApiKeys {
    shards: Box<[Arc<Shard>]>,
}

type Shard = HashMap<ApiKeyHash, Arc<ApiKey>>;

impl ApiKeys {
    const SHARDS: usize = 1 << 10;

    /// The key with this hash.
    pub fn get(&self, hash: &ApiKeyHash) -> Option<&Arc<ApiKey>> {
        self.shards[Self::shard(hash)].get(hash)
    }

    /// Puts a key in; returns the one that had the hash before.
    pub fn insert(&mut self, hash: ApiKeyHash, key: Arc<ApiKey>) -> Option<Arc<ApiKey>> {
        Arc::make_mut(&mut self.shards[Self::shard(&hash)]).insert(hash, key)
    }

    /// Takes a key out.
    pub fn remove(&mut self, hash: &ApiKeyHash) -> Option<Arc<ApiKey>> {
        let shard = &mut self.shards[Self::shard(hash)];
        if !shard.contains_key(hash) {
            return None;
        }
        Arc::make_mut(shard).remove(hash)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ApiKeyHash, &Arc<ApiKey>)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// The same without what they are found by.
    pub fn values(&self) -> impl Iterator<Item = &Arc<ApiKey>> {
        self.iter().map(|(_, key)| key)
    }

    /// By the first ten bits of the hash, which are as good as random.
    fn shard(hash: &ApiKeyHash) -> usize {
        let [first, second, ..] = *hash.as_bytes();
        usize::from(u16::from_be_bytes([first, second]) >> 6)
    }
}

impl Default for ApiKeys {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self { shards: vec![empty; Self::SHARDS].into() }
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeys({})", self.len())
    }
}

/// A customer organisation.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The world's revision that this state of it came with: what was revoked later it does not know of.
    pub revision: u64,
    /// The zone of its calendar windows.
    pub zone: TimeZone,
    /// Whether targets without a price may be used while a budget applies.
    pub unpriced: Unpriced,
    /// Its budgets.
    pub budgets: Vec<Arc<Budget>>,
    /// What inspects its requests, in this order.
    pub guards: Vec<Arc<Guard>>,
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
    /// Whose: in a world from the control plane each tenant has its own. `None` in a file, whose tenants share them.
    /// What is remembered of a provider or a provider key is remembered per owner, because two owners may give
    /// different things the same name.
    pub owner: Option<TenantId>,
    /// The providers by name.
    pub providers: BTreeMap<ProviderId, Arc<Provider>>,
    /// What is known of the targets that are named anywhere, all sources taken together.
    pub models: HashMap<Target, Arc<Model>>,
    /// The routes by name.
    pub routes: BTreeMap<RouteId, Arc<Route>>,
    /// What the platform says of models.
    pub price_book: Arc<PriceBook>,
}

impl Upstreams {
    /// What is known of a target; without a price it is unpriced.
    pub fn model(&self, target: &Target) -> Arc<Model> {
        if let Some(known) = self.models.get(target) {
            return known.clone();
        }
        match self.providers.get(target.provider()) {
            // What its tenant wrote nothing about is as everybody has it.
            Some(provider) if provider.price.is_none() => {
                self.known(provider, target).unwrap_or_default()
            }
            _ => Arc::new(self.complete(target, Model::default())),
        }
    }

    /// Fills in what `model`, the target's own entry, leaves open: by its provider's price, then by the price book, then
    /// by the built-in catalog, each fact by itself.
    pub fn complete(&self, target: &Target, mut model: Model) -> Model {
        let Some(provider) = self.providers.get(target.provider()) else { return model };
        if model.price.is_none() {
            model.price.clone_from(&provider.price);
        }
        match self.known(provider, target) {
            Some(known) => model.completed_by(&known),
            None => model,
        }
    }

    fn known(&self, provider: &Provider, target: &Target) -> Option<Arc<Model>> {
        let (name, region) = (target.upstream_model(), provider.region.as_deref());
        catalog::look_up_over(&self.price_book, provider.kind, name, region)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{self, SecretRef};

    fn part(tenant: &str, keys: &[(&str, u8)]) -> (Arc<Tenant>, Vec<HashedKey>) {
        let mut text = format!("[tenants.{tenant}]\n");
        for (name, byte) in keys {
            let hash = format!("{byte:02x}").repeat(32);
            text.push_str(&format!("[tenants.{tenant}.api_keys.{name}]\nsha256 = \"{hash}\"\n"));
        }
        let read = document::read(&text).unwrap();
        let mut none = |_: &SecretRef| Err("none".to_owned());
        let mut world = document::world_from(&read, &text, 1, &mut none).unwrap();
        let (_, tenant) = world.tenants.pop_first().unwrap();
        let keys = keys.iter().map(|(_, byte)| hash(*byte));
        (tenant, keys.map(|hash| (hash, world.api_keys.get(&hash).unwrap().clone())).collect())
    }

    fn hash(byte: u8) -> ApiKeyHash {
        ApiKeyHash::from_hex(&format!("{byte:02x}").repeat(32)).unwrap()
    }

    fn put(world: &mut World, tenant: &str, keys: &[(&str, u8)]) -> Vec<String> {
        let (tenant, keys) = part(tenant, keys);
        world.put(tenant, keys).iter().map(|key| key.id.to_string()).collect()
    }

    #[test]
    fn a_tenants_api_keys_come_and_leave_with_it() {
        let mut world = World::default();
        assert!(put(&mut world, "a", &[("one", 1), ("two", 2)]).is_empty());
        assert!(put(&mut world, "b", &[("three", 3)]).is_empty());
        assert!(put(&mut world, "a", &[("two", 2), ("four", 4)]).is_empty());
        assert!(world.api_keys.get(&hash(1)).is_none(), "it is not in the new state");
        assert_eq!(world.api_keys.len(), 3);
        assert!(world.remove(&TenantId::new("a")));
        assert!(!world.remove(&TenantId::new("a")));
        assert_eq!(world.api_keys.get(&hash(3)).unwrap().id.as_str(), "three");
        assert_eq!(world.api_keys.len(), 1);
    }

    #[test]
    fn the_second_owner_of_a_secret_does_not_get_it() {
        let mut world = World::default();
        put(&mut world, "a", &[("first", 1)]);
        assert_eq!(put(&mut world, "b", &[("second", 1), ("other", 2)]), ["second"]);
        assert_eq!(world.api_keys.get(&hash(1)).unwrap().tenant.id.as_str(), "a");
        world.remove(&TenantId::new("b"));
        assert_eq!(
            world.api_keys.get(&hash(1)).unwrap().tenant.id.as_str(),
            "a",
            "it left with its owner only"
        );
    }

    #[test]
    fn a_copy_shares_what_it_does_not_change() {
        let mut before = World::default();
        put(&mut before, "a", &[("one", 1), ("two", 200)]);
        let mut after = before.clone();
        put(&mut after, "b", &[("three", 1), ("four", 2)]);
        let shared = before.api_keys.shards.iter().zip(&after.api_keys.shards);
        let copied = shared.filter(|(before, after)| !Arc::ptr_eq(before, after)).count();
        assert_eq!(copied, 1);
        assert_eq!((before.api_keys.len(), after.api_keys.len()), (2, 3));
    }
}
