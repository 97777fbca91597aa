use super::*;

const TYPE: &str = "multipart/form-data; boundary=b0";

fn head(model: Option<&str>) -> RequestHead {
    RequestHead {
        content_type: Some(TYPE.to_owned()),
        model: model.map(str::to_owned),
        ..RequestHead::default()
    }
}

fn form(fields: &[(&str, &str)]) -> Bytes {
    let part = |(name, value): &(&str, &str)| {
        let file =
            if matches!(*name, "file" | "image" | "image[]") { "; filename=\"f\"" } else { "" };
        format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n")
    };
    let parts: String = fields.iter().map(part).collect();
    Bytes::from(format!("{parts}--b0--\r\n"))
}

#[test]
fn facts_and_the_models_place_come_from_the_fields() {
    let body = form(&[
        ("file", "RIFF"),
        ("model", "whisper-1"),
        ("prompt", "names"),
        ("stream", "True"),
        ("user", "u"),
    ]);
    let request = understand(Api::Transcriptions, head(None), body.clone()).unwrap();
    let facts = &request.facts;
    assert_eq!((facts.model.as_str(), facts.stream, facts.choices), ("whisper-1", true, 1));
    assert_eq!((facts.user.as_deref(), facts.content_bytes), (Some("u"), 5));
    assert!(facts.unseen_parts && !facts.vision);
    assert_eq!(&body[request.places.model.clone()], b"whisper-1");
    let edits = form(&[("image[]", "a"), ("image[]", "b"), ("model", "gpt-image-1"), ("n", "2")]);
    let facts = understand(Api::ImageEdits, head(None), edits).unwrap().facts;
    assert!(facts.vision && facts.choices == 2);
}

#[test]
fn only_the_model_changes_on_the_way() {
    let body = form(&[("model", "alias"), ("file", "alias")]);
    let request = understand(Api::Transcriptions, head(None), body.clone()).unwrap();
    assert_eq!(with_model(&request, "alias"), body);
    let sent = with_model(&request, "gpt-4o-transcribe");
    assert_eq!(sent, form(&[("model", "gpt-4o-transcribe"), ("file", "alias")]));
}

#[test]
fn a_model_in_the_path_is_put_into_the_form() {
    let body = form(&[("file", "x")]);
    let request = understand(Api::Transcriptions, head(Some("deployment")), body).unwrap();
    assert_eq!(request.facts.model, "deployment");
    assert_eq!(with_model(&request, "whisper-1"), form(&[("model", "whisper-1"), ("file", "x")]));
    let both = form(&[("file", "x"), ("model", "other")]);
    let request = understand(Api::Transcriptions, head(Some("deployment")), both).unwrap();
    assert_eq!(request.facts.model, "deployment");
    assert_eq!(with_model(&request, "m"), form(&[("file", "x"), ("model", "m")]));
}

#[test]
fn every_mistake_names_its_field() {
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c str, Option<&'c str>);
    let cases: [Case; 8] = [
        (&[("file", "x")], "missing_required_parameter", Some("model")),
        (&[("file", "x"), ("model", "")], "invalid_value", Some("model")),
        (&[("file", "x"), ("model", "a"), ("model", "b")], "invalid_value", Some("model")),
        (&[("model", "a")], "missing_required_parameter", Some("file")),
        (&[("file", "x"), ("model", "a"), ("stream", "maybe")], "invalid_type", Some("stream")),
        (&[("file", "x"), ("model", "a"), ("n", "0")], "invalid_value", Some("n")),
        (&[("file", "x"), ("model", "a"), ("n", "1e9")], "invalid_value", Some("n")),
        (&[], "invalid_value", None),
    ];
    for (fields, code, param) in cases {
        let body = if fields.is_empty() { Bytes::new() } else { form(fields) };
        let mistake = understand(Api::Transcriptions, head(None), body).unwrap_err();
        assert_eq!((mistake.code, mistake.param.as_deref()), (code, param), "{fields:?}");
    }
}
