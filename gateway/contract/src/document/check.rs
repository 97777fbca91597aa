//! References between tables: what is named must exist, and what can never match is a mistake.

use super::{At, Document, problem::Problems, routes::RouteEntry};
use std::collections::BTreeSet;

pub(super) fn references(document: &Document, problems: &Problems) {
    for (name, model) in &document.models {
        target(document, problems, &At { value: name.clone(), ..model.place_of() });
    }
    for (name, route) in &document.routes {
        if name.contains('/') {
            problems.add(
                route.place.offset,
                &route.place.key,
                "a route's name must not contain `/`: that is a target",
            );
        }
        for at in route.embedders.iter().chain(&route.shadow_target) {
            target(document, problems, at);
        }
        for entry in &route.targets {
            if !document.routes.contains_key(&entry.to.value) {
                target(document, problems, &entry.to);
            }
        }
    }
    cycles(document, problems);
    for tenant in document.tenants.values() {
        for at in &tenant.guards {
            if !document.guards.contains_key(&at.value) {
                let guards = list(document.guards.keys());
                let message = format!("there is no guard \"{}\"{guards}", at.value);
                problems.add(at.offset, &at.key, message);
            }
        }
        for budget in &tenant.budgets {
            budget_scope(document, tenant, budget, problems);
        }
    }
    duplicate_hashes(document, problems);
}

fn target(document: &Document, problems: &Problems, at: &At<String>) {
    match at.value.split_once('/') {
        Some((provider, model)) if !model.is_empty() => {
            if !document.providers.contains_key(provider) {
                problems.add(
                    at.offset,
                    &at.key,
                    format!(
                        "there is no provider \"{provider}\"{}",
                        list(document.providers.keys())
                    ),
                );
            }
        }
        _ => {
            let message =
                format!("\"{}\" is neither a target (\"provider/model\") nor a route", at.value);
            problems.add(at.offset, &at.key, message);
        }
    }
}

/// A route that reaches itself would never end.
fn cycles(document: &Document, problems: &Problems) {
    fn reaches(
        document: &Document,
        from: &RouteEntry,
        wanted: &str,
        seen: &mut BTreeSet<String>,
    ) -> bool {
        from.targets.iter().any(|entry| {
            let name = &entry.to.value;
            name == wanted
                || (seen.insert(name.clone())
                    && document
                        .routes
                        .get(name)
                        .is_some_and(|next| reaches(document, next, wanted, seen)))
        })
    }
    for (name, route) in &document.routes {
        if reaches(document, route, name, &mut BTreeSet::new()) {
            problems.add(route.place.offset, &route.place.key, "this route leads back to itself");
        }
    }
}

fn budget_scope(
    document: &Document,
    tenant: &super::TenantEntry,
    budget: &super::BudgetEntry,
    problems: &Problems,
) {
    let must_exist = |at: &Option<At<String>>, exists: &dyn Fn(&str) -> bool, what: &str| {
        if let Some(at) = at
            && !exists(&at.value)
        {
            problems.add(
                at.offset,
                &at.key,
                format!(
                    "no API key of this tenant has {what} \"{}\": this budget would never count",
                    at.value
                ),
            );
        }
    };
    let keys = &tenant.api_keys;
    must_exist(
        &budget.team,
        &|name| {
            tenant.teams.iter().any(|at| at.value == name)
                || keys.values().any(|key| key.team.as_deref() == Some(name))
        },
        "the team",
    );
    must_exist(
        &budget.member,
        &|name| {
            tenant.members.iter().any(|at| at.value == name)
                || keys.values().any(|key| key.member.as_deref() == Some(name))
        },
        "the member",
    );
    must_exist(&budget.api_key, &|name| keys.contains_key(name), "the name");
    if let Some(at) = &budget.provider
        && !document.providers.contains_key(&at.value)
    {
        problems.add(
            at.offset,
            &at.key,
            format!("there is no provider \"{}\"{}", at.value, list(document.providers.keys())),
        );
    }
    for at in budget.models.iter().flatten() {
        let provider = at.value.split('/').next().unwrap_or_default();
        let is_written_target = at.value.contains('/') && document.providers.contains_key(provider);
        if document.routes.contains_key(&at.value) {
            problems.add(
                at.offset,
                &at.key,
                "a budget counts targets as served (\"provider/model\"), not routes",
            );
        } else if !is_written_target && !provider.contains('*') {
            problems.add(
                at.offset,
                &at.key,
                format!("\"{}\" matches no target: write \"provider/model\"", at.value),
            );
        }
    }
}

fn duplicate_hashes(document: &Document, problems: &Problems) {
    let mut seen = BTreeSet::new();
    for key in document.tenants.values().flat_map(|tenant| tenant.api_keys.values()) {
        if let Some(super::ApiKeySecret::Sha256(hash)) = &key.secret
            && !seen.insert(*hash)
        {
            problems.add(key.place.offset, &key.place.key, "another API key has the same sha256");
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) }
}

impl super::ModelEntry {
    fn place_of(&self) -> At<String> {
        At { value: String::new(), offset: self.place.offset, key: self.place.key.clone() }
    }
}
