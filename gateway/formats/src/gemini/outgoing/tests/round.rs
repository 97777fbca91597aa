//! What an app that speaks this format sent comes out as it went in.

use super::*;
use crate::gemini::{read_request, recorded};
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, json};

fn round(body: &Value, kind: ProviderKind, model: &str) -> (Value, Vec<String>) {
    let conversation = read_request(body.to_string().as_bytes(), "alias", true)
        .unwrap_or_else(|mistake| panic!("{mistake}: {body}"));
    let outgoing = write_request(&conversation, Fit::new(TargetFacts::new(kind, model)))
        .unwrap_or_else(|mistake| panic!("{mistake}: {body}"));
    let reports = [outgoing.dropped, outgoing.clamped].concat();
    (serde_json::from_slice(&outgoing.body).unwrap(), reports)
}

#[test]
fn recorded_requests_differ_in_their_schemas_only() {
    for exchange in recorded::all() {
        let body: Value = serde_json::from_slice(&exchange.request).unwrap();
        let (mut out, reports) = round(&body, ProviderKind::Vertex, "gemini-2.5-flash");
        let mut expected = body;
        match exchange.name.as_str() {
            "tools_parallel" => {
                let place = "/tools/0/functionDeclarations/0";
                let schema = out.pointer_mut(place).unwrap().as_object_mut().unwrap();
                let plain = schema.remove("parametersJsonSchema").unwrap();
                let unit =
                    json!({"type": ["string", "null"], "enum": ["celsius", "fahrenheit", null]});
                assert_eq!(plain["properties"]["unit"], unit);
                let schema = expected.pointer_mut(place).unwrap().as_object_mut().unwrap();
                schema.remove("parameters");
            }
            "json_schema" => {
                let schema = json!({"type": "object", "properties": {"planet": {"type": "string"},
                    "moons": {"type": "array", "items": {"type": "string"}, "maxItems": 3}}, "required": ["planet", "moons"]});
                let config = expected["generationConfig"].as_object_mut().unwrap();
                config.remove("responseSchema");
                config.insert("responseJsonSchema".into(), schema);
            }
            "reasoning_tools" | "reasoning_text" => continue,
            _ => {}
        }
        assert_eq!(out, expected, "{}", exchange.name);
        assert!(reports.is_empty(), "{}: {reports:?}", exchange.name);
    }
}

#[test]
fn what_a_target_of_the_same_format_does_not_have_is_told() {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}], "labels": {"a": "b"}, "serviceTier": "FLEX"});
    let (out, reports) = round(&body, ProviderKind::Gemini, "gemini-2.5-flash");
    assert_eq!((out["labels"].clone(), reports), (Value::Null, vec!["labels".to_owned()]));
    let (out, reports) = round(&body, ProviderKind::Vertex, "gemini-2.5-flash");
    assert_eq!(
        (out["serviceTier"].clone(), reports),
        (Value::Null, vec!["serviceTier".to_owned()])
    );
}

#[test]
fn a_prompt_in_the_providers_cache_has_its_own_system_and_tools() {
    let cached = json!({"cachedContent": "cachedContents/x"});
    assert_eq!(
        round(&cached, ProviderKind::Gemini, "gemini-2.5-flash").0,
        json!({"contents": [], "cachedContent": "cachedContents/x"})
    );
    for (name, value) in [
        ("systemInstruction", json!({"parts": [{"text": "s"}]})),
        ("tools", json!([{"functionDeclarations": [{"name": "f"}]}])),
    ] {
        let mut body =
            json!({"cachedContent": "x", "contents": [{"role": "user", "parts": [{"text": "a"}]}]});
        body[name] = value;
        let conversation = read_request(body.to_string().as_bytes(), "m", false).unwrap();
        let facts = TargetFacts::new(ProviderKind::Gemini, "gemini-2.5-flash");
        let mistake = write_request(&conversation, Fit::new(facts)).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some(name));
        let facts = TargetFacts { drop_unsupported: true, ..facts };
        let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
        assert_eq!(outgoing.dropped, [name]);
        let out: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(out[name], Value::Null);
    }
}

/// An object with members that nobody knows.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        Just(json!({"deep": [1.5, null, {"x": "é\n"}]})),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    option::of(("zz[A-Z]{1,3}", value)).prop_map(|member| member.into_iter().collect())
}

fn with(mut object: Value, unknown: Map<String, Value>) -> Value {
    object.as_object_mut().unwrap().extend(unknown);
    object
}

/// A part of what a user says.
fn said() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        "[a-zé\"\\\\]{1,6}".prop_map(|text| json!({ "text": text })),
        Just(json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})),
        Just(
            json!({"inlineData": {"mimeType": "x/y", "data": "/+8=", "displayName": "n", "zzBlob": 1}})
        ),
        Just(
            json!({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/o"}, "videoMetadata": {"fps": 1.0}})
        ),
        Just(json!({"fileData": {"fileUri": "https://x/y"}, "mediaResolution": {"level": "L"}})),
    ];
    (part, unknown()).prop_map(|(part, unknown)| with(part, unknown))
}

