//! How many targets were called for requests of a list.

use super::report::RequestRow;
use crate::store::{StoreError, TenantTx};
use chrono::NaiveDate;
use std::collections::HashMap;

/// The numbers of attempts by the requests' ids. The rows are newest first.
pub async fn of(tx: &mut TenantTx, rows: &[RequestRow]) -> Result<HashMap<String, i64>, StoreError> {
    let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) else { return Ok(HashMap::new()) };
    let tenant = tx.tenant();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    // An event's day is that of its id, which may be a little off its time.
    let rows = sqlx::query!(
        r#"select id, case jsonb_typeof(event -> 'attempts') when 'array' then jsonb_array_length(event -> 'attempts')
           else 0 end::bigint as "attempts!" from usage_events
           where tenant_id = $1 and day >= $2 and day <= $3 and id = any($4)"#,
        tenant.0,
        oldest.at.date_naive().pred_opt().unwrap_or(NaiveDate::MIN),
        newest.at.date_naive().succ_opt().unwrap_or(NaiveDate::MAX),
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.attempts)).collect())
}
