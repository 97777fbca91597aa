//! Signature Version 4: checked as Amazon does, on the request as it is on the wire.

use aws_lc_rs::{digest, hmac};
use hyper::HeaderMap;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::errors::BedrockError;

/// The access key id of the credentials that the simulator knows.
pub const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
/// The secret that belongs to it.
pub const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A request that is to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole path, escaped as it came.
    pub path: &'a str,
    /// The query, escaped as it came.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// What `authorization` says.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// `20260102/us-east-1/bedrock/aws4_request`.
    scope: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Whether a request claims to be signed.
pub fn is_claimed(authorization: &str) -> bool {
    authorization.starts_with(ALGORITHM)
}

/// Checks the signature of a request that arrives at `now`.
pub fn check(request: Signed<'_>, now: Timestamp) -> Result<(), BedrockError> {
    let authorization = header(request.headers, "authorization").unwrap_or_default();
    let incomplete = |what| BedrockError::new(403, "IncompleteSignatureException", what);
    let authorization = Authorization::parse(&authorization)
        .ok_or_else(|| incomplete("Authorization header is not complete."))?;
    let date = header(request.headers, "x-amz-date")
        .ok_or_else(|| incomplete("Authorization header requires existence of 'X-Amz-Date'."))?;
    let [day, _region, "bedrock", "aws4_request"] =
        authorization.scope.split('/').collect::<Vec<_>>()[..]
    else {
        return Err(mismatch("Credential should be scoped to correct service: 'bedrock'."));
    };
    check_time(&date, day, now)?;
    check_signed_headers(request.headers, &authorization.signed_headers)?;
    if authorization.access_key_id != ACCESS_KEY_ID {
        let message = "The security token included in the request is invalid.";
        return Err(BedrockError::new(403, "UnrecognizedClientException", message));
    }
    let expected = signature(request, authorization.scope, &date, &authorization.signed_headers);
    if authorization.signature == expected {
        return Ok(());
    }
    let canonical = canonical(request, &authorization.signed_headers);
    // The real one shows what it has signed as well, which tells the caller where to look.
    Err(mismatch(&format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. The Canonical String for this request should have been '{canonical}'"
    )))
}

/// The signature of a request with the credentials that the simulator knows. The scope is
/// `DAY/REGION/bedrock/aws4_request`, the date that of the header `x-amz-date`.
pub fn signature(request: Signed<'_>, scope: &str, date: &str, signed_headers: &[&str]) -> String {
    let canonical = canonical(request, signed_headers);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    hex(hmac(&key(scope), to_sign.as_bytes()).as_ref())
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key_id, scope) = field("Credential")?.split_once('/')?;
        let signed_headers = field("SignedHeaders")?.split(';').collect();
        Some(Self { access_key_id, scope, signed_headers, signature: field("Signature")? })
    }
}

fn check_time(date: &str, day: &str, now: Timestamp) -> Result<(), BedrockError> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok();
    let time = time.and_then(|time| time.to_zoned(TimeZone::UTC).ok());
    let Some(time) = time.filter(|_| date.starts_with(day)) else {
        return Err(mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
        ));
    };
    let skew = now.duration_since(time.timestamp());
    if SKEW_MAX < skew {
        return Err(mismatch(&format!(
            "Signature expired: {date} is now earlier than {now} - 5 min."
        )));
    }
    if skew < -SKEW_MAX {
        return Err(mismatch(&format!(
            "Signature not yet current: {date} is still later than {now} + 5 min."
        )));
    }
    Ok(())
}

/// The host and whatever is Amazon's own have to be signed; all that is signed has to be there.
fn check_signed_headers(headers: &HeaderMap, signed: &[&str]) -> Result<(), BedrockError> {
    let own = headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-"));
    if let Some(name) = own.chain(["host"]).find(|name| !signed.contains(name)) {
        return Err(mismatch(&format!(
            "'{name}' must be a 'SignedHeader' in the AWS Authorization."
        )));
    }
    match signed.iter().find(|name| header(headers, name).is_none()) {
        Some(name) => Err(mismatch(&format!("The signed header '{name}' is not in the request."))),
        None => Ok(()),
    }
}

