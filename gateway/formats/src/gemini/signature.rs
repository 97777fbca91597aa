//! Signatures in Gemini's shape.
//!
//! `thoughtSignature` is a field of bytes: client libraries decode it from base 64 and encode it again, some in the
//! other alphabet. A signature of another provider therefore goes out as base 64 of its marked text, which survives
//! that; one of Gemini's own goes out as it is.

use crate::conversation::{Format, Signature};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

/// What stands for a signature that nobody has: documented by Google for histories of other models.
pub(super) const SENTINEL: &str = "skip_thought_signature_validator";

/// Base 64 of `tollgate1`, the start of every marked text.
const MARK: &str = "dG9sbGdhdGUx";

/// The value for an app.
pub(super) fn shown(signature: &Signature) -> String {
    if signature.by == Format::Gemini {
        return signature.data.clone();
    }
    STANDARD.encode(signature.shown_in(Format::Gemini))
}

/// A value that an app sent back.
pub(super) fn read(text: &str) -> Signature {
    let decoded = text.starts_with(MARK).then(|| decode(text)).flatten();
    Signature::read_in(Format::Gemini, decoded.as_deref().unwrap_or(text))
}

fn decode(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    String::from_utf8(LENIENT.decode(standard_alphabet(text).as_ref()).ok()?).ok()
}

/// Base 64 in the standard alphabet, whichever of the two it came in.
fn standard_alphabet(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(['-', '_']) {
        text.replace('-', "+").replace('_', "/").into()
    } else {
        text.into()
    }
}

/// A file's base 64 in the standard alphabet and padded: Google's Python client writes the other alphabet.
pub(super) fn standard_base64(text: String) -> String {
    if !text.contains(['-', '_']) && text.len().is_multiple_of(4) {
        return text;
    }
    let mut standard = standard_alphabet(&text).trim_end_matches('=').to_owned();
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    standard
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    #[test]
    fn a_files_base_64_takes_the_standard_alphabet() {
        let cases = [("QUJD", "QUJD"), ("_-8=", "/+8="), ("_-8", "/+8="), ("QQ", "QQ==")];
        for (given, expected) in cases {
            assert_eq!(standard_base64(given.to_owned()), expected);
        }
    }

    proptest! {
        #[test]
        fn a_signature_survives_client_libraries_that_decode_it(data in "\\PC{0,60}") {
            for by in [Format::Anthropic, Format::OpenaiResponses, Format::Bedrock] {
                let signature = Signature::new(by, data.clone());
                let text = shown(&signature);
                let bytes = STANDARD.decode(&text).unwrap();
                for sent_back in [text, URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                    prop_assert_eq!(read(&sent_back), signature.clone());
                }
                prop_assert_eq!(read(&signature.shown_in(Format::Gemini)), signature);
            }
            let own = Signature::new(Format::Gemini, data);
            prop_assert_eq!(read(&shown(&own)), own);
        }
    }
}
