//! Makes a target's call out of the request: its own body and headers, with the files that it cannot fetch itself.

use super::{
    attempt::{Answered, Call},
    client::{Clients, Settings},
    error::UpstreamError,
    executor::Caller,
    fetch,
    health::TargetState,
};
use crate::{
    bounds,
    dispatch::{self, Sender},
    formats::{conversation::Conversation, facts::Request, mistake::Mistake},
    guards::Inspected,
    meter::Meter,
    responses::Continued,
    routing::Step,
};
use std::{cell::OnceCell, sync::Arc};
use tokio::time::Instant;
use tollgate_contract::provider::ProviderKind;

/// What every call of a request has in common.
pub struct Sending<'s> {
    /// The worker's clients.
    pub clients: &'s Clients,
    /// The request; it passed the guards.
    pub request: &'s Inspected,
    /// The same in the internal form, made when it is first needed.
    pub conversation: &'s OnceCell<Arc<Conversation>>,
    /// What the request goes on from.
    pub continued: Continued,
    /// The same with the files that it links to.
    pub inlined: OnceCell<Arc<Conversation>>,
    /// The request's id.
    pub id: String,
    /// Seconds since 1970 when it came in.
    pub created: i64,
    /// The most answer tokens, where the gateway sets it.
    pub max_output: Option<u64>,
    /// The most answer tokens of all choices, if known.
    pub output_upper: Option<u64>,
}

impl Caller for Sending<'_> {
    async fn call(
        &self,
        step: &Step,
        state: &TargetState,
        slot: usize,
        deadline: Instant,
        meter: &mut Meter,
    ) -> Result<Answered, UpstreamError> {
        let client = self.clients.get(Settings {
            connect: step.timeouts.connect,
            allow_private: state.provider.allow_private_network,
            tls: state.uses_tls(),
        });
        let request = self.request.request();
        let linked = request.facts.unseen_parts && fetches_nothing(state.provider.kind);
        if linked && self.inlined.get().is_none() {
            let inlined = self.inline(request).await.map_err(UpstreamError::Unsupported)?;
            let _ = self.inlined.set(Arc::new(inlined));
        }
        let sender = Sender {
            request,
            conversation: if linked { &self.inlined } else { self.conversation },
            id: &self.id,
            created: self.created,
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
            request_id: &self.id,
            first_byte: step.first_byte,
            idle: step.timeouts.idle,
            deadline,
        };
        call.run(meter).await
    }

    fn meter(&self, step: &Step) -> Meter {
        let request = self.request.request();
        let facts = &request.facts;
        Meter {
            price: step.model.price.clone(),
            input_upper: facts.input_upper_bound(step.model.context_window),
            output_upper: self.output_upper,
            units_upper: bounds::most(request, 0, 0),
            input_estimate: facts.input_estimate(),
            ..Meter::default()
        }
    }

    fn streams(&self) -> bool {
        self.request.request().facts.stream
    }
}

impl Sending<'_> {
    async fn inline(&self, request: &Request) -> Result<Conversation, Mistake> {
        let conversation = match self.conversation.get() {
            Some(known) => known.clone(),
            None => Arc::new(dispatch::read(request)?),
        };
        fetch::inlined(self.clients, &conversation).await
    }
}

/// Providers that take files in the prompt only, never by a link.
const fn fetches_nothing(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::Bedrock | ProviderKind::Gemini | ProviderKind::Ollama)
}
