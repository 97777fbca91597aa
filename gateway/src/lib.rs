//! The data plane of Tollgate. In reading order: `pipeline` is the life of a request; what comes before it brings the
//! process up, what comes after it is what the pipeline calls.

pub mod api;
pub mod aside;
pub mod auth;
pub mod body;
pub mod bounds;
pub mod cache;
pub mod closing;
pub mod counters;
pub mod dispatch;
pub mod error;
pub mod explain;
pub mod failure;
pub mod flight;
pub mod guards;
pub mod kept;
pub mod meaning;
pub mod meter;
pub mod passage;
pub mod pipeline;
pub mod planning;
pub mod relay;
pub mod reserve;
pub mod responses;
pub mod routing;
pub mod run;
pub mod server;
pub mod settings;
pub mod state;
pub mod telemetry;
pub mod tell;
pub mod tokens;
pub mod upstream;
pub mod usage;
pub mod vectors;
pub mod world;

pub use tollgate_formats as formats;
