//! How people get in: by password, by one-time link, and API clients by tokens that rotate. Every try is written to the
//! platform's audit log, without what was tried.

use super::tenants;
use crate::{
    access::{
        Actor,
        client::Client,
        password::{self, Passwords},
        session::{self, Person, SignIn, hash_of},
        throttle::{self, Attempt},
        token,
    },
    error::ApiError,
    ids::{MemberId, PersonId, TenantId},
    state::State,
    store::{
        Db, StoreError, SystemTx,
        audit_log::{self, NewEntry, PLATFORM},
        members,
        people::{self, PersonRow},
        sessions::{self, LinkRow},
        tokens::{self, RefreshRow},
    },
};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use tollgate_contract::{feed::to_hex, secret::Secret, token as secret_token};
use uuid::Uuid;

/// How long a link for an operator can be used.
const OPERATOR_LINK: Duration = Duration::minutes(15);
/// How long an invitation can be used; the list of members knows it too.
pub const INVITATION: Duration = Duration::days(7);
/// How long an API client can go on without the password.
const REFRESH: Duration = Duration::days(30);

/// Signs a person in with the password. What a browser or an API client then gets is another function's.
pub async fn sign_in(
    state: &State,
    email: &str,
    password: Secret,
    client: &Client,
) -> Result<Person, ApiError> {
    let person = prove(state, email, password, client).await?;
    let mut tx = state.db.system().await?;
    note(&mut tx, Some(&person), "session.created", "ok", client, json!({ "by": "password" }))
        .await?;
    tx.commit().await?;
    Ok(person)
}

/// The person of an address and a password. An unknown address takes as long as a wrong password, and sounds the same.
pub(super) async fn prove(
    state: &State,
    email: &str,
    password: Secret,
    client: &Client,
) -> Result<Person, ApiError> {
    let Ok(email) = tenants::email(email, "/email") else { return Err(ApiError::WrongCredentials) };
    if password.expose().chars().count() > password::LENGTH_MAX {
        return Err(ApiError::WrongCredentials);
    }
    let attempt = Attempt::begin(&state.db, &email, &client.ip).await?;
    let known = match verify(state, &email, password).await {
        Ok(known) => known,
        Err(error) => {
            attempt.give_back(&state.db).await?;
            return Err(error);
        }
    };
    match known {
        (Some(row), true) => {
            attempt.succeeded(&state.db).await?;
            Ok(person_of(&row))
        }
        (known, _) => {
            refused(&state.db, &email, known.as_ref(), client).await?;
            Err(ApiError::WrongCredentials)
        }
    }
}

/// Who has the address, and whether the password is theirs. No connection is held while it is computed.
async fn verify(
    state: &State,
    email: &str,
    password: Secret,
) -> Result<(Option<PersonRow>, bool), ApiError> {
    let mut tx = state.db.system().await?;
    let known = people::by_email(&mut tx, email).await?;
    tx.commit().await?;
    let hash = known.as_ref().and_then(|row| row.password_hash.as_ref());
    let is_right = state.passwords.verify(password.clone(), hash.map(Secret::expose)).await?;
    if let (true, Some(row), Some(hash)) = (is_right, &known, hash)
        && Passwords::needs_rehash(hash.expose())
    {
        let hash = state.passwords.hash(password).await?;
        let mut tx = state.db.system().await?;
        people::set_password(&mut tx, PersonId(row.id), &hash).await?;
        tx.commit().await?;
    }
    Ok((known, is_right))
}

async fn refused(
    db: &Db,
    email: &str,
    known: Option<&PersonRow>,
    client: &Client,
) -> Result<(), ApiError> {
    // An unknown address may be a password in the wrong field: its hash tells guesses apart and nothing else.
    let account = to_hex(&throttle::account(email)[..8]);
    let person = known.map(person_of);
    let mut tx = db.system().await?;
    let detail = json!({ "by": "password", "account": account });
    note(&mut tx, person.as_ref(), "session.refused", "refused", client, detail).await?;
    Ok(tx.commit().await?)
}

