//! How many targets were called for requests of a list.

use super::requests::RequestRow;
use crate::store::{StoreError, TenantTx};
use chrono::NaiveDate;
use std::collections::HashMap;

/// The numbers of attempts by the requests' ids.
pub async fn of<'r>(
    tx: &mut TenantTx,
    rows: impl Iterator<Item = &'r RequestRow> + Clone,
) -> Result<HashMap<String, i64>, StoreError> {
    let times = rows.clone().map(|row| row.at.date_naive());
    let (Some(oldest), Some(newest)) = (times.clone().min(), times.max()) else {
        return Ok(HashMap::new());
    };
    let tenant = tx.tenant();
    let ids: Vec<String> = rows.map(|row| row.id.clone()).collect();
    // An event's day is that of its id, which may be a little off its time.
    let rows = sqlx::query!(
        r#"select id, case jsonb_typeof(event -> 'attempts') when 'array' then jsonb_array_length(event -> 'attempts')
           else 0 end::bigint as "attempts!" from usage_events
           where tenant_id = $1 and day >= $2 and day <= $3 and id = any($4)"#,
        tenant.0,
        oldest.pred_opt().unwrap_or(NaiveDate::MIN),
        newest.succ_opt().unwrap_or(NaiveDate::MAX),
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempts)).collect())
}
