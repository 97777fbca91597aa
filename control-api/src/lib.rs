//! The control plane of Tollgate: tenants, keys, budgets, the ledger and the console, on Postgres. In reading order:
//! `server` mounts `api` (JSON) and `console` (HTML); both ask `access` who may, and call `domain`, which decides what
//! happens together and uses `store`, where all SQL is. `publish` tells the gateways; `jobs` run beside.

pub mod access;
pub mod api;
pub mod commands;
pub mod console;
pub mod domain;
pub mod error;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod openapi;
pub mod publish;
pub mod server;
pub mod settings;
pub mod state;
pub mod store;
pub mod telemetry;
