//! Reads a request in one pass, keeping nothing but facts and places: a prompt of any size is walked, never copied.
//! Walking everything also bounds the nesting (128 levels) and checks the UTF-8 of every string.

mod walk;

use crate::{
    facts::{Api, Facts, Places, Request, RequestHead},
    mistake::Mistake,
};
use bytes::Bytes;
use serde::de::{self, DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{fmt, ops::Range};
use walk::{Expected, Prompt, PromptShape, Walk};

/// Understands a JSON body. The mistake names the parameter at fault.
pub fn understand(api: Api, head: RequestHead, body: Bytes) -> Result<Request, Mistake> {
    let mut reader = serde_json::Deserializer::from_slice(&body);
    let members = de::Deserializer::deserialize_map(&mut reader, Members { body: &body, api })
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|error| Mistake::unreadable(&error))?;
    let (facts, places) = members.checked(api, &head)?;
    Ok(Request { api, body, head, facts, places })
}

/// What an API calls its prompt, and what that must be.
fn prompt_of(api: Api) -> (&'static str, Expected) {
    match api {
        Api::Chat | Api::Messages | Api::CountTokens => ("messages", Expected::Array),
        Api::Completions | Api::Images => ("prompt", Expected::TextOrArray),
        Api::Responses => ("input", Expected::TextOrArray),
        Api::Generate | Api::GeminiCount => ("contents", Expected::Any),
        Api::GeminiEmbed => ("content", Expected::Any),
        Api::GeminiBatchEmbed => ("requests", Expected::Array),
        Api::Rerank => ("documents", Expected::Array),
        Api::Embeddings
        | Api::Moderations
        | Api::Speech
        | Api::ImageEdits
        | Api::Transcriptions
        | Api::Translations => ("input", Expected::TextOrArray),
    }
}

/// The members of the body that matter, raw where they are small.
#[derive(Default)]
struct Found<'b> {
    first_member: usize,
    keys: Vec<Range<usize>>,
    model: Option<(&'b str, Range<usize>)>,
    stream: Option<&'b str>,
    stream_options: Option<(&'b str, Range<usize>)>,
    max_output: Vec<(&'static str, &'b str, Range<usize>)>,
    n: Option<&'b str>,
    user: Option<&'b str>,
    metadata: Option<&'b str>,
    /// The member that says which form the answer shall have.
    form: Option<&'b str>,
    generation: Option<(&'b str, Range<usize>)>,
    continues: bool,
    prompt: PromptShape,
    tools: bool,
    walk: Walk,
}

struct Members<'b> {
    body: &'b [u8],
    api: Api,
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found {
            first_member: self.body.iter().position(|b| *b == b'{').map_or(0, |at| at + 1),
            ..Found::default()
        };
        let (prompt, _) = prompt_of(self.api);
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(key) = map.next_key_seed(KeyName { body: self.body })? {
            let known = key.known;
            found.keys.extend(key.place);
            if let Some(name) = known {
                if seen.contains(&name) {
                    return Err(de::Error::custom(format_args!("`{name}` is given twice")));
                }
                seen.push(name);
            }
            match known {
                Some(name) if name == prompt => {
                    found.prompt =
                        map.next_value_seed(Prompt { walk: &mut found.walk, api: self.api })?;
                }
                Some(name) if !found.take_small(name, self.body, &mut map)? => match name {
                    "tools" | "functions" => {
                        let before = found.walk.text_bytes;
                        map.next_value_seed(&mut found.walk)?;
                        found.tools = found.walk.text_bytes > before;
                    }
                    _ => map.next_value_seed(&mut found.walk)?,
                },
                Some(_) => {}
                None => map.next_value_seed(&mut found.walk)?,
            }
        }
        Ok(found)
    }
}

