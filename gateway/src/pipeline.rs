//! The life of a request: authenticate → understand → guard → plan → hold → attempts → meter → settle. Each stage is a
//! function; read [`serve`] first.

use crate::{
    auth, body,
    counters::{DeniedBy, Hold, Refusal},
    dispatch::Whole,
    error::GatewayError,
    failure,
    flight::{Flight, micros},
    formats::{
        self,
        facts::{Api, Request, RequestHead},
        media,
        mistake::Mistake,
    },
    guards,
    kept::Owner,
    meter::Meter,
    relay::{Source, relay},
    reserve::{Reservation, affordable_output, budgets_of, limits_of},
    responses::{self, Continued, Keeper},
    routing::{self, Plan, Question, Requested, TargetFacts, View},
    state::{Current, Worker},
    tell,
    upstream::{
        attempt::AnswerBody,
        circuit_breaker::Outcome,
        executor::{Served, Walk},
        sending::Sending,
    },
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use jiff::Timestamp;
use std::{
    cell::OnceCell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::{
    budget::Budget,
    ids::{MemberId, RouteId, TeamId},
    route::{BreakerSettings, Target},
    rule::Seen,
    usage::Usage,
    world::{ApiKey, Unpriced},
};

/// What came in, beside the body.
pub struct Incoming<'r> {
    /// The head of the request.
    pub http: &'r HttpRequest,
    /// What its path and headers say of the request itself.
    pub head: RequestHead,
    /// When it came in.
    pub started: Instant,
    /// The same by the calendar.
    pub at: Timestamp,
}

/// Serves a request from its authentication to its answer.
pub async fn serve(
    worker: &Worker,
    api: Api,
    incoming: Incoming<'_>,
    mut payload: web::Payload,
) -> HttpResponse {
    let current = worker.state.current.load_full();
    let key = match auth::authenticate(
        &current.world,
        worker.state.link.as_deref(),
        incoming.http.headers(),
        incoming.http.query_string(),
        incoming.at,
    ) {
        Ok(key) => key,
        Err(error) => {
            return body::answered_early(tell::error(&error, api.shape(), None), payload);
        }
    };
    // Boxed: it is handed on through every stage, and a pointer moves faster than what it points to.
    let mut flight = Box::new(Flight::begin(
        worker.state.clone(),
        worker.counters.clone(),
        &key,
        api.name(),
        incoming.at,
        incoming.started,
    ));
    flight.traceparent = tell::header(incoming.http, "traceparent").map(str::to_owned);
    // Boxed for the same reason: what waits for a provider is large.
    let call = Box::pin(call(worker, &current, &key, api, &incoming, &mut payload, &mut flight));
    match call.await {
        Ok(called) => deliver(worker, called, flight).await,
        Err(error) => {
            let id = flight.event.id.clone();
            flight.end(error.status.as_u16(), Some(error.code.to_string()));
            body::answered_early(tell::error(&error, api.shape(), Some(&id)), payload)
        }
    }
}

/// A request that got an answer.
struct Called {
    keeper: Option<Keeper>,
    reservation: Reservation,
    served: Served,
}

/// Everything up to the first byte of an answer.
async fn call(
    worker: &Worker,
    current: &Current,
    key: &Arc<ApiKey>,
    api: Api,
    incoming: &Incoming<'_>,
    payload: &mut web::Payload,
    flight: &mut Flight,
) -> Result<Called, GatewayError> {
    let options = tell::Options::read(incoming.http)?;
    flight.event.metadata = options.metadata.clone();
    let body = body::read(incoming.http, payload, worker.state.max_body).await?;
    let mut request = understand(api, incoming.head.clone(), body)?;
    let conversation = OnceCell::new();
    let owner = (api == Api::Responses).then(|| owner_of(key, incoming)).transpose()?;
    let continued = match &owner {
        Some(owner) if request.facts.continues => {
            responses::continue_from(worker, owner, &mut request, &conversation).await?
        }
        _ => Continued::No,
    };
    flight.event.requested = request.facts.model.clone();
    flight.event.user = request.facts.user.clone();
    flight.event.stream = request.facts.stream;
    let inspected = guards::inspect(&key.tenant, request)?;
    flight.timed("understand", incoming.started);

    let planned = Instant::now();
    let requested = routing::resolve(key, &inspected.request().facts.model)?;
    if let Requested::Route(route) = &requested {
        flight.through(Some(route.id.clone()));
    }
    let budgets = budgets_of(key);
    let mut plan = make_plan(
        worker,
        current,
        key,
        inspected.request(),
        &requested,
        &options.metadata,
        &budgets,
    );
    flight.event.decision = Some(plan.decision(&inspected.request().facts));
    flight.timed("plan", planned);

    let held = Instant::now();
    let reservation = hold(worker, key, inspected.request(), &mut plan, &budgets, flight).await?;
    flight.timed("hold", held);

    let called = Instant::now();
    let served = {
        let mut cut = worker.state.cut.clone();
        let sending = Sending {
            clients: &worker.clients,
            request: &inspected,
            conversation: &conversation,
            continued,
            inlined: OnceCell::new(),
            id: flight.event.id.clone(),
            created: flight.at.as_second(),
            max_output: reservation.max_output_to_send,
            output_upper: reservation.output_upper(inspected.request()),
        };
        let mut walk = Walk {
            caller: &sending,
            health: &worker.state.health,
            targets: &current.targets,
            upstreams: &key.tenant.upstreams,
            started: incoming.started.into(),
            timeout: options.timeout,
            attempts: &mut flight.event.attempts,
            meter: &mut flight.meter,
        };
        tokio::select! {
            biased;
            served = walk.run(&plan) => served.map_err(|failures| failure::all_failed(&failures, &plan, api.shape())),
            _ = cut.wait_for(|cut| *cut) => Err(GatewayError::shutdown()),
        }
    };
    flight.upstream_us = micros(called);
    let served = served?;
    let native = served.answered.native;
    let keeper = Keeper::of(worker, owner, inspected.request(), &conversation, native);
    Ok(Called { reservation, served, keeper })
}

fn make_plan(
    worker: &Worker,
    current: &Current,
    key: &ApiKey,
    request: &Request,
    requested: &Requested,
    metadata: &BTreeMap<String, String>,
    budgets: &[Arc<Budget>],
) -> Plan {
    struct Now<'n> {
        worker: &'n Worker,
        current: &'n Current,
        key: &'n ApiKey,
        budgets: &'n [Arc<Budget>],
    }
    impl View for Now<'_> {
        fn of(&self, target: &Target, _: BreakerSettings) -> TargetFacts {
            let health = &self.worker.state.health;
            let now = Instant::now();
            let state = self.current.targets.get(health, &self.key.tenant.upstreams, target);
            let provider = self.key.tenant.upstreams.providers.get(target.provider());
            let counts = |budget: &Arc<Budget>| {
                provider.is_some_and(|provider| {
                    budget.scope.covers_target(&provider.id, target.as_str())
                })
            };
            TargetFacts {
                limited_for: state
                    .as_ref()
                    .map_or(Duration::ZERO, |state| state.limited_for(health)),
                figures: state.as_ref().map(|state| state.figures(now)).unwrap_or_default(),
                unavailable: state.and_then(|state| state.unavailable(health, now)),
                budgeted: self.budgets.iter().any(counts),
            }
        }

        fn expected_output(&self, route: &RouteId) -> Option<u64> {
            self.worker.state.health.mean_output(&self.key.tenant.id, route)
        }
    }
    let question = Question {
        api: request.api,
        facts: &request.facts,
        seen: seen(request, key, metadata),
        meanings: &BTreeMap::new(),
        upstreams: &key.tenant.upstreams,
        unpriced_allowed: key.tenant.unpriced == Unpriced::Allow,
    };
    routing::plan(
        requested,
        &question,
        &Now { worker, current, key, budgets },
        &mut rand::random::<f64>,
    )
}

