//! How the answer to a dispatch is read, and what the app gets of it.

use super::other::{EmbeddingReading, RerankReading};
use crate::{
    formats::{
        anthropic, bedrock, cohere,
        conversation::{Answer, Fault, FaultKind, Format, Names, Part, PartKind, Reported},
        facts::Api,
        gemini, media,
        openai_chat::{self, Dialect, answer as openai},
        openai_responses,
        stream::Asked,
    },
    upstream::error::UpstreamError,
};
use bytes::Bytes;
use tollgate_contract::{provider::ProviderKind, usage::Usage};

/// How an answer is read.
#[derive(Debug)]
pub enum Reading {
    /// OpenAI's format on both sides: the bytes pass.
    Openai,
    /// Another format, the same on both sides: the bytes pass and are read along.
    Same(Format),
    /// One format on the provider's side, another on the app's.
    Translated(Box<Translation>),
    /// Images, sounds, moderations, counts: the bytes pass.
    Media {
        /// Which API.
        api: Api,
        /// What the request itself says of its usage (speech).
        told: Box<Reported>,
    },
    /// Vectors.
    Embeddings(Box<EmbeddingReading>),
    /// Scores.
    Rerank(Box<RerankReading>),
    /// No call is needed: the answer is here.
    Counted(Bytes),
}

/// What lies between two formats.
#[derive(Debug)]
pub struct Translation {
    /// The provider's format.
    pub from: Format,
    /// The provider's kind: its dialect.
    pub kind: ProviderKind,
    /// The app's API.
    pub to: Api,
    /// Whether a Gemini stream is to be one JSON array.
    pub array: bool,
    /// Names to change back.
    pub names: Names,
    /// What the app asked for.
    pub asked: Asked,
}

/// A whole answer, as the app gets it, and what the gateway has to know of it.
#[derive(Debug, Default)]
pub struct Whole {
    /// The body.
    pub body: Bytes,
    /// Its content type, where it is not the provider's.
    pub content_type: Option<&'static str>,
    /// The provider's count.
    pub usage: Option<Usage>,
    /// Whether it gave a usage that could not be believed.
    pub usage_refused: bool,
    /// Bytes of text, for our own count where there is no usage.
    pub text_bytes: u64,
    /// Whether there is nothing to charge tokens for.
    pub no_tokens: bool,
}

impl Whole {
    fn of(body: Bytes, reported: Reported, text_bytes: u64) -> Self {
        Self {
            body,
            usage: reported.billed,
            usage_refused: reported.refused && reported.billed.is_none(),
            text_bytes,
            ..Self::default()
        }
    }

    fn json(self) -> Self {
        Self { content_type: Some("application/json"), ..self }
    }
}

/// A body of a provider, with what its head says of its tokens.
#[derive(Debug)]
pub struct Received {
    /// The body.
    pub body: Bytes,
    /// Prompt tokens, where the head tells them (Bedrock).
    pub head_tokens: Option<u64>,
}

impl Reading {
    /// Reads whole bodies, one for each that was sent.
    pub fn whole(&self, received: Vec<Received>) -> Result<Whole, UpstreamError> {
        let first = received.first().map(|first| first.body.clone()).unwrap_or_default();
        match self {
            Self::Openai => match openai::read(&first) {
                openai::Answer::Error(message) => Err(UpstreamError::InBand(message)),
                openai::Answer::Garbage => Err(UpstreamError::Garbage),
                openai::Answer::Good { usage, usage_refused, text_bytes } => {
                    Ok(Whole { body: first, usage, usage_refused, text_bytes, ..Whole::default() })
                }
            },
            Self::Same(format) => {
                let answer = read_answer(*format, None, &first)?;
                Ok(Whole::of(first, answer.usage, text_bytes(&answer)))
            }
            Self::Translated(translation) => {
                let Translation { from, kind, to, names, asked, .. } = &**translation;
                let mut answer = read_answer(*from, Some(*kind), &first)?;
                names.restore_answer(&mut answer);
                let body = write_answer(*to, &answer, asked);
                Ok(Whole::of(body.into(), answer.usage, text_bytes(&answer)).json())
            }
            Self::Media { api, told } => media_answer(*api, **told, first),
            Self::Embeddings(reading) => {
                let (body, reported) = reading.whole(&received)?;
                Ok(Whole::of(body, reported, 0).json())
            }
            Self::Rerank(reading) => {
                let (body, reported) = reading.whole(&first)?;
                Ok(Whole::of(body, reported, 0).json())
            }
            Self::Counted(body) => {
                Ok(Whole { body: body.clone(), no_tokens: true, ..Whole::default() }.json())
            }
        }
    }
}

impl From<Fault> for UpstreamError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::Garbage => Self::Garbage,
            FaultKind::Truncated => Self::Broken(fault.message),
            FaultKind::Reported | FaultKind::Overloaded | FaultKind::RateLimited => {
                Self::InBand(fault.message)
            }
        }
    }
}

fn read_answer(
    format: Format,
    kind: Option<ProviderKind>,
    body: &[u8],
) -> Result<Answer, UpstreamError> {
    let read = match format {
        Format::OpenaiChat => {
            let dialect = kind.and_then(Dialect::of);
            openai_chat::read_answer_with_tags(
                body,
                dialect.is_some_and(|dialect| dialect.think_tags),
            )
        }
        Format::OpenaiResponses => openai_responses::read_answer(body),
        Format::Anthropic => anthropic::read_answer(body),
        Format::Gemini => gemini::read_answer(body),
        Format::Bedrock => bedrock::read_answer(body),
        Format::Cohere => cohere::read_answer(body),
    };
    Ok(read?)
}

fn write_answer(api: Api, answer: &Answer, asked: &Asked) -> Vec<u8> {
    match api {
        Api::Completions => openai_chat::completions::write_answer(answer, asked),
        Api::Responses => openai_responses::write_answer(answer, asked),
        Api::Messages => anthropic::write_answer(answer, asked),
        Api::Generate => gemini::write_answer(answer, asked),
        _ => openai_chat::write_answer(answer, asked),
    }
}

/// Bytes of what was said, for our own count.
fn text_bytes(answer: &Answer) -> u64 {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) | PartKind::Refusal(text) => text.len(),
        PartKind::Reasoning { text, .. } => text.len(),
        PartKind::ToolCall { name, arguments, .. } => name.len() + arguments.len(),
        _ => 0,
    };
    answer.choices.iter().flat_map(|choice| &choice.parts).map(|it| part(it) as u64).sum()
}

/// What passes as it is must at least be no error in the clothes of a good answer.
fn media_answer(api: Api, told: Reported, body: Bytes) -> Result<Whole, UpstreamError> {
    if api == Api::Moderations || api.counts() {
        return match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
            Ok(_) => Ok(Whole { body, no_tokens: true, ..Whole::default() }),
            Err(_) => Err(UpstreamError::Garbage),
        };
    }
    let mut reported = told;
    reported.update(media::read_usage(api, &body));
    Ok(Whole::of(body, reported, 0))
}
