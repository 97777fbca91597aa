//! Kinds of providers, as rows of data: where each is found, how it is spoken to, and what it can be asked for. Facts of
//! the providers' documentation on one day. How their requests differ in detail is not here but with the formats.

use serde::{Deserialize, Serialize};

/// The format in which a kind takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// OpenAI's chat completions, and what goes with them.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// Bedrock's Converse.
    Bedrock,
    /// Cohere's second version.
    Cohere,
}

/// How a kind wants a call to be authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer,
    /// `x-api-key`.
    XApiKey,
    /// `x-goog-api-key`.
    XGoogApiKey,
    /// `api-key`.
    ApiKey,
    /// AWS's signature, or a bearer token if the key is no pair.
    Aws,
    /// A token that Google gives for a service account, or `x-goog-api-key` if the key is none.
    GoogleServiceAccount,
    /// Not at all.
    None,
}

/// What is known of a kind.
struct Row {
    name: &'static str,
    label: &'static str,
    wire: Wire,
    auth: Auth,
    needs_key: bool,
    base_url: Option<&'static str>,
    catalog: &'static [&'static str],
    serves: &'static [&'static str],
}

/// Most kinds: a host that speaks OpenAI's format and wants a key.
const HOST: Row = Row {
    name: "",
    label: "",
    wire: Wire::Openai,
    auth: Auth::Bearer,
    needs_key: true,
    base_url: None,
    catalog: &[],
    serves: &["chat"],
};

/// A server that one runs oneself: it may want a key, and has no address of its own.
const SERVER: Row =
    Row { needs_key: false, serves: &["chat", "completions", "embeddings"], ..HOST };

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident { $($field:ident: $value:expr),+ $(,)? } ..$rest:ident;)+) => {
        /// A kind of provider: decides the wire format, the default base URL and the quirks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ProviderKind {
            $($(#[$doc])* $kind,)+
        }

        impl ProviderKind {
            /// All kinds, in the order in which a person may look for them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$kind => {
                        const ROW: Row = Row { $($field: $value,)+ ..$rest };
                        &ROW
                    })+
                }
            }
        }
    };
}

