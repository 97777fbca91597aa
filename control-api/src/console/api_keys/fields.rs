//! What is asked about an API key: from the form to the domain and back.

use crate::{
    console::{Form, days, mistakes::Mistakes},
    domain::{api_keys::Wishes, budgets},
    error::{ApiError, FieldError},
    store::{api_keys::ApiKeyRow, budgets::Settings},
};
use chrono::{DateTime, Utc};
use jiff::{civil::Date, tz::TimeZone};
use tollgate_contract::money::NanoUsd;
use tollgate_web::pages::api_keys::ApiKeyForm;

/// The fields as they were typed.
pub fn typed(form: &Form) -> ApiKeyForm {
    ApiKeyForm {
        name: form.field("name"),
        team: form.field("team"),
        models: form.field("models"),
        requests_per_minute: form.field("requests_per_minute"),
        tokens_per_minute: form.field("tokens_per_minute"),
        concurrent: form.field("concurrent"),
        expires: form.field("expires"),
        budget_limit: form.field("budget_limit"),
        budget_window: form.field("budget_window"),
        error: None,
    }
}

/// The fields of a key as it is.
pub fn of(row: &ApiKeyRow, zone: &TimeZone) -> ApiKeyForm {
    let number =
        |limit: Option<i64>| limit.map_or(String::new(), |limit| limit.to_string()).as_str().into();
    ApiKeyForm {
        name: row.name.as_str().into(),
        team: row
            .team_id
            .map_or(String::new(), |id| crate::ids::TeamId(id).to_string())
            .as_str()
            .into(),
        models: row.models.join("\n").as_str().into(),
        requests_per_minute: number(row.requests_per_minute),
        tokens_per_minute: number(row.tokens_per_minute),
        concurrent: number(row.concurrent),
        expires: row
            .expires_at
            .map_or(String::new(), |at| days::last_day(at, zone).to_string())
            .as_str()
            .into(),
        ..ApiKeyForm::default()
    }
}

/// The fields with the mistakes of an error at them; other errors go on.
pub fn with_mistakes(mut fields: ApiKeyForm, error: ApiError) -> Result<ApiKeyForm, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    mistakes.at("/name", "Name", &mut fields.name);
    mistakes.at("/team", "Team", &mut fields.team);
    mistakes.at("/models", "Each model", &mut fields.models);
    for pointer in ["/limits/requests_per_minute", "/requests_per_minute"] {
        mistakes.at(pointer, "Requests per minute", &mut fields.requests_per_minute);
    }
    for pointer in ["/limits/tokens_per_minute", "/tokens_per_minute"] {
        mistakes.at(pointer, "Tokens per minute", &mut fields.tokens_per_minute);
    }
    for pointer in ["/limits/concurrent", "/concurrent"] {
        mistakes.at(pointer, "Concurrent requests", &mut fields.concurrent);
    }
    mistakes.at("/expires", "Expires", &mut fields.expires);
    mistakes.at("/expires_at", "Expires", &mut fields.expires);
    mistakes.at("/budget_limit", "Limit in USD", &mut fields.budget_limit);
    mistakes.at("/budget_window", "Window", &mut fields.budget_window);
    fields.error = mistakes.rest();
    Ok(fields)
}

/// What the form wishes, or all mistakes at once. `before` is when the key ends now: a day that was not touched does
/// not move it to midnight.
pub fn wishes(
    form: &Form,
    zone: &TimeZone,
    before: Option<DateTime<Utc>>,
) -> Result<Wishes, ApiError> {
    let mut errors = Vec::new();
    let mut limit = |name: &str| {
        limit(form.get(name)).unwrap_or_else(|message| {
            errors.push(FieldError::new(format!("/{name}"), message));
            None
        })
    };
    let (requests_per_minute, tokens_per_minute, concurrent) =
        (limit("requests_per_minute"), limit("tokens_per_minute"), limit("concurrent"));
    let team = form.parsed("team", "one of the list").unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    let expires_at = expiry(form.get("expires"), zone, before).unwrap_or_else(|message| {
        errors.push(FieldError::new("/expires", message));
        None
    });
    let wishes = Wishes {
        name: form.get("name").to_owned(),
        team,
        models: form.lines("models"),
        requests_per_minute,
        tokens_per_minute,
        concurrent,
        expires_at,
    };
    // Times are the domain's matter; the rest is told together with what cannot be read.
    if let Err(ApiError::Invalid(found)) = wishes.clone().check(DateTime::<Utc>::MIN_UTC) {
        errors.extend(found);
    }
    if errors.is_empty() { Ok(wishes) } else { Err(ApiError::Invalid(errors)) }
}

