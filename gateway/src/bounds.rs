//! What a request can use at most: holds are made of it, and a provider is believed no more than that.

use crate::formats::facts::{Api, Request};
use tollgate_contract::usage::Usage;

/// Documents of a rerank that are one search.
const DOCUMENTS_PER_SEARCH: u64 = 100;
/// A long document is charged as several; none of them has fewer bytes.
const BYTES_PER_DOCUMENT: u64 = 500;

/// The most of everything. `input`, `output`: the most tokens.
pub fn most(request: &Request, input: u64, output: u64) -> Usage {
    let facts = &request.facts;
    let size = request.body.len() as u64;
    let (mut images, mut characters, mut audio_ms, mut search_units) = (0, 0, 0, 0);
    match request.api {
        Api::Images | Api::ImageEdits => images = facts.choices,
        Api::Speech => characters = size,
        // Speech that is still understood has a kilobyte a second or more.
        Api::Transcriptions | Api::Translations => audio_ms = size,
        Api::Rerank => {
            let documents = facts.parts + facts.text_bytes / BYTES_PER_DOCUMENT;
            search_units = documents.div_ceil(DOCUMENTS_PER_SEARCH).max(1);
        }
        _ => {}
    }
    Usage {
        input_uncached: input,
        output,
        requests: 1,
        images,
        characters,
        audio_ms,
        search_units,
        input_images: if facts.vision { facts.parts } else { 0 },
        ..Usage::default()
    }
}

/// Whether the answers of an API are made of tokens although its requests cannot limit them.
pub const fn answers_in_tokens(api: Api) -> bool {
    matches!(
        api,
        Api::Images | Api::ImageEdits | Api::Speech | Api::Transcriptions | Api::Translations
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::facts::{Facts, Places, RequestHead};

    fn request(api: Api, body: &'static str, facts: Facts) -> Request {
        let head = RequestHead::default();
        Request { api, body: body.into(), head, facts, places: Places::default() }
    }

    #[test]
    fn what_is_charged_by_number_is_bounded_by_what_was_asked_for() {
        let facts =
            |choices, parts, text_bytes| Facts { choices, parts, text_bytes, ..Facts::default() };
        let of = |api, body, facts| most(&request(api, body, facts), 10, 20);
        let images = of(Api::Images, "{}", facts(4, 1, 9));
        assert_eq!((images.images, images.characters, images.output), (4, 0, 20));
        assert_eq!(of(Api::Speech, "twelve bytes", facts(1, 1, 0)).characters, 12);
        assert_eq!(of(Api::Transcriptions, "a sound", facts(1, 1, 0)).audio_ms, 7);
        assert_eq!(of(Api::Rerank, "{}", facts(1, 101, 0)).search_units, 2);
        assert_eq!(of(Api::Rerank, "{}", facts(1, 2, 60_000)).search_units, 2);
        let chat = of(Api::Chat, "a long body", facts(1, 3, 9));
        assert_eq!((chat.images, chat.audio_ms, chat.search_units, chat.requests), (0, 0, 0, 1));
    }
}
