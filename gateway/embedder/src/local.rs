//! The model as asynchronous code asks it: off the threads that serve requests, a few texts at once, a short queue.

use crate::model::{LoadError, Model};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::sync::Semaphore;

/// So many texts may wait for their turn.
const MOST_WAITING: usize = 64;

/// A model that several tasks share.
#[derive(Clone)]
pub struct Local {
    model: Arc<Model>,
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Why a text has no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// Too many texts wait already.
    #[error("the embedder is busy")]
    Busy,
    /// The model could not take the text.
    #[error("the embedder failed: {0}")]
    Failed(String),
}

/// Counts who waits, also if it gives up.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Local {
    /// Reads the model in a folder; `max_concurrent` texts are turned into vectors at once.
    pub fn open(folder: &Path, max_concurrent: usize) -> Result<Self, LoadError> {
        Ok(Self {
            model: Arc::new(Model::load(folder)?),
            turns: Arc::new(Semaphore::new(max_concurrent.max(1))),
            waiting: Arc::default(),
        })
    }

    /// The vector of a text, of length one. A caller that gives up leaves its turn to the next; a text under way is
    /// finished.
    pub async fn embed(&self, text: String) -> Result<Vec<f32>, EmbedError> {
        let before = self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(self.waiting.clone());
        if before >= MOST_WAITING {
            return Err(EmbedError::Busy);
        }
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| EmbedError::Busy)?;
        drop(waiting);
        let model = self.model.clone();
        let vector = tokio::task::spawn_blocking(move || {
            let vector = model.embed(&text);
            drop(turn);
            vector
        });
        match vector.await {
            Ok(Ok(vector)) => Ok(vector),
            Ok(Err(error)) => Err(EmbedError::Failed(error)),
            Err(_) => Err(EmbedError::Failed("it ended in the middle".to_owned())),
        }
    }
}
