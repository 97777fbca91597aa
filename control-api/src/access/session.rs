//! Who sent a request. The API reads bearer tokens only, pages the session's cookie only: no other site can call the API
//! in a person's name, and no token opens a page.

use super::{
    actor::{Actor, Who},
    client::{Client, header},
    permission::Role,
    token,
};
use crate::{
    error::ApiError,
    ids::{ManagementTokenId, MemberId, PersonId, SessionId, TenantId},
    state::State,
    store::{
        SystemTx,
        audit_log::{self, NewEntry, PLATFORM},
        people,
        sessions::{self, ListedSession, NewSession},
        tokens,
    },
};
use actix_web::{
    HttpMessage as _, HttpRequest,
    cookie::{Cookie, SameSite},
    http::Uri,
    web,
};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fmt, net::IpAddr};
use tollgate_contract::{feed::to_hex, token as secret_token};

/// The longest life of a session.
const LIFE: Duration = Duration::hours(12);
/// How often it is written down that a session, member or token was used.
const SEEN: Duration = Duration::minutes(1);
/// How long ago the password may have been given for what needs it.
const RECENT: Duration = Duration::minutes(5);

/// A person who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// How they sign in.
    pub email: String,
    /// Whether they run the platform.
    pub is_operator: bool,
}

/// A browser's session.
#[derive(Clone)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// Whose.
    pub person: Person,
    /// How they are called.
    pub name: String,
    /// Whether they have a password; if not, a page should ask for one.
    pub has_password: bool,
    /// The tenant in which they act; absent: they have to choose one first.
    pub tenant: Option<TenantId>,
    /// Its name.
    pub tenant_name: Option<String>,
    /// As which member; an operator may be none.
    pub member: Option<MemberId>,
    /// With which role in that tenant.
    pub role: Option<Role>,
    /// What every form carries.
    pub csrf: String,
    /// When the password was given last.
    pub authenticated_at: DateTime<Utc>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("person", &self.person.id)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Refuses unless the password was given minutes ago.
    pub fn require_recent(&self) -> Result<(), ApiError> {
        if Utc::now() - self.authenticated_at <= RECENT {
            Ok(())
        } else {
            Err(ApiError::Reauthenticate)
        }
    }
}

/// The sign-in of an API client, for signing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    /// The refresh tokens' family.
    pub family: uuid::Uuid,
    /// The access token's id.
    pub jti: uuid::Uuid,
}

/// Who sent a request.
pub async fn actor_of(request: &HttpRequest) -> Result<Actor, ApiError> {
    if let Some(known) = request.extensions().get::<Actor>() {
        return Ok(known.clone());
    }
    let actor =
        if is_api(request) { bearer_actor(request).await? } else { session_actor(request).await? };
    request.extensions_mut().insert(actor.clone());
    Ok(actor)
}

/// The session of a page's request.
pub async fn session_of(request: &HttpRequest) -> Result<Session, ApiError> {
    if let Some(known) = request.extensions().get::<Session>() {
        return Ok(known.clone());
    }
    if is_api(request) {
        return Err(ApiError::Unauthenticated);
    }
    let state = state(request)?;
    let cookie =
        request.cookie(cookie_name(&state.settings.public_url)).ok_or(ApiError::Unauthenticated)?;
    if !secret_token::is_well_formed(secret_token::SESSION, cookie.value()) {
        return Err(ApiError::Unauthenticated);
    }
    let hash = hash_of(cookie.value());
    let mut tx = state.db.system().await?;
    let row = sessions::find(&mut tx, &hash).await.map_err(unauthenticated)?;
    let person =
        Person { id: PersonId(row.person_id), email: row.email, is_operator: row.is_operator };
    let standing = Standing::of(row.is_operator, row.tenant_id, row.member_id, row.role.as_deref());
    if Utc::now() - row.last_seen_at >= SEEN {
        sessions::seen(&mut tx, SessionId(row.id)).await?;
        if let Some(Standing { tenant, member: Some(_), .. }) = standing {
            people::seen(&mut tx, person.id, tenant).await?;
        }
        tx.commit().await?;
    }
    let session = Session {
        id: SessionId(row.id),
        hash,
        person,
        name: row.name,
        has_password: row.has_password,
        tenant: standing
            .filter(|standing| standing.tenant.0 != PLATFORM)
            .map(|standing| standing.tenant),
        tenant_name: standing.and(row.tenant_name),
        member: standing.and_then(|standing| standing.member),
        role: standing.map(|standing| standing.role),
        csrf: row.csrf,
        authenticated_at: row.authenticated_at,
    };
    request.extensions_mut().insert(session.clone());
    Ok(session)
}

