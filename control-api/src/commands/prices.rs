//! `prices`: the platform's price book at the terminal.

use super::{Mistakes, open, say};
use crate::{
    access::Who,
    domain::{
        litellm,
        price_book::{self, Change, HISTORY_MOST, Import},
    },
    settings::{Database, ImportPrices},
    store::{
        self,
        price_book::{Filter, PriceRow},
    },
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tollgate_contract::{catalog, document, feed::to_hex, provider::ProviderKind};

/// Keys that are named of each reason for which some were left out.
const EXAMPLES: usize = 3;
/// Rows that a list prints.
const LIST_MOST: i64 = 100_000;

/// `prices import FILE`.
pub async fn import(settings: ImportPrices) -> Result<bool, Mistakes> {
    let name = settings.file.display().to_string();
    let text = std::fs::read_to_string(&settings.file)
        .map_err(|error| vec![format!("{name}: cannot be read: {error}")])?;
    let valid_from = settings.effective_from.as_deref().map(moment).transpose()?;
    let read = litellm::read(&text).map_err(|error| vec![format!("{name}: {error}")])?;
    let taken = read.rows.len();
    let source = settings.source.unwrap_or_else(|| {
        let digest = to_hex(&Sha256::digest(&text));
        let file = settings.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("LiteLLM {file} sha256:{}", &digest[..16])
    });
    let db = open(&settings.database)?;
    let done = price_book::import(
        &db,
        &Who::CommandLine,
        read.rows,
        valid_from,
        &source,
        settings.dry_run,
    )
    .await
    .map_err(super::records::told)?;
    tell(&done, taken, &read.skipped, settings.dry_run);
    Ok(true)
}

fn tell(import: &Import, taken: usize, skipped: &BTreeMap<String, Vec<String>>, dry_run: bool) {
    for change in &import.changes {
        say(&told(change));
    }
    for (reason, keys) in skipped {
        let examples =
            keys.iter().take(EXAMPLES).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if keys.len() > EXAMPLES { ", …" } else { "" };
        say(&format!("skipped {}: {reason} ({examples}{more})", keys.len()));
    }
    let verb = if dry_run { "would be added" } else { "added" };
    say(&format!(
        "{taken} models read, {} as they were, {} rows {verb}, in force from {}",
        import.same,
        import.changes.len(),
        import.valid_from.format("%Y-%m-%dT%H:%M:%SZ"),
    ));
}

/// A change in one line: `openai gpt-4o: price.input 2.50 → 2.00`.
fn told(change: &Change) -> String {
    let subject = &change.subject;
    let region =
        if subject.region.is_empty() { String::new() } else { format!(" in {}", subject.region) };
    let name = format!("{} {}{region}", subject.kind.name(), subject.model);
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    leaves("", change.before.as_ref().unwrap_or(&Value::Null), &mut before);
    leaves("", &change.after, &mut after);
    if before.is_empty() {
        let price = |key: &str| after.get(key).map(String::as_str).unwrap_or("-");
        return format!(
            "{name}: new, input {}, output {}",
            price("price.input"),
            price("price.output")
        );
    }
    // The catalog's facts beside the price are not shown: the row has them all.
    let all = before.keys().chain(after.keys()).filter(|key| key.starts_with("price"));
    let keys: std::collections::BTreeSet<_> = all.collect();
    let differences = keys.into_iter().filter_map(|key| {
        let shown =
            |side: &BTreeMap<String, String>| side.get(key).cloned().unwrap_or("-".to_owned());
        let (before, after) = (shown(&before), shown(&after));
        (before != after).then(|| format!("{key} {before} → {after}"))
    });
    let differences: Vec<_> = differences.collect();
    let what =
        if differences.is_empty() { "other facts".to_owned() } else { differences.join(", ") };
    format!("{name}: {what}")
}

/// The values of a JSON document by their paths.
fn leaves(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                leaves(&below(name), value, into);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(&below(&index.to_string()), value, into);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(into.insert(path.to_owned(), text.clone())),
        other => drop(into.insert(path.to_owned(), other.to_string())),
    }
}

