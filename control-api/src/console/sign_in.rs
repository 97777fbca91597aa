//! How people get in and out: password, one-time link, first password; and what belongs to the session: the tenant that
//! is looked at, and the theme.

use super::{
    Form, Post, page, see,
    visit::{THEME, theme},
};
use crate::{
    access::{
        client::Client,
        csrf,
        permission::of,
        session::{self, Session},
    },
    domain::{
        people,
        sign_in::{self, Proof, Wants},
    },
    error::ApiError,
    ids::{PersonId, TenantId},
    state::State,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    cookie::{Cookie, SameSite, time::Duration},
    web,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use tollgate_contract::{feed::to_hex, secret::Secret};
use tollgate_web::{
    Template,
    form::Field,
    layout::{NoticeKind, Theme},
    list::percent_encoded,
    pages::sign_in::{Link, SetPasswordPage, SignInLinkPage, SignInPage},
};

/// The cookie that a form without a session has to agree with.
const FORM: &str = "tg_form";
/// The cookie that carries an invitation from its page to the one for the first password.
const INVITATION: &str = "tg_invitation";
/// Where that page is.
const SET_PASSWORD: &str = "/set-password";
/// Where people land.
const HOME: &str = "/console";

/// `GET /sign-in`.
pub async fn sign_in_page(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let token = FormToken::of(&request);
    let next = query(&request, "next");
    let shown = SignInPage {
        theme: theme(&request),
        csrf: token.value.clone(),
        next: local_path(&next).to_owned(),
        email: Field::default(),
        error: None,
    };
    Ok(token.remembered(page(&shown)?, &state))
}

/// `POST /sign-in`.
pub async fn sign_in(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, ApiError> {
    let token = FormToken::checked(&request, &form)?;
    let next = local_path(form.get("next"));
    let error = match enter(&request, &state, &form, next).await {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let text = match &error {
        ApiError::WrongCredentials => "The e-mail address or the password is wrong.".to_owned(),
        ApiError::Forbidden => {
            "You are not a member of any tenant any more. Ask for an invitation.".to_owned()
        }
        ApiError::TooMany(seconds) => {
            format!("Too many tries. Wait {seconds} seconds and try again.")
        }
        _ => return Err(error),
    };
    let again = SignInPage {
        theme: theme(&request),
        csrf: token.value,
        next: next.to_owned(),
        email: form.field("email"),
        error: Some(text),
    };
    refused(&again, &error)
}

async fn enter(
    request: &HttpRequest,
    state: &State,
    form: &Form,
    next: &str,
) -> Result<HttpResponse, ApiError> {
    let client = Client::of(request);
    let password = Secret::new(form.raw("password").to_owned());
    let person = sign_in::sign_in(state, form.get("email"), password, &client).await?;
    // Whoever follows an invitation may be a member of nothing yet.
    let joins = next.starts_with("/sign-in/link");
    if !person.is_operator && !joins && people::memberships(state, person.id).await?.is_empty() {
        return Err(ApiError::Forbidden);
    }
    begin(request, state, person.id, next).await
}

/// Begins a session in the place of the one that the browser had.
async fn begin(
    request: &HttpRequest,
    state: &State,
    person: PersonId,
    next: &str,
) -> Result<HttpResponse, ApiError> {
    if let Ok(old) = session::session_of(request).await {
        session::end(state, &old).await?;
    }
    let cookie = session::create(state, person, &Client::of(request)).await?;
    with_cookie(see(next), &cookie)
}

/// `GET /sign-in/link?token=…`: shows a button. Mail scanners follow links, people press buttons.
pub async fn link_page(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let token = FormToken::of(&request);
    let secret = Secret::new(query(&request, "token"));
    let link = match sign_in::peek_link(&state, &secret).await {
        Ok(link) => Link::Valid { email: link.email, tenant: link.tenant_name },
        Err(ApiError::NotFound) => Link::Expired,
        Err(error) => return Err(error),
    };
    let shown = SignInLinkPage {
        theme: theme(&request),
        csrf: token.value.clone(),
        token: secret.expose().to_owned(),
        link,
    };
    Ok(token.remembered(page(&shown)?, &state))
}

/// `POST /sign-in/link`: uses the link.
pub async fn use_link(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, ApiError> {
    let token = FormToken::checked(&request, &form)?;
    let secret = Secret::new(form.get("token").to_owned());
    let followed = match sign_in::peek_link(&state, &secret).await {
        Ok(link) => follow(&request, &state, &secret, link).await,
        Err(error) => Err(error),
    };
    match followed {
        // It was used or ended between the two steps.
        Err(ApiError::NotFound) => page(&SignInLinkPage {
            theme: theme(&request),
            csrf: token.value,
            token: String::new(),
            link: Link::Expired,
        }),
        other => other,
    }
}

async fn follow(
    request: &HttpRequest,
    state: &State,
    secret: &Secret,
    link: sign_in::Link,
) -> Result<HttpResponse, ApiError> {
    let client = Client::of(request);
    match link.wants {
        Wants::Nothing => {
            let person = sign_in::use_link(state, secret, Proof::Nothing, &client).await?;
            // The page for the first password sends on who has one.
            begin(request, state, person.id, SET_PASSWORD).await
        }
        Wants::NewPassword => {
            with_cookie(see(SET_PASSWORD), &invitation_cookie(state, secret.expose()))
        }
        Wants::SignIn => {
            let session = session::session_of(request)
                .await
                .ok()
                .filter(|session| session.person.email == link.email);
            let Some(session) = session else {
                let back = format!("/sign-in/link?token={}", percent_encoded(secret.expose()));
                return Ok(see(&format!("/sign-in?next={}", percent_encoded(&back))));
            };
            let person =
                sign_in::use_link(state, secret, Proof::SignedIn(session.person.id), &client)
                    .await?;
            enter_joined(state, &session, person.id, link.tenant_name.as_deref(), &client).await?;
            Ok(see(HOME))
        }
    }
}

/// Who joined a tenant wants to see it.
async fn enter_joined(
    state: &State,
    session: &Session,
    person: PersonId,
    tenant: Option<&str>,
    client: &Client,
) -> Result<(), ApiError> {
    let memberships = people::memberships(state, person).await?;
    let joined = memberships.iter().find(|row| Some(row.tenant_name.as_str()) == tenant);
    match joined {
        Some(row) => session::choose_tenant(state, session, TenantId(row.tenant_id), client).await,
        None => Ok(()),
    }
}

/// `GET /set-password`: for who came by an invitation, or is signed in and has no password.
pub async fn set_password_page(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    if let Some((_, link)) = invitation(&request, &state).await? {
        let token = FormToken::of(&request);
        let shown = set_password(&request, token.value.clone(), link.email, None);
        return Ok(token.remembered(page(&shown)?, &state));
    }
    let session = session::session_of(&request).await?;
    if session.has_password {
        return Ok(see(HOME));
    }
    page(&set_password(&request, session.csrf, session.person.email, None))
}

/// `POST /set-password`.
pub async fn set_first_password(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, ApiError> {
    let password = Secret::new(form.raw("password").to_owned());
    if let Some((secret, link)) = invitation(&request, &state).await? {
        let token = FormToken::checked(&request, &form)?;
        let proof = Proof::NewPassword(password);
        return match sign_in::use_link(&state, &secret, proof, &Client::of(&request)).await {
            Ok(person) => {
                let mut gone = invitation_cookie(&state, "");
                gone.make_removal();
                with_cookie(begin(&request, &state, person.id, HOME).await?, &gone)
            }
            Err(error) => {
                password_again(error, |text| set_password(&request, token.value, link.email, text))
            }
        };
    }
    let session = session::session_of(&request).await?;
    csrf::check_form(&request, &session, form.get("csrf"))?;
    match people::change_password(&state, &session, None, password, &Client::of(&request)).await {
        Ok(cookie) => with_cookie(see(HOME), &cookie),
        Err(error) => password_again(error, |text| {
            set_password(&request, session.csrf.clone(), session.person.email.clone(), text)
        }),
    }
}

fn set_password(
    request: &HttpRequest,
    csrf: String,
    email: String,
    error: Option<String>,
) -> SetPasswordPage {
    SetPasswordPage { theme: theme(request), csrf, email, error }
}

fn password_again(
    error: ApiError,
    shown: impl FnOnce(Option<String>) -> SetPasswordPage,
) -> Result<HttpResponse, ApiError> {
    let ApiError::Invalid(mistakes) = &error else { return Err(error) };
    let text = mistakes.first().map(|mistake| format!("The password {}.", mistake.message));
    refused(&shown(text), &error)
}

/// The invitation whose first password is being chosen, if there is one that can still be used.
async fn invitation(
    request: &HttpRequest,
    state: &State,
) -> Result<Option<(Secret, sign_in::Link)>, ApiError> {
    let Some(cookie) = request.cookie(INVITATION) else { return Ok(None) };
    let secret = Secret::new(cookie.value().to_owned());
    match sign_in::peek_link(state, &secret).await {
        Ok(link) if link.wants == Wants::NewPassword => Ok(Some((secret, link))),
        Ok(_) | Err(ApiError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The link is a secret: it goes to the one page that uses it, and for as long as choosing a password takes.
fn invitation_cookie(state: &State, token: &str) -> Cookie<'static> {
    Cookie::build(INVITATION, token.to_owned())
        .path(SET_PASSWORD)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_https(state))
        .max_age(Duration::minutes(30))
        .finish()
}

/// `POST /console/sign-out`.
pub async fn sign_out(
    request: HttpRequest,
    state: web::Data<State>,
    form: Form,
) -> Result<HttpResponse, ApiError> {
    let session = match session::session_of(&request).await {
        Ok(session) => session,
        Err(ApiError::Unauthenticated) => return Ok(see("/sign-in")),
        Err(error) => return Err(error),
    };
    csrf::check_form(&request, &session, form.get("csrf"))?;
    let cookie = session::end(&state, &session).await?;
    with_cookie(see("/sign-in"), &cookie)
}

/// `POST /console/theme`.
pub async fn choose_theme(post: Post<of::SeeSelf>) -> Result<HttpResponse, ApiError> {
    let theme = Theme::from_name(post.form.get("theme"));
    let cookie = Cookie::build(THEME, theme.name())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_https(&post.visit.state))
        .max_age(Duration::days(365))
        .finish();
    with_cookie(see(local_path(post.form.get("back"))), &cookie)
}

/// `POST /console/tenant`: the person acts in another tenant from now on.
pub async fn choose_tenant(post: Post<of::SeeSelf>) -> Result<HttpResponse, ApiError> {
    let Post { visit, form } = post;
    let Ok(tenant) = form.get("tenant").parse() else {
        return Ok(visit.see(HOME, NoticeKind::Error, "Choose a tenant from the list."));
    };
    session::choose_tenant(&visit.state, &visit.session, tenant, &Client::of(visit.request()))
        .await?;
    Ok(see(HOME))
}

/// Ties a form that has no session to the browser that loaded it: the form carries what the cookie says. With the check
/// of the origin it keeps other sites from signing people in as somebody else.
struct FormToken {
    value: String,
    is_new: bool,
}

impl FormToken {
    fn of(request: &HttpRequest) -> Self {
        let is_sane = |value: &String| {
            value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        match request.cookie(FORM).map(|cookie| cookie.value().to_owned()).filter(is_sane) {
            Some(value) => Self { value, is_new: false },
            None => Self { value: to_hex(&rand::random::<[u8; 32]>()), is_new: true },
        }
    }

    fn checked(request: &HttpRequest, form: &Form) -> Result<Self, ApiError> {
        csrf::check_origin(request)?;
        let token = Self::of(request);
        let agrees =
            verify_slices_are_equal(token.value.as_bytes(), form.get("csrf").as_bytes()).is_ok();
        if agrees { Ok(token) } else { Err(ApiError::CrossSite) }
    }

    fn remembered(&self, mut response: HttpResponse, state: &State) -> HttpResponse {
        if self.is_new {
            let cookie = Cookie::build(FORM, self.value.clone())
                .path("/")
                .http_only(true)
                .same_site(SameSite::Lax)
                .secure(is_https(state))
                .finish();
            // A cookie of 64 digits always fits into a header.
            let _ = response.add_cookie(&cookie);
        }
        response
    }
}

fn is_https(state: &State) -> bool {
    state.settings.public_url.starts_with("https:")
}

fn with_cookie(mut response: HttpResponse, cookie: &Cookie<'_>) -> Result<HttpResponse, ApiError> {
    response.add_cookie(cookie).map_err(ApiError::internal)?;
    Ok(response)
}

/// The page again, with the error's status.
fn refused(page: &impl Template, error: &ApiError) -> Result<HttpResponse, ApiError> {
    let body = page.render().map_err(ApiError::internal)?;
    let mut response = HttpResponse::build(error.status_code());
    if let ApiError::TooMany(seconds) = error {
        response.insert_header(("retry-after", seconds.to_string()));
    }
    Ok(response.content_type("text/html; charset=utf-8").body(body))
}

fn query(request: &HttpRequest, name: &str) -> String {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
    pairs.into_iter().find(|(key, _)| key == name).map_or(String::new(), |(_, value)| value)
}

/// Where to go next: a path of ours, or home. Browsers read `//x` and `/\x` as another host, and drop tabs and line ends
/// before they do.
fn local_path(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.len() <= 2_000 && !next.chars().any(char::is_control);
    // Signing in must not lead back to signing in.
    let leads_on = !next.starts_with("/sign-in") || next.starts_with("/sign-in/link?");
    if is_path && is_plain && leads_on { next } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_never_leaves_the_console() {
        for ours in [
            "/console/requests?status=errors",
            "/operator/tenants",
            "/",
            "/sign-in/link?token=tgl_x",
        ] {
            assert_eq!(local_path(ours), ours);
        }
        for other in [
            "",
            "console",
            "//evil.example",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            "/sign-in",
            "/sign-in?next=/sign-in",
            &format!("/{}", "x".repeat(2_000)),
        ] {
            assert_eq!(local_path(other), HOME, "{other}");
        }
    }
}
