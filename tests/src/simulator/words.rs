//! The text of an answer: short common English words, each one a single token of `o200k_base` with
//! its leading space, and without it too. So the words of an answer are its tokens, whoever counts.

use std::borrow::Cow;

const WORDS: [&str; 64] = [
    " the", " river", " and", " house", " in", " water", " of", " light", " time", " with",
    " people", " from", " school", " that", " work", " for", " world", " by", " city", " at",
    " night", " on", " book", " to", " day", " as", " music", " when", " home", " after", " game",
    " where", " life", " over", " year", " under", " name", " but", " line", " or", " side",
    " this", " part", " into", " place", " there", " state", " about", " hand", " like", " point",
    " through", " group", " before", " number", " then", " story", " while", " field", " more",
    " air", " only", " land", " some",
];

/// The word at `index` of the answer of `choice`.
pub fn word(choice: usize, index: usize) -> Cow<'static, str> {
    // Choices start at different words, so that a mixed-up choice shows.
    let text = WORDS[(choice.wrapping_mul(8).wrapping_add(index)) % WORDS.len()];
    Cow::Borrowed(if index == 0 { text.trim_start() } else { text })
}

/// How many words there are before they begin anew.
pub const PERIOD: usize = WORDS.len();

/// The word at `index` of a run, and behind it a mark of two to four bytes if wanted.
pub fn word_of(run: usize, index: usize, unicode: bool) -> Cow<'static, str> {
    const MARKS: [&str; 4] = [" é", " —", " 水", " 🌊"];
    let word = word(run, index);
    if unicode { word + MARKS[index % MARKS.len()] } else { word }
}

/// The first `count` words of `choice` as one text.
pub fn text(choice: usize, count: usize) -> String {
    (0..count).map(|index| word(choice, index)).collect()
}

/// How many words of `choice` make a text of at least `bytes` bytes.
pub fn count_for_bytes(choice: usize, bytes: usize) -> usize {
    let mut length = 0;
    (0..)
        .take_while(|&index| {
            let before = length;
            length += word(choice, index).len();
            before < bytes
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_has_no_leading_space() {
        assert_eq!(text(0, 4), "the river and house");
        assert_eq!(word(0, 64), " the");
        assert_eq!(text(1, 2), "time with");
    }

    #[test]
    fn a_size_is_reached_and_barely() {
        let count = count_for_bytes(0, 1024);
        assert!(text(0, count).len() >= 1024);
        assert!(text(0, count - 1).len() < 1024);
    }
}
