//! What handlers and jobs share.

use crate::{keys::Keys, publish::Publisher, settings::Serve, store::Db};
use redis::aio::ConnectionManager;
use std::sync::Arc;

/// The process's state.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub db: Db,
    /// Redis: counters, streams, revocations. Reconnects by itself.
    pub redis: ConnectionManager,
    /// What seals secrets and signs tokens.
    pub keys: Arc<Keys>,
    /// Tells the nodes' streams that there is a new revision.
    pub publisher: Publisher,
    /// How it was started.
    pub settings: Arc<Serve>,
    /// Verifies passwords, a few at a time.
    pub passwords: Arc<crate::access::password::Passwords>,
    /// What gateways told of their targets in the last minute.
    pub pulses: Arc<crate::domain::target_health::Pulses>,
}