fn person_of(row: &PersonRow) -> Person {
    Person { id: PersonId(row.id), email: row.email.clone(), is_operator: row.is_operator }
}

/// Writes down in the platform's chain what a person did about their own access.
pub(super) async fn note(
    tx: &mut SystemTx,
    person: Option<&Person>,
    action: &str,
    outcome: &str,
    client: &Client,
    detail: Value,
) -> Result<(), StoreError> {
    let id = person.map_or_else(|| "unknown".to_owned(), |person| person.id.to_string());
    let entry = NewEntry {
        actor: &id,
        actor_name: person.map_or("unknown", |person| &person.email),
        action,
        object: &id,
        outcome,
        ip: &client.ip,
        request_id: &client.request_id,
        detail,
    };
    audit_log::append_system(tx, PLATFORM, entry).await
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// Signs in whoever opens it: only the platform's operators may make one, for anybody.
    SignIn,
    /// Joins a tenant. The tenant's admins make it, so for a person who already is somebody it proves nothing: they
    /// sign in as well.
    Invitation,
}

impl LinkKind {
    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Invitation => "invitation",
        }
    }
}

/// What a link needs from whoever opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A click.
    Nothing,
    /// A first password.
    NewPassword,
    /// To be signed in as the person that it is for.
    SignIn,
}

/// What whoever opens a link gives.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A click.
    Nothing,
    /// A first password.
    NewPassword(Secret),
    /// They are signed in as this person.
    SignedIn(PersonId),
}

/// A link before it is used.
#[derive(Debug, Clone)]
pub struct Link {
    /// Whom it is for.
    pub email: String,
    /// The tenant that it joins.
    pub tenant_name: Option<String>,
    /// What it needs.
    pub wants: Wants,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
}

/// Where a link leads.
pub fn link_url(public_url: &str, token: &Secret) -> String {
    format!("{}/sign-in/link?token={}", public_url.trim_end_matches('/'), token.expose())
}

/// Makes a one-time link for a person, in the name of an operator or of the command line. It is shown once.
pub async fn create_link(
    db: &Db,
    by: &Actor,
    person: PersonId,
    kind: LinkKind,
    tenant: Option<TenantId>,
    valid: Duration,
) -> Result<Secret, ApiError> {
    let mut tx = db.system().await?;
    let token = add_link(&mut tx, person, kind, tenant, valid).await?;
    let entry = NewEntry {
        actor: &by.id(),
        actor_name: &by.name(),
        action: "link.created",
        object: &person.to_string(),
        outcome: "ok",
        ip: &by.ip,
        request_id: &by.request_id,
        detail: json!({ "kind": kind.name(), "valid_seconds": valid.num_seconds() }),
    };
    audit_log::append_system(&mut tx, PLATFORM, entry).await?;
    tx.commit().await?;
    Ok(token)
}

/// Adds a link; earlier ones of its kind for the person are dead.
pub(super) async fn add_link(
    tx: &mut SystemTx,
    person: PersonId,
    kind: LinkKind,
    tenant: Option<TenantId>,
    valid: Duration,
) -> Result<Secret, StoreError> {
    let token = Secret::new(secret_token::mint(secret_token::LINK, &rand::random()));
    let hash = hash_of(token.expose());
    sessions::add_link(tx, &hash, kind.name(), person, tenant, Utc::now() + valid).await?;
    Ok(token)
}

/// A link that signs an operator in once; the person becomes one if need be. For whoever has a shell where the control
/// plane runs.
pub async fn operator_link(db: &Db, email: &str) -> Result<String, ApiError> {
    let email = tenants::email(email, "/email")?;
    let mut tx = db.system().await?;
    let person = people::ensure(&mut tx, &email).await?;
    people::make_operator(&mut tx, person).await?;
    tx.commit().await?;
    let by = Actor::command_line(TenantId(PLATFORM));
    let token = create_link(db, &by, person, LinkKind::SignIn, None, OPERATOR_LINK).await?;
    Ok(token.expose().to_owned())
}

