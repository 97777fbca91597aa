//! A call's arguments on their way to an app, which wants an object in whatever pieces.

use crate::conversation::arguments_object;

/// The arguments of a call that is open.
#[derive(Debug, Default)]
pub(super) struct Input {
    state: State,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// What was not passed on: white space before the first token, or all of what is no object.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing visible yet.
    #[default]
    Empty,
    /// An object, passed on as it comes.
    Passing,
    /// The object is whole; what follows is dropped.
    Whole,
    /// No object: held, and made one at the end.
    Held,
}

impl Input {
    /// Takes a piece; gives back what the app gets of it now.
    pub fn push<'p>(&mut self, piece: &'p str) -> &'p str {
        match self.state {
            State::Whole => return "",
            State::Held => {
                self.held.push_str(piece);
                return "";
            }
            State::Empty => {
                let visible = piece.trim_start();
                match visible.as_bytes().first() {
                    None => return "",
                    Some(b'{') => self.state = State::Passing,
                    Some(_) => {
                        self.state = State::Held;
                        self.held.push_str(piece);
                        return "";
                    }
                }
            }
            State::Passing => {}
        }
        let end = self.scan(piece.as_bytes());
        piece.get(..end).unwrap_or(piece)
    }

    /// Follows the object; the number of bytes up to its end.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                self.in_string = self.escaped || *byte != b'"';
                self.escaped = !self.escaped && *byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.state = State::Whole;
                        return at + 1;
                    }
                }
                _ => {}
            }
        }
        bytes.len()
    }

    /// Whether nothing more can come.
    pub fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What the app gets at the end: arguments that are no object, as one. No arguments are `{}`, which a call has from
    /// its start.
    pub fn finish(&self) -> Option<String> {
        let object = arguments_object(&self.held);
        Some(object.get().to_owned()).filter(|text| text != "{}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(pieces: &[&str]) -> String {
        let mut input = Input::default();
        let mut out: String = pieces.iter().map(|piece| input.push(piece)).collect();
        out.extend(input.finish());
        out
    }

    #[test]
    fn arguments_reach_the_app_as_an_object() {
        let cases: [(&[&str], &str); 8] = [
            (&[], ""),
            (&["", " ", "null"], ""),
            (&["\"\""], ""),
            (&["{\"x\"", ":\"}\\\"{\"", "}"], "{\"x\":\"}\\\"{\"}"),
            (&[" {", "\"a\":[{}]}", " trailing {"], " {\"a\":[{}]}"),
            (&["[1", ",2]"], "{\"value\":[1,2]}"),
            (&["{\"broken"], "{\"broken"),
            (&["words"], "{\"_raw\":\"words\"}"),
        ];
        for (pieces, expected) in cases {
            assert_eq!(told(pieces), expected, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[{}\\[\\]\"\\\\ax: é]{0,24}", cuts in proptest::collection::vec(0usize..24, 0..4)) {
            let value = serde_json::json!({"t": text, "l": [text, {}]}).to_string();
            let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(value.len())).filter(|cut| value.is_char_boundary(*cut)).collect();
            places.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for to in places.into_iter().chain([value.len()]) {
                pieces.push(&value[from..to]);
                from = to;
            }
            prop_assert_eq!(told(&pieces), value.clone());
            let mut input = Input::default();
            for piece in pieces { input.push(piece); }
            prop_assert!(input.is_whole());
        }
    }
}
