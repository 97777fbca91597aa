//! Members of a tenant: nobody grants or changes a role above their own, and the last owner stays.

use super::{
    audited,
    sign_in::{INVITATION, LinkKind, add_link},
    tenants,
};
use crate::{
    access::{Actor, Role},
    error::ApiError,
    ids::{MemberId, TeamId},
    publish::mark,
    state::State,
    store::{
        TenantTx,
        audit_log::{self, NewEntry},
        members::{self as store, MemberRow},
        people, world,
    },
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tollgate_contract::{
    counter_keys::Revocation, ids::MemberId as ContractMemberId, secret::Secret,
};

/// What came of inviting somebody.
#[derive(Debug)]
pub struct Invited {
    /// The member that they will be.
    pub id: MemberId,
    /// The one-time link (`tgl_…`), shown once: whoever invites hands it over.
    pub link: Secret,
    /// When the link ends.
    pub ends_at: DateTime<Utc>,
}

/// A page of members and open invitations; one more than `limit` if there are more.
pub async fn list(
    state: &State,
    actor: &Actor,
    after: Option<MemberId>,
    limit: i64,
) -> Result<Vec<MemberRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::list(&mut tx, after, limit + 1).await?)
}

/// One member or open invitation.
pub async fn get(state: &State, actor: &Actor, id: MemberId) -> Result<MemberRow, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::get(&mut tx, id).await?)
}

/// Invites a person by address; inviting again makes another link, and the old one is dead. They are no member before
/// they use it.
pub async fn invite(
    state: &State,
    actor: &Actor,
    email: &str,
    role: Role,
    team: Option<TeamId>,
) -> Result<Invited, ApiError> {
    let email = tenants::email(email, "/email")?;
    may_touch(actor.role, role, "/role")?;
    let ends_at = Utc::now() + INVITATION;
    // Across tenants, because the person may be new: a tenant sees only people who are its own.
    let mut tx = state.db.system().await?;
    let person = people::ensure(&mut tx, &email).await?;
    match store::of_person(&mut tx, actor.tenant, person).await? {
        Some((_, true)) => return Err(ApiError::Conflict(format!("{email} is a member already."))),
        Some((before, false)) => may_touch(actor.role, role_of(&before)?, "/email")?,
        None => {}
    }
    let id = store::invite(&mut tx, actor.tenant, person, role.name(), team).await?;
    let link =
        add_link(&mut tx, person, LinkKind::Invitation, Some(actor.tenant), INVITATION).await?;
    let entry = NewEntry {
        actor: &actor.id(),
        actor_name: &actor.name(),
        action: "member.invited",
        object: &id.to_string(),
        outcome: "ok",
        ip: &actor.ip,
        request_id: &actor.request_id,
        detail: json!({ "email": email, "role": role, "team": team }),
    };
    audit_log::append_system(&mut tx, actor.tenant.0, entry).await?;
    tx.commit().await?;
    Ok(Invited { id, link, ends_at })
}

/// Changes role and team of a member that is still at a version.
pub async fn change(
    state: &State,
    actor: &Actor,
    id: MemberId,
    version: i32,
    role: Role,
    team: Option<TeamId>,
) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let owners = store::lock_owners(&mut tx).await?;
    let before = store::get(&mut tx, id).await?;
    may_touch(actor.role, role_of(&before.role)?, "")?;
    may_touch(actor.role, role, "/role")?;
    if before.version != version {
        return Err(ApiError::Stale);
    }
    if role != Role::Owner {
        keep_an_owner(&owners, id)?;
    }
    store::change(&mut tx, id, version, role.name(), team).await?;
    let detail = json!({
        "before": { "role": before.role, "team": before.team_id.map(TeamId) },
        "after": { "role": role, "team": team },
    });
    audited(&mut tx, actor, "member.changed", &id.to_string(), detail).await?;
    Ok(tx.commit().await?)
}

/// Removes a member, or withdraws an invitation. The member's API keys are revoked: every gateway refuses them within
/// 2 seconds.
pub async fn remove(state: &State, actor: &Actor, id: MemberId) -> Result<(), ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    let owners = store::lock_owners(&mut tx).await?;
    let before = store::get(&mut tx, id).await?;
    may_touch(actor.role, role_of(&before.role)?, "")?;
    keep_an_owner(&owners, id)?;
    let keys = store::remove(&mut tx, id).await?;
    let action = if before.invited { "member.invitation_withdrawn" } else { "member.removed" };
    let detail = json!({ "email": before.email, "role": before.role, "api_keys_revoked": keys });
    audited(&mut tx, actor, action, &id.to_string(), detail).await?;
    if before.invited {
        return Ok(tx.commit().await?);
    }
    let (revision, marker) = publish_removal(tx, actor, id).await?;
    mark(state, revision, &marker).await;
    Ok(())
}

async fn publish_removal(
    mut tx: TenantTx,
    actor: &Actor,
    id: MemberId,
) -> Result<(i64, String), ApiError> {
    let member = ContractMemberId::new(id.to_string());
    let marker = Revocation::Member(actor.tenant.to_contract(), member).to_string();
    let revision = world::advance(&mut tx).await?;
    world::note_revocation(&mut tx, revision, &marker).await?;
    tx.commit().await?;
    Ok((revision, marker))
}

pub(super) fn role_of(name: &str) -> Result<Role, ApiError> {
    Role::from_name(name)
        .ok_or_else(|| ApiError::internal("the database has a role that we do not know"))
}

/// Nobody grants, changes or takes a role above their own; so only owners touch owners.
pub(super) fn may_touch(own: Role, other: Role, pointer: &str) -> Result<(), ApiError> {
    if other <= own {
        Ok(())
    } else if pointer.is_empty() {
        Err(ApiError::Forbidden)
    } else {
        let message = format!("is above your own role: you may give at most \"{}\"", own.name());
        Err(ApiError::invalid(pointer, message))
    }
}

/// A tenant always has an owner.
fn keep_an_owner(owners: &[MemberId], leaving: MemberId) -> Result<(), ApiError> {
    if owners == [leaving] {
        Err(ApiError::Conflict(
            "This is the last owner: make somebody else an owner first.".to_owned(),
        ))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reaches_above_their_own_role() {
        for own in Role::ALL {
            for other in Role::ALL {
                assert_eq!(
                    may_touch(own, other, "/role").is_ok(),
                    other <= own,
                    "{own:?} {other:?}"
                );
            }
        }
        assert!(matches!(may_touch(Role::Admin, Role::Owner, ""), Err(ApiError::Forbidden)));
        assert!(may_touch(Role::Owner, Role::Owner, "").is_ok());
    }

    #[test]
    fn the_last_owner_stays() {
        let (one, two) = (MemberId::new(), MemberId::new());
        assert!(matches!(keep_an_owner(&[one], one), Err(ApiError::Conflict(_))));
        assert!(keep_an_owner(&[one, two], one).is_ok());
        assert!(keep_an_owner(&[one], two).is_ok(), "somebody else leaves");
    }
}
