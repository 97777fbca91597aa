//! What Redis must be like for counters to be safe in it. Looked at once at the start.

use super::{connection::open, remote::Remote};
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const MAJOR_VERSION_MIN: u32 = 7;

/// Why counters cannot be kept. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// Redis is wanted and no URL was given.
    #[error(
        "[counters] url is missing: Redis is to be used, so say where it is, as in \"redis://127.0.0.1:6379\""
    )]
    NoUrl,
    /// The URL cannot be read; it is not repeated, because it may contain a password.
    #[error(
        "[counters] url is no URL of a Redis: write redis://HOST:PORT, rediss://HOST:PORT (TLS) or unix:///PATH"
    )]
    BadUrl,
    /// Redis does not answer.
    #[error(
        "[counters] Redis cannot be reached ({0}): start it, or correct [counters] url and its password"
    )]
    Unreachable(String),
    /// Too old.
    #[error("[counters] Redis is version {0}: version 7 or later is needed")]
    Version(String),
    /// Counters could be evicted.
    #[error(
        "[counters] Redis has maxmemory-policy {0}, which can throw counters away: set maxmemory-policy noeviction"
    )]
    Eviction(String),
    /// Counters would not survive a restart.
    #[error(
        "[counters] Redis keeps no append-only file, so a restart would lose counters: set appendonly yes"
    )]
    NotDurable,
}

/// Asks Redis about itself.
pub(super) async fn check(remote: &Remote) -> Result<(), CountersError> {
    let unreachable =
        |trouble: super::connection::Trouble| CountersError::Unreachable(trouble.to_string());
    let asking = async {
        let mut connection = open(&remote.client).await?;
        // One section per call: not every server takes more.
        let (server, memory, persistence): (String, String, String) = redis::pipe()
            .cmd("INFO")
            .arg("server")
            .cmd("INFO")
            .arg("memory")
            .cmd("INFO")
            .arg("persistence")
            .query_async(&mut connection)
            .await?;
        // The first rush of requests shall not have to carry the scripts over.
        remote.scripts.load(&mut connection).await?;
        Ok([server, memory, persistence].join("\n"))
    };
    let answer = tokio::time::timeout(ANSWER_WITHIN, asking).await;
    let info = answer.unwrap_or(Err(super::connection::Trouble::TimedOut)).map_err(unreachable)?;
    judge(&info)
}

fn judge(info: &str) -> Result<(), CountersError> {
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or("unknown").trim().to_owned()
    };
    let version = field("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < MAJOR_VERSION_MIN) {
        return Err(CountersError::Version(version));
    }
    let policy = field("maxmemory_policy");
    if policy != "noeviction" {
        return Err(CountersError::Eviction(policy));
    }
    if field("aof_enabled") != "1" {
        return Err(CountersError::NotDurable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_could_lose_counters_is_not_accepted() {
        let info = |version: &str, policy: &str, aof: u8| {
            judge(&format!(
                "redis_version:{version}\r\nmaxmemory_policy:{policy}\r\naof_enabled:{aof}\r\n"
            ))
        };
        assert!(info("7.0.15", "noeviction", 1).is_ok());
        assert!(info("10.1.0", "noeviction", 1).is_ok());
        assert!(matches!(info("6.2.1", "noeviction", 1), Err(CountersError::Version(_))));
        assert!(matches!(info("7.0.15", "allkeys-lru", 1), Err(CountersError::Eviction(_))));
        assert!(matches!(info("7.0.15", "noeviction", 0), Err(CountersError::NotDurable)));
        assert!(matches!(judge(""), Err(CountersError::Version(_))));
    }
}
