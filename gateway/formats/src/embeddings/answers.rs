//! The answers of providers.

use super::{EmbeddingAnswer, EmbeddingRequest, EmbeddingWire, Vector};
use crate::{
    conversation::{Fault, Format, Reported},
    gemini, openai_chat,
};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;
use tollgate_contract::usage::Usage;

/// Puts the answers of all calls together. `head_tokens` are the prompt tokens that the heads of the answers told
/// (Bedrock).
pub fn read_answer(
    wire: EmbeddingWire,
    bodies: &[Bytes],
    head_tokens: &[Option<u64>],
    request: &EmbeddingRequest,
) -> Result<EmbeddingAnswer, Fault> {
    let mut vectors = Vec::with_capacity(request.inputs.len());
    let mut sum = Sum::default();
    let (mut model, mut first) = (None, None);
    for (number, body) in bodies.iter().enumerate() {
        let portion = portion(wire, body).map_err(|_| fault(body))?;
        let told = portion.vectors.len();
        // All calls but the last have the same number of inputs. A vector too few in one and one too many in the next
        // would give every vector between to the wrong input.
        let expected = *first.get_or_insert(told);
        let last = number + 1 == bodies.len();
        if told > expected || (told < expected && !last) {
            return Err(Fault::garbage());
        }
        sum.add(portion.usage, head_tokens.get(number).copied().flatten());
        vectors.extend(portion.vectors);
        model = model.or(portion.model);
    }
    if vectors.len() != request.inputs.len() {
        return Err(Fault::garbage());
    }
    // Google does not normalise shortened vectors; OpenAI's clients expect the length 1.
    let google = matches!(
        wire,
        EmbeddingWire::Gemini | EmbeddingWire::VertexPredict | EmbeddingWire::VertexEmbed
    );
    if google && request.origin != Format::Gemini && request.dimensions.is_some() {
        vectors.iter_mut().for_each(Vector::normalise);
    }
    Ok(EmbeddingAnswer { vectors, usage: sum.finish(bodies.len()), model })
}

/// What all calls used. If one does not tell, the whole is not known.
#[derive(Default)]
struct Sum {
    usage: Usage,
    unknown: bool,
    refused: bool,
}

impl Sum {
    fn add(&mut self, reported: Reported, head_tokens: Option<u64>) {
        let head = head_tokens.map(|tokens| Usage { input_uncached: tokens, ..Usage::default() });
        self.refused |= reported.refused;
        let Some(more) = reported.billed.or(head) else {
            self.unknown = true;
            return;
        };
        let sum = &mut self.usage;
        for (sum, more) in [
            (&mut sum.input_uncached, more.input_uncached),
            (&mut sum.cache_read, more.cache_read),
            (&mut sum.audio_input, more.audio_input),
            (&mut sum.image_input, more.image_input),
            (&mut sum.video_input, more.video_input),
            (&mut sum.input_images, more.input_images),
            (&mut sum.output, more.output),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    fn finish(self, calls: usize) -> Reported {
        let usage = Usage { requests: calls as u64, ..self.usage };
        Reported {
            billed: (!self.unknown && calls > 0).then_some(usage),
            refused: self.refused,
            ..Reported::default()
        }
    }
}

/// What one call brought.
#[derive(Default)]
struct Portion {
    vectors: Vec<Vector>,
    usage: Reported,
    model: Option<String>,
}

/// Why a body is no answer.
fn fault(body: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Refused<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    let error = serde_json::from_slice::<Refused>(body).ok().and_then(|refused| refused.error);
    let Some(error) = error.filter(|error| error.get() != "null") else { return Fault::garbage() };
    let words = serde_json::from_str::<Words>(error.get()).map(|words| words.message);
    let words = words.or_else(|_| serde_json::from_str::<String>(error.get()));
    let message = words.unwrap_or_else(|_| "The provider reported an error.".to_owned());
    Fault::reported(message.chars().take(500).collect::<String>())
}

fn portion(wire: EmbeddingWire, body: &[u8]) -> Result<Portion, Unreadable> {
    match wire {
        EmbeddingWire::Openai => openai(body),
        EmbeddingWire::Gemini | EmbeddingWire::VertexEmbed => google(body),
        EmbeddingWire::VertexPredict => predicted(body),
        EmbeddingWire::Cohere | EmbeddingWire::BedrockCohere => cohere(body),
        EmbeddingWire::BedrockTitan => titan(body),
    }
}

/// A body that is no answer.
struct Unreadable;

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

fn tokens(count: Option<f64>, images: Option<f64>) -> Reported {
    let whole = |count: f64| count.max(0.0).ceil() as u64;
    match count {
        Some(count) => Reported::of(Usage {
            input_uncached: whole(count),
            input_images: images.map_or(0, whole),
            requests: 1,
            ..Usage::default()
        }),
        None => Reported::default(),
    }
}

/// The order is that of `index`, not of the list.
fn openai(body: &[u8]) -> Result<Portion, Unreadable> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        data: Vec<Entry>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        model: Option<String>,
    }
    #[derive(Deserialize)]
    struct Entry {
        embedding: Vector,
        index: Option<usize>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let mut places: Vec<Option<Vector>> = Vec::new();
    places.resize_with(answer.data.len(), || None);
    for (number, entry) in answer.data.into_iter().enumerate() {
        match places.get_mut(entry.index.unwrap_or(number)) {
            Some(place @ None) => *place = Some(entry.embedding),
            Some(Some(_)) | None => return Err(Unreadable),
        }
    }
    let usage = answer.usage.map(|raw| openai_chat::read_usage(raw.get())).unwrap_or_default();
    let vectors = places.into_iter().collect::<Option<_>>().ok_or(Unreadable)?;
    Ok(Portion { vectors, usage, model: answer.model })
}

fn google(body: &[u8]) -> Result<Portion, Unreadable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        embedding: Option<Values>,
        #[serde(default)]
        embeddings: Vec<Values>,
        #[serde(borrow)]
        usage_metadata: Option<&'a RawValue>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let vectors = answer.embedding.into_iter().chain(answer.embeddings);
    let usage = answer.usage_metadata.map(|raw| gemini::read_usage(raw.get())).unwrap_or_default();
    Ok(Portion { vectors: vectors.map(|one| one.values).collect(), usage, model: None })
}