/// `prices list`: the rows in force, one a line.
pub async fn list(
    database: Database,
    kind: Option<String>,
    model: Option<String>,
) -> Result<bool, Mistakes> {
    let mut tx = open(&database)?.system().await.map_err(failed)?;
    let filter = Filter { kind, model, after: None };
    let rows = store::price_book::in_force(&mut tx, None, &filter, LIST_MOST).await;
    for row in rows.map_err(failed)? {
        say(&line(&row));
    }
    Ok(true)
}

/// `prices show KIND MODEL`: all rows of a model, and what the built-in catalog has. Status 1 if nobody knows it.
pub async fn show(database: Database, kind: String, model: String) -> Result<bool, Mistakes> {
    let mut tx = open(&database)?.system().await.map_err(failed)?;
    let rows = store::price_book::history(&mut tx, &kind, &model, HISTORY_MOST).await;
    let rows = rows.map_err(failed)?;
    for row in &rows {
        say(&format!("{}\n  {}", line(row), row.spec));
    }
    let built_in = ProviderKind::from_name(&kind).and_then(|kind| catalog::look_up(kind, &model));
    let price = built_in.as_ref().and_then(|model| model.price.as_ref());
    match price {
        Some(price) => say(&format!("built-in catalog\n  {}", document::price_to_json(price))),
        None => say("built-in catalog\n  no price"),
    }
    Ok(!rows.is_empty() || price.is_some())
}

fn line(row: &PriceRow) -> String {
    let price = |name: &str| row.spec["price"][name].as_str().unwrap_or("-").to_owned();
    [
        row.kind.as_str(),
        &row.model,
        if row.region.is_empty() { "-" } else { &row.region },
        &row.valid_from.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        &price("input"),
        &price("output"),
        &row.source,
    ]
    .join("\t")
}

/// A day (from its beginning, UTC) or a moment.
fn moment(text: &str) -> Result<DateTime<Utc>, Mistakes> {
    let day = text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let moment = day.or_else(|| text.parse::<DateTime<Utc>>().ok());
    moment.ok_or_else(|| {
        vec![format!("--effective-from {text}: write a day or a moment, like 2026-12-01 or 2026-12-01T00:00:00Z")]
    })
}

fn failed(error: store::StoreError) -> Mistakes {
    super::records::told(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tollgate_contract::price_book::Subject;

    fn change(before: Option<Value>, after: Value) -> Change {
        let subject = Subject {
            kind: ProviderKind::AzureOpenai,
            model: "gpt-4o".to_owned(),
            region: "eu".to_owned(),
        };
        Change { subject, before, after }
    }

    #[test]
    fn a_change_is_told_price_by_price() {
        let before =
            json!({ "price": { "input": "2.50", "output": "10", "tiers": [{ "input": "1" }] } });
        let after =
            json!({ "price": { "input": "2", "output": "10", "image": "0.04" }, "max_output": 5 });
        assert_eq!(
            told(&change(Some(before.clone()), after.clone())),
            "azure_openai gpt-4o in eu: price.image - → 0.04, price.input 2.50 → 2, price.tiers.0.input 1 → -"
        );
        assert_eq!(
            told(&change(None, after)),
            "azure_openai gpt-4o in eu: new, input 2, output 10"
        );
        let facts = json!({ "price": before["price"], "max_output": 7 });
        assert_eq!(told(&change(Some(before), facts)), "azure_openai gpt-4o in eu: other facts");
    }

    #[test]
    fn a_day_begins_at_midnight_and_nonsense_is_told() {
        assert_eq!(moment("2026-12-01").unwrap(), moment("2026-12-01T00:00:00Z").unwrap());
        assert_eq!(moment("2026-12-01T01:00:00+01:00").unwrap(), moment("2026-12-01").unwrap());
        for wrong in ["", "tomorrow", "2026-13-01", "12/01/2026"] {
            assert!(moment(wrong).unwrap_err()[0].contains("--effective-from"), "{wrong}");
        }
    }
}
