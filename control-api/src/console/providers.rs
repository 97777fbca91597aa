//! Providers and the keys that we hold for them.

use super::{
    Form, Post, Visit,
    clock::shown,
    html,
    mistakes::{Mistakes, both},
    page, page_with_mistakes,
};
use crate::{
    access::permission::of,
    domain::{provider_keys, providers, routes},
    error::ApiError,
    ids::{ProviderId, ProviderKeyId},
    store::{self, creators, usage::report},
};
use actix_web::{HttpResponse, web};
use chrono::{Duration, Utc};
use serde_json::{Value, json};
use std::collections::HashMap;
use tollgate_contract::{
    provider::{ProviderKind, Trust},
    secret::Secret,
};
use tollgate_web::{
    Template as _,
    form::{Choice, Field},
    layout::{Nav, NoticeKind},
    pages::providers::{
        NewProviderPage, ProviderForm, ProviderKeyRow, ProviderKeyTest, ProviderKeyTestFragment,
        ProviderRow, ProvidersPage, RemoveProviderKeyPage,
    },
};

/// Where the list is.
const LIST: &str = "/console/providers";

/// `GET /console/providers`.
pub async fn list(visit: Visit<of::See>) -> Result<HttpResponse, ApiError> {
    let shell = visit.shell(Nav::Providers).await?;
    let keys = provider_keys::list(&visit.state, &visit.actor).await?;
    let makers = makers(&visit, &keys).await?;
    let providers = providers::list(&visit.state, &visit.actor).await?;
    let row = |provider: store::providers::ProviderRow| {
        let own = keys.iter().filter(|key| key.provider_id == provider.id);
        provider_row(&provider, own.map(|key| key_row(key, &makers)).collect())
    };
    page(&ProvidersPage { shell, providers: providers.into_iter().map(row).collect() })
}

/// `GET /console/providers/new`.
pub async fn ask(visit: Visit<of::ManageRouting>) -> Result<HttpResponse, ApiError> {
    let form =
        ProviderForm { provider: Field::new(visit.query("provider")), ..ProviderForm::blank() };
    page(&new_page(&visit, Visit::<of::ManageRouting>::once(), form).await?)
}

/// `POST /console/providers`.
pub async fn create(post: Post<of::ManageRouting>) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    if !post.is_first().await? {
        return Ok(visit.see(LIST, NoticeKind::Warning, "That was added already."));
    }
    match add(&post).await {
        Ok(done) => Ok(visit.see(LIST, NoticeKind::Success, done)),
        Err(error) => {
            post.may_repeat().await?;
            let form = with_mistakes(typed(&post.form), error)?;
            page_with_mistakes(&new_page(visit, post.form.get("once").to_owned(), form).await?)
        }
    }
}

/// Adds the provider, if it is a new one, and the key. What can be wrong with the key is looked at first, so that a
/// mistake leaves no provider without its key behind.
async fn add(post: &Post<of::ManageRouting>) -> Result<&'static str, ApiError> {
    let (state, actor, form) = (&post.visit.state, &post.visit.actor, &post.form);
    let secret = Secret::new(form.get("secret").to_owned());
    let existing = form.get("provider");
    let kind = ProviderKind::from_name(form.get("kind"));
    let has_key = !secret.expose().is_empty();
    let needs_key = !existing.is_empty() || kind.is_none_or(ProviderKind::needs_key);
    let check = |kind| {
        let secret =
            if has_key || needs_key { provider_keys::check_secret(kind, &secret) } else { Ok(()) };
        both(weight(form), secret)
    };
    let id = if existing.is_empty() {
        let provider = both(
            providers::provider_name(form.get("name")),
            providers::check_spec(state, &spec(form)),
        );
        both(provider, check(kind))?;
        providers::create(state, actor, form.get("name"), spec(form)).await?
    } else {
        let all = providers::list(state, actor).await?;
        let found = all.into_iter().find(|provider| provider.name == existing);
        let found = found.ok_or_else(|| ApiError::invalid("/provider", "must be one of the list"));
        check(found.as_ref().ok().and_then(providers::kind))?;
        ProviderId(found?.id)
    };
    if !has_key {
        return Ok("Provider added. It is called without a key.");
    }
    provider_keys::create(state, actor, id, &secret, weight(form)?).await?;
    Ok("Provider key added and sealed. Test it to see whether the provider takes it.")
}

fn weight(form: &Form) -> Result<i32, ApiError> {
    let weight = form
        .parsed("weight", "a whole number")
        .map_err(|error| ApiError::Invalid(vec![error]))?
        .unwrap_or(1);
    if (1..=1_000_000).contains(&weight) {
        Ok(weight)
    } else {
        Err(ApiError::invalid("/weight", "must be 1 to 1000000"))
    }
}

