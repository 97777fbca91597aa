//! The platform's price book. Rows are added and never changed.

use super::{StoreError, SystemTx};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

/// A row.
#[derive(Debug, Clone)]
pub struct PriceRow {
    /// Rises with each row: of two that begin at the same time, the later one counts.
    pub seq: i64,
    /// The kind of provider.
    pub kind: String,
    /// The provider's own name of the model.
    pub model: String,
    /// Empty: everywhere.
    pub region: String,
    /// From when on it is in force.
    pub valid_from: DateTime<Utc>,
    /// `[models."…"]` of the config document.
    pub spec: Value,
    /// Where it is from.
    pub source: String,
    /// When it was added.
    pub recorded_at: DateTime<Utc>,
}

/// What is asked of the rows in force.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this model.
    pub model: Option<String>,
    /// Those behind this kind, model and region.
    pub after: Option<[String; 3]>,
}

/// The rows that are in force at a time (absent: now, by the database's clock), by kind, model and region; `limit` of
/// them at most.
pub async fn in_force(
    conn: &mut PgConnection,
    at: Option<DateTime<Utc>>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<PriceRow>, StoreError> {
    let [kind, model, region] =
        filter.after.clone().map_or([None, None, None], |after| after.map(Some));
    Ok(sqlx::query_as!(
        PriceRow,
        "select distinct on (kind, model, region) seq, kind, model, region, valid_from, spec, source, recorded_at \
         from price_book where valid_from <= coalesce($1, now()) and ($2::text is null or kind = $2) \
         and ($3::text is null or model = $3) \
         and ($4::text is null or (kind, model, region) > ($4, $5::text, $6::text)) \
         order by kind, model, region, valid_from desc, seq desc limit $7",
        at,
        filter.kind,
        filter.model,
        kind,
        model,
        region,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// All rows of a model, the last that comes into force first; `limit` of them at most.
pub async fn history(
    conn: &mut PgConnection,
    kind: &str,
    model: &str,
    limit: i64,
) -> Result<Vec<PriceRow>, StoreError> {
    Ok(sqlx::query_as!(
        PriceRow,
        "select seq, kind, model, region, valid_from, spec, source, recorded_at from price_book \
         where kind = $1 and model = $2 order by valid_from desc, seq desc limit $3",
        kind,
        model,
        limit,
    )
    .fetch_all(conn)
    .await?)
}

/// A new row.
#[derive(Debug)]
pub struct NewPrice<'p> {
    /// The kind of provider.
    pub kind: &'p str,
    /// The model.
    pub model: &'p str,
    /// Empty: everywhere.
    pub region: &'p str,
    /// `[models."…"]` of the config document.
    pub spec: &'p Value,
}

/// Adds rows that are from one source and begin at one time.
pub async fn add(
    tx: &mut SystemTx,
    rows: &[NewPrice<'_>],
    valid_from: DateTime<Utc>,
    source: &str,
) -> Result<(), StoreError> {
    let texts = |of: fn(&NewPrice<'_>) -> String| rows.iter().map(of).collect::<Vec<_>>();
    sqlx::query!(
        "insert into price_book (kind, model, region, spec, valid_from, source) \
         select kind, model, region, spec::jsonb, $5, $6 \
         from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t (kind, model, region, spec)",
        &texts(|row| row.kind.to_owned()),
        &texts(|row| row.model.to_owned()),
        &texts(|row| row.region.to_owned()),
        &texts(|row| row.spec.to_string()),
        valid_from,
        source,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The time of the transaction, as the database has it.
pub async fn now(tx: &mut SystemTx) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar!("select now() as \"now!\"").fetch_one(&mut **tx).await?)
}

/// Gives the price book as it is a revision of the world, which brings it to the nodes: call it last.
pub async fn advance(tx: &mut SystemTx) -> Result<i64, StoreError> {
    let revision =
        sqlx::query_scalar!("update world set revision = revision + 1 returning revision")
            .fetch_one(&mut **tx)
            .await?;
    sqlx::query!("insert into price_book_changes (revision) values ($1)", revision)
        .execute(&mut **tx)
        .await?;
    sqlx::query!("select pg_notify('tollgate_world', $1::text)", revision.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(revision)
}

/// Whether rows came into force since the last revision that brought a price book.
pub async fn is_due(tx: &mut SystemTx) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        "select exists (select 1 from price_book where valid_from <= now() and valid_from > \
         coalesce((select max(at) from price_book_changes), '-infinity')) as \"due!\""
    )
    .fetch_one(&mut **tx)
    .await?)
}

/// Whether the price book changed after a revision.
pub async fn changed_after(tx: &mut SystemTx, revision: i64) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        "select exists (select 1 from price_book_changes where revision > $1) as \"changed!\"",
        revision
    )
    .fetch_one(&mut **tx)
    .await?)
}
