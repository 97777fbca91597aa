//! The built-in catalog: prices, limits and traits of well-known models, by kind of provider. List prices of one day;
//! what a config or the price book says goes before it.
//!
//! It is searched as the text that it is ([`table`]) and read a line at a time ([`mod@line`]): a process holds what it has
//! asked for, and starts no later. [`names`] knows by which other names a model is found.

pub(crate) mod line;
mod names;
mod table;
#[cfg(test)]
mod tests;

use crate::{
    price_book::PriceBook,
    provider::{Model, ProviderKind},
};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

/// What is known of a model of a kind of provider; `None` for what is not in the catalog, which is then unpriced.
pub fn look_up(kind: ProviderKind, upstream_model: &str) -> Option<Arc<Model>> {
    look_up_in(kind, upstream_model, None)
}

/// The same where it is served: prices of some regions differ.
pub fn look_up_in(
    kind: ProviderKind,
    upstream_model: &str,
    region: Option<&str>,
) -> Option<Arc<Model>> {
    find(None, kind, upstream_model, region).and_then(Found::model)
}

/// The same with a price book, which goes before the catalog name by name.
pub fn look_up_over(
    book: &PriceBook,
    kind: ProviderKind,
    upstream_model: &str,
    region: Option<&str>,
) -> Option<Arc<Model>> {
    find(Some(book), kind, upstream_model, region).and_then(Found::model)
}

/// Whether a model is in the catalog.
pub fn knows(kind: ProviderKind, upstream_model: &str) -> bool {
    find(None, kind, upstream_model, None).is_some()
}

/// Where a model was found.
enum Found {
    Catalog(&'static str),
    PriceBook(Arc<Model>),
}

impl Found {
    fn model(self) -> Option<Arc<Model>> {
        match self {
            Self::Catalog(line) => read(line),
            Self::PriceBook(model) => Some(model),
        }
    }
}

fn find(
    book: Option<&PriceBook>,
    kind: ProviderKind,
    upstream_model: &str,
    region: Option<&str>,
) -> Option<Found> {
    // No model's name is as long, and what an app writes must not be worked on for long.
    if upstream_model.len() > 256 || upstream_model.contains('\t') {
        return None;
    }
    let in_catalog = |name: &str| {
        let mut catalogs = kind.catalog().iter();
        catalogs.find_map(|catalog| table::TABLE.get(catalog, name, region)).map(Found::Catalog)
    };
    let of = |name: &str| {
        let booked = book.and_then(|book| book.get(kind, name, region)).map(Found::PriceBook);
        booked.or_else(|| in_catalog(name))
    };
    let names = names::spellings(kind, upstream_model);
    let exact = names.iter().find_map(|name| of(name));
    exact.or_else(|| {
        let other = |name: &String| {
            let undated = names::without_version(name);
            let newest = || {
                let mut catalogs = kind.catalog().iter();
                catalogs.find_map(|catalog| table::TABLE.newest(catalog, undated, region))
            };
            // The name without its date or with `-latest` is the same model, newer or older.
            of(undated)
                .or_else(|| of(&format!("{undated}-latest")))
                .or_else(|| newest().map(Found::Catalog))
        };
        names.iter().find_map(other)
    })
}

/// Lines that were read, by where they begin.
static READ: LazyLock<RwLock<HashMap<usize, Arc<Model>>>> = LazyLock::new(RwLock::default);

fn read(line: &'static str) -> Option<Arc<Model>> {
    let place = line.as_ptr().addr();
    if let Some(known) = READ.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
        return Some(known.clone());
    }
    let model = Arc::new(line::read(line)?);
    READ.write().unwrap_or_else(PoisonError::into_inner).insert(place, model.clone());
    Some(model)
}
