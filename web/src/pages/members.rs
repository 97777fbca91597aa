//! Members, invitations and teams.

use crate::{
    form::{Choice, Field},
    layout::Shell,
};
use askama::Template;
use jiff::Timestamp;

/// `GET /console/members`. Posts:
/// `role`, `csrf` to `/console/members/{id}/role`;
/// `email`, `role`, `team`, `csrf`, `once` to `/console/members/invite`;
/// `csrf` to `/console/invitations/{id}/cancel`;
/// `team_name`, `csrf`, `once` to `/console/teams`.
#[derive(Debug, Clone, Template)]
#[template(path = "members/list.html")]
pub struct MembersPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The members.
    pub members: Vec<MemberRow>,
    /// Invitations that nobody has followed yet.
    pub invitations: Vec<InvitationRow>,
    /// The teams.
    pub teams: Vec<TeamRow>,
    /// The roles that may be given.
    pub roles: Vec<Choice>,
    /// The invitation form.
    pub invite: InviteForm,
    /// `team_name` of the form for a new team.
    pub team_name: Field,
    /// Names the submission of a form.
    pub once: String,
    /// The link of the invitation that was just made: shown once.
    pub link: Option<InvitationLink>,
}

impl MembersPage {
    /// The teams as options.
    pub fn team_choices(&self) -> Vec<Choice> {
        self.teams.iter().map(|team| Choice::new(&team.id, &team.name)).collect()
    }
}

/// A member in the list.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// The member's id.
    pub id: String,
    /// Their address.
    pub email: String,
    /// Their name; may be empty.
    pub name: String,
    /// Their role.
    pub role: String,
    /// Their team.
    pub team: Option<String>,
    /// When they joined.
    pub joined_at: Timestamp,
    /// When they were last here.
    pub last_seen_at: Option<Timestamp>,
    /// Whether it is the person who looks.
    pub is_you: bool,
    /// Whether the person who looks may change or remove them.
    pub may_change: bool,
}

/// An invitation that nobody has followed yet.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// Its id.
    pub id: String,
    /// Whom it invites.
    pub email: String,
    /// The role that it gives.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// A team.
#[derive(Debug, Clone)]
pub struct TeamRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many members it has.
    pub members: u64,
    /// How many API keys it has.
    pub api_keys: u64,
}

/// What is asked about an invitation.
#[derive(Debug, Clone, Default)]
pub struct InviteForm {
    /// `email`.
    pub email: Field,
    /// `role`.
    pub role: Field,
    /// `team`: an id, or empty.
    pub team: Field,
}

/// An invitation's link, shown once.
#[derive(Debug, Clone)]
pub struct InvitationLink {
    /// Whom it invites.
    pub email: String,
    /// The whole address.
    pub url: String,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// `GET /console/members/{id}/remove`; posts `name` (the address), `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "members/remove.html")]
pub struct RemoveMemberPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The member.
    pub member: MemberRow,
    /// How many API keys are theirs, which stop working.
    pub api_keys: u64,
    /// The address as typed.
    pub typed: Field,
}
