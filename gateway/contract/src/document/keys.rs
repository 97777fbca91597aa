//! Entries of a provider's `keys`: a secret, or several that make one.

use super::{
    At, SecretRef,
    reader::{Item, Section},
};
use crate::{provider::ProviderKind, secret::Secret};
use serde::Serialize;

/// An entry of a provider's `keys`.
#[derive(Debug, Clone)]
pub struct ProviderKeyEntry {
    /// Where the secret is.
    pub secret: KeyRef,
    /// Its share of the traffic.
    pub weight: u32,
    /// Its key in the document, for messages.
    pub place: At<()>,
}

/// Where a provider key is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// One secret: a key, or a whole document such as a service account's.
    Secret(SecretRef),
    /// An AWS key, in parts.
    Aws(AwsKeyRef),
}

/// The parts of an AWS key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKeyRef {
    /// The key's id.
    pub access_key_id: SecretRef,
    /// The key itself.
    pub secret_access_key: SecretRef,
    /// What belongs to temporary credentials.
    pub session_token: Option<SecretRef>,
    /// What it signs for; absent: the provider's region.
    pub region: Option<String>,
}

impl KeyRef {
    /// The one text that stands for the key from here on: it is sealed, sent and stored as any other secret. An AWS key
    /// becomes the JSON `{"access_key_id":…,"secret_access_key":…,"session_token":…,"region":…}`.
    pub fn resolve(
        &self,
        fetch: &mut dyn FnMut(&SecretRef) -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        #[derive(Serialize)]
        struct Whole<'w> {
            access_key_id: &'w str,
            secret_access_key: &'w str,
            #[serde(skip_serializing_if = "Option::is_none")]
            session_token: Option<&'w str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            region: Option<&'w str>,
        }
        let aws = match self {
            Self::Secret(reference) => return fetch(reference),
            Self::Aws(aws) => aws,
        };
        let id = fetch(&aws.access_key_id)?;
        let key = fetch(&aws.secret_access_key)?;
        let token = aws.session_token.as_ref().map(fetch).transpose()?;
        let whole = Whole {
            access_key_id: id.expose(),
            secret_access_key: key.expose(),
            session_token: token.as_ref().map(Secret::expose),
            region: aws.region.as_deref(),
        };
        // Long enough from the start: a text that grows leaves pieces of itself behind.
        let mut text = Vec::with_capacity(1 << 13);
        serde_json::to_writer(&mut text, &whole).map_err(|error| error.to_string())?;
        String::from_utf8(text).map(Secret::new).map_err(|error| error.to_string())
    }

    /// The reference, if the key is one secret.
    pub const fn as_secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Secret(reference) => Some(reference),
            Self::Aws(_) => None,
        }
    }

    fn region(&self) -> Option<&str> {
        match self {
            Self::Secret(_) => None,
            Self::Aws(aws) => aws.region.as_deref(),
        }
    }
}

/// Reads the entries of `keys`.
pub(super) fn keys(item: &Item, kind: Option<ProviderKind>) -> Vec<ProviderKeyEntry> {
    item.items().iter().filter_map(|entry| key(entry, kind)).collect()
}

fn key(item: &Item, kind: Option<ProviderKind>) -> Option<ProviderKeyEntry> {
    let of = |wanted: ProviderKind, key: &str| {
        if kind.is_some_and(|kind| kind != wanted) {
            item.complain(format!("`{key}` is for providers of kind \"{}\"", wanted.name()));
        }
    };
    let (secret, weight) = if item.has("access_key_id") || item.has("secret_access_key") {
        of(ProviderKind::Bedrock, "access_key_id");
        let table = item.section()?;
        (aws(&table).map(KeyRef::Aws)?, weight(&table))
    } else if item.has("service_account") {
        of(ProviderKind::Vertex, "service_account");
        let table = item.section()?;
        let account = table.item("service_account").and_then(|account| account.secret(|_| ()));
        (account.map(KeyRef::Secret)?, weight(&table))
    } else {
        let mut share = 1;
        let secret = item.secret(|table| share = weight(table));
        (secret.map(KeyRef::Secret)?, share)
    };
    Some(ProviderKeyEntry { secret, weight, place: item.at(()) })
}

fn weight(table: &Section) -> u32 {
    table.number("weight", 1, 1_000_000).unwrap_or(1) as u32
}

fn aws(table: &Section) -> Option<AwsKeyRef> {
    let part = |item: Option<Item>| item.and_then(|item| item.secret(|_| ()));
    let id = part(table.required("access_key_id"));
    let key = part(table.required("secret_access_key"));
    let session_token = part(table.item("session_token"));
    let region = table.item("region").and_then(|item| place_name(&item));
    Some(AwsKeyRef { access_key_id: id?, secret_access_key: key?, session_token, region })
}

/// The region that all AWS keys agree on. One provider is in one region: its base URL has it.
pub(super) fn common_region(table: &Section, keys: &[ProviderKeyEntry]) -> Option<String> {
    let mut regions = keys.iter().filter_map(|key| key.secret.region());
    let first = regions.next()?;
    if regions.any(|other| other != first) {
        table.complain("its keys have different regions: make it one provider per region");
    }
    Some(first.to_owned())
}

/// A region, location or project: it becomes a part of a host or path.
pub(super) fn place_name(item: &Item) -> Option<String> {
    let name = item.string()?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(fits) {
        item.complain("must be lower-case letters, digits and hyphens");
        return None;
    }
    Some(name)
}
