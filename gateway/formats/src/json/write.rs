//! Writing objects and arrays member by member.

use serde::Serialize;

/// An object being written. Members come out in the order in which they are put in.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// An array being written.
pub struct List<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

/// Writes one object.
pub fn object(out: &mut Vec<u8>, members: impl FnOnce(&mut Object)) {
    out.push(b'{');
    members(&mut Object { out, first: true });
    out.push(b'}');
}

/// Writes one array.
pub fn list(out: &mut Vec<u8>, entries: impl FnOnce(&mut List)) {
    out.push(b'[');
    entries(&mut List { out, first: true });
    out.push(b']');
}

/// A text as a JSON string, quotes included.
pub fn string(text: &str) -> String {
    // A text can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

fn value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}

impl Object<'_> {
    fn key(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        value(self.out, name);
        self.out.push(b':');
    }

    /// A member.
    pub fn put(&mut self, name: &str, member: impl Serialize) -> &mut Self {
        self.key(name);
        value(self.out, &member);
        self
    }

    /// A member, if there is a value.
    pub fn put_some(&mut self, name: &str, member: Option<impl Serialize>) -> &mut Self {
        if let Some(member) = member {
            self.put(name, member);
        }
        self
    }

    /// A member whose value is JSON text already.
    pub fn put_text(&mut self, name: &str, json: &str) -> &mut Self {
        self.key(name);
        self.out.extend_from_slice(json.as_bytes());
        self
    }

    /// A member that is an object.
    pub fn object(&mut self, name: &str, members: impl FnOnce(&mut Object)) -> &mut Self {
        self.key(name);
        object(self.out, members);
        self
    }

    /// A member that is an array.
    pub fn list(&mut self, name: &str, entries: impl FnOnce(&mut List)) -> &mut Self {
        self.key(name);
        list(self.out, entries);
        self
    }

    /// Members that are carried as they came.
    pub fn put_all<'m>(
        &mut self,
        members: impl IntoIterator<Item = &'m (String, super::Raw)>,
    ) -> &mut Self {
        for (name, raw) in members {
            self.put_text(name, raw.get());
        }
        self
    }
}

impl List<'_> {
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    /// An entry.
    pub fn put(&mut self, entry: impl Serialize) -> &mut Self {
        self.comma();
        value(self.out, &entry);
        self
    }

    /// An entry that is JSON text already.
    pub fn put_text(&mut self, json: &str) -> &mut Self {
        self.comma();
        self.out.extend_from_slice(json.as_bytes());
        self
    }

    /// An entry that is an object.
    pub fn object(&mut self, members: impl FnOnce(&mut Object)) -> &mut Self {
        self.comma();
        object(self.out, members);
        self
    }

    /// An entry that is an array.
    pub fn list(&mut self, entries: impl FnOnce(&mut List)) -> &mut Self {
        self.comma();
        list(self.out, entries);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Raw;

    #[test]
    fn members_come_out_in_order_and_raw_values_as_they_are() {
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("b", 1).put_some("none", None::<u8>).put("a\"", "x\n");
            o.list("l", |l| {
                l.put(true).object(|o| {
                    o.put_text("raw", "1.0");
                });
            });
            o.put_all(&[("extra".to_owned(), Raw::parse("12345678901234567890").unwrap())]);
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"b":1,"a\"":"x\n","l":[true,{"raw":1.0}],"extra":12345678901234567890}"#
        );
    }
}
