//! Vectors and scores that depend on nothing but the text: same input, same numbers, on any machine.

/// A vector of length one.
pub fn unit(text: &str, dimensions: usize) -> Vec<f32> {
    let mut state = hash(text) | 1;
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The high 24 bits fill an f32 exactly: a number from -1 to 1.
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let length =
        raw.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|number| number / length).collect()
}

/// How well a document answers a query, from 0 to 1: the share of the query's words that it has,
/// and a remainder from their hash that keeps equals apart.
pub fn relevance(query: &str, document: &str) -> f64 {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (wanted, found) = (words(query), words(document));
    let shared = wanted.iter().filter(|word| found.contains(word)).count();
    let share = shared as f64 / wanted.len().max(1) as f64;
    let remainder = (hash(&format!("{query}\n{document}")) % 1_000) as f64 / 1_000.0;
    share.mul_add(0.9, remainder * 0.09)
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one_and_repeat() {
        let vector = unit("a", 8);
        assert_eq!(vector, unit("a", 8));
        assert_ne!(vector, unit("b", 8));
        assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_document_with_the_words_of_the_query_is_more_relevant() {
        let good = relevance("red house", "The house is red.");
        let fair = relevance("red house", "A house by the river");
        let poor = relevance("red house", "water");
        assert!(poor < fair && fair < good && good < 1.0 && 0.0 <= poor, "{poor} {fair} {good}");
        assert_ne!(relevance("q", "a"), relevance("q", "b"));
    }
}
