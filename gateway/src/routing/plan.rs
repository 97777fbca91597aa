//! The plan of a request: ordered targets, and the reasons of those that are out.

use super::{figures::Figures, filter, resolve::Requested};
use crate::formats::facts::{Api, Facts};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_contract::{
    event::{Decision, DecisionFacts, RuledOut, Score},
    ids::RouteId,
    pricing::Rates,
    provider::{Model, Trust},
    route::{BreakerSettings, FailureClass, Hedge, Hop, Route, Shadow, Target, Timeouts},
    rule::Seen,
    world::Upstreams,
};

/// What a plan needs to know of a target beside its model.
#[derive(Debug, Clone, Copy)]
pub struct TargetFacts {
    /// Why it cannot be called now, in words; `None` if it can.
    pub unavailable: Option<&'static str>,
    /// How long its provider still limits our rate.
    pub limited_for: Duration,
    /// Whether its provider says that our rate limit has no room for the request. It may be wrong, so the target goes last.
    pub crowded: bool,
    /// Whether some budget of the request would count it.
    pub budgeted: bool,
    /// How it did of late.
    pub figures: Figures,
}

/// The changing facts about targets: health, and the budgets of the request.
pub trait View {
    /// The facts of one target.
    fn of(&self, target: &Target, breaker: BreakerSettings) -> TargetFacts;

    /// The mean length of a route's answers of late, in tokens.
    fn expected_output(&self, route: &RouteId) -> Option<u64>;
}

/// What a route by meaning knows of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// The cosine similarity of each intent, in the route's order.
    Similarities(Vec<f64>),
    /// Why there is none, in words.
    Unknown(String),
}

/// One target of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// What to call.
    pub target: Target,
    /// What is known of it.
    pub model: Arc<Model>,
    /// Retries on it before the next.
    pub retries: u32,
    /// Time to the first byte; absent: only `total` counts.
    pub first_byte: Option<Duration>,
    /// The timeouts of the route that it came from.
    pub timeouts: Timeouts,
    /// When its circuit opens.
    pub breaker: BreakerSettings,
    /// Which of its failures go on to the next target.
    pub fallback_on: FailureSet,
    /// Whether it is passed over if it cannot honour a parameter of the request.
    pub require_parameters: bool,
    /// Whether a parameter that it cannot honour is left out instead of refused.
    pub drop_unsupported: bool,
    /// Whether the next target is started beside it if it is slow.
    pub hedge: Option<Hedge>,
}

/// A set of failure classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureSet(u16);

impl FailureSet {
    /// All classes.
    pub const ALL: Self = Self(u16::MAX);

    /// The set of these classes.
    pub fn of<'c>(classes: impl IntoIterator<Item = &'c FailureClass>) -> Self {
        Self(classes.into_iter().fold(0, |bits, class| bits | 1 << (*class as u16)))
    }

    /// Whether the class is in it.
    pub const fn contains(self, class: FailureClass) -> bool {
        self.0 & (1 << (class as u16)) != 0
    }
}

/// Ordered targets, and the reasons of those that are out.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The strategy that ordered them; `direct` for a single target.
    pub strategy: &'static str,
    /// The targets, best first.
    pub steps: Vec<Step>,
    /// What cannot serve the request.
    pub out: Vec<RuledOut>,
    /// Whether something is out only for now.
    pub temporarily: bool,
    /// When the first of those that are rate limited may be called again.
    pub limited_for: Option<Duration>,
    /// The routes on the way, outermost first.
    pub routes: Vec<RouteId>,
    /// What targets were ordered by.
    pub scores: Vec<Score>,
    /// What decided a route by rules or by meaning.
    pub because: Vec<String>,
    /// How near the prompt is to each intent.
    pub similarities: BTreeMap<String, f64>,
    /// Who gets a copy of some requests.
    pub shadow: Option<Shadow>,
    /// The targets that go last.
    crowded: Vec<Target>,
}

impl Plan {
    /// Puts what is crowded behind the rest, if there is a rest.
    fn crowded_last(&mut self) {
        let is_crowded = |step: &Step| self.crowded.contains(&step.target);
        if self.steps.iter().all(is_crowded) {
            return;
        }
        for step in self.steps.iter().filter(|step| is_crowded(step)) {
            self.because.push(format!("{} goes last: its rate limit has no room", step.target));
        }
        self.steps.sort_by_key(is_crowded);
    }

    /// The plan as the decision log has it.
    pub fn decision(&self, facts: &Facts) -> Decision {
        let needs =
            [("tools", facts.tools), ("vision", facts.vision), ("json_schema", facts.json_schema)];
        let needs = needs.into_iter().filter(|(_, needed)| *needed);
        Decision {
            strategy: self.strategy.to_owned(),
            plan: self.steps.iter().map(|step| step.target.to_string()).collect(),
            out: self.out.clone(),
            routes: self.routes.clone(),
            scores: self.scores.clone(),
            because: self.because.clone(),
            similarities: self.similarities.clone(),
            facts: Some(DecisionFacts {
                input_tokens: facts.input_estimate(),
                max_output: facts.max_output,
                needs: needs.map(|(name, _)| name.to_owned()).collect(),
            }),
        }
    }
}

