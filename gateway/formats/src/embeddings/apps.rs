//! The requests of apps and the answers to them.

use super::{Beside, EmbeddingAnswer, EmbeddingRequest, Input};
use crate::{
    conversation::Format,
    json::{self, Members, Object},
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads `POST /v1/embeddings`. `input_type` (Cohere's word) is taken along.
pub fn read_openai(body: &[u8]) -> Result<EmbeddingRequest, Mistake> {
    let mut members = Members::of_body(body)?;
    let model = members.required_string("model")?;
    let input = members.take("input").ok_or_else(|| Mistake::missing("input"))?;
    let base64 = match members.string("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            let message = "`encoding_format` must be \"float\" or \"base64\".";
            return Err(Mistake::invalid("encoding_format", message));
        }
    };
    Ok(EmbeddingRequest {
        origin: Format::OpenaiChat,
        model,
        inputs: inputs(input)?,
        beside: Vec::new(),
        dimensions: members.integer("dimensions")?,
        base64,
        purpose: members.string("input_type")?,
        user: members.string("user")?,
        extra: members.rest(),
    })
}

/// A text, token ids, or a list of either.
fn inputs(value: &RawValue) -> Result<Vec<Input>, Mistake> {
    let text = value.get();
    if let Ok(one) = serde_json::from_str::<String>(text) {
        return Ok(vec![Input::Text(one)]);
    }
    if let Ok(many) = serde_json::from_str::<Vec<String>>(text) {
        return some(many.into_iter().map(Input::Text).collect());
    }
    if let Ok(tokens) = serde_json::from_str::<Vec<u32>>(text) {
        return some(vec![Input::Tokens(tokens)]);
    }
    if let Ok(many) = serde_json::from_str::<Vec<Vec<u32>>>(text) {
        return some(many.into_iter().map(Input::Tokens).collect());
    }
    Err(Mistake::wrong_type("input", "a string, token ids, or a list of either"))
}

fn some(inputs: Vec<Input>) -> Result<Vec<Input>, Mistake> {
    if inputs.is_empty() { Err(Mistake::missing("input")) } else { Ok(inputs) }
}

/// Reads `:embedContent`.
pub fn read_gemini(body: &[u8], model: &str) -> Result<EmbeddingRequest, Mistake> {
    gemini_entry(Members::of_body(body)?, model)
}

/// Reads `:batchEmbedContents`. What the vectors are for and their length must be the same in all its entries.
pub fn read_gemini_batch(body: &[u8], model: &str) -> Result<EmbeddingRequest, Mistake> {
    let mut members = Members::of_body(body)?;
    let mut whole: Option<EmbeddingRequest> = None;
    for (path, entry) in members.list("requests")?.unwrap_or_default() {
        let mut one = gemini_entry(Members::of(path.clone(), entry)?, model)?;
        match &mut whole {
            None => whole = Some(one),
            Some(all) if all.purpose == one.purpose && all.dimensions == one.dimensions => {
                all.inputs.append(&mut one.inputs);
                all.beside.append(&mut one.beside);
            }
            Some(_) => {
                let message =
                    "All requests of a batch must have the same taskType and outputDimensionality.";
                return Err(Mistake::invalid(&path, message));
            }
        }
    }
    let mut whole = whole.ok_or_else(|| Mistake::missing("requests"))?;
    whole.extra = members.rest();
    Ok(whole)
}

fn gemini_entry(mut members: Members, model: &str) -> Result<EmbeddingRequest, Mistake> {
    let path = members.path_of("content");
    let content = members.take("content").ok_or_else(|| Mistake::missing(&path))?;
    let input = gemini_input(&path, content)?;
    members.take("model");
    let purpose = members.string("taskType")?.or(members.string("task_type")?);
    let title = members.string("title")?;
    let dimensions = members.integer("outputDimensionality")?;
    Ok(EmbeddingRequest {
        origin: Format::Gemini,
        model: model.to_owned(),
        inputs: vec![input],
        dimensions: dimensions.or(members.integer("output_dimensionality")?),
        base64: false,
        purpose,
        user: None,
        beside: vec![Beside { title, extra: members.rest() }],
        extra: Vec::new(),
    })
}

/// The texts of a content's parts; a content with other parts as it came.
fn gemini_input(path: &str, content: &RawValue) -> Result<Input, Mistake> {
    if let Ok(text) = serde_json::from_str::<String>(content.get()) {
        return Ok(Input::Text(text));
    }
    let mut members = Members::of(path, content)?;
    let mut text = String::new();
    for (path, part) in members.list("parts")?.unwrap_or_default() {
        let mut part = Members::of(path, part)?;
        match part.string("text")? {
            Some(piece) => text.push_str(&piece),
            None => return Ok(Input::Content(content.into())),
        }
    }
    if text.is_empty() {
        Err(Mistake::missing(&format!("{path}.parts")))
    } else {
        Ok(Input::Text(text))
    }
}

/// Writes the answer to `POST /v1/embeddings`.
pub fn write_openai(request: &EmbeddingRequest, answer: &EmbeddingAnswer) -> Vec<u8> {
    let mut out = Vec::with_capacity(answer.vectors.len() * 8192);
    json::object(&mut out, |o| {
        o.put("object", "list");
        o.list("data", |list| {
            for (index, vector) in answer.vectors.iter().enumerate() {
                list.object(|o| {
                    o.put("object", "embedding").put("index", index);
                    if request.base64 {
                        o.put("embedding", vector.to_base64());
                    } else {
                        o.put("embedding", &vector.0);
                    }
                });
            }
        });
        o.put("model", &request.model);
        let input = answer.usage.shown().map_or(0, |usage| usage.input());
        o.object("usage", |o| {
            o.put("prompt_tokens", input).put("total_tokens", input);
        });
    });
    out
}

/// Writes the answer to `:embedContent`, or to `:batchEmbedContents` if `batch`.
pub fn write_gemini(answer: &EmbeddingAnswer, batch: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(answer.vectors.len() * 8192);
    let values = |o: &mut Object, numbers: &[f32]| {
        o.put("values", numbers);
    };
    json::object(&mut out, |o| {
        if batch {
            o.list("embeddings", |list| {
                for vector in &answer.vectors {
                    list.object(|o| values(o, &vector.0));
                }
            });
        } else {
            let first = answer.vectors.first().map_or(&[][..], |vector| &vector.0);
            o.object("embedding", |o| values(o, first));
        }
        if let Some(usage) = answer.usage.shown() {
            o.object("usageMetadata", |o| {
                o.put("promptTokenCount", usage.input()).put("totalTokenCount", usage.input());
            });
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{conversation::Reported, embeddings::Vector};
    use tollgate_contract::usage::Usage;

    #[test]
    fn inputs_are_texts_token_ids_or_lists_of_either() {
        let read = |input: &str| {
            let body = format!("{{\"model\":\"m\",\"input\":{input}}}");
            read_openai(body.as_bytes()).map(|request| request.inputs)
        };
        assert_eq!(read("\"a\"").unwrap(), [Input::Text("a".into())]);
        assert_eq!(read("[\"a\",\"b\"]").unwrap().len(), 2);
        assert_eq!(read("[1,2]").unwrap(), [Input::Tokens(vec![1, 2])]);
        assert_eq!(read("[[1],[2]]").unwrap().len(), 2);
        for wrong in ["[]", "{}", "[1,\"a\"]", "null", "[-1]"] {
            assert_eq!(read(wrong).unwrap_err().param.as_deref(), Some("input"), "{wrong}");
        }
    }

    #[test]
    fn openais_members_are_read_and_the_rest_is_carried() {
        let body = br#"{"model":"m","input":"a","encoding_format":"base64","dimensions":8,"user":"u","input_type":"search_query","truncate":"END"}"#;
        let request = read_openai(body).unwrap();
        assert!(request.base64);
        assert_eq!((request.dimensions, request.user.as_deref()), (Some(8), Some("u")));
        assert_eq!(request.purpose.as_deref(), Some("search_query"));
        assert_eq!(request.extra[0].0, "truncate");
        let mistake = read_openai(br#"{"model":"m","input":"a","encoding_format":"hex"}"#);
        assert_eq!(mistake.unwrap_err().param.as_deref(), Some("encoding_format"));
        assert_eq!(read_openai(b"{\"input\":\"a\"}").unwrap_err().param.as_deref(), Some("model"));
    }

    #[test]
    fn geminis_batch_is_one_request() {
        let body = br#"{"requests":[
            {"model":"models/m","content":{"parts":[{"text":"a"},{"text":"b"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"T"},
            {"model":"models/m","content":{"parts":[{"text":"c"}]},"task_type":"RETRIEVAL_DOCUMENT","zz":1}]}"#;
        let request = read_gemini_batch(body, "m").unwrap();
        assert_eq!(request.inputs, [Input::Text("ab".into()), Input::Text("c".into())]);
        assert_eq!(request.purpose.as_deref(), Some("RETRIEVAL_DOCUMENT"));
        let titles: Vec<_> = request.beside.iter().map(|one| one.title.as_deref()).collect();
        assert_eq!(titles, [Some("T"), None]);
        assert_eq!(request.beside[1].extra[0].0, "zz");
        let mixed = br#"{"requests":[{"content":"a","taskType":"X"},{"content":"b"}]}"#;
        let mistake = read_gemini_batch(mixed, "m").unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("requests[1]"));
        assert!(read_gemini_batch(b"{\"requests\":[]}", "m").is_err());
    }

    #[test]
    fn geminis_single_content_may_be_more_than_text() {
        let one = |content: &str| {
            let body = format!("{{\"content\":{content},\"output_dimensionality\":8}}");
            read_gemini(body.as_bytes(), "m")
        };
        assert_eq!(one(r#"{"parts":[{"text":"a"}]}"#).unwrap().dimensions, Some(8));
        let image =
            r#"{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}"#;
        assert!(
            matches!(&one(image).unwrap().inputs[0], Input::Content(raw) if raw.get() == image)
        );
        for wrong in ["{}", "5", "null", r#"{"parts":[]}"#] {
            let mistake = one(wrong).unwrap_err();
            assert!(mistake.param.is_some_and(|param| param.starts_with("content")), "{wrong}");
        }
    }

    #[test]
    fn answers_have_the_shape_of_the_apps_format() {
        let usage = Usage { input_uncached: 4, requests: 1, ..Usage::default() };
        let answer = EmbeddingAnswer {
            vectors: vec![Vector(vec![1.0, -0.1]), Vector(vec![0.5, 3.0e-7])],
            usage: Reported::of(usage),
            model: None,
        };
        let mut request = read_openai(br#"{"model":"alias","input":["a","b"]}"#).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(write_openai(&request, &answer)),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.1]},{"object":"embedding","index":1,"embedding":[0.5,3e-7]}],"model":"alias","usage":{"prompt_tokens":4,"total_tokens":4}}"#
        );
        request.base64 = true;
        assert!(text(write_openai(&request, &answer)).contains(r#""embedding":"AACAP83MzL0=""#));
        assert_eq!(
            text(write_gemini(&answer, true)),
            r#"{"embeddings":[{"values":[1.0,-0.1]},{"values":[0.5,3e-7]}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}"#
        );
        assert_eq!(
            text(write_gemini(&EmbeddingAnswer { usage: Reported::default(), ..answer }, false)),
            r#"{"embedding":{"values":[1.0,-0.1]}}"#
        );
    }
}
