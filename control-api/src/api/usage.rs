//! `/api/v1/usage`.

use crate::{
    access::permission::{Permit, of},
    domain::usage::{self, UsageAnswer, UsageQuery},
    error::{ApiError, Problem},
    state::State,
};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ask {
    /// Since, in full hours; 30 days before `to` by default.
    from: Option<DateTime<Utc>>,
    /// Until, in full hours; now by default. A range has at most 366 days.
    to: Option<DateTime<Utc>>,
    /// One or two of hour, day, api_key, team, member, route, target, separated by a comma. Days are those of the
    /// tenant's time zone.
    group_by: Option<String>,
    /// Only of this API key.
    api_key: Option<String>,
    /// Only of this team.
    team: Option<String>,
    /// Only of this member.
    member: Option<String>,
    /// Only through this route.
    route: Option<String>,
    /// Only served by this target.
    target: Option<String>,
    /// `json` (default) or `csv`.
    format: Option<String>,
}

/// Sums.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UsageReport {
    /// From the beginning of this hour …
    from: DateTime<Utc>,
    /// … to the beginning of this one.
    to: DateTime<Utc>,
    /// What the rows are grouped by.
    group_by: Vec<String>,
    /// At most 10,000.
    data: Vec<UsageSums>,
}

/// Sums of one group.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UsageSums {
    /// What it is about, by the names in `group_by`. An empty text: requests without any.
    group: BTreeMap<String, String>,
    /// Requests.
    requests: i64,
    /// Those that failed.
    errors: i64,
    /// Tokens of prompts.
    input_tokens: i64,
    /// Tokens of answers.
    output_tokens: i64,
    /// Requests that were answered from the cache.
    cache_hits: i64,
    /// The charge as a decimal string.
    cost: String,
    /// What answers from the cache would have cost, as a decimal string; nothing was charged for them.
    saved: String,
    /// `USD`.
    currency: String,
}

impl From<UsageAnswer> for UsageReport {
    fn from(answer: UsageAnswer) -> Self {
        let heads: Vec<String> = answer.group_by.iter().map(|head| (*head).to_owned()).collect();
        let data = answer.rows.into_iter().map(|row| UsageSums {
            group: heads.iter().cloned().zip(row.group).collect(),
            requests: row.sums.requests,
            errors: row.sums.errors,
            input_tokens: row.sums.input_tokens,
            output_tokens: row.sums.output_tokens,
            cache_hits: row.sums.cache_hits,
            cost: row.sums.cost().to_string(),
            saved: row.sums.saved().to_string(),
            currency: "USD".to_owned(),
        });
        Self { from: answer.from, to: answer.to, data: data.collect(), group_by: heads }
    }
}

/// Sums usage by up to two things.
#[utoipa::path(tag = "Usage", params(Ask), security(("bearer" = [])), extensions(("x-permission" = json!("see"))),
    responses((status = 200, body = UsageReport, description = "With format=csv: text/csv."),
        (status = 422, body = Problem)))]
#[get("/api/v1/usage")]
pub async fn sums(
    permit: Permit<of::See>,
    state: web::Data<State>,
    ask: web::Query<Ask>,
) -> Result<HttpResponse, ApiError> {
    let ask = ask.into_inner();
    let as_csv = match ask.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::invalid("/format", "must be one of: json, csv")),
    };
    let group_by = ask.group_by.unwrap_or_default();
    let query = UsageQuery {
        from: ask.from,
        to: ask.to,
        group_by: group_by
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        api_key: ask.api_key,
        team: ask.team,
        member: ask.member,
        route: ask.route,
        target: ask.target,
    };
    let answer = usage::usage(&state, &permit.actor, query).await?;
    if as_csv {
        let mut response = HttpResponse::Ok();
        response.insert_header(("content-disposition", "attachment; filename=\"usage.csv\""));
        return Ok(response.content_type("text/csv; charset=utf-8").body(usage::csv(&answer)));
    }
    Ok(HttpResponse::Ok().json(UsageReport::from(answer)))
}

/// The description of these operations.
#[derive(utoipa::OpenApi)]
#[openapi(paths(sums))]
pub struct Doc;

/// Mounts them.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(sums);
}
