//! This node's copy of the world: batches of the feed go in, worlds come out, each of them whole. No I/O.

use super::{
    feed_secrets::FeedSecrets,
    file::private_addresses,
    intake::{Batch, Change},
};
use crate::telemetry::metrics::Metrics;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tollgate_contract::{
    document,
    feed::TenantFeed,
    ids::{ApiKeyId, TenantId},
    price_book::PriceBook,
    world::{HashedKey, Tenant, World},
};

/// The copy, and the feed that it was made of.
#[derive(Debug, Default)]
pub struct Replica {
    world: World,
    /// Whether there is a world at all; revision 0 may be one.
    made: bool,
    /// The feed of every tenant in the world, for the snapshot.
    kept: BTreeMap<TenantId, Arc<Kept>>,
    /// The price book that tenants are read with, and the document that it was read from.
    price_book: Arc<PriceBook>,
    price_document: Arc<str>,
}

/// What a world was made of.
#[derive(Debug, Default, Clone)]
pub struct Feeds {
    /// The feeds of all tenants.
    pub tenants: Vec<Arc<Kept>>,
    /// The price book's document.
    pub price_book: Arc<str>,
}

/// A tenant's feed that made it into the world.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The world's revision that it came with.
    pub revision: u64,
    /// The feed.
    pub feed: TenantFeed,
}

/// A new world, and what did not get into it.
#[derive(Debug)]
pub struct Taken {
    /// The world.
    pub world: World,
    /// Tenants whose document has mistakes, with the first of them. They keep the state that they had.
    pub rejected: Vec<(TenantId, String)>,
    /// API keys whose hash another one has.
    pub refused: Vec<(TenantId, ApiKeyId)>,
    /// The first mistake of a price book that has some. The one before stays.
    pub price_mistake: Option<String>,
}

/// The control plane is at an earlier revision than this node: it was restored from a backup, or somebody plays old
/// batches to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it sent revision {sent}, but this node is at {own}: the old world stays. If the control plane was restored from a \
     backup, remove the snapshot and start the node again"
)]
pub struct Replay {
    /// What came.
    pub sent: u64,
    /// What is there.
    pub own: u64,
}

impl Replica {
    /// The copy as a snapshot has it.
    pub fn restored(revision: u64, feeds: Feeds) -> (Self, Taken) {
        let mut replica = Self::default();
        let price_mistake = replica.take_prices(feeds.price_book);
        let changes = feeds.tenants.into_iter().map(|kept| (kept.revision, Next::Is(kept)));
        let taken = replica.apply(revision, false, changes.collect());
        (replica, Taken { price_mistake, ..taken })
    }

    /// The world as it is now.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The revision, if there is a world.
    pub fn revision(&self) -> Option<u64> {
        self.made.then_some(self.world.revision)
    }

    /// What a snapshot needs.
    pub fn kept(&self) -> Feeds {
        let tenants = self.kept.values().cloned().collect();
        Feeds { tenants, price_book: self.price_document.clone() }
    }

    /// Takes a batch. The same revision again is fine: a connection may begin with what the last one ended with.
    pub fn take(&mut self, batch: Batch) -> Result<Taken, Replay> {
        if let Some(own) = self.revision().filter(|own| batch.revision < *own) {
            return Err(Replay { sent: batch.revision, own });
        }
        let revision = batch.revision;
        let (mut changes, mut prices) = (Vec::with_capacity(batch.changes.len()), None);
        for change in batch.changes {
            match change {
                Change::Is(feed) => {
                    changes.push((revision, Next::Is(Arc::new(Kept { revision, feed }))));
                }
                Change::Gone(tenant) => changes.push((revision, Next::Gone(tenant))),
                Change::PriceBook(document) => prices = Some(document),
            }
        }
        if batch.whole {
            prices.get_or_insert_default();
        }
        let mut price_mistake = None;
        if let Some(document) = prices.filter(|document| **document != *self.price_document) {
            price_mistake = self.take_prices(document.into());
            // Models were looked up when their tenants were read: those that did not change are read again.
            let changed: BTreeSet<&TenantId> = changes.iter().map(|(_, next)| next.of()).collect();
            let others = self.kept.iter().filter(|(id, _)| !batch.whole && !changed.contains(id));
            let again: Vec<_> =
                others.map(|(_, kept)| (kept.revision, Next::Is(kept.clone()))).collect();
            changes.extend(again);
        }
        Ok(Taken { price_mistake, ..self.apply(revision, batch.whole, changes) })
    }

