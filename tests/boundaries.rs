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

#[test]
fn formats_are_pure() {
    assert_links_none_of(
        "tollgate-formats",
        &["gateway", "control-api", "tollgate-web", "sqlx", "redis", "actix-web", "tokio", "hyper"],
    );
}

#[test]
fn pages_are_plain_data() {
    assert_links_none_of(
        "tollgate-web",
        &["gateway", "control-api", "sqlx", "redis", "actix-web", "tokio", "hyper"],
    );
}

#[test]
fn the_control_plane_does_not_link_the_gateway() {
    assert_links_none_of("control-api", &["gateway"]);
}

/// What takes no parameters in SQL is written in one place; everything else is static text with bound values.
#[test]
fn statements_are_static_text_and_one_function_opens_a_tenants_transaction() {
    let sources = sources_of("../control-api/src");
    let with = |text: &str| -> Vec<&str> {
        sources
            .iter()
            .filter(|(_, source)| source.contains(text))
            .map(|(path, _)| path.as_str())
            .collect()
    };
    assert_eq!(with("AssertSqlSafe"), ["commands/migrate.rs"], "SQL made of strings");
    assert_eq!(with("set_config('app.tenant'"), ["store/mod.rs"], "a second way into a tenant");
    let mut outside = with("sqlx::query");
    // Checks of the catalog at the start, and the roles.
    outside.retain(|path| !path.starts_with("store/") && !path.starts_with("commands/"));
    assert!(outside.is_empty(), "statements belong to store/: {outside:?}");
}

/// Path below `folder` and content of every source file.
fn sources_of(folder: &str) -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("a source is text")));
            }
        }
    }
    found.sort();
    found
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
