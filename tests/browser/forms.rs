//! Forms do what they say once, and only for those who were shown them.

use hyper::Method;
use serde_json::Value;
use tollgate_tests::browser::Scripts;
use tollgate_tests::http::{self, Answer};

use crate::console::{Console, OWNER};
use crate::places;

/// What a browser calls the body of a form.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_key() {
    for scripts in [Scripts::On, Scripts::Off] {
        let console = Console::of_the_owner(scripts).await;
        console.open("/console/api-keys/new").await;
        console.browser.fill("name", "impatient").await;
        console.browser.press_twice("Create API key").await;
        assert_eq!(made(&console, "impatient").await, 1, "{scripts:?}: by a double click");
    }
}

#[tokio::test]
async fn a_form_that_arrives_twice_at_once_makes_one_key() {
    let console = Console::of_the_owner(Scripts::Off).await;
    console.open("/console/api-keys/new").await;
    let body = format!(
        "csrf={}&once={}&name=twin&models=*&team=&budget_window=month",
        console.browser.value("input[name=csrf]").await,
        console.browser.value("input[name=once]").await,
    );
    let post = || post(&console, "/console/api-keys", &[], &body);
    let answers = tokio::join!(post(), post(), post(), post());
    let statuses = [answers.0.status, answers.1.status, answers.2.status, answers.3.status];
    assert_eq!(made(&console, "twin").await, 1, "{statuses:?}");
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "the secret is shown once: {statuses:?}"
    );
}

#[tokio::test]
async fn a_form_without_its_token_or_from_another_site_is_refused_and_changes_nothing() {
    let console = Console::of_the_owner(Scripts::On).await;
    let mut forms = Vec::new();
    for place in places::of_the_owner(&console).await {
        console.open(&place.path).await;
        forms.extend(forms_here(&console).await);
    }
    forms.sort();
    forms.dedup_by(|one, other| one.0 == other.0);
    assert!(forms.len() > 20, "only {} forms were found: {forms:#?}", forms.len());

    let before = console.audited();
    for (address, body) in &forms {
        let without = without_token(body);
        let refusals = [
            ("without its token", post(&console, address, &[], &without).await),
            (
                "with an empty token",
                post(&console, address, &[], &format!("csrf=&{without}")).await,
            ),
            (
                "with a made-up token",
                post(&console, address, &[], &format!("csrf={:064}&{without}", 1)).await,
            ),
            (
                "from another site",
                post(&console, address, &[("origin", "https://evil.example")], body).await,
            ),
            ("from a sandbox", post(&console, address, &[("origin", "null")], body).await),
            (
                "across sites",
                post(&console, address, &[("sec-fetch-site", "cross-site")], body).await,
            ),
            (
                "across hosts",
                post(&console, address, &[("sec-fetch-site", "same-site")], body).await,
            ),
        ];
        for (how, answer) in refusals {
            assert_eq!(answer.status, 403, "{address} {how}: {}", answer.text());
        }
    }
    assert_eq!(console.audited(), before, "something was changed");
    console.open("/console").await;
    assert_eq!(console.browser.text_of("h1").await, "Overview", "{OWNER} is still signed in");
}

#[tokio::test]
async fn nobody_is_signed_in_from_another_site() {
    let console = Console::start(Scripts::On).await;
    console.open("/sign-in").await;
    let body = "email=owner%40acme.example&password=whatever+it+is&next=%2Fconsole";
    let csrf = console.browser.value("input[name=csrf]").await;
    let whole = format!("csrf={csrf}&{body}");
    assert_eq!(post(&console, "/sign-in", &[], body).await.status, 403);
    assert_eq!(
        post(&console, "/sign-in", &[("origin", "https://evil.example")], &whole).await.status,
        403
    );
    assert_eq!(
        post(&console, "/sign-in", &[], &whole).await.status,
        401,
        "the form itself is all right"
    );
}

/// How many of the tenant's API keys have this name.
async fn made(console: &Console, name: &str) -> usize {
    console.api_keys().await.iter().filter(|known| *known == name).count()
}

/// Posts what a form would, as the person in the browser.
async fn post(console: &Console, address: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let cookies = console.browser.cookies().await;
    let all = [&[FORM, ("cookie", cookies.as_str())], headers].concat();
    http::send(Method::POST, &console.url(address), &all, body.as_bytes().to_vec()).await
}

/// The forms of the page that post something: the address and the body of each.
async fn forms_here(console: &Console) -> Vec<(String, String)> {
    const FORMS: &str = "return [...document.forms].filter(form => form.method === 'post')
        .map(form => [new URL(form.action).pathname, new URLSearchParams(new FormData(form)).toString()])";
    let forms = console.browser.run(FORMS).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    forms.as_array().into_iter().flatten().map(|form| (text(&form[0]), text(&form[1]))).collect()
}

fn without_token(body: &str) -> String {
    let fields = body.split('&').filter(|field| !field.starts_with("csrf="));
    fields.collect::<Vec<_>>().join("&")
}
