//! Subcommands that add records straight to the database: who has a shell here is trusted.

use super::{Mistakes, open, say};
use crate::{
    access::{Role, Who},
    domain,
    error::ApiError,
    ids::TenantId,
    keys::{Keys, read_key_file},
    settings::{Database, KekFile},
    store::{self, StoreError},
};

/// What went wrong, for the person at the terminal.
pub(super) fn told(error: ApiError) -> Mistakes {
    match error {
        ApiError::Invalid(errors) => errors
            .into_iter()
            .map(|error| format!("{} {}", error.pointer.trim_start_matches('/'), error.message))
            .collect(),
        ApiError::Internal(cause) => vec![explain(&*cause)],
        other => vec![other.to_string()],
    }
}

fn explain(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    format!("{cause}. If the database is new, run `tollgate-control migrate` first.")
}

fn store_told(error: StoreError) -> Mistakes {
    told(error.into())
}

/// `tenant add`.
pub async fn add_tenant(
    database: Database,
    name: String,
    owner: String,
    time_zone: String,
    if_missing: bool,
) -> Result<bool, Mistakes> {
    let db = open(&database)?;
    if if_missing {
        let mut tx = db.system().await.map_err(store_told)?;
        match store::tenants::by_name(&mut tx, &name).await {
            Ok(row) => {
                say(&TenantId(row.id).to_string());
                return Ok(true);
            }
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(store_told(error)),
        }
    }
    let (tenant, _) = domain::tenants::create(&db, &Who::CommandLine, &name, &time_zone, &owner)
        .await
        .map_err(told)?;
    say(&tenant.to_string());
    Ok(true)
}

/// `operator link`.
pub async fn operator_link(
    database: Database,
    email: String,
    public_url: String,
) -> Result<bool, Mistakes> {
    let db = open(&database)?;
    let email = domain::tenants::email(&email, "email").map_err(told)?;
    let token = domain::sign_in::operator_link(&db, &email).await.map_err(told)?;
    say(&format!("{}/sign-in/link?token={token}", public_url.trim_end_matches('/')));
    Ok(true)
}

/// `token new`.
pub async fn new_token(
    database: Database,
    tenant: String,
    name: String,
    role: String,
    days: u16,
) -> Result<bool, Mistakes> {
    let db = open(&database)?;
    let role = Role::from_name(&role).ok_or_else(|| {
        vec![format!("--role {role}: must be one of owner, admin, billing, member, viewer")]
    })?;
    let mut tx = db.system().await.map_err(store_told)?;
    let row = store::tenants::by_name(&mut tx, &tenant).await.map_err(|error| match error {
        StoreError::NotFound => vec![format!(
            "there is no tenant \"{tenant}\": `tollgate-control tenant add` makes one"
        )],
        other => store_told(other),
    })?;
    drop(tx);
    let actor = crate::access::Actor::command_line(TenantId(row.id));
    let expires = chrono::Utc::now() + chrono::Duration::days(days.into());
    let secret =
        domain::management_tokens::mint(&db, &actor, &name, role, expires).await.map_err(told)?;
    say(secret.expose());
    Ok(true)
}

/// `node add`.
pub async fn add_node(
    database: Database,
    kek: KekFile,
    name: String,
    if_missing: bool,
) -> Result<bool, Mistakes> {
    let db = open(&database)?;
    if if_missing
        && domain::nodes::list(&db).await.map_err(told)?.iter().any(|node| node.name == name)
    {
        return Ok(true);
    }
    let kek = read_key_file(&kek.kek_file).map_err(|error| vec![error.to_string()])?;
    let keys = Keys::load(kek, &db).await.map_err(|error| vec![error.to_string()])?;
    let secret = domain::nodes::add(&db, &keys, &Who::CommandLine, &name).await.map_err(told)?;
    say(secret.expose());
    Ok(true)
}
