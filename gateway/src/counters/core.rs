//! The rules of the counters as a plain value: no lock, no clock, no I/O. The memory backend counts with it; during
//! an outage of Redis, so does every node for itself.

use super::{
    bucket::{Bucket, Rate},
    limits::{Counter, Kind, Limit, Seen, Verdict, rate_state},
    types::{HoldId, RateKind},
};
use std::collections::{HashMap, HashSet};

/// Unused entries are looked for at most this often.
const PRUNE_EVERY_MS: i64 = 60_000;

/// Counters of some tenants.
#[derive(Debug, Default)]
pub(super) struct Core {
    budgets: HashMap<String, Spent>,
    buckets: HashMap<String, (Bucket, Rate)>,
    concurrent: HashMap<String, u64>,
    open: HashSet<HoldId>,
    pruned_at_ms: i64,
}

/// What a budget's window was charged and has reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) settled: i64,
    pub(super) held: i64,
    /// The most that was settled when alerts last looked.
    seen: i64,
    end_ms: i64,
}

/// What alerts look at: a budget's counter, the most that it stood at before, and what it stands at now.
pub(super) struct Charged<'a> {
    pub(super) counter: &'a Counter,
    pub(super) before: i64,
    pub(super) after: i64,
}

impl Core {
    /// Reserves everything or nothing.
    pub(super) fn hold(&mut self, now_ms: i64, id: HoldId, limits: &[Limit]) -> Verdict {
        self.prune(now_ms);
        if self.open.contains(&id) {
            return Verdict::Duplicate;
        }
        let mut rates = Vec::new();
        let mut denied = None;
        let mut chosen = Vec::with_capacity(limits.len());
        for limit in limits {
            let mut seen = Seen { now_ms, ..Seen::default() };
            let fits = match limit {
                Limit::Budget { amount, most, windows, .. } => {
                    let Some(window) = windows.iter().position(|window| window.contains(now_ms))
                    else {
                        return Verdict::Window(now_ms);
                    };
                    let spent = self.budgets.get(&windows[window].key).copied().unwrap_or_default();
                    seen = Seen { window, settled: spent.settled, held: spent.held, ..seen };
                    let sum = spent.settled.saturating_add(spent.held).saturating_add(*amount);
                    most.is_none_or(|most| sum <= most)
                }
                Limit::Rate { kind, key, per_minute, amount } => {
                    let rate = Rate::per_minute(*per_minute);
                    seen.level = self.level(key, &rate, now_ms);
                    rates.push((*kind, *per_minute, seen.level));
                    rate.admits(seen.level, *amount)
                }
                Limit::Concurrent { key, max } => {
                    self.concurrent.get(key).copied().unwrap_or(0) < *max
                }
            };
            if !fits && denied.is_none() {
                denied = Some((limit, seen));
            }
            chosen.push(seen.window);
        }
        let states = |rates: Vec<(RateKind, u64, f64)>| {
            rates.into_iter().map(|(kind, limit, level)| rate_state(kind, limit, level)).collect()
        };
        if let Some((limit, seen)) = denied {
            // A window that was chosen exists, so there is always something to tell.
            return limit
                .denial(seen, states(rates))
                .map_or(Verdict::Window(now_ms), Verdict::Denied);
        }
        let mut rates = Vec::new();
        for (limit, window) in limits.iter().zip(&chosen) {
            if let Some(rate) = self.reserve(now_ms, limit, *window) {
                rates.push(rate);
            }
        }
        self.open.insert(id);
        let counters =
            limits.iter().zip(chosen).filter_map(|(limit, window)| limit.counter(window)).collect();
        Verdict::Granted { counters, rates: states(rates) }
    }

    fn level(&self, key: &str, rate: &Rate, now_ms: i64) -> f64 {
        let full = Bucket::full(rate, now_ms);
        self.buckets.get(key).map_or(full, |(bucket, _)| *bucket).level(rate, now_ms)
    }