/// The budget that the form asks for besides the key, which has no id yet.
pub fn budget(form: &Form) -> Result<Option<Settings>, ApiError> {
    if form.get("budget_limit").is_empty() {
        return Ok(None);
    }
    let limit = form.get("budget_limit").trim_start_matches('$').replace(',', "");
    let limit: NanoUsd =
        limit.parse().map_err(|error| ApiError::invalid("/budget_limit", format!("{error}")))?;
    let settings = Settings {
        name: "checked when the key is there".to_owned(),
        limit_nano_usd: limit.as_nanos(),
        time_window: form.get("budget_window").to_owned(),
        team: None,
        member: None,
        api_key: None,
        provider: None,
        models: None,
        on_exceed: "block".to_owned(),
        on_outage: None,
        alert_at: vec![50, 80, 100],
        mode: "enforce".to_owned(),
    };
    let renamed = |error: FieldError| {
        FieldError::new(error.pointer.replacen('/', "/budget_", 1), error.message)
    };
    budgets::check(settings).map(Some).map_err(|error| match error {
        ApiError::Invalid(errors) => ApiError::Invalid(errors.into_iter().map(renamed).collect()),
        other => other,
    })
}

/// A whole number as people write it, `200,000` too; nothing is no limit.
fn limit(text: &str) -> Result<Option<i64>, &'static str> {
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | '_' | ' ')).collect();
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| "must be a whole number, or empty for no limit")
}

/// The end of the day that was typed.
fn expiry(
    text: &str,
    zone: &TimeZone,
    before: Option<DateTime<Utc>>,
) -> Result<Option<DateTime<Utc>>, &'static str> {
    const WRONG: &str = "must be a day like 2027-01-31, or empty for never";
    if text.is_empty() {
        return Ok(None);
    }
    let day: Date = text.parse().map_err(|_| WRONG)?;
    if before.is_some_and(|before| days::last_day(before, zone) == day) {
        return Ok(before);
    }
    days::end_of(day, zone).map(Some).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers_as_people_write_them() {
        for (text, expected) in [
            ("", Ok(None)),
            ("600", Ok(Some(600))),
            ("200,000", Ok(Some(200_000))),
            ("1_000 000", Ok(Some(1_000_000))),
            ("-5", Ok(Some(-5))),
        ] {
            assert_eq!(limit(text), expected, "{text}");
        }
        for wrong in ["many", "1.5", "99999999999999999999", "0x10"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_expires_when_its_last_day_is_over_and_an_untouched_day_moves_nothing() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(expiry("", &berlin, at("2027-01-31T11:00:00Z")), Ok(None));
        assert_eq!(expiry("2027-01-31", &berlin, None), Ok(at("2027-01-31T23:00:00Z")));
        let noon = at("2027-01-31T11:00:00Z");
        assert_eq!(expiry("2027-01-31", &berlin, noon), Ok(noon));
        assert_eq!(expiry("2027-02-01", &berlin, noon), Ok(at("2027-02-01T23:00:00Z")));
        assert!(expiry("31.01.2027", &berlin, None).is_err());
    }

    #[test]
    fn mistakes_of_key_and_budget_are_told_together() {
        let first: Result<(), _> = Err(ApiError::invalid("/name", "must have 1 to 64 characters"));
        let second: Result<(), _> = Err(ApiError::invalid("/budget_limit", "must be more than 0"));
        let error = crate::console::mistakes::both(first, second).unwrap_err();
        let fields = with_mistakes(ApiKeyForm::blank(), error).unwrap();
        assert_eq!(fields.name.error.as_deref(), Some("Name must have 1 to 64 characters."));
        assert_eq!(fields.budget_limit.error.as_deref(), Some("Limit in USD must be more than 0."));
        assert_eq!(fields.error, None);
        assert_eq!(fields.models.value, "*", "what was typed is kept");
    }
}
