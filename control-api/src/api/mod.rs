//! The JSON API, one file per resource: parse, ask the domain, answer. Callers present a bearer token; the console's
//! cookie is not read here, so no other site can call it in a person's name.

pub mod api_keys;
pub mod audit;
pub mod auth;
pub mod body;
pub mod budgets;
pub mod config;
pub mod health;
pub mod idempotency;
pub mod internal;
pub mod management_tokens;
pub mod me;
pub mod members;
pub mod models;
pub mod page;
pub mod params;
pub mod price_book;
pub mod provider_keys;
pub mod providers;
pub mod requests;
pub mod route_figures;
pub mod routes;
pub mod teams;
pub mod tenant;
pub mod usage;
pub mod version;

pub use body::Body;
pub use page::{Page, PageQuery};
pub use params::Params;
pub use version::{IfMatch, with_etag};

use actix_web::web;
use utoipa::OpenApi as _;

/// Mounts every resource.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(tenant::routes)
        .configure(me::routes)
        .configure(auth::routes)
        .configure(members::routes)
        .configure(teams::routes)
        .configure(management_tokens::routes)
        .configure(api_keys::routes)
        .configure(budgets::routes)
        .configure(usage::routes)
        .configure(requests::routes)
        .configure(routes::routes)
        .configure(route_figures::routes)
        .configure(health::routes)
        .configure(providers::routes)
        .configure(provider_keys::routes)
        .configure(models::routes)
        .configure(price_book::routes)
        .configure(config::routes)
        .configure(audit::routes);
}

/// The descriptions of every resource.
pub fn docs() -> Vec<utoipa::openapi::OpenApi> {
    vec![
        tenant::Doc::openapi(),
        me::Doc::openapi(),
        auth::Doc::openapi(),
        members::Doc::openapi(),
        teams::Doc::openapi(),
        management_tokens::Doc::openapi(),
        api_keys::Doc::openapi(),
        budgets::Doc::openapi(),
        usage::Doc::openapi(),
        requests::Doc::openapi(),
        routes::Doc::openapi(),
        route_figures::Doc::openapi(),
        health::Doc::openapi(),
        providers::Doc::openapi(),
        provider_keys::Doc::openapi(),
        models::Doc::openapi(),
        price_book::Doc::openapi(),
        config::Doc::openapi(),
        audit::Doc::openapi(),
    ]
}
