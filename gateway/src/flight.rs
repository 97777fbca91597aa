//! A request under way: what it holds and what its usage event will say. Ends in exactly one settled event, also when
//! the app leaves and everything is dropped in the middle.

use crate::{
    counters::{Counters, Hold, HoldId, Settlement},
    formats::facts::Api,
    meter::{Charge, Meter},
    state::State,
    usage::UsageSinks,
};
use jiff::Timestamp;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};
use tollgate_contract::{
    event::{AttemptRecord, UsageEvent},
    ids::RouteId,
    world::ApiKey,
};

/// The status of a request whose app left before the answer.
pub const CLIENT_CLOSED: u16 = 499;

/// The error of an attempt that the app did not wait for.
pub const CANCELLED: &str = "cancelled";

/// The error of an attempt that was given up because one beside it was faster.
pub const OVERTAKEN: &str = "overtaken";

/// A request under way.
pub struct Flight {
    state: Arc<State>,
    counters: Counters,
    /// When it came in.
    pub started: Instant,
    /// The same by the calendar.
    pub at: Timestamp,
    /// Its name, and the hold's.
    pub id: HoldId,
    /// The event so far.
    pub event: UsageEvent,
    /// The incoming `traceparent`.
    pub traceparent: Option<String>,
    /// What it reserved.
    pub hold: Option<Hold>,
    /// What was used so far.
    pub meter: Meter,
    /// Whether the app wants the decision in the head of its answer.
    pub trace: bool,
    /// The API of a stream whose last event tells usage and cost, and whether the stream is an array.
    pub closing: Option<(Api, bool)>,
    /// Why the cache could not compare meanings, if so.
    pub cache_note: Option<String>,
    /// Which of the attempts serves the request.
    pub serving: Option<usize>,
    /// Time spent waiting for the provider, in microseconds.
    pub upstream_us: u64,
    ended: bool,
}

impl Flight {
    /// Begins one.
    pub fn begin(
        state: Arc<State>,
        counters: Counters,
        key: &ApiKey,
        api: &str,
        at: Timestamp,
        started: Instant,
    ) -> Self {
        let id = HoldId(uuid::Uuid::now_v7());
        let event = UsageEvent {
            id: id.0.to_string(),
            at: milliseconds(at).to_string(),
            tenant: key.tenant.id.clone(),
            team: key.team.clone(),
            member: key.member.clone(),
            api_key: key.id.clone(),
            api: api.to_owned(),
            status: CLIENT_CLOSED,
            error: Some("client_closed".to_owned()),
            cache: "off".to_owned(),
            ..UsageEvent::default()
        };
        state.telemetry.metrics.requests_in_flight.inc();
        Self {
            state,
            counters,
            started,
            at,
            id,
            event,
            traceparent: None,
            hold: None,
            meter: Meter::default(),
            trace: false,
            closing: None,
            cache_note: None,
            serving: None,
            upstream_us: 0,
            ended: false,
        }
    }

    /// The route that was named.
    pub fn through(&mut self, route: Option<RouteId>) {
        self.event.route = route;
    }

    /// Tells the heartbeat what was used so far.
    pub fn report_progress(&self) {
        let Some(hold) = &self.hold else { return };
        let charge = self.meter.charge();
        hold.progress.cost_nano_usd.store(charge.cost.as_nanos(), Relaxed);
        hold.progress.input_tokens.store(charge.usage.input(), Relaxed);
        hold.progress.output_tokens.store(charge.usage.total_output(), Relaxed);
    }

    /// Notes how long a stage took.
    pub fn timed(&mut self, stage: &str, since: Instant) {
        self.event.timing_us.insert(stage.to_owned(), micros(since));
    }

    /// The gateway's own share of the time so far, in microseconds.
    pub fn overhead_us(&self) -> u64 {
        micros(self.started).saturating_sub(self.upstream_us)
    }

    /// Ends it: charges, settles and reports. Does nothing the second time.
    pub fn end(&mut self, status: u16, error: Option<String>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.event.status = status;
        self.event.error = error;
        self.charge_cancelled_call();
        let charge = self.meter.charge();
        self.event.usage = charge.usage;
        self.event.cost_nano_usd = charge.cost;
        self.event.list_cost_nano_usd = charge.cost;
        self.event.estimated = charge.estimated && self.meter.began;
        self.event.disputed = charge.disputed;
        self.charge_attempt(charge);
        if let Some(route) = self.event.route.as_ref().filter(|_| self.event.error.is_none()) {
            let output = charge.usage.total_output();
            self.state.health.note_output(&self.event.tenant, route, output);
        }
        let total = micros(self.started);
        self.event.timing_us.insert("total".to_owned(), total);
        let overhead = total.saturating_sub(self.upstream_us);
        if charge.disputed {
            tracing::warn!(request.id = %self.event.id, target_name = self.event.target, "A provider reported an impossible usage; it was clipped");
        }
        let telemetry = &self.state.telemetry;
        telemetry.metrics.requests_in_flight.dec();
        telemetry.record(&self.event, overhead, self.traceparent.as_deref());
        self.log();
        self.report(charge);
    }

    /// Left in the middle of a call: the provider had the prompt by then; what it had produced of a plain answer nobody
    /// can tell.
    fn charge_cancelled_call(&mut self) {
        if self.serving.is_some() {
            return;
        }
        // Of two side by side the first is charged: it had the prompt for longer.
        let cancelled = |attempt: &AttemptRecord| attempt.error.as_deref() == Some(CANCELLED);
        self.serving = self.event.attempts.iter().position(cancelled);
        if let Some(attempt) = self.serving.and_then(|index| self.event.attempts.get(index)) {
            self.meter.began = true;
            self.event.target = Some(attempt.target.clone());
            self.event.provider_key = attempt.provider_key.clone();
        }
    }

    /// The attempt that serves the request, else the last one.
    pub fn attempt(&mut self) -> Option<&mut AttemptRecord> {
        let last = self.event.attempts.len().checked_sub(1)?;
        self.event.attempts.get_mut(self.serving.unwrap_or(last))
    }

    fn charge_attempt(&mut self, charge: Charge) {
        let ended_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let began = self.meter.began;
        if let Some(AttemptRecord { usage, cost_nano_usd, ended_ms: end, .. }) = self.attempt()
            && began
        {
            *usage = charge.usage;
            *cost_nano_usd = charge.cost;
            *end = ended_ms;
        }
    }

    fn log(&self) {
        let event = &self.event;
        tracing::debug!(
            request.id = %event.id, tenant = %event.tenant, api_key = %event.api_key, status = event.status,
            error = event.error, target_name = event.target, attempts = event.attempts.len(), "Request ended",
        );
    }

    /// To the file here, to the counters and the stream there.
    fn report(&mut self, charge: Charge) {
        if let UsageSinks::File(file) = &self.state.usage {
            file.write(&self.event);
        }
        let tokens = charge.usage.tokens();
        let event = std::mem::take(&mut self.event);
        self.counters.settle(Settlement {
            hold: self.hold.take(),
            cost: charge.cost,
            tokens,
            event,
        });
    }
}

impl Drop for Flight {
    /// The app left, or something above gave up: what was used until now is charged.
    fn drop(&mut self) {
        self.end(CLIENT_CLOSED, Some("client_closed".to_owned()));
    }
}

/// A time as events write it: to the millisecond.
fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Microseconds since a moment.
pub fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
