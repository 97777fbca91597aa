//! `POST /v1/chat/completions`: the plan is made, charged and sent, plain or as a stream.

use std::future;

use hyper::Response;
use serde_json::{Value, json};

use super::body::{Body, Cut};
use super::call::Call;
use super::chat_request::ChatRequest;
use super::chat_stream::ChatStream;
use super::chunks::Chunks;
use super::directives::Fault;
use super::errors::ApiError;
use super::identity::Identity;
use super::plan::{self, Plan};
use super::{answers, stream_answer, usage};

/// Answers a chat.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let request = match ChatRequest::parse(&call.requested, &call.body, call.directives.strict) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(request.stream).await? {
        return Ok(response);
    }
    let plan = Plan::new(&request, &call.directives);
    // The provider starts to work now, however long its first byte takes.
    call.progress.bill().charge_prompt(plan.counts.prompt);
    if request.stream {
        Ok(stream(call, &request, plan).await)
    } else {
        Ok(plain(call, &request, &plan).await)
    }
}

async fn stream(call: Call, request: &ChatRequest, plan: Plan) -> Response<Body> {
    if !call.directives.head_first {
        call.wait().await;
    }
    let chunks = Chunks::new(plan, Identity::new(call.number), request, &call.directives);
    let stream = ChatStream::new(chunks, call.directives.clone());
    answers::events(stream_answer::body(call, stream))
}

async fn plain(call: Call, request: &ChatRequest, plan: &Plan) -> Response<Body> {
    call.wait().await;
    generate(&call, plan).await;
    let identity = Identity::new(call.number);
    let mut document = json!({
        "id": identity.id,
        "object": "chat.completion",
        "created": identity.created,
        "model": request.model,
        "service_tier": request.service_tier,
        "system_fingerprint": Identity::FINGERPRINT,
        "choices": (0..plan.choices).map(|choice| choice_of(plan, &identity, choice)).collect::<Vec<_>>(),
    });
    if let Some(usage) = usage::of_chat(plan.counts, &call.directives) {
        document["usage"] = json!(usage);
    }
    answers::document(call, &document)
}

/// Generates at the pace of a stream, so that a caller who leaves has been charged for what was
/// made by then.
async fn generate(call: &Call, plan: &Plan) {
    let bill = call.progress.bill();
    bill.charge_reasoning(plan.counts.reasoning);
    let mut sent = 0;
    for index in 0..plan.pieces() {
        if !call.directives.gap.is_zero() {
            tokio::time::sleep(call.directives.gap).await;
        }
        for choice in 0..plan.choices {
            if call.directives.fault == Some(Fault::Stall(sent)) {
                return future::pending().await;
            }
            bill.charge_completion(plan.piece(choice, index).tokens);
            sent += 1;
        }
    }
    if let Some(Fault::Stall(_)) = call.directives.fault {
        future::pending::<()>().await;
    }
}

fn choice_of(plan: &Plan, identity: &Identity, choice: usize) -> Value {
    let mut message =
        json!({ "role": "assistant", "content": null, "refusal": null, "annotations": [] });
    if plan.tool_calls.is_empty() {
        message["content"] = Value::String(plan::whole_text(plan, choice));
    } else {
        let calls = plan::whole_arguments(plan).into_iter().enumerate().map(|(index, arguments)| {
            let (call, id) = (&plan.tool_calls[index], identity.tool_call(choice, index));
            if call.custom {
                json!({ "id": id, "type": "custom", "custom": { "name": call.name, "input": arguments } })
            } else {
                json!({ "id": id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
            }
        });
        message["tool_calls"] = calls.collect();
    }
    json!({ "index": choice, "finish_reason": plan.finish_reason, "logprobs": null, "message": message })
}
