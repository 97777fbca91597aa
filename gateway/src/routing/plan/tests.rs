use super::*;
use crate::routing::resolve;
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
            crowded: false,
            budgeted: self.1,
            figures: Figures::default(),
        }
    }

    fn expected_output(&self, _: &RouteId) -> Option<u64> {
        None
    }
}

fn planned(model: &str, facts: Facts, view: Fixed) -> (Vec<String>, Vec<String>, Plan) {
    planned_with(CONFIG, model, &facts, &view, &BTreeMap::new(), &mut || 0.5)
}

fn planned_with(
    config: &str,
    model: &str,
    facts: &Facts,
    view: &dyn View,
    meanings: &BTreeMap<RouteId, Meaning>,
    random: &mut dyn FnMut() -> f64,
) -> (Vec<String>, Vec<String>, Plan) {
    let document = document::read(config).unwrap();
    let mut resolve_secret = |reference: &document::SecretRef| match reference {
        document::SecretRef::Inline(secret) => {
            Ok(tollgate_contract::secret::Secret::new(secret.0.clone()))
        }
        _ => Err("none".to_owned()),
    };
    let world = document::world_from(&document, config, 1, &mut resolve_secret).unwrap();
    let key = world.api_keys.values().next().unwrap();
    let requested = resolve(key, model).unwrap();
    let question = Question {
        api: Api::Chat,
        facts,
        seen: Seen {
            model,
            api: "chat",
            input_tokens: facts.input_estimate(),
            tools: facts.tools,
            stream: facts.stream,
            metadata: vec![("tier", "free")],
            api_key: "k",
            ..Seen::default()
        },
        meanings,
        upstreams: &key.tenant.upstreams,
        unpriced_allowed: false,
    };
    let plan = plan(&requested, &question, view, random);
    let steps = plan.steps.iter().map(|step| step.target.to_string()).collect();
    (steps, plan.out.iter().map(|out| format!("{}: {}", out.target, out.reason)).collect(), plan)
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

const STRATEGIES: &str = r#"
allow_inline_secrets = true
[providers.p]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
[models."p/dear"]
price = { input = "10", output = "10" }
[models."p/long"]
price = { input = "9", output = "1" }
[models."p/short"]
price = { input = "1", output = "9" }
[routes.cheapest]
strategy = "cheapest"
targets = [{ use = "p/dear" }, { use = "p/short" }, { use = "p/unpriced" }, { use = "p/long" }]
[routes.fastest]
strategy = "fastest"
targets = [{ use = "p/dear" }, { use = "p/long" }, { use = "p/short" }]
[routes.healthiest]
strategy = "healthiest"
targets = [{ use = "p/dear" }, { use = "p/long" }, { use = "p/short" }]
[routes.balanced]
strategy = "balanced"
targets = [{ use = "p/dear" }, { use = "p/long" }, { use = "p/short" }]
[routes.only_errors]
strategy = "balanced"
weights = { cost = 0, latency = 0, errors = 1 }
targets = [{ use = "p/dear" }, { use = "p/long" }, { use = "p/short" }]
[routes.weighted]
strategy = "weighted"
targets = [{ use = "p/dear", weight = 95 }, { use = "p/long", weight = 5 }]
[routes.rules]
strategy = "rules"
rules = [
  { when = "request.input_tokens > 1000", use = "p/long" },
  { when = "metadata.tier == 'gold'", use = "p/dear" },
  { when = "request.tools", use = "cheapest" },
]
default = "p/short"
[routes.no_default]
strategy = "rules"
rules = [{ when = "request.stream", use = "p/long" }]
[routes.nested]
targets = [{ use = "rules" }, { use = "p/dear" }]
[routes.meaning]
strategy = "semantic"
default = "p/dear"
[[routes.meaning.intents]]
name = "legal"
examples = ["review this contract"]
use = "p/long"
[[routes.meaning.intents]]
name = "code"
examples = ["write a function"]
use = "p/short"
[tenants.t.api_keys.k]
secret = "sk-0123456789abcdef"
"#;

/// `dear` is quick and fails, `long` is slow and never fails, `short` lies between.
struct Known {
    mean_output: u64,
}

impl View for Known {
    fn of(&self, target: &Target, _: BreakerSettings) -> TargetFacts {
        let (first_byte_ms, good, bad) = match target.upstream_model() {
            "dear" => (100.0, 50, 50),
            "long" => (900.0, 100, 0),
            _ => (300.0, 95, 5),
        };
        let figures = Figures {
            first_byte_ms: Some(first_byte_ms),
            ms_per_token: Some(first_byte_ms / 10.0),
            good,
            bad,
            in_flight: 0,
            idle_for: Some(Duration::ZERO),
        };
        TargetFacts {
            unavailable: None,
            limited_for: Duration::ZERO,
            crowded: false,
            budgeted: false,
            figures,
        }
    }

    fn expected_output(&self, _: &RouteId) -> Option<u64> {
        Some(self.mean_output)
    }
}

fn strategy(model: &str, facts: &Facts, mean_output: u64, random: f64) -> (Vec<String>, Plan) {
    let (steps, _, plan) = planned_with(
        STRATEGIES,
        model,
        facts,
        &Known { mean_output },
        &BTreeMap::new(),
        &mut || random,
    );
    (steps.into_iter().map(|step| step.trim_start_matches("p/").to_owned()).collect(), plan)
}

#[test]
fn every_strategy_orders_by_its_own_measure() {
    let small = Facts { content_bytes: 400, choices: 1, ..Facts::default() };
    let large = Facts { content_bytes: 40_000, choices: 1, ..Facts::default() };
    let tools = Facts { tools: true, ..small.clone() };
    let cases: [(&str, &Facts, u64, &[&str], &str); 13] = [
        // Long answers: output prices decide; long prompts: input prices do. What has no price comes last.
        ("cheapest", &small, 5_000, &["long", "short", "dear", "unpriced"], "nano_usd"),
        ("cheapest", &large, 10, &["short", "long", "dear", "unpriced"], "nano_usd"),
        ("healthiest", &small, 1, &["long", "short", "dear"], "success_rate"),
        ("balanced", &small, 1_000, &["long", "short", "dear"], "sum"),
        ("balanced", &small, 100, &["short", "long", "dear"], "sum"),
        ("only_errors", &small, 1_000, &["long", "short", "dear"], "sum"),
        ("weighted", &small, 1, &["dear", "long"], "weight"),
        ("rules", &large, 1, &["long", "short"], ""),
        ("rules", &small, 1, &["short"], ""),
        ("rules", &tools, 5_000, &["long", "short", "dear", "unpriced"], "nano_usd"),
        ("nested", &large, 1, &["long", "short", "dear"], ""),
        ("no_default", &small, 1, &[], ""),
        ("meaning", &small, 1, &["dear"], ""),
    ];
    for (route, facts, mean_output, expected, unit) in cases {
        let (steps, plan) = strategy(route, facts, mean_output, 0.5);
        assert_eq!(steps, expected, "{route}");
        assert_eq!(plan.scores.first().map_or("", |score| score.unit.as_str()), unit, "{route}");
    }
}

#[test]
fn rules_say_which_of_them_decided() {
    let large = Facts { content_bytes: 40_000, ..Facts::default() };
    let (_, plan) = strategy("nested", &large, 1, 0.5);
    assert_eq!(plan.because, ["rules: rule 1, request.input_tokens > 1000"]);
    assert_eq!(plan.routes, [RouteId::new("nested"), RouteId::new("rules")]);
    let (_, plan) = strategy("no_default", &Facts::default(), 1, 0.5);
    assert_eq!(plan.out[0].reason, "no rule holds, and it has no default");
}

#[test]
fn the_fastest_of_two_at_random_comes_first_and_the_rest_by_speed() {
    let stream = Facts { stream: true, ..Facts::default() };
    // Of three: 0.0 draws the first two by speed, 0.9 the last and the one before it.
    let cases = [(0.1, ["dear", "short", "long"]), (0.9, ["short", "dear", "long"])];
    for (random, expected) in cases {
        let (steps, _) = strategy("fastest", &stream, 1, random);
        assert_eq!(steps, expected, "{random}");
    }
}

#[test]
fn a_target_without_room_in_its_rate_limit_goes_last() {
    struct Crowded(&'static [&'static str]);
    impl View for Crowded {
        fn of(&self, target: &Target, breaker: BreakerSettings) -> TargetFacts {
            let crowded = self.0.contains(&target.as_str());
            TargetFacts { crowded, ..Fixed(None, false).of(target, breaker) }
        }
        fn expected_output(&self, _: &RouteId) -> Option<u64> {
            None
        }
    }
    let cases: [(&str, &'static [&'static str], &[&str], usize); 4] = [
        ("fall", &[], &["a/big", "b/small"], 0),
        ("fall", &["a/big"], &["b/small", "a/big"], 1),
        ("fall", &["a/big", "b/small"], &["a/big", "b/small"], 0),
        ("a/big", &["a/big"], &["a/big"], 0),
    ];
    for (model, crowded, order, told) in cases {
        let view = Crowded(crowded);
        let facts = Facts::default();
        let (steps, out, plan) =
            planned_with(CONFIG, model, &facts, &view, &BTreeMap::new(), &mut || 0.5);
        assert_eq!(
            (steps, out.len(), plan.because.len()),
            (order.iter().map(|s| (*s).to_owned()).collect(), 0, told),
            "{model} {crowded:?}"
        );
    }
}

