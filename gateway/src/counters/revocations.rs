//! Reads the log of revocations, which all nodes have in common.

use super::{Shared, connection::Trouble, remote::Remote};
use tollgate_contract::counter_keys::REVOCATION_LOG;

/// Entries per question, so that no answer holds up the others.
const PAGE: usize = 1_000;
/// An end to a log that grows faster than it is read.
const PAGES_MAX: usize = 1_000;

impl Shared {
    /// The entries of the log from this revision on, each in its text form with its revision. `None` while Redis is out
    /// of reach: whoever asks will ask again.
    pub async fn revocations(&self, from: u64) -> Option<Vec<(String, u64)>> {
        let remote = self.remote.as_ref()?;
        if remote.health.is_open() {
            return None;
        }
        match read(remote, from).await {
            Ok(entries) => Some(entries),
            Err(trouble) => {
                match &trouble {
                    Trouble::TimedOut => remote.line.was_silent(),
                    Trouble::Refused | Trouble::Broken => remote.line.broke(),
                    _ => {}
                }
                remote.health.failed(&trouble);
                None
            }
        }
    }
}

async fn read(remote: &Remote, from: u64) -> Result<Vec<(String, u64)>, Trouble> {
    let mut connection = remote.line.connection(&remote.client, &remote.health).await?;
    let mut entries = Vec::new();
    for page in 0..PAGES_MAX {
        let found: Vec<(String, f64)> = redis::cmd("ZRANGEBYSCORE")
            .arg(REVOCATION_LOG)
            .arg(from)
            .arg("+inf")
            .arg("WITHSCORES")
            .arg("LIMIT")
            .arg(page * PAGE)
            .arg(PAGE)
            .query_async(&mut connection)
            .await?;
        let last = found.len() < PAGE;
        // Revisions are far below 2^53, where a score stops being exact.
        entries.extend(found.into_iter().map(|(entry, score)| (entry, score as u64)));
        if last {
            break;
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::fixture_redis::{HASTY, Node, Server};

    #[tokio::test]
    async fn the_log_is_read_from_a_revision_on_and_an_outage_is_no_error() {
        let mut server = Server::start().await;
        let node = Node::new(&server, HASTY);
        for (revision, entry) in [("3", "k:a:old"), ("4", "k:a:one"), ("5", "t:b")] {
            let _: i64 = server.command(&["ZADD", super::REVOCATION_LOG, revision, entry]).await;
        }
        let found = node.shared.revocations(4).await.unwrap();
        assert_eq!(found, [("k:a:one".to_owned(), 4), ("t:b".to_owned(), 5)]);
        assert_eq!(node.shared.revocations(6).await.unwrap(), []);
        server.kill();
        assert_eq!(node.shared.revocations(4).await, None);
    }
}
