//! What a budget counts, in words.

use crate::{
    ids::{ApiKeyId, MemberId, TeamId},
    store::budgets::BudgetRow,
};
use std::collections::HashMap;

/// A budget's scope in words. `names` has what people call the ids.
pub fn in_words(budget: &BudgetRow, names: &HashMap<String, String>) -> String {
    let named = |id: String| names.get(&id).cloned().unwrap_or(id);
    let parts = [
        budget.team_id.map(|id| format!("team {}", named(TeamId(id).to_string()))),
        budget.member_id.map(|id| format!("member {}", named(MemberId(id).to_string()))),
        budget.api_key_id.map(|id| format!("API key {}", named(ApiKeyId(id).to_string()))),
        budget.provider.as_ref().map(|name| format!("provider {name}")),
        budget.models.as_ref().map(|models| format!("models {}", models.join(", "))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "All requests".to_owned() } else { parts.join(" · ") }
}

/// The ids that a budget's scope names, to be looked up.
pub fn ids(budget: &BudgetRow) -> impl Iterator<Item = String> + use<> {
    let ids = [
        budget.team_id.map(|id| TeamId(id).to_string()),
        budget.member_id.map(|id| MemberId(id).to_string()),
        budget.api_key_id.map(|id| ApiKeyId(id).to_string()),
    ];
    ids.into_iter().flatten()
}
