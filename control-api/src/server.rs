//! The HTTP server: what every request passes, and what is mounted where.

use crate::{access::client::RequestId, api, console, error::ApiError, openapi, state::State};
use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Server, ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    web,
};
use std::{net::TcpListener, time::Duration};

/// How long requests may go on after SIGTERM, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;

/// Builds the server; it stops at SIGTERM and SIGINT.
pub fn build(state: State, listener: TcpListener) -> std::io::Result<Server> {
    let state = web::Data::new(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(web::PathConfig::default().error_handler(|_, _| ApiError::NotFound.into()))
            .app_data(web::QueryConfig::default().error_handler(|error, _| {
                let error =
                    crate::error::FieldError::new("", format!("The query cannot be read: {error}"));
                ApiError::Malformed(error).into()
            }))
            .wrap(from_fn(on_every_response))
            .service(web::resource("/healthz").to(healthy))
            .service(web::resource("/readyz").to(ready))
            .configure(api::internal::routes)
            .configure(openapi::routes)
            .service(
                web::scope("")
                    .wrap(from_fn(api::idempotency::idempotent))
                    .guard(actix_web::guard::fn_guard(|context| {
                        context.head().uri.path().starts_with("/api/")
                    }))
                    .configure(api::routes)
                    .default_service(web::to(nothing_there)),
            )
            .configure(console::routes)
            .default_service(web::to(console::nothing_there))
    });
    Ok(server
        .listen(listener)?
        .workers(2)
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .run())
}

async fn healthy() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

/// Ready while the database answers.
async fn ready(state: web::Data<State>) -> HttpResponse {
    let answered = tokio::time::timeout(Duration::from_secs(2), state.db.system()).await;
    match answered {
        Ok(Ok(_)) => HttpResponse::Ok().body("ready\n"),
        Ok(Err(_)) | Err(_) => {
            HttpResponse::ServiceUnavailable().body("the database does not answer\n")
        }
    }
}

async fn nothing_there() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}

/// Security headers, and the request's id, on everything.
async fn on_every_response(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    // Swagger UI sets styles on elements.
    const DOCS_POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
        img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
    let id = RequestId::of(request.request()).0;
    let path = request.path().to_owned();
    let is_static = path.starts_with("/static/");
    let secure = request
        .app_data::<web::Data<State>>()
        .is_some_and(|state| state.settings.public_url.starts_with("https:"));
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        let name = HeaderName::from_static(name);
        if let Ok(value) = HeaderValue::from_str(value)
            && !headers.contains_key(&name)
        {
            headers.insert(name, value);
        }
    };
    set("x-request-id", &id);
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    set(
        "content-security-policy",
        if path.starts_with("/api/docs") { DOCS_POLICY } else { CONTENT_POLICY },
    );
    if secure {
        set("strict-transport-security", "max-age=31536000");
    }
    if !is_static {
        set("cache-control", "no-store");
    }
    Ok(response)
}
