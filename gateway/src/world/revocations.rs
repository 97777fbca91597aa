//! What was revoked after the world was made. The control plane marks it in Redis, so that a key dies at once even while
//! the link is cut, and on a node that could not take its tenant's last change.

use super::Link;
use crate::state::State;
use arc_swap::ArcSwap;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tollgate_contract::{
    counter_keys::Revocation,
    world::{ApiKey, World},
};

/// How often the log is read.
const EVERY: Duration = Duration::from_secs(1);
/// Entries are written after their change has committed, so one may come after another with a higher revision: reading
/// starts this much before the last one.
const LATE_BY: u64 = 100;

/// Revocations that the world does not know of, each with the revision of the world that does.
#[derive(Debug, Default)]
pub struct Revocations(ArcSwap<HashMap<Revocation, u64>>);

impl Revocations {
    /// Whether an API key is among them, by itself, by its member or by its tenant.
    pub fn include(&self, key: &ApiKey) -> bool {
        let known = self.0.load();
        if known.is_empty() {
            return false;
        }
        // The tenant's own revision, not the world's: a tenant whose last change could not be taken is older than the
        // world around it.
        let later = |revocation: Revocation| {
            known.get(&revocation).is_some_and(|revision| *revision > key.tenant.revision)
        };
        let tenant = || key.tenant.id.clone();
        later(Revocation::Tenant(tenant()))
            || later(Revocation::ApiKey(tenant(), key.id.clone()))
            || key.member.clone().is_some_and(|member| later(Revocation::Member(tenant(), member)))
    }

    /// Takes entries of the log in and forgets what the world knows of by itself.
    pub fn learn(&self, world: &World, entries: impl IntoIterator<Item = (String, u64)>) {
        let known = self.0.load();
        let read = entries
            .into_iter()
            .filter_map(|(text, revision)| Some((Revocation::parse(&text)?, revision)));
        let all = known.iter().map(|(revocation, revision)| (revocation.clone(), *revision));
        let mut next: HashMap<Revocation, u64> = HashMap::new();
        for (revocation, revision) in all.chain(read) {
            let tenant = world.tenants.get(revocation.tenant());
            if revision > tenant.map_or(world.revision, |tenant| tenant.revision) {
                let latest = next.entry(revocation).or_default();
                *latest = revision.max(*latest);
            }
        }
        if next != **known {
            tracing::info!(
                revocations = next.len(),
                "Revocations that the world lacks: {}",
                next.len()
            );
            self.0.store(Arc::new(next));
        }
    }
}

/// Reads the log for ever. An outage of Redis changes nothing: what was learned stays, and the reading goes on later.
pub async fn watch(state: Arc<State>, link: Arc<Link>) {
    let mut last = 0;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let found = state.counters.revocations(u64::saturating_sub(last, LATE_BY)).await;
        let entries = found.unwrap_or_default();
        last = entries.iter().map(|(_, revision)| *revision).fold(last, u64::max);
        link.revocations.learn(&state.current.load().world, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fixture::{self, Feed};
    use tollgate_contract::ids::TenantId;

    fn key(world: &World, id: &str) -> Arc<ApiKey> {
        world.api_keys.values().find(|key| key.id.as_str() == id).unwrap().clone()
    }

    fn entry(text: &str, revision: u64) -> [(String, u64); 1] {
        [(text.to_owned(), revision)]
    }

    #[test]
    fn keys_members_and_tenants_are_revoked_until_the_world_knows() {
        let feed = |tenant| Feed::new(tenant).api_key("key_1", "tgk_first_first_first");
        let ours = feed("ten_a").member_key("key_2", "tgk_second_second_2", "mem_1");
        let mut replica = fixture::replica(std::slice::from_ref(&ours));
        let world = replica.world().clone();
        let (one, two) = (key(&world, "key_1"), key(&world, "key_2"));
        for (text, revoked) in [
            ("k:ten_a:key_1", (true, false)),
            ("me:ten_a:mem_1", (false, true)),
            ("t:ten_a", (true, true)),
            ("k:ten_b:key_1", (false, false)),
            ("nonsense", (false, false)),
        ] {
            let revocations = Revocations::default();
            assert!(!revocations.include(&one));
            revocations.learn(&world, entry(text, world.revision));
            assert!(!revocations.include(&one), "{text}: the world knows");
            revocations.learn(&world, entry(text, world.revision + 1));
            assert_eq!((revocations.include(&one), revocations.include(&two)), revoked, "{text}");
        }

        let revocations = Revocations::default();
        revocations.learn(&world, entry("k:ten_a:key_1", world.revision + 1));
        let next = fixture::change(&mut replica, ours).world;
        revocations.learn(&next, []);
        assert!(revocations.0.load().is_empty(), "what the world knows is forgotten");
    }

    #[test]
    fn a_tenant_that_could_not_be_taken_keeps_its_revocations() {
        let mut replica =
            fixture::replica(&[Feed::new("ten_a").api_key("key_1", "tgk_one_one_one_one")]);
        let taken = fixture::change(&mut replica, Feed::new("ten_a").document("nonsense = 1"));
        assert_eq!(taken.rejected.len(), 1);
        let world = taken.world;
        let revocations = Revocations::default();
        revocations.learn(&world, entry("k:ten_a:key_1", world.revision));
        assert!(world.tenants[&TenantId::new("ten_a")].revision < world.revision);
        assert!(revocations.include(&key(&world, "key_1")));
    }
}
