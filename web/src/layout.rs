//! What surrounds a page: who is signed in, where they can go, how it looks.

use crate::format::{self, Printable, Time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// What every page of a signed-in person needs besides its own content.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The tenant that is looked at; an operator may look at none.
    pub tenant: Option<TenantRef>,
    /// The tenants that the person may switch to.
    pub tenants: Vec<TenantRef>,
    /// The person's e-mail address.
    pub person: String,
    /// Their role in the tenant; empty without one.
    pub role: String,
    /// Whether the operator area is shown.
    pub is_operator: bool,
    /// Where the page is in the navigation.
    pub active: Nav,
    /// The session's CSRF token, in every form as `csrf`.
    pub csrf: String,
    /// The theme that the person chose.
    pub theme: Theme,
    /// What the last act led to.
    pub notice: Option<Notice>,
    /// What the person may see and do here. The handlers decide; pages only hide what would be refused.
    pub may: May,
    /// The zone that exact times are shown in.
    pub zone: TimeZone,
    /// The time of this answer.
    pub now: Timestamp,
    /// The page's own path and query, to come back to after a change of theme.
    pub here: String,
}

impl Shell {
    /// A moment, relative to now.
    pub fn time(&self, at: impl Printable<Timestamp>) -> Time {
        Time::new(at.value(), self.now, &self.zone)
    }

    /// The end of something that lives through its last day: midnight belongs to the day before.
    pub fn end(&self, at: impl Printable<Timestamp>) -> Time {
        let last = at.value().saturating_sub(SignedDuration::from_millis(1)).unwrap_or(at.value());
        Time::new(last, self.now, &self.zone)
    }

    /// A moment in full, in the viewer's zone.
    pub fn exact(&self, at: impl Printable<Timestamp>) -> String {
        format::exact(at.value(), &self.zone)
    }

    /// The navigation, as far as the person may see it.
    pub fn nav(&self) -> Vec<NavItem> {
        Nav::ALL
            .into_iter()
            .filter(|nav| self.shows(*nav))
            .map(|nav| NavItem { nav, current: nav == self.active })
            .collect()
    }

    fn shows(&self, nav: Nav) -> bool {
        let in_tenant = self.tenant.is_some();
        match nav {
            Nav::Overview | Nav::ApiKeys | Nav::Routes | Nav::Health | Nav::Budgets => in_tenant,
            Nav::Providers => in_tenant && self.may.see_providers,
            Nav::Requests => in_tenant && self.may.see_requests,
            Nav::Audit => in_tenant && self.may.see_audit,
            Nav::Members => in_tenant && self.may.see_members,
            Nav::Settings => true,
            Nav::OperatorTenants | Nav::OperatorNodes => self.is_operator,
        }
    }
}

/// What the person may see and do in the tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct May {
    /// Create, change, rotate and revoke API keys.
    pub manage_api_keys: bool,
    /// Create, change and delete budgets.
    pub manage_budgets: bool,
    /// See providers.
    pub see_providers: bool,
    /// Add, test and remove provider keys.
    pub manage_providers: bool,
    /// See the log of requests.
    pub see_requests: bool,
    /// See the audit log.
    pub see_audit: bool,
    /// See members and teams.
    pub see_members: bool,
    /// Invite and remove members, create teams.
    pub manage_members: bool,
    /// Change the tenant and its management tokens.
    pub manage_tenant: bool,
}

impl May {
    /// Everything, as an owner may.
    pub const ALL: Self = Self {
        manage_api_keys: true,
        manage_budgets: true,
        see_providers: true,
        manage_providers: true,
        see_requests: true,
        see_audit: true,
        see_members: true,
        manage_members: true,
        manage_tenant: true,
    };
}

/// A tenant to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRef {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What an act led to, above the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How good it is.
    pub kind: NoticeKind,
    /// A sentence.
    pub text: String,
}

/// How good a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// It was done.
    Success,
    /// It was done, but.
    Warning,
    /// It was not done.
    Error,
}

impl NoticeKind {
    /// The class that colours it.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Success => "ok",
            Self::Warning => "warn",
            Self::Error => "bad",
        }
    }
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system is.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// The name in the cookie and in the form's field `theme`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of that name; `Auto` for anything else.
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.name() == name).unwrap_or_default()
    }

    /// What the switch calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "System theme",
            Self::Light => "Light theme",
            Self::Dark => "Dark theme",
        }
    }

    /// Its icon.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Auto => "monitor",
            Self::Light => "sun",
            Self::Dark => "moon",
        }
    }
}

