//! JWTs: the access tokens of people's API clients, which we sign, and those that gateway nodes sign for us.

use super::session::{bearer, state, unauthenticated};
use crate::{
    error::ApiError,
    ids::{PersonId, TenantId},
    store::nodes::{self, NodeRow},
};
use actix_web::HttpRequest;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tollgate_contract::{node, signing::SigningKey};
use uuid::Uuid;

/// `typ` of an access token.
pub const TYP: &str = "tg-access+jwt";
/// `iss` of an access token.
pub const ISSUER: &str = "tollgate-control";
/// `aud` of an access token.
pub const AUDIENCE: &str = "tollgate-api";
/// The life of an access token.
pub const LIFE_SECONDS: u64 = 600;

/// By how much clocks may differ.
const LEEWAY_SECONDS: u64 = 30;
/// The longest token that is looked at.
const LENGTH_MAX: usize = 8 * 1024;

/// The claims of an access token. All are required, and there are no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// Whose.
    pub sub: PersonId,
    /// In which tenant they act.
    pub tenant: TenantId,
    /// The sign-in that it came of: the family of its refresh tokens.
    pub sid: Uuid,
    /// Seconds since 1970 at which it ends.
    pub exp: u64,
    /// Seconds since 1970 before which it is not valid.
    pub nbf: u64,
    /// Seconds since 1970 at which it was made.
    pub iat: u64,
    /// Unique.
    pub jti: Uuid,
}

/// Makes an access token with the newest key.
pub fn issue(
    keys: &[(Uuid, SigningKey)],
    person: PersonId,
    tenant: TenantId,
    sign_in: Uuid,
) -> Result<String, ApiError> {
    let (id, key) =
        keys.first().ok_or_else(|| ApiError::internal("there is no key for access tokens"))?;
    let now = jsonwebtoken::get_current_timestamp();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: person,
        tenant,
        sid: sign_in,
        exp: now + LIFE_SECONDS,
        nbf: now,
        iat: now,
        jti: Uuid::now_v7(),
    };
    let header = Header {
        typ: Some(TYP.to_owned()),
        kid: Some(id.to_string()),
        ..Header::new(Algorithm::EdDSA)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key.to_pkcs8()))
        .map_err(ApiError::internal)
}

/// The claims of an access token; `None` if it is none of ours, or over. Why is nobody's business.
pub fn verify(keys: &[(Uuid, SigningKey)], jwt: &str) -> Option<Claims> {
    let header = header(jwt, TYP)?;
    let kid: Uuid = header.kid?.parse().ok()?;
    let (_, key) = keys.iter().find(|(id, _)| *id == kid)?;
    let claims: Claims = decode(jwt, &key.public().0, ISSUER, AUDIENCE)?;
    lives_briefly(claims.iat, claims.exp, LIFE_SECONDS).then_some(claims)
}

/// The gateway node that sent a request.
pub async fn node_of(request: &HttpRequest) -> Result<NodeRow, ApiError> {
    let jwt = bearer(request).ok_or(ApiError::Unauthenticated)?;
    // Whose signature it must be is known only from what is signed. Nothing else is taken from it before the check.
    let fingerprint = claimed_node(jwt).ok_or(ApiError::Unauthenticated)?;
    let mut tx = state(request)?.db.system().await?;
    let row = nodes::by_fingerprint(&mut tx, &fingerprint).await.map_err(unauthenticated)?;
    if verify_node(jwt, &row.fingerprint, &row.public_key) {
        Ok(row)
    } else {
        Err(ApiError::Unauthenticated)
    }
}

fn claimed_node(jwt: &str) -> Option<String> {
    header(jwt, node::JWT_TYP)?;
    let claims: node::Claims = jsonwebtoken::dangerous::insecure_decode_claims(jwt).ok()?;
    let is_fingerprint =
        claims.sub.len() == 32 && claims.sub.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_fingerprint.then_some(claims.sub)
}

fn verify_node(jwt: &str, fingerprint: &str, public_key: &[u8]) -> bool {
    header(jwt, node::JWT_TYP).is_some()
        && decode(jwt, public_key, node::JWT_ISSUER, node::JWT_AUDIENCE).is_some_and(
            |claims: node::Claims| {
                claims.sub == fingerprint
                    && lives_briefly(claims.iat, claims.exp, node::JWT_LIFE_SECONDS)
            },
        )
}