#[derive(Deserialize)]
struct Values {
    values: Vector,
}

fn predicted(body: &[u8]) -> Result<Portion, Unreadable> {
    #[derive(Deserialize)]
    struct Answer {
        predictions: Vec<Prediction>,
    }
    #[derive(Deserialize)]
    struct Prediction {
        embeddings: Embedded,
    }
    #[derive(Deserialize)]
    struct Embedded {
        values: Vector,
        statistics: Option<Statistics>,
    }
    #[derive(Deserialize)]
    struct Statistics {
        token_count: Option<f64>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let count = |one: &Prediction| one.embeddings.statistics.as_ref()?.token_count;
    let sum = answer.predictions.iter().map(count).sum::<Option<f64>>();
    let vectors = answer.predictions.into_iter().map(|one| one.embeddings.values).collect();
    Ok(Portion { vectors, usage: tokens(sum, None), model: None })
}

fn cohere(body: &[u8]) -> Result<Portion, Unreadable> {
    #[derive(Deserialize)]
    struct Answer {
        embeddings: ByType,
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    struct Meta {
        billed_units: Option<Units>,
    }
    #[derive(Deserialize)]
    struct Units {
        input_tokens: Option<f64>,
        images: Option<f64>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let units = answer.meta.and_then(|meta| meta.billed_units);
    let usage = units.map(|units| tokens(units.input_tokens, units.images)).unwrap_or_default();
    Ok(Portion { vectors: answer.embeddings.0, usage, model: None })
}

/// Newer models give a map by type, of which the floats are taken; older ones a list.
struct ByType(Vec<Vector>);

impl<'de> Deserialize<'de> for ByType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ByType;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("vectors")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ByType, A::Error> {
                let mut vectors = Vec::new();
                while let Some(vector) = seq.next_element()? {
                    vectors.push(vector);
                }
                Ok(ByType(vectors))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByType, A::Error> {
                let mut vectors = Vec::new();
                while let Some(key) = map.next_key::<std::borrow::Cow<str>>()? {
                    if key == "float" {
                        vectors = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(ByType(vectors))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn titan(body: &[u8]) -> Result<Portion, Unreadable> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        embedding: Vector,
        input_text_token_count: Option<f64>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let usage = tokens(answer.input_text_token_count, None);
    Ok(Portion { vectors: vec![answer.embedding], usage, model: None })
}

#[cfg(test)]
mod tests;
