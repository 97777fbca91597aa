//! What tenants are and do, for operators.

use super::{StoreError, SystemTx};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What a tenant has and did.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Which.
    pub tenant_id: Uuid,
    /// Members.
    pub members: i64,
    /// API keys that work.
    pub api_keys: i64,
    /// What was charged since the first of the two times.
    pub cost_nano_usd: i64,
    /// Requests since the second.
    pub requests: i64,
}

/// What some tenants have, what they were charged since one time and how many requests they sent since another.
pub async fn of(
    tx: &mut SystemTx,
    tenants: &[Uuid],
    charged_since: DateTime<Utc>,
    requests_since: DateTime<Utc>,
) -> Result<Vec<Activity>, StoreError> {
    Ok(sqlx::query_as!(
        Activity,
        r#"select t.id as tenant_id,
             (select count(*) from members m where m.tenant_id = t.id and m.removed_at is null) as "members!",
             (select count(*) from api_keys k where k.tenant_id = t.id and k.revoked_at is null
               and (k.expires_at is null or k.expires_at > now())) as "api_keys!",
             coalesce((select sum(r.cost_nano_usd) from usage_rollup r
               where r.tenant_id = t.id and r.hour >= $2), 0)::bigint as "cost_nano_usd!",
             coalesce((select sum(r.requests) from usage_rollup r
               where r.tenant_id = t.id and r.hour >= $3), 0)::bigint as "requests!"
           from tenants t where t.id = any($1)"#,
        tenants,
        charged_since,
        requests_since
    )
    .fetch_all(&mut **tx)
    .await?)
}
