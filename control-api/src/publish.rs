//! From tables to the world: what gateways are told, and how they are woken.

use crate::{
    domain::{
        document::{Naming, compose},
        nodes, price_book,
    },
    error::ApiError,
    ids::{NodeId, ProviderKeyId, TenantId},
    state::State,
    store::{self, Db, config::TenantConfig, nodes::NodeRow, world::CHANNEL},
};
use actix_web::web::Bytes;
use redis::AsyncCommands as _;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tollgate_contract::{
    counter_keys::{Partition, REVOCATION_LOG, Revocation},
    feed::{Batch, Frame, HEARTBEAT_MS, SealedProviderKey, TenantFeed, to_hex},
    node::PROVIDER_KEY_PURPOSE,
    sealed::{Binding, WrappingKey},
};

/// How often the revision is looked at when nobody tells of it.
const POLL: Duration = Duration::from_secs(1);
/// Tenants that are read from the database at a time.
const CHUNK: usize = 200;

/// Tells the nodes' streams that there is a new revision.
#[derive(Debug, Clone)]
pub struct Publisher(watch::Sender<i64>);

impl Publisher {
    /// Listens to commits. Ends with the process; survives outages of the database.
    pub fn start(db: Db) -> Self {
        let (sender, _) = watch::channel(0);
        let publisher = Self(sender.clone());
        tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&db, &sender).await {
                    tracing::warn!(%error, "The database does not tell of revisions: trying again");
                }
                tokio::time::sleep(POLL).await;
            }
        });
        publisher
    }

    /// The revision, and word of each new one.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.0.subscribe()
    }
}

async fn listen(db: &Db, sender: &watch::Sender<i64>) -> Result<(), store::StoreError> {
    let mut listener = sqlx::postgres::PgListener::connect_with(db.system_pool()).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let mut tx = db.system().await?;
        let revision = store::world::revision(&mut tx).await?;
        drop(tx);
        sender.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        // A notification may get lost with a connection, so the revision is looked at all the same.
        if let Ok(told) = tokio::time::timeout(POLL, listener.recv()).await {
            told?;
        }
    }
}

/// Marks a revocation in Redis, where gateways see it even while they cannot reach us. What fails is logged, and done
/// again by the job that re-marks all of them.
pub async fn mark(state: &State, revision: i64, marker: &str) {
    let Some(revocation) = Revocation::parse(marker) else { return };
    let mut redis = state.redis.clone();
    let field = Partition::of(revocation.tenant()).revocations();
    let marked: Result<(), redis::RedisError> = async {
        let () = redis.hset(field, marker, revision).await?;
        redis.zadd(REVOCATION_LOG, marker, revision).await
    }
    .await;
    if let Err(error) = marked {
        tracing::warn!(%error, "A revocation could not be marked in Redis: it will be marked later");
    }
}

/// Sends the world to a node until the node leaves: see [`tollgate_contract::feed`].
pub async fn stream(
    state: State,
    node: NodeRow,
    version: String,
    after: i64,
    out: mpsc::Sender<Result<Bytes, ApiError>>,
) {
    let name = node.name.clone();
    let id = NodeId(node.id);
    tracing::info!(node = %name, after, "Node {name} follows the world");
    let mut feed = match Feed::new(state.clone(), node, out) {
        Ok(feed) => feed,
        Err(error) => return error.log(),
    };
    let result = feed.run(&version, after).await;
    if let Err(error) = &result {
        tracing::warn!(node = %name, %error, "The stream to node {name} ends");
        error.log();
    }
    if let Ok(mut tx) = state.db.system().await {
        let _ = store::nodes::seen(&mut tx, id, &version, feed.sent, false).await;
        let _ = tx.commit().await;
    }
    tracing::info!(node = %name, "Node {name} left");
}

struct Feed {
    state: State,
    node: NodeRow,
    wrapping: WrappingKey,
    batch: Batch,
    sent: i64,
    out: mpsc::Sender<Result<Bytes, ApiError>>,
}

impl Feed {
    fn new(
        state: State,
        node: NodeRow,
        out: mpsc::Sender<Result<Bytes, ApiError>>,
    ) -> Result<Self, ApiError> {
        let wrapping = nodes::wrapping_key(&state.keys, &node)?;
        Ok(Self { state, node, wrapping, batch: Batch::default(), sent: 0, out })
    }

