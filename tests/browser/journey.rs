//! From the first sign-in to a revoked key, with and without scripts: everything works without, some of it sooner with.

use std::time::Instant;

use tollgate_tests::browser::Scripts;

use crate::console::{Console, OWNER, PASSWORD};
use crate::stand::{self, SOON};
use crate::tenants;

#[tokio::test]
async fn a_key_is_made_used_watched_budgeted_and_revoked() {
    whole_journey(Scripts::On).await;
}

#[tokio::test]
async fn a_key_is_made_used_watched_budgeted_and_revoked_without_scripts() {
    whole_journey(Scripts::Off).await;
}

async fn whole_journey(scripts: Scripts) {
    let console = Console::start(scripts).await;
    signs_in_by_link_and_sets_a_password(&console).await;
    let key = makes_a_key(&console).await;
    sees_its_first_request(&console, &key, scripts).await;
    finds_the_request_and_why_it_went_where_it_went(&console).await;
    corrects_a_budget(&console).await;
    revokes_the_key(&console, &key, scripts).await;
    signs_out_and_in_again(&console).await;
    let complaints = console.browser.complaints().await;
    // Mistakes in forms answer 4xx, which the browser logs as such.
    let strange: Vec<_> =
        complaints.iter().filter(|text| !text.starts_with("\"network\"")).collect();
    assert!(strange.is_empty(), "{strange:#?}");
}

async fn signs_in_by_link_and_sets_a_password(console: &Console) {
    let browser = &console.browser;
    console.open("/console").await;
    assert!(console.path().await.starts_with("/sign-in"), "who is not signed in is sent to do so");

    let link = console.platform.control.sign_in_link(OWNER);
    browser.open(&link).await;
    browser.press(&format!("Sign in as {OWNER}")).await;
    assert_eq!(console.path().await, "/set-password");
    browser.fill("password", PASSWORD).await;
    browser.press("Set password").await;
    assert_eq!(console.path().await, "/console");
    assert_eq!(browser.text_of("h1").await, "Overview");

    let other =
        console.url("/sign-in/link?token=") + link.rsplit(['=', '/']).next().unwrap_or_default();
    browser.open(&other).await;
    browser.expect("This link no longer works").await;
}

async fn makes_a_key(console: &Console) -> String {
    let browser = &console.browser;
    console.open("/console/api-keys").await;
    browser.press("Create API key").await;
    browser.fill("name", "checkout service").await;
    browser.choose("team", "search").await;
    browser.fill("requests_per_minute", "600").await;
    browser.fill("budget_limit", "5.00").await;
    browser.press("Create API key").await;
    browser.expect("Your API key is ready").await;
    browser.expect("Waiting for the first request").await;
    let key = browser.value("#secret").await;
    assert!(key.starts_with("tgk_"), "{key}");
    key
}

async fn sees_its_first_request(console: &Console, key: &str, scripts: Scripts) {
    let browser = &console.browser;
    tenants::until_status(&console.gateway, key, 200).await;
    if scripts == Scripts::Off {
        let started = Instant::now();
        browser.press("Check now").await;
        while !browser.text().await.contains("Received") {
            assert!(started.elapsed() < SOON, "nothing was received: {}", browser.text().await);
            browser.press("Check now").await;
        }
    }
    browser.until_text("#first-request", "Received: alpha/sim-large").await;
}

async fn finds_the_request_and_why_it_went_where_it_went(console: &Console) {
    let browser = &console.browser;
    console.open("/console/requests").await;
    browser.expect("checkout service").await;
    browser.expect("demo").await;
    browser.press_at("table.log tbody a").await;
    browser.expect("Decision").await;
    browser.expect("fallback").await;
    browser.expect("alpha/sim-large").await;
    browser.expect("checkout service").await;
}

async fn corrects_a_budget(console: &Console) {
    let browser = &console.browser;
    console.open("/console/budgets").await;
    browser.press("Create budget").await;
    browser.fill("name", "research per week").await;
    browser.fill("limit", "a lot").await;
    browser.choose("window", "per week").await;
    browser.choose("team", "search").await;
    browser.fill("models", "alpha/*").await;
    browser.press("Create budget").await;
    browser.expect("One field needs another look").await;
    assert!(browser.text_of("#limit-error").await.contains("Limit"), "the error is at its field");
    let kept = [
        ("#name", "research per week"),
        ("#limit", "a lot"),
        ("#window", "week"),
        ("#models", "alpha/*"),
    ];
    for (field, value) in kept {
        assert_eq!(browser.value(field).await, value, "what was typed into {field} is kept");
    }
    assert_ne!(browser.value("#team").await, "", "what was chosen is kept");

    browser.fill("limit", "12.50").await;
    browser.press("Create budget").await;
    browser.expect("Budget created").await;
    browser.expect("$12.50").await;

    browser.press("research per week").await;
    browser.fill("limit", "20").await;
    browser.press("Save changes").await;
    browser.expect("Saved").await;
    console.open("/console/budgets").await;
    browser.expect("research per week").await;
    browser.expect("$20.00").await;
}

#[expect(clippy::print_stdout, reason = "a number to look at, shown to who asks for it")]
async fn revokes_the_key(console: &Console, key: &str, scripts: Scripts) {
    let browser = &console.browser;
    console.open("/console/api-keys").await;
    browser.press("Revoke checkout service").await;
    browser.fill("name", "checkout").await;
    if scripts == Scripts::On {
        let button = browser.button("Revoke API key").await;
        assert!(
            !button.is_enabled().await.expect("a button is enabled or not"),
            "the name is not complete yet"
        );
    } else {
        browser.press("Revoke API key").await;
        assert!(browser.text_of("#name-error").await.contains("Type the name as it is"));
        assert_eq!(console.chat(key).await.status, 200, "nothing is revoked by a wrong name");
    }
    browser.fill("name", "checkout service").await;
    let pressed = Instant::now();
    browser.press("Revoke API key").await;
    tenants::until_status(&console.gateway, key, 401).await;
    let took = pressed.elapsed();
    println!("the gateway refused the key at most {took:?} after the button was pressed");
    assert!(took < SOON, "{took:?}");
    browser.expect("checkout service is revoked").await;
    assert_eq!(stand::refusal(&console.chat(key).await).0, 401);
}

async fn signs_out_and_in_again(console: &Console) {
    let browser = &console.browser;
    browser.press_at(".sidebar form[action='/console/sign-out'] button").await;
    assert_eq!(console.path().await, "/sign-in");
    console.open("/console").await;
    assert!(console.path().await.starts_with("/sign-in"), "the session is over");

    browser.fill("email", OWNER).await;
    browser.fill("password", "not the password at all").await;
    browser.press("Sign in").await;
    browser.expect("The e-mail address or the password is wrong.").await;
    assert_eq!(browser.value("#email").await, OWNER);
    assert_eq!(browser.value("#password").await, "", "a password is never sent back");

    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    assert_eq!(browser.text_of("h1").await, "Overview");
}
