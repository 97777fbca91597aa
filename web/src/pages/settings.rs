//! Settings of the tenant and of the person.

use crate::{
    form::{Choice, Field},
    layout::Shell,
};
use askama::Template;
use jiff::Timestamp;

/// `GET /console/settings`. Posts:
/// `tenant_name`, `time_zone`, `etag`, `csrf` to `/console/settings`;
/// `current_password`, `new_password`, `csrf` to `/console/settings/password`;
/// `csrf` to `/console/sessions/{id}/end` and `/console/sessions/end-others`;
/// `token_name`, `token_role`, `token_expires`, `csrf`, `once` to `/console/management-tokens`.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/settings.html")]
pub struct SettingsPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The tenant's form.
    pub tenant: TenantForm,
    /// The version of the tenant that was read.
    pub etag: String,
    /// Zones to suggest.
    pub time_zones: Vec<String>,
    /// The password form.
    pub password: PasswordForm,
    /// Where the person is signed in.
    pub sessions: Vec<SessionRow>,
    /// The tenant's management tokens.
    pub tokens: Vec<TokenRow>,
    /// The form for a new one.
    pub token: TokenForm,
    /// The roles that a token may have.
    pub roles: Vec<Choice>,
    /// Names the submission of a form.
    pub once: String,
    /// The management token that was just created: shown once.
    pub created: Option<CreatedToken>,
}

/// What is asked about the tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantForm {
    /// `tenant_name`.
    pub name: Field,
    /// `time_zone`: an IANA name.
    pub time_zone: Field,
}

/// What is wrong with a change of password; what was typed is never shown again.
#[derive(Debug, Clone, Default)]
pub struct PasswordForm {
    /// Whether the person has a password, which is then asked for.
    pub has_password: bool,
    /// What is wrong with `current_password`.
    pub current_error: Option<String>,
    /// What is wrong with `new_password`.
    pub new_error: Option<String>,
}

/// A place where the person is signed in.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// From where.
    pub ip: String,
    /// With what.
    pub user_agent: String,
    /// Whether it is this one.
    pub is_this: bool,
}

/// A management token.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its last four characters.
    pub last4: String,
    /// Its role.
    pub role: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether its time is over.
    pub expired: bool,
}

/// What is asked about a management token.
#[derive(Debug, Clone, Default)]
pub struct TokenForm {
    /// `token_name`.
    pub name: Field,
    /// `token_role`.
    pub role: Field,
    /// `token_expires`: a date.
    pub expires: Field,
}

/// A management token, shown once.
#[derive(Debug, Clone)]
pub struct CreatedToken {
    /// Its name.
    pub name: String,
    /// The secret.
    pub secret: String,
}

/// `GET /console/management-tokens/{id}/revoke`; posts `name`, `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/revoke_token.html")]
pub struct RevokeTokenPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The token.
    pub token: TokenRow,
    /// The name as typed.
    pub typed: Field,
}
