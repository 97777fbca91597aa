//! Requests for an answer: in their own format, or translated.

use super::{Dispatch, Reading, Sender, Translation};
use crate::{
    formats::{
        anthropic, bedrock, cohere,
        conversation::{Conversation, Effort, Fit, Format, Outgoing},
        facts::{Api, Request},
        gemini,
        mistake::Mistake,
        openai_chat::{self, Dialect, dialect},
        openai_responses,
        rewrite::{self, Changes},
        stream::Asked,
    },
    responses::Continued,
    routing::Step,
    upstream::operation::Operation,
};
use bytes::Bytes;
use tollgate_contract::provider::{Provider, ProviderKind, Wire};

/// Reads a request into the internal form.
pub fn read(request: &Request) -> Result<Conversation, Mistake> {
    let body = &request.body;
    match request.api {
        Api::Completions => openai_chat::completions::read_request(body),
        Api::Responses => openai_responses::read_request(body),
        Api::Messages => {
            let header = |name: &str| {
                let mut all = request.head.forwarded.iter();
                all.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
            };
            let betas: Vec<&str> = header("anthropic-beta")
                .map(|all| all.split(',').map(str::trim).collect())
                .unwrap_or_default();
            anthropic::read_request(body, header("anthropic-version"), &betas)
        }
        Api::CountTokens => anthropic::read_count_request(body),
        Api::Generate => gemini::read_request(body, &request.facts.model, request.facts.stream),
        Api::GeminiCount => gemini::read_count_request(body, &request.facts.model),
        _ => openai_chat::read_request(body),
    }
}

/// The format in which a target takes a conversation.
fn format_of(request: &Request, provider: &Provider, step: &Step) -> Format {
    let model = step.target.upstream_model();
    match provider.kind.wire() {
        Wire::Openai if speaks_responses(request, provider, step) => Format::OpenaiResponses,
        Wire::Openai => Format::OpenaiChat,
        Wire::Anthropic => Format::Anthropic,
        Wire::Gemini if is_claude_on_vertex(provider.kind, model) => Format::Anthropic,
        Wire::Gemini => Format::Gemini,
        Wire::Bedrock => Format::Bedrock,
        Wire::Cohere => Format::Cohere,
    }
}

/// Responses go to a provider that has them; a model that is served there only gets everything there, and one that
/// would have to call functions without reasoning elsewhere gets those.
fn speaks_responses(request: &Request, provider: &Provider, step: &Step) -> bool {
    let model = step.target.upstream_model();
    let wants = || {
        let functions = request.facts.tools && request.api == Api::Chat;
        functions && dialect::openai::wants_responses(model, effort_of(request), &efforts_of(step))
    };
    provider.kind.serves("responses")
        && (request.api == Api::Responses || step.model.responses_only || wants())
}

/// The effort that a request of OpenAI's chat asks for.
fn effort_of(request: &Request) -> Option<Effort> {
    let members = rewrite::members(request);
    let asked = members.iter().find(|member| member.name == "reasoning_effort")?;
    Effort::from_word(asked.value.trim_matches('"'))
}

fn is_claude_on_vertex(kind: ProviderKind, model: &str) -> bool {
    kind == ProviderKind::Vertex
        && model.rsplit('/').next().is_some_and(|name| name.starts_with("claude"))
}

