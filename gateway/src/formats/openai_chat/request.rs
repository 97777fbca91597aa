//! Reads a request in one pass, keeping nothing but facts and places: a prompt of any size is walked, never copied.
//! Walking everything also bounds the nesting (128 levels) and checks the UTF-8 of every string.

use super::walk::{Prompt, PromptShape, Walk};
use crate::{
    error::GatewayError,
    formats::facts::{Api, Facts, Places, Request},
};
use bytes::Bytes;
use serde::de::{self, DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{fmt, ops::Range};

/// Understands a body. The error names the parameter at fault.
pub fn understand(api: Api, body: Bytes) -> Result<Request, GatewayError> {
    let mut reader = serde_json::Deserializer::from_slice(&body);
    let members = de::Deserializer::deserialize_map(&mut reader, Members { body: &body, api })
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|error| unreadable(&error))?;
    let (facts, places) = members.checked(api)?;
    Ok(Request { api, body, facts, places })
}

fn unreadable(error: &serde_json::Error) -> GatewayError {
    use serde_json::error::Category;
    let text = error.to_string();
    if text.contains("recursion limit") {
        return GatewayError::invalid(
            "invalid_json",
            None,
            "The body is nested too deeply: at most 128 levels are taken.",
        );
    }
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => GatewayError::invalid(
            "invalid_json",
            None,
            format!("The body is not valid JSON: {text}."),
        ),
        Category::Data => GatewayError::invalid(
            "invalid_value",
            None,
            format!("The body cannot be read: {text}."),
        ),
    }
}

