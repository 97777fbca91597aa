//! What a plan is made of: the request, the key's rights and budgets, and how the targets are now.

use crate::{
    formats::facts::Request,
    routing::{self, Meaning, Plan, Question, Requested, TargetFacts, View},
    state::{Current, Worker},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::{
    budget::Budget,
    ids::{MemberId, RouteId, TeamId},
    route::{BreakerSettings, Target},
    rule::Seen,
    world::{ApiKey, Unpriced},
};

/// Who asks, and with what.
pub struct Asking<'a> {
    /// The worker.
    pub worker: &'a Worker,
    /// The world and its targets.
    pub current: &'a Current,
    /// The API key.
    pub key: &'a ApiKey,
    /// The request.
    pub request: &'a Request,
    /// The app's own key-values.
    pub metadata: &'a BTreeMap<String, String>,
    /// The budgets that may count it.
    pub budgets: &'a [Arc<Budget>],
}

impl Asking<'_> {
    /// The plan for what was requested.
    pub fn plan(&self, requested: &Requested, meanings: &BTreeMap<RouteId, Meaning>) -> Plan {
        let question = Question {
            api: self.request.api,
            facts: &self.request.facts,
            seen: self.seen(),
            meanings,
            upstreams: &self.key.tenant.upstreams,
            unpriced_allowed: self.key.tenant.unpriced == Unpriced::Allow,
        };
        routing::plan(requested, &question, self, &mut rand::random::<f64>)
    }

    /// What rules see of it.
    fn seen(&self) -> Seen<'_> {
        let facts = &self.request.facts;
        Seen {
            model: &facts.model,
            api: self.request.api.name(),
            stream: facts.stream,
            input_tokens: facts.input_estimate(),
            max_output: facts.max_output.unwrap_or(0),
            tools: facts.tools,
            vision: facts.vision,
            json_schema: facts.json_schema,
            user: facts.user.as_deref().unwrap_or_default(),
            labels: &[],
            metadata: self
                .metadata
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            tenant: self.key.tenant.id.as_str(),
            team: self.key.team.as_ref().map_or("", TeamId::as_str),
            member: self.key.member.as_ref().map_or("", MemberId::as_str),
            api_key: self.key.id.as_str(),
        }
    }
}

impl View for Asking<'_> {
    fn of(&self, target: &Target, _: BreakerSettings) -> TargetFacts {
        let health = &self.worker.state.health;
        let now = Instant::now();
        let upstreams = &self.key.tenant.upstreams;
        let state = self.current.targets.get(health, upstreams, target);
        let provider = upstreams.providers.get(target.provider());
        let counts = |budget: &Arc<Budget>| {
            provider
                .is_some_and(|provider| budget.scope.covers_target(&provider.id, target.as_str()))
        };
        TargetFacts {
            limited_for: state.as_ref().map_or(Duration::ZERO, |state| state.limited_for(health)),
            crowded: state.as_ref().is_some_and(|state| {
                !state.has_room(health, self.request.facts.input_estimate(), now)
            }),
            figures: state.as_ref().map(|state| state.figures(now)).unwrap_or_default(),
            unavailable: state.and_then(|state| state.unavailable(health, now)),
            budgeted: self.budgets.iter().any(counts),
        }
    }

    fn expected_output(&self, route: &RouteId) -> Option<u64> {
        self.worker.state.health.mean_output(&self.key.tenant.id, route)
    }
}
