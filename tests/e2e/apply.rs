//! A tenant's configuration as a file: apply and export.

use hyper::Method;

use crate::tenants::{DOCUMENT, Platform};

fn export(platform: &Platform) -> String {
    let output = platform.control.cli(&["export", "--token", &platform.owner]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn what_is_exported_can_be_applied_and_changes_nothing() {
    let platform = Platform::start().await;
    let exported = export(&platform);
    for part in [
        "[providers.alpha]",
        "[[routes.demo.targets]]",
        "[tenants.acme.api_keys.app]",
        "all of it",
        "provider_key =",
    ] {
        assert!(exported.contains(part), "{part} is missing:\n{exported}");
    }
    assert!(!exported.contains("planted"), "a secret was exported:\n{exported}");
    assert!(platform.apply(&exported).contains("0 changes made"));
    assert_eq!(export(&platform), exported);
    assert!(
        platform.apply(DOCUMENT).contains("0 changes made"),
        "the first document says the same"
    );
}

#[tokio::test]
async fn a_changed_document_changes_what_differs_and_nothing_else() {
    let platform = Platform::start().await;
    platform.api_key("made by a team").await;
    let changed = DOCUMENT.replace("limit = \"50.00\"", "limit = \"60.00\"").replace(
        "[routes.demo]",
        "[routes.second]\ntargets = [{ use = \"alpha/sim-small\" }]\n[routes.demo]",
    );
    let told = platform.apply(&changed);
    assert!(
        told.contains("budget all of it changed") && told.contains("route second created"),
        "{told}"
    );
    assert!(told.contains("2 changes made"), "{told}");
    let without = DOCUMENT.replace(
        "[[tenants.acme.budgets]]\nname = \"all of it\"\nlimit = \"50.00\"\nwindow = \"month\"\n",
        "",
    );
    let told = platform.apply(&without);
    assert!(
        told.contains("budget all of it deleted") && told.contains("route second deleted"),
        "{told}"
    );
    let keys = platform.do_it(Method::GET, "/api/v1/api-keys", None).await;
    assert_eq!(
        keys["data"].as_array().map(Vec::len),
        Some(2),
        "a team's key is left alone: {keys}"
    );
}

#[tokio::test]
async fn a_document_with_mistakes_changes_nothing_and_tells_all_of_them() {
    let platform = Platform::start().await;
    let before = export(&platform);
    let wrong = DOCUMENT
        .replace("limit = \"50.00\"", "limit = \"-1\"")
        .replace("window = \"month\"", "window = \"fortnight\"");
    let told = platform.apply(&wrong);
    assert!(told.contains("limit") && told.contains("window"), "{told}");
    for (what, document, says) in [
        ("another tenant's", DOCUMENT.replace("tenants.acme", "tenants.other"), "acme"),
        (
            "a stranger",
            DOCUMENT.replace("team = \"search\"", "member = \"nobody@example.com\""),
            "nobody@example.com",
        ),
        (
            "no such provider key",
            DOCUMENT.replace(
                "\"sk-planted-provider-key\"",
                "{ provider_key = \"pky_00000000000000000000000000000000\" }",
            ),
            "pky_",
        ),
    ] {
        let told = platform.apply(&document);
        assert!(told.contains(says) && !told.contains("changes made"), "{what}: {told}");
    }
    assert_eq!(export(&platform), before);
}

#[tokio::test]
async fn a_made_up_key_with_our_prefix_is_refused_before_a_gateway_refuses_it() {
    let platform = Platform::start().await;
    let made_up = DOCUMENT.replace("app_planted_api_key", "tgk_planted_api_key");
    let told = platform.apply(&made_up);
    assert!(told.contains("checksum") && !told.contains("changes made"), "{told}");
}
