//! `/console/settings`: the tenant's settings, one's own password and sessions, and management tokens.

use super::{Post, Visit, clock::shown, days, mistakes::Mistakes, page, page_with_mistakes};
use crate::{
    access::{Permission, Role, client::Client, permission::of, session},
    domain::{management_tokens, people, tenants},
    error::{ApiError, FieldError},
    ids::{ManagementTokenId, SessionId},
    store::{sessions::ListedSession, tenants::TenantRow, tokens::ManagementTokenRow},
};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use jiff::{ToSpan as _, civil::Date};
use std::sync::LazyLock;
use tollgate_contract::secret::Secret;
use tollgate_web::{
    form::{Choice, Field},
    layout::{Nav, Notice, NoticeKind, Shell},
    pages::settings::{
        CreatedToken, PasswordForm, RevokeTokenPage, SessionRow, SettingsPage, TenantForm,
        TokenForm, TokenRow,
    },
};

/// Management tokens that the page shows at most.
const TOKENS_MAX: i64 = 200;
/// How long a token lives if nobody says otherwise.
const TOKEN_DAYS: i64 = 90;
/// Where the page is.
const PAGE: &str = "/console/settings";

static ZONES: LazyLock<Vec<String>> =
    LazyLock::new(|| jiff::tz::db().available().map(|name| name.to_string()).collect());

/// `GET /console/settings`.
pub async fn settings(visit: Visit<of::SeeSelf>) -> Result<HttpResponse, ApiError> {
    page(&settings_page(&visit).await?)
}

async fn settings_page<P>(visit: &Visit<P>) -> Result<SettingsPage, ApiError> {
    let shell = visit.shell(Nav::Settings).await?;
    // An operator may look into no tenant at all.
    let tenant = match visit.session.tenant {
        Some(_) => Some(tenants::own(&visit.state, &visit.actor).await?),
        None => None,
    };
    let tokens = if visit.actor.may(Permission::ManageTenant) {
        management_tokens::list(&visit.state, &visit.actor, None, TOKENS_MAX).await?
    } else {
        Vec::new()
    };
    let sessions = session::list(&visit.state, visit.session.person.id).await?;
    Ok(SettingsPage {
        tenant: tenant.as_ref().map(tenant_form).unwrap_or_default(),
        etag: tenant.map_or(String::new(), |row| row.version.to_string()),
        time_zones: ZONES.clone(),
        password: PasswordForm {
            has_password: visit.session.has_password,
            ..PasswordForm::default()
        },
        sessions: sessions.into_iter().map(|row| session_row(row, visit.session.id)).collect(),
        tokens: tokens.into_iter().map(token_row).collect(),
        token: TokenForm {
            name: Field::default(),
            role: Field::new(Role::Admin.name()),
            expires: Field::new(in_days(&shell, TOKEN_DAYS)),
        },
        roles: Role::ALL
            .into_iter()
            .filter(|role| *role <= visit.actor.role)
            .map(|role| Choice::new(role.name(), role.name()))
            .collect(),
        once: Visit::<P>::once(),
        created: None,
        shell,
    })
}

fn tenant_form(row: &TenantRow) -> TenantForm {
    TenantForm { name: Field::new(&*row.name), time_zone: Field::new(&*row.time_zone) }
}

fn session_row(row: ListedSession, own: SessionId) -> SessionRow {
    SessionRow {
        id: SessionId(row.id).to_string(),
        created_at: shown(row.created_at),
        last_seen_at: shown(row.last_seen_at),
        ip: row.ip,
        user_agent: if row.user_agent.is_empty() {
            "Unknown browser".to_owned()
        } else {
            row.user_agent
        },
        is_this: SessionId(row.id) == own,
    }
}

fn token_row(row: ManagementTokenRow) -> TokenRow {
    TokenRow {
        id: ManagementTokenId(row.id).to_string(),
        name: row.name,
        last4: row.last4,
        role: row.role,
        created_at: shown(row.created_at),
        expires_at: shown(row.expires_at),
        last_used_at: row.last_used_at.map(shown),
        // Revoked tokens are not listed.
        revoked: false,
        expired: row.expires_at <= Utc::now(),
    }
}

