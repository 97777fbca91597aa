//! Requests that the gateway makes itself, beside an app's: a copy to another target for comparison, and prompts on their
//! way to who turns them into vectors. They are planned, held, called and metered like any other, and have their own
//! usage events.

use crate::{
    error::GatewayError,
    flight::Flight,
    formats::{conversation::Conversation, facts::Request},
    guards::{self, Inspected},
    pipeline::{Asked, Called, deliver, planned, served},
    reserve::budgets_of,
    responses::Continued,
    routing::Requested,
    state::Worker,
    tell,
};
use actix_web::{HttpResponse, body::MessageBody, web};
use jiff::Timestamp;
use std::{
    cell::OnceCell,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tollgate_contract::{
    event::{Beside, Purpose},
    route::{Shadow, Target},
    world::ApiKey,
};

/// Copies that may be under way on a worker; the next ones are left out.
const MOST_COPIES: usize = 64;

/// A request of the gateway's own.
pub struct Aside {
    /// The worker.
    pub worker: web::Data<Worker>,
    /// In whose name.
    pub key: Arc<ApiKey>,
    /// What is asked; it passed the guards.
    pub inspected: Inspected,
    /// The same in the internal form, if that is known.
    pub conversation: Option<Arc<Conversation>>,
    /// Who is called.
    pub target: Target,
    /// Why.
    pub beside: Beside,
    /// All must be over after this.
    pub timeout: Option<Duration>,
}

impl Aside {
    /// Makes the request.
    pub async fn run(self) -> Result<HttpResponse, GatewayError> {
        let worker = &self.worker;
        let request = self.inspected.request();
        let current = worker.state.current.load_full();
        let mut flight = Box::new(Flight::begin(
            worker.state.clone(),
            worker.counters.clone(),
            &self.key,
            request.api.name(),
            Timestamp::now(),
            Instant::now(),
        ));
        flight.event.requested = self.target.to_string();
        flight.event.stream = request.facts.stream;
        flight.event.beside = Some(self.beside.clone());
        let conversation = OnceCell::new();
        if let Some(known) = &self.conversation {
            let _ = conversation.set(known.clone());
        }
        let asked = Asked {
            key: &self.key,
            inspected: &self.inspected,
            conversation: &conversation,
            continued: Continued::No,
            requested: Requested::Target(self.target.clone()),
        };
        let budgets = budgets_of(&self.key);
        let options = tell::Options::default();
        // Boxed: a route by meaning makes requests like this one, and a future cannot contain itself.
        let plan =
            Box::pin(planned(worker, &current, &asked, &options, &budgets, &mut flight)).await;
        let answer =
            served(worker, &current, &asked, self.timeout, (plan, &budgets), &mut flight).await;
        match answer {
            Ok((reservation, served)) => {
                let called =
                    Called { keeper: None, recorder: None, reservation, served, shadow: None };
                Ok(deliver(worker, called, flight).await)
            }
            Err(error) => {
                flight.end(error.status.as_u16(), Some(error.code.to_string()));
                Err(error)
            }
        }
    }
}

/// A copy that is made once the answer is on its way.
pub struct Shadowing(Aside);

impl Shadowing {
    /// The copy of a request, if its route wants one of it.
    pub fn of(
        worker: &web::Data<Worker>,
        asked: &Asked<'_>,
        shadow: Option<&Shadow>,
        flight: &Flight,
    ) -> Option<Self> {
        let shadow = shadow?;
        let drawn = rand::random::<f64>() * 100.0 < shadow.percent;
        // What goes on from a stored answer cannot be told to another provider without it.
        let whole = asked.continued == Continued::No;
        if !drawn || !whole || !asked.inspected.request().api.generates() {
            return None;
        }
        Some(Self(Aside {
            worker: worker.clone(),
            key: asked.key.clone(),
            inspected: asked.inspected.clone(),
            conversation: asked.conversation.get().cloned(),
            target: shadow.target.clone(),
            beside: Beside { request: flight.event.id.clone(), purpose: Purpose::Shadow },
            timeout: None,
        }))
    }

    /// Makes the copy in the background and throws its answer away.
    pub fn begin(self) {
        let copies = &self.0.worker.copies;
        if copies.get() >= MOST_COPIES {
            return;
        }
        copies.set(copies.get() + 1);
        actix_web::rt::spawn(async move {
            let worker = self.0.worker.clone();
            if let Ok(answer) = self.0.run().await {
                drain(answer).await;
            }
            worker.copies.set(worker.copies.get() - 1);
        });
    }
}

/// Reads an answer to its end, so that all of it is metered.
async fn drain(answer: HttpResponse) {
    let mut body = pin!(answer.into_body());
    while let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {}
}

/// A request for the vectors of some texts, in OpenAI's words.
pub fn embeddings(model: &str, texts: &[&str], key: &ApiKey) -> Result<Inspected, GatewayError> {
    let body = serde_json::json!({ "model": model, "input": texts, "encoding_format": "float" });
    let api = crate::formats::facts::Api::Embeddings;
    let request: Request =
        crate::formats::understand::understand(api, Default::default(), body.to_string().into())?;
    guards::inspect(&key.tenant, request, &mut Vec::new())
}
