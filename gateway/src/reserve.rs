//! How much a request reserves: the most that it can cost on any target of its plan, and what its key's limits count.

use crate::{
    bounds,
    counters::{BudgetState, DeniedBy, HoldRequest, LimitRequest, RateKind, Refusal},
    error::GatewayError,
    failure,
    flight::Flight,
    formats::facts::Request,
    routing::{Plan, Step},
    state::Worker,
};
use std::sync::{Arc, LazyLock};
use tollgate_contract::{
    budget::{Budget, Mode, OnExceed},
    event::UsageEvent,
    money::NanoUsd,
    usage::Usage,
    world::ApiKey,
};

/// Sent as the request's maximum where neither the app nor the catalog gives one and a budget applies.
const DEFAULT_MAX_OUTPUT: u64 = 16_384;
/// An answer is not made shorter than this to fit a budget.
const MIN_OUTPUT: u64 = 256;

/// What a request reserves.
#[derive(Debug, Clone, Default)]
pub struct Reservation {
    /// The most answer tokens per choice that the gateway tells the provider; absent: the app's own, or none.
    pub max_output_to_send: Option<u64>,
    /// The most answer tokens per choice, if known.
    max_output: Option<u64>,
    /// Whether the answer was made shorter to fit a budget.
    pub clamped: Option<u64>,
    /// Holds asked for so far.
    pub tries: u32,
}

impl Reservation {
    /// A hold is asked for at most this often after the first: each time with less, or with fewer targets.
    pub const MOST_TRIES: u32 = 4;

    /// What a request reserves at first.
    pub fn of(request: &Request, plan: &Plan) -> Self {
        let own = request.facts.max_output;
        let catalog = plan.steps.iter().filter_map(|step| step.model.max_output).max();
        let max_output = match (own, catalog) {
            _ if bounds::answers_in_tokens(request.api) => {
                Some(catalog.unwrap_or(DEFAULT_MAX_OUTPUT))
            }
            _ if !request.api.generates() => Some(0),
            (Some(own), Some(catalog)) => Some(own.min(catalog)),
            (own, catalog) => own.or(catalog),
        };
        Self { max_output, ..Self::default() }
    }

    /// A budget applies and nobody gave a maximum: one is set, or the cost would have no bound.
    fn bound(&mut self) {
        if self.max_output.is_none() {
            self.max_output = Some(DEFAULT_MAX_OUTPUT);
            self.max_output_to_send = Some(DEFAULT_MAX_OUTPUT);
        }
    }

    /// Makes the answer shorter.
    pub fn clamp(&mut self, max_output: u64) {
        self.max_output = Some(max_output);
        self.max_output_to_send = Some(max_output);
        self.clamped = Some(max_output);
    }

    /// The most answer tokens of all choices together.
    pub fn output_upper(&self, request: &Request) -> Option<u64> {
        self.max_output.map(|most| most.saturating_mul(request.facts.choices))
    }

    /// Takes the targets that a used-up budget counts out of the plan. False if that leaves nothing or changes nothing.
    pub fn leave_out(&self, plan: &mut Plan, key: &ApiKey, budget: &Budget) -> bool {
        if !budget.scope.names_targets() {
            return false;
        }
        let covered = |step: &Step| covers(budget, key, step);
        if plan.steps.iter().all(covered) {
            return false;
        }
        plan.steps.retain(|step| !covered(step));
        true
    }

    /// The request to the counters.
    pub fn hold_request(
        &self,
        worker: &Worker,
        flight: &Flight,
        key: &ApiKey,
        plan: &Plan,
        request: &Request,
        limits: Vec<LimitRequest>,
    ) -> HoldRequest {
        let prompt = Usage {
            input_uncached: request.facts.input_estimate(),
            requests: 1,
            ..Usage::default()
        };
        let input_cost = plan
            .steps
            .iter()
            .filter_map(|step| step.model.price.as_ref())
            .map(|price| price.cost(&prompt))
            .max();
        HoldRequest {
            id: flight.id,
            tenant: key.tenant.id.clone(),
            generation: worker.state.link.as_ref().map_or(0, |_| key.tenant.revision),
            zone: key.tenant.zone.clone(),
            now: flight.at,
            limits,
            stub: stub(worker, flight, request.facts.input_estimate()),
            input_cost: input_cost.unwrap_or(NanoUsd::ZERO),
        }
    }
}

/// Reserves what the request can cost. Near the end of a budget the answer is made as short as can be afforded, and
/// targets whose own budget is used up leave the plan.
pub async fn hold(
    worker: &Worker,
    key: &Arc<ApiKey>,
    request: &Request,
    plan: &mut Plan,
    budgets: &[Arc<Budget>],
    flight: &mut Flight,
) -> Result<Reservation, GatewayError> {
    let mut reservation = Reservation::of(request, plan);
    loop {
        if plan.steps.is_empty() {
            return Err(failure::nowhere_to_go(plan));
        }
        let Some(limits) = limits_of(worker, key, request, plan, budgets, &mut reservation) else {
            return Ok(reservation);
        };
        let hold_request = reservation.hold_request(worker, flight, key, plan, request, limits);
        match worker.counters.hold(hold_request).await {
            Ok(hold) => {
                worker.state.telemetry.metrics.hold_granted();
                flight.hold = Some(hold);
                return Ok(reservation);
            }
            Err(refusal) => {
                worker
                    .state
                    .telemetry
                    .metrics
                    .hold_refused(matches!(refusal, Refusal::Unavailable));
                let Refusal::Denied(denial) = refusal else {
                    return Err(failure::refused(refusal));
                };
                let DeniedBy::Budget(state) = &denial.by else {
                    return Err(GatewayError::denied(denial));
                };
                if let Some(shorter) = affordable_output(state, plan, request, &reservation) {
                    reservation.clamp(shorter);
                } else if !reservation.leave_out(plan, key, &state.budget) {
                    return Err(GatewayError::denied(denial));
                }
                reservation.tries += 1;
                // A denied hold id was not written, so it can be asked for again.
                if reservation.tries > Reservation::MOST_TRIES {
                    return Err(GatewayError::denied(denial));
                }
            }
        }
    }
}

