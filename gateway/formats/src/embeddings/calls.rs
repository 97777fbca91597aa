//! The calls of providers.

use super::{EmbeddingCall, EmbeddingCalls, EmbeddingPath, EmbeddingRequest, EmbeddingWire, Input};
use crate::{
    conversation::{Fit, Format},
    json::{self, Object},
    mistake::Mistake,
};

impl EmbeddingWire {
    /// How many inputs a call takes.
    fn most(self, model: &str) -> usize {
        match self {
            Self::Openai => 2048,
            Self::Gemini => 100,
            // Newer models take one at a time where older ones take many.
            Self::VertexPredict if model.contains("gemini-embedding") => 1,
            Self::VertexPredict => 250,
            Self::VertexEmbed | Self::BedrockTitan => 1,
            Self::Cohere | Self::BedrockCohere => 96,
        }
    }

    /// Whether what only Gemini's format knows has a place.
    const fn is_google(self) -> bool {
        matches!(self, Self::Gemini | Self::VertexPredict | Self::VertexEmbed)
    }

    /// Members of the app's request that go along under their own name.
    const fn carries(self) -> &'static [&'static str] {
        match self {
            Self::Cohere => &["truncate", "max_tokens"],
            Self::BedrockCohere => &["truncate"],
            Self::BedrockTitan => &["normalize"],
            Self::VertexPredict | Self::VertexEmbed => &["autoTruncate"],
            Self::Openai | Self::Gemini => &[],
        }
    }
}

/// The calls that a request needs, in order.
pub fn calls(
    request: &EmbeddingRequest,
    wire: EmbeddingWire,
    mut fit: Fit,
) -> Result<EmbeddingCalls, Mistake> {
    let model = fit.target.upstream_model;
    report(request, wire, &mut fit);
    let size = wire.most(model);
    let mut calls = Vec::with_capacity(request.inputs.len().div_ceil(size));
    for (number, inputs) in request.inputs.chunks(size).enumerate() {
        let portion = Portion { request, wire, model, inputs, from: number * size };
        let (path, body) = portion.write()?;
        calls.push(EmbeddingCall { path, body: body.into(), inputs: inputs.len() });
    }
    let outgoing = fit.finish(Vec::new())?;
    Ok(EmbeddingCalls { calls, dropped: outgoing.dropped })
}

/// Reports what has no place at the provider.
fn report(request: &EmbeddingRequest, wire: EmbeddingWire, fit: &mut Fit) {
    let gemini = request.origin == Format::Gemini;
    if request.user.is_some() && wire != EmbeddingWire::Openai {
        fit.hint("user");
    }
    if request.purpose.is_some()
        && matches!(wire, EmbeddingWire::Openai | EmbeddingWire::BedrockTitan)
    {
        fit.hint(if gemini { "taskType" } else { "input_type" });
    }
    let carried =
        |name: &str| wire.carries().contains(&name) || (gemini && wire == EmbeddingWire::Gemini);
    let beside = request.beside.iter().flat_map(|one| &one.extra);
    for (name, value) in request.extra.iter().chain(beside) {
        if value.get() != "null" && !carried(name) {
            fit.hint(name);
        }
    }
    if !wire.is_google() && request.beside.iter().any(|one| one.title.is_some()) {
        fit.hint("title");
    }
}

/// The inputs of one call.
struct Portion<'p> {
    request: &'p EmbeddingRequest,
    wire: EmbeddingWire,
    model: &'p str,
    inputs: &'p [Input],
    /// The number of the first of them.
    from: usize,
}

impl<'p> Portion<'p> {
    fn write(&self) -> Result<(EmbeddingPath, Vec<u8>), Mistake> {
        let mut body = Vec::new();
        let path = match self.wire {
            EmbeddingWire::Openai => {
                self.openai(&mut body)?;
                EmbeddingPath::Embeddings
            }
            EmbeddingWire::Gemini if self.request.inputs.len() == 1 => {
                let content = self.content(0)?;
                json::object(&mut body, |o| self.entry(0, &content, o));
                EmbeddingPath::EmbedContent
            }
            EmbeddingWire::Gemini => {
                self.batch(&mut body)?;
                EmbeddingPath::BatchEmbedContents
            }
            EmbeddingWire::VertexEmbed => {
                self.vertex(&mut body)?;
                EmbeddingPath::EmbedContent
            }
            EmbeddingWire::VertexPredict => {
                self.predict(&mut body)?;
                EmbeddingPath::Predict
            }
            EmbeddingWire::Cohere => {
                self.cohere(&mut body)?;
                EmbeddingPath::CohereEmbed
            }
            EmbeddingWire::BedrockCohere => {
                self.cohere(&mut body)?;
                EmbeddingPath::Invoke
            }
            EmbeddingWire::BedrockTitan => {
                let text = self.texts()?.concat();
                json::object(&mut body, |o| {
                    o.put("inputText", text).put_some("dimensions", self.request.dimensions);
                    self.carry(o);
                });
                EmbeddingPath::Invoke
            }
        };
        Ok((path, body))
    }

