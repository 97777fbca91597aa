//! What the simulator remembers between requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::bill::Bill;
use super::identity::Identities;
use super::requests::RequestLog;
use super::vertex::tokens::Tokens;

/// All that is shared by the connections of one simulator.
#[derive(Debug, Default)]
pub struct State {
    /// What would be charged.
    pub bill: Bill,
    /// What was asked.
    pub requests: Arc<RequestLog>,
    /// Numbers for ids.
    pub identities: Identities,
    /// Access tokens that were given out.
    pub tokens: Tokens,
    keys: Vec<String>,
    /// Requests under `percent`, by provider and requested model.
    counters: Mutex<HashMap<(String, String), u64>>,
}

impl State {
    /// A simulator that accepts these provider keys, or any key if there are none.
    pub fn new(keys: Vec<String>) -> Self {
        Self { keys, ..Self::default() }
    }

    /// Which of the keys was presented: nothing if it is not one of them.
    pub fn key(&self, presented: &str) -> Option<usize> {
        if self.keys.is_empty() {
            return (!presented.is_empty()).then_some(0);
        }
        self.keys.iter().position(|key| key == presented)
    }

    /// Whether this request is one of the `percent` that fail: evenly spread, the same each time.
    pub fn faults_now(&self, provider: &str, requested: &str, percent: u64) -> bool {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = counters.entry((provider.to_owned(), requested.to_owned())).or_default();
        let before = *seen * percent / 100;
        *seen += 1;
        before < *seen * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_exact_over_a_hundred() {
        let state = State::new(vec![]);
        for percent in [0, 1, 30, 50, 100] {
            let model = format!("m--percent={percent}");
            let faults = (0..100).filter(|_| state.faults_now("p", &model, percent)).count();
            assert_eq!(faults as u64, percent);
        }
    }

    #[test]
    fn keys_are_known_by_their_place() {
        let open = State::new(vec![]);
        assert_eq!((open.key("any"), open.key("")), (Some(0), None));
        let closed = State::new(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!((closed.key("b"), closed.key("c")), (Some(1), None));
    }
}
