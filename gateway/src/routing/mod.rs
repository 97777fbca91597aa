//! Where a request may go, in which order, and why. Pure: no I/O, no clock, no randomness but what is passed in.

mod figures;
mod filter;
mod order;
mod plan;
mod resolve;
mod weighted;

pub use figures::Figures;
pub use plan::{FailureSet, Meaning, Plan, Question, Step, TargetFacts, View, plan};
pub use resolve::{Requested, resolve};
