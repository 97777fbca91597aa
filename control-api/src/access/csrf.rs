//! Forms: only the console's own pages may send them.

use super::{
    client::header,
    session::{Session, state},
};
use crate::error::ApiError;
use actix_web::{
    HttpRequest,
    http::{Uri, header::HeaderMap},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Refuses a form that does not carry the session's token, or that another site sends.
pub fn check_form(request: &HttpRequest, session: &Session, csrf: &str) -> Result<(), ApiError> {
    verify_slices_are_equal(session.csrf.as_bytes(), csrf.as_bytes())
        .map_err(|_| ApiError::CrossSite)?;
    check_origin(request)
}

/// Refuses a form that another site sends; for forms without a session, as the one to sign in.
pub fn check_origin(request: &HttpRequest) -> Result<(), ApiError> {
    let public_url = &state(request)?.settings.public_url;
    if comes_from_here(request.headers(), public_url) { Ok(()) } else { Err(ApiError::CrossSite) }
}

fn comes_from_here(headers: &HeaderMap, public_url: &str) -> bool {
    let is_there = |name| headers.contains_key(name);
    let site = match header(headers, "sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => !is_there("sec-fetch-site"),
    };
    let origin = match header(headers, "origin").and_then(origin_of) {
        Some(origin) => {
            let (_, host) = origin.split_once("://").unwrap_or_default();
            let own = header(headers, "host").is_some_and(|own| own.eq_ignore_ascii_case(host));
            own || origin_of(public_url) == Some(origin)
        }
        None => !is_there("origin"),
    };
    site && origin
}

/// `https://console.example` of any URL there, in lower case and without the scheme's own port.
fn origin_of(url: &str) -> Option<String> {
    let url: Uri = url.trim().parse().ok()?;
    let (scheme, host) = (url.scheme_str()?.to_lowercase(), url.host()?.to_lowercase());
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some(match url.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    const URL: &str = "https://console.example";

    #[test]
    fn a_form_from_another_site_is_refused() {
        let cases: [(&[(&str, &str)], bool); 12] = [
            (&[], true),
            (&[("origin", "https://console.example")], true),
            (&[("origin", "https://CONSOLE.example:443")], true),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "http://console.example")], false),
            (&[("origin", "https://console.example:8443")], false),
            (&[("origin", "https://console.example.evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "http://10.0.0.5:8081"), ("host", "10.0.0.5:8081")], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://console.example")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://console.example")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ];
        for (headers, expected) in cases {
            let mut request = TestRequest::post();
            for header in headers {
                request = request.append_header(*header);
            }
            let request = request.to_http_request();
            assert_eq!(comes_from_here(request.headers(), URL), expected, "{headers:?}");
        }
    }

    #[test]
    fn two_origins_are_no_origin() {
        let request = TestRequest::post()
            .append_header(("origin", "https://console.example"))
            .append_header(("origin", "https://evil.example"))
            .to_http_request();
        assert!(!comes_from_here(request.headers(), URL));
    }
}
