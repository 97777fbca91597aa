//! One request: from its usage event to the page.

use super::row_of;
use crate::{
    access::permission::of,
    console::{Visit, clock::shown},
    domain::{
        document::{Naming, compose},
        price_book,
        usage::RequestDetail,
    },
    error::ApiError,
    store::{TenantTx, config},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tollgate_contract::{
    document::{self, Resolve, SecretRef},
    event::{self, AttemptRecord, GuardFinding, UsageEvent},
    money::NanoUsd,
    price_book::PriceBook,
    pricing::{Circumstances, Price},
    route::Target,
    secret::Secret,
};
use tollgate_web::{
    format,
    layout::Nav,
    pages::requests::{Attempt, Bucket, Correction, Decision, Finding, RequestPage, Stage},
};

/// The page of a request and its corrections.
pub async fn request_page(
    visit: &Visit<of::See>,
    found: RequestDetail,
) -> Result<RequestPage, ApiError> {
    let RequestDetail { request: named, event, corrections, cost, received_at } = found;
    let event: UsageEvent = serde_json::from_value(event).map_err(ApiError::internal)?;
    let shell = visit.shell(Nav::Requests).await?;
    let mut tx = visit.state.db.tenant(visit.actor.tenant).await?;
    let price = price_of(&mut tx, &event).await?;
    drop(tx);
    let given = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    let (team, member) = (given(&named.team_name), given(&named.member_name));
    let attempts =
        HashMap::from([(named.row.id.clone(), i64::try_from(event.attempts.len()).unwrap_or(0))]);
    let buckets = buckets(&event, price.as_ref());
    let mut request = row_of(named, &attempts);
    request.cost = cost;
    Ok(RequestPage {
        shell,
        request,
        stream: event.stream,
        first_byte_ms: event.attempts.iter().rev().find_map(|attempt| attempt.first_byte_ms),
        route: event.route.as_ref().map(ToString::to_string),
        team,
        member,
        user: event.user,
        cache: event.cache,
        cache_similarity: event.cache_similarity.map(cosine),
        saved: event.saved_nano_usd,
        guards: event.guards.into_iter().map(finding).collect(),
        beside: event.beside.map(|beside| (beside.purpose.name().to_owned(), beside.request)),
        error_text: event.error.as_deref().and_then(in_words).map(str::to_owned),
        decision: event.decision.map(decision),
        buckets,
        list_cost: Some(event.list_cost_nano_usd).filter(|list| *list != event.cost_nano_usd),
        estimated: event.estimated,
        disputed: event.disputed,
        stages: stages(event.timing_us),
        metadata: event.metadata.into_iter().collect(),
        attempts: event.attempts.into_iter().map(attempt).collect(),
        corrections: corrections
            .into_iter()
            .map(|event| correction(event, shown(received_at)))
            .collect(),
    })
}

fn decision(decided: event::Decision) -> Decision {
    let score_of = |target: String| {
        let score = decided.scores.iter().find(|score| score.target == target).map(score);
        (target, score.unwrap_or_default())
    };
    Decision {
        strategy: decided.strategy,
        routes: decided.routes.iter().map(ToString::to_string).collect(),
        plan: decided.plan.into_iter().map(score_of).collect(),
        because: decided.because,
        similarities: decided
            .similarities
            .into_iter()
            .map(|(intent, value)| (intent, cosine(value)))
            .collect(),
        out: decided.out.into_iter().map(|out| (out.target, out.reason)).collect(),
    }
}

/// What a target was ordered by, in words.
fn score(score: &event::Score) -> String {
    let value = score.value;
    match score.unit.as_str() {
        "nano_usd" => format!("expected {}", format::usd(NanoUsd::new(value as i64))),
        "ms" => format!("{value:.0} ms to the first byte"),
        "ms_per_token" => format!("{value:.1} ms per token"),
        "success_rate" => format!("{:.1}% succeed at least", value * 100.0),
        "weight" => format!("weight {value}"),
        unit => format!("{value:.3} {unit}"),
    }
}

fn cosine(value: f64) -> String {
    format!("{value:.3}")
}

fn finding(found: GuardFinding) -> Finding {
    Finding { guard: found.guard, found: found.found, blocked: found.blocked }
}

/// The stages in the order in which a request passes them; the gateway reports them by name.
fn stages(timing_us: BTreeMap<String, u64>) -> Vec<Stage> {
    let place = |name: &str| match name {
        "understand" => 0,
        "plan" => 1,
        "hold" => 2,
        "total" => 4,
        _ => 3,
    };
    let mut stages: Vec<_> = timing_us.into_iter().map(|(name, us)| Stage { name, us }).collect();
    stages.sort_by_key(|stage| place(&stage.name));
    stages
}

fn attempt(record: AttemptRecord) -> Attempt {
    Attempt {
        target: record.target,
        provider_key: record.provider_key.map(|id| id.to_string()),
        started_ms: record.started_ms,
        first_byte_ms: record.first_byte_ms,
        ended_ms: record.ended_ms,
        status: record.status,
        error: record.error,
        cost: record.cost_nano_usd,
    }
}

/// `known_at` stands in for a correction that does not say when it was made.
fn correction(event: Value, known_at: Timestamp) -> Correction {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    Correction {
        at: text("at").and_then(|at| at.parse().ok()).unwrap_or(known_at),
        cost: NanoUsd::new(event.get("cost_nano_usd").and_then(Value::as_i64).unwrap_or(0)),
        reason: text("error")
            .unwrap_or("settled after the request had been closed")
            .replace('_', " "),
    }
}

/// What an error code means, for the codes that do not explain themselves.
fn in_words(code: &str) -> Option<&'static str> {
    Some(match code {
        "client_closed" => {
            "The app closed the connection before the answer was complete. What was produced is charged."
        }
        "expired" => {
            "The gateway lost the request. It was closed when its hold ran out, at what was known to be used."
        }
        "budget_exceeded" => {
            "A budget had too little left for what this request could cost at most."
        }
        "rate_limit_exceeded" => {
            "The API key's limit of requests or tokens per minute was reached."
        }
        "concurrency_limit_exceeded" => {
            "The API key had as many requests under way as it may have."
        }
        "budget_unavailable" => {
            "The counters could not be reached, and a budget asks to refuse then."
        }
        "model_not_allowed" => "The API key may not use this model.",
        "model_not_found" => "There is no route or target of that name.",
        "gateway_shutdown" => "The gateway was shutting down and did not begin the request.",
        _ => return None,
    })
}

