//! Usage by any two dimensions over a range of time.

use super::{full_hour, plausible, range};
use crate::{
    access::Actor,
    error::ApiError,
    state::State,
    store::usage::report::{self, Question, Sums},
};
use chrono::{DateTime, Duration, Utc};
use std::collections::HashMap;

/// The most rows of an answer.
pub const ROWS_MAX: i64 = 10_000;

/// What sums can be grouped by.
pub const GROUPS: [&str; 7] = ["hour", "day", "api_key", "team", "member", "route", "target"];

/// Which sums are asked for.
#[derive(Debug, Clone, Default)]
pub struct UsageQuery {
    /// Since, in full hours; 30 days before `to` if absent.
    pub from: Option<DateTime<Utc>>,
    /// Until, in full hours; now if absent.
    pub to: Option<DateTime<Utc>>,
    /// Up to two of [`GROUPS`].
    pub group_by: Vec<String>,
    /// Only of this API key.
    pub api_key: Option<String>,
    /// Only of this team.
    pub team: Option<String>,
    /// Only of this member.
    pub member: Option<String>,
    /// Only through this route.
    pub route: Option<String>,
    /// Only served by this target.
    pub target: Option<String>,
}

/// Sums by what was asked for.
#[derive(Debug, Clone)]
pub struct UsageAnswer {
    /// From the beginning of this hour …
    pub from: DateTime<Utc>,
    /// … to the beginning of this one.
    pub to: DateTime<Utc>,
    /// What the rows are grouped by.
    pub group_by: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<UsageRow>,
    /// What people call the API keys, teams and members in the rows, by id.
    pub names: HashMap<String, String>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// What it is about, in the order of the grouping.
    pub group: Vec<String>,
    /// Its sums.
    pub sums: Sums,
}

/// Sums by up to two things.
pub async fn usage(
    state: &State,
    actor: &Actor,
    query: UsageQuery,
) -> Result<UsageAnswer, ApiError> {
    let group_by = groups(&query.group_by)?;
    let now = Utc::now();
    let to = plausible(query.to.unwrap_or(full_hour(now) + Duration::hours(1)), "/to")?;
    let from = plausible(query.from.unwrap_or(to - Duration::days(30)), "/from")?;
    let (from, to) = range(full_hour(from), full_hour(to))?;
    let text = |text: Option<String>| text.filter(|text| !text.is_empty() && !text.contains('\0'));
    let mut tx = state.db.tenant(actor.tenant).await?;
    let tenant = crate::store::tenants::own(&mut tx).await?;
    let question = Question {
        from,
        to,
        zone: tenant.time_zone,
        by: [group_by.first().copied().unwrap_or(""), group_by.get(1).copied().unwrap_or("")],
        api_key: text(query.api_key),
        team: text(query.team),
        member: text(query.member),
        route: text(query.route),
        target: text(query.target),
        by_cost: false,
        limit: ROWS_MAX + 1,
    };
    let rows = report::sums(&mut tx, &question).await?;
    if usize::try_from(ROWS_MAX).is_ok_and(|most| most < rows.len()) {
        let message = format!(
            "the answer would have more than {ROWS_MAX} rows: take a shorter range, or group by less"
        );
        return Err(ApiError::invalid("/group_by", message));
    }
    let count = group_by.len();
    let row = |(group, sums): ([String; 2], Sums)| UsageRow {
        group: group.into_iter().take(count).collect(),
        sums,
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    let names =
        report::names(&mut tx, rows.iter().flat_map(|row| &row.group).map(String::as_str)).await?;
    Ok(UsageAnswer { from, to, group_by, rows, names })
}

pub(super) fn groups(wanted: &[String]) -> Result<Vec<&'static str>, ApiError> {
    let known = |name: &String| GROUPS.into_iter().find(|known| known == name);
    let groups: Option<Vec<&'static str>> = wanted.iter().map(known).collect();
    match groups {
        Some(groups) if groups.len() <= 2 && groups.first() != groups.get(1).or(Some(&"")) => {
            Ok(groups)
        }
        Some(groups) if groups.is_empty() => Ok(groups),
        _ => Err(ApiError::invalid(
            "/group_by",
            format!("must be one or two of: {}", GROUPS.join(", ")),
        )),
    }
}

/// The rows as CSV, with a line of headings.
pub fn csv(answer: &UsageAnswer) -> String {
    let heads = [
        "requests",
        "errors",
        "input_tokens",
        "output_tokens",
        "cache_hits",
        "cost",
        "saved",
        "currency",
    ];
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    };
    line(&mut answer.group_by.iter().chain(&heads).map(|head| (*head).to_owned()));
    for UsageRow { group, sums } in &answer.rows {
        let numbers =
            [sums.requests, sums.errors, sums.input_tokens, sums.output_tokens, sums.cache_hits]
                .map(|sum| sum.to_string());
        let money = [sums.cost().to_string(), sums.saved().to_string(), "USD".to_owned()];
        line(&mut group.iter().map(|cell| csv_cell(cell)).chain(numbers).chain(money));
    }
    out
}

/// A text as a cell of CSV. Some programs take a text that begins like a formula for one, so it gets an apostrophe.
pub fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
