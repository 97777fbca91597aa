use super::*;

fn rows(map: Value) -> Conversion {
    read(&map.to_string()).unwrap()
}

/// The only row of a map with one entry, which has these members.
fn one(key: &str, text: &str) -> (String, Value) {
    let conversion = read(&format!("{{\"{key}\": {text}}}")).unwrap();
    let mut rows = conversion.rows.into_iter();
    let (subject, spec) = rows.next().unwrap_or_else(|| panic!("{:?}", conversion.skipped));
    let region = if subject.region.is_empty() { "" } else { "@" };
    (format!("{}/{}{region}{}", subject.kind.name(), subject.model, subject.region), spec)
}

fn reason(key: &str, text: &str) -> String {
    let conversion = read(&format!("{{\"{key}\": {text}}}")).unwrap();
    assert!(conversion.rows.is_empty(), "{:?}", conversion.rows);
    conversion.skipped.into_keys().next().unwrap()
}

#[test]
fn prices_come_over_digit_by_digit() {
    let (subject, spec) = one(
        "gpt-x",
        r#"{"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 922000, "max_output_tokens": "128000",
        "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 2e-07,
        "input_cost_per_token_above_272k_tokens": 4e-06, "output_cost_per_token_above_272k_tokens": 1.5e-05,
        "input_cost_per_token_batches": 1e-06, "output_cost_per_token_batches": 5e-06,
        "input_cost_per_token_above_272k_tokens_batches": 2e-06,
        "input_cost_per_token_flex": 9.000000000000001e-07,
        "cache_creation_input_token_cost": 2.5e-06, "cache_creation_input_token_cost_above_1hr": 4e-06,
        "cache_creation_input_token_cost_above_12hr": 5e-06,
        "search_context_cost_per_query": {"search_context_size_low": 0.02, "search_context_size_medium": 0.01},
        "supports_function_calling": true, "supports_vision": false, "supports_response_schema": true,
        "supports_none_reasoning_effort": true, "supports_minimal_reasoning_effort": false,
        "supports_sampling_params": false, "input_cost_per_audio_token": null}"#,
    );
    assert_eq!(subject, "openai/gpt-x");
    let expected = json!({
        "context_window": 922_000,
        "max_output": 128_000,
        "capabilities": ["chat", "tools", "json_schema"],
        "sampling_params": false,
        "reasoning_efforts": ["none", "low", "medium", "high"],
        "price": {
            "input": "2.00",
            "output": "10.00",
            "cached_input": "0.20",
            "cache_write_5m": "2.50",
            "cache_write_1h": "4.00",
            "web_search": "0.01",
            "tiers": [{ "above_input_tokens": 272_000, "input": "4.00", "output": "15.00" }],
            "service_tiers": {
                "batch": {
                    "input": "1.00",
                    "output": "5.00",
                    "tiers": [{
                        "above_input_tokens": 272_000, "input": "2.00", "output": "15.00", "cached_input": "0.20",
                        "cache_write_5m": "2.50", "cache_write_1h": "4.00",
                    }],
                },
                "flex": { "input": "0.90" },
            },
        },
    });
    assert_eq!(spec, expected);
}

#[test]
fn what_is_priced_by_number_by_range_or_by_the_hour_comes_over_too() {
    let price = |key: &str, text: &str| one(key, text).1["price"].clone();
    let whisper = r#"{"litellm_provider": "openai", "mode": "audio_transcription",
        "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001}"#;
    assert_eq!(price("whisper-1", whisper), json!({ "audio_minute": "0.006" }));
    let rerank = r#"{"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002,
        "input_cost_per_token": 0.0, "output_cost_per_token": 0}"#;
    let expected = json!({ "input": "0.00", "output": "0.00", "search_unit": "0.002" });
    assert_eq!(price("rerank-x", rerank), expected);
    let image = r#"{"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04}"#;
    assert_eq!(price("dall-e-3", image), json!({ "image": "0.04" }));
    let speech = r#"{"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05}"#;
    assert_eq!(price("tts-1", speech), json!({ "million_characters": "15.00" }));
    let ranges = r#"{"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
        {"range": [0, 32000.0], "input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06},
        {"range": [32000.0, 128000.0], "input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05}]}"#;
    let expected = json!({
        "input": "1.20",
        "output": "6.00",
        "tiers": [{ "above_input_tokens": 32_000, "input": "2.40", "output": "12.00" }],
    });
    assert_eq!(price("dashscope/qwen-x", ranges), expected);
    let inclusive = r#"{"litellm_provider": "xai", "mode": "chat", "input_cost_per_token": 2e-06,
        "output_cost_per_token": 6e-06, "input_cost_per_token_above_200k_tokens": 4e-06}"#;
    let tier = &price("xai/grok-x", inclusive)["tiers"][0];
    assert_eq!(tier["above_input_tokens"], 199_999, "xAI's edge is in it");
    let nights = r#"{"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 2e-06,
        "output_cost_per_token": 4e-06, "off_peak_pricing": {"input_cost_per_token": 1e-06, "windows": [
        {"weekdays": [1, 2], "hours_utc": ["00:00-01:00", "10:00-00:00"]}, {"weekdays": [7], "hours_utc": "00:00-00:00"}]}}"#;
    let expected = json!({
        "input": "1.00",
        "windows": [
            { "days": [1, 2], "from": "00:00", "until": "01:00" },
            { "days": [1, 2], "from": "10:00", "until": "00:00" },
            { "days": [7], "from": "00:00", "until": "00:00" },
        ],
    });
    assert_eq!(price("deepseek/x", nights)["off_peak"], expected);
    let claude = r#"{"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 4e-06,
        "output_cost_per_token": 2e-05, "cache_creation_input_token_cost_above_1hr": 8e-06,
        "input_cost_per_token_batches": 2e-06, "provider_specific_entry": {"us": 1.1, "fast": 2.0, "note": "x"}}"#;
    let price = price("claude-x", claude);
    assert_eq!(price["multipliers"], json!({ "us": "1.1", "fast": "2" }));
    assert_eq!(price["service_tiers"]["batch"]["cache_write_1h"], "4.00", "half of it too");
}

