use super::*;
use crate::{
    formats::facts::{Api, Facts},
    routing::{self, Question, TargetFacts, View},
};
use std::{cell::RefCell, collections::BTreeMap};
use tollgate_contract::{
    document,
    ids::RouteId,
    route::BreakerSettings,
    rule::Seen,
    secret::Secret,
    world::{ApiKey, World},
};

const CONFIG: &str = r#"
allow_inline_secrets = true
[providers.a]
kind = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
keys = ["sk-a-1", "sk-a-2"]
price = "free"
[providers.b]
kind = "openai_compatible"
base_url = "http://127.0.0.1:2/v1"
max_concurrency = 1
[routes.plain]
targets = [{ use = "a/m" }, { use = "b/m" }]
[routes.retried]
targets = [{ use = "a/m", retries = 2 }, { use = "b/m" }]
[routes.hedged]
targets = [{ use = "a/m" }, { use = "b/m" }, { use = "a/n" }]
hedge = { after = "100ms", budget = 1.0 }
[routes.only_5xx]
targets = [{ use = "a/m" }, { use = "b/m" }]
fallback_on = ["5xx"]
[tenants.t.api_keys.k]
secret = "sk-0123456789abcdef"
"#;

/// What a target does when it is called: after so long it answers or fails.
type Script = (u64, Result<(), fn() -> UpstreamError>);

