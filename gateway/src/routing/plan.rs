//! The plan of a request: ordered targets, and the reasons of those that are out.

use super::{resolve::Requested, weighted};
use crate::formats::facts::{Api, Facts};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tollgate_contract::{
    event::RuledOut,
    ids::RouteId,
    money::NanoUsd,
    pricing::{Price, Rates},
    provider::{Model, ProviderKind, Trust},
    route::{BreakerSettings, FailureClass, Hop, Route, Sticky, Strategy, Target, Timeouts},
    world::Upstreams,
};

/// What a plan needs to know of a target beside its model.
#[derive(Debug, Clone, Copy)]
pub struct TargetFacts {
    /// Why it cannot be called now, in words; `None` if it can.
    pub unavailable: Option<&'static str>,
    /// How long its provider still limits our rate.
    pub limited_for: Duration,
    /// Whether some budget of the request would count it.
    pub budgeted: bool,
}

/// The changing facts about targets: health, and the budgets of the request.
pub trait View {
    /// The facts of one target.
    fn of(&self, target: &Target, breaker: BreakerSettings) -> TargetFacts;
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
}

/// What the plan of a request depends on.
pub struct Question<'q> {
    /// Which API.
    pub api: Api,
    /// The request.
    pub facts: &'q Facts,
    /// Its metadata.
    pub metadata: &'q BTreeMap<String, String>,
    /// The API key's name, for sticky draws.
    pub api_key: &'q str,
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
            planner.plan.strategy = match route.strategy {
                Strategy::Fallback => "fallback",
                Strategy::Weighted { .. } => "weighted",
            };
            planner.walk(route, &Terms::default());
        }
    }
    planner.plan
}

struct Planner<'p> {
    question: &'p Question<'p>,
    view: &'p dyn View,
    random: &'p mut dyn FnMut() -> f64,
    plan: Plan,
}

