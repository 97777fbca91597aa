//! A new API key: asked for, made with its budget, and its secret shown once.

use super::{LIST, fields, snippets, teams};
use crate::{
    access::{Permission, permission::of},
    console::{Post, Visit, mistakes::both, page, page_with_mistakes},
    domain::{
        api_keys::{self, Minted},
        budgets,
    },
    error::ApiError,
    store::budgets::Settings,
};
use actix_web::HttpResponse;
use jiff::{Timestamp, tz::TimeZone};
use tollgate_web::{
    layout::{Nav, Notice, NoticeKind, Shell},
    pages::api_keys::{ApiKeyCreatedPage, ApiKeyForm, NewApiKeyPage},
};

/// `GET /console/api-keys/new`.
pub async fn ask(visit: Visit<of::UseKeys>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::ApiKeys).await?;
    let teams = teams(&visit).await?;
    page(&NewApiKeyPage {
        shell,
        once: Visit::<of::UseKeys>::once(),
        form: ApiKeyForm::blank(),
        teams,
    })
}

/// `POST /console/api-keys`.
pub async fn create(post: Post<of::UseKeys>) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    if !post.is_first().await? {
        let text = "That key was made already; its secret is shown once only. Rotate it if you did not keep it.";
        return Ok(visit.see(LIST, NoticeKind::Warning, text));
    }
    let mut shell = visit.shell(Nav::ApiKeys).await?;
    match make(&post, &shell.zone).await {
        Ok(made) => {
            shell.notice =
                made.without_budget.map(|text| Notice { kind: NoticeKind::Warning, text });
            secret_page(visit, shell, &made.minted, None).await
        }
        Err(error) => {
            post.may_repeat().await?;
            let form = fields::with_mistakes(fields::typed(&post.form), error)?;
            let teams = teams(visit).await?;
            page_with_mistakes(&NewApiKeyPage {
                shell,
                once: post.form.get("once").to_owned(),
                form,
                teams,
            })
        }
    }
}

struct Made {
    minted: Minted,
    /// Why the key has no budget although one was asked for.
    without_budget: Option<String>,
}

async fn make(post: &Post<of::UseKeys>, zone: &TimeZone) -> Result<Made, ApiError> {
    let (state, actor) = (&post.visit.state, &post.visit.actor);
    let (wishes, budget) =
        both(fields::wishes(&post.form, zone, None), fields::budget(&post.form))?;
    if budget.is_some() && !actor.may(Permission::ManageBudgets) {
        let message = "Your role does not set budgets: leave it empty, and ask an admin for one";
        return Err(ApiError::invalid("/budget_limit", message));
    }
    let name = wishes.name.clone();
    let minted = api_keys::create(state, actor, wishes).await?;
    let mut without_budget = None;
    if let Some(settings) = budget {
        let settings =
            Settings { name: budget_name(&name, &minted), api_key: Some(minted.id), ..settings };
        // The key is there, and its secret is never shown again: it has to be shown now, whatever comes of the budget.
        if let Err(error) = budgets::create(state, actor, settings).await {
            error.log();
            without_budget = Some(format!(
                "The key works, but its budget was not made. {error} Make it under Budgets."
            ));
        }
    }
    Ok(Made { minted, without_budget })
}

/// Names of keys come again after they are revoked; with the key's end, the budget's does not.
fn budget_name(key: &str, minted: &Minted) -> String {
    let short: String = key.chars().take(50).collect();
    let secret = minted.secret.expose();
    format!("{short} (key {})", &secret[secret.len().saturating_sub(4)..])
}

/// The page that shows a secret; it is never shown again.
pub(super) async fn secret_page<P>(
    visit: &Visit<P>,
    shell: Shell,
    minted: &Minted,
    overlap_until: Option<Timestamp>,
) -> Result<HttpResponse, ApiError> {
    let row = api_keys::get(&visit.state, &visit.actor, minted.id).await?;
    let model = snippets::model_for(visit, &row.models).await?;
    let base_url = visit.state.settings.gateway_url.trim_end_matches('/');
    page(&ApiKeyCreatedPage {
        shell,
        id: minted.id.to_string(),
        name: row.name,
        secret: minted.secret.expose().to_owned(),
        overlap_until,
        snippets: snippets::snippets(base_url, minted.secret.expose(), &model),
        first_request: None,
    })
}
