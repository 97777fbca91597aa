//! Signing in: by password, by link, and setting the first password.

use crate::{form::Field, layout::Theme};
use askama::Template;

/// `GET /sign-in`; posts `email`, `password`, `next`, `csrf` to `/sign-in`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in/password.html")]
pub struct SignInPage {
    /// The theme of the cookie.
    pub theme: Theme,
    /// The CSRF token of the visit.
    pub csrf: String,
    /// Where to go afterwards; the handler checks that it is a path of ours.
    pub next: String,
    /// The address as typed.
    pub email: Field,
    /// Why it failed; the same sentence for a wrong address and a wrong password.
    pub error: Option<String>,
}

/// `GET /sign-in/link?token=…`; posts `token`, `csrf` to `/sign-in/link`.
///
/// Following the link signs nobody in: mail scanners follow links, people press buttons.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in/link.html")]
pub struct SignInLinkPage {
    /// The theme of the cookie.
    pub theme: Theme,
    /// The CSRF token of the visit.
    pub csrf: String,
    /// The link's token.
    pub token: String,
    /// Whether it still works.
    pub link: Link,
}

/// Whether a sign-in link still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It does.
    Valid {
        /// Whom it signs in.
        email: String,
        /// The tenant that it invites to, if it is an invitation.
        tenant: Option<String>,
    },
    /// It was used, is too old, or never was one.
    Expired,
}

/// `GET /set-password`; posts `password`, `csrf` to `/set-password`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in/set_password.html")]
pub struct SetPasswordPage {
    /// The theme of the cookie.
    pub theme: Theme,
    /// The session's CSRF token.
    pub csrf: String,
    /// Whose password, for password managers.
    pub email: String,
    /// What is wrong with the password.
    pub error: Option<String>,
}
