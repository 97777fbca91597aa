//! Pages keep to their content policy, make no errors, and talk to nobody but the control plane.

use tollgate_tests::browser::Scripts;

use crate::console::Console;
use crate::places;

#[tokio::test]
async fn no_page_breaks_its_policy_or_asks_another_host() {
    let console = Console::of_the_owner(Scripts::On).await;
    let places = places::of_the_owner(&console).await;
    // What the browser did before it came to the console.
    console.browser.complaints().await;
    console.browser.requested().await;
    for place in places.iter().filter(|place| place.status == 200) {
        console.open(&place.path).await;
        let complaints = console.browser.complaints().await;
        assert!(complaints.is_empty(), "{}: {complaints:#?}", place.path);
        let requested = console.browser.requested().await;
        let own = console.platform.control.base_url();
        let foreign: Vec<_> = requested
            .iter()
            .filter(|url| !url.starts_with(&own) && !url.starts_with("data:"))
            .collect();
        assert!(foreign.is_empty(), "{}: {foreign:#?}", place.path);
        assert!(!requested.is_empty(), "{}: not even the page was asked for", place.path);
    }
}

#[tokio::test]
async fn a_theme_stays_chosen() {
    let console = Console::of_the_owner(Scripts::Off).await;
    let background =
        async || console.browser.element("body").await.css_value("background-color").await;
    let mut seen = Vec::new();
    for theme in ["light", "dark"] {
        console.open("/console/budgets").await;
        console.browser.press_at(&format!(".sidebar button[name=theme][value={theme}]")).await;
        assert_eq!(console.path().await, "/console/budgets", "back where it was chosen");
        console.open("/console/api-keys").await;
        assert!(console.browser.has(&format!("html[data-theme={theme}]")).await);
        seen.push(background().await.expect("a page has a background"));
    }
    assert_ne!(seen[0], seen[1]);
}
