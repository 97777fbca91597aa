//! Content blocks of an answer, as events. A whole answer is read by the rules of the stream, so that both tell the same.

use crate::{
    anthropic::claude::stand_in,
    conversation::{
        Event, Fault, Format, Media, MediaKind, Part, PartKind, Signature, Source, arguments_text,
        fresh_call_id,
    },
    json::{Raw, Text},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The most bytes that are kept of blocks which are told whole: signatures, sealed reasoning, images.
const MOST_KEPT: usize = 16 << 20;

/// The most blocks that may be open at once; Bedrock opens one.
const MOST_OPEN: usize = 64;

/// `start` of a block.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    image: Option<Image<'a>>,
    #[serde(borrow)]
    tool_result: Option<&'a RawValue>,
}

/// `delta` of a block.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<Input<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ReasoningDelta<'a>>,
    #[serde(borrow)]
    image: Option<Image<'a>>,
}

/// A whole block.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ReasoningBlock<'a>>,
    #[serde(borrow)]
    image: Option<Image<'a>>,
    #[serde(borrow)]
    citations_content: Option<Cited<'a>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    /// `server_tool_use`: Bedrock runs the tool itself.
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize, Debug)]
struct Input<'a> {
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ReasoningDelta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ReasoningBlock<'a> {
    #[serde(borrow)]
    reasoning_text: Option<ReasoningDelta<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize, Debug)]
struct Image<'a> {
    #[serde(borrow)]
    format: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Bytes<'a>>,
}

#[derive(Deserialize, Debug)]
struct Bytes<'a> {
    #[serde(borrow)]
    bytes: Option<Text<'a>>,
}

/// Text with citations, which have no place in the internal form.
#[derive(Deserialize, Debug)]
struct Cited<'a> {
    #[serde(borrow, default)]
    content: Vec<Piece<'a>>,
}

#[derive(Deserialize, Debug)]
struct Piece<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// The blocks that are open, and what was seen so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Vec<(u64, Block)>,
    calls: u32,
    /// Bytes in blocks that are told whole.
    kept: usize,
}

/// An open block.
#[derive(Debug)]
enum Block {
    Text,
    Reasoning {
        signature: String,
    },
    /// In base 64.
    Sealed(String),
    Call(u32),
    /// An answer in the clothes of a call. One that has to be unwrapped is kept until it is whole.
    StandIn {
        name: &'static str,
        pieces: String,
    },
    /// In base 64.
    Image {
        format: String,
        data: String,
    },
    /// What Bedrock's own tools do.
    Ignored,
}

/// What a delta belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Sealed,
    Call,
    Image,
}

impl Blocks {
    /// Whether tools of the app were called; the one that stands for an answer is none of them.
    pub fn called(&self) -> bool {
        self.calls > 0
    }

    /// A block starts. Texts and reasoning do so without a word.
    pub fn start(
        &mut self,
        index: u64,
        start: Option<Start>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        self.stop(index, out);
        let block = match start {
            Some(Start { tool_use: Some(call), .. }) => self.call(call, out)?,
            Some(Start { image: Some(image), .. }) => {
                let format = Text::owned(image.format);
                Block::Image { format, data: String::new() }
            }
            Some(Start { tool_result: Some(_), .. }) => Block::Ignored,
            Some(_) | None => return Ok(()),
        };
        self.open(index, block)
    }

    fn call(&mut self, call: ToolUse, out: &mut Vec<Event>) -> Result<Block, Fault> {
        if Text::of(call.kind.as_ref()) == "server_tool_use" {
            return Ok(Block::Ignored);
        }
        let name = Text::owned(call.name);
        if let Some(name) = [stand_in::ANSWER, stand_in::VALUE].into_iter().find(|it| *it == name) {
            return Ok(Block::StandIn { name, pieces: String::new() });
        }
        if name.is_empty() {
            return Err(Fault::garbage());
        }
        let number = self.calls;
        self.calls += 1;
        let id = match Text::owned(call.tool_use_id) {
            id if id.is_empty() => fresh_call_id("", number as usize),
            id => id,
        };
        out.push(Event::Call { choice: 0, call: number, id, name, custom: false, signature: None });
        Ok(Block::Call(number))
    }

