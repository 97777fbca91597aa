//! Somebody watches how the providers do while one of them fails.

use tollgate_tests::browser::Scripts;

use crate::console::Console;
use crate::tenants::{APP_KEY, SHAKY, chat, until_status};

#[tokio::test]
async fn a_target_goes_down_before_the_eyes_of_whoever_watches() {
    let console = Console::of_the_owner(Scripts::On).await;
    console.platform.apply_with(SHAKY);
    console.open("/console/health").await;
    console.browser.expect("No calls in the last minute").await;
    until_status(&console.gateway, APP_KEY, 200).await;
    console.browser.until_text("#live", "alpha/sim-large").await;
    for _ in 0..10 {
        assert_eq!(chat(&console.gateway, APP_KEY, "shaky").await.status, 200);
    }
    console.browser.until_text("#live", "Circuit open").await;
    let row = console.browser.text_of("#live tbody tr:first-child").await;
    assert!(row.contains("alpha/sim--status=503") && row.contains("Down"), "{row}");
    assert!(row.contains("5xx"), "{row}");
    let link = console.browser.element("#live tbody a").await;
    link.click().await.expect("a link can be clicked");
    assert!(console.path().await.starts_with("/console/requests?model="));
}
