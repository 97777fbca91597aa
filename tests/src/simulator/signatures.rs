//! Signed thinking: what proves that a block of thinking came from here, whole and in its place.
//! Nothing is remembered; a signature carries all that is needed to check it.

use aws_lc_rs::hmac;

use super::base64;

const MARK: u8 = 0xa7;
const BYTES: usize = 1 + 8 + 1 + 1 + 32;

/// Where a block of thinking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The answer that it belongs to.
    pub answer: u64,
    /// Which of the answer's blocks of thinking it is, from 0.
    pub index: u8,
    /// How many of them there are.
    pub of: u8,
}

/// Signs the text of a block of thinking. Redacted thinking has no text that anybody could alter.
pub fn sign(place: Place, text: &str) -> String {
    let head = head(place);
    let tag = hmac::sign(&key(), &message(&head, text));
    base64::encode(&[&head, tag.as_ref()].concat())
}

/// Reads a signature; nothing if it is not one of ours for this text.
pub fn read(signature: &str, text: &str) -> Option<Place> {
    let bytes = base64::decode(signature).filter(|bytes| bytes.len() == BYTES)?;
    let (head, tag) = bytes.split_at_checked(BYTES - 32)?;
    let &[MARK, ref answer @ .., index, of] = head else { return None };
    let place = Place { answer: u64::from_be_bytes(answer.try_into().ok()?), index, of };
    hmac::verify(&key(), &message(head, text), tag).is_ok().then_some(place)
}

fn head(place: Place) -> Vec<u8> {
    [&[MARK][..], &place.answer.to_be_bytes(), &[place.index, place.of]].concat()
}

fn message(head: &[u8], text: &str) -> Vec<u8> {
    [head, text.as_bytes()].concat()
}

/// The same in each process, so that a restarted simulator knows what it signed before.
fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"the simulator signs what it thinks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_its_own_text_only() {
        let place = Place { answer: u64::MAX - 1, index: 1, of: 2 };
        let signature = sign(place, "a thought");
        assert_eq!(read(&signature, "a thought"), Some(place));
        assert_eq!(read(&signature, "a thought "), None);
        for foreign in
            ["", "c2lnbmF0dXJl", "\u{0}", &signature[4..], &format!("A{}", &signature[1..])]
        {
            assert_eq!(read(foreign, "a thought"), None, "{foreign}");
        }
    }
}
