//! Requests for Cohere's chat.

use crate::{
    conversation::{
        Conversation, Effort, Fit, Format, Media, MediaKind, Outgoing, Output, Part, PartKind,
        Role, Source, Tool, ToolChoice, ToolKind, Turn, label,
    },
    json::{List, Object, object},
    mistake::Mistake,
};

/// Writes a request.
pub fn write_request(conversation: &Conversation, mut fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let mut body = Vec::with_capacity(4096);
    let tools = sendable_tools(conversation, &mut fit);
    object(&mut body, |o| {
        o.put("model", fit.target.upstream_model);
        if conversation.stream {
            o.put("stream", true);
        }
        o.list("messages", |list| messages(list, conversation, &mut fit));
        write_tools(o, &tools, conversation, &mut fit);
        limits(o, conversation, &mut fit);
        output(o, conversation, !tools.is_empty(), &mut fit);
        reasoning(o, conversation, &mut fit);
    });
    leftovers(conversation, &mut fit);
    fit.finish(body)
}

fn messages(list: &mut List, conversation: &Conversation, fit: &mut Fit) {
    let origin = conversation.origin;
    let known = called(&conversation.turns);
    let mut written = 0;
    for turn in &conversation.turns {
        if turn.name.is_some() {
            fit.hint("name");
        }
        match turn.role {
            Role::System | Role::Developer => {
                let text = turn.text("\n\n");
                if !text.trim().is_empty() {
                    list.object(|o| {
                        o.put("role", "system").put("content", text);
                    });
                    written += 1;
                }
            }
            Role::Assistant => written += assistant(list, turn, origin, fit),
            Role::User => {
                for part in &turn.parts {
                    if let PartKind::ToolResult { id, parts, .. } = &part.kind
                        && known.contains(&id.as_str())
                    {
                        list.object(|o| {
                            o.put("role", "tool").put("tool_call_id", id);
                            o.put("content", texts(parts));
                        });
                        written += 1;
                    }
                }
                written += user(list, turn, origin, fit);
            }
        }
    }
    if written == 0 {
        list.object(|o| {
            o.put("role", "user").put("content", ".");
        });
    }
}

/// The ids of all calls: a result of none of them is left out.
fn called(turns: &[Turn]) -> Vec<&str> {
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect()
}

fn texts(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    let text = texts.join("\n");
    if text.trim().is_empty() { ".".to_owned() } else { text }
}

/// Content or calls, never both: with calls the text is the plan.
fn assistant(list: &mut List, turn: &Turn, origin: Format, fit: &mut Fit) -> usize {
    let calls: Vec<&Part> =
        turn.parts.iter().filter(|part| matches!(part.kind, PartKind::ToolCall { .. })).collect();
    let text: String = turn
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if turn.parts.iter().any(|part| matches!(part.kind, PartKind::Native(..))) {
        fit.hint(label(origin, "messages"));
    }
    if calls.is_empty() && text.trim().is_empty() {
        return 0;
    }
    list.object(|o| {
        o.put("role", "assistant");
        if calls.is_empty() {
            o.put("content", text);
            return;
        }
        if !text.trim().is_empty() {
            o.put("tool_plan", text);
        }
        o.list("tool_calls", |list| {
            for part in calls {
                let PartKind::ToolCall { id, name, arguments, .. } = &part.kind else { continue };
                let arguments = crate::conversation::arguments_object(arguments);
                list.object(|o| {
                    o.put("id", id).put("type", "function");
                    o.object("function", |o| {
                        o.put("name", sent_name(name, fit)).put("arguments", arguments.get());
                    });
                });
            }
        });
    });
    1
}

fn user(list: &mut List, turn: &Turn, origin: Format, fit: &mut Fit) -> usize {
    let mut images = Vec::new();
    let mut text = Vec::new();
    for part in &turn.parts {
        match &part.kind {
            PartKind::Text(words) if !words.trim().is_empty() => text.push(words.clone()),
            PartKind::Media(media) => file(media, &mut images, &mut text, origin, fit),
            PartKind::Native(by, _) => {
                let why = format!("it has a part that only {} has", by.name());
                fit.cannot(label(origin, "messages"), &why);
            }
            _ => {}
        }
    }
    if images.is_empty() && text.is_empty() {
        return 0;
    }
    list.object(|o| {
        o.put("role", "user");
        if images.is_empty() {
            o.put("content", text.join("\n\n"));
            return;
        }
        o.list("content", |list| {
            for words in &text {
                list.object(|o| {
                    o.put("type", "text").put("text", words);
                });
            }
            for image in &images {
                list.object(|o| {
                    o.put("type", "image_url");
                    o.object("image_url", |o| {
                        o.put("url", image);
                    });
                });
            }
        });
    });
    1
}

fn file(
    media: &Media,
    images: &mut Vec<String>,
    text: &mut Vec<String>,
    origin: Format,
    fit: &mut Fit,
) {
    match (&media.source, media.kind, media.to_url()) {
        (Source::Text(words), ..) => text.push(words.clone()),
        (_, MediaKind::Image, Some(url)) => images.push(url),
        _ => fit.cannot(label(origin, "messages"), "Cohere takes texts and images only"),
    }
}

