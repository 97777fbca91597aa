//! Cache breakpoints: where they may stand, and how many of them.

use serde_json::Value;

use super::super::fields::{Fields, join};
use super::errors::MessagesError;

const BREAKPOINTS_MAX: usize = 4;

/// The breakpoints of a request so far, in the order in which the prompt is cached: tools, system,
/// messages.
#[derive(Debug, Default)]
pub struct Breakpoints {
    count: usize,
    short_seen: bool,
}

impl Breakpoints {
    /// Takes the `cache_control` of a block, if it has one.
    pub fn take(&mut self, control: Option<&Value>, path: &str) -> Result<(), MessagesError> {
        let Some(control) = control.filter(|control| !control.is_null()) else { return Ok(()) };
        let path = join(path, "cache_control");
        let fields = Fields::of(control, &path)?;
        fields.only(&["type", "ttl"])?;
        fields.required_word("type", &["ephemeral"])?;
        let long = fields.word("ttl", &["5m", "1h"])? == Some("1h");
        if long && self.short_seen {
            let message = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.";
            return Err(fields.wrong("ttl", message).into());
        }
        self.short_seen |= !long;
        self.count += 1;
        Ok(())
    }

    /// Checks that there are not too many.
    pub fn check(&self) -> Result<(), MessagesError> {
        if BREAKPOINTS_MAX < self.count {
            let message = format!(
                "A maximum of {BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {}.",
                self.count
            );
            return Err(MessagesError::invalid(message));
        }
        Ok(())
    }
}
