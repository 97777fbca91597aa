//! Why an answer ended, in Google's words.

use crate::conversation::Stop;

/// What a `finishReason` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// A good end.
    Stop(Stop),
    /// Something went wrong: an end of what was said before, and nothing that could be called an answer without.
    Broken,
}

/// Reads a `finishReason`.
pub(super) fn read(word: &str) -> Finish {
    match word {
        "STOP" => Finish::Stop(Stop::End),
        "MAX_TOKENS" | "CONTINUATION" => Finish::Stop(Stop::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "IMAGE_OTHER"
        | "NO_IMAGE"
        | "MODEL_ARMOR"
        | "ESCALATION" => Finish::Stop(Stop::Filtered),
        // MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, TOO_MANY_TOOL_CALLS, MISSING_THOUGHT_SIGNATURE,
        // MALFORMED_RESPONSE, OTHER, FINISH_REASON_UNSPECIFIED, and what is newer.
        _ => Finish::Broken,
    }
}

/// The `finishReason` for an app. A call is no reason of its own.
pub(super) const fn word(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence | Stop::Tool | Stop::Pause => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Filtered => "SAFETY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_an_end_a_limit_a_filter_or_a_fault() {
        let cases = [
            ("STOP", Finish::Stop(Stop::End)),
            ("MAX_TOKENS", Finish::Stop(Stop::Length)),
            ("RECITATION", Finish::Stop(Stop::Filtered)),
            ("IMAGE_SAFETY", Finish::Stop(Stop::Filtered)),
            ("MALFORMED_FUNCTION_CALL", Finish::Broken),
            ("OTHER", Finish::Broken),
            ("SOMETHING_NEW", Finish::Broken),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
        for stop in [Stop::End, Stop::Length, Stop::Filtered] {
            assert_eq!(read(word(stop)), Finish::Stop(stop));
        }
    }
}