fn sent_name(name: &str, fit: &mut Fit) -> String {
    fit.names.sent(name, 64, true, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn sendable_tools<'c>(conversation: &'c Conversation, fit: &mut Fit) -> Vec<&'c Tool> {
    let origin = conversation.origin;
    let choice = conversation.tool_choice.as_ref();
    let wanted = |tool: &Tool| match choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    };
    let mut tools = Vec::new();
    for tool in conversation.tools.iter().filter(|tool| wanted(tool)) {
        match tool.kind {
            ToolKind::Function { .. } => tools.push(tool),
            ToolKind::Custom { .. } => {
                fit.cannot(label(origin, "tools"), "Cohere has no tools that take a text");
            }
            ToolKind::Native(_) => {
                fit.cannot(label(origin, "tools"), "it has a tool that runs at another provider");
            }
        }
    }
    tools
}

fn write_tools(o: &mut Object, tools: &[&Tool], conversation: &Conversation, fit: &mut Fit) {
    if tools.is_empty() {
        return;
    }
    let mut strict_tools = false;
    o.list("tools", |list| {
        for tool in tools {
            let ToolKind::Function { parameters, strict } = &tool.kind else { continue };
            strict_tools |= *strict == Some(true);
            list.object(|o| {
                o.put("type", "function");
                o.object("function", |o| {
                    o.put("name", sent_name(&tool.name, fit));
                    o.put_some("description", tool.description.as_ref());
                    match parameters {
                        Some(schema) if schema.is_object() => o.put("parameters", schema),
                        _ => o.put_text("parameters", r#"{"type":"object","properties":{}}"#),
                    };
                });
            });
        }
    });
    if strict_tools {
        o.put("strict_tools", true);
    }
    let word = match &conversation.tool_choice {
        Some(ToolChoice::None) => Some("NONE"),
        Some(
            ToolChoice::Required
            | ToolChoice::Named(_)
            | ToolChoice::Allowed { required: true, .. },
        ) => Some("REQUIRED"),
        _ => None,
    };
    o.put_some("tool_choice", word);
}

fn limits(o: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let origin = conversation.origin;
    let sampling = &conversation.sampling;
    o.put_some("max_tokens", fit.max_output(conversation.max_output));
    let mut within = |name: &str, value: Option<f64>, least: f64, most: f64| {
        value.map(|value| fit.clamp(label(origin, name), value, least, most))
    };
    let temperature = within("temperature", sampling.temperature, 0.0, 1.0);
    let top_p = within("top_p", sampling.top_p, 0.01, 0.99);
    let frequency = within("frequency_penalty", sampling.frequency_penalty, 0.0, 1.0);
    let presence = within("presence_penalty", sampling.presence_penalty, 0.0, 1.0);
    o.put_some("temperature", temperature).put_some("p", top_p);
    o.put_some("frequency_penalty", frequency).put_some("presence_penalty", presence);
    if let Some(top_k) = sampling.top_k {
        if top_k > 500 {
            fit.changed(label(origin, "top_k"), 500);
        }
        o.put("k", top_k.min(500));
    }
    o.put_some("seed", sampling.seed.and_then(|seed| u64::try_from(seed).ok()));
    if sampling.logprobs == Some(true) {
        o.put("logprobs", true);
    }
    let stop: Vec<_> = sampling.stop.iter().filter(|stop| !stop.is_empty()).collect();
    if stop.len() > 5 {
        fit.cannot(label(origin, "stop"), "Cohere takes at most five stop texts");
    }
    if !stop.is_empty() {
        o.put("stop_sequences", stop.into_iter().take(5).collect::<Vec<_>>());
    }
}

fn output(o: &mut Object, conversation: &Conversation, tools: bool, fit: &mut Fit) {
    if conversation.output != Output::Text && tools {
        let why = "Cohere gives no JSON by schema while tools are offered";
        return fit.cannot(label(conversation.origin, "response_format"), why);
    }
    match &conversation.output {
        Output::Text => {}
        Output::JsonObject => {
            o.object("response_format", |o| {
                o.put("type", "json_object");
            });
        }
        Output::JsonSchema { schema, .. } => {
            o.object("response_format", |o| {
                o.put("type", "json_object").put("json_schema", schema);
            });
        }
    }
}

fn reasoning(o: &mut Object, conversation: &Conversation, fit: &mut Fit) {
    let Some(reasoning) = &conversation.reasoning else { return };
    let knows =
        fit.target.reasoning == Some(true) || fit.target.upstream_model.contains("reasoning");
    if reasoning.is_off() {
        if knows {
            o.object("thinking", |o| {
                o.put("type", "disabled");
            });
        }
        return;
    }
    if !knows || fit.target.reasoning == Some(false) {
        return fit.hint(label(conversation.origin, "reasoning_effort"));
    }
    o.object("thinking", |o| {
        o.put("type", "enabled");
        let budget = reasoning.budget.or(reasoning.effort.map(Effort::budget));
        let most = fit.max_output(conversation.max_output);
        o.put_some(
            "token_budget",
            budget.map(|budget| most.map_or(budget, |most| budget.min(most))),
        );
    });
}

/// What Cohere has no place for.
fn leftovers(conversation: &Conversation, fit: &mut Fit) {
    let origin = conversation.origin;
    let sampling = &conversation.sampling;
    match sampling.choices {
        Some(n) if n > 1 => fit.cannot(label(origin, "n"), "Cohere gives one choice"),
        _ => {}
    }
    if sampling.logit_bias.as_ref().is_some_and(|bias| bias.get().trim() != "{}") {
        fit.cannot("logit_bias", "Cohere takes no bias");
    }
    if sampling.top_logprobs.is_some_and(|number| number > 0) {
        fit.cannot(label(origin, "top_logprobs"), "Cohere tells the chosen tokens only");
    }
    if conversation.parallel_tools.is_some() {
        fit.hint(label(origin, "parallel_tool_calls"));
    }
    if conversation.user.is_some() {
        fit.hint(label(origin, "user"));
    }
    if conversation.service_tier.is_some() {
        fit.hint(label(origin, "service_tier"));
    }
    if conversation.previous_response_id.is_some() {
        fit.cannot("previous_response_id", "the history is not known here");
    }
    if origin != Format::Cohere {
        for (name, _) in &conversation.extra {
            fit.hint(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Sampling, TargetFacts};
    use serde_json::{Value, json};
    use tollgate_contract::provider::ProviderKind;

    fn asked() -> Conversation {
        let mut conversation = Conversation::new(Format::OpenaiChat, "m");
        conversation.turns.push(Turn::new(Role::Developer, vec![Part::text("rules")]));
        conversation.turns.push(Turn::new(Role::User, vec![Part::text("hi")]));
        conversation
    }

    fn fit() -> Fit<'static> {
        Fit::new(TargetFacts::new(ProviderKind::Cohere, "command-a-03-2025"))
    }

    fn written(conversation: &Conversation) -> Value {
        serde_json::from_slice(&write_request(conversation, fit()).unwrap().body).unwrap()
    }

    fn function(name: &str) -> Tool {
        let kind = ToolKind::Function { parameters: None, strict: None };
        Tool { name: name.into(), description: None, kind, cache: None, extra: vec![] }
    }

    #[test]
    fn rules_and_sampling_are_in_coheres_words_and_ranges() {
        let mut conversation = asked();
        conversation.sampling = Sampling {
            temperature: Some(1.5),
            top_p: Some(0.5),
            frequency_penalty: Some(-1.0),
            stop: vec!["x".into()],
            ..Sampling::default()
        };
        let outgoing = write_request(&conversation, fit()).unwrap();
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(
            body,
            json!({"model": "command-a-03-2025", "messages": [{"role": "system", "content": "rules"}, {"role": "user", "content": "hi"}],
                   "temperature": 1.0, "p": 0.5, "frequency_penalty": 0.0, "stop_sequences": ["x"]})
        );
        assert_eq!(outgoing.clamped, ["temperature=1", "frequency_penalty=0"]);
    }

    #[test]
    fn one_forced_tool_is_the_only_one_and_required() {
        let mut conversation = asked();
        conversation.tools = vec![function("f"), function("g")];
        conversation.tool_choice = Some(ToolChoice::Named("g".into()));
        let body = written(&conversation);
        assert_eq!(
            (body["tools"].as_array().unwrap().len(), &body["tool_choice"]),
            (1, &json!("REQUIRED"))
        );
        assert_eq!(body["tools"][0]["function"]["name"], "g");
    }

    #[test]
    fn text_before_calls_is_the_plan_and_lost_results_are_left_out() {
        let mut conversation = asked();
        let call = PartKind::ToolCall {
            id: "c".into(),
            name: "f".into(),
            arguments: "{\"x\": 1}".into(),
            custom: false,
            signature: None,
        };
        let result = |id: &str| {
            let parts = vec![Part::text("42")];
            Part::new(PartKind::ToolResult { id: id.into(), name: None, parts, error: false })
        };
        let plan = vec![Part::text("I will"), Part::new(call)];
        conversation.turns.push(Turn::new(Role::Assistant, plan));
        conversation.turns.push(Turn::new(Role::User, vec![result("c"), result("lost")]));
        let body = written(&conversation);
        assert_eq!(body["messages"][2]["tool_plan"], "I will");
        assert!(body["messages"][2].get("content").is_none());
        assert_eq!(
            body["messages"][3],
            json!({"role": "tool", "tool_call_id": "c", "content": "42"})
        );
        assert_eq!(body["messages"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn a_schema_beside_tools_is_refused() {
        let mut conversation = asked();
        conversation.tools = vec![function("f")];
        conversation.output = Output::JsonObject;
        let mistake = write_request(&conversation, fit()).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some("response_format"));
    }
}
