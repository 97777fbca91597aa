//! Plain answers take their time too.

use std::future;

use super::call::Call;
use super::directives::Fault;
use super::message_plan::MessagePlan;

/// Generates at the pace of a stream, so that a caller who leaves has been charged for what was
/// made by then.
pub async fn generate(call: &Call, plan: &MessagePlan) {
    let bill = call.progress.bill();
    let mut sent = 0;
    for block in &plan.blocks {
        bill.charge_reasoning(block.hidden_reasoning);
        for piece in (0..block.pieces.count()).map_while(|index| block.pieces.get(index)) {
            if !call.directives.gap.is_zero() {
                tokio::time::sleep(call.directives.gap).await;
            }
            if call.directives.fault == Some(Fault::Stall(sent)) {
                return future::pending().await;
            }
            if block.is_thinking() {
                bill.charge_reasoning(piece.tokens);
            } else {
                bill.charge_completion(piece.tokens);
            }
            sent += 1;
        }
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        future::pending::<()>().await;
    }
}
