//! The black-box tests: each module is about one promise.

mod stand;

mod simulator_anthropic;
mod simulator_bedrock;
mod simulator_cohere;
mod simulator_self_test;

mod bad_input;
mod cache;
mod chat;
mod faults;
mod formats;
mod framing;
mod lifecycle;
mod metering;
mod resilience;
mod routes;
mod start_up;
mod telemetry;

mod budgets;
mod outage;

mod tenants;

mod apply;
mod audit;
mod connected;
mod control_api;
mod control_start_up;
mod decisions;
mod every_operation;
mod every_page;
mod ledger;
mod price_book;
mod secrets;
mod target_health;
mod tenant_wall;
