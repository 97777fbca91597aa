//! The usage events are the provider's bill: token by token, and to the nano-dollar.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_tests::http::post_json;
use tollgate_tests::simulator::bill::Charges;

use crate::stand::{KEY, SOON, Stand, chat, streaming, with};

/// Nano-USD per token: uncached input, cached input, output.
const PRICES: [(&str, [u64; 3]); 2] = [("alpha", [500, 50, 1_500]), ("beta", [700, 700, 2_300])];

#[tokio::test]
async fn the_usage_events_equal_the_providers_bill_in_tokens_and_money() {
    let stand = Stand::start(
        r#"
[routes.both]
strategy = "weighted"
targets = [{ use = "alpha/sim-large--cached=2", weight = 50 }, { use = "beta/sim-large", weight = 50 }]
[routes.second]
targets = [{ use = "alpha/sim--status=500" }, { use = "beta/sim-large--tokens=9" }]
"#,
    )
    .await;
    let mut told = Vec::new();
    for body in mixed_chats() {
        let answer = stand.chat(&body).await;
        assert_eq!(answer.status, 200, "{body} {}", answer.text());
        told.push(answer.header("x-tollgate-cost-usd").map(nano_usd));
    }
    for input in [json!("a text"), json!(["one", "two texts"]), json!([[1, 2, 3]])] {
        let body = json!({ "model": "alpha/sim-embed", "input": input });
        let answer = post_json(&stand.url("/v1/embeddings"), KEY, &body).await;
        assert_eq!(answer.status, 200);
        told.push(answer.header("x-tollgate-cost-usd").map(nano_usd));
    }
    assert!(30 <= told.len());

    let events = stand.events(told.len()).await;
    stand.simulator.until_idle(SOON).await;
    let bill = stand.simulator.bill().await;
    let mut charged: BTreeMap<&str, (Charges, u64)> = BTreeMap::new();
    for (event, told) in events.iter().zip(told) {
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(false), &json!(false)));
        let cost = number(&event["cost_nano_usd"]);
        // Streams cannot tell it in a header.
        assert_eq!(told, (event["stream"] == false).then_some(cost), "{event}");
        let provider = event["target"].as_str().unwrap().split('/').next().unwrap();
        let usage = &event["usage"];
        let (sum, money) = charged.entry(provider).or_default();
        sum.prompt_tokens += number(&usage["input_uncached"]) + number(&usage["cache_read"]);
        sum.cached_tokens += number(&usage["cache_read"]);
        sum.completion_tokens += number(&usage["output"]);
        sum.reasoning_tokens += number(&usage["reasoning"]);
        *money += cost;
        let last = event["attempts"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["usage"], number(&last["cost_nano_usd"])), (usage, cost));
    }
    for (provider, [input, cached, output]) in PRICES {
        let mut billed = Charges::default();
        for charges in bill.providers[provider].values() {
            billed += *charges;
        }
        let (sum, money) = charged[provider];
        let tokens = Charges { requests: 0, answered: 0, failed: 0, ..billed };
        assert_eq!(sum, tokens, "{provider}");
        let uncached = billed.prompt_tokens - billed.cached_tokens;
        let expected =
            uncached * input + billed.cached_tokens * cached + billed.completion_tokens * output;
        assert_eq!(money, expected, "{provider}");
    }
}

#[tokio::test]
async fn a_fraction_of_a_nano_dollar_is_rounded_up_once_per_request() {
    let stand = Stand::start(
        r#"
[models."alpha/cheap--tokens=1"]
price = { input = "0.000333333", output = "0.000000001" }
"#,
    )
    .await;
    // 7 × 0.333333 + 1 × 0.000001 nano-USD.
    let answer = stand.chat(&chat("alpha/cheap--tokens=1")).await;
    assert_eq!(answer.header("x-tollgate-cost-usd").map(nano_usd), Some(3));
    assert_eq!(stand.event().await["cost_nano_usd"], 3);
}

#[tokio::test]
async fn a_target_without_a_price_has_no_cost_instead_of_a_cost_of_nothing() {
    let stand = Stand::start(
        r#"
[providers.unpriced]
kind = "openai_compatible"
base_url = "{simulator}/unpriced/v1"
keys = ["sk-unpriced"]
allow_private_network = true
[providers.free]
kind = "openai_compatible"
base_url = "{simulator}/free/v1"
keys = ["sk-free"]
allow_private_network = true
price = "free"
"#,
    )
    .await;
    let answer = stand.chat(&chat("unpriced/sim-large")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, None));
    let answer = stand.chat(&chat("free/sim-large")).await;
    assert_eq!((answer.status, answer.header("x-tollgate-cost-usd").map(nano_usd)), (200, Some(0)));
}

#[tokio::test]
async fn what_no_provider_answered_costs_nothing() {
    let stand = Stand::start("").await;
    for body in
        [chat("alpha/sim--status=500"), streaming("alpha/sim--rate_limit=1"), chat("nowhere")]
    {
        assert_ne!(stand.chat(&body).await.status, 200);
    }
    for event in stand.events(3).await {
        assert_eq!(
            (&event["cost_nano_usd"], &event["usage"]["input_uncached"]),
            (&json!(0), &json!(0))
        );
        assert_eq!((&event["estimated"], &event["disputed"]), (&json!(false), &json!(false)));
    }
}

/// Plain and streamed answers of every kind that has usage of its own.
fn mixed_chats() -> Vec<Value> {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let tool =
        json!({ "type": "function", "function": { "name": "weather", "parameters": parameters } });
    let kinds = [
        ("alpha/sim-large", json!({})),
        ("alpha/sim-large--tokens=100", json!({ "max_tokens": 30 })),
        ("alpha/sim-large--cached=5", json!({})),
        ("alpha/sim-large--cached=7--reasoning=20", json!({})),
        ("beta/sim-large--reasoning=3--tokens=1", json!({ "max_completion_tokens": 50 })),
        ("beta/sim-large--cached=4", json!({ "n": 2 })),
        ("alpha/sim-large", json!({ "n": 3 })),
        ("alpha/sim-large--tools=2", json!({ "tools": [tool] })),
        ("beta/sim-small--usage=cumulative", json!({ "n": 2 })),
        ("alpha/sim-large--tokens=0", json!({})),
        (
            "both",
            json!({ "messages": [{ "role": "system", "content": "be brief" }, { "role": "user", "content": "größe 😀" }] }),
        ),
        ("both", json!({ "user": "u" })),
        ("second", json!({})),
        ("alpha/sim-large", json!({ "response_format": { "type": "json_object" } })),
    ];
    let bodies = kinds.into_iter().flat_map(|(model, members)| {
        let stream = if model.starts_with("alpha") {
            with(streaming(model), json!({ "stream_options": { "include_usage": true } }))
        } else {
            streaming(model)
        };
        [with(chat(model), members.clone()), with(stream, members)]
    });
    bodies.collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// `0.0000095` as 9,500.
fn nano_usd(text: &str) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 9, "{text}");
    format!("{whole}{fraction:0<9}").parse().expect("an amount is a decimal number")
}
