//! A multipart form (RFC 7578) in memory: its fields by name and place. Strict where two readers could take one form for
//! two different ones, because the provider reads it again.

use crate::mistake::Mistake;
use std::ops::Range;

/// A form with more fields is refused.
const MOST_FIELDS: usize = 256;
/// The header lines of one field may have this many bytes.
const MOST_HEADER_BYTES: usize = 8 << 10;

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The fields, in their order.
    pub fields: Vec<Field>,
    /// Where the first field begins, so that another can be put before it.
    pub start: usize,
    /// The boundary, without the hyphens before it.
    pub boundary: String,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The name of the file, if it is one.
    pub file_name: Option<String>,
    /// Where its value stands in the body.
    pub value: Range<usize>,
}

impl Form {
    /// Reads a form.
    pub fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, Mistake> {
        let boundary = content_type.and_then(boundary_of).ok_or_else(|| {
            let message = "The body must be a form: `content-type: multipart/form-data` with a `boundary` of 1 to 70 characters.";
            Mistake::new("invalid_value", None, message)
        })?;
        let delimiter = format!("\r\n--{boundary}");
        // Nothing has to precede the first one.
        let start = if body.starts_with(delimiter.as_bytes().get(2..).unwrap_or_default()) {
            0
        } else {
            let at = memchr::memmem::find(body, delimiter.as_bytes());
            at.ok_or_else(|| broken("it does not begin with its boundary"))? + 2
        };
        let mut form = Self { fields: Vec::new(), start, boundary };
        let mut at = start + delimiter.len() - 2;
        while let Some(from) = behind_delimiter(body, at)? {
            if form.fields.len() >= MOST_FIELDS {
                return Err(broken("it has more than 256 fields"));
            }
            let (head, value) = head(body, from)?;
            let rest = body.get(value..).unwrap_or_default();
            let length = memchr::memmem::find(rest, delimiter.as_bytes());
            let end = value + length.ok_or_else(|| broken("it does not end with its boundary"))?;
            form.fields.push(field(head, value..end)?);
            at = end + delimiter.len();
        }
        Ok(form)
    }

    /// The one field with a name that may be there once.
    pub fn one(&self, name: &str) -> Result<Option<&Field>, Mistake> {
        let mut all = self.fields.iter().filter(|field| field.name == name);
        let first = all.next();
        match all.next() {
            Some(_) => Err(Mistake::invalid(name, format!("`{name}` is given twice."))),
            None => Ok(first),
        }
    }

    /// The text of such a field.
    pub fn text<'b>(&self, body: &'b [u8], name: &str) -> Result<Option<&'b str>, Mistake> {
        let Some(field) = self.one(name)? else { return Ok(None) };
        let bytes = body.get(field.value.clone()).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) if field.file_name.is_none() => Ok(Some(text)),
            _ => Err(Mistake::wrong_type(name, "a field with text")),
        }
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.file_name.is_some())
    }
}

impl Field {
    /// How many bytes its value has.
    pub const fn bytes(&self) -> usize {
        self.value.end - self.value.start
    }
}

fn broken(why: &str) -> Mistake {
    Mistake::new("invalid_value", None, format!("The form cannot be read: {why}."))
}

/// The boundary in a content type.
fn boundary_of(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let known = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=? ".contains(c);
    let legal = (1..=70).contains(&boundary.len())
        && boundary.chars().all(known)
        && !boundary.ends_with(' ');
    legal.then_some(boundary)
}

/// What follows a delimiter that ends at `at`: where the head of the next field begins, or `None` at the end.
fn behind_delimiter(body: &[u8], at: usize) -> Result<Option<usize>, Mistake> {
    let rest = body.get(at..).unwrap_or_default();
    if rest.starts_with(b"--") {
        return Ok(None);
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if rest.get(padding..).unwrap_or_default().starts_with(b"\r\n") {
        Ok(Some(at + padding + 2))
    } else {
        // Another reader might take it for a part of the value.
        Err(broken("its boundary is followed by something else"))
    }
}

/// The header lines of a field and where its value begins.
fn head(body: &[u8], from: usize) -> Result<(&str, usize), Mistake> {
    let rest = body.get(from..).unwrap_or_default();
    let window = rest.get(..MOST_HEADER_BYTES).unwrap_or(rest);
    let end = memchr::memmem::find(window, b"\r\n\r\n")
        .ok_or_else(|| broken("a field has no head, or too long a one"))?;
    let text = std::str::from_utf8(window.get(..end).unwrap_or_default())
        .map_err(|_| broken("the head of a field is no UTF-8"))?;
    Ok((text, from + end + 4))
}

fn field(head: &str, value: Range<usize>) -> Result<Field, Mistake> {
    let mut disposition = None;
    for line in head.split("\r\n") {
        let (name, content) =
            line.split_once(':').ok_or_else(|| broken("the head of a field has a bad line"))?;
        if line.contains(['\r', '\n', '\0']) || name.trim() != name {
            return Err(broken("the head of a field has a bad line"));
        }
        if name.eq_ignore_ascii_case("content-disposition") {
            if disposition.replace(content).is_some() {
                return Err(broken("a field has two names"));
            }
        } else if name.eq_ignore_ascii_case("content-transfer-encoding")
            && !["7bit", "8bit", "binary"].iter().any(|it| content.trim().eq_ignore_ascii_case(it))
        {
            return Err(broken("a field is encoded"));
        }
    }
    let disposition = disposition.ok_or_else(|| broken("a field has no name"))?;
    let (kind, parameters) = disposition.split_once(';').unwrap_or((disposition, ""));
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(broken("a field is none of a form"));
    }
    let name = parameter(parameters, "name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| broken("a field has no name"))?;
    let file_name =
        parameter(parameters, "filename").or_else(|| parameter(parameters, "filename*"));
    Ok(Field { name, file_name, value })
}

/// A parameter of a header; a quoted one without its quotes. `None` too if it is given twice.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return found;
        }
        let (key, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = behind.find(';').unwrap_or(behind.len());
                let (value, behind) = behind.split_at(end);
                (value.trim_end().to_owned(), behind)
            }
        };
        if key.trim().eq_ignore_ascii_case(name) && found.replace(value).is_some() {
            return None;
        }
        rest = behind;
    }
}

/// The text up to the closing quote, and what is behind it. Browsers escape a quote as `%22`, others by a backslash.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value.replace("%22", "\""), text.get(at + 1..)?)),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                // Paths of Windows are not escaped by all.
                Some((_, other)) => value.extend(['\\', other]),
                None => return None,
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
