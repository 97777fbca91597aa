//! Everything that is no conversation: counts, vectors, scores, images, sounds, moderations.

use super::{Dispatch, Reading, Received, Sender};
use crate::{
    formats::{
        anthropic,
        conversation::{Fault, Fit, Reported},
        embeddings::{
            self, EmbeddingAnswer, EmbeddingCalls, EmbeddingPath, EmbeddingRequest, EmbeddingWire,
        },
        facts::Api,
        gemini, media,
        mistake::Mistake,
        rerank::{self, RerankRequest, RerankWire},
        rewrite::{self, Changes},
    },
    routing::Step,
    tokens,
    upstream::operation::Operation,
};
use bytes::Bytes;
use tollgate_contract::provider::{Provider, ProviderKind, Wire};

/// How vectors are read.
#[derive(Debug)]
pub struct EmbeddingReading {
    wire: EmbeddingWire,
    api: Api,
    request: EmbeddingRequest,
}

/// How scores are read.
#[derive(Debug)]
pub struct RerankReading {
    request: RerankRequest,
    id: String,
}

impl EmbeddingReading {
    /// Puts the answers of all calls together.
    pub fn whole(&self, received: &[Received]) -> Result<(Bytes, Reported), Fault> {
        let bodies: Vec<Bytes> = received.iter().map(|one| one.body.clone()).collect();
        let head_tokens: Vec<_> = received.iter().map(|one| one.head_tokens).collect();
        let answer = embeddings::read_answer(self.wire, &bodies, &head_tokens, &self.request)?;
        Ok((self.written(&answer).into(), answer.usage))
    }

    fn written(&self, answer: &EmbeddingAnswer) -> Vec<u8> {
        match self.api {
            Api::GeminiEmbed => embeddings::write_gemini(answer, false),
            Api::GeminiBatchEmbed => embeddings::write_gemini(answer, true),
            _ => embeddings::write_openai(&self.request, answer),
        }
    }
}

impl RerankReading {
    /// Reads the answer.
    pub fn whole(&self, body: &[u8]) -> Result<(Bytes, Reported), Fault> {
        let answer = rerank::read_answer(body, &self.request)?;
        let out = rerank::write_answer(&self.request, &answer, &self.id);
        Ok((out.into(), answer.usage))
    }
}

