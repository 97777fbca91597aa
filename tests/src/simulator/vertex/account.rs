//! The service account of the simulator: a key file as Google hands it out, and the check of what is
//! signed with it.
//!
//! The key was made for tests and opens nothing. The file is as good as a real one for any client of
//! Google's, once its `token_uri` says where the simulator listens.

use std::fmt;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

const FILE: &str = include_str!("service_account.json");
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Who Google's own clients may say the assertion is for, wherever they send it.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
/// An assertion is good for an hour at most, and clocks may differ by some minutes.
const LIFE_MAX: i64 = 3_600;
const LEEWAY: i64 = 300;

/// Why an assertion is not taken: the word for it, and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub &'static str, pub &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl std::error::Error for Refused {}

/// The key file, for a client that is to get its tokens at `token_uri`.
pub fn file(token_uri: &str) -> String {
    let mut account = account();
    account["token_uri"] = token_uri.into();
    format!("{account:#}\n")
}

/// Checks an assertion that came to the address `here` at the Unix time `now`.
pub fn check(assertion: &str, here: &str, now: i64) -> Result<(), Refused> {
    const MALFORMED: Refused = Refused("invalid_grant", "Invalid JWT: malformed.");
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(MALFORMED) };
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (header_read, claims_read) =
        (read(header).ok_or(MALFORMED)?, read(claims).ok_or(MALFORMED)?);
    let account = account();
    let other_key = header_read
        .get("kid")
        .is_some_and(|kid| !kid.is_null() && *kid != account["private_key_id"]);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?;
    if header_read["alg"] != "RS256"
        || other_key
        || !is_signed(&account, &format!("{header}.{claims}"), &signature)
    {
        return Err(Refused("invalid_grant", "Invalid JWT Signature."));
    }
    check_claims(&claims_read, &account, here, now)
}

fn check_claims(claims: &Value, account: &Value, here: &str, now: i64) -> Result<(), Refused> {
    if claims["iss"] != account["client_email"] {
        return Err(Refused("invalid_grant", "Invalid grant: account not found"));
    }
    if claims["aud"] != here && claims["aud"] != AUDIENCE {
        return Err(Refused("invalid_grant", "Invalid JWT: wrong audience."));
    }
    let scopes = claims["scope"].as_str().unwrap_or_default();
    if !scopes.split(' ').any(|scope| scope == SCOPE) {
        return Err(Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    let (issued, expires) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    let (Some(issued), Some(expires)) = (issued, expires) else {
        return Err(Refused("invalid_grant", "Invalid JWT: iat and exp are required."));
    };
    let begun = issued <= now.saturating_add(LEEWAY);
    let short = (1..=LIFE_MAX).contains(&expires.saturating_sub(issued));
    if !begun || !short || expires < now {
        return Err(Refused(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        ));
    }
    Ok(())
}

fn account() -> Value {
    serde_json::from_str(FILE).unwrap_or_default()
}

fn is_signed(account: &Value, message: &str, signature: &[u8]) -> bool {
    let Some(key) = private_key(account) else { return false };
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    public.verify(message.as_bytes(), signature).is_ok()
}

fn private_key(account: &Value) -> Option<KeyPair> {
    let lines = account["private_key"].as_str()?.lines();
    let text: String = lines.filter(|line| !line.starts_with("-----")).collect();
    KeyPair::from_pkcs8(&STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::RSA_PKCS1_SHA256;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HERE: &str = "http://localhost:1/v/token";
    const NOW: i64 = 1_800_000_000;

    fn claims() -> Value {
        json!({
            "iss": account()["client_email"],
            "scope": format!("openid {SCOPE}"),
            "aud": HERE,
            "iat": NOW,
            "exp": NOW + 3_600,
        })
    }

    fn assertion(header: Value, claims: Value) -> String {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let key = private_key(&account()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn an_assertion_is_signed_with_the_accounts_key_for_this_address_and_time() {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account()["private_key_id"] });
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            assertion(header.clone(), claims)
        };
        let good = assertion(header.clone(), claims());
        let mut forged = good.clone();
        forged.replace_range(forged.len() - 8.., "AAAAAAAA");
        let cases = [
            (good.clone(), ""),
            (assertion(json!({ "alg": "RS256" }), claims()), ""),
            (with("aud", json!(AUDIENCE)), ""),
            (forged, "Signature"),
            (assertion(json!({ "alg": "none" }), claims()), "Signature"),
            (assertion(json!({ "alg": "RS256", "kid": "other" }), claims()), "Signature"),
            (with("iss", json!("somebody@else")), "account not found"),
            (with("aud", json!("http://elsewhere/token")), "wrong audience"),
            (with("scope", json!("openid")), "scope"),
            (with("iat", json!(NOW + 3_000)), "timeframe"),
            (with("exp", json!(NOW + 7_200)), "timeframe"),
            (with("exp", json!(NOW - 1)), "timeframe"),
            (with("exp", Value::Null), "required"),
            ("a.b".to_owned(), "malformed"),
            ("a.b.c".to_owned(), "malformed"),
        ];
        for (assertion, message) in cases {
            match check(&assertion, HERE, NOW) {
                Ok(()) => assert_eq!(message, ""),
                Err(Refused(_, told)) => {
                    assert!(!message.is_empty() && told.contains(message), "{told}")
                }
            }
        }
    }

    #[test]
    fn the_key_file_says_where_to_go() {
        let file: Value = serde_json::from_str(&file(HERE)).unwrap();
        assert_eq!((&file["token_uri"], &file["type"]), (&json!(HERE), &json!("service_account")));
    }

    proptest! {
        #[test]
        fn no_assertion_is_too_strange(assertion in "[A-Za-z0-9._-]{0,60}") {
            prop_assert!(check(&assertion, HERE, NOW).is_err());
        }
    }
}
