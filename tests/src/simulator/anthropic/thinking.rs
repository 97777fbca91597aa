//! How a request asks for thinking, and what goes with it.

use serde_json::Value;

use super::super::message_plan::Thinking;
use super::families::{Family, ThinkingType};

const BUDGET_MIN: u64 = 1_024;

/// Whether and how the model is to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mode {
    /// For the answer.
    pub thinking: Thinking,
    /// The way it was asked for; nothing if it was not.
    pub asked: Option<ThinkingType>,
}

impl Mode {
    /// Reads the field `thinking`. The message of an error stands without its path, since Bedrock
    /// has the same field elsewhere.
    pub fn parse(
        config: Option<&Value>,
        family: Family,
        tokens_max: Option<u64>,
        effort: Option<&str>,
    ) -> Result<Self, String> {
        let omitted = family.omits_thinking();
        let unbounded = |omitted| Thinking::On { omitted, tokens_max: u64::MAX };
        let Some(config) = config else {
            let unasked = if family.thinks_unasked() { unbounded(omitted) } else { Thinking::Off };
            return Ok(Self { thinking: unasked, asked: None });
        };
        let asked = type_of(config, family)?;
        let omitted = match config["display"].as_str() {
            None if config.get("display").is_none_or(Value::is_null) => omitted,
            Some("omitted") => true,
            Some("summarized") => false,
            _ => return Err("display: Input should be 'summarized' or 'omitted'".to_owned()),
        };
        let thinking = match asked {
            ThinkingType::Enabled => {
                Thinking::On { omitted, tokens_max: budget(config, tokens_max)? }
            }
            ThinkingType::Adaptive | ThinkingType::BetweenTools => unbounded(omitted),
            ThinkingType::Disabled if family.thinks_at_effort(effort.unwrap_or_default()) => {
                return Err("type: thinking cannot be disabled at this effort".to_owned());
            }
            ThinkingType::Disabled => Thinking::Forbidden,
        };
        Ok(Self { thinking, asked: Some(asked) })
    }

    /// Whether the request itself turns thinking on.
    pub const fn is_asked_for(self) -> bool {
        self.asked.is_some() && self.is_on()
    }

    /// Whether the model thinks.
    pub const fn is_on(self) -> bool {
        matches!(self.thinking, Thinking::On { .. })
    }
}

fn type_of(config: &Value, family: Family) -> Result<ThinkingType, String> {
    let Value::Object(object) = config else { return Err("Input should be an object".to_owned()) };
    let (asked, known): (_, &[&str]) = match config["type"].as_str() {
        Some("enabled") => (ThinkingType::Enabled, &["type", "budget_tokens", "display"]),
        Some("adaptive") => (ThinkingType::Adaptive, &["type", "display"]),
        Some("between_tools") => (ThinkingType::BetweenTools, &["type"]),
        Some("disabled") => (ThinkingType::Disabled, &["type"]),
        _ => {
            return Err(
                "type: Input should be 'enabled', 'adaptive', 'between_tools' or 'disabled'"
                    .to_owned(),
            );
        }
    };
    if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("{unknown}: Extra inputs are not permitted"));
    }
    if !family.takes_thinking(asked) {
        return Err(format!("type: {} is not supported for this model", config["type"]));
    }
    Ok(asked)
}

fn budget(config: &Value, tokens_max: Option<u64>) -> Result<u64, String> {
    let budget = match config.get("budget_tokens") {
        None => return Err("enabled.budget_tokens: Field required".to_owned()),
        Some(value) => value.as_u64().unwrap_or(0),
    };
    if budget < BUDGET_MIN {
        return Err(format!(
            "enabled.budget_tokens: Input should be greater than or equal to {BUDGET_MIN}"
        ));
    }
    if tokens_max.is_some_and(|max| max <= budget) {
        return Err("`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size".to_owned());
    }
    Ok(budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thinking_is_asked_for_as_the_model_takes_it() {
        let on = |omitted, tokens_max| Ok(Thinking::On { omitted, tokens_max });
        let enabled = json!({ "type": "enabled", "budget_tokens": 1024 });
        let cases = [
            ("claude-sonnet-4-5", Value::Null, Ok(Thinking::Off)),
            ("claude-sonnet-5", Value::Null, on(true, u64::MAX)),
            ("claude-sonnet-4-5", enabled.clone(), on(false, 1024)),
            ("claude-sonnet-4-5", json!({ "type": "enabled" }), Err("Field required")),
            ("claude-sonnet-4-5", json!({ "type": "enabled", "budget_tokens": 1023 }), Err("1024")),
            (
                "claude-sonnet-4-5",
                json!({ "type": "enabled", "budget_tokens": 2000 }),
                Err("max_tokens"),
            ),
            ("claude-sonnet-4-5", json!({ "type": "adaptive" }), Err("not supported")),
            (
                "claude-sonnet-4-6",
                json!({ "type": "adaptive", "display": "omitted" }),
                on(true, u64::MAX),
            ),
            ("claude-opus-4-7", enabled, Err("not supported")),
            (
                "claude-opus-4-7",
                json!({ "type": "adaptive", "display": "summarized" }),
                on(false, u64::MAX),
            ),
            ("claude-opus-5", json!({ "type": "disabled" }), Err("effort")),
            ("claude-sonnet-5", json!({ "type": "disabled" }), Ok(Thinking::Forbidden)),
            ("claude-fable-5", json!({ "type": "disabled" }), Err("not supported")),
            ("sim-large", json!({ "type": "adaptive", "budget_tokens": 1 }), Err("Extra inputs")),
            ("sim-large", json!({ "type": "sometimes" }), Err("Input should be")),
        ];
        for (model, config, expected) in cases {
            let config = Some(&config).filter(|config| !config.is_null());
            let found = Mode::parse(config, Family::of(model), Some(2_000), Some("max"));
            match (&found, expected) {
                (Ok(mode), Ok(thinking)) => {
                    assert_eq!(mode.thinking, thinking, "{model} {config:?}")
                }
                (Err(message), Err(word)) => assert!(message.contains(word), "{model} {message}"),
                _ => panic!("{model} {config:?}: {found:?}"),
            }
        }
    }
}
