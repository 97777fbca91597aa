//! `audit verify`.

use super::{Mistakes, open, say};
use crate::{
    domain::audit::verify_all, ids::TenantId, settings::Database, store::audit_log::PLATFORM,
};

/// Recomputes every chain. `false` if one does not hold.
pub async fn verify(database: Database) -> Result<bool, Mistakes> {
    let db = open(&database)?;
    let failed = |error: crate::error::ApiError| vec![error.to_string()];
    let mut tx = db.system().await.map_err(|error| failed(error.into()))?;
    let chains = verify_all(&mut tx).await.map_err(failed)?;
    let mut holds = true;
    for chain in &chains {
        let name = if chain.chain == PLATFORM {
            "the platform".to_owned()
        } else {
            TenantId(chain.chain).to_string()
        };
        match &chain.broken {
            None => say(&format!("{name}: {} rows, the chain holds", chain.rows)),
            Some(broken) => {
                holds = false;
                say(&format!("{name}: BROKEN at row {}: {}", broken.seq, broken.why));
            }
        }
    }
    say(&format!(
        "audit: {} chains, {}",
        chains.len(),
        if holds { "all hold" } else { "NOT all hold" }
    ));
    Ok(holds)
}
