//! `usageMetadata`: thoughts are counted apart from the candidates, and zeros are left out.

use serde_json::{Map, Value, json};

use super::super::directives::Directives;
use super::super::message_plan::MessagePlan;
use super::super::usage::report;

/// What an answer says it used; nothing if it is not to be told.
pub fn of(plan: &MessagePlan, directives: &Directives) -> Option<Value> {
    let (prompt, thoughts) = (plan.prompt.total(), plan.reasoning());
    let candidates = plan.output() - thoughts;
    let mut usage = Map::new();
    for (name, count) in [
        ("promptTokenCount", prompt),
        ("cachedContentTokenCount", plan.prompt.cache_read),
        ("candidatesTokenCount", candidates),
        ("thoughtsTokenCount", thoughts),
        ("totalTokenCount", prompt + candidates + thoughts),
    ] {
        let told = report(count, directives)?;
        if told != 0 {
            usage.insert(name.to_owned(), json!(told));
        }
    }
    Some(Value::Object(usage))
}
