//! A tenant's configuration as a config document: what nodes get, what `export` prints, and what every change is
//! checked against, so that nothing is stored that a gateway would not accept.

use crate::{
    error::{ApiError, FieldError},
    ids::{ApiKeyId, BudgetId, MemberId, ProviderKeyId, TeamId, TenantId},
    store::{budgets::BudgetRow, config::TenantConfig},
};
use serde_json::Value;
use tollgate_contract::{document, feed::to_hex, money::NanoUsd};
use toml::{Table, Value as Toml};
use uuid::Uuid;

/// How a document calls tenants, teams, members, API keys and budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By id: for nodes.
    Ids,
    /// By name: for people.
    Names,
}

/// The document of a tenant.
pub fn compose(config: &TenantConfig, naming: Naming) -> Result<String, ApiError> {
    let mut root = Table::new();
    let providers = config.providers.iter().map(|row| {
        let mut spec = to_table(&row.spec);
        let keys = config.provider_keys.iter().filter(|key| key.provider_id == row.id).map(|key| {
            let mut entry = Table::new();
            entry
                .insert("provider_key".to_owned(), Toml::String(ProviderKeyId(key.id).to_string()));
            if key.weight != 1 {
                entry.insert("weight".to_owned(), Toml::Integer(key.weight.into()));
            }
            Toml::Table(entry)
        });
        let keys: Vec<_> = keys.collect();
        if !keys.is_empty() {
            spec.insert("keys".to_owned(), Toml::Array(keys));
        }
        (row.name.clone(), Toml::Table(spec))
    });
    insert_table(&mut root, "providers", providers.collect());
    let specs = |name: &String, spec: &Value| (name.clone(), Toml::Table(to_table(spec)));
    insert_table(
        &mut root,
        "models",
        config.models.iter().map(|row| specs(&row.name, &row.spec)).collect(),
    );
    insert_table(
        &mut root,
        "routes",
        config.routes.iter().map(|row| specs(&row.name, &row.spec)).collect(),
    );
    insert_table(
        &mut root,
        "guards",
        config.guards.iter().map(|row| specs(&row.name, &row.spec)).collect(),
    );
    let name = match naming {
        Naming::Ids => TenantId(config.tenant.id).to_string(),
        Naming::Names => config.tenant.name.clone(),
    };
    let mut tenants = Table::new();
    tenants.insert(name, Toml::Table(tenant(config, naming)));
    root.insert("tenants".to_owned(), Toml::Table(tenants));
    toml::to_string(&root).map_err(ApiError::internal)
}

fn insert_table(root: &mut Table, name: &str, table: Table) {
    if !table.is_empty() {
        root.insert(name.to_owned(), Toml::Table(table));
    }
}

fn tenant(config: &TenantConfig, naming: Naming) -> Table {
    let mut out = Table::new();
    out.insert("timezone".to_owned(), Toml::String(config.tenant.time_zone.clone()));
    out.insert("unpriced".to_owned(), Toml::String(config.tenant.unpriced.clone()));
    let text = |text: String| Toml::String(text);
    let teams: Vec<_> =
        config.teams.keys().filter_map(|id| team(config, Some(*id), naming)).map(text).collect();
    let members: Vec<_> = config
        .members
        .keys()
        .filter_map(|id| member(config, Some(*id), naming))
        .map(text)
        .collect();
    if !teams.is_empty() {
        out.insert("teams".to_owned(), Toml::Array(teams));
    }
    if !members.is_empty() {
        out.insert("members".to_owned(), Toml::Array(members));
    }
    let guards = config.guards.iter().filter(|row| row.position.is_some());
    let guards: Vec<_> = guards.map(|row| text(row.name.clone())).collect();
    if !guards.is_empty() {
        out.insert("guards".to_owned(), Toml::Array(guards));
    }
    insert_table(&mut out, "api_keys", api_keys(config, naming));
    let budgets: Vec<_> = config
        .budgets
        .iter()
        .filter_map(|row| budget(config, row, naming))
        .map(Toml::Table)
        .collect();
    if !budgets.is_empty() {
        out.insert("budgets".to_owned(), Toml::Array(budgets));
    }
    out
}

fn team(config: &TenantConfig, id: Option<Uuid>, naming: Naming) -> Option<String> {
    let name = config.teams.get(&id?)?;
    Some(match naming {
        Naming::Ids => TeamId(id?).to_string(),
        Naming::Names => name.clone(),
    })
}

fn member(config: &TenantConfig, id: Option<Uuid>, naming: Naming) -> Option<String> {
    let email = config.members.get(&id?)?;
    Some(match naming {
        Naming::Ids => MemberId(id?).to_string(),
        Naming::Names => email.clone(),
    })
}

fn api_keys(config: &TenantConfig, naming: Naming) -> Table {
    let mut out = Table::new();
    for row in &config.api_keys {
        let mut key = Table::new();
        key.insert("sha256".to_owned(), Toml::String(to_hex(&row.hash)));
        if let Some(team) = team(config, row.team_id, naming) {
            key.insert("team".to_owned(), Toml::String(team));
        }
        if let Some(member) = member(config, row.member_id, naming) {
            key.insert("member".to_owned(), Toml::String(member));
        }
        if row.models != ["*"] {
            key.insert("models".to_owned(), strings(&row.models));
        }
        let limits = [
            ("requests_per_minute", row.requests_per_minute),
            ("tokens_per_minute", row.tokens_per_minute),
            ("concurrent", row.concurrent),
        ];
        let limits: Table = limits
            .into_iter()
            .filter_map(|(name, limit)| Some((name.to_owned(), Toml::Integer(limit?))))
            .collect();
        if !limits.is_empty() {
            key.insert("limits".to_owned(), Toml::Table(limits));
        }
        if let Some(at) = row.expires_at
            && let Ok(at) = at.format("%Y-%m-%dT%H:%M:%SZ").to_string().parse()
        {
            key.insert("expires".to_owned(), Toml::Datetime(at));
        }
        let name = match naming {
            Naming::Ids => ApiKeyId(row.id).to_string(),
            Naming::Names => row.name.clone(),
        };
        out.insert(name, Toml::Table(key));
    }
    out
}

