//! Management tokens: what machines call the control API with.

use super::{audited, members::may_touch, name};
use crate::{
    access::{Actor, Role, session::hash_of},
    error::ApiError,
    ids::ManagementTokenId,
    state::State,
    store::{
        Db,
        tokens::{self as store, ManagementTokenRow, NewManagementToken},
    },
};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use tollgate_contract::{secret::Secret, token};

/// The longest life of a token.
const LIFE_MAX: Duration = Duration::days(3650);

/// A token that was made, with the secret that is shown once.
#[derive(Debug)]
pub struct Minted {
    /// Its id.
    pub id: ManagementTokenId,
    /// The token.
    pub secret: Secret,
}

/// Makes a token that may do at most what its maker may.
pub async fn create(
    db: &Db,
    actor: &Actor,
    raw_name: &str,
    role: Role,
    expires_at: DateTime<Utc>,
) -> Result<Minted, ApiError> {
    let name = name(raw_name, "/name")?;
    may_touch(actor.role, role, "/role")?;
    check_end(expires_at, Utc::now())?;
    let minted = Minted {
        id: ManagementTokenId::new(),
        secret: Secret::new(token::mint(token::MANAGEMENT, &rand::random())),
    };
    let text = minted.secret.expose();
    let new = NewManagementToken {
        id: minted.id,
        name: &name,
        hash: &hash_of(text),
        last4: &text[text.len().saturating_sub(4)..],
        role: role.name(),
        expires_at,
        created_by: &actor.id(),
    };
    let mut tx = db.tenant(actor.tenant).await?;
    store::create(&mut tx, &new).await?;
    let detail = json!({ "name": name, "role": role, "expires_at": expires_at });
    audited(&mut tx, actor, "management_token.created", &minted.id.to_string(), detail).await?;
    tx.commit().await?;
    Ok(minted)
}

/// The secret of a new token, for the command line.
pub async fn mint(
    db: &Db,
    actor: &Actor,
    raw_name: &str,
    role: Role,
    expires_at: DateTime<Utc>,
) -> Result<Secret, ApiError> {
    Ok(create(db, actor, raw_name, role, expires_at).await?.secret)
}

fn check_end(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), ApiError> {
    if expires_at <= now || expires_at - now > LIFE_MAX {
        return Err(ApiError::invalid(
            "/expires_at",
            "must be in the future, at most 3650 days from now",
        ));
    }
    Ok(())
}

/// A page of the tokens that are not revoked, newest first; one more than `limit` if there are more.
pub async fn list(
    state: &State,
    actor: &Actor,
    before: Option<ManagementTokenId>,
    limit: i64,
) -> Result<Vec<ManagementTokenRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::list(&mut tx, before, limit + 1).await?)
}

/// Revokes a token at once.
pub async fn revoke(state: &State, actor: &Actor, id: ManagementTokenId) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let name = store::revoke(&mut tx, id).await?;
    audited(&mut tx, actor, "management_token.revoked", &id.to_string(), json!({ "name": name }))
        .await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_within_ten_years() {
        let now = Utc::now();
        for (days, ok) in [(-1, false), (0, false), (1, true), (3650, true), (3651, false)] {
            assert_eq!(check_end(now + Duration::days(days), now).is_ok(), ok, "{days}");
        }
    }
}
