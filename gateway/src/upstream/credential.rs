//! From a provider key's secret to what a call carries.

use super::google_token::TokenSource;
use crate::formats::bedrock::sigv4::Credentials;
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use std::{fmt, sync::Arc};
use tollgate_contract::{
    provider::{Auth, Provider},
    secret::Secret,
};

/// How a call of a provider is authenticated.
#[derive(Default)]
pub enum Credential {
    /// Not at all: the provider wants none.
    #[default]
    None,
    /// By a header that is never printed.
    Header(HeaderName, HeaderValue),
    /// By AWS's signature of each request.
    Aws {
        /// What to sign with.
        credentials: Credentials,
        /// For which region.
        region: String,
    },
    /// By a token that Google gives for a service account.
    Google(Arc<TokenSource>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Header(..) => "Header",
            Self::Aws { .. } => "Aws",
            Self::Google(_) => "Google",
        })
    }
}

/// An AWS key as one secret.
#[derive(Deserialize)]
struct AwsKey {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: Option<String>,
}

impl Credential {
    /// Reads a secret as the provider's kind takes it; `None` if nothing can be made of it, and then no call may go
    /// out with it.
    pub fn of(provider: &Provider, secret: &str) -> Option<Self> {
        let is_document = secret.trim_start().starts_with('{');
        match provider.kind.auth() {
            Auth::Aws if is_document => aws(provider, secret),
            Auth::GoogleServiceAccount if is_document => {
                Some(Self::Google(Arc::new(TokenSource::of(secret)?)))
            }
            Auth::Bearer | Auth::Aws => bearer(secret),
            Auth::XApiKey => plain("x-api-key", secret),
            Auth::ApiKey => plain("api-key", secret),
            Auth::XGoogApiKey | Auth::GoogleServiceAccount => plain("x-goog-api-key", secret),
            Auth::None => Some(Self::None),
        }
    }

    /// The Google Cloud project that the key belongs to, if it says so.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Google(source) => source.project(),
            _ => None,
        }
    }
}

fn aws(provider: &Provider, secret: &str) -> Option<Credential> {
    let key: AwsKey = serde_json::from_str(secret).ok()?;
    let region = key.region.or_else(|| provider.region.clone())?;
    let credentials = Credentials {
        access_key_id: key.access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: key.session_token,
    };
    Some(Credential::Aws { credentials, region })
}

fn plain(name: &'static str, secret: &str) -> Option<Credential> {
    let mut value = HeaderValue::from_str(secret).ok()?;
    value.set_sensitive(true);
    Some(Credential::Header(HeaderName::from_static(name), value))
}

/// A bearer token as a header that is never printed.
pub fn bearer(secret: &str) -> Option<Credential> {
    // Long enough from the start: a text that grows leaves pieces of itself behind.
    let mut text = String::with_capacity("Bearer ".len() + secret.len());
    text.push_str("Bearer ");
    text.push_str(secret);
    let text = Secret::new(text);
    let mut value = HeaderValue::from_str(text.expose()).ok()?;
    value.set_sensitive(true);
    Some(Credential::Header(header::AUTHORIZATION, value))
}
