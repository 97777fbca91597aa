//! Vectors, as numbers or as the bytes that OpenAI's clients ask for.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::fmt;

/// A vector, exact to 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(pub Vec<f32>);

impl Vector {
    /// Reads base 64 of little-endian 32-bit floats.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let (floats, rest) = bytes.as_chunks::<4>();
        rest.is_empty().then(|| Self(floats.iter().map(|four| f32::from_le_bytes(*four)).collect()))
    }

    /// The vector in base 64.
    pub fn to_base64(&self) -> String {
        let mut bytes = Vec::with_capacity(self.0.len() * 4);
        for number in &self.0 {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        STANDARD.encode(bytes)
    }

    /// Brings the vector to length 1.
    pub(super) fn normalise(&mut self) {
        let squares: f64 = self.0.iter().map(|number| f64::from(*number).powi(2)).sum();
        let length = squares.sqrt();
        if length > 0.0 && length.is_finite() {
            for number in &mut self.0 {
                *number = (f64::from(*number) / length) as f32;
            }
        }
    }
}

/// Numbers or base 64, whichever came.
impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Vector;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a vector")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Vector, E> {
                Vector::from_base64(text).ok_or_else(|| E::custom("no base 64 of floats"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vector, A::Error> {
                let mut numbers = Vec::with_capacity(seq.size_hint().unwrap_or(1024).min(16_384));
                while let Some(number) = seq.next_element::<f32>()? {
                    numbers.push(number);
                }
                Ok(Vector(numbers))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_vector_survives_both_spellings(numbers in proptest::collection::vec(-1e6f32..1e6, 0..40)) {
            let vector = Vector(numbers);
            prop_assert_eq!(Vector::from_base64(&vector.to_base64()), Some(vector.clone()));
            let text = serde_json::to_string(&vector.0).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Vector>(&text).unwrap(), &vector);
            let quoted = format!("\"{}\"", vector.to_base64());
            prop_assert_eq!(serde_json::from_str::<Vector>(&quoted).unwrap(), vector);
        }
    }

    #[test]
    fn half_a_float_is_no_vector() {
        assert_eq!(Vector::from_base64("AAA="), None);
        assert_eq!(Vector::from_base64("?"), None);
    }
}
