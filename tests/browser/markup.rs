//! Whatever people and apps call things is text on the pages, never markup.

use hyper::Method;
use serde_json::json;
use tollgate_tests::browser::Scripts;
use tollgate_tests::http;

use crate::console::Console;
use crate::places;

/// A name that would run a script, compute in a template, leave an attribute.
const NAME: &str = r#"<svg/onload=alert(1)>{{7*7}}"'><b id=hurt>"#;
/// An address that tries the same and is one.
const EMAIL: &str = "<svg/onload=alert(1)>{{7*7}}@evil.example";

#[tokio::test]
async fn names_are_text_everywhere() {
    let console = Console::of_the_owner(Scripts::On).await;
    let browser = &console.browser;

    console.open("/console/members").await;
    browser.fill("team_name", NAME).await;
    browser.press("Create team").await;
    browser.expect(NAME).await;

    console.open("/console/budgets/new").await;
    browser.fill("name", NAME).await;
    browser.fill("limit", "3").await;
    browser.choose("team", NAME).await;
    browser.press("Create budget").await;
    browser.expect(NAME).await;

    console.open("/console/api-keys/new").await;
    browser.fill("name", NAME).await;
    browser.choose("team", NAME).await;
    browser.press("Create API key").await;
    browser.expect(NAME).await;
    let key = browser.value("#secret").await;

    console.open("/console/settings").await;
    browser.fill("token_name", NAME).await;
    browser.press("Create and show once").await;
    browser.expect(NAME).await;
    browser.fill("tenant_name", NAME).await;
    browser.press("Save changes").await;

    // What an app says about itself, and a model that does not exist.
    crate::tenants::until_status(&console.gateway, &key, 200).await;
    let chat = format!("{}/v1/chat/completions", console.gateway.url());
    for model in ["demo", NAME] {
        let body = json!({
            "model": model, "user": NAME, "metadata": { NAME: NAME }, "messages": [{ "role": "user", "content": NAME }],
        });
        http::post_json(&chat, &key, &body).await;
    }
    console.platform.until_logged(3).await;

    console.open("/console/members").await;
    browser.run("document.getElementById('email').type = 'text'").await;
    browser.fill("email", EMAIL).await;
    browser.press("Make invitation link").await;
    is_harmless(&console, "an invitation").await;

    for place in places::of_the_owner(&console).await {
        console.open(&place.path).await;
        is_harmless(&console, &place.path).await;
    }
    let search = format!("/console/api-keys?q={}&sort={}", in_url(NAME), in_url(NAME));
    for path in [&search, &search.replace("api-keys", "requests"), &format!("/{}", in_url(NAME))] {
        console.open(path).await;
        is_harmless(&console, path).await;
    }
    let log =
        console.platform.call(Method::GET, "/api/v1/requests", &console.platform.owner, None).await;
    assert!(log.text().contains("onload"), "the names did arrive");
}

async fn is_harmless(console: &Console, what: &str) {
    assert!(!console.browser.alerts().await, "{what}: a script ran");
    const HURT: &str =
        "return document.querySelectorAll('#hurt, [onload], [onerror], main script').length";
    assert_eq!(console.browser.run(HURT).await, 0, "{what}: a name is markup");
    let text = console.browser.text().await;
    // 7 × 7 computed by a template.
    assert!(!text.contains(">49"), "{what}: a name was computed: {text}");
}

fn in_url(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
