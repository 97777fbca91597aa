//! All tenants: search, create, suspend, resume.

use crate::{
    access::permission::of,
    console::{
        Post, Visit,
        clock::shown,
        csv,
        days::month_start,
        mistakes::{Mistakes, both},
        page, page_with_mistakes, paging,
    },
    domain::{
        self,
        sign_in::{self, LinkKind},
        tenants,
    },
    error::ApiError,
    ids::TenantId,
    store::{self, audit_log::PLATFORM, tenant_activity::Activity},
};
use actix_web::{HttpResponse, web};
use chrono::{Duration, Utc};
use jiff::{Timestamp, tz::TimeZone};
use std::collections::HashMap;
use tollgate_contract::money::NanoUsd;
use tollgate_web::{
    form::Field,
    layout::{Nav, NoticeKind, Shell},
    list::{Pager, Query},
    pages::operator::{OwnerLink, SuspendTenantPage, TenantForm, TenantRow, TenantsPage},
};
use uuid::Uuid;

/// Where the list is.
const LIST: &str = "/operator/tenants";
/// How long a new owner's link can be used.
const LINK_LIFE: Duration = Duration::days(7);

/// `GET /operator/tenants`.
pub async fn list(visit: Visit<of::Operate>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::OperatorTenants).await?;
    let query = Query::new(LIST, visit.queries());
    if visit.query("format") == "csv" {
        return as_csv(rows(&visit, query.get("q").trim(), "", csv::ROWS_MAX).await?);
    }
    page(
        &tenants_page(
            &visit,
            shell,
            query,
            TenantForm::default(),
            Visit::<of::Operate>::once(),
            None,
        )
        .await?,
    )
}

/// `POST /operator/tenants`.
pub async fn create(post: Post<of::Operate>) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    // Who acts in no tenant has no place to note what was sent before; a name that comes twice is refused all the same.
    let is_noted = visit.actor.tenant.0 != PLATFORM;
    if is_noted && !post.is_first().await? {
        let text = "That tenant was created already; its owner's link is shown once only.";
        return Ok(visit.see(LIST, NoticeKind::Warning, text));
    }
    let (name, email) = (post.form.get("name"), post.form.get("owner_email"));
    match make(visit, name, email).await {
        Ok(Some(link)) => {
            let shell = visit.shell(Nav::OperatorTenants).await?;
            let query = Query::new(LIST, []);
            let once = Visit::<of::Operate>::once();
            page(&tenants_page(visit, shell, query, TenantForm::default(), once, Some(link)).await?)
        }
        Ok(None) => {
            let text =
                format!("{name} is created. {email} has a password already and signs in with it.");
            Ok(visit.see(LIST, NoticeKind::Success, &text))
        }
        Err(error) => {
            if is_noted {
                post.may_repeat().await?;
            }
            let form = with_mistakes(&post, error)?;
            let shell = visit.shell(Nav::OperatorTenants).await?;
            let once = post.form.get("once").to_owned();
            page_with_mistakes(
                &tenants_page(visit, shell, Query::new(LIST, []), form, once, None).await?,
            )
        }
    }
}

/// Creates a tenant and a link for its owner. Who has a password needs no link, and nobody else should have one that
/// signs in as them.
async fn make<P>(visit: &Visit<P>, name: &str, email: &str) -> Result<Option<OwnerLink>, ApiError> {
    let (db, actor) = (&visit.state.db, &visit.actor);
    both(domain::name(name, "/name"), tenants::email(email, "/owner"))?;
    let (_, owner) = tenants::create(db, &actor.who, name, "UTC", email).await?;
    let mut tx = db.system().await?;
    let person = store::people::by_id(&mut tx, owner).await?;
    drop(tx);
    if person.password_hash.is_some() {
        return Ok(None);
    }
    let ends_at = Utc::now() + LINK_LIFE;
    let token = sign_in::create_link(db, actor, owner, LinkKind::SignIn, None, LINK_LIFE).await?;
    Ok(Some(OwnerLink {
        tenant: name.to_owned(),
        email: person.email,
        url: sign_in::link_url(&visit.state.settings.public_url, &token),
        ends_at: shown(ends_at),
    }))
}

fn with_mistakes(post: &Post<of::Operate>, error: ApiError) -> Result<TenantForm, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    let (mut name, mut owner_email) = (post.form.field("name"), post.form.field("owner_email"));
    mistakes.at("/name", "Name", &mut name);
    mistakes.at("/owner", "The owner's address", &mut owner_email);
    Ok(TenantForm { name, owner_email, error: mistakes.rest() })
}

/// `GET /operator/tenants/{id}/suspend`.
pub async fn ask_to_suspend(
    visit: Visit<of::Operate>,
    id: web::Path<TenantId>,
) -> Result<HttpResponse, ApiError> {
    page(&confirmation(&visit, *id, Field::default()).await?)
}

