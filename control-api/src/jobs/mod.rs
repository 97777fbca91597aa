//! What runs beside the server: taking usage in, marking revocations, bringing new prices to gateways, listening to their
//! pulses, cleaning up. Each survives outages of what it needs, and ends when it is told to.

pub mod cleanup;
pub mod consumer;
pub mod ingest;
pub mod price_book;
pub mod pulses;
pub mod revocations;

use crate::state::State;
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle};

/// A job that is told to stop has this long to finish what it is at.
const STOP_WAIT: Duration = Duration::from_secs(15);

/// The jobs that run; whoever has this stops them.
#[derive(Debug)]
pub struct Jobs {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts all jobs.
pub fn spawn_all(state: &State) -> Jobs {
    let (sender, receiver) = watch::channel(false);
    let stop = || Stop(receiver.clone());
    let tasks = vec![
        tokio::spawn(consumer::run(state.clone(), stop())),
        tokio::spawn(revocations::run(state.clone(), stop())),
        tokio::spawn(cleanup::run(state.clone(), stop())),
        tokio::spawn(price_book::run(state.clone(), stop())),
        tokio::spawn(pulses::run(state.clone(), stop())),
    ];
    Jobs { stop: sender, tasks }
}

impl Jobs {
    /// Lets each job finish what it is at.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for mut task in self.tasks {
            if tokio::time::timeout(STOP_WAIT, &mut task).await.is_err() {
                tracing::warn!("A job did not end in time");
                task.abort();
            }
        }
    }
}

/// Tells a job to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Sleeps, or less if it is told meanwhile. `false`: it was told.
    pub async fn sleep(&mut self, time: Duration) -> bool {
        let told = tokio::time::timeout(time, self.0.wait_for(|told| *told)).await;
        told.is_err()
    }
}
