//! Parameters in each dialect.

use super::*;

#[test]
fn parameters_are_renamed_dropped_clamped_or_refused_as_each_provider_wants() {
    let cases = [
        ("openai", "gpt-4o", json!({"max_tokens": 5}), json!({"max_completion_tokens": 5}), "", ""),
        ("vllm", "up", json!({"max_completion_tokens": 5}), json!({"max_tokens": 5}), "", ""),
        (
            "mistral",
            "up",
            json!({"seed": 7, "user": "u", "temperature": 1.9, "stream": true}),
            json!({"random_seed": 7, "temperature": 1.5, "stream": true}),
            "user",
            "temperature=1.5",
        ),
        (
            "deepseek",
            "up",
            json!({"seed": 7, "n": 1, "logit_bias": {}, "parallel_tool_calls": false, "top_k": 4, "service_tier": "flex"}),
            json!({}),
            "top_k seed n logit_bias parallel_tool_calls service_tier",
            "",
        ),
        (
            "groq",
            "up",
            json!({"n": 1, "logprobs": false, "service_tier": "default", "user": "u", "store": true}),
            json!({"user": "u"}),
            "n logprobs service_tier store",
            "",
        ),
        ("groq", "up", json!({"service_tier": "flex"}), json!({"service_tier": "flex"}), "", ""),
        (
            "xai",
            "up",
            json!({"frequency_penalty": 0.5, "stop": ["x"], "user": "u"}),
            json!({"stop": ["x"], "user": "u"}),
            "frequency_penalty",
            "",
        ),
        (
            "together",
            "up",
            json!({"logprobs": true, "top_logprobs": 3}),
            json!({"logprobs": 3}),
            "",
            "",
        ),
        (
            "moonshot",
            "up",
            json!({"temperature": 1.5}),
            json!({"temperature": 1}),
            "",
            "temperature=1",
        ),
        (
            "zai",
            "up",
            json!({"frequency_penalty": 0.5, "presence_penalty": 0, "metadata": {"a": "b"}, "do_sample": true}),
            json!({"do_sample": true}),
            "frequency_penalty presence_penalty metadata",
            "",
        ),
        (
            "qwen",
            "up",
            json!({"stream": true, "top_k": 5, "enable_search": true}),
            json!({"stream": true, "stream_options": {"include_usage": true}, "top_k": 5, "enable_search": true}),
            "",
            "",
        ),
        (
            "cerebras",
            "up",
            json!({"max_tokens": 5, "user": "u", "verbosity": "low"}),
            json!({"max_completion_tokens": 5, "user": "u"}),
            "verbosity",
            "",
        ),
        (
            "openai_compatible",
            "up",
            json!({"top_k": 5, "min_p": 0.5, "verbosity": "low"}),
            json!({"top_k": 5, "min_p": 0.5, "verbosity": "low"}),
            "",
            "",
        ),
    ];
    for (kind, model, more, expected, dropped, clamped) in cases {
        let told = params(kind, model, &more);
        assert_eq!(told.0, expected, "{kind} {more}");
        assert_eq!(
            (told.1.join(" "), told.2.join(" ")),
            (dropped.into(), clamped.into()),
            "{kind} {more}"
        );
    }
}

#[test]
fn what_changes_the_answer_is_refused_unless_the_route_drops_it() {
    let cases = [
        ("deepseek", "up", json!({"n": 2}), "n"),
        ("groq", "up", json!({"logprobs": true}), "logprobs"),
        ("cerebras", "up", json!({"logit_bias": {"5": 1}}), "logit_bias"),
        ("perplexity", "up", json!({"tools": [function("f")]}), "tools"),
        ("mistral", "up", json!({"modalities": ["text", "audio"]}), "modalities"),
        ("moonshot", "up", json!({"stop": ["1", "2", "3", "4", "5", "6"]}), "stop"),
        (
            "ollama",
            "up",
            json!({"tools": [function("f")], "tool_choice": "required"}),
            "tool_choice",
        ),
        ("qwen", "up", json!({"tools": [function("f")], "tool_choice": "required"}), "tool_choice"),
        ("openai", "o3", json!({"stop": ["x"]}), "stop"),
        ("openai", "gpt-5", json!({"logprobs": true}), "logprobs"),
        ("vllm", "up", json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]}), "tools"),
    ];
    for (kind, model, more, param) in cases {
        assert_eq!(mistake(kind, model, &more), param, "{kind} {more}");
        let conversation = read_request(asked(&more).to_string().as_bytes()).unwrap();
        let lenient = TargetFacts { drop_unsupported: true, ..facts(model) };
        let (body, outgoing) = sent_with(kind, &conversation, lenient).unwrap();
        assert_eq!(body.get(param), None, "{kind} {more}");
        assert_eq!(outgoing.dropped, [param], "{kind} {more}");
    }
}