impl Sender<'_> {
    /// Prepares a request for an answer.
    pub(super) fn generate(&self, step: &Step, provider: &Provider) -> Result<Dispatch, Mistake> {
        let api = self.request.api;
        let format = format_of(self.request, provider, step);
        if api == Api::Completions && provider.kind.serves("completions") {
            return Ok(self.same(Operation::Completions, Reading::Openai, step, "max_tokens"));
        }
        if api != Api::Completions && api.format() == Some(format) {
            match format {
                Format::OpenaiChat => {
                    if let Some(dispatch) = self.same_openai(step, provider) {
                        return Ok(dispatch);
                    }
                }
                Format::OpenaiResponses
                    if self.continued != Continued::Here
                        && !openai_responses::state::has_foreign_items(&self.request.body) =>
                {
                    let reading = Reading::Same(Format::OpenaiResponses);
                    let field = "max_output_tokens";
                    return Ok(self.same(Operation::Responses, reading, step, field));
                }
                Format::Anthropic => return Ok(self.same_anthropic(step, provider)),
                Format::Gemini => {
                    let operation = if self.request.facts.stream {
                        Operation::GenerateStream
                    } else {
                        Operation::Generate
                    };
                    let field = "generationConfig.maxOutputTokens";
                    // An array of answers is made of events.
                    if !self.request.head.array {
                        return Ok(self.same(operation, Reading::Same(format), step, field));
                    }
                }
                Format::OpenaiResponses | Format::Bedrock | Format::Cohere => {}
            }
        }
        self.translated(step, provider, format)
    }

    /// A body of the provider's own format, with the model and the limit put in.
    fn same(
        &self,
        operation: Operation,
        reading: Reading,
        step: &Step,
        field: &'static str,
    ) -> Dispatch {
        let changes = Changes {
            upstream_model: step.target.upstream_model(),
            max_output: self.max_output.map(|number| (number, field)),
            ask_usage: operation == Operation::Completions,
            edits: &[],
        };
        Dispatch::json(operation, rewrite::rewrite(self.request, changes), reading)
    }

    /// `None` where only the internal form can bring the body into the provider's dialect.
    fn same_openai(&self, step: &Step, provider: &Provider) -> Option<Dispatch> {
        let dialect = Dialect::of(provider.kind)?;
        let mut dispatch = Dispatch::json(Operation::Chat, Bytes::new(), Reading::Openai);
        let efforts = efforts_of(step);
        let facts = self.facts(step, provider, &efforts);
        let plan = dialect.plan(&rewrite::members(self.request), &facts);
        if plan.whole {
            return None;
        }
        (dispatch.dropped, dispatch.clamped) = (plan.dropped, plan.clamped);
        let changes = Changes {
            upstream_model: step.target.upstream_model(),
            max_output: self.max_output.map(|number| (number, dialect.max_output_field)),
            ask_usage: dialect.asks_usage,
            edits: &plan.edits,
        };
        dispatch.bodies = vec![rewrite::rewrite(self.request, changes)];
        Some(dispatch)
    }

    fn same_anthropic(&self, step: &Step, provider: &Provider) -> Dispatch {
        let mut dispatch = self.same(
            messages_of(self.request),
            Reading::Same(Format::Anthropic),
            step,
            "max_tokens",
        );
        dispatch.headers = self.request.head.forwarded.clone();
        if provider.kind == ProviderKind::Vertex {
            for body in &mut dispatch.bodies {
                *body = anthropic::for_vertex(body).into();
            }
        } else if !dispatch.headers.iter().any(|(name, _)| name == "anthropic-version") {
            dispatch.headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
        }
        dispatch
    }

    /// A body of another format.
    fn translated(
        &self,
        step: &Step,
        provider: &Provider,
        format: Format,
    ) -> Result<Dispatch, Mistake> {
        let conversation = self.conversation()?;
        let efforts = efforts_of(step);
        let facts = self.facts(step, provider, &efforts);
        let fit = Fit::new(facts);
        let stream = self.request.facts.stream;
        let choose = |plain, streamed| if stream { streamed } else { plain };
        let mut headers = Vec::new();
        let (operation, outgoing): (_, Outgoing) = match format {
            Format::OpenaiChat => (Operation::Chat, openai_chat::write_request(conversation, fit)?),
            Format::OpenaiResponses => {
                (Operation::Responses, openai_responses::write_request(conversation, fit)?)
            }
            Format::Anthropic => {
                let version = anthropic::api_version(conversation, &facts);
                headers.push(("anthropic-version".to_owned(), version.to_owned()));
                (messages_of(self.request), anthropic::write_request(conversation, fit)?)
            }
            Format::Gemini => (
                choose(Operation::Generate, Operation::GenerateStream),
                gemini::write_request(conversation, fit)?,
            ),
            Format::Bedrock => (
                choose(Operation::Converse, Operation::ConverseStream),
                bedrock::write_request(conversation, fit)?,
            ),
            Format::Cohere => (Operation::CohereChat, cohere::write_request(conversation, fit)?),
        };
        let mut body = outgoing.body;
        if format == Format::Anthropic && provider.kind == ProviderKind::Vertex {
            body = anthropic::for_vertex(&body).into();
            headers.clear();
        }
        let reading = Reading::Translated(Box::new(Translation {
            from: format,
            kind: provider.kind,
            to: self.request.api,
            array: self.request.head.array,
            names: outgoing.names,
            asked: self.asked(conversation.clone()),
        }));
        let mut dispatch = Dispatch::json(operation, body, reading);
        dispatch.headers = headers;
        dispatch.dropped = outgoing.dropped;
        dispatch.clamped = outgoing.clamped;
        Ok(dispatch)
    }

    pub(super) fn asked(&self, conversation: std::sync::Arc<Conversation>) -> Asked {
        Asked {
            id: self.id.to_owned(),
            created: self.created,
            model: self.request.facts.model.clone(),
            include_usage: self.request.facts.include_usage,
            conversation,
        }
    }
}

fn messages_of(request: &Request) -> Operation {
    if request.facts.stream { Operation::MessagesStream } else { Operation::Messages }
}

/// The efforts that the model is known to take.
fn efforts_of(step: &Step) -> Vec<Effort> {
    step.model.reasoning_efforts.iter().filter_map(|word| Effort::from_word(word)).collect()
}
