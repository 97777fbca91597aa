//! Keeps the snapshot: what is in it is brought back at the start, and every new world goes into it.

use super::{
    connected::ControlSettings,
    link::Link,
    replica::{Feeds, Replica, Taken},
    snapshot::{self, Snapshot},
};
use jiff::Timestamp;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tollgate_contract::{node::NodeIdentity, signing::PublicKey};

/// Changes in quick succession are written once.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// A world that does not change is written again after this time, because a control plane that confirms it makes it
/// younger.
const REFRESH: Duration = Duration::from_secs(3600);

/// What goes into the next snapshot.
#[derive(Debug)]
pub struct Latest {
    /// The world's revision.
    pub revision: u64,
    /// What the control plane signs with.
    pub public_key: PublicKey,
    /// What the world was made of.
    pub feeds: Feeds,
}

/// Brings the world of the snapshot back. A snapshot that cannot be used is as good as none; the log says why.
pub fn restore(control: &mut ControlSettings, link: &Link) -> Option<(Replica, Taken)> {
    let path = control.snapshot.as_ref()?;
    let refused = |why: &dyn std::fmt::Display| {
        tracing::warn!("The snapshot {} is not used: {why}", path.display());
    };
    let found = match snapshot::read(path, &control.identity) {
        Ok(found) => found?,
        Err(error) => {
            refused(&error);
            return None;
        }
    };
    if control.public_key.is_some_and(|pinned| pinned != found.public_key) {
        refused(&"its control plane signs with another key than --control-public-key says");
        return None;
    }
    control.public_key = Some(found.public_key);
    let (revision, confirmed) = (found.revision, found.confirmed);
    let restored = Replica::restored(revision, found.feeds);
    link.heard(confirmed);
    link.has_world();
    tracing::info!(revision, %confirmed, "Starting with the snapshot's world, revision {revision}");
    Some(restored)
}

/// Writes what is new, a second after it came, and once more when the world's follower has ended.
pub async fn keep(
    path: PathBuf,
    identity: Arc<NodeIdentity>,
    link: Arc<Link>,
    mut latest: watch::Receiver<Option<Arc<Latest>>>,
) {
    let mut written = (0, link.last_contact());
    let mut pause = DEBOUNCE;
    let mut ended = false;
    while !ended {
        ended = has_ended(&mut latest, pause).await;
        let Some(content) = latest.borrow_and_update().clone() else { continue };
        let confirmed = link.last_contact();
        if written == (content.revision, confirmed) {
            continue;
        }
        let started = Instant::now();
        match write(path.clone(), identity.clone(), &content, confirmed).await {
            Ok(()) => written = (content.revision, confirmed),
            Err(error) => tracing::error!(
                "The snapshot {} cannot be written: {error}. Without it this node cannot start while the control plane is away",
                path.display()
            ),
        }
        // A large world in a busy installation must not keep the disk busy all the time.
        pause = DEBOUNCE.max(10 * started.elapsed());
    }
}

/// Waits for a change, and then for the rest of what comes with it. Whether there will be no further change.
async fn has_ended(latest: &mut watch::Receiver<Option<Arc<Latest>>>, pause: Duration) -> bool {
    if tokio::time::timeout(REFRESH, latest.changed()).await.is_ok_and(|changed| changed.is_err()) {
        return true;
    }
    let until = tokio::time::Instant::now() + pause;
    while let Ok(changed) = tokio::time::timeout_at(until, latest.changed()).await {
        if changed.is_err() {
            return true;
        }
    }
    false
}

async fn write(
    path: PathBuf,
    identity: Arc<NodeIdentity>,
    content: &Latest,
    confirmed: Timestamp,
) -> std::io::Result<()> {
    let snapshot = Snapshot {
        revision: content.revision,
        public_key: content.public_key,
        confirmed,
        feeds: content.feeds.clone(),
    };
    let writing = move || snapshot::write(&path, &identity, &snapshot);
    tokio::task::spawn_blocking(writing).await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{
        fixture::{self, Feed},
        link::Unfit,
    };
    use jiff::SignedDuration;

    fn settings(path: PathBuf) -> ControlSettings {
        ControlSettings {
            url: "http://127.0.0.1:1".to_owned(),
            identity: Arc::new(fixture::identity()),
            snapshot: Some(path),
            public_key: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_world_is_on_disk_a_second_later_and_is_enough_to_start_from() {
        let directory = tempfile::tempdir().unwrap();
        let mut control = settings(directory.path().join("world"));
        let path = control.snapshot.clone().unwrap();
        assert!(restore(&mut control, &Link::default()).is_none());

        let link = Arc::new(Link::default());
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
        link.heard(now);
        let (send, latest) = watch::channel(None);
        let keeping = tokio::spawn(keep(path.clone(), control.identity.clone(), link, latest));
        for revision in [6, 7] {
            send.send_replace(Some(Arc::new(Latest {
                revision,
                public_key: fixture::control_key().public(),
                feeds: fixture::replica(&[Feed::new("ten_a")]).kept(),
            })));
        }
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        keeping.abort();

        let link = Link::default();
        let (replica, taken) = restore(&mut control, &link).unwrap();
        assert_eq!((replica.revision(), taken.world.tenants.len()), (Some(7), 1));
        assert_eq!(control.public_key, Some(fixture::control_key().public()));
        assert_eq!(link.last_contact(), now);
        let after = |hours: i64| now + SignedDuration::from_hours(hours);
        assert_eq!(link.unfit(after(71)), None);
        assert_eq!(link.unfit(after(73)), Some(Unfit::Expired));
        control.public_key = Some(PublicKey([9; 32]));
        assert!(restore(&mut control, &Link::default()).is_none(), "another control plane's");
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_last_is_written_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut control = settings(directory.path().join("world"));
        let path = control.snapshot.clone().unwrap();
        let link = Arc::new(Link::default());
        link.heard(Timestamp::now());
        let (send, latest) = watch::channel(None);
        send.send_replace(Some(Arc::new(Latest {
            revision: 8,
            public_key: fixture::control_key().public(),
            feeds: fixture::replica(&[Feed::new("ten_a")]).kept(),
        })));
        drop(send);
        keep(path, control.identity.clone(), link, latest).await;
        let (replica, _) = restore(&mut control, &Link::default()).unwrap();
        assert_eq!(replica.revision(), Some(8));
    }
}
