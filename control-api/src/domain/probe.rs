//! What a provider is asked to see whether it takes a key: for its list of models, which costs nothing.

use super::providers;
use crate::store::providers::ProviderRow;
use serde_json::Value;
use tollgate_contract::{
    provider::{Auth, ProviderKind, Wire},
    secret::Secret,
};

/// A question.
#[derive(Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where.
    pub url: String,
    /// By which header the key is sent; absent: as a bearer token.
    pub key_header: Option<&'static str>,
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
}

/// The question for a provider. `None` where it takes more than a header: AWS signs, Google trades.
pub fn of(provider: &ProviderRow) -> Option<Probe> {
    let kind = providers::kind(provider)?;
    let base = providers::base_url(provider)?;
    let key_header = match kind.auth() {
        Auth::Bearer | Auth::None => None,
        Auth::XApiKey => Some("x-api-key"),
        Auth::XGoogApiKey => Some("x-goog-api-key"),
        Auth::ApiKey => Some("api-key"),
        Auth::Aws | Auth::GoogleServiceAccount => return None,
    };
    let mut headers: &[_] = &[];
    let path = match (kind, kind.wire()) {
        (ProviderKind::AzureOpenai, _) => {
            match provider.spec.get("api_version").and_then(Value::as_str) {
                Some(version) => format!("/openai/models?api-version={version}"),
                None => "/openai/v1/models".to_owned(),
            }
        }
        (_, Wire::Openai) => "/models".to_owned(),
        (_, Wire::Anthropic) => {
            headers = &[("anthropic-version", "2023-06-01")];
            "/v1/models".to_owned()
        }
        (_, Wire::Gemini) => "/v1beta/models".to_owned(),
        (_, Wire::Cohere) => "/v1/models".to_owned(),
        (_, Wire::Bedrock) => return None,
    };
    Some(Probe { url: format!("{base}{path}"), key_header, headers })
}

/// What is wrong with a secret that a provider of a kind may have given: what fits into a header, or, for Bedrock and
/// Vertex, a document with the parts of a key.
pub fn mistake_in(kind: Option<ProviderKind>, secret: &Secret) -> Option<&'static str> {
    let text = secret.expose().trim();
    if text.starts_with('{') && kind.is_none_or(|kind| !parts(kind).is_empty()) {
        return mistake_in_document(kind, text);
    }
    let fits = (8..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    (!fits).then_some("must be 8 to 4096 visible ASCII characters without spaces")
}

/// The members without which a document is no key.
const fn parts(kind: ProviderKind) -> &'static [&'static str] {
    match kind.auth() {
        Auth::Aws => &["access_key_id", "secret_access_key"],
        Auth::GoogleServiceAccount => &["client_email", "private_key"],
        Auth::Bearer | Auth::XApiKey | Auth::XGoogApiKey | Auth::ApiKey | Auth::None => &[],
    }
}

fn mistake_in_document(kind: Option<ProviderKind>, text: &str) -> Option<&'static str> {
    if text.len() > 16 << 10 {
        return Some("must have at most 16384 characters");
    }
    let Ok(document) = serde_json::from_str::<serde_json::Map<String, Value>>(text) else {
        return Some("must be a JSON object, or a plain key");
    };
    let has = |part: &&str| {
        document.get(*part).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
    };
    let whole = match kind {
        Some(kind) => parts(kind).iter().all(has),
        None => true,
    };
    (!whole).then(|| match kind.map(ProviderKind::auth) {
        Some(Auth::Aws) => "must have access_key_id and secret_access_key",
        _ => "must be a service account's key file, with client_email and private_key",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use serde_json::json;
    use uuid::Uuid;

    fn provider(spec: Value) -> ProviderRow {
        ProviderRow {
            tenant_id: Uuid::nil(),
            id: Uuid::nil(),
            name: "p".to_owned(),
            spec,
            version: 1,
            created_at: Utc::now(),
        }
    }

    #[test]
    fn each_kind_is_asked_where_and_how_it_wants_to_be() {
        for (spec, url, header) in [
            (json!({ "kind": "openai" }), "https://api.openai.com/v1/models", None),
            (
                json!({ "kind": "anthropic" }),
                "https://api.anthropic.com/v1/models",
                Some("x-api-key"),
            ),
            (
                json!({ "kind": "gemini" }),
                "https://generativelanguage.googleapis.com/v1beta/models",
                Some("x-goog-api-key"),
            ),
            (json!({ "kind": "cohere" }), "https://api.cohere.com/v1/models", None),
            (
                json!({ "kind": "azure_openai", "base_url": "https://r.openai.azure.com/" }),
                "https://r.openai.azure.com/openai/v1/models",
                Some("api-key"),
            ),
            (
                json!({ "kind": "azure_openai", "base_url": "https://r.openai.azure.com", "api_version": "2024-10-21" }),
                "https://r.openai.azure.com/openai/models?api-version=2024-10-21",
                Some("api-key"),
            ),
        ] {
            let probe = of(&provider(spec)).unwrap();
            assert_eq!((probe.url.as_str(), probe.key_header), (url, header));
        }
        for spec in [
            json!({ "kind": "bedrock", "region": "us-east-1" }),
            json!({ "kind": "vertex" }),
            json!({ "kind": "vllm" }),
            json!({}),
        ] {
            assert_eq!(of(&provider(spec.clone())), None, "{spec}");
        }
    }

    #[test]
    fn a_key_of_several_parts_is_a_document_that_has_them() {
        let mistake = |kind, text: &str| mistake_in(Some(kind), &Secret::new(text.to_owned()));
        let aws =
            r#"{"access_key_id":"AKIDEXAMPLE","secret_access_key":"x y","region":"us-east-1"}"#;
        let google = "{\n \"client_email\": \"a@b\", \"private_key\": \"-----BEGIN\"\n}";
        assert_eq!(mistake(ProviderKind::Bedrock, aws), None);
        assert_eq!(mistake(ProviderKind::Vertex, google), None);
        assert_eq!(mistake(ProviderKind::Bedrock, "a-plain-bearer-key"), None);
        for (kind, text) in [
            (ProviderKind::Bedrock, google),
            (ProviderKind::Vertex, aws),
            (ProviderKind::Vertex, "{\"client_email\":\"\",\"private_key\":\"x\"}"),
            (ProviderKind::Bedrock, "{nonsense"),
            (ProviderKind::Openai, aws),
            (ProviderKind::Openai, "short"),
            (ProviderKind::Openai, "with a space"),
        ] {
            assert!(mistake(kind, text).is_some(), "{kind:?} {text}");
        }
    }
}
