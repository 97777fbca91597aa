//! Records the answer to a request that the cache had none for.

use super::{Cached, MOST_BYTES, Place, near::Wanted, replay};
use crate::{formats::facts::Request, state::State};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::watch;
use tollgate_contract::{money::NanoUsd, usage::Usage};

/// Records one answer. Dropping it tells those who wait for the answer that it is there, or that there will be none.
pub struct Recorder {
    state: Arc<State>,
    request: Request,
    place: Place,
    /// The prompt, if prompts of the same meaning shall find the answer.
    wanted: Option<Wanted>,
    /// Dropped last: whoever waits looks for the answer then.
    turn: Option<watch::Sender<()>>,
    stream: Vec<u8>,
    too_large: bool,
}

impl Recorder {
    pub(super) fn new(
        state: &Arc<State>,
        request: &Request,
        place: Place,
        turn: Option<watch::Sender<()>>,
        wanted: Option<Wanted>,
    ) -> Self {
        let (state, request) = (state.clone(), request.clone());
        Self { state, request, place, turn, wanted, stream: Vec::new(), too_large: false }
    }

    /// A piece of a stream on its way to the app.
    pub fn piece(&mut self, piece: &Bytes) {
        self.too_large |= self.stream.len() + piece.len() > MOST_BYTES;
        if !self.too_large {
            self.stream.extend_from_slice(piece);
        }
    }

    /// The stream is complete.
    pub async fn streamed(mut self, target: &str, usage: Usage, cost: NanoUsd) {
        if self.too_large {
            return;
        }
        let stream = std::mem::take(&mut self.stream);
        if let Some(body) = replay::whole_of(&self.request, &stream, usage) {
            self.keep(body, target, cost).await;
        }
    }

    /// A whole answer.
    pub async fn whole(self, body: &Bytes, target: &str, cost: NanoUsd) {
        if body.len() > MOST_BYTES || !replay::is_final(&self.request, body) {
            return;
        }
        let Ok(text) = String::from_utf8(body.to_vec()) else { return };
        self.keep(text, target, cost).await;
    }

    async fn keep(self, body: String, target: &str, cost: NanoUsd) {
        let cached = Cached { body, target: target.to_owned(), cost_nano_usd: cost, expires_ms: 0 };
        let cache = &self.state.cache;
        cache.put(&self.place, cached).await;
        if let Some(wanted) = &self.wanted {
            cache.near.add(wanted, &self.place);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.turn.is_some() {
            self.state.cache.done(&self.place.name);
        }
    }
}