/// What the routes on the way to a target demand of it; a nested route can only demand more.
#[derive(Debug, Clone, Copy, Default)]
struct Terms {
    trust: Trust,
    max_price: Option<Rates>,
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
        for index in self.order(route) {
            let entry = &route.targets[index];
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

    fn order(&mut self, route: &Route) -> Vec<usize> {
        match &route.strategy {
            Strategy::Fallback => (0..route.targets.len()).collect(),
            Strategy::Weighted { sticky } => {
                let name = |hop: &Hop| match hop {
                    Hop::Target(target) => target.as_str().to_owned(),
                    Hop::Route(id) => id.as_str().to_owned(),
                };
                let weights: Vec<_> =
                    route.targets.iter().map(|entry| (name(&entry.to), entry.weight)).collect();
                let seed = self.seed(sticky, &route.id);
                weighted::order(&weights, seed.as_deref(), self.random)
            }
        }
    }

    fn seed(&self, sticky: &Sticky, route: &RouteId) -> Option<String> {
        let question = self.question;
        let subject = match sticky {
            Sticky::None => return None,
            Sticky::ApiKey => None,
            Sticky::User => question.facts.user.as_deref(),
            Sticky::Metadata(name) => question.metadata.get(name).map(String::as_str),
        };
        Some(format!("{route}\n{}", subject.unwrap_or(question.api_key)))
    }

    /// Puts a target into the plan, or among those that are out.
    fn consider(&mut self, entry: Entry, terms: &Terms) {
        if self.plan.steps.iter().any(|step| step.target == entry.target) {
            return;
        }
        let model = self.question.upstreams.model(&entry.target);
        let breaker = entry.route.map_or_else(BreakerSettings::default, |route| route.breaker);
        match self.reason_against(&entry.target, &model, breaker, terms) {
            Some(reason) => {
                self.plan.out.push(RuledOut { target: entry.target.to_string(), reason })
            }
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
        let Some(provider) = question.upstreams.providers.get(target.provider()) else {
            return Some("there is no such provider".to_owned());
        };
        if provider.trust < terms.trust {
            return Some(format!(
                "its trust is {}, the route requires {}",
                provider.trust.name(),
                terms.trust.name()
            ));
        }
        if !serves(provider.kind, question.api) {
            return Some(format!("its provider has no {}", question.api.name().replace('_', " ")));
        }
        if let Some(missing) = missing_capability(question.api, question.facts, model) {
            return Some(format!("it lacks {missing}"));
        }
        // The estimate, not the upper bound: what surely does not fit is out, the rest the provider decides.
        if let Some(window) = model.context_window
            && question.facts.input_estimate() > window
        {
            return Some(format!(
                "the prompt is larger than its context window of {window} tokens"
            ));
        }
        if let Some(cap) = terms.max_price
            && model.price.as_ref().is_none_or(|price| above(price, &cap))
        {
            return Some("its price is above the route's max_price".to_owned());
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
        facts.unavailable.map(str::to_owned)
    }
}

fn above(price: &Price, cap: &Rates) -> bool {
    let over = |price: NanoUsd, cap: NanoUsd| price > cap;
    over(price.rates.input, cap.input) || over(price.rates.output, cap.output)
}

/// Whether a kind of provider has an API, itself or by translation.
fn serves(kind: ProviderKind, api: Api) -> bool {
    kind.serves(match api {
        Api::Embeddings | Api::GeminiEmbed | Api::GeminiBatchEmbed => "embeddings",
        Api::Moderations => "moderations",
        Api::Rerank => "rerank",
        Api::Images | Api::ImageEdits => "images",
        Api::Speech => "speech",
        Api::Transcriptions | Api::Translations => "transcriptions",
        _ => "chat",
    })
}

/// What the request needs and the model is known not to have.
fn missing_capability(api: Api, facts: &Facts, model: &Model) -> Option<&'static str> {
    let needs = [
        ("chat", api.generates()),
        ("embeddings", matches!(api, Api::Embeddings | Api::GeminiEmbed | Api::GeminiBatchEmbed)),
        ("tools", facts.tools),
        ("vision", facts.vision),
        ("json_schema", facts.json_schema),
    ];
    needs.into_iter().find(|(name, needed)| *needed && model.lacks(name)).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::document;

    const CONFIG: &str = r#"
allow_inline_secrets = true
[providers.a]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
[providers.b]
kind = "openai_compatible"
base_url = "http://127.0.0.1:2/v1"
trust = "self_hosted"
[models."a/big"]
price = { input = "10", output = "30" }
context_window = 1000
capabilities = ["chat"]
[models."b/small"]
price = { input = "1", output = "2" }
[routes.fall]
targets = [{ use = "a/big", first_byte = "2s", retries = 1 }, { use = "b/small" }]
fallback_on = ["5xx"]
[routes.private]
require_trust = "private"
targets = [{ use = "fall" }]
[routes.cheap]
max_price = { input = "5" }
targets = [{ use = "fall" }, { use = "b/unpriced" }]
[tenants.t.api_keys.k]
secret = "sk-0123456789abcdef"
"#;

    struct Fixed(Option<&'static str>, bool);

    impl View for Fixed {
        fn of(&self, target: &Target, _: BreakerSettings) -> TargetFacts {
            let down = self.0 == Some(target.as_str());
            TargetFacts {
                unavailable: down.then_some("its circuit is open"),
                limited_for: Duration::ZERO,
                budgeted: self.1,
            }
        }
    }

    fn planned(model: &str, facts: Facts, view: Fixed) -> (Vec<String>, Vec<String>, Plan) {
        let document = document::read(CONFIG).unwrap();
        let mut resolve = |reference: &document::SecretRef| match reference {
            document::SecretRef::Inline(secret) => {
                Ok(tollgate_contract::secret::Secret::new(secret.0.clone()))
            }
            _ => Err("none".to_owned()),
        };
        let world = document::world_from(&document, CONFIG, 1, &mut resolve).unwrap();
        let key = world.api_keys.values().next().unwrap();
        let requested = super::super::resolve(key, model).unwrap();
        let question = Question {
            api: Api::Chat,
            facts: &facts,
            metadata: &BTreeMap::new(),
            api_key: "k",
            upstreams: &key.tenant.upstreams,
            unpriced_allowed: false,
        };
        let plan = plan(&requested, &question, &view, &mut || 0.5);
        let steps = plan.steps.iter().map(|step| step.target.to_string()).collect();
        (
            steps,
            plan.out.iter().map(|out| format!("{}: {}", out.target, out.reason)).collect(),
            plan,
        )
    }

    #[test]
    fn a_fallback_route_keeps_its_order_and_settings() {
        let (steps, out, plan) = planned("fall", Facts::default(), Fixed(None, true));
        assert_eq!(steps, ["a/big", "b/small"]);
        assert!(out.is_empty());
        assert_eq!(
            (plan.steps[0].retries, plan.steps[0].first_byte),
            (1, Some(Duration::from_secs(2)))
        );
        assert!(plan.steps[1].fallback_on.contains(FailureClass::Server));
        assert!(!plan.steps[1].fallback_on.contains(FailureClass::Timeout));
        assert_eq!(
            plan.steps[1].first_byte, None,
            "plain requests have no first_byte unless one is written"
        );
    }

    #[test]
    fn every_filter_gives_its_reason() {
        let tools = Facts { tools: true, ..Facts::default() };
        let long = Facts { content_bytes: 8000, ..Facts::default() };
        let cases = [
            ("fall", tools, Fixed(None, false), vec!["b/small"], vec!["a/big: it lacks tools"]),
            (
                "fall",
                long,
                Fixed(None, false),
                vec!["b/small"],
                vec!["a/big: the prompt is larger than its context window of 1000 tokens"],
            ),
            (
                "fall",
                Facts::default(),
                Fixed(Some("a/big"), false),
                vec!["b/small"],
                vec!["a/big: its circuit is open"],
            ),
            (
                "private",
                Facts::default(),
                Fixed(None, false),
                vec!["b/small"],
                vec!["a/big: its trust is external, the route requires private"],
            ),
            (
                "cheap",
                Facts::default(),
                Fixed(None, false),
                vec!["b/small"],
                vec![
                    "a/big: its price is above the route's max_price",
                    "b/unpriced: its price is above the route's max_price",
                ],
            ),
            ("a/other", Facts::default(), Fixed(None, false), vec!["a/other"], vec![]),
        ];
        for (model, facts, view, steps, out) in cases {
            let (got, reasons, _) = planned(model, facts, view);
            assert_eq!(
                (got, reasons),
                (
                    steps.iter().map(ToString::to_string).collect(),
                    out.iter().map(ToString::to_string).collect()
                ),
                "{model}"
            );
        }
        let (steps, out, _) = planned("a/other", Facts::default(), Fixed(None, true));
        assert!(steps.is_empty() && out[0].contains("it has no price and a budget applies"));
    }
}
