//! From a request to the call of one target: which operation, with which body, and how its answer is read.
//!
//! A request whose target speaks its own format keeps its bytes; any other goes through the internal form.

mod conversation;
mod other;
mod reading;

pub use conversation::read;
pub use reading::{Reading, Received, Translation, Whole};

use crate::{
    formats::{
        conversation::{Conversation, TargetFacts},
        facts::{Api, Request},
        mistake::Mistake,
    },
    responses::Continued,
    routing::Step,
    upstream::operation::Operation,
};
use bytes::Bytes;
use std::{cell::OnceCell, sync::Arc};
use tollgate_contract::provider::Provider;

/// A request on its way to one target.
#[derive(Debug)]
pub struct Dispatch {
    /// What to call.
    pub operation: Operation,
    /// The bodies: one, but for embeddings that a provider takes in portions. None: the answer needs no call.
    pub bodies: Vec<Bytes>,
    /// Their content type.
    pub content_type: String,
    /// Headers of the provider's format.
    pub headers: Vec<(String, String)>,
    /// How the answer is read.
    pub reading: Reading,
    /// Parameters that were left out.
    pub dropped: Vec<String>,
    /// Parameters that were brought into range.
    pub clamped: Vec<String>,
}

impl Dispatch {
    /// A call with one JSON body.
    fn json(operation: Operation, body: Bytes, reading: Reading) -> Self {
        Self {
            operation,
            bodies: vec![body],
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            reading,
            dropped: Vec::new(),
            clamped: Vec::new(),
        }
    }
}

/// What a dispatch depends on beside the target.
pub struct Sender<'s> {
    /// The request; it passed the guards.
    pub request: &'s Request,
    /// The request in the internal form, made when it is first needed.
    pub conversation: &'s OnceCell<Arc<Conversation>>,
    /// The request's id.
    pub id: &'s str,
    /// Seconds since 1970 when it came in.
    pub created: i64,
    /// The most answer tokens, where the gateway sets it.
    pub max_output: Option<u64>,
    /// What the request goes on from.
    pub continued: Continued,
    /// Whether a parameter that a target cannot honour is left out instead of refused.
    pub drop_unsupported: bool,
}

impl Sender<'_> {
    /// Prepares the call of a target. The mistake names a parameter that the target cannot honour.
    pub fn prepare(&self, step: &Step, provider: &Provider) -> Result<Dispatch, Mistake> {
        match self.request.api {
            Api::Chat | Api::Completions | Api::Responses | Api::Messages | Api::Generate => {
                self.generate(step, provider)
            }
            Api::CountTokens | Api::GeminiCount => self.count(step, provider),
            Api::Embeddings | Api::GeminiEmbed | Api::GeminiBatchEmbed => {
                self.embed(step, provider)
            }
            Api::Rerank => self.rerank(step, provider),
            Api::Moderations
            | Api::Images
            | Api::ImageEdits
            | Api::Speech
            | Api::Transcriptions
            | Api::Translations => self.pass(step, provider),
        }
    }

    /// The request in the internal form.
    pub fn conversation(&self) -> Result<&Arc<Conversation>, Mistake> {
        if let Some(known) = self.conversation.get() {
            return Ok(known);
        }
        let read = conversation::read(self.request)?;
        Ok(self.conversation.get_or_init(|| Arc::new(read)))
    }

    /// What the writers have to know of the target.
    fn facts<'f>(
        &self,
        step: &'f Step,
        provider: &Provider,
        efforts: &'f [crate::formats::conversation::Effort],
    ) -> TargetFacts<'f> {
        let model = &step.model;
        let can =
            |word: &str| model.capabilities.as_ref().filter(|all| all.contains(word)).map(|_| true);
        TargetFacts {
            max_output: self.max_output,
            model_max_output: model.max_output,
            sampling_params: model.sampling_params,
            forced_tool_use: model.forced_tool_use,
            adaptive_thinking: model.adaptive_thinking,
            thinking_always_on: model.thinking_always_on,
            efforts,
            reasoning: can("reasoning"),
            json_schema: can("json_schema"),
            drop_unsupported: self.drop_unsupported,
            ..TargetFacts::new(provider.kind, step.target.upstream_model())
        }
    }
}
