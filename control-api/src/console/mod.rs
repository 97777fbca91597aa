//! The console: HTML handlers, one file per page. Form in, page out; the domain does the rest. `routes` is the table of
//! what is where and who may; `visit` is what every handler is given.

pub mod api_keys;
pub mod audit;
pub mod budgets;
pub mod clock;
pub mod csv;
pub mod days;
pub mod form;
pub mod health;
pub mod members;
pub mod mistakes;
pub mod operator;
pub mod overview;
pub mod pages;
pub mod paging;
pub mod providers;
pub mod requests;
pub mod routes;
pub mod routing;
pub mod scope;
pub mod settings;
pub mod sign_in;
pub mod visit;

pub use form::Form;
pub use routes::{ROUTES, routes};
pub use visit::{Post, Visit};

use crate::error::ApiError;
use actix_web::{HttpResponse, http::header};
use tollgate_web::Template;

/// A page that does not exist.
pub async fn nothing_there() -> Result<HttpResponse, ApiError> {
    Err(ApiError::NotFound)
}

/// A page as an answer.
pub fn page(page: &impl Template) -> Result<HttpResponse, ApiError> {
    html(page.render())
}

/// A rendered page or fragment as an answer.
pub fn html(rendered: Result<String, askama::Error>) -> Result<HttpResponse, ApiError> {
    let body = rendered.map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(body))
}

/// A page with mistakes in its form: 422, with what was typed.
pub fn page_with_mistakes(page: &impl Template) -> Result<HttpResponse, ApiError> {
    let body = page.render().map_err(ApiError::internal)?;
    Ok(HttpResponse::UnprocessableEntity().content_type("text/html; charset=utf-8").body(body))
}

/// On to another page of ours.
pub fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}
