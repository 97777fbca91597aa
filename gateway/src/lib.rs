//! The data plane of Tollgate. In reading order: `pipeline` is the life of a request; what comes before it brings the
//! process up, what comes after it is what the pipeline calls.

pub mod settings;
pub mod run;
pub mod server;
pub mod state;
pub mod world;
pub mod api;
pub mod pipeline;
pub mod auth;
pub mod body;
pub mod formats;
pub mod guards;
pub mod routing;
pub mod reserve;
pub mod counters;
pub mod flight;
pub mod upstream;
pub mod providers;
pub mod relay;
pub mod tell;
pub mod error;
pub mod usage;
pub mod telemetry;
