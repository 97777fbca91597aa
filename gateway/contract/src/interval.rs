//! Confidence intervals: what a share or a mean of a sample says of all requests.

/// The 97.5th percentile of the normal distribution: a 95% interval.
const Z: f64 = 1.959_964;

/// An estimate with the 95% interval around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Interval {
    /// The share of `hits` in `of`, which may be weighted counts, with Wilson's score interval (E. B. Wilson, "Probable
    /// Inference", 1927). `None` if there is nothing to count.
    pub fn share(hits: f64, of: f64) -> Option<Self> {
        if of <= 0.0 {
            return None;
        }
        let value = hits / of;
        let z2 = Z * Z;
        let centre = value + z2 / (2.0 * of);
        let margin = Z * (value * (1.0 - value) / of + z2 / (4.0 * of * of)).max(0.0).sqrt();
        let scale = 1.0 + z2 / of;
        let end = |end: f64| (end / scale).clamp(0.0, 1.0);
        // The ends meet these exactly but for rounding.
        let low = if hits <= 0.0 { 0.0 } else { end(centre - margin) };
        let high = if hits >= of { 1.0 } else { end(centre + margin) };
        Some(Self { value, low, high })
    }

    /// The mean of `count` numbers with this standard deviation (of the sample), by the normal approximation. `None` for
    /// fewer than two: they say nothing of how far apart others are.
    pub fn mean(mean: f64, deviation: f64, count: f64) -> Option<Self> {
        if count < 2.0 {
            return None;
        }
        let margin = Z * deviation / count.sqrt();
        Some(Self { value: mean, low: mean - margin, high: mean + margin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4
    }

    #[test]
    fn a_share_has_wilsons_interval() {
        let known = |hits, of| Interval::share(hits, of).unwrap();
        let of_a_hundred = known(95.0, 100.0);
        assert!(near(of_a_hundred.low, 0.888_2) && near(of_a_hundred.high, 0.978_5));
        assert!(near(known(1.0, 1.0).low, 0.206_5));
        assert_eq!((known(0.0, 10.0).low, known(10.0, 10.0).high), (0.0, 1.0));
        assert_eq!(Interval::share(0.0, 0.0), None);
    }

    #[test]
    fn a_mean_is_the_surer_the_more_numbers_there_are() {
        let mean = Interval::mean(100.0, 50.0, 100.0).unwrap();
        assert!(near(mean.low, 90.200_2) && near(mean.high, 109.799_8));
        assert_eq!(Interval::mean(100.0, 0.0, 1.0), None);
    }
}
