//! Logs: JSON lines on standard error, as the gateway writes them.

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging. `filter` is as in `info` or `control_api=debug`.
pub fn init(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| error.to_string())
}