/// What a link is for; it stays usable.
pub async fn peek_link(state: &State, token: &Secret) -> Result<Link, ApiError> {
    let hash = link_hash(token)?;
    let mut tx = state.db.system().await?;
    let row = sessions::link(&mut tx, &hash).await?;
    let wants = wants(&mut tx, &row).await?;
    Ok(Link { email: row.email, tenant_name: row.tenant_name, wants, ends_at: row.ends_at })
}

/// Uses a link once: signs the person in, or lets them join the tenant.
pub async fn use_link(
    state: &State,
    token: &Secret,
    proof: Proof,
    client: &Client,
) -> Result<Person, ApiError> {
    let hash = link_hash(token)?;
    let password_hash = match &proof {
        Proof::NewPassword(password) => Some(first_password(state, token, password).await?),
        Proof::Nothing | Proof::SignedIn(_) => None,
    };
    let mut tx = state.db.system().await?;
    let row = sessions::link(&mut tx, &hash).await?;
    let person = person_of(&people::by_id(&mut tx, PersonId(row.person_id)).await?);
    match (wants(&mut tx, &row).await?, &proof, password_hash) {
        (Wants::Nothing, ..) => {}
        (Wants::NewPassword, _, Some(hash)) => {
            people::set_password(&mut tx, person.id, &hash).await?
        }
        (Wants::NewPassword, ..) => {
            return Err(ApiError::invalid("/password", "choose a password"));
        }
        (Wants::SignIn, Proof::SignedIn(id), _) if *id == person.id => {}
        (Wants::SignIn, ..) => return Err(ApiError::Unauthenticated),
    }
    sessions::use_link(&mut tx, &hash).await?;
    if let Some(tenant) = row.tenant_id.filter(|_| row.kind == LinkKind::Invitation.name()) {
        let member = members::join(&mut tx, TenantId(tenant), person.id).await?;
        note_joined(&mut tx, TenantId(tenant), member, &person, client).await?;
    }
    if !matches!(proof, Proof::SignedIn(_)) {
        let detail = json!({ "by": "link", "kind": row.kind });
        note(&mut tx, Some(&person), "session.created", "ok", client, detail).await?;
    }
    tx.commit().await?;
    Ok(person)
}

async fn first_password(
    state: &State,
    token: &Secret,
    password: &Secret,
) -> Result<String, ApiError> {
    let link = peek_link(state, token).await?;
    password::check(password.expose(), &link.email, "/password")?;
    state.passwords.hash(password.clone()).await
}

fn link_hash(token: &Secret) -> Result<[u8; 32], ApiError> {
    let is_link = secret_token::is_well_formed(secret_token::LINK, token.expose());
    if is_link { Ok(hash_of(token.expose())) } else { Err(ApiError::NotFound) }
}

async fn wants(tx: &mut SystemTx, row: &LinkRow) -> Result<Wants, StoreError> {
    if row.kind == LinkKind::SignIn.name() {
        return Ok(Wants::Nothing);
    }
    let is_new = people::is_new(tx, PersonId(row.person_id)).await?;
    Ok(if is_new { Wants::NewPassword } else { Wants::SignIn })
}

async fn note_joined(
    tx: &mut SystemTx,
    tenant: TenantId,
    member: MemberId,
    person: &Person,
    client: &Client,
) -> Result<(), StoreError> {
    let entry = NewEntry {
        actor: &person.id.to_string(),
        actor_name: &person.email,
        action: "member.joined",
        object: &member.to_string(),
        outcome: "ok",
        ip: &client.ip,
        request_id: &client.request_id,
        detail: json!({}),
    };
    audit_log::append_system(tx, tenant.0, entry).await
}

