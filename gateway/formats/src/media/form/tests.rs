use super::*;
use proptest::prelude::*;

const TYPE: &str = "multipart/form-data; boundary=X-b";

fn read(body: &str) -> Result<Form, Mistake> {
    Form::read(Some(TYPE), body.as_bytes())
}

fn part(head: &str, value: &str) -> String {
    format!("--X-b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
}

#[test]
fn fields_are_found_by_name_and_place() {
    let body = format!(
        "{}{}{}--X-b--\r\n",
        part("name=\"model\"", "whisper-1"),
        part(
            "name=\"file\"; filename=\"a \\\"b\\\".mp3\"\r\nContent-Type: audio/mpeg",
            "\r\n--X-a\r\n\0\u{7f}"
        ),
        part("name=empty", "")
    );
    let form = read(&body).unwrap();
    let told: Vec<_> = form
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.file_name.as_deref(), &body[field.value.clone()]))
        .collect();
    assert_eq!(
        told,
        [
            ("model", None, "whisper-1"),
            ("file", Some("a \"b\".mp3"), "\r\n--X-a\r\n\0\u{7f}"),
            ("empty", None, ""),
        ]
    );
    assert_eq!(form.text(body.as_bytes(), "model").unwrap(), Some("whisper-1"));
    assert_eq!(form.files().map(Field::bytes).sum::<usize>(), 11);
    assert_eq!(form.start, 0);
}

#[test]
fn a_form_may_have_words_around_it() {
    let body = format!("preamble\r\n{}--X-b--\r\nepilogue", part("name=\"a\"", "1"));
    let form = read(&body).unwrap();
    assert_eq!((form.fields.len(), form.start), (1, 10));
    let padded = body.replace("--X-b\r\n", "--X-b \t\r\n");
    assert_eq!(read(&padded).unwrap().fields.len(), 1);
}

#[test]
fn boundaries_are_read_as_clients_write_them() {
    let cases = [
        ("multipart/form-data; boundary=abc", Some("abc")),
        ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"", Some("a b")),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            Some("----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"a \"", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=\"a\nb\"", None),
        ("multipart/mixed; boundary=abc", None),
        ("application/json", None),
    ];
    for (text, expected) in cases {
        assert_eq!(boundary_of(text).as_deref(), expected, "{text}");
    }
    assert_eq!(boundary_of(&format!("multipart/form-data; boundary={}", "x".repeat(71))), None);
}

#[test]
fn what_two_readers_could_take_for_two_forms_is_refused() {
    let good = part("name=\"a\"", "1");
    let cases = [
        String::new(),
        "--X-b".to_owned(),
        good.clone(),
        format!("{good}--X-bc--\r\n"),
        format!("{good}--X-b\n--X-b--\r\n"),
        "--X-b\r\n\r\nvalue\r\n--X-b--\r\n".to_owned(),
        "--X-b\r\nContent-Type: text/plain\r\n\r\nvalue\r\n--X-b--\r\n".to_owned(),
        format!("{}--X-b--\r\n", part("filename=\"a\"", "1")),
        format!("{}--X-b--\r\n", part("name=\"\"", "1")),
        format!("{}--X-b--\r\n", part("name=\"a", "1")),
        format!("{}--X-b--\r\n", part("name=\"a\"; name=\"b\"", "1")),
        format!(
            "{}--X-b--\r\n",
            part("name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "1")
        ),
        format!("{}--X-b--\r\n", part("name=\"a\"\r\nContent-Transfer-Encoding: base64", "1")),
        format!("{}--X-b--\r\n", part("name=\"a\"\r\nno colon", "1")),
        format!("{}--X-b--\r\n", part("name=\"a\"\nX: y", "1")),
        format!("{}--X-b--\r\n", good.replace("form-data", "attachment")),
        format!("{}--X-b--\r\n", part(&format!("name=\"{}\"", "n".repeat(MOST_HEADER_BYTES)), "1")),
        format!("{}--X-b--\r\n", good.repeat(MOST_FIELDS + 1)),
    ];
    for body in cases {
        let mistake = read(&body).expect_err(&body);
        assert_eq!(mistake.code, "invalid_value", "{body}");
    }
    assert!(Form::read(None, good.as_bytes()).is_err());
}

#[test]
fn a_field_that_is_there_once_is_text() {
    let body = format!(
        "{}{}{}--X-b--\r\n",
        part("name=\"a\"", "1"),
        part("name=\"a\"", "2"),
        part("name=\"f\"; filename=\"x\"", "3")
    );
    let form = read(&body).unwrap();
    assert_eq!(form.one("a").unwrap_err().param.as_deref(), Some("a"));
    assert_eq!(form.text(body.as_bytes(), "f").unwrap_err().code, "invalid_type");
    assert_eq!(form.text(body.as_bytes(), "none").unwrap(), None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_form_or_a_mistake(body in proptest::collection::vec(any::<u8>(), 0..300), joints in proptest::collection::vec(0usize..6, 0..20)) {
        let _ = Form::read(Some(TYPE), &body);
        // Bytes that come near.
        let pieces: [&[u8]; 6] = [b"--X-b", b"\r\n", b"--", b"Content-Disposition: form-data; name=\"a\"", b"\r\n\r\n", &body];
        let near: Vec<u8> = joints.iter().flat_map(|at| pieces[*at]).copied().collect();
        if let Ok(form) = Form::read(Some(TYPE), &near) {
            for field in form.fields {
                prop_assert!(near.get(field.value).is_some());
            }
        }
    }

    #[test]
    fn what_a_client_puts_in_comes_out(
        fields in proptest::collection::vec(("[a-z\\[\\]]{1,8}", proptest::option::of("[a-z. \"]{0,8}"), proptest::collection::vec(any::<u8>(), 0..40)), 1..6),
    ) {
        let mut body = Vec::new();
        for (name, file, value) in &fields {
            let file = file.as_ref().map_or_else(String::new, |file| format!("; filename=\"{}\"", file.replace('"', "%22")));
            body.extend_from_slice(format!("--X-b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--X-b--\r\n");
        let form = Form::read(Some(TYPE), &body).unwrap();
        prop_assert_eq!(form.fields.len(), fields.len());
        for (field, (name, file, value)) in form.fields.iter().zip(&fields) {
            prop_assert_eq!((&field.name, &field.file_name), (name, file));
            prop_assert_eq!(&body[field.value.clone()], &value[..]);
        }
    }
}