impl<'de> Found<'de> {
    /// Takes a member whose value is kept raw; false if it is none of these, and then its value is not taken.
    fn take_small<A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        body: &'de [u8],
        map: &mut A,
    ) -> Result<bool, A::Error> {
        match name {
            "model" => self.model = Some(raw(body, map)?),
            "stream" => self.stream = Some(raw(body, map)?.0),
            "stream_options" => self.stream_options = Some(raw(body, map)?),
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                let (text, place) = raw(body, map)?;
                self.max_output.push((name, text, place));
            }
            "n" => self.n = Some(raw(body, map)?.0),
            "user" | "safety_identifier" => self.user = Some(raw(body, map)?.0),
            "metadata" => self.metadata = Some(raw(body, map)?.0),
            "previous_response_id" | "conversation" => {
                self.continues |= raw(body, map)?.0 != "null";
            }
            "response_format" | "output_config" | "text" => {
                // Its schema goes into the prompt.
                let (text, _) = raw(body, map)?;
                self.walk.text_bytes += text.len() as u64;
                self.walk.content_bytes += text.len() as u64;
                self.form = Some(text);
            }
            "generationConfig" | "generation_config" => {
                let (text, place) = raw(body, map)?;
                self.walk.text_bytes += text.len() as u64;
                self.generation = Some((text, place));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A member's value as text and its place in the body.
fn raw<'de, A: MapAccess<'de>>(
    body: &'de [u8],
    map: &mut A,
) -> Result<(&'de str, Range<usize>), A::Error> {
    let text = map.next_value::<&'de RawValue>()?.get();
    Ok((text, place_of(body, text)))
}

/// Where a slice of the body stands in it: the distance of their addresses is its offset.
fn place_of(body: &[u8], text: &str) -> Range<usize> {
    let start = (text.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + text.len()
}

/// A key, as one of the names that we know.
struct KeyName<'b> {
    body: &'b [u8],
}

struct Key {
    known: Option<&'static str>,
    /// Where it stands, quotes included; absent for a key with escapes.
    place: Option<Range<usize>>,
}

impl<'de> DeserializeSeed<'de> for KeyName<'_> {
    type Value = Key;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for KeyName<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key, E> {
        let inner = place_of(self.body, key);
        let place = inner.start.saturating_sub(1)..inner.end + 1;
        Ok(Key { known: known(key), place: Some(place) })
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        Ok(Key { known: known(key), place: None })
    }
}

fn known(key: &str) -> Option<&'static str> {
    const KNOWN: [&str; 28] = [
        "model",
        "messages",
        "input",
        "prompt",
        "contents",
        "content",
        "requests",
        "documents",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "generationConfig",
        "generation_config",
        "n",
        "user",
        "safety_identifier",
        "metadata",
        "previous_response_id",
        "conversation",
        "response_format",
        "output_config",
        "text",
        "tools",
        "functions",
        "system",
        "instructions",
    ];
    KNOWN.into_iter().find(|name| *name == key)
}