    /// Takes a price book. What is returned is its first mistake: then the one before stays.
    fn take_prices(&mut self, document: Arc<str>) -> Option<String> {
        match document::read_price_book(&document) {
            Ok(book) => {
                self.price_book = Arc::new(book);
                self.price_document = document;
                None
            }
            Err(problems) => Some(first(&problems)),
        }
    }

    fn apply(&mut self, revision: u64, whole: bool, changes: Vec<(u64, Next)>) -> Taken {
        let mut next = self.world.clone();
        next.revision = revision;
        let (mut rejected, mut refused) = (Vec::new(), Vec::new());
        let mut left_out: BTreeSet<TenantId> =
            if whole { next.tenants.keys().cloned().collect() } else { BTreeSet::new() };
        let mut kept = self.kept.clone();
        // Whoever leaves does so before others come, so that an API key can move from one tenant to another.
        for (_, change) in &changes {
            match change {
                Next::Is(kept) => left_out.remove(&kept.feed.tenant),
                Next::Gone(tenant) => left_out.insert(tenant.clone()),
            };
        }
        for tenant in &left_out {
            next.remove(tenant);
            kept.remove(tenant);
        }
        for (revision, change) in changes {
            let Next::Is(feed) = change else { continue };
            let id = feed.feed.tenant.clone();
            if left_out.contains(&id) {
                continue;
            }
            // One tenant's mistake must not keep all others from their changes. It keeps its last good state, and what
            // was revoked of it since then is refused by the marks in Redis, which are compared to the tenant's revision.
            match tenant_of(&feed.feed, revision, &self.price_book) {
                Ok((tenant, keys)) => {
                    let doubles = next.put(tenant, keys);
                    refused.extend(doubles.iter().map(|key| (id.clone(), key.id.clone())));
                    kept.insert(id, feed);
                }
                Err(mistake) => rejected.push((id, mistake)),
            }
        }
        // Only now, so that a panic in between leaves everything as it was.
        self.world = next.clone();
        self.kept = kept;
        self.made = true;
        Taken { world: next, rejected, refused, price_mistake: None }
    }
}

impl Taken {
    /// Says what did not get into the world, for somebody to mend it.
    pub fn tell(&self, metrics: &Metrics) {
        if let Some(mistake) = &self.price_mistake {
            tracing::error!(
                "The price book that the control plane sent is not taken, the one before stays: {mistake}"
            );
        }
        for (tenant, mistake) in &self.rejected {
            metrics.tenant_rejected();
            tracing::error!(
                tenant.id = %tenant,
                "What the control plane sent for tenant {tenant} is not taken, its last good state stays: {mistake}"
            );
        }
        for (tenant, key) in &self.refused {
            tracing::error!(
                tenant.id = %tenant, api_key = %key,
                "API key {key} of tenant {tenant} is refused: another API key has the same secret"
            );
        }
    }
}

enum Next {
    Is(Arc<Kept>),
    Gone(TenantId),
}

impl Next {
    fn of(&self) -> &TenantId {
        match self {
            Self::Is(kept) => &kept.feed.tenant,
            Self::Gone(tenant) => tenant,
        }
    }
}

fn first(problems: &[document::Problem]) -> String {
    problems.first().map_or_else(|| "it has mistakes".to_owned(), ToString::to_string)
}

