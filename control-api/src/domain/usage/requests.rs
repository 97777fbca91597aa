//! Requests: the list, one of them, and the first of an API key.

use super::{full_hour, plausible, range, start_of};
use crate::{
    access::Actor,
    domain::ledger::day_of,
    error::ApiError,
    ids::ApiKeyId,
    state::State,
    store::{
        TenantTx,
        usage::{
            report::{self, KeyActivity},
            requests::{self as store, Filter, RequestRow, StoredEvent},
        },
    },
};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use tollgate_contract::{budget::Window, money::NanoUsd};

/// A request with the names of what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRequest {
    /// The request.
    pub row: RequestRow,
    /// The API key's name, or its id.
    pub api_key_name: String,
    /// The team's name, or its id.
    pub team_name: String,
    /// The member's e-mail address, or their id.
    pub member_name: String,
}

pub(super) async fn named(
    tx: &mut TenantTx,
    rows: Vec<RequestRow>,
) -> Result<Vec<NamedRequest>, ApiError> {
    let ids = rows.iter().flat_map(|row| [&*row.api_key, &*row.team, &*row.member]);
    let names = report::names(tx, ids).await?;
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    let named = |row: RequestRow| NamedRequest {
        api_key_name: name(&row.api_key),
        team_name: name(&row.team),
        member_name: name(&row.member),
        row,
    };
    Ok(rows.into_iter().map(named).collect())
}

/// Which requests are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Exactly this one.
    pub id: Option<String>,
    /// `ok` or `errors`.
    pub status: Option<String>,
    /// Asked for, named or served by this.
    pub model: Option<String>,
    /// With this API key.
    pub api_key: Option<ApiKeyId>,
    /// Of this team.
    pub team: Option<String>,
    /// Of this member.
    pub member: Option<String>,
    /// Over this route.
    pub route: Option<String>,
    /// Served by this target.
    pub target: Option<String>,
    /// This target was called.
    pub tried: Option<String>,
    /// The strategy that ordered their targets.
    pub strategy: Option<String>,
    /// `hit`, `miss` or `off`.
    pub cache: Option<String>,
    /// With this error code.
    pub error: Option<String>,
    /// `app`, `shadow` or `embedding`.
    pub purpose: Option<String>,
    /// Whether another target than the first of the plan served them.
    pub failed_over: Option<bool>,
    /// They took at least so many milliseconds.
    pub min_latency_ms: Option<i64>,
    /// Since; 30 days ago if absent.
    pub from: Option<DateTime<Utc>>,
    /// Until; now if absent.
    pub to: Option<DateTime<Utc>>,
    /// After this one in the list.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: i64,
}

/// A place in the list of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(super) DateTime<Utc>, pub(super) String);

impl Cursor {
    /// The place of a request.
    pub fn of(request: &NamedRequest) -> Self {
        Self(request.row.at, request.row.id.clone())
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0.timestamp_micros(), self.1)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (micros, id) = text.split_once('.').ok_or(())?;
        let at = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(())?;
        let at = plausible(at, "").map_err(drop)?;
        day_of(id).map(|_| Self(at, id.to_owned())).ok_or(())
    }
}