impl Found<'_> {
    /// Checks types and bounds, one parameter after the other, each by its name.
    fn checked(self, api: Api, head: &RequestHead) -> Result<(Facts, Places), Mistake> {
        let (model, model_place) = self.model_of(head)?;
        let (prompt, expected) = prompt_of(api);
        match self.prompt {
            PromptShape::Good => {}
            // A request may go on from a stored answer or prompt alone.
            PromptShape::Missing if api == Api::Responses => {}
            PromptShape::Missing if api == Api::GeminiCount => {}
            PromptShape::Missing => return Err(Mistake::missing(prompt)),
            PromptShape::Wrong => return Err(Mistake::wrong_type(prompt, expected.words())),
        }
        let stream = match self.stream {
            Some(text) => value::<Option<bool>>("stream", "true or false", text)?.unwrap_or(false),
            None => false,
        } || head.stream;
        let Limits { max_output, places: max_places, choices } = self.limits(api)?;
        let include_usage = match &self.stream_options {
            Some((text, _)) => {
                let options: Option<StreamOptions> = value("stream_options", "an object", text)?;
                if options.is_some() && !stream {
                    let message = "`stream_options` is only allowed with `stream: true`.";
                    return Err(Mistake::invalid("stream_options", message));
                }
                options.and_then(|options| options.include_usage).unwrap_or(false)
            }
            None => false,
        };
        let facts = Facts {
            model,
            stream: stream && (api.generates() || matches!(api, Api::Images | Api::Speech)),
            include_usage,
            max_output,
            choices,
            user: self.user_of(api)?.filter(|user| user.len() <= 512),
            text_bytes: self.walk.text_bytes,
            content_bytes: self.walk.content_bytes,
            parts: self.walk.parts,
            unseen_parts: self.walk.unseen_parts,
            tools: self.tools,
            vision: self.walk.vision,
            json_schema: self.form.is_some_and(|text| text.contains("json_schema"))
                || self.generation.as_ref().is_some_and(|(text, _)| text.contains("Schema\"")),
            continues: self.continues,
        };
        let places = Places {
            model: model_place,
            stream_options: self.stream_options.map(|(_, place)| place),
            max_output: max_places,
            first_member: self.first_member,
            keys: self.keys,
        };
        Ok((facts, places))
    }

    /// The model out of the path, else out of the body.
    fn model_of(&self, head: &RequestHead) -> Result<(String, Range<usize>), Mistake> {
        let (model, place) = match (&head.model, &self.model) {
            (Some(model), Some((_, place))) => (model.clone(), place.clone()),
            (Some(model), None) => (model.clone(), 0..0),
            (None, Some((text, place))) => (value("model", "a string", text)?, place.clone()),
            (None, None) => return Err(Mistake::missing("model")),
        };
        if model.is_empty() || model.len() > 512 {
            return Err(Mistake::invalid("model", "`model` must have 1 to 512 characters."));
        }
        Ok((model, place))
    }

    /// The most answer tokens, where they stand, and the number of choices.
    fn limits(&self, api: Api) -> Result<Limits, Mistake> {
        let mut max_output = None;
        let mut places = Vec::new();
        for (name, text, place) in &self.max_output {
            // Anthropic takes 0: only warm the cache.
            let least = u64::from(api != Api::Messages);
            let Some(number) = bounded(name, text, least, 10_000_000)? else { continue };
            max_output = Some(max_output.map_or(number, |other: u64| other.max(number)));
            places.push(place.clone());
        }
        let mut choices = match self.n {
            Some(text) => bounded("n", text, 1, 128)?.unwrap_or(1),
            None => 1,
        };
        if let Some((text, place)) = &self.generation {
            let config: Generation = value("generationConfig", "an object", text)?;
            if let Some(raw) = config.max_output_tokens {
                let number = bounded("generationConfig.maxOutputTokens", raw.get(), 1, 10_000_000)?;
                max_output = number.or(max_output);
                // The value is a slice of the config's text.
                let from = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                let start = place.start + from;
                places.extend(number.map(|_| start..start + raw.get().len()));
            }
            if let Some(raw) = config.candidate_count {
                choices =
                    bounded("generationConfig.candidateCount", raw.get(), 1, 128)?.unwrap_or(1);
            }
        }
        Ok(Limits { max_output, places, choices })
    }

    fn user_of(&self, api: Api) -> Result<Option<String>, Mistake> {
        #[derive(serde::Deserialize)]
        struct Metadata {
            user_id: Option<String>,
        }
        if api == Api::Messages {
            let Some(text) = self.metadata else { return Ok(None) };
            let metadata: Option<Metadata> = value("metadata", "an object", text)?;
            return Ok(metadata.and_then(|metadata| metadata.user_id));
        }
        match self.user {
            Some(text) => value::<Option<String>>("user", "a string", text),
            None => Ok(None),
        }
    }
}

/// How long an answer may be.
struct Limits {
    /// The most tokens of each choice.
    max_output: Option<u64>,
    /// Where that stands.
    places: Vec<Range<usize>>,
    /// How many choices.
    choices: u64,
}

/// The members of Gemini's `generationConfig` that limit an answer.
#[derive(serde::Deserialize)]
struct Generation<'t> {
    #[serde(borrow, alias = "max_output_tokens", rename = "maxOutputTokens")]
    max_output_tokens: Option<&'t RawValue>,
    #[serde(borrow, alias = "candidate_count", rename = "candidateCount")]
    candidate_count: Option<&'t RawValue>,
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn value<'t, T: serde::Deserialize<'t>>(
    name: &str,
    expected: &str,
    text: &'t str,
) -> Result<T, Mistake> {
    serde_json::from_str(text).map_err(|_| Mistake::wrong_type(name, expected))
}

