//! Fitting a request to a target: what cannot be honoured is told, never silently lost.

use super::{Effort, Names};
use crate::mistake::Mistake;
use bytes::Bytes;
use tollgate_contract::provider::ProviderKind;

/// What a writer has to know of the target.
#[derive(Debug, Clone, Copy)]
pub struct TargetFacts<'t> {
    /// The provider's kind: decides its dialect.
    pub kind: ProviderKind,
    /// The provider's own name of the model.
    pub upstream_model: &'t str,
    /// The most answer tokens per choice where the gateway sets it: goes before the app's.
    pub max_output: Option<u64>,
    /// The most answer tokens that the model gives, if known.
    pub model_max_output: Option<u64>,
    /// Whether the model takes temperature, top_p and top_k; `None`: not known.
    pub sampling_params: Option<bool>,
    /// Whether a tool can be forced; `None`: not known.
    pub forced_tool_use: Option<bool>,
    /// Whether the model takes adaptive thinking; `None`: not known.
    pub adaptive_thinking: Option<bool>,
    /// Whether the model always thinks; `None`: not known.
    pub thinking_always_on: Option<bool>,
    /// The efforts that the model is known to take; empty: not known.
    pub efforts: &'t [Effort],
    /// Whether the model reasons; `None`: not known.
    pub reasoning: Option<bool>,
    /// Whether the model keeps to a JSON schema; `None`: not known.
    pub json_schema: Option<bool>,
    /// Whether a parameter that cannot be honoured is left out and reported instead of refused.
    pub drop_unsupported: bool,
}

impl<'t> TargetFacts<'t> {
    /// A target of which nothing more is known.
    pub const fn new(kind: ProviderKind, upstream_model: &'t str) -> Self {
        Self {
            kind,
            upstream_model,
            max_output: None,
            model_max_output: None,
            sampling_params: None,
            forced_tool_use: None,
            adaptive_thinking: None,
            thinking_always_on: None,
            efforts: &[],
            reasoning: None,
            json_schema: None,
            drop_unsupported: false,
        }
    }
}

/// A request as a provider gets it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The body.
    pub body: Bytes,
    /// Parameters that were left out, by their name in the app's request (`x-tollgate-dropped`).
    pub dropped: Vec<String>,
    /// Parameters that were brought into the provider's range, as `name=value` (`x-tollgate-clamped`).
    pub clamped: Vec<String>,
    /// Names that were changed on the way and have to be changed back.
    pub names: Names,
}

/// Notes what becomes of the parameters while a request is written.
#[derive(Debug)]
pub struct Fit<'t> {
    /// The target.
    pub target: TargetFacts<'t>,
    /// Names that are changed on the way.
    pub names: Names,
    dropped: Vec<String>,
    clamped: Vec<String>,
    refused: Vec<Mistake>,
}

impl<'t> Fit<'t> {
    /// Nothing noted yet.
    pub fn new(target: TargetFacts<'t>) -> Self {
        Self {
            target,
            names: Names::default(),
            dropped: Vec::new(),
            clamped: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// A mere hint (`seed`, `user`, `store`, `service_tier`, …, or a value that is the default anyway) is left out and
    /// reported.
    pub fn hint(&mut self, param: &str) {
        if !self.dropped.iter().any(|known| known == param) {
            self.dropped.push(param.to_owned());
        }
    }

    /// A parameter that changes the answer's shape or meaning cannot be honoured: the request is refused, or the
    /// parameter left out and reported where the route says so. `why` continues "… cannot be honoured: ".
    pub fn cannot(&mut self, param: &str, why: &str) {
        if self.target.drop_unsupported {
            self.hint(param);
            return;
        }
        let message = format!(
            "`{param}` cannot be honoured by {}: {why}. Leave it out, or let the route drop it (drop_unsupported = true).",
            self.target.upstream_model
        );
        self.refused.push(Mistake::new("unsupported_parameter", Some(param), message));
    }

    /// Brings a value into the provider's range and reports it if that changes it.
    pub fn clamp(&mut self, param: &str, value: f64, least: f64, most: f64) -> f64 {
        let inside = value.clamp(least, most);
        if inside != value {
            self.clamped.push(format!("{param}={inside}"));
        }
        inside
    }

    /// Reports a whole number that was changed.
    pub fn changed(&mut self, param: &str, value: u64) {
        self.clamped.push(format!("{param}={value}"));
    }

    /// Reports a value that was replaced by the nearest one that the provider takes, by its word.
    pub fn replaced(&mut self, param: &str, word: &str) {
        self.clamped.push(format!("{param}={word}"));
    }

    /// The most answer tokens to send: the gateway's, else the app's.
    pub fn max_output(&self, asked: Option<u64>) -> Option<u64> {
        self.target.max_output.or(asked)
    }

    /// The request with this body; the first refusal if there is one.
    pub fn finish(self, body: impl Into<Bytes>) -> Result<Outgoing, Mistake> {
        let Self { names, dropped, clamped, refused, .. } = self;
        match refused.into_iter().next() {
            Some(mistake) => Err(mistake),
            None => Ok(Outgoing { body: body.into(), dropped, clamped, names }),
        }
    }
}
