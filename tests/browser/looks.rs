//! Every page at the width of a phone and of a desk, light and dark: nothing sticks out, everything has its title.
//! The pictures are in `target/screenshots`, for people to look at.

use std::fs;
use std::path::PathBuf;

use hyper::Method;
use serde_json::json;
use tollgate_tests::browser::Scripts;
use tollgate_tests::processes;

use crate::browser::Browser;
use crate::console::{Console, OWNER};
use crate::places::{self, Place};
use crate::stand;
use crate::tenants::{self, APP_KEY};

/// Widths with the height of such a screen.
const SIZES: [(u64, u64); 2] = [(390, 844), (1440, 1000)];
const THEMES: [&str; 2] = ["light", "dark"];

/// A tenant that has been here for a while.
const DOCUMENT: &str = r#"
allow_inline_secrets = true

[providers.alpha]
kind = "openai_compatible"
base_url = "{simulator}/alpha/v1"
keys = ["sk-planted-provider-key", "sk-second-provider-key"]
allow_private_network = true

[providers.beta-with-a-rather-long-name]
kind = "openai_compatible"
base_url = "{simulator}/beta/v1"
keys = ["sk-planted-provider-key"]
allow_private_network = true

[providers.local]
kind = "ollama"
allow_private_network = true

[models."alpha/sim-large"]
price = { input = "0.50", output = "1.50" }
context_window = 128000
max_output = 1024
[models."alpha/sim--status=503"]
price = { input = "0.50", output = "1.50" }
[models."alpha/sim--status=500"]
price = { input = "0.50", output = "1.50" }
[models."beta-with-a-rather-long-name/sim-large"]
price = { input = "2.50", cached_input = "0.25", output = "15.00" }

[routes.demo]
targets = [{ use = "alpha/sim-large" }]
[routes.shaky]
targets = [{ use = "alpha/sim--status=503", retries = 1 }, { use = "beta-with-a-rather-long-name/sim-large", first_byte = "3s" }]
[routes.broken]
targets = [{ use = "alpha/sim--status=500" }]
[routes.the-route-with-the-longest-name-that-anybody-could-think-of]
strategy = "weighted"
targets = [{ use = "alpha/sim-large", weight = 80 }, { use = "beta-with-a-rather-long-name/sim-large", weight = 20 }]

[tenants.acme]
timezone = "Europe/Berlin"

[tenants.acme.api_keys.app]
secret = "app_planted_api_key_0123456789abcdef"
team = "search"
limits = { requests_per_minute = 100000 }
[tenants.acme.api_keys.nightly-batch-of-the-data-platform]
secret = "app_another_api_key_0123456789abcdef"
team = "data platform and analytics"
expires = 2026-12-31T00:00:00Z
[tenants.acme.api_keys.thrifty]
secret = "app_thrifty_api_key_0123456789abcdef"
team = "search"

[[tenants.acme.budgets]]
name = "all of it"
limit = "50.00"
window = "month"
[[tenants.acme.budgets]]
name = "search per day"
limit = "0.0006"
window = "day"
team = "search"
mode = "shadow"
[[tenants.acme.budgets]]
name = "the key of the thrifty people, who want to spend next to nothing"
limit = "0.000001"
window = "total"
api_key = "thrifty"
"#;

#[tokio::test]
async fn every_page_fits_every_screen() {
    let console = Console::start(Scripts::On).await;
    let browser = &console.browser;
    console.open("/sign-in").await;
    look(browser, "sign-in").await;
    browser.open(&console.platform.control.sign_in_link(OWNER)).await;
    look(browser, "sign-in-by-link").await;
    browser.press(&format!("Sign in as {OWNER}")).await;
    look(browser, "set-password").await;

    live_a_little(&console).await;
    for Place { name, path, .. } in places::of_the_owner(&console).await {
        console.open(&path).await;
        look(browser, name).await;
    }
    look_at_what_opens(&console).await;
}

