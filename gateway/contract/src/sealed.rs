//! A secret at rest: an envelope whose data key is wrapped by a key that lives elsewhere.
//!
//! Bytes: `0x01 | wrapping key id u32 | nonce 12, wrapped data key 32, tag 16 | nonce 12 | ciphertext | tag 16`, both
//! layers AES-256-GCM. Both are bound to what the secret belongs to; the outer layer is bound to the wrapping key as
//! well. The inner one is not, so that rotating the wrapping key re-wraps 32 bytes and never touches the secret.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use std::fmt;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4;
const NONCE: usize = 12;
const TAG: usize = 16;
const WRAPPED: usize = NONCE + 32 + TAG;

/// What a sealed secret belongs to: an envelope that is moved elsewhere does not open.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'b> {
    /// What it is for, as in `provider_key`.
    pub purpose: &'b str,
    /// Whose; empty for the platform's own.
    pub tenant: &'b str,
    /// The record's id.
    pub record: &'b str,
    /// The record's version.
    pub version: u32,
}

/// A key that wraps data keys.
#[derive(Clone)]
pub struct WrappingKey {
    id: u32,
    key: Zeroizing<[u8; 32]>,
}

/// The envelope does not open: another key, another binding, or changed bytes. Which of them is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed secret does not open with this key and for this record")]
pub struct DoesNotOpen;

impl WrappingKey {
    /// Takes a key of 256 bits. `id` names it in the envelopes.
    pub const fn new(id: u32, key: Zeroizing<[u8; 32]>) -> Self {
        Self { id, key }
    }

    /// The name of the key in the envelopes.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// 32 bytes derived from the key for another use.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        crate::signing::derive(&*self.key, purpose)
    }

    /// Seals a secret. `random` is 56 bytes from the operating system: the data key and the two nonces.
    pub fn seal(
        &self,
        binding: &Binding,
        secret: &[u8],
        random: &[u8; 56],
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let (data_key, nonces) = random.split_at(32);
        let (outer, inner) = nonces.split_at(NONCE);
        let mut envelope = self.wrapped(binding, data_key, outer)?;
        envelope.extend_from_slice(inner);
        envelope.extend_from_slice(&encrypt(data_key, inner, secret, &context(binding, None))?);
        Ok(envelope)
    }

    /// Opens an envelope.
    pub fn open(
        &self,
        binding: &Binding,
        envelope: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let data_key = self.unwrapped(binding, envelope)?;
        let (nonce, ciphertext) =
            envelope[HEAD + WRAPPED..].split_at_checked(NONCE).ok_or(DoesNotOpen)?;
        decrypt(&data_key, nonce, ciphertext, &context(binding, None))
    }

    /// The same secret under another wrapping key. The secret itself stays sealed all the while. `random` is 12 bytes
    /// from the operating system.
    pub fn rewrap(
        &self,
        other: &Self,
        binding: &Binding,
        envelope: &[u8],
        random: &[u8; 12],
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let data_key = self.unwrapped(binding, envelope)?;
        let mut rewrapped = other.wrapped(binding, &data_key, random)?;
        rewrapped.extend_from_slice(&envelope[HEAD + WRAPPED..]);
        Ok(rewrapped)
    }

    fn wrapped(
        &self,
        binding: &Binding,
        data_key: &[u8],
        nonce: &[u8],
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(nonce);
        let context = context(binding, Some(self.id));
        out.extend_from_slice(&encrypt(&*self.key, nonce, data_key, &context)?);
        Ok(out)
    }

    fn unwrapped(
        &self,
        binding: &Binding,
        envelope: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        if envelope.len() < HEAD + WRAPPED || key_id_of(envelope) != Some(self.id) {
            return Err(DoesNotOpen);
        }
        let (nonce, wrapped) = envelope[HEAD..HEAD + WRAPPED].split_at(NONCE);
        decrypt(&*self.key, nonce, wrapped, &context(binding, Some(self.id)))
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappingKey({}, …)", self.id)
    }
}