/// A part of what a model says, calls apart.
fn answered() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        "[a-z]{1,6}".prop_map(|text| json!({ "text": text })),
        "[a-z]{1,6}".prop_map(|text| json!({"text": text, "thoughtSignature": "T+/="})),
        "[a-z]{0,6}"
            .prop_map(|text| json!({"text": text, "thought": true, "thoughtSignature": "S"})),
        "[a-z]{1,6}".prop_map(|text| json!({"text": text, "thought": true})),
        Just(json!({"text": "", "thoughtSignature": "E"})),
        Just(json!({"executableCode": {"language": "PYTHON", "code": "1"}})),
    ];
    (part, unknown()).prop_map(|(part, unknown)| with(part, unknown))
}

fn response() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z{}\"]{0,5}".prop_map(|text| json!({ "output": text })),
        Just(json!({"error": "x"})),
        Just(json!({"error": {"code": 1.5}})),
        Just(json!({"output": "{\"a\":1}"})),
        Just(json!({"output": {"$ref": "x"}, "more": [1]})),
        Just(json!({})),
    ]
}

/// A turn of the model's and the user's answer to it: words, or calls with their results.
fn exchange() -> impl Strategy<Value = Vec<Value>> {
    let words = (vec(answered(), 1..4), vec(said(), 1..3))
        .prop_map(|(model, user)| (model, Vec::new(), user));
    let calls = (vec(answered(), 0..2), vec((response(), unknown()), 1..4), vec(said(), 0..2));
    type Said = (Vec<Value>, Vec<(Value, Map<String, Value>)>, Vec<Value>);
    let turns = |(mut model, responses, mut user): Said| {
        let mut results = Vec::new();
        for (number, (response, unknown)) in responses.into_iter().enumerate() {
            let id = format!("fc{number}");
            let mut call =
                json!({"functionCall": {"id": id, "name": "f", "args": {"x": number, "y": [1.5]}}});
            if number == 0 {
                call["thoughtSignature"] = json!("C");
            }
            model.push(call);
            let answer = with(json!({"id": id, "name": "f", "response": response}), unknown);
            results.push(json!({ "functionResponse": answer }));
        }
        results.append(&mut user);
        vec![json!({"role": "model", "parts": model}), json!({"role": "user", "parts": results})]
    };
    prop_oneof![words.prop_map(turns), calls.prop_map(turns)]
}

fn tools() -> impl Strategy<Value = Option<Value>> {
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}, "_y1": {"$ref": "#/$defs/Y"}}, "$defs": {"Y": {"const": 1.5}}});
    let declaration = prop_oneof![
        Just(json!({"name": "f", "description": "d", "parametersJsonSchema": schema})),
        Just(json!({"name": "f", "zzBehavior": "BLOCKING"})),
    ];
    let functions =
        declaration.prop_map(|one| json!({"functionDeclarations": [one, {"name": "g"}]}));
    prop_oneof![
        Just(None),
        functions.clone().prop_map(|entry| Some(json!([entry]))),
        functions.prop_map(|entry| Some(
            json!([{"googleSearch": {"zz": 1}}, entry, {"urlContext": {}}])
        )),
    ]
}

fn calling() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({"mode": "AUTO"})),
        Just(json!({"mode": "NONE", "zzNew": 1})),
        Just(json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]})),
        Just(json!({"mode": "ANY", "allowedFunctionNames": ["g"]})),
        Just(json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})),
        Just(json!({"mode": "VALIDATED"})),
    ]
}

fn config() -> impl Strategy<Value = Map<String, Value>> {
    let member = prop_oneof![
        Just(("temperature", json!(0.5))),
        Just(("topP", json!(0.25))),
        Just(("topK", json!(40))),
        Just(("maxOutputTokens", json!(100))),
        Just(("candidateCount", json!(1))),
        Just(("stopSequences", json!(["a", "b"]))),
        Just(("seed", json!(-5))),
        Just(("responseLogprobs", json!(false))),
        Just(("logprobs", json!(3))),
        Just(("responseModalities", json!(["TEXT"]))),
        Just(("responseMimeType", json!("application/json"))),
        Just((
            "thinkingConfig",
            json!({"includeThoughts": false, "thinkingLevel": "minimal", "zzNew": 1})
        )),
        Just(("speechConfig", json!({"voice": "x"}))),
    ];
    vec(member, 0..6)
        .prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn a_request_is_written_as_it_was_read(
        system in option::of(vec("[a-z]{1,4}", 1..3)),
        first in vec(said(), 1..3),
        exchanges in vec(exchange(), 0..4),
        tools in tools(),
        calling in option::of(calling()),
        config in config(),
        top in unknown(),
        turn in unknown(),
    ) {
        let mut contents = vec![with(json!({"role": "user", "parts": first}), turn)];
        contents.extend(exchanges.into_iter().flatten());
        let mut body = with(json!({"contents": contents, "safetySettings": [{"category": "C"}]}), top);
        if let Some(texts) = system {
            let parts: Vec<_> = texts.into_iter().map(|text| json!({ "text": text })).collect();
            body["systemInstruction"] = json!({"role": "system", "parts": parts});
        }
        if let Some(tools) = tools {
            body["tools"] = tools;
            if let Some(calling) = calling {
                body["toolConfig"] = json!({"functionCallingConfig": calling, "retrievalConfig": {"languageCode": "de"}});
            }
        }
        if !config.is_empty() {
            body["generationConfig"] = config.into();
        }
        let (out, reports) = round(&body, ProviderKind::Gemini, "gemini-3-flash");
        prop_assert_eq!(out, body);
        prop_assert!(reports.is_empty(), "{:?}", reports);
    }
}
