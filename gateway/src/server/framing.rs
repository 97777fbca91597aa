//! Watches the raw bytes of a connection, for actix takes some malformed requests that somebody between the app and us
//! may understand differently. What it takes for a whole head, it lets through as it is; the rest never reaches actix.
//! It also ends connections whose client does not read its answers.

mod chunks;
mod refusal;
mod scan;

pub use refusal::Refusal;
pub use scan::{HeadScanner, Refused};

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A client that takes no byte of its answer for so long is gone.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// After a refusal, so much of what the client still sends is taken in. A socket that is closed with bytes unread
/// resets the connection, and the client may never see the answer.
const LINGER_LIMIT: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;
/// No parser takes this for a part of a head.
const POISON: &[u8] = b"\0";

/// A connection whose requests are checked as they come in.
pub struct FramedIo<S> {
    io: S,
    scanner: HeadScanner,
    /// Whether anything was written, so that an answer may be half out.
    wrote: bool,
    input: Input,
    stall_limit: Duration,
    /// Armed while a write waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
}

/// What actix reads.
enum Input {
    /// What the client sends.
    Open,
    /// Nothing more; the connection is closed when actix is done.
    Ended,
    /// Nothing more; actix has nothing to say, so the refusal is said when it closes the connection.
    Refused(Refusal),
    /// The refusal is being said.
    Answering { answer: Vec<u8>, written: usize, linger: Pin<Box<Sleep>> },
    /// It was said, and what the client still sends is thrown away.
    Lingering { taken: usize, linger: Pin<Box<Sleep>> },
}

impl<S> FramedIo<S> {
    /// Wraps a fresh connection.
    pub fn new(io: S) -> Self {
        Self {
            io,
            scanner: HeadScanner::default(),
            wrote: false,
            input: Input::Open,
            stall_limit: STALL_LIMIT,
            stall: None,
        }
    }

    /// How long a client may take no byte of its answer; 30 seconds unless it is set.
    #[must_use]
    pub fn with_stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = limit;
        self
    }

    /// The connection itself.
    pub const fn get_ref(&self) -> &S {
        &self.io
    }

    /// Decides what actix gets instead of what was refused.
    fn refuse(&mut self, refusal: Refusal, buffer: &mut ReadBuf<'_>) {
        tracing::debug!(
            code = refusal.code(),
            reason = refusal.message(),
            "A malformed request was refused"
        );
        self.input = match refusal {
            // The handler is told that the body is incomplete, and answers.
            Refusal::Body(_) => Input::Ended,
            _ if !self.wrote && !self.scanner.has_passed_a_head() => Input::Refused(refusal),
            // An answer to an earlier request may be on its way. Only actix knows where it ends, so it is given
            // something that it refuses itself, in its turn and without our words.
            _ => {
                buffer.put_slice(&POISON[..POISON.len().min(buffer.remaining())]);
                Input::Ended
            }
        };
    }

    /// Turns a write that has waited too long into an error.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let limit = self.stall_limit;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        )))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FramedIo<S> {
    /// Says the refusal, closes our side, and waits a moment for the client to close its own.
    fn poll_say(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.input {
                Input::Open | Input::Ended => return Pin::new(&mut self.io).poll_shutdown(context),
                Input::Refused(refusal) => {
                    let linger = Box::pin(sleep(LINGER_LIMIT));
                    self.input = Input::Answering { answer: refusal.answer(), written: 0, linger };
                }
                Input::Answering { answer, written, linger } => {
                    if linger.as_mut().poll(context).is_ready() {
                        return Poll::Ready(Ok(()));
                    }
                    if *written < answer.len() {
                        match ready!(
                            Pin::new(&mut self.io).poll_write(context, &answer[*written..])
                        )? {
                            0 => return Poll::Ready(Ok(())),
                            more => *written += more,
                        }
                        continue;
                    }
                    ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
                    let linger = Box::pin(sleep(LINGER_LIMIT));
                    self.input = Input::Lingering { taken: 0, linger };
                }
                Input::Lingering { taken, linger } => {
                    let mut scratch = [0; 4096];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let over =
                        linger.as_mut().poll(context).is_ready() || *taken > LINGER_BYTES_MAX;
                    if over
                        || ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer)).is_err()
                    {
                        return Poll::Ready(Ok(()));
                    }
                    if buffer.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    *taken += buffer.filled().len();
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FramedIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !matches!(this.input, Input::Open) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        if let Err(Refused { keep, refusal }) = this.scanner.push(&buffer.filled()[before..]) {
            buffer.set_filled(before + keep);
            this.refuse(refusal, buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FramedIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wrote = true;
        let outcome = Pin::new(&mut this.io).poll_write(context, bytes);
        this.watch(context, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wrote = true;
        let outcome = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(context);
        this.watch(context, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A timeout may have been answered between the refusal and the end.
        if this.wrote && matches!(this.input, Input::Refused(_)) {
            this.input = Input::Ended;
        }
        this.poll_say(context)
    }
}

#[cfg(test)]
mod tests;
