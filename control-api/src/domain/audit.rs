//! The audit log: reading it, and verifying its chains.

use crate::{access::Actor, state::State};
use crate::{
    error::ApiError,
    store::{
        SystemTx,
        audit_log::{self, Entry, Filter},
    },
};
use uuid::Uuid;

/// A page of the tenant's log.
pub async fn list(state: &State, actor: &Actor, filter: &Filter) -> Result<Vec<Entry>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(audit_log::list(&mut tx, filter).await?)
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which chain: a tenant's id, or nil for the platform.
    pub chain: Uuid,
    /// The first row that is wrong.
    pub seq: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// How far a chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Which.
    pub chain: Uuid,
    /// Its rows.
    pub rows: i64,
    /// The first wrong row.
    pub broken: Option<Broken>,
}

/// Recomputes every chain.
pub async fn verify_all(tx: &mut SystemTx) -> Result<Vec<Chain>, ApiError> {
    let mut all = Vec::new();
    for (chain, head, head_hash) in audit_log::chains(tx).await? {
        all.push(verify(tx, chain, head, &head_hash).await?);
    }
    Ok(all)
}

/// Recomputes the chain of the actor's tenant.
pub async fn verify_own(state: &State, actor: &Actor) -> Result<Chain, ApiError> {
    let mut tx = state.db.system().await?;
    let chains = audit_log::chains(&mut tx).await?;
    let own = chains.into_iter().find(|(chain, ..)| *chain == actor.tenant.0);
    let (chain, head, hash) = own.unwrap_or((actor.tenant.0, 0, Vec::new()));
    verify(&mut tx, chain, head, &hash).await
}

async fn verify(
    tx: &mut SystemTx,
    chain: Uuid,
    head: i64,
    head_hash: &[u8],
) -> Result<Chain, ApiError> {
    const PAGE: i64 = 1_000;
    let (mut seq, mut hash) = (0, Vec::new());
    loop {
        let page = audit_log::page_of_chain(tx, chain, seq, PAGE).await?;
        let last = (page.len() as i64) < PAGE;
        for entry in page {
            if let Some(why) = wrong(chain, seq, &hash, &entry) {
                let broken = Some(Broken { chain, seq: seq + 1, why });
                return Ok(Chain { chain, rows: seq, broken });
            }
            (seq, hash) = (entry.seq, entry.hash);
        }
        if last {
            break;
        }
    }
    let ends_elsewhere = seq != head || hash != head_hash;
    let broken = ends_elsewhere.then_some(Broken {
        chain,
        seq: seq.min(head) + 1,
        why: "the end of the chain is not where it was",
    });
    Ok(Chain { chain, rows: seq, broken })
}

/// What is wrong with a row after `seq`.
fn wrong(chain: Uuid, seq: i64, prev_hash: &[u8], entry: &Entry) -> Option<&'static str> {
    if entry.seq != seq + 1 {
        Some("a row is missing")
    } else if entry.prev_hash != prev_hash {
        Some("it does not follow the row before it")
    } else if entry.hash != entry.computed_hash(chain) {
        Some("it was changed")
    } else {
        None
    }
}
