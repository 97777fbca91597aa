//! What a connected node is told at its start: flags and the node's own tables. Flags win.

use crate::settings::Serve;
use std::{path::PathBuf, sync::Arc};
use tollgate_contract::{
    document::{Control, CountersBackend, Document, UsageSink},
    node::NodeIdentity,
    secret::Secret,
    signing::PublicKey,
};
use toml::de::DeTable;

/// Where the control plane is, and who this node is to it.
#[derive(Debug)]
pub struct ControlSettings {
    /// Without a trailing slash.
    pub url: String,
    /// From the node token.
    pub identity: Arc<NodeIdentity>,
    /// Where the last good world is kept.
    pub snapshot: Option<PathBuf>,
    /// The only key whose signatures are believed, if it is known already.
    pub public_key: Option<PublicKey>,
}

/// A node's own settings and its control plane.
#[derive(Debug)]
pub struct Connected {
    /// The node's own tables; counters and usage events are set to Redis.
    pub document: Document,
    /// The control plane.
    pub control: ControlSettings,
}

/// Settings of the connected mode, if `document` (read from `text`) or the flags ask for it. The errors are ready to be
/// shown.
pub fn connected(
    flags: &Serve,
    document: Document,
    text: &str,
) -> Result<Result<Connected, Document>, Vec<String>> {
    if flags.control.is_none() && document.control.is_none() {
        return match only_with_control(flags) {
            Some(mistake) => Err(vec![mistake]),
            None => Ok(Err(document)),
        };
    }
    let mut mistakes = Vec::new();
    let tables = [
        ("providers", document.providers.is_empty()),
        ("models", document.models.is_empty()),
        ("routes", document.routes.is_empty()),
        ("tenants", document.tenants.is_empty()),
    ];
    for (table, _) in tables.into_iter().filter(|(_, empty)| !empty) {
        mistakes.push(format!(
            "[{table}]: with --control the world comes from the control plane: remove this table"
        ));
    }
    if document.counters.backend == CountersBackend::Memory && is_given(text, "counters", "backend")
    {
        mistakes.push("[counters] backend: a connected node counts in Redis: write \"redis\", or leave it out".to_owned());
    }
    if document.usage != UsageSink::Redis && is_given(text, "usage", "sink") {
        mistakes.push(
            "[usage] sink: a connected node reports to Redis: write \"redis\", or leave it out"
                .to_owned(),
        );
    }
    let table = document.control.clone().unwrap_or_default();
    let url = noted(url(flags.control.clone().or_else(|| table.url.clone())), &mut mistakes);
    let identity = noted(identity(flags, &table), &mut mistakes);
    let public_key = noted(public_key(flags.control_public_key.as_deref()), &mut mistakes);
    let (Some(url), Some(identity), Some(public_key), true) =
        (url, identity, public_key, mistakes.is_empty())
    else {
        return Err(mistakes);
    };
    let mut document = document;
    document.counters.backend = CountersBackend::Redis;
    document.usage = UsageSink::Redis;
    let snapshot = flags.snapshot.clone().or(table.snapshot);
    let control = ControlSettings { url, identity: Arc::new(identity), snapshot, public_key };
    Ok(Ok(Connected { document, control }))
}

fn only_with_control(flags: &Serve) -> Option<String> {
    let given = [
        ("--node-token-file", flags.node_token_file.is_some()),
        ("--snapshot", flags.snapshot.is_some()),
        ("--control-public-key", flags.control_public_key.is_some()),
    ];
    let (flag, _) = given.into_iter().find(|(_, given)| *given)?;
    Some(format!("{flag} is for a connected node: give --control URL too"))
}

fn noted<T>(result: Result<T, String>, mistakes: &mut Vec<String>) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}