fn in_days(shell: &Shell, days: i64) -> String {
    let today = shell.now.to_zoned(shell.zone.clone()).date();
    today.saturating_add(days.days()).to_string()
}

/// `POST /console/settings`: the tenant's name and time zone.
pub async fn change_tenant(post: Post<of::ManageTenant>) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let wishes = (form.get("tenant_name"), form.get("time_zone"));
    let error = match try_to_change(&visit, wishes, form.get("etag")).await {
        Ok(()) => {
            return Ok(visit.see(PAGE, NoticeKind::Success, "The tenant's settings were saved."));
        }
        Err(error) => error,
    };
    let mut mistakes = Mistakes::of(error)?;
    let mut settings = settings_page(&visit).await?;
    settings.tenant =
        TenantForm { name: form.field("tenant_name"), time_zone: form.field("time_zone") };
    mistakes.at("/name", "The name", &mut settings.tenant.name);
    mistakes.at("/time_zone", "The time zone", &mut settings.tenant.time_zone);
    settings.shell.notice = mistakes.rest().map(|text| Notice { kind: NoticeKind::Error, text });
    page_with_mistakes(&settings)
}

async fn try_to_change(
    visit: &Visit<of::ManageTenant>,
    (name, time_zone): (&str, &str),
    etag: &str,
) -> Result<(), ApiError> {
    let version = etag.parse().map_err(|_| ApiError::Stale)?;
    let own = tenants::own(&visit.state, &visit.actor).await?;
    tenants::check_zone(time_zone, "/time_zone")?;
    let version = if name == own.name {
        version
    } else {
        tenants::rename(&visit.state, &visit.actor, version, name).await?
    };
    if time_zone == own.time_zone {
        return Ok(());
    }
    tenants::change(&visit.state, &visit.actor, version, time_zone, &own.unpriced).await
}

/// `POST /console/settings/password`. The other sessions end.
pub async fn change_password(post: Post<of::SeeSelf>) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let secret = |name: &str| Secret::new(form.raw(name).to_owned());
    let current = visit.session.has_password.then(|| secret("current_password"));
    let client = Client::of(visit.request());
    let changed = people::change_password(
        &visit.state,
        &visit.session,
        current,
        secret("new_password"),
        &client,
    )
    .await;
    let error = match changed {
        Ok(cookie) => {
            let mut response = visit.see(
                PAGE,
                NoticeKind::Success,
                "Your password was changed. All other sessions ended.",
            );
            response.add_cookie(&cookie).map_err(ApiError::internal)?;
            return Ok(response);
        }
        Err(ApiError::TooMany(seconds)) => ApiError::invalid(
            "/password",
            format!("was wrong too often: wait {seconds} seconds and try again"),
        ),
        Err(error) => error,
    };
    let mut mistakes = Mistakes::of(error)?;
    let mut settings = settings_page(&visit).await?;
    settings.password.current_error = mistakes.take("/password", "The current password");
    settings.password.new_error =
        mistakes.take("/new_password", "The new password").or_else(|| mistakes.rest());
    page_with_mistakes(&settings)
}

/// `POST /console/sessions/{id}/end`.
pub async fn end_session(
    post: Post<of::SeeSelf>,
    id: web::Path<SessionId>,
) -> Result<HttpResponse, ApiError> {
    let Post { visit, .. } = post;
    match session::kill(&visit.state, visit.session.person.id, *id).await {
        // It ended by itself meanwhile.
        Ok(()) | Err(ApiError::NotFound) => {
            Ok(visit.see(PAGE, NoticeKind::Success, "Signed out there."))
        }
        Err(error) => Err(error),
    }
}