kinds! {
    /// api.openai.com.
    Openai {
        name: "openai", label: "OpenAI",
        base_url: Some("https://api.openai.com/v1"), catalog: &["openai"],
        serves: &["chat", "completions", "responses", "embeddings", "moderations", "images", "speech", "transcriptions"],
    } ..HOST;
    /// api.anthropic.com.
    Anthropic {
        name: "anthropic", label: "Anthropic", wire: Wire::Anthropic, auth: Auth::XApiKey,
        base_url: Some("https://api.anthropic.com"), catalog: &["anthropic"],
    } ..HOST;
    /// Google AI Studio.
    Gemini {
        name: "gemini", label: "Google Gemini", wire: Wire::Gemini, auth: Auth::XGoogApiKey,
        base_url: Some("https://generativelanguage.googleapis.com"), catalog: &["gemini"],
        serves: &["chat", "embeddings"],
    } ..HOST;
    /// Google Vertex AI, with Gemini and Claude. Its address follows from the location.
    Vertex {
        name: "vertex", label: "Google Vertex AI", wire: Wire::Gemini, auth: Auth::GoogleServiceAccount,
        catalog: &["vertex_ai"], serves: &["chat", "embeddings"],
    } ..HOST;
    /// Amazon Bedrock. Its address follows from the region.
    Bedrock {
        name: "bedrock", label: "Amazon Bedrock", wire: Wire::Bedrock, auth: Auth::Aws,
        catalog: &["bedrock", "bedrock_mantle"], serves: &["chat", "embeddings"],
    } ..HOST;
    /// Azure OpenAI: one resource, whose deployments are the models.
    AzureOpenai {
        name: "azure_openai", label: "Azure OpenAI", auth: Auth::ApiKey, catalog: &["azure", "azure_ai"],
        serves: &["chat", "completions", "responses", "embeddings", "images", "speech", "transcriptions"],
    } ..HOST;
    /// Azure AI Foundry: other makers' models.
    AzureAi {
        name: "azure_ai", label: "Azure AI Foundry", auth: Auth::ApiKey, catalog: &["azure_ai", "azure"],
        serves: &["chat", "responses", "embeddings", "images"],
    } ..HOST;
    /// Mistral.
    Mistral {
        name: "mistral", label: "Mistral", base_url: Some("https://api.mistral.ai/v1"), catalog: &["mistral"],
        serves: &["chat", "embeddings", "moderations", "transcriptions"],
    } ..HOST;
    /// Cohere.
    Cohere {
        name: "cohere", label: "Cohere", wire: Wire::Cohere, base_url: Some("https://api.cohere.com"),
        catalog: &["cohere"], serves: &["chat", "embeddings", "rerank"],
    } ..HOST;
    /// DeepSeek.
    Deepseek {
        name: "deepseek", label: "DeepSeek", base_url: Some("https://api.deepseek.com"), catalog: &["deepseek"],
    } ..HOST;
    /// xAI.
    Xai {
        name: "xai", label: "xAI", base_url: Some("https://api.x.ai/v1"), catalog: &["xai"],
        serves: &["chat", "responses", "images"],
    } ..HOST;
    /// Alibaba's DashScope, in Singapore: keys are per region, and the catalog's prices are this one's.
    Qwen {
        name: "qwen", label: "Alibaba Qwen (DashScope)",
        base_url: Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"), catalog: &["dashscope"],
        serves: &["chat", "embeddings"],
    } ..HOST;
    /// Moonshot (Kimi).
    Moonshot {
        name: "moonshot", label: "Moonshot (Kimi)", base_url: Some("https://api.moonshot.ai/v1"),
        catalog: &["moonshot"],
    } ..HOST;
    /// Z.ai (GLM).
    Zai {
        name: "zai", label: "Z.ai (GLM)", base_url: Some("https://api.z.ai/api/paas/v4"), catalog: &["zai"],
        serves: &["chat", "embeddings", "images"],
    } ..HOST;
    /// MiniMax.
    Minimax {
        name: "minimax", label: "MiniMax", base_url: Some("https://api.minimax.io/v1"), catalog: &["minimax"],
    } ..HOST;
    /// Volcengine Ark.
    Volcengine {
        name: "volcengine", label: "Volcengine Ark", base_url: Some("https://ark.cn-beijing.volces.com/api/v3"),
        serves: &["chat", "embeddings", "images"],
    } ..HOST;
    /// Groq.
    Groq {
        name: "groq", label: "Groq", base_url: Some("https://api.groq.com/openai/v1"), catalog: &["groq"],
        serves: &["chat", "speech", "transcriptions"],
    } ..HOST;
    /// Cerebras.
    Cerebras {
        name: "cerebras", label: "Cerebras", base_url: Some("https://api.cerebras.ai/v1"), catalog: &["cerebras"],
        serves: &["chat", "completions"],
    } ..HOST;
    /// Together.
    Together {
        name: "together", label: "Together AI", base_url: Some("https://api.together.xyz/v1"),
        catalog: &["together_ai"],
        serves: &["chat", "completions", "embeddings", "rerank", "images", "speech", "transcriptions"],
    } ..HOST;
    /// Fireworks.
    Fireworks {
        name: "fireworks", label: "Fireworks AI", base_url: Some("https://api.fireworks.ai/inference/v1"),
        catalog: &["fireworks_ai"], serves: &["chat", "completions", "embeddings", "rerank"],
    } ..HOST;
    /// DeepInfra.
    Deepinfra {
        name: "deepinfra", label: "DeepInfra", base_url: Some("https://api.deepinfra.com/v1/openai"),
        catalog: &["deepinfra"],
        serves: &["chat", "completions", "embeddings", "images", "speech", "transcriptions"],
    } ..HOST;
    /// SambaNova.
    Sambanova {
        name: "sambanova", label: "SambaNova", base_url: Some("https://api.sambanova.ai/v1"),
        catalog: &["sambanova"], serves: &["chat", "embeddings"],
    } ..HOST;
    /// Nebius.
    Nebius {
        name: "nebius", label: "Nebius", base_url: Some("https://api.studio.nebius.ai/v1"), catalog: &["nebius"],
        serves: &["chat", "completions", "embeddings", "images"],
    } ..HOST;
    /// Novita.
    Novita {
        name: "novita", label: "Novita", base_url: Some("https://api.novita.ai/v3/openai"), catalog: &["novita"],
        serves: &["chat", "completions", "embeddings"],
    } ..HOST;
    /// Hyperbolic.
    Hyperbolic {
        name: "hyperbolic", label: "Hyperbolic", base_url: Some("https://api.hyperbolic.xyz/v1"),
        catalog: &["hyperbolic"], serves: &["chat", "completions"],
    } ..HOST;
    /// AI21.
    Ai21 {
        name: "ai21", label: "AI21", base_url: Some("https://api.ai21.com/studio/v1"), catalog: &["ai21"],
    } ..HOST;
    /// Perplexity.
    Perplexity {
        name: "perplexity", label: "Perplexity", base_url: Some("https://api.perplexity.ai"),
        catalog: &["perplexity"],
    } ..HOST;
    /// NVIDIA NIM, hosted.
    NvidiaNim {
        name: "nvidia_nim", label: "NVIDIA NIM", base_url: Some("https://integrate.api.nvidia.com/v1"),
        serves: &["chat", "completions", "embeddings"],
    } ..HOST;
    /// Hugging Face's router over several hosts.
    Huggingface {
        name: "huggingface", label: "Hugging Face", base_url: Some("https://router.huggingface.co/v1"),
    } ..HOST;
    /// GitHub Models.
    GithubModels {
        name: "github_models", label: "GitHub Models", base_url: Some("https://models.github.ai/inference"),
        serves: &["chat", "embeddings"],
    } ..HOST;
    /// OpenRouter.
    Openrouter {
        name: "openrouter", label: "OpenRouter", base_url: Some("https://openrouter.ai/api/v1"),
        serves: &["chat", "completions", "embeddings"],
    } ..HOST;
    /// Vercel's gateway.
    Vercel {
        name: "vercel", label: "Vercel AI Gateway", base_url: Some("https://ai-gateway.vercel.sh/v1"),
        serves: &["chat", "embeddings"],
    } ..HOST;
    /// Voyage: embeddings and reranking.
    Voyage {
        name: "voyage", label: "Voyage AI", base_url: Some("https://api.voyageai.com/v1"), catalog: &["voyage"],
        serves: &["embeddings", "rerank"],
    } ..HOST;
    /// Jina: embeddings and reranking.
    Jina {
        name: "jina", label: "Jina AI", base_url: Some("https://api.jina.ai/v1"),
        serves: &["embeddings", "rerank"],
    } ..HOST;
    /// A vLLM server.
    Vllm {
        name: "vllm", label: "vLLM",
        serves: &["chat", "completions", "embeddings", "rerank", "transcriptions"],
    } ..SERVER;
    /// An SGLang server.
    Sglang {
        name: "sglang", label: "SGLang", serves: &["chat", "completions", "embeddings", "rerank"],
    } ..SERVER;
    /// Hugging Face's text-generation-inference.
    Tgi { name: "tgi", label: "TGI", serves: &["chat", "completions"] } ..SERVER;
    /// An Ollama server, by its OpenAI-compatible endpoint.
    Ollama { name: "ollama", label: "Ollama", base_url: Some("http://localhost:11434/v1") } ..SERVER;
    /// A llama.cpp server.
    LlamaCpp {
        name: "llama_cpp", label: "llama.cpp", serves: &["chat", "completions", "embeddings", "rerank"],
    } ..SERVER;
    /// LM Studio.
    LmStudio { name: "lm_studio", label: "LM Studio", base_url: Some("http://localhost:1234/v1") } ..SERVER;
    /// Any server that speaks OpenAI's format.
    OpenaiCompatible {
        name: "openai_compatible", label: "Compatible with OpenAI",
        serves: &["chat", "completions", "embeddings", "moderations", "rerank", "images", "speech", "transcriptions"],
    } ..SERVER;
}

