//! Any conversation becomes a request that Bedrock takes.

use super::*;
use crate::conversation::{Media, MediaKind, Sampling, Source};
use proptest::{collection::vec, option, prelude::*};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,6}", Just("\n".to_owned()), ".{0,6}"]
}

fn signature() -> impl Strategy<Value = Signature> {
    (any::<bool>(), "[a-z]{0,4}").prop_map(|(own, data)| {
        Signature::new(if own { Format::Bedrock } else { Format::Anthropic }, data)
    })
}

fn file() -> impl Strategy<Value = PartKind> {
    let kind = prop_oneof![
        Just(MediaKind::Image),
        Just(MediaKind::Document),
        Just(MediaKind::Audio),
        Just(MediaKind::Video)
    ];
    let source = prop_oneof![
        Just(Source::Base64("iVBORw0KGgo=".to_owned())),
        Just(Source::Base64(String::new())),
        Just(Source::Text("t".to_owned())),
        Just(Source::Url("s3://b/k".to_owned())),
        Just(Source::Url("https://x/y".to_owned())),
        Just(Source::FileId("f".to_owned())),
    ];
    let mime = prop_oneof![
        Just(None),
        Just(Some("image/png".to_owned())),
        Just(Some("text/csv".to_owned())),
        Just(Some("audio/wav".to_owned())),
        Just(Some("video/mp4".to_owned()))
    ];
    (kind, source, mime, option::of(".{0,8}")).prop_map(|(kind, source, mime, name)| {
        PartKind::Media(Media { kind, source, mime, name, detail: None })
    })
}

fn simple() -> impl Strategy<Value = Part> {
    let kind = prop_oneof![
        3 => text().prop_map(PartKind::Text),
        1 => text().prop_map(PartKind::Refusal),
        1 => file(),
        1 => (text(), option::of(signature())).prop_map(|(text, signature)| PartKind::Reasoning { text, signature }),
        1 => signature().prop_map(PartKind::Sealed),
        1 => Just(PartKind::Native(Format::Gemini, Raw::empty_object())),
    ];
    let mark = prop_oneof![
        3 => Just(None),
        1 => Just(Some(CacheMark::Default)),
        1 => Just(Some(CacheMark::OneHour))
    ];
    (kind, mark).prop_map(|(kind, cache)| Part { kind, cache, extra: Vec::new() })
}

fn part() -> impl Strategy<Value = Part> {
    let id = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), ".{0,3}"];
    let call =
        (id(), "[a-z.]{0,3}", text(), any::<bool>()).prop_map(|(id, name, arguments, custom)| {
            Part::new(PartKind::ToolCall { id, name, arguments, custom, signature: None })
        });
    let result = (id(), vec(simple(), 0..3), any::<bool>()).prop_map(|(id, parts, error)| {
        Part::new(PartKind::ToolResult { id, name: None, parts, error })
    });
    prop_oneof![3 => simple(), 1 => call, 1 => result]
}

/// Also with parts where no format has them.
fn turn() -> impl Strategy<Value = Turn> {
    let role = prop_oneof![
        1 => Just(Role::System),
        3 => Just(Role::User),
        3 => Just(Role::Assistant),
    ];
    (role, vec(part(), 0..4)).prop_map(|(role, parts)| Turn::new(role, parts))
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::Named("f".to_owned()))),
        Just(Some(ToolChoice::Allowed { names: vec!["g.h".to_owned()], required: true })),
    ]
}

fn output() -> impl Strategy<Value = Output> {
    let schema = |text: &str| Output::JsonSchema {
        name: Some("x".to_owned()),
        description: None,
        schema: Raw::parse(text).unwrap(),
        strict: None,
    };
    prop_oneof![
        3 => Just(Output::Text),
        1 => Just(Output::JsonObject),
        1 => Just(schema(r#"{"type":"object","properties":{}}"#)),
        1 => Just(schema(r#"{"type":"array"}"#)),
    ]
}

prop_compose! {
    fn conversation()(
        turns in vec(turn(), 0..6),
        tools in vec(prop_oneof![Just("f"), Just("g.h"), Just("i")], 0..3),
        tool_choice in choice(),
        output in output(),
        effort in option::of(0..7_usize),
        temperature in option::of(-1.0..3.0_f64),
        max_output in option::of(1..40_000_u64),
        user in option::of(".{0,5}"),
        parallel in option::of(any::<bool>()),
    ) -> Conversation {
        let mut conversation = Conversation::new(Format::OpenaiChat, "m");
        conversation.turns = turns;
        let mut names: Vec<&str> = tools;
        names.sort_unstable();
        names.dedup();
        conversation.tools = names.into_iter().map(tools::function).collect();
        conversation.tool_choice = tool_choice;
        conversation.output = output;
        let effort = effort.and_then(|at| Effort::ALL.get(at).copied());
        conversation.reasoning = effort.map(|effort| Reasoning { effort: Some(effort), ..Reasoning::default() });
        conversation.sampling = Sampling { temperature, ..Sampling::default() };
        conversation.max_output = max_output;
        conversation.user = user;
        conversation.parallel_tools = parallel;
        conversation
    }
}

const MODELS: [&str; 8] = [
    SONNET,
    NOVA,
    MISTRAL,
    LLAMA,
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "anthropic.claude-opus-5-5",
    "openai.gpt-oss-20b-1:0",
    "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
];

proptest! {
    #[test]
    fn any_conversation_becomes_a_request_that_converse_takes(conversation in conversation(), at in 0..8_usize, schemas in option::of(any::<bool>())) {
        let facts = TargetFacts { json_schema: schemas, drop_unsupported: true, ..TargetFacts::new(ProviderKind::Bedrock, MODELS[at]) };
        // Checked where it is written.
        let (body, outgoing) = written(&conversation, facts).unwrap();
        let thinking = &body["additionalModelRequestFields"]["thinking"];
        let limit = body["inferenceConfig"]["maxTokens"].as_u64();
        if let Some(budget) = thinking["budget_tokens"].as_u64() {
            prop_assert!(budget >= 1024 && Some(budget) < limit, "{} {:?}", budget, limit);
            prop_assert_eq!(body["toolConfig"].get("toolChoice"), None);
        }
        if let Some(asked) = conversation.max_output {
            prop_assert!(limit <= Some(asked), "never more than asked for");
        }
        for name in outgoing.dropped {
            prop_assert!(!name.is_empty());
        }
    }
}
