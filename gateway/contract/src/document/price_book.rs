//! The price book as a document: `[[models]]` with `kind`, `model`, perhaps `region`, and what `[models."…"]` of a config
//! can say.

use super::{
    problem::{Problem, Problems},
    providers::{kind, model},
    reader::Section,
};
use crate::{
    price_book::{PriceBook, Subject},
    provider::Mode,
};

/// Reads a price book. On failure the list has every mistake.
pub fn read_price_book(text: &str) -> Result<PriceBook, Vec<Problem>> {
    let problems = Problems::new(text);
    let (table, syntax) = toml::de::DeTable::parse_recoverable(text);
    for error in syntax {
        problems.add(error.span().map_or(0, |span| span.start), "", error.message());
    }
    let mut book = PriceBook::default();
    {
        let root = Section::new(table.get_ref(), String::new(), 0, &problems);
        for row in root.sections("models") {
            read(row, &mut book, &problems);
        }
    }
    let list = problems.into_list();
    if list.is_empty() { Ok(book) } else { Err(list) }
}

fn read(row: Section, book: &mut PriceBook, problems: &Problems) {
    let place = row.place();
    let kind = row.required("kind").and_then(|item| kind(&item));
    let name = row.required("model").and_then(|item| {
        let name = item.string()?;
        let fits = (1..=256).contains(&name.len());
        if !fits {
            item.complain("must have 1 to 256 characters");
        }
        fits.then_some(name)
    });
    let region = row.string("region").unwrap_or_default();
    let mut facts = model(row).model;
    // What is written about the whole platform is what is known, not all that there is.
    facts.only_these = false;
    facts.mode = facts
        .capabilities
        .as_ref()
        .and_then(|all| Mode::ALL.into_iter().find(|mode| all.contains(mode.name())));
    if let (Some(kind), Some(model)) = (kind, name)
        && !book.insert(Subject { kind, model, region }, facts)
    {
        problems.add(place.offset, &place.key, "comes twice");
    }
}
