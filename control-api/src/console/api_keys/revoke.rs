//! The end of an API key.

use super::{LIST, one, usage};
use crate::{
    access::permission::of,
    console::{Post, Visit, page, page_with_mistakes},
    domain::api_keys,
    error::ApiError,
    ids::ApiKeyId,
};
use actix_web::{HttpResponse, web};
use tollgate_web::{
    form::Field,
    layout::{Nav, NoticeKind},
    pages::api_keys::RevokeApiKeyPage,
};

/// `GET /console/api-keys/{id}/revoke`.
pub async fn ask(
    visit: Visit<of::UseKeys>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    page(&confirmation(&visit, *id, Field::default()).await?)
}

/// `POST /console/api-keys/{id}/revoke`.
pub async fn revoke(
    post: Post<of::UseKeys>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let (visit, id) = (&post.visit, *id);
    let row = api_keys::get(&visit.state, &visit.actor, id).await?;
    if row.revoked_at.is_some() {
        return Ok(visit.see(
            LIST,
            NoticeKind::Warning,
            &format!("{} is revoked already.", row.name),
        ));
    }
    if post.form.get("name") != row.name {
        let typed =
            post.form.field("name").with_error(format!("Type the name as it is: {}", row.name));
        return page_with_mistakes(&confirmation(visit, id, typed).await?);
    }
    api_keys::revoke(&visit.state, &visit.actor, id).await?;
    let text = format!("{} is revoked: gateways refuse it within two seconds.", row.name);
    Ok(visit.see(LIST, NoticeKind::Success, &text))
}

async fn confirmation<P>(
    visit: &Visit<P>,
    id: ApiKeyId,
    typed: Field,
) -> Result<RevokeApiKeyPage, ApiError> {
    // Who may not have the key must not read its name either.
    api_keys::get(&visit.state, &visit.actor, id).await?;
    let shell = visit.shell(Nav::ApiKeys).await?;
    let (key, usage) = (one(visit, &shell, id).await?, usage(visit, &shell, id).await?);
    Ok(RevokeApiKeyPage { shell, key, usage, typed })
}
