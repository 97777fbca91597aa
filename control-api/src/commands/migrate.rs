//! `migrate`: roles, then tables.

use super::{Mistakes, say};
use crate::settings::{Migrate, connect_options};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
};

/// The migrations of this version.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Creates the roles and applies the migrations that are missing.
pub async fn run(settings: Migrate) -> Result<bool, Mistakes> {
    let wrong = |error: crate::settings::WrongUrl| vec![error.to_string()];
    let owner =
        connect_options(&settings.database_owner_url, "DATABASE_OWNER_URL").map_err(wrong)?;
    let (_, _) = settings.database.options().map_err(wrong)?;
    let mut connection = PgConnection::connect_with(&owner).await.map_err(|error| {
        vec![format!("the database cannot be reached as its owner: {error}. Check DATABASE_OWNER_URL and that Postgres runs.")]
    })?;
    roles(&mut connection, &settings).await.map_err(|error| {
        vec![format!("the roles tg_app and tg_system cannot be created: {error}. DATABASE_OWNER_URL needs a role that may create roles.")]
    })?;
    let before = applied(&mut connection).await;
    MIGRATOR.run(&mut connection).await.map_err(|error| vec![explain(&error)])?;
    sqlx::query("grant select on _sqlx_migrations to tg_system")
        .execute(&mut connection)
        .await
        .map_err(|error| {
            vec![format!("the list of migrations cannot be shown to tg_system: {error}")]
        })?;
    let after = applied(&mut connection).await;
    say(&format!("{} migrations, {} of them new", after, after - before));
    Ok(true)
}

async fn applied(connection: &mut PgConnection) -> i64 {
    // The table is not there before the first migration.
    sqlx::query_scalar("select count(*) from _sqlx_migrations")
        .fetch_one(connection)
        .await
        .unwrap_or(0)
}

fn explain(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMismatch(version) => format!(
            "migration {version} was applied to this database in another form: it belongs to another build of tollgate-control. Use that build, or restore the database."
        ),
        MigrateError::VersionMissing(version) => format!(
            "the database has migration {version}, which this tollgate-control does not know: it is older than the database. Use the newer one."
        ),
        other => format!("the migrations cannot be applied: {other}"),
    }
}

/// Role names are ours, and passwords are quoted by Postgres itself: `create role` takes no parameters.
async fn roles(connection: &mut PgConnection, settings: &Migrate) -> Result<(), sqlx::Error> {
    let app = password(&settings.database.database_url);
    let system = settings.database.database_system_url.as_deref().map_or(app.clone(), password);
    for (role, password) in [("tg_app", app), ("tg_system", system)] {
        let quoted: String = sqlx::query_scalar("select quote_literal($1)")
            .bind(password.unwrap_or_default())
            .fetch_one(&mut *connection)
            .await?;
        let known: bool =
            sqlx::query_scalar("select exists (select 1 from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(&mut *connection)
                .await?;
        let verb = if known { "alter" } else { "create" };
        let statement = format!(
            "{verb} role {role} login nosuperuser nobypassrls nocreatedb nocreaterole password {quoted}"
        );
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn password(url: &str) -> Option<String> {
    reqwest::Url::parse(url).ok()?.password().map(|text| {
        // A URL writes special characters as %XX.
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let decoded = (bytes[at] == b'%')
                .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
                .flatten();
            out.push(decoded.unwrap_or(bytes[at]));
            at += if decoded.is_some() { 3 } else { 1 };
        }
        String::from_utf8_lossy(&out).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_from_urls() {
        assert_eq!(password("postgres://u:p%40ss%2F@h/d").as_deref(), Some("p@ss/"));
        assert_eq!(password("postgres://u@h/d"), None);
    }
}
