//! Brings a node up, and down again.

use crate::{
    cache::Cache,
    counters::{Backend, CountersConfig, Shared},
    kept::Kept,
    server::{
        self,
        admin::{AdminState, LinkReport, Readiness},
        listen::bind,
    },
    settings::{Serve, environment},
    state::{Current, State},
    telemetry::{Telemetry, logs},
    upstream::{health::Health, hints, pulses},
    usage::{FileSink, UsageSinks},
    vectors::Vectors,
    world::{
        self, Link, Loaded,
        connected::{self, Connected, ControlSettings},
        control::{Follower, Timing},
        keeper::{self, Latest},
        replica::Replica,
        revocations,
    },
};
use actix_web::{rt::task::JoinHandle, web};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;
use tollgate_contract::{
    document::{CountersBackend, Document, UsageSink},
    sealed::WrappingKey,
    secret::Secret,
    world::World,
};

/// Messages for the person who started it; each says what to do.
pub type Mistakes = Vec<String>;

/// Load balancers take a moment to hear that a node is not ready.
const ACCEPT_AFTER_SIGTERM: Duration = Duration::from_secs(5);
/// How long the snapshot may take to be written at the end.
const KEEP_LIMIT: Duration = Duration::from_secs(10);
/// How long settlements may take to be written at the end.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// `tollgate-gateway check`.
pub fn check(config: &Path) -> Result<(), Mistakes> {
    let loaded = world::load(config, 1)?;
    say(&format!(
        "{} is valid: {} providers, {} routes, {} tenants, {} API keys",
        config.display(),
        loaded.document.providers.len(),
        loaded.document.routes.len(),
        loaded.document.tenants.len(),
        loaded.world.api_keys.len(),
    ));
    Ok(())
}

/// Serves until it is told to stop.
pub fn serve(flags: Serve) -> Result<(), Mistakes> {
    protect_memory();
    // One provider for all of TLS, chosen before anything can ask for it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let start = start(&flags)?;
    let log = flags.log.as_deref().unwrap_or(&start.document.telemetry.log);
    logs::init(log).map_err(|error| vec![error])?;
    actix_web::rt::System::new().block_on(run(flags, start))
}

/// What a node starts with.
struct Start {
    document: Document,
    world: World,
    source: Source,
}

/// Where further worlds come from.
enum Source {
    Nowhere,
    File { path: PathBuf, text: String },
    Control(Box<ControlSettings>),
}

fn start(flags: &Serve) -> Result<Start, Mistakes> {
    let (document, text) = match &flags.config {
        Some(path) => world::read(path)?,
        None => Default::default(),
    };
    if let Ok(Connected { document, control }) = connected::connected(flags, document, &text)? {
        let source = Source::Control(Box::new(control));
        return Ok(Start { document, world: World::default(), source });
    }
    if let Some(path) = &flags.config {
        let Loaded { document, world, text } = world::load(path, 1)?;
        return Ok(Start { document, world, source: Source::File { path: path.clone(), text } });
    }
    let random: [u8; 32] = rand::random();
    match world::from_environment(&random) {
        Some(result) => {
            let made = result?;
            say(&format!("API key (shown once): {}", made.api_key));
            let Loaded { document, world, .. } = made.loaded;
            Ok(Start { document, world, source: Source::Nowhere })
        }
        None => Err(vec![
            "nothing to serve: give --config FILE or --control URL, or set OPENAI_API_KEY for a gateway to OpenAI. See --help.".to_owned(),
        ]),
    }
}

