//! Images, documents, sounds and videos as Bedrock takes them: a word for the format, and the bytes or a place in S3.

use crate::conversation::{Fit, Format, Media, MediaKind, PartKind, Role, Source, label};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::collections::HashSet;

/// A file that Bedrock takes; notes those that it does not.
pub(super) fn fitted(file: &Media, role: Role, origin: Format, fit: &mut Fit) -> Option<PartKind> {
    if role == Role::Assistant {
        // What an assistant says is text; a picture that it made is only mentioned.
        return Some(PartKind::Text(mention(file.kind).to_owned()));
    }
    if file.detail.as_deref().is_some_and(|detail| detail != "auto") {
        fit.hint("detail");
    }
    match as_taken(file) {
        Ok(file) => Some(PartKind::Media(file)),
        Err(why) => {
            fit.cannot(label(origin, "messages"), why);
            None
        }
    }
}

const fn mention(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "[image]",
        MediaKind::Audio => "[audio]",
        MediaKind::Video => "[video]",
        MediaKind::Document => "[file]",
    }
}

fn as_taken(file: &Media) -> Result<Media, &'static str> {
    let mut taken = file.clone();
    match &file.source {
        Source::FileId(_) => return Err("a file that is kept at another provider cannot be read"),
        Source::Url(url) if !url.starts_with("s3://") => {
            return Err("it fetches no files: they are given inline in base 64, or in S3");
        }
        Source::Text(text) if file.kind == MediaKind::Document => {
            taken.source = Source::Base64(STANDARD.encode(text));
            taken.mime.get_or_insert_with(|| "text/plain".to_owned());
        }
        Source::Text(_) => return Err("only documents are given as text"),
        Source::Base64(data) if data.is_empty() => return Err("a file is empty"),
        Source::Base64(_) | Source::Url(_) => {}
    }
    if file.kind == MediaKind::Document && image_word(&taken.mime_or_sniffed()).is_some() {
        taken.kind = MediaKind::Image;
    }
    match (word(&taken), taken.kind) {
        (Some(_), _) => Ok(taken),
        (None, MediaKind::Image) => Err("images are PNG, JPEG, GIF or WebP"),
        (None, MediaKind::Document) => {
            Err("documents are PDF, text, CSV, HTML, Markdown, Word or Excel")
        }
        (None, MediaKind::Audio) => Err("the audio is in no format that it takes"),
        (None, MediaKind::Video) => Err("the video is in no format that it takes"),
    }
}

/// Bedrock's word for a file's format; `None` if it has none.
pub(super) fn word(file: &Media) -> Option<&'static str> {
    let mime = file.mime_or_sniffed().to_ascii_lowercase();
    let mime = mime.split(';').next().unwrap_or_default().trim();
    match file.kind {
        MediaKind::Image => image_word(mime),
        MediaKind::Document => document_word(mime).or_else(|| {
            let name = file.name.as_deref()?;
            by_extension(&name.rsplit_once('.')?.1.to_ascii_lowercase())
        }),
        MediaKind::Audio => audio_word(mime),
        MediaKind::Video => video_word(mime),
    }
}

fn image_word(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => return None,
    })
}

fn document_word(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "text/html" => "html",
        "text/markdown" | "text/x-markdown" => "md",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/json" | "application/xml" | "application/yaml" => "txt",
        text if text.starts_with("text/") || text.ends_with("+json") || text.ends_with("+xml") => {
            "txt"
        }
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Option<&'static str> {
    const WORDS: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];
    WORDS.into_iter().find(|word| *word == extension)
}

fn audio_word(mime: &str) -> Option<&'static str> {
    Some(match mime.strip_prefix("audio/")? {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" => "wav",
        "flac" | "x-flac" => "flac",
        "ogg" => "ogg",
        "opus" => "opus",
        "aac" => "aac",
        "x-aac" => "x-aac",
        "mp4" => "mp4",
        "m4a" | "x-m4a" => "m4a",
        "webm" => "webm",
        "pcm" | "l16" => "pcm",
        "x-matroska" => "mka",
        _ => return None,
    })
}

fn video_word(mime: &str) -> Option<&'static str> {
    Some(match mime.strip_prefix("video/")? {
        "mp4" => "mp4",
        "quicktime" | "mov" => "mov",
        "webm" => "webm",
        "x-matroska" => "mkv",
        "x-flv" => "flv",
        "mpeg" => "mpeg",
        "mpg" => "mpg",
        "x-ms-wmv" | "wmv" => "wmv",
        "3gpp" => "three_gp",
        _ => return None,
    })
}

/// Names for the documents of a request: each is legal and there once.
#[derive(Debug, Default)]
pub(super) struct DocumentNames {
    taken: HashSet<String>,
}