/// The event for whoever sweeps the hold. Holds in memory die with the process, so they need none.
fn stub(worker: &Worker, flight: &Flight, input_estimate: u64) -> Arc<UsageEvent> {
    static NOBODY_SWEEPS: LazyLock<Arc<UsageEvent>> = LazyLock::new(Arc::default);
    if !worker.state.shared_counters {
        return NOBODY_SWEEPS.clone();
    }
    let prompt = Usage { input_uncached: input_estimate, requests: 1, ..Usage::default() };
    Arc::new(UsageEvent { usage: prompt, ..flight.event.clone() })
}

/// The budgets that a request of this key may count against.
pub fn budgets_of(key: &ApiKey) -> Vec<Arc<Budget>> {
    let applies = |budget: &&Arc<Budget>| {
        budget.scope.covers_caller(key.team.as_ref(), key.member.as_ref(), &key.id)
    };
    key.tenant.budgets.iter().filter(applies).cloned().collect()
}

fn covers(budget: &Budget, key: &ApiKey, step: &Step) -> bool {
    let provider = key.tenant.upstreams.providers.get(step.target.provider());
    provider.is_some_and(|provider| budget.scope.covers_target(&provider.id, step.target.as_str()))
}

/// Every limit that the request counts against; `None` if there is none, so that nobody has to be asked.
pub fn limits_of(
    worker: &Worker,
    key: &ApiKey,
    request: &Request,
    plan: &Plan,
    budgets: &[Arc<Budget>],
    reservation: &mut Reservation,
) -> Option<Vec<LimitRequest>> {
    let mut limits = rate_limits(key, request);
    for budget in budgets {
        let amount = most_cost(budget, key, request, plan, reservation);
        // What is free for certain needs no budget.
        if amount > NanoUsd::ZERO {
            let on_outage = match (budget.mode, budget.on_exceed) {
                (Mode::Enforce, OnExceed::Block) => {
                    budget.on_outage.unwrap_or(worker.state.on_outage)
                }
                // A budget that refuses nobody does not begin to when it cannot count.
                _ => tollgate_contract::budget::OnOutage::Allow,
            };
            reservation.bound();
            limits.push(LimitRequest::Budget { budget: budget.clone(), amount, on_outage });
        }
    }
    (!limits.is_empty()).then_some(limits)
}

fn rate_limits(key: &ApiKey, request: &Request) -> Vec<LimitRequest> {
    let scope = format!("k:{}", key.id);
    let mut limits = Vec::with_capacity(4);
    if let Some(max) = key.limits.concurrent {
        limits.push(LimitRequest::Concurrent { scope: scope.clone(), max });
    }
    if let Some(per_minute) = key.limits.requests_per_minute {
        limits.push(LimitRequest::Rate {
            kind: RateKind::Requests,
            scope: scope.clone(),
            per_minute,
            amount: 1,
        });
    }
    if let Some(per_minute) = key.limits.tokens_per_minute {
        let output = request.facts.max_output.unwrap_or(0).saturating_mul(request.facts.choices);
        let amount = request.facts.input_estimate().saturating_add(output).max(1);
        limits.push(LimitRequest::Rate { kind: RateKind::Tokens, scope, per_minute, amount });
    }
    limits
}

/// The most that a request can cost on the targets that a budget counts.
fn most_cost(
    budget: &Budget,
    key: &ApiKey,
    request: &Request,
    plan: &Plan,
    reservation: &Reservation,
) -> NanoUsd {
    let output =
        reservation.max_output.unwrap_or(DEFAULT_MAX_OUTPUT).saturating_mul(request.facts.choices);
    let steps = plan.steps.iter().filter(|step| covers(budget, key, step));
    let costs = steps.filter_map(|step| {
        let input = request.facts.input_upper_bound(step.model.context_window);
        let most = bounds::most(request, input, output);
        step.model.price.as_ref().map(|price| price.upper_bound(&most))
    });
    costs.max().unwrap_or(NanoUsd::ZERO)
}

/// The longest answer that what is left of a budget pays for on every target; `None` if that is too short to be of
/// use, or no shorter than before.
pub fn affordable_output(
    state: &BudgetState,
    plan: &Plan,
    request: &Request,
    reservation: &Reservation,
) -> Option<u64> {
    if !request.api.generates() {
        return None;
    }
    let room = state.budget.limit.saturating_sub(state.settled).saturating_sub(state.held);
    let choices = request.facts.choices;
    let fits = |output: u64| {
        plan.steps
            .iter()
            .filter_map(|step| step.model.price.as_ref().map(|price| (step, price)))
            .all(|(step, price)| {
                let input = request.facts.input_upper_bound(step.model.context_window);
                let most = bounds::most(request, input, output.saturating_mul(choices));
                price.upper_bound(&most) <= room
            })
    };
    let before = reservation.max_output.unwrap_or(DEFAULT_MAX_OUTPUT);
    if before <= MIN_OUTPUT || !fits(MIN_OUTPUT) || fits(before) {
        return None;
    }
    // Costs rise with the length, so the longest that fits can be searched for.
    let (mut low, mut high) = (MIN_OUTPUT, before);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    Some(low)
}
