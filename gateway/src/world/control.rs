//! Follows the control plane: connects, reads the feed, brings each new world to the process, and connects again when
//! the connection ends. Requests never wait for any of this.

use super::{
    connected::ControlSettings,
    intake::{Batch, FeedError, Heard, Intake},
    keeper::Latest,
    lines::{LineError, Lines},
    link::Link,
    node_jwt,
    replica::{Feeds, Replay, Replica},
};
use crate::{
    telemetry::metrics::Metrics,
    upstream::client::{Clients, Settings},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tollgate_contract::world::World;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The same trouble is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How long things take; tests are less patient.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A connection on which nothing comes for this long is dead. Three heartbeats.
    pub silence: Duration,
    /// The pause before the second try.
    pub pause_least: Duration,
    /// The longest pause.
    pub pause_most: Duration,
}

impl Timing {
    /// What is used.
    pub const USUAL: Self = Self {
        silence: Duration::from_secs(15),
        pause_least: Duration::from_millis(200),
        pause_most: Duration::from_secs(5),
    };
}

/// Follows a control plane.
pub struct Follower {
    /// Where it is and who we are.
    pub control: ControlSettings,
    /// The world so far.
    pub replica: Arc<Mutex<Replica>>,
    /// What requests see of it.
    pub link: Arc<Link>,
    /// Where tenants that could not be taken are counted.
    pub metrics: Arc<Metrics>,
    /// Brings a new world to the process.
    pub accept: Box<dyn Fn(World)>,
    /// Brings it to the snapshot.
    pub latest: watch::Sender<Option<Arc<Latest>>>,
    /// How long things take.
    pub timing: Timing,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer")]
    NoAnswer,
    #[error(
        "it does not let this node in ({0}): the node token is unknown or was revoked, or a clock is wrong"
    )]
    NotLetIn(StatusCode),
    #[error("it answers {0}: is this the URL of a control plane?")]
    Status(StatusCode),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Replay(#[from] Replay),
    #[error("{0}")]
    Internal(&'static str),
}

impl Trouble {
    /// Whether somebody has to act.
    const fn needs_somebody(&self) -> bool {
        match self {
            Self::NotLetIn(_) | Self::Replay(_) | Self::Internal(_) => true,
            Self::Feed(error) => error.is_suspicious(),
            Self::Unreachable(_) | Self::NoAnswer | Self::Status(_) | Self::Line(_) => false,
        }
    }
}

impl Follower {
    /// Follows it for ever.
    pub async fn run(mut self) {
        let clients = Clients::default();
        let mut tries = 0;
        let mut told: Option<(String, Instant)> = None;
        loop {
            let mut confirmed = false;
            let ended = Box::pin(self.follow(&clients, &mut confirmed)).await;
            self.link.set_connected(false);
            let Err(trouble) = ended;
            self.tell(&trouble, &mut told);
            // A connection that brought nothing is a failure, whatever it began with.
            tries = if confirmed { 0 } else { tries + 1 };
            tokio::time::sleep(self.pause(tries)).await;
        }
    }

    /// One connection, to its end.
    async fn follow(
        &mut self,
        clients: &Clients,
        confirmed: &mut bool,
    ) -> Result<std::convert::Infallible, Trouble> {
        let mut lines = Lines::new(self.connect(clients).await?);
        let mut intake = Intake::new(self.control.public_key);
        loop {
            let line = lines.next(self.timing.silence).await?;
            match intake.line(&line)? {
                Heard::Hello => {
                    self.link.set_connected(true);
                    tracing::info!("Connected to the control plane at {}", self.control.url);
                }
                Heard::Part => {}
                Heard::Batch(batch) => {
                    self.take(*batch).await?;
                    *confirmed = true;
                }
                // A control plane that is behind this node confirms nothing: its next batch will be refused.
                Heard::Heartbeat(revision) => {
                    if self.revision().is_some_and(|own| own <= revision) {
                        self.link.heard(Timestamp::now());
                        *confirmed = true;
                    }
                }
            }
        }
    }

    async fn connect(&self, clients: &Clients) -> Result<Incoming, Trouble> {
        let request = self.request().ok_or(Trouble::Internal("the request cannot be made"))?;
        let client = clients.get(Settings {
            connect: CONNECT_TIMEOUT,
            // Whoever starts the node says where its control plane is; a private network is the usual place.
            allow_private: true,
            tls: self.control.url.starts_with("https:"),
        });
        let answer = tokio::time::timeout(self.timing.silence, client.request(request)).await;
        let response = answer
            .map_err(|_| Trouble::NoAnswer)?
            .map_err(|error| Trouble::Unreachable(root_cause(&error)))?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(Trouble::NotLetIn(status))
            }
            status => Err(Trouble::Status(status)),
        }
    }

    fn request(&self) -> Option<http::Request<Full<Bytes>>> {
        let jwt = node_jwt::mint(&self.control.identity, Timestamp::now()).ok()?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {jwt}")).ok()?;
        authorization.set_sensitive(true);
        let after = self.revision().unwrap_or(0);
        http::Request::get(format!("{}/internal/v1/world?after={after}", self.control.url))
            .header(header::AUTHORIZATION, authorization)
            .header(header::ACCEPT, "application/x-ndjson")
            .header(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .header("x-tollgate-node-version", env!("CARGO_PKG_VERSION"))
            .body(Full::default())
            .ok()
    }

    /// Takes a batch: the process has the new world when this returns.
    async fn take(&mut self, batch: Batch) -> Result<(), Trouble> {
        let key = batch.key;
        let (replica, snapshots) = (self.replica.clone(), self.control.snapshot.is_some());
        // Reading the documents of all tenants may take seconds, and other tasks live on this thread.
        let taking = tokio::task::spawn_blocking(move || {
            let mut replica = replica.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = replica.take(batch)?;
            let kept = if snapshots { replica.kept() } else { Feeds::default() };
            Ok::<_, Replay>((taken, kept))
        });
        let (taken, feeds) =
            taking.await.map_err(|_| Trouble::Internal("a batch could not be read"))??;
        if self.control.public_key.is_none() {
            tracing::info!("The control plane signs with {}: pinned from now on", key.to_hex());
            self.control.public_key = Some(key);
        }
        taken.tell(&self.metrics);
        let revision = taken.world.revision;
        (self.accept)(taken.world);
        self.link.has_world();
        self.link.heard(Timestamp::now());
        tracing::debug!(revision, "The world is at revision {revision}");
        if snapshots {
            self.latest.send_replace(Some(Arc::new(Latest { revision, public_key: key, feeds })));
        }
        Ok(())
    }

    fn revision(&self) -> Option<u64> {
        self.replica.lock().unwrap_or_else(PoisonError::into_inner).revision()
    }

    /// Doubles with each try; a random part of it, so that nodes do not come all at once.
    fn pause(&self, tries: u32) -> Duration {
        let Timing { pause_least, pause_most, .. } = self.timing;
        let pause =
            pause_least.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(pause_most);
        pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }

    /// Logs a trouble, the same one not with every try.
    fn tell(&self, trouble: &Trouble, told: &mut Option<(String, Instant)>) {
        let text = trouble.to_string();
        let known = |(last, at): &(String, Instant)| *last == text && at.elapsed() < TELL_AGAIN;
        if told.as_ref().is_some_and(known) {
            return;
        }
        let url = &self.control.url;
        if trouble.needs_somebody() {
            tracing::error!("The control plane at {url} cannot be followed: {text}");
        } else {
            tracing::warn!("The control plane at {url} cannot be followed: {text}");
        }
        *told = Some((text, Instant::now()));
    }
}

/// The innermost cause says what happened.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
