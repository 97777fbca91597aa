//! API keys with what they did, as people look through them.

use super::{StoreError, TenantTx};
use crate::ids::{ApiKeyId, MemberId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// An API key with what it did.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The key's last four characters.
    pub last4: String,
    /// Its team's name.
    pub team: Option<String>,
    /// The address of the member whose key it is.
    pub member: Option<String>,
    /// `active`, `expiring` (within a week), `overlap` (has a successor), `revoked` or `expired`.
    pub status: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was used last.
    pub last_used_at: Option<DateTime<Utc>>,
    /// What it spent since the time that was asked for.
    pub cost_nano_usd: i64,
}

/// Which keys, in which order.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Only this one.
    pub only: Option<ApiKeyId>,
    /// The name or the team contains this, or it is the last four characters.
    pub search: String,
    /// Only this member's.
    pub member: Option<MemberId>,
    /// Only with this status; empty: all.
    pub status: String,
    /// `name`, `created`, `last_used` or `spend`; falling with `-` before it. Anything else: the newest first.
    pub sort: String,
    /// Since when spend counts.
    pub since: DateTime<Utc>,
    /// Those after this one, in the order that was asked for.
    pub after: Option<ApiKeyId>,
    /// How many at most.
    pub limit: i64,
}

/// A page of keys. Rows are numbered in their order, so that a page can begin after a key whatever the order is.
pub async fn page(tx: &mut TenantTx, question: &Question) -> Result<Vec<ListedKey>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        ListedKey,
        r#"with spend as (
             select api_key, sum(cost_nano_usd)::bigint as cost from usage_rollup
             where tenant_id = $1 and hour >= $7 group by api_key
           ), listed as (
             select k.id, k.name, k.last4, t.name as team, p.email as member, k.created_at, k.expires_at,
               a.last_used_at, coalesce(s.cost, 0) as cost,
               case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired'
                 when exists (select 1 from api_keys n where n.tenant_id = k.tenant_id and n.rotated_from = k.id)
                   then 'overlap'
                 when k.expires_at <= now() + interval '7 days' then 'expiring' else 'active' end as status
             from api_keys k
             left join teams t on t.tenant_id = k.tenant_id and t.id = k.team_id
             left join members m on m.tenant_id = k.tenant_id and m.id = k.member_id
             left join people p on p.id = m.person_id
             left join api_key_activity a on a.tenant_id = k.tenant_id
               and a.api_key = 'key_' || replace(k.id::text, '-', '')
             left join spend s on s.api_key = 'key_' || replace(k.id::text, '-', '')
             where k.tenant_id = $1 and ($2::uuid is null or k.id = $2) and ($4::uuid is null or k.member_id = $4)
               and ($3 = '' or strpos(lower(k.name), lower($3)) > 0 or strpos(lower(coalesce(t.name, '')), lower($3)) > 0
                 or k.last4 = $3)
           ), numbered as (
             select *, row_number() over (order by
               case $6 when 'name' then lower(name) end, case $6 when '-name' then lower(name) end desc,
               case $6 when 'spend' then cost when '-spend' then -cost end,
               case $6 when 'last_used' then last_used_at end nulls first,
               case $6 when '-last_used' then last_used_at end desc nulls last,
               case $6 when 'created' then id end, id desc) as number
             from listed where $5 = '' or status = $5
           )
           select id as "id!", name as "name!", last4 as "last4!", team as "team?", member as "member?",
             status as "status!", created_at as "created_at!", expires_at as "expires_at?",
             last_used_at as "last_used_at?", cost as "cost_nano_usd!"
           from numbered where number > coalesce((select number from numbered where id = $8), 0)
           order by number limit $9"#,
        tenant.0,
        question.only.map(|id| id.0),
        question.search,
        question.member.map(|id| id.0),
        question.status,
        question.sort,
        question.since,
        question.after.map(|id| id.0),
        question.limit,
    )
    .fetch_all(&mut **tx)
    .await?)
}
