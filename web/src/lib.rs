//! The pages of Tollgate's console: view models and their templates. No I/O.
//!
//! A handler fills a page's struct and calls [`Template::render`]; fragments that refresh in place come from the same
//! struct by `as_live()` and the like. Every address that a page links to or posts to is written in its template.

pub mod assets;
pub mod chart;
pub mod form;
pub mod format;
pub mod layout;
pub mod list;
pub mod pages;

pub use askama::Template;
