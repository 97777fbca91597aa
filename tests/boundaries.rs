//! The arrows between the packages, as promises about what cargo links into each of them.

use std::process::Command;

#[test]
fn the_gateway_runs_without_database_pages_and_control_plane() {
    assert_links_none_of("gateway", &["sqlx", "askama", "control-api", "tollgate-web"]);
}

#[test]
fn the_contract_is_plain_data() {
    assert_links_none_of(
        "tollgate-contract",
        &["gateway", "control-api", "tollgate-web", "sqlx", "redis", "actix-web", "tokio", "hyper"],
    );
}

/// A banned name matches the package of that name only. One that does not exist yet is never found,
/// so the rule is in place before the package is.
#[track_caller]
fn assert_links_none_of(package: &str, banned: &[&str]) {
    let linked = linked_by(package);
    let found: Vec<_> = linked.iter().filter(|name| banned.contains(&name.as_str())).collect();
    assert!(
        found.is_empty(),
        "{package} links {found:?}; `cargo tree -p {package} -i NAME` shows by which way"
    );
}

/// The names of all packages that end up in `package`, without what only its tests and build need.
fn linked_by(package: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs where its tests run");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout);
    // The first line is the package itself.
    text.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
