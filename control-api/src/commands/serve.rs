//! `serve`: checks what it stands on, then serves until it is told to stop.

use super::{Mistakes, migrate::MIGRATOR};
use crate::{
    access::password::Passwords,
    jobs,
    keys::{Keys, read_key_file},
    publish::Publisher,
    server,
    settings::Serve,
    state::State,
    store::Db,
    telemetry,
};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Serves until SIGTERM or SIGINT.
pub fn run(settings: Serve) -> Result<(), Mistakes> {
    telemetry::init(&settings.log).map_err(|error| vec![error])?;
    actix_web::rt::System::new().block_on(serve(settings))
}

async fn serve(settings: Serve) -> Result<(), Mistakes> {
    let (app, system) = settings.database.options().map_err(|error| vec![error.to_string()])?;
    let public = reqwest::Url::parse(&settings.public_url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    if public.is_none_or(|url| url.host_str().is_none()) {
        return Err(vec![format!(
            "--public-url {}: must be an http or https URL, like https://console.example",
            settings.public_url
        )]);
    }
    let kek = read_key_file(&settings.kek.kek_file).map_err(|error| vec![error.to_string()])?;
    let db = Db::new(app, system, settings.database_connections);
    check_database(&db).await?;
    let keys = Keys::load(kek, &db).await.map_err(|error| vec![error.to_string()])?;
    let redis = connect_redis(&settings.redis_url).await?;
    let listener = std::net::TcpListener::bind(settings.listen).map_err(|error| {
        vec![format!(
            "--listen {}: {error}. Is another control plane running there?",
            settings.listen
        )]
    })?;
    let state = State {
        publisher: Publisher::start(db.clone()),
        db,
        redis,
        keys: Arc::new(keys),
        settings: Arc::new(settings),
        passwords: Arc::new(Passwords::new()),
        pulses: Arc::default(),
    };
    let jobs = jobs::spawn_all(&state);
    let server = server::build(state.clone(), listener)
        .map_err(|error| vec![format!("the server cannot start: {error}")])?;
    tracing::info!(listen = %state.settings.listen, console = %state.settings.public_url, "Ready");
    let ended = server.await;
    jobs.stop().await;
    state.db.close().await;
    tracing::info!("Ended");
    ended.map_err(|error| vec![format!("the server ended: {error}")])
}

/// One clear message for each thing that can be wrong with a database.
async fn check_database(db: &Db) -> Result<(), Mistakes> {
    let unreachable = |error: sqlx::Error| {
        vec![format!(
            "the database cannot be reached: {error}. Check DATABASE_URL and DATABASE_SYSTEM_URL, and that Postgres runs."
        )]
    };
    for pool in [db.app_pool(), db.system_pool()] {
        sqlx::query("select 1").execute(pool).await.map_err(unreachable)?;
    }
    // Runtime checks of the catalog: they read what no schema of ours describes.
    let (role, unsafe_role): (String, bool) = sqlx::query_as(
        "select current_user::text, exists (select 1 from pg_roles r where r.rolname = current_user and \
         (r.rolsuper or r.rolbypassrls)) or exists (select 1 from pg_tables t where t.tablename = 'api_keys' \
         and t.tableowner = current_user)",
    )
    .fetch_one(db.app_pool())
    .await
    .map_err(unreachable)?;
    if unsafe_role {
        return Err(vec![format!(
            "DATABASE_URL is the role {role}, which is not held by row-level security: use tg_app, which `tollgate-control migrate` creates"
        )]);
    }
    let migrated: Result<Vec<(i64, bool)>, _> =
        sqlx::query_as("select version, success from _sqlx_migrations")
            .fetch_all(db.system_pool())
            .await;
    let Ok(migrated) = migrated else {
        return Err(vec!["the database has no tables yet, or was migrated by another version: run `tollgate-control migrate` with DATABASE_OWNER_URL".to_owned()]);
    };
    let wanted: BTreeSet<i64> = MIGRATOR
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
        .map(|m| m.version)
        .collect();
    let there: BTreeSet<i64> =
        migrated.iter().filter(|(_, success)| *success).map(|(version, _)| *version).collect();
    if let Some(missing) = wanted.difference(&there).next() {
        return Err(vec![format!(
            "the database lacks migration {missing}: run `tollgate-control migrate` with DATABASE_OWNER_URL"
        )]);
    }
    if let Some(unknown) = there.difference(&wanted).next() {
        return Err(vec![format!(
            "the database has migration {unknown}, which this tollgate-control does not know: use the newer one"
        )]);
    }
    Ok(())
}

async fn connect_redis(url: &str) -> Result<ConnectionManager, Mistakes> {
    let client = redis::Client::open(url).map_err(|_| {
        vec!["REDIS_URL is no Redis URL: write redis://USER:PASSWORD@HOST:PORT".to_owned()]
    })?;
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(Duration::from_secs(10)))
        .set_number_of_retries(2);
    let connected = tokio::time::timeout(
        Duration::from_secs(10),
        ConnectionManager::new_with_config(client, config),
    )
    .await;
    match connected {
        Ok(Ok(redis)) => Ok(redis),
        Ok(Err(error)) => Err(vec![format!(
            "Redis cannot be reached: {error}. Check REDIS_URL, and that Redis runs."
        )]),
        Err(_) => {
            Err(vec!["Redis does not answer. Check REDIS_URL, and that Redis runs.".to_owned()])
        }
    }
}
