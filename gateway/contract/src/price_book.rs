//! The platform's price book: what the control plane says of models, before the built-in catalog and behind what a
//! tenant writes itself. Only the rows that are in force.

use crate::{
    catalog,
    provider::{Model, ProviderKind},
};
use std::{collections::HashMap, sync::Arc};

/// The rows by kind, model and region.
#[derive(Debug, Default)]
pub struct PriceBook(HashMap<ProviderKind, HashMap<String, Vec<Regional>>>);

/// A model in a region.
#[derive(Debug)]
struct Regional {
    /// Empty: everywhere.
    region: String,
    model: Arc<Model>,
}

/// What a row is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The kind of provider.
    pub kind: ProviderKind,
    /// The provider's own name of the model.
    pub model: String,
    /// The AWS region, Azure data zone or geography; empty: everywhere.
    pub region: String,
}

impl PriceBook {
    /// Adds a row; what it leaves open is as in the catalog. False if there is one already.
    pub fn insert(&mut self, subject: Subject, model: Model) -> bool {
        let Subject { kind, model: name, region } = subject;
        let known = catalog::look_up_in(kind, &name, Some(&region));
        let model = Arc::new(match known {
            Some(known) => model.completed_by(&known),
            None => model,
        });
        let rows = self.0.entry(kind).or_default().entry(name).or_default();
        if rows.iter().any(|row| row.region == region) {
            return false;
        }
        rows.push(Regional { region, model });
        true
    }

    /// What the book says of a model by its exact name: in the region, else everywhere, else in the provider's global
    /// service.
    pub fn get(&self, kind: ProviderKind, model: &str, region: Option<&str>) -> Option<Arc<Model>> {
        let rows = self.0.get(&kind)?.get(model)?;
        let of = |wanted: &str| rows.iter().find(|row| row.region == wanted);
        let found = region.and_then(of).or_else(|| of("")).or_else(|| of("global"));
        found.map(|row| row.model.clone())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.values().flat_map(HashMap::values).map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document, money::NanoUsd, pricing::Rates};

    const TEXT: &str = r#"
[[models]]
kind = "openai"
model = "gpt-4o"
price = { input = "2", output = "8" }

[[models]]
kind = "azure_openai"
model = "gpt-4o"
region = "eu"
price = { input = "3", output = "9" }

[[models]]
kind = "openrouter"
model = "acme/large"
price = { input = "1", output = "1" }
capabilities = ["chat", "tools"]
"#;

    fn input(model: Option<Arc<Model>>) -> Option<String> {
        Some(model?.price.as_ref()?.rates.input.to_string())
    }

    #[test]
    fn the_book_goes_before_the_catalog_by_exact_name_and_region() {
        let book = document::read_price_book(TEXT).unwrap();
        assert_eq!(book.len(), 3);
        let look_up =
            |kind, model, region| input(catalog::look_up_over(&book, kind, model, region));
        use ProviderKind::{AzureOpenai, Groq, Openai, Openrouter};
        assert_eq!(look_up(Openai, "gpt-4o", None).as_deref(), Some("2.00"));
        assert_eq!(
            look_up(Openai, "gpt-4o-2024-11-20", None).as_deref(),
            Some("2.50"),
            "a name that the catalog has is not another one's"
        );
        assert_eq!(
            look_up(Openai, "gpt-4o-2099-01-01", None).as_deref(),
            Some("2.00"),
            "one that nobody has is the model without the date"
        );
        assert_eq!(look_up(AzureOpenai, "gpt-4o", Some("eu")).as_deref(), Some("3.00"));
        assert_eq!(
            look_up(AzureOpenai, "gpt-4o", None),
            input(catalog::look_up(AzureOpenai, "gpt-4o"))
        );
        assert_eq!(look_up(Openrouter, "acme/large", None).as_deref(), Some("1.00"));
        assert_eq!(look_up(Groq, "acme/large", None), None);
    }

    #[test]
    fn a_row_claims_capabilities_and_rules_nothing_out_and_the_catalog_fills_it_in() {
        let book = document::read_price_book(TEXT).unwrap();
        let row = book.get(ProviderKind::Openrouter, "acme/large", None).unwrap();
        assert!(!row.lacks("vision") && row.lacks("embeddings"), "{row:?}");
        let known = catalog::look_up(ProviderKind::Openai, "gpt-4o").unwrap();
        let row = book.get(ProviderKind::Openai, "gpt-4o", None).unwrap();
        assert_eq!(
            (row.context_window, &row.capabilities),
            (known.context_window, &known.capabilities)
        );
    }

    #[test]
    fn a_book_with_mistakes_is_refused_with_their_places() {
        for (text, expected) in [
            ("[[models]]\nmodel = \"m\"", "`kind` is missing"),
            ("[[models]]\nkind = \"opanai\"\nmodel = \"m\"", "must be one of: openai"),
            ("[[models]]\nkind = \"openai\"\nmodel = \"\"", "must have 1 to 256 characters"),
            (
                "[[models]]\nkind = \"openai\"\nmodel = \"m\"\nprize = \"free\"",
                "did you mean `price`?",
            ),
            (
                "[[models]]\nkind = \"openai\"\nmodel = \"m\"\n[[models]]\nkind = \"openai\"\nmodel = \"m\"",
                "comes twice",
            ),
            ("[tenants.t]", "unknown key"),
        ] {
            let problems = document::read_price_book(text).unwrap_err();
            let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(told.contains(expected), "{told}");
        }
        assert!(document::read_price_book("").unwrap().is_empty());
    }

    #[test]
    fn two_regions_of_a_model_are_two_rows() {
        let mut book = PriceBook::default();
        let model = |input| Model {
            price: Some(crate::pricing::Price {
                rates: Rates { input: NanoUsd::new(input), ..Rates::FREE },
                ..Default::default()
            }),
            ..Model::default()
        };
        let subject = |region: &str| Subject {
            kind: ProviderKind::Bedrock,
            model: "x".to_owned(),
            region: region.to_owned(),
        };
        assert!(book.insert(subject("eu-west-1"), model(2)));
        assert!(book.insert(subject(""), model(1)));
        assert!(!book.insert(subject(""), model(3)), "the first one stays");
        let nanos = |region| {
            book.get(ProviderKind::Bedrock, "x", region).unwrap().price.clone().unwrap().rates.input
        };
        assert_eq!(
            (nanos(Some("eu-west-1")), nanos(Some("us-east-1"))),
            (NanoUsd::new(2), NanoUsd::new(1))
        );
    }
}
