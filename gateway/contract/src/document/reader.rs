//! A strict reader over a TOML table: takes keys one by one, notes every mistake and goes on, and at the end names the
//! keys that nobody took.

use super::{At, InlineSecret, SecretRef, problem::Problems};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A table that is being read.
pub(super) struct Section<'d> {
    table: &'d DeTable<'d>,
    path: String,
    offset: usize,
    problems: &'d Problems<'d>,
    asked: RefCell<BTreeSet<String>>,
    inline_secrets: Cell<bool>,
}

/// A value that is being read.
pub(super) struct Item<'d> {
    value: &'d DeValue<'d>,
    offset: usize,
    path: String,
    problems: &'d Problems<'d>,
    inline_secrets: bool,
}

impl<'d> Section<'d> {
    pub(super) fn new(
        table: &'d DeTable<'d>,
        path: String,
        offset: usize,
        problems: &'d Problems<'d>,
    ) -> Self {
        Self {
            table,
            path,
            offset,
            problems,
            asked: RefCell::default(),
            inline_secrets: Cell::new(false),
        }
    }

    pub(super) fn allow_inline_secrets(&self, allowed: bool) {
        self.inline_secrets.set(allowed);
    }

    /// Where the table stands.
    pub(super) fn place(&self) -> At<()> {
        self.place_with(())
    }

    /// A value that stands nowhere: a default of this table.
    pub(super) fn place_with<T>(&self, value: T) -> At<T> {
        At { value, offset: self.offset, key: self.path.clone() }
    }

    fn key(&self, name: &str) -> String {
        let quoted = if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            name.to_owned()
        } else {
            format!("\"{name}\"")
        };
        if self.path.is_empty() { quoted } else { format!("{}.{quoted}", self.path) }
    }

    fn wrap(&self, name: &str, value: &'d Spanned<DeValue<'d>>) -> Item<'d> {
        Item {
            value: value.get_ref(),
            offset: value.span().start,
            path: self.key(name),
            problems: self.problems,
            inline_secrets: self.inline_secrets.get(),
        }
    }

    /// Takes a key that may be absent.
    pub(super) fn item(&self, name: &str) -> Option<Item<'d>> {
        self.asked.borrow_mut().insert(name.to_owned());
        let value = self.table.get(name)?;
        Some(self.wrap(name, value))
    }

    /// Takes a key that must be there.
    pub(super) fn required(&self, name: &str) -> Option<Item<'d>> {
        let item = self.item(name);
        if item.is_none() {
            self.complain(format!("`{name}` is missing"));
        }
        item
    }

    /// Notes a mistake of the table as a whole.
    pub(super) fn complain(&self, message: impl Into<String>) {
        self.problems.add(self.offset, &self.path, message);
    }

    /// Notes a key that the format has but this version cannot honour: better refused than silently ignored.
    pub(super) fn not_yet(&self, name: &str) {
        self.refuse(name, "not available in this version: remove it");
    }

    /// Refuses a key if it is there.
    pub(super) fn refuse(&self, name: &str, why: &str) {
        if let Some(item) = self.item(name) {
            item.complain(why);
        }
    }

    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.item(name)?.bool()
    }

    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.item(name)?.string()
    }

    /// A string with its place.
    pub(super) fn string_at(&self, name: &str) -> Option<At<String>> {
        let item = self.item(name)?;
        let value = item.string()?;
        Some(item.at(value))
    }

    /// A string that parses as `T`.
    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Option<T> {
        self.item(name)?.parsed()
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, name: &str, min: u64, max: u64) -> Option<u64> {
        self.item(name)?.number(min, max)
    }

    /// One of a list of words.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        self.item(name)?.word(words)
    }

    /// A table within.
    pub(super) fn section(&self, name: &str) -> Option<Section<'d>> {
        self.item(name)?.section()
    }

    /// A table of named tables.
    pub(super) fn named<T>(
        &self,
        name: &str,
        read: impl Fn(Section<'d>) -> T,
    ) -> BTreeMap<String, T> {
        let Some(tables) = self.section(name) else { return BTreeMap::new() };
        tables.each_section(read)
    }

    /// Every key of this table, each a table.
    pub(super) fn each_section<T>(&self, read: impl Fn(Section<'d>) -> T) -> BTreeMap<String, T> {
        self.each()
            .into_iter()
            .filter_map(|(name, item)| Some((name, read(item.section()?))))
            .collect()
    }

    /// Every key of this table.
    pub(super) fn each(&self) -> Vec<(String, Item<'d>)> {
        let mut all = Vec::new();
        for (key, value) in self.table {
            let name = key.get_ref().to_string();
            self.asked.borrow_mut().insert(name.clone());
            if name.is_empty() {
                self.problems.add(key.span().start, &self.path, "a name must not be empty");
            }
            all.push((name.clone(), self.wrap(&name, value)));
        }
        all
    }

    /// The tables of an array.
    pub(super) fn sections(&self, name: &str) -> Vec<Section<'d>> {
        let Some(item) = self.item(name) else { return Vec::new() };
        item.items().into_iter().filter_map(|entry| entry.section()).collect()
    }

    /// Names the keys that nobody took.
    fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !asked.contains(name) {
                let nearest = asked.iter().find(|known| similar(known, name));
                let hint =
                    nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                self.problems.add(key.span().start, &self.key(name), format!("unknown key{hint}"));
            }
        }
    }
}

impl Drop for Section<'_> {
    /// Whoever read the table is done with it: what is left over is unknown.
    fn drop(&mut self) {
        self.finish();
    }
}

