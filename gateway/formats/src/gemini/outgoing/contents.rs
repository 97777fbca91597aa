//! The system instruction and the turns.

use super::Writing;
use crate::{
    conversation::{Format, Part, PartKind, Role, Source, Turn, alternating, fold_late_systems},
    json::{list, object},
};

impl Writing<'_> {
    /// The system instruction, and the turns as they alternate.
    pub(super) fn contents(&mut self) -> (Option<Vec<u8>>, Vec<u8>) {
        let asked = self.asked;
        let kept = asked.turns.iter().filter_map(|turn| self.kept(turn)).collect();
        let (mut systems, mut turns) = fold_late_systems(kept);
        systems.retain(|part| !part.is_blank());
        if !self.model.takes_system() && !systems.is_empty() {
            turns.insert(0, Turn::new(Role::User, std::mem::take(&mut systems)));
        }
        // A prompt that lies in the provider's cache needs no turns of its own.
        let turns = if turns.is_empty() && self.is_cached() { turns } else { alternating(turns) };
        let system = (!systems.is_empty()).then(|| self.system(systems));
        let mut out = Vec::new();
        list(&mut out, |all| {
            for turn in &turns {
                let mut written = Vec::new();
                self.turn(turn, &mut written);
                all.put_text(std::str::from_utf8(&written).unwrap_or("{}"));
            }
        });
        (system, out)
    }

    /// What the model may see of a turn; `None` if that is nothing though there was something.
    fn kept(&mut self, turn: &Turn) -> Option<Turn> {
        if turn.name.is_some() {
            self.fit.hint("name");
        }
        let parts: Vec<Part> = turn.parts.iter().filter_map(|part| self.kept_part(part)).collect();
        if parts.is_empty() && !turn.parts.is_empty() {
            return None;
        }
        let extra = if self.own { turn.extra.clone() } else { Vec::new() };
        Some(Turn { role: turn.role, parts, name: None, extra })
    }

    /// A part without what belongs to another provider: its reasoning above all.
    fn kept_part(&mut self, part: &Part) -> Option<Part> {
        if part.cache.is_some() {
            self.fit.hint("cache_control");
        }
        let kind = match &part.kind {
            PartKind::Reasoning { signature: Some(signature), .. } => {
                if signature.by != Format::Gemini || !self.model.knows_signatures() {
                    return None;
                }
                part.kind.clone()
            }
            PartKind::Reasoning { signature: None, .. } if !self.own => return None,
            PartKind::Native(by, _) if *by != Format::Gemini => return None,
            PartKind::Sealed(_) => return None,
            PartKind::Refusal(text) => PartKind::Text(text.clone()),
            PartKind::Media(media) => {
                if let Source::FileId(id) = &media.source
                    && !self.own
                    && !id.contains("://")
                {
                    self.fit.cannot(self.word("messages"), "a file in it is at another provider");
                    return None;
                }
                part.kind.clone()
            }
            kind => kind.clone(),
        };
        let extra = if self.own { part.extra.clone() } else { Vec::new() };
        Some(Part { kind, cache: None, extra })
    }

    fn system(&mut self, systems: Vec<Part>) -> Vec<u8> {
        // The members of the first turn: the app may have said a role.
        let own = self.asked.turns.first().filter(|turn| self.own && turn.role.is_system());
        let extra = own.map(|turn| turn.extra.as_slice()).unwrap_or_default();
        let mut out = Vec::new();
        let parts = self.parts(&Turn::new(Role::System, systems));
        object(&mut out, |members| {
            members.put_all(extra).put_text("parts", &parts);
        });
        out
    }

    fn turn(&mut self, turn: &Turn, out: &mut Vec<u8>) {
        let role = if turn.role == Role::Assistant { "model" } else { "user" };
        let parts = self.parts(turn);
        object(out, |members| {
            members.put("role", role).put_text("parts", &parts).put_all(&turn.extra);
        });
    }
}
