//! A request as Cohere gets it.
//!
//! Rules that are decided here and not by the wire format: system texts between messages are text of the next user turn;
//! texts in several parts are joined by a line break; documents of users are documents of the request, or text where a
//! form of the answer is asked for; images that tools gave follow in a message of the user.

mod files;
mod messages;
mod params;
mod tools;
mod turns;

use crate::{
    conversation::{Conversation, Fit, Outgoing, Output, ToolChoice},
    json::object,
    mistake::Mistake,
};
use messages::Messages;
use tools::Offer;

/// Writes the body of a call of `chat`.
pub fn write_request(conversation: &Conversation, mut fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let turns::Ordered { system, turns } = turns::ordered(conversation, &mut fit);
    let formed = conversation.output != Output::Text;
    let offer = match conversation.tool_choice {
        // Nobody may call them, and beside them no form of the answer can be asked for.
        Some(ToolChoice::None) if formed => Offer::default(),
        _ => Offer::of(conversation, &mut fit)?,
    };
    let form = params::form(conversation, offer.is_empty(), &mut fit);
    let mut messages = Messages::new(form.is_some());
    messages.add_system(&system);
    messages.add_turns(&turns, conversation.origin, &mut fit);
    let mut out = Vec::new();
    object(&mut out, |body| {
        body.put("model", fit.target.upstream_model);
        if conversation.stream {
            body.put("stream", true);
        }
        messages.write(body);
        offer.write(body);
        params::write(body, conversation, &mut fit);
        if let Some(form) = &form {
            form.write(body);
        }
    });
    fit.finish(out)
}

#[cfg(test)]
mod tests;
