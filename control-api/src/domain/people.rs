//! What people do about themselves: their password, their name, their tenants.

use super::sign_in::{note, prove};
use crate::{
    access::{
        client::Client,
        password,
        session::{self, Person, Session},
    },
    error::ApiError,
    ids::{PersonId, SessionId},
    state::State,
    store::{
        people::{self, MembershipRow},
        sessions, tokens,
    },
};
use actix_web::cookie::Cookie;
use serde_json::json;
use tollgate_contract::secret::Secret;

/// The tenants in which a person may act as a member, the oldest membership first.
pub async fn memberships(state: &State, id: PersonId) -> Result<Vec<MembershipRow>, ApiError> {
    let mut tx = state.db.system().await?;
    Ok(people::memberships(&mut tx, id).await?)
}

/// Changes the password of whoever is signed in. Who has one gives it; who has none came by a link, minutes ago. The
/// session goes on with another cookie, and all others end.
pub async fn change_password(
    state: &State,
    session: &Session,
    current: Option<Secret>,
    new: Secret,
    client: &Client,
) -> Result<Cookie<'static>, ApiError> {
    password::check(new.expose(), &session.person.email, "/new_password")?;
    if session.has_password {
        let wrong = || ApiError::invalid("/password", "is not your password");
        let current = current.ok_or_else(wrong)?;
        prove(state, &session.person.email, current, client).await.map_err(
            |error| match error {
                ApiError::WrongCredentials => wrong(),
                other => other,
            },
        )?;
    } else {
        session.require_recent()?;
    }
    set_password(state, &session.person, new, Some(session.id), client).await?;
    session::elevate(state, session).await
}

/// Sets a person's password. All their sessions but one, their API clients' sign-ins and their sign-in links end.
pub async fn set_password(
    state: &State,
    person: &Person,
    new: Secret,
    keep: Option<SessionId>,
    client: &Client,
) -> Result<(), ApiError> {
    password::check(new.expose(), &person.email, "/new_password")?;
    let hash = state.passwords.hash(new).await?;
    let mut tx = state.db.system().await?;
    people::set_password(&mut tx, person.id, &hash).await?;
    let ended = sessions::end_all_of(&mut tx, person.id, keep).await?;
    sessions::end_sign_in_links(&mut tx, person.id).await?;
    tokens::end_families_of(&mut tx, person.id).await?;
    note(
        &mut tx,
        Some(person),
        "password.changed",
        "ok",
        client,
        json!({ "sessions_ended": ended }),
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Sets how a person is called; empty: by the address.
pub async fn rename(state: &State, id: PersonId, name: &str) -> Result<(), ApiError> {
    let name = name.trim();
    if name.chars().count() > 128 || name.chars().any(char::is_control) {
        return Err(ApiError::invalid("/name", "must have at most 128 characters"));
    }
    let mut tx = state.db.system().await?;
    people::rename(&mut tx, id, name).await?;
    Ok(tx.commit().await?)
}