fn canonical(request: Signed<'_>, signed_headers: &[&str]) -> String {
    let headers = signed_headers.iter().map(|name| {
        let value = header(request.headers, name).unwrap_or_default();
        format!("{name}:{value}\n")
    });
    // Escaped once more: each service but S3 wants it twice.
    let path = escaped(request.path, "/");
    let mut query: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let query: Vec<String> = query
        .into_iter()
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    format!(
        "{}\n{path}\n{}\n{}\n{}\n{}",
        request.method,
        query.join("&"),
        headers.collect::<String>(),
        signed_headers.join(";"),
        sha256(request.body),
    )
}

/// The values of a header, with their white space folded.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let folded = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
    let folded: Vec<String> = folded.collect();
    (!folded.is_empty()).then(|| folded.join(","))
}

fn escaped(text: &str, kept: &str) -> String {
    let escape = |byte: u8| {
        let letter = char::from(byte);
        let plain = byte.is_ascii_alphanumeric() || "-._~".contains(letter);
        if plain || kept.contains(letter) { letter.to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(escape).collect()
}

/// The key for a scope: day, region and service are worked into it one after another.
fn key(scope: &str) -> Vec<u8> {
    let secret = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    scope.split('/').fold(secret, |key, part| hmac(&key, part.as_bytes()).as_ref().to_vec())
}

fn hmac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mismatch(message: &str) -> BedrockError {
    BedrockError::new(403, "InvalidSignatureException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}]}"#;
    const SONNET: &str = "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse";
    const SIGNATURE: &str = "2617f356b006d5f3ddc87587af21e1f2bb4cc33442c445418d16b7fcf1a3e5a0";

    struct Case {
        path: &'static str,
        token: Option<&'static str>,
        signature: &'static str,
        body: &'static [u8],
        seconds: i64,
    }

    const GOOD: Case =
        Case { path: SONNET, token: None, signature: SIGNATURE, body: BODY, seconds: 0 };

    fn checked(case: &Case) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        let mut signed = "content-type;host;x-amz-date".to_owned();
        let host = "bedrock-runtime.us-east-1.amazonaws.com";
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("host", host.parse().unwrap());
        headers.insert("x-amz-date", "20260102T030405Z".parse().unwrap());
        if let Some(token) = case.token {
            headers.insert("x-amz-security-token", token.parse().unwrap());
            signed += ";x-amz-security-token";
        }
        let authorization = format!(
            "{ALGORITHM} Credential=AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request, SignedHeaders={signed}, Signature={}",
            case.signature
        );
        headers.insert("authorization", authorization.parse().unwrap());
        let request = Signed {
            method: "POST",
            path: case.path,
            query: "",
            headers: &headers,
            body: case.body,
        };
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        check(request, at + SignedDuration::from_secs(case.seconds)).map_err(|error| error.message)
    }

    #[test]
    fn what_amazons_own_client_signs_is_good() {
        let profile = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse";
        let token = Case {
            path: "/model/us.anthropic.claude-sonnet-4-6/converse",
            token: Some("SESSIONTOKEN"),
            signature: "8613b6e351f363263986598416ee078de3da44a8d24933d0675c8639cac62225",
            ..GOOD
        };
        let profile = Case {
            path: profile,
            signature: "2c45eb323491375435c6dfd916131058b1f997cf3fb77fed2b3ed3bafc5166ca",
            ..GOOD
        };
        for case in
            [GOOD, token, profile, Case { seconds: 300, ..GOOD }, Case { seconds: -300, ..GOOD }]
        {
            assert_eq!(checked(&case), Ok(()), "{}", case.path);
        }
    }

    #[test]
    fn what_was_changed_after_signing_is_refused() {
        let cases = [
            (Case { body: b"{}", ..GOOD }, "does not match"),
            (Case { path: "/model/a/converse", ..GOOD }, "does not match"),
            (Case { signature: "00", ..GOOD }, "does not match"),
            (Case { token: Some("SESSIONTOKEN"), ..GOOD }, "does not match"),
            (Case { seconds: 301, ..GOOD }, "expired"),
            (Case { seconds: -301, ..GOOD }, "not yet current"),
        ];
        for (case, words) in cases {
            let message = checked(&case).expect_err(words);
            assert!(message.contains(words), "{message}");
        }
    }
}
