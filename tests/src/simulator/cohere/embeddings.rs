//! `POST /v2/embed`: the same unit vector in as many types of numbers as are asked for. Bedrock has
//! these models too.

use std::future;

use hyper::Response;
use serde_json::{Map, Value, json};

use super::super::body::{Body, Cut};
use super::super::call::Call;
use super::super::directives::Fault;
use super::super::fields::{Fields, Mistake, join};
use super::super::tokens::{self, PromptTokens};
use super::super::usage::report;
use super::super::{answers, base64, vectors};
use super::errors::CohereError;

const FIELDS: [&str; 9] = [
    "input_type",
    "texts",
    "images",
    "inputs",
    "max_tokens",
    "output_dimension",
    "embedding_types",
    "truncate",
    "priority",
];
const INPUT_TYPES: [&str; 5] =
    ["search_document", "search_query", "classification", "clustering", "image"];
const TYPES: [&str; 6] = ["float", "int8", "uint8", "binary", "ubinary", "base64"];
const DIMENSIONS: [u64; 4] = [256, 512, 1_024, 1_536];
const INPUTS_MAX: usize = 96;
/// What an image counts.
const IMAGE_TOKENS: u64 = 85;

/// A request for embeddings that makes sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The texts of the request, if it is about texts.
    pub texts: Vec<String>,
    /// The types of numbers; none if the request does not say.
    pub types: Vec<&'static str>,
    /// All that is billed.
    pub tokens: u64,
    inputs: Vec<String>,
    images: u64,
    dimensions: usize,
}

/// Embeddings, by the type of their numbers.
#[derive(Debug)]
pub enum ByType {
    /// A list of floats, where no type was asked for.
    Bare(Value),
    /// A list for each type.
    Named(Map<String, Value>),
}

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let wanted = match Wanted::of_cohere(&call.body) {
        Ok(wanted) => wanted,
        Err(mistake) => return Ok(call.refuse(&CohereError::from(mistake))),
    };
    if let Some(response) = call.fault_instead::<CohereError>(false).await? {
        return Ok(response);
    }
    call.progress.bill().charge_prompt(PromptTokens::uncached(wanted.tokens));
    call.wait().await;
    if let Some(Fault::Stall(_)) = call.directives.fault {
        return future::pending().await;
    }
    let embeddings = match by_type(&wanted) {
        ByType::Bare(list) => json!({ "float": list }),
        ByType::Named(map) => Value::Object(map),
    };
    let mut meta = json!({ "api_version": { "version": "2" } });
    let image_tokens = wanted.images * IMAGE_TOKENS;
    let told = |count| report(count, &call.directives).map(|count| count as f64);
    if let (Some(text), Some(image)) = (told(wanted.tokens - image_tokens), told(image_tokens)) {
        meta["billed_units"] =
            json!({ "input_tokens": text, "images": wanted.images, "image_tokens": image });
    }
    let document = json!({
        "id": super::answer_id(call.number),
        "response_type": "embeddings_by_type",
        "embeddings": embeddings,
        "texts": wanted.texts,
        "meta": meta,
    });
    Ok(answers::document(call, &document))
}

impl Wanted {
    /// A body as Cohere takes it.
    fn of_cohere(body: &Map<String, Value>) -> Result<Self, Mistake> {
        let fields = Fields::at_top(body);
        fields.only(&[&["model"][..], &FIELDS].concat())?;
        Self::of(fields, fields.text("model")?.unwrap_or_default())
    }

    /// A body as Bedrock takes it: the model is not in it.
    pub fn of_bedrock(body: &Map<String, Value>) -> Result<Self, Mistake> {
        let fields = Fields::at_top(body);
        fields.only(&FIELDS)?;
        Self::of(fields, "")
    }

    fn of(fields: Fields<'_, '_>, model: &str) -> Result<Self, Mistake> {
        fields.required_word("input_type", &INPUT_TYPES)?;
        fields.word("truncate", &["NONE", "START", "END"])?;
        fields.count("max_tokens", 1..=u64::MAX)?;
        fields.count("priority", 0..=999)?;
        let texts = fields.texts("texts")?;
        let images = fields.texts("images")?;
        let mixed = fields.list("inputs")?;
        let (inputs, images) = match (&texts, images, mixed) {
            (Some(texts), None, None) => (texts.iter().map(|text| (*text).to_owned()).collect(), 0),
            (None, Some(images), None) => {
                check_images(fields, &images)?;
                (images.iter().map(|image| (*image).to_owned()).collect(), images.len() as u64)
            }
            (None, None, Some(inputs)) => mixed_inputs(inputs)?,
            _ => {
                return Err(
                    fields.wrong("texts", "exactly one of texts, images and inputs is needed")
                );
            }
        };
        if inputs.is_empty() || INPUTS_MAX < inputs.len() {
            let message = format!("expected 1 to {INPUTS_MAX} inputs, received {}", inputs.len());
            return Err(fields.wrong("texts", message));
        }
        let texts: Vec<String> = texts.unwrap_or_default().into_iter().map(str::to_owned).collect();
        if texts.iter().any(String::is_empty) {
            return Err(fields.wrong("texts", "must be at least 1 token long"));
        }
        let counted = if mixed.is_some() { &inputs } else { &texts };
        let text_tokens: u64 = counted.iter().map(|text| tokens::of_bytes(text.len())).sum();
        let tokens = text_tokens + images * IMAGE_TOKENS;
        let (types, dimensions) = (types(fields)?, dimensions(fields, model)?);
        Ok(Self { texts, types, tokens, inputs, images, dimensions })
    }
}

