use super::*;
use crate::conversation::{Effort, Output, Reasoning, ReasoningMode, Sampling};
use serde_json::json;

fn config(conversation: &Conversation, model: &str) -> Value {
    body(conversation, model)["generationConfig"].clone()
}

#[test]
fn sampling_takes_googles_names_and_ranges() {
    let mut conversation = asked();
    conversation.max_output = Some(100);
    conversation.sampling = Sampling {
        temperature: Some(2.5),
        top_p: Some(0.5),
        top_k: Some(40),
        stop: vec!["a".into(), String::new()],
        seed: Some(7),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(-0.5),
        choices: Some(2),
        logprobs: Some(true),
        top_logprobs: Some(3),
        logit_bias: None,
    };
    let outgoing = sent(&conversation, "gemini-2.0-flash");
    assert_eq!(outgoing.clamped, ["temperature=2"]);
    assert_eq!(
        config(&conversation, "gemini-2.0-flash"),
        json!({"temperature": 2.0, "topP": 0.5, "topK": 40, "presencePenalty": -0.5, "frequencyPenalty": 0.5,
            "seed": 7, "maxOutputTokens": 100, "stopSequences": ["a"], "candidateCount": 2,
            "responseLogprobs": true, "logprobs": 3})
    );
}

#[test]
fn values_that_are_the_default_change_nothing() {
    let mut conversation = asked();
    conversation.sampling.choices = Some(1);
    conversation.sampling.logprobs = Some(false);
    conversation.sampling.frequency_penalty = Some(0.0);
    conversation.sampling.logit_bias = Some(Raw::empty_object());
    conversation.parallel_tools = Some(true);
    let outgoing = sent(&conversation, "gemini-3-pro");
    assert_eq!(outgoing.dropped, ["frequency_penalty", "logit_bias"]);
    assert_eq!(config(&conversation, "gemini-3-pro"), Value::Null);
}

