//! Walks a plan: calls targets one after the other until one answers, starts a second beside a slow first where the route
//! wants it, and writes down each attempt.

use super::{
    attempt::{AnswerBody, Answered},
    bulkhead::Place,
    circuit_breaker::Outcome,
    error::{Meaning, UpstreamError},
    health::{Health, TargetState},
    targets::Targets,
    track::Timing,
};
use crate::{
    flight::{CANCELLED, OVERTAKEN},
    meter::Meter,
    routing::{Plan, Step},
};
use std::{collections::HashSet, future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tollgate_contract::{
    event::AttemptRecord, money::NanoUsd, route::Target, usage::Usage, world::Upstreams,
};

/// The longest wait for a place among a provider's calls, where no other target is left.
const QUEUE_PATIENCE: Duration = Duration::from_secs(1);
/// The same where another target could be called instead.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

/// Who makes the calls of a request.
pub trait Caller {
    /// Calls a target with one of its provider keys. Everything must be over by the deadline (a stream: its first
    /// byte). Dropping the future cancels the call.
    fn call(
        &self,
        step: &Step,
        state: &TargetState,
        slot: usize,
        deadline: Instant,
        meter: &mut Meter,
    ) -> impl Future<Output = Result<Answered, UpstreamError>>;

    /// A meter for a call of this target.
    fn meter(&self, step: &Step) -> Meter;

    /// Whether the answer shall stream.
    fn streams(&self) -> bool;
}

/// What a walk needs.
pub struct Walk<'w, C> {
    /// Makes the calls.
    pub caller: &'w C,
    /// The memory of the process.
    pub health: &'w Health,
    /// The targets of the world.
    pub targets: &'w Targets,
    /// What there is.
    pub upstreams: &'w Arc<Upstreams>,
    /// When the request came in.
    pub started: Instant,
    /// The app's own limit of time.
    pub timeout: Option<Duration>,
    /// Told of each attempt as it begins, so that all is there even if the app leaves in between.
    pub attempts: &'w mut Vec<AttemptRecord>,
    /// What the call under way uses.
    pub meter: &'w mut Meter,
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
    /// Which of the attempts it was.
    pub attempt: usize,
    /// How long it took: a stream to its first byte, a plain answer to its end.
    pub took: Duration,
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

/// A call that is about to begin.
struct Ready<'p> {
    step: &'p Step,
    state: Arc<TargetState>,
    slot: usize,
    place: Place,
    attempt: usize,
    began: Instant,
}

/// What the attempts of one step have come to so far.
struct Tries {
    retries_left: u32,
    refused: Vec<usize>,
}

/// How a call ended, and when.
struct Ended {
    result: Result<Answered, UpstreamError>,
    meter: Meter,
    at: Instant,
}

