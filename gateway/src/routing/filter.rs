//! What takes a target out of a plan for as long as the request and the world are what they are.

use super::plan::{Question, Terms};
use crate::formats::facts::{Api, Facts};
use tollgate_contract::{
    money::NanoUsd,
    pricing::{Price, Rates},
    provider::{Model, ProviderKind},
    route::Target,
};

/// Why a target cannot serve a request, in words; `None` if it can.
pub(super) fn lasting(
    question: &Question,
    target: &Target,
    model: &Model,
    terms: &Terms,
) -> Option<String> {
    let Some(provider) = question.upstreams.providers.get(target.provider()) else {
        return Some("there is no such provider".to_owned());
    };
    if provider.trust < terms.trust {
        return Some(format!(
            "its trust is {}, the route requires {}",
            provider.trust.name(),
            terms.trust.name()
        ));
    }
    if !serves(provider.kind, question.api) {
        return Some(format!("its provider has no {}", question.api.name().replace('_', " ")));
    }
    if let Some(missing) = missing_capability(question.api, question.facts, model) {
        return Some(format!("it lacks {missing}"));
    }
    // The estimate, not the upper bound: what surely does not fit is out, the rest the provider decides.
    if let Some(window) = model.context_window
        && question.facts.input_estimate() > window
    {
        return Some(format!("the prompt is larger than its context window of {window} tokens"));
    }
    if let Some(cap) = terms.max_price
        && model.price.as_ref().is_none_or(|price| above(price, &cap))
    {
        return Some("its price is above the route's max_price".to_owned());
    }
    None
}

fn above(price: &Price, cap: &Rates) -> bool {
    let over = |price: NanoUsd, cap: NanoUsd| price > cap;
    over(price.rates.input, cap.input) || over(price.rates.output, cap.output)
}

/// Whether a kind of provider has an API, itself or by translation.
fn serves(kind: ProviderKind, api: Api) -> bool {
    kind.serves(match api {
        Api::Embeddings | Api::GeminiEmbed | Api::GeminiBatchEmbed => "embeddings",
        Api::Moderations => "moderations",
        Api::Rerank => "rerank",
        Api::Images | Api::ImageEdits => "images",
        Api::Speech => "speech",
        Api::Transcriptions | Api::Translations => "transcriptions",
        _ => "chat",
    })
}

/// What the request needs and the model is known not to have.
fn missing_capability(api: Api, facts: &Facts, model: &Model) -> Option<&'static str> {
    let needs = [
        ("chat", api.generates()),
        ("embeddings", matches!(api, Api::Embeddings | Api::GeminiEmbed | Api::GeminiBatchEmbed)),
        ("tools", facts.tools),
        ("vision", facts.vision),
        ("json_schema", facts.json_schema),
    ];
    needs.into_iter().find(|(name, needed)| *needed && model.lacks(name)).map(|(name, _)| name)
}
