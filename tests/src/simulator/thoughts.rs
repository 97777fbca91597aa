//! What a provider that signs its thinking demands of a conversation that continues: thinking comes
//! back as it was, all of it, in its order.

use super::signatures::{self, Place};

/// One block of an assistant's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Thinking.
    Thinking {
        /// Its text; empty if it was left out.
        text: &'a str,
        /// What came with it.
        signature: &'a str,
    },
    /// Redacted thinking.
    Redacted {
        /// Its content.
        data: &'a str,
    },
    /// A tool call.
    Call {
        /// Its id.
        id: &'a str,
    },
    /// Anything else.
    Other,
}

/// What is wrong with the thinking of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The message goes on to call tools although it has no thinking before it.
    Missing,
    /// Blocks are left out, or stand in another order.
    Changed,
}

/// The id of a tool call, which tells how many blocks of thinking stand before it.
pub fn call_id(prefix: &str, answer: u64, index: usize, thoughts: usize) -> String {
    format!("{prefix}{answer:016x}{:02x}{:02x}", index.min(255), thoughts.min(255))
}

/// The block whose signature is not the provider's own for its text, if any.
pub fn forged(blocks: &[Seen<'_>]) -> Option<usize> {
    blocks.iter().position(|block| is_thought(block) && place(block).is_none())
}

/// Checks the message that a tool loop goes on from. `first` demands that it begins with thinking.
pub fn check(blocks: &[Seen<'_>], first: bool) -> Result<(), Broken> {
    let calls = || blocks.iter().filter(|block| matches!(block, Seen::Call { .. }));
    if calls().next().is_none() {
        return Ok(());
    }
    if first && !blocks.first().is_some_and(is_thought) {
        return Err(Broken::Missing);
    }
    let places: Vec<Place> = blocks.iter().filter_map(place).collect();
    let in_order = places.iter().enumerate().all(|(index, place)| {
        usize::from(place.index) == index && usize::from(place.of) == places.len()
    });
    let one_answer = places.windows(2).all(|pair| {
        pair.first().map(|place| place.answer) == pair.last().map(|place| place.answer)
    });
    // A call that is not ours says nothing about thinking.
    let complete = calls().filter_map(expected).all(|expected| expected == places.len());
    if in_order && one_answer && complete { Ok(()) } else { Err(Broken::Changed) }
}

fn is_thought(block: &Seen<'_>) -> bool {
    matches!(block, Seen::Thinking { .. } | Seen::Redacted { .. })
}

fn place(block: &Seen<'_>) -> Option<Place> {
    match block {
        Seen::Thinking { text, signature } => signatures::read(signature, text),
        Seen::Redacted { data } => signatures::read(data, REDACTED),
        Seen::Call { .. } | Seen::Other => None,
    }
}

/// What redacted thinking is signed with in place of a text.
pub const REDACTED: &str = "(redacted)";

/// How many blocks of thinking stood before a call, if its id is one of ours.
fn expected(block: &Seen<'_>) -> Option<usize> {
    let Seen::Call { id } = block else { return None };
    let (_, digits) = id.rsplit_once('_')?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    usize::from_str_radix(digits.get(18..).filter(|_| ours)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_comes_back_whole_and_in_order() {
        let sign = |answer, index, text| signatures::sign(Place { answer, index, of: 2 }, text);
        let (one, two, other) = (sign(7, 0, "a"), sign(7, 1, REDACTED), sign(8, 0, "a"));
        let thinking = |signature| Seen::Thinking { text: "a", signature };
        let redacted = Seen::Redacted { data: &two };
        let id = call_id("toolu_", 7, 0, 2);
        let call = Seen::Call { id: &id };
        let foreign = Seen::Call { id: "call_abc" };
        let cases: [(&[Seen<'_>], bool, Result<(), Broken>); 9] = [
            (&[thinking(&one), redacted, Seen::Other, call], true, Ok(())),
            (&[thinking(&one), redacted, Seen::Other], true, Ok(())),
            (&[redacted, thinking(&one), call], true, Err(Broken::Changed)),
            (&[thinking(&one), call], true, Err(Broken::Changed)),
            (&[redacted, call], true, Err(Broken::Changed)),
            (&[thinking(&other), redacted, call], true, Err(Broken::Changed)),
            (&[call], true, Err(Broken::Missing)),
            (&[call], false, Err(Broken::Changed)),
            (&[foreign], false, Ok(())),
        ];
        for (blocks, first, expected) in cases {
            assert_eq!(check(blocks, first), expected, "{blocks:?}");
        }
        assert_eq!(forged(&[Seen::Other, redacted, thinking(&one)]), None);
        assert_eq!(forged(&[Seen::Other, thinking(&two)]), Some(1));
        assert_eq!(forged(&[Seen::Redacted { data: "AAAA" }]), Some(0));
    }
}