/// `[providers.NAME]` of the config document; what is as by default is left out.
fn spec(form: &Form) -> Value {
    let mut spec = json!({ "kind": form.get("kind") });
    if !form.get("base_url").is_empty() {
        spec["base_url"] = json!(form.get("base_url").trim_end_matches('/'));
    }
    if !form.get("place").is_empty() {
        let key =
            if form.get("kind") == ProviderKind::Vertex.name() { "location" } else { "region" };
        spec[key] = json!(form.get("place"));
    }
    if form.get("trust") != Trust::External.name() {
        spec["trust"] = json!(form.get("trust"));
    }
    if form.ticked("allow_private_network") {
        spec["allow_private_network"] = json!(true);
    }
    spec
}

fn typed(form: &Form) -> ProviderForm {
    ProviderForm {
        provider: form.field("provider"),
        name: form.field("name"),
        kind: form.field("kind"),
        base_url: form.field("base_url"),
        place: form.field("place"),
        trust: form.field("trust"),
        allow_private_network: form.ticked("allow_private_network"),
        secret_error: None,
        weight: form.field("weight"),
        error: None,
    }
}

fn with_mistakes(mut form: ProviderForm, error: ApiError) -> Result<ProviderForm, ApiError> {
    let mut mistakes = Mistakes::of(error)?;
    mistakes.at("/provider_id", "Provider", &mut form.provider);
    for (pointer, label, field) in [
        ("/provider", "Provider", &mut form.provider),
        ("/name", "Name", &mut form.name),
        ("/kind", "Kind", &mut form.kind),
        ("/base_url", "Base URL", &mut form.base_url),
        ("/region", "Region", &mut form.place),
        ("/trust", "Trust", &mut form.trust),
        ("/weight", "Weight", &mut form.weight),
    ] {
        mistakes.at(pointer, label, field);
    }
    mistakes.at("/location", "Location", &mut form.place);
    form.secret_error = mistakes.take("/secret", "Secret");
    let private = mistakes.take("/allow_private_network", "A private address");
    form.error = private.or(mistakes.rest());
    Ok(form)
}

/// `POST /console/provider-keys/{id}/test`: in place for scripts, else a notice.
pub async fn test(
    post: Post<of::ManageRouting>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    let result = provider_keys::test(&visit.state, &visit.actor, *id).await?;
    if !visit.request().headers().contains_key("hx-request") {
        let kind = if result.ok { NoticeKind::Success } else { NoticeKind::Error };
        return Ok(visit.see(LIST, kind, &result.message));
    }
    let key = provider_keys::get(&visit.state, &visit.actor, *id).await?;
    let shell = visit.shell(Nav::Providers).await?;
    html(ProviderKeyTestFragment { shell, key: key_row(&key, &HashMap::new()) }.render())
}

/// `GET /console/provider-keys/{id}/remove`.
pub async fn ask_to_remove(
    visit: Visit<of::ManageRouting>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    page(&confirmation(&visit, *id, Field::default()).await?)
}

