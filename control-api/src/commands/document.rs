//! `validate`, `apply` and `export`: a tenant's configuration as a file. Secrets that the document refers to are read on
//! this machine; API keys leave it as hashes only.

use super::{Mistakes, say};
use crate::settings::{Apply, Remote, environment};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tollgate_contract::{
    api_key::{self, ApiKeyHash},
    document::{self, ApiKeySecret, Document, KeyRef, SecretRef},
    secret::Secret,
    token,
};

/// Checks a document. Every mistake comes with its line.
pub fn validate(path: &Path) -> Result<(String, Document), Mistakes> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![format!("{name}: cannot be read: {error}")])?;
    match document::read(&text) {
        Ok(document) => {
            say(&format!(
                "{name} is valid: {} providers, {} routes, {} tenants",
                document.providers.len(),
                document.routes.len(),
                document.tenants.len()
            ));
            Ok((text, document))
        }
        Err(problems) => Err(problems.iter().map(|problem| format!("{name}:{problem}")).collect()),
    }
}

/// Sends a document to the control API and prints what changed.
pub async fn apply(settings: Apply) -> Result<bool, Mistakes> {
    let (text, document) = validate(&settings.document.file)?;
    let mut mistakes = Vec::new();
    let mut provider_secrets = serde_json::Map::new();
    for (name, provider) in &document.providers {
        let secrets = provider.keys.iter().enumerate().map(|(index, key)| match &key.secret {
            KeyRef::Secret(SecretRef::ProviderKey(_)) => Value::Null,
            reference => {
                let place = format!("providers.{name}.keys[{index}]");
                let whole = told(reference.resolve(&mut secret), place, &mut mistakes);
                whole.map_or(Value::Null, |secret| json!(secret.expose()))
            }
        });
        provider_secrets.insert(name.clone(), secrets.collect());
    }
    let mut api_keys = serde_json::Map::new();
    for (name, key) in document.tenants.values().flat_map(|tenant| &tenant.api_keys) {
        if let Some(ApiKeySecret::Plain(reference)) = &key.secret
            && let Some(secret) = told(secret(reference), format!("api_keys.{name}"), &mut mistakes)
        {
            check_api_key(name, &secret)?;
            let text = secret.expose();
            let facts = json!({ "sha256": ApiKeyHash::of(text).to_hex(), "last4": &text[text.len() - 4..] });
            api_keys.insert(name.clone(), facts);
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let body = json!({
        "document": text,
        "provider_secrets": provider_secrets,
        "api_keys": api_keys,
        "dry_run": settings.dry_run,
    });
    let answer = call(&settings.remote, Some(&body)).await?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|_| vec!["the control API answered nonsense".to_owned()])?;
    let changes: Vec<_> =
        answer["changes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for change in &changes {
        say(change);
    }
    let verb = if settings.dry_run { "would be made" } else { "made" };
    say(&format!("{} changes {verb}", changes.len()));
    Ok(true)
}

/// A secret; what is wrong with it is noted with its place.
fn told(found: Result<Secret, String>, place: String, mistakes: &mut Mistakes) -> Option<Secret> {
    found.map_err(|message| mistakes.push(format!("{place}: {message}"))).ok()
}

/// Prints the tenant's configuration.
pub async fn export(remote: Remote) -> Result<bool, Mistakes> {
    let text = call(&remote, None).await?;
    say(text.trim_end());
    Ok(true)
}

/// A gateway refuses what looks like a minted key and is none, without asking anybody.
fn check_api_key(name: &str, secret: &Secret) -> Result<(), Mistakes> {
    let text = secret.expose();
    if !api_key::is_acceptable(text) {
        return Err(vec![format!(
            "api_keys.{name}: an API key has 16 to 256 visible ASCII characters"
        )]);
    }
    if text.starts_with(token::API_KEY) && !token::is_well_formed(token::API_KEY, text) {
        return Err(vec![format!(
            "api_keys.{name}: begins with tgk_ and is no key that was minted here (its checksum is wrong): use another beginning, or make a key in the console"
        )]);
    }
    Ok(())
}

fn secret(reference: &SecretRef) -> Result<Secret, String> {
    let text = match reference {
        SecretRef::Env(name) => environment(name)
            .ok_or_else(|| format!("the environment variable {name} is not set"))?,
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?,
        SecretRef::Inline(secret) => secret.0.clone(),
        SecretRef::ProviderKey(id) => return Err(format!("{id} is no secret of an API key")),
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        Err("the secret is empty".to_owned())
    } else {
        Ok(Secret::new(text.to_owned()))
    }
}

async fn call(remote: &Remote, body: Option<&Value>) -> Result<String, Mistakes> {
    let url = format!("{}/api/v1/config", remote.url.trim_end_matches('/'));
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|error| vec![format!("the HTTP client cannot be made: {error}")])?;
    let request = match body {
        Some(body) => client.put(&url).json(body),
        None => client.get(&url),
    };
    let sent = request.bearer_auth(&remote.token).send().await;
    let answer = sent
        .map_err(|error| vec![format!("{url} cannot be reached: {error}. Check TOLLGATE_URL.")])?;
    let status = answer.status();
    let text =
        answer.text().await.map_err(|error| vec![format!("the answer broke off: {error}")])?;
    if status.is_success() {
        return Ok(text);
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let errors = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["message"].as_str());
    let mut mistakes: Mistakes = errors.map(str::to_owned).collect();
    if mistakes.is_empty() {
        let detail = problem["detail"].as_str().unwrap_or("the control API refused it");
        mistakes.push(format!("{status}: {detail}"));
    }
    Err(mistakes)
}
