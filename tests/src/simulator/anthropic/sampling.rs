//! How the next token is drawn, and what of it a model lets the caller choose.

use super::families::Family;
use super::thinking::Mode;

/// The sampling parameters of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 1.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// So many tokens.
    pub top_k: Option<f64>,
}

impl Sampling {
    /// Says why the parameters cannot go together, or not with this model or its thinking.
    pub fn mistake(self, family: Family, thinking: Mode) -> Option<String> {
        if !family.takes_sampling()
            && let Some(name) = self.changed()
        {
            return Some(format!("`{name}` is deprecated for this model."));
        }
        let message = if self.temperature.is_some() && self.top_p.is_some() {
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        } else if !thinking.is_on() {
            return None;
        } else if self.temperature.is_some_and(|temperature| temperature < 1.0) {
            "`temperature` may only be set to 1 when thinking is enabled."
        } else if self.top_p.is_some_and(|top_p| top_p < 0.95) {
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        } else if self.top_k.is_some() {
            "`top_k` must be unset when thinking is enabled."
        } else {
            return None;
        };
        Some(message.to_owned())
    }

    /// The first parameter that differs from its default.
    fn changed(self) -> Option<&'static str> {
        let differs = |value: Option<f64>| value.is_some_and(|value| value < 1.0);
        let all = [
            ("temperature", differs(self.temperature)),
            ("top_p", differs(self.top_p)),
            ("top_k", self.top_k.is_some()),
        ];
        all.into_iter().find_map(|(name, differs)| differs.then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::message_plan::Thinking;
    use super::super::families::ThinkingType;
    use super::*;

    #[test]
    fn what_cannot_go_together_is_named() {
        let on = Mode {
            thinking: Thinking::On { omitted: false, tokens_max: 9 },
            asked: Some(ThinkingType::Enabled),
        };
        let sampling = |temperature, top_p, top_k| Sampling { temperature, top_p, top_k };
        let cases = [
            ("claude-sonnet-4-5", Mode::default(), sampling(Some(0.2), None, Some(5.0)), None),
            (
                "claude-sonnet-4-5",
                Mode::default(),
                sampling(Some(0.2), Some(0.9), None),
                Some("both"),
            ),
            ("claude-sonnet-4-5", on, sampling(Some(1.0), None, None), None),
            ("claude-sonnet-4-5", on, sampling(Some(0.9), None, None), Some("temperature")),
            ("claude-sonnet-4-5", on, sampling(None, Some(0.96), None), None),
            ("claude-sonnet-4-5", on, sampling(None, Some(0.9), None), Some("top_p")),
            ("claude-sonnet-4-5", on, sampling(None, None, Some(5.0)), Some("top_k")),
            ("claude-opus-4-7", Mode::default(), sampling(Some(1.0), None, None), None),
            (
                "claude-opus-4-7",
                Mode::default(),
                sampling(Some(0.9), None, None),
                Some("deprecated"),
            ),
            (
                "claude-opus-4-7",
                Mode::default(),
                sampling(None, None, Some(5.0)),
                Some("deprecated"),
            ),
        ];
        for (model, thinking, sampling, word) in cases {
            let mistake = sampling.mistake(Family::of(model), thinking);
            match (&mistake, word) {
                (None, None) => {}
                (Some(message), Some(word)) => assert!(message.contains(word), "{model} {message}"),
                _ => panic!("{model} {sampling:?}: {mistake:?}"),
            }
        }
    }
}
