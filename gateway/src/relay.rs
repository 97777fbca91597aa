//! Passes a streamed answer on to the app: whole events only, metered, and never turning a failure into an end.

use crate::{
    cache::Recorder,
    closing,
    flight::Flight,
    passage::{Flow, Passage, Taken},
    responses::Keeper,
    state::State,
    upstream::{bulkhead::Place, circuit_breaker::Outcome, health::TargetState},
};
use bytes::Bytes;
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
    /// What came with the first byte.
    pub first: Taken,
    /// What follows.
    pub rest: Incoming,
    /// Where it goes through.
    pub passage: Passage,
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
    /// Who keeps the answer, if somebody does.
    pub keeper: Option<Keeper>,
    /// Who records the answer for the cache, if somebody does.
    pub recorder: Option<Box<Recorder>>,
}

struct Relay {
    state: Arc<State>,
    flight: Box<Flight>,
    source: Source,
    /// What came with the first byte, until it is told.
    pending: bool,
    /// The answer is complete; only the end of the connection is missing.
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
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut cut = state.cut.clone();
    let now = Instant::now();
    let relay = Box::new(Relay {
        pending: true,
        timer: Box::pin(sleep(KEEP_ALIVE.min(source.idle))),
        cut: Box::pin(async move {
            // An error means that the process is ending anyway.
            let _ = cut.wait_for(|cut| *cut).await;
        }),
        state,
        flight,
        source,
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
            if std::mem::take(&mut self.pending) {
                let first = std::mem::take(&mut self.source.first);
                let out = self.told(first);
                self.keep(&out).await;
                if !out.is_empty() {
                    return Some(out);
                }
                continue;
            }
            let out = match self.wait().await {
                Waited::Frame(Some(Ok(frame))) => self.take_frame(frame),
                Waited::Frame(Some(Err(_))) => self.fail(
                    "upstream_truncated",
                    "The provider's connection broke in the middle of the answer.",
                ),
                Waited::Frame(None) => self.end_of_stream(),
                Waited::Cut => {
                    self.fail("gateway_shutdown", "The gateway had to end before the answer did.")
                }
                Waited::Timer => self.tick(),
            };
            self.keep(&out).await;
            if !out.is_empty() {
                self.last_sent = Instant::now();
                return Some(out);
            }
        }
    }

    /// Keeps the answer before the app hears that it is complete, so that it can come back to it at once.
    async fn keep(&mut self, out: &Bytes) {
        let answered = self.source.keeper.as_ref().and_then(|keeper| keeper.answered(out));
        if let Some((keeper, object)) =
            answered.and_then(|object| Some((self.source.keeper.take()?, object)))
        {
            keeper.keep(&object).await;
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
        if self.done {
            return Bytes::new();
        }
        let taken = self.source.passage.take(data, &mut self.flight.meter);
        self.told(taken)
    }

    /// Notes how the stream stands; gives back what the app gets.
    fn told(&mut self, taken: Taken) -> Bytes {
        match taken.flow {
            Flow::Waiting | Flow::Opening | Flow::Going => self.flight.report_progress(),
            Flow::Done => {
                self.done = true;
                self.record(&taken.out);
                let meter = &self.flight.meter;
                let cost = meter.price.is_some().then(|| meter.charge().cost);
                let target = self.source.target.target.as_str();
                let out = closing::close(&self.flight, target, cost, taken.out);
                self.good();
                return out;
            }
            Flow::Broken { code, message, .. } => self.broken(code, &message),
        }
        if let Some(recorder) = &mut self.source.recorder {
            recorder.piece(&taken.out);
        }
        taken.out
    }

    /// The last piece of a complete answer: what was recorded goes into the cache, behind the app's back.
    fn record(&mut self, last: &Bytes) {
        let Some(mut recorder) = self.source.recorder.take() else { return };
        recorder.piece(last);
        let charge = self.flight.meter.charge();
        let target = self.source.target.target.to_string();
        actix_web::rt::spawn(async move {
            recorder.streamed(&target, charge.usage, charge.cost).await;
        });
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
        if silent && !self.done { self.source.passage.keep_alive() } else { Bytes::new() }
    }

    /// The connection ended; whether the answer is complete, its events say.
    fn end_of_stream(&mut self) -> Bytes {
        let taken = if self.done {
            Taken::default()
        } else {
            self.source.passage.finish(&mut self.flight.meter)
        };
        let out = self.told_at_the_end(taken);
        self.over = true;
        out
    }

    fn told_at_the_end(&mut self, taken: Taken) -> Bytes {
        if self.done { taken.out } else { self.told(taken) }
    }

    fn good(&mut self) {
        self.note(Outcome::Good);
        self.flight.end(200, None);
    }

    /// Ends the stream with an error that the app can see.
    fn fail(&mut self, code: &'static str, message: &str) -> Bytes {
        if self.done {
            self.over = true;
            return Bytes::new();
        }
        self.broken(code, message);
        self.source.passage.failure(code, message)
    }

    fn broken(&mut self, code: &str, message: &str) {
        self.over = true;
        self.source.recorder = None;
        if code != "gateway_shutdown" {
            self.note(Outcome::Bad);
            self.source.target.count_broken();
            let target = &self.source.target.target;
            tracing::warn!(request.id = %self.flight.event.id, target_name = %target, error = code, "{target} broke its answer off: {message}");
        }
        if let Some(attempt) = self.flight.attempt() {
            attempt.error = Some(code.to_owned());
        }
        self.flight.end(200, Some(code.to_owned()));
    }

    fn note(&self, outcome: Outcome) {
        let Source { target, slot, breaker, .. } = &self.source;
        target.record(&self.state.health, *slot, outcome, std::time::Instant::now(), *breaker);
    }
}
