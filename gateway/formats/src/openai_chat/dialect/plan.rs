//! The changes of a body that keeps its bytes.

use super::{Dialect, Fate, Seen};
use crate::{
    conversation::{Effort, TargetFacts},
    rewrite::{Edit, Member},
};

/// What a body of OpenAI's format needs on its way to a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Changes of its top-level members.
    pub edits: Vec<Edit>,
    /// Parameters that are left out.
    pub dropped: Vec<String>,
    /// Parameters that were brought into range, as `name=value`.
    pub clamped: Vec<String>,
    /// Whether it has to be written anew: messages that the provider does not take as they are, or a parameter that it
    /// cannot honour.
    pub whole: bool,
}

impl Dialect {
    /// Plans the changes. The fields with the most answer tokens, `model` and `stream_options` are the business of
    /// [`crate::rewrite::rewrite`], which also puts a limit of the gateway's own into place.
    pub fn plan(&self, members: &[Member<'_>], facts: &TargetFacts<'_>) -> Plan {
        let seen = seen(members, facts);
        let mut plan = Plan::default();
        for (index, member) in members.iter().enumerate() {
            match self.fate(member.name, member.value, &seen) {
                Fate::Keep => {
                    let messages = member.name == "messages";
                    plan.whole |= messages && self.upset_by(member.value);
                }
                Fate::Drop => plan.edits.push(Edit::Remove(index)),
                Fate::Hint => plan.drop(index, member.name),
                Fate::Cannot(_) if facts.drop_unsupported => plan.drop(index, member.name),
                Fate::Cannot(_) | Fate::Whole => plan.whole = true,
                // Two members of one name have no one meaning.
                Fate::Change { name: Some(name), .. } if given(members, name) => plan.whole = true,
                Fate::Change { name, value, told } => {
                    plan.edits.extend(name.map(|name| Edit::Rename(index, name)));
                    plan.edits.extend(value.map(|value| Edit::Replace(index, value)));
                    plan.clamped.extend(told.map(|told| format!("{}={told}", member.name)));
                }
            }
            if plan.whole {
                return Plan { whole: true, ..Plan::default() };
            }
        }
        plan
    }
}

impl Plan {
    fn drop(&mut self, index: usize, name: &str) {
        self.edits.push(Edit::Remove(index));
        self.dropped.push(name.to_owned());
    }
}

fn given(members: &[Member<'_>], name: &str) -> bool {
    members.iter().any(|member| member.name == name)
}

fn seen<'s>(members: &[Member<'_>], facts: &'s TargetFacts<'s>) -> Seen<'s> {
    let value = |name: &str| {
        let given = members.iter().find(|member| member.name == name);
        given.map(|member| member.value).filter(|value| *value != "null")
    };
    let tools = value("tools").filter(|tools| *tools != "[]");
    let functions = value("functions");
    let effort =
        value("reasoning_effort").and_then(|word| Effort::from_word(word.trim_matches('"')));
    Seen {
        facts,
        effort,
        tools: tools.is_some() || functions.is_some(),
        functions: functions.is_some() || tools.is_some_and(|tools| tools.contains("\"function\"")),
        both_limits: value("max_tokens").is_some() && value("max_completion_tokens").is_some(),
        top_logprobs: value("top_logprobs").and_then(|number| number.parse().ok()),
    }
}
