//! The black-box tests: each module is about one promise.

mod stand;

mod simulator_self_test;

mod bad_input;
mod chat;
mod faults;
mod framing;
mod lifecycle;
mod metering;
mod routes;
mod start_up;
mod telemetry;

mod budgets;
mod outage;
