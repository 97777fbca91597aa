//! A text in the pieces that a stream sends it in, each with the tokens it is charged.

use std::borrow::Cow;

use super::directives::Directives;
use super::{tokens, words};

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What is added to the text.
    pub text: Cow<'static, str>,
    /// What the provider charges for it.
    pub tokens: u64,
}

/// A text in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pieces {
    /// One word each. Not listed, so that ten thousand long streams fit into memory.
    Words {
        /// Which run of words: the number of a choice.
        run: usize,
        /// How many.
        count: usize,
        /// Whether there are characters of several bytes among them.
        unicode: bool,
    },
    /// Any text.
    Listed(Vec<Piece>),
}

impl Pieces {
    /// Words of a run.
    pub fn words(run: usize, count: u64, directives: &Directives) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Self::Words { run, count, unicode: directives.unicode }
    }

    /// One piece of so many KiB of words.
    pub fn big(kb: usize) -> Self {
        let count = words::count_for_bytes(0, kb * 1024);
        Self::Listed(vec![Piece { text: words::text(0, count).into(), tokens: count as u64 }])
    }

    /// A JSON object of about so many tokens.
    pub fn json_object(tokens: u64) -> Self {
        Self::Listed(json_object(tokens).map(|text| Piece { text, tokens: 1 }).collect())
    }

    /// A given text.
    pub fn of(text: &str) -> Self {
        let piece = |(text, tokens): (String, u64)| Piece { text: text.into(), tokens };
        Self::Listed(quarters(text).map(piece).collect())
    }

    /// How many pieces there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Words { count, .. } => *count,
            Self::Listed(pieces) => pieces.len(),
        }
    }

    /// The piece at `index`.
    pub fn get(&self, index: usize) -> Option<Piece> {
        match self {
            Self::Words { run, count, unicode } => (index < *count).then(|| {
                let text = words::word_of(*run, index, *unicode);
                Piece { text, tokens: 1 }
            }),
            Self::Listed(pieces) => pieces.get(index).cloned(),
        }
    }

    /// All tokens.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Words { count, .. } => *count as u64,
            Self::Listed(pieces) => pieces.iter().map(|piece| piece.tokens).sum(),
        }
    }

    /// The whole text.
    pub fn whole(&self) -> String {
        (0..self.count()).filter_map(|index| self.get(index)).map(|piece| piece.text).collect()
    }

    /// As many of the pieces as the maximum allows, and whether that is all of them.
    pub fn capped(self, tokens_max: u64) -> (Self, bool) {
        match self {
            Self::Words { run, count, unicode } => {
                let kept = count.min(usize::try_from(tokens_max).unwrap_or(usize::MAX));
                (Self::Words { run, count: kept, unicode }, kept == count)
            }
            Self::Listed(mut pieces) => {
                let mut tokens: u64 = 0;
                let fitting = pieces.iter().take_while(|piece| {
                    tokens = tokens.saturating_add(piece.tokens);
                    tokens <= tokens_max
                });
                let kept = fitting.count();
                let complete = kept == pieces.len();
                pieces.truncate(kept);
                (Self::Listed(pieces), complete)
            }
        }
    }

    /// The pieces up to where one of the stop sequences begins, and which of them that is.
    pub fn until(self, stops: &[String]) -> (Self, Option<String>) {
        // Words repeat, so a sequence that is in none of the first few is in none at all.
        let longest = stops.iter().map(String::len).max().unwrap_or(0);
        let looked_at = self.count().min(words::PERIOD + longest);
        let text = self.first(looked_at);
        let found = stops.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop)));
        let Some((end, stop)) = found.min() else { return (self, None) };
        let (mut kept, mut length) = (Vec::new(), 0);
        for mut piece in (0..looked_at).map_while(|index| self.get(index)) {
            if end <= length {
                break;
            }
            let room = end - length;
            length += piece.text.len();
            if room < piece.text.len() {
                piece.text = Cow::Owned(piece.text[..room].to_owned());
            }
            kept.push(piece);
        }
        (Self::Listed(kept), Some(stop.clone()))
    }

    fn first(&self, count: usize) -> String {
        let pieces = (0..count).map_while(|index| self.get(index));
        pieces.map(|piece| piece.text).collect()
    }
}

/// `{"answer": "the river …"}` in single tokens, at least one word long.
pub fn json_object(tokens: u64) -> impl Iterator<Item = Cow<'static, str>> {
    let around = 5;
    let count = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_sub(around).max(1);
    let open = ["{\"", "answer", "\":", " \""].map(Cow::Borrowed);
    let words = (0..count).map(|index| words::word(0, index));
    open.into_iter().chain(words).chain([Cow::Borrowed("\"}")])
}

/// A text in pieces of about four bytes with their tokens, which add up to those of the whole text.
pub fn quarters(text: &str) -> impl Iterator<Item = (String, u64)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        at = text.ceil_char_boundary((start + 4).min(text.len()));
        let charged = tokens::of_bytes(at) - tokens::of_bytes(start);
        (start < at).then(|| (text[start..at].to_owned(), charged))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: u64) -> Pieces {
        Pieces::words(0, count, &Directives::default())
    }

    #[test]
    fn a_stop_sequence_ends_the_text_where_it_begins() {
        type Case<'a> = (u64, &'a [&'a str], &'a str, u64, Option<&'a str>);
        let cases: [Case<'_>; 5] = [
            (4, &["and"], "the river ", 3, Some("and")),
            (4, &["house", "river"], "the ", 2, Some("river")),
            (4, &["the"], "", 0, Some("the")),
            (4, &["er an"], "the riv", 2, Some("er an")),
            (4, &["sea"], "the river and house", 4, None),
        ];
        for (count, stops, text, tokens, found) in cases {
            let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
            let (pieces, stop) = words(count).until(&stops);
            assert_eq!((pieces.whole().as_str(), pieces.tokens()), (text, tokens), "{stops:?}");
            assert_eq!(stop.as_deref(), found, "{stops:?}");
        }
    }

    #[test]
    fn a_stop_sequence_is_found_where_the_words_begin_anew() {
        let (pieces, stop) = words(1_000_000).until(&["some the".to_owned()]);
        assert_eq!((pieces.count(), stop.as_deref()), (words::PERIOD, Some("some the")));
    }

    #[test]
    fn no_more_pieces_are_kept_than_are_allowed() {
        let text = "{\"größe\":1}";
        let (kept, complete) = Pieces::of(text).capped(2);
        assert_eq!((kept.tokens(), complete), (2, false));
        assert!(text.starts_with(&kept.whole()));
        let (kept, complete) = Pieces::of(text).capped(4);
        assert_eq!((kept.whole().as_str(), kept.tokens(), complete), (text, 4, true));
    }

    #[test]
    fn unicode_words_have_characters_of_every_length() {
        let (_, directives) = Directives::of_model("m--unicode").unwrap();
        let text = Pieces::words(0, 16, &directives).whole();
        for length in 1..=4 {
            assert!(text.chars().any(|letter| letter.len_utf8() == length), "{length}: {text}");
        }
    }
}
