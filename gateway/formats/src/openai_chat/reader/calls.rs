//! Tool calls of a streamed choice, put together from pieces that may lack their index, id or name.

use crate::{
    conversation::{Event, Fault, Signature, fresh_call_id},
    json::Members,
    openai_chat::{
        request::google_signature,
        wire::{self, Call, Function},
    },
};

/// The calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    slots: Vec<Slot>,
    /// How many were told.
    told: u32,
    /// Bytes that wait for a name.
    waiting: usize,
}

#[derive(Debug, Default)]
struct Slot {
    index: Option<u64>,
    id: Option<String>,
    /// The number under which it was told.
    number: Option<u32>,
    custom: bool,
    /// Arguments that came before the name.
    early: String,
    balance: Balance,
    /// Whether the delta that is being read has a piece of it.
    touched: bool,
}

/// A piece of a call.
#[derive(Default)]
struct Piece {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
    custom: bool,
    signature: Option<Signature>,
}

/// The index of the one call of the older `function_call`.
const LEGACY: u64 = u64::MAX;

impl Calls {
    /// More calls than any model makes in one answer.
    const MOST: usize = 1024;
    /// Bytes that may wait for a name.
    const MOST_WAITING: usize = 1 << 20;

    /// Whether any was told.
    pub(super) const fn any(&self) -> bool {
        self.told > 0
    }

    /// Takes the `tool_calls` of a delta.
    pub(super) fn take(
        &mut self,
        raw: &str,
        choice: u32,
        answer_id: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let calls: Vec<Call> = serde_json::from_str(raw).map_err(|_| Fault::garbage())?;
        self.slots.iter_mut().for_each(|slot| slot.touched = false);
        for call in calls {
            self.put(piece_of(call), choice, answer_id, out)?;
        }
        Ok(())
    }

    /// Takes the older `function_call` of a delta.
    pub(super) fn take_legacy(
        &mut self,
        raw: &str,
        choice: u32,
        answer_id: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let called: Function = serde_json::from_str(raw).map_err(|_| Fault::garbage())?;
        let piece = Piece {
            index: Some(LEGACY),
            name: wire::words(called.name),
            arguments: wire::arguments(called.arguments),
            ..Piece::default()
        };
        self.put(piece, choice, answer_id, out)
    }

    fn put(
        &mut self,
        piece: Piece,
        choice: u32,
        answer_id: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let at = match self.place_of(&piece) {
            Some(at) => at,
            None if self.slots.len() >= Self::MOST => return Err(Fault::garbage()),
            None => {
                self.slots.push(Slot { index: piece.index, ..Slot::default() });
                self.slots.len() - 1
            }
        };
        let taken = |id: &String| {
            let others = self.slots.iter().enumerate().filter(|(other, _)| *other != at);
            others.into_iter().any(|(_, slot)| slot.id.as_ref() == Some(id))
        };
        let id = piece.id.filter(|id| !taken(id));
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        slot.touched = true;
        slot.custom |= piece.custom;
        slot.balance.take(&piece.arguments);
        if slot.number.is_none() {
            slot.id = slot.id.take().or(id);
        }
        if let (None, Some(name)) = (slot.number, piece.name) {
            let call = self.told;
            self.told += 1;
            slot.number = Some(call);
            // Unique in the answer, whatever number of choices it has.
            let number = choice as usize * Self::MOST + call as usize;
            let id = slot.id.get_or_insert_with(|| fresh_call_id(answer_id, number)).clone();
            let (custom, signature) = (slot.custom, piece.signature);
            out.push(Event::Call { choice, call, id, name, custom, signature });
            let early = std::mem::take(&mut slot.early);
            self.waiting -= early.len();
            if !early.is_empty() {
                out.push(Event::Arguments { choice, call, json: early });
            }
        }
        match slot.number {
            _ if piece.arguments.is_empty() => {}
            Some(call) => out.push(Event::Arguments { choice, call, json: piece.arguments }),
            None => {
                self.waiting += piece.arguments.len();
                slot.early.push_str(&piece.arguments);
            }
        }
        if self.waiting > Self::MOST_WAITING { Err(Fault::garbage()) } else { Ok(()) }
    }

    /// Which call a piece belongs to; `None`: a new one.
    fn place_of(&self, piece: &Piece) -> Option<usize> {
        let last = self.slots.len().checked_sub(1)?;
        let with_id = |id: &str| self.slots.iter().position(|slot| slot.id.as_deref() == Some(id));
        if let Some(index) = piece.index {
            let at = self.slots.iter().rposition(|slot| slot.index == Some(index))?;
            let other = match (&piece.id, self.slots.get(at).and_then(|slot| slot.id.as_ref())) {
                (Some(new), Some(old)) => new != old,
                _ => false,
            };
            // Some servers number every call 0; a further id with a name begins a further call.
            return (!(other && piece.name.is_some())).then_some(at);
        }
        if let Some(id) = &piece.id {
            let known = with_id(id);
            let late =
                || self.slots.get(last).is_some_and(|slot| slot.id.is_none()).then_some(last);
            return known.or_else(|| if piece.name.is_none() { late() } else { None });
        }
        let slot = self.slots.get(last)?;
        let over = slot.touched || (slot.number.is_some() && slot.balance.is_whole());
        (!(piece.name.is_some() && over)).then_some(last)
    }

    /// The choice is over. A call that never got a name is none.
    pub(super) fn end(&self) -> Result<(), Fault> {
        let nameless = |slot: &Slot| slot.number.is_none() && !slot.early.trim().is_empty();
        if self.slots.iter().any(nameless) { Err(Fault::garbage()) } else { Ok(()) }
    }
}

fn piece_of(call: Call) -> Piece {
    let custom = call.custom.as_ref().is_some_and(|custom| {
        wire::given(custom.name).is_some() || wire::given(custom.input).is_some()
    });
    let (name, arguments) = match (call.custom, call.function) {
        (Some(called), _) if custom => (called.name, called.input),
        (_, Some(called)) => (called.name, called.arguments),
        _ => (None, None),
    };
    let signature = call.extra_content.and_then(|content| {
        let holder = format!("{{\"extra_content\":{}}}", content.get());
        Members::of_text(&holder).and_then(|mut members| google_signature(&mut members))
    });
    Piece {
        index: wire::number(call.index),
        id: wire::words(call.id),
        name: wire::words(name),
        arguments: wire::arguments(arguments),
        custom,
        signature,
    }
}

/// Whether a JSON text that comes in pieces is whole.
#[derive(Debug, Default)]
struct Balance {
    depth: usize,
    began: bool,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    fn take(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.began = true;
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    const fn is_whole(&self) -> bool {
        self.began && self.depth == 0
    }
}
