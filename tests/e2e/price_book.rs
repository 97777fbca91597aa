//! The platform's price book: imported once, it prices what nobody else prices, at every gateway, from its day on.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::tenants::{APP_KEY, DOCUMENT, Platform, chat, until_status};

/// A tenant with a second provider, of which only the price book knows what its model costs.
fn document() -> String {
    DOCUMENT.replace(
        "[routes.demo]",
        "[providers.beta]\nkind = \"openai\"\nbase_url = \"{simulator}/beta/v1\"\nallow_private_network = true\n\
         keys = [\"sk-planted-provider-key\"]\n\
         [routes.other]\ntargets = [{ use = \"beta/sim-large\" }]\n[routes.demo]",
    )
}

/// A price map with one model of OpenAI, in USD per token, and entries that cannot be taken.
fn map(input: &str) -> String {
    format!(
        r#"{{"sim-large": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {input},
        "output_cost_per_token": 4e-06, "max_output_tokens": 1024, "max_input_tokens": 128000}},
        "acme/x": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": 1}}}}"#
    )
}

fn import(platform: &Platform, map: &str, further: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("prices.json");
    std::fs::write(&file, map).expect("the folder is writable");
    let file = file.to_string_lossy();
    let output = platform.control.cli(&[&["prices", "import", &file], further].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn until_cost(
    platform: &Platform,
    gateway: &tollgate_tests::control_process::ConnectedGateway,
    input: u64,
) {
    let asked = Instant::now();
    loop {
        let answer = chat(gateway, APP_KEY, "other").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let usage = &answer.json()["usage"];
        let count = |name: &str| usage[name].as_u64().unwrap_or_default();
        let nanos = count("prompt_tokens") * input + count("completion_tokens") * 4_000;
        let cost: f64 = answer.header("x-tollgate-cost-usd").unwrap_or("0").parse().expect("USD");
        if (cost * 1e9 - nanos as f64).abs() < 0.5 {
            return;
        }
        let logs = platform.control.logs();
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "{cost} USD is not {nanos} nano-USD\n{logs}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_imported_price_holds_at_gateways_and_a_tenants_own_goes_before_it() {
    let platform = Platform::start().await;
    platform.apply(&document());
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    let unpriced = chat(&gateway, APP_KEY, "other").await;
    assert!(
        unpriced.status >= 400,
        "a budget applies and nobody knows the price: {}",
        unpriced.text()
    );

    let told = import(&platform, &map("2e-06"), &["--dry-run"]);
    for part in [
        "openai sim-large: new, input 2.00, output 4.00",
        "skipped 1: no kind of provider is acme (acme/x)",
        "1 models read, 0 as they were, 1 rows would be added",
    ] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    assert_eq!(platform.control.psql("select count(*) from price_book").trim(), "0");

    assert!(import(&platform, &map("2e-06"), &[]).contains("1 rows added"));
    assert!(import(&platform, &map("2e-06"), &[]).contains("1 as they were, 0 rows added"));
    let asked = Instant::now();
    while chat(&gateway, APP_KEY, "other").await.status != 200 {
        assert!(asked.elapsed() < Duration::from_secs(20), "{}", gateway.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_cost(&platform, &gateway, 2_000).await;

    let told = import(&platform, &map("3e-06"), &["--source", "the provider's page"]);
    assert!(told.contains("openai sim-large: price.input 2.00 → 3.00"), "{told}");
    until_cost(&platform, &gateway, 3_000).await;

    // A node that comes later gets the book with its first world.
    let second = platform.gateway("two").await;
    until_cost(&platform, &second, 3_000).await;

    let own = document().replace(
        "[routes.other]",
        "[models.\"beta/sim-large\"]\nprice = { input = \"9\", output = \"4\" }\n[routes.other]",
    );
    platform.apply(&own);
    until_cost(&platform, &gateway, 9_000).await;
}

#[tokio::test]
async fn prices_hold_from_their_day_on_and_what_was_is_kept() {
    let platform = Platform::start().await;
    platform.apply(&document());
    import(&platform, &map("2e-06"), &[]);
    import(&platform, &map("5e-06"), &["--effective-from", "2999-01-01", "--source", "announced"]);
    let gateway = platform.gateway("one").await;
    until_status(&gateway, APP_KEY, 200).await;
    until_cost(&platform, &gateway, 2_000).await;

    let book = platform.do_it(Method::GET, "/api/v1/price-book?kind=openai", None).await;
    assert_eq!(book["data"].as_array().map(Vec::len), Some(1), "{book}");
    assert_eq!(book["data"][0]["spec"]["price"]["input"], "2.00", "{book}");
    let path = "/api/v1/price-book/history?kind=openai&model=sim-large";
    let history = platform.do_it(Method::GET, path, None).await;
    let inputs: Vec<&Value> = history["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| &row["spec"]["price"]["input"])
        .collect();
    assert_eq!(inputs, [&json!("5.00"), &json!("2.00")], "{history}");
    assert_eq!(history["data"][0]["source"], "announced");

    let shown = platform.control.cli(&["prices", "show", "openai", "sim-large"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("2999-01-01T00:00:00Z") && shown.contains("built-in catalog"),
        "{shown}"
    );
    let listed = platform.control.cli(&["prices", "list", "--kind", "openai"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("openai\tsim-large\t-\t") && listed.contains("\t2.00\t4.00\t"),
        "{listed}"
    );
    let unknown = platform.control.cli(&["prices", "show", "openai", "no-such-model"]);
    assert_eq!(unknown.status.code(), Some(1));

    // The day comes: nobody touches anything, and the gateway charges the new price.
    let come = "insert into price_book (kind, model, valid_from, spec, source) select kind, model, \
                now() + interval '2 seconds', spec, 'the day' from price_book where source = 'announced'";
    platform.control.psql(come);
    until_cost(&platform, &gateway, 5_000).await;

    let rewritten = platform.control.psql(
        "do $$ begin begin update price_book set source = 'x'; exception when others then raise notice 'no'; return; \
         end; raise exception 'the price book can be rewritten'; end $$; select 'kept'",
    );
    assert!(rewritten.contains("kept"), "{rewritten}");
    let audited = platform
        .control
        .psql("select count(*) from audit_log where action = 'price_book.imported'");
    assert_eq!(audited.trim(), "2", "each import is written down");
    assert!(platform.control.cli(&["audit", "verify"]).status.success());
}

#[tokio::test]
async fn a_file_that_is_no_price_map_and_a_day_that_is_none_change_nothing() {
    let platform = Platform::start().await;
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("prices.json");
    let name = file.to_string_lossy().into_owned();
    for (content, further, expected) in [
        (None, &[][..], "cannot be read"),
        (Some("[]"), &[], "it is no JSON object"),
        (Some("{}"), &["--effective-from", "soon"], "write a day or a moment"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).expect("the folder is writable");
        }
        let output = platform.control.cli(&[&["prices", "import", &name], further].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{told}");
    }
    for path in ["/api/v1/price-book?limit=0", "/api/v1/price-book?after=nonsense"] {
        let answer = platform.call(Method::GET, path, &platform.owner, None).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
    }
    assert_eq!(platform.control.psql("select count(*) from price_book").trim(), "0");
}
