//! Gateway nodes: whether they follow the world.

use crate::{
    access::permission::of,
    console::{Visit, clock::shown, html, page},
    domain::nodes,
    error::ApiError,
    store,
};
use actix_web::HttpResponse;
use chrono::{DateTime, Duration, Utc};
use tollgate_contract::feed::HEARTBEAT_MS;
use tollgate_web::{
    Template as _,
    layout::Nav,
    pages::operator::{NodeRow, NodesPage},
};

/// `GET /operator/nodes`.
pub async fn list(visit: Visit<of::Operate>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::OperatorNodes).await?;
    let mut tx = visit.state.db.system().await?;
    let revision = store::world::revision(&mut tx).await?;
    drop(tx);
    let nodes = nodes::list(&visit.state.db).await?;
    let rows = nodes.into_iter().map(|node| row(node, revision, Utc::now())).collect();
    let found = NodesPage { shell, revision: count(revision), rows };
    if visit.query("fragment") == "live" { html(found.as_live().render()) } else { page(&found) }
}

fn row(node: store::nodes::NodeRow, revision: i64, now: DateTime<Utc>) -> NodeRow {
    // Where the control plane that served a stream was killed, nobody noted that the stream ended.
    let silence = Duration::milliseconds(3 * HEARTBEAT_MS as i64);
    let is_heard = node.last_seen_at.is_some_and(|at| now - at < silence);
    NodeRow {
        name: node.name,
        version: node.version,
        revision: count(node.revision),
        lag: count(revision.saturating_sub(node.revision.max(0))),
        connected: node.connected_at.is_some() && is_heard,
        last_seen_at: node.last_seen_at.map(shown),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_silent_is_not_connected_whatever_was_noted() {
        let now = Utc::now();
        let node = |seen: i64, revision| store::nodes::NodeRow {
            id: uuid::Uuid::nil(),
            name: "eu-1".to_owned(),
            fingerprint: String::new(),
            public_key: Vec::new(),
            token_sealed: Vec::new(),
            version: "0.1.0".to_owned(),
            revision,
            connected_at: Some(now - Duration::hours(1)),
            last_seen_at: Some(now - Duration::seconds(seen)),
            created_at: now,
        };
        let (fresh, silent) = (row(node(4, 9), 10, now), row(node(60, -1), 10, now));
        assert_eq!((fresh.connected, fresh.lag), (true, 1));
        assert_eq!((silent.connected, silent.revision, silent.lag), (false, 0, 10));
    }
}
