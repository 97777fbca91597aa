//! Targets that are ready to be called: addresses, headers and health, looked up once per world and not per request.
//!
//! They belong to the very [`Upstreams`] that they were made from, so that one tenant can never get what was made ready
//! for another, whatever their targets are called; and they go over into the next world where these have not changed.

use super::health::{Health, TargetState};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};
use tollgate_contract::{
    pulse::TargetPulse,
    route::Target,
    world::{Upstreams, World},
};

/// Apps may invent model names; what is above this for one owner, or for all, is made ready each time.
const MOST_OF_ONE: usize = 2_000;
const MOST: usize = 20_000;

/// The targets of one world, made ready when they are first called.
#[derive(Debug, Default)]
pub struct Targets(RwLock<Prepared>);

#[derive(Debug, Default)]
struct Prepared {
    /// By the address of the upstreams.
    of: HashMap<usize, Owned>,
    count: usize,
}

#[derive(Debug, Clone)]
struct Owned {
    /// Held, so that its address cannot become another's.
    upstreams: Arc<Upstreams>,
    targets: HashMap<Target, Arc<TargetState>>,
}

impl Targets {
    /// The state of a target; `None` if its provider does not exist.
    pub fn get(
        &self,
        health: &Health,
        upstreams: &Arc<Upstreams>,
        target: &Target,
    ) -> Option<Arc<TargetState>> {
        let address = address(upstreams);
        let found = |prepared: &Prepared| prepared.of.get(&address)?.targets.get(target).cloned();
        if let Some(state) = found(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(state);
        }
        let state = Arc::new(health.ready(upstreams, target)?);
        let mut prepared = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = found(&prepared) {
            return Some(first);
        }
        if prepared.count < MOST {
            let fresh = || Owned { upstreams: upstreams.clone(), targets: HashMap::new() };
            let owned = prepared.of.entry(address).or_insert_with(fresh);
            if owned.targets.len() < MOST_OF_ONE {
                owned.targets.insert(target.clone(), state.clone());
                prepared.count += 1;
            }
        }
        Some(state)
    }

    /// What there is to tell of all targets since the last call.
    pub fn pulses(&self, health: &Health, now: Instant) -> Vec<TargetPulse> {
        let prepared = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of = |owned: &Owned| {
            let owner = &owned.upstreams.owner;
            let pulse = |state: &Arc<TargetState>| state.pulse(owner, health, now);
            owned.targets.values().filter_map(pulse).collect::<Vec<_>>()
        };
        prepared.of.values().flat_map(of).collect()
    }

    /// What goes over into the next world: the targets of upstreams that it has too. Where an owner's upstreams changed,
    /// those that were called of late are made ready anew, so that what nodes tell of them has no gap.
    pub fn carried_over(&self, next: &World, health: &Health, now: Instant) -> Self {
        let in_use: HashMap<usize, &Arc<Upstreams>> = next
            .tenants
            .values()
            .map(|tenant| (address(&tenant.upstreams), &tenant.upstreams))
            .collect();
        let prepared = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of: HashMap<usize, Owned> = prepared
            .of
            .iter()
            .filter(|(address, _)| in_use.contains_key(address))
            .map(|(address, owned)| (*address, owned.clone()))
            .collect();
        let count = of.values().map(|owned| owned.targets.len()).sum();
        let carried = Self(RwLock::new(Prepared { of, count }));
        for (_, gone) in prepared.of.iter().filter(|(address, _)| !in_use.contains_key(address)) {
            let changed = in_use.values().find(|next| next.owner == gone.upstreams.owner);
            let Some(upstreams) = changed else { continue };
            for state in gone.targets.values().filter(|state| state.is_told(health, now)) {
                carried.get(health, upstreams, &state.target);
            }
        }
        carried
    }
}

