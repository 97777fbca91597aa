//! `/api/v1/budgets`.

use super::{Body, IfMatch, with_etag};
use crate::{
    access::permission::{Permit, of},
    domain::budgets,
    error::{ApiError, Problem},
    ids::{ApiKeyId, BudgetId, MemberId, TeamId},
    state::State,
    store::budgets::{BudgetRow, Settings},
};
use actix_web::{HttpResponse, delete, get, post, put, web};
use serde::{Deserialize, Serialize};
use tollgate_contract::money::NanoUsd;

/// A budget: money per window for a scope. The scope is all requests that match every part that is given.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// 1 to 64 characters, unique in the tenant.
    pub name: String,
    /// US dollars as a decimal string, as in "50.00".
    pub limit: String,
    /// `USD`; the only currency.
    #[serde(default = "usd")]
    pub currency: String,
    /// `hour`, `day`, `week`, `month` or `total`: calendar windows in the tenant's time zone.
    pub window: String,
    /// Of this team.
    pub team_id: Option<TeamId>,
    /// Of this member.
    pub member_id: Option<MemberId>,
    /// With this API key.
    pub api_key_id: Option<ApiKeyId>,
    /// Served by this provider.
    pub provider: Option<String>,
    /// Served by one of these targets, as globs.
    pub models: Option<Vec<String>>,
    /// `block` (default) or `alert`.
    #[serde(default = "block")]
    pub on_exceed: String,
    /// `deny`, `lease` or `allow`; absent: as the gateway says.
    pub on_outage: Option<String>,
    /// Percentages of the limit; 50, 80 and 100 by default.
    #[serde(default = "percents")]
    pub alert_at: Vec<i16>,
    /// `enforce` (default) or `shadow`.
    #[serde(default = "enforce")]
    pub mode: String,
}

fn usd() -> String {
    "USD".to_owned()
}

fn block() -> String {
    "block".to_owned()
}

fn enforce() -> String {
    "enforce".to_owned()
}

fn percents() -> Vec<i16> {
    vec![50, 80, 100]
}

/// A budget with its id.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Budget {
    id: BudgetId,
    #[serde(flatten)]
    settings: BudgetSettings,
}

/// The id of what was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NewBudget {
    id: BudgetId,
}

/// All budgets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Budgets {
    data: Vec<Budget>,
}

impl TryFrom<BudgetSettings> for Settings {
    type Error = ApiError;

    fn try_from(settings: BudgetSettings) -> Result<Self, ApiError> {
        if settings.currency != "USD" {
            return Err(ApiError::invalid("/currency", "must be USD"));
        }
        let limit: NanoUsd = settings
            .limit
            .parse()
            .map_err(|error| ApiError::invalid("/limit", format!("{error}")))?;
        Ok(Self {
            name: settings.name,
            limit_nano_usd: limit.as_nanos(),
            time_window: settings.window,
            team: settings.team_id,
            member: settings.member_id,
            api_key: settings.api_key_id,
            provider: settings.provider,
            models: settings.models,
            on_exceed: settings.on_exceed,
            on_outage: settings.on_outage,
            alert_at: settings.alert_at,
            mode: settings.mode,
        })
    }
}

impl From<BudgetRow> for Budget {
    fn from(row: BudgetRow) -> Self {
        Self {
            id: row.id.into(),
            settings: BudgetSettings {
                limit: NanoUsd::new(row.limit_nano_usd).to_string(),
                currency: usd(),
                name: row.name,
                window: row.time_window,
                team_id: row.team_id.map(Into::into),
                member_id: row.member_id.map(Into::into),
                api_key_id: row.api_key_id.map(Into::into),
                provider: row.provider,
                models: row.models,
                on_exceed: row.on_exceed,
                on_outage: row.on_outage,
                alert_at: row.alert_at,
                mode: row.mode,
            },
        }
    }
}

/// Lists budgets by name.
#[utoipa::path(tag = "Budgets", security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Budgets)))]
#[get("/api/v1/budgets")]
pub async fn list(
    permit: Permit<of::See>,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let rows = budgets::list(&state, &permit.actor).await?;
    Ok(HttpResponse::Ok().json(Budgets { data: rows.into_iter().map(Budget::from).collect() }))
}

/// Makes a budget.
#[utoipa::path(tag = "Budgets", request_body = BudgetSettings, security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_budgets"))),
    responses((status = 201, body = NewBudget), (status = 422, body = Problem)))]
#[post("/api/v1/budgets")]
pub async fn create(
    permit: Permit<of::ManageBudgets>,
    state: web::Data<State>,
    body: Body<BudgetSettings>,
) -> Result<HttpResponse, ApiError> {
    let id = budgets::create(&state, &permit.actor, body.0.try_into()?).await?;
    Ok(HttpResponse::Created().json(NewBudget { id }))
}

/// One budget.
#[utoipa::path(tag = "Budgets", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = Budget), (status = 404, body = Problem)))]
#[get("/api/v1/budgets/{id}")]
pub async fn get(
    permit: Permit<of::See>,
    state: web::Data<State>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    let row = budgets::get(&state, &permit.actor, *id).await?;
    let version = row.version;
    Ok(with_etag(&Budget::from(row), version))
}

/// Replaces a budget's settings; send its ETag in If-Match. It holds at every gateway within 2 seconds.
#[utoipa::path(tag = "Budgets", params(("id" = String, Path), ("if-match" = String, Header)),
    request_body = BudgetSettings, security(("bearer" = [])), extensions(("x-permission" = json!("manage_budgets"))),
    responses((status = 204), (status = 412, body = Problem), (status = 422, body = Problem)))]
#[put("/api/v1/budgets/{id}")]
pub async fn change(
    permit: Permit<of::ManageBudgets>,
    state: web::Data<State>,
    id: web::Path<BudgetId>,
    version: IfMatch,
    body: Body<BudgetSettings>,
) -> Result<HttpResponse, ApiError> {
    budgets::change(&state, &permit.actor, *id, version.0, body.0.try_into()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a budget.
#[utoipa::path(tag = "Budgets", params(("id" = String, Path)), security(("bearer" = [])),
    extensions(("x-permission" = json!("manage_budgets"))),
    responses((status = 204), (status = 404, body = Problem)))]
#[delete("/api/v1/budgets/{id}")]
pub async fn remove(
    permit: Permit<of::ManageBudgets>,
    state: web::Data<State>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, ApiError> {
    budgets::delete(&state, &permit.actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, get, change, remove))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(create).service(get).service(change).service(remove);
}
