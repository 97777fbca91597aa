//! Bodies of the type `multipart/form-data`, as a map like that of a JSON body.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::base64;
use super::errors::ApiError;

/// Reads a form: texts as strings, files as `{"filename","bytes"}` with the bytes in base 64, and what comes several
/// times or as `name[]` as a list under its bare name.
pub async fn read(content_type: &str, body: Bytes) -> Result<Map<String, Value>, ApiError> {
    let unreadable = |error: multer::Error| {
        let message = format!("Could not parse multipart form: {error}");
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message)
    };
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let body = stream::once(async { Ok::<_, Infallible>(body) });
    let mut form = multer::Multipart::new(body, boundary);
    let mut fields = Map::new();
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().map(str::to_owned);
        let value = match filename {
            Some(filename) => {
                let bytes = field.bytes().await.map_err(unreadable)?;
                json!({ "filename": filename, "bytes": base64::encode(&bytes) })
            }
            None => Value::String(field.text().await.map_err(unreadable)?),
        };
        match name.strip_suffix("[]") {
            Some(name) => add(&mut fields, name, value),
            None if fields.contains_key(&name) => add(&mut fields, &name, value),
            None => {
                fields.insert(name, value);
            }
        }
    }
    Ok(fields)
}

fn add(fields: &mut Map<String, Value>, name: &str, value: Value) {
    match fields.entry(name).or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(value),
        single => *single = json!([single.take(), value]),
    }
}

/// The bytes of a file.
pub fn bytes_of(file: &Value) -> Option<Vec<u8>> {
    base64::decode(file["bytes"].as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn texts_files_and_lists_come_out_under_their_names() {
        let part = |head: &str, text: &str| {
            format!("--x\r\ncontent-disposition: form-data; {head}\r\n\r\n{text}\r\n")
        };
        let body = part("name=\"model\"", "whisper-1")
            + &part("name=\"image[]\"; filename=\"a.png\"", "A")
            + &part("name=\"image[]\"; filename=\"b.png\"", "B")
            + "--x--\r\n";
        let form = read("multipart/form-data; boundary=x", body.into()).await.unwrap();
        assert_eq!(form["model"], "whisper-1");
        assert_eq!(form["image"][1]["filename"], "b.png");
        assert_eq!(bytes_of(&form["image"][0]), Some(b"A".to_vec()));
        for (content_type, body) in
            [("application/json", "{}"), ("multipart/form-data; boundary=y", "--y")]
        {
            assert!(read(content_type, Bytes::from(body)).await.is_err(), "{content_type}");
        }
    }
}
