//! Passes a streamed answer on to the app: whole events only, metered, and never turning a failure into an end.

use crate::{
    flight::Flight,
    formats::{
        openai_chat::{
            error,
            stream::{self, Chunk},
        },
        sse::{self, Splitter},
    },
    state::State,
    upstream::{
        circuit_breaker::Outcome,
        health::{Place, TargetState},
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream::unfold};
use hyper::body::{Body, Frame, Incoming};
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};
use tollgate_contract::route::BreakerSettings;

/// After this silence the app gets a comment, so that nobody between us closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where a stream comes from.
pub struct Source {
    /// The events that came with the first byte.
    pub first: Bytes,
    /// What follows.
    pub rest: Incoming,
    /// The bytes of an event that has just begun.
    pub splitter: Splitter,
    /// The longest silence.
    pub idle: Duration,
    /// The target.
    pub target: Arc<TargetState>,
    /// Which provider key.
    pub slot: usize,
    /// The circuit's settings.
    pub breaker: BreakerSettings,
    /// Its place among the calls under way; given back when the stream is dropped.
    pub place: Place,
}

struct Relay {
    state: Arc<State>,
    flight: Box<Flight>,
    source: Source,
    include_usage: bool,
    pending: Option<Bytes>,
    finished: bool,
    done: bool,
    over: bool,
    last_frame: Instant,
    last_sent: Instant,
    timer: Pin<Box<Sleep>>,
    cut: Pin<Box<dyn Future<Output = ()>>>,
}

/// What the relay waits for.
enum Waited {
    Frame(Option<Result<Frame<Bytes>, hyper::Error>>),
    Timer,
    Cut,
}

/// The stream that the app gets. Dropping it cancels the call and settles what was used.
pub fn relay(
    state: Arc<State>,
    flight: Box<Flight>,
    source: Source,
    include_usage: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut cut = state.cut.clone();
    let now = Instant::now();
    let relay = Box::new(Relay {
        pending: Some(source.first.clone()),
        timer: Box::pin(sleep(KEEP_ALIVE.min(source.idle))),
        cut: Box::pin(async move {
            // An error means that the process is ending anyway.
            let _ = cut.wait_for(|cut| *cut).await;
        }),
        state,
        flight,
        source,
        include_usage,
        finished: false,
        done: false,
        over: false,
        last_frame: now,
        last_sent: now,
    });
    unfold(relay, |mut relay| async move { relay.next().await.map(|bytes| (Ok(bytes), relay)) })
}

