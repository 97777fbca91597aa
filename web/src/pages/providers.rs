//! Providers and the keys we hold for them.

use crate::{
    form::{Choice, Field, FieldError, field_errors},
    format,
    layout::Shell,
};
use askama::Template;
use jiff::Timestamp;

/// `GET /console/providers`.
#[derive(Debug, Clone, Template)]
#[template(path = "providers/list.html")]
pub struct ProvidersPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The providers.
    pub providers: Vec<ProviderRow>,
}

/// A provider with its keys.
#[derive(Debug, Clone)]
pub struct ProviderRow {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Where it is called.
    pub base_url: String,
    /// `external`, `private` or `self_hosted`.
    pub trust: String,
    /// Whether private addresses may be connected to.
    pub allow_private_network: bool,
    /// Whether it refuses calls without a key.
    pub needs_key: bool,
    /// Its keys.
    pub keys: Vec<ProviderKeyRow>,
}

/// A provider key. `POST /console/provider-keys/{id}/test` tests it; an answer to htmx is [`ProviderKeyTestFragment`].
#[derive(Debug, Clone)]
pub struct ProviderKeyRow {
    /// Its id.
    pub id: String,
    /// What can be shown of it: `sk-…9f3c`.
    pub fingerprint: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
    /// Its share of the provider's traffic.
    pub weight: u32,
    /// The last test.
    pub test: Option<ProviderKeyTest>,
}

/// What a test of a provider key found.
#[derive(Debug, Clone)]
pub struct ProviderKeyTest {
    /// When.
    pub at: Timestamp,
    /// Whether the provider accepted the key.
    pub ok: bool,
    /// How long it took.
    pub latency_ms: u64,
    /// What the provider said, in words.
    pub message: String,
}

impl ProviderKeyTest {
    /// How long it took, in words.
    pub fn latency(&self) -> String {
        format::milliseconds(self.latency_ms)
    }
}

/// The result of a test in place: answers `POST /console/provider-keys/{id}/test` when htmx asks; others get a 303
/// back to the list with a notice.
#[derive(Debug, Clone, Template)]
#[template(path = "providers/test.html")]
pub struct ProviderKeyTestFragment {
    /// What surrounds it; for times only.
    pub shell: Shell,
    /// The key, with the new test.
    pub key: ProviderKeyRow,
}

/// What is asked about a provider key and, if need be, its provider.
#[derive(Debug, Clone, Default)]
pub struct ProviderForm {
    /// `provider`: the name of an existing one, or empty for a new one.
    pub provider: Field,
    /// `name` of the new provider.
    pub name: Field,
    /// `kind` of the new provider.
    pub kind: Field,
    /// `base_url` of the new provider; empty: the kind's own.
    pub base_url: Field,
    /// `place` of the new provider: a region or location, for the kinds that have one.
    pub place: Field,
    /// `trust` of the new provider.
    pub trust: Field,
    /// `allow_private_network=on`.
    pub allow_private_network: bool,
    /// What is wrong with `secret`; the secret itself is never shown again.
    pub secret_error: Option<String>,
    /// `weight`.
    pub weight: Field,
    /// What is wrong with the whole.
    pub error: Option<String>,
}

impl ProviderForm {
    /// An empty form.
    pub fn blank() -> Self {
        Self {
            kind: "openai".into(),
            trust: "external".into(),
            weight: "1".into(),
            ..Self::default()
        }
    }

    /// All errors at fields.
    pub fn errors(&self) -> Vec<FieldError> {
        let secret = Field { value: String::new(), error: self.secret_error.clone() };
        field_errors(&[
            ("provider", &self.provider),
            ("name", &self.name),
            ("kind", &self.kind),
            ("base_url", &self.base_url),
            ("place", &self.place),
            ("trust", &self.trust),
            ("secret", &secret),
            ("weight", &self.weight),
        ])
    }
}

/// `GET /console/providers/new`; posts [`ProviderForm`], `secret`, `csrf`, `once` to `/console/providers`.
#[derive(Debug, Clone, Template)]
#[template(path = "providers/new.html")]
pub struct NewProviderPage {
    /// What surrounds it.
    pub shell: Shell,
    /// Names this submission, so that a second one creates nothing.
    pub once: String,
    /// The form.
    pub form: ProviderForm,
    /// The tenant's providers by name.
    pub providers: Vec<Choice>,
    /// The kinds that can be called.
    pub kinds: Vec<Choice>,
}

impl NewProviderPage {
    /// What `trust` can be.
    pub fn trusts(&self) -> Vec<Choice> {
        [
            ("external", "External: a company's public API"),
            ("private", "Private: a contract keeps the data apart"),
            ("self_hosted", "Self-hosted: our own servers"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .to_vec()
    }
}

/// `GET /console/provider-keys/{id}/remove`; posts `name` (the provider's), `csrf` to the same address.
#[derive(Debug, Clone, Template)]
#[template(path = "providers/remove.html")]
pub struct RemoveProviderKeyPage {
    /// What surrounds it.
    pub shell: Shell,
    /// The provider's name.
    pub provider: String,
    /// The key.
    pub key: ProviderKeyRow,
    /// How many keys the provider has left without it.
    pub keys_left: u64,
    /// The routes that use the provider.
    pub routes: Vec<String>,
    /// Requests that it served in the last 24 hours.
    pub requests_24h: u64,
    /// The name as typed.
    pub typed: Field,
}