#[test]
fn a_model_is_named_as_it_goes_on_the_wire() {
    let subject = |key: &str, provider: &str| {
        let text = format!(
            "{{\"litellm_provider\": \"{provider}\", \"mode\": \"chat\", \"input_cost_per_token\": 1, \
             \"output_cost_per_token\": 1}}"
        );
        one(key, &text).0
    };
    for (key, provider, expected) in [
        ("gpt-4o", "openai", "openai/gpt-4o"),
        ("azure/eu/gpt-4o", "azure", "azure_openai/gpt-4o@eu"),
        ("azure/global-standard/gpt-4o", "azure", "azure_openai/gpt-4o@global"),
        ("azure/gpt-4o", "azure", "azure_openai/gpt-4o"),
        (
            "bedrock/us-east-1/anthropic.claude-v2",
            "bedrock",
            "bedrock/anthropic.claude-v2@us-east-1",
        ),
        ("us.anthropic.claude-x-v1:0", "bedrock_converse", "bedrock/us.anthropic.claude-x-v1:0@us"),
        ("anthropic.claude-x-v1:0", "bedrock", "bedrock/anthropic.claude-x-v1:0"),
        ("vertex_ai/claude-x@default", "vertex_ai-anthropic_models", "vertex/claude-x@default"),
        ("together_ai/meta/llama", "together_ai", "together/meta/llama"),
        (
            "fireworks_ai/accounts/fireworks/models/x",
            "fireworks_ai",
            "fireworks/accounts/fireworks/models/x",
        ),
        ("openrouter/acme/large", "openrouter", "openrouter/acme/large"),
    ] {
        assert_eq!(subject(key, provider), expected);
    }
}

#[test]
fn what_cannot_be_taken_is_told_with_the_reason() {
    let priced = r#""input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06"#;
    let openai = format!(r#"{{"litellm_provider": "openai", "mode": "chat", {priced}}}"#);
    for (key, text, expected) in [
        ("sample_spec", openai.clone(), "the map's own description"),
        ("x", "7".to_owned(), "it is no object"),
        ("x", "{}".to_owned(), "it names no provider"),
        ("x", openai.replace("openai", "acme"), "no kind of provider is acme"),
        (
            "x",
            openai.replace("chat", "video_generation"),
            "mode \"video_generation\" is not priced",
        ),
        ("1024-x-1792/dall-e-3", openai.clone(), "it is a price point"),
        ("azure/hd/1024-x-1792/dall-e-3", openai.replace("openai", "azure"), "it is a price point"),
        ("x", openai.replace("1e-06", "0.0"), "of zero"),
        ("x", openai.replace(priced, r#""max_tokens": 5"#), "it has no price"),
        ("x", openai.replace("1e-06", "\"cheap\""), "no amount that we can hold"),
        ("x", openai.replace("1e-06", "-1e-06"), "no amount that we can hold"),
        ("x", openai.replace("output_cost_per_token", "other"), "cannot be said in our terms"),
        ("azure/model-router", openai.replace("openai", "azure"), "cannot be said in our terms"),
        (
            "x",
            openai.replace("\"output", "\"input_cost_per_pixel\": 1e-09, \"output"),
            "cannot be said in our terms",
        ),
        (
            "x",
            openai.replace("\"output", "\"off_peak_pricing\": {\"windows\": [{}]}, \"output"),
            "cannot be said in our terms",
        ),
    ] {
        let reason = reason(key, &text);
        assert!(reason.contains(expected), "{key} {text}: {reason}");
    }
    assert!(read("[]").is_err() && read("").is_err());
}

#[test]
fn of_two_entries_of_one_model_the_qualified_one_counts() {
    let entry = |price: &str| {
        json!({ "litellm_provider": "mistral", "mode": "chat", "output_cost_per_token": 1,
            "input_cost_per_token": serde_json::from_str::<Value>(price).unwrap() })
    };
    let conversion = rows(json!({ "a-model": entry("1"), "mistral/a-model": entry("2") }));
    assert_eq!(conversion.rows.len(), 1);
    let spec = conversion.rows.values().next().unwrap();
    assert_eq!(spec["price"]["input"], "2000000.00");
    assert_eq!(conversion.skipped["another entry is of the same model"], ["a-model"]);

    let bedrock = |provider: &str, price: u32| json!({ "litellm_provider": provider, "mode": "chat", "output_cost_per_token": 1, "input_cost_per_token": price });
    let conversion = rows(json!({
        "acme.large": bedrock("bedrock_converse", 1),
        "bedrock_mantle/acme.large": bedrock("bedrock_mantle", 2),
        "bedrock_mantle/acme.small": bedrock("bedrock_mantle", 3),
    }));
    let inputs: Vec<_> = conversion.rows.values().map(|spec| &spec["price"]["input"]).collect();
    assert_eq!(inputs, ["1000000.00", "3000000.00"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\{|\\}|\"|:|,|[a-z_]{1,8}|[0-9e.-]{1,6}|litellm_provider|openai|mode|chat){0,30}") {
        let _ = read(&text);
    }
}