/// The scripts of one target.
type Scripts = (&'static str, Vec<Script>);

/// Plays scripts instead of calling anybody; each target's last one is repeated.
struct Played {
    scripts: RefCell<BTreeMap<&'static str, Vec<Script>>>,
}

impl Caller for Played {
    async fn call(
        &self,
        step: &Step,
        _: &TargetState,
        _: usize,
        deadline: Instant,
        _: &mut Meter,
    ) -> Result<Answered, UpstreamError> {
        let (ms, end) = {
            let mut scripts = self.scripts.borrow_mut();
            let script = scripts.get_mut(step.target.as_str()).expect("a script");
            if script.len() > 1 { script.remove(0) } else { script[0] }
        };
        let by = (Instant::now() + Duration::from_millis(ms)).min(deadline);
        tokio::time::sleep_until(by).await;
        end.map_err(|error| error())?;
        Ok(Answered {
            first_byte_at: Instant::now(),
            content_type: None,
            body: AnswerBody::Plain(Box::default()),
            dropped: Vec::new(),
            clamped: Vec::new(),
            native: true,
        })
    }

    fn meter(&self, step: &Step) -> Meter {
        Meter { price: step.model.price.clone(), input_estimate: 10, ..Meter::default() }
    }

    fn streams(&self) -> bool {
        false
    }
}

struct Anything;

impl View for Anything {
    fn of(&self, _: &Target, _: BreakerSettings) -> TargetFacts {
        TargetFacts {
            unavailable: None,
            limited_for: Duration::ZERO,
            crowded: false,
            budgeted: false,
            figures: Default::default(),
        }
    }

    fn expected_output(&self, _: &RouteId) -> Option<u64> {
        None
    }
}

/// A node with its memory.
struct Node {
    world: World,
    health: Health,
    targets: Targets,
}

/// How a walk went: who answered or what failed, each attempt as `target error started..ended`, and milliseconds.
#[derive(Debug, PartialEq)]
struct Walked {
    end: String,
    attempts: Vec<String>,
    ms: u64,
}

impl Node {
    fn new() -> Self {
        let document = document::read(CONFIG).unwrap();
        let mut resolve = |reference: &document::SecretRef| match reference {
            document::SecretRef::Inline(secret) => Ok(Secret::new(secret.0.clone())),
            _ => Err("none".to_owned()),
        };
        let world = document::world_from(&document, CONFIG, 1, &mut resolve).unwrap();
        Self { world, health: Health::default(), targets: Targets::default() }
    }

    fn key(&self) -> &Arc<ApiKey> {
        self.world.api_keys.values().next().unwrap()
    }

    fn state(&self, target: &str) -> Arc<TargetState> {
        let upstreams = &self.key().tenant.upstreams;
        self.targets.get(&self.health, upstreams, &Target::parse(target).unwrap()).unwrap()
    }

    async fn walk(
        &self,
        route: &str,
        timeout: Option<u64>,
        scripts: &[(&'static str, Vec<Script>)],
    ) -> Walked {
        let key = self.key();
        let requested = routing::resolve(key, route).unwrap();
        let facts = Facts::default();
        let question = Question {
            api: Api::Chat,
            facts: &facts,
            seen: Seen::default(),
            meanings: &BTreeMap::new(),
            upstreams: &key.tenant.upstreams,
            unpriced_allowed: true,
        };
        let plan = routing::plan(&requested, &question, &Anything, &mut || 0.5);
        let caller = Played { scripts: RefCell::new(scripts.iter().cloned().collect()) };
        let started = Instant::now();
        let (mut attempts, mut meter) = (Vec::new(), Meter::default());
        let mut walk = Walk {
            caller: &caller,
            health: &self.health,
            targets: &self.targets,
            upstreams: &key.tenant.upstreams,
            started,
            timeout: timeout.map(Duration::from_millis),
            attempts: &mut attempts,
            meter: &mut meter,
        };
        let end = match walk.run(&plan).await {
            Ok(served) => format!("{} by attempt {}", served.step.target, served.attempt),
            Err(failures) => failures.story(),
        };
        let attempt = |record: &AttemptRecord| {
            let error = record.error.as_deref().unwrap_or("ok");
            format!("{} {error} {}..{}", record.target, record.started_ms, record.ended_ms)
        };
        let attempts = attempts.iter().map(attempt).collect();
        Walked { end, attempts, ms: millis(started.elapsed()) }
    }
}

const OK: Result<(), fn() -> UpstreamError> = Ok(());

fn down() -> UpstreamError {
    UpstreamError::Connect("refused".into())
}

fn slow() -> UpstreamError {
    UpstreamError::Timeout { what: "first byte", after: Duration::from_secs(1) }
}

fn status(status: u16) -> UpstreamError {
    UpstreamError::from_status(super::super::error::Refused {
        status,
        wire: crate::formats::conversation::Format::OpenaiChat,
        body: bytes::Bytes::from_static(b"{}"),
        error_type: None,
        retry_after: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_failure_goes_on_to_the_next_target_at_once() {
    let scripts = [("a/m", vec![(1_000, Err(slow as _))]), ("b/m", vec![(30, OK)])];
    let walked = Node::new().walk("plain", None, &scripts).await;
    assert_eq!(walked.end, "b/m by attempt 1");
    assert_eq!(walked.attempts, ["a/m timeout 0..1000", "b/m ok 1000..1030"]);
}

#[tokio::test(start_paused = true)]
async fn the_apps_own_limit_of_time_bounds_every_attempt() {
    let scripts =
        [("a/m", vec![(60_000, Err(slow as _))]), ("b/m", vec![(60_000, Err(slow as _))])];
    let walked = Node::new().walk("plain", Some(500), &scripts).await;
    assert_eq!(walked.ms, 500);
    assert_eq!(walked.attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn retries_come_before_the_next_target_and_wait_with_jitter() {
    let failing: Vec<Script> = vec![(0, Err(down as _))];
    let scripts = [("a/m", failing), ("b/m", vec![(0, OK)])];
    let walked = Node::new().walk("retried", None, &scripts).await;
    let of_a = walked.attempts.iter().filter(|line| line.starts_with("a/m connect")).count();
    assert_eq!((of_a, walked.end.as_str()), (3, "b/m by attempt 3"));
    assert!(walked.ms < 300, "at most 100 ms, then 200 ms: {}", walked.ms);
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_fifth_of_the_traffic_in_an_outage() {
    let node = Node::new();
    let mut attempts = 0;
    for _ in 0..100 {
        // The circuit stays closed: a rate limit is no fault, and what is limited is free again at once.
        let scripts = [("a/m", vec![(0, Err(down as _))]), ("b/m", vec![(0, OK)])];
        let walked = node.walk("retried", None, &scripts).await;
        attempts += walked.attempts.iter().filter(|line| line.starts_with("a/m")).count();
    }
    // With both keys' circuits open after five failures each the target is left alone altogether.
    assert!(attempts <= 100 + 20 + 3, "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_gets_a_second_beside_it_and_the_faster_one_wins() {
    let scripts = [("a/m", vec![(10_000, OK)]), ("b/m", vec![(50, OK)])];
    let walked = Node::new().walk("hedged", None, &scripts).await;
    assert_eq!(walked.end, "b/m by attempt 1");
    assert_eq!(walked.attempts, ["a/m overtaken 0..150", "b/m ok 100..150"]);

    let scripts = [("a/m", vec![(120, OK)]), ("b/m", vec![(50, OK)])];
    let walked = Node::new().walk("hedged", None, &scripts).await;
    assert_eq!(walked.end, "a/m by attempt 0");
    assert_eq!(walked.attempts, ["a/m ok 0..120", "b/m overtaken 100..120"]);

    let scripts = [("a/m", vec![(90, OK)])];
    let walked = Node::new().walk("hedged", None, &scripts).await;
    assert_eq!(walked.attempts, ["a/m ok 0..90"], "quick enough: nobody beside it");
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_one_of_two_leaves_the_other_and_of_both_goes_on() {
    let cases: [(Vec<Scripts>, &str, &[&str]); 3] = [
        (
            vec![("a/m", vec![(150, Err(down as _))]), ("b/m", vec![(100, OK)])],
            "b/m by attempt 1",
            &["a/m connect 0..150", "b/m ok 100..200"],
        ),
        (
            vec![("a/m", vec![(300, OK)]), ("b/m", vec![(100, Err(down as _))])],
            "a/m by attempt 0",
            &["a/m ok 0..300", "b/m connect 100..200"],
        ),
        (
            vec![
                ("a/m", vec![(150, Err(down as _))]),
                ("b/m", vec![(100, Err(down as _))]),
                ("a/n", vec![(10, OK)]),
            ],
            "a/n by attempt 2",
            &["a/m connect 0..150", "b/m connect 100..200", "a/n ok 200..210"],
        ),
    ];
    for (scripts, end, attempts) in cases {
        let walked = Node::new().walk("hedged", None, &scripts).await;
        assert_eq!(
            (walked.end.as_str(), walked.attempts.as_slice()),
            (end, attempts.map_strings().as_slice())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_makes_room_for_the_providers_other_key_first() {
    let node = Node::new();
    let refused: fn() -> UpstreamError = || status(401);
    let scripts = [("a/m", vec![(0, Err(refused)), (0, OK)])];
    let walked = node.walk("plain", None, &scripts).await;
    assert_eq!(walked.end, "a/m by attempt 1");
    let out = (0..2).filter(|slot| !node.state("a/m").usable(&node.health, *slot)).count();
    assert_eq!(out, 1, "the bad key is out at once, the other is not");
}

#[tokio::test(start_paused = true)]
async fn what_fallback_on_does_not_name_comes_back_and_so_does_the_callers_own_mistake() {
    let other =
        |error: fn() -> UpstreamError| [("a/m", vec![(0, Err(error))]), ("b/m", vec![(0, OK)])];
    let own: fn() -> UpstreamError = || status(422);
    let server: fn() -> UpstreamError = || status(500);
    let cases = [
        ("only_5xx", down as fn() -> UpstreamError, 1),
        ("only_5xx", server, 2),
        ("plain", own, 1),
    ];
    for (route, error, attempts) in cases {
        let walked = Node::new().walk(route, None, &other(error)).await;
        assert_eq!(walked.attempts.len(), attempts, "{route}: {}", walked.end);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_provider_is_passed_over_or_waited_for_if_it_is_the_last() {
    let node = Node::new();
    let taken = node.state("b/m").enter(Duration::ZERO).await.unwrap();
    let scripts = [("a/m", vec![(0, Err(down as _))]), ("b/m", vec![(0, OK)])];
    let walked = node.walk("plain", None, &scripts).await;
    assert!(
        walked.end.ends_with("b/m: the provider's max_concurrency is reached"),
        "{}",
        walked.end
    );
    assert_eq!(walked.ms, 1_000);
    drop(taken);
    assert_eq!(node.walk("plain", None, &scripts).await.end, "b/m by attempt 1");
}

trait Strings {
    fn map_strings(&self) -> Vec<String>;
}

impl Strings for [&str] {
    fn map_strings(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}
