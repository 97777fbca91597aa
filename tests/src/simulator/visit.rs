//! One request as it came in at the door, in the words that each provider format asks it with.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;

use super::requests::Record;
use super::wire::ResetSwitch;

/// The largest body that is taken, whatever the format.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// A request whose body has been read.
#[derive(Debug)]
pub struct Visit<'a> {
    /// The provider that is played.
    pub provider: &'a str,
    /// What the provider's own host would see behind its first slash, still escaped: `v1/messages`.
    pub path: &'a str,
    /// Method, whole path, headers.
    pub head: &'a Parts,
    /// The body; nothing if it is larger than [`BODY_BYTES_MAX`].
    pub body: Option<Bytes>,
    /// What was recorded of it.
    pub record: &'a Arc<Record>,
    /// Ends the connection by RST.
    pub switch: ResetSwitch,
    /// The number of the request, for ids.
    pub number: u64,
    /// When it came.
    pub started: Instant,
}

impl<'a> Visit<'a> {
    /// Splits a path into the provider that is played and what its own host would see.
    ///
    /// What a provider's path begins with is no provider: without one, `default` is played.
    pub fn split(path: &str) -> (&str, &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match first {
            "v1" | "v1alpha" | "v1beta" | "v1beta1" | "v2" | "model" | "token" => ("default", path),
            _ => (first, rest),
        }
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The key of `authorization: Bearer KEY`.
    pub fn bearer(&self) -> Option<&'a str> {
        let (scheme, key) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    }

    /// The header `content-type` as it is, and whether it says JSON.
    pub fn content_type(&self) -> (&'a str, bool) {
        let content_type = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        (content_type, media_type.eq_ignore_ascii_case("application/json"))
    }

    /// The value of a query parameter, as it is.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        let query = self.head.uri.query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The directives of the header `x-simulate`.
    pub fn simulate(&self) -> &'a str {
        self.header("x-simulate").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_in_the_path() {
        let cases = [
            ("/v1/chat/completions", "default", "v1/chat/completions"),
            ("/alpha/v1/embeddings", "alpha", "v1/embeddings"),
            ("/alpha/v1/models/org/name", "alpha", "v1/models/org/name"),
            ("/model/a%3A0/converse", "default", "model/a%3A0/converse"),
            ("/aws/model/a%3A0/converse", "aws", "model/a%3A0/converse"),
            ("/v2/chat", "default", "v2/chat"),
            ("/v1beta/models", "default", "v1beta/models"),
            ("/alpha", "alpha", ""),
            ("/", "", ""),
        ];
        for (path, provider, rest) in cases {
            assert_eq!(Visit::split(path), (provider, rest), "{path}");
        }
    }
}
