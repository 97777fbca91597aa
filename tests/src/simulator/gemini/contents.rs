//! The conversation: whose turn it is, what its parts hold, and whether calls and results belong
//! together.

use serde_json::Value;

use super::super::{signatures, tokens};
use super::errors::GoogleError;
use super::families::Family;
use super::proto::{Host, bytes};

/// What stands in place of a signature that is lost.
const SENTINEL: &str = "skip_thought_signature_validator";
/// The kinds of data; a part has one of them.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];
/// What an image or a file counts.
const MEDIA_TOKENS: u64 = 258;
const TURN_TOKENS: u64 = 3;
/// What the signature of a text is made for.
pub const SIGNED_TEXT: &str = "text";

/// What the signature of a call is made for.
pub fn signed_call(name: &str) -> String {
    format!("call {name}")
}

/// A call that waits for its result.
#[derive(Debug, Clone, Copy)]
struct Pending<'a> {
    id: Option<&'a str>,
    name: &'a str,
}

/// Checks a conversation for a model.
#[derive(Debug, Clone, Copy)]
pub struct Checker {
    /// The model.
    pub family: Family,
    /// Where it is asked.
    pub host: Host,
}

impl Checker {
    /// Checks all turns, and counts their tokens.
    pub fn conversation(self, contents: &[Value]) -> Result<u64, GoogleError> {
        if contents.is_empty() {
            let message = "* GenerateContentRequest.contents: contents is not specified\n";
            return Err(GoogleError::invalid(message));
        }
        let (mut tokens, mut pending, mut after_user) = (0, Vec::new(), false);
        for (at, content) in contents.iter().enumerate() {
            let model = match content["role"].as_str().unwrap_or("user") {
                "model" => true,
                "user" | "function" | "" => false,
                _ => return Err(invalid("Please use a valid role: user, model.")),
            };
            let path = format!("contents[{at}]");
            tokens += TURN_TOKENS + self.parts(content, &path)?;
            let results = self.results(content, &path, model)?;
            match_results(&pending, &results)?;
            pending = calls(content);
            let in_its_place = pending.is_empty() || (model && after_user);
            if !in_its_place {
                return Err(invalid(
                    "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
                ));
            }
            self.signatures(content, at)?;
            after_user = !model;
        }
        if !contents.iter().any(|content| content["role"].as_str().unwrap_or("user") != "model") {
            return Err(invalid(
                "Please ensure that single turn requests have a user role or a function response.",
            ));
        }
        Ok(tokens)
    }

    /// Checks instructions, and counts their tokens.
    pub fn instructions(self, content: &Value) -> Result<u64, GoogleError> {
        if !self.family.takes_instructions() {
            return Err(invalid("Developer instruction is not enabled for this model"));
        }
        let tokens = self.parts(content, "system_instruction")?;
        let parts = content["parts"].as_array().into_iter().flatten();
        if parts.into_iter().any(|part| part.get("text").is_none()) {
            return Err(invalid("system_instruction only supports text."));
        }
        Ok(TURN_TOKENS + tokens)
    }

    fn parts(self, content: &Value, path: &str) -> Result<u64, GoogleError> {
        let model = content["role"] == "model";
        let parts = content["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        if parts.is_empty() {
            return Err(invalid(format!(
                "* GenerateContentRequest.{path}.parts: contents.parts must not be empty.\n"
            )));
        }
        let counted = parts.iter().enumerate().map(|(at, part)| {
            let path = format!("{path}.parts[{at}]");
            // The official clients send back a model's empty parts, and are not refused.
            if model && part["text"] == "" { Ok(0) } else { self.part(part, &path) }
        });
        counted.sum()
    }

    fn part(self, part: &Value, path: &str) -> Result<u64, GoogleError> {
        let held: Vec<&str> = DATA.into_iter().filter(|kind| part.get(*kind).is_some()).collect();
        let [kind] = held.as_slice() else {
            return Err(invalid(format!(
                "* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
            )));
        };
        let data = &part[*kind];
        match *kind {
            "text" => {
                let text = data.as_str().unwrap_or_default();
                if text.is_empty() {
                    return Err(invalid(format!(
                        "Unable to submit request because {path} must have a text parameter that is not empty."
                    )));
                }
                Ok(of_text(text))
            }
            "inlineData" => self.inline(data, path),
            "fileData" => self.file(data, path),
            "functionCall" => self.call(data, path),
            "functionResponse" => self.response(data, path),
            _ => Ok(of_json(data)),
        }
    }