impl Relay {
    /// The next bytes for the app; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.over {
                return None;
            }
            let out = match self.pending.take() {
                Some(piece) => self.take(piece),
                None => match self.wait().await {
                    Waited::Frame(Some(Ok(frame))) => self.take_frame(frame),
                    Waited::Frame(Some(Err(_))) => self.fail(
                        "upstream_truncated",
                        "The provider's connection broke in the middle of the answer.",
                    ),
                    Waited::Frame(None) => self.end_of_stream(),
                    Waited::Cut => self
                        .fail("gateway_shutdown", "The gateway had to end before the answer did."),
                    Waited::Timer => self.tick(),
                },
            };
            if !out.is_empty() {
                self.last_sent = Instant::now();
                return Some(out);
            }
        }
    }

    async fn wait(&mut self) -> Waited {
        poll_fn(|cx| {
            if let Poll::Ready(frame) = Pin::new(&mut self.source.rest).poll_frame(cx) {
                return Poll::Ready(Waited::Frame(frame));
            }
            if self.cut.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Waited::Cut);
            }
            self.timer.as_mut().poll(cx).map(|()| Waited::Timer)
        })
        .await
    }

    fn take_frame(&mut self, frame: Frame<Bytes>) -> Bytes {
        self.last_frame = Instant::now();
        let Ok(data) = frame.into_data() else { return Bytes::new() };
        match self.source.splitter.push(data) {
            Ok(piece) => self.take(piece),
            Err(sse::TooLong) => {
                self.fail("upstream_garbage", "The provider sent an event that is too long.")
            }
        }
    }

    /// Takes whole events; gives back what the app shall see of them.
    fn take(&mut self, piece: Bytes) -> Bytes {
        if self.done {
            return Bytes::new();
        }
        let mut kept: Option<BytesMut> = None;
        let mut from_start = 0;
        for event in sse::events(&piece) {
            let shown = match event.data().map(|data| stream::read(&data)) {
                None => true,
                Some(Chunk::Piece(reading)) => self.meter(&reading) || self.include_usage,
                Some(Chunk::Done) => {
                    self.done = true;
                    true
                }
                Some(Chunk::Error(message)) => {
                    let mut out = kept.unwrap_or_else(|| BytesMut::from(&piece[..from_start]));
                    out.extend_from_slice(&event.bytes);
                    self.broken("upstream_error", &message);
                    return out.freeze();
                }
                Some(Chunk::Garbage) => {
                    let mut out = kept.unwrap_or_else(|| BytesMut::from(&piece[..from_start]));
                    out.extend_from_slice(&self.fail(
                        "upstream_garbage",
                        "The provider sent something that is no answer.",
                    ));
                    return out.freeze();
                }
            };
            match (&mut kept, shown) {
                (Some(out), true) => out.extend_from_slice(&event.bytes),
                (None, false) => kept = Some(BytesMut::from(&piece[..from_start])),
                (Some(_), false) | (None, true) => {}
            }
            from_start += event.bytes.len();
        }
        if self.done {
            self.good();
        } else {
            self.flight.report_progress();
        }
        kept.map_or(piece, BytesMut::freeze)
    }

    /// Counts an event; says whether every app shall see it.
    fn meter(&mut self, reading: &stream::Reading) -> bool {
        let meter = &mut self.flight.meter;
        meter.produced += reading.tokens;
        // Some providers repeat the usage on every chunk: the last one counts, never the sum.
        if reading.usage.is_some() {
            meter.reported = reading.usage;
        }
        meter.refused |= reading.usage_refused;
        self.finished |= reading.finished;
        !reading.only_usage
    }

    fn tick(&mut self) -> Bytes {
        let now = Instant::now();
        if now >= self.last_frame + self.source.idle {
            return self
                .fail("upstream_timeout", "The provider fell silent in the middle of the answer.");
        }
        let silent = now >= self.last_sent + KEEP_ALIVE;
        let next_comment = if silent { now } else { self.last_sent } + KEEP_ALIVE;
        self.timer.as_mut().reset(next_comment.min(self.last_frame + self.source.idle));
        if silent { Bytes::from_static(b": keep-alive\n\n") } else { Bytes::new() }
    }

    /// The connection ended. Without `[DONE]` that is only an end if every sign of one was there.
    fn end_of_stream(&mut self) -> Bytes {
        let rest = self.source.splitter.finish();
        if !rest.is_empty() && !self.done {
            let out = self.take(rest);
            if self.over {
                return out;
            }
            if self.done || self.finished {
                let mut out = BytesMut::from(&out[..]);
                out.extend_from_slice(b"\n\n");
                out.extend_from_slice(&self.close());
                return out.freeze();
            }
        }
        self.close()
    }

    fn close(&mut self) -> Bytes {
        if self.done {
            self.over = true;
            return Bytes::new();
        }
        if self.finished {
            // Some servers leave `[DONE]` out; clients wait for it.
            self.good();
            self.over = true;
            return Bytes::from_static(b"data: [DONE]\n\n");
        }
        self.fail("upstream_truncated", "The provider ended the answer before it was complete.")
    }

    fn good(&mut self) {
        self.note(Outcome::Good);
        self.flight.end(200, None);
    }

    /// Ends the stream with an error that the app can see.
    fn fail(&mut self, code: &str, message: &str) -> Bytes {
        if self.done {
            self.over = true;
            return Bytes::new();
        }
        self.broken(code, message);
        Bytes::from(error::event(code, message))
    }

    fn broken(&mut self, code: &str, message: &str) {
        self.over = true;
        if code != "gateway_shutdown" {
            self.note(Outcome::Bad);
            let target = &self.source.target.target;
            tracing::warn!(request.id = %self.flight.event.id, target_name = %target, error = code, "{target} broke its answer off: {message}");
        }
        if let Some(attempt) = self.flight.event.attempts.last_mut() {
            attempt.error = Some(code.to_owned());
        }
        self.flight.end(200, Some(code.to_owned()));
    }

    fn note(&self, outcome: Outcome) {
        let Source { target, slot, breaker, .. } = &self.source;
        target.record(&self.state.health, *slot, outcome, std::time::Instant::now(), *breaker);
    }
}