/// What rules see of a request.
fn seen<'s>(
    request: &'s Request,
    key: &'s ApiKey,
    metadata: &'s BTreeMap<String, String>,
) -> Seen<'s> {
    let facts = &request.facts;
    Seen {
        model: &facts.model,
        api: request.api.name(),
        stream: facts.stream,
        input_tokens: facts.input_estimate(),
        max_output: facts.max_output.unwrap_or(0),
        tools: facts.tools,
        vision: facts.vision,
        json_schema: facts.json_schema,
        user: facts.user.as_deref().unwrap_or_default(),
        labels: &[],
        metadata: metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        tenant: key.tenant.id.as_str(),
        team: key.team.as_ref().map_or("", TeamId::as_str),
        member: key.member.as_ref().map_or("", MemberId::as_str),
        api_key: key.id.as_str(),
    }
}

/// Reserves what the request can cost. Near the end of a budget the answer is made as short as can be afforded, and
/// targets whose own budget is used up leave the plan.
async fn hold(
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
                keep(worker, flight, hold);
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

fn keep(worker: &Worker, flight: &mut Flight, hold: Hold) {
    worker.state.telemetry.metrics.hold_granted();
    flight.hold = Some(hold);
}

/// Hands the answer to the app and the numbers to the meter.
async fn deliver(worker: &Worker, called: Called, mut flight: Box<Flight>) -> HttpResponse {
    let Called { reservation, served, keeper } = called;
    flight.serving = Some(served.attempt);
    let output_tokens = match &served.answered.body {
        AnswerBody::Plain(whole) => {
            whole.usage.map_or(whole.text_bytes.div_ceil(4), |usage| usage.total_output())
        }
        AnswerBody::Stream { .. } => 0,
    };
    served.note_timing(output_tokens);
    let Served { answered, step, state, slot, place, .. } = served;
    flight.event.target = Some(step.target.to_string());
    flight.event.provider_key = state.slots[slot].key.clone();
    let mut response = tell::Head::new(&flight, &step, &answered, reservation.clamped);
    match answered.body {
        AnswerBody::Plain(whole) => {
            state.record(&worker.state.health, slot, Outcome::Good, Instant::now(), step.breaker);
            drop(place);
            note_plain(&mut flight.meter, &whole);
            let cost = flight.meter.charge().cost;
            response.cost(flight.meter.price.is_some().then_some(cost));
            response.overhead(flight.overhead_us());
            flight.end(200, None);
            if let Some(keeper) = keeper {
                keeper.keep(&whole.body).await;
            }
            response.whole(whole.body)
        }
        AnswerBody::Stream { first, rest, passage } => {
            response.overhead(flight.overhead_us());
            let source = Source {
                first,
                rest,
                passage,
                idle: step.timeouts.idle,
                target: state,
                slot,
                breaker: step.breaker,
                place,
                keeper,
            };
            response.stream(relay(worker.state.clone(), flight, source))
        }
    }
}

fn note_plain(meter: &mut Meter, whole: &Whole) {
    meter.reported = whole.usage;
    meter.refused = whole.usage_refused;
    meter.produced = whole.text_bytes.div_ceil(4);
    if whole.no_tokens {
        meter.reported = Some(Usage { requests: 1, ..Usage::default() });
    }
}

/// Whose kept responses a request may come back to.
fn owner_of(key: &ApiKey, incoming: &Incoming<'_>) -> Result<Owner, GatewayError> {
    let http = incoming.http;
    let presented = auth::presented_key(http.headers(), http.query_string())?;
    Ok(Owner::of(key, presented))
}

/// Understands a body, whatever its form.
fn understand(api: Api, head: RequestHead, body: Bytes) -> Result<Request, Mistake> {
    if api.is_multipart() {
        media::understand(api, head, body)
    } else {
        formats::understand::understand(api, head, body)
    }
}
