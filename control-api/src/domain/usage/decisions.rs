//! What the decision log says in sums: by what was decided, by the arms of a route, and by its shadows. Sums are of the
//! newest requests only, so that a busy tenant's question ends too; the answer says how many it looked at.

use super::{plausible, range, requests::Search};
use crate::{
    access::Actor,
    domain::routes,
    error::ApiError,
    ids::RouteId,
    state::State,
    store::{
        TenantTx,
        usage::decisions::{self as store, Arm, Group, Grouping, OfRoute, Shadow},
    },
};
use chrono::{DateTime, Duration, Utc};

/// The most requests that are looked at.
pub const SEEN_MAX: i64 = 100_000;
/// The most groups of an answer.
pub const GROUPS_MAX: i64 = 1_000;

/// What requests can be grouped by. `attempt_…` count a request once for each target that was called; `left_out` and
/// `reason` once for each target that was out of its plan.
pub const GROUPS: [&str; 16] = [
    "route",
    "requested",
    "target",
    "arm",
    "strategy",
    "cache",
    "status",
    "error",
    "purpose",
    "api",
    "api_key",
    "team",
    "attempt_target",
    "attempt_error",
    "left_out",
    "reason",
];

/// Requests by what they have in common.
#[derive(Debug, Clone)]
pub struct Summary {
    /// What they are grouped by.
    pub by: Vec<&'static str>,
    /// How many were looked at.
    pub seen: i64,
    /// The groups, most requests first.
    pub groups: Vec<SummaryGroup>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct SummaryGroup {
    /// What its requests have in common, in the order of [`Summary::by`].
    pub names: Vec<String>,
    /// Its numbers.
    pub sums: Group,
}

/// Counts requests by one or two of [`GROUPS`].
pub async fn summary(
    state: &State,
    actor: &Actor,
    by: &[String],
    search: Search,
) -> Result<Summary, ApiError> {
    let by = grouped_by(by)?;
    let filter = Search { limit: SEEN_MAX, ..search }.filter()?;
    let any = |names: [&str; 2]| by.iter().any(|by| names.contains(by));
    let grouping = Grouping {
        by: [by.first().copied().unwrap_or_default(), by.get(1).copied().unwrap_or_default()],
        attempts: any(["attempt_target", "attempt_error"]),
        left_out: any(["left_out", "reason"]),
    };
    if grouping.attempts && grouping.left_out {
        let message = "attempts and targets that were left out cannot be counted together";
        return Err(ApiError::invalid("/by", message));
    }
    let mut tx = state.db.tenant(actor.tenant).await?;
    let groups = store::groups(&mut tx, &filter, grouping, GROUPS_MAX).await?;
    let seen = groups.first().map_or(0, |group| group.seen);
    let named = |group: Group| {
        let names = [group.first.clone(), group.second.clone()];
        SummaryGroup { names: names.into_iter().take(by.len()).collect(), sums: group }
    };
    let groups = groups.into_iter().map(named).collect();
    Ok(Summary { by, seen, groups })
}

fn grouped_by(wanted: &[String]) -> Result<Vec<&'static str>, ApiError> {
    let known = |name: &String| GROUPS.into_iter().find(|known| known == name);
    let by: Option<Vec<_>> = wanted.iter().map(known).collect();
    by.filter(|by| matches!(by[..], [_]) || matches!(by[..], [one, two] if one != two)).ok_or_else(
        || ApiError::invalid("/by", format!("must be one or two of: {}", GROUPS.join(", "))),
    )
}

/// Figures of a route over a range.
#[derive(Debug, Clone)]
pub struct RouteFigures<T> {
    /// From here …
    pub from: DateTime<Utc>,
    /// … to here.
    pub to: DateTime<Utc>,
    /// The figures.
    pub figures: Vec<T>,
}

/// How the arms of a route did, in the last 24 hours if no range is given.
pub async fn arms(
    state: &State,
    actor: &Actor,
    route: RouteId,
    asked: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<RouteFigures<Arm>, ApiError> {
    let (mut tx, name, (from, to)) = route_and_range(state, actor, route, asked).await?;
    let of = OfRoute { route: &name, from, to, most: SEEN_MAX };
    Ok(RouteFigures { from, to, figures: store::arms(&mut tx, of).await? })
}

/// How the copies of a route's requests did beside them.
pub async fn shadows(
    state: &State,
    actor: &Actor,
    route: RouteId,
    asked: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<RouteFigures<Shadow>, ApiError> {
    let (mut tx, name, (from, to)) = route_and_range(state, actor, route, asked).await?;
    let of = OfRoute { route: &name, from, to, most: SEEN_MAX };
    Ok(RouteFigures { from, to, figures: store::shadows(&mut tx, of).await? })
}

async fn route_and_range(
    state: &State,
    actor: &Actor,
    route: RouteId,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<(TenantTx, String, (DateTime<Utc>, DateTime<Utc>)), ApiError> {
    let route = routes::get(state, actor, route).await?;
    let to = plausible(to.unwrap_or_else(Utc::now), "/to")?;
    let from = plausible(from.unwrap_or(to - Duration::hours(24)), "/from")?;
    let range = range(from, to)?;
    Ok((state.db.tenant(actor.tenant).await?, route.name, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_known_names_group() {
        let by = |names: &[&str]| {
            grouped_by(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(by(&["target"]), Some(vec!["target"]));
        assert_eq!(by(&["arm", "error"]), Some(vec!["arm", "error"]));
        for wrong in [&[][..], &["x"], &["arm", "arm"], &["arm", "error", "cache"]] {
            assert_eq!(by(wrong), None, "{wrong:?}");
        }
    }
}
