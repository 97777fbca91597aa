//! A whole answer.

use super::{blocks::Blocks, reader::stop_of, usage::read_usage};
use crate::{
    conversation::{Answer, Collector, Fault},
    json::{Items, Members},
};

/// Reads a whole body that came with a 2xx. Its id is not in it, nor the model.
pub fn read_answer(body: &[u8]) -> Result<Answer, Fault> {
    let mut members = Members::of_body(body).map_err(|_| Fault::garbage())?;
    let Some(content) = content(&mut members) else {
        // Errors are a sentence, whatever the status.
        let said = members.string("message").ok().flatten().filter(|said| !said.is_empty());
        return Err(said.map_or_else(Fault::garbage, Fault::reported));
    };
    let mut blocks = Blocks::default();
    let mut events = Vec::with_capacity(content.len() * 2);
    for (_, raw) in content {
        blocks.whole(raw, &mut events)?;
    }
    let mut collector = Collector::default();
    for event in events {
        collector.take(event)?;
    }
    let mut answer = collector.finish();
    let mut choice = answer.choices.pop().unwrap_or_default();
    let reason = members.string("stopReason").ok().flatten().unwrap_or_default();
    let fields = members.peek("additionalModelResponseFields");
    (choice.stop, choice.stop_sequence) = stop_of(&reason, fields, blocks.called())?;
    answer.choices = vec![choice];
    if let Some(usage) = members.take("usage") {
        answer.usage = read_usage(usage.get());
    }
    let tier = members.peek("serviceTier").and_then(|tier| Members::of_text(tier.get()));
    answer.service_tier = tier.and_then(|tier| tier.peek_str("type"));
    members.take("serviceTier");
    answer.extra = members.rest();
    Ok(answer)
}

fn content<'a>(members: &mut Members<'a>) -> Option<Items<'a>> {
    let mut message = members.object("output").ok()??.object("message").ok()??;
    message.list("content").ok()?
}

#[cfg(test)]
mod tests;
