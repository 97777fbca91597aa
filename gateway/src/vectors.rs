//! Texts as vectors, from the node's own model or from a target that serves embeddings, and remembered.

use crate::{
    aside::{self, Aside},
    state::Worker,
};
use actix_web::{body::to_bytes_limited, web};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tollgate_contract::{
    document,
    event::{Beside, Purpose},
    route::{Strategy, Target},
    world::{ApiKey, World},
};

/// So many vectors are remembered.
const MOST_VECTORS: usize = 10_000;
/// So many questions to embedders may be under way on a node.
const MOST_UNDER_WAY: usize = 32;
/// A question to an embedder ends after this, whoever still waits for it.
const LONGEST: Duration = Duration::from_secs(10);
/// The answer of an embedder may have this many bytes.
const MOST_BYTES: usize = 32 << 20;

/// A text's direction: of length one.
pub type Vector = Arc<[f32]>;

/// The vectors that a node remembers, and its own model, if it has one.
#[derive(Default)]
pub struct Vectors {
    known: Mutex<HashMap<[u8; 32], Vector>>,
    under_way: AtomicUsize,
    model: Option<own_model::OwnModel>,
}

impl Vectors {
    /// A memory of nothing, with the model that `[embedder]` names. The error says what is wrong with it.
    pub fn open(settings: Option<&document::Embedder>) -> Result<Self, String> {
        let model = settings.map(own_model::open).transpose()?;
        Ok(Self { model, ..Self::default() })
    }

    /// Turns the examples of a world's routes into vectors, so that the first requests need not wait for them.
    pub async fn warm(&self, world: &World) {
        let Some(model) = &self.model else { return };
        let routes = world.tenants.values().flat_map(|tenant| tenant.upstreams.routes.values());
        let own = routes.filter_map(|route| match &route.strategy {
            Strategy::Semantic(semantic) if semantic.embedder.is_none() => Some(semantic.clone()),
            _ => None,
        });
        for semantic in own {
            for text in semantic.intents.iter().flat_map(|intent| &intent.examples) {
                let name = name("", "", text);
                if self.get(&name).is_none()
                    && let Ok(vector) = own_model::embed(model, text.clone()).await
                {
                    self.put(name, vector.into());
                }
            }
        }
    }

    fn get(&self, name: &[u8; 32]) -> Option<Vector> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn put(&self, name: [u8; 32], vector: Vector) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_VECTORS {
            known.clear();
        }
        known.insert(name, vector);
    }
}

/// The cosine of the angle between two vectors of length one.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return -1.0;
    }
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Who turns texts into vectors.
pub struct Embedder<'e> {
    /// Where the vectors are remembered.
    pub worker: &'e web::Data<Worker>,
    /// Who asks.
    pub key: &'e Arc<ApiKey>,
    /// The target; absent: the node's own model.
    pub target: Option<&'e Target>,
    /// The id of the request that it is for.
    pub id: &'e str,
}

impl Embedder<'_> {
    /// The vectors of texts, in their order, or why there are none within the time. A question to the embedder goes on in
    /// the background if nobody waits any more.
    pub async fn vectors_within(
        &self,
        texts: Vec<String>,
        time: Duration,
    ) -> Result<Vec<Vector>, String> {
        match tokio::time::timeout(time, self.vectors(texts)).await {
            Ok(found) => found,
            Err(_) => Err(format!("no vector within {} ms", time.as_millis())),
        }
    }

    /// What is not remembered is asked for in one question.
    async fn vectors(&self, texts: Vec<String>) -> Result<Vec<Vector>, String> {
        let tenant = self.key.tenant.id.as_str();
        let named = |text: &String| match self.target {
            Some(target) => name(tenant, target.as_str(), text),
            None => name("", "", text),
        };
        let names: Vec<[u8; 32]> = texts.iter().map(named).collect();
        let memory = &self.worker.state.vectors;
        let mut missing: Vec<([u8; 32], String)> = names
            .iter()
            .zip(&texts)
            .filter(|(name, _)| memory.get(name).is_none())
            .map(|(name, text)| (*name, text.clone()))
            .collect();
        let mut seen = BTreeSet::new();
        missing.retain(|(name, _)| seen.insert(*name));
        if !missing.is_empty() {
            self.ask(missing).await?;
        }
        let found: Option<Vec<Vector>> = names.iter().map(|name| memory.get(name)).collect();
        found.ok_or_else(|| "the embedder left out a vector".to_owned())
    }

    async fn ask(&self, missing: Vec<([u8; 32], String)>) -> Result<(), String> {
        let target = self.target.cloned();
        let worker = self.worker.clone();
        if worker.state.vectors.under_way.fetch_add(1, Relaxed) >= MOST_UNDER_WAY {
            worker.state.vectors.under_way.fetch_sub(1, Relaxed);
            return Err("the embedder is busy".to_owned());
        }
        let key = self.key.clone();
        let beside = Beside { request: self.id.to_owned(), purpose: Purpose::Embedding };
        let asked = actix_web::rt::spawn(async move {
            let result = match target {
                Some(target) => ask(&worker, key, target, beside, missing).await,
                None => think(&worker.state.vectors, missing).await,
            };
            worker.state.vectors.under_way.fetch_sub(1, Relaxed);
            result
        });
        asked.await.unwrap_or_else(|_| Err("the embedder could not be asked".to_owned()))
    }
}

