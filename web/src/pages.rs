//! The pages, one file per resource; each struct's template is in `templates/` under the same name.

pub mod api_keys;
pub mod audit;
pub mod budgets;
pub mod health;
pub mod members;
pub mod operator;
pub mod overview;
pub mod problem;
pub mod providers;
pub mod requests;
pub mod routes;
pub mod settings;
pub mod sign_in;
