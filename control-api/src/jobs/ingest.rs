//! Takes a batch of usage events in: all of it in one transaction, each event once.

use crate::store::{
    Db, StoreError,
    usage::intake::{self, Activity, EventRow, RollupKey, Sums},
};
use chrono::{DateTime, DurationRound as _, NaiveDate, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// An entry that cannot be taken in.
#[derive(Debug, Clone)]
pub struct Dead {
    /// Of this partition's stream.
    pub partition: i16,
    /// Its id there.
    pub stream_id: String,
    /// What it has.
    pub payload: String,
    /// Why.
    pub error: String,
}

/// Makes the partitions of days that are not known to be there. Apart from the batches: making one locks the table.
pub async fn ensure_days(
    db: &Db,
    known: &mut BTreeSet<NaiveDate>,
    rows: &[EventRow],
) -> Result<(), StoreError> {
    let days: BTreeSet<NaiveDate> =
        rows.iter().map(|row| row.day).filter(|day| !known.contains(day)).collect();
    for day in days {
        let mut tx = db.system().await?;
        intake::ensure_day(&mut tx, day).await?;
        tx.commit().await?;
        known.insert(day);
    }
    Ok(())
}

/// Stores events and adds those that are new to the sums; keeps what cannot be taken in.
pub async fn store(db: &Db, rows: &[EventRow], dead: &[Dead]) -> Result<(), StoreError> {
    let mut tx = db.system().await?;
    if !rows.is_empty() {
        let new = intake::insert(&mut tx, rows).await?;
        let (sums, activity) = aggregate(rows, &new);
        if !sums.is_empty() {
            intake::add_to_rollup(&mut tx, &sums).await?;
        }
        if !activity.is_empty() {
            intake::note_activity(&mut tx, &activity).await?;
        }
    }
    for entry in dead {
        intake::bury(&mut tx, entry.partition, &entry.stream_id, &entry.payload, &entry.error)
            .await?;
    }
    tx.commit().await
}

/// The sums of the events that are new. An event that comes twice in a batch counts once.
fn aggregate(
    rows: &[EventRow],
    new: &HashSet<(Uuid, String)>,
) -> (BTreeMap<RollupKey, Sums>, BTreeMap<(Uuid, String), Activity>) {
    let mut left: HashSet<(Uuid, &str)> =
        new.iter().map(|(tenant, id)| (*tenant, id.as_str())).collect();
    let mut sums: BTreeMap<RollupKey, Sums> = BTreeMap::new();
    let mut activity: BTreeMap<(Uuid, String), Activity> = BTreeMap::new();
    for row in rows {
        if !left.remove(&(row.tenant_id, row.id.as_str())) {
            continue;
        }
        sums.entry(key_of(row)).or_default().add(row);
        if row.adjusts.is_none() {
            let seen = || Activity { first: row.id.clone(), last: row.id.clone(), last_at: row.at };
            let activity =
                activity.entry((row.tenant_id, row.api_key.clone())).or_insert_with(seen);
            activity.first = activity.first.clone().min(row.id.clone());
            if activity.last_at <= row.at {
                (activity.last, activity.last_at) = (row.id.clone(), row.at);
            }
        }
    }
    (sums, activity)
}

fn key_of(row: &EventRow) -> RollupKey {
    RollupKey {
        tenant_id: row.tenant_id,
        hour: hour_of(row.at),
        api_key: row.api_key.clone(),
        team: row.team.clone(),
        member: row.member.clone(),
        route: row.route.clone(),
        target: row.target.clone(),
    }
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only centuries from now, where a time does not fit into nanoseconds.
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}

impl Sums {
    fn add(&mut self, row: &EventRow) {
        let request = i64::from(row.adjusts.is_none());
        self.requests += request;
        self.errors += if row.status >= 400 { request } else { 0 };
        self.input_tokens = self.input_tokens.saturating_add(row.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(row.output_tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(row.cost_nano_usd);
        self.list_cost_nano_usd = self.list_cost_nano_usd.saturating_add(row.list_cost_nano_usd);
        self.cache_hits += if row.cache == "hit" { request } else { 0 };
        self.saved_nano_usd = self.saved_nano_usd.saturating_add(row.saved_nano_usd);
    }
}

/// Whether an error is about what is stored, not about the database: then some event of the batch is to blame.
pub fn blames_an_event(error: &StoreError) -> bool {
    match error {
        StoreError::Duplicate(_) | StoreError::Reference(_) => true,
        StoreError::Database(sqlx::Error::Encode(_)) => true,
        StoreError::Database(sqlx::Error::Database(error)) => {
            // Data exception, integrity constraint, program limit.
            let code = error.code();
            let code = code.as_deref().unwrap_or_default();
            ["22", "23", "54"].iter().any(|class| code.starts_with(class))
        }
        StoreError::NotFound
        | StoreError::Stale
        | StoreError::Unreachable
        | StoreError::Database(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::read_event;
    use serde_json::json;
    use tollgate_contract::event::UsageEvent;

    fn row(number: u32, key: &str, at: &str, status: u16, cost: i64) -> EventRow {
        let mut event = serde_json::to_value(UsageEvent::default()).unwrap();
        event["id"] = json!(format!("01a21000-8800-7000-8000-{number:012}"));
        event["tenant"] = json!("tnt_0193c5f0a1b27c3d8e4f5a6b7c8d9e0f");
        event["at"] = json!(at);
        event["api_key"] = json!(key);
        event["status"] = json!(status);
        event["cost_nano_usd"] = json!(cost);
        event["usage"] = json!({ "input_uncached": 10, "output": 1 });
        read_event(&event.to_string()).unwrap()
    }

    fn all(rows: &[EventRow]) -> HashSet<(Uuid, String)> {
        rows.iter().map(|row| (row.tenant_id, row.id.clone())).collect()
    }

    #[test]
    fn sums_are_by_hour_and_in_order() {
        let rows = [
            row(4, "b", "2026-11-25T11:00:00Z", 200, 7),
            row(1, "b", "2026-11-25T10:59:59.999Z", 200, 5),
            row(2, "a", "2026-11-25T10:00:00Z", 502, 0),
            row(3, "b", "2026-11-25T10:30:00Z", 499, 2),
        ];
        let (sums, activity) = aggregate(&rows, &all(&rows));
        let sums: Vec<_> = sums
            .iter()
            .map(|(key, sums)| {
                let hour = key.hour.format("%H:%M").to_string();
                (
                    hour,
                    key.api_key.as_str(),
                    sums.requests,
                    sums.errors,
                    sums.input_tokens,
                    sums.cost_nano_usd,
                )
            })
            .collect();
        assert_eq!(
            sums,
            [
                ("10:00".to_owned(), "a", 1, 1, 10, 0),
                ("10:00".to_owned(), "b", 2, 1, 20, 7),
                ("11:00".to_owned(), "b", 1, 0, 10, 7),
            ]
        );
        let of_b = &activity[&(rows[0].tenant_id, "b".to_owned())];
        assert_eq!((&of_b.first, &of_b.last), (&rows[1].id, &rows[0].id));
    }

    #[test]
    fn only_what_is_new_counts_and_that_once() {
        let rows = [
            row(1, "a", "2026-11-25T10:00:00Z", 200, 5),
            row(2, "a", "2026-11-25T10:00:00Z", 200, 50),
            row(1, "a", "2026-11-25T10:00:00Z", 200, 5),
        ];
        let new = all(&rows[..1]);
        let (sums, _) = aggregate(&rows, &new);
        assert_eq!(
            sums.values().map(|sums| (sums.requests, sums.cost_nano_usd)).collect::<Vec<_>>(),
            [(1, 5)]
        );
    }

    #[test]
    fn a_correction_is_no_request() {
        let mut rows = [row(1, "a", "2026-11-25T10:00:00Z", 502, -5)];
        rows[0].adjusts = Some("01a21000-8800-7000-8000-000000000009".to_owned());
        let (sums, activity) = aggregate(&rows, &all(&rows));
        let sums: Vec<_> = sums.values().collect();
        assert_eq!((sums[0].requests, sums[0].errors, sums[0].cost_nano_usd), (0, 0, -5));
        assert!(activity.is_empty());
    }
}
