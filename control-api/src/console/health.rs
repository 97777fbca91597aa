//! `/console/health`: how targets do now.

use super::{Visit, html, page};
use crate::{
    access::permission::of,
    domain::target_health::{self, KeyHealth, SECONDS, TargetHealth},
    error::ApiError,
};
use actix_web::HttpResponse;
use chrono::Utc;
use tollgate_web::{
    Template as _, format,
    layout::Nav,
    pages::health::{Condition, HealthPage, HealthRow, KeyTrouble},
};

/// So many targets are shown; the API has all.
const ROWS: usize = 200;

/// `GET /console/health`.
pub async fn health(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let now = Utc::now();
    let pulses = &visit.state.pulses;
    let mut rows: Vec<HealthRow> =
        pulses.of(visit.actor.tenant, now).into_iter().map(row).collect();
    // Stable, so that rows stay where they are while nothing happens.
    rows.sort_by_key(|row| row.condition);
    let further = rows.len().saturating_sub(ROWS) as u64;
    rows.truncate(ROWS);
    let found = HealthPage {
        nodes: pulses.nodes(now) as u64,
        seconds: SECONDS as u64,
        rows,
        further,
        shell: visit.shell(Nav::Health).await?,
    };
    if visit.query("fragment") == "live" { html(found.as_live().render()) } else { page(&found) }
}

fn row(health: TargetHealth) -> HealthRow {
    HealthRow {
        condition: match health.condition {
            target_health::Condition::Up => Condition::Up,
            target_health::Condition::Degraded => Condition::Degraded,
            target_health::Condition::Down => Condition::Down,
        },
        target: health.target,
        calls: health.calls,
        failures: health.errors.values().sum(),
        by_class: health.errors.into_iter().filter(|(_, count)| *count > 0).collect(),
        percentiles_ms: health.percentiles_ms.map(|ms| ms.map(u64::from)),
        in_flight: health.in_flight,
        keys: health.keys.iter().flat_map(troubles).collect(),
        per_second: health.seconds,
    }
}

/// What is the matter with a provider key, worst first.
fn troubles(key: &KeyHealth) -> Vec<KeyTrouble> {
    let at = |nodes: usize| match nodes {
        all if all == key.nodes => String::new(),
        some => format!(" at {some} of {} nodes", key.nodes),
    };
    let limited = format::milliseconds(key.limited_ms);
    let all = [
        (key.refused > 0, format!("Refused: replace the key{}", at(key.refused)), "bad"),
        (key.open > 0, format!("Circuit open{}", at(key.open)), "bad"),
        (key.half_open > 0, format!("Circuit half open{}", at(key.half_open)), "warn"),
        (key.limited_ms > 0, format!("Rate limited for {limited}"), "warn"),
    ];
    let name = key.key.clone().unwrap_or_default();
    all.into_iter()
        .filter(|(is, _, _)| *is)
        .map(|(_, what, tone)| KeyTrouble { key: name.clone(), what, tone })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_trouble_says_what_to_do_and_where() {
        let key = KeyHealth { key: Some("pky_1".to_owned()), nodes: 2, ..KeyHealth::default() };
        let told = |key: KeyHealth| {
            troubles(&key).into_iter().map(|trouble| trouble.what).collect::<Vec<_>>()
        };
        assert!(told(key.clone()).is_empty());
        assert_eq!(told(KeyHealth { refused: 2, ..key.clone() }), ["Refused: replace the key"]);
        assert_eq!(
            told(KeyHealth { open: 1, half_open: 1, limited_ms: 2_000, ..key }),
            [
                "Circuit open at 1 of 2 nodes".to_owned(),
                "Circuit half open at 1 of 2 nodes".to_owned(),
                format!("Rate limited for {}", format::milliseconds(2_000_u64)),
            ]
        );
    }
}