/// The tenant that a feed describes. The error is the first mistake.
fn tenant_of(
    feed: &TenantFeed,
    revision: u64,
    price_book: &Arc<PriceBook>,
) -> Result<(Arc<Tenant>, Vec<HashedKey>), String> {
    let document = document::read(&feed.document).map_err(|problems| first(&problems))?;
    if !document.tenants.keys().eq([feed.tenant.as_str()]) {
        return Err("it must have the table of this tenant and of no other".to_owned());
    }
    let mut secrets = FeedSecrets { feed, price_book };
    let mut world = document::world_from(&document, &feed.document, revision, &mut secrets)
        .map_err(|problems| first(&problems))?;
    if let Some(private) = private_addresses(&world).into_iter().next() {
        return Err(private);
    }
    let keys = world.api_keys.iter().map(|(hash, key)| (*hash, key.clone())).collect();
    let (_, tenant) = world.tenants.pop_first().ok_or("it has no tenant")?;
    Ok((tenant, keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fixture::{self, Feed, change, replica};
    use tollgate_contract::route::Target;

    fn tenants(world: &World) -> Vec<&str> {
        world.tenants.keys().map(TenantId::as_str).collect()
    }

    fn keys(world: &World) -> Vec<String> {
        let mut all: Vec<_> = world.api_keys.values().map(|key| key.id.to_string()).collect();
        all.sort();
        all
    }

    #[test]
    fn a_whole_batch_is_the_world_and_a_delta_changes_a_part_of_it() {
        let a = Feed::new("ten_a").api_key("key_a", "tgk_aaaaaaaaaaaaaaaa");
        let b = Feed::new("ten_b").api_key("key_b", "tgk_bbbbbbbbbbbbbbbb");
        let mut replica = replica(&[a.clone(), b]);
        assert_eq!(tenants(replica.world()), ["ten_a", "ten_b"]);
        assert_eq!(keys(replica.world()), ["key_a", "key_b"]);
        let before = replica.world().clone();

        let world = change(&mut replica, a.api_key("key_c", "tgk_cccccccccccccccc")).world;
        assert_eq!(keys(&world), ["key_a", "key_b", "key_c"]);
        assert_eq!(world.revision, before.revision + 1);
        let same = |id: &str| Arc::ptr_eq(&world.tenants[id], &before.tenants[id]);
        assert!(same("ten_b") && !same("ten_a"));

        let gone = fixture::batch(world.revision + 1, false, &[], &["ten_b"]);
        assert_eq!(keys(&replica.take(gone).unwrap().world), ["key_a", "key_c"]);
        let whole = fixture::batch(world.revision + 1, true, &[Feed::new("ten_c")], &[]);
        let world = replica.take(whole).unwrap().world;
        assert_eq!((tenants(&world), keys(&world)), (vec!["ten_c"], vec![]));
        assert_eq!(replica.kept().tenants.len(), 1);
    }

    #[test]
    fn the_revision_never_goes_back() {
        let mut replica = Replica::default();
        assert_eq!(replica.revision(), None);
        replica.take(fixture::batch(5, true, &[Feed::new("ten_a")], &[])).unwrap();
        for whole in [true, false] {
            let old = fixture::batch(4, whole, &[Feed::new("ten_b")], &["ten_a"]);
            assert_eq!(replica.take(old).unwrap_err(), Replay { sent: 4, own: 5 });
        }
        assert_eq!(tenants(replica.world()), ["ten_a"]);
        assert!(replica.take(fixture::batch(5, false, &[], &[])).is_ok());
    }

    #[test]
    fn a_tenant_with_mistakes_keeps_its_last_good_state_and_holds_up_nobody() {
        let good = Feed::new("ten_a").api_key("key_a", "tgk_aaaaaaaaaaaaaaaa");
        for bad in [
            "nonsense = 1",
            "[tenants.ten_b]",
            "[tenants.ten_a]\n[tenants.ten_b]",
            "",
            "[tenants.ten_a]\n[providers.p]\nkind = \"openai\"\nkeys = [{ provider_key = \"pky_x\" }]",
            "[tenants.ten_a]\n[providers.p]\nkind = \"openai\"\nkeys = [{ env = \"PATH\" }]",
            "[tenants.ten_a]\n[providers.p]\nkind = \"openai\"\nkeys = [{ file = \"/etc/hostname\" }]",
            "allow_inline_secrets = true\n[tenants.ten_a]\n[providers.p]\nkind = \"openai\"\nkeys = [\"sk-1\"]",
            "[tenants.ten_a.api_keys.k]\nsecret = { env = \"PATH\" }",
            "[tenants.ten_a]\n[providers.p]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1/v1\"",
        ] {
            let mut replica = replica(std::slice::from_ref(&good));
            let revision = replica.world().revision + 1;
            let changes = [Feed::new("ten_a").document(bad), Feed::new("ten_c")];
            let taken = replica.take(fixture::batch(revision, true, &changes, &[])).unwrap();
            assert_eq!(taken.rejected.len(), 1, "{bad}");
            assert_eq!(taken.rejected[0].0.as_str(), "ten_a");
            assert_eq!(tenants(&taken.world), ["ten_a", "ten_c"]);
            assert_eq!(keys(&taken.world), ["key_a"]);
            assert_eq!(taken.world.tenants["ten_a"].revision, revision - 1);
            assert_eq!(
                replica.kept().tenants[0].revision,
                revision - 1,
                "the snapshot keeps it too"
            );
        }
    }

    #[test]
    fn the_second_owner_of_a_secret_is_refused_but_a_key_can_move() {
        let a = Feed::new("ten_a").api_key("key_a", "tgk_aaaaaaaaaaaaaaaa");
        let b = Feed::new("ten_b").api_key("key_b", "tgk_aaaaaaaaaaaaaaaa");
        let mut replica = replica(&[a]);
        let taken = change(&mut replica, b.clone());
        assert_eq!(taken.refused.len(), 1);
        assert_eq!(
            (taken.refused[0].1.as_str(), keys(&taken.world)),
            ("key_b", vec!["key_a".into()])
        );
        let moved = fixture::batch(taken.world.revision + 1, false, &[b], &["ten_a"]);
        let taken = replica.take(moved).unwrap();
        assert_eq!((taken.refused.len(), keys(&taken.world)), (0, vec!["key_b".to_owned()]));
    }

    #[test]
    fn budgets_and_keys_are_known_by_their_ids_and_told_by_their_names() {
        let text = "[tenants.ten_a.api_keys.\"search ci\"]\nid = \"key_1\"\nsha256 = \"HASH\"\n\
                    [[tenants.ten_a.budgets]]\nid = \"bud_1\"\nname = \"daily\"\nlimit = \"1\"\nwindow = \"day\"\n\
                    api_key = \"search ci\"\n";
        let text = text.replace("HASH", &"ab".repeat(32));
        let replica = replica(&[Feed::new("ten_a").document(&text)]);
        let budget = &replica.world().tenants["ten_a"].budgets[0];
        assert_eq!((budget.id.as_str(), budget.name.as_str()), ("bud_1", "daily"));
        let key = replica.world().api_keys.values().next().unwrap();
        assert!(budget.scope.covers_caller(None, None, &key.id));
    }

    #[test]
    fn a_new_price_book_reaches_tenants_that_did_not_change_and_a_bad_one_nobody() {
        let book = |input: &str| {
            Change::PriceBook(format!(
                "[[models]]\nkind = \"openai\"\nmodel = \"gpt-4o\"\nprice = {{ input = \"{input}\", output = \"1\" }}"
            ))
        };
        let input = |world: &World| {
            let upstreams = &world.tenants["ten_a"].upstreams;
            let model = upstreams.model(&Target::parse("openai/gpt-4o").unwrap());
            model.price.as_ref().unwrap().rates.input.to_string()
        };
        let prices = |revision, whole, changes| Batch {
            revision,
            whole,
            changes,
            key: fixture::control_key().public(),
        };
        let document = "[providers.openai]\nkind = \"openai\"\n[routes.r]\ntargets = [{ use = \"openai/gpt-4o\" }]\n\
                        [tenants.ten_a]\n";
        let mut replica = replica(&[Feed::new("ten_a").document(document)]);
        assert_eq!(input(replica.world()), "2.50", "the catalog's");
        let came_with = replica.world().tenants["ten_a"].revision;

        let taken = replica.take(prices(2, false, vec![book("7")])).unwrap();
        assert_eq!((input(&taken.world).as_str(), taken.price_mistake), ("7.00", None));
        assert_eq!(taken.world.tenants["ten_a"].revision, came_with, "the tenant itself is older");

        let bad = replica.take(prices(3, false, vec![book("a lot")])).unwrap();
        assert!(bad.price_mistake.unwrap().contains("price.input"));
        assert_eq!(input(&bad.world), "7.00");

        let (restored, taken) = Replica::restored(3, replica.kept());
        assert_eq!((input(restored.world()).as_str(), taken.price_mistake), ("7.00", None));

        let tenant = Change::Is(Feed::new("ten_a").document(document).frame());
        let whole = replica.take(prices(4, true, vec![tenant])).unwrap();
        assert_eq!(input(&whole.world), "2.50", "a whole world without a price book has none");
    }
}