/// `POST /operator/tenants/{id}/suspend`.
pub async fn suspend(
    post: Post<of::Operate>,
    id: web::Path<TenantId>,
) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    let tenant = get(visit, *id).await?;
    if tenant.suspended_at.is_some() {
        return Ok(visit.see(
            LIST,
            NoticeKind::Warning,
            &format!("{} is suspended already.", tenant.name),
        ));
    }
    if post.form.get("name") != tenant.name {
        let typed =
            post.form.field("name").with_error(format!("Type the name as it is: {}", tenant.name));
        return page_with_mistakes(&confirmation(visit, *id, typed).await?);
    }
    tenants::suspend(&visit.state, &visit.actor, *id, true).await?;
    let text =
        format!("{} is suspended: gateways refuse its keys within two seconds.", tenant.name);
    Ok(visit.see(LIST, NoticeKind::Success, &text))
}

/// `POST /operator/tenants/{id}/resume`.
pub async fn resume(
    post: Post<of::Operate>,
    id: web::Path<TenantId>,
) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    let tenant = get(visit, *id).await?;
    if tenant.suspended_at.is_some() {
        tenants::suspend(&visit.state, &visit.actor, *id, false).await?;
    }
    Ok(visit.see(
        LIST,
        NoticeKind::Success,
        &format!("{} goes on: its keys work again.", tenant.name),
    ))
}

async fn confirmation<P>(
    visit: &Visit<P>,
    id: TenantId,
    typed: Field,
) -> Result<SuspendTenantPage, ApiError> {
    let tenant = get(visit, id).await?;
    let mut activity = activity(visit, &[id.0]).await?;
    let activity = activity.remove(&id.0).unwrap_or_default();
    Ok(SuspendTenantPage {
        shell: visit.shell(Nav::OperatorTenants).await?,
        requests_24h: count(activity.requests),
        tenant: row(tenant, &activity),
        typed,
    })
}

async fn get<P>(visit: &Visit<P>, id: TenantId) -> Result<store::tenants::TenantRow, ApiError> {
    let mut tx = visit.state.db.system().await?;
    store::tenants::of(&mut tx, &[id.0]).await?.pop().ok_or(ApiError::NotFound)
}

async fn tenants_page<P>(
    visit: &Visit<P>,
    shell: Shell,
    query: Query,
    form: TenantForm,
    once: String,
    link: Option<OwnerLink>,
) -> Result<TenantsPage, ApiError> {
    // Only the list's own address has a cursor.
    let cursor = visit.query("cursor");
    let mut rows = rows(visit, query.get("q").trim(), &cursor, paging::ROWS + 1).await?;
    let pager: Pager = paging::pager(&mut rows, &query, &cursor, |row| row.name.clone());
    Ok(TenantsPage { shell, query, rows, pager, form, once, link })
}

async fn rows<P>(
    visit: &Visit<P>,
    contains: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<TenantRow>, ApiError> {
    let after = Some(after).filter(|name| !name.is_empty());
    let tenants = tenants::search(&visit.state, contains, after, limit).await?;
    let ids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.id).collect();
    let activity = activity(visit, &ids).await?;
    let none = Activity::default();
    let row = |tenant: store::tenants::TenantRow| {
        let did = activity.get(&tenant.id).unwrap_or(&none);
        row(tenant, did)
    };
    Ok(tenants.into_iter().map(row).collect())
}

/// What tenants have and did; months are those of UTC, as tenants are in many zones.
async fn activity<P>(visit: &Visit<P>, ids: &[Uuid]) -> Result<HashMap<Uuid, Activity>, ApiError> {
    let month = month_start(Timestamp::now(), &TimeZone::UTC);
    let mut tx = visit.state.db.system().await?;
    let all =
        store::tenant_activity::of(&mut tx, ids, month, Utc::now() - Duration::hours(24)).await?;
    Ok(all.into_iter().map(|activity| (activity.tenant_id, activity)).collect())
}

fn row(tenant: store::tenants::TenantRow, activity: &Activity) -> TenantRow {
    TenantRow {
        id: TenantId(tenant.id).to_string(),
        name: tenant.name,
        created_at: shown(tenant.created_at),
        suspended_at: tenant.suspended_at.map(shown),
        members: count(activity.members),
        api_keys: count(activity.api_keys),
        spend_month: NanoUsd::new(activity.cost_nano_usd),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn as_csv(rows: Vec<TenantRow>) -> Result<HttpResponse, ApiError> {
    let header =
        ["id", "name", "created_at", "suspended_at", "members", "api_keys", "spend_month_usd"];
    let line = |row: TenantRow| {
        vec![
            row.id,
            row.name,
            row.created_at.to_string(),
            row.suspended_at.map_or(String::new(), |at| at.to_string()),
            row.members.to_string(),
            row.api_keys.to_string(),
            row.spend_month.to_string(),
        ]
    };
    csv::file("tenants", &header, rows.into_iter().map(line))
}
