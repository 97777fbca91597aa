//! Circuits that opened on one node are told to the others, through Redis where they count together: each of them then
//! probes the target instead of finding out at the cost of five requests. A node without Redis decides by itself.

use super::health::CircuitName;
use crate::state::State;
use redis::{AsyncConnectionConfig, RedisError, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tollgate_contract::counter_keys::CIRCUITS;

const EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(500);
/// The hash forgets itself if nobody writes any more.
const FORGOTTEN_AFTER: i64 = 3_600;

/// Tells and listens for as long as the process runs. Ends at once on a node that counts by itself.
pub async fn share(state: Arc<State>) {
    let Some(client) = state.counters.redis_client() else { return };
    let mut connection = None;
    // What is already known here is not taken for news.
    let mut known = HashMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let opened = state.health.take_opened();
        if connection.is_none() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            connection = client.get_multiplexed_async_connection_with_config(&config).await.ok();
        }
        let Some(line) = &mut connection else { continue };
        match exchange(line, opened, &mut known).await {
            Ok(news) => news.into_iter().for_each(|name| state.health.hint(name)),
            Err(error) => {
                tracing::debug!("Circuits could not be shared: {error}");
                connection = None;
            }
        }
    }
}

/// Writes what opened here, reads what is open elsewhere; returns what was not known yet.
async fn exchange(
    line: &mut MultiplexedConnection,
    opened: Vec<(CircuitName, Duration)>,
    known: &mut HashMap<CircuitName, u64>,
) -> Result<Vec<CircuitName>, RedisError> {
    let now = now_ms();
    if !opened.is_empty() {
        let mut set = redis::cmd("HSET");
        set.arg(CIRCUITS);
        for (name, open_for) in opened {
            let until = now.saturating_add(u64::try_from(open_for.as_millis()).unwrap_or(u64::MAX));
            known.insert(name, until);
            set.arg(&name[..]).arg(until);
        }
        set.exec_async(line).await?;
        redis::cmd("EXPIRE").arg(CIRCUITS).arg(FORGOTTEN_AFTER).exec_async(line).await?;
    }
    let all: HashMap<Vec<u8>, u64> = redis::cmd("HGETALL").arg(CIRCUITS).query_async(line).await?;
    let mut news = Vec::new();
    let mut over = Vec::new();
    for (name, until) in all {
        let Ok(name) = CircuitName::try_from(name.as_slice()) else { continue };
        if until <= now {
            over.push(name);
        } else if known.insert(name, until) != Some(until) {
            news.push(name);
        }
    }
    known.retain(|_, until| *until > now);
    if !over.is_empty() {
        let mut forget = redis::cmd("HDEL");
        forget.arg(CIRCUITS);
        over.iter().for_each(|name| {
            forget.arg(&name[..]);
        });
        forget.exec_async(line).await?;
    }
    Ok(news)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
