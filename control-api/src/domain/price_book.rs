//! The platform's price book: what models cost from when on. It goes before the built-in catalog, and a tenant's own
//! `[models]` go before it.

use super::document::to_table;
use crate::{
    access::{Actor, Who},
    error::{ApiError, FieldError},
    ids::TenantId,
    state::State,
    store::{
        Db, SystemTx,
        audit_log::{self, NewEntry},
        price_book::{self as store, Filter, NewPrice, PriceRow},
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::{collections::BTreeMap, sync::Arc};
use tollgate_contract::{
    catalog, document,
    price_book::{PriceBook, Subject},
};
use toml::{Table, Value as Toml};

/// More rows are in force than a page of the API, but a book has an end.
const ROWS_MOST: i64 = 100_000;

/// A row that an import changes.
#[derive(Debug)]
pub struct Change {
    /// Of what.
    pub subject: Subject,
    /// What held so far: of the book, else of the catalog; absent: nothing was known.
    pub before: Option<Value>,
    /// What will hold.
    pub after: Value,
}

/// What an import does.
#[derive(Debug)]
pub struct Import {
    /// From when on.
    pub valid_from: DateTime<Utc>,
    /// Rows that are new or differ.
    pub changes: Vec<Change>,
    /// Rows that say what holds anyway.
    pub same: usize,
}

/// Adds those of the rows that say something new. A dry run only tells which they are.
pub async fn import(
    db: &Db,
    by: &Who,
    rows: BTreeMap<Subject, Value>,
    valid_from: Option<DateTime<Utc>>,
    source: &str,
    dry_run: bool,
) -> Result<Import, ApiError> {
    let mut tx = db.system().await?;
    let now = store::now(&mut tx).await?;
    let valid_from = valid_from.unwrap_or(now);
    let held = store::in_force(&mut tx, Some(valid_from), &Filter::default(), ROWS_MOST).await?;
    let held: BTreeMap<Subject, Value> =
        held.into_iter().filter_map(|row| Some((subject(&row)?, row.spec))).collect();
    check(&rows)?;
    let all = rows.len();
    let changes: Vec<_> = rows.into_iter().filter_map(|row| change(row, &held)).collect();
    let import = Import { valid_from, same: all - changes.len(), changes };
    if dry_run || import.changes.is_empty() {
        return Ok(import);
    }
    let new = import.changes.iter().map(|change| NewPrice {
        kind: change.subject.kind.name(),
        model: &change.subject.model,
        region: &change.subject.region,
        spec: &change.after,
    });
    let new: Vec<_> = new.collect();
    store::add(&mut tx, &new, valid_from, source).await?;
    let detail = json!({ "source": source, "valid_from": valid_from, "rows": new.len() });
    write_down(&mut tx, by, detail).await?;
    store::advance(&mut tx).await?;
    tx.commit().await?;
    Ok(import)
}

async fn write_down(tx: &mut SystemTx, by: &Who, detail: Value) -> Result<(), ApiError> {
    let actor = Actor { who: by.clone(), ..Actor::command_line(TenantId(audit_log::PLATFORM)) };
    let entry = NewEntry {
        actor: &actor.id(),
        actor_name: &actor.name(),
        action: "price_book.imported",
        object: "price_book",
        outcome: "ok",
        ip: "",
        request_id: &actor.request_id,
        detail,
    };
    Ok(audit_log::append_system(tx, audit_log::PLATFORM, entry).await?)
}

/// Refuses what a gateway would refuse.
fn check(rows: &BTreeMap<Subject, Value>) -> Result<(), ApiError> {
    for (subject, spec) in rows {
        let text = compose([(subject.clone(), spec)])?;
        if let Err(problems) = document::read_price_book(&text) {
            let of = format!("{} {}", subject.kind.name(), subject.model);
            let told = problems.iter().map(|p| FieldError::new("", format!("{of}: {}", p.message)));
            return Err(ApiError::Invalid(told.collect()));
        }
    }
    Ok(())
}

/// `None` if the row says what holds anyway.
fn change((subject, after): (Subject, Value), held: &BTreeMap<Subject, Value>) -> Option<Change> {
    let before = match held.get(&subject) {
        Some(spec) if *spec == after => return None,
        Some(spec) => Some(spec.clone()),
        None => {
            let region = Some(subject.region.as_str());
            let known = catalog::look_up_in(subject.kind, &subject.model, region);
            let text = compose([(subject.clone(), &after)]).ok()?;
            let book = document::read_price_book(&text).ok()?;
            if known.is_some() && known == book.get(subject.kind, &subject.model, region) {
                return None;
            }
            let price = known.and_then(|model| model.price.as_ref().map(document::price_to_json));
            price.map(|price| json!({ "price": price }))
        }
    };
    Some(Change { subject, before, after })
}

/// The rows in force now, by kind, model and region; one more than `limit` where there are more.
pub async fn list(
    state: &State,
    actor: &Actor,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<PriceRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::in_force(&mut tx, None, filter, limit + 1).await?)
}

/// All rows of a model, the last that comes into force first.
pub async fn history(
    state: &State,
    actor: &Actor,
    kind: &str,
    model: &str,
) -> Result<Vec<PriceRow>, ApiError> {
    let mut tx = state.db.tenant(actor.tenant).await?;
    Ok(store::history(&mut tx, kind, model, HISTORY_MOST).await?)
}

/// A history shows at most this many rows.
pub const HISTORY_MOST: i64 = 200;

/// The book as nodes get it: a document with the rows in force.
pub async fn document(conn: &mut PgConnection) -> Result<String, ApiError> {
    let rows = store::in_force(conn, None, &Filter::default(), ROWS_MOST).await?;
    // A kind that this version does not know is of no use to any node.
    let known = rows.iter().filter_map(|row| Some((subject(row)?, &row.spec)));
    compose(known)
}

/// The book as gateways have it.
pub async fn in_force(conn: &mut PgConnection) -> Result<Arc<PriceBook>, ApiError> {
    let text = document(conn).await?;
    let book = document::read_price_book(&text);
    Ok(Arc::new(book.map_err(|_| ApiError::internal("the price book was checked on its way in"))?))
}

fn subject(row: &PriceRow) -> Option<Subject> {
    let kind = tollgate_contract::provider::ProviderKind::from_name(&row.kind)?;
    Some(Subject { kind, model: row.model.clone(), region: row.region.clone() })
}

fn compose<'r>(rows: impl IntoIterator<Item = (Subject, &'r Value)>) -> Result<String, ApiError> {
    let models = rows.into_iter().map(|(subject, spec)| {
        let mut table = to_table(spec);
        table.insert("kind".to_owned(), Toml::String(subject.kind.name().to_owned()));
        table.insert("model".to_owned(), Toml::String(subject.model));
        if !subject.region.is_empty() {
            table.insert("region".to_owned(), Toml::String(subject.region));
        }
        Toml::Table(table)
    });
    let models: Vec<_> = models.collect();
    let mut root = Table::new();
    if !models.is_empty() {
        root.insert("models".to_owned(), Toml::Array(models));
    }
    toml::to_string(&root).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::provider::ProviderKind;

    fn of(model: &str) -> Subject {
        Subject { kind: ProviderKind::Openai, model: model.to_owned(), region: String::new() }
    }

    #[test]
    fn only_what_says_something_new_is_a_change() {
        let priced = |input: &str| json!({ "price": { "input": input, "output": "10" } });
        let held = BTreeMap::from([(of("held"), priced("1"))]);
        let changed = |subject, spec| change((subject, spec), &held);
        assert!(changed(of("held"), priced("1")).is_none());
        assert_eq!(changed(of("held"), priced("2")).unwrap().before, Some(priced("1")));
        assert_eq!(changed(of("unheard-of"), priced("2")).unwrap().before, None);
        // The catalog has it so.
        let catalogs = catalog::look_up(ProviderKind::Openai, "gpt-4o").unwrap();
        let price = document::price_to_json(catalogs.price.as_ref().unwrap());
        assert!(changed(of("gpt-4o"), json!({ "price": price.clone() })).is_none());
        let dearer = changed(of("gpt-4o"), priced("7")).unwrap();
        assert_eq!(dearer.before, Some(json!({ "price": price })));
    }

    #[test]
    fn a_book_is_composed_as_nodes_read_it() {
        let spec = json!({
            "price": {
                "input": "1", "output": "2", "tiers": [{ "above_input_tokens": 5, "input": "3" }],
                "service_tiers": { "flex": { "input": "0.5" } },
                "off_peak": { "input": "0.1", "windows": [{ "days": [1], "from": "00:00", "until": "01:00" }] },
            },
            "capabilities": ["chat"],
        });
        let eu = Subject { region: "eu".to_owned(), ..of("m\"x") };
        let text = compose([(eu, &spec), (of("other"), &spec)]).unwrap();
        let book = document::read_price_book(&text).unwrap();
        assert_eq!(book.len(), 2, "{text}");
        let model = book.get(ProviderKind::Openai, "m\"x", Some("eu")).unwrap();
        assert!(model.price.as_ref().unwrap().off_peak.is_some());
        assert_eq!(compose(std::iter::empty::<(Subject, &Value)>()).unwrap(), "");
    }

    #[test]
    fn what_gateways_would_refuse_is_refused_with_its_name() {
        let rows = BTreeMap::from([(of("bad"), json!({ "price": { "input": "a lot" } }))]);
        let error = check(&rows).unwrap_err();
        let ApiError::Invalid(errors) = error else { panic!("{error:?}") };
        assert!(errors[0].message.starts_with("openai bad: write an amount"), "{errors:?}");
    }
}
