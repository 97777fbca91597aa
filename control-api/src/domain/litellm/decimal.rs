//! Amounts of money in JSON numbers, exactly: the digits as they are written, never through a float.

use tollgate_contract::money::NanoUsd;

/// A non-negative JSON number: `digits × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    exponent: i32,
}

/// Above this many digits nothing is a price.
const DIGITS_MOST: usize = 30;

impl Decimal {
    /// Reads a JSON number; `None` for what is none, is negative, or has too many digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        if !(-100..=100).contains(&exponent) {
            return None;
        }
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        if whole.len() + fraction.len() > DIGITS_MOST {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent - i32::try_from(fraction.len()).ok()?;
        Some(Self { digits, exponent })
    }

    pub(super) const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// `times` of it in USD, rounded to the nearest nano-USD: what is finer comes from divisions. `None` if it is more
    /// than an amount can be.
    pub(super) fn usd(self, times: u32) -> Option<NanoUsd> {
        let digits = self.digits.checked_mul(times.into())?;
        let exponent = self.exponent + 9;
        let nanos = match u32::try_from(exponent) {
            Ok(up) => digits.checked_mul(10u128.checked_pow(up)?)?,
            Err(_) => match 10u128.checked_pow(exponent.unsigned_abs()) {
                Some(divisor) => digits.checked_add(divisor / 2)? / divisor,
                None => 0,
            },
        };
        let amount = NanoUsd::new(i64::try_from(nanos).ok()?);
        (amount <= NanoUsd::MAX_LIMIT).then_some(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_through_exactly() {
        for (text, times, expected) in [
            ("2.5e-06", 1_000_000, Some("2.50")),
            ("0.0000025", 1_000_000, Some("2.50")),
            ("2.5E-6", 1_000_000, Some("2.50")),
            ("1.5e-07", 1_000_000, Some("0.15")),
            ("3e-07", 1_000_000, Some("0.30")),
            ("8.900000000000001e-07", 1_000_000, Some("0.89")),
            ("9.499999999999999e-07", 1_000_000, Some("0.95")),
            ("0.04", 1, Some("0.04")),
            ("0.000283333333333", 60, Some("0.017")),
            ("0.0001", 60, Some("0.006")),
            ("0", 1, Some("0.00")),
            ("1e-90", 1_000_000, Some("0.00")),
            ("9000000", 1, Some("9000000.00")),
            ("9000001", 1, None),
            ("1e30", 1, None),
            ("1e99", 1, None),
        ] {
            let amount = Decimal::parse(text).unwrap().usd(times);
            assert_eq!(amount.map(|amount| amount.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in ["-1", "\"1\"", "null", "true", "", ".", "1e", "1e999", "1e-999", "{}"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"1".repeat(31)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9.eE+-]{0,40}", times in 0u32..2_000_000) {
            if let Some(decimal) = Decimal::parse(&text) {
                let _ = decimal.usd(times);
            }
        }
    }
}