/// The price that the request was charged at, if today's price gives the same charge; otherwise it is not known any more.
async fn price_of(tx: &mut TenantTx, event: &UsageEvent) -> Result<Option<Price>, ApiError> {
    let Some(target) = event.target.as_deref().and_then(Target::parse) else { return Ok(None) };
    let tenant = tx.tenant().0;
    let Some(config) = config::load(tx, &[tenant]).await?.pop() else { return Ok(None) };
    let text = compose(&config, Naming::Ids)?;
    let Ok(document) = document::read(&text) else { return Ok(None) };
    let mut resolve = Prices(price_book::in_force(tx).await?);
    let Ok(world) = document::world_from(&document, &text, 0, &mut resolve) else {
        return Ok(None);
    };
    let price = world
        .tenants
        .into_values()
        .next()
        .and_then(|tenant| tenant.upstreams.model(&target).price.clone());
    Ok(price.filter(|price| {
        price.cost_under(&event.usage, &circumstances(event)) == event.cost_nano_usd
    }))
}

/// Prices need no secrets.
struct Prices(Arc<PriceBook>);

impl Resolve for Prices {
    fn secret(&mut self, _: &SecretRef) -> Result<Secret, String> {
        Ok(Secret::new("none".to_owned()))
    }

    fn price_book(&self) -> Arc<PriceBook> {
        self.0.clone()
    }
}

/// When the request was made, for prices that depend on it.
fn circumstances(event: &UsageEvent) -> Circumstances<'static> {
    Circumstances { at: event.at.parse().ok(), ..Circumstances::default() }
}

/// Tokens and cost per bucket; empty buckets left out.
fn buckets(event: &UsageEvent, price: Option<&Price>) -> Vec<Bucket> {
    let usage = &event.usage;
    let rates = price.map(|price| price.rates_for(usage.input(), &circumstances(event)));
    let reasons_apart = rates.is_some_and(|rates| rates.reasoning.is_some());
    let of_tokens = rates.copied().unwrap_or_default().lines(usage).map(|(name, price, tokens)| {
        let price = rates.map(|_| price);
        let tokens = if name == "output" && !reasons_apart { usage.output } else { tokens };
        let price = if name == "reasoning" && !reasons_apart { None } else { price };
        Bucket {
            name: words(name, reasons_apart).to_owned(),
            tokens,
            price_per_million: price,
            cost: price.map(|price| cost_of(price, tokens)),
        }
    });
    let units = price.map(|price| price.units).unwrap_or_default();
    let by_number = units.lines(usage).map(|(name, cost, count)| Bucket {
        name: words(name, reasons_apart).to_owned(),
        tokens: count,
        price_per_million: None,
        cost: price.map(|_| cost),
    });
    // Every request is one: that is only worth a line where it costs something.
    let by_number = by_number.into_iter().filter(|bucket| {
        bucket.name != REQUESTS || bucket.cost.is_some_and(|cost| cost != NanoUsd::ZERO)
    });
    of_tokens.into_iter().chain(by_number).filter(|bucket| bucket.tokens > 0).collect()
}

