//! What a node shows to the control plane instead of its token: a JWT that lives for minutes.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tollgate_contract::node::{
    Claims, JWT_AUDIENCE, JWT_ISSUER, JWT_LIFE_SECONDS, JWT_TYP, NodeIdentity,
};

/// Makes one. An error only if the key is none, which a node token rules out.
pub fn mint(
    identity: &NodeIdentity,
    now: Timestamp,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    let claims = Claims {
        iss: JWT_ISSUER.to_owned(),
        sub: identity.fingerprint(),
        aud: JWT_AUDIENCE.to_owned(),
        exp: now + JWT_LIFE_SECONDS,
        nbf: now,
        iat: now,
        jti: uuid::Uuid::now_v7().to_string(),
    };
    let header = Header { typ: Some(JWT_TYP.to_owned()), ..Header::new(Algorithm::EdDSA) };
    let key = EncodingKey::from_ed_der(&identity.signing.to_pkcs8());
    jsonwebtoken::encode(&header, &claims, &key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fixture;
    use jsonwebtoken::{DecodingKey, Validation};

    #[test]
    fn it_says_who_the_node_is_for_a_short_time_to_the_control_plane_only() {
        let identity = fixture::identity();
        let now = Timestamp::now();
        let (one, two) = (mint(&identity, now).unwrap(), mint(&identity, now).unwrap());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[JWT_AUDIENCE]);
        validation.set_issuer(&[JWT_ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        let key = DecodingKey::from_ed_der(&identity.signing.public().0);
        let read = |jwt: &str| jsonwebtoken::decode::<Claims>(jwt, &key, &validation).unwrap();
        let (one, two) = (read(&one), read(&two));
        assert_eq!(one.header.typ.as_deref(), Some(JWT_TYP));
        assert_eq!(one.header.alg, Algorithm::EdDSA);
        assert_eq!(one.claims.sub, identity.fingerprint());
        assert_eq!(one.claims.exp - one.claims.iat, JWT_LIFE_SECONDS);
        assert_eq!(one.claims.iat, now.as_second() as u64);
        assert_ne!(one.claims.jti, two.claims.jti);
    }
}
