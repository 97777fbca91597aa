//! What routes by meaning know of a prompt: how near its vector is to those of each intent's examples. A vector that does
//! not come in time is not waited for: the route takes its default, and the vector may be there for the next request.

use crate::{
    dispatch,
    formats::conversation::Role,
    pipeline::Asked,
    routing::{Meaning, Requested},
    state::Worker,
    vectors::{Embedder, cosine},
};
use actix_web::web;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tollgate_contract::{
    ids::RouteId,
    route::{Hop, Route, Semantic, Strategy},
    world::ApiKey,
};

/// So many characters of a prompt are looked at.
const MOST_CHARACTERS: usize = 2_000;

/// What each route by meaning on the way of a request knows of its prompt.
pub async fn of(
    worker: &web::Data<Worker>,
    asked: &Asked<'_>,
    id: &str,
) -> BTreeMap<RouteId, Meaning> {
    let Requested::Route(route) = &asked.requested else { return BTreeMap::new() };
    let routes = &asked.key.tenant.upstreams.routes;
    let mut found = Vec::new();
    by_meaning(route, &mut BTreeSet::new(), &|id| routes.get(id).cloned(), &mut found);
    let mut all = BTreeMap::new();
    if found.is_empty() {
        return all;
    }
    let Some(prompt) = prompt_of(asked) else { return all };
    for (id_of_route, semantic) in found {
        let meaning = measure(worker, asked.key, &semantic, &prompt, id).await;
        all.insert(id_of_route, meaning);
    }
    all
}

/// The routes by meaning that a route leads to, itself among them.
fn by_meaning(
    route: &Arc<Route>,
    seen: &mut BTreeSet<RouteId>,
    find: &dyn Fn(&RouteId) -> Option<Arc<Route>>,
    found: &mut Vec<(RouteId, Arc<Semantic>)>,
) {
    if !seen.insert(route.id.clone()) {
        return;
    }
    if let Strategy::Semantic(semantic) = &route.strategy {
        found.push((route.id.clone(), semantic.clone()));
    }
    for entry in &route.targets {
        if let Hop::Route(id) = &entry.to
            && let Some(next) = find(id)
        {
            by_meaning(&next, seen, find, found);
        }
    }
}

/// The words of the user's last turn.
fn prompt_of(asked: &Asked<'_>) -> Option<String> {
    let conversation = match asked.conversation.get() {
        Some(known) => known.clone(),
        None => {
            let read = Arc::new(dispatch::read(asked.inspected.request()).ok()?);
            asked.conversation.get_or_init(|| read).clone()
        }
    };
    let words = conversation.turns.iter().rev().filter(|turn| turn.role == Role::User).find_map(
        |turn| {
            let texts: Vec<&str> = turn.parts.iter().filter_map(|part| part.as_text()).collect();
            let words = texts.join("\n");
            (!words.trim().is_empty()).then_some(words)
        },
    )?;
    Some(words.chars().take(MOST_CHARACTERS).collect())
}

async fn measure(
    worker: &web::Data<Worker>,
    key: &Arc<ApiKey>,
    semantic: &Arc<Semantic>,
    prompt: &str,
    id: &str,
) -> Meaning {
    let mut texts = vec![prompt.to_owned()];
    texts.extend(semantic.intents.iter().flat_map(|intent| intent.examples.iter().cloned()));
    let embedder = Embedder { worker, key, target: semantic.embedder.as_ref(), id };
    let vectors = match embedder.vectors_within(texts, semantic.embed_timeout).await {
        Ok(vectors) => vectors,
        Err(why) => return Meaning::Unknown(why),
    };
    let mut vectors = vectors.into_iter();
    let Some(prompt) = vectors.next() else { return Meaning::Unknown("no vector".to_owned()) };
    let nearest = semantic.intents.iter().map(|intent| {
        let examples = vectors.by_ref().take(intent.examples.len());
        examples.map(|example| cosine(&prompt, &example)).fold(-1.0, f64::max)
    });
    Meaning::Similarities(nearest.collect())
}
