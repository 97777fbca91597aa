//! Rules of a route: CEL expressions over what is known of a request, compiled when the config is accepted.
//!
//! A rule sees `request` (`model`, `api`, `stream`, `input_tokens`, `max_output`, `tools`, `vision`, `json_schema`,
//! `user`, `labels`), `metadata` (a map of strings), `tenant`, `team`, `member` and `api_key` (strings, empty if there is
//! none). An entry of `metadata` that a request lacks makes the rule not hold, and so does any other mistake at run time.

use cel::{Context, Program, Value, objects::Map};
use std::{collections::HashMap, fmt, sync::Arc};

/// An expression may have this many characters.
const MOST_CHARACTERS: usize = 4_096;

/// A compiled rule.
pub struct Rule {
    text: String,
    program: Program,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.text).finish()
    }
}

/// What rules see of a request.
#[derive(Debug, Clone, Default)]
pub struct Seen<'s> {
    /// The `model` as sent.
    pub model: &'s str,
    /// Which API was called: `chat`, `messages`.
    pub api: &'s str,
    /// Whether the answer streams.
    pub stream: bool,
    /// Prompt tokens by our estimate.
    pub input_tokens: u64,
    /// The most answer tokens that the app asked for; 0 if it did not say.
    pub max_output: u64,
    /// Whether tools are offered.
    pub tools: bool,
    /// Whether there are images.
    pub vision: bool,
    /// Whether the answer has to fit a JSON schema.
    pub json_schema: bool,
    /// Whom the request is for.
    pub user: &'s str,
    /// Marks that guards gave it.
    pub labels: &'s [String],
    /// The app's own key-values.
    pub metadata: Vec<(&'s str, &'s str)>,
    /// Whose request.
    pub tenant: &'s str,
    /// The API key's team.
    pub team: &'s str,
    /// Whose API key.
    pub member: &'s str,
    /// The API key's name.
    pub api_key: &'s str,
}

impl Rule {
    /// Compiles an expression. The error says what is wrong with it.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.chars().count() > MOST_CHARACTERS {
            return Err(format!("an expression may have {MOST_CHARACTERS} characters"));
        }
        let program = Program::compile(text)
            .map_err(|error| format!("this is no CEL expression: {error}"))?;
        let known = ["request", "metadata", "tenant", "team", "member", "api_key"];
        let unknown = program
            .references()
            .variables()
            .into_iter()
            .find(|name| !known.contains(name) && !Self::bound_inside(text, name))
            .map(str::to_owned);
        match unknown {
            Some(name) => {
                Err(format!("there is no \"{name}\" here; there are: {}", known.join(", ")))
            }
            None => Ok(Self { text: text.to_owned(), program }),
        }
    }

    /// Macros such as `exists(l, l == 'pii')` bring names of their own.
    fn bound_inside(text: &str, name: &str) -> bool {
        name.starts_with('@')
            || ["all", "exists", "exists_one", "map", "filter"].iter().any(|word| {
                text.match_indices(&format!(".{word}(")).any(|(at, found)| {
                    let inside = text.get(at + found.len()..).unwrap_or_default().trim_start();
                    let rest = inside.strip_prefix(name);
                    rest.is_some_and(|rest| rest.trim_start().starts_with(','))
                })
            })
    }

    /// The expression.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds. What cannot be computed or is no truth value does not.
    pub fn holds(&self, seen: &Seen) -> bool {
        let mut context = Context::default();
        let text = |text: &str| Value::String(Arc::new(text.to_owned()));
        let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let labels: Vec<_> = seen.labels.iter().map(|label| text(label)).collect();
        let request: HashMap<String, Value> = [
            ("model", text(seen.model)),
            ("api", text(seen.api)),
            ("stream", Value::Bool(seen.stream)),
            ("input_tokens", number(seen.input_tokens)),
            ("max_output", number(seen.max_output)),
            ("tools", Value::Bool(seen.tools)),
            ("vision", Value::Bool(seen.vision)),
            ("json_schema", Value::Bool(seen.json_schema)),
            ("user", text(seen.user)),
            ("labels", Value::List(Arc::new(labels))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let metadata: HashMap<String, Value> =
            seen.metadata.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        context.add_variable_from_value("request", Value::Map(Map::from(request)));
        context.add_variable_from_value("metadata", Value::Map(Map::from(metadata)));
        for (name, value) in [
            ("tenant", seen.tenant),
            ("team", seen.team),
            ("member", seen.member),
            ("api_key", seen.api_key),
        ] {
            context.add_variable_from_value(name, text(value));
        }
        matches!(self.program.execute(&context), Ok(Value::Bool(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'s>(labels: &'s [String]) -> Seen<'s> {
        Seen {
            model: "smart",
            api: "chat",
            input_tokens: 150_000,
            labels,
            metadata: vec![("tier", "free")],
            team: "search",
            ..Seen::default()
        }
    }

    #[test]
    fn rules_hold_or_not() {
        let labels = ["pii".to_owned()];
        let cases = [
            ("request.labels.exists(l, l == 'pii')", true),
            ("request.labels.exists(x, x == 'secret')", false),
            ("request.input_tokens > 100000", true),
            ("metadata.tier == 'free'", true),
            ("metadata.absent == 'free'", false),
            ("has(metadata.absent)", false),
            ("team == 'search' && !request.stream", true),
            ("'text'", false),
            ("1 / 0 == 1", false),
            ("request.model.startsWith('sm')", true),
        ];
        for (text, expected) in cases {
            assert_eq!(Rule::compile(text).unwrap().holds(&seen(&labels)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_or_names_what_does_not_exist_is_refused() {
        for text in ["", "request.", "reqest.stream", "user == 'x'", "1 +"] {
            assert!(Rule::compile(text).is_err(), "{text}");
        }
        assert!(Rule::compile(&"1".repeat(5_000)).is_err());
    }

    #[test]
    fn deep_nesting_is_refused_or_compiled_and_never_ends_the_process() {
        for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("{1:", "}"), ("a.f(", ")")] {
            let times = (MOST_CHARACTERS - 1) / (open.len() + close.len());
            let text = format!("{}1{}", open.repeat(times), close.repeat(times));
            let _ = Rule::compile(&text).map(|rule| rule.holds(&seen(&[])));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_compiler_panic(text in "([a-z_.]{1,8}|[()\\[\\]{}?:,'\"!<>=&|+*/%-]|[0-9]{1,20}|\\\\|\\s|.){0,24}") {
            if let Ok(rule) = Rule::compile(&text) {
                rule.holds(&seen(&[]));
            }
        }
    }
}