/// How the caller stands in the tenant in which it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    tenant: TenantId,
    member: Option<MemberId>,
    role: Role,
}

impl Standing {
    /// A member acts with its role, an operator who is none looks on. Without a tenant, operators act on the platform,
    /// and nobody else acts at all.
    fn of(
        is_operator: bool,
        tenant: Option<uuid::Uuid>,
        member: Option<uuid::Uuid>,
        role: Option<&str>,
    ) -> Option<Self> {
        let role = role.and_then(Role::from_name);
        match (tenant, member, role) {
            (Some(tenant), Some(member), Some(role)) => {
                Some(Self { tenant: TenantId(tenant), member: Some(MemberId(member)), role })
            }
            _ => is_operator.then_some(Self {
                tenant: TenantId(tenant.unwrap_or(PLATFORM)),
                member: None,
                role: Role::Viewer,
            }),
        }
    }

    fn actor(self, person: Person, client: Client) -> Actor {
        let Person { id, email, is_operator } = person;
        Actor {
            tenant: self.tenant,
            who: Who::Person { id, member: self.member, email, is_operator },
            role: self.role,
            ip: client.ip,
            request_id: client.request_id,
        }
    }
}

async fn session_actor(request: &HttpRequest) -> Result<Actor, ApiError> {
    let session = session_of(request).await?;
    let (tenant, member) = (session.tenant.map(|id| id.0), session.member.map(|id| id.0));
    let standing =
        Standing::of(session.person.is_operator, tenant, member, session.role.map(Role::name))
            .ok_or(ApiError::Unauthenticated)?;
    Ok(standing.actor(session.person, Client::of(request)))
}

async fn bearer_actor(request: &HttpRequest) -> Result<Actor, ApiError> {
    let text = bearer(request).ok_or(ApiError::Unauthenticated)?;
    if secret_token::is_well_formed(secret_token::MANAGEMENT, text) {
        return management_actor(request, text).await;
    }
    let state = state(request)?;
    let claims = token::verify(&state.keys.tokens, text).ok_or(ApiError::Unauthenticated)?;
    let mut tx = state.db.system().await?;
    if tokens::is_revoked(&mut tx, claims.jti, claims.sid).await? {
        return Err(ApiError::Unauthenticated);
    }
    let row =
        people::standing(&mut tx, claims.sub, claims.tenant).await.map_err(unauthenticated)?;
    // An operator's token for a tenant that is gone must not turn into one for the platform.
    if row.tenant_id.is_none() && claims.tenant.0 != PLATFORM {
        return Err(ApiError::Unauthenticated);
    }
    let standing = Standing::of(row.is_operator, row.tenant_id, row.member_id, row.role.as_deref())
        .ok_or(ApiError::Unauthenticated)?;
    let is_due = row.last_seen_at.is_none_or(|at| Utc::now() - at >= SEEN);
    if standing.member.is_some() && is_due {
        people::seen(&mut tx, claims.sub, standing.tenant).await?;
        tx.commit().await?;
    }
    request.extensions_mut().insert(SignIn { family: claims.sid, jti: claims.jti });
    let person = Person { id: claims.sub, email: row.email, is_operator: row.is_operator };
    Ok(standing.actor(person, Client::of(request)))
}

async fn management_actor(request: &HttpRequest, text: &str) -> Result<Actor, ApiError> {
    let state = state(request)?;
    let mut tx = state.db.system().await?;
    let row = tokens::by_hash(&mut tx, &hash_of(text)).await.map_err(unauthenticated)?;
    let (tenant, id) = (TenantId(row.tenant_id), ManagementTokenId(row.id));
    let role = Role::from_name(&row.role).ok_or(ApiError::Unauthenticated)?;
    if row.last_used_at.is_none_or(|at| Utc::now() - at >= SEEN) {
        tokens::used(&mut tx, tenant, id).await?;
        tx.commit().await?;
    }
    let Client { ip, request_id, .. } = Client::of(request);
    Ok(Actor { tenant, who: Who::Token { id, name: row.name }, role, ip, request_id })
}