#[test]
fn what_changes_the_answer_and_cannot_be_had_is_refused_or_dropped() {
    type Change = fn(&mut Conversation);
    let cases: [(&str, &str, Change); 9] = [
        ("gemini-3-pro", "presence_penalty", |it| it.sampling.presence_penalty = Some(0.5)),
        ("gemini-2.5-pro", "n", |it| it.sampling.choices = Some(9)),
        ("gemini-2.5-pro", "stop", |it| it.sampling.stop = vec!["x".into(); 6]),
        ("gemini-2.5-pro", "logit_bias", |it| it.sampling.logit_bias = Raw::parse(r#"{"5":1}"#)),
        ("gemma-3-27b-it", "response_format", |it| it.output = Output::JsonObject),
        ("gemini-2.5-pro", "response_format", |it| {
            it.output = Output::JsonObject;
            it.tools = vec![function("f", "{}")];
        }),
        ("gemini-2.5-pro", "previous_response_id", |it| {
            it.previous_response_id = Some("r".into());
        }),
        ("gemini-2.5-pro", "web_search_options", |it| {
            it.extra.push(("web_search_options".into(), Raw::empty_object()));
        }),
        ("gemini-2.5-pro", "modalities", |it| {
            it.extra
                .extend(Raw::parse(r#"["text","audio"]"#).map(|raw| ("modalities".into(), raw)));
        }),
    ];
    for (model, param, change) in cases {
        let mut conversation = asked();
        change(&mut conversation);
        assert_eq!(refused(&conversation, model).as_deref(), Some(param));
        let facts =
            TargetFacts { drop_unsupported: true, ..TargetFacts::new(ProviderKind::Gemini, model) };
        let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
        assert_eq!(outgoing.dropped, [param]);
    }
}

#[test]
fn hints_are_left_out_and_reported() {
    let mut conversation = asked();
    conversation.user = Some("u".into());
    conversation.parallel_tools = Some(false);
    conversation.service_tier = Some("scale".into());
    for (name, value) in [
        ("store", "true"),
        ("metadata", r#"{"a":"b"}"#),
        ("audio", "null"),
        ("modalities", r#"["text"]"#),
    ] {
        conversation.extra.push((name.into(), Raw::parse(value).unwrap()));
    }
    let outgoing = sent(&conversation, "gemini-2.5-pro");
    let expected =
        ["service_tier", "user", "parallel_tool_calls", "store", "metadata", "modalities"];
    assert_eq!(outgoing.dropped, expected);
    assert_eq!(body(&conversation, "gemini-2.5-pro").as_object().unwrap().len(), 1);
}

#[test]
fn service_tiers_have_words_of_their_own_at_ai_studio_only() {
    let cases = [
        ("flex", Some("FLEX")),
        ("priority", Some("PRIORITY")),
        ("default", Some("STANDARD")),
        ("auto", None),
    ];
    for (tier, expected) in cases {
        let conversation = Conversation { service_tier: Some(tier.into()), ..asked() };
        let outgoing = sent(&conversation, "gemini-2.5-pro");
        assert!(outgoing.dropped.is_empty());
        assert_eq!(body(&conversation, "gemini-2.5-pro")["serviceTier"].as_str(), expected);
    }
    let conversation = Conversation { service_tier: Some("flex".into()), ..asked() };
    let facts = TargetFacts::new(ProviderKind::Vertex, "gemini-2.5-pro");
    let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
    assert_eq!(outgoing.dropped, ["service_tier"]);
}

#[test]
fn limits_of_the_gateway_and_the_model_go_before_the_apps() {
    let limits = |max_output, model_max_output| TargetFacts {
        max_output,
        model_max_output,
        ..TargetFacts::new(ProviderKind::Gemini, "gemini-2.5-pro")
    };
    let conversation = Conversation { max_output: Some(500), ..asked() };
    let cases = [
        (limits(None, None), 500, vec![]),
        (limits(Some(300), None), 300, vec![]),
        (limits(None, Some(400)), 400, vec!["max_tokens=400"]),
    ];
    for (facts, expected, clamped) in cases {
        let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(body["generationConfig"]["maxOutputTokens"], expected);
        assert_eq!(outgoing.clamped, clamped);
    }
}

#[test]
fn json_is_asked_for_in_the_words_of_the_generation() {
    let mut conversation = asked();
    conversation.output = Output::JsonObject;
    assert_eq!(
        config(&conversation, "gemini-2.5-pro"),
        json!({"responseMimeType": "application/json"})
    );
    let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"const":1.0}},"additionalProperties":false}"#;
    conversation.output = Output::JsonSchema {
        name: Some("x".into()),
        description: None,
        schema: Raw::parse(schema).unwrap(),
        strict: Some(true),
    };
    let plain = sent(&conversation, "gemini-2.5-pro");
    let text = String::from_utf8(plain.body.to_vec()).unwrap();
    assert!(text.contains(&format!(r#""responseJsonSchema":{schema}"#)), "{text}");
    assert_eq!(
        config(&conversation, "gemini-1.5-pro")["responseSchema"],
        json!({"type": "OBJECT", "properties": {"z": {"type": "STRING"}, "a": {"type": "NUMBER", "description": "One of: 1.0."}},
            "propertyOrdering": ["z", "a"]})
    );
    // With tools since Gemini 3.
    conversation.tools = vec![function("f", "{}")];
    assert!(config(&conversation, "gemini-3-flash")["responseJsonSchema"].is_object());
}

/// `thinkingConfig` for an effort.
fn thinking(reasoning: Reasoning, model: &str) -> (Value, Vec<String>, Vec<String>) {
    let conversation = Conversation { reasoning: Some(reasoning), ..asked() };
    let outgoing = sent(&conversation, model);
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    (body["generationConfig"]["thinkingConfig"].clone(), outgoing.dropped, outgoing.clamped)
}

#[test]
fn efforts_are_levels_since_gemini_3_and_budgets_before() {
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let level = |word: &str| json!({"includeThoughts": true, "thinkingLevel": word});
    let budget = |tokens: i64| json!({"includeThoughts": true, "thinkingBudget": tokens});
    let (flash, pro3, pro31) = ("gemini-3-flash", "gemini-3-pro-preview", "gemini-3.1-pro");
    let cases = [
        (flash, Effort::None, json!({"thinkingLevel": "minimal"}), Some("minimal")),
        (flash, Effort::Minimal, level("minimal"), None),
        (flash, Effort::Medium, level("medium"), None),
        (flash, Effort::Max, level("high"), Some("high")),
        (pro3, Effort::None, json!({"thinkingLevel": "low"}), Some("low")),
        (pro3, Effort::Minimal, level("low"), Some("low")),
        (pro3, Effort::Medium, level("high"), Some("high")),
        (pro31, Effort::Medium, level("medium"), None),
        ("gemini-2.5-flash", Effort::None, json!({"thinkingBudget": 0}), None),
        ("gemini-2.5-flash", Effort::Minimal, budget(1), None),
        ("gemini-2.5-flash-lite", Effort::Minimal, budget(512), None),
        ("gemini-2.5-pro", Effort::Minimal, budget(128), None),
        ("gemini-2.5-pro", Effort::None, json!({"thinkingBudget": 128}), Some("128")),
        ("gemini-2.5-pro", Effort::Low, budget(1024), None),
        ("gemini-2.5-pro", Effort::Medium, budget(2048), None),
        ("gemini-2.5-pro", Effort::High, budget(4096), None),
        ("gemini-2.5-pro", Effort::Xhigh, budget(32_768), None),
        ("gemini-2.5-flash", Effort::Max, budget(24_576), None),
    ];
    for (model, asked, expected, changed) in cases {
        let (config, dropped, clamped) = thinking(effort(asked), model);
        assert_eq!(config, expected, "{model} {asked:?}");
        assert!(dropped.is_empty());
        let told = changed.map(|word| format!("reasoning_effort={word}"));
        assert_eq!(clamped.first(), told.as_ref(), "{model} {asked:?}");
    }
}

#[test]
fn budgets_are_kept_in_range_or_become_levels() {
    let budget = |tokens| Reasoning { budget: Some(tokens), ..Reasoning::default() };
    let (config, _, clamped) = thinking(budget(50_000), "gemini-2.5-pro");
    assert_eq!(config, json!({"includeThoughts": true, "thinkingBudget": 32_768}));
    assert_eq!(clamped, ["reasoning_effort=32768"]);
    let (config, _, clamped) = thinking(budget(2000), "gemini-3-flash");
    assert_eq!(config, json!({"includeThoughts": true, "thinkingLevel": "medium"}));
    assert!(clamped.is_empty());
    let free =
        Reasoning { mode: Some(ReasoningMode::Enabled), show: Some(false), ..Reasoning::default() };
    let (config, ..) = thinking(free.clone(), "gemini-2.5-flash");
    assert_eq!(config, json!({"includeThoughts": false, "thinkingBudget": -1}));
    let (config, ..) = thinking(free, "gemini-3-flash");
    assert_eq!(config, json!({"includeThoughts": false}));
}

#[test]
fn a_model_that_does_not_think_is_not_asked_to() {
    let high = Reasoning { effort: Some(Effort::High), ..Reasoning::default() };
    let (config, dropped, _) = thinking(high, "gemini-2.0-flash");
    assert_eq!((config, dropped), (Value::Null, vec!["reasoning_effort".to_owned()]));
    let off = Reasoning { effort: Some(Effort::None), ..Reasoning::default() };
    let (config, dropped, _) = thinking(off, "gemini-2.0-flash");
    assert_eq!((config, dropped), (Value::Null, vec![]));
}

#[test]
fn efforts_that_the_catalog_names_go_before_those_of_the_name() {
    let reasoning = Some(Reasoning { effort: Some(Effort::Medium), ..Reasoning::default() });
    let conversation = Conversation { reasoning, ..asked() };
    let facts = TargetFacts {
        efforts: &[Effort::None, Effort::Low, Effort::Medium, Effort::High],
        ..TargetFacts::new(ProviderKind::Gemini, "gemini-3-pro-preview")
    };
    let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(body["generationConfig"]["thinkingConfig"]["thinkingLevel"], "medium");
}

#[test]
fn sampling_that_a_model_ignores_is_dropped() {
    let mut conversation = asked();
    conversation.sampling.temperature = Some(1.0);
    conversation.sampling.top_k = Some(5);
    let facts = TargetFacts {
        sampling_params: Some(false),
        ..TargetFacts::new(ProviderKind::Gemini, "gemini-3.6-flash")
    };
    let outgoing = write_request(&conversation, Fit::new(facts)).unwrap();
    assert_eq!(outgoing.dropped, ["temperature", "top_k"]);
    assert!(!String::from_utf8(outgoing.body.to_vec()).unwrap().contains("generationConfig"));
}

#[test]
fn a_seed_has_32_bits() {
    let mut conversation = asked();
    conversation.sampling.seed = Some((1 << 40) + 5);
    let outgoing = sent(&conversation, "gemini-2.5-pro");
    assert_eq!(outgoing.clamped, ["seed=5"]);
    assert_eq!(config(&conversation, "gemini-2.5-pro"), json!({"seed": 5}));
}
