//! Brings images and files that a prompt only links to into the prompt, for providers that fetch nothing themselves. A
//! link of an app must not become a way into the network that the gateway stands in: only public addresses are asked,
//! also after a redirect.

use super::client::{Client, Clients, Settings};
use crate::formats::{
    conversation::{Conversation, Media, PartKind, Source},
    mistake::Mistake,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use std::{net::IpAddr, time::Duration};
use tokio::time::timeout;
use tollgate_contract::network::is_public;

/// One file may have this many bytes.
const MOST_BYTES: usize = 20 << 20;
/// And take this long.
const PATIENCE: Duration = Duration::from_secs(15);
const MOST_REDIRECTS: usize = 3;
/// A prompt may link to this many files.
const MOST_FILES: usize = 20;

/// The request with every linked file in it. The mistake names the link that could not be followed.
pub async fn inlined(
    clients: &Clients,
    conversation: &Conversation,
) -> Result<Conversation, Mistake> {
    let mut inlined = conversation.clone();
    let mut files = 0;
    for turn in &mut inlined.turns {
        for part in &mut turn.parts {
            match &mut part.kind {
                PartKind::Media(media) => inline(clients, media, &mut files).await?,
                PartKind::ToolResult { parts, .. } => {
                    for part in parts {
                        if let PartKind::Media(media) = &mut part.kind {
                            inline(clients, media, &mut files).await?;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(inlined)
}

async fn inline(clients: &Clients, media: &mut Media, files: &mut usize) -> Result<(), Mistake> {
    let Source::Url(url) = &media.source else { return Ok(()) };
    // Other schemes (gs://, s3://) are the provider's own.
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Ok(());
    }
    *files += 1;
    let shown: String = url.chars().take(200).collect();
    let mistake =
        |what: String| Mistake::invalid("messages", format!("The file at {shown} {what}."));
    if *files > MOST_FILES {
        return Err(mistake(format!("is one too many: at most {MOST_FILES} links are followed")));
    }
    let fetched = timeout(PATIENCE, fetch(clients, url.clone()))
        .await
        .unwrap_or_else(|_| Err("did not come in time".to_owned()));
    let (mime, body) = fetched.map_err(mistake)?;
    media.source = Source::Base64(STANDARD.encode(&body));
    media.mime = mime.or_else(|| media.mime.take());
    Ok(())
}

async fn fetch(clients: &Clients, url: String) -> Result<(Option<String>, Bytes), String> {
    let mut uri: Uri = url.parse().map_err(|_| "has no valid address".to_owned())?;
    for _ in 0..=MOST_REDIRECTS {
        let response = get(clients, &uri).await?;
        if response.status().is_redirection() {
            let next = response.headers().get(header::LOCATION).and_then(|at| at.to_str().ok());
            uri = next
                .and_then(|next| next.parse().ok())
                .filter(|next: &Uri| next.authority().is_some())
                .ok_or_else(|| "moved to nowhere".to_owned())?;
            continue;
        }
        if !response.status().is_success() {
            return Err(format!("cannot be had: status {}", response.status().as_u16()));
        }
        let mime =
            response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mime = mime.and_then(|text| text.split(';').next()).map(|text| text.trim().to_owned());
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|_| format!("broke off, or is larger than {MOST_BYTES} bytes"))?;
        return Ok((mime, body.to_bytes()));
    }
    Err("moved too often".to_owned())
}

async fn get(clients: &Clients, uri: &Uri) -> Result<Response<Incoming>, String> {
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("is neither at http nor at https".to_owned()),
    };
    // Names are checked when they are resolved; an address as it stands has to be checked here.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    if host.parse::<IpAddr>().is_ok_and(|address| !is_public(address)) {
        return Err("is at an address that is not public".to_owned());
    }
    let settings = Settings { connect: Duration::from_secs(5), allow_private: false, tls: secure };
    let client: Client = clients.get(settings);
    let request = http::Request::get(uri.clone())
        .header(header::USER_AGENT, concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        .body(Full::default())
        .map_err(|error| format!("has no valid address: {error}"))?;
    client.request(request).await.map_err(|_| "cannot be reached".to_owned())
}
