//! How to use a key: snippets with a model that the key may use.

use crate::{console::Visit, domain, error::ApiError};
use serde_json::Value;
use tollgate_contract::pattern::Patterns;
use tollgate_web::pages::api_keys::{self, Snippet};

/// What is shown where nothing better is known.
const FALLBACK: &str = "openai/gpt-4o-mini";

/// The snippets for what the gateway speaks: OpenAI's shape. Claude Code needs Anthropic's.
pub fn snippets(base_url: &str, secret: &str, model: &str) -> Vec<Snippet> {
    let mut all = api_keys::snippets(base_url, secret, model);
    all.retain(|snippet| snippet.title != "Claude Code");
    all
}

/// A model that a key with these patterns may use: a route, else a model of the tenant, else a usual one.
pub async fn model_for<P>(visit: &Visit<P>, patterns: &[String]) -> Result<String, ApiError> {
    let (state, actor) = (&visit.state, &visit.actor);
    let mut names: Vec<String> =
        domain::routes::list(state, actor).await?.into_iter().map(|row| row.name).collect();
    names.extend(domain::models::list(state, actor).await?.into_iter().map(|row| row.name));
    let providers = domain::providers::list(state, actor).await?;
    let usual = providers
        .into_iter()
        .filter(|row| row.spec.get("kind").and_then(Value::as_str) == Some("openai"));
    names.extend(usual.map(|row| format!("{}/gpt-4o-mini", row.name)));
    Ok(choose(patterns, &names))
}

fn choose(patterns: &[String], names: &[String]) -> String {
    let allowed = Patterns::new(patterns.to_vec());
    let known = names.iter().find(|name| allowed.matches(name));
    let written = || patterns.iter().find(|pattern| !pattern.contains('*'));
    known.or_else(written).map_or_else(|| FALLBACK.to_owned(), Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_names_a_model_that_the_key_may_use() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let known = names(&["support", "openai/gpt-4o"]);
        for (patterns, expected) in [
            (names(&["*"]), "support"),
            (names(&["openai/*"]), "openai/gpt-4o"),
            (names(&["local/*", "local/llama"]), "local/llama"),
            (names(&["local/*"]), FALLBACK),
        ] {
            assert_eq!(choose(&patterns, &known), expected, "{patterns:?}");
        }
    }

    #[test]
    fn no_snippet_is_for_an_api_that_the_gateway_does_not_have() {
        let all = snippets("http://127.0.0.1:8080", "tgk_x", "m");
        let titles: Vec<_> = all.iter().map(|snippet| snippet.title.as_str()).collect();
        assert_eq!(titles, ["curl", "Python", "Node", "LangChain"]);
        assert!(all.iter().all(|snippet| snippet.code.contains("tgk_x")));
    }
}
