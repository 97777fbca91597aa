//! What is wrong with a body that an app sent.

/// A mistake in a request, named by its parameter. Every API tells it in its own shape, with status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The stable word: `invalid_json`, `invalid_type`, `invalid_value`, `missing_required_parameter`,
    /// `unsupported_parameter`.
    pub code: &'static str,
    /// The parameter at fault, as a path: `messages[2].content`.
    pub param: Option<String>,
    /// What is wrong and what to do, for people.
    pub message: String,
}

impl Mistake {
    /// A mistake with all its parts.
    pub fn new(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self { code, param: param.map(str::to_owned), message: message.into() }
    }

    /// A parameter that has to be there is not.
    pub fn missing(param: &str) -> Self {
        Self::new(
            "missing_required_parameter",
            Some(param),
            format!("`{param}` is missing or empty."),
        )
    }

    /// A parameter of another type than it must have; `expected` continues "must be".
    pub fn wrong_type(param: &str, expected: &str) -> Self {
        Self::new("invalid_type", Some(param), format!("`{param}` must be {expected}."))
    }

    /// A parameter with a value that cannot be; the message is a whole sentence.
    pub fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", Some(param), message)
    }

    /// Bytes that are no JSON, or JSON nested too deeply, as serde tells it.
    pub fn unreadable(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let text = error.to_string();
        if text.contains("recursion limit") {
            let message = "The body is nested too deeply: at most 128 levels are taken.";
            return Self::new("invalid_json", None, message);
        }
        match error.classify() {
            Category::Data => {
                Self::new("invalid_value", None, format!("The body cannot be read: {text}."))
            }
            Category::Syntax | Category::Eof | Category::Io => {
                Self::new("invalid_json", None, format!("The body is not valid JSON: {text}."))
            }
        }
    }
}
