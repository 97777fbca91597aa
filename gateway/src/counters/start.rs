//! Bringing the counters up: what Redis must be, and decisions in memory.

use super::{
    Backend, CountersConfig,
    connection::Line,
    epochs::Epochs,
    limits::{Verdict, prepare},
    memory::Memory,
    remote::{Remote, Timing},
    scripts::Scripts,
    types::{Hold, HoldRequest, Refusal, Sharing},
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// Why the counters cannot be used; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// The URL is none.
    #[error(
        "[counters] url is no Redis URL: write redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
    )]
    Url,
    /// There is no URL.
    #[error(
        "[counters] url is missing: Redis is needed for backend = \"redis\" and for [usage] sink = \"redis\""
    )]
    NoUrl,
    /// Redis does not answer.
    #[error(
        "[counters] Redis does not answer ({0}): start it, or correct the url; backend = \"memory\" needs no Redis"
    )]
    OutOfReach(String),
    /// Redis is too old.
    #[error("[counters] Redis is version {0}: 7.0 or newer is needed")]
    TooOld(String),
    /// Redis would lose budgets.
    #[error(
        "[counters] Redis must run with `{setting} {wanted}` (it has `{found}`), or budgets would be lost"
    )]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
}

pub(super) fn remote(config: &CountersConfig) -> Result<Option<Arc<Remote>>, CountersError> {
    if config.backend == Backend::Memory && !config.stream {
        return Ok(None);
    }
    let url = config.redis_url.as_ref().ok_or(CountersError::NoUrl)?;
    let client = redis::Client::open(url.expose()).map_err(|_| CountersError::Url)?;
    Ok(Some(Arc::new(Remote {
        client,
        timeout: config.timeout,
        stream: config.stream,
        timing: Timing::USUAL,
        scripts: Scripts::new(),
        epochs: Epochs::new(),
        health: Default::default(),
        queue: Default::default(),
        beats: Default::default(),
        local: Memory::new(),
        line: Line::default(),
        server_errors: Default::default(),
    })))
}

/// Asks once.
pub(super) async fn check(remote: &Remote) -> Result<(), CountersError> {
    let limit = Duration::from_secs(3);
    let out_of_reach = |why: String| CountersError::OutOfReach(why);
    let asking = async {
        let mut connection = remote
            .line
            .connection(&remote.client, &remote.health)
            .await
            .map_err(|trouble| trouble.to_string())?;
        redis::cmd("INFO").query_async::<String>(&mut connection).await.map_err(|error| match error
            .code()
        {
            Some(code) => format!("it answers {code}"),
            None => "the connection broke".to_owned(),
        })
    };
    let info = tokio::time::timeout(limit, asking)
        .await
        .map_err(|_| out_of_reach("no answer within 3 s".to_owned()))?
        .map_err(out_of_reach)?;
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .unwrap_or_default()
            .to_owned()
    };
    let version = field("redis_version");
    if version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
        .is_none_or(|major| major < 7)
    {
        return Err(CountersError::TooOld(version));
    }
    must_be("maxmemory-policy", "noeviction", field("maxmemory_policy"))?;
    let appendonly = if field("aof_enabled") == "1" { "yes" } else { "no" };
    must_be("appendonly", "yes", appendonly.to_owned())
}

fn must_be(
    setting: &'static str,
    wanted: &'static str,
    found: String,
) -> Result<(), CountersError> {
    if found == wanted { Ok(()) } else { Err(CountersError::Setting { setting, wanted, found }) }
}

pub(super) fn hold_in_memory(memory: &Memory, request: &HoldRequest) -> Result<Hold, Refusal> {
    let mut now = request.now;
    for _ in 0..2 {
        let limits = prepare(request, now);
        match memory.hold(&request.tenant, request.id, &limits) {
            Verdict::Granted { counters, rates } => {
                return Ok(Hold {
                    id: request.id,
                    tenant: request.tenant.clone(),
                    progress: Arc::default(),
                    rates,
                    counters,
                    local: Vec::new(),
                    sharing: Sharing::Unshared,
                });
            }
            Verdict::Denied(denial) => return Err(Refusal::Denied(denial)),
            Verdict::Duplicate => return Err(Refusal::Duplicate),
            // The window changed between two looks at the clock.
            Verdict::Window(now_ms) => now = Timestamp::from_millisecond(now_ms).unwrap_or(now),
        }
    }
    Err(Refusal::Unavailable)
}
