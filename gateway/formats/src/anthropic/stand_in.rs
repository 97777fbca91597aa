//! A tool that stands for an answer by JSON schema, for models that have no other way to keep to one: it is forced, and
//! what it is called with is the answer.
//!
//! Nothing is remembered between the request and its answer: the tool is known by its name, which no app may give to a
//! tool of its own.

use crate::json::Members;

/// Called with the answer itself.
pub(crate) const ANSWER: &str = "tollgate_json_answer";

/// Called with `{"value": the answer}`, where the answer is no object.
pub(crate) const VALUE: &str = "tollgate_json_value";

/// The answer out of what the tool was called with; as it is if it is not what was asked for.
pub(crate) fn answer_of(name: &str, input: &str) -> String {
    let value = Members::of_text(input).filter(|_| name == VALUE);
    let value = value.and_then(|members| members.peek("value").map(|value| value.get().to_owned()));
    value.unwrap_or_else(|| input.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_taken_out_of_its_wrap() {
        let cases = [
            (ANSWER, r#"{"value":1}"#, r#"{"value":1}"#),
            (VALUE, r#"{"value":[1,2.0]}"#, "[1,2.0]"),
            (VALUE, r#"{"other":1}"#, r#"{"other":1}"#),
            (VALUE, r#"{"value":[1"#, r#"{"value":[1"#),
        ];
        for (name, input, expected) in cases {
            assert_eq!(answer_of(name, input), expected);
        }
    }
}
