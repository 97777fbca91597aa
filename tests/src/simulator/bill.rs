//! The bill: what this provider would charge, whatever its answers claim.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::tokens::PromptTokens;

/// All bills of the process, by provider and model.
#[derive(Debug, Default)]
pub struct Bill {
    rows: Mutex<BTreeMap<String, BTreeMap<String, Arc<BillRow>>>>,
}

/// The running counts of one provider's model. Atomics, since every chunk of every stream adds here.
#[derive(Debug, Default)]
pub struct BillRow {
    requests: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    cache_write_5m_tokens: AtomicU64,
    cache_write_1h_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    reasoning_tokens: AtomicU64,
    unbilled_input_tokens: AtomicU64,
    unbilled_output_tokens: AtomicU64,
    search_units: AtomicU64,
    images: AtomicU64,
    characters: AtomicU64,
    sound_ms: AtomicU64,
}

/// A reading of the whole bill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillReading {
    /// By provider, then by model.
    pub providers: BTreeMap<String, BTreeMap<String, Charges>>,
    /// The sum of it all.
    pub total: Charges,
}

/// A reading of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charges {
    /// Requests that named the model.
    pub requests: u64,
    /// Answered in full.
    pub answered: u64,
    /// Ended by the provider's error or fault.
    pub failed: u64,
    /// Left by the client.
    pub cancelled: u64,
    /// Charged when generation starts: all buckets of the prompt.
    pub prompt_tokens: u64,
    /// The part of the prompt that was read from a cache.
    pub cached_tokens: u64,
    /// The part of the prompt that was written to a cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// The part of the prompt that was written to a cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Charged as they are handed to the socket; includes reasoning.
    pub completion_tokens: u64,
    /// The part of the completion that was reasoning.
    pub reasoning_tokens: u64,
    /// Input that is counted but not charged, on top of the prompt.
    pub unbilled_input_tokens: u64,
    /// Output that is counted but not charged, on top of the completion.
    pub unbilled_output_tokens: u64,
    /// Searches, of which a rerank is one for each hundred documents.
    pub search_units: u64,
    /// Pictures, where they are charged by the piece.
    pub images: u64,
    /// Characters that were spoken.
    pub characters: u64,
    /// Milliseconds of sound that were understood, where they are charged by the time.
    pub sound_ms: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered in full.
    Answered,
    /// Ended by the provider's error or fault.
    Failed,
    /// Left by the client.
    Cancelled,
}

impl Outcome {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Bill {
    /// The row of a provider's model.
    pub fn row(&self, provider: &str, model: &str) -> Arc<BillRow> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let models = rows.entry(provider.to_owned()).or_default();
        Arc::clone(models.entry(model.to_owned()).or_default())
    }

    /// Starts anew. Requests that are still running stay on the old bill, which nobody sees.
    pub fn clear(&self) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The models that a provider has billed.
    pub fn models(&self, provider: &str) -> Vec<String> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.get(provider).map(|models| models.keys().cloned().collect()).unwrap_or_default()
    }

    /// The bill as it stands.
    pub fn read(&self) -> BillReading {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reading = BillReading::default();
        for (provider, models) in rows.iter() {
            for (model, row) in models {
                let charges = row.read();
                reading.total += charges;
                reading
                    .providers
                    .entry(provider.clone())
                    .or_default()
                    .insert(model.clone(), charges);
            }
        }
        reading
    }
}

impl BillRow {
    /// A request has named the model.
    pub fn count_request(&self) {
        add(&self.requests, 1);
    }

    /// A request has ended.
    pub fn count_outcome(&self, outcome: Outcome) {
        add(
            match outcome {
                Outcome::Answered => &self.answered,
                Outcome::Failed => &self.failed,
                Outcome::Cancelled => &self.cancelled,
            },
            1,
        );
    }

    /// Charges a prompt.
    pub fn charge_prompt(&self, tokens: PromptTokens) {
        add(&self.prompt_tokens, tokens.total());
        add(&self.cached_tokens, tokens.cache_read);
        add(&self.cache_write_5m_tokens, tokens.cache_write_5m);
        add(&self.cache_write_1h_tokens, tokens.cache_write_1h);
    }