async fn run(flags: Serve, start: Start) -> Result<(), Mistakes> {
    let settings = start.document.server.clone();
    let listener = bind(flags.listen.unwrap_or(settings.listen), "--listen or [server] listen")
        .map_err(|error| vec![error])?;
    let admin_listener = bind(
        flags.admin_listen.unwrap_or(settings.admin_listen),
        "--admin-listen or [server] admin_listen",
    )
    .map_err(|error| vec![error])?;
    let addresses = (listener.local_addr(), admin_listener.local_addr());
    let (draining, draining_seen) = watch::channel(false);
    let (cut, cut_seen) = watch::channel(false);
    let ready = Arc::new(Readiness::default());
    let Start { document, world, source } = start;
    let (state, worlds) = Worlds::prepare(&document, world, source, cut_seen)?;
    state.counters.check().await.map_err(|error| vec![error.to_string()])?;

    let admin = server::build_admin(admin_listener, web::Data::new(admin_state(&state, &ready)))
        .map_err(cannot_serve)?;
    let options = server::Options {
        listener,
        workers: settings.workers,
        grace: settings.shutdown_grace,
        draining: draining_seen,
    };
    let app = server::build(state.clone(), options).map_err(cannot_serve)?;
    let (app_handle, admin_handle) = (app.handle(), admin.handle());
    let app = actix_web::rt::spawn(app);
    let admin = actix_web::rt::spawn(admin);
    let background = actix_web::rt::spawn(state.counters.clone().run_background());
    let warming = {
        let state = state.clone();
        actix_web::rt::spawn(
            async move { state.vectors.warm(&state.current.load_full().world).await },
        )
    };
    let sharing = actix_web::rt::spawn(hints::share(state.clone()));
    let pulsing = actix_web::rt::spawn(pulses::tell(state.clone()));
    let watchers = worlds.watch(&state);
    ready.set_ready();
    if let (Ok(listen), Ok(admin)) = addresses {
        match state.link.as_deref().and_then(|link| link.unfit(Timestamp::now())) {
            None => tracing::info!(%listen, %admin, "Ready"),
            Some(unfit) => {
                tracing::warn!(%listen, %admin, "Listening, but not ready: {}", unfit.message())
            }
        }
    }

    let patient = wait_for_signal().await;
    tracing::info!("Draining: not ready any more, streams may end");
    ready.set_draining();
    if patient {
        tokio::time::sleep(ACCEPT_AFTER_SIGTERM).await;
    }
    let _ = draining.send(true);
    let grace = settings.shutdown_grace;
    let cutter = actix_web::rt::spawn(async move {
        tokio::time::sleep(grace).await;
        tracing::warn!("The grace is over: streams that still run end with an error");
        let _ = cut.send(true);
    });
    server::stop(app_handle).await;
    let _ = app.await;
    cutter.abort();
    sharing.abort();
    pulsing.abort();
    warming.abort();
    watchers.stop().await;
    finish(&state).await;
    background.abort();
    admin_handle.stop(false).await;
    let _ = admin.await;
    tracing::info!("Ended");
    Ok(())
}

/// Writes what is still queued.
async fn finish(state: &State) {
    let left = state.counters.drain(SETTLE_LIMIT).await;
    if left > 0 {
        tracing::error!(left, "Settlements could not be written: the counters were out of reach");
    }
    if let UsageSinks::File(file) = &state.usage {
        file.close();
    }
    if let Some(traces) = &state.telemetry.traces {
        traces.shutdown();
    }
}

fn cannot_serve(error: std::io::Error) -> Mistakes {
    vec![format!("the server cannot start: {error}")]
}

/// Further worlds, before anybody waits for them.
enum Worlds {
    Nowhere,
    File { path: PathBuf, text: String },
    Control { control: Box<ControlSettings>, link: Arc<Link>, replica: Replica },
}

impl Worlds {
    /// The state with its first world: the file's, or the snapshot's if there is one. A connected node does not wait for
    /// its control plane.
    fn prepare(
        document: &Document,
        world: World,
        source: Source,
        cut: watch::Receiver<bool>,
    ) -> Result<(Arc<State>, Self), Mistakes> {
        let (worlds, state) = match source {
            Source::Nowhere => (Self::Nowhere, state(document, cut, None)?),
            Source::File { path, text } => (Self::File { path, text }, state(document, cut, None)?),
            Source::Control(mut control) => {
                let link = Arc::new(Link::default());
                let wrapping = control.identity.wrapping.clone();
                let state = state(document, cut, Some((link.clone(), wrapping)))?;
                state.telemetry.metrics.connected_mode();
                let mut replica = Replica::default();
                if let Some((restored, taken)) = keeper::restore(&mut control, &link) {
                    replica = restored;
                    taken.tell(&state.telemetry.metrics);
                    state.accept(taken.world);
                }
                (Self::Control { control, link, replica }, state)
            }
        };
        if !matches!(worlds, Self::Control { .. }) {
            state.accept(world);
        }
        Ok((Arc::new(state), worlds))
    }

    /// Begins to look for them.
    fn watch(self, state: &Arc<State>) -> Watchers {
        let (control, link, replica) = match self {
            Self::Nowhere => return Watchers::default(),
            Self::File { path, text } => {
                let watching = actix_web::rt::spawn(world::watch(path, text, state.clone()));
                return Watchers { tasks: vec![watching], keeper: None };
            }
            Self::Control { control, link, replica } => (*control, link, replica),
        };
        let known = replica.revision().zip(control.public_key);
        let latest = known.map(|(revision, public_key)| {
            Arc::new(Latest { revision, public_key, feeds: replica.kept() })
        });
        let (latest, latest_seen) = watch::channel(latest);
        let mut tasks = vec![actix_web::rt::spawn(revocations::watch(state.clone(), link.clone()))];
        let keeper = control.snapshot.clone().map(|path| {
            let identity = control.identity.clone();
            actix_web::rt::spawn(keeper::keep(path, identity, link.clone(), latest_seen))
        });
        let accepting = state.clone();
        let follower = Follower {
            control,
            replica: Arc::new(Mutex::new(replica)),
            link,
            metrics: state.telemetry.metrics.clone(),
            accept: Box::new(move |world| accepting.accept(world)),
            latest,
            timing: Timing::USUAL,
        };
        tasks.push(actix_web::rt::spawn(follower.run()));
        Watchers { tasks, keeper }
    }
}