/// What the plan of a request depends on.
pub struct Question<'q> {
    /// Which API.
    pub api: Api,
    /// The request.
    pub facts: &'q Facts,
    /// What rules see of it. The API key's name there is what sticky draws fall back to.
    pub seen: Seen<'q>,
    /// What routes by meaning know of the prompt; a route that is not in it takes its default.
    pub meanings: &'q BTreeMap<RouteId, Meaning>,
    /// What there is.
    pub upstreams: &'q Upstreams,
    /// Whether a target without a price may be used while a budget applies.
    pub unpriced_allowed: bool,
}

/// Orders the targets of what was requested. `random` gives numbers in 0..1.
pub fn plan(
    requested: &Requested,
    question: &Question,
    view: &dyn View,
    random: &mut dyn FnMut() -> f64,
) -> Plan {
    let mut planner = Planner { question, view, random, plan: Plan::default() };
    match requested {
        Requested::Target(target) => {
            planner.plan.strategy = "direct";
            planner.consider(Entry::direct(target.clone()), &Terms::default());
        }
        Requested::Route(route) => {
            planner.plan.strategy = route.strategy.name();
            planner.plan.shadow = route.shadow.clone();
            planner.walk(route, &Terms::default());
        }
    }
    planner.plan.crowded_last();
    planner.plan
}

/// A plan in the making.
pub(super) struct Planner<'p> {
    pub question: &'p Question<'p>,
    pub view: &'p dyn View,
    pub random: &'p mut dyn FnMut() -> f64,
    pub plan: Plan,
}

/// What the routes on the way to a target demand of it; a nested route can only demand more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    pub trust: Trust,
    pub max_price: Option<Rates>,
}

struct Entry<'r> {
    target: Target,
    retries: u32,
    first_byte: Option<Duration>,
    route: Option<&'r Route>,
}

impl Entry<'_> {
    const fn direct(target: Target) -> Self {
        Self { target, retries: 0, first_byte: None, route: None }
    }
}

impl Planner<'_> {
    fn walk(&mut self, route: &Route, terms: &Terms) {
        let lower = |a: Rates, b: Rates| Rates {
            input: a.input.min(b.input),
            output: a.output.min(b.output),
            ..a
        };
        let terms = Terms {
            trust: terms.trust.max(route.require_trust.unwrap_or_default()),
            max_price: match (terms.max_price, route.max_price) {
                (Some(a), Some(b)) => Some(lower(a, b)),
                (a, b) => a.or(b),
            },
        };
        if !self.plan.routes.contains(&route.id) {
            self.plan.routes.push(route.id.clone());
        }
        for index in self.order(route) {
            let Some(entry) = route.targets.get(index) else { continue };
            match &entry.to {
                Hop::Target(target) => self.consider(
                    Entry {
                        target: target.clone(),
                        retries: entry.retries,
                        first_byte: entry.first_byte.or(route.timeouts.first_byte),
                        route: Some(route),
                    },
                    &terms,
                ),
                // Cycles were refused when the config was accepted, so this ends.
                Hop::Route(id) => {
                    if let Some(next) = self.question.upstreams.routes.get(id).cloned() {
                        self.walk(&next, &terms);
                    }
                }
            }
        }
    }

    /// Puts a target into the plan, or among those that are out.
    fn consider(&mut self, entry: Entry, terms: &Terms) {
        if self.plan.steps.iter().any(|step| step.target == entry.target) {
            return;
        }
        let model = self.question.upstreams.model(&entry.target);
        let breaker = entry.route.map_or_else(BreakerSettings::default, |route| route.breaker);
        match self.reason_against(&entry.target, &model, breaker, terms) {
            Some(reason) => self.rule_out(entry.target.to_string(), reason),
            None => {
                let timeouts = entry.route.map_or_else(Timeouts::default, |route| route.timeouts);
                let stream_default =
                    self.question.facts.stream.then_some(Timeouts::STREAM_FIRST_BYTE);
                self.plan.steps.push(Step {
                    target: entry.target,
                    model,
                    retries: entry.retries,
                    first_byte: entry.first_byte.or(stream_default),
                    timeouts,
                    breaker,
                    fallback_on: entry
                        .route
                        .map_or(FailureSet::ALL, |route| FailureSet::of(&route.fallback_on)),
                    require_parameters: entry.route.is_some_and(|route| route.require_parameters),
                    drop_unsupported: entry.route.is_some_and(|route| route.drop_unsupported),
                    hedge: entry.route.and_then(|route| route.hedge),
                });
            }
        }
    }

    fn reason_against(
        &mut self,
        target: &Target,
        model: &Model,
        breaker: BreakerSettings,
        terms: &Terms,
    ) -> Option<String> {
        let question = self.question;
        if let Some(reason) = filter::lasting(question, target, model, terms) {
            return Some(reason);
        }
        let facts = self.view.of(target, breaker);
        if facts.budgeted && model.price.is_none() && !question.unpriced_allowed {
            return Some("it has no price and a budget applies: set a price in [models], or unpriced = \"allow\"".to_owned());
        }
        self.plan.temporarily |= facts.unavailable.is_some();
        if facts.unavailable.is_some() && !facts.limited_for.is_zero() {
            let before = self.plan.limited_for.unwrap_or(Duration::MAX);
            self.plan.limited_for = Some(before.min(facts.limited_for));
        }
        if facts.crowded {
            self.plan.crowded.push(target.clone());
        }
        facts.unavailable.map(str::to_owned)
    }

    /// Notes why something is out, once.
    pub(super) fn rule_out(&mut self, target: String, reason: String) {
        let out = RuledOut { target, reason };
        if !self.plan.out.contains(&out) {
            self.plan.out.push(out);
        }
    }
}

#[cfg(test)]
mod tests;
