//! Files as Cohere takes them: images by URL, also inline, and documents of text.

use crate::conversation::{Fit, Format, Media, MediaKind, Source, label};
use base64::{Engine, engine::general_purpose::STANDARD};

/// A file that goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// An image.
    Image {
        /// Where it is; a `data:` URL has it in itself.
        url: String,
        /// `auto`, `low` or `high`.
        detail: Option<String>,
    },
    /// A document.
    Document {
        /// Its file name or title.
        title: Option<String>,
        /// What it says.
        text: String,
    },
}

/// A file as Cohere takes it; notes those that it does not.
pub(super) fn fitted(file: &Media, origin: Format, fit: &mut Fit) -> Option<Sent> {
    let sent = match file.kind {
        MediaKind::Image => image(file, fit),
        MediaKind::Document => document(file, fit),
        MediaKind::Audio => Err("it takes no audio"),
        MediaKind::Video => Err("it takes no video"),
    };
    match sent {
        Ok(sent) => Some(sent),
        Err(why) => {
            fit.cannot(label(origin, "messages"), why);
            None
        }
    }
}

fn image(file: &Media, fit: &mut Fit) -> Result<Sent, &'static str> {
    if matches!(file.source, Source::Text(_)) {
        return Err("an image is no text");
    }
    let url = file.to_url().ok_or(ELSEWHERE)?;
    if !url.starts_with("data:") && !url.starts_with("http") {
        return Err("an image is given inline in base 64, or by an http or https URL");
    }
    let known = |detail: &&String| matches!(detail.as_str(), "auto" | "low" | "high");
    let detail = file.detail.as_ref().filter(known).cloned();
    if detail.is_none() && file.detail.is_some() {
        fit.hint("detail");
    }
    Ok(Sent::Image { url, detail })
}

const ELSEWHERE: &str = "a file that is kept at another provider cannot be read";

fn document(file: &Media, fit: &mut Fit) -> Result<Sent, &'static str> {
    let mime = file.mime_or_sniffed();
    let text = match &file.source {
        Source::Text(text) => Some(text.clone()),
        Source::FileId(_) => return Err(ELSEWHERE),
        Source::Url(_) => return Err("it fetches no documents"),
        Source::Base64(_) if mime.starts_with("image/") => return image(file, fit),
        Source::Base64(data) if is_text(&mime) => {
            STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        }
        Source::Base64(_) => None,
    };
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => Ok(Sent::Document { title: file.name.clone(), text }),
        None => Err("documents are plain text, and not empty"),
    }
}

fn is_text(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/")
        || matches!(essence, "application/json" | "application/xml" | "application/yaml")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::TargetFacts;
    use tollgate_contract::provider::ProviderKind;

    fn file(kind: MediaKind, mime: &str, source: Source) -> Media {
        Media { kind, source, mime: Some(mime.to_owned()), name: None, detail: None }
    }

    fn fitted_as(file: &Media) -> Result<Sent, String> {
        let mut fit = Fit::new(TargetFacts::new(ProviderKind::Cohere, "m"));
        let sent = fitted(file, Format::OpenaiChat, &mut fit);
        fit.finish(Vec::new()).map_err(|mistake| mistake.message)?;
        Ok(sent.unwrap())
    }

    #[test]
    fn images_go_by_url_and_documents_as_text() {
        use MediaKind::{Document, Image};
        let png = "iVBORw0KGgo=";
        let inline = file(Image, "image/jpeg", Source::Base64(png.to_owned()));
        let url = format!("data:image/png;base64,{png}");
        let image = |url: &str| Sent::Image { url: url.to_owned(), detail: None };
        assert_eq!(fitted_as(&inline), Ok(image(&url)), "the bytes tell the type");
        let far = file(Image, "image/png", Source::Url("https://x/y".to_owned()));
        assert_eq!(fitted_as(&far), Ok(image("https://x/y")));
        let drawn = file(Document, "image/png", Source::Base64(png.to_owned()));
        assert_eq!(fitted_as(&drawn), Ok(image(&url)));
        let csv = Media {
            name: Some("t.csv".to_owned()),
            ..file(Document, "text/csv; charset=utf-8", Source::Base64(STANDARD.encode("a,b")))
        };
        let title = Some("t.csv".to_owned());
        assert_eq!(fitted_as(&csv), Ok(Sent::Document { title, text: "a,b".to_owned() }));
    }

    #[test]
    fn what_cohere_cannot_read_is_refused() {
        use MediaKind::{Audio, Document, Image, Video};
        let base64 = |bytes: &[u8]| Source::Base64(STANDARD.encode(bytes));
        let cases = [
            (file(Document, "application/pdf", base64(b"%PDF-1.7")), "plain text"),
            (file(Document, "text/plain", base64(b"\xff")), "plain text"),
            (file(Document, "text/plain", Source::Text(" ".to_owned())), "not empty"),
            (file(Document, "text/plain", Source::Url("https://x".to_owned())), "fetches no"),
            (file(Image, "image/png", Source::FileId("f".to_owned())), "another provider"),
            (file(Image, "image/png", Source::Url("gs://x".to_owned())), "http"),
            (file(Audio, "audio/wav", base64(b"RIFF")), "no audio"),
            (file(Video, "video/mp4", base64(b"x")), "no video"),
        ];
        for (file, words) in cases {
            let refused = fitted_as(&file).expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
    }
}