/// `POST /console/provider-keys/{id}/remove`.
pub async fn remove(
    post: Post<of::ManageRouting>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, ApiError> {
    let visit = &post.visit;
    let key = match provider_keys::get(&visit.state, &visit.actor, *id).await {
        // The second click finds nothing more to do.
        Err(ApiError::NotFound) => {
            return Ok(visit.see(LIST, NoticeKind::Warning, "That key is removed already."));
        }
        other => other?,
    };
    let provider = providers::get(&visit.state, &visit.actor, ProviderId(key.provider_id)).await?;
    if post.form.get("name") != provider.name {
        let typed = post
            .form
            .field("name")
            .with_error(format!("Type the provider's name as it is: {}", provider.name));
        return page_with_mistakes(&confirmation(visit, *id, typed).await?);
    }
    provider_keys::destroy(&visit.state, &visit.actor, *id).await?;
    let text =
        format!("The key of {} is destroyed. Gateways drop it within two seconds.", provider.name);
    Ok(visit.see(LIST, NoticeKind::Success, &text))
}

async fn confirmation<P>(
    visit: &Visit<P>,
    id: ProviderKeyId,
    typed: Field,
) -> Result<RemoveProviderKeyPage, ApiError> {
    let (state, actor) = (&visit.state, &visit.actor);
    let keys = provider_keys::list(state, actor).await?;
    let key = keys.iter().find(|key| key.id == id.0).ok_or(ApiError::NotFound)?;
    let provider = providers::get(state, actor, ProviderId(key.provider_id)).await?.name;
    let keys_left = keys
        .iter()
        .filter(|other| other.provider_id == key.provider_id && other.id != key.id)
        .count();
    let routes = routes::list(state, actor).await?;
    let using =
        routes.into_iter().filter(|route| uses(&route.spec, &provider)).map(|route| route.name);
    Ok(RemoveProviderKeyPage {
        shell: visit.shell(Nav::Providers).await?,
        key: key_row(key, &HashMap::new()),
        keys_left: keys_left as u64,
        routes: using.collect(),
        requests_24h: served(visit, &provider).await?,
        provider,
        typed,
    })
}

/// Whether a route names a target of a provider.
fn uses(spec: &Value, provider: &str) -> bool {
    super::routing::entries(spec).any(|(target, _)| {
        let name = target.get("use").and_then(Value::as_str).unwrap_or_default();
        name.strip_prefix(provider).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Requests that a provider served in the last 24 hours.
async fn served<P>(visit: &Visit<P>, provider: &str) -> Result<u64, ApiError> {
    let now = Utc::now();
    let question = report::Question {
        from: now - Duration::hours(24),
        to: now,
        zone: "UTC".to_owned(),
        by: ["target", ""],
        limit: 10_000,
        ..report::Question::default()
    };
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let sums = report::sums(&mut tx, &question).await?;
    let own = sums.iter().filter(|([target, _], _)| {
        target.split_once('/').is_some_and(|(name, _)| name == provider)
    });
    Ok(own.map(|(_, sums)| u64::try_from(sums.requests).unwrap_or(0)).sum())
}

async fn new_page<P>(
    visit: &Visit<P>,
    once: String,
    form: ProviderForm,
) -> Result<NewProviderPage, ApiError> {
    let shell = visit.shell(Nav::Providers).await?;
    let providers = providers::list(&visit.state, &visit.actor).await?;
    let providers =
        providers.into_iter().map(|row| Choice::new(row.name.clone(), row.name)).collect();
    let choice = |kind: &ProviderKind| Choice::new(kind.name(), kind.label());
    let kinds = ProviderKind::ALL.iter().map(choice).collect();
    Ok(NewProviderPage { shell, once, form, providers, kinds })
}

fn provider_row(
    provider: &store::providers::ProviderRow,
    keys: Vec<ProviderKeyRow>,
) -> ProviderRow {
    let text = |name: &str| provider.spec.get(name).and_then(Value::as_str).unwrap_or_default();
    let or = |text: &str, usual: &str| if text.is_empty() { usual } else { text }.to_owned();
    let kind = providers::kind(provider);
    ProviderRow {
        name: provider.name.clone(),
        kind: or(kind.map_or("", ProviderKind::label), text("kind")),
        base_url: providers::base_url(provider).unwrap_or_default(),
        trust: or(text("trust"), Trust::External.name()),
        allow_private_network: provider.spec.get("allow_private_network").and_then(Value::as_bool)
            == Some(true),
        needs_key: kind.is_some_and(ProviderKind::needs_key),
        keys,
    }
}

async fn makers<P>(
    visit: &Visit<P>,
    keys: &[store::provider_keys::ProviderKeyRow],
) -> Result<HashMap<String, String>, ApiError> {
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    Ok(creators::names(&mut tx, keys.iter().map(|key| key.created_by.as_str())).await?)
}

fn key_row(
    key: &store::provider_keys::ProviderKeyRow,
    makers: &HashMap<String, String>,
) -> ProviderKeyRow {
    let result = key
        .test
        .clone()
        .and_then(|test| serde_json::from_value::<provider_keys::TestResult>(test).ok());
    ProviderKeyRow {
        id: ProviderKeyId(key.id).to_string(),
        fingerprint: key.fingerprint.clone(),
        created_at: shown(key.created_at),
        created_by: makers.get(&key.created_by).unwrap_or(&key.created_by).clone(),
        weight: u32::try_from(key.weight).unwrap_or(1),
        test: result.zip(key.tested_at).map(|(result, at)| ProviderKeyTest {
            at: shown(at),
            ok: result.ok,
            latency_ms: result.latency_ms,
            message: result.message,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_uses_a_provider_by_its_whole_name() {
        let spec = json!({
            "targets": [{ "use": "openai-eu/gpt-4o" }, { "use": "support" }],
            "rules": [{ "when": "request.stream", "use": "mistral/large" }],
            "default": "local/llama",
        });
        assert!(uses(&spec, "mistral") && uses(&spec, "local"));
        assert!(uses(&spec, "openai-eu"));
        assert!(!uses(&spec, "openai"));
        assert!(!uses(&json!({}), "openai"));
    }

    #[test]
    fn mistakes_of_the_secret_never_show_it() {
        let error = ApiError::invalid(
            "/secret",
            "must be 8 to 4096 visible ASCII characters without spaces",
        );
        let form = with_mistakes(ProviderForm::blank(), error).unwrap();
        assert_eq!(
            form.secret_error.as_deref(),
            Some("Secret must be 8 to 4096 visible ASCII characters without spaces.")
        );
        assert_eq!(form.error, None);
    }
}