/// `None` if the budget is for a key or member that is gone: it can never count again.
fn budget(config: &TenantConfig, row: &BudgetRow, naming: Naming) -> Option<Table> {
    let mut out = Table::new();
    out.insert("name".to_owned(), Toml::String(row.name.clone()));
    if naming == Naming::Ids {
        out.insert("id".to_owned(), Toml::String(BudgetId(row.id).to_string()));
    }
    out.insert("limit".to_owned(), Toml::String(NanoUsd::new(row.limit_nano_usd).to_string()));
    out.insert("window".to_owned(), Toml::String(row.time_window.clone()));
    if row.team_id.is_some() {
        out.insert("team".to_owned(), Toml::String(team(config, row.team_id, naming)?));
    }
    if row.member_id.is_some() {
        out.insert("member".to_owned(), Toml::String(member(config, row.member_id, naming)?));
    }
    if let Some(id) = row.api_key_id {
        let key = config.api_keys.iter().find(|key| key.id == id)?;
        let name = match naming {
            Naming::Ids => ApiKeyId(id).to_string(),
            Naming::Names => key.name.clone(),
        };
        out.insert("api_key".to_owned(), Toml::String(name));
    }
    if let Some(provider) = &row.provider {
        out.insert("provider".to_owned(), Toml::String(provider.clone()));
    }
    if let Some(models) = &row.models {
        out.insert("models".to_owned(), strings(models));
    }
    if row.on_exceed != "block" {
        out.insert("on_exceed".to_owned(), Toml::String(row.on_exceed.clone()));
    }
    if let Some(on_outage) = &row.on_outage {
        out.insert("on_outage".to_owned(), Toml::String(on_outage.clone()));
    }
    if row.alert_at != [50, 80, 100] {
        let percents =
            row.alert_at.iter().map(|percent| Toml::Integer((*percent).into())).collect();
        out.insert("alert_at".to_owned(), Toml::Array(percents));
    }
    if row.mode != "enforce" {
        out.insert("mode".to_owned(), Toml::String(row.mode.clone()));
    }
    Some(out)
}

fn strings(list: &[String]) -> Toml {
    Toml::Array(list.iter().cloned().map(Toml::String).collect())
}

/// A JSON object as a TOML table; nulls are left out, as TOML has none.
pub fn to_table(spec: &Value) -> Table {
    let Value::Object(object) = spec else { return Table::new() };
    object.iter().filter_map(|(name, value)| Some((name.clone(), to_toml(value)?))).collect()
}

fn to_toml(value: &Value) -> Option<Toml> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => Toml::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Toml::Integer(whole),
            None => Toml::Float(number.as_f64()?),
        },
        Value::String(text) => Toml::String(text.clone()),
        Value::Array(list) => Toml::Array(list.iter().filter_map(to_toml).collect()),
        Value::Object(_) => Toml::Table(to_table(value)),
    })
}

/// Checks a configuration as a gateway will. `place` is where in the document the caller's own input stands, as in
/// `routes.support`: mistakes there become pointers into the input.
pub fn check(config: &TenantConfig, place: &str) -> Result<(), ApiError> {
    let text = compose(config, Naming::Ids)?;
    let Err(problems) = document::read(&text) else { return Ok(()) };
    let mut unknown = None;
    let errors = problems.iter().map(|problem| {
        let error = match problem.key.strip_prefix(place) {
            Some(rest) if !place.is_empty() => {
                FieldError::new(pointer(rest), problem.message.clone())
            }
            _ => FieldError::new("", format!("{}: {}", problem.key, problem.message)),
        };
        if problem.message.starts_with("unknown key") {
            unknown = Some(error.clone());
        }
        error
    });
    let errors: Vec<_> = errors.collect();
    // What the API does not know cannot be read; what it knows can be wrong.
    Err(unknown.map_or(ApiError::Invalid(errors), ApiError::Malformed))
}

/// `.targets[0].use` as `/targets/0/use`.
fn pointer(key: &str) -> String {
    let mut out = String::new();
    for part in key.split(['.', '[']).filter(|part| !part.is_empty()) {
        out.push('/');
        out.push_str(&part.trim_end_matches(']').trim_matches('"').replace('~', "~0"));
    }
    out
}

/// A key of the document, quoted where TOML asks for it.
pub fn key(name: &str) -> String {
    let bare =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { format!("\"{name}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_document_become_pointers() {
        assert_eq!(pointer(".targets[0].use"), "/targets/0/use");
        assert_eq!(pointer(""), "");
        assert_eq!(key("plain-1"), "plain-1");
        assert_eq!(key("a/b"), "\"a/b\"");
    }

    #[test]
    fn json_becomes_toml_without_nulls() {
        let spec = serde_json::json!({"a": null, "b": [1, 1.5, "x", true], "c": {"d": null}});
        let text = toml::to_string(&to_table(&spec)).unwrap();
        assert_eq!(text, "b = [1, 1.5, \"x\", true]\n\n[c]\n");
    }
}
