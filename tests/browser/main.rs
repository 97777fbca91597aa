//! The console as people use it: a real browser, a real control plane, a real gateway.

#[path = "../e2e/stand.rs"]
#[expect(dead_code, reason = "these tests use a part of it")]
mod stand;
#[path = "../e2e/tenants.rs"]
mod tenants;

mod browser;
mod console;
mod places;

mod forms;
mod health;
mod journey;
mod looks;
mod markup;
mod quiet;