fn url(given: Option<String>) -> Result<String, String> {
    let place = "--control or [control] url";
    let text = given.ok_or_else(|| format!("{place} is missing: write https://HOST"))?;
    let wrong = |why: &str| format!("{place}: {why}: write https://HOST or http://HOST:PORT");
    let uri: http::Uri = text.parse().map_err(|_| wrong("it is no URL"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(wrong("it is no http or https URL")),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it has no host"));
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("it must not contain a user or password"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(wrong("it must not contain a query or fragment"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn identity(flags: &Serve, table: &Control) -> Result<NodeIdentity, String> {
    let (place, token) = match (&flags.node_token_file, &table.token) {
        (Some(path), _) => {
            let place = format!("--node-token-file {}", path.display());
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{place}: it cannot be read: {error}"))?;
            (place, Secret::new(text))
        }
        (None, Some(reference)) => {
            let place = "[control] token".to_owned();
            let secret = super::secret(reference).map_err(|error| format!("{place}: {error}"))?;
            (place, secret)
        }
        (None, None) => {
            return Err(
                "the node token is missing: make one with `tollgate-control node add NAME` and give --node-token-file FILE"
                    .to_owned(),
            );
        }
    };
    NodeIdentity::from_token(&token).ok_or_else(|| {
        format!("{place}: this is no node token (tgn_ and 49 letters and digits): copy it whole, or make a new one")
    })
}

fn public_key(given: Option<&str>) -> Result<Option<PublicKey>, String> {
    let Some(text) = given else { return Ok(None) };
    let key = PublicKey::from_hex(text.trim());
    key.map(Some).ok_or_else(|| {
        "--control-public-key: it must be the 64 hexadecimal digits that the control plane shows"
            .to_owned()
    })
}

/// Whether the file says something about it, even if it says the default.
fn is_given(text: &str, table: &str, key: &str) -> bool {
    let (root, _) = DeTable::parse_recoverable(text);
    let table = root.get_ref().get(table).and_then(|table| table.get_ref().as_table());
    table.is_some_and(|table| table.contains_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::path::Path;
    use tollgate_contract::{document, token};

    fn given(arguments: &[&str], text: &str) -> Result<Result<Connected, Document>, Vec<String>> {
        let arguments = [&["tollgate-gateway"], arguments].concat();
        let flags = crate::settings::Cli::parse_from(arguments).serve;
        connected(&flags, document::read(text).unwrap(), text)
    }

    fn token_file(directory: &Path, text: &str) -> String {
        let path = directory.join("token");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    #[test]
    fn flags_and_the_control_table_mean_the_same_and_flags_win() {
        let directory = tempfile::tempdir().unwrap();
        let file = token_file(directory.path(), &(token::mint(token::NODE, &[3; 32]) + "\n"));
        let text = format!(
            "[control]\nurl = \"http://10.0.0.1:8081/\"\ntoken = {{ file = \"{file}\" }}\nsnapshot = \"/tmp/world\"\n"
        );
        let Ok(Ok(by_table)) = given(&[], &text) else { panic!() };
        assert_eq!(by_table.control.url, "http://10.0.0.1:8081");
        assert_eq!(by_table.control.snapshot, Some("/tmp/world".into()));
        assert_eq!(by_table.document.counters.backend, CountersBackend::Redis);
        assert_eq!(by_table.document.usage, UsageSink::Redis);
        let key = PublicKey([7; 32]);
        let flags = ["--control", "https://control.example", "--node-token-file", &file];
        let flags = [&flags[..], &["--snapshot", "/tmp/other", "--control-public-key"]].concat();
        let Ok(Ok(by_flags)) = given(&[&flags[..], &[&key.to_hex()]].concat(), &text) else {
            panic!()
        };
        assert_eq!(by_flags.control.url, "https://control.example");
        assert_eq!(by_flags.control.snapshot, Some("/tmp/other".into()));
        assert_eq!(by_flags.control.public_key, Some(key));
        assert_eq!(
            by_flags.control.identity.fingerprint(),
            by_table.control.identity.fingerprint()
        );
        assert!(matches!(given(&[], ""), Ok(Err(_))), "a file without it is a world of its own");
    }

    #[test]
    fn every_mistake_is_told_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let good = token_file(directory.path(), &token::mint(token::NODE, &[3; 32]));
        let url = "https://control.example";
        let base = ["--control", url, "--node-token-file", &good];
        let cases: [(&[&str], &str, &str); 14] = [
            (&["--control", "ftp://x", "--node-token-file", &good], "", "no http or https URL"),
            (&["--control", "control.example", "--node-token-file", &good], "", "no http or https"),
            (&["--control", "http://a:b@c", "--node-token-file", &good], "", "user or password"),
            (&["--control", "http://c/?x=1", "--node-token-file", &good], "", "query"),
            (&["--control", url], "", "the node token is missing"),
            (&["--control", url, "--node-token-file", "/nowhere"], "", "cannot be read"),
            (&["--control", url, "--node-token-file", "/dev/null"], "", "no node token"),
            (&["--node-token-file", &good], "", "give --control URL too"),
            (&["--control-public-key", "00"], "", "give --control URL too"),
            (&[], "[control]\nsnapshot = \"x\"", "[control] url is missing"),
            (&base, "[tenants.a]", "[tenants]: with --control the world comes"),
            (&base, "[counters]\nbackend = \"memory\"", "a connected node counts in Redis"),
            (&base, "[usage]\nsink = \"file:/tmp/x\"", "a connected node reports to Redis"),
            (&base, "[usage]\nsink = \"none\"", "a connected node reports to Redis"),
        ];
        for (arguments, text, expected) in cases {
            let mistakes = given(arguments, text).unwrap_err().join("\n");
            assert!(mistakes.contains(expected), "{arguments:?} {text}: {mistakes}");
            assert!(!mistakes.contains("tgn_3"), "a token is never repeated");
        }
        let wrong_key = [&base[..], &["--control-public-key", "00"]].concat();
        assert!(given(&wrong_key, "").unwrap_err()[0].contains("64 hexadecimal digits"));
        let explicit = "[counters]\nbackend = \"redis\"\n[usage]\nsink = \"redis\"";
        assert!(given(&base, explicit).is_ok());
    }
}
