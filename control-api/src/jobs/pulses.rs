//! Reads the pulses of all nodes from Redis. Every control plane reads all of them: they are for those who watch it.

use super::Stop;
use crate::state::State;
use chrono::Utc;
use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{
    AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection, streams::StreamId,
};
use std::time::Duration;
use tollgate_contract::pulse::{NodePulse, PULSE_FIELD, PULSES, PULSES_KEPT_MS};

/// How long a read waits for the next pulse.
const READ_WAIT_MS: usize = 500;
const READ_COUNT: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Reads until it is told to stop; survives outages of Redis.
pub async fn run(state: State, mut stop: Stop) {
    let Ok(client) = Client::open(state.settings.redis_url.as_str()) else { return };
    let mut last: Option<String> = None;
    let mut connection = None;
    while !stop.is_told() {
        if connection.is_none() {
            connection = connect(&client).await.ok();
        }
        let read = match &mut connection {
            Some(line) => read(line, last.as_deref()).await,
            None => Err(RedisError::from((redis::ErrorKind::Io, "no connection"))),
        };
        match read {
            Ok(entries) => {
                for entry in entries {
                    note(&state, &entry);
                    last = Some(entry.id);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "Pulses cannot be read");
                connection = None;
                stop.sleep(AGAIN_AFTER).await;
            }
        }
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// What came after the last entry; at first the last minute.
async fn read(
    line: &mut MultiplexedConnection,
    last: Option<&str>,
) -> Result<Vec<StreamId>, RedisError> {
    let Some(last) = last else {
        let oldest = now_ms().saturating_sub(PULSES_KEPT_MS);
        let reply: StreamRangeReply =
            redis::cmd("XRANGE").arg(PULSES).arg(oldest).arg("+").query_async(line).await?;
        if reply.ids.is_empty() {
            tokio::time::sleep(Duration::from_millis(READ_WAIT_MS as u64)).await;
        }
        return Ok(reply.ids);
    };
    let reply: StreamReadReply = redis::cmd("XREAD")
        .arg("COUNT")
        .arg(READ_COUNT)
        .arg("BLOCK")
        .arg(READ_WAIT_MS)
        .arg("STREAMS")
        .arg(PULSES)
        .arg(last)
        .query_async::<Option<StreamReadReply>>(line)
        .await?
        .unwrap_or_default();
    Ok(reply.keys.into_iter().flat_map(|key| key.ids).collect())
}

fn note(state: &State, entry: &StreamId) {
    let Some(json) = entry.get::<String>(PULSE_FIELD) else { return };
    match serde_json::from_str::<NodePulse>(&json) {
        Ok(pulse) => state.pulses.note(pulse, now_ms()),
        Err(error) => tracing::debug!(%error, "A pulse cannot be read"),
    }
}

fn now_ms() -> u64 {
    u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0)
}