impl<'d> Item<'d> {
    pub(super) fn complain(&self, message: impl Into<String>) {
        self.problems.add(self.offset, &self.path, message);
    }

    pub(super) fn at<T>(&self, value: T) -> At<T> {
        At { value, offset: self.offset, key: self.path.clone() }
    }

    fn wrong<T>(&self, expected: &str) -> Option<T> {
        self.complain(format!(
            "must be {expected}, not {} {}",
            article(self.value.type_str()),
            self.value.type_str()
        ));
        None
    }

    pub(super) fn bool(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("true or false"))
    }

    pub(super) fn string(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned).or_else(|| self.wrong("a string"))
    }

    /// The string, if it is one; no mistake otherwise.
    pub(super) fn as_plain_string(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned)
    }

    pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(&self) -> Option<T> {
        match self.string()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.complain(error.to_string());
                None
            }
        }
    }

    pub(super) fn number(&self, min: u64, max: u64) -> Option<u64> {
        let Some(integer) = self.value.as_integer() else { return self.wrong("a whole number") };
        let digits = integer.as_str().replace('_', "");
        match u64::from_str_radix(&digits, integer.radix()) {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                self.complain(format!("must be between {min} and {max}"));
                None
            }
        }
    }

    /// A number above zero and at most `max`.
    pub(super) fn ratio(&self, max: f64) -> Option<f64> {
        let within = |number: &f64| *number > 0.0 && *number <= max;
        self.real(within, &format!("must be above 0 and at most {max}"))
    }

    /// A number from zero to `max`.
    pub(super) fn share(&self, max: f64) -> Option<f64> {
        self.real(|number| (0.0..=max).contains(number), &format!("must be from 0 to {max}"))
    }

    fn real(&self, within: impl Fn(&f64) -> bool, otherwise: &str) -> Option<f64> {
        let text = match self.value {
            DeValue::Float(float) => float.as_str().to_owned(),
            DeValue::Integer(integer) => integer.as_str().to_owned(),
            _ => return self.wrong("a number"),
        };
        let number = text.parse::<f64>().ok().filter(within);
        if number.is_none() {
            self.complain(otherwise);
        }
        number
    }

    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let word = self.string()?;
        let found = words.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
            self.complain(format!("must be one of: {}", known.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A date and time with an offset.
    pub(super) fn timestamp(&self) -> Option<jiff::Timestamp> {
        let text = match self.value {
            DeValue::Datetime(datetime) => datetime.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => return self.wrong("a date and time like 2027-01-01T00:00:00Z"),
        };
        text.parse().ok().or_else(|| {
            self.complain("must be a date and time with a zone, like 2027-01-01T00:00:00Z");
            None
        })
    }

    /// Whether it is a table with that key. Nothing is taken.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value.as_table().is_some_and(|table| table.contains_key(name))
    }

    pub(super) fn section(&self) -> Option<Section<'d>> {
        let Some(table) = self.value.as_table() else { return self.wrong("a table") };
        let section = Section::new(table, self.path.clone(), self.offset, self.problems);
        section.allow_inline_secrets(self.inline_secrets);
        Some(section)
    }

    pub(super) fn items(&self) -> Vec<Item<'d>> {
        let Some(array) = self.value.as_array() else {
            self.wrong::<()>("an array");
            return Vec::new();
        };
        let entry = |(index, value): (usize, &'d Spanned<DeValue<'d>>)| Item {
            value: value.get_ref(),
            offset: value.span().start,
            path: format!("{}[{index}]", self.path),
            problems: self.problems,
            inline_secrets: self.inline_secrets,
        };
        array.iter().enumerate().map(entry).collect()
    }

    /// An array of strings.
    pub(super) fn strings(&self) -> Vec<At<String>> {
        self.items().iter().filter_map(|item| Some(item.at(item.string()?))).collect()
    }

    /// `{ env = "NAME" }`, `{ file = "PATH" }` or, where that is allowed, the secret itself. Keys that belong to the
    /// table around the reference are read by `rest`.
    pub(super) fn secret(&self, rest: impl FnOnce(&Section<'d>)) -> Option<SecretRef> {
        if let Some(text) = self.value.as_str() {
            if self.inline_secrets {
                return Some(SecretRef::Inline(InlineSecret(text.to_owned())));
            }
            self.complain(
                "a secret must be a reference, { env = \"NAME\" } or { file = \"PATH\" }; \
                 set allow_inline_secrets = true to write it here",
            );
            return None;
        }
        let section = self.section()?;
        rest(&section);
        let references = [
            section.string("env").map(SecretRef::Env),
            section.string("file").map(|path| SecretRef::File(path.into())),
            section.string("provider_key").map(SecretRef::ProviderKey),
        ];
        let mut given = references.into_iter().flatten();
        let first = given.next();
        if first.is_none() {
            self.complain("a secret is { env = \"NAME\" } or { file = \"PATH\" }");
        }
        if given.next().is_some() {
            self.complain("give only one of `env`, `file` and `provider_key`");
        }
        first
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whether two keys differ by a slip: one letter added, lost, changed, or two swapped.
fn similar(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a.len().min(b.len()) < 3 {
        return false;
    }
    let same_start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&a[same_start..], &b[same_start..]);
    let tail = |text: &'_ [char], skip: usize| text.iter().skip(skip).copied().collect::<Vec<_>>();
    let swapped =
        rest_a.len() >= 2 && rest_b.len() >= 2 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0];
    tail(rest_a, 1) == tail(rest_b, 1)
        || tail(rest_a, 1) == rest_b
        || rest_a == tail(rest_b, 1)
        || (swapped && tail(rest_a, 2) == tail(rest_b, 2))
}
