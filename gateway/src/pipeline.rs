//! The life of a request: authenticate → understand → guard → plan → hold → attempts → meter → settle. Each stage is a
//! function; read [`serve`] first.

use crate::{
    aside::Shadowing,
    auth, body,
    cache::{Cache, Cached, Found, Recorder, Replayed},
    dispatch::Whole,
    error::GatewayError,
    failure,
    flight::{Flight, micros},
    formats::{
        self,
        conversation::Conversation,
        facts::{Api, Request, RequestHead},
        media,
        mistake::Mistake,
    },
    guards::{self, Inspected},
    kept::Owner,
    meaning,
    meter::Meter,
    planning::Asking,
    relay::{Source, relay},
    reserve::{Reservation, budgets_of, hold},
    responses::{self, Continued, Keeper},
    routing::{self, Plan, Requested},
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
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::{budget::Budget, usage::Usage, world::ApiKey};

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
    worker: &web::Data<Worker>,
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
        Ok(Ending::Called(called)) => deliver(worker, *called, flight).await,
        Ok(Ending::Hit(answer)) => {
            let target = flight.event.target.clone().unwrap_or_default();
            let told = tell::cached(&flight, &target, answer);
            flight.end(200, None);
            told
        }
        Ok(Ending::DryRun) => {
            let told = tell::decision(&flight);
            flight.end(200, None);
            told
        }
        Err(error) => {
            let id = flight.event.id.clone();
            let mut told = tell::error(&error, api.shape(), Some(&id));
            tell::trace_of(&flight, told.headers_mut());
            flight.end(error.status.as_u16(), Some(error.code.to_string()));
            body::answered_early(told, payload)
        }
    }
}

/// What became of a request that was not refused.
enum Ending {
    /// A target answers it.
    Called(Box<Called>),
    /// The cache answers it.
    Hit(Replayed),
    /// It was a question only.
    DryRun,
}

/// Writes down that the cache has the answer. `None` if it cannot be told as the request wants it.
fn hit(cached: Cached, request: &Request, flight: &mut Flight) -> Option<Ending> {
    let id = flight.event.id.clone();
    let answer = cached.replayed(request, &id, flight.at.as_second())?;
    flight.event.cache = "hit".to_owned();
    flight.event.target = Some(cached.target);
    flight.event.saved_nano_usd = Some(cached.cost_nano_usd);
    Some(Ending::Hit(answer))
}

/// A request that got an answer.
pub struct Called {
    /// Who keeps the answer, if somebody does.
    pub keeper: Option<Keeper>,
    /// Who records the answer for the cache, if somebody does.
    pub recorder: Option<Box<Recorder>>,
    /// What was reserved.
    pub reservation: Reservation,
    /// The answer.
    pub served: Served,
    /// The copy to make once the answer is on its way.
    pub shadow: Option<Shadowing>,
}

/// Everything up to the first byte of an answer.
async fn call(
    worker: &web::Data<Worker>,
    current: &Current,
    key: &Arc<ApiKey>,
    api: Api,
    incoming: &Incoming<'_>,
    payload: &mut web::Payload,
    flight: &mut Flight,
) -> Result<Ending, GatewayError> {
    let options = tell::Options::read(incoming.http)?;
    flight.trace = options.trace;
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
    flight.closing =
        (options.usage && request.facts.stream).then_some((request.api, request.head.array));
    let inspected = guards::inspect(&key.tenant, request, &mut flight.event.guards)?;
    flight.timed("understand", incoming.started);
    let requested = routing::resolve(key, &inspected.request().facts.model)?;
    if let Requested::Route(route) = &requested {
        flight.through(Some(route.id.clone()));
    }
    let asked =
        Asked { key, inspected: &inspected, conversation: &conversation, continued, requested };
    let recorder = if options.dry_run {
        None
    } else {
        let looked = Cache::find(worker, &asked, options.cache, &flight.event.id).await;
        flight.event.cache_similarity = looked.similarity;
        flight.cache_note = looked.note;
        match looked.found {
            Found::Off => None,
            Found::Hit(cached) => {
                if let Some(ending) = hit(*cached, inspected.request(), flight) {
                    return Ok(ending);
                }
                None
            }
            Found::Miss(recorder) => {
                flight.event.cache = "miss".to_owned();
                Some(recorder)
            }
        }
    };
    let budgets = budgets_of(key);
    let plan = planned(worker, current, &asked, &options, &budgets, flight).await;
    if options.dry_run {
        return Ok(Ending::DryRun);
    }
    let shadow = Shadowing::of(worker, &asked, plan.shadow.as_ref(), flight);
    let (reservation, served) =
        served(worker, current, &asked, options.timeout, (plan, &budgets), flight).await?;
    let native = served.answered.native;
    let keeper = Keeper::of(worker, owner, inspected.request(), &conversation, native);
    Ok(Ending::Called(Box::new(Called { reservation, served, keeper, recorder, shadow })))
}