/// A place in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nav {
    /// Spend, requests, errors.
    Overview,
    /// The log of requests.
    Requests,
    /// API keys.
    ApiKeys,
    /// Budgets.
    Budgets,
    /// Routes.
    Routes,
    /// Providers and their keys.
    Providers,
    /// How targets do now.
    Health,
    /// Members and teams.
    Members,
    /// Who did what.
    Audit,
    /// The tenant and the person.
    Settings,
    /// All tenants.
    OperatorTenants,
    /// Gateway nodes.
    OperatorNodes,
}

impl Nav {
    /// All, in their order.
    pub const ALL: [Self; 12] = [
        Self::Overview,
        Self::Requests,
        Self::ApiKeys,
        Self::Budgets,
        Self::Routes,
        Self::Providers,
        Self::Health,
        Self::Members,
        Self::Audit,
        Self::Settings,
        Self::OperatorTenants,
        Self::OperatorNodes,
    ];
}

/// A link of the navigation.
#[derive(Debug, Clone, Copy)]
pub struct NavItem {
    nav: Nav,
    /// Whether it leads to the page that is shown.
    pub current: bool,
}

impl NavItem {
    /// What it reads.
    pub const fn label(&self) -> &'static str {
        match self.nav {
            Nav::Overview => "Overview",
            Nav::Requests => "Requests",
            Nav::ApiKeys => "API keys",
            Nav::Budgets => "Budgets",
            Nav::Routes => "Routes",
            Nav::Providers => "Providers",
            Nav::Health => "Health",
            Nav::Members => "Members",
            Nav::Audit => "Audit",
            Nav::Settings => "Settings",
            Nav::OperatorTenants => "Tenants",
            Nav::OperatorNodes => "Nodes",
        }
    }

    /// Where it leads.
    pub const fn href(&self) -> &'static str {
        match self.nav {
            Nav::Overview => "/console",
            Nav::Requests => "/console/requests",
            Nav::ApiKeys => "/console/api-keys",
            Nav::Budgets => "/console/budgets",
            Nav::Routes => "/console/routes",
            Nav::Providers => "/console/providers",
            Nav::Health => "/console/health",
            Nav::Members => "/console/members",
            Nav::Audit => "/console/audit",
            Nav::Settings => "/console/settings",
            Nav::OperatorTenants => "/operator/tenants",
            Nav::OperatorNodes => "/operator/nodes",
        }
    }

    /// Its icon.
    pub const fn icon(&self) -> &'static str {
        match self.nav {
            Nav::Overview => "chart",
            Nav::Requests => "list",
            Nav::ApiKeys => "key",
            Nav::Budgets => "wallet",
            Nav::Routes => "route",
            Nav::Providers => "plug",
            Nav::Health => "pulse",
            Nav::Members => "people",
            Nav::Audit => "shield",
            Nav::Settings => "gear",
            Nav::OperatorTenants => "building",
            Nav::OperatorNodes => "server",
        }
    }

    /// The letter after `g` that leads there.
    pub const fn shortcut(&self) -> &'static str {
        match self.nav {
            Nav::Overview => "o",
            Nav::Requests => "l",
            Nav::ApiKeys => "k",
            Nav::Budgets => "b",
            Nav::Routes => "r",
            Nav::Providers => "p",
            Nav::Health => "h",
            Nav::Members => "m",
            Nav::Audit => "a",
            Nav::Settings => "s",
            Nav::OperatorTenants => "t",
            Nav::OperatorNodes => "n",
        }
    }

    /// The heading that starts above it.
    pub const fn heading(&self) -> Option<&'static str> {
        match self.nav {
            Nav::ApiKeys => Some("Access and spend"),
            Nav::Routes => Some("Traffic"),
            Nav::Members => Some("Tenant"),
            Nav::OperatorTenants => Some("Operator"),
            Nav::Overview
            | Nav::Requests
            | Nav::Budgets
            | Nav::Providers
            | Nav::Health
            | Nav::Audit
            | Nav::Settings
            | Nav::OperatorNodes => None,
        }
    }
}
