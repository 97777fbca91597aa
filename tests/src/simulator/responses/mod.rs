//! `POST /v1/responses`: planned, charged, and sent plain or as a stream. State of earlier answers is kept by nobody
//! here: what goes on from one is refused.

pub mod input;
pub mod object;
pub mod stream;

use hyper::Response;

use self::input::ResponsesRequest;
use self::object::Answer;
use self::stream::ResponsesStream;
use super::body::{Body, Cut};
use super::call::Call;
use super::errors::ApiError;
use super::generation::generate;
use super::message_plan::MessagePlan;
use super::{answers, stream_answer};

/// Answers a call.
pub async fn answer(mut call: Call) -> Result<Response<Body>, Cut> {
    let body = std::mem::take(&mut call.body);
    let request = match ResponsesRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => return Ok(call.refuse(&error)),
    };
    if let Some(response) = call.fault_instead::<ApiError>(request.stream).await? {
        return Ok(response);
    }
    let plan = MessagePlan::new(request.wanted(call.directives.tools), &call.directives, 0);
    let answer = Answer {
        number: call.number,
        model: call.requested.clone(),
        echoed: request.echoed(),
        hidden: call.directives.reasoning,
        sealed: request.wants_sealed,
        plan,
    };
    call.progress.bill().charge_prompt(answer.plan.prompt);
    call.progress.bill().charge_reasoning(answer.hidden);
    if !request.stream {
        call.wait().await;
        generate(&call, &answer.plan).await;
        let document = answer.complete(&call.directives);
        return Ok(answers::document(call, &document));
    }
    if !call.directives.head_first {
        call.wait().await;
    }
    let stream = ResponsesStream::new(answer, call.directives.clone());
    Ok(answers::events(stream_answer::body(call, stream)))
}
