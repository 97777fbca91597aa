//! The list of models.

use crate::json::{Object, object};

/// A model as an app sees it.
#[derive(Debug, Clone)]
pub struct ModelEntry<'m> {
    /// Its name, without `models/`.
    pub name: &'m str,
    /// What people call it.
    pub display_name: &'m str,
    /// The most prompt tokens, if known.
    pub input_token_limit: Option<u64>,
    /// The most answer tokens, if known.
    pub output_token_limit: Option<u64>,
    /// What it can be asked for, such as `generateContent`.
    pub methods: Vec<&'static str>,
}

/// Writes one model.
pub fn write_model(entry: &ModelEntry) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |members| put(entry, members));
    out
}

/// Writes a list of models, all on one page.
pub fn write_models(entries: &[ModelEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, |members| {
        members.list("models", |list| {
            for entry in entries {
                list.object(|members| put(entry, members));
            }
        });
    });
    out
}

fn put(entry: &ModelEntry, members: &mut Object) {
    members
        .put("name", format!("models/{}", entry.name))
        .put("displayName", entry.display_name)
        .put_some("inputTokenLimit", entry.input_token_limit)
        .put_some("outputTokenLimit", entry.output_token_limit)
        .put("supportedGenerationMethods", &entry.methods);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_in_googles_way() {
        let entry = ModelEntry {
            name: "fast",
            display_name: "Fast",
            input_token_limit: Some(1_048_576),
            output_token_limit: None,
            methods: vec!["generateContent", "countTokens"],
        };
        let one = r#"{"name":"models/fast","displayName":"Fast","inputTokenLimit":1048576,"supportedGenerationMethods":["generateContent","countTokens"]}"#;
        assert_eq!(String::from_utf8(write_model(&entry)).unwrap(), one);
        let list = format!(r#"{{"models":[{one},{one}]}}"#);
        assert_eq!(String::from_utf8(write_models(&[entry.clone(), entry])).unwrap(), list);
        assert_eq!(write_models(&[]), b"{\"models\":[]}");
    }
}