/// The embeddings that are wanted.
pub fn by_type(wanted: &Wanted) -> ByType {
    let vectors: Vec<Vec<f32>> =
        wanted.inputs.iter().map(|input| vectors::unit(input, wanted.dimensions)).collect();
    if wanted.types.is_empty() {
        return ByType::Bare(json!(vectors));
    }
    let of_type = |kind: &&'static str| {
        let list = vectors.iter().map(|vector| written(vector, kind)).collect();
        ((*kind).to_owned(), Value::Array(list))
    };
    ByType::Named(wanted.types.iter().map(of_type).collect())
}

fn written(vector: &[f32], kind: &str) -> Value {
    let signed = || vector.iter().map(|number| (number * 127.0).round() as i16);
    let bits = || {
        vector.chunks(8).map(|eight| {
            eight.iter().fold(0_u8, |byte, number| byte << 1 | u8::from(0.0 < *number))
        })
    };
    match kind {
        "int8" => signed().collect(),
        "uint8" => signed().map(|number| number + 128).collect(),
        "ubinary" => bits().collect(),
        "binary" => bits().map(|byte| i16::from(byte) - 128).collect(),
        "base64" => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(base64::encode(&bytes))
        }
        _ => json!(vector),
    }
}

fn types(fields: Fields<'_, '_>) -> Result<Vec<&'static str>, Mistake> {
    let named = fields.texts("embedding_types")?.unwrap_or_default();
    let known = |name: &&str| TYPES.into_iter().find(|kind| kind == name);
    let types: Option<Vec<&'static str>> = named.iter().map(known).collect();
    types.ok_or_else(|| fields.not_one_of("embedding_types", &TYPES))
}

/// Only the models from version 4 on have a choice.
fn dimensions(fields: Fields<'_, '_>, model: &str) -> Result<usize, Mistake> {
    let chosen = fields.count("output_dimension", 1..=u64::MAX)?;
    let old = model.contains("-v3");
    match chosen {
        None if old || !model.contains("-v4") => Ok(1_024),
        None => Ok(1_536),
        Some(dimensions) if !old && DIMENSIONS.contains(&dimensions) => {
            Ok(usize::try_from(dimensions).unwrap_or(0))
        }
        Some(_) => Err(fields.wrong("output_dimension", "is not one that the model has")),
    }
}

fn check_images(fields: Fields<'_, '_>, images: &[&str]) -> Result<(), Mistake> {
    match images.iter().all(|image| image.starts_with("data:image/")) {
        true => Ok(()),
        false => Err(fields.wrong("images", "must be data URIs")),
    }
}

/// Inputs of texts and images: each becomes one text, and the images are counted.
fn mixed_inputs(inputs: &[Value]) -> Result<(Vec<String>, u64), Mistake> {
    let (mut texts, mut images) = (Vec::new(), 0);
    for (index, input) in inputs.iter().enumerate() {
        let path = join("inputs", index);
        let input = Fields::of(input, &path)?;
        input.only(&["content"])?;
        let mut whole = String::new();
        for part in input.list("content")?.unwrap_or_default() {
            let path = input.path_of("content");
            let part = Fields::of(part, &path)?;
            match part.required_word("type", &["text", "image_url"])? {
                "text" => whole += part.required_text("text")?,
                _ => {
                    whole += part.required("image_url")?["url"].as_str().unwrap_or_default();
                    images += 1;
                }
            }
        }
        texts.push(whole);
    }
    Ok((texts, images))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: Value) -> Result<Wanted, Mistake> {
        let mut body = json!({ "model": "embed-v4.0", "input_type": "search_query" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Wanted::of_cohere(body.as_object().unwrap())
    }

    #[test]
    fn what_cannot_be_embedded_is_refused() {
        let many = |count: usize| vec!["a"; count];
        let image = "data:image/png;base64,AAAA";
        let cases = [
            (json!({ "texts": ["abcde", "a"] }), Some(3)),
            (json!({ "texts": many(96) }), Some(96)),
            (json!({ "texts": many(97) }), None),
            (json!({ "texts": [] }), None),
            (json!({ "texts": [""] }), None),
            (json!({}), None),
            (json!({ "texts": ["a"], "images": [image] }), None),
            (json!({ "images": [image] }), Some(85)),
            (json!({ "images": ["https://x/y.png"] }), None),
            (json!({ "inputs": [{ "content": [{ "type": "text", "text": "abcde" }] }] }), Some(2)),
            (json!({ "texts": ["a"], "input_type": "query" }), None),
            (json!({ "texts": ["a"], "input_type": null }), None),
            (json!({ "texts": ["a"], "embedding_types": ["double"] }), None),
            (json!({ "texts": ["a"], "output_dimension": 3 }), None),
            (
                json!({ "texts": ["a"], "output_dimension": 256, "model": "embed-english-v3.0" }),
                None,
            ),
            (json!({ "texts": ["a"], "dimensions": 256 }), None),
        ];
        for (fields, tokens) in cases {
            let found = parse(fields.clone());
            assert_eq!(
                found.as_ref().ok().map(|wanted| wanted.tokens),
                tokens,
                "{fields}: {found:?}"
            );
        }
    }

    #[test]
    fn each_type_writes_the_same_vector() {
        let vector = [0.5, -0.5, 0.0, 1.0, -1.0, 0.25, 0.75, -0.75];
        let cases = [
            ("int8", json!([64, -64, 0, 127, -127, 32, 95, -95])),
            ("uint8", json!([192, 64, 128, 255, 1, 160, 223, 33])),
            ("ubinary", json!([0b1001_0110])),
            ("binary", json!([0b1001_0110 - 128])),
        ];
        for (kind, expected) in cases {
            assert_eq!(written(&vector, kind), expected, "{kind}");
        }
        let text = written(&vector[..1], "base64");
        assert_eq!(base64::decode(text.as_str().unwrap()), Some(0.5_f32.to_le_bytes().to_vec()));
    }
}
