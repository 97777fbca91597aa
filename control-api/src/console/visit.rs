//! What every handler of the console is given: who is there, with which right, and what surrounds the page.

use super::Form;
use crate::{
    access::{
        Actor, Permission, csrf,
        permission::Requires,
        session::{self, Session},
    },
    error::ApiError,
    ids::TenantId,
    state::State,
    store,
};
use actix_web::{FromRequest, HttpRequest, HttpResponse, cookie::Cookie, dev::Payload, web};
use jiff::{Timestamp, tz::TimeZone};
use std::{future::Future, marker::PhantomData, pin::Pin};
use tollgate_web::layout::{May, Nav, Notice, NoticeKind, Shell, TenantRef, Theme};

/// The cookie of the theme.
pub const THEME: &str = "tg_theme";
/// The cookie that carries what an act led to onto the next page.
pub const NOTICE: &str = "tg_notice";

/// A person who may see a page.
pub struct Visit<P> {
    /// Who, in which tenant.
    pub actor: Actor,
    /// Their session.
    pub session: Session,
    /// What handlers share.
    pub state: web::Data<State>,
    request: HttpRequest,
    permission: PhantomData<P>,
}

/// A person who may do something, and the form in which they ask for it. It was checked that the form is ours.
pub struct Post<P> {
    /// Who.
    pub visit: Visit<P>,
    /// What they ask for.
    pub form: Form,
}

impl<P: Requires> FromRequest for Visit<P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let session = session::session_of(&request).await?;
            let actor = session::actor_of(&request).await?;
            actor.require(P::PERMISSION)?;
            let state = request
                .app_data::<web::Data<State>>()
                .cloned()
                .ok_or_else(|| ApiError::internal("no state"))?;
            Ok(Self { actor, session, state, request, permission: PhantomData })
        })
    }
}

impl<P: Requires> FromRequest for Post<P> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visit = Visit::<P>::from_request(request, payload);
        let form = Form::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let (visit, form) = (visit.await?, form.await?);
            csrf::check_form(&request, &visit.session, form.get("csrf"))?;
            Ok(Self { visit, form })
        })
    }
}

impl<P> Visit<P> {
    /// What surrounds the page.
    pub async fn shell(&self, active: Nav) -> Result<Shell, ApiError> {
        let mut tx = self.state.db.system().await?;
        let tenants = store::people::memberships(&mut tx, self.session.person.id).await?;
        let own = store::tenants::of(&mut tx, &[self.actor.tenant.0]).await?.pop();
        let member_of = tenants.into_iter().map(|row| TenantRef {
            id: TenantId(row.tenant_id).to_string(),
            name: row.tenant_name,
        });
        let mut tenants: Vec<_> = member_of.collect();
        let own_ref = own
            .as_ref()
            .map(|row| TenantRef { id: self.actor.tenant.to_string(), name: row.name.clone() });
        // An operator may look into a tenant that they are no member of.
        tenants.extend(own_ref.clone().filter(|own| !tenants.contains(own)));
        let zone = own
            .as_ref()
            .and_then(|row| TimeZone::get(&row.time_zone).ok())
            .unwrap_or(TimeZone::UTC);
        let may = |permission| self.actor.may(permission);
        Ok(Shell {
            tenant: own_ref,
            tenants,
            person: self.session.person.email.clone(),
            role: own.as_ref().map_or(String::new(), |_| self.actor.role.name().to_owned()),
            is_operator: self.actor.is_operator(),
            active,
            csrf: self.session.csrf.clone(),
            theme: theme(&self.request),
            notice: notice(&self.request),
            may: May {
                manage_api_keys: may(Permission::UseKeys),
                manage_budgets: may(Permission::ManageBudgets),
                see_providers: may(Permission::See),
                manage_providers: may(Permission::ManageRouting),
                see_requests: may(Permission::See),
                see_audit: may(Permission::SeeAudit),
                see_members: may(Permission::See),
                manage_members: may(Permission::ManageMembers),
                manage_tenant: may(Permission::ManageTenant),
            },
            zone,
            now: Timestamp::now(),
            here: self.request.uri().to_string(),
        })
    }

    /// The request, for its query.
    pub const fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// A parameter of the address; empty if it is not there.
    pub fn query(&self, name: &str) -> String {
        self.queries()
            .into_iter()
            .find(|(key, _)| key == name)
            .map_or(String::new(), |(_, value)| value)
    }

    /// All parameters of the address.
    pub fn queries(&self) -> Vec<(String, String)> {
        serde_urlencoded::from_str(self.request.query_string()).unwrap_or_default()
    }

    /// On to another page, which says what was done.
    pub fn see(&self, path: &str, kind: NoticeKind, text: &str) -> HttpResponse {
        let mut response = super::see(path);
        // A cookie that is too large is dropped by browsers; the act was done all the same.
        let _ = response.add_cookie(&notice_cookie(kind, text));
        response
    }

    /// A new name for one submission of a form.
    pub fn once() -> String {
        uuid::Uuid::now_v7().simple().to_string()
    }
}

impl<P> Post<P> {
    /// Whether this is the first time that the form (its `once`) arrives; a second click creates nothing.
    pub async fn is_first(&self) -> Result<bool, ApiError> {
        let once = self.form.get("once");
        if once.is_empty() || once.len() > 64 {
            return Ok(true);
        }
        let actor = &self.visit.actor;
        let mut tx = self.visit.state.db.tenant(actor.tenant).await?;
        let known =
            store::idempotency::take(&mut tx, &actor.id(), &format!("console/{once}"), b"").await?;
        tx.commit().await?;
        Ok(known.is_none())
    }

    /// The form failed and may be sent again under the same name.
    pub async fn may_repeat(&self) -> Result<(), ApiError> {
        let actor = &self.visit.actor;
        let mut tx = self.visit.state.db.tenant(actor.tenant).await?;
        store::idempotency::give_back(
            &mut tx,
            &actor.id(),
            &format!("console/{}", self.form.get("once")),
        )
        .await?;
        Ok(tx.commit().await?)
    }
}

/// The theme of a request's cookie.
pub fn theme(request: &HttpRequest) -> Theme {
    request.cookie(THEME).map_or(Theme::Auto, |cookie| Theme::from_name(cookie.value()))
}

fn notice(request: &HttpRequest) -> Option<Notice> {
    let cookie = request.cookie(NOTICE)?;
    let (kind, text) = cookie.value().split_once(':')?;
    let kind = match kind {
        "s" => NoticeKind::Success,
        "w" => NoticeKind::Warning,
        _ => NoticeKind::Error,
    };
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).ok()?;
    let text = pairs.into_iter().find(|(key, _)| key == "t").map(|(_, value)| value)?;
    Some(Notice { kind, text: text.chars().take(500).collect() })
}

fn notice_cookie(kind: NoticeKind, text: &str) -> Cookie<'static> {
    let kind = match kind {
        NoticeKind::Success => "s",
        NoticeKind::Warning => "w",
        NoticeKind::Error => "e",
    };
    let text = serde_urlencoded::to_string([("t", text)]).unwrap_or_default();
    Cookie::build(NOTICE, format!("{kind}:{text}")).path("/").http_only(true).finish()
}
