//! A whole answer.

use super::{Extra, Part};
use crate::json::Raw;
use tollgate_contract::usage::Usage;

/// An answer of a provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// The provider's id, if it gave one.
    pub id: Option<String>,
    /// The model that the provider says it used.
    pub model: Option<String>,
    /// Seconds since 1970, if the provider told.
    pub created: Option<i64>,
    /// The choices, in the order of their index.
    pub choices: Vec<Choice>,
    /// What it used.
    pub usage: Reported,
    /// The service tier that it was served with, in the words of the provider.
    pub service_tier: Option<String>,
    /// Members that only the provider's format knows.
    pub extra: Extra,
}

/// One choice of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// What was said, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// The text that ended it, where the provider tells it.
    pub stop_sequence: Option<String>,
    /// Log probabilities in OpenAI's shape (`{"content":[…]}`).
    pub logprobs: Option<Raw>,
    /// Members that only the provider's format knows.
    pub extra: Extra,
}

/// Why a choice ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stop {
    /// It was done.
    #[default]
    End,
    /// A stop text came.
    Sequence,
    /// The most tokens were reached.
    Length,
    /// A tool has to run first.
    Tool,
    /// A filter ended it.
    Filtered,
    /// The provider paused and wants the turn sent again (Anthropic `pause_turn`).
    Pause,
}

impl Stop {
    /// The truth where the provider's word and its parts disagree: agents stop too early if a call is reported as an
    /// end, and wait for ever if an end is reported as a call.
    pub const fn given_calls(self, called: bool) -> Self {
        match (self, called) {
            (Self::End | Self::Sequence, true) => Self::Tool,
            (Self::Tool, false) => Self::End,
            (other, _) => other,
        }
    }
}

/// What a provider says it used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    /// What is charged; absent: the provider told nothing, or nothing believable.
    pub billed: Option<Usage>,
    /// What apps are shown where it differs (Cohere charges fewer tokens than it counts).
    pub counted: Option<Usage>,
    /// Whether there was a usage that could not be believed (negative, or no numbers).
    pub refused: bool,
}

impl Reported {
    /// A usage that is charged as it is shown.
    pub const fn of(usage: Usage) -> Self {
        Self { billed: Some(usage), counted: None, refused: false }
    }

    /// What apps are shown.
    pub const fn shown(&self) -> Option<Usage> {
        match self.counted {
            Some(counted) => Some(counted),
            None => self.billed,
        }
    }

    /// Takes a later report: providers repeat and complete their usage, so the last word counts, never the sum.
    pub fn update(&mut self, later: Self) {
        if later.billed.is_some() {
            self.billed = later.billed;
            self.counted = later.counted;
        }
        self.refused |= later.refused;
    }
}
