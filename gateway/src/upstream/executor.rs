//! Walks a plan: calls targets one after the other until one answers, and writes down each attempt.

use super::{
    attempt::{Answered, Call},
    circuit_breaker::Outcome,
    client::{Clients, Settings},
    error::{Meaning, UpstreamError},
    fetch,
    health::{Health, Place, TargetState},
    targets::Targets,
};
use crate::{
    dispatch::{self, Sender},
    flight::{CANCELLED, Flight},
    formats::{conversation::Conversation, facts::Request, mistake::Mistake},
    guards::Inspected,
    meter::Meter,
    responses::Continued,
    routing::{Plan, Step},
};
use std::{cell::OnceCell, sync::Arc, time::Duration};
use tokio::time::Instant;
use tollgate_contract::{
    event::AttemptRecord, money::NanoUsd, provider::ProviderKind, world::Upstreams,
};

/// What a walk needs.
pub struct Walk<'w> {
    /// The worker's clients.
    pub clients: &'w Clients,
    /// The memory of the process.
    pub health: &'w Health,
    /// The targets of the world.
    pub targets: &'w Targets,
    /// What there is.
    pub upstreams: &'w Arc<Upstreams>,
    /// The request; it passed the guards.
    pub request: &'w Inspected,
    /// The same in the internal form, made when it is first needed.
    pub conversation: &'w OnceCell<Arc<Conversation>>,
    /// What the request goes on from.
    pub continued: Continued,
    /// The same with the files that it links to.
    pub inlined: OnceCell<Arc<Conversation>>,
    /// When the request came in.
    pub started: Instant,
    /// The app's own limit of time.
    pub timeout: Option<Duration>,
    /// The most answer tokens, where the gateway sets it.
    pub max_output: Option<u64>,
    /// The most answer tokens of all choices, if known.
    pub output_upper: Option<u64>,
    /// Told of each attempt as it begins, so that all is there even if the app leaves in between.
    pub flight: &'w mut Flight,
}

/// An answer, and who gave it.
pub struct Served {
    /// The answer.
    pub answered: Answered,
    /// The step that it came from.
    pub step: Step,
    /// The target's state, for what becomes of a stream.
    pub state: Arc<TargetState>,
    /// Which provider key.
    pub slot: usize,
    /// Its place among the calls under way.
    pub place: Place,
}

/// Why no target answered: the failures in order, with the target of each.
#[derive(Debug, Default)]
pub struct Failures(pub Vec<(String, UpstreamError)>);

/// What to do after a failure.
enum Next {
    /// The same target, with another provider key or again.
    Again,
    /// The next target.
    Onward,
    /// Nothing: the failure is the caller's, or the route wants it told.
    Stop,
}

