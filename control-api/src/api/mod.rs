//! The JSON API, one file per resource: parse, ask the domain, answer. Callers present a bearer token; the console's
//! cookie is not read here, so no other site can call it in a person's name.

pub mod api_keys;
pub mod audit;
pub mod body;
pub mod budgets;
pub mod config;
pub mod idempotency;
pub mod internal;
pub mod models;
pub mod page;
pub mod provider_keys;
pub mod providers;
pub mod routes;
pub mod tenant;
pub mod version;

pub use body::Body;
pub use page::{Page, PageQuery};
pub use version::{IfMatch, with_etag};

use actix_web::web;
use utoipa::OpenApi as _;

/// Mounts every resource.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(api_keys::routes)
        .configure(audit::routes)
        .configure(budgets::routes)
        .configure(config::routes)
        .configure(models::routes)
        .configure(provider_keys::routes)
        .configure(providers::routes)
        .configure(routes::routes)
        .configure(tenant::routes);
}

/// The descriptions of every resource.
pub fn docs() -> Vec<utoipa::openapi::OpenApi> {
    vec![
        tenant::Doc::openapi(),
        api_keys::Doc::openapi(),
        budgets::Doc::openapi(),
        routes::Doc::openapi(),
        providers::Doc::openapi(),
        provider_keys::Doc::openapi(),
        models::Doc::openapi(),
        config::Doc::openapi(),
        audit::Doc::openapi(),
    ]
}
