//! One line of the catalog → a model.

use crate::{
    pricing::{Factor, Multiplier, OffPeak, Price, Rates, Tier, Variant, Window},
    provider::{Mode, Model},
};
use std::collections::BTreeSet;

const MODES: [(char, Mode); 7] = [
    ('c', Mode::Chat),
    ('e', Mode::Embeddings),
    ('r', Mode::Rerank),
    ('m', Mode::Moderation),
    ('i', Mode::Images),
    ('s', Mode::Speech),
    ('t', Mode::Transcription),
];

const CAPABILITIES: [(char, &str); 14] = [
    ('v', "vision"),
    ('t', "tools"),
    ('p', "parallel_tools"),
    ('c', "tool_choice"),
    ('j', "json_schema"),
    ('r', "reasoning"),
    ('k', "caching"),
    ('d', "pdf"),
    ('a', "audio_in"),
    ('A', "audio_out"),
    ('V', "video_in"),
    ('w', "web_search"),
    ('s', "system"),
    ('f', "prefill"),
];

const EFFORTS: [(char, &str); 7] = [
    ('n', "none"),
    ('i', "minimal"),
    ('l', "low"),
    ('m', "medium"),
    ('h', "high"),
    ('x', "xhigh"),
    ('M', "max"),
];

const RATES: [(char, &str); 13] = [
    ('i', "input"),
    ('o', "output"),
    ('r', "reasoning"),
    ('c', "cached_input"),
    ('w', "cache_write_5m"),
    ('W', "cache_write_1h"),
    ('a', "audio_input"),
    ('A', "audio_output"),
    ('b', "cached_audio_input"),
    ('g', "image_input"),
    ('G', "image_output"),
    ('h', "cached_image_input"),
    ('v', "video_input"),
];

const UNITS: [(char, &str); 7] = [
    ('q', "request"),
    ('n', "input_image"),
    ('N', "image"),
    ('u', "audio_minute"),
    ('k', "million_characters"),
    ('s', "search_unit"),
    ('e', "web_search"),
];

/// Reads a line; `None` if it is not as `infra/catalog/generate` writes them.
pub(super) fn read(line: &str) -> Option<Model> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [_, _, _, mode, window, output, dimensions, can, traits, efforts, price] =
        columns.as_slice()
    else {
        return None;
    };
    let (mode, responses_only) = match mode.strip_suffix('R') {
        Some(mode) => (mode, true),
        None => (*mode, false),
    };
    let mode = known(mode.chars().next()?, &MODES)?;
    let mut capabilities = words(can, &CAPABILITIES)?.collect::<BTreeSet<_>>();
    capabilities.insert(mode.name().to_owned());
    let is = |letter: char| {
        let mut letters = traits.chars();
        letters.find(|found| found.eq_ignore_ascii_case(&letter)).map(|found| found == letter)
    };
    Some(Model {
        price: if price.is_empty() { None } else { Some(read_price(price)?) },
        context_window: number(window)?,
        max_output: number(output)?,
        mode: Some(mode),
        capabilities: Some(capabilities),
        only_these: false,
        responses_only,
        embedding_dimensions: number(dimensions)?,
        sampling_params: is('S'),
        forced_tool_use: is('F'),
        adaptive_thinking: is('A'),
        thinking_always_on: is('T'),
        reasoning_efforts: words(efforts, &EFFORTS)?.collect(),
    })
}

fn known<T: Copy>(letter: char, all: &[(char, T)]) -> Option<T> {
    all.iter().find(|(known, _)| *known == letter).map(|(_, value)| *value)
}

fn words<'w>(
    letters: &'w str,
    all: &'w [(char, &'static str)],
) -> Option<impl Iterator<Item = String> + 'w> {
    letters
        .chars()
        .all(|letter| known(letter, all).is_some())
        .then(|| letters.chars().filter_map(|letter| known(letter, all)).map(str::to_owned))
}

/// A number or nothing; `None` for anything else.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

