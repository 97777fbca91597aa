//! Access tokens of a Google service account (RFC 7523; Google's "service account" flow): a JWT signed with the
//! account's key buys a bearer token that lives an hour.

use super::{client::Client, error::UpstreamError};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::{BodyExt, Full, Limited};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(300);
/// An answer of the token endpoint has at most this many bytes.
const MOST: usize = 64 << 10;

/// Gives tokens of one service account. One renewal at a time: who comes meanwhile waits for it.
pub struct TokenSource {
    email: String,
    key_id: Option<String>,
    token_uri: String,
    project: Option<String>,
    key: EncodingKey,
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

/// The members of a service account's key file that matter.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    project_id: Option<String>,
}

#[derive(Serialize)]
struct Claims<'c> {
    iss: &'c str,
    scope: &'c str,
    aud: &'c str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

impl TokenSource {
    /// Reads a service account's key file; `None` if it is none.
    pub fn of(document: &str) -> Option<Self> {
        let account: Account = serde_json::from_str(document).ok()?;
        let key = EncodingKey::from_rsa_pem(account.private_key.as_bytes()).ok()?;
        Some(Self {
            email: account.client_email,
            key_id: account.private_key_id,
            token_uri: account.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned()),
            project: account.project_id,
            key,
            token: Mutex::default(),
        })
    }

    /// The project that the account belongs to.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// The header with a token that is good for some minutes at least.
    pub async fn header(&self, client: &Client, by: Instant) -> Result<HeaderValue, UpstreamError> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.header.clone());
        }
        let token = self.fetch(client, by).await?;
        let header = token.header.clone();
        *kept = Some(token);
        Ok(header)
    }

    /// The provider did not take the token: the next call gets a new one.
    pub async fn forget(&self) {
        *self.token.lock().await = None;
    }

    async fn fetch(&self, client: &Client, by: Instant) -> Result<Token, UpstreamError> {
        let broken = |what: String| UpstreamError::Connect(format!("no token from Google: {what}"));
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            self.assertion().ok_or(UpstreamError::NoKey)?
        );
        let request = http::Request::post(&self.token_uri)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| broken(error.to_string()))?;
        let answer = async move {
            let response =
                client.request(request).await.map_err(|error| broken(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST).collect().await;
            let body = body.map_err(|error| broken(error.to_string()))?.to_bytes();
            Ok::<_, UpstreamError>((status, body))
        };
        let (status, body) = timeout_at(by, answer)
            .await
            .map_err(|_| broken("it did not answer in time".to_owned()))??;
        if status.is_client_error() {
            return Err(UpstreamError::NoKey);
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| broken(format!("status {status} without a token")))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token))
            .map_err(|_| broken("the token is no header value".to_owned()))?;
        header.set_sensitive(true);
        let life = Duration::from_secs(granted.expires_in.unwrap_or(3600));
        // A short life is used by half.
        let good_for = life.saturating_sub(EARLY).max(life / 2);
        Ok(Token { header, renew_at: Instant::now() + good_for })
    }

    fn assertion(&self) -> Option<String> {
        let now = jiff::Timestamp::now().as_second();
        let claims = Claims {
            iss: &self.email,
            scope: SCOPE,
            aud: &self.token_uri,
            iat: now,
            exp: now + 3600,
        };
        let header = Header { kid: self.key_id.clone(), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &self.key).ok()
    }
}
