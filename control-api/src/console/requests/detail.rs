//! One request: from its usage event to the page.

use super::row_of;
use crate::{
    access::permission::of,
    console::{Visit, clock::shown},
    domain::{
        document::{Naming, compose},
        usage::RequestDetail,
    },
    error::ApiError,
    store::{TenantTx, config},
};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use tollgate_contract::{
    document::{self, SecretRef},
    event::{AttemptRecord, UsageEvent},
    money::NanoUsd,
    pricing::{Price, Rates},
    route::Target,
    secret::Secret,
    usage::Usage,
};
use tollgate_web::{
    layout::Nav,
    pages::requests::{Attempt, Bucket, Correction, Decision, RequestPage, Stage},
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
        error_text: event.error.as_deref().and_then(in_words).map(str::to_owned),
        decision: event.decision.map(|decision| Decision {
            strategy: decision.strategy,
            plan: decision.plan,
            out: decision.out.into_iter().map(|out| (out.target, out.reason)).collect(),
        }),
        buckets: buckets(&event.usage, price.as_ref()),
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
    // Prices need no secrets.
    let mut no_secret = |_: &SecretRef| Ok(Secret::new("none".to_owned()));
    let Ok(world) = document::world_from(&document, &text, 0, &mut no_secret) else {
        return Ok(None);
    };
    let price = world
        .tenants
        .into_values()
        .next()
        .and_then(|tenant| tenant.upstreams.model(&target).price.clone());
    Ok(price.filter(|price| price.cost(&event.usage) == event.cost_nano_usd))
}

/// Tokens and cost per bucket; empty buckets left out.
fn buckets(usage: &Usage, price: Option<&Price>) -> Vec<Bucket> {
    let rates = price.map(|price| rates_for(price, usage.input()));
    let priced = |name: &str, tokens: u64, rate: fn(&Rates) -> NanoUsd| {
        let price = rates.map(rate);
        Bucket {
            name: name.to_owned(),
            tokens,
            price_per_million: price,
            cost: price.map(|price| cost_of(price, tokens)),
        }
    };
    let reasoning = Bucket {
        name: "of it reasoning".to_owned(),
        tokens: usage.reasoning,
        price_per_million: None,
        cost: None,
    };
    let all = [
        priced("Input, uncached", usage.input_uncached, |rates| rates.input),
        priced("Input, read from cache", usage.cache_read, |rates| {
            rates.cached_input.unwrap_or(rates.input)
        }),
        priced("Input, written to 5-minute cache", usage.cache_write_5m, |rates| {
            rates.cache_write_5m.unwrap_or(rates.input)
        }),
        priced("Input, written to 1-hour cache", usage.cache_write_1h, |rates| {
            rates.cache_write_1h.unwrap_or(rates.input)
        }),
        priced("Audio input", usage.audio_input, |rates| rates.audio_input.unwrap_or(rates.input)),
        priced("Output", usage.output, |rates| rates.output),
        reasoning,
        priced("Audio output", usage.audio_output, |rates| {
            rates.audio_output.unwrap_or(rates.output)
        }),
    ];
    all.into_iter().filter(|bucket| bucket.tokens > 0).collect()
}

/// The rates for a prompt of this length.
fn rates_for(price: &Price, input: u64) -> &Rates {
    let tier = price.tiers.iter().rev().find(|tier| tier.above_input_tokens < input);
    tier.map_or(&price.rates, |tier| &tier.rates)
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
            ..Usage::default()
        };
        let lines: Vec<_> = buckets(&usage, Some(&price))
            .into_iter()
            .map(|bucket| (bucket.name, bucket.tokens, bucket.cost.map(NanoUsd::as_nanos)))
            .collect();
        let expected = [
            ("Input, uncached", 1_000, Some(2_000_000)),
            ("Input, read from cache", 500, Some(1_000_000)),
            ("Output", 10, Some(80_000)),
            ("of it reasoning", 4, None),
        ];
        assert_eq!(lines, expected.map(|(name, tokens, cost)| (name.to_owned(), tokens, cost)));
        assert!(
            buckets(&usage, None).iter().all(|bucket| bucket.cost.is_none()),
            "unknown prices are not guessed"
        );
    }
}