/// The header of a JWT that has the right kind and asks for nothing that we do not know.
fn header(jwt: &str, typ: &str) -> Option<Header> {
    if jwt.len() > LENGTH_MAX {
        return None;
    }
    let header = jsonwebtoken::decode_header(jwt).ok()?;
    let is_plain = header.alg == Algorithm::EdDSA
        && header.crit.is_none()
        && header.typ.as_deref() == Some(typ);
    is_plain.then_some(header)
}

fn decode<T: DeserializeOwned>(
    jwt: &str,
    public_key: &[u8],
    issuer: &str,
    audience: &str,
) -> Option<T> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.algorithms = vec![Algorithm::EdDSA];
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    let key = DecodingKey::from_ed_der(public_key);
    jsonwebtoken::decode(jwt, &key, &validation).ok().map(|token| token.claims)
}

/// Whether a token was made in the past, for a short time.
fn lives_briefly(iat: u64, exp: u64, life_seconds: u64) -> bool {
    let now = jsonwebtoken::get_current_timestamp();
    iat <= now + LEEWAY_SECONDS && exp.checked_sub(iat).is_some_and(|life| life <= life_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tollgate_contract::{node::NodeIdentity, secret::Secret, token as secret_token};

    fn keys() -> Vec<(Uuid, SigningKey)> {
        let key =
            |number: u8| (Uuid::from_bytes([number; 16]), SigningKey::from_seed(&[number; 32]));
        vec![key(2), key(1)]
    }

    fn header_of(kid: Uuid) -> Value {
        json!({ "alg": "EdDSA", "typ": TYP, "kid": kid })
    }

    fn claims() -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": PersonId::new(), "tenant": TenantId::new(), "sid": Uuid::now_v7(),
            "exp": now + 600, "nbf": now, "iat": now, "jti": Uuid::now_v7(),
        })
    }

    fn with(mut value: Value, field: &str, new: Value) -> Value {
        value[field] = new;
        value
    }

    fn without(mut value: Value, field: &str) -> Value {
        value.as_object_mut().unwrap().remove(field);
        value
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let digits = bytes.chunks(3).flat_map(|chunk| {
            let group = chunk.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..=chunk.len()).map(move |at| DIGITS[(group >> (18 - 6 * at) & 63) as usize])
        });
        digits.map(char::from).collect()
    }

    fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
        let part = |value: &Value| base64(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = base64(&key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    #[test]
    fn an_access_token_says_who_it_is_for_ten_minutes() {
        let keys = keys();
        let (person, tenant, sign_in) = (PersonId::new(), TenantId::new(), Uuid::now_v7());
        let jwt = issue(&keys, person, tenant, sign_in).unwrap();
        let read = verify(&keys, &jwt).unwrap();
        assert_eq!((read.sub, read.tenant, read.sid), (person, tenant, sign_in));
        assert_eq!(read.exp - read.iat, LIFE_SECONDS);
        assert_eq!(verify(&keys[1..], &jwt), None, "its key was retired");
    }

    #[test]
    fn the_older_key_still_verifies() {
        let keys = keys();
        assert!(verify(&keys, &signed(&header_of(keys[1].0), &claims(), &keys[1].1)).is_some());
    }

    #[test]
    fn a_forged_token_is_none() {
        let keys = keys();
        let (kid, key) = &keys[0];
        let (header, claims) = (header_of(*kid), claims());
        let now = jsonwebtoken::get_current_timestamp();
        let good = signed(&header, &claims, key);
        assert!(verify(&keys, &good).is_some(), "the others differ from this one in one thing");

        let sign = |header: &Value, claims: &Value| signed(header, claims, key);
        let of_header = |field, value| sign(&with(header.clone(), field, value), &claims);
        let of_claims = |field, value| sign(&header, &with(claims.clone(), field, value));
        let parts: Vec<&str> = good.split('.').collect();
        let hs256 = {
            let header = Header {
                typ: Some(TYP.to_owned()),
                kid: Some(kid.to_string()),
                ..Header::new(Algorithm::HS256)
            };
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key.public().0))
                .unwrap()
        };
        let none = base64(with(header.clone(), "alg", json!("none")).to_string().as_bytes());
        let other_claims =
            base64(with(claims.clone(), "sub", json!(PersonId::new())).to_string().as_bytes());
        let long = "a".repeat(LENGTH_MAX);

        let mut forged = vec![
            ("nothing", String::new()),
            ("dots", "..".to_owned()),
            ("an API key", secret_token::mint(secret_token::API_KEY, &[7; 32])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("alg none", format!("{none}.{}.", parts[1])),
            ("alg none, with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
            ("HS256 with the public key", hs256),
            ("alg HS256, signed with Ed25519", of_header("alg", json!("HS256"))),
            ("alg ES256", of_header("alg", json!("ES256"))),
            ("alg in small letters", of_header("alg", json!("eddsa"))),
            (
                "other claims under the signature",
                format!("{}.{other_claims}.{}", parts[0], parts[2]),
            ),
            ("another's key", signed(&header, &claims, &SigningKey::from_seed(&[9; 32]))),
            ("the other kid", of_header("kid", json!(keys[1].0))),
            ("an unknown kid", of_header("kid", json!(Uuid::now_v7()))),
            ("a path as kid", of_header("kid", json!("../../dev/null"))),
            ("SQL as kid", of_header("kid", json!("' or 1=1 --"))),
            ("no kid", sign(&without(header.clone(), "kid"), &claims)),
            ("typ JWT", of_header("typ", json!("JWT"))),
            ("a node's typ", of_header("typ", json!(node::JWT_TYP))),
            ("no typ", sign(&without(header.clone(), "typ"), &claims)),
            ("something critical", of_header("crit", json!(["exp"]))),
            ("another audience", of_claims("aud", json!(node::JWT_AUDIENCE))),
            ("several audiences", of_claims("aud", json!([AUDIENCE, "other"]))),
            ("another issuer", of_claims("iss", json!("evil"))),
            ("expired", of_claims("exp", json!(now - 31))),
            ("exp as text", of_claims("exp", json!((now + 600).to_string()))),
            ("exp as fraction", of_claims("exp", json!(now as f64 + 600.5))),
            ("exp null", of_claims("exp", Value::Null)),
            ("exp negative", of_claims("exp", json!(-1))),
            ("a long life", of_claims("exp", json!(now + 601))),
            ("exp at the end of time", of_claims("exp", json!(u64::MAX))),
            ("not yet valid", of_claims("nbf", json!(now + 60))),
            ("nbf as text", of_claims("nbf", json!("9999"))),
            ("made in the future", of_claims("iat", json!(now + 60))),
            ("sub of another kind", of_claims("sub", json!(TenantId::new()))),
            ("tenant of another kind", of_claims("tenant", json!(PersonId::new()))),
            ("jti no uuid", of_claims("jti", json!("1"))),
            ("a claim more", of_claims("role", json!("owner"))),
            ("too long", of_header("x", json!(long))),
        ];
        for field in ["iss", "aud", "sub", "tenant", "sid", "exp", "nbf", "iat", "jti"] {
            forged.push((field, sign(&header, &without(claims.clone(), field))));
        }
        for (what, jwt) in forged {
            assert_eq!(verify(&keys, &jwt), None, "{what}");
        }
    }

    #[test]
    fn a_node_shows_its_own_token_and_nobody_elses() {
        let identity = NodeIdentity::from_token(&Secret::new(secret_token::mint(
            secret_token::NODE,
            &[3; 32],
        )))
        .unwrap();
        let (fingerprint, public) = (identity.fingerprint(), identity.signing.public().0);
        let now = jsonwebtoken::get_current_timestamp();
        let header = json!({ "alg": "EdDSA", "typ": node::JWT_TYP });
        let claims = json!({
            "iss": node::JWT_ISSUER, "aud": node::JWT_AUDIENCE, "sub": fingerprint,
            "exp": now + node::JWT_LIFE_SECONDS, "nbf": now, "iat": now, "jti": "1",
        });
        let good = signed(&header, &claims, &identity.signing);
        assert_eq!(claimed_node(&good).as_deref(), Some(fingerprint.as_str()));
        assert!(verify_node(&good, &fingerprint, &public));

        let other = SigningKey::from_seed(&[4; 32]);
        let of_claims =
            |field, value| signed(&header, &with(claims.clone(), field, value), &identity.signing);
        for (what, jwt) in [
            ("another's key", signed(&header, &claims, &other)),
            (
                "an access token's typ",
                signed(&with(header.clone(), "typ", json!(TYP)), &claims, &identity.signing),
            ),
            ("an access token's audience", of_claims("aud", json!(AUDIENCE))),
            ("a long life", of_claims("exp", json!(now + node::JWT_LIFE_SECONDS + 1))),
            ("another node", of_claims("sub", json!("0".repeat(32)))),
        ] {
            assert!(!verify_node(&jwt, &fingerprint, &public), "{what}");
        }
        assert_eq!(claimed_node(&of_claims("sub", json!("' or 1=1 --"))), None);
    }
}