impl Walk<'_> {
    /// Walks the plan.
    pub async fn run(&mut self, plan: &Plan) -> Result<Served, Failures> {
        let mut failures = Failures::default();
        for step in &plan.steps {
            let Some(state) = self.targets.get(self.health, self.upstreams, &step.target) else {
                continue;
            };
            state.earn_retry();
            let mut retries_left = step.retries;
            let mut refused = Vec::new();
            loop {
                let picked =
                    state.pick(self.health, std::time::Instant::now(), &refused, rand::random());
                let Some(slot) = picked else {
                    if refused.is_empty() {
                        failures.0.push((step.target.to_string(), UpstreamError::NoKey));
                    }
                    break;
                };
                let Some(place) = state.place() else {
                    failures.0.push((step.target.to_string(), UpstreamError::Busy));
                    break;
                };
                match self.attempt(step, &state, slot).await {
                    Ok(answered) => {
                        return Ok(Served { answered, step: step.clone(), state, slot, place });
                    }
                    Err(error) => {
                        drop(place);
                        let next = self
                            .next(step, &state, slot, &error, &mut refused, &mut retries_left)
                            .await;
                        failures.0.push((step.target.to_string(), error));
                        match next {
                            Next::Again => {}
                            Next::Onward => break,
                            Next::Stop => return Err(failures),
                        }
                    }
                }
            }
        }
        Err(failures)
    }

    async fn attempt(
        &mut self,
        step: &Step,
        state: &TargetState,
        slot: usize,
    ) -> Result<Answered, UpstreamError> {
        let client = self.clients.get(Settings {
            connect: step.timeouts.connect,
            allow_private: state.provider.allow_private_network,
            tls: state.uses_tls(),
        });
        let total = self.timeout.map_or(step.timeouts.total, |own| own.min(step.timeouts.total));
        let inspected = self.request;
        let request = inspected.request();
        let id = self.flight.event.id.clone();
        let linked = request.facts.unseen_parts && fetches_nothing(state.provider.kind);
        if linked && self.inlined.get().is_none() {
            let inlined = self.inline(request).await.map_err(UpstreamError::Unsupported)?;
            let _ = self.inlined.set(Arc::new(inlined));
        }
        let sender = Sender {
            request,
            conversation: if linked { &self.inlined } else { self.conversation },
            id: &id,
            created: self.flight.at.as_second(),
            max_output: self.max_output,
            continued: self.continued,
            drop_unsupported: step.drop_unsupported,
        };
        let dispatch = sender.prepare(step, &state.provider).map_err(UpstreamError::Unsupported)?;
        let call = Call {
            client: &client,
            state,
            slot,
            dispatch,
            stream: request.facts.stream,
            include_usage: request.facts.include_usage,
            request_id: &id,
            first_byte: step.first_byte,
            idle: step.timeouts.idle,
            deadline: self.started + total,
        };
        let since = |at: Instant, started: Instant| {
            u64::try_from((at - started).as_millis()).unwrap_or(u64::MAX)
        };
        self.flight.meter = Meter {
            price: step.model.price.clone(),
            input_upper: request.facts.input_upper_bound(step.model.context_window),
            output_upper: self.output_upper,
            input_estimate: request.facts.input_estimate(),
            ..Meter::default()
        };
        self.flight.event.attempts.push(AttemptRecord {
            target: step.target.to_string(),
            provider_key: state.slots[slot].key.clone(),
            started_ms: since(Instant::now(), self.started),
            // Stands if the app leaves before the call ends.
            error: Some(CANCELLED.to_owned()),
            ..AttemptRecord::default()
        });
        let result = call.run(&mut self.flight.meter).await;
        let now = Instant::now();
        self.flight.meter.began = result.is_ok();
        let Some(record) = self.flight.event.attempts.last_mut() else { return result };
        record.ended_ms = since(now, self.started);
        match &result {
            Ok(answered) => {
                record.first_byte_ms = Some(since(answered.first_byte_at, self.started));
                record.status = Some(200);
                record.error = None;
            }
            Err(error) => {
                record.status = error.status();
                record.error = Some(error.code().to_owned());
                if matches!(error, UpstreamError::Timeout { .. }) {
                    record.unconfirmed_nano_usd = prompt_cost(step, request.facts.input_estimate());
                }
            }
        }
        result
    }

    async fn inline(&self, request: &Request) -> Result<Conversation, Mistake> {
        let conversation = match self.conversation.get() {
            Some(known) => known.clone(),
            None => Arc::new(dispatch::read(request)?),
        };
        fetch::inlined(self.clients, &conversation).await
    }

    /// Tells the target's health of a failure and decides what follows it.
    async fn next(
        &self,
        step: &Step,
        state: &TargetState,
        slot: usize,
        error: &UpstreamError,
        refused: &mut Vec<usize>,
        retries_left: &mut u32,
    ) -> Next {
        let outcome = if error.is_fault() {
            Some(Outcome::Bad)
        } else {
            error.status().map(|_| Outcome::Good)
        };
        let limited = matches!(
            error,
            UpstreamError::Status { meaning: Meaning::RateLimited | Meaning::OutOfCredit, .. }
        );
        // A rate limit is no fault, and no good probe either.
        if let Some(outcome) = outcome.filter(|_| !limited) {
            state.record(self.health, slot, outcome, std::time::Instant::now(), step.breaker);
        }
        let mut wait = backoff(step.retries - *retries_left);
        if let UpstreamError::Status { meaning, retry_after, .. } = error {
            match meaning {
                Meaning::BadKey => state.key_refused(slot),
                Meaning::RateLimited | Meaning::OutOfCredit => {
                    // An account without money does not get some in a second.
                    let least = if *meaning == Meaning::OutOfCredit { 60 } else { 1 };
                    let pause = retry_after
                        .unwrap_or(Duration::from_secs(least))
                        .min(Duration::from_secs(60));
                    state.key_limited(self.health, slot, pause);
                    wait = pause;
                }
                _ => {}
            }
            if matches!(meaning, Meaning::BadKey | Meaning::RateLimited | Meaning::OutOfCredit) {
                refused.push(slot);
                if state.pick_possible(self.health, refused) {
                    return Next::Again;
                }
            }
        }
        if matches!(error, UpstreamError::NoOperation)
            || (matches!(error, UpstreamError::Unsupported(_)) && step.require_parameters)
        {
            return Next::Onward;
        }
        let Some(class) = error.class() else { return Next::Stop };
        if !step.fallback_on.contains(class)
            && !matches!(error, UpstreamError::Busy | UpstreamError::NoKey)
        {
            return Next::Stop;
        }
        let in_time = Instant::now() + wait < self.started + step.timeouts.total;
        if *retries_left > 0 && error.retries() && in_time && state.spend_retry() {
            *retries_left -= 1;
            refused.clear();
            tokio::time::sleep(wait).await;
            return Next::Again;
        }
        Next::Onward
    }
}

/// Providers that take files in the prompt only, never by a link.
const fn fetches_nothing(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::Bedrock | ProviderKind::Gemini | ProviderKind::Ollama)
}

/// Full jitter: a random part of 100 ms × 2ⁿ, at most 5 s.
fn backoff(tries: u32) -> Duration {
    let ceiling =
        Duration::from_millis(100).saturating_mul(1 << tries.min(6)).min(Duration::from_secs(5));
    ceiling.mul_f64(rand::random())
}

/// What an abandoned call may have cost.
fn prompt_cost(step: &Step, input: u64) -> Option<NanoUsd> {
    let usage = tollgate_contract::usage::Usage {
        input_uncached: input,
        requests: 1,
        ..Default::default()
    };
    step.model.price.as_ref().map(|price| price.cost(&usage))
}

impl TargetState {
    fn pick_possible(&self, health: &Health, refused: &[usize]) -> bool {
        (0..self.slots.len()).any(|index| !refused.contains(&index) && self.usable(health, index))
    }
}

impl Failures {
    /// The failure that decides what the app is told: the last one.
    pub fn last(&self) -> Option<&UpstreamError> {
        self.0.last().map(|(_, error)| error)
    }

    /// Every failure in words.
    pub fn story(&self) -> String {
        let each: Vec<_> =
            self.0.iter().map(|(target, error)| format!("{target}: {error}")).collect();
        each.join("; ")
    }

    /// Whether nothing failed but credentials.
    pub fn only_credentials(&self) -> bool {
        self.0.iter().all(|(_, error)| {
            matches!(
                error,
                UpstreamError::NoKey | UpstreamError::Status { meaning: Meaning::BadKey, .. }
            )
        })
    }
}
