//! Forms as requests.

use super::form::Form;
use crate::{
    facts::{Api, Facts, Places, Request, RequestHead},
    mistake::Mistake,
};
use bytes::{BufMut, Bytes, BytesMut};

/// Understands a form. The mistake names the field at fault.
pub fn understand(api: Api, head: RequestHead, body: Bytes) -> Result<Request, Mistake> {
    let form = Form::read(head.content_type.as_deref(), &body)?;
    let model = match &head.model {
        Some(model) => model.clone(),
        None => form.text(&body, "model")?.ok_or_else(|| Mistake::missing("model"))?.to_owned(),
    };
    if model.is_empty() || model.len() > 512 {
        return Err(Mistake::invalid("model", "`model` must have 1 to 512 characters."));
    }
    let place = form.one("model")?.map_or(0..0, |field| field.value.clone());
    let prompt = form.text(&body, "prompt")?.unwrap_or_default().len() as u64;
    let files = form.files().count() as u64;
    if files == 0 {
        return Err(Mistake::missing(if api == Api::ImageEdits { "image" } else { "file" }));
    }
    let facts = Facts {
        model,
        stream: flag(&form, &body, "stream")?,
        choices: number(&form, &body, "n")?,
        user: form.text(&body, "user")?.filter(|user| user.len() <= 512).map(str::to_owned),
        text_bytes: prompt,
        content_bytes: prompt,
        parts: 1 + files,
        unseen_parts: true,
        vision: api == Api::ImageEdits,
        ..Facts::default()
    };
    let places = Places { model: place, first_member: form.start, ..Places::default() };
    Ok(Request { api, body, head, facts, places })
}

/// A field that is on or off.
fn flag(form: &Form, body: &[u8], name: &str) -> Result<bool, Mistake> {
    match form.text(body, name)?.map(str::trim) {
        None | Some("") => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
        Some(_) => Err(Mistake::wrong_type(name, "true or false")),
    }
}

/// How many results are wanted.
fn number(form: &Form, body: &[u8], name: &str) -> Result<u64, Mistake> {
    let Some(text) = form.text(body, name)? else { return Ok(1) };
    let number = text.trim().parse().ok().filter(|number| (1..=128).contains(number));
    number.ok_or_else(|| {
        let message = format!("`{name}` must be a whole number between 1 and 128.");
        Mistake::invalid(name, message)
    })
}

/// The form with another model. Every other byte stays, the boundary among them.
pub fn with_model(request: &Request, model: &str) -> Bytes {
    let place = &request.places.model;
    if request.body.get(place.clone()) == Some(model.as_bytes()) {
        return request.body.clone();
    }
    let mut out = BytesMut::with_capacity(request.body.len() + model.len() + 256);
    if place.is_empty() && place.end == 0 {
        // The model came in the path: the form has no field for it.
        let form = Form::read(request.head.content_type.as_deref(), &request.body);
        let Ok(Form { boundary, start, .. }) = form else { return request.body.clone() };
        let head = "Content-Disposition: form-data; name=\"model\"";
        out.put(request.body.get(..start).unwrap_or_default());
        out.put(format!("--{boundary}\r\n{head}\r\n\r\n{model}\r\n").as_bytes());
        out.put(request.body.get(start..).unwrap_or_default());
    } else {
        out.put(request.body.get(..place.start).unwrap_or_default());
        out.put(model.as_bytes());
        out.put(request.body.get(place.end..).unwrap_or_default());
    }
    out.freeze()
}

#[cfg(test)]
mod tests;
