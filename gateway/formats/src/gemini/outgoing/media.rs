//! Files.

use super::{Writing, part::outside};
use crate::{
    conversation::{Media, MediaKind, Part, Source},
    json::Object,
};
use base64::{Engine, engine::general_purpose::STANDARD};

impl Writing<'_> {
    /// A file's members. Bytes go inline; an address is left to Google to fetch.
    pub(super) fn media(&mut self, media: &Media, part: &Part, members: &mut Object) {
        let told = media.mime.clone().filter(|_| self.own);
        let name = media.name.as_ref().filter(|_| self.own);
        let inline = |data: &str, mime: String, members: &mut Object| {
            members.object("inlineData", |blob| {
                blob.put("mimeType", mime).put("data", data);
                blob.put_some("displayName", name);
                blob.put_all(&self.inside_part(part, "inlineData"));
            });
        };
        let place = match &media.source {
            Source::Base64(data) => {
                inline(data, told.unwrap_or_else(|| media.mime_or_sniffed()), members);
                "inlineData"
            }
            Source::Text(text) => {
                let mime = media.mime.clone().unwrap_or_else(|| "text/plain".to_owned());
                inline(&STANDARD.encode(text), mime, members);
                "inlineData"
            }
            Source::Url(address) | Source::FileId(address) => {
                members.object("fileData", |file| {
                    // The app knows what it does; of others' requests a type has to be made.
                    let guess = || by_extension(address).map(str::to_owned);
                    let made = || guess().unwrap_or_else(|| media.mime_or_sniffed());
                    let mime = media.mime.clone().or_else(|| (!self.own).then(made));
                    file.put_some("mimeType", mime).put("fileUri", address);
                    file.put_some("displayName", name);
                    file.put_all(&self.inside_part(part, "fileData"));
                });
                "fileData"
            }
        };
        members.put_all(outside(part, place));
        self.resolution(media, members);
    }

    /// OpenAI's `detail` of an image.
    fn resolution(&mut self, media: &Media, members: &mut Object) {
        let level = match media.detail.as_deref() {
            Some("low") if media.kind == MediaKind::Image => "MEDIA_RESOLUTION_LOW",
            Some("high") if media.kind == MediaKind::Image => "MEDIA_RESOLUTION_HIGH",
            _ => return,
        };
        if self.model.takes_resolution() {
            members.object("mediaResolution", |members| {
                members.put("level", level);
            });
        } else {
            self.fit.hint("detail");
        }
    }
}

/// The media type that the name at the end of an address promises.
fn by_extension(address: &str) -> Option<&'static str> {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "html" => "text/html",
        "csv" => "text/csv",
        "md" => "text/markdown",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::by_extension;

    #[test]
    fn the_end_of_an_address_tells_the_type_where_nothing_else_does() {
        let cases = [
            ("https://x/a/y.PNG?size=2", Some("image/png")),
            ("gs://bucket/film.mp4", Some("video/mp4")),
            ("https://x.io/picture", None),
            ("https://x.io/", None),
        ];
        for (address, expected) in cases {
            assert_eq!(by_extension(address), expected, "{address}");
        }
    }
}