const REQUESTS: &str = "Requests";

/// A price's name in words.
fn words(price: &'static str, reasons_apart: bool) -> &'static str {
    match price {
        "input" => "Input, uncached",
        "cached_input" => "Input, read from cache",
        "cached_audio_input" => "Audio input, read from cache",
        "cached_image_input" => "Image input, read from cache",
        "cache_write_5m" => "Input, written to 5-minute cache",
        "cache_write_1h" => "Input, written to 1-hour cache",
        "audio_input" => "Audio input",
        "image_input" => "Image input",
        "video_input" => "Video input",
        "output" if reasons_apart => "Output, without reasoning",
        "output" => "Output",
        "reasoning" if reasons_apart => "Reasoning",
        "reasoning" => "of it reasoning",
        "audio_output" => "Audio output",
        "image_output" => "Image output",
        "request" => REQUESTS,
        "input_image" => "Images in the prompt",
        "image" => "Images",
        "audio_minute" => "Audio, in milliseconds",
        "million_characters" => "Characters",
        "search_unit" => "Units of reranking",
        "web_search" => "Web searches",
        other => other,
    }
}

/// The cost of one bucket, rounded up for display; the charge rounds the sum only.
fn cost_of(price_per_million: NanoUsd, tokens: u64) -> NanoUsd {
    let nanos = i128::from(price_per_million.as_nanos()) * i128::from(tokens);
    let rounded_up = (nanos + 999_999).div_euclid(1_000_000);
    NanoUsd::new(i64::try_from(rounded_up).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_contract::{
        pricing::{Rates, UnitPrices},
        usage::Usage,
    };

    #[test]
    fn buckets_show_the_prices_of_the_tier_and_leave_out_what_is_empty() {
        let rates = Rates {
            input: NanoUsd::new(2_000_000_000),
            output: NanoUsd::new(8_000_000_000),
            ..Rates::default()
        };
        let price = Price { rates, ..Price::FREE };
        let usage = Usage {
            input_uncached: 1_000,
            cache_read: 500,
            output: 10,
            reasoning: 4,
            requests: 1,
            ..Usage::default()
        };
        let event = UsageEvent { usage, ..UsageEvent::default() };
        let expected = [
            ("Input, uncached", 1_000, Some(2_000_000)),
            ("Input, read from cache", 500, Some(1_000_000)),
            ("Output", 10, Some(80_000)),
            ("of it reasoning", 4, None),
        ];
        assert_eq!(lines(&event, Some(&price)), expected.map(named));
        assert!(
            lines(&event, None).iter().all(|(_, _, cost)| cost.is_none()),
            "unknown prices are not guessed"
        );
    }

    #[test]
    fn what_is_charged_by_number_is_a_line_and_reasoning_with_a_price_of_its_own_too() {
        let nanos = |nanos| NanoUsd::new(nanos);
        let rates = Rates {
            output: nanos(1_000_000),
            reasoning: Some(nanos(2_000_000)),
            image_output: Some(nanos(3_000_000)),
            ..Rates::default()
        };
        let units = UnitPrices { request: nanos(5), web_search: nanos(7), ..UnitPrices::default() };
        let price = Price { rates, units, ..Price::FREE };
        let usage = Usage {
            output: 10,
            reasoning: 4,
            image_output: 1,
            requests: 1,
            web_searches: 2,
            ..Usage::default()
        };
        let event = UsageEvent { usage, ..UsageEvent::default() };
        let expected = [
            ("Output, without reasoning", 6, Some(6)),
            ("Reasoning", 4, Some(8)),
            ("Image output", 1, Some(3)),
            ("Requests", 1, Some(5)),
            ("Web searches", 2, Some(14)),
        ];
        assert_eq!(lines(&event, Some(&price)), expected.map(named));
    }

    type Line = (String, u64, Option<i64>);

    fn lines(event: &UsageEvent, price: Option<&Price>) -> Vec<Line> {
        buckets(event, price)
            .into_iter()
            .map(|bucket| (bucket.name, bucket.tokens, bucket.cost.map(NanoUsd::as_nanos)))
            .collect()
    }

    fn named((name, tokens, cost): (&str, u64, Option<i64>)) -> Line {
        (name.to_owned(), tokens, cost)
    }
}
