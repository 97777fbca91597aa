//! A stream on its way from a provider to an app: cut into events, metered, and where the two speak different formats
//! translated. Knows no clock and no network.

mod openai;
mod raw;
mod translated;

use crate::{
    dispatch::Reading,
    formats::{bedrock::frames, conversation::Format, sse},
    meter::Meter,
};
use bytes::Bytes;

/// A stream under way.
pub struct Passage(Kind);

enum Kind {
    Openai(openai::Openai),
    Translated(Box<translated::Translated>),
    /// Sounds and images: the bytes pass, and an end is an end.
    Raw(Box<raw::Raw>),
}

/// What came of some bytes.
#[derive(Debug, Default)]
pub struct Taken {
    /// What the app gets.
    pub out: Bytes,
    /// How the stream stands.
    pub flow: Flow,
}

/// How a stream stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Nothing but comments came so far.
    #[default]
    Waiting,
    /// It has begun, but brought nothing yet that an app would show: it can still go on to another target.
    Opening,
    /// It goes on.
    Going,
    /// It is complete.
    Done,
    /// It broke; `out` ends with what the app is told of it.
    Broken {
        /// The stable word.
        code: &'static str,
        /// The provider's words, or ours.
        message: String,
        /// Whether the provider said it itself.
        reported: bool,
    },
}

impl Passage {
    /// A stream that is read as the dispatch says. `include_usage`: whether the app asked for the usage at the end.
    pub fn new(reading: Reading, include_usage: bool) -> Self {
        Self(match reading {
            Reading::Openai => Kind::Openai(openai::Openai::new(include_usage)),
            Reading::Same(format) => {
                Kind::Translated(Box::new(translated::Translated::same(format)))
            }
            Reading::Translated(translation) => {
                Kind::Translated(Box::new(translated::Translated::between(*translation)))
            }
            Reading::Media { told, .. } => Kind::Raw(Box::new(raw::Raw::new(*told))),
            Reading::Embeddings(_) | Reading::Rerank(_) | Reading::Counted(_) => {
                Kind::Raw(Box::new(raw::Raw::new(Default::default())))
            }
        })
    }

    /// Takes bytes of the provider.
    pub fn take(&mut self, bytes: Bytes, meter: &mut Meter) -> Taken {
        match &mut self.0 {
            Kind::Openai(openai) => openai.take(bytes, meter),
            Kind::Translated(translated) => translated.take(bytes, meter),
            Kind::Raw(raw) => raw.take(bytes, meter),
        }
    }

    /// The provider's connection has ended well; whether the answer has, its events say.
    pub fn finish(&mut self, meter: &mut Meter) -> Taken {
        match &mut self.0 {
            Kind::Openai(openai) => openai.finish(meter),
            Kind::Translated(translated) => translated.finish(meter),
            Kind::Raw(_) => Taken { out: Bytes::new(), flow: Flow::Done },
        }
    }

    /// What the app is told of a failure that the provider's bytes do not tell.
    pub fn failure(&mut self, code: &'static str, message: &str) -> Bytes {
        match &mut self.0 {
            Kind::Openai(_) => crate::formats::openai_chat::error::event(code, message).into(),
            Kind::Translated(translated) => translated.failure(code, message),
            Kind::Raw(_) => Bytes::new(),
        }
    }

    /// What the app gets while the provider is silent.
    pub fn keep_alive(&mut self) -> Bytes {
        match &mut self.0 {
            Kind::Openai(_) => Bytes::from_static(b": keep-alive\n\n"),
            Kind::Translated(translated) => translated.keep_alive(),
            Kind::Raw(_) => Bytes::new(),
        }
    }

    /// The content type of what the app gets; `None`: the provider's.
    pub fn content_type(&self) -> Option<&'static str> {
        match &self.0 {
            Kind::Translated(translated) => Some(translated.content_type()),
            Kind::Openai(_) | Kind::Raw(_) => None,
        }
    }
}

/// How a provider cuts its stream into events.
enum Framing {
    Events(sse::Splitter),
    Frames(frames::Frames),
}

impl Framing {
    fn of(format: Format) -> Self {
        match format {
            Format::Bedrock => Self::Frames(frames::Frames::default()),
            _ => Self::Events(sse::Splitter::default()),
        }
    }
}

/// The broken flow of a garbled stream.
fn garbage() -> Flow {
    Flow::Broken {
        code: "upstream_garbage",
        message: "The provider sent something that is no answer.".to_owned(),
        reported: false,
    }
}
