//! One budget: made, changed, deleted.

use super::{LIST, fields, rows};
use crate::{
    access::permission::of,
    console::{Post, Visit, page, page_with_mistakes},
    domain::budgets,
    error::ApiError,
    ids::BudgetId,
    store,
};
use actix_web::{HttpResponse, web};
use tollgate_web::{
    form::Field,
    layout::{Nav, NoticeKind, Shell},
    pages::budgets::{BudgetForm, BudgetPage, BudgetRow, DeleteBudgetPage},
};

/// `GET /console/budgets/new`.
pub async fn ask(visit: Visit<of::ManageBudgets>) -> Result<HttpResponse, ApiError> {
    let once = Visit::<of::ManageBudgets>::once();
    page(&new_page(&visit, once, BudgetForm::blank()).await?)
}

/// `POST /console/budgets`.
pub async fn create(post: Post<of::ManageBudgets>) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    if !post.is_first().await? {
        return Ok(visit.see(LIST, NoticeKind::Warning, "That budget was made already."));
    }
    let made = match fields::settings(&post.form) {
        Ok(settings) => budgets::create(&visit.state, &visit.actor, settings).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(_) => Ok(visit.see(
            LIST,
            NoticeKind::Success,
            "Budget created. Gateways follow within two seconds.",
        )),
        Err(error) => {
            post.may_repeat().await?;
            let form = fields::with_mistakes(fields::typed(&post.form), error)?;
            page_with_mistakes(&new_page(visit, post.form.get("once").to_owned(), form).await?)
        }
    }
}

/// `GET /console/budgets/{id}`.
pub async fn show(
    visit: Visit<of::See>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    let budget = budgets::get(&visit.state, &visit.actor, *id).await?;
    let (form, version) = (fields::of(&budget), budget.version);
    page(&budget_page(&visit, budget, form, version).await?)
}

/// `POST /console/budgets/{id}`.
pub async fn change(
    post: Post<of::ManageBudgets>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    let (visit, id) = (&post.visit, *id);
    let mut version: i32 =
        post.form.parsed("etag", "the page's").ok().flatten().ok_or(ApiError::VersionRequired)?;
    let changed = match fields::settings(&post.form) {
        Ok(settings) => budgets::change(&visit.state, &visit.actor, id, version, settings).await,
        Err(error) => Err(error),
    };
    let Err(error) = changed else {
        let text = "Saved. Gateways follow within two seconds.";
        return Ok(visit.see(&format!("{LIST}/{id}"), NoticeKind::Success, text));
    };
    let budget = budgets::get(&visit.state, &visit.actor, id).await?;
    if matches!(error, ApiError::Stale) {
        version = budget.version;
    }
    let form = fields::with_mistakes(fields::typed(&post.form), error)?;
    page_with_mistakes(&budget_page(visit, budget, form, version).await?)
}

/// `GET /console/budgets/{id}/delete`.
pub async fn ask_to_delete(
    visit: Visit<of::ManageBudgets>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    let budget = budgets::get(&visit.state, &visit.actor, *id).await?;
    let shell = visit.shell(Nav::Budgets).await?;
    let budget = one(&visit, &shell, budget).await?;
    page(&DeleteBudgetPage { shell, budget, typed: Field::default() })
}

/// `POST /console/budgets/{id}/delete`.
pub async fn delete(
    post: Post<of::ManageBudgets>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    let budget = match budgets::get(&visit.state, &visit.actor, *id).await {
        // The second click finds nothing more to do.
        Err(ApiError::NotFound) => {
            return Ok(visit.see(LIST, NoticeKind::Warning, "That budget is deleted already."));
        }
        other => other?,
    };
    if post.form.get("name") != budget.name {
        let typed =
            post.form.field("name").with_error(format!("Type the name as it is: {}", budget.name));
        let shell = visit.shell(Nav::Budgets).await?;
        let budget = one(visit, &shell, budget).await?;
        return page_with_mistakes(&DeleteBudgetPage { shell, budget, typed });
    }
    budgets::delete(&visit.state, &visit.actor, *id).await?;
    let text = format!("{} is deleted: nothing is refused by it any more.", budget.name);
    Ok(visit.see(LIST, NoticeKind::Success, &text))
}

async fn new_page<P>(
    visit: &Visit<P>,
    once: String,
    form: BudgetForm,
) -> Result<BudgetPage, ApiError> {
    let shell = visit.shell(Nav::Budgets).await?;
    let scope = fields::choices(visit, &form).await?;
    Ok(BudgetPage { shell, once, budget: None, etag: String::new(), form, scope })
}

async fn budget_page<P>(
    visit: &Visit<P>,
    budget: store::budgets::BudgetRow,
    form: BudgetForm,
    version: i32,
) -> Result<BudgetPage, ApiError> {
    let shell = visit.shell(Nav::Budgets).await?;
    let scope = fields::choices(visit, &form).await?;
    let budget = one(visit, &shell, budget).await?;
    Ok(BudgetPage {
        shell,
        once: String::new(),
        budget: Some(budget),
        etag: version.to_string(),
        form,
        scope,
    })
}

async fn one<P>(
    visit: &Visit<P>,
    shell: &Shell,
    budget: store::budgets::BudgetRow,
) -> Result<BudgetRow, ApiError> {
    rows(visit, shell, vec![budget]).await?.0.pop().ok_or(ApiError::NotFound)
}
