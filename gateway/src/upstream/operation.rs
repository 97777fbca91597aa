//! What is called at a provider, and where each kind of provider has it.

use crate::formats::{bedrock, conversation::Format};
use tollgate_contract::provider::{Provider, ProviderKind, Wire};

/// One thing that a provider can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// OpenAI `/chat/completions`.
    Chat,
    /// OpenAI `/completions`.
    Completions,
    /// OpenAI `/responses`.
    Responses,
    /// OpenAI `/embeddings`.
    Embeddings,
    /// OpenAI `/moderations`.
    Moderations,
    /// `/rerank` beside OpenAI's paths.
    Rerank,
    /// OpenAI `/images/generations`.
    Images,
    /// OpenAI `/images/edits`.
    ImageEdits,
    /// OpenAI `/audio/speech`.
    Speech,
    /// OpenAI `/audio/transcriptions`.
    Transcriptions,
    /// OpenAI `/audio/translations`.
    Translations,
    /// Anthropic `/v1/messages`.
    Messages,
    /// The same, streamed: another address at Vertex.
    MessagesStream,
    /// Anthropic `/v1/messages/count_tokens`.
    CountTokens,
    /// Gemini `:generateContent`.
    Generate,
    /// Gemini `:streamGenerateContent`, as events.
    GenerateStream,
    /// Gemini `:countTokens`.
    GeminiCount,
    /// Gemini `:embedContent`.
    EmbedContent,
    /// Gemini `:batchEmbedContents`.
    BatchEmbedContents,
    /// Vertex `:predict`.
    Predict,
    /// Bedrock `converse`.
    Converse,
    /// Bedrock `converse-stream`.
    ConverseStream,
    /// Bedrock `invoke`.
    Invoke,
    /// Cohere `/v2/chat`.
    CohereChat,
    /// Cohere `/v2/embed`.
    CohereEmbed,
    /// Cohere `/v2/rerank`.
    CohereRerank,
}

impl Operation {
    /// How many there are.
    pub const COUNT: usize = Self::CohereRerank as usize + 1;

    /// What follows the base URL of a provider that speaks OpenAI's format.
    const fn openai_path(self) -> Option<&'static str> {
        Some(match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
            Self::Moderations => "/moderations",
            Self::Rerank => "/rerank",
            Self::Images => "/images/generations",
            Self::ImageEdits => "/images/edits",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
            _ => return None,
        })
    }

    /// The verb behind the model's name in Google's addresses.
    const fn verb(self) -> Option<&'static str> {
        Some(match self {
            Self::Generate => "generateContent",
            Self::GenerateStream => "streamGenerateContent?alt=sse",
            Self::GeminiCount => "countTokens",
            Self::EmbedContent => "embedContent",
            Self::BatchEmbedContents => "batchEmbedContents",
            Self::Predict => "predict",
            Self::Messages => "rawPredict",
            Self::MessagesStream => "streamRawPredict",
            _ => return None,
        })
    }

    /// The format in which errors come back from it.
    pub const fn format(self, wire: Wire) -> Format {
        match self {
            Self::Messages | Self::MessagesStream | Self::CountTokens => Format::Anthropic,
            Self::Responses => Format::OpenaiResponses,
            _ => match wire {
                Wire::Openai => Format::OpenaiChat,
                Wire::Anthropic => Format::Anthropic,
                Wire::Gemini => Format::Gemini,
                Wire::Bedrock => Format::Bedrock,
                Wire::Cohere => Format::Cohere,
            },
        }
    }

    /// Its address at a provider; `None` where the provider has no such thing. What the project of a Vertex provider
    /// is, its key may have to say.
    pub fn url(self, provider: &Provider, model: &str, project: Option<&str>) -> Option<String> {
        let base = &provider.base_url;
        match provider.kind.wire() {
            Wire::Openai => self.openai_url(provider, model),
            Wire::Anthropic => {
                let path = match self {
                    Self::Messages | Self::MessagesStream => "/v1/messages",
                    Self::CountTokens => "/v1/messages/count_tokens",
                    _ => return None,
                };
                Some(format!("{base}{path}"))
            }
            Wire::Gemini if provider.kind == ProviderKind::Vertex => {
                self.vertex_url(provider, model, project)
            }
            Wire::Gemini => {
                let name = model.strip_prefix("models/").unwrap_or(model);
                Some(format!("{base}/v1beta/models/{}:{}", segment(name), self.verb()?))
            }
            Wire::Bedrock => {
                let verb = match self {
                    Self::Converse => "converse",
                    Self::ConverseStream => "converse-stream",
                    Self::Invoke => "invoke",
                    _ => return None,
                };
                Some(format!("{base}{}", bedrock::path(model, verb)))
            }
            Wire::Cohere => {
                let path = match self {
                    Self::CohereChat => "/v2/chat",
                    Self::CohereEmbed => "/v2/embed",
                    Self::CohereRerank => "/v2/rerank",
                    _ => return None,
                };
                Some(format!("{base}{path}"))
            }
        }
    }

    fn openai_url(self, provider: &Provider, model: &str) -> Option<String> {
        let (base, path) = (&provider.base_url, self.openai_path()?);
        if provider.kind != ProviderKind::AzureOpenai {
            return Some(format!("{base}{path}"));
        }
        Some(match &provider.api_version {
            // The dated style has the deployment in the path, but for responses.
            Some(version) if self == Self::Responses => {
                format!("{base}/openai{path}?api-version={version}")
            }
            Some(version) => {
                let deployment = segment(model);
                format!("{base}/openai/deployments/{deployment}{path}?api-version={version}")
            }
            None => format!("{base}/openai/v1{path}"),
        })
    }

    fn vertex_url(self, provider: &Provider, model: &str, project: Option<&str>) -> Option<String> {
        let location = provider.location.as_deref().unwrap_or("global");
        let publisher = match self {
            Self::Messages | Self::MessagesStream => "anthropic",
            _ => "google",
        };
        let name = model.rsplit('/').next().unwrap_or(model);
        let verb = self.verb()?;
        let base = &provider.base_url;
        Some(match provider.project.as_deref().or(project) {
            Some(project) => format!(
                "{base}/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{}:{verb}",
                segment(name)
            ),
            // Express mode: an API key stands for the project.
            None => {
                format!("{base}/v1beta1/publishers/{publisher}/models/{}:{verb}", segment(name))
            }
        })
    }
}

/// A name as one segment of a path.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
