//! The API's description, gathered from its handlers, and the page that shows it. Nothing is fetched from elsewhere.

use crate::api;
use actix_web::{HttpResponse, get, web};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(info(
    title = "Tollgate control API",
    description = "Everything that the console can do. Send `Authorization: Bearer` with an access token \
                   (POST /api/v1/auth/sign-in) or a management token (tgm_…). Errors are RFC 9457 problem details. \
                   Every POST honours Idempotency-Key for 24 hours.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Root;

/// The description of all operations.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Root::openapi();
    for part in api::docs() {
        document.merge(part);
    }
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    document
}

#[get("/api/openapi.json")]
async fn json() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

#[get("/api/docs")]
async fn docs() -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", "/api/docs/")).finish()
}

/// Mounts the description and its page.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(json).service(docs).service(SwaggerUi::new("/api/docs/{_:.*}").config(
        utoipa_swagger_ui::Config::new(["/api/openapi.json"]).persist_authorization(false),
    ));
}