    fn reserve(
        &mut self,
        now_ms: i64,
        limit: &Limit,
        window: usize,
    ) -> Option<(RateKind, u64, f64)> {
        match limit {
            Limit::Budget { amount, windows, .. } => {
                let window = windows.get(window)?;
                let spent = self.budgets.entry(window.key.clone()).or_default();
                spent.held = spent.held.saturating_add(*amount);
                spent.end_ms = window.end_ms;
                None
            }
            Limit::Rate { kind, key, per_minute, amount } => {
                let rate = Rate::per_minute(*per_minute);
                self.take(key, rate, now_ms, i64::try_from(*amount).unwrap_or(i64::MAX));
                Some((*kind, *per_minute, self.level(key, &rate, now_ms)))
            }
            Limit::Concurrent { key, .. } => {
                *self.concurrent.entry(key.clone()).or_default() += 1;
                None
            }
        }
    }

    fn take(&mut self, key: &str, rate: Rate, now_ms: i64, amount: i64) {
        let full = || (Bucket::full(&rate, now_ms), rate);
        let (bucket, known) = self.buckets.entry(key.to_owned()).or_insert_with(full);
        *known = rate;
        bucket.take(&rate, now_ms, amount);
    }

    /// Ends a hold: gives back what is held and charges what was used, to each budget what `cost_of` says. The second
    /// time does nothing.
    pub(super) fn settle<'a>(
        &mut self,
        now_ms: i64,
        id: HoldId,
        counters: &'a [Counter],
        cost_of: impl Fn(&Counter) -> i64,
        tokens: u64,
    ) -> Vec<Charged<'a>> {
        if !self.open.remove(&id) {
            return Vec::new();
        }
        let mut charged = Vec::new();
        for counter in counters {
            match counter.kind {
                Kind::Budget => {
                    let spent = self.budgets.entry(counter.key.clone()).or_default();
                    spent.held = spent.held.saturating_sub(counter.held);
                    spent.settled = spent.settled.saturating_add(cost_of(counter));
                    if spent.seen < spent.settled {
                        charged.push(Charged { counter, before: spent.seen, after: spent.settled });
                        spent.seen = spent.settled;
                    }
                }
                // A request that was made is made, whatever became of it.
                Kind::Requests => {}
                Kind::Tokens => {
                    let used = i64::try_from(tokens).unwrap_or(i64::MAX);
                    let rate = Rate::per_minute(counter.per_minute);
                    self.take(&counter.key, rate, now_ms, used.saturating_sub(counter.held));
                }
                Kind::Concurrent => {
                    if let Some(count) = self.concurrent.get_mut(&counter.key) {
                        *count = count.saturating_sub(1);
                        if *count == 0 {
                            self.concurrent.remove(&counter.key);
                        }
                    }
                }
            }
        }
        charged
    }

    /// Forgets windows that ended and buckets that are full.
    fn prune(&mut self, now_ms: i64) {
        // A clock that was set back prunes as well.
        if now_ms.saturating_sub(self.pruned_at_ms).saturating_abs() < PRUNE_EVERY_MS {
            return;
        }
        self.pruned_at_ms = now_ms;
        self.budgets.retain(|_, spent| now_ms < spent.end_ms || spent.held != 0);
        self.buckets.retain(|_, (bucket, rate)| !bucket.is_full(rate, now_ms));
    }

    /// Forgets budgets that nothing holds and whose key is not wanted any more.
    pub(super) fn forget_budgets(&mut self, wanted: impl Fn(&str) -> bool) {
        self.budgets.retain(|key, spent| spent.held != 0 || wanted(key));
    }
}

#[cfg(test)]
impl Core {
    pub(super) fn spent(&self, key: &str) -> (i64, i64) {
        self.budgets.get(key).map_or((0, 0), |spent| (spent.settled, spent.held))
    }

    pub(super) fn held_in_all(&self) -> i64 {
        self.budgets.values().map(|spent| spent.held).sum()
    }

    pub(super) fn under_way(&self, key: &str) -> u64 {
        self.concurrent.get(key).copied().unwrap_or(0)
    }

    pub(super) fn entries(&self) -> usize {
        self.budgets.len() + self.buckets.len() + self.concurrent.len() + self.open.len()
    }
}
