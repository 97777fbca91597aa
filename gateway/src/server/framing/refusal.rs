//! Why a request was refused before anybody parsed it, and what its sender is told.

use serde_json::json;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The head is not what the standard says, or may be read in two ways.
    Malformed(&'static str),
    /// A method that nobody serves here.
    UnknownMethod,
    /// A wish for another protocol on this connection.
    Upgrade,
    /// A head of too many bytes or headers.
    TooLarge(&'static str),
    /// The framing of a body is broken. Its head has passed, so the request is another's to answer.
    Body(&'static str),
}

impl Refusal {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Body(_) => "malformed_request",
            Self::UnknownMethod => "method_not_supported",
            Self::Upgrade => "upgrade_not_supported",
            Self::TooLarge(_) => "headers_too_large",
        }
    }

    /// The sentence for people.
    pub const fn message(&self) -> &'static str {
        match self {
            Self::Malformed(message) | Self::TooLarge(message) | Self::Body(message) => message,
            Self::UnknownMethod => "this method is not supported",
            Self::Upgrade => {
                "the protocol of this connection cannot be changed: send no Upgrade header"
            }
        }
    }

    /// The whole response. The connection ends with it.
    pub fn answer(&self) -> Vec<u8> {
        let error = json!({
            "message": self.message(),
            "type": "invalid_request_error",
            "param": null,
            "code": self.code(),
        });
        let body = json!({ "error": error }).to_string();
        let (status, length) = (self.status(), body.len());
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }

    const fn status(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "431 Request Header Fields Too Large",
            Self::Malformed(_) | Self::UnknownMethod | Self::Upgrade | Self::Body(_) => {
                "400 Bad Request"
            }
        }
    }
}
