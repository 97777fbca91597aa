//! Tells the control plane every second how targets do, through Redis. A second that cannot be told is not told later.

use crate::state::State;
use redis::{AsyncConnectionConfig, RedisError, aio::MultiplexedConnection};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::time::MissedTickBehavior;
use tollgate_contract::pulse::{NodePulse, PULSE_FIELD, PULSES, PULSES_KEPT_MS, TARGETS_MAX};

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_millis(500);

/// Tells for as long as the process runs. Ends at once on a node that has no control plane, or counts by itself.
pub async fn tell(state: Arc<State>) {
    let Some(client) = state.counters.redis_client().filter(|_| state.link.is_some()) else {
        return;
    };
    let node = uuid::Uuid::now_v7().to_string();
    let mut connection = None;
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let pulse = pulse(&state, &node);
        if connection.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            connection = client.get_multiplexed_async_connection_with_config(&config).await.ok();
        }
        let Some(line) = &mut connection else { continue };
        if let Err(error) = write(line, &pulse).await {
            tracing::debug!("A pulse could not be told: {error}");
            connection = None;
        }
    }
}

fn pulse(state: &State, node: &str) -> NodePulse {
    let mut targets = state.current.load().targets.pulses(&state.health, Instant::now());
    if targets.len() > TARGETS_MAX {
        targets.sort_by_key(|target| std::cmp::Reverse(target.calls));
        targets.truncate(TARGETS_MAX);
    }
    NodePulse { node: node.to_owned(), at_ms: now_ms(), targets }
}

async fn write(line: &mut MultiplexedConnection, pulse: &NodePulse) -> Result<(), RedisError> {
    let Ok(json) = serde_json::to_string(pulse) else { return Ok(()) };
    let oldest = pulse.at_ms.saturating_sub(PULSES_KEPT_MS);
    redis::cmd("XADD")
        .arg(PULSES)
        .arg(&["MINID", "~"])
        .arg(oldest)
        .arg("*")
        .arg(PULSE_FIELD)
        .arg(json)
        .exec_async(line)
        .await
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
