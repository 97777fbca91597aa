//! The last good world on disk, sealed for this node: enough to start from while the control plane is away.

use super::replica::{Feeds, Kept};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate_contract::{
    node::{NodeIdentity, SNAPSHOT_PURPOSE},
    sealed::Binding,
    signing::PublicKey,
};
use zeroize::Zeroizing;

/// What a snapshot holds.
#[derive(Debug)]
pub struct Snapshot {
    /// The world's revision.
    pub revision: u64,
    /// What the control plane signs with.
    pub public_key: PublicKey,
    /// When the control plane last confirmed it.
    pub confirmed: Timestamp,
    /// What the world was made of.
    pub feeds: Feeds,
}

#[derive(Serialize, Deserialize)]
struct Content {
    revision: u64,
    public_key: String,
    confirmed_ms: i64,
    tenants: Vec<Arc<Kept>>,
    #[serde(default)]
    price_book: Arc<str>,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is another node's, or was changed.
    #[error("it is not this node's, or it was changed")]
    DoesNotOpen,
    /// It opens, but another version wrote it.
    #[error("it was written by another version")]
    Format,
}

/// Reads a snapshot; `None` if there is none yet.
pub fn read(path: &Path, identity: &NodeIdentity) -> Result<Option<Snapshot>, SnapshotError> {
    let sealed = match fs::read(path) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let fingerprint = identity.fingerprint();
    let opened = identity.wrapping.open(&binding(&fingerprint), &sealed);
    let text = opened.map_err(|_| SnapshotError::DoesNotOpen)?;
    let content: Content = serde_json::from_slice(&text).map_err(|_| SnapshotError::Format)?;
    Ok(Some(Snapshot {
        revision: content.revision,
        public_key: PublicKey::from_hex(&content.public_key).ok_or(SnapshotError::Format)?,
        confirmed: Timestamp::from_millisecond(content.confirmed_ms)
            .map_err(|_| SnapshotError::Format)?,
        feeds: Feeds { tenants: content.tenants, price_book: content.price_book },
    }))
}

/// Writes a snapshot: beside the old one, then in its place, so that one of them is always whole. Blocks.
pub fn write(path: &Path, identity: &NodeIdentity, snapshot: &Snapshot) -> io::Result<()> {
    let content = Content {
        revision: snapshot.revision,
        public_key: snapshot.public_key.to_hex(),
        confirmed_ms: snapshot.confirmed.as_millisecond(),
        tenants: snapshot.feeds.tenants.clone(),
        price_book: snapshot.feeds.price_book.clone(),
    };
    let text = Zeroizing::new(serde_json::to_vec(&content)?);
    let fingerprint = identity.fingerprint();
    let sealed = identity
        .wrapping
        .seal(&binding(&fingerprint), &text, &rand::random())
        .map_err(io::Error::other)?;
    let beside = beside(path);
    // A left-over of a crash may have other rights.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&sealed)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

const fn binding(fingerprint: &str) -> Binding<'_> {
    Binding { purpose: SNAPSHOT_PURPOSE, tenant: "", record: fingerprint, version: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{
        fixture::{self, Feed},
        replica::Replica,
    };
    use std::os::unix::fs::PermissionsExt;

    fn snapshot() -> Snapshot {
        let feed = Feed::new("ten_a").api_key("key_a", "tgk_aaaaaaaaaaaaaaaa");
        let replica = fixture::replica(&[feed.provider_key("pky_a", "sk-a")]);
        Snapshot {
            revision: 7,
            public_key: fixture::control_key().public(),
            confirmed: "2026-11-25T12:00:00Z".parse().unwrap(),
            feeds: replica.kept(),
        }
    }

    #[test]
    fn a_world_comes_back_from_its_snapshot_and_the_file_tells_others_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("world");
        let identity = fixture::identity();
        assert!(read(&path, &identity).unwrap().is_none());
        let written = snapshot();
        write(&path, &identity, &written).unwrap();
        write(&path, &identity, &written).unwrap();
        let found = read(&path, &identity).unwrap().unwrap();
        assert_eq!((found.revision, found.confirmed), (7, written.confirmed));
        assert_eq!(found.public_key, written.public_key);
        let (replica, taken) = Replica::restored(found.revision, found.feeds);
        assert_eq!((replica.revision(), taken.rejected.len()), (Some(7), 0));
        assert_eq!(taken.world.tenants["ten_a"].revision, written.feeds.tenants[0].revision);
        assert_eq!(taken.world.api_keys.len(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&path).unwrap();
        assert!(memchr::memmem::find(&bytes, b"ten_a").is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_nodes_and_changed_snapshots_do_not_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("world");
        let identity = fixture::identity();
        write(&path, &identity, &snapshot()).unwrap();
        let other = fixture::other_identity();
        assert!(matches!(read(&path, &other), Err(SnapshotError::DoesNotOpen)));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(read(&path, &identity), Err(SnapshotError::DoesNotOpen)));
        fs::write(&path, b"").unwrap();
        assert!(matches!(read(&path, &identity), Err(SnapshotError::DoesNotOpen)));
    }
}
