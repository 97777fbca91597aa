//! Responses that an app may come back to: kept when they are complete, found again by `previous_response_id`.

use crate::{
    error::GatewayError,
    formats::{
        conversation::Conversation,
        facts::Request,
        openai_responses::{
            self,
            state::{self, StoredResponse},
        },
    },
    kept::{OutOfReach, Owner},
    state::{State, Worker},
};
use bytes::Bytes;
use std::{cell::OnceCell, sync::Arc};

/// What a request goes on from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Continued {
    /// Nothing that is kept here.
    #[default]
    No,
    /// An answer that the gateway wrote: no provider knows its id, so the history goes along.
    Here,
    /// An answer of a provider with responses of its own: it knows the id, any other gets the history.
    There,
}

/// The id of a kept answer is told apart from its text by whose it is.
const HERE: u8 = b'h';
const THERE: u8 = b't';

/// Looks for what a request goes on from. If it is kept, the conversation is read with all that was said before.
pub async fn continue_from(
    worker: &Worker,
    owner: &Owner,
    request: &mut Request,
    conversation: &OnceCell<Arc<Conversation>>,
) -> Result<Continued, GatewayError> {
    let Some(id) = state::previous_id(&request.body) else { return Ok(Continued::No) };
    let Some((whose, stored)) = find(&worker.state, owner, &id).await? else {
        return Ok(Continued::No);
    };
    let bytes = (stored.input_items.iter().chain(&stored.output_items))
        .map(|item| item.get().len() as u64)
        .sum::<u64>();
    let whole = state::continued(&request.body, &stored)?;
    let facts = &mut request.facts;
    facts.continues = false;
    facts.text_bytes += bytes;
    facts.content_bytes += bytes;
    facts.unseen_parts |= stored.input_items.iter().any(|item| item.get().contains("_image"));
    let _ = conversation.set(Arc::new(whole));
    Ok(if whose == THERE { Continued::There } else { Continued::Here })
}

/// A kept answer of this owner.
pub async fn find(
    state: &State,
    owner: &Owner,
    id: &str,
) -> Result<Option<(u8, StoredResponse)>, GatewayError> {
    let kept = state.kept.get(owner, id).await.map_err(out_of_reach)?;
    let read = |kept: Vec<u8>| {
        let (whose, text) = kept.split_first()?;
        Some((*whose, StoredResponse::from_bytes(text)?))
    };
    Ok(kept.and_then(read))
}

/// 503: nobody can say whether the answer is there.
pub fn out_of_reach(_: OutOfReach) -> GatewayError {
    GatewayError::not_serving(
        "responses_unavailable",
        "Kept responses cannot be reached right now. Try again shortly.",
        std::time::Duration::from_secs(2),
    )
}

/// Keeps the answer of one request.
pub struct Keeper {
    state: Arc<State>,
    owner: Owner,
    conversation: Arc<Conversation>,
    whose: u8,
}

impl Keeper {
    /// Who keeps the answer, if the app lets it be kept. `native`: the answer came from a provider with responses of
    /// its own.
    pub fn of(
        worker: &Worker,
        owner: Option<Owner>,
        request: &Request,
        conversation: &OnceCell<Arc<Conversation>>,
        native: bool,
    ) -> Option<Self> {
        let owner = owner?;
        let conversation = match conversation.get() {
            Some(known) => known.clone(),
            None => Arc::new(openai_responses::read_request(&request.body).ok()?),
        };
        state::wants_storing(&conversation).then(|| Self {
            state: worker.state.clone(),
            owner,
            conversation,
            whose: if native { THERE } else { HERE },
        })
    }

    /// The answer in a piece of a stream, once it is complete.
    pub fn answered(&self, piece: &Bytes) -> Option<Vec<u8>> {
        state::answered(piece).map(|object| object.get().as_bytes().to_vec())
    }

    /// Keeps the answer; what cannot be kept is not an error of the request.
    pub async fn keep(self, object: &[u8]) {
        let Some(stored) = StoredResponse::new(&self.conversation, object) else { return };
        let Some(text) = stored.to_bytes() else { return };
        let mut kept = Vec::with_capacity(text.len() + 1);
        kept.push(self.whose);
        kept.extend_from_slice(&text);
        if self.state.kept.put(&self.owner, &stored.id, &kept).await.is_err() {
            tracing::warn!(response = %stored.id, "A response could not be kept");
        }
    }
}