/// What an API client calls with, and how it gets its next one.
#[derive(Debug)]
pub struct Tokens {
    /// The access token.
    pub access: Secret,
    /// The refresh token; absent for an operator who acts in no tenant.
    pub refresh: Option<Secret>,
    /// Where the person acts; absent for an operator who acts in no tenant.
    pub tenant: Option<TenantId>,
}

/// The tokens of a person who just signed in, for a tenant, or for the one that they joined first.
pub async fn issue(
    state: &State,
    person: &Person,
    tenant: Option<TenantId>,
    client: &Client,
) -> Result<Tokens, ApiError> {
    let mut tx = state.db.system().await?;
    let tenant = match tenant {
        Some(tenant) => {
            session::enter(&mut tx, person, tenant, client).await?;
            Some(tenant)
        }
        None => {
            let first = people::memberships(&mut tx, person.id).await?.into_iter().next();
            first.map(|row| TenantId(row.tenant_id))
        }
    };
    if tenant.is_none() && !person.is_operator {
        return Err(ApiError::Forbidden);
    }
    let family = Uuid::now_v7();
    let ends_at = Utc::now() + REFRESH;
    let refresh = match tenant {
        Some(tenant) => {
            let row = RefreshRow { family, person: person.id, tenant, ends_at };
            Some(add_refresh(&mut tx, &row).await?)
        }
        None => None,
    };
    tx.commit().await?;
    let access =
        token::issue(&state.keys.tokens, person.id, tenant.unwrap_or(TenantId(PLATFORM)), family)?;
    Ok(Tokens { access: Secret::new(access), refresh, tenant })
}

/// The next tokens for a refresh token, which is used up. One that was used before was stolen, or its thief was first:
/// the whole sign-in ends.
pub async fn refresh(state: &State, token: &Secret, client: &Client) -> Result<Tokens, ApiError> {
    if !secret_token::is_well_formed(secret_token::REFRESH, token.expose()) {
        return Err(ApiError::Unauthenticated);
    }
    let hash = hash_of(token.expose());
    let mut tx = state.db.system().await?;
    let (row, was_used) =
        tokens::lock_refresh(&mut tx, &hash).await.map_err(session::unauthenticated)?;
    let person = people::by_id(&mut tx, row.person).await.map_err(session::unauthenticated)?;
    let person = person_of(&person);
    if was_used {
        tokens::end_family(&mut tx, row.family).await?;
        let detail = json!({ "by": "refresh_token", "why": "used twice" });
        note(&mut tx, Some(&person), "session.refused", "refused", client, detail).await?;
        tx.commit().await?;
        return Err(ApiError::Unauthenticated);
    }
    let standing = people::standing(&mut tx, row.person, row.tenant).await?;
    let serves =
        standing.tenant_id.is_some() && (standing.member_id.is_some() || standing.is_operator);
    if !serves {
        return Err(ApiError::Unauthenticated);
    }
    tokens::use_refresh(&mut tx, &hash).await?;
    let next = add_refresh(&mut tx, &row).await?;
    tx.commit().await?;
    let access = token::issue(&state.keys.tokens, row.person, row.tenant, row.family)?;
    Ok(Tokens { access: Secret::new(access), refresh: Some(next), tenant: Some(row.tenant) })
}

async fn add_refresh(tx: &mut SystemTx, row: &RefreshRow) -> Result<Secret, StoreError> {
    let token = Secret::new(secret_token::mint(secret_token::REFRESH, &rand::random()));
    tokens::add_refresh(tx, &hash_of(token.expose()), row).await?;
    Ok(token)
}

/// Ends the sign-in of an API client: its refresh tokens and its access tokens.
pub async fn sign_out(state: &State, sign_in: SignIn) -> Result<(), ApiError> {
    let mut tx = state.db.system().await?;
    tokens::end_family(&mut tx, sign_in.family).await?;
    tokens::revoke_access(&mut tx, sign_in.jti).await?;
    Ok(tx.commit().await?)
}
