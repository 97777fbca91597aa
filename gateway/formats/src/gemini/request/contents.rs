//! Turns, and which result belongs to which call.

use super::{part, synthetic_id};
use crate::{
    conversation::{Format, Part, PartKind, Role, Signature, Turn},
    json::Members,
    mistake::Mistake,
};
use serde_json::value::RawValue;

/// Reads `contents`: a list of turns; one turn, or a text, is taken for a list of it.
pub(super) fn read(body: &mut Members) -> Result<Vec<Turn>, Mistake> {
    let Some(contents) = body.peek("contents") else { return Ok(Vec::new()) };
    let mut calls = Calls::default();
    if !contents.get().starts_with('[') {
        body.take("contents");
        return Ok(vec![turn("contents", contents, Role::User, &mut calls)?]);
    }
    let mut turns = Vec::new();
    for (path, content) in body.list("contents")?.unwrap_or_default() {
        turns.push(turn(&path, content, Role::User, &mut calls)?);
    }
    rejoin(&mut turns);
    Ok(turns)
}

/// Reads one turn; `default` is whose it is where it does not say so.
pub(super) fn turn(
    path: &str,
    content: &RawValue,
    default: Role,
    calls: &mut Calls,
) -> Result<Turn, Mistake> {
    if content.get().starts_with('"') {
        let text: String = serde_json::from_str(content.get())
            .map_err(|_| Mistake::wrong_type(path, "an object"))?;
        return Ok(Turn::new(default, vec![Part::text(text)]));
    }
    let mut members = Members::of(path, content)?;
    let role = match (members.peek_str("role").as_deref(), default) {
        // An instruction's role says nothing, so it is only carried.
        (_, Role::System) => Role::System,
        (None | Some("" | "user" | "function" | "tool"), _) => Role::User,
        (Some("model" | "assistant"), _) => Role::Assistant,
        (Some("system"), _) => Role::System,
        (Some(other), _) => {
            let message = format!("The role must be `user` or `model`, not `{other}`.");
            return Err(Mistake::invalid(&members.path_of("role"), message));
        }
    };
    if default != Role::System {
        members.take("role");
    }
    calls.speaks(role);
    let mut parts = Vec::new();
    if members.peek("parts").is_some_and(|parts| parts.get().starts_with('{')) {
        let path = members.path_of("parts");
        if let Some(only) = members.take("parts") {
            parts.push(part::read(&path, only, calls)?);
        }
    } else {
        for (path, entry) in members.list("parts")?.unwrap_or_default() {
            parts.push(part::read(&path, entry, calls)?);
        }
    }
    Ok(Turn { extra: members.rest(), ..Turn::new(role, parts) })
}

/// Pairs results with calls. Ids are newer than the format: without them a result belongs to the first call of its name
/// that has none yet.
#[derive(Default)]
pub(super) struct Calls {
    issued: usize,
    open: Vec<(String, String)>,
    model_spoke: bool,
}

impl Calls {
    fn speaks(&mut self, role: Role) {
        let model = role == Role::Assistant;
        if model && !self.model_spoke {
            self.open.clear();
        }
        self.model_spoke = model;
    }

    /// The id of a call, and the signature that it may carry.
    pub(super) fn call(
        &mut self,
        given: Option<String>,
        name: &str,
    ) -> (String, Option<Signature>) {
        let (id, signature) = match given.filter(|id| !id.is_empty()) {
            Some(id) => Signature::out_of_id(&id),
            None => (synthetic_id(self.issued), None),
        };
        self.issued += 1;
        self.open.push((id.clone(), name.to_owned()));
        (id, signature)
    }

    /// The id of the call that a result belongs to.
    pub(super) fn result(&mut self, given: Option<String>, name: Option<&str>) -> String {
        let given = given.filter(|id| !id.is_empty()).map(|id| Signature::out_of_id(&id).0);
        let by_id = self.open.iter().position(|(id, _)| given.as_ref() == Some(id));
        let by_name = || self.open.iter().position(|(_, called)| name == Some(called));
        match by_id.or_else(by_name) {
            Some(at) => self.open.remove(at).0,
            None => given.unwrap_or_else(|| {
                self.issued += 1;
                synthetic_id(self.issued - 1)
            }),
        }
    }
}

/// A provider of another format wants its reasoning back in one piece with its signature. Apps have it in the pieces of
/// the stream: thoughts in some parts, some turns even, and the signature in the last.
fn rejoin(turns: &mut Vec<Turn>) {
    let mut at = 0;
    while at < turns.len() {
        let mut place = 0;
        while turns.get(at).is_some_and(|turn| place < turn.parts.len()) {
            if is_foreign(turns, at, place) {
                let text = thoughts_before(turns, &mut at, &mut place);
                if let Some(PartKind::Reasoning { text: last, .. }) = kind(turns, at, place) {
                    last.insert_str(0, &text);
                }
            }
            place += 1;
        }
        at += 1;
    }
}

fn kind(turns: &mut [Turn], at: usize, place: usize) -> Option<&mut PartKind> {
    Some(&mut turns.get_mut(at)?.parts.get_mut(place)?.kind)
}

fn is_foreign(turns: &[Turn], at: usize, place: usize) -> bool {
    let part = turns.get(at).and_then(|turn| turn.parts.get(place));
    matches!(
        part.map(|part| &part.kind),
        Some(PartKind::Reasoning { signature: Some(signature), .. }) if signature.by != Format::Gemini
    )
}

/// Takes out the unsigned thoughts just before a part, and moves its place along.
fn thoughts_before(turns: &mut Vec<Turn>, at: &mut usize, place: &mut usize) -> String {
    let mut pieces: Vec<String> = Vec::new();
    loop {
        if *place > 0 {
            let parts = &mut turns[*at].parts;
            let PartKind::Reasoning { text, signature: None } = &mut parts[*place - 1].kind else {
                break;
            };
            pieces.push(std::mem::take(text));
            parts.remove(*place - 1);
            *place -= 1;
            continue;
        }
        let Some(before) = at.checked_sub(1) else { break };
        let thinking = turns[before].role == Role::Assistant
            && turns[before].parts.last().is_some_and(|part| {
                matches!(part.kind, PartKind::Reasoning { signature: None, .. })
            });
        if !thinking || turns[*at].role != Role::Assistant {
            break;
        }
        // The turns become one, with the thoughts in its middle.
        let mut rest = std::mem::take(&mut turns[*at].parts);
        turns.remove(*at);
        *at = before;
        *place = turns[before].parts.len();
        turns[before].parts.append(&mut rest);
    }
    pieces.reverse();
    pieces.concat()
}
