//! The strategies: in which order a route's entries are tried.

use super::{
    figures::Figures,
    plan::{Meaning, Planner},
    weighted,
};
use std::{collections::BTreeSet, time::Duration};
use tollgate_contract::{
    event::Score,
    ids::RouteId,
    money::NanoUsd,
    route::{BreakerSettings, Hop, Route, Semantic, Sticky, Strategy, Target, Weights},
    rule::Rule,
    usage::Usage,
};

/// Of the requests over a route by speed, this share goes to a target that nobody called for a while.
const PROBING: f64 = 0.02;
/// What is called for the first time or again after this is probed.
const IDLE: Duration = Duration::from_secs(10);
/// Answer tokens of a route about which nothing is known yet.
const UNKNOWN_OUTPUT: u64 = 256;

/// What is known of an entry of a route, or of the best target that a nested route leads to.
#[derive(Debug, Clone, Copy)]
struct Known {
    cost: Option<NanoUsd>,
    figures: Figures,
}

impl Planner<'_> {
    /// The indices of a route's entries, best first. Those of rules and intents that do not apply are left out.
    pub(super) fn order(&mut self, route: &Route) -> Vec<usize> {
        let all = 0..route.targets.len();
        match &route.strategy {
            Strategy::Fallback => all.collect(),
            Strategy::Weighted { sticky } => self.weighted(route, sticky),
            Strategy::Cheapest => {
                let costs = self.known(route).into_iter().map(|known| known.cost);
                // What has no price is not free: it comes last.
                let costs =
                    costs.map(|cost| cost.map_or(f64::INFINITY, |cost| cost.as_nanos() as f64));
                self.least(route, costs.collect(), "nano_usd")
            }
            Strategy::Fastest => self.fastest(route),
            Strategy::Healthiest => self.healthiest(route),
            Strategy::Balanced(weights) => self.balanced(route, weights),
            Strategy::Semantic(semantic) => self.by_meaning(route, semantic),
            Strategy::Rules(rules) => self.by_rules(route, rules),
        }
    }

    fn weighted(&mut self, route: &Route, sticky: &Sticky) -> Vec<usize> {
        let name = |hop: &Hop| match hop {
            Hop::Target(target) => target.as_str().to_owned(),
            Hop::Route(id) => id.as_str().to_owned(),
        };
        let weights: Vec<_> =
            route.targets.iter().map(|entry| (name(&entry.to), entry.weight)).collect();
        for (target, weight) in &weights {
            self.score(target, f64::from(*weight), "weight");
        }
        let seed = self.seed(sticky, &route.id);
        weighted::order(&weights, seed.as_deref(), self.random)
    }

    fn seed(&self, sticky: &Sticky, route: &RouteId) -> Option<String> {
        let seen = &self.question.seen;
        let named = |name: &str| seen.metadata.iter().find(|(key, _)| *key == name);
        let subject = match sticky {
            Sticky::None => return None,
            Sticky::ApiKey => None,
            Sticky::User => self.question.facts.user.as_deref(),
            Sticky::Metadata(name) => named(name).map(|(_, value)| *value),
        };
        Some(format!("{route}\n{}", subject.unwrap_or(seen.api_key)))
    }

    /// Two at random and the faster of them first, so that nodes with the same view do not run to the same target; the
    /// others follow by speed. Now and then one that nobody called for a while comes first.
    fn fastest(&mut self, route: &Route) -> Vec<usize> {
        let stream = self.question.facts.stream;
        let unit = if stream { "ms" } else { "ms_per_token" };
        let known = self.known(route);
        // Nothing known yet: worth trying.
        let times: Vec<f64> =
            known.iter().map(|known| known.figures.expected_ms(stream).unwrap_or(0.0)).collect();
        let mut order = self.least(route, times.clone(), unit);
        let available: Vec<usize> =
            order.iter().copied().filter(|index| self.callable(route, *index)).collect();
        let idle = |index: &&usize| known[**index].figures.idle_for.is_none_or(|idle| idle >= IDLE);
        let resting: Vec<usize> = available.iter().filter(idle).copied().collect();
        if !resting.is_empty() && resting.len() < available.len() && (self.random)() < PROBING {
            let first = resting[self.pick(resting.len())];
            return first_of(order, first);
        }
        if available.len() > 2 {
            let one = self.pick(available.len());
            let other = (one + 1 + self.pick(available.len() - 1)) % available.len();
            // `available` is in the order of speed.
            let first = available[one.min(other)];
            order = first_of(order, first);
        }
        order
    }

    fn healthiest(&mut self, route: &Route) -> Vec<usize> {
        let stream = self.question.facts.stream;
        let known = self.known(route);
        for (index, known) in known.iter().enumerate() {
            self.score(&name_of(route, index), known.figures.success_rate(), "success_rate");
        }
        let mut order: Vec<usize> = (0..known.len()).collect();
        let time = |index: usize| known[index].figures.expected_ms(stream).unwrap_or(0.0);
        // Rates that differ by less than a hundredth are a tie.
        let rate = |index: usize| (known[index].figures.success_rate() * 100.0).round();
        order.sort_by(|a, b| {
            rate(*b).total_cmp(&rate(*a)).then(time(*a).total_cmp(&time(*b))).then(a.cmp(b))
        });
        order
    }

    fn balanced(&mut self, route: &Route, weights: &Weights) -> Vec<usize> {
        let stream = self.question.facts.stream;
        let known = self.known(route);
        let costs =
            known.iter().map(|known| known.cost.map_or(f64::NAN, |cost| cost.as_nanos() as f64));
        let times = known.iter().map(|known| known.figures.expected_ms(stream).unwrap_or(0.0));
        let errors = known.iter().map(|known| known.figures.error_rate());
        let (costs, times) = (normalised(costs.collect()), normalised(times.collect()));
        // Error rates are shares already.
        let sums = costs.iter().zip(&times).zip(errors).map(|((cost, time), errors)| {
            weights.cost * cost + weights.latency * time + weights.errors * errors
        });
        let sums = sums.collect();
        self.least(route, sums, "sum")
    }

    fn by_meaning(&mut self, route: &Route, semantic: &Semantic) -> Vec<usize> {
        let default = semantic.intents.len();
        let question = self.question;
        let similarities = match question.meanings.get(&route.id) {
            Some(Meaning::Similarities(similarities)) => similarities,
            Some(Meaning::Unknown(why)) => {
                self.plan.because.push(format!("{}: default, {why}", route.id));
                return vec![default];
            }
            None => {
                self.plan.because.push(format!("{}: default, the prompt has no text", route.id));
                return vec![default];
            }
        };
        let named = semantic.intents.iter().zip(similarities);
        self.plan.similarities.extend(
            named.map(|(intent, value)| (intent.name.clone(), (value * 1e4).round() / 1e4)),
        );
        let nearest = similarities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        match nearest {
            Some((index, value)) if *value >= semantic.threshold && index < default => {
                let name = &semantic.intents[index].name;
                self.plan.because.push(format!("{}: intent \"{name}\" at {value:.3}", route.id));
                vec![index, default]
            }
            _ => {
                let why = format!("no intent reaches {}", semantic.threshold);
                self.plan.because.push(format!("{}: default, {why}", route.id));
                vec![default]
            }
        }
    }

    fn by_rules(&mut self, route: &Route, rules: &[Rule]) -> Vec<usize> {
        let default = rules.len();
        let has_default = route.targets.len() > default;
        match rules.iter().position(|rule| rule.holds(&self.question.seen)) {
            Some(index) => {
                let rule = &rules[index];
                let because = format!("{}: rule {}, {}", route.id, index + 1, rule.text());
                self.plan.because.push(because);
                if has_default { vec![index, default] } else { vec![index] }
            }
            None if has_default => {
                self.plan.because.push(format!("{}: default, no rule holds", route.id));
                vec![default]
            }
            None => {
                self.rule_out(
                    route.id.to_string(),
                    "no rule holds, and it has no default".to_owned(),
                );
                Vec::new()
            }
        }
    }

    /// Indices in the order of their values, least first; equal ones as written.
    fn least(&mut self, route: &Route, values: Vec<f64>, unit: &str) -> Vec<usize> {
        for (index, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            self.score(&name_of(route, index), *value, unit);
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
        order
    }

    fn score(&mut self, target: &str, value: f64, unit: &str) {
        self.plan.scores.push(Score { target: target.to_owned(), value, unit: unit.to_owned() });
    }

    fn pick(&mut self, of: usize) -> usize {
        (((self.random)() * of as f64) as usize).min(of.saturating_sub(1))
    }

    fn callable(&self, route: &Route, index: usize) -> bool {
        let targets = self.targets_of(&route.targets[index].to, &mut BTreeSet::new());
        targets
            .iter()
            .any(|target| self.view.of(target, BreakerSettings::default()).unavailable.is_none())
    }

    /// What is known of each entry: of a nested route, its cheapest, fastest and best.
    fn known(&self, route: &Route) -> Vec<Known> {
        let output = self.question.facts.max_output;
        let mean = self.view.expected_output(&route.id).unwrap_or(UNKNOWN_OUTPUT);
        let usage = Usage {
            input_uncached: self.question.facts.input_estimate(),
            output: output.map_or(mean, |most| most.min(mean)),
            requests: 1,
            ..Usage::default()
        };
        let of_target = |target: &Target| {
            let model = self.question.upstreams.model(target);
            let cost = model.price.as_ref().map(|price| price.cost(&usage));
            let figures = self.view.of(target, route.breaker).figures;
            Known { cost, figures }
        };
        let best = |hop: &Hop| {
            let targets = self.targets_of(hop, &mut BTreeSet::new());
            let usable =
                |target: &&Target| self.view.of(target, route.breaker).unavailable.is_none();
            let known: Vec<Known> = targets.iter().filter(usable).map(of_target).collect();
            Known {
                cost: known.iter().filter_map(|known| known.cost).min(),
                figures: known
                    .iter()
                    .map(|known| known.figures)
                    .max_by(|a, b| a.success_rate().total_cmp(&b.success_rate()))
                    .unwrap_or_default(),
            }
        };
        let of_entry = |hop: &Hop| match hop {
            Hop::Target(target) => of_target(target),
            Hop::Route(_) => best(hop),
        };
        route.targets.iter().map(|entry| of_entry(&entry.to)).collect()
    }

    /// The targets that an entry can lead to.
    fn targets_of(&self, hop: &Hop, seen: &mut BTreeSet<RouteId>) -> Vec<Target> {
        match hop {
            Hop::Target(target) => vec![target.clone()],
            Hop::Route(id) if seen.insert(id.clone()) => {
                let next = self.question.upstreams.routes.get(id);
                let entries = next.iter().flat_map(|route| &route.targets);
                entries.flat_map(|entry| self.targets_of(&entry.to, seen)).collect()
            }
            Hop::Route(_) => Vec::new(),
        }
    }
}

fn name_of(route: &Route, index: usize) -> String {
    match route.targets.get(index).map(|entry| &entry.to) {
        Some(Hop::Target(target)) => target.to_string(),
        Some(Hop::Route(id)) => id.to_string(),
        None => String::new(),
    }
}

/// The same with one entry first.
fn first_of(order: Vec<usize>, first: usize) -> Vec<usize> {
    std::iter::once(first).chain(order.into_iter().filter(|index| *index != first)).collect()
}

/// Values as parts of the largest; what is not known counts as the largest.
fn normalised(values: Vec<f64>) -> Vec<f64> {
    let largest = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    values
        .into_iter()
        .map(|value| {
            if value.is_finite() && largest > 0.0 {
                value / largest
            } else if value.is_finite() {
                0.0
            } else {
                1.0
            }
        })
        .collect()
}