/// A request that is understood, inspected and allowed.
pub struct Asked<'a> {
    /// Whose.
    pub key: &'a Arc<ApiKey>,
    /// The request.
    pub inspected: &'a Inspected,
    /// The same in the internal form, made when it is first needed.
    pub conversation: &'a OnceCell<Arc<Conversation>>,
    /// What it goes on from.
    pub continued: Continued,
    /// What its `model` names.
    pub requested: Requested,
}

/// Plans, and writes the plan down.
pub async fn planned(
    worker: &web::Data<Worker>,
    current: &Current,
    asked: &Asked<'_>,
    options: &tell::Options,
    budgets: &[Arc<Budget>],
    flight: &mut Flight,
) -> Plan {
    let since = Instant::now();
    let request = asked.inspected.request();
    if let Requested::Route(route) = &asked.requested {
        flight.through(Some(route.id.clone()));
    }
    let meanings = meaning::of(worker, asked, &flight.event.id).await;
    let asking =
        Asking { worker, current, key: asked.key, request, metadata: &options.metadata, budgets };
    let plan = asking.plan(&asked.requested, &meanings);
    let mut decision = plan.decision(&request.facts);
    decision.because.extend(flight.cache_note.take());
    flight.event.decision = Some(decision);
    flight.timed("plan", since);
    plan
}

/// Reserves and calls.
pub async fn served(
    worker: &Worker,
    current: &Current,
    asked: &Asked<'_>,
    timeout: Option<Duration>,
    (mut plan, budgets): (Plan, &[Arc<Budget>]),
    flight: &mut Flight,
) -> Result<(Reservation, Served), GatewayError> {
    let Asked { key, inspected, conversation, continued, .. } = asked;
    let request = inspected.request();
    let held = Instant::now();
    let reservation = hold(worker, key, request, &mut plan, budgets, flight).await?;
    flight.timed("hold", held);

    let called = Instant::now();
    let served = {
        let mut cut = worker.state.cut.clone();
        let sending = Sending {
            clients: &worker.clients,
            request: inspected,
            conversation,
            continued: *continued,
            inlined: OnceCell::new(),
            id: flight.event.id.clone(),
            created: flight.at.as_second(),
            max_output: reservation.max_output_to_send,
            output_upper: reservation.output_upper(request),
        };
        let mut walk = Walk {
            caller: &sending,
            health: &worker.state.health,
            targets: &current.targets,
            upstreams: &key.tenant.upstreams,
            started: flight.started.into(),
            timeout,
            attempts: &mut flight.event.attempts,
            meter: &mut flight.meter,
        };
        tokio::select! {
            biased;
            served = walk.run(&plan) => served.map_err(|failures| failure::all_failed(&failures, &plan, request.api.shape())),
            _ = cut.wait_for(|cut| *cut) => Err(GatewayError::shutdown()),
        }
    };
    flight.upstream_us = micros(called);
    Ok((reservation, served?))
}

/// Hands the answer to the app and the numbers to the meter.
pub async fn deliver(worker: &Worker, called: Called, mut flight: Box<Flight>) -> HttpResponse {
    let Called { reservation, served, keeper, recorder, shadow } = called;
    if let Some(shadow) = shadow {
        shadow.begin();
    }
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
            if let Some(recorder) = recorder {
                recorder.whole(&whole.body, step.target.as_str(), cost).await;
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
                recorder,
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