/// Who looks for new worlds, and who keeps the newest on disk.
#[derive(Default)]
struct Watchers {
    tasks: Vec<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Watchers {
    /// Ends the search; what was found last is on disk before this returns.
    async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // It lets go of what the keeper waits for when it has really ended.
            let _ = task.await;
        }
        if let Some(keeper) = self.keeper
            && tokio::time::timeout(KEEP_LIMIT, keeper).await.is_err()
        {
            tracing::warn!("The newest world could not be written to the snapshot in time");
        }
    }
}

/// The state of a process; it has no world yet.
pub fn state(
    document: &Document,
    cut: watch::Receiver<bool>,
    connected: Option<(Arc<Link>, WrappingKey)>,
) -> Result<State, Mistakes> {
    let counters =
        Shared::new(counters_config(document)?).map_err(|error| vec![error.to_string()])?;
    let usage = match &document.usage {
        UsageSink::None => UsageSinks::None,
        UsageSink::Redis => UsageSinks::Stream,
        UsageSink::File(path) => UsageSinks::File(FileSink::open(path).map_err(|error| {
            vec![format!("[usage] sink: {} cannot be opened: {error}", path.display())]
        })?),
    };
    let endpoint = document
        .telemetry
        .otlp_endpoint
        .clone()
        .or_else(|| environment("OTEL_EXPORTER_OTLP_ENDPOINT"));
    let telemetry = Telemetry::start(endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()))
        .map_err(|error| vec![error])?;
    let (link, wrapping) = connected.unzip();
    Ok(State {
        current: ArcSwap::from_pointee(Current::default()),
        kept: Kept::new(&counters),
        cache: Cache::new(Kept::in_two_levels(&counters)),
        counters,
        shared_counters: document.counters.backend == CountersBackend::Redis,
        on_outage: document.counters.on_outage,
        health: Health::new(wrapping),
        usage,
        telemetry,
        link,
        vectors: Vectors::open(document.embedder.as_ref()).map_err(|error| vec![error])?,
        max_body: document.server.max_body,
        cut,
    })
}

fn counters_config(document: &Document) -> Result<CountersConfig, Mistakes> {
    let stream = document.usage == UsageSink::Redis;
    let wants_redis = stream || document.counters.backend == CountersBackend::Redis;
    let redis_url = match (&document.counters.url, wants_redis) {
        (_, false) => None,
        (Some(reference), true) => Some(
            world::secret(reference).map_err(|error| vec![format!("[counters] url: {error}")])?,
        ),
        (None, true) => Some(
            environment("REDIS_URL").map(Secret::new).ok_or_else(|| {
                vec!["[counters] url is missing: write url = { env = \"REDIS_URL\" } or url = \"redis://127.0.0.1:6379\"".to_owned()]
            })?,
        ),
    };
    Ok(CountersConfig {
        backend: match document.counters.backend {
            CountersBackend::Memory => Backend::Memory,
            CountersBackend::Redis => Backend::Redis,
        },
        redis_url,
        timeout: document.counters.timeout,
        stream,
    })
}

fn admin_state(state: &Arc<State>, ready: &Arc<Readiness>) -> AdminState {
    let (world, counters, scrape) = (state.clone(), state.clone(), state.clone());
    AdminState {
        ready: ready.clone(),
        metrics: state.telemetry.metrics.clone(),
        world_revision: Box::new(move || world.current.load().world.revision),
        counters_healthy: Box::new(move || counters.counters.is_healthy()),
        link: state.link.clone().map(|link| -> Box<dyn Fn() -> LinkReport + Send + Sync> {
            Box::new(move || LinkReport {
                connected: link.is_connected(),
                unfit: link.unfit(Timestamp::now()),
            })
        }),
        before_scrape: Box::new(move |metrics| {
            let revision = scrape.current.load().world.revision;
            let contact = scrape.link.as_deref().map(|link| {
                let age = Timestamp::now().duration_since(link.last_contact());
                (link.is_connected(), Duration::try_from(age).unwrap_or_default())
            });
            metrics.world(revision, contact);
            let lost = if let UsageSinks::File(file) = &scrape.usage { file.dropped() } else { 0 };
            metrics.before_scrape(
                scrape.counters.pending_settlements(),
                scrape.counters.is_healthy(),
                lost,
            );
        }),
    }
}

/// Waits for SIGTERM (true: load balancers get time) or SIGINT (false: a person is waiting).
async fn wait_for_signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match (terminate, interrupt) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => true,
                _ = interrupt.recv() => false,
            }
        }
        _ => std::future::pending().await,
    }
}

/// Provider keys are in memory: no core dumps, and no other process of the same user looks in.
fn protect_memory() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// To the person at the terminal, not to the log.
pub fn say(text: &str) {
    #[expect(clippy::print_stdout, reason = "this is the command's output")]
    {
        println!("{text}");
    }
}