/// What a vector is remembered by. A target's belong to its tenant alone; the node's own are everybody's.
fn name(tenant: &str, target: &str, text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [tenant, target, text] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Makes vectors with the node's own model and remembers them.
async fn think(vectors: &Vectors, missing: Vec<([u8; 32], String)>) -> Result<(), String> {
    let Some(model) = &vectors.model else {
        return Err("this node has no [embedder]".to_owned());
    };
    for (name, text) in missing {
        let vector = own_model::embed(model, text).await?;
        vectors.put(name, vector.into());
    }
    Ok(())
}

/// The node's own model, where it is built in.
#[cfg(feature = "local-embedder")]
mod own_model {
    use tollgate_contract::document::Embedder;

    pub type OwnModel = tollgate_embedder::Local;

    pub fn open(settings: &Embedder) -> Result<OwnModel, String> {
        OwnModel::open(&settings.path, settings.max_concurrent)
            .map_err(|error| format!("[embedder] {error}"))
    }

    pub async fn embed(model: &OwnModel, text: String) -> Result<Vec<f32>, String> {
        model.embed(text).await.map_err(|error| error.to_string())
    }
}

/// This build has no model.
#[cfg(not(feature = "local-embedder"))]
mod own_model {
    use tollgate_contract::document::Embedder;

    pub enum OwnModel {}

    pub fn open(_: &Embedder) -> Result<OwnModel, String> {
        Err("[embedder] this gateway was built without the feature local-embedder: name a target that serves embeddings as `embedder` of the route".to_owned())
    }

    pub async fn embed(model: &OwnModel, _: String) -> Result<Vec<f32>, String> {
        match *model {}
    }
}

/// Asks a target for the vectors of texts and remembers them.
async fn ask(
    worker: &web::Data<Worker>,
    key: Arc<ApiKey>,
    target: Target,
    beside: Beside,
    missing: Vec<([u8; 32], String)>,
) -> Result<(), String> {
    let texts: Vec<&str> = missing.iter().map(|(_, text)| text.as_str()).collect();
    let failed = |error: crate::error::GatewayError| format!("the embedder failed: {}", error.code);
    let inspected = aside::embeddings(target.as_str(), &texts, &key).map_err(failed)?;
    let aside = Aside {
        worker: worker.clone(),
        key,
        inspected,
        conversation: None,
        target,
        beside,
        timeout: Some(LONGEST),
    };
    let answer = aside.run().await.map_err(failed)?;
    let body = to_bytes_limited(answer.into_body(), MOST_BYTES).await;
    let body = body.ok().and_then(Result::ok).ok_or("the embedder's answer broke off")?;
    let answer: Embeddings =
        serde_json::from_slice(&body).map_err(|_| "the embedder's answer is none".to_owned())?;
    for one in answer.data {
        if let Some((name, _)) = missing.get(one.index) {
            worker.state.vectors.put(*name, normalised(one.embedding));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

fn normalised(vector: Vec<f32>) -> Vector {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length <= 0.0 {
        return vector.into();
    }
    vector.into_iter().map(|value| (f64::from(value) / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_compared_by_their_direction() {
        let (a, b) = (normalised(vec![3.0, 4.0]), normalised(vec![6.0, 8.0]));
        assert!((cosine(&a, &b) - 1.0).abs() < 1e-6);
        assert!(cosine(&a, &normalised(vec![-4.0, 3.0])).abs() < 1e-6);
        assert!((cosine(&a, &normalised(vec![1.0])) + 1.0).abs() < 1e-9, "another model's");
        assert_eq!(normalised(vec![0.0, 0.0]).len(), 2);
    }
}