#[test]
fn a_target_that_nobody_called_for_a_while_is_probed_by_few() {
    struct Idle;
    impl View for Idle {
        fn of(&self, target: &Target, breaker: BreakerSettings) -> TargetFacts {
            let mut facts = Known { mean_output: 1 }.of(target, breaker);
            if target.upstream_model() == "long" {
                facts.figures.idle_for = Some(Duration::from_secs(60));
            }
            facts
        }
        fn expected_output(&self, _: &RouteId) -> Option<u64> {
            None
        }
    }
    let first = |random: f64| {
        let none = BTreeMap::new();
        let facts = Facts { stream: true, ..Facts::default() };
        planned_with(STRATEGIES, "fastest", &facts, &Idle, &none, &mut || random).0[0].clone()
    };
    assert_eq!(first(0.01), "p/long");
    assert_eq!(first(0.1), "p/dear");
}

#[test]
fn the_nearest_intent_above_the_threshold_comes_first_then_the_default() {
    let route = RouteId::new("meaning");
    let cases = [
        (
            Meaning::Similarities(vec![0.2, 0.8]),
            vec!["p/short", "p/dear"],
            "intent \"code\" at 0.800",
        ),
        (Meaning::Similarities(vec![0.44, 0.1]), vec!["p/dear"], "default, no intent reaches 0.45"),
        (Meaning::Unknown("too slow".into()), vec!["p/dear"], "default, too slow"),
    ];
    for (meaning, expected, because) in cases {
        let meanings = BTreeMap::from([(route.clone(), meaning)]);
        let view = Known { mean_output: 1 };
        let (steps, _, plan) =
            planned_with(STRATEGIES, "meaning", &Facts::default(), &view, &meanings, &mut || 0.5);
        assert_eq!(steps, expected);
        assert_eq!(plan.because, [format!("meaning: {because}")]);
    }
}

#[test]
fn what_the_decision_log_says_is_what_the_plan_did() {
    let facts = Facts { tools: true, content_bytes: 400, max_output: Some(7), ..Facts::default() };
    let (steps, plan) = strategy("rules", &facts, 5_000, 0.5);
    let decision = plan.decision(&facts);
    assert_eq!(decision.plan, steps.iter().map(|step| format!("p/{step}")).collect::<Vec<_>>());
    let log = decision.facts.unwrap();
    assert_eq!((log.max_output, log.needs), (Some(7), vec!["tools".to_owned()]));
}
