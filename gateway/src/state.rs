//! What handlers share. `State` is the process's, `Worker` a worker thread's.

use crate::{
    cache::Cache,
    counters::{Counters, Shared},
    kept::Kept,
    telemetry::Telemetry,
    upstream::{client::Clients, health::Health, targets::Targets},
    usage::UsageSinks,
    vectors::Vectors,
    world::Link,
};
use arc_swap::ArcSwap;
use std::{cell::Cell, collections::HashSet, sync::Arc, time::Instant};
use tollgate_contract::{
    budget::OnOutage,
    world::{Tenant, World},
};

/// The process's state.
pub struct State {
    /// The world and what was made ready of it; swapped whole.
    pub current: ArcSwap<Current>,
    /// Limits and budgets.
    pub counters: Arc<Shared>,
    /// Whether other nodes count too.
    pub shared_counters: bool,
    /// What a budget does while the counters are out of reach, unless it says otherwise.
    pub on_outage: OnOutage,
    /// What is remembered of targets.
    pub health: Health,
    /// Where usage events go.
    pub usage: UsageSinks,
    /// Metrics and traces.
    pub telemetry: Telemetry,
    /// The link to the control plane, in the connected mode.
    pub link: Option<Arc<Link>>,
    /// Answers that apps may come back to.
    pub kept: Kept,
    /// Answers that equal requests get again.
    pub cache: Cache,
    /// Vectors of texts, for routes by meaning.
    pub vectors: Vectors,
    /// The largest body in bytes.
    pub max_body: usize,
    /// Tells streams that time is up.
    pub cut: tokio::sync::watch::Receiver<bool>,
}

/// A world and the targets that were made ready for it.
#[derive(Default)]
pub struct Current {
    /// The world.
    pub world: World,
    /// Its targets.
    pub targets: Targets,
}

impl State {
    /// Takes a new world: requests that come in from now on see it.
    pub fn accept(&self, world: World) {
        let before = self.current.load_full();
        let address = |tenant: &Arc<Tenant>| Arc::as_ptr(&tenant.upstreams).addr();
        let known: HashSet<usize> = before.world.tenants.values().map(address).collect();
        let changed = world.tenants.values().filter(|tenant| !known.contains(&address(tenant)));
        self.health.forgive_keys(&changed.map(|tenant| tenant.upstreams.owner.clone()).collect());
        let targets = before.targets.carried_over(&world, &self.health, Instant::now());
        self.current.store(Arc::new(Current { world, targets }));
    }
}

/// A worker thread's state.
pub struct Worker {
    /// The process's.
    pub state: Arc<State>,
    /// The worker's own connection to the counters.
    pub counters: Counters,
    /// The worker's own connections to providers.
    pub clients: Clients,
    /// Copies of requests that are under way.
    pub copies: Cell<usize>,
}

impl Worker {
    /// Makes a worker's state; runs on its thread.
    pub fn new(state: Arc<State>) -> Self {
        Self {
            counters: Counters::new(state.counters.clone()),
            clients: Clients::default(),
            copies: Cell::new(0),
            state,
        }
    }
}
