//! What of messages only a body that is written anew can bring into a dialect, found without reading them: one walk over
//! the quotes. A word inside a text may be taken for a member; the request is then written anew for nothing, which
//! changes no meaning.

use super::{CacheMarks, Dialect, Files, Replay};

/// Words that stand between quotes in the messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks(u32);

const WORDS: [(&str, u32); 18] = [
    ("developer", DEVELOPER),
    ("thinking_blocks", THINKING_BLOCKS),
    ("reasoning_details", REASONING_DETAILS),
    ("reasoning_content", REASONING_CONTENT),
    ("reasoning", REASONING),
    ("cache_control", CACHE_CONTROL),
    ("extra_content", EXTRA_CONTENT),
    ("tool_calls", TOOL_CALLS),
    ("tool_call_id", TOOL_CALL_ID),
    ("name", NAME),
    ("image_url", IMAGE_URL),
    ("video_url", VIDEO_URL),
    ("file", FILE),
    ("refusal", REFUSAL),
    ("function_call", FUNCTION_CALL),
    ("content", CONTENT),
    ("custom", CUSTOM),
    ("role", ROLE),
];

const DEVELOPER: u32 = 1;
const THINKING_BLOCKS: u32 = 1 << 1;
const REASONING_DETAILS: u32 = 1 << 2;
const REASONING_CONTENT: u32 = 1 << 3;
const REASONING: u32 = 1 << 4;
const CACHE_CONTROL: u32 = 1 << 5;
const EXTRA_CONTENT: u32 = 1 << 6;
const TOOL_CALLS: u32 = 1 << 7;
const TOOL_CALL_ID: u32 = 1 << 8;
const NAME: u32 = 1 << 9;
const IMAGE_URL: u32 = 1 << 10;
const VIDEO_URL: u32 = 1 << 11;
const FILE: u32 = 1 << 12;
const REFUSAL: u32 = 1 << 13;
const FUNCTION_CALL: u32 = 1 << 14;
const CONTENT: u32 = 1 << 15;
const CUSTOM: u32 = 1 << 18;
/// A `content` that is null or an empty string.
const EMPTY: u32 = 1 << 19;
/// The last message is the assistant's.
const UNFINISHED: u32 = 1 << 20;
const ROLE: u32 = 1 << 21;
/// A `content` that is a list.
const LIST: u32 = 1 << 16;
/// A signature of ours for a provider that cannot read it.
const SIGNATURE: u32 = 1 << 17;

/// How our signatures begin, in ids and elsewhere.
const SIGNATURE_MARK: &[u8] = b"tollgate1_";

impl Marks {
    fn of(messages: &str) -> Self {
        let bytes = messages.as_bytes();
        let mut found = 0;
        for quote in memchr::memchr_iter(b'"', bytes) {
            let Some(rest) = bytes.get(quote + 1..) else { break };
            let word = WORDS.iter().find(|(word, _)| {
                rest.starts_with(word.as_bytes()) && rest.get(word.len()) == Some(&b'"')
            });
            let Some((word, mark)) = word else { continue };
            found |= mark;
            let value = value_after(rest.get(word.len() + 1..).unwrap_or_default());
            if *mark == CONTENT {
                found |= if value.starts_with(b"[") { LIST } else { 0 };
                let empty = value.starts_with(b"\"\"") || value.starts_with(b"null");
                found |= if empty { EMPTY } else { 0 };
            } else if *mark == ROLE {
                found &= !UNFINISHED;
                found |= if value.starts_with(b"\"assistant\"") { UNFINISHED } else { 0 };
            }
        }
        if memchr::memmem::find(bytes, SIGNATURE_MARK).is_some() {
            found |= SIGNATURE;
        }
        Self(found)
    }

    const fn any(self, marks: u32) -> bool {
        self.0 & marks != 0
    }

    const fn all(self, marks: u32) -> bool {
        self.0 & marks == marks
    }
}

/// What stands behind a key; nothing where it is none.
fn value_after(rest: &[u8]) -> &[u8] {
    rest.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start()
}

impl Dialect {
    /// Whether messages have something that only a body that is written anew brings into the dialect.
    pub(super) fn upset_by(&self, messages: &str) -> bool {
        let rules = &self.messages;
        let marks = Marks::of(messages);
        let mut upsetting = SIGNATURE;
        let mut add = |marks: u32, upset: bool| {
            if upset {
                upsetting |= marks;
            }
        };
        add(DEVELOPER, !rules.developer);
        add(LIST, rules.joins_text);
        add(NAME, !rules.speaker_names);
        add(TOOL_CALLS, rules.short_ids || rules.placeholder.is_some());
        add(CACHE_CONTROL, rules.cache_marks == CacheMarks::Never);
        add(EXTRA_CONTENT, !rules.google_signatures);
        add(IMAGE_URL, !rules.image_urls);
        add(VIDEO_URL, !rules.video);
        add(FILE, rules.files != Files::File);
        add(REFUSAL, !rules.refusals);
        add(FUNCTION_CALL, !self.tools.legacy);
        add(CUSTOM, !self.tools.openais);
        add(EMPTY, !rules.empty_assistant);
        add(UNFINISHED, rules.prefill.is_some());
        add(self.unreadable_reasoning(), true);
        rules.alternates
            || marks.any(upsetting)
            // Images of tools have to stand in a message of the user.
            || (marks.all(IMAGE_URL | TOOL_CALL_ID) && rules.replay != Replay::AsItCame)
    }

    /// The members with reasoning of earlier turns that the provider does not take.
    const fn unreadable_reasoning(&self) -> u32 {
        match self.messages.replay {
            Replay::AsItCame => 0,
            Replay::Never | Replay::Parts => {
                THINKING_BLOCKS | REASONING_DETAILS | REASONING_CONTENT | REASONING
            }
            Replay::Content => THINKING_BLOCKS | REASONING_DETAILS | REASONING,
            Replay::Reasoning => THINKING_BLOCKS | REASONING_DETAILS | REASONING_CONTENT,
            Replay::Details => THINKING_BLOCKS | REASONING_CONTENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_lists_are_told_from_strings() {
        let cases = [
            (r#"[{"role":"user","content":"hi"}]"#, ROLE | CONTENT),
            (r#"[{"role":"user","content" : [ ]}]"#, ROLE | CONTENT | LIST),
            (r#"[{"role":"developer"}]"#, ROLE | DEVELOPER),
            (r#"[{"tool_call_id":"a__tollgate1_g_x"}]"#, TOOL_CALL_ID | SIGNATURE),
            (r#"[{"content":""},{"content": null}]"#, CONTENT | EMPTY),
            (r#"[{"role":"user"},{"role" :"assistant"}]"#, ROLE | UNFINISHED),
            (r#"[{"role":"assistant"},{"role":"user"}]"#, ROLE),
            (r#"["names","contents","reasoning_","a \"name\" in words"]"#, 0),
            (r#"["#, 0),
            ("\"name", 0),
        ];
        for (messages, marks) in cases {
            assert_eq!(Marks::of(messages), Marks(marks), "{messages}");
        }
    }
}