#[tokio::test]
async fn what_acts_lead_to_fits_every_screen() {
    let console = Console::of_the_owner(Scripts::On).await;
    live_a_little(&console).await;
    look_at_failures(&console).await;
    look_at_mistakes(&console).await;
    look_at_secrets(&console).await;
    console.open("/console").await;
    console.browser.press_at(".sidebar form[action='/console/sign-out'] button").await;
    console.browser.fill("email", OWNER).await;
    console.browser.fill("password", "not the password at all").await;
    console.browser.press("Sign in").await;
    look(&console.browser, "sign-in-refused").await;
}

#[tokio::test]
async fn every_empty_page_fits_every_screen() {
    let console = Console::start(Scripts::On).await;
    let browser = &console.browser;
    console.platform.control.tenant("fresh");
    console.sign_in("owner@fresh.example").await;
    for Place { name, path, .. } in places::of_a_fresh_tenant() {
        console.open(&path).await;
        look(browser, name).await;
    }
    browser.forget().await;
    console.open("/sign-in/link?token=gone").await;
    look(browser, "sign-in-by-old-link").await;
    // An operator who belongs to no tenant.
    console.sign_in("operator@tollgate.example").await;
    assert_eq!(console.path().await, "/operator/tenants");
    look(browser, "operator-alone-tenants").await;
    console.open("/console/settings").await;
    look(browser, "operator-alone-settings").await;
}

/// Traffic of all kinds, a second team, an invitation, a revoked key.
async fn live_a_little(console: &Console) {
    let platform = &console.platform;
    let applied = platform.apply(DOCUMENT);
    assert!(applied.contains(" changes made"), "{applied}");
    tenants::until_status(&console.gateway, "app_another_api_key_0123456789abcdef", 200).await;
    let mut sent = 1;
    let url = format!("{}/v1/chat/completions", console.gateway.url());
    let calls = [
        (APP_KEY, "demo", 6),
        (APP_KEY, "shaky", 3),
        (APP_KEY, "the-route-with-the-longest-name-that-anybody-could-think-of", 12),
        ("app_another_api_key_0123456789abcdef", "beta-with-a-rather-long-name/sim-large", 4),
        ("app_another_api_key_0123456789abcdef", "no-such-model", 1),
        ("app_thrifty_api_key_0123456789abcdef", "demo", 2),
        (APP_KEY, "broken", 3),
    ];
    for (key, model, times) in calls {
        for _ in 0..times {
            tollgate_tests::http::post_json(&url, key, &stand::chat(model)).await;
            sent += 1;
        }
    }
    platform.until_logged(sent).await;
    let (gone, _) = platform.api_key("of last year").await;
    platform.do_it(Method::DELETE, &format!("/api/v1/api-keys/{gone}"), None).await;
    let invitation =
        json!({ "email": "grace.brewster.murray.hopper@research.acme.example", "role": "viewer" });
    platform.do_it(Method::POST, "/api/v1/members", Some(invitation)).await;
}

/// The menu of narrow screens and the command palette.
async fn look_at_what_opens(console: &Console) {
    let browser = &console.browser;
    console.open("/console/budgets").await;
    browser.run("document.getElementById('menu').open = true").await;
    look(browser, "menu").await;
    console.open("/console/budgets").await;
    browser.run("document.querySelector('[data-palette]').click()").await;
    look(browser, "palette").await;
}

async fn look_at_failures(console: &Console) {
    let browser = &console.browser;
    console.open("/console/requests?status=errors").await;
    look(browser, "requests-failed").await;
    browser.press_at("table.log tbody a").await;
    look(browser, "request-failed").await;
}

