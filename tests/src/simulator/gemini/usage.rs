//! `usageMetadata`: thoughts are counted apart from the candidates, and zeros are left out.

use serde_json::{Map, Value, json};

use super::super::directives::Directives;
use super::super::quirks::Quirk;
use super::super::tokens::PromptTokens;
use super::super::usage::report;
use super::proto::Host;

/// What has been used of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// The prompt.
    pub prompt: PromptTokens,
    /// The candidates without their thoughts.
    pub candidates: u64,
    /// The thoughts.
    pub thoughts: u64,
}

impl Used {
    /// What an answer says of it; nothing if it is not to be told.
    pub fn told(self, host: Host, directives: &Directives) -> Option<Value> {
        let (prompt, thoughts) = (self.prompt.total(), self.thoughts);
        let inside = directives.quirks.has(Quirk::ThoughtsInside);
        let candidates = self.candidates + if inside { thoughts } else { 0 };
        let total = prompt + self.candidates + thoughts;
        let mut usage = Map::new();
        for (name, count) in [
            ("promptTokenCount", prompt),
            ("cachedContentTokenCount", self.prompt.cache_read),
            ("candidatesTokenCount", candidates),
            ("thoughtsTokenCount", thoughts),
            ("totalTokenCount", total),
        ] {
            let told = report(count, directives)?;
            if told != 0 {
                usage.insert(name.to_owned(), json!(told));
            }
        }
        let by_text = |count| {
            report(count, directives)
                .map(|told| json!([{ "modality": "TEXT", "tokenCount": told }]))
        };
        usage.insert("promptTokensDetails".to_owned(), by_text(prompt)?);
        if 0 < self.prompt.cache_read {
            usage.insert("cacheTokensDetails".to_owned(), by_text(self.prompt.cache_read)?);
        }
        if host == Host::Vertex {
            usage.extend(traffic());
        }
        Some(Value::Object(usage))
    }
}

/// All that early events of a stream may say.
pub fn traffic() -> Map<String, Value> {
    Map::from_iter([("trafficType".to_owned(), json!("ON_DEMAND"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(directives: &str) -> Option<Value> {
        let model = format!("m{directives}");
        let (_, directives) = Directives::of_model(&model).unwrap();
        let prompt = PromptTokens { uncached: 6, cache_read: 4, ..PromptTokens::default() };
        Used { prompt, candidates: 2, thoughts: 30 }.told(Host::Studio, &directives)
    }

    #[test]
    fn the_total_is_the_sum_wherever_thoughts_are_counted() {
        for (directives, candidates) in [("", 2), ("--quirk=thoughts_inside", 32)] {
            let usage = told(directives).unwrap();
            let counts = [
                "promptTokenCount",
                "cachedContentTokenCount",
                "candidatesTokenCount",
                "thoughtsTokenCount",
                "totalTokenCount",
            ];
            let counts = counts.map(|name| usage[name].as_u64().unwrap());
            assert_eq!(counts, [10, 4, candidates, 30, 42], "{directives}");
        }
        assert_eq!(told("--usage=none"), None);
        assert_eq!(told("--usage=negative").unwrap()["totalTokenCount"], -42);
    }

    #[test]
    fn what_is_zero_is_left_out() {
        let usage = Used::default().told(Host::Vertex, &Directives::default()).unwrap();
        assert!(usage.get("thoughtsTokenCount").is_none());
        assert_eq!(usage["trafficType"], "ON_DEMAND");
    }
}