    fn inline(self, data: &Value, path: &str) -> Result<u64, GoogleError> {
        let mime_type = data["mimeType"].as_str().unwrap_or_default();
        if !mime_type.contains('/') || data["data"].as_str().is_none_or(str::is_empty) {
            return Err(invalid(format!("{path}.inline_data: mime_type and data are required.")));
        }
        Ok(MEDIA_TOKENS)
    }

    fn file(self, data: &Value, path: &str) -> Result<u64, GoogleError> {
        let uri = data["fileUri"].as_str().unwrap_or_default();
        let taken = match self.host {
            Host::Vertex => uri.starts_with("gs://") || uri.starts_with("https://"),
            Host::Studio => uri.starts_with("https://"),
        };
        if !taken {
            return Err(invalid(format!("Invalid or unsupported file uri: {uri} ({path})")));
        }
        Ok(MEDIA_TOKENS)
    }

    fn call(self, data: &Value, path: &str) -> Result<u64, GoogleError> {
        self.id(data, &format!("{path}.function_call"))?;
        if data["name"].as_str().is_none_or(str::is_empty) {
            return Err(empty_name(&format!("{path}.function_call")));
        }
        Ok(of_json(&data["args"]))
    }

    fn response(self, data: &Value, path: &str) -> Result<u64, GoogleError> {
        let path = format!("{path}.function_response");
        self.id(data, &path)?;
        if data["name"].as_str().is_none_or(str::is_empty) {
            return Err(empty_name(&path));
        }
        if data.get("response").is_none() {
            return Err(invalid(format!(
                "* GenerateContentRequest.{path}.response: missing field.\n"
            )));
        }
        let media = data["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !media.is_empty() && !self.family.takes_media_in_results() {
            return Err(GoogleError::unknown_name("parts", &path));
        }
        let named: Vec<&str> = media
            .iter()
            .flat_map(|part| [&part["inlineData"]["displayName"], &part["fileData"]["displayName"]])
            .filter_map(Value::as_str)
            .collect();
        if let Some(reference) = unresolved(&data["response"], &named) {
            return Err(invalid(format!(
                "{path}: the $ref \"{reference}\" does not match the display_name of any part."
            )));
        }
        Ok(of_json(&data["response"]) + MEDIA_TOKENS * media.len() as u64)
    }

    fn id(self, data: &Value, path: &str) -> Result<(), GoogleError> {
        if data.get("id").is_some() && !self.family.takes_ids() {
            return Err(GoogleError::unknown_name("id", path));
        }
        Ok(())
    }

