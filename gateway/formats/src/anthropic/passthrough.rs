//! Bodies of this format on their way to Claude at other clouds: a few members come and go, all other bytes stay.

use crate::json::Members;

/// The body for Vertex (`rawPredict`, `streamRawPredict`): the model is in the path, the version in the body. `stream`
/// stays: Anthropic's own client leaves it there too.
pub fn for_vertex(body: &[u8]) -> Vec<u8> {
    let version = r#""anthropic_version":"vertex-2023-10-16""#;
    edited(body, &["model", "anthropic_version"], &[version])
}

/// The body for Bedrock's `InvokeModel`: the model and whether to stream are in the path, the version and the betas in
/// the body.
pub fn for_bedrock_invoke(body: &[u8], betas: &[&str]) -> Vec<u8> {
    let version = r#""anthropic_version":"bedrock-2023-05-31""#;
    if betas.is_empty() {
        return edited(body, &["model", "stream", "anthropic_version"], &[version]);
    }
    let betas = format!("\"anthropic_beta\":{}", serde_json::json!(betas));
    let gone = ["model", "stream", "anthropic_version", "anthropic_beta"];
    edited(body, &gone, &[version, &betas])
}

/// The body without the members named `gone`, and with `more` as its first ones. What is no object stays as it is.
fn edited(body: &[u8], gone: &[&str], more: &[&str]) -> Vec<u8> {
    let text = std::str::from_utf8(body).ok();
    let members = text.and_then(|text| Some((text, Members::of_text(text)?)));
    let Some((text, members)) = members else { return body.to_vec() };
    let Some(brace) = text.find('{') else { return body.to_vec() };
    let mut kept: Vec<&str> = more.to_vec();
    let mut from = brace + 1;
    for (name, value) in members.iter() {
        // A value is borrowed from the text, so its address tells where it stands.
        let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
        let end = start + value.get().len();
        let member = text.get(from..end).unwrap_or_default();
        if !gone.contains(&name) {
            kept.push(member);
        }
        let comma = text.get(end..).and_then(|rest| rest.find(','));
        from = comma.map_or(end, |comma| end + comma + 1);
    }
    let last = members.iter().last().map(|(_, value)| {
        value.get().as_ptr() as usize - text.as_ptr() as usize + value.get().len()
    });
    let tail = text.get(last.unwrap_or(brace + 1)..).unwrap_or("}");
    let mut out = Vec::with_capacity(body.len() + 64);
    out.extend_from_slice(text.get(..=brace).unwrap_or("{").as_bytes());
    out.extend_from_slice(kept.join(",").as_bytes());
    out.extend_from_slice(tail.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vertex(body: &str) -> String {
        String::from_utf8(for_vertex(body.as_bytes())).unwrap()
    }

    #[test]
    fn only_the_named_members_change() {
        let cases = [
            (
                r#"{ "model" : "m" , "max_tokens":1.0,  "messages":[{"model":"x"}] }"#,
                r#"{"anthropic_version":"vertex-2023-10-16", "max_tokens":1.0,  "messages":[{"model":"x"}] }"#,
            ),
            (
                r#"{"stream":true,"a":",}","model":"m"}"#,
                r#"{"anthropic_version":"vertex-2023-10-16","stream":true,"a":",}"}"#,
            ),
            (
                r#"{"anthropic_version":"own","mod\u0065l":"m"}"#,
                r#"{"anthropic_version":"vertex-2023-10-16"}"#,
            ),
            ("{}", r#"{"anthropic_version":"vertex-2023-10-16"}"#),
            ("[1]", "[1]"),
            ("{\"a\":", "{\"a\":"),
        ];
        for (body, expected) in cases {
            assert_eq!(vertex(body), expected, "{body}");
        }
    }

    #[test]
    fn bedrock_gets_the_betas_in_the_body() {
        let body = br#"{"model":"m","stream":true,"max_tokens":1,"anthropic_beta":["old"]}"#;
        let told = |betas: &[&str]| String::from_utf8(for_bedrock_invoke(body, betas)).unwrap();
        assert_eq!(
            told(&["a", "b"]),
            r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"],"max_tokens":1}"#
        );
        assert_eq!(
            told(&[]),
            r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"anthropic_beta":["old"]}"#
        );
    }

    proptest! {
        #[test]
        fn any_object_stays_one(
            values in proptest::collection::vec(("(model|stream|[a-z\"é]{0,4})", ".{0,6}"), 0..6),
            pretty in any::<bool>(),
        ) {
            let object: serde_json::Map<String, serde_json::Value> =
                values.into_iter().map(|(name, text)| (name, serde_json::json!([text, {"model": 1.0}]))).collect();
            let body = if pretty { serde_json::to_vec_pretty(&object) } else { serde_json::to_vec(&object) }.unwrap();
            let mut expected = object;
            expected.remove("model");
            expected.insert("anthropic_version".into(), "vertex-2023-10-16".into());
            let got: serde_json::Value = serde_json::from_slice(&for_vertex(&body)).unwrap();
            prop_assert_eq!(got, serde_json::Value::Object(expected));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for_vertex(&bytes);
            for_bedrock_invoke(&bytes, &["b"]);
        }
    }
}