impl DocumentNames {
    /// A name like the one that is given: letters, digits, single spaces, hyphens, parentheses and brackets.
    pub fn name(&mut self, given: Option<&str>) -> String {
        /// The most characters, with room for a number.
        const MOST: usize = 190;
        let given = given.unwrap_or_default();
        let stem = match given.rsplit_once('.') {
            Some((stem, extension)) if (1..=5).contains(&extension.len()) => stem,
            _ => given,
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
        let plain: String =
            stem.chars().map(|c| if legal(c) { c } else { ' ' }).take(MOST).collect();
        let words: Vec<&str> = plain.split_ascii_whitespace().collect();
        let name = if words.is_empty() { "document".to_owned() } else { words.join(" ") };
        let mut unique = name.clone();
        let mut number = 1_u32;
        while !self.taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{name} {number}");
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::TargetFacts;
    use proptest::prelude::*;
    use tollgate_contract::provider::ProviderKind;

    fn file(kind: MediaKind, mime: &str, source: Source) -> Media {
        let mime = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
        Media { kind, source, mime, name: None, detail: None }
    }

    fn base64(bytes: &[u8]) -> Source {
        Source::Base64(STANDARD.encode(bytes))
    }

    /// The format's word, or the refusal.
    fn fitted_as(file: &Media) -> Result<String, String> {
        let mut fit = Fit::new(TargetFacts::new(ProviderKind::Bedrock, "m"));
        let kind = fitted(file, Role::User, Format::OpenaiChat, &mut fit);
        fit.finish(Vec::new()).map_err(|mistake| mistake.message)?;
        match kind {
            Some(PartKind::Media(file)) => Ok(word(&file).unwrap_or("none").to_owned()),
            other => Ok(format!("{other:?}")),
        }
    }

    #[test]
    fn files_get_bedrocks_word_for_their_format() {
        use MediaKind::{Audio, Document, Image, Video};
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        let cases = [
            (file(Image, "image/jpg", base64(b"\xff\xd8\xff0")), "jpeg"),
            (file(Image, "image/png", base64(b"GIF89a00")), "gif"),
            (file(Image, "image/webp", Source::Url("s3://b/k.webp".into())), "webp"),
            (file(Document, "", base64(b"%PDF-1.7 x")), "pdf"),
            (file(Document, docx, base64(b"PK")), "docx"),
            (file(Document, "text/plain; charset=utf-8", base64(b"x")), "txt"),
            (file(Document, "application/json", base64(b"{}")), "txt"),
            (file(Document, "", Source::Text("x".into())), "txt"),
            (file(Document, "image/png", base64(b"\x89PNG\r\n\x1a\n")), "png"),
            (
                Media {
                    name: Some("Book.XLSX".into()),
                    ..file(Document, "application/octet-stream", base64(b"PK"))
                },
                "xlsx",
            ),
            (file(Audio, "audio/mpeg", base64(b"ID3")), "mp3"),
            (file(Video, "video/quicktime", base64(b"x")), "mov"),
        ];
        for (file, expected) in cases {
            assert_eq!(fitted_as(&file).as_deref(), Ok(expected), "{file:?}");
        }
    }

    #[test]
    fn what_bedrock_cannot_read_is_refused() {
        use MediaKind::{Audio, Document, Image, Video};
        let cases = [
            (file(Image, "image/png", Source::Url("https://x/y.png".into())), "fetches no files"),
            (file(Document, "", Source::FileId("file-1".into())), "another provider"),
            (file(Image, "image/bmp", base64(b"BM______________")), "images are"),
            (file(Document, "application/zip", base64(b"PK")), "documents are"),
            (file(Image, "image/png", Source::Text("x".into())), "only documents"),
            (file(Image, "image/png", Source::Base64(String::new())), "empty"),
            (file(Audio, "audio/basic", base64(b"x")), "audio"),
            (file(Video, "video/ogg", base64(b"x")), "video"),
        ];
        for (file, words) in cases {
            let refused = fitted_as(&file).expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn documents_have_names_that_are_legal_and_there_once() {
        let mut names = DocumentNames::default();
        let cases = [
            (Some("report v1.2.pdf"), "report v1 2"),
            (Some("report v1.2.pdf"), "report v1 2 2"),
            (Some("a__b  (1)[x]-y.txt"), "a b (1)[x]-y"),
            (Some("Überblick"), "berblick"),
            (None, "document"),
            (Some("..."), "document 2"),
        ];
        for (given, expected) in cases {
            assert_eq!(names.name(given), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_legal_one(given in proptest::collection::vec(proptest::option::of(".{0,250}"), 0..6)) {
            let mut names = DocumentNames::default();
            let mut seen = HashSet::new();
            for given in given {
                let name = names.name(given.as_deref());
                prop_assert!(!name.is_empty() && name.len() <= 200 && !name.contains("  "));
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || " -()[]".contains(c)));
                prop_assert!(seen.insert(name));
            }
        }
    }
}
