//! Where requests come in: the body is read and recorded, then the format that the path belongs to
//! answers. Paths, keys, refusals and errors are each format's own business.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::bill::Outcome;
use super::body::{Body, Cut};
use super::requests::Record;
use super::state::State;
use super::visit::{BODY_BYTES_MAX, Visit};
use super::wire::ResetSwitch;
use super::{anthropic, azure, bedrock, cohere, control, gemini, openai, vertex};

/// The formats that are spoken here. One more is a variant, a line in [`KNOWN`] and one in
/// [`Self::answer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Anthropic,
    Azure,
    Bedrock,
    Cohere,
    Gemini,
    OpenAi,
    Vertex,
}

type Knows = fn(&Visit<'_>) -> bool;

/// Who answers for which requests: the first that knows a request has it.
const KNOWN: [(Format, Knows); 6] = [
    (Format::Anthropic, anthropic::knows),
    (Format::Azure, azure::knows),
    (Format::Bedrock, bedrock::knows),
    (Format::Cohere, cohere::knows),
    (Format::Gemini, gemini::knows),
    (Format::Vertex, vertex::knows),
];

impl Format {
    /// The format that a path belongs to. What nobody knows is refused in OpenAI's words.
    fn of(visit: &Visit<'_>) -> Self {
        let known = KNOWN.iter().find(|(_, knows)| knows(visit));
        known.map_or(Self::OpenAi, |(format, _)| *format)
    }

    async fn answer(self, state: &State, visit: &Visit<'_>) -> Result<Response<Body>, Cut> {
        match self {
            Self::Anthropic => anthropic::answer(state, visit).await,
            Self::Azure => azure::answer(state, visit).await,
            Self::Bedrock => bedrock::answer(state, visit).await,
            Self::Cohere => cohere::answer(state, visit).await,
            Self::Gemini => gemini::answer(state, visit).await,
            Self::OpenAi => openai::answer(state, visit).await,
            Self::Vertex => vertex::answer(state, visit).await,
        }
    }
}

/// Answers one request. An error ends the connection without an answer.
pub async fn handle(
    state: Arc<State>,
    switch: ResetSwitch,
    request: Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (started, number) = (Instant::now(), state.identities.number());
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if let Some(path) = path.strip_prefix("/simulator/") {
        let query = head.uri.query().unwrap_or_default();
        return Ok(control::answer(&state, &head.method, path, query));
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Some(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => None,
        Err(_) => return Err(Cut),
    };
    let (provider, path) = Visit::split(path);
    let record = Arc::new(Record::new(provider, &head, body.as_deref().unwrap_or_default()));
    state.requests.push(Arc::clone(&record));

    let visit =
        Visit { provider, path, head: &head, body, record: &record, switch, number, started };
    let response = Format::of(&visit).answer(&state, &visit).await?;
    // Calls note their own end. Everything else is over here.
    if record.model.get().is_none() {
        let good = response.status().is_success();
        record.end(if good { Outcome::Answered } else { Outcome::Failed });
    }
    Ok(response)
}
