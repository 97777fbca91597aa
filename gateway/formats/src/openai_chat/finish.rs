//! Why an answer ended: OpenAI's words, and what clones say instead of them.

use crate::conversation::{Fault, FaultKind, Stop};

/// The reason with that word. `None` for no word at all; a word that nobody knows is an end.
pub fn stop_of(word: &str) -> Option<Stop> {
    Some(match word.to_ascii_lowercase().as_str() {
        "" => return None,
        "length" | "max_tokens" | "model_length" | "max_length" => Stop::Length,
        "tool_calls" | "function_call" | "tool_use" => Stop::Tool,
        "content_filter" | "content_filtered" | "sensitive" | "safety" => Stop::Filtered,
        "stop_sequence" => Stop::Sequence,
        _ => Stop::End,
    })
}

/// The failure that some providers tell by the reason: the answer is not complete, whatever HTTP said.
pub fn fault_of(word: &str) -> Option<Fault> {
    let (kind, message) = match word.to_ascii_lowercase().as_str() {
        "error" => (FaultKind::Reported, "The provider ended the answer with an error."),
        "abort" | "aborted" => (FaultKind::Reported, "The provider aborted the answer."),
        "network_error" => (FaultKind::Reported, "The provider lost a connection of its own."),
        "insufficient_system_resource" => {
            (FaultKind::Overloaded, "The provider ran out of resources during the answer.")
        }
        _ => return None,
    };
    Some(Fault { kind, message: message.to_owned() })
}

/// OpenAI's word for a reason. `legacy`: the app offered `functions` instead of tools.
pub const fn word_of(stop: Stop, legacy: bool) -> &'static str {
    match stop {
        // A paused turn has no word here: the app sends it again with its next message.
        Stop::End | Stop::Sequence | Stop::Pause => "stop",
        Stop::Length => "length",
        Stop::Tool if legacy => "function_call",
        Stop::Tool => "tool_calls",
        Stop::Filtered => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_nobody_knows_is_an_end_and_a_failure_never_is() {
        let cases = [
            ("stop", Some(Stop::End)),
            ("eos", Some(Stop::End)),
            ("", None),
            ("STOP", Some(Stop::End)),
            ("model_length", Some(Stop::Length)),
            ("length", Some(Stop::Length)),
            ("tool_calls", Some(Stop::Tool)),
            ("function_call", Some(Stop::Tool)),
            ("content_filter", Some(Stop::Filtered)),
        ];
        for (word, stop) in cases {
            assert_eq!((stop_of(word), fault_of(word)), (stop, None), "{word}");
        }
        for word in ["error", "abort", "insufficient_system_resource", "network_error"] {
            assert!(fault_of(word).is_some(), "{word}");
        }
    }

    #[test]
    fn every_reason_has_one_of_openais_words_and_comes_back() {
        for stop in [Stop::End, Stop::Length, Stop::Tool, Stop::Filtered] {
            assert_eq!(stop_of(word_of(stop, false)), Some(stop));
            assert_eq!(stop_of(word_of(stop, true)), Some(stop));
        }
        assert_eq!(word_of(Stop::Pause, false), "stop");
    }
}
