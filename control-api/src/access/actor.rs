//! Who is asking.

use crate::{
    access::permission::{Permission, Role},
    error::ApiError,
    ids::{ManagementTokenId, MemberId, PersonId, TenantId},
};

/// Who is asking, in which tenant, with which role. Every change is written to the audit log in its name.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Whose data it works on.
    pub tenant: TenantId,
    /// Who.
    pub who: Who,
    /// What they may do there.
    pub role: Role,
    /// Where the request came from; empty for the command line.
    pub ip: String,
    /// The request's id.
    pub request_id: String,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person.
    Person {
        /// Which.
        id: PersonId,
        /// As which member of the tenant; an operator may be none.
        member: Option<MemberId>,
        /// How they sign in.
        email: String,
        /// Whether they run the platform.
        is_operator: bool,
    },
    /// A machine with a management token.
    Token {
        /// Which.
        id: ManagementTokenId,
        /// Its name.
        name: String,
    },
    /// Whoever has a shell where the control plane runs.
    CommandLine,
    /// A job of the control plane.
    Job(&'static str),
}

impl Actor {
    /// Whoever has a shell where the control plane runs may do everything.
    pub fn command_line(tenant: TenantId) -> Self {
        Self {
            tenant,
            who: Who::CommandLine,
            role: Role::Owner,
            ip: String::new(),
            request_id: uuid::Uuid::now_v7().to_string(),
        }
    }

    /// A stable text that names who it is: `per_…`, `mtk_…`, `command line`.
    pub fn id(&self) -> String {
        match &self.who {
            Who::Person { id, .. } => id.to_string(),
            Who::Token { id, .. } => id.to_string(),
            Who::CommandLine => "command_line".to_owned(),
            Who::Job(name) => format!("job:{name}"),
        }
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match &self.who {
            Who::Person { email, .. } => email.clone(),
            Who::Token { name, .. } => format!("token {name}"),
            Who::CommandLine => "command line".to_owned(),
            Who::Job(name) => format!("job {name}"),
        }
    }

    /// The member that is asking, if it is one.
    pub const fn member(&self) -> Option<MemberId> {
        match &self.who {
            Who::Person { member, .. } => *member,
            Who::Token { .. } | Who::CommandLine | Who::Job(_) => None,
        }
    }

    /// Whether it runs the platform.
    pub const fn is_operator(&self) -> bool {
        match &self.who {
            Who::Person { is_operator, .. } => *is_operator,
            Who::CommandLine | Who::Job(_) => true,
            Who::Token { .. } => false,
        }
    }

    /// Whether it may.
    pub fn may(&self, permission: Permission) -> bool {
        permission.allows(self.role, self.is_operator())
    }

    /// Refuses unless it may.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.may(permission) { Ok(()) } else { Err(ApiError::Forbidden) }
    }
}