    fn open(&mut self, index: u64, block: Block) -> Result<(), Fault> {
        if self.open.len() >= MOST_OPEN {
            return Err(Fault::garbage());
        }
        self.open.push((index, block));
        Ok(())
    }

    /// A block grows. A delta of another kind than the open block's begins a new one.
    pub fn grow(&mut self, index: u64, delta: Delta, out: &mut Vec<Event>) -> Result<(), Fault> {
        let Delta { text, tool_use, reasoning_content, image } = delta;
        if let Some(Text(text)) = text {
            self.reach(index, Kind::Text, out)?;
            told(out, text.into_owned());
        }
        if let Some(ReasoningDelta { text, signature, redacted_content }) = reasoning_content {
            if let Some(Text(text)) = text {
                self.reach(index, Kind::Reasoning, out)?;
                if !text.is_empty() {
                    out.push(Event::Reasoning { choice: 0, text: text.into_owned() });
                }
            }
            if let Some(Text(piece)) = signature {
                self.keep(piece.len())?;
                if let Block::Reasoning { signature } = self.reach(index, Kind::Reasoning, out)? {
                    signature.push_str(&piece);
                }
            }
            if let Some(Text(piece)) = redacted_content {
                self.keep(piece.len())?;
                if let Block::Sealed(data) = self.reach(index, Kind::Sealed, out)? {
                    append_base64(data, &piece);
                }
            }
        }
        if let Some(Input { input }) = tool_use {
            self.grow_call(index, Text::owned(input), out)?;
        }
        if let Some(piece) = image.and_then(|image| image.source?.bytes) {
            self.keep(piece.0.len())?;
            if let Block::Image { data, .. } = self.reach(index, Kind::Image, out)? {
                append_base64(data, &piece.0);
            }
        }
        Ok(())
    }

    fn grow_call(&mut self, index: u64, json: String, out: &mut Vec<Event>) -> Result<(), Fault> {
        if json.is_empty() {
            return Ok(());
        }
        let size = json.len();
        match self.reach(index, Kind::Call, out)? {
            Block::Call(call) => out.push(Event::Arguments { choice: 0, call: *call, json }),
            Block::StandIn { name, .. } if *name == stand_in::ANSWER => told(out, json),
            Block::StandIn { pieces, .. } => {
                pieces.push_str(&json);
                self.keep(size)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The open block of that kind; opens one where the kind needs no start.
    fn reach(&mut self, index: u64, kind: Kind, out: &mut Vec<Event>) -> Result<&mut Block, Fault> {
        let found = self.open.iter().rposition(|(open, _)| *open == index);
        let fits = found.and_then(|at| self.open.get(at)).is_some_and(|(_, open)| open.takes(kind));
        if !fits {
            self.stop(index, out);
            let block = match kind {
                Kind::Text => Block::Text,
                Kind::Reasoning => {
                    // The words may be omitted, so that the block is told by an empty one.
                    out.push(Event::Reasoning { choice: 0, text: String::new() });
                    Block::Reasoning { signature: String::new() }
                }
                Kind::Sealed => Block::Sealed(String::new()),
                Kind::Image => Block::Image { format: String::new(), data: String::new() },
                // Nobody said which tool.
                Kind::Call => return Err(Fault::garbage()),
            };
            self.open(index, block)?;
        }
        let at = if fits { found } else { self.open.len().checked_sub(1) };
        at.and_then(|at| self.open.get_mut(at)).map(|(_, block)| block).ok_or_else(Fault::garbage)
    }

    /// A block stops.
    pub fn stop(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == index) else { return };
        match self.open.remove(at).1 {
            Block::Reasoning { signature } if !signature.is_empty() => {
                let signature = Signature::new(Format::Bedrock, signature);
                out.push(Event::Signed { choice: 0, signature });
            }
            Block::Sealed(data) => {
                let sealed = PartKind::Sealed(Signature::new(Format::Bedrock, data));
                out.push(Event::Whole { choice: 0, part: Part::new(sealed) });
            }
            Block::StandIn { name, pieces } => told(out, stand_in::answer_of(name, &pieces)),
            Block::Image { format, data } if !data.is_empty() => {
                let format = if format.is_empty() { "png" } else { format.as_str() };
                let image = PartKind::Media(Media {
                    kind: MediaKind::Image,
                    source: Source::Base64(data),
                    mime: Some(format!("image/{format}")),
                    name: None,
                    detail: None,
                });
                out.push(Event::Whole { choice: 0, part: Part::new(image) });
            }
            Block::Text
            | Block::Reasoning { .. }
            | Block::Call(_)
            | Block::Image { .. }
            | Block::Ignored => {}
        }
    }

    /// Stops what the provider left open.
    pub fn stop_all(&mut self, out: &mut Vec<Event>) {
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, out);
        }
    }