impl<C: Caller> Walk<'_, C> {
    /// Walks the plan.
    pub async fn run(&mut self, plan: &Plan) -> Result<Served, Failures> {
        let mut failures = Failures::default();
        let mut hedged = HashSet::new();
        for (index, step) in plan.steps.iter().enumerate() {
            if hedged.contains(&step.target) {
                continue;
            }
            let Some(state) = self.targets.get(self.health, self.upstreams, &step.target) else {
                continue;
            };
            let rest = plan.steps.get(index + 1..).unwrap_or_default();
            state.earn_retry();
            let mut tries = Tries { retries_left: step.retries, refused: Vec::new() };
            loop {
                let picked = state.pick(
                    self.health,
                    std::time::Instant::now(),
                    &tries.refused,
                    rand::random(),
                );
                let Some(slot) = picked else {
                    if tries.refused.is_empty() {
                        failures.note(step, UpstreamError::NoKey);
                    }
                    break;
                };
                let patience = if rest.is_empty() { QUEUE_PATIENCE } else { SHORT_PATIENCE };
                let Some(place) = state.enter(patience).await else {
                    failures.note(step, UpstreamError::Busy);
                    break;
                };
                let first = self.begin(step, state.clone(), slot, place, false);
                let ended = self.race(first, rest, &mut hedged, &mut failures).await;
                let (error, slot) = match ended {
                    Ok(served) => return Ok(*served),
                    Err(failed) => failed,
                };
                let next = self.next(step, &state, slot, &error, &mut tries).await;
                failures.note(step, error);
                match next {
                    Next::Again => {}
                    Next::Onward => break,
                    Next::Stop => return Err(failures),
                }
            }
        }
        Err(failures)
    }

    /// Writes down that a call begins.
    fn begin<'p>(
        &mut self,
        step: &'p Step,
        state: Arc<TargetState>,
        slot: usize,
        place: Place,
        hedge: bool,
    ) -> Ready<'p> {
        let began = Instant::now();
        self.attempts.push(AttemptRecord {
            target: step.target.to_string(),
            provider_key: state.slots[slot].key.clone(),
            started_ms: millis(began - self.started),
            hedge,
            // Stands if the app leaves before the call ends.
            error: Some(CANCELLED.to_owned()),
            ..AttemptRecord::default()
        });
        Ready { step, state, slot, place, attempt: self.attempts.len() - 1, began }
    }

    fn deadline(&self, step: &Step) -> Instant {
        let total = self.timeout.map_or(step.timeouts.total, |own| own.min(step.timeouts.total));
        self.started + total
    }

    /// Makes a call, with a second one beside it if it is slow and the route wants that. The first answer wins; the
    /// error is that of the first call, with the slot that it used.
    async fn race(
        &mut self,
        first: Ready<'_>,
        rest: &[Step],
        hedged: &mut HashSet<Target>,
        failures: &mut Failures,
    ) -> Result<Box<Served>, (UpstreamError, usize)> {
        let caller = self.caller;
        let deadline = self.deadline(first.step);
        *self.meter = caller.meter(first.step);
        let mut call = pin!(made(caller, first.step, first.state.clone(), first.slot, deadline));
        let delay =
            first.step.hedge.and_then(|hedge| first.state.hedge_delay(hedge, caller.streams()));
        let early = match delay {
            None => Some(call.as_mut().await),
            Some(delay) => tokio::select! {
                biased;
                ended = &mut call => Some(ended),
                () = sleep(delay) => None,
            },
        };
        let second = match &early {
            None => self.second(&first, rest).await,
            Some(_) => None,
        };
        let Some(second) = second else {
            let ended = match early {
                Some(ended) => ended,
                None => call.as_mut().await,
            };
            return self.ended(first, ended);
        };
        hedged.insert(second.step.target.clone());
        let beside_by = self.deadline(second.step);
        let mut beside =
            pin!(made(caller, second.step, second.state.clone(), second.slot, beside_by));
        let (first_won, ended) = tokio::select! {
            biased;
            ended = &mut call => (true, ended),
            ended = &mut beside => (false, ended),
        };
        let failed = ended.result.is_err();
        let other = match (failed, first_won) {
            (false, _) => None,
            (true, true) => Some(beside.as_mut().await),
            (true, false) => Some(call.as_mut().await),
        };
        match (first_won, other) {
            // The second was not needed, or only it answered.
            (true, None) => {
                self.overtaken(&second);
                self.ended(first, ended)
            }
            (false, None) => {
                self.overtaken(&first);
                self.ended(second, ended)
            }
            (true, Some(other)) => self.both(first, ended, second, other, failures),
            (false, Some(other)) => self.both(first, other, second, ended, failures),
        }
    }

    /// Both calls ended; at least the one that ended first failed.
    fn both(
        &mut self,
        first: Ready<'_>,
        of_first: Ended,
        second: Ready<'_>,
        of_second: Ended,
        failures: &mut Failures,
    ) -> Result<Box<Served>, (UpstreamError, usize)> {
        let (step, state, slot) = (second.step, second.state.clone(), second.slot);
        if of_second.result.is_ok() {
            let (step, state, slot) = (first.step, first.state.clone(), first.slot);
            if let Err((error, _)) = self.ended(first, of_first) {
                self.tell_health(step, &state, slot, &error);
                failures.note(step, error);
            }
            return self.ended(second, of_second);
        }
        if let Err((error, _)) = self.ended(second, of_second) {
            self.tell_health(step, &state, slot, &error);
            failures.note(step, error);
        }
        self.ended(first, of_first)
    }

    /// The next target of the plan that can be called at once, if the budgets for it are not used up.
    async fn second<'p>(&mut self, first: &Ready<'_>, rest: &'p [Step]) -> Option<Ready<'p>> {
        for step in rest {
            let state = self.targets.get(self.health, self.upstreams, &step.target)?;
            if state.unavailable(self.health, std::time::Instant::now()).is_some() {
                continue;
            }
            let Some(place) = state.enter(Duration::ZERO).await else { continue };
            if !first.state.spend_hedge() {
                return None;
            }
            let now = std::time::Instant::now();
            let slot = state.pick(self.health, now, &[], rand::random())?;
            return Some(self.begin(step, state, slot, place, true));
        }
        None
    }

    /// Writes down how a call ended.
    fn ended(
        &mut self,
        ready: Ready<'_>,
        Ended { result, meter, at }: Ended,
    ) -> Result<Box<Served>, (UpstreamError, usize)> {
        *self.meter = meter;
        self.meter.began = result.is_ok();
        let started = self.started;
        let prompt = self.meter.input_estimate;
        let Ready { step, state, slot, place, attempt, began } = ready;
        if let Some(record) = self.attempts.get_mut(attempt) {
            record.ended_ms = millis(at - started);
            match &result {
                Ok(answered) => {
                    record.first_byte_ms = Some(millis(answered.first_byte_at - started));
                    record.status = Some(200);
                    record.error = None;
                }
                Err(error) => {
                    record.status = error.status();
                    record.error = Some(error.code().to_owned());
                    if matches!(error, UpstreamError::Timeout { .. }) {
                        record.unconfirmed_nano_usd = prompt_cost(step, prompt);
                    }
                }
            }
        }
        match result {
            Ok(answered) => {
                let took = match &answered.body {
                    AnswerBody::Plain(_) => at - began,
                    AnswerBody::Stream { .. } => answered.first_byte_at - began,
                };
                state.count_answer(took);
                let step = step.clone();
                Ok(Box::new(Served { answered, step, state, slot, place, attempt, took }))
            }
            Err(error) => {
                state.count_failure(error.class());
                Err((error, slot))
            }
        }
    }

    /// Writes down that a call was given up because the other one was faster.
    fn overtaken(&mut self, loser: &Ready<'_>) {
        let now = Instant::now();
        loser.state.given_up(self.caller.streams(), now - loser.began);
        let started = self.started;
        let prompt = self.caller.meter(loser.step).input_estimate;
        if let Some(record) = self.attempts.get_mut(loser.attempt) {
            record.ended_ms = millis(now - started);
            record.error = Some(OVERTAKEN.to_owned());
            record.unconfirmed_nano_usd = prompt_cost(loser.step, prompt);
        }
    }

    /// Tells the target's health of a failure. Returns how long its provider wants to be left alone with this key.
    fn tell_health(
        &self,
        step: &Step,
        state: &TargetState,
        slot: usize,
        error: &UpstreamError,
    ) -> Option<Duration> {
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
        let UpstreamError::Status { meaning, retry_after, .. } = error else { return None };
        match meaning {
            Meaning::BadKey => state.key_refused(slot),
            Meaning::RateLimited | Meaning::OutOfCredit => {
                // An account without money does not get some in a second.
                let least = if *meaning == Meaning::OutOfCredit { 60 } else { 1 };
                let pause =
                    retry_after.unwrap_or(Duration::from_secs(least)).min(Duration::from_secs(60));
                state.key_limited(self.health, slot, pause);
                return Some(pause);
            }
            _ => {}
        }
        None
    }

    /// Tells the target's health of a failure and decides what follows it.
    async fn next(
        &self,
        step: &Step,
        state: &TargetState,
        slot: usize,
        error: &UpstreamError,
        tries: &mut Tries,
    ) -> Next {
        let pause = self.tell_health(step, state, slot, error);
        let wait = pause.unwrap_or_else(|| backoff(step.retries - tries.retries_left));
        if let UpstreamError::Status {
            meaning: Meaning::BadKey | Meaning::RateLimited | Meaning::OutOfCredit,
            ..
        } = error
        {
            tries.refused.push(slot);
            if state.pick_possible(self.health, &tries.refused) {
                return Next::Again;
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
        let in_time = Instant::now() + wait < self.deadline(step);
        if tries.retries_left > 0 && error.retries() && in_time && state.spend_retry() {
            tries.retries_left -= 1;
            tries.refused.clear();
            sleep(wait).await;
            return Next::Again;
        }
        Next::Onward
    }
}

/// One call with a meter of its own.
async fn made<C: Caller>(
    caller: &C,
    step: &Step,
    state: Arc<TargetState>,
    slot: usize,
    deadline: Instant,
) -> Ended {
    let mut meter = caller.meter(step);
    let result = caller.call(step, &state, slot, deadline, &mut meter).await;
    Ended { result, meter, at: Instant::now() }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Full jitter: a random part of 100 ms × 2ⁿ, at most 5 s.
fn backoff(tries: u32) -> Duration {
    let ceiling =
        Duration::from_millis(100).saturating_mul(1 << tries.min(6)).min(Duration::from_secs(5));
    ceiling.mul_f64(rand::random())
}

/// What an abandoned call may have cost.
fn prompt_cost(step: &Step, input: u64) -> Option<NanoUsd> {
    let usage = Usage { input_uncached: input, requests: 1, ..Usage::default() };
    step.model.price.as_ref().map(|price| price.cost(&usage))
}

impl Served {
    /// Tells the target's health how fast the answer came. `output_tokens`: of a plain answer.
    pub fn note_timing(&self, output_tokens: u64) {
        let stream = matches!(self.answered.body, AnswerBody::Stream { .. });
        self.state.answered(Timing { stream, took: self.took, output_tokens });
    }
}

impl TargetState {
    fn pick_possible(&self, health: &Health, refused: &[usize]) -> bool {
        (0..self.slots.len()).any(|index| !refused.contains(&index) && self.usable(health, index))
    }
}

impl Failures {
    fn note(&mut self, step: &Step, error: UpstreamError) {
        self.0.push((step.target.to_string(), error));
    }

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

#[cfg(test)]
mod tests;
