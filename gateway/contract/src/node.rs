//! A gateway node as both planes know it: one token, from which its two keys are derived.

use crate::{
    sealed::WrappingKey,
    secret::Secret,
    signing::{PublicKey, SigningKey, derive},
    token,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// `typ` of the JWT that a node presents to the control plane.
pub const JWT_TYP: &str = "tg-sync+jwt";
/// `iss` of that JWT.
pub const JWT_ISSUER: &str = "tollgate-node";
/// `aud` of that JWT.
pub const JWT_AUDIENCE: &str = "tollgate-control";
/// The longest life of that JWT in seconds.
pub const JWT_LIFE_SECONDS: u64 = 300;
/// The purpose of a node's snapshot, as an envelope's binding names it.
pub const SNAPSHOT_PURPOSE: &str = "snapshot";
/// The purpose of a provider key, as an envelope's binding names it.
pub const PROVIDER_KEY_PURPOSE: &str = "provider_key";

/// The claims of a node's JWT. All are required.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`JWT_ISSUER`].
    pub iss: String,
    /// The node's fingerprint.
    pub sub: String,
    /// [`JWT_AUDIENCE`].
    pub aud: String,
    /// Seconds since 1970 at which it ends.
    pub exp: u64,
    /// Seconds since 1970 before which it is not valid.
    pub nbf: u64,
    /// Seconds since 1970 at which it was made.
    pub iat: u64,
    /// Unique.
    pub jti: String,
}

/// A node token and what follows from it.
#[derive(Debug)]
pub struct NodeIdentity {
    /// Signs the JWTs that the node presents.
    pub signing: SigningKey,
    /// Wraps the data keys that are leased to the node, and seals its snapshot.
    pub wrapping: WrappingKey,
}

impl NodeIdentity {
    /// The id of a node's wrapping key in envelopes; key-encryption keys count from 1.
    pub const WRAPPING_KEY_ID: u32 = 0;

    /// Reads a node token (`tgn_…`); `None` if it is none.
    pub fn from_token(text: &Secret) -> Option<Self> {
        let text = text.expose().trim();
        token::is_well_formed(token::NODE, text).then(|| Self {
            signing: SigningKey::from_seed(&derive(text.as_bytes(), "node/sign")),
            wrapping: WrappingKey::new(Self::WRAPPING_KEY_ID, derive(text.as_bytes(), "node/wrap")),
        })
    }

    /// Names the node to the control plane without telling its token.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.signing.public())
    }
}

/// 32 hexadecimal digits of the SHA-256 of a public key.
pub fn fingerprint(key: &PublicKey) -> String {
    Sha256::digest(key.0).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_token_gives_the_same_keys_each_time_and_anything_else_none() {
        let text = token::mint(token::NODE, &[3; 32]);
        let identity = |text: &str| NodeIdentity::from_token(&Secret::new(text.to_owned()));
        let first = identity(&text).unwrap();
        assert_eq!(first.fingerprint(), identity(&format!("{text}\n")).unwrap().fingerprint());
        assert_eq!(first.fingerprint().len(), 32);
        assert!(identity("tgn_short").is_none());
        assert!(identity(&token::mint(token::API_KEY, &[3; 32])).is_none());
    }
}
