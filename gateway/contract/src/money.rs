//! Money is a whole number of nano-USD (10⁻⁹ USD). Floats never touch an amount: $0.15 per million tokens is exactly
//! 150 nano-USD per token.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An amount in nano-USD. May be negative (a correction).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoUsd(i64);

const NANOS_PER_USD: i64 = 1_000_000_000;

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not digits with at most one point.
    #[error("write an amount in USD as a decimal string like \"2.50\"")]
    Syntax,
    /// Below 10⁻⁹ USD.
    #[error("an amount has at most 9 decimals (nano-USD)")]
    TooFine,
    /// Above what a counter can hold exactly.
    #[error("an amount is at most 9000000 USD")]
    TooLarge,
}

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest limit and the largest sum of a window: 9 million USD. Redis scripts compute in doubles, which are
    /// exact up to 2⁵³ only.
    pub const MAX_LIMIT: Self = Self(9_000_000 * NANOS_PER_USD);

    /// An amount of `nanos` nano-USD.
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-USD.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The sum; stops at the largest amount, because an absurd cost must still trip a budget.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, which may be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for NanoUsd {
    type Err = AmountError;

    /// Reads a non-negative decimal number of USD, such as `2.50`.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(AmountError::Syntax);
        }
        if fraction.len() > 9 {
            return Err(AmountError::TooFine);
        }
        let whole: i64 = whole.parse().map_err(|_| AmountError::TooLarge)?;
        let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| AmountError::Syntax)?;
        whole
            .checked_mul(NANOS_PER_USD)
            .and_then(|usd| usd.checked_add(nanos))
            .map(Self)
            .filter(|amount| *amount <= Self::MAX_LIMIT)
            .ok_or(AmountError::TooLarge)
    }
}

impl fmt::Display for NanoUsd {
    /// Prints USD with at least two decimals and no superfluous zeros: `2.50`, `0.000123`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let fraction = format!("{:09}", nanos % NANOS_PER_USD as u64);
        let fraction = fraction.trim_end_matches('0');
        write!(f, "{sign}{}.{fraction:0<2}", nanos / NANOS_PER_USD as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_exactly_and_nonsense_is_refused() {
        let cases = [
            ("2.50", Ok(2_500_000_000)),
            ("0.000000001", Ok(1)),
            ("50", Ok(50_000_000_000)),
            ("9000000", Ok(9_000_000_000_000_000)),
            ("9000000.000000001", Err(AmountError::TooLarge)),
            ("99999999999999999999", Err(AmountError::TooLarge)),
            ("0.0000000001", Err(AmountError::TooFine)),
            ("-1", Err(AmountError::Syntax)),
            ("1e3", Err(AmountError::Syntax)),
            ("", Err(AmountError::Syntax)),
            ("1.", Err(AmountError::Syntax)),
            (".5", Err(AmountError::Syntax)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<NanoUsd>().map(NanoUsd::as_nanos), expected, "{text}");
        }
    }

    #[test]
    fn amounts_print_with_two_decimals_or_as_many_as_they_need() {
        for (nanos, text) in
            [(0, "0.00"), (2_500_000_000, "2.50"), (123_000, "0.000123"), (-1, "-0.000000001")]
        {
            assert_eq!(NanoUsd::new(nanos).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(nanos in 0i64..=9_000_000_000_000_000) {
            let amount = NanoUsd::new(nanos);
            prop_assert_eq!(amount.to_string().parse::<NanoUsd>(), Ok(amount));
        }
    }
}