fn address(upstreams: &Arc<Upstreams>) -> usize {
    Arc::as_ptr(upstreams).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        upstream::{circuit_breaker::Outcome, credential::Credential},
        world::fixture::{self, Feed},
    };
    use std::{collections::HashSet, time::Duration};
    use tollgate_contract::ids::TenantId;

    const LARGE: &str = "openai/large";

    fn state(targets: &Targets, health: &Health, world: &World, tenant: &str) -> Arc<TargetState> {
        let upstreams = &world.tenants[tenant].upstreams;
        targets.get(health, upstreams, &Target::parse(LARGE).unwrap()).unwrap()
    }

    /// Whose targets there is something to tell of.
    fn told(targets: &Targets, health: &Health) -> Vec<String> {
        let pulses = targets.pulses(health, Instant::now()).into_iter();
        let mut owners: Vec<_> =
            pulses.filter_map(|pulse| pulse.owner).map(|id| id.to_string()).collect();
        owners.sort();
        owners
    }

    fn header(state: &TargetState) -> &str {
        match &state.slots[0].credential {
            Credential::Header(_, value) => value.to_str().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn two_tenants_with_equally_named_providers_and_targets_share_nothing() {
        let world = fixture::world(&[
            Feed::new("ten_a").provider_key("pky_a", "sk-of-a"),
            Feed::new("ten_b").provider_key("pky_b", "sk-of-b"),
        ]);
        let health = Health::new(Some(fixture::identity().wrapping));
        let targets = Targets::default();
        let (a, b) =
            (state(&targets, &health, &world, "ten_a"), state(&targets, &health, &world, "ten_b"));
        assert_eq!((header(&a), header(&b)), ("Bearer sk-of-a", "Bearer sk-of-b"));
        assert!(
            matches!(&a.slots[0].credential, Credential::Header(_, value) if value.is_sensitive())
        );
        for tenant in ["ten_a", "ten_b", "ten_a"] {
            let again = state(&targets, &health, &world, tenant);
            assert!(Arc::ptr_eq(&again, if tenant == "ten_a" { &a } else { &b }));
        }

        let now = Instant::now();
        let place = a.enter(Duration::ZERO).await;
        a.key_limited(&health, 0, Duration::from_secs(60));
        for _ in 0..100 {
            a.record(&health, 0, Outcome::Bad, now, Default::default());
        }
        a.key_refused(0);
        assert!(a.unavailable(&health, now).is_some());
        assert_eq!(b.unavailable(&health, now), None);
        assert!(place.is_some() && b.enter(Duration::ZERO).await.is_some());
    }

    #[test]
    fn even_the_same_id_of_a_provider_key_is_another_key_at_another_tenant() {
        let world = fixture::world(&[
            Feed::new("ten_a").provider_key("pky_1", "sk-of-a"),
            Feed::new("ten_b").provider_key("pky_1", "sk-of-b"),
        ]);
        let health = Health::new(Some(fixture::identity().wrapping));
        let targets = Targets::default();
        state(&targets, &health, &world, "ten_a").key_refused(0);
        let b = state(&targets, &health, &world, "ten_b");
        assert_eq!(header(&b), "Bearer sk-of-b");
        assert_eq!(b.unavailable(&health, Instant::now()), None);
    }

    #[test]
    fn tenants_that_did_not_change_keep_their_targets_and_only_the_others_are_forgiven() {
        let (a, b) = (
            Feed::new("ten_a").provider_key("pky_a", "sk-a"),
            Feed::new("ten_b").provider_key("pky_b", "sk-b"),
        );
        let mut replica = fixture::replica(&[a.clone(), b.clone()]);
        let before = replica.world().clone();
        let health = Health::new(Some(fixture::identity().wrapping));
        let targets = Targets::default();
        let old_a = state(&targets, &health, &before, "ten_a");
        let old_b = state(&targets, &health, &before, "ten_b");
        old_a.key_refused(0);
        old_b.key_refused(0);
        old_b.count_failure(None);

        let after = fixture::change(&mut replica, b.provider_key("pky_b", "sk-new")).world;
        let next = targets.carried_over(&after, &health, Instant::now());
        health.forgive_keys(&HashSet::from([Some(TenantId::new("ten_b"))]));

        assert_eq!(told(&next, &health), ["ten_a", "ten_b"], "nobody's calls are lost on the way");
        assert!(Arc::ptr_eq(&state(&next, &health, &after, "ten_a"), &old_a));
        let new_b = state(&next, &health, &after, "ten_b");
        assert_eq!(header(&new_b), "Bearer sk-new");
        assert!(old_a.unavailable(&health, Instant::now()).is_some());
        assert_eq!(new_b.unavailable(&health, Instant::now()), None);
    }

    #[test]
    fn a_key_that_does_not_open_is_out_and_never_called_without_a_credential() {
        let world =
            fixture::world(&[Feed::new("ten_a").provider_key("pky_a", "sk-a").sealed_for("ten_x")]);
        let health = Health::new(Some(fixture::identity().wrapping));
        let targets = Targets::default();
        let a = state(&targets, &health, &world, "ten_a");
        assert_eq!(
            a.unavailable(&health, Instant::now()),
            Some(super::super::health::KEYS_REFUSED)
        );
        health.forgive_keys(&HashSet::from([Some(TenantId::new("ten_a"))]));
        assert_eq!(a.pick(&health, Instant::now(), &[], 0.5), None);
        let without = Health::default();
        let a = state(&Targets::default(), &without, &world, "ten_a");
        assert!(matches!(a.slots[0].credential, Credential::None));
    }
}
