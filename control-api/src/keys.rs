//! The key-encryption key, and the keys that it seals: what signs worlds and access tokens.

use crate::store::StoreError;
use rand::Rng as _;
use std::path::Path;
use tollgate_contract::{
    feed::{from_hex, to_hex},
    sealed::{Binding, DoesNotOpen, WrappingKey, key_id_of},
    secret::Secret,
    signing::{SigningKey, derive},
};
use zeroize::Zeroizing;

/// What seals secrets and signs tokens.
#[derive(Debug)]
pub struct Keys {
    current: WrappingKey,
    previous: Option<WrappingKey>,
    audit: Zeroizing<[u8; 32]>,
    /// Signs the world's revisions.
    pub world: SigningKey,
    /// Signs access tokens; the newest first.
    pub tokens: Vec<(uuid::Uuid, SigningKey)>,
}

/// Why the key-encryption key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the key-encryption key {0}: {1}. `tollgate-control kek new FILE` makes one.")]
    Io(String, std::io::Error),
    /// It is no such file.
    #[error(
        "{0} has no key-encryption key: each line is `<number> <64 hexadecimal digits>`, the current key first. `tollgate-control kek new FILE` makes one."
    )]
    Malformed(String),
    /// Others can read it.
    #[error("{0} can be read by others: `chmod 600` it")]
    Open(String),
}

/// Writes a new key-encryption key; an existing file is not touched.
pub fn new_key_file(path: &Path) -> Result<(), KeyFileError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let io = |error| KeyFileError::Io(path.display().to_string(), error);
    let key = Zeroizing::new(rand::random::<[u8; 32]>());
    let line = Zeroizing::new(format!("1 {}\n", to_hex(&*key)));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}

/// The wrapping keys of a file, the current one first.
pub fn read_key_file(path: &Path) -> Result<Vec<WrappingKey>, KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = path.display().to_string();
    let io = |error| KeyFileError::Io(name.clone(), error);
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
    if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::Open(name));
    }
    let read = |line: &str| {
        let (id, key) = line.split_once(' ')?;
        let key = Zeroizing::new(from_hex(key.trim())?);
        let key = Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).ok()?);
        let id: u32 = id.parse().ok().filter(|id| *id > 0)?;
        Some(WrappingKey::new(id, key))
    };
    let keys: Option<Vec<_>> =
        text.lines().filter(|line| !line.trim().is_empty()).map(read).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or(KeyFileError::Malformed(name))
}

impl Keys {
    /// Unseals the signing keys with the key-encryption keys; the first start makes them.
    pub async fn load(kek: Vec<WrappingKey>, db: &crate::store::Db) -> Result<Self, KeysError> {
        let mut kek = kek.into_iter();
        let current = kek.next().ok_or(KeysError::Sealed)?;
        let mut keys = Self {
            audit: current.derive("audit"),
            current,
            previous: kek.next(),
            world: SigningKey::from_seed(&[0; 32]),
            tokens: Vec::new(),
        };
        keys.world = keys.signing_keys(db, "world").await?.remove(0).1;
        keys.tokens = keys.signing_keys(db, "token").await?;
        Ok(keys)
    }

    async fn signing_keys(
        &self,
        db: &crate::store::Db,
        purpose: &'static str,
    ) -> Result<Vec<(uuid::Uuid, SigningKey)>, KeysError> {
        let mut tx = db.system().await?;
        let mut rows = crate::store::nodes::signing_keys(&mut tx, purpose).await?;
        if rows.is_empty() {
            let id = uuid::Uuid::now_v7();
            let seed = Zeroizing::new(rand::random::<[u8; 32]>());
            let sealed = self
                .seal(&signing_binding(purpose, &id.to_string()), &*seed)
                .map_err(|_| KeysError::Sealed)?;
            crate::store::nodes::add_signing_key(&mut tx, purpose, id, &sealed, self.current.id())
                .await?;
            rows = crate::store::nodes::signing_keys(&mut tx, purpose).await?;
        }
        tx.commit().await?;
        let mut all = Vec::new();
        for (id, sealed) in rows {
            let seed = self
                .open(&signing_binding(purpose, &id.to_string()), &sealed)
                .map_err(|_| KeysError::Sealed)?;
            let seed = <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| KeysError::Sealed)?;
            all.push((id, SigningKey::from_seed(&seed)));
        }
        Ok(all)
    }

    /// The id of the key that seals now.
    pub const fn kek_id(&self) -> u32 {
        self.current.id()
    }

    /// Seals a secret under the current key.
    pub fn seal(&self, binding: &Binding, secret: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        let mut random = Zeroizing::new([0; 56]);
        rand::rng().fill_bytes(random.as_mut_slice());
        self.current.seal(binding, secret, &random)
    }

    /// Opens a secret under whichever of our keys sealed it.
    pub fn open(
        &self,
        binding: &Binding,
        envelope: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        self.key_of(envelope)?.open(binding, envelope)
    }

    /// The same secret for a node: only its data key is opened on the way.
    pub fn rewrap(
        &self,
        to: &WrappingKey,
        binding: &Binding,
        envelope: &[u8],
    ) -> Result<Vec<u8>, DoesNotOpen> {
        self.key_of(envelope)?.rewrap(to, binding, envelope, &rand::random())
    }

    fn key_of(&self, envelope: &[u8]) -> Result<&WrappingKey, DoesNotOpen> {
        let id = key_id_of(envelope).ok_or(DoesNotOpen)?;
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.id() == id)
            .ok_or(DoesNotOpen)
    }

    /// What stands for a secret in the audit log: the same for the same secret, and telling nothing of it.
    pub fn audit_hint(&self, secret: &Secret) -> String {
        to_hex(&derive(&[self.audit.as_slice(), secret.expose().as_bytes()].concat(), "audit")[..8])
    }
}

/// Why the signing keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Another key-encryption key sealed them.
    #[error(
        "the key-encryption key does not open what this database has sealed: give the file that it was set up with (--kek-file)"
    )]
    Sealed,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn signing_binding<'b>(purpose: &'b str, record: &'b str) -> Binding<'b> {
    Binding { purpose, tenant: "", record, version: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back_and_is_private() {
        let folder = std::env::temp_dir().join(format!("tollgate-kek-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("kek");
        new_key_file(&path).unwrap();
        assert_eq!(read_key_file(&path).unwrap()[0].id(), 1);
        assert!(matches!(new_key_file(&path), Err(KeyFileError::Io(..))), "never overwritten");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        assert!(matches!(read_key_file(&path), Err(KeyFileError::Open(_))));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
