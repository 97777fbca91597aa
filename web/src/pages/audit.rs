//! The audit log: who did what.

use crate::{
    form::Choice,
    layout::Shell,
    list::{Pager, Query},
};
use askama::Template;
use jiff::Timestamp;

/// `GET /console/audit?action=…&actor=…&cursor=…`.
#[derive(Debug, Clone, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The address of the list.
    pub query: Query,
    /// What `action` can be.
    pub actions: Vec<Choice>,
    /// Whether the chain holds.
    pub chain: Chain,
    /// The rows, newest first.
    pub rows: Vec<AuditRow>,
    /// The next page.
    pub pager: Pager,
}

/// Whether the chain of hashes holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// Nobody has checked it yet.
    Unchecked,
    /// It holds up to a row.
    Verified {
        /// The last row that was checked.
        seq: u64,
        /// When.
        at: Timestamp,
    },
    /// A row was changed or is missing.
    Broken {
        /// The first row that does not fit.
        seq: u64,
        /// When it was found.
        at: Timestamp,
    },
}

/// Something that was done.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Its number in the chain.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who, by name.
    pub actor: String,
    /// What: `api_key.created`.
    pub action: String,
    /// On what.
    pub object: String,
    /// `success`, or why not.
    pub outcome: String,
    /// Whether it was done.
    pub ok: bool,
    /// From where.
    pub ip: String,
    /// In which request.
    pub request_id: String,
    /// What changed: field, before, after.
    pub changes: Vec<Change>,
}

/// A field that changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Before; `None` if it was not there.
    pub before: Option<String>,
    /// After; `None` if it is no longer there.
    pub after: Option<String>,
}
