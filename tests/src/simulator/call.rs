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
use super::progress::Progress;
use super::provider_error::ProviderError;
use super::state::State;
use super::visit::Visit;
use super::wire::ResetSwitch;

/// A call in progress.
#[derive(Debug)]
pub struct Call {
    /// The request's body.
    pub body: Map<String, Value>,
    /// The model as requested, which the answer repeats.
    pub requested: String,
    /// The model without directives.
    pub name: String,
    /// What the model's name and the header ask for.
    pub directives: Directives,
    /// Charges the bill; letting go of it ends the call.
    pub progress: Progress,
    /// Ends the connection by RST.
    pub switch: ResetSwitch,
    /// The number of the request, for ids.
    pub number: u64,
}

impl Call {
    /// Reads the directives; from here on the request is on the bill.
    pub fn begin<E: ProviderError>(
        state: &State,
        visit: &Visit<'_>,
        requested: String,
        body: Map<String, Value>,
    ) -> Result<Self, E> {
        let understood = Directives::of_model(&requested).and_then(|(name, mut directives)| {
            directives.add_header(visit.simulate())?;
            Ok((name.to_owned(), directives))
        });
        let (name, mut directives) =
            understood.map_err(|unknown| E::unknown_directive(&unknown))?;
        if let Some(percent) = directives.percent
            && !state.faults_now(visit.provider, &requested, percent)
        {
            directives = directives.without_faults();
        }
        directives.turn = directives.script.as_ref().and_then(|script| script.turn(&body));
        let row = state.bill.row(visit.provider, &name);
        let (log, record) = (Arc::clone(&state.requests), Arc::clone(visit.record));
        let progress = Progress::begin(log, record, &name, row);
        let switch = visit.switch.clone();
        Ok(Self { body, requested, name, directives, progress, switch, number: visit.number })
    }

    /// Shows the faults in whose face nothing is generated or charged. A stream tells of an error
    /// in its midst; a plain answer can only be one.
    pub async fn fault_instead<E: ProviderError>(
        &mut self,
        stream: bool,
    ) -> Result<Option<Response<Body>>, Cut> {
        let response = match self.directives.fault {
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::Refuse(refusal)) => E::refusal(refusal, &self.name).response(self.number),
            Some(Fault::Error(_)) if !stream => E::failure(&self.directives).response(self.number),
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
    pub fn refuse(mut self, error: &impl ProviderError) -> Response<Body> {
        self.progress.is(Outcome::Failed);
        error.response(self.number)
    }
}
