//! What an app means by `model`: a route, a target, or a bare upstream name that only one provider serves.

use crate::error::GatewayError;
use std::sync::Arc;
use tollgate_contract::{
    catalog,
    route::{Route, Target},
    world::{ApiKey, Upstreams},
};

/// What `model` names.
#[derive(Debug, Clone)]
pub enum Requested {
    /// A route.
    Route(Arc<Route>),
    /// One target.
    Target(Target),
}

/// Finds what `model` names and whether the key may use it.
pub fn resolve(key: &ApiKey, model: &str) -> Result<Requested, GatewayError> {
    let upstreams = &key.tenant.upstreams;
    let requested = lookup(upstreams, model)?;
    let allowed = key.models.matches(model)
        || match &requested {
            Requested::Target(target) => key.models.matches(target.as_str()),
            Requested::Route(_) => false,
        };
    if !allowed {
        let message = format!(
            "This API key may not use the model \"{model}\". It may use: {}.",
            key.models.globs().join(", ")
        );
        return Err(GatewayError::forbidden(message));
    }
    Ok(requested)
}

fn lookup(upstreams: &Upstreams, model: &str) -> Result<Requested, GatewayError> {
    if let Some(route) = upstreams.routes.get(model) {
        return Ok(Requested::Route(route.clone()));
    }
    if let Some(target) = Target::parse(model)
        && upstreams.providers.contains_key(target.provider())
    {
        return Ok(Requested::Target(target));
    }
    bare(upstreams, model).map(Requested::Target)
}

/// A bare upstream name. One that nobody wrote down can still be meant if there is only one provider to ask.
fn bare(upstreams: &Upstreams, model: &str) -> Result<Target, GatewayError> {
    let mut serving: Vec<Target> = upstreams
        .known_targets()
        .into_iter()
        .filter(|target| target.upstream_model() == model)
        .cloned()
        .collect();
    let by_catalog =
        upstreams.providers.values().filter(|provider| catalog::knows(provider.kind, model));
    serving.extend(by_catalog.map(|provider| Target::new(&provider.id, model)));
    serving.sort();
    serving.dedup();
    let unknown = |hint: String| {
        GatewayError::unknown_model(format!("The model \"{model}\" does not exist here. {hint}"))
    };
    match serving.as_slice() {
        [target] => Ok(target.clone()),
        [first, second, ..] => {
            Err(unknown(format!("Several providers serve it: write \"{first}\" or \"{second}\".")))
        }
        [] => match upstreams.providers.keys().next() {
            Some(provider) if upstreams.providers.len() == 1 => Ok(Target::new(provider, model)),
            _ => Err(unknown("GET /v1/models lists what there is.".to_owned())),
        },
    }
}