/// `POST /console/sessions/end-others`.
pub async fn end_other_sessions(post: Post<of::SeeSelf>) -> Result<HttpResponse, ApiError> {
    let Post { visit, .. } = post;
    let person = visit.session.person.id;
    for other in session::list(&visit.state, person).await? {
        let id = SessionId(other.id);
        if id == visit.session.id {
            continue;
        }
        match session::kill(&visit.state, person, id).await {
            Ok(()) | Err(ApiError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(visit.see(PAGE, NoticeKind::Success, "Signed out everywhere else."))
}

/// `POST /console/management-tokens`: the token is shown once, in the answer itself.
pub async fn create_token(post: Post<of::ManageTenant>) -> Result<HttpResponse, ApiError> {
    if !post.is_first().await? {
        let text = "This token was created already, and is not shown again. If you lost it, revoke it and create another.";
        return Ok(post.visit.see(PAGE, NoticeKind::Warning, text));
    }
    let mut settings = settings_page(&post.visit).await?;
    let created = match token_wishes(&post, &settings.shell) {
        Ok((role, expires_at)) => {
            let name = post.form.get("token_name");
            management_tokens::create(
                &post.visit.state.db,
                &post.visit.actor,
                name,
                role,
                expires_at,
            )
            .await
        }
        Err(error) => Err(error),
    };
    let error = match created {
        Ok(minted) => {
            let mut settings = settings_page(&post.visit).await?;
            let name = post.form.get("token_name").to_owned();
            settings.created =
                Some(CreatedToken { name, secret: minted.secret.expose().to_owned() });
            return page(&settings);
        }
        Err(error) => error,
    };
    post.may_repeat().await?;
    let mut mistakes = Mistakes::of(error)?;
    let mut form = TokenForm {
        name: post.form.field("token_name"),
        role: post.form.field("token_role"),
        expires: post.form.field("token_expires"),
    };
    mistakes.at("/name", "The name", &mut form.name);
    mistakes.at("/role", "The role", &mut form.role);
    mistakes.at("/expires_at", "The date", &mut form.expires);
    settings.token = form;
    settings.shell.notice = mistakes.rest().map(|text| Notice { kind: NoticeKind::Error, text });
    page_with_mistakes(&settings)
}

/// The role and the end of the token that is asked for; all mistakes at once.
fn token_wishes(
    post: &Post<of::ManageTenant>,
    shell: &Shell,
) -> Result<(Role, DateTime<Utc>), ApiError> {
    let role = Role::from_name(post.form.get("token_role"));
    // A token that expires on a day lives through it.
    let day = post.form.get("token_expires").parse::<Date>().ok();
    let ends = day.and_then(|day| days::end_of(day, &shell.zone));
    match (role, ends) {
        (Some(role), Some(ends)) => Ok((role, ends)),
        (role, ends) => {
            let no_role =
                role.is_none().then(|| FieldError::new("/role", "must be one from the list"));
            let no_end = ends
                .is_none()
                .then(|| FieldError::new("/expires_at", "must be a day like 2027-01-31"));
            Err(ApiError::Invalid(no_role.into_iter().chain(no_end).collect()))
        }
    }
}

/// `GET /console/management-tokens/{id}/revoke`.
pub async fn ask_to_revoke(
    visit: Visit<of::ManageTenant>,
    id: web::Path<ManagementTokenId>,
) -> Result<HttpResponse, ApiError> {
    page(&revoke_page(&visit, *id, Field::default()).await?)
}

async fn revoke_page(
    visit: &Visit<of::ManageTenant>,
    id: ManagementTokenId,
    typed: Field,
) -> Result<RevokeTokenPage, ApiError> {
    let token = token(visit, id).await?;
    Ok(RevokeTokenPage { token, typed, shell: visit.shell(Nav::Settings).await? })
}

async fn token(
    visit: &Visit<of::ManageTenant>,
    id: ManagementTokenId,
) -> Result<TokenRow, ApiError> {
    let rows = management_tokens::list(&visit.state, &visit.actor, None, TOKENS_MAX).await?;
    rows.into_iter().find(|row| row.id == id.0).map(token_row).ok_or(ApiError::NotFound)
}

/// `POST /console/management-tokens/{id}/revoke`.
pub async fn revoke_token(
    post: Post<of::ManageTenant>,
    id: web::Path<ManagementTokenId>,
) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let token = token(&visit, *id).await?;
    if form.get("name") != token.name {
        let typed = form.field("name").with_error("This is not its name.");
        return page_with_mistakes(&revoke_page(&visit, *id, typed).await?);
    }
    management_tokens::revoke(&visit.state, &visit.actor, *id).await?;
    let text = format!("{} is refused from now on.", token.name);
    Ok(visit.see(PAGE, NoticeKind::Success, &text))
}
