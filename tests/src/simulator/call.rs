//! One call of a model: what is known about it once the model's name has been read, and the faults
//! that come before any generation.

use std::future;
use std::sync::Arc;

use hyper::Response;
use serde_json::{Map, Value};

use super::answers;
use super::bill::Outcome;
use super::body::{Body, Cut};
use super::directives::{Directives, Fault};
use super::errors::ApiError;
use super::progress::Progress;
use super::requests::Record;
use super::state::State;
use super::wire::ResetSwitch;

/// A call in progress.
#[derive(Debug)]
pub struct Call {
    /// The request's body.
    pub body: Map<String, Value>,
    /// The model as requested, which the answer repeats.
    pub requested: String,
    /// What the model's name and the header ask for.
    pub directives: Directives,
    /// Charges the bill; letting go of it ends the call.
    pub progress: Progress,
    /// Ends the connection by RST.
    pub switch: ResetSwitch,
    /// The number of the request, for ids.
    pub number: u64,
    name: String,
}

/// What the door knows of a request when it turns it into a call.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// What was recorded.
    pub record: &'a Arc<Record>,
    /// The raw body.
    pub body: &'a [u8],
    /// The header `x-simulate`.
    pub simulate: Option<&'a str>,
    /// Ends the connection by RST.
    pub switch: ResetSwitch,
    /// The number of the request.
    pub number: u64,
}

impl Call {
    /// Reads the model and its directives; from here on the request is on the bill.
    pub fn begin(state: &State, arrival: Arrival<'_>) -> Result<Self, ApiError> {
        let Ok(Value::Object(body)) = serde_json::from_slice(arrival.body) else {
            return Err(ApiError::not_json());
        };
        let Some(requested) =
            body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty())
        else {
            let message = "you must provide a model parameter";
            return Err(ApiError::invalid("model", Some("missing_required_parameter"), message));
        };
        let requested = requested.to_owned();
        let not_understood = |unknown: super::directives::UnknownDirective| {
            ApiError::invalid("model", Some("unknown_directive"), unknown.to_string())
        };
        let (name, mut directives) = Directives::of_model(&requested).map_err(not_understood)?;
        directives.add_header(arrival.simulate.unwrap_or_default()).map_err(not_understood)?;
        let provider = &arrival.record.provider;
        if let Some(percent) = directives.percent
            && !state.faults_now(provider, &requested, percent)
        {
            directives = directives.without_faults();
        }
        let row = state.bill.row(provider, name);
        let progress =
            Progress::begin(Arc::clone(&state.requests), Arc::clone(arrival.record), name, row);
        let name = name.to_owned();
        Ok(Self {
            body,
            requested,
            directives,
            progress,
            switch: arrival.switch,
            number: arrival.number,
            name,
        })
    }

    /// Shows the faults in whose face nothing is generated or charged.
    pub async fn fault_instead(&mut self) -> Result<Option<Response<Body>>, Cut> {
        let response = match self.directives.fault {
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::Refuse(refusal)) => answers::error(&ApiError::refusal(refusal, &self.name)),
            Some(Fault::Page) => answers::page(),
            Some(Fault::Reset(0)) => {
                self.wait().await;
                self.progress.is(Outcome::Failed);
                self.switch.arm();
                return Err(Cut);
            }
            _ => return Ok(None),
        };
        self.wait().await;
        self.progress.is(Outcome::Failed);
        Ok(Some(response))
    }

    /// Waits for as long as the first byte is to take.
    pub async fn wait(&self) {
        let delay = self.directives.delay();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Ends the call with an error.
    pub fn refuse(mut self, error: &ApiError) -> Response<Body> {
        self.progress.is(Outcome::Failed);
        answers::error(error)
    }
}