/// Whether the request is for the API. The matched route decides, as it is what is served; a path that only looks like
/// the API's counts as well.
fn is_api(request: &HttpRequest) -> bool {
    let of_api = |path: &str| path.starts_with("/api/");
    request.match_pattern().as_deref().is_some_and(of_api)
        || of_api(request.match_info().as_str())
        || of_api(request.path())
}

/// The bearer token of a request; two `Authorization` headers are none.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let text = header(request.headers(), "authorization")?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) fn state(request: &HttpRequest) -> Result<&web::Data<State>, ApiError> {
    request
        .app_data::<web::Data<State>>()
        .ok_or_else(|| ApiError::internal("the application has no state"))
}

/// What is not found does not tell who asks.
pub(crate) fn unauthenticated(error: crate::store::StoreError) -> ApiError {
    match ApiError::from(error) {
        ApiError::NotFound => ApiError::Unauthenticated,
        other => other,
    }
}

/// The SHA-256 of a secret that has 256 random bits.
pub fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Begins a session for a person who just signed in, in the tenant that they joined first. The cookie goes into the
/// answer; a session that the browser had before should be ended.
pub async fn create(
    state: &State,
    person: PersonId,
    client: &Client,
) -> Result<Cookie<'static>, ApiError> {
    let (value, csrf) = secrets();
    let mut tx = state.db.system().await?;
    let first = people::memberships(&mut tx, person).await?.into_iter().next();
    let tenant = first.map(|row| TenantId(row.tenant_id));
    if let Some(tenant) = tenant {
        people::seen(&mut tx, person, tenant).await?;
    }
    let new = NewSession {
        id: SessionId::new(),
        hash: &hash_of(&value),
        person,
        tenant,
        csrf: &csrf,
        ip: &client.ip,
        user_agent: &client.user_agent,
        ends_at: Utc::now() + LIFE,
    };
    sessions::create(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(cookie(state, value))
}

/// Gives the session another cookie; the old one is dead. Its forms have to be loaded again.
pub async fn rotate(state: &State, session: &Session) -> Result<Cookie<'static>, ApiError> {
    renew(state, session, false).await
}

/// Notes that the password was given just now, and gives the session another cookie.
pub async fn elevate(state: &State, session: &Session) -> Result<Cookie<'static>, ApiError> {
    renew(state, session, true).await
}

async fn renew(
    state: &State,
    session: &Session,
    authenticated: bool,
) -> Result<Cookie<'static>, ApiError> {
    let (value, csrf) = secrets();
    let mut tx = state.db.system().await?;
    sessions::rotate(&mut tx, session.id, &hash_of(&value), &csrf, authenticated)
        .await
        .map_err(unauthenticated)?;
    tx.commit().await?;
    Ok(cookie(state, value))
}

/// Signs out. The cookie of the answer takes the browser's away.
pub async fn end(state: &State, session: &Session) -> Result<Cookie<'static>, ApiError> {
    kill(state, session.person.id, session.id).await.or_else(|error| match error {
        ApiError::NotFound => Ok(()),
        other => Err(other),
    })?;
    let mut cookie = cookie(state, String::new());
    cookie.make_removal();
    Ok(cookie)
}

/// Ends all sessions of a person, and the sign-ins of their API clients.
pub async fn end_all_of(state: &State, person: PersonId) -> Result<(), ApiError> {
    let mut tx = state.db.system().await?;
    sessions::end_all_of(&mut tx, person, None).await?;
    tokens::end_families_of(&mut tx, person).await?;
    Ok(tx.commit().await?)
}

/// The living sessions of a person, the last used one first.
pub async fn list(state: &State, person: PersonId) -> Result<Vec<ListedSession>, ApiError> {
    let mut tx = state.db.system().await?;
    Ok(sessions::of(&mut tx, person).await?)
}

