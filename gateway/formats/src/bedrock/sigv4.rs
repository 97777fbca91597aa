//! AWS's Signature Version 4, as pure functions of the request and the time.
//!
//! The path is encoded twice, as every service but S3 demands: once on the wire and once more for the signature. What is
//! signed are the bytes that are sent; a header that is added later must not be among the signed ones.

use aws_lc_rs::hmac;
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroize;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What to sign with. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Credentials {
    /// Which key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// What goes with temporary keys.
    pub session_token: Option<String>,
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A request that is to be signed, as it will be sent.
#[derive(Debug, Clone, Copy)]
pub struct ToSign<'r> {
    /// The region that it is for.
    pub region: &'r str,
    /// The name of the service.
    pub service: &'r str,
    /// The method.
    pub method: &'r str,
    /// The header `host`.
    pub host: &'r str,
    /// The path as on the wire.
    pub path: &'r str,
    /// The query as on the wire, without its question mark.
    pub query: &'r str,
    /// The header `content-type`.
    pub content_type: &'r str,
    /// The body.
    pub body: &'r [u8],
}

/// Signs a request: gives the headers to add.
pub fn sign(
    credentials: &Credentials,
    request: &ToSign<'_>,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let date = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let (day, _) = date.split_once('T').unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let mut headers = vec![
        ("content-type", request.content_type),
        ("host", request.host),
        ("x-amz-date", date.as_str()),
    ];
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token));
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = canonical(request, &headers, &names);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let signature = hex(mac(&key(credentials, &scope), to_sign.as_bytes()).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    let token = credentials.session_token.clone();
    let mut added = vec![("x-amz-date", date), ("authorization", authorization)];
    added.extend(token.map(|token| ("x-amz-security-token", token)));
    added
}

/// The request in the form whose hash is signed.
fn canonical(request: &ToSign, headers: &[(&str, &str)], names: &str) -> String {
    let mut out = format!("{}\n", request.method);
    encode(request.path, "/", &mut out);
    out.push('\n');
    out.push_str(&canonical_query(request.query));
    out.push('\n');
    for (name, value) in headers {
        let value: Vec<&str> = value.split_ascii_whitespace().collect();
        out.push_str(&format!("{name}:{}\n", value.join(" ")));
    }
    out.push_str(&format!("\n{names}\n{}", hex(&Sha256::digest(request.body))));
    out
}

/// The query's pairs in order. They are encoded already.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> =
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The key for a scope: each part of it is worked in after the other.
fn key(credentials: &Credentials, scope: &str) -> Vec<u8> {
    let mut secret = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for part in scope.split('/') {
        let next = mac(&secret, part.as_bytes()).as_ref().to_vec();
        secret.zeroize();
        secret = next;
    }
    secret
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encodes all but unreserved characters and those in `kept`.
pub(super) fn encode(text: &str, kept: &str, out: &mut String) {
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(letter) || kept.contains(letter) {
            out.push(letter);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bedrock::path;
    use proptest::prelude::*;

    const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    const PROFILE: &str =
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: token.map(str::to_owned),
        }
    }

    fn request(path: &str) -> ToSign<'_> {
        ToSign {
            region: "us-east-1",
            service: "bedrock",
            method: "POST",
            host: "bedrock-runtime.us-east-1.amazonaws.com",
            path,
            query: "",
            content_type: "application/json",
            body: BODY,
        }
    }

    fn at() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    /// What botocore computes for the same requests.
    #[test]
    fn sigv4_signs_as_amazons_own_client() {
        let plain = "content-type;host;x-amz-date";
        let with_token = "content-type;host;x-amz-date;x-amz-security-token";
        let cases = [
            (
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                None,
                plain,
                "2617f356b006d5f3ddc87587af21e1f2bb4cc33442c445418d16b7fcf1a3e5a0",
            ),
            (
                PROFILE,
                None,
                plain,
                "2c45eb323491375435c6dfd916131058b1f997cf3fb77fed2b3ed3bafc5166ca",
            ),
            (
                "us.anthropic.claude-sonnet-4-6",
                Some("SESSIONTOKEN"),
                with_token,
                "8613b6e351f363263986598416ee078de3da44a8d24933d0675c8639cac62225",
            ),
        ];
        for (model, token, names, signature) in cases {
            let path = path(model, "converse");
            let added = sign(&credentials(token), &request(&path), at());
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request, SignedHeaders={names}, Signature={signature}"
            );
            let mut expected = vec![
                ("x-amz-date", "20260102T030405Z".to_owned()),
                ("authorization", authorization),
            ];
            expected.extend(token.map(|token| ("x-amz-security-token", token.to_owned())));
            assert_eq!(added, expected, "{model}");
        }
    }

    #[test]
    fn the_path_is_encoded_once_more_for_the_signature() {
        let hashes = [
            (
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                "/model/anthropic.claude-3-5-sonnet-20241022-v2%253A0/converse",
                "0b67d47ae4d83212aeb035cd5e4ddf7efbde00b7637d1339ffe97eb85b9a8b21",
            ),
            (
                PROFILE,
                "/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A123456789012%253Aapplication-inference-profile%252Fabc/converse",
                "96c78fbb5d4fa2fc247f584e14752b505d7fc7548a5b610cb1da7b75a7f705a4",
            ),
        ];
        for (model, signed, hash) in hashes {
            let path = path(model, "converse");
            let request = request(&path);
            let headers = [
                ("content-type", request.content_type),
                ("host", request.host),
                ("x-amz-date", "20260102T030405Z"),
            ];
            let canonical = canonical(&request, &headers, "content-type;host;x-amz-date");
            assert_eq!(canonical.lines().nth(1), Some(signed));
            assert_eq!(hex(&Sha256::digest(canonical)), hash);
        }
        let body = hex(&Sha256::digest(BODY));
        assert_eq!(body, "c3335e07d6e89650bf94cb98664be69f8774dbc3198df221f113db0a59ea14f0");
    }

    #[test]
    fn queries_are_sorted_and_secrets_are_not_printed() {
        assert_eq!(canonical_query("b=2&a&b=1&&c=%20"), "a=&b=1&b=2&c=%20");
        let printed = format!("{:?}", credentials(Some("SESSIONTOKEN")));
        assert!(!printed.contains("SESSION") && !printed.contains("AKID"), "{printed}");
    }

    proptest! {
        #[test]
        fn any_change_changes_the_signature(body in proptest::collection::vec(any::<u8>(), 0..40), path in "/[a-z:/%]{0,20}") {
            let signed = |request: &ToSign| sign(&credentials(None), request, at());
            let one = ToSign { body: &body, ..request(&path) };
            prop_assert_eq!(signed(&one), signed(&one));
            let longer = [&body[..], b"x"].concat();
            prop_assert_ne!(signed(&one), signed(&ToSign { body: &longer, ..one }));
            prop_assert_ne!(signed(&one), signed(&ToSign { path: &format!("{path}x"), ..one }));
            prop_assert_ne!(signed(&one), signed(&ToSign { region: "eu-west-1", ..one }));
        }
    }
}
