//! One request in progress: whatever holds it charges the bill, and letting go of it is its end.

use std::sync::Arc;

use super::bill::{BillRow, Outcome};
use super::requests::{Record, RequestLog};

/// A request in progress. Dropped without an outcome, it was cancelled: hyper drops the answer's
/// future or body as soon as it sees the connection closed.
#[derive(Debug)]
pub struct Progress {
    log: Arc<RequestLog>,
    record: Arc<Record>,
    model: String,
    row: Arc<BillRow>,
    outcome: Outcome,
}

impl Progress {
    /// Counts the request, on the bill and among the open ones.
    pub fn begin(
        log: Arc<RequestLog>,
        record: Arc<Record>,
        model: &str,
        row: Arc<BillRow>,
    ) -> Self {
        row.count_request();
        log.open(model);
        let _ = record.model.set(model.to_owned());
        Self { log, record, model: model.to_owned(), row, outcome: Outcome::Cancelled }
    }

    /// The row that this request is charged to.
    pub fn bill(&self) -> &BillRow {
        &self.row
    }

    /// Says how the request has ended. A failure stays one, even if the answer went on after it.
    pub fn is(&mut self, outcome: Outcome) {
        if self.outcome != Outcome::Failed {
            self.outcome = outcome;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.row.count_outcome(self.outcome);
        self.record.end(self.outcome);
        // Last, so that a test which waits for no open requests reads a complete bill.
        self.log.close(&self.model);
    }
}
