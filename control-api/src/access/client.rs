//! Where a request came from, before it is known who sent it.

use actix_web::{HttpMessage as _, HttpRequest, http::header::HeaderMap};

/// The id of a request: the caller's own, if it is a sane one, or ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The request's id; the same each time.
    pub fn of(request: &HttpRequest) -> Self {
        if let Some(known) = request.extensions().get::<Self>() {
            return known.clone();
        }
        let is_sane = |text: &&str| {
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let id = header(request.headers(), "x-request-id").filter(is_sane);
        let id = Self(id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned));
        request.extensions_mut().insert(id.clone());
        id
    }
}

/// Where a request came from, before it is known who sent it.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The peer's address; empty if there is none.
    pub ip: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The request's id.
    pub request_id: String,
}

impl Client {
    /// The client of a request.
    pub fn of(request: &HttpRequest) -> Self {
        let user_agent = header(request.headers(), "user-agent").unwrap_or_default();
        Self {
            ip: request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default(),
            user_agent: user_agent.chars().take(256).collect(),
            request_id: RequestId::of(request).0,
        }
    }
}

/// The only value of a header; what comes twice is nothing.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name);
    let only = all.next()?;
    if all.next().is_some() { None } else { only.to_str().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_request_keeps_a_sane_id_and_gets_one_for_any_other() {
        for (sent, kept) in
            [("abc-1", true), ("with space", false), ("", false), (&"x".repeat(65), false)]
        {
            let request =
                TestRequest::get().insert_header(("x-request-id", sent)).to_http_request();
            let id = RequestId::of(&request);
            assert_eq!(id.0 == sent, kept, "{sent}");
            assert_eq!(RequestId::of(&request), id, "the same each time");
        }
    }
}
