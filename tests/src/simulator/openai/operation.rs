//! What there is behind the addresses of OpenAI and Azure.

use hyper::Response;

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::{chat, embeddings, responses};
use super::{completions, images, moderations, rerank, speech, transcriptions};

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A chat.
    Chat,
    /// A text that goes on.
    Completions,
    /// A response.
    Responses,
    /// Vectors.
    Embeddings,
    /// A judgement.
    Moderations,
    /// Documents by their relevance; not at OpenAI itself.
    Rerank,
    /// Pictures.
    Images,
    /// Changed pictures.
    ImageEdits,
    /// A sound of a text.
    Speech,
    /// The text of a sound.
    Transcriptions,
    /// The same in English.
    Translations,
}

impl Operation {
    /// What a path behind `v1/` or a deployment leads to.
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "chat/completions" => Self::Chat,
            "completions" => Self::Completions,
            "responses" => Self::Responses,
            "embeddings" => Self::Embeddings,
            "moderations" => Self::Moderations,
            "rerank" => Self::Rerank,
            "images/generations" => Self::Images,
            "images/edits" => Self::ImageEdits,
            "audio/speech" => Self::Speech,
            "audio/transcriptions" => Self::Transcriptions,
            "audio/translations" => Self::Translations,
            _ => return None,
        })
    }

    /// Whether its body is a form instead of JSON.
    pub const fn takes_form(self) -> bool {
        matches!(self, Self::ImageEdits | Self::Transcriptions | Self::Translations)
    }

    /// Answers a call.
    pub async fn answer(self, call: Call) -> Result<Response<Body>, Cut> {
        match self {
            Self::Chat => chat::answer(call).await,
            Self::Completions => completions::answer(call).await,
            Self::Responses => responses::answer(call).await,
            Self::Embeddings => embeddings::answer(call).await,
            Self::Moderations => moderations::answer(call).await,
            Self::Rerank => rerank::answer(call).await,
            Self::Images => images::answer(call, false).await,
            Self::ImageEdits => images::answer(call, true).await,
            Self::Speech => speech::answer(call).await,
            Self::Transcriptions => transcriptions::answer(call, "transcribe").await,
            Self::Translations => transcriptions::answer(call, "translate").await,
        }
    }
}
