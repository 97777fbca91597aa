use super::*;
use crate::conversation::{CacheMark, Media, MediaKind, Signature, Source};
use serde_json::json;

fn text(role: Role, text: &str) -> Turn {
    Turn::new(role, vec![Part::text(text)])
}

#[test]
fn systems_stand_apart_and_late_ones_stay_where_they_are_said() {
    let conversation = saying(vec![
        text(Role::System, "s1"),
        text(Role::Developer, "s2"),
        text(Role::User, "a"),
        text(Role::Assistant, "b"),
        text(Role::System, "late"),
        text(Role::User, "c"),
    ]);
    let body = body(&conversation, "gemini-2.5-flash");
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "s1"}, {"text": "s2"}]}));
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "b"}]},
            {"role": "user", "parts": [{"text": "late"}, {"text": "c"}]},
        ])
    );
}

#[test]
fn a_model_without_system_instruction_gets_it_with_the_first_words_of_the_user() {
    let conversation = saying(vec![text(Role::System, "s"), text(Role::User, "a")]);
    for model in ["gemma-3-27b-it", "gemini-1.0-pro"] {
        let body = body(&conversation, model);
        assert_eq!(body["systemInstruction"], Value::Null);
        assert_eq!(
            body["contents"],
            json!([{"role": "user", "parts": [{"text": "s"}, {"text": "a"}]}])
        );
    }
}

#[test]
fn there_is_always_a_user_turn_and_never_an_empty_part() {
    let cases = [
        (vec![text(Role::System, "s")], json!([{"role": "user", "parts": [{"text": "."}]}])),
        (
            vec![text(Role::Assistant, "a"), text(Role::User, ""), text(Role::User, " ")],
            json!([
                {"role": "user", "parts": [{"text": "."}]},
                {"role": "model", "parts": [{"text": "a"}]},
                {"role": "user", "parts": [{"text": "."}]},
            ]),
        ),
        (
            vec![text(Role::User, "a"), text(Role::User, "b")],
            json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]),
        ),
    ];
    for (turns, expected) in cases {
        assert_eq!(body(&saying(turns), "gemini-2.5-flash")["contents"], expected);
    }
}

fn image(source: Source, detail: Option<&str>) -> Part {
    Part::new(PartKind::Media(Media {
        kind: MediaKind::Image,
        source,
        mime: None,
        name: Some("x.png".into()),
        detail: detail.map(str::to_owned),
    }))
}

#[test]
fn a_turn_of_images_only_gets_a_text() {
    let png = "iVBORw0KGgoAAAANSUhEUgAA";
    let turn = Turn::new(Role::User, vec![image(Source::Base64(png.into()), None)]);
    assert_eq!(
        body(&saying(vec![turn]), "gemini-2.5-flash")["contents"][0]["parts"],
        json!([{"inlineData": {"mimeType": "image/png", "data": png}}, {"text": " "}])
    );
}

