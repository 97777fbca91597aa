//! What the whole console shares around its handlers: errors become pages, notices are shown once, static files.

use super::{
    see,
    visit::{NOTICE, theme},
};
use crate::{access::client::RequestId, error::ApiError};
use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    cookie::Cookie,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use tollgate_web::{
    Template, assets,
    list::percent_encoded,
    pages::problem::{Problem, ProblemPage},
};

/// Turns errors into pages: who is not signed in is sent to do so.
pub async fn errors_as_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let had_notice = request.request().cookie(NOTICE).is_some();
    let response = next.call(request).await?.map_into_boxed_body();
    let failed = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let page = failed.map(|error| error_page(response.request(), error));
    let mut response = match page {
        Some(page) => ServiceResponse::new(response.into_parts().0, page).map_into_boxed_body(),
        None => response,
    };
    if had_notice && response.status().is_success() {
        let mut gone = Cookie::build(NOTICE, "").path("/").finish();
        gone.make_removal();
        let _ = response.response_mut().add_cookie(&gone);
    }
    Ok(response)
}

fn error_page(request: &HttpRequest, error: &ApiError) -> HttpResponse {
    let is_page_view = request.method() == actix_web::http::Method::GET;
    if matches!(error, ApiError::Unauthenticated) {
        // A fragment cannot show the sign-in page in its place.
        if request.headers().contains_key("hx-request") {
            return HttpResponse::Unauthorized().insert_header(("hx-refresh", "true")).finish();
        }
        let next = if is_page_view { request.uri().to_string() } else { "/console".to_owned() };
        return see(&format!("/sign-in?next={}", percent_encoded(&next)));
    }
    let told = error.problem();
    let page = ProblemPage {
        theme: theme(request),
        problem: Problem {
            status: told.status,
            title: told.title.to_owned(),
            detail: told.detail,
            what_to_do: what_to_do(error).to_owned(),
            request_id: Some(RequestId::of(request).0),
        },
    };
    let status = actix_web::ResponseError::status_code(error);
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(page.render().unwrap_or_default())
}

const fn what_to_do(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotFound => "Go back to the overview and look for it from there.",
        ApiError::Forbidden => "Ask an owner or admin of the tenant for a role that may do this.",
        ApiError::Unavailable(_) => {
            "Wait a moment and load the page again. Gateways go on serving meanwhile."
        }
        ApiError::Stale => "Load the page again, and repeat your change.",
        ApiError::CrossSite => "Open the console again and repeat what you did.",
        ApiError::Reauthenticate => "Sign out and in again, then repeat what you did.",
        _ => "Go back, correct it, and send it again.",
    }
}

/// `/static/…`: from the binary, cacheable for ever.
pub async fn static_file(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asset = assets::find(request.path()).ok_or(ApiError::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(asset.content_type)
        .insert_header(("cache-control", assets::CACHE_CONTROL))
        .body(asset.bytes))
}
