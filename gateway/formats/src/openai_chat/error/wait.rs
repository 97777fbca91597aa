//! How long a provider asks to wait, where only its words say it: "Please retry after 27 seconds", "Try again in 2m59.56s".

use serde_json::Value;

/// The wait that a message asks for, in milliseconds.
pub(super) fn asked_ms(message: &str) -> Option<u64> {
    const LEADS: [&str; 4] = ["retry after", "try again in", "retry in", "try again after"];
    let message = message.to_ascii_lowercase();
    let after =
        LEADS.into_iter().find_map(|lead| message.split_once(lead).map(|(_, rest)| rest))?;
    duration_ms(after)
}

/// The wait in a member of the error.
pub(super) fn member_ms(error: &Value) -> Option<u64> {
    let seconds = |value: &Value| {
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
        in_ms(number, 1000.0)
    };
    let milliseconds = |value: &Value| in_ms(value.as_f64()?, 1.0);
    seconds(&error["retry_after"])
        .or_else(|| seconds(&error["retry_after_seconds"]))
        .or_else(|| milliseconds(&error["retry_after_ms"]))
        .or_else(|| duration_ms(error["retryDelay"].as_str()?))
}

/// Numbers with their units, added up: `20ms`, `1s`, `6m0s`, `27 seconds`, `1 minute and 3 seconds`; a number without a
/// unit has seconds.
fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim_start_matches([' ', ':']);
    let mut sum: Option<u64> = None;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        // The full stop at the end of a sentence is no part of the number.
        let Ok(number) = rest.get(..digits)?.trim_end_matches('.').parse::<f64>() else {
            return sum;
        };
        let behind = rest.get(digits..)?.trim_start();
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let factor = match behind.get(..letters)? {
            "ms" | "millisecond" | "milliseconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            _ => 1000.0,
        };
        sum = Some(sum.unwrap_or(0).saturating_add(in_ms(number, factor)?));
        rest = behind.get(letters..)?.trim_start();
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
    }
}

/// At most a month: longer waits are nonsense.
fn in_ms(number: f64, factor: f64) -> Option<u64> {
    const LONGEST: f64 = 31.0 * 86_400_000.0;
    let ms = (number * factor).ceil();
    (0.0..=LONGEST).contains(&ms).then_some(ms as u64)
}
