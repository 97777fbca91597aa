//! The operator area: `tenants` and `nodes`.

pub mod nodes;
pub mod tenants;
