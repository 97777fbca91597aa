use super::*;
use crate::{
    conversation::{
        Effort, MediaKind, Output, Part, PartKind, ReasoningMode, Source, ToolChoice, ToolKind,
        Turn,
    },
    gemini::recorded,
};

fn read(body: &str) -> Conversation {
    read_request(body.as_bytes(), "m", false).unwrap_or_else(|mistake| panic!("{mistake}: {body}"))
}

fn turns(contents: &str) -> Vec<Turn> {
    read(&format!(r#"{{"contents":{contents}}}"#)).turns
}

fn parts(parts: &str) -> Vec<Part> {
    turns(&format!(r#"[{{"role":"model","parts":[{parts}]}}]"#)).remove(0).parts
}

/// Calls and results with their ids, in short.
fn ids(turns: &[Turn]) -> Vec<String> {
    let told = |part: &Part| match &part.kind {
        PartKind::ToolCall { id, name, .. } => Some(format!("call {name} {id}")),
        PartKind::ToolResult { id, name, .. } => {
            Some(format!("result {} {id}", name.as_deref().unwrap_or("-")))
        }
        _ => None,
    };
    turns.iter().flat_map(|turn| &turn.parts).filter_map(told).collect()
}

#[test]
fn both_spellings_of_every_member_are_taken() {
    let camel = r#"{"systemInstruction":{"parts":[{"text":"s"}]},
        "contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"fileData":{"mimeType":"audio/mp3","fileUri":"gs://b/o"}}]},
            {"role":"model","parts":[{"functionCall":{"name":"f","args":{"a_b":1}},"thoughtSignature":"S"}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}],
        "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"type":"object","properties":{"a_b":{}}}}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
        "generationConfig":{"maxOutputTokens":5,"topP":0.5,"topK":40,"stopSequences":["x"],"candidateCount":2,"presencePenalty":0.5,
            "frequencyPenalty":0.25,"responseLogprobs":true,"responseMimeType":"application/json",
            "thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"}},
        "serviceTier":"FLEX"}"#;
    let mut snake = camel.to_owned();
    for name in [
        "systemInstruction",
        "inlineData",
        "mimeType",
        "fileData",
        "fileUri",
        "functionCall",
        "thoughtSignature",
        "functionResponse",
        "functionDeclarations",
        "parametersJsonSchema",
        "toolConfig",
        "functionCallingConfig",
        "allowedFunctionNames",
        "generationConfig",
        "maxOutputTokens",
        "topP",
        "topK",
        "stopSequences",
        "candidateCount",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "responseMimeType",
        "thinkingConfig",
        "includeThoughts",
        "thinkingLevel",
        "serviceTier",
    ] {
        let quoted = |name: &str| format!("\"{name}\"");
        snake = snake.replace(&quoted(name), &quoted(&crate::gemini::spelling::snake(name)));
    }
    let conversation = read(camel);
    assert_eq!(read(&snake), conversation);
    assert!(conversation.extra.is_empty(), "{:?}", conversation.extra);
    assert_eq!(conversation.max_output, Some(5));
    assert_eq!(conversation.sampling.top_k, Some(40));
    assert_eq!(conversation.sampling.choices, Some(2));
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Named("f".into())));
    assert_eq!(conversation.output, Output::JsonObject);
    assert_eq!(conversation.service_tier.as_deref(), Some("FLEX"));
    assert!(conversation.include_usage);
    let reasoning = conversation.reasoning.unwrap();
    assert_eq!((reasoning.effort, reasoning.show), (Some(Effort::Low), Some(true)));
}

/// Its client libraries mix the spellings, write base 64 for URLs, whole numbers as floats, and keep each piece of a
/// stream as a turn.
#[test]
fn what_googles_own_clients_send_is_understood() {
    let conversation = read(
        r#"{"contents":[{"parts":[{"text":"q"},{"inlineData":{"data":"__77AA==","mime_type":"image/png"}}],"role":"user"},
            {"parts":[{"text":"hi"}],"role":"model"},
            {"parts":[{"functionCall":{"id":"toolu_1","args":{"x":1},"name":"f"}}],"role":"model"},
            {"parts":[{"text":""}],"role":"model"},
            {"parts":[{"functionResponse":{"name":"f","response":{"result":1}}}],"role":"user"}],
            "systemInstruction":{"parts":[{"text":"sys"}],"role":"user"},
            "tools":[{"functionDeclarations":[{"description":"d","name":"f","parameters_json_schema":{"type":"object"}}]}],
            "generationConfig":{"topK":40.0,"thinkingConfig":{"include_thoughts":true,"thinking_level":"LOW"}}}"#,
    );
    assert_eq!(conversation.turns[0].role, Role::System);
    assert_eq!(ids(&conversation.turns), ["call f toolu_1", "result f toolu_1"]);
    assert_eq!(conversation.sampling.top_k, Some(40));
    let PartKind::Media(media) = &conversation.turns[1].parts[1].kind else { panic!() };
    assert_eq!(media.source, Source::Base64("//77AA==".into()));
    let reasoning = conversation.reasoning.unwrap();
    assert_eq!((reasoning.effort, reasoning.show), (Some(Effort::Low), Some(true)));
}