#[test]
fn reasoning_models_of_openai_get_no_sampling_parameters() {
    let more = json!({"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "reasoning_effort": "high"});
    let told = params("openai", "gpt-5", &more);
    assert_eq!(told.0, json!({"max_completion_tokens": 9, "reasoning_effort": "high"}));
    assert_eq!(told.1.join(" "), "temperature top_p presence_penalty");
    let told = params("openai", "gpt-4o", &json!({"temperature": 0.5, "reasoning_effort": "high"}));
    assert_eq!(
        (told.0, told.1.join(" ")),
        (json!({"temperature": 0.5}), "reasoning_effort".into())
    );
    // From GPT-5.1 on they are back for a model that does not reason.
    let told =
        params("openai", "gpt-5.1", &json!({"temperature": 0.5, "reasoning_effort": "none"}));
    assert_eq!(told.0, json!({"temperature": 0.5, "reasoning_effort": "none"}));
    // A deployment's name says nothing, its capabilities do.
    let conversation = read_request(asked(&more).to_string().as_bytes()).unwrap();
    let reasoning = TargetFacts { reasoning: Some(true), ..facts("ours") };
    let (body, _) = sent_with("azure_openai", &conversation, reasoning).unwrap();
    assert_eq!((body.get("temperature"), &body["max_completion_tokens"]), (None, &json!(9)));
    // Foundry serves models of other makers that reason and take everything.
    let (body, _) = sent_with("azure_ai", &conversation, reasoning).unwrap();
    assert_eq!(body["temperature"], 0.5);
    let flagged = TargetFacts { sampling_params: Some(false), ..facts("claude") };
    let (body, outgoing) = sent_with("openrouter", &conversation, flagged).unwrap();
    assert_eq!(
        (body.get("temperature"), outgoing.dropped.join(" ")),
        (None, "temperature top_p".into())
    );
}

#[test]
fn functions_at_newer_models_of_openai_switch_reasoning_off_in_so_many_words() {
    let tools = json!({"tools": [function("f")]});
    let told = params("openai", "gpt-5.4", &tools);
    assert_eq!(
        (&told.0["reasoning_effort"], told.2.join(" ")),
        (&json!("none"), "reasoning_effort=none".into())
    );
    assert_eq!(params("openai", "gpt-5.2", &tools).0.get("reasoning_effort"), None);
    assert_eq!(mistake("openai", "gpt-5.4-pro", &tools), "tools");
    let both = json!({"tools": [function("f")], "reasoning_effort": "high"});
    assert_eq!(mistake("openai", "gpt-5.4", &both), "reasoning_effort");
    assert_eq!(params("openai", "gpt-5.2", &both).0["reasoning_effort"], "high");
}

#[test]
fn effort_is_said_in_the_words_of_each_provider() {
    let cases = [
        (
            "openai",
            "gpt-5.1",
            "minimal",
            json!({"reasoning_effort": "none"}),
            "reasoning_effort=none",
        ),
        ("openai", "o3", "none", json!({"reasoning_effort": "low"}), "reasoning_effort=low"),
        ("openai", "gpt-5", "max", json!({"reasoning_effort": "high"}), "reasoning_effort=high"),
        ("openai", "gpt-6-sol", "max", json!({"reasoning_effort": "max"}), ""),
        ("fireworks", "up", "xhigh", json!({"reasoning_effort": "high"}), "reasoning_effort=high"),
        ("mistral", "up", "medium", json!({"reasoning_effort": "none"}), "reasoning_effort=none"),
        (
            "deepseek",
            "up",
            "low",
            json!({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
            "reasoning_effort=high",
        ),
        ("deepseek", "up", "none", json!({"thinking": {"type": "disabled"}}), ""),
        ("zai", "up", "high", json!({"thinking": {"type": "enabled"}}), "reasoning_effort=enabled"),
        ("qwen", "up", "none", json!({"enable_thinking": false}), ""),
        ("qwen", "up", "high", json!({"enable_thinking": true}), "reasoning_effort=enabled"),
        ("openrouter", "up", "high", json!({"reasoning": {"effort": "high"}}), ""),
        ("openrouter", "up", "none", json!({"reasoning": {"enabled": false}}), ""),
        ("together", "up", "none", json!({"reasoning": {"enabled": false}}), ""),
        ("together", "up", "minimal", json!({"reasoning_effort": "low"}), "reasoning_effort=low"),
        ("vllm", "up", "none", json!({"chat_template_kwargs": {"enable_thinking": false}}), ""),
        ("vllm", "up", "high", json!({"reasoning_effort": "high"}), ""),
        ("openai_compatible", "up", "xhigh", json!({"reasoning_effort": "xhigh"}), ""),
    ];
    for (kind, model, word, expected, clamped) in cases {
        let told = params(kind, model, &json!({"reasoning_effort": word}));
        assert_eq!((told.0, told.2.join(" ")), (expected, clamped.into()), "{kind} {word}");
    }
    let told = params("xai", "grok", &json!({"reasoning_effort": "high"}));
    assert_eq!((told.0, told.1.join(" ")), (json!({}), "reasoning_effort".into()));
    let conversation =
        read_request(asked(&json!({"reasoning_effort": "medium"})).to_string().as_bytes()).unwrap();
    let known = TargetFacts { efforts: &[Effort::Low, Effort::High], ..facts("grok") };
    assert_eq!(sent_with("xai", &conversation, known).unwrap().0["reasoning_effort"], "low");
}

#[test]
fn a_member_that_app_and_gateway_both_set_is_joined() {
    let more = json!({"reasoning_effort": "none", "chat_template_kwargs": {"x": 1}});
    assert_eq!(
        params("vllm", "up", &more).0,
        json!({"chat_template_kwargs": {"enable_thinking": false, "x": 1}})
    );
    let both = json!({"seed": 1, "random_seed": 2});
    assert_eq!(params("mistral", "up", &both).0, json!({"random_seed": 2}));
}

#[test]
fn the_usage_of_a_stream_is_asked_for_even_if_the_app_did_not() {
    let streamed = json!({"stream": true, "stream_options": {"include_usage": true}});
    for more in [
        json!({"stream": true}),
        json!({"stream": true, "stream_options": {"include_usage": false}}),
    ] {
        assert_eq!(params("openai", "gpt-4o", &more).0, streamed);
        assert_eq!(params("mistral", "up", &more).0, json!({"stream": true}));
    }
}

#[test]
fn members_of_a_clone_reach_that_clone_as_they_came_and_others_in_their_words() {
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 5000, "keep": 1}});
    assert_eq!(params("zai", "up", &thinking).0, thinking);
    assert_eq!(params("openai_compatible", "up", &thinking).0, thinking);
    assert_eq!(params("openai", "gpt-5", &thinking).0, json!({"reasoning_effort": "high"}));
    assert_eq!(
        params("qwen", "up", &thinking).0,
        json!({"enable_thinking": true, "thinking_budget": 5000})
    );
    let switch = json!({"enable_thinking": false});
    assert_eq!(params("qwen", "up", &switch).0, switch);
    assert_eq!(params("zai", "up", &switch).0, json!({"thinking": {"type": "disabled"}}));
    assert_eq!(
        params("groq", "up", &json!({"reasoning_effort": "default"})).0,
        json!({"reasoning_effort": "default"})
    );
}

#[test]
fn a_schema_that_no_parameter_takes_is_said_in_words() {
    let form = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": true}}});
    assert_eq!(params("vllm", "up", &form).0, form);
    let (body, outgoing) = sent("zai", &asked(&form));
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert_eq!(outgoing.clamped, ["response_format=json_object"]);
    let words = body["messages"][0]["content"].as_str().unwrap();
    assert!(words.contains("JSON Schema:\n{\"type\":\"object\"}"), "{words}");
    assert_eq!(body["messages"][1]["role"], "user");
    let mut with_system = asked(&form);
    with_system["messages"] =
        json!([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]);
    let (body, _) = sent("deepseek", &with_system);
    assert_eq!(body["messages"].as_array().unwrap().len(), 2);
    assert!(
        body["messages"][0]["content"]
            .as_str()
            .unwrap()
            .starts_with("Be kind.\nAnswer with one JSON")
    );
    let known = TargetFacts { json_schema: Some(true), ..facts("up") };
    let conversation = read_request(asked(&form).to_string().as_bytes()).unwrap();
    assert_eq!(
        sent_with("deepseek", &conversation, known).unwrap().0["response_format"],
        form["response_format"]
    );
}

#[test]
fn the_choice_of_a_tool_is_narrowed_where_there_is_no_word_for_it() {
    let with =
        |choice: Value| json!({"tools": [function("a"), function("b")], "tool_choice": choice});
    let named = json!({"type": "function", "function": {"name": "b"}});
    let allowed =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}});
    let names = |body: &Value| -> Vec<String> {
        let tools = body["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let cases = [
        ("openai", json!("required"), json!("required"), "a b"),
        ("openai", named.clone(), named.clone(), "a b"),
        ("openai", allowed.clone(), allowed.clone(), "a b"),
        ("groq", named.clone(), named.clone(), "a b"),
        ("groq", allowed.clone(), json!("required"), "b"),
        ("mistral", json!("required"), json!("any"), "a b"),
        ("mistral", named, json!("any"), "b"),
        ("fireworks", json!("required"), json!("any"), "a b"),
        ("ollama", json!("none"), Value::Null, ""),
        ("ollama", json!("auto"), Value::Null, "a b"),
        ("moonshot", json!("required"), Value::Null, "a b"),
    ];
    for (kind, choice, expected, tools) in cases {
        let (body, _) = sent(kind, &asked(&with(choice.clone())));
        assert_eq!(body["tool_choice"], expected, "{kind} {choice}");
        assert_eq!(names(&body).join(" "), tools, "{kind} {choice}");
    }
    let (body, outgoing) = sent("moonshot", &asked(&with(json!("required"))));
    assert_eq!(
        body["messages"][1],
        json!({"role": "user", "content": "Use one of the tools for this."})
    );
    assert_eq!(outgoing.dropped, ["tool_choice"]);
}

