//! What people call those who made something.

use super::{StoreError, TenantTx};
use crate::ids::{ManagementTokenId, PersonId};
use std::collections::HashMap;
use uuid::Uuid;

/// The addresses of persons and the names of management tokens, by the id that was written down. Who is unknown to the
/// tenant, as an operator or the command line, is left out.
pub async fn names(
    tx: &mut TenantTx,
    ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, String>, StoreError> {
    let tenant = tx.tenant();
    let (mut people, mut tokens) = (Vec::<Uuid>::new(), Vec::<Uuid>::new());
    for id in ids {
        if let Ok(id) = id.parse::<PersonId>() {
            people.push(id.0);
        } else if let Ok(id) = id.parse::<ManagementTokenId>() {
            tokens.push(id.0);
        }
    }
    let rows = sqlx::query!(
        r#"select p.id as "id!", p.email as "name!", true as "person!" from people p
             join members m on m.person_id = p.id where m.tenant_id = $1 and p.id = any($2)
           union all select id, 'token ' || name, false from management_tokens where tenant_id = $1 and id = any($3)"#,
        tenant.0,
        &people,
        &tokens
    )
    .fetch_all(&mut **tx)
    .await?;
    let names = rows.into_iter().map(|row| {
        let id = if row.person {
            PersonId(row.id).to_string()
        } else {
            ManagementTokenId(row.id).to_string()
        };
        (id, row.name)
    });
    Ok(names.collect())
}
