//! Any conversation becomes a request that Cohere takes.

use super::*;
use proptest::{collection::vec, option, prelude::*};

fn any_part() -> impl Strategy<Value = Part> {
    let text = || prop_oneof!["[a-z ]{0,6}", Just("\n".to_owned())];
    let id = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just(String::new())];
    let file = prop_oneof![
        Just((MediaKind::Image, Source::Url("https://x".to_owned()))),
        Just((MediaKind::Image, Source::Base64("iVBORw0KGgo=".to_owned()))),
        Just((MediaKind::Document, Source::Text("t".to_owned()))),
        Just((MediaKind::Document, Source::Text(String::new()))),
        Just((MediaKind::Audio, Source::FileId("f".to_owned()))),
    ];
    let file = || {
        file.clone().prop_map(|(kind, source)| {
            PartKind::Media(Media { kind, source, mime: None, name: None, detail: None })
        })
    };
    let inner = vec(prop_oneof![text().prop_map(Part::text), file().prop_map(Part::new)], 0..3);
    let kind = prop_oneof![
        3 => text().prop_map(PartKind::Text),
        1 => text().prop_map(|text| PartKind::Reasoning { text, signature: None }),
        1 => file(),
        1 => Just(PartKind::Native(Format::Gemini, Raw::empty_object())),
        2 => (id(), "[a-z.]{0,3}", text(), any::<bool>()).prop_map(|(id, name, arguments, custom)| {
            PartKind::ToolCall { id, name, arguments, custom, signature: None }
        }),
        2 => (id(), inner, any::<bool>()).prop_map(|(id, parts, error)| {
            PartKind::ToolResult { id, name: None, parts, error }
        }),
    ];
    kind.prop_map(Part::new)
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant)];
    (role, vec(any_part(), 0..4)).prop_map(|(role, parts)| Turn::new(role, parts))
}

proptest! {
    #[test]
    fn any_conversation_becomes_a_request_that_cohere_takes(
        turns in vec(any_turn(), 0..6),
        tools in 0..3_usize,
        choice in 0..5_usize,
        output in 0..4_usize,
        effort in option::of(0..7_usize),
        numbers in (option::of(-3.0..3.0_f64), option::of(-3.0..3.0_f64), option::of(-3.0..3.0_f64), option::of(any::<u64>())),
        max_output in option::of(1..9000_u64),
    ) {
        let mut conversation = Conversation::new(Format::OpenaiChat, "m");
        conversation.turns = turns;
        conversation.tools = ["f", "g.h"].iter().take(tools).map(|name| Tool {
            name: (*name).to_owned(),
            description: None,
            kind: ToolKind::Function { parameters: None, strict: Some(true) },
            cache: None,
            extra: Vec::new(),
        }).collect();
        conversation.tool_choice = [
            None,
            Some(ToolChoice::None),
            Some(ToolChoice::Required),
            Some(ToolChoice::Named("g.h".to_owned())),
            Some(ToolChoice::Allowed { names: vec!["x".to_owned()], required: true }),
        ][choice].clone();
        let schema = |text: &str| Output::JsonSchema { name: None, description: None, schema: Raw::parse(text).unwrap(), strict: None };
        conversation.output = [Output::Text, Output::JsonObject, schema("{}"), schema(r#"{"type":"array"}"#)][output].clone();
        let effort = effort.map(|at| Effort::ALL[at]);
        conversation.reasoning = effort.map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() });
        let (temperature, top_p, frequency_penalty, top_k) = numbers;
        conversation.sampling = Sampling { temperature, top_p, frequency_penalty, top_k, ..Sampling::default() };
        conversation.max_output = max_output;
        let facts = TargetFacts { drop_unsupported: true, ..target(THINKS) };
        // Checked where it is written.
        let (body, _) = written(&conversation, facts).unwrap();
        if let (Some(budget), Some(most)) = (body["thinking"]["token_budget"].as_u64(), body["max_tokens"].as_u64()) {
            prop_assert!(budget < most.max(2), "{} {}", budget, most);
        }
    }
}