impl Sender<'_> {
    /// A count of a prompt's tokens: by the provider where it has the same count, else here.
    pub(super) fn count(&self, step: &Step, provider: &Provider) -> Result<Dispatch, Mistake> {
        let api = self.request.api;
        let own = match (api, provider.kind.wire()) {
            (Api::CountTokens, Wire::Anthropic) => Some(Operation::CountTokens),
            (Api::GeminiCount, Wire::Gemini) => Some(Operation::GeminiCount),
            _ => None,
        };
        if let Some(operation) = own {
            let changes = Changes {
                upstream_model: step.target.upstream_model(),
                max_output: None,
                ask_usage: false,
                edits: &[],
            };
            let body = rewrite::rewrite(self.request, changes);
            let mut dispatch =
                Dispatch::json(operation, body, Reading::Media { api, told: Box::default() });
            if api == Api::CountTokens {
                dispatch.headers = self.request.head.forwarded.clone();
                if !dispatch.headers.iter().any(|(name, _)| name == "anthropic-version") {
                    dispatch
                        .headers
                        .push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
                }
            }
            return Ok(dispatch);
        }
        let counted = tokens::of_prompt(self.conversation()?);
        let answer = match api {
            Api::CountTokens => anthropic::write_count_answer(counted),
            _ => gemini::write_count_answer(counted),
        };
        let mut dispatch =
            Dispatch::json(Operation::Chat, Bytes::new(), Reading::Counted(answer.into()));
        dispatch.bodies.clear();
        Ok(dispatch)
    }

    /// Vectors. OpenAI's request to a provider that speaks the same keeps its bytes.
    pub(super) fn embed(&self, step: &Step, provider: &Provider) -> Result<Dispatch, Mistake> {
        let api = self.request.api;
        let wire = embedding_wire(provider, step.target.upstream_model());
        if api == Api::Embeddings && wire == EmbeddingWire::Openai {
            return self
                .pass(step, provider)
                .map(|dispatch| Dispatch { reading: Reading::Openai, ..dispatch });
        }
        let (body, model) = (&self.request.body, &self.request.facts.model);
        let request = match api {
            Api::GeminiEmbed => embeddings::read_gemini(body, model)?,
            Api::GeminiBatchEmbed => embeddings::read_gemini_batch(body, model)?,
            _ => embeddings::read_openai(body)?,
        };
        let fit = Fit::new(self.facts(step, provider, &[]));
        let EmbeddingCalls { calls, dropped } = embeddings::calls(&request, wire, fit)?;
        let operation = match calls.first().map(|call| call.path) {
            Some(EmbeddingPath::EmbedContent) => Operation::EmbedContent,
            Some(EmbeddingPath::BatchEmbedContents) => Operation::BatchEmbedContents,
            Some(EmbeddingPath::Predict) => Operation::Predict,
            Some(EmbeddingPath::CohereEmbed) => Operation::CohereEmbed,
            Some(EmbeddingPath::Invoke) => Operation::Invoke,
            Some(EmbeddingPath::Embeddings) | None => Operation::Embeddings,
        };
        let reading = Reading::Embeddings(Box::new(EmbeddingReading { wire, api, request }));
        let mut dispatch = Dispatch::json(operation, Bytes::new(), reading);
        dispatch.bodies = calls.into_iter().map(|call| call.body).collect();
        dispatch.dropped = dropped;
        Ok(dispatch)
    }

    /// Scores.
    pub(super) fn rerank(&self, step: &Step, provider: &Provider) -> Result<Dispatch, Mistake> {
        let request = rerank::read_request(&self.request.body)?;
        let (wire, operation) = match provider.kind {
            kind if kind.wire() == Wire::Cohere => (RerankWire::Cohere, Operation::CohereRerank),
            kind if kind.name() == "voyage" => (RerankWire::Voyage, Operation::Rerank),
            _ => (RerankWire::Common, Operation::Rerank),
        };
        let fit = Fit::new(self.facts(step, provider, &[]));
        let outgoing = rerank::write_request(&request, wire, fit)?;
        let reading =
            Reading::Rerank(Box::new(RerankReading { request, id: format!("rerank-{}", self.id) }));
        let mut dispatch = Dispatch::json(operation, outgoing.body, reading);
        dispatch.dropped = outgoing.dropped;
        Ok(dispatch)
    }

    /// What passes as it is, but for the model's name.
    pub(super) fn pass(&self, step: &Step, _: &Provider) -> Result<Dispatch, Mistake> {
        let api = self.request.api;
        let operation = match api {
            Api::Embeddings => Operation::Embeddings,
            Api::Moderations => Operation::Moderations,
            Api::Images => Operation::Images,
            Api::ImageEdits => Operation::ImageEdits,
            Api::Speech => Operation::Speech,
            Api::Transcriptions => Operation::Transcriptions,
            _ => Operation::Translations,
        };
        let model = step.target.upstream_model();
        let told = match api {
            Api::Speech => media::usage_of_speech(&self.request.body),
            _ => Reported::default(),
        };
        let mut dispatch =
            Dispatch::json(operation, Bytes::new(), Reading::Media { api, told: Box::new(told) });
        dispatch.bodies = vec![if api.is_multipart() {
            media::with_model(self.request, model)
        } else {
            let changes =
                Changes { upstream_model: model, max_output: None, ask_usage: false, edits: &[] };
            rewrite::rewrite(self.request, changes)
        }];
        if let Some(content_type) = &self.request.head.content_type {
            dispatch.content_type.clone_from(content_type);
        }
        Ok(dispatch)
    }
}

/// How a target takes inputs for vectors.
fn embedding_wire(provider: &Provider, model: &str) -> EmbeddingWire {
    match provider.kind.wire() {
        Wire::Openai | Wire::Anthropic => EmbeddingWire::Openai,
        Wire::Cohere => EmbeddingWire::Cohere,
        Wire::Bedrock if model.contains("cohere.") => EmbeddingWire::BedrockCohere,
        Wire::Bedrock => EmbeddingWire::BedrockTitan,
        // The second generation has left `predict` behind.
        Wire::Gemini if provider.kind == ProviderKind::Vertex && model.contains("embedding-2") => {
            EmbeddingWire::VertexEmbed
        }
        Wire::Gemini if provider.kind == ProviderKind::Vertex => EmbeddingWire::VertexPredict,
        Wire::Gemini => EmbeddingWire::Gemini,
    }
}