/// The id of the wrapping key of an envelope; `None` if it is none that this version knows.
pub fn key_id_of(envelope: &[u8]) -> Option<u32> {
    let (head, _) = envelope.split_at_checked(HEAD)?;
    (head[0] == VERSION).then_some(())?;
    Some(u32::from_be_bytes(head[1..].try_into().ok()?))
}

/// The bytes that both layers are bound to; every part with its length, so that no two bindings read the same.
fn context(binding: &Binding, key_id: Option<u32>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    let version = binding.version.to_be_bytes();
    let key_id = key_id.map(u32::to_be_bytes);
    let parts: [&[u8]; 6] = [
        b"tollgate/v1",
        binding.purpose.as_bytes(),
        binding.tenant.as_bytes(),
        binding.record.as_bytes(),
        &version,
        key_id.as_ref().map_or(&[], |id| id.as_slice()),
    ];
    for part in parts {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn encrypt(key: &[u8], nonce: &[u8], plain: &[u8], context: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| DoesNotOpen)?;
    let nonce = nonce.try_into().map_err(|_| DoesNotOpen)?;
    cipher.encrypt(nonce, Payload { msg: plain, aad: context }).map_err(|_| DoesNotOpen)
}

fn decrypt(
    key: &[u8],
    nonce: &[u8],
    sealed: &[u8],
    context: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| DoesNotOpen)?;
    let nonce = nonce.try_into().map_err(|_| DoesNotOpen)?;
    cipher
        .decrypt(nonce, Payload { msg: sealed, aad: context })
        .map(Zeroizing::new)
        .map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(id: u32) -> WrappingKey {
        WrappingKey::new(id, Zeroizing::new([id as u8; 32]))
    }

    const BINDING: Binding<'_> =
        Binding { purpose: "provider_key", tenant: "tnt_a", record: "pky_1", version: 3 };

    #[test]
    fn a_secret_opens_for_its_own_record_only() {
        let sealed = key(1).seal(&BINDING, b"sk-secret", &[7; 56]).unwrap();
        assert_eq!(&**key(1).open(&BINDING, &sealed).unwrap(), b"sk-secret");
        let others = [
            Binding { purpose: "snapshot", ..BINDING },
            Binding { tenant: "tnt_b", ..BINDING },
            Binding { record: "pky_2", ..BINDING },
            Binding { version: 4, ..BINDING },
            // The same letters, cut elsewhere.
            Binding { tenant: "tnt_ap", record: "ky_1", ..BINDING },
        ];
        for other in others {
            assert_eq!(key(1).open(&other, &sealed).err(), Some(DoesNotOpen), "{other:?}");
        }
        assert_eq!(key(2).open(&BINDING, &sealed).err(), Some(DoesNotOpen));
    }

    #[test]
    fn a_rewrapped_secret_opens_with_the_new_key_only() {
        let sealed = key(1).seal(&BINDING, b"sk-secret", &[7; 56]).unwrap();
        let moved = key(1).rewrap(&key(2), &BINDING, &sealed, &[9; 12]).unwrap();
        assert_eq!(key_id_of(&moved), Some(2));
        assert_eq!(&**key(2).open(&BINDING, &moved).unwrap(), b"sk-secret");
        assert_eq!(key(1).open(&BINDING, &moved).err(), Some(DoesNotOpen));
    }

    proptest! {
        #[test]
        fn changed_bytes_never_open_and_never_panic(
            secret in proptest::collection::vec(any::<u8>(), 0..64),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut sealed = key(1).seal(&BINDING, &secret, &[7; 56]).unwrap();
            prop_assert!(key(1).open(&BINDING, &sealed[..cut.index(sealed.len())]).is_err());
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(key(1).open(&BINDING, &sealed).is_err());
        }
    }
}