impl ProviderKind {
    /// The name in the config document.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind with that name in the config document.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        self.row().label
    }

    /// The format in which it takes requests. Some models of Vertex take another.
    pub const fn wire(self) -> Wire {
        self.row().wire
    }

    /// How it wants a call to be authenticated.
    pub const fn auth(self) -> Auth {
        self.row().auth
    }

    /// Where the kind is found unless the config says otherwise. Bedrock's and Vertex's depend on where they are: see
    /// [`super::bedrock_url`] and [`super::vertex_url`].
    pub const fn default_base_url(self) -> Option<&'static str> {
        self.row().base_url
    }

    /// Whether a provider of this kind refuses calls without a key.
    pub const fn needs_key(self) -> bool {
        self.row().needs_key
    }

    /// Whether it has an API, itself or by translation: `chat`, `completions`, `responses`, `embeddings`,
    /// `moderations`, `rerank`, `images`, `speech` or `transcriptions`.
    pub fn serves(self, api: &str) -> bool {
        self.row().serves.contains(&api)
    }

    /// Its names in the catalog, the first that knows a model counts.
    pub const fn catalog(self) -> &'static [&'static str] {
        self.row().catalog
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_that_reads_back() {
        assert!(ProviderKind::ALL.len() >= 40);
        for kind in ProviderKind::ALL {
            assert_eq!(ProviderKind::from_name(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert!(!kind.label().is_empty(), "{kind:?}");
        }
        assert_eq!(ProviderKind::from_name("opanai"), None);
    }

    #[test]
    fn base_urls_are_what_the_providers_own_clients_take() {
        for kind in ProviderKind::ALL {
            let Some(url) = kind.default_base_url() else { continue };
            let local = url.starts_with("http://localhost:");
            assert!(url.starts_with("https://") || local, "{url}");
            assert_eq!(local, !kind.needs_key(), "{url}");
            assert!(!url.ends_with('/'), "{url}");
            if kind.wire() != Wire::Openai {
                let path = url.trim_start_matches("https://").split_once('/');
                assert_eq!(path, None, "{url}: the version is the format's");
            }
        }
    }

    #[test]
    fn every_kind_serves_something_that_there_is() {
        let words = [
            "chat",
            "completions",
            "responses",
            "embeddings",
            "moderations",
            "rerank",
            "images",
            "speech",
            "transcriptions",
        ];
        for kind in ProviderKind::ALL {
            let row = kind.row();
            assert!(!row.serves.is_empty(), "{kind:?}");
            assert!(row.serves.iter().all(|api| words.contains(api)), "{kind:?}");
        }
        assert!(!ProviderKind::Voyage.serves("chat"));
        assert!(ProviderKind::Cohere.serves("rerank"));
    }
}