#[test]
fn a_choice_without_tools_is_left_out() {
    let kinds = ["openai", "vllm", "mistral", "openai_compatible"];
    let choices = [
        json!("auto"),
        json!("none"),
        json!("required"),
        json!({"type": "function", "function": {"name": "f"}}),
    ];
    for kind in kinds {
        for choice in &choices {
            let told =
                params(kind, "up", &json!({"tool_choice": choice, "parallel_tool_calls": true}));
            assert_eq!(told.0, json!({}), "{kind} {choice}");
            assert_eq!(told.1, ["tool_choice", "parallel_tool_calls"], "{kind} {choice}");
        }
    }
}

#[test]
fn schemas_lose_what_a_provider_refuses_but_never_a_property() {
    let told = params("vllm", "up", &json!({"tools": [function("f")]}));
    assert_eq!(
        told.0["tools"][0],
        json!({"type": "function", "function": {"name": "f", "parameters":
            {"type": "object", "properties": {"strict": {"type": "string"}}}}})
    );
    assert_eq!(
        params("openai", "gpt-4o", &json!({"tools": [function("f")]})).0["tools"][0],
        function("f")
    );
}

#[test]
fn reports_name_parameters_as_the_app_knows_them() {
    let mut conversation = Conversation::new(Format::Anthropic, "m");
    conversation.turns = vec![Turn::new(Role::User, vec![Part::text("hi")])];
    conversation.max_output = Some(100_000);
    conversation.user = Some("u".into());
    conversation.reasoning = Some(Reasoning { budget: Some(9000), ..Reasoning::default() });
    conversation.sampling.stop = vec!["x".into(); 6];
    conversation.tool_choice = Some(ToolChoice::Required);
    let model = TargetFacts { model_max_output: Some(8192), drop_unsupported: true, ..facts("up") };
    let (body, outgoing) = sent_with("moonshot", &conversation, model).unwrap();
    assert_eq!(body["max_tokens"], 8192);
    assert_eq!(outgoing.dropped, ["tool_choice", "stop_sequences", "metadata.user_id"]);
    assert_eq!(outgoing.clamped, ["max_tokens=8192", "thinking=enabled"]);
    conversation.service_tier = Some("standard_only".into());
    let (body, outgoing) = sent_with("openai_compatible", &conversation, facts("up")).unwrap();
    assert_eq!(body.get("service_tier"), None);
    assert!(outgoing.dropped.contains(&"service_tier".to_owned()));
    conversation.previous_response_id = Some("resp_1".into());
    let mistake = sent_with("vllm", &conversation, facts("up")).unwrap_err();
    assert_eq!(mistake.param.as_deref(), Some("previous_response_id"));
}
