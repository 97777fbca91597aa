//! `tollgate-gateway route explain`: where a request would go, and why. Nobody is called, but for the vectors of a route
//! by meaning.

use crate::{
    error::GatewayError,
    flight::Flight,
    formats::{facts::Api, understand::understand},
    guards,
    pipeline::{Asked, planned},
    reserve::budgets_of,
    responses::Continued,
    routing,
    run::{self, Mistakes},
    settings::Explain,
    state::Worker,
    tell, world,
};
use actix_web::web;
use jiff::Timestamp;
use std::{cell::OnceCell, fmt::Write as _, sync::Arc, time::Instant};
use tollgate_contract::{
    document::{CountersBackend, UsageSink},
    event::Decision,
    world::{ApiKey, World},
};

/// Explains one request.
pub fn explain(options: &Explain) -> Result<(), Mistakes> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut loaded = world::load(&options.config, 1)?;
    // A question leaves no trace: nothing is counted and no event is written.
    loaded.document.counters.backend = CountersBackend::Memory;
    loaded.document.usage = UsageSink::None;
    let key = key(&loaded.world, options.api_key.as_deref())?;
    let (_cut, cut_seen) = tokio::sync::watch::channel(false);
    let state = Arc::new(run::state(&loaded.document, cut_seen, None)?);
    state.accept(loaded.world);
    let decided = actix_web::rt::System::new().block_on(async {
        state.vectors.warm(&state.current.load_full().world).await;
        let worker = web::Data::new(Worker::new(state));
        decide(&worker, &key, options).await
    });
    let decision = decided.map_err(|error| vec![error.message.to_string()])?;
    if options.json {
        run::say(&serde_json::to_string_pretty(&decision).unwrap_or_default());
    } else {
        run::say(&in_words(&decision));
    }
    Ok(())
}

/// The API key of this name, or the first one that there is.
fn key(world: &World, name: Option<&str>) -> Result<Arc<ApiKey>, Mistakes> {
    let mut keys: Vec<_> = world.api_keys.values().cloned().collect();
    keys.sort_by(|a, b| a.id.cmp(&b.id));
    let found = keys.iter().find(|key| name.is_none_or(|name| key.id.as_str() == name)).cloned();
    found.ok_or_else(|| {
        let names: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
        vec![match name {
            Some(name) => {
                format!("there is no API key \"{name}\"; there are: {}", names.join(", "))
            }
            None => "the config has no API key: a request needs one".to_owned(),
        }]
    })
}

async fn decide(
    worker: &web::Data<Worker>,
    key: &Arc<ApiKey>,
    options: &Explain,
) -> Result<Decision, GatewayError> {
    let metadata = options.metadata.as_deref().map(tell::metadata).transpose()?;
    let body = serde_json::json!({
        "model": options.model,
        "stream": options.stream,
        "messages": [{"role": "user", "content": options.prompt}],
    });
    let request = understand(Api::Chat, Default::default(), body.to_string().into())?;
    let inspected = guards::inspect(&key.tenant, request, &mut Vec::new())?;
    let requested = routing::resolve(key, &options.model)?;
    let conversation = OnceCell::new();
    let asked = Asked {
        key,
        inspected: &inspected,
        conversation: &conversation,
        continued: Continued::No,
        requested,
    };
    let head = tell::Options { metadata: metadata.unwrap_or_default(), ..Default::default() };
    let current = worker.state.current.load_full();
    let mut flight = Flight::begin(
        worker.state.clone(),
        worker.counters.clone(),
        key,
        Api::Chat.name(),
        Timestamp::now(),
        Instant::now(),
    );
    let budgets = budgets_of(key);
    let plan = planned(worker, &current, &asked, &head, &budgets, &mut flight).await;
    let decision = plan.decision(&inspected.request().facts);
    flight.end(200, None);
    Ok(decision)
}

fn in_words(decision: &Decision) -> String {
    let mut text = format!("strategy: {}\n", decision.strategy);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name}: {value}");
    };
    if !decision.routes.is_empty() {
        let routes: Vec<_> = decision.routes.iter().map(|route| route.as_str()).collect();
        line("routes", routes.join(" > "));
    }
    if let Some(facts) = &decision.facts {
        line("prompt", format!("about {} tokens", facts.input_tokens));
    }
    for (intent, value) in &decision.similarities {
        line("similarity", format!("{value:.3} {intent}"));
    }
    for because in &decision.because {
        line("because", because.clone());
    }
    for score in &decision.scores {
        line("score", format!("{} {} {}", score.target, score.value, score.unit));
    }
    for (index, target) in decision.plan.iter().enumerate() {
        line(if index == 0 { "first" } else { "then" }, target.clone());
    }
    for out in &decision.out {
        line("out", format!("{}: {}", out.target, out.reason));
    }
    text.trim_end().to_owned()
}
