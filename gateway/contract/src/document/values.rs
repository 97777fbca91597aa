//! How the document writes durations and sizes.

use std::{str::FromStr, time::Duration};

/// `"250ms"`, `"2s"`, `"10m"`, `"1h"`.
pub(super) struct DocDuration(pub Duration);

impl FromStr for DocDuration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a duration like \"250ms\", \"2s\", \"10m\" or \"1h\"";
        let (digits, unit) = split(text);
        let number: u64 = digits.parse().map_err(|_| WRONG)?;
        let milliseconds = match unit {
            "ms" => Some(number),
            "s" => number.checked_mul(1_000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            _ => return Err(WRONG),
        };
        match milliseconds {
            Some(1..=86_400_000) => {
                Ok(Self(Duration::from_millis(milliseconds.unwrap_or_default())))
            }
            _ => Err("a duration is between 1ms and 24h"),
        }
    }
}

/// `"32MiB"`, `"512KiB"`, `"1GiB"`, `"100B"`; in bytes.
pub(super) struct DocSize(pub usize);

impl FromStr for DocSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a size like \"512KiB\" or \"32MiB\"";
        let (digits, unit) = split(text);
        let number: usize = digits.parse().map_err(|_| WRONG)?;
        let shift = match unit {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(WRONG),
        };
        match number.checked_mul(1 << shift) {
            Some(bytes @ 1..=0x4000_0000) => Ok(Self(bytes)),
            _ => Err("a size is between 1B and 1GiB"),
        }
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        let millis = |text: &str| text.parse::<DocDuration>().ok().map(|d| d.0.as_millis());
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("10m"), Some(600_000));
        for wrong in ["", "5", "ms", "-1s", "1.5s", "0s", "25h", "99999999999999999999s"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
        let bytes = |text: &str| text.parse::<DocSize>().ok().map(|d| d.0);
        assert_eq!(bytes("32MiB"), Some(32 << 20));
        for wrong in ["", "5", "32MB", "2GiB", "0B"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
