//! Schemas: plain JSON Schema, which is what the internal form and newer models have, and Google's `Schema` message, a
//! subset of OpenAPI 3.0 with words of its own. One word too many in the latter refuses the whole request.

mod parameters;
mod proto;
mod read;

pub(super) use parameters::{parameters_json, parameters_proto, rename_properties};
pub(super) use proto::to_proto;
pub(super) use read::from_proto;