    /// A block of a whole answer.
    pub fn whole(&mut self, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), Fault> {
        let block: Whole = serde_json::from_str(raw.get()).map_err(|_| Fault::garbage())?;
        let mut delta =
            Delta { text: block.text, tool_use: None, reasoning_content: None, image: block.image };
        if let Some(reasoning) = block.reasoning_content {
            let sealed = ReasoningDelta {
                text: None,
                signature: None,
                redacted_content: reasoning.redacted_content,
            };
            delta.reasoning_content = Some(reasoning.reasoning_text.unwrap_or(sealed));
        }
        if let Some(call) = block.tool_use {
            let input = call.input.filter(|input| input.get() != "{}");
            let input = input.map(|input| Text(arguments_text(&Raw::from(input)).into()));
            let start = Start { tool_use: Some(call), image: None, tool_result: None };
            self.start(0, Some(start), out)?;
            delta.tool_use = Some(Input { input });
        }
        if let Some(image) = &delta.image {
            let format = image.format.clone();
            let image = Some(Image { format, source: None });
            self.start(0, Some(Start { tool_use: None, image, tool_result: None }), out)?;
        }
        self.grow(0, delta, out)?;
        for piece in block.citations_content.into_iter().flat_map(|cited| cited.content) {
            told(out, Text::owned(piece.text));
        }
        self.stop(0, out);
        Ok(())
    }

    fn keep(&mut self, more: usize) -> Result<(), Fault> {
        self.kept += more;
        if self.kept > MOST_KEPT {
            let message = format!("The provider sent blocks above {MOST_KEPT} bytes.");
            return Err(Fault { message, ..Fault::garbage() });
        }
        Ok(())
    }
}

impl Block {
    const fn takes(&self, kind: Kind) -> bool {
        match self {
            Self::Text => matches!(kind, Kind::Text),
            Self::Reasoning { .. } => matches!(kind, Kind::Reasoning),
            Self::Sealed(_) => matches!(kind, Kind::Sealed),
            Self::Call(_) | Self::StandIn { .. } => matches!(kind, Kind::Call),
            Self::Image { .. } => matches!(kind, Kind::Image),
            Self::Ignored => true,
        }
    }
}

fn told(out: &mut Vec<Event>, text: String) {
    if !text.is_empty() {
        out.push(Event::Text { choice: 0, text });
    }
}

/// Adds bytes that come in base 64 to others: each piece is encoded by itself, with padding at its end.
fn append_base64(data: &mut String, piece: &str) {
    if data.is_empty() || data.len().is_multiple_of(4) && !data.ends_with('=') {
        data.push_str(piece);
        return;
    }
    match (STANDARD.decode(&data), STANDARD.decode(piece)) {
        (Ok(mut bytes), Ok(more)) => {
            bytes.extend_from_slice(&more);
            *data = STANDARD.encode(bytes);
        }
        _ => data.push_str(piece),
    }
}
