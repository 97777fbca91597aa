//! The hold script's arguments and answers.

use super::{
    connection::Trouble,
    limits::{Counter, EXACT_MAX, Kind, Limit, Seen, rate_state},
    remote::Remote,
    types::{Denial, HoldRequest, RateKind, RateState},
};
use redis::{ScriptInvocation, Value};
use serde::Deserialize;
use std::time::Duration;
use tollgate_contract::counter_keys::Partition;

/// What the hold script answered.
#[derive(Debug)]
pub(super) enum Answer {
    Granted(Vec<Counter>, Vec<RateState>),
    Denied(Denial),
    Duplicate { open: bool, counters: Vec<Counter> },
    Revoked,
    Epoch(String),
    Window(i64),
}

pub(super) fn hold_call<'a>(
    remote: &'a Remote,
    partition: Partition,
    epoch: &str,
    request: &HoldRequest,
    limits: &[Limit],
) -> Result<ScriptInvocation<'a>, Trouble> {
    let stub = if remote.stream {
        serde_json::to_string(&*request.stub).map_err(|_| Trouble::Nonsense)?
    } else {
        String::new()
    };
    let mut call = remote.scripts.hold.prepare_invoke();
    call.key(partition.epoch())
        .key(partition.hold(request.id.0))
        .key(partition.deadlines())
        .key(partition.revocations());
    call.arg(epoch)
        .arg(millis(remote.timing.hold_ttl))
        .arg(request.generation)
        .arg(request.tenant.as_str());
    call.arg(request.stub.api_key.as_str())
        .arg(request.stub.member.as_ref().map_or("", |member| member.as_str()));
    call.arg(exact(request.input_cost.as_nanos())).arg(stub).arg(limits.len());
    for limit in limits {
        match limit {
            Limit::Budget { amount, most, windows, .. } => {
                call.arg("b").arg(*amount).arg(most.unwrap_or(-1)).arg(windows.len());
                for window in windows {
                    call.key(window.key.as_str());
                    call.arg(window.start_ms)
                        .arg(window.end_ms)
                        .arg(window.expires_ms.unwrap_or(0));
                }
            }
            Limit::Rate { kind, key, per_minute, amount } => {
                let kind = match kind {
                    RateKind::Requests => "q",
                    RateKind::Tokens => "t",
                };
                call.key(key.as_str()).arg(kind).arg(*amount).arg(*per_minute);
            }
            Limit::Concurrent { key, max } => {
                call.key(key.as_str()).arg("c").arg(*max);
            }
        }
    }
    Ok(call)
}

/// Reads an answer. `None` if no version of the script gives such a one.
pub(super) fn read(answer: Value, limits: &[Limit]) -> Option<Answer> {
    let Value::Array(parts) = answer else { return None };
    let mut parts = parts.into_iter();
    let word = text(parts.next()?)?;
    match word.as_str() {
        "OK" => {
            let _now = parts.next()?;
            let windows = texts(parts.next()?)?;
            let levels = levels(parts.next()?)?;
            let counter = |(limit, window): (&Limit, &String)| limit.counter(window.parse().ok()?);
            let counters = limits.iter().zip(&windows).map(counter).collect::<Option<Vec<_>>>()?;
            (counters.len() == limits.len()).then_some(())?;
            Some(Answer::Granted(counters, rates(limits, &levels)))
        }
        "DENY" => {
            let index: usize = number(parts.next()?)?;
            let seen = Seen {
                now_ms: number(parts.next()?)?,
                window: number(parts.next()?)?,
                settled: number(parts.next()?)?,
                held: number(parts.next()?)?,
                level: 0.0,
            };
            let levels = levels(parts.next()?)?;
            let before = limits
                .get(..index)?
                .iter()
                .filter(|limit| matches!(limit, Limit::Rate { .. }))
                .count();
            let seen = Seen { level: levels.get(before).copied().unwrap_or(0.0), ..seen };
            Some(Answer::Denied(limits.get(index)?.denial(seen, rates(limits, &levels))?))
        }
        "DUP" => {
            let open = text(parts.next()?)? == "o";
            let chosen = text(parts.next()?)?;
            Some(Answer::Duplicate { open, counters: chosen_counters(&chosen, limits) })
        }
        "REVOKED" => Some(Answer::Revoked),
        "EPOCH" => Some(Answer::Epoch(text(parts.next()?)?)),
        "WINDOW" => Some(Answer::Window(number(parts.next()?)?)),
        _ => None,
    }
}

/// A counter as the hold script notes it.
#[derive(Deserialize)]
struct Chosen {
    k: String,
    key: String,
    h: String,
    e: String,
    p: String,
}

/// The counters that an earlier asking chose. What cannot be read is left to the script, which has its own note.
fn chosen_counters(noted: &str, limits: &[Limit]) -> Vec<Counter> {
    let noted: Vec<Chosen> = serde_json::from_str(noted).unwrap_or_default();
    let counter = |chosen: Chosen| {
        let kind = match chosen.k.as_str() {
            "b" => Kind::Budget,
            "q" => Kind::Requests,
            "t" => Kind::Tokens,
            "c" => Kind::Concurrent,
            _ => return None,
        };
        let budget = limits.iter().find_map(|limit| match limit {
            Limit::Budget { budget, windows, .. } => {
                windows.iter().any(|window| window.key == chosen.key).then(|| budget.clone())
            }
            Limit::Rate { .. } | Limit::Concurrent { .. } => None,
        });
        Some(Counter {
            kind,
            held: chosen.h.parse().ok()?,
            expires_ms: chosen.e.parse().ok().filter(|expires| *expires != 0),
            per_minute: chosen.p.parse().ok()?,
            key: chosen.key,
            budget,
        })
    };
    noted.into_iter().filter_map(counter).collect()
}

fn rates(limits: &[Limit], levels: &[f64]) -> Vec<RateState> {
    let rates = limits.iter().filter_map(|limit| match limit {
        Limit::Rate { kind, per_minute, .. } => Some((*kind, *per_minute)),
        Limit::Budget { .. } | Limit::Concurrent { .. } => None,
    });
    rates
        .zip(levels)
        .map(|((kind, per_minute), level)| rate_state(kind, per_minute, *level))
        .collect()
}

fn levels(value: Value) -> Option<Vec<f64>> {
    texts(value)?.iter().map(|level| level.parse().ok()).collect()
}

pub(super) fn texts(value: Value) -> Option<Vec<String>> {
    let Value::Array(parts) = value else { return None };
    parts.into_iter().map(text).collect()
}

fn text(value: Value) -> Option<String> {
    redis::from_redis_value(value).ok()
}

fn number<T: std::str::FromStr>(value: Value) -> Option<T> {
    text(value)?.parse().ok()
}

/// An amount that a script can compute with.
pub(super) fn exact(amount: i64) -> i64 {
    amount.clamp(-EXACT_MAX, EXACT_MAX)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