#[test]
fn files_go_inline_or_by_address() {
    let part = |media: Media| {
        let turn =
            Turn::new(Role::User, vec![Part::text("see"), Part::new(PartKind::Media(media))]);
        body(&saying(vec![turn]), "gemini-2.5-flash")["contents"][0]["parts"][1].clone()
    };
    let of =
        |source| Media { kind: MediaKind::Document, source, mime: None, name: None, detail: None };
    assert_eq!(
        part(of(Source::Text("é".into()))),
        json!({"inlineData": {"mimeType": "text/plain", "data": "w6k="}})
    );
    assert_eq!(
        part(of(Source::Url("https://x/a.pdf?b".into()))),
        json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/a.pdf?b"}})
    );
    assert_eq!(
        part(of(Source::FileId("gs://b/film.mp4".into()))),
        json!({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/film.mp4"}})
    );
    let lost = Turn::new(Role::User, vec![image(Source::FileId("file-1".into()), None)]);
    assert_eq!(refused(&saying(vec![lost]), "gemini-2.5-flash").as_deref(), Some("messages"));
}

#[test]
fn the_detail_of_an_image_is_its_resolution_since_gemini_3() {
    let turn = |detail| {
        let image = image(Source::Base64("iVBORw0KGgo=".into()), Some(detail));
        saying(vec![Turn::new(Role::User, vec![Part::text("see"), image])])
    };
    let resolution = |detail| {
        body(&turn(detail), "gemini-3-pro")["contents"][0]["parts"][1]["mediaResolution"].clone()
    };
    assert_eq!(resolution("low"), json!({"level": "MEDIA_RESOLUTION_LOW"}));
    assert_eq!(resolution("high"), json!({"level": "MEDIA_RESOLUTION_HIGH"}));
    assert_eq!(resolution("auto"), Value::Null);
    assert_eq!(sent(&turn("low"), "gemini-2.5-pro").dropped, ["detail"]);
}

#[test]
fn reasoning_of_another_model_stays_out() {
    let own = |data: &str| Some(Signature::new(Format::Gemini, data));
    let parts = vec![
        Part::new(PartKind::Reasoning {
            text: "theirs".into(),
            signature: Some(Signature::new(Format::Anthropic, "x")),
        }),
        Part::new(PartKind::Reasoning { text: "nobody's".into(), signature: None }),
        Part::new(PartKind::Sealed(Signature::new(Format::OpenaiResponses, "x"))),
        Part::new(PartKind::Native(Format::Anthropic, Raw::empty_object())),
        Part::new(PartKind::Reasoning { text: "ours".into(), signature: own("S") }),
        Part::new(PartKind::Refusal("no".into())),
    ];
    let turns = vec![text(Role::User, "q"), Turn::new(Role::Assistant, parts)];
    assert_eq!(
        body(&saying(turns), "gemini-3-pro")["contents"][1]["parts"],
        json!([{"text": "ours", "thought": true, "thoughtSignature": "S"}, {"text": "no"}])
    );
    // A turn of nothing else is no turn.
    let alone = Part::new(PartKind::Reasoning { text: "theirs".into(), signature: None });
    let turns =
        vec![text(Role::User, "q"), Turn::new(Role::Assistant, vec![alone]), text(Role::User, "r")];
    assert_eq!(
        body(&saying(turns), "gemini-3-pro")["contents"],
        json!([{"role": "user", "parts": [{"text": "q"}, {"text": "r"}]}])
    );
}

#[test]
fn the_signature_of_a_text_goes_back_to_the_text() {
    let signature = || {
        let signature = Some(Signature::new(Format::Gemini, "S"));
        Part::new(PartKind::Reasoning { text: String::new(), signature })
    };
    let parts = |parts: Vec<Part>| {
        let turns = vec![text(Role::User, "q"), Turn::new(Role::Assistant, parts)];
        body(&saying(turns), "gemini-3-pro")["contents"][1]["parts"].clone()
    };
    let expected = json!([{"text": "a"}, {"text": "b", "thoughtSignature": "S"}]);
    // Other formats put reasoning first.
    assert_eq!(parts(vec![signature(), Part::text("a"), Part::text("b")]), expected);
    assert_eq!(parts(vec![Part::text("a"), Part::text("b"), signature()]), expected);
    assert_eq!(parts(vec![signature()]), json!([{"text": "", "thoughtSignature": "S"}]));
}

#[test]
fn marks_and_names_that_have_no_place_are_reported() {
    let mut conversation = asked();
    conversation.turns[0].name = Some("ann".into());
    conversation.turns[0].parts[0].cache = Some(CacheMark::Default);
    conversation.turns[0].extra.push(("x".into(), Raw::empty_object()));
    let outgoing = sent(&conversation, "gemini-3-pro");
    assert_eq!(outgoing.dropped, ["name", "cache_control"]);
    assert_eq!(
        String::from_utf8(outgoing.body.to_vec()).unwrap(),
        r#"{"contents":[{"role":"user","parts":[{"text":"q"}]}]}"#
    );
}
