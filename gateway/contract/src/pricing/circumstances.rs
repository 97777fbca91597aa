//! On what a price depends beside the tokens: the service tier, the time, where and how fast.

use super::Rates;
use jiff::Timestamp;
use std::{fmt, str::FromStr};

/// The circumstances of a request, as far as they are known. The default is what a price list shows first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'c> {
    /// The provider's word for the service tier: of its answer, once there is one. A tier that has no price of its own
    /// costs as the standard one.
    pub service_tier: Option<&'c str>,
    /// When the request was made; absent: at no cheaper hour.
    pub at: Option<Timestamp>,
    /// What holds of the request and may be priced by a factor, such as `us` (Anthropic's inference geography) and
    /// `fast` (its speed).
    pub modifiers: &'c [&'c str],
}

/// Token prices in certain hours of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffPeak {
    /// When they hold.
    pub windows: Vec<Window>,
    /// The prices of all tokens then.
    pub rates: Rates,
}

/// Hours of certain days of the week, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Which days: bit 0 is Monday.
    days: u8,
    /// The first minute of the day.
    from: u16,
    /// The minute of the day after the last one; above `from`.
    until: u16,
}

const MINUTES: u16 = 24 * 60;

impl OffPeak {
    /// Whether they hold at a time.
    pub fn holds(&self, at: Timestamp) -> bool {
        const DAY: i64 = 86_400;
        let seconds = at.as_second();
        // The first of January 1970 was a Thursday.
        let day = (seconds.div_euclid(DAY) + 3).rem_euclid(7) as u8;
        let minute = (seconds.rem_euclid(DAY) / 60) as u16;
        self.windows.iter().any(|window| window.contains(day, minute))
    }
}

impl Window {
    /// Hours of some days (1 is Monday, 7 Sunday), written like `10:00` and `12:30`; an end of `00:00` is midnight.
    /// `None` where that is no time.
    pub fn new(days: &[u8], from: &str, until: &str) -> Option<Self> {
        let from = minute(from)?;
        let until = match minute(until)? {
            0 => MINUTES,
            until => until,
        };
        let days = days
            .iter()
            .try_fold(0u8, |all, day| (1..=7).contains(day).then(|| all | 1 << (day - 1)))?;
        (from < until && days != 0).then_some(Self { days, from, until })
    }

    /// The days, 1 is Monday.
    pub fn days(&self) -> Vec<u8> {
        (1..=7).filter(|day| self.days & (1 << (day - 1)) != 0).collect()
    }

    /// The hours as they are written.
    pub fn hours(&self) -> (String, String) {
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
        (text(self.from), text(self.until))
    }

    const fn contains(&self, day: u8, minute: u16) -> bool {
        self.days & (1 << day) != 0 && self.from <= minute && minute < self.until
    }
}

/// `HH:MM` as a minute of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|number: &u16| digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

/// A factor on the whole cost of a request, if a word holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multiplier {
    /// As in [`Circumstances::modifiers`].
    pub word: String,
    /// By how much.
    pub factor: Factor,
}

/// A factor in thousandths, at most 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u32);

impl Factor {
    /// The thousandths of the factor 1.
    pub(super) const ONE: u128 = 1_000;

    /// It in thousandths.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    pub(super) const fn is_above_one(self) -> bool {
        self.0 > 1_000
    }
}

impl FromStr for Factor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "write a factor like \"1.1\": at most 1000, with at most 3 decimals";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 4 || fraction.len() > 3 {
            return Err(WRONG);
        }
        let thousandths: u32 = format!("{whole}{fraction:0<3}").parse().map_err(|_| WRONG)?;
        if thousandths <= 1_000_000 { Ok(Self(thousandths)) } else { Err(WRONG) }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:03}", self.0 % 1_000);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{point}{fraction}", self.0 / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_hold_on_their_days_from_the_first_minute_to_before_the_last() {
        let windows = vec![
            Window::new(&[1, 2, 3, 4, 5], "00:00", "01:00").unwrap(),
            Window::new(&[1, 2, 3, 4, 5], "10:00", "00:00").unwrap(),
            Window::new(&[6, 7], "00:00", "00:00").unwrap(),
        ];
        let off_peak = OffPeak { windows, rates: Rates::FREE };
        for (at, expected) in [
            ("2026-11-23T00:00:00Z", true), // a Monday
            ("2026-11-23T00:59:59Z", true),
            ("2026-11-23T01:00:00Z", false),
            ("2026-11-23T09:59:59.999Z", false),
            ("2026-11-23T10:00:00Z", true),
            ("2026-11-27T23:59:59Z", true), // a Friday
            ("2026-11-28T05:00:00Z", true),
            ("2026-11-29T23:59:59Z", true),
            ("1969-12-31T05:00:00Z", false), // a Wednesday
            ("1969-12-28T05:00:00Z", true),  // a Sunday
        ] {
            assert_eq!(off_peak.holds(at.parse().unwrap()), expected, "{at}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (days, from, until) in [
            (&[][..], "00:00", "01:00"),
            (&[0], "00:00", "01:00"),
            (&[8], "00:00", "01:00"),
            (&[1], "24:00", "01:00"),
            (&[1], "1:00", "02:00"),
            (&[1], "02:00", "01:00"),
            (&[1], "01:00", "01:00"),
            (&[1], "00:60", "02:00"),
            (&[1], "+1:00", "02:00"),
            (&[1], "0000", "02:00"),
        ] {
            assert_eq!(Window::new(days, from, until), None, "{days:?} {from} {until}");
        }
        let window = Window::new(&[7, 1], "10:30", "00:00").unwrap();
        assert_eq!(window.days(), [1, 7]);
        assert_eq!(window.hours(), ("10:30".to_owned(), "00:00".to_owned()));
    }

    #[test]
    fn factors_are_exact_thousandths() {
        for (text, thousandths) in
            [("1.1", 1_100), ("2", 2_000), ("0.125", 125), ("1000", 1_000_000)]
        {
            let factor: Factor = text.parse().unwrap();
            assert_eq!((factor.thousandths(), factor.to_string().as_str()), (thousandths, text));
        }
        for wrong in ["", "1.", ".5", "1.0001", "-1", "1001", "1e3", "99999"] {
            assert!(wrong.parse::<Factor>().is_err(), "{wrong}");
        }
    }
}