pub(crate) fn read_price(text: &str) -> Option<Price> {
    let mut sections = text.split('|');
    let mut price = Price::default();
    for part in sections.next()?.split(' ') {
        let (letter, amount) = part.split_at_checked(1)?;
        let letter = letter.chars().next()?;
        let amount = amount.parse().ok()?;
        match (known(letter, &RATES), known(letter, &UNITS)) {
            (Some(name), _) => price.rates.set(name, amount),
            (None, Some(name)) => price.units.set(name, amount),
            (None, None) => return None,
        };
    }
    // A service tier whose tiers are still to come.
    let mut open: Option<(String, Rates, Vec<Tier>)> = None;
    let close = |open: Option<(String, Rates, Vec<Tier>)>, price: &mut Price| {
        if let Some((word, rates, tiers)) = open {
            price.variants.push(Variant::new(word, rates, tiers, &price.tiers));
        }
    };
    for section in sections {
        let (mark, rest) = section.split_at_checked(1)?;
        let (head, prices) = rest.split_once(' ').unwrap_or((rest, ""));
        match (mark, &mut open) {
            (">", Some((_, rates, tiers))) => tiers.push(tier(head, prices, *rates)?),
            (">", None) => price.tiers.push(tier(head, prices, price.rates)?),
            ("@", _) => {
                close(open.take(), &mut price);
                open = Some((head.to_owned(), overlaid(prices, price.rates)?, Vec::new()));
            }
            ("~", _) => {
                let windows = head.split(',').map(window).collect::<Option<_>>()?;
                price.off_peak = Some(OffPeak { windows, rates: overlaid(prices, price.rates)? });
            }
            ("*", _) => {
                let factor: Factor = prices.parse().ok()?;
                price.multipliers.push(Multiplier { word: head.to_owned(), factor });
            }
            _ => return None,
        }
    }
    close(open, &mut price);
    Some(price)
}

fn overlaid(prices: &str, base: Rates) -> Option<Rates> {
    let mut rates = base;
    for part in prices.split(' ').filter(|part| !part.is_empty()) {
        let (letter, amount) = part.split_at_checked(1)?;
        let name = known(letter.chars().next()?, &RATES)?;
        rates.set(name, amount.parse().ok()?);
    }
    Some(rates)
}

fn tier(edge: &str, prices: &str, base: Rates) -> Option<Tier> {
    Some(Tier { above_input_tokens: edge.parse().ok()?, rates: overlaid(prices, base)? })
}

/// `12345/10:00-00:00`.
fn window(text: &str) -> Option<Window> {
    let (days, hours) = text.split_once('/')?;
    let days: Vec<u8> = days
        .chars()
        .map(|day| day.to_digit(10).and_then(|day| u8::try_from(day).ok()))
        .collect::<Option<_>>()?;
    let (from, until) = hours.split_once('-')?;
    Window::new(&days, from, until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::UnitPrices;

    #[test]
    fn the_letters_name_all_prices_that_there_are() {
        let names = |table: &[(char, &'static str)]| -> BTreeSet<_> {
            table.iter().map(|(_, name)| *name).collect()
        };
        let all = |list: &[&'static str]| -> BTreeSet<_> { list.iter().copied().collect() };
        assert_eq!(names(&RATES), all(Rates::NAMES));
        assert_eq!(names(&UNITS), all(UnitPrices::NAMES));
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let good = "p\tm\t\tc\t10\t5\t\tvt\tSf\tlh\ti1 o2|>100 i2|@batch i0.5|>100 i1|*us 1.1";
        let model = read(good).unwrap();
        assert_eq!((model.sampling_params, model.forced_tool_use), (Some(true), Some(false)));
        assert_eq!((model.adaptive_thinking, model.reasoning_efforts.len()), (None, 2));
        for (from, to) in [
            ("\tc\t", "\tz\t"),
            ("\t10\t", "\tten\t"),
            ("\tvt\t", "\tv?\t"),
            ("\tlh\t", "\tl?\t"),
            ("i1 o2", "i1 z2"),
            ("i1 o2", "i1  o2"),
            ("i1 o2", "i-1"),
            (">100 i2", ">many i2"),
            (">100 i2", "?100 i2"),
            ("*us 1.1", "*us much"),
            ("*us 1.1", "~9/00:00-01:00 i1"),
            ("*us 1.1", "~1/00:00 i1"),
            ("\tSf", ""),
        ] {
            assert_eq!(read(&good.replacen(from, to, 1)), None, "{from} → {to}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_price_makes_the_reader_panic(text in "[iocw>@~*|0-9 :/.,é-]{0,40}") {
            let _ = read_price(&text);
        }
    }
}