/// The members of the body that matter, raw where they are small.
#[derive(Default)]
struct Found<'b> {
    first_member: usize,
    model: Option<(&'b str, Range<usize>)>,
    stream: Option<&'b str>,
    stream_options: Option<(&'b str, Range<usize>)>,
    max_tokens: Option<(&'b str, Range<usize>)>,
    max_completion_tokens: Option<(&'b str, Range<usize>)>,
    n: Option<&'b str>,
    user: Option<&'b str>,
    response_format: Option<&'b str>,
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
        let prompt = match self.api {
            Api::Chat => "messages",
            Api::Embeddings => "input",
        };
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(key) = map.next_key_seed(KeyName)? {
            let known = key.known;
            if let Some(name) = known {
                if seen.contains(&name) {
                    return Err(de::Error::custom(format_args!("`{name}` is given twice")));
                }
                seen.push(name);
            }
            match known {
                Some("model") => found.model = Some(raw(self.body, &mut map)?),
                Some("stream") => found.stream = Some(raw(self.body, &mut map)?.0),
                Some("stream_options") => found.stream_options = Some(raw(self.body, &mut map)?),
                Some("max_tokens") => found.max_tokens = Some(raw(self.body, &mut map)?),
                Some("max_completion_tokens") => {
                    found.max_completion_tokens = Some(raw(self.body, &mut map)?)
                }
                Some("n") => found.n = Some(raw(self.body, &mut map)?.0),
                Some("user") => found.user = Some(raw(self.body, &mut map)?.0),
                Some("response_format") => {
                    // Its schema goes into the prompt.
                    let (text, _) = raw(self.body, &mut map)?;
                    found.walk.text_bytes += text.len() as u64;
                    found.walk.content_bytes += text.len() as u64;
                    found.response_format = Some(text);
                }
                Some(name) if name == prompt => {
                    found.prompt =
                        map.next_value_seed(Prompt { walk: &mut found.walk, api: self.api })?;
                }
                Some("tools" | "functions") => {
                    let before = found.walk.text_bytes;
                    map.next_value_seed(&mut found.walk)?;
                    found.tools = found.walk.text_bytes > before;
                }
                _ => map.next_value_seed(&mut found.walk)?,
            }
        }
        Ok(found)
    }
}

/// A member's value as text and its place in the body.
fn raw<'de, A: MapAccess<'de>>(
    body: &'de [u8],
    map: &mut A,
) -> Result<(&'de str, Range<usize>), A::Error> {
    let text = map.next_value::<&'de RawValue>()?.get();
    // The value is a slice of the body, so the distance of their addresses is its offset.
    let start = (text.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    Ok((text, start..start + text.len()))
}

/// A key, as one of the names that we know.
struct KeyName;

struct Key {
    known: Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for KeyName {
    type Value = Key;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeyName {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        const KNOWN: [&str; 13] = [
            "model",
            "messages",
            "input",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "n",
            "user",
            "response_format",
            "tools",
            "functions",
            "image_url",
        ];
        Ok(Key { known: KNOWN.into_iter().find(|name| *name == key) })
    }
}

impl Found<'_> {
    /// Checks types and bounds, one parameter after the other, each by its name.
    fn checked(self, api: Api) -> Result<(Facts, Places), GatewayError> {
        let (model, model_place) = self.model.ok_or_else(|| missing("model"))?;
        let model: String = value("model", "a string", model)?;
        if model.is_empty() || model.len() > 512 {
            return Err(GatewayError::invalid(
                "invalid_value",
                Some("model"),
                "`model` must have 1 to 512 characters.",
            ));
        }
        let (prompt, expected) = match api {
            Api::Chat => ("messages", "an array of messages"),
            Api::Embeddings => ("input", "a string or an array"),
        };
        match self.prompt {
            PromptShape::Good => {}
            PromptShape::Missing => return Err(missing(prompt)),
            PromptShape::Wrong => return Err(wrong_type(prompt, expected)),
        }
        let stream = match self.stream {
            Some(text) => value::<Option<bool>>("stream", "true or false", text)?.unwrap_or(false),
            None => false,
        };
        let mut max_output = None;
        let mut max_places = Vec::new();
        for (name, member) in
            [("max_tokens", self.max_tokens), ("max_completion_tokens", self.max_completion_tokens)]
        {
            let Some((text, place)) = member else { continue };
            let Some(number) = bounded(name, text, 10_000_000)? else { continue };
            max_output = Some(max_output.map_or(number, |other: u64| other.max(number)));
            max_places.push(place);
        }
        let choices = match self.n {
            Some(text) => bounded("n", text, 128)?.unwrap_or(1),
            None => 1,
        };
        let include_usage = match &self.stream_options {
            Some((text, _)) => {
                let options: Option<StreamOptions> = value("stream_options", "an object", text)?;
                if options.is_some() && !stream {
                    let message = "`stream_options` is only allowed with `stream: true`.";
                    return Err(GatewayError::invalid(
                        "invalid_value",
                        Some("stream_options"),
                        message,
                    ));
                }
                options.and_then(|options| options.include_usage).unwrap_or(false)
            }
            None => false,
        };
        let user = match self.user {
            Some(text) => value::<Option<String>>("user", "a string", text)?,
            None => None,
        };
        let json_schema = self.response_format.is_some_and(|text| text.contains("json_schema"));
        let facts = Facts {
            model,
            stream: stream && api == Api::Chat,
            include_usage,
            max_output,
            choices,
            user: user.filter(|user| user.len() <= 512),
            text_bytes: self.walk.text_bytes,
            content_bytes: self.walk.content_bytes,
            parts: self.walk.parts,
            unseen_parts: self.walk.unseen_parts,
            tools: self.tools,
            vision: self.walk.vision,
            json_schema,
        };
        let places = Places {
            model: model_place,
            stream_options: self.stream_options.map(|(_, place)| place),
            max_output: max_places,
            first_member: self.first_member,
        };
        Ok((facts, places))
    }
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

fn missing(name: &str) -> GatewayError {
    GatewayError::invalid(
        "missing_required_parameter",
        Some(name),
        format!("`{name}` is missing or empty."),
    )
}

fn value<'t, T: serde::Deserialize<'t>>(
    name: &str,
    expected: &str,
    text: &'t str,
) -> Result<T, GatewayError> {
    serde_json::from_str(text).map_err(|_| wrong_type(name, expected))
}

fn wrong_type(name: &str, expected: &str) -> GatewayError {
    GatewayError::invalid("invalid_type", Some(name), format!("`{name}` must be {expected}."))
}

/// A whole number from 1 to `max`, or null.
fn bounded(name: &str, text: &str, max: u64) -> Result<Option<u64>, GatewayError> {
    let wrong = || {
        let message = format!("`{name}` must be a whole number between 1 and {max}.");
        GatewayError::invalid("invalid_value", Some(name), message)
    };
    let number: Option<u64> = serde_json::from_str(text).map_err(|_| wrong())?;
    match number {
        Some(number) if !(1..=max).contains(&number) => Err(wrong()),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chat(body: &str) -> Result<Request, GatewayError> {
        understand(Api::Chat, Bytes::copy_from_slice(body.as_bytes()))
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
                (&*error.code, error.param.as_deref()),
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
        assert_eq!(understand(Api::Chat, body).unwrap_err().code.as_ref(), "invalid_json");
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
            let request = understand(Api::Embeddings, Bytes::from(body)).unwrap();
            assert_eq!(request.facts.parts, parts);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = understand(Api::Chat, Bytes::from(body));
        }

        #[test]
        fn the_text_of_a_prompt_is_never_undercounted(text in ".{0,300}") {
            let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
            prop_assert!(chat(&body).unwrap().facts.text_bytes >= text.len() as u64);
        }
    }
}
