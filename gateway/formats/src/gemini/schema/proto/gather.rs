//! Gathers what a schema says: its own words, those of its references and those of `allOf`.

use super::Converter;
use crate::json::Node;

/// The words of schemas that all hold, without a copy of them.
#[derive(Clone, Default)]
pub(super) struct Flat<'s> {
    /// Words with one value: the first counts.
    words: Vec<(&'s str, &'s Node)>,
    /// Each property with all schemas that hold for it.
    pub(super) properties: Vec<(&'s str, Vec<&'s Node>)>,
    pub(super) required: Vec<&'s str>,
    /// `anyOf` or `oneOf`.
    pub(super) choices: Option<&'s [Node]>,
    pub(super) nullable: bool,
}

impl<'s> Flat<'s> {
    /// The value of a word.
    pub(super) fn get(&self, name: &str) -> Option<&'s Node> {
        self.words.iter().find(|(word, _)| *word == name).map(|(_, value)| *value)
    }

    /// Whether it says more than a description.
    pub(super) fn says_what_it_is(&self) -> bool {
        !self.properties.is_empty()
            || ["type", "items", "enum", "const"].iter().any(|word| self.get(word).is_some())
    }

    /// The types that it names, null apart.
    pub(super) fn types(&self) -> Vec<String> {
        const KNOWN: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
        let named: Vec<&str> = match self.get("type") {
            Some(Node::Text(word)) => vec![word],
            Some(Node::Array(words)) => words.iter().filter_map(Node::as_str).collect(),
            _ => Vec::new(),
        };
        let mut types: Vec<String> = named.iter().map(|word| word.to_ascii_lowercase()).collect();
        if !types.is_empty() && types.iter().all(|word| word == "null") {
            return vec!["null".to_owned()];
        }
        types.retain(|word| KNOWN.contains(&word.as_str()));
        types.dedup();
        types
    }

    /// The type of a schema that names none.
    pub(super) fn guess(&self) -> &'static str {
        let has = |words: &[&str]| words.iter().any(|word| self.get(word).is_some());
        let value = self.get("const").or_else(|| self.get("enum")?.as_array()?.first());
        match value {
            _ if !self.properties.is_empty() => "object",
            _ if has(&["items", "prefixItems", "minItems", "maxItems"]) => "array",
            Some(Node::Text(_)) => "string",
            Some(Node::Scalar(raw)) if matches!(raw.get(), "true" | "false") => "boolean",
            Some(Node::Scalar(raw)) if raw.get().parse::<i64>().is_ok() => "integer",
            Some(Node::Scalar(raw)) if raw.get() != "null" => "number",
            _ if has(&["pattern", "minLength", "maxLength"]) => "string",
            _ if has(&[
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
            ]) =>
            {
                "number"
            }
            _ => "object",
        }
    }

    /// Takes in what stands beside a choice. What the choice says itself counts.
    pub(super) fn absorb(&mut self, outer: &Self) {
        for (word, value) in &outer.words {
            if !matches!(*word, "default" | "title" | "example" | "examples") {
                self.word(word, value);
            }
        }
        for (name, schemas) in &outer.properties {
            for schema in schemas {
                self.property(name, schema);
            }
        }
        outer.required.iter().for_each(|name| self.need(name));
        self.nullable |= outer.nullable;
    }

    fn word(&mut self, word: &'s str, value: &'s Node) {
        if self.get(word).is_none() {
            self.words.push((word, value));
        }
    }

    fn property(&mut self, name: &'s str, schema: &'s Node) {
        match self.properties.iter_mut().find(|(known, _)| *known == name) {
            Some((_, schemas)) => schemas.push(schema),
            None => self.properties.push((name, vec![schema])),
        }
    }

    fn need(&mut self, name: &'s str) {
        if !self.required.contains(&name) {
            self.required.push(name);
        }
    }
}

impl<'s> Converter<'s> {
    /// Adds what a schema says. Its own words come before those that it refers to.
    pub(super) fn gather(&mut self, schema: &'s Node, flat: &mut Flat<'s>) {
        let Node::Object(members) = schema else { return };
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        for (word, value) in members {
            match (word.as_str(), value) {
                ("$ref" | "allOf" | "$defs" | "definitions", _) => {}
                ("properties", Node::Object(properties)) => {
                    properties.iter().for_each(|(name, schema)| flat.property(name, schema));
                }
                ("required", Node::Array(names)) => {
                    names.iter().filter_map(Node::as_str).for_each(|name| flat.need(name));
                }
                ("anyOf" | "oneOf", Node::Array(choices)) => {
                    flat.choices.get_or_insert(choices);
                }
                ("nullable", Node::Scalar(flag)) => flat.nullable |= flag.get() == "true",
                (word, value) => flat.word(word, value),
            }
        }
        flat.nullable |= mentions_null(schema);
        if let Some(Node::Text(pointer)) = schema.get("$ref") {
            self.follow(pointer, flat);
        }
        for part in schema.get("allOf").and_then(Node::as_array).unwrap_or_default() {
            self.gather(part, flat);
        }
    }

    /// Adds what a reference leads to. A loop adds nothing: what is left is cut to an object.
    fn follow(&mut self, pointer: &'s str, flat: &mut Flat<'s>) {
        if self.expanding.contains(&pointer) {
            return;
        }
        if let Some(target) = self.find(pointer) {
            self.expanding.push(pointer);
            self.gather(target, flat);
        }
    }

    /// What stands at a pointer into the whole schema.
    fn find(&self, pointer: &str) -> Option<&'s Node> {
        let mut at = self.root;
        for step in pointer.strip_prefix('#')?.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            at = match at {
                Node::Array(entries) => entries.get(name.parse::<usize>().ok()?)?,
                other => other.get(&name)?,
            };
        }
        Some(at)
    }
}

/// Whether null is among the types or values.
fn mentions_null(schema: &Node) -> bool {
    let word = |value: &Node| value.as_str() == Some("null");
    let null = |value: &Node| matches!(value, Node::Scalar(raw) if raw.get() == "null");
    let any = |name: &str, test: &dyn Fn(&Node) -> bool| {
        schema.get(name).and_then(Node::as_array).is_some_and(|all| all.iter().any(test))
    };
    let types = schema.get("type").and_then(Node::as_array).map_or(0, <[Node]>::len);
    (types > 1 && any("type", &word)) || any("enum", &null)
}
