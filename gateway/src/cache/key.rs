//! What makes two requests equal: everything in them but who asks, whether the answer streams, and notes of the app.

use crate::formats::facts::{Api, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Members that do not change the answer.
const NOT_IN_KEY: [&str; 8] = [
    "user",
    "stream",
    "stream_options",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "store",
];

/// A request in a form that equal requests share: members in order, without what does not change the answer.
pub(super) struct Canonical {
    /// The API that it is of.
    pub api: Api,
    head: Value,
    /// The body.
    pub body: Value,
}

impl Canonical {
    /// Equal for equal requests.
    pub fn bytes(&self) -> Vec<u8> {
        format!("[{},{}]", self.head, self.body).into_bytes()
    }
}

/// The canonical form; `None` if the request's answers are not cached.
pub(super) fn canonical(request: &Request, any_temperature: bool) -> Option<Canonical> {
    // Responses have identities that apps come back to, and forms have files.
    let cached = matches!(request.api, Api::Chat | Api::Messages | Api::Generate);
    if !cached || request.facts.continues || request.facts.unseen_parts {
        return None;
    }
    let mut body: Value = serde_json::from_slice(&request.body).ok()?;
    let members = body.as_object_mut()?;
    for name in NOT_IN_KEY {
        members.remove(name);
    }
    let temperature = members
        .get("temperature")
        .or_else(|| members.get("generationConfig").and_then(|config| config.get("temperature")));
    let certain = temperature.and_then(Value::as_f64) == Some(0.0);
    if !any_temperature && !certain {
        return None;
    }
    let forwarded: Vec<_> = request.head.forwarded.iter().collect();
    let head =
        serde_json::json!(
            [request.api.name(), request.facts.model, request.head.array, forwarded,]
        );
    Some(Canonical { api: request.api, head, body: sorted(body) })
}

/// Members in the order of their names, whatever the order in which they came.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// The name of an answer: a hash of the canonical request and of who shares it.
pub(super) fn name(tenant: &str, scope: &str, canonical: &[u8]) -> String {
    let digest = hash(&[b"cache", tenant.as_bytes(), scope.as_bytes(), canonical]);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash of parts, each with its length.
pub(super) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::understand::understand;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(body: &Value) -> Option<Vec<u8>> {
        of_text(&body.to_string())
    }

    fn of_text(text: &str) -> Option<Vec<u8>> {
        let request = understand(Api::Chat, Default::default(), text.to_owned().into()).unwrap();
        canonical(&request, true).map(|canonical| canonical.bytes())
    }

    fn request() -> Value {
        json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.5,
            "top_p": 0.9, "max_tokens": 10, "seed": 1, "n": 1, "stop": ["x"], "user": "u",
            "presence_penalty": 0.1, "logprobs": false, "response_format": {"type": "text"},
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "some_future_member": {"a": 1, "b": 2},
        })
    }

    #[test]
    fn who_asks_how_and_in_which_order_makes_no_difference() {
        let base = of(&request()).unwrap();
        for (name, value) in [
            ("user", json!("other")),
            ("stream", json!(true)),
            ("metadata", json!({"a": "b"})),
            ("store", json!(true)),
        ] {
            let mut body = request();
            body[name] = value;
            assert_eq!(of(&body).unwrap(), base, "{name}");
        }
        let mut streaming = request();
        streaming["stream"] = json!(true);
        streaming["stream_options"] = json!({"include_usage": true});
        assert_eq!(of(&streaming).unwrap(), base);
        let text = r#"{ "b": {"y": 1, "x": [1, {"d": 1, "c": 2}]},  "model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        let other = r#"{"messages":[{"content":"hi","role":"user"}],"model":"m","b":{"x":[1,{"c":2,"d":1}],"y":1}}"#;
        assert_eq!(of_text(text), of_text(other));
    }

    #[test]
    fn only_certain_requests_are_cached_if_the_route_wants_that() {
        for (temperature, cached) in [(json!(0), true), (json!(0.0), true), (json!(0.1), false)] {
            let mut body = request();
            body["temperature"] = temperature;
            let request =
                understand(Api::Chat, Default::default(), body.to_string().into()).unwrap();
            assert_eq!(canonical(&request, false).is_some(), cached);
        }
    }

    #[test]
    fn other_tenants_and_scopes_have_other_names() {
        let names = [
            name("a", "t", b"x"),
            name("b", "t", b"x"),
            name("a", "k:1", b"x"),
            name("a", "t", b"y"),
        ];
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }

    proptest! {
        #[test]
        fn any_changed_member_that_belongs_to_the_key_changes_it(pick in 0usize..64, salt in 2u32..1_000) {
            let base = request();
            let members: Vec<String> = base
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| !NOT_IN_KEY.contains(&name.as_str()))
                .cloned()
                .collect();
            let name = &members[pick % members.len()];
            let mut body = base.clone();
            body[name] = match name.as_str() {
                "model" => json!(format!("m{salt}")),
                "messages" => json!([{"role": "user", "content": format!("hi {salt}")}]),
                "tools" => json!([{"type": "function", "function": {"name": format!("f{salt}"), "parameters": {}}}]),
                "response_format" => json!({"type": "json_object"}),
                "logprobs" => json!(true),
                "stop" => json!([salt.to_string()]),
                "n" => json!(2 + salt % 100),
                "seed" | "max_tokens" => json!(salt + 10),
                "some_future_member" => json!({"a": salt, "b": 2}),
                _ => json!(1.0 / f64::from(salt + 20)),
            };
            prop_assert_ne!(of(&body), of(&base), "{}", name);
            let mut without = base.clone();
            if name != "model" && name != "messages" {
                without.as_object_mut().unwrap().remove(name);
                prop_assert_ne!(of(&without), of(&base), "without {}", name);
            }
        }
    }
}
