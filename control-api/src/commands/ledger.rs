//! `ledger verify`.

use super::{open, say};
use crate::{
    domain::ledger::{Comparison, compare},
    ids::TenantId,
    settings::Database,
};
use redis::AsyncConnectionConfig;
use std::time::{Duration, Instant};
use tollgate_contract::money::NanoUsd;

/// With traffic, there is always something in the streams: this many agreements in a row are enough then. They take longer
/// than a control plane that died keeps events from the others.
const AGREEMENTS: usize = 20;

/// Compares counters and events until they agree or the time is over. `false` if they differ.
pub async fn verify(database: &Database, redis_url: &str, wait: u64) -> Result<bool, String> {
    let db = open(database).map_err(|mistakes| mistakes.join("; "))?;
    let client = redis::Client::open(redis_url).map_err(|_| {
        "REDIS_URL is no Redis URL: write redis://USER:PASSWORD@HOST:PORT".to_owned()
    })?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(5)))
        .set_response_timeout(Some(Duration::from_secs(30)));
    let mut redis =
        client.get_multiplexed_async_connection_with_config(&config).await.map_err(|error| {
            format!("Redis cannot be reached: {error}. Check REDIS_URL, and that Redis runs.")
        })?;
    let until = Instant::now() + Duration::from_secs(wait);
    let mut agreements = 0;
    let comparison = loop {
        let comparison =
            Box::pin(compare(&db, &mut redis)).await.map_err(|error| error.to_string())?;
        agreements = if comparison.agrees() { agreements + 1 } else { 0 };
        let settled =
            comparison.agrees() && (comparison.under_way == 0 || agreements >= AGREEMENTS);
        // What cannot be taken in does not get better by waiting.
        let hopeless =
            comparison.dead > 0 && comparison.under_way == 0 && comparison.cost_off() == 0;
        if settled || hopeless || until <= Instant::now() {
            break comparison;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    for line in lines(&comparison) {
        say(&line);
    }
    Ok(comparison.agrees())
}

fn lines(comparison: &Comparison) -> Vec<String> {
    let usd = |nanos: i64| NanoUsd::new(nanos).to_string();
    let heads = ["tenant", "budget", "window", "counter", "events", "held", "difference"];
    let mut rows = vec![heads.map(str::to_owned)];
    for line in &comparison.lines {
        rows.push([
            line.tenant.to_string(),
            line.name.clone(),
            line.window.clone(),
            usd(line.settled),
            usd(line.stored),
            usd(line.held),
            match &line.left_out {
                Some(why) => format!("not compared: {why}"),
                None if (line.events_off, line.cost_off) == (0, 0) => "0".to_owned(),
                None => format!("{} nano-USD, {} events", line.cost_off, line.events_off),
            },
        ]);
    }
    let mut out = if comparison.lines.is_empty() { Vec::new() } else { table(&rows) };
    for totals in &comparison.uneven {
        out.push(format!(
            "{}: {} requests and {} USD by the events, but {} and {} by the hours",
            TenantId(totals.tenant_id),
            totals.requests,
            usd(totals.cost_nano_usd),
            totals.rollup_requests,
            usd(totals.rollup_cost_nano_usd),
        ));
    }
    if comparison.under_way > 0 {
        out.push(format!("{} events are still in the streams", comparison.under_way));
    }
    if comparison.too_many_under_way {
        out.push("a stream is too long to be compared: is a control plane running?".to_owned());
    }
    if comparison.dead > 0 {
        out.push(format!(
            "{} events could not be taken in: see the table usage_dead",
            comparison.dead
        ));
    }
    out.push(format!(
        "ledger: difference {} events, {} nano-USD over {} budgets, {} events",
        comparison.events_off(),
        comparison.cost_off(),
        comparison.lines.len(),
        comparison.events,
    ));
    out
}

/// Columns as wide as their widest cell; the last as it is.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_ledger_agrees() {
        let comparison = Comparison::default();
        assert!(comparison.agrees());
        assert_eq!(
            lines(&comparison),
            ["ledger: difference 0 events, 0 nano-USD over 0 budgets, 0 events"]
        );
    }

    #[test]
    fn dead_events_are_a_difference() {
        assert!(!Comparison { dead: 1, ..Comparison::default() }.agrees());
    }
}
