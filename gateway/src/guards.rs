//! Inspection of prompts. No byte reaches a provider that has not passed here: the upstream call takes an
//! [`Inspected`], and only this module can make one.

use crate::{error::GatewayError, formats::facts::Request};
use tollgate_contract::world::Tenant;

/// A request that passed its tenant's guards.
#[derive(Debug, Clone)]
pub struct Inspected(Request);

impl Inspected {
    /// The request as it may go out.
    pub const fn request(&self) -> &Request {
        &self.0
    }
}

/// Applies the tenant's guards. No world can demand any yet (the config document refuses guard tables), so every
/// request passes.
pub fn inspect(_tenant: &Tenant, request: Request) -> Result<Inspected, GatewayError> {
    Ok(Inspected(request))
}