    /// Charges output.
    pub fn charge_completion(&self, tokens: u64) {
        add(&self.completion_tokens, tokens);
    }

    /// Charges reasoning, which is output too.
    pub fn charge_reasoning(&self, tokens: u64) {
        add(&self.completion_tokens, tokens);
        add(&self.reasoning_tokens, tokens);
    }

    /// Counts tokens that a provider tells apart from those that it charges.
    pub fn count_unbilled(&self, input: u64, output: u64) {
        add(&self.unbilled_input_tokens, input);
        add(&self.unbilled_output_tokens, output);
    }

    /// Charges searches.
    pub fn charge_searches(&self, units: u64) {
        add(&self.search_units, units);
    }

    /// Charges pictures.
    pub fn charge_images(&self, count: u64) {
        add(&self.images, count);
    }

    /// Charges characters of speech.
    pub fn charge_characters(&self, count: u64) {
        add(&self.characters, count);
    }

    /// Charges sound.
    pub fn charge_sound(&self, milliseconds: u64) {
        add(&self.sound_ms, milliseconds);
    }

    fn read(&self) -> Charges {
        Charges {
            requests: self.requests.load(Ordering::Acquire),
            answered: self.answered.load(Ordering::Acquire),
            failed: self.failed.load(Ordering::Acquire),
            cancelled: self.cancelled.load(Ordering::Acquire),
            prompt_tokens: self.prompt_tokens.load(Ordering::Acquire),
            cached_tokens: self.cached_tokens.load(Ordering::Acquire),
            completion_tokens: self.completion_tokens.load(Ordering::Acquire),
            reasoning_tokens: self.reasoning_tokens.load(Ordering::Acquire),
            cache_write_5m_tokens: self.cache_write_5m_tokens.load(Ordering::Acquire),
            cache_write_1h_tokens: self.cache_write_1h_tokens.load(Ordering::Acquire),
            unbilled_input_tokens: self.unbilled_input_tokens.load(Ordering::Acquire),
            unbilled_output_tokens: self.unbilled_output_tokens.load(Ordering::Acquire),
            search_units: self.search_units.load(Ordering::Acquire),
            images: self.images.load(Ordering::Acquire),
            characters: self.characters.load(Ordering::Acquire),
            sound_ms: self.sound_ms.load(Ordering::Acquire),
        }
    }
}

impl Charges {
    /// The prompt without what a cache served or took: with the three cache buckets, all of it.
    pub const fn uncached_tokens(&self) -> u64 {
        let cached = self.cached_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens;
        self.prompt_tokens - cached
    }
}

impl AddAssign for Charges {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.prompt_tokens += other.prompt_tokens;
        self.cached_tokens += other.cached_tokens;
        self.completion_tokens += other.completion_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cache_write_5m_tokens += other.cache_write_5m_tokens;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens;
        self.unbilled_input_tokens += other.unbilled_input_tokens;
        self.unbilled_output_tokens += other.unbilled_output_tokens;
        self.search_units += other.search_units;
        self.images += other.images;
        self.characters += other.characters;
        self.sound_ms += other.sound_ms;
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_and_models_have_their_own_rows() {
        let bill = Bill::default();
        let prompt =
            PromptTokens { uncached: 3, cache_read: 4, cache_write_5m: 2, cache_write_1h: 1 };
        bill.row("alpha", "large").charge_prompt(prompt);
        bill.row("alpha", "large").charge_reasoning(2);
        bill.row("beta", "large").charge_completion(5);

        let reading = bill.read();
        let charges = reading.providers["alpha"]["large"];
        assert_eq!((charges.prompt_tokens, charges.uncached_tokens()), (10, 3));
        assert_eq!(reading.providers["alpha"]["large"].completion_tokens, 2);
        assert_eq!(reading.providers["beta"]["large"].completion_tokens, 5);
        assert_eq!(reading.total.completion_tokens, 7);

        bill.clear();
        assert_eq!(bill.read(), BillReading::default());
    }
}
