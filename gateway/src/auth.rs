//! From what an app presents to the API key that the world knows. No I/O.

use crate::{error::GatewayError, world::Link};
use actix_web::http::header::HeaderMap;
use jiff::Timestamp;
use std::sync::Arc;
use tollgate_contract::{
    api_key::ApiKeyHash,
    token,
    world::{ApiKey, World},
};

/// Finds the API key of a request. A node with a link to a control plane serves only while its world is fit for it.
pub fn authenticate(
    world: &World,
    link: Option<&Link>,
    headers: &HeaderMap,
    query: &str,
    now: Timestamp,
) -> Result<Arc<ApiKey>, GatewayError> {
    if let Some(link) = link {
        link.admits(now)?;
    }
    let presented = presented_key(headers, query)?;
    let unknown = || {
        GatewayError::unauthenticated(
            "invalid_api_key",
            "This gateway does not know the API key. Check the key and the base URL.",
        )
    };
    // In a file any text may be a key; the control plane only ever mints those that carry their own checksum.
    if link.is_some() && presented.starts_with(token::API_KEY) && !is_minted(presented) {
        return Err(unknown());
    }
    let key = world.api_keys.get(&ApiKeyHash::of(presented)).ok_or_else(unknown)?;
    if key.expires.is_some_and(|at| at <= now) {
        return Err(GatewayError::unauthenticated(
            "expired_api_key",
            "This API key has expired. Ask for a new one.",
        ));
    }
    if link.is_some_and(|link| link.revocations.include(key)) {
        return Err(GatewayError::revoked());
    }
    Ok(key.clone())
}

fn is_minted(presented: &str) -> bool {
    token::is_well_formed(token::API_KEY, presented)
}

/// The key, from whichever place the SDK puts it. Two different keys are a mistake, not a choice.
/// What the request presents as its API key.
pub fn presented_key<'r>(headers: &'r HeaderMap, query: &'r str) -> Result<&'r str, GatewayError> {
    let malformed =
        || GatewayError::unauthenticated("invalid_api_key", "The API key is not plain ASCII text.");
    let mut found: Option<&str> = None;
    let mut add = |candidate: &'r str| match found {
        Some(other) if other != candidate => {
            let message = "The request carries several API keys that differ. Send one.";
            Err(GatewayError::invalid("ambiguous_api_key", None, message))
        }
        _ => {
            found = Some(candidate);
            Ok(())
        }
    };
    for value in headers.get_all("authorization") {
        let text = value.to_str().map_err(|_| malformed())?;
        match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => add(key.trim())?,
            _ => {
                let message = "The Authorization header must read `Bearer API_KEY`.";
                return Err(GatewayError::unauthenticated("invalid_api_key", message));
            }
        }
    }
    for name in ["x-api-key", "x-goog-api-key", "api-key"] {
        for value in headers.get_all(name) {
            add(value.to_str().map_err(|_| malformed())?.trim())?;
        }
    }
    for pair in query.split('&') {
        if let Some(key) = pair.strip_prefix("key=") {
            add(key)?;
        }
    }
    found.filter(|key| !key.is_empty()).ok_or_else(|| {
        let message = "No API key: send `Authorization: Bearer API_KEY`.";
        GatewayError::unauthenticated("missing_api_key", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    #[test]
    fn the_key_is_found_wherever_sdks_put_it() {
        let places: [(&[(&str, &str)], &str); 5] = [
            (&[("authorization", "Bearer k1")], ""),
            (&[("authorization", "bearer  k1")], ""),
            (&[("x-api-key", "k1")], ""),
            (&[("api-key", "k1"), ("x-goog-api-key", "k1")], ""),
            (&[], "alt=sse&key=k1"),
        ];
        for (list, query) in places {
            assert_eq!(presented_key(&headers(list), query).ok(), Some("k1"), "{list:?} {query}");
        }
    }

    #[test]
    fn a_connected_node_refuses_typos_revoked_keys_and_everything_without_a_fit_world() {
        use crate::world::fixture::{self, Feed};
        let (good, other) = (token::mint(token::API_KEY, &[1; 32]), "any-text-that-is-a-key");
        let world =
            fixture::world(&[Feed::new("ten_a").api_key("key_1", &good).api_key("key_2", other)]);
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let link = Link::default();
        let code = |link: &Link, key: &str| {
            let headers = headers(&[("x-api-key", key)]);
            let found = authenticate(&world, Some(link), &headers, "", now);
            found.map(|key| key.id.to_string()).map_err(|error| error.code.to_string())
        };
        assert_eq!(code(&link, &good), Err("no_world".to_owned()));
        link.has_world();
        link.heard(now);
        assert_eq!(code(&link, &good), Ok("key_1".to_owned()));
        assert_eq!(code(&link, other), Ok("key_2".to_owned()));
        let typo = format!("{}{}", &good[..good.len() - 1], "!");
        assert_eq!(code(&link, &typo), Err("invalid_api_key".to_owned()));
        link.revocations.learn(&world, [("k:ten_a:key_1".to_owned(), 2)]);
        assert_eq!(code(&link, &good), Err("revoked_api_key".to_owned()));
        assert_eq!(code(&link, other), Ok("key_2".to_owned()));
    }

    #[test]
    fn none_or_several_keys_are_told_apart() {
        let code = |list: &[(&str, &str)], query: &str| {
            presented_key(&headers(list), query).unwrap_err().code.to_string()
        };
        assert_eq!(code(&[], ""), "missing_api_key");
        assert_eq!(code(&[("authorization", "Basic abc")], ""), "invalid_api_key");
        assert_eq!(code(&[("authorization", "Bearer ")], ""), "missing_api_key");
        assert_eq!(
            code(&[("authorization", "Bearer a"), ("x-api-key", "b")], ""),
            "ambiguous_api_key"
        );
        assert_eq!(code(&[("authorization", "Bearer \u{fc}")], ""), "invalid_api_key");
    }
}
