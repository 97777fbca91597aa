//! The lines of the feed → batches whose signature holds. A plain machine, no I/O; `control` brings the lines,
//! `replica` makes a world of the batches.

use tollgate_contract::{
    feed::{self, Frame, TenantFeed},
    ids::TenantId,
    signing::PublicKey,
};

/// A batch may have this many bytes.
const BATCH_MOST: usize = 2 << 30;

/// One connection's lines.
#[derive(Debug)]
pub struct Intake {
    pinned: Option<PublicKey>,
    /// What the control plane signs with, once it has said so.
    key: Option<PublicKey>,
    whole: bool,
    lines: feed::Batch,
    changes: Vec<Change>,
    bytes: usize,
}

/// A change of one tenant, or of what all share.
#[derive(Debug)]
pub enum Change {
    /// It is like this now.
    Is(TenantFeed),
    /// It is gone.
    Gone(TenantId),
    /// The price book is like this now, as a document.
    PriceBook(String),
}

/// A batch whose signature holds.
#[derive(Debug)]
pub struct Batch {
    /// The world's revision with it.
    pub revision: u64,
    /// Whether it is the whole world: tenants that are not in it are gone.
    pub whole: bool,
    /// In order.
    pub changes: Vec<Change>,
    /// What it was signed with.
    pub key: PublicKey,
}

/// What a line amounts to.
#[derive(Debug)]
pub enum Heard {
    /// The greeting.
    Hello,
    /// A part of a batch.
    Part,
    /// A batch is complete.
    Batch(Box<Batch>),
    /// The control plane is at this revision.
    Heartbeat(u64),
}

/// Why a feed cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No frame.
    #[error(
        "a line of it is none that this version knows: is it a control plane of the same version?"
    )]
    Garbage,
    /// Frames out of order.
    #[error("its lines are out of order")]
    OutOfOrder,
    /// Another key than the one we know.
    #[error(
        "it signs with another key than the one that this node knows. If the control plane was really replaced, remove the \
         snapshot or give the new key with --control-public-key"
    )]
    WrongKey,
    /// The batch was changed on its way, or signed by somebody else.
    #[error("the signature of a batch does not hold")]
    BadSignature,
    /// Too much at once.
    #[error("a batch or a line is too large")]
    TooLarge,
}

impl FeedError {
    /// Whether somebody has to look into it: trying again will hardly help.
    pub const fn is_suspicious(self) -> bool {
        match self {
            Self::WrongKey | Self::BadSignature | Self::OutOfOrder => true,
            Self::Garbage | Self::TooLarge => false,
        }
    }
}

impl Intake {
    /// The start of a connection. `pinned` is the only key to be accepted, if one is known.
    pub fn new(pinned: Option<PublicKey>) -> Self {
        Self {
            pinned,
            key: None,
            whole: false,
            lines: feed::Batch::default(),
            changes: Vec::new(),
            bytes: 0,
        }
    }

    /// Takes a line, without its line end.
    pub fn line(&mut self, line: &[u8]) -> Result<Heard, FeedError> {
        let frame: Frame = serde_json::from_slice(line).map_err(|_| FeedError::Garbage)?;
        match (frame, self.key) {
            (Frame::Hello { full, public_key }, None) => {
                let key = PublicKey::from_hex(&public_key).ok_or(FeedError::Garbage)?;
                if self.pinned.is_some_and(|pinned| pinned != key) {
                    return Err(FeedError::WrongKey);
                }
                self.key = Some(key);
                self.whole = full;
                Ok(Heard::Hello)
            }
            (Frame::Tenant(feed), Some(_)) => self.part(line, Change::Is(feed)),
            (Frame::Gone { tenant }, Some(_)) => self.part(line, Change::Gone(tenant)),
            (Frame::PriceBook { document }, Some(_)) => {
                self.part(line, Change::PriceBook(document))
            }
            (Frame::Revision { revision, signature }, Some(key)) => {
                if !self.lines.verifies(revision, &signature, &key) {
                    return Err(FeedError::BadSignature);
                }
                self.bytes = 0;
                Ok(Heard::Batch(Box::new(Batch {
                    revision,
                    whole: std::mem::take(&mut self.whole),
                    changes: std::mem::take(&mut self.changes),
                    key,
                })))
            }
            (Frame::Heartbeat { revision }, Some(_)) => Ok(Heard::Heartbeat(revision)),
            (Frame::Hello { .. }, Some(_)) | (_, None) => Err(FeedError::OutOfOrder),
        }
    }

    fn part(&mut self, line: &[u8], change: Change) -> Result<Heard, FeedError> {
        self.bytes += line.len();
        if self.bytes > BATCH_MOST {
            return Err(FeedError::TooLarge);
        }
        self.lines.add(line);
        self.changes.push(change);
        Ok(Heard::Part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fixture::{self, Feed, Script};
    use tollgate_contract::signing::SigningKey;

    fn hear(intake: &mut Intake, lines: &[String]) -> Result<Vec<Heard>, FeedError> {
        lines.iter().map(|line| intake.line(line.as_bytes())).collect()
    }

    #[test]
    fn a_batch_holds_from_its_last_line_on_and_only_the_first_one_is_whole() {
        let mut script = Script::default();
        let mut intake = Intake::new(None);
        let mut lines = script.hello(true);
        lines.extend(script.batch(7, &[Feed::new("ten_a"), Feed::new("ten_b")], &[]));
        let heard = hear(&mut intake, &lines).unwrap();
        let [Heard::Hello, Heard::Part, Heard::Part, Heard::Batch(batch)] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!((batch.revision, batch.whole, batch.changes.len()), (7, true, 2));
        assert_eq!(batch.key, fixture::control_key().public());

        let lines = [script.heartbeat(7), script.batch(8, &[], &["ten_b"])].concat();
        let heard = hear(&mut intake, &lines).unwrap();
        let [Heard::Heartbeat(7), Heard::Part, Heard::Batch(batch)] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!((batch.revision, batch.whole), (8, false));
        assert!(matches!(&batch.changes[0], Change::Gone(tenant) if tenant.as_str() == "ten_b"));
    }

    #[test]
    fn what_was_changed_on_its_way_or_signed_by_another_is_refused() {
        let mut script = Script::default();
        let hello = script.hello(true);
        let good = script.batch(7, &[Feed::new("ten_a"), Feed::new("ten_b")], &[]);
        let refused = |pinned: Option<PublicKey>, lines: Vec<String>| {
            hear(&mut Intake::new(pinned), &[hello.clone(), lines].concat()).unwrap_err()
        };
        let mut changed = good.clone();
        changed[0] = changed[0].replace("ten_a", "ten_x");
        let mut renumbered = good.clone();
        renumbered[2] = renumbered[2].replace(":7", ":8");
        for lines in [changed, renumbered, good[1..].to_vec()] {
            assert_eq!(refused(None, lines), FeedError::BadSignature);
        }
        let other = SigningKey::from_seed(&[9; 32]).public();
        assert_eq!(refused(Some(other), good.clone()), FeedError::WrongKey);
        assert_eq!(hear(&mut Intake::new(None), &good).unwrap_err(), FeedError::OutOfOrder);
        assert_eq!(refused(None, hello.clone()), FeedError::OutOfOrder, "a second greeting");
        assert_eq!(refused(None, vec!["{}".to_owned()]), FeedError::Garbage);
    }
}
