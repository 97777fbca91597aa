//! The lives of the counters in Redis. Every script compares them first, so that counters that came back empty after a
//! loss are not taken for budgets that nobody used.

use super::{connection::Trouble, memory::lock, seldom::Seldom};
use redis::aio::MultiplexedConnection;
use std::sync::{Arc, Mutex};
use tollgate_contract::counter_keys::Partition;
use uuid::Uuid;

/// What this process knows of them.
#[derive(Debug)]
pub(super) struct Epochs {
    known: Mutex<Vec<Option<Arc<str>>>>,
    lost: Seldom,
}

impl Epochs {
    pub(super) fn new() -> Self {
        Self {
            known: Mutex::new(vec![None; usize::from(Partition::COUNT)]),
            lost: Seldom::default(),
        }
    }

    /// The epoch that this process works in. At first use the one in Redis, or a new one: no one else builds counters.
    pub(super) async fn get(
        &self,
        connection: &mut MultiplexedConnection,
        partition: Partition,
    ) -> Result<Arc<str>, Trouble> {
        if let Some(known) = self.known(partition) {
            return Ok(known);
        }
        let fresh = Uuid::now_v7().to_string();
        let key = partition.epoch();
        let (created, current): (Option<String>, Option<String>) = redis::pipe()
            .cmd("SET")
            .arg(&key)
            .arg(&fresh)
            .arg("NX")
            .cmd("GET")
            .arg(&key)
            .query_async(connection)
            .await?;
        let current: Arc<str> = current.ok_or(Trouble::Nonsense)?.into();
        if created.is_some() {
            tracing::warn!(
                partition = partition.index(),
                "There were no counters in Redis for this partition: they start at zero"
            );
        }
        self.adopt(partition, current.clone());
        Ok(current)
    }

    /// The epoch, if this process met it before; no new one is made.
    pub(super) async fn existing(
        &self,
        connection: &mut MultiplexedConnection,
        partition: Partition,
    ) -> Result<Arc<str>, Trouble> {
        if let Some(known) = self.known(partition) {
            return Ok(known);
        }
        let current: Option<String> =
            redis::cmd("GET").arg(partition.epoch()).query_async(connection).await?;
        let current: Arc<str> = current.ok_or(Trouble::Lost)?.into();
        self.adopt(partition, current.clone());
        Ok(current)
    }

    /// A script said that another epoch is current. An error if there is none: Redis lost its data.
    pub(super) fn changed(&self, partition: Partition, current: &str) -> Result<(), Trouble> {
        if current.is_empty() {
            self.tell_lost(partition);
            return Err(Trouble::Lost);
        }
        self.adopt(partition, current.into());
        Ok(())
    }

    fn known(&self, partition: Partition) -> Option<Arc<str>> {
        lock(&self.known).get(partition.index()).cloned().flatten()
    }

    fn adopt(&self, partition: Partition, epoch: Arc<str>) {
        if let Some(known) = lock(&self.known).get_mut(partition.index()) {
            *known = Some(epoch);
        }
    }

    fn tell_lost(&self, partition: Partition) {
        if self.lost.now() {
            tracing::error!(
                partition = partition.index(),
                "The counters in Redis are gone, so budgets follow their on_outage. Restore Redis from its append-only \
                 file, or restart this gateway to accept counters that start at zero",
            );
        }
    }
}