/// Forms that come back.
async fn look_at_mistakes(console: &Console) {
    let browser = &console.browser;
    console.open("/console/api-keys/new").await;
    browser.fill("name", "checkout service").await;
    browser.fill("requests_per_minute", "many").await;
    browser.fill("budget_limit", "a lot").await;
    browser.press("Create API key").await;
    look(browser, "api-key-new-mistakes").await;

    console.open("/console/budgets/new").await;
    browser.fill("name", "research").await;
    browser.fill("limit", "-1").await;
    browser.fill("alert_at", "80, 50").await;
    browser.press("Create budget").await;
    look(browser, "budget-new-mistakes").await;

    console.open("/console/providers/new").await;
    browser.fill("secret", "x").await;
    browser.press("Add provider key").await;
    look(browser, "provider-new-mistakes").await;
}

/// What is shown once.
async fn look_at_secrets(console: &Console) {
    let browser = &console.browser;
    console.open("/console/api-keys/new").await;
    browser.fill("name", "checkout service").await;
    browser.press("Create API key").await;
    look(browser, "api-key-created").await;
    browser.press("Done").await;
    browser.press("Rotate checkout service").await;
    browser.press("Rotate and show the new secret").await;
    look(browser, "api-key-rotated").await;
    console.open("/console/api-keys").await;
    look(browser, "api-keys-overlap").await;

    console.open("/console/members").await;
    browser.fill("email", "barbara@acme.example").await;
    browser.press("Make invitation link").await;
    look(browser, "member-invited").await;

    console.open("/console/settings").await;
    browser.fill("token_name", "nightly apply").await;
    browser.press("Create and show once").await;
    look(browser, "token-created").await;

    console.open("/operator/tenants").await;
    browser.fill("name", "Globex").await;
    browser.fill("owner_email", "hank@globex.example").await;
    browser.press("Create tenant and show the link").await;
    look(browser, "operator-tenant-created").await;
}

/// Measures the page that is open and takes its pictures.
async fn look(browser: &Browser, name: &str) {
    let folder = folder();
    for (width, height) in SIZES {
        browser.resize(width, height).await;
        measure(browser, name, width).await;
        // The whole page, not only what fits on the screen.
        let whole = browser
            .run("return document.documentElement.scrollHeight")
            .await
            .as_u64()
            .unwrap_or(height);
        browser.resize(width, whole.clamp(height, 6_000)).await;
        for theme in THEMES {
            browser.run(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
            let picture = folder.join(format!("{name}-{width}-{theme}.png"));
            fs::write(picture, browser.screenshot().await).expect("a picture can be written");
        }
    }
}

async fn measure(browser: &Browser, name: &str, width: u64) {
    const TOO_WIDE: &str = "
        const own = document.documentElement;
        if (own.scrollWidth <= innerWidth) return '';
        const wide = [...document.querySelectorAll('body *')].filter(one => innerWidth < one.getBoundingClientRect().right);
        return `${own.scrollWidth} > ${innerWidth}: ` + wide.slice(0, 5).map(one => one.outerHTML.slice(0, 120)).join('\\n')";
    let inner = browser.run("return innerWidth").await;
    assert_eq!(inner, width, "{name}: the page has the width of its screen");
    let wide = browser.run(TOO_WIDE).await;
    assert_eq!(wide, "", "{name} at {width}: the page is wider than its screen");
    let title = browser.title().await;
    let is_titled = title.strip_suffix("· Tollgate").is_some_and(|title| !title.trim().is_empty());
    assert!(is_titled, "{name}: the title is {title:?}");
    assert_ne!(browser.text_of("h1").await, "", "{name} has no heading");
    assert_eq!(
        browser.run("return document.querySelectorAll('h1').length").await,
        1,
        "{name} has one heading"
    );
}

/// Beside the programs that are tested: `target/screenshots`.
fn folder() -> PathBuf {
    let programs = processes::binary("tollgate-control");
    let target =
        programs.ancestors().nth(2).expect("programs lie in target/PROFILE").join("screenshots");
    fs::create_dir_all(&target).expect("a folder can be made");
    target
}