    fn results<'a>(
        self,
        content: &'a Value,
        path: &str,
        model: bool,
    ) -> Result<Vec<Pending<'a>>, GoogleError> {
        let results = named(content, "functionResponse");
        if model && !results.is_empty() {
            return Err(invalid(format!("{path}: a model turn cannot have function responses.")));
        }
        Ok(results)
    }

    /// The first of the calls of a turn has to come back with its signature, and none may come with
    /// one that is not from here.
    fn signatures(self, content: &Value, at: usize) -> Result<(), GoogleError> {
        let mut first_call = true;
        for part in content["parts"].as_array().into_iter().flatten() {
            let name = part["functionCall"]["name"].as_str();
            let signed = name.map_or_else(|| SIGNED_TEXT.to_owned(), signed_call);
            let is_first = name.is_some() && std::mem::replace(&mut first_call, name.is_none());
            match part["thoughtSignature"].as_str() {
                Some(signature) if is_genuine(signature, &signed) => {}
                Some(_) => return Err(invalid("Corrupted thought signature.")),
                None if is_first && self.family.signs_calls() => {
                    let name = name.unwrap_or_default();
                    return Err(invalid(format!(
                        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}` , position {at}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
                    )));
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn is_genuine(signature: &str, signed: &str) -> bool {
    let Some(bytes) = bytes(signature) else { return false };
    // Clients that take it for bytes encode the sentinel once more.
    signature == SENTINEL
        || bytes == SENTINEL.as_bytes()
        || signatures::read(&super::super::base64::encode(&bytes), signed).is_some()
}

fn match_results(calls: &[Pending<'_>], results: &[Pending<'_>]) -> Result<(), GoogleError> {
    if calls.is_empty() && !results.is_empty() {
        return Err(invalid(
            "Please ensure that function response turn comes immediately after a function call turn.",
        ));
    }
    if calls.len() != results.len() {
        return Err(invalid(
            "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
        ));
    }
    let answers = |call: &Pending<'_>, result: &Pending<'_>| match (call.id, result.id) {
        (Some(call), Some(result)) => call == result,
        _ => call.name == result.name,
    };
    let mut open = calls.to_vec();
    for result in results {
        let Some(at) = open.iter().position(|call| answers(call, result)) else {
            return Err(invalid(format!(
                "Please ensure that the function response `{}` belongs to a function call of the turn before.",
                result.name
            )));
        };
        open.remove(at);
    }
    Ok(())
}

fn calls(content: &Value) -> Vec<Pending<'_>> {
    named(content, "functionCall")
}

fn named<'a>(content: &'a Value, kind: &str) -> Vec<Pending<'a>> {
    let parts = content["parts"].as_array().into_iter().flatten();
    let held = parts.filter_map(|part| part.get(kind));
    let pending = |held: &'a Value| Pending {
        id: held["id"].as_str(),
        name: held["name"].as_str().unwrap_or_default(),
    };
    held.map(pending).collect()
}

/// A reference to none of the media that came along.
fn unresolved<'a>(value: &'a Value, named: &[&str]) -> Option<&'a str> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value.as_str() {
            Some(reference) if name == "$ref" => (!named.contains(&reference)).then_some(reference),
            _ => unresolved(value, named),
        }),
        Value::Array(items) => items.iter().find_map(|item| unresolved(item, named)),
        _ => None,
    }
}

fn empty_name(path: &str) -> GoogleError {
    invalid(format!("* GenerateContentRequest.{path}.name: Name cannot be empty.\n"))
}

fn invalid(message: impl Into<String>) -> GoogleError {
    GoogleError::invalid(message)
}

/// Tokens of a text, by the simulator's count.
pub fn of_text(text: &str) -> u64 {
    tokens::of_bytes(text.len())
}

fn of_json(value: &Value) -> u64 {
    if value.is_null() { 0 } else { tokens::of_bytes(value.to_string().len()) }
}

#[cfg(test)]
mod tests {
    use super::super::super::signatures::Place;
    use super::*;
    use serde_json::json;

    fn check(model: &str, host: Host, contents: Value) -> Result<u64, String> {
        let checker = Checker { family: Family::of(model), host };
        let checked = checker.conversation(contents.as_array().unwrap());
        checked.map_err(|error| error.message)
    }

    fn user(part: Value) -> Value {
        json!({ "role": "user", "parts": [part] })
    }

    #[test]
    fn parts_hold_one_thing_and_not_nothing() {
        let file = |uri: &str| json!({ "fileData": { "fileUri": uri, "mimeType": "image/png" } });
        let cases = [
            (json!([user(json!({ "text": "hi" }))]), ""),
            (json!([{ "parts": [{ "text": "hi" }] }]), ""),
            (json!([]), "contents is not specified"),
            (json!([{ "role": "user", "parts": [] }]), "must not be empty"),
            (json!([{ "role": "system", "parts": [{ "text": "hi" }] }]), "valid role"),
            (json!([{ "role": "model", "parts": [{ "text": "hi" }] }]), "have a user role"),
            (json!([user(json!({ "text": "" }))]), "not empty"),
            (
                json!([user(json!({ "text": "hi" })), { "role": "model", "parts": [{ "text": "" }] }]),
                "",
            ),
            (json!([user(json!({ "thought": true }))]), "required oneof field 'data'"),
            (json!([user(json!({ "text": "a", "inlineData": {} }))]), "required oneof"),
            (json!([user(json!({ "inlineData": { "data": "AA==" } }))]), "mime_type"),
            (json!([user(file("https://x/y.png"))]), ""),
            (json!([user(file("gs://x/y.png"))]), "unsupported file uri"),
        ];
        for (contents, message) in cases {
            let found = check("gemini-2.5-pro", Host::Studio, contents.clone()).err();
            let found = found.unwrap_or_default();
            assert_eq!(message.is_empty(), found.is_empty(), "{contents} {found}");
            assert!(found.contains(message), "{contents} {found}");
        }
        assert!(check("m", Host::Vertex, json!([user(file("gs://x/y.png"))])).is_ok());
    }

    #[test]
    fn calls_and_results_belong_together() {
        let call = |name: &str| json!({ "functionCall": { "name": name, "args": {} } });
        let result = |name: &str| json!({ "functionResponse": { "name": name, "response": {} } });
        let turns = |calls: &[&str], results: &[&str]| {
            let calls: Vec<_> = calls.iter().map(|name| call(name)).collect();
            let results: Vec<_> = results.iter().map(|name| result(name)).collect();
            json!([
                user(json!({ "text": "hi" })),
                { "role": "model", "parts": calls },
                { "role": "user", "parts": results },
            ])
        };
        let cases = [
            (turns(&["f", "g"], &["f", "g"]), ""),
            (turns(&["f", "f"], &["f", "f"]), ""),
            (turns(&["f", "g"], &["f"]), "is equal to the number"),
            (turns(&["f"], &["g"]), "`g` belongs to a function call"),
            (turns(&["f", "g"], &["f", "f"]), "`f` belongs to a function call"),
            (turns(&["f"], &[""]), "Name cannot be empty"),
            (json!([user(result("f"))]), "immediately after a function call turn"),
            (
                json!([{ "role": "model", "parts": [call("f")] }, user(result("f"))]),
                "immediately after a user turn",
            ),
            (
                json!([user(json!({ "text": "a" })), { "role": "model", "parts": [call("f")] }, user(json!({ "text": "b" }))]),
                "is equal to the number",
            ),
        ];
        for (contents, message) in cases {
            let found = check("gemini-2.5-pro", Host::Studio, contents.clone()).err();
            let found = found.unwrap_or_default();
            assert_eq!(message.is_empty(), found.is_empty(), "{contents} {found}");
            assert!(found.contains(message), "{contents} {found}");
        }
    }

    #[test]
    fn what_is_of_the_third_generation_is_of_no_older_one() {
        let turns = |call: Value, result: Value| {
            json!([
                user(json!({ "text": "hi" })),
                { "role": "model", "parts": [call] },
                user(json!({ "functionResponse": result })),
            ])
        };
        let plain = json!({ "name": "f", "response": { "output": "42" } });
        let genuine = signatures::sign(Place { answer: 7, index: 0, of: 1 }, "call f");
        let other = signatures::sign(Place { answer: 7, index: 0, of: 1 }, "call g");
        let urlsafe = genuine.replace('+', "-").replace('/', "_");
        let signed = |signature: &str| json!({ "functionCall": { "name": "f" }, "thoughtSignature": signature });
        let with_id =
            json!({ "functionCall": { "id": "a", "name": "f" }, "thoughtSignature": SENTINEL });
        let image = json!({ "name": "f", "response": { "i": { "$ref": "x" } }, "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AA==", "displayName": "x" } }] });
        let reference = json!({ "name": "f", "response": { "a": [{ "$ref": "x" }] } });
        let unsigned = json!({ "functionCall": { "name": "f" } });
        let cases = [
            ("gemini-3-pro", turns(signed(&genuine), plain.clone()), ""),
            ("gemini-3-pro", turns(signed(&urlsafe), plain.clone()), ""),
            ("gemini-3-pro", turns(signed(SENTINEL), plain.clone()), ""),
            (
                "gemini-3-pro",
                turns(signed("c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="), plain.clone()),
                "",
            ),
            ("gemini-3-pro", turns(signed(&other), plain.clone()), "Corrupted"),
            ("gemini-3-pro", turns(signed("AAAA"), plain.clone()), "Corrupted"),
            ("gemini-3-pro", turns(unsigned.clone(), plain.clone()), "missing a thought_signature"),
            ("gemini-2.5-pro", turns(unsigned.clone(), plain.clone()), ""),
            ("gemini-2.5-pro", turns(signed("AAAA"), plain.clone()), "Corrupted"),
            ("gemini-3-pro", turns(with_id.clone(), plain.clone()), ""),
            ("gemini-2.5-pro", turns(with_id, plain), "Unknown name \"id\""),
            ("gemini-3-pro", turns(signed(SENTINEL), image.clone()), ""),
            ("gemini-2.5-pro", turns(unsigned.clone(), image), "Unknown name \"parts\""),
            ("gemini-2.5-pro", turns(unsigned, reference), "$ref \"x\""),
        ];
        for (model, contents, message) in cases {
            let found = check(model, Host::Studio, contents.clone()).err().unwrap_or_default();
            assert_eq!(message.is_empty(), found.is_empty(), "{model} {contents} {found}");
            assert!(found.contains(message), "{model} {contents} {found}");
        }
    }

    #[test]
    fn a_prompt_is_counted_by_rule() {
        let turns = json!([user(json!({ "text": "hello" })), { "role": "model", "parts": [{ "text": "a" }] },
            user(json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } }))]);
        assert_eq!(check("m", Host::Studio, turns), Ok(3 + 2 + 3 + 1 + 3 + 258));
    }
}