/// A whole number from `least` to `most`, or null.
fn bounded(name: &str, text: &str, least: u64, most: u64) -> Result<Option<u64>, Mistake> {
    let wrong = || {
        let message = format!("`{name}` must be a whole number between {least} and {most}.");
        Mistake::invalid(name, message)
    };
    let number: Option<u64> = serde_json::from_str(text).map_err(|_| wrong())?;
    match number {
        Some(number) if !(least..=most).contains(&number) => Err(wrong()),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chat(body: &str) -> Result<Request, Mistake> {
        understand(Api::Chat, RequestHead::default(), Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn facts_and_places_come_from_one_pass() {
        let body = r#" {"messages":[{"role":"user","content":"hello"}], "model" : "gpt","max_tokens":7,
            "stream":true,"stream_options":{"include_usage":true},"n":2,"user":"u1","new_field":{"a":[1]}}"#;
        let request = chat(body).unwrap();
        let facts = &request.facts;
        assert_eq!((facts.model.as_str(), facts.stream, facts.include_usage), ("gpt", true, true));
        assert_eq!(
            (facts.max_output, facts.choices, facts.user.as_deref()),
            (Some(7), 2, Some("u1"))
        );
        assert_eq!(&body[request.places.model.clone()], "\"gpt\"");
        assert_eq!(&body[request.places.max_output[0].clone()], "7");
        assert_eq!(&body[..request.places.first_member], " {");
        assert!(facts.text_bytes >= 5 && facts.text_bytes < 200);
    }

    #[test]
    fn every_mistake_names_its_parameter() {
        let cases = [
            ("", "invalid_json", None),
            ("[]", "invalid_value", None),
            ("{\"model\":\"m\",\"messages\":[{}]", "invalid_json", None),
            ("{\"model\":\"m\",\"messages\":[{}]} x", "invalid_json", None),
            ("{\"messages\":[{}]}", "missing_required_parameter", Some("model")),
            ("{\"model\":\"m\"}", "missing_required_parameter", Some("messages")),
            ("{\"model\":\"m\",\"messages\":[]}", "missing_required_parameter", Some("messages")),
            ("{\"model\":5,\"messages\":[{}]}", "invalid_type", Some("model")),
            (
                "{\"model\":\"m\",\"messages\":[{}],\"stream\":\"yes\"}",
                "invalid_type",
                Some("stream"),
            ),
            (
                "{\"model\":\"m\",\"messages\":[{}],\"max_tokens\":-1}",
                "invalid_value",
                Some("max_tokens"),
            ),
            (
                "{\"model\":\"m\",\"messages\":[{}],\"max_tokens\":1e308}",
                "invalid_value",
                Some("max_tokens"),
            ),
            ("{\"model\":\"m\",\"messages\":[{}],\"n\":1000000000}", "invalid_value", Some("n")),
            (
                "{\"model\":\"m\",\"messages\":[{}],\"stream_options\":{}}",
                "invalid_value",
                Some("stream_options"),
            ),
            ("{\"model\":\"m\",\"model\":\"n\",\"messages\":[{}]}", "invalid_value", None),
            ("{\"model\":\"m\",\"messages\":\"hi\"}", "invalid_type", Some("messages")),
        ];
        for (body, code, param) in cases {
            let error = chat(body).expect_err(body);
            assert_eq!(
                (error.code, error.param.as_deref()),
                (code, param),
                "{body}: {}",
                error.message
            );
        }
    }

    #[test]
    fn nesting_is_bounded_wherever_it_is() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        for body in [
            format!("{{\"model\":\"m\",\"messages\":{deep}}}"),
            format!("{{\"model\":\"m\",\"messages\":[{{}}],\"x\":{deep}}}"),
        ] {
            let error = chat(&body).unwrap_err();
            assert!(error.message.contains("nested too deeply"), "{}", error.message);
        }
    }

    #[test]
    fn invalid_utf8_is_invalid_json() {
        let body =
            Bytes::from_static(b"{\"model\":\"m\",\"messages\":[{\"content\":\"\xff\xfe\"}]}");
        assert_eq!(
            understand(Api::Chat, RequestHead::default(), body).unwrap_err().code,
            "invalid_json"
        );
    }

    #[test]
    fn images_make_the_prompt_unseen_instead_of_long() {
        let url = "A".repeat(100_000);
        let body = format!(
            "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"{url}\"}}}}]}}]}}"
        );
        let facts = chat(&body).unwrap().facts;
        assert!(facts.unseen_parts && facts.vision && facts.text_bytes < 200);
        assert_eq!(facts.input_upper_bound(Some(128_000)), 128_000);
    }

    #[test]
    fn embeddings_take_strings_and_lists() {
        for (input, parts) in [("\"hi\"", 1), ("[\"a\",\"b\"]", 2), ("[1,2,3]", 3)] {
            let body = format!("{{\"model\":\"e\",\"input\":{input}}}");
            let request =
                understand(Api::Embeddings, RequestHead::default(), Bytes::from(body)).unwrap();
            assert_eq!(request.facts.parts, parts);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = understand(Api::Chat, RequestHead::default(), Bytes::from(body));
        }

        #[test]
        fn the_text_of_a_prompt_is_never_undercounted(text in ".{0,300}") {
            let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
            prop_assert!(chat(&body).unwrap().facts.text_bytes >= text.len() as u64);
        }
    }
}
