//! `<think>…</think>` at the beginning of content, as old chat templates write it.

use crate::conversation::{Part, PartKind};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Tells reasoning and text apart in content that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Think {
    state: State,
    /// What may be the beginning of a tag: white space and less than a tag's length.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space came.
    #[default]
    Start,
    /// After the opening tag, whose line break belongs to it.
    JustInside,
    Inside,
    /// After the closing tag, whose line breaks belong to it.
    JustOutside,
    Outside,
}

/// A piece, and whether it is reasoning.
pub(super) type Told = (bool, String);

impl Think {
    /// More white space than this is no beginning of a tag.
    const MOST_HELD: usize = 64;

    /// There are no tags, or the provider tells reasoning apart itself.
    pub(super) fn off(&mut self) {
        if self.state == State::Start && self.held.is_empty() {
            self.state = State::Outside;
        }
    }

    /// Takes a piece of content.
    pub(super) fn take(&mut self, piece: String, told: &mut Vec<Told>) {
        if self.state == State::Outside {
            told.push((false, piece));
            return;
        }
        self.held.push_str(&piece);
        if self.state == State::Start {
            self.begin(told);
        }
        if self.state == State::JustInside {
            self.held = self.held.trim_start_matches(['\n', '\r']).to_owned();
            if !self.held.is_empty() {
                self.state = State::Inside;
            }
        }
        if self.state == State::Inside {
            self.inside(told);
        }
        if self.state == State::JustOutside {
            let text = self.held.trim_start_matches(['\n', '\r']).to_owned();
            self.held.clear();
            if !text.is_empty() {
                self.state = State::Outside;
                told.push((false, text));
            }
        }
    }

    fn begin(&mut self, told: &mut Vec<Told>) {
        let begun = self.held.trim_start();
        if let Some(rest) = begun.strip_prefix(OPEN) {
            self.held = rest.to_owned();
            self.state = State::JustInside;
        } else if !OPEN.starts_with(begun) || self.held.len() > Self::MOST_HELD {
            self.state = State::Outside;
            told.push((false, std::mem::take(&mut self.held)));
        }
    }

    fn inside(&mut self, told: &mut Vec<Told>) {
        let (ready, rest, state) = match self.held.split_once(CLOSE) {
            Some((ready, rest)) => (ready.len(), rest.to_owned(), State::JustOutside),
            None => {
                let ready = self.held.len() - begun_tag(&self.held);
                let rest = self.held.get(ready..).unwrap_or_default().to_owned();
                (ready, rest, State::Inside)
            }
        };
        self.held.truncate(ready);
        let reasoning = std::mem::replace(&mut self.held, rest);
        self.state = state;
        if !reasoning.is_empty() {
            told.push((true, reasoning));
        }
    }

    /// The content is over: what was held back is what it looks like.
    pub(super) fn end(&mut self, told: &mut Vec<Told>) {
        let held = std::mem::take(&mut self.held);
        let reasoning = self.state == State::Inside;
        self.state = State::Outside;
        if !held.is_empty() {
            told.push((reasoning, held));
        }
    }
}

/// How many bytes at the end may be the beginning of the closing tag.
fn begun_tag(text: &str) -> usize {
    let most = (CLOSE.len() - 1).min(text.len());
    (1..=most)
        .rev()
        .find(|length| CLOSE.get(..*length).is_some_and(|begun| text.ends_with(begun)))
        .unwrap_or(0)
}

/// The parts of a whole content.
pub(in crate::openai_chat) fn without_tags(text: &str) -> Vec<Part> {
    let mut told = Vec::new();
    let mut think = Think::default();
    think.take(text.to_owned(), &mut told);
    think.end(&mut told);
    let part = |(reasoning, text)| {
        Part::new(match reasoning {
            true => PartKind::Reasoning { text, signature: None },
            false => PartKind::Text(text),
        })
    };
    told.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(pieces: &[&str]) -> (String, String) {
        let mut told = Vec::new();
        let mut think = Think::default();
        for piece in pieces {
            think.take((*piece).to_owned(), &mut told);
        }
        think.end(&mut told);
        let all = |reasoning: bool| {
            told.iter()
                .filter(|(kind, _)| *kind == reasoning)
                .map(|(_, text)| text.as_str())
                .collect()
        };
        (all(true), all(false))
    }

    #[test]
    fn only_tags_at_the_beginning_count() {
        let cases: [(&[&str], &str, &str); 9] = [
            (&["<think>\nhm</think>\n\nyes"], "hm", "yes"),
            (&["  <thi", "nk>h", "m</th", "ink>", "\n", "yes"], "hm", "yes"),
            (&["<think></think>yes"], "", "yes"),
            (&["yes <think>no</think>"], "", "yes <think>no</think>"),
            (&["<thin"], "", "<thin"),
            (&["<b>yes</b>"], "", "<b>yes</b>"),
            (&["<think>cut off</thi"], "cut off</thi", ""),
            (&["<think>a < b </thx></think>c"], "a < b </thx>", "c"),
            (&["\n"], "", "\n"),
        ];
        for (pieces, reasoning, text) in cases {
            assert_eq!(told(pieces), (reasoning.into(), text.into()), "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn how_content_is_cut_does_not_matter(
            text in "[ \n]{0,2}(<think>)?[a-z<>/\n]{0,8}(</think>)?[a-zé\n]{0,8}",
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
        ) {
            let mut places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let mut at: Vec<usize> = cuts.iter().map(|cut| *cut.get(&places)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            places.clear();
            let pieces: Vec<&str> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(told(&pieces), told(&[&text]));
        }
    }
}
