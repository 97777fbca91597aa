//! A body that never ends, line by line.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

/// A line may have this many bytes.
const LINE_MOST: usize = 64 << 20;

/// The lines of a body.
pub(super) struct Lines {
    body: Incoming,
    buffer: BytesMut,
    /// No line ends before this.
    searched: usize,
}

/// Why no further line comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    /// Nothing came for too long.
    #[error("nothing came for {} s: the connection is dead", .0.as_secs())]
    Silent(Duration),
    /// The other side closed it.
    #[error("it ended the connection")]
    Ended,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A line is above the limit.
    #[error("a line is longer than {LINE_MOST} bytes")]
    TooLong,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line without its end. `silence` is how long nothing may come; a large line may take longer.
    pub(super) async fn next(&mut self, silence: Duration) -> Result<Bytes, LineError> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let mut line = self.buffer.split_to(self.searched + at + 1);
                line.truncate(line.len() - 1);
                self.searched = 0;
                return Ok(line.freeze());
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_MOST {
                return Err(LineError::TooLong);
            }
            let frame = match tokio::time::timeout(silence, self.body.frame()).await {
                Err(_) => return Err(LineError::Silent(silence)),
                Ok(None) => return Err(LineError::Ended),
                Ok(Some(Err(error))) => return Err(LineError::Broken(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
