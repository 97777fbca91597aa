//! The model: a folder in the layout of sentence-transformers, read into memory.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::{Path, PathBuf};
use tokenizers::{Tokenizer, TruncationParams};

/// So many tokens of a text are looked at; the model takes 512, but what a prompt is about stands at its beginning, and
/// the time grows with the length.
const MOST_TOKENS: usize = 256;

/// A sentence model in memory (about 90 MB for MiniLM-L6).
pub struct Model {
    bert: BertModel,
    tokenizer: Tokenizer,
    dimension: usize,
}

/// Why a folder is no model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error(
        "{path}: {error}. The folder needs model.safetensors, tokenizer.json and config.json of a MiniLM-L6 sentence model"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not what a MiniLM-L6 sentence model has there: {error}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl Model {
    /// Reads the model in a folder. Takes about a second.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let path = |name: &str| folder.join(name);
        let read = |name: &str| {
            std::fs::read(path(name)).map_err(|error| LoadError::File { path: path(name), error })
        };
        let wrong = |name: &'static str| {
            move |error: String| LoadError::Content { path: folder.join(name), error }
        };
        let config: Config = serde_json::from_slice(&read("config.json")?)
            .map_err(|error| wrong("config.json")(error.to_string()))?;
        let mut tokenizer = Tokenizer::from_bytes(read("tokenizer.json")?)
            .map_err(|error| wrong("tokenizer.json")(error.to_string()))?;
        let truncation =
            TruncationParams { max_length: MOST_TOKENS, ..TruncationParams::default() };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| wrong("tokenizer.json")(error.to_string()))?;
        tokenizer.with_padding(None);
        let weights = read("model.safetensors")?;
        let dimension = config.hidden_size;
        let bert = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .and_then(|weights| BertModel::load(weights, &config))
            .map_err(|error| wrong("model.safetensors")(error.to_string()))?;
        Ok(Self { bert, tokenizer, dimension })
    }

    /// How many numbers a vector has.
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vector of a text, of length one: the mean of its tokens' last states, as the model was trained. Takes a core
    /// for some milliseconds.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, String> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| error.to_string())?;
        self.pooled(encoding.get_ids()).map_err(|error| error.to_string())
    }

    fn pooled(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        let types = ids.zeros_like()?;
        let states = self.bert.forward(&ids, &types, None)?;
        let mean = states.mean(1)?.squeeze(0)?;
        let length = mean.sqr()?.sum_all()?.sqrt()?;
        mean.broadcast_div(&length)?.to_vec1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_model_says_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let error = |folder: &Path| Model::load(folder).err().unwrap().to_string();
        assert!(error(folder.path()).contains("config.json"));
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        assert!(error(folder.path()).contains("is not what a MiniLM-L6 sentence model has there"));
    }
}