#[test]
fn the_recorded_requests_are_read() {
    for exchange in recorded::all() {
        let read = read_request(&exchange.request, "m", true);
        let conversation = read.unwrap_or_else(|mistake| panic!("{}: {mistake}", exchange.name));
        assert!(conversation.stream && !conversation.turns.is_empty());
    }
}

#[test]
fn results_belong_to_calls_by_name_and_order_where_there_are_no_ids() {
    let call = |name: &str| format!(r#"{{"functionCall":{{"name":"{name}","args":{{}}}}}}"#);
    let result = |name: &str| {
        format!(r#"{{"functionResponse":{{"name":"{name}","response":{{"output":"x"}}}}}}"#)
    };
    let contents = format!(
        r#"[{{"role":"model","parts":[{},{},{}]}},{{"role":"user","parts":[{},{},{}]}},{{"role":"model","parts":[{}]}},{{"role":"function","parts":[{},{}]}}]"#,
        call("f"),
        call("g"),
        call("f"),
        result("f"),
        result("f"),
        result("g"),
        call("g"),
        result("g"),
        result("lost")
    );
    let turns = turns(&contents);
    assert_eq!(
        ids(&turns),
        [
            "call f noid_0",
            "call g noid_1",
            "call f noid_2",
            "result f noid_0",
            "result f noid_2",
            "result g noid_1",
            "call g noid_3",
            "result g noid_3",
            "result lost noid_4",
        ]
    );
    assert_eq!(turns[3].role, Role::User);
}

#[test]
fn ids_go_before_names_and_may_carry_a_signature() {
    let signed = crate::conversation::Signature::new(Format::OpenaiResponses, "sealed");
    let carried = signed.clone().into_id("b");
    let contents = format!(
        r#"[{{"role":"model","parts":[{{"functionCall":{{"id":"a","name":"f"}}}},{{"functionCall":{{"id":"{carried}","name":"f"}}}}]}},
            {{"role":"user","parts":[{{"functionResponse":{{"id":"{carried}","name":"f","response":{{}}}}}},{{"functionResponse":{{"id":"other","name":"f","response":{{}}}}}}]}}]"#
    );
    let turns = turns(&contents);
    assert_eq!(ids(&turns), ["call f a", "call f b", "result f b", "result f a"]);
    let PartKind::ToolCall { signature, arguments, .. } = &turns[0].parts[1].kind else { panic!() };
    assert_eq!((signature.as_ref(), arguments.as_str()), (Some(&signed), "{}"));
}

#[test]
fn a_result_is_the_text_that_other_formats_have() {
    let told = |response: &str| {
        let part = format!(r#"{{"functionResponse":{{"name":"f","response":{response}}}}}"#);
        match parts(&part).remove(0).kind {
            PartKind::ToolResult { parts, error, .. } => {
                (parts[0].as_text().unwrap_or_default().to_owned(), error)
            }
            other => panic!("{other:?}"),
        }
    };
    let cases = [
        (r#"{"output":"42"}"#, "42", false),
        (r#"{"error":"broken"}"#, "broken", true),
        (r#"{"error": {"code": 5}}"#, r#"{"code":5}"#, true),
        (r#"{ "temperature": 11.50 }"#, r#"{"temperature":11.50}"#, false),
        (r#"{"output":5}"#, r#"{"output":5}"#, false),
        (r#"{"output":"{\"a\":1}"}"#, r#"{"output":"{\"a\":1}"}"#, false),
        (r#"{"output":"x","error":null}"#, r#"{"output":"x","error":null}"#, false),
        ("{}", "{}", false),
    ];
    for (response, text, error) in cases {
        assert_eq!(told(response), (text.to_owned(), error), "{response}");
    }
}

#[test]
fn files_have_their_kind_from_their_type_and_base_64_of_either_alphabet() {
    let media = |part: &str| match parts(part).remove(0).kind {
        PartKind::Media(media) => media,
        other => panic!("{other:?}"),
    };
    let image = media(r#"{"inlineData":{"mimeType":"IMAGE/PNG","data":"_-8"}}"#);
    assert_eq!((image.kind, image.source), (MediaKind::Image, Source::Base64("/+8=".into())));
    let cases = [
        (
            r#"{"fileData":{"mimeType":"video/mp4","fileUri":"https://x/y"}}"#,
            MediaKind::Video,
            true,
        ),
        (
            r#"{"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/o"}}"#,
            MediaKind::Document,
            false,
        ),
        (
            r#"{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/abc","mimeType":"audio/wav"}}"#,
            MediaKind::Audio,
            false,
        ),
    ];
    for (part, kind, public) in cases {
        let media = media(part);
        assert_eq!((media.kind, matches!(media.source, Source::Url(_))), (kind, public), "{part}");
    }
}

#[test]
fn parts_that_only_gemini_knows_are_carried_whole() {
    let part = r#"{"executableCode":{"language":"PYTHON","code":"1"},"thoughtSignature":"S"}"#;
    assert_eq!(parts(part)[0].kind, PartKind::Native(Format::Gemini, Raw::parse(part).unwrap()));
    let signed = r#"{"text":"","thoughtSignature":"S"}"#;
    assert_eq!(
        parts(signed)[0].kind,
        PartKind::Native(Format::Gemini, Raw::parse(signed).unwrap())
    );
    let text = &parts(r#"{"text":"a","thoughtSignature":"S","partMetadata":{"x":1}}"#)[0];
    assert_eq!(text.as_text(), Some("a"));
    let names: Vec<_> = text.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["thoughtSignature", "partMetadata"]);
}

#[test]
fn what_is_not_understood_stays_near_to_where_it_was() {
    let conversation = read(
        r#"{"contents":[{"role":"user","parts":[{"text":"a","videoMetadata":{"fps":1.0}},{"inlineData":{"mimeType":"a/b","data":"","blobName":"x"}}],"turnNote":1}],
            "tools":[{"functionDeclarations":[{"name":"f","behavior":"BLOCKING"}],"googleSearch":{"x":1},"codeExecution":{}}],
            "toolConfig":{"functionCallingConfig":{"mode":"VALIDATED","new":1},"retrievalConfig":{"languageCode":"de"}},
            "generationConfig":{"responseModalities":["IMAGE"],"thinkingConfig":{"thinkingBudget":-1,"newer":true}},
            "safetySettings":[],"labels":{"a":"b"},"model":"models/x"}"#,
    );
    let extra = |extra: &Extra| {
        extra.iter().map(|(name, raw)| format!("{name}={}", raw.get())).collect::<Vec<_>>()
    };
    assert_eq!(
        extra(&conversation.extra),
        [
            r#"functionCallingConfig={"new":1}"#,
            r#"toolConfig={"retrievalConfig":{"languageCode":"de"}}"#,
            r#"generationConfig={"responseModalities":["IMAGE"]}"#,
            "safetySettings=[]",
            r#"labels={"a":"b"}"#,
        ]
    );
    let turn = &conversation.turns[0];
    assert_eq!(extra(&turn.extra), ["turnNote=1"]);
    assert_eq!(extra(&turn.parts[0].extra), [r#"videoMetadata={"fps":1.0}"#]);
    assert_eq!(extra(&turn.parts[1].extra), [r#"inlineData={"blobName":"x"}"#]);
    let kinds: Vec<_> = conversation.tools.iter().map(|tool| &tool.kind).collect();
    assert_eq!(*kinds[0], ToolKind::Function { parameters: None, strict: Some(true) });
    assert_eq!(*kinds[1], ToolKind::Native(Raw::parse(r#"{"googleSearch":{"x":1}}"#).unwrap()));
    assert_eq!(kinds.len(), 3);
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Auto));
    let reasoning = conversation.reasoning.unwrap();
    assert_eq!(reasoning.mode, Some(ReasoningMode::Adaptive));
    assert_eq!(extra(&reasoning.extra), ["newer=true"]);
}

#[test]
fn schemas_become_json_schema() {
    let conversation = read(
        r#"{"contents":"hi","tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"x":{"type":"STRING","nullable":true}}}}]}],
            "generationConfig":{"responseSchema":{"type":"ARRAY","items":{"type":"INTEGER"}},"responseMimeType":"application/json"}}"#,
    );
    let ToolKind::Function { parameters: Some(parameters), .. } = &conversation.tools[0].kind
    else {
        panic!()
    };
    assert_eq!(
        parameters.get(),
        r#"{"type":"object","properties":{"x":{"type":["string","null"]}}}"#
    );
    let Output::JsonSchema { schema, .. } = &conversation.output else { panic!() };
    assert_eq!(schema.get(), r#"{"type":"array","items":{"type":"integer"}}"#);
    assert_eq!(conversation.turns, [Turn::new(Role::User, vec![Part::text("hi")])]);
    let choice = r#"{"contents":"hi","generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}}}"#;
    let conversation = read(choice);
    assert_eq!(conversation.output, Output::Text);
    assert_eq!(conversation.extra.len(), 1);
}

#[test]
fn tool_choices_are_told_apart() {
    let choice = |config: &str| {
        read(&format!(r#"{{"contents":"hi","toolConfig":{{"functionCallingConfig":{config}}}}}"#))
            .tool_choice
    };
    let names = || vec!["a".to_owned(), "b".to_owned()];
    let cases = [
        ("{}", None),
        (r#"{"mode":"MODE_UNSPECIFIED"}"#, None),
        (r#"{"mode":"auto"}"#, Some(ToolChoice::Auto)),
        (r#"{"mode":"NONE"}"#, Some(ToolChoice::None)),
        (r#"{"mode":"ANY"}"#, Some(ToolChoice::Required)),
        (r#"{"mode":"ANY","allowedFunctionNames":["a"]}"#, Some(ToolChoice::Named("a".into()))),
        (
            r#"{"mode":"ANY","allowedFunctionNames":["a","b"]}"#,
            Some(ToolChoice::Allowed { names: names(), required: true }),
        ),
        (
            r#"{"mode":"VALIDATED","allowedFunctionNames":["a","b"]}"#,
            Some(ToolChoice::Allowed { names: names(), required: false }),
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(choice(config), expected, "{config}");
    }
}

#[test]
fn a_mistake_names_its_place() {
    let cases = [
        ("{}", "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (r#"{"systemInstruction":{"parts":[{"text":"s"}]}}"#, "contents"),
        (r#"{"contents":[{"role":"robot","parts":[]}]}"#, "contents[0].role"),
        (r#"{"contents":[{"parts":[{"text":5}]}]}"#, "contents[0].parts[0].text"),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#,
            "contents[0].parts[0].functionCall.name",
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":"{}"}}]}]}"#,
            "contents[0].parts[0].functionCall.args",
        ),
        (
            r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":[1]}}]}]}"#,
            "contents[0].parts[0].functionResponse.response",
        ),
        (
            r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"a/b"}}]}]}"#,
            "contents[0].parts[0].inline_data.data",
        ),
        (
            r#"{"contents":"a","tools":[{"functionDeclarations":[{"description":"d"}]}]}"#,
            "tools[0].functionDeclarations[0].name",
        ),
        (
            r#"{"contents":"a","toolConfig":{"functionCallingConfig":{"mode":"SOME"}}}"#,
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            r#"{"contents":"a","generationConfig":{"maxOutputTokens":1.5}}"#,
            "generationConfig.maxOutputTokens",
        ),
        (
            r#"{"contents":"a","generationConfig":{"thinkingConfig":{"thinkingLevel":"huge"}}}"#,
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            r#"{"contents":"a","generationConfig":{"responseSchema":5}}"#,
            "generationConfig.responseSchema",
        ),
    ];
    for (body, param) in cases {
        let mistake = read_request(body.as_bytes(), "m", false).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some(param), "{body}");
    }
    // What lies in the provider's cache may be the whole prompt.
    assert!(read_request(br#"{"cachedContent":"cachedContents/x"}"#, "m", false).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_body_is_too_odd(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60), text in r#"[\[\]{}":,a-z0-9]{0,60}"#) {
        let _ = read_request(&bytes, "m", false);
        let _ = read_request(format!(r#"{{"contents":{text}}}"#).as_bytes(), "m", false);
    }
}