    /// The inputs as texts.
    fn texts(&self) -> Result<Vec<&'p str>, Mistake> {
        let text = |input: &'p Input| match input {
            Input::Text(text) => Ok(text.as_str()),
            Input::Tokens(_) => Err(tokens()),
            Input::Content(_) => {
                let message = "This target takes texts only.";
                Err(Mistake::new("unsupported_parameter", Some("content"), message))
            }
        };
        self.inputs.iter().map(text).collect()
    }

    fn carry(&self, o: &mut Object) {
        let carried = self.wire.carries();
        let first = self.request.beside.get(self.from).map(|one| one.extra.as_slice());
        let all = self.request.extra.iter().chain(first.unwrap_or_default());
        o.put_all(all.filter(|(name, _)| carried.contains(&name.as_str())));
    }

    fn openai(&self, body: &mut Vec<u8>) -> Result<(), Mistake> {
        if self.inputs.iter().any(|input| matches!(input, Input::Content(_))) {
            self.texts()?;
        }
        json::object(body, |o| {
            o.put("model", self.model);
            o.list("input", |list| {
                for input in self.inputs {
                    match input {
                        Input::Text(text) => list.put(text),
                        Input::Tokens(tokens) => list.put(tokens),
                        Input::Content(raw) => list.put_text(raw.get()),
                    };
                }
            });
            o.put_some("dimensions", self.request.dimensions);
            o.put("encoding_format", "float");
            o.put_some("user", self.request.user.as_deref());
        });
        Ok(())
    }

    /// The content of an input in Gemini's format.
    fn content(&self, place: usize) -> Result<String, Mistake> {
        let content = match self.inputs.get(place) {
            Some(Input::Text(text)) => {
                format!("{{\"parts\":[{{\"text\":{}}}]}}", json::string(text))
            }
            Some(Input::Content(raw)) => raw.get().to_owned(),
            Some(Input::Tokens(_)) | None => return Err(tokens()),
        };
        Ok(content)
    }

    /// A request of Gemini's for one input.
    fn entry(&self, place: usize, content: &str, o: &mut Object) {
        let beside = self.request.beside.get(self.from + place);
        o.put("model", format!("models/{}", self.model.trim_start_matches("models/")));
        o.put_text("content", content);
        o.put_some("taskType", self.request.purpose.as_deref().map(gemini_purpose));
        o.put_some("title", beside.and_then(|one| one.title.as_deref()));
        o.put_some("outputDimensionality", self.request.dimensions);
        if let Some(beside) = beside {
            o.put_all(&beside.extra);
        }
    }

    fn batch(&self, body: &mut Vec<u8>) -> Result<(), Mistake> {
        let contents: Vec<String> =
            (0..self.inputs.len()).map(|place| self.content(place)).collect::<Result<_, _>>()?;
        json::object(body, |o| {
            o.list("requests", |list| {
                for (place, content) in contents.iter().enumerate() {
                    list.object(|o| self.entry(place, content, o));
                }
            });
            if self.request.origin == Format::Gemini {
                o.put_all(&self.request.extra);
            }
        });
        Ok(())
    }

    /// Vertex has the settings in an object of their own, and the model only in the path.
    fn vertex(&self, body: &mut Vec<u8>) -> Result<(), Mistake> {
        let content = self.content(0)?;
        let title = self.request.beside.get(self.from).and_then(|one| one.title.as_deref());
        let mut config = Vec::new();
        json::object(&mut config, |o| {
            o.put_some("taskType", self.request.purpose.as_deref().map(gemini_purpose));
            o.put_some("title", title);
            o.put_some("outputDimensionality", self.request.dimensions);
            self.carry(o);
        });
        json::object(body, |o| {
            o.put_text("content", &content);
            if let Ok(config) = std::str::from_utf8(&config)
                && config != "{}"
            {
                o.put_text("embedContentConfig", config);
            }
        });
        Ok(())
    }

    fn predict(&self, body: &mut Vec<u8>) -> Result<(), Mistake> {
        let texts = self.texts()?;
        json::object(body, |o| {
            o.list("instances", |list| {
                for (place, text) in texts.iter().enumerate() {
                    let beside = self.request.beside.get(self.from + place);
                    list.object(|o| {
                        o.put("content", text);
                        o.put_some(
                            "task_type",
                            self.request.purpose.as_deref().map(gemini_purpose),
                        );
                        o.put_some("title", beside.and_then(|one| one.title.as_deref()));
                    });
                }
            });
            o.object("parameters", |o| {
                o.put_some("outputDimensionality", self.request.dimensions);
                self.carry(o);
            });
        });
        Ok(())
    }

    fn cohere(&self, body: &mut Vec<u8>) -> Result<(), Mistake> {
        let texts = self.texts()?;
        json::object(body, |o| {
            if self.wire == EmbeddingWire::Cohere {
                o.put("model", self.model);
            }
            o.put("texts", texts);
            o.put("input_type", cohere_purpose(self.request.purpose.as_deref()));
            o.put("embedding_types", ["float"]);
            o.put_some("output_dimension", self.request.dimensions);
            self.carry(o);
        });
        Ok(())
    }
}

fn tokens() -> Mistake {
    let message = "This target takes texts only: token ids belong to OpenAI's own models.";
    Mistake::new("unsupported_parameter", Some("input"), message)
}

/// The words of Gemini for what vectors are for, from its own or Cohere's.
fn gemini_purpose(word: &str) -> &str {
    match word {
        "search_document" => "RETRIEVAL_DOCUMENT",
        "search_query" => "RETRIEVAL_QUERY",
        "classification" => "CLASSIFICATION",
        "clustering" => "CLUSTERING",
        other => other,
    }
}

/// The words of Cohere, from its own or Gemini's. Cohere demands one.
fn cohere_purpose(word: Option<&str>) -> &str {
    match word {
        None | Some("RETRIEVAL_DOCUMENT" | "TASK_TYPE_UNSPECIFIED") => "search_document",
        Some(
            "RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "FACT_VERIFICATION" | "CODE_RETRIEVAL_QUERY",
        ) => "search_query",
        Some("CLASSIFICATION") => "classification",
        Some("CLUSTERING" | "SEMANTIC_SIMILARITY") => "clustering",
        Some(other) => other,
    }
}

#[cfg(test)]
mod tests;
