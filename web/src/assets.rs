//! Static files, in the binary. Each is served under a name with the hash of its content, so it can be cached for ever
//! and a new version is never mistaken for the old.

use std::sync::LazyLock;

/// A static file.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served: `/static/app.0123456789abcdef.css`.
    pub path: String,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    name: &'static str,
}

/// What an answer with an asset says about caching.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// The `Content-Security-Policy` that every page works under.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    [
        asset("app.css", "text/css; charset=utf-8", include_bytes!("../static/app.css")),
        asset("app.js", "text/javascript; charset=utf-8", include_bytes!("../static/app.js")),
        asset(
            "htmx.min.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../static/htmx.min.js"),
        ),
        asset("favicon.svg", "image/svg+xml", include_bytes!("../static/favicon.svg")),
    ]
});

/// The file that is served under `path`, if there is one.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Where the file `name` is served. Names are written in templates only, so an unknown one is broken code.
pub fn url(name: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    &asset.expect("templates name files that exist").path
}

/// All files.
pub fn all() -> &'static [Asset] {
    ASSETS.as_slice()
}

fn asset(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let path = format!("/static/{stem}.{:016x}.{extension}", fnv1a(bytes));
    Asset { path, content_type, bytes, name }
}

/// FNV-1a: names versions, protects nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_its_hashed_name_only() {
        let path = url("htmx.min.js");
        assert!(path.starts_with("/static/htmx.min.") && path.ends_with(".js"));
        assert_eq!(
            find(path).map(|asset| asset.content_type),
            Some("text/javascript; charset=utf-8")
        );
        assert!(find("/static/htmx.min.js").is_none());
    }
}