    async fn run(&mut self, version: &str, after: i64) -> Result<(), ApiError> {
        let mut revisions = self.state.publisher.subscribe();
        let now = self.revision().await?;
        // A node that is ahead of us followed another history.
        let full = after <= 0 || after > now;
        let public_key = self.state.keys.world.public().to_hex();
        if !self.send(&Frame::Hello { full, public_key }).await? {
            return Ok(());
        }
        self.sent = if full { -1 } else { after };
        loop {
            let target = self.revision().await?;
            if self.sent < target || self.sent < 0 {
                if !self.send_changes().await? {
                    return Ok(());
                }
            } else if !self.send(&Frame::Heartbeat { revision: self.sent.unsigned_abs() }).await? {
                return Ok(());
            }
            let mut tx = self.state.db.system().await?;
            store::nodes::seen(&mut tx, NodeId(self.node.id), version, self.sent, true).await?;
            tx.commit().await?;
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(Duration::from_millis(HEARTBEAT_MS)) => {}
                () = self.out.closed() => return Ok(()),
            }
        }
    }

    async fn revision(&self) -> Result<i64, ApiError> {
        let mut tx = self.state.db.system().await?;
        Ok(store::world::revision(&mut tx).await?)
    }

    /// One batch: what changed since the revision that the node has, as of one moment.
    async fn send_changes(&mut self) -> Result<bool, ApiError> {
        let mut tx = self.state.db.system().await?;
        store::world::as_of_one_moment(&mut tx).await?;
        let revision = store::world::revision(&mut tx).await?;
        let changed: Vec<_> = if self.sent < 0 {
            store::tenants::ids_of_all(&mut tx).await?
        } else {
            store::world::changed_after(&mut tx, self.sent)
                .await?
                .into_iter()
                .map(|id| id.0)
                .collect()
        };
        for chunk in changed.chunks(CHUNK) {
            let configs = store::config::load(&mut tx, chunk).await?;
            for id in chunk {
                let living = configs
                    .iter()
                    .find(|config| config.tenant.id == *id && config.tenant.suspended_at.is_none());
                let frame = match living {
                    Some(config) => Frame::Tenant(self.tenant(config)?),
                    None => Frame::Gone { tenant: TenantId(*id).to_contract() },
                };
                if !self.send(&frame).await? {
                    return Ok(false);
                }
            }
        }
        if self.sent < 0 || store::price_book::changed_after(&mut tx, self.sent).await? {
            let document = price_book::document(&mut tx).await?;
            if !self.send(&Frame::PriceBook { document }).await? {
                return Ok(false);
            }
        }
        let close = self.batch.close(revision.unsigned_abs(), &self.state.keys.world);
        self.sent = revision;
        self.send(&close).await
    }

    fn tenant(&self, config: &TenantConfig) -> Result<TenantFeed, ApiError> {
        let tenant = TenantId(config.tenant.id).to_string();
        let keys = config.provider_keys.iter().map(|row| {
            let record = ProviderKeyId(row.id).to_string();
            let version = row.sealed_version.unsigned_abs();
            let binding = Binding {
                purpose: PROVIDER_KEY_PURPOSE,
                tenant: &tenant,
                record: &record,
                version,
            };
            let sealed = self
                .state
                .keys
                .rewrap(&self.wrapping, &binding, &row.sealed)
                .map_err(ApiError::internal)?;
            let id = tollgate_contract::ids::ProviderKeyId::new(record.as_str());
            Ok(SealedProviderKey { id, version, sealed: to_hex(&sealed) })
        });
        Ok(TenantFeed {
            tenant: TenantId(config.tenant.id).to_contract(),
            document: compose(config, Naming::Ids)?,
            provider_keys: keys.collect::<Result<_, ApiError>>()?,
        })
    }

    /// Sends a line. `false`: the node left.
    async fn send(&mut self, frame: &Frame) -> Result<bool, ApiError> {
        let mut line = serde_json::to_vec(frame).map_err(ApiError::internal)?;
        if matches!(frame, Frame::Tenant(_) | Frame::Gone { .. } | Frame::PriceBook { .. }) {
            self.batch.add(&line);
        }
        line.push(b'\n');
        Ok(self.out.send(Ok(line.into())).await.is_ok())
    }
}
