//! One API key: its settings and its rotation.

use super::{create::secret_page, fields, one, teams, usage};
use crate::{
    access::permission::of,
    console::{Post, Visit, clock::shown, mistakes::Mistakes, page, page_with_mistakes},
    domain::api_keys,
    error::ApiError,
    ids::ApiKeyId,
    store::{api_keys::ApiKeyRow, creators},
};
use actix_web::{HttpResponse, web};
use chrono::{Duration, Utc};
use tollgate_web::{
    layout::{Nav, NoticeKind, Shell},
    pages::api_keys::{ApiKeyForm, ApiKeyPage},
};

/// `GET /console/api-keys/{id}`.
pub async fn show(
    visit: Visit<of::See>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let row = api_keys::get(&visit.state, &visit.actor, *id).await?;
    let shell = visit.shell(Nav::ApiKeys).await?;
    let form = fields::of(&row, &shell.zone);
    page(&key_page(&visit, shell, &row, form, row.version).await?)
}

/// `POST /console/api-keys/{id}`.
pub async fn change(
    post: Post<of::UseKeys>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let (visit, id) = (&post.visit, *id);
    let mut version: i32 =
        post.form.parsed("etag", "the page's").ok().flatten().ok_or(ApiError::VersionRequired)?;
    let before = api_keys::get(&visit.state, &visit.actor, id).await?;
    let shell = visit.shell(Nav::ApiKeys).await?;
    let changed = match fields::wishes(&post.form, &shell.zone, before.expires_at) {
        Ok(wishes) => api_keys::change(&visit.state, &visit.actor, id, version, wishes).await,
        Err(error) => Err(error),
    };
    let Err(error) = changed else {
        return Ok(visit.see(
            &address(id),
            NoticeKind::Success,
            "Saved. Gateways follow within two seconds.",
        ));
    };
    let row = api_keys::get(&visit.state, &visit.actor, id).await?;
    if matches!(error, ApiError::Stale) {
        version = row.version;
    }
    let form = fields::with_mistakes(fields::typed(&post.form), error)?;
    page_with_mistakes(&key_page(visit, shell, &row, form, version).await?)
}

/// `POST /console/api-keys/{id}/rotate`.
pub async fn rotate(
    post: Post<of::UseKeys>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let (visit, id) = (&post.visit, *id);
    let overlap = overlap(post.form.get("overlap"))
        .ok_or_else(|| ApiError::invalid("/overlap", "must be one of: 0s, 1h, 24h, 7d"))?;
    if !post.is_first().await? {
        let text = "The key was rotated already; its secret is shown once only. Rotate it again if you did not keep it.";
        return Ok(visit.see(super::LIST, NoticeKind::Warning, text));
    }
    match api_keys::rotate(&visit.state, &visit.actor, id, overlap).await {
        Ok(minted) => {
            let old = api_keys::get(&visit.state, &visit.actor, id).await?;
            let until = old.expires_at.filter(|at| old.revoked_at.is_none() && *at > Utc::now());
            let mut shell = visit.shell(Nav::ApiKeys).await?;
            // What was posted here cannot be looked at.
            shell.here = address(minted.id);
            secret_page(visit, shell, &minted, until.map(shown)).await
        }
        Err(error) => {
            post.may_repeat().await?;
            let text = Mistakes::of(error)?.rest().unwrap_or_default();
            Ok(visit.see(&address(id), NoticeKind::Error, &format!("Nothing was rotated. {text}")))
        }
    }
}

fn overlap(name: &str) -> Option<Duration> {
    match name {
        "0s" => Some(Duration::zero()),
        "1h" => Some(Duration::hours(1)),
        "24h" => Some(Duration::hours(24)),
        "7d" => Some(Duration::days(7)),
        _ => None,
    }
}

fn address(id: ApiKeyId) -> String {
    format!("{}/{id}", super::LIST)
}

async fn key_page<P>(
    visit: &Visit<P>,
    shell: Shell,
    row: &ApiKeyRow,
    form: ApiKeyForm,
    version: i32,
) -> Result<ApiKeyPage, ApiError> {
    let id = ApiKeyId(row.id);
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let created_by = creators::names(&mut tx, std::iter::once(row.created_by.as_str())).await?;
    drop(tx);
    Ok(ApiKeyPage {
        key: one(visit, &shell, id).await?,
        created_by: created_by.get(&row.created_by).unwrap_or(&row.created_by).clone(),
        etag: version.to_string(),
        once: Visit::<P>::once(),
        form,
        teams: teams(visit).await?,
        usage: usage(visit, &shell, id).await?,
        shell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_overlap_that_the_page_offers_is_understood() {
        for (name, hours) in [("24h", 24), ("1h", 1), ("7d", 168), ("0s", 0)] {
            assert_eq!(overlap(name), Some(Duration::hours(hours)));
        }
        assert_eq!(overlap("30d"), None);
    }
}
