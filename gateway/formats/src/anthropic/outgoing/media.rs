//! Images and documents as Anthropic takes them.

use crate::conversation::{Fit, Format, Media, MediaKind, PartKind, Role, Source, label};
use base64::{Engine, engine::general_purpose::STANDARD};

/// A file that Anthropic takes; notes those that it does not.
pub(super) fn fitted(file: &Media, role: Role, origin: Format, fit: &mut Fit) -> Option<PartKind> {
    let messages = label(origin, "messages");
    if origin == Format::Anthropic {
        return Some(PartKind::Media(file.clone()));
    }
    if role == Role::Assistant {
        // What an assistant says is text; a picture that it made is only mentioned.
        let word = match file.kind {
            MediaKind::Image => "[image]",
            MediaKind::Audio => "[audio]",
            MediaKind::Video => "[video]",
            MediaKind::Document => "[file]",
        };
        return Some(PartKind::Text(word.to_owned()));
    }
    if file.detail.as_deref().is_some_and(|detail| detail != "auto") {
        fit.hint("detail");
    }
    let refused = match (&file.kind, &file.source) {
        (MediaKind::Audio, _) => Some("it takes no audio"),
        (MediaKind::Video, _) => Some("it takes no video"),
        (_, Source::FileId(_)) => Some("a file that is kept at another provider cannot be read"),
        (_, Source::Url(url)) if !url.starts_with("http") => {
            Some("a file is given inline in base 64, or by an http or https URL")
        }
        (MediaKind::Image, Source::Text(_)) => Some("an image is no text"),
        (MediaKind::Image, Source::Base64(_)) if !is_image(&file.mime_or_sniffed()) => {
            Some("images are JPEG, PNG, GIF or WebP")
        }
        _ => None,
    };
    if let Some(why) = refused {
        fit.cannot(messages, why);
        return None;
    }
    match (file.kind, &file.source) {
        (MediaKind::Document, Source::Base64(data)) => document(file, data, messages, fit),
        _ => Some(PartKind::Media(Media { detail: None, ..file.clone() })),
    }
}

fn is_image(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/gif" | "image/webp")
}

/// A PDF as it is, a text as a text; an image that came as a file is an image.
fn document(file: &Media, data: &str, messages: &str, fit: &mut Fit) -> Option<PartKind> {
    let mime = file.mime_or_sniffed();
    if mime == "application/pdf" {
        return Some(PartKind::Media(Media { mime: Some(mime), detail: None, ..file.clone() }));
    }
    if is_image(&mime) {
        let image = Media { kind: MediaKind::Image, name: None, detail: None, ..file.clone() };
        return Some(PartKind::Media(image));
    }
    let essence = mime.split(';').next().unwrap_or_default().trim();
    let textual = essence.starts_with("text/")
        || matches!(essence, "application/json" | "application/xml" | "application/yaml")
        || essence.ends_with("+json")
        || essence.ends_with("+xml");
    let text = if textual { STANDARD.decode(data).ok() } else { None };
    match text.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Some(PartKind::Media(Media {
            source: Source::Text(text),
            mime: Some("text/plain".to_owned()),
            detail: None,
            ..file.clone()
        })),
        None => {
            fit.cannot(messages, "documents are PDF or plain text");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::TargetFacts;
    use tollgate_contract::provider::ProviderKind;

    fn fitted_as(file: &Media) -> Result<Option<PartKind>, String> {
        let mut fit = Fit::new(TargetFacts::new(ProviderKind::Anthropic, "claude-sonnet-4-5"));
        let kind = fitted(file, Role::User, Format::OpenaiChat, &mut fit);
        match fit.finish(Vec::new()) {
            Ok(_) => Ok(kind),
            Err(mistake) => Err(mistake.message),
        }
    }

    #[test]
    fn files_become_what_anthropic_takes_or_are_refused() {
        let of = |kind, mime: &str, source| Media {
            kind,
            source,
            mime: Some(mime.to_owned()),
            name: None,
            detail: None,
        };
        let base64 = |bytes: &[u8]| Source::Base64(STANDARD.encode(bytes));
        let text = of(MediaKind::Document, "text/csv", base64(b"a,b"));
        let Ok(Some(PartKind::Media(got))) = fitted_as(&text) else { panic!("a text") };
        assert_eq!(got.source, Source::Text("a,b".to_owned()));
        assert_eq!(got.mime.as_deref(), Some("text/plain"));

        let pdf = of(MediaKind::Document, "application/octet-stream", base64(b"%PDF-1.7 x"));
        let Ok(Some(PartKind::Media(got))) = fitted_as(&pdf) else { panic!("a PDF") };
        assert_eq!(got.mime.as_deref(), Some("application/pdf"));

        let png = of(MediaKind::Document, "image/png", base64(b"\x89PNG\r\n\x1a\n0000"));
        let Ok(Some(PartKind::Media(got))) = fitted_as(&png) else { panic!("an image") };
        assert_eq!(got.kind, MediaKind::Image);

        let refused = [
            of(MediaKind::Audio, "audio/wav", base64(b"RIFF")),
            of(MediaKind::Image, "image/bmp", base64(b"BM______________")),
            of(MediaKind::Document, "application/msword", base64(b"x")),
            of(MediaKind::Document, "text/plain", base64(b"\xff\xfe")),
            of(MediaKind::Document, "application/pdf", Source::FileId("file-1".into())),
            of(MediaKind::Image, "image/svg+xml", Source::Url("data:image/svg+xml,x".into())),
        ];
        for file in refused {
            assert!(fitted_as(&file).is_err(), "{file:?}");
        }
    }
}