/// Ends one session of a person; another's does not exist.
pub async fn kill(state: &State, person: PersonId, id: SessionId) -> Result<(), ApiError> {
    let mut tx = state.db.system().await?;
    if !sessions::end(&mut tx, person, id).await? {
        return Err(ApiError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// The person acts in another tenant from now on: one that they are a member of. Operators look into any.
pub async fn choose_tenant(
    state: &State,
    session: &Session,
    tenant: TenantId,
    client: &Client,
) -> Result<(), ApiError> {
    let mut tx = state.db.system().await?;
    enter(&mut tx, &session.person, tenant, client).await?;
    sessions::choose_tenant(&mut tx, session.id, tenant).await?;
    Ok(tx.commit().await?)
}

/// Whether the person may act in the tenant. An operator who is no member may look on, and the tenant's audit log says
/// so.
pub(crate) async fn enter(
    tx: &mut SystemTx,
    person: &Person,
    tenant: TenantId,
    client: &Client,
) -> Result<(), ApiError> {
    let row = people::standing(tx, person.id, tenant).await.map_err(unauthenticated)?;
    let standing = Standing::of(row.is_operator, row.tenant_id, row.member_id, row.role.as_deref());
    let standing = standing.filter(|standing| standing.tenant == tenant && tenant.0 != PLATFORM);
    if standing.ok_or(ApiError::NotFound)?.member.is_none() {
        let entry = NewEntry {
            actor: &person.id.to_string(),
            actor_name: &person.email,
            action: "tenant.entered",
            object: &tenant.to_string(),
            outcome: "ok",
            ip: &client.ip,
            request_id: &client.request_id,
            detail: json!({ "as": "operator" }),
        };
        audit_log::append_system(tx, tenant.0, entry).await?;
    }
    Ok(())
}

fn secrets() -> (String, String) {
    (
        secret_token::mint(secret_token::SESSION, &rand::random()),
        to_hex(&rand::random::<[u8; 32]>()),
    )
}

fn cookie(state: &State, value: String) -> Cookie<'static> {
    let url = &state.settings.public_url;
    Cookie::build(cookie_name(url), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(!is_plain_loopback(url))
        .finish()
}

fn cookie_name(public_url: &str) -> &'static str {
    if is_plain_loopback(public_url) { "tg" } else { "__Host-tg" }
}

/// Whether people reach the console without TLS, on their own machine.
fn is_plain_loopback(public_url: &str) -> bool {
    let Ok(url) = public_url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    url.scheme_str() == Some("http") && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use uuid::Uuid;

    #[test]
    fn only_plain_http_on_ones_own_machine_has_a_cookie_without_secure() {
        for (url, name) in [
            ("http://127.0.0.1:8081", "tg"),
            ("http://[::1]:8081", "tg"),
            ("http://localhost", "tg"),
            ("https://localhost", "__Host-tg"),
            ("http://console.example", "__Host-tg"),
            ("https://console.example", "__Host-tg"),
            ("nonsense", "__Host-tg"),
        ] {
            assert_eq!(cookie_name(url), name, "{url}");
        }
    }

    #[test]
    fn a_person_acts_with_the_members_role_and_an_operator_looks_on() {
        let (tenant, member) = (Uuid::now_v7(), Uuid::now_v7());
        let role = |standing: Option<Standing>| standing.map(|standing| standing.role);
        let standing = Standing::of(false, Some(tenant), Some(member), Some("admin"));
        assert_eq!(role(standing), Some(Role::Admin));
        assert_eq!(Standing::of(false, Some(tenant), None, None), None, "no member");
        assert_eq!(Standing::of(false, None, None, None), None, "no tenant, or a suspended one");
        assert_eq!(role(Standing::of(true, Some(tenant), None, None)), Some(Role::Viewer));
        assert_eq!(
            role(Standing::of(true, Some(tenant), Some(member), Some("owner"))),
            Some(Role::Owner)
        );
        assert_eq!(Standing::of(true, None, None, None).unwrap().tenant.0, PLATFORM);
    }

    #[test]
    fn the_api_is_the_api_however_its_path_is_written() {
        for (path, api) in
            [("/api/v1/me", true), ("/%61pi/v1/me", true), ("/members", false), ("/apis", false)]
        {
            let request = TestRequest::get().uri(path).to_http_request();
            assert_eq!(is_api(&request), api, "{path}");
        }
    }

    #[test]
    fn only_one_bearer_token_is_a_bearer_token() {
        let of = |values: &[&str]| {
            let mut request = TestRequest::get();
            for value in values {
                request = request.append_header(("authorization", *value));
            }
            bearer(&request.to_http_request()).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer a"]).as_deref(), Some("a"));
        assert_eq!(of(&["bearer  a "]).as_deref(), Some("a"));
        assert_eq!(of(&["Basic a"]), None);
        assert_eq!(of(&["Bearer a", "Bearer b"]), None);
        assert_eq!(of(&[]), None);
    }
}