impl Search {
    /// What the store is asked for.
    pub(super) fn filter(self) -> Result<Filter, ApiError> {
        let failed = match self.status.as_deref() {
            None | Some("") => None,
            Some("ok") => Some(false),
            Some("errors") => Some(true),
            Some(_) => return Err(ApiError::invalid("/status", "must be one of: ok, errors")),
        };
        let purpose = match self.purpose.as_deref() {
            None | Some("") => None,
            Some("app") => Some(String::new()),
            Some(known @ ("shadow" | "embedding")) => Some(known.to_owned()),
            Some(_) => {
                return Err(ApiError::invalid(
                    "/purpose",
                    "must be one of: app, shadow, embedding",
                ));
            }
        };
        let cache = text(self.cache);
        if cache.as_deref().is_some_and(|cache| !matches!(cache, "hit" | "miss" | "off")) {
            return Err(ApiError::invalid("/cache", "must be one of: hit, miss, off"));
        }
        let now = Utc::now();
        let to = plausible(self.to.unwrap_or(now + Duration::hours(1)), "/to")?;
        let from = plausible(self.from.unwrap_or(to.min(now) - Duration::days(30)), "/from")?;
        let (from, to) = range(from, to)?;
        Ok(Filter {
            failed,
            model: text(self.model),
            api_key: self.api_key.map(|id| id.to_string()),
            team: text(self.team),
            member: text(self.member),
            route: text(self.route),
            target: text(self.target),
            tried: text(self.tried),
            strategy: text(self.strategy),
            cache,
            error: text(self.error),
            purpose,
            failed_over: self.failed_over,
            min_latency_ms: self.min_latency_ms,
            from,
            to,
            before: self.after.map(|Cursor(at, id)| (at, id)),
            limit: self.limit,
        })
    }
}

/// A text that can be looked for: Postgres knows no NUL.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// Requests, newest first.
pub async fn requests(
    state: &State,
    actor: &Actor,
    mut search: Search,
) -> Result<Vec<NamedRequest>, ApiError> {
    let id = text(search.id.take());
    let filter = search.filter()?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let rows = match id {
        Some(id) => {
            let Some(day) = day_of(&id) else { return Ok(Vec::new()) };
            let found = store::request(&mut tx, &id, day).await?;
            found.into_iter().take(1).map(|event| event.row).filter(|row| row.id == id).collect()
        }
        None => store::requests(&mut tx, &filter).await?,
    };
    named(&mut tx, rows).await
}

/// A request with all that was reported of it.
#[derive(Debug, Clone)]
pub struct RequestDetail {
    /// The request.
    pub request: NamedRequest,
    /// Its event.
    pub event: serde_json::Value,
    /// Corrections, oldest first: their amounts are differences.
    pub corrections: Vec<serde_json::Value>,
    /// The charge, corrections included.
    pub cost: NanoUsd,
    /// When it was taken in.
    pub received_at: DateTime<Utc>,
}

/// One request.
pub async fn request(state: &State, actor: &Actor, id: &str) -> Result<RequestDetail, ApiError> {
    let day = day_of(id).ok_or(ApiError::NotFound)?;
    let mut tx = state.db.tenant(actor.tenant).await?;
    let events = store::request(&mut tx, id, day).await?;
    let cost = events.iter().fold(0, |sum: i64, event| sum.saturating_add(event.row.cost_nano_usd));
    let mut events = events.into_iter();
    let StoredEvent { row, received_at, event } = events.next().ok_or(ApiError::NotFound)?;
    let corrections = events.map(|event| event.event).collect();
    let request = named(&mut tx, vec![row]).await?.pop().ok_or(ApiError::NotFound)?;
    Ok(RequestDetail { request, event, corrections, cost: NanoUsd::new(cost), received_at })
}

/// What API keys did, and what they spent this month. Keys that were never used are left out.
pub async fn key_activity(
    tx: &mut TenantTx,
    keys: &[ApiKeyId],
    now: DateTime<Utc>,
    zone: &TimeZone,
) -> Result<HashMap<ApiKeyId, KeyActivity>, ApiError> {
    Ok(report::key_activity(tx, keys, full_hour(start_of(Window::Month, now, zone))).await?)
}

/// The first request with an API key, for a page that waits for it.
pub async fn first_request(
    state: &State,
    actor: &Actor,
    key: ApiKeyId,
) -> Result<Option<NamedRequest>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let activity = report::key_activity(&mut tx, &[key], Utc::now()).await?;
    let Some(id) = activity.get(&key).map(|activity| activity.first_event_id.as_str()) else {
        return Ok(None);
    };
    let day: Option<NaiveDate> = day_of(id);
    let Some(day) = day else { return Ok(None) };
    let rows = store::request(&mut tx, id, day).await?;
    let rows = rows.into_iter().take(1).map(|event| event.row).collect();
    Ok(named(&mut tx, rows).await?.pop())
}
