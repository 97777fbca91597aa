//! The order of a weighted draw: without replacement, so that the targets which were not drawn are still fallbacks.

use sha2::{Digest, Sha256};

/// Indices of `weights` in the order drawn. With a `seed` text the draw is the same on every node (rendezvous hashing:
/// taking a target away moves nobody else); otherwise `random` is asked for numbers in 0..1. Targets of weight 0 come
/// last: they are fallbacks only.
pub fn order(
    weights: &[(String, u32)],
    seed: Option<&str>,
    random: &mut dyn FnMut() -> f64,
) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = weights
        .iter()
        .enumerate()
        .map(|(index, (name, weight))| {
            let uniform = match seed {
                Some(seed) => hashed(seed, name),
                None => random().clamp(f64::MIN_POSITIVE, 1.0),
            };
            // Efraimidis and Spirakis: sorting by u^(1/w) draws without replacement in proportion to w.
            let key = if *weight == 0 { -1.0 } else { uniform.ln() / f64::from(*weight) };
            (if *weight == 0 { f64::NEG_INFINITY } else { key }, index)
        })
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, index)| index).collect()
}

/// A number in (0, 1] from two texts.
fn hashed(seed: &str, name: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update((seed.len() as u64).to_be_bytes());
    hash.update(seed);
    hash.update(name);
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // 53 bits are what an f64 holds.
    ((u64::from_be_bytes(first) >> 11) + 1) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(list: &[(&str, u32)]) -> Vec<(String, u32)> {
        list.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    #[test]
    fn shares_follow_the_weights() {
        let weights = weights(&[("a", 95), ("b", 5)]);
        let first = (0..20_000)
            .filter(|user| order(&weights, Some(&format!("u{user}")), &mut || 0.5)[0] == 0)
            .count();
        // 19,000 expected; 101 is the 99.9 % interval of that binomial.
        assert!((18_899..=19_101).contains(&first), "{first}");
    }

    #[test]
    fn a_seed_always_draws_the_same_and_removing_a_loser_moves_nobody() {
        let all = weights(&[("a", 50), ("b", 30), ("c", 20)]);
        for user in 0..500 {
            let seed = format!("u{user}");
            let drawn = order(&all, Some(&seed), &mut || 0.5);
            assert_eq!(drawn, order(&all, Some(&seed), &mut || 0.1));
            let without: Vec<_> = all
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != drawn[2])
                .map(|(_, w)| w.clone())
                .collect();
            assert_eq!(without[order(&without, Some(&seed), &mut || 0.5)[0]].0, all[drawn[0]].0);
        }
    }

    #[test]
    fn weight_zero_is_only_a_fallback() {
        let weights = weights(&[("a", 0), ("b", 1)]);
        for _ in 0..10 {
            assert_eq!(order(&weights, None, &mut || 0.000_001), [1, 0]);
        }
    }
}
