//! Walks through a request's JSON and adds up what the prompt has, copying nothing.

use crate::facts::Api;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Adds up what the prompt has; takes any JSON.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) text_bytes: u64,
    /// Of these, what is text in the eyes of a person: no keys, roles or types.
    pub(super) content_bytes: u64,
    /// Whether the next value is a role, a type or the like.
    in_label: bool,
    pub(super) parts: u64,
    pub(super) unseen_parts: bool,
    pub(super) vision: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Walk {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text_bytes += text.len() as u64 + 2;
        if !self.in_label {
            self.content_bytes += text.len() as u64;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.text_bytes += 5;
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.text_bytes += 20;
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.text_bytes += 20;
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.text_bytes += 24;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.text_bytes += 4;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(&mut *self)?.is_some() {
            self.text_bytes += 2;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(PartKey(self))? {
            match key {
                // Data, not text: what it costs cannot be told from its bytes.
                Some(vision) => {
                    let (text_bytes, content_bytes) = (self.text_bytes, self.content_bytes);
                    self.unseen_parts = true;
                    self.vision |= vision;
                    map.next_value_seed(&mut *self)?;
                    (self.text_bytes, self.content_bytes) = (text_bytes, content_bytes);
                }
                None => map.next_value_seed(&mut *self)?,
            }
            self.in_label = false;
            self.text_bytes += 4;
        }
        Ok(())
    }
}

/// Counts a key; `Some(is_image)` for one whose value is data.
struct PartKey<'w>(&'w mut Walk);

impl<'de> DeserializeSeed<'de> for PartKey<'_> {
    type Value = Option<bool>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Option<bool>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for PartKey<'_> {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<bool>, E> {
        self.0.text_bytes += key.len() as u64;
        self.0.in_label =
            matches!(key, "role" | "type" | "id" | "tool_call_id" | "call_id" | "tool_use_id");
        Ok(match key {
            "image_url" | "source" | "inlineData" | "inline_data" | "fileData" | "file_data" => {
                Some(true)
            }
            "input_audio" | "file" | "file_id" | "file_url" | "audio" | "video_url" => Some(false),
            _ => None,
        })
    }
}

/// `messages` or `input`: walked, and its entries counted.
pub(super) struct Prompt<'w> {
    pub(super) walk: &'w mut Walk,
    pub(super) api: Api,
}

impl Prompt<'_> {
    fn expected(&self) -> Expected {
        super::prompt_of(self.api).1
    }
}

/// What a prompt must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Array,
    TextOrArray,
    /// A text, an array or an object.
    Any,
}

impl Expected {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Array => "an array",
            Self::TextOrArray => "a string or an array",
            Self::Any => "a string, an object or an array",
        }
    }
}

/// What the prompt turned out to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum PromptShape {
    #[default]
    Missing,
    Wrong,
    Good,
}

impl<'de> DeserializeSeed<'de> for Prompt<'_> {
    type Value = PromptShape;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<PromptShape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Prompt<'_> {
    type Value = PromptShape;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a prompt")
    }

    fn visit_str<E>(self, text: &str) -> Result<PromptShape, E> {
        if self.expected() == Expected::Array {
            return Ok(PromptShape::Wrong);
        }
        self.walk.parts += 1;
        self.walk.text_bytes += text.len() as u64;
        self.walk.content_bytes += text.len() as u64;
        Ok(if text.is_empty() { PromptShape::Missing } else { PromptShape::Good })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PromptShape, A::Error> {
        let before = self.walk.parts;
        while seq.next_element_seed(&mut *self.walk)?.is_some() {
            self.walk.parts += 1;
        }
        Ok(if self.walk.parts == before { PromptShape::Missing } else { PromptShape::Good })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PromptShape, A::Error> {
        let any = self.expected() == Expected::Any;
        self.walk.parts += 1;
        self.walk.visit_map(map)?;
        Ok(if any { PromptShape::Good } else { PromptShape::Wrong })
    }

    fn visit_bool<E>(self, _: bool) -> Result<PromptShape, E> {
        Ok(PromptShape::Wrong)
    }

    fn visit_i64<E>(self, _: i64) -> Result<PromptShape, E> {
        Ok(PromptShape::Wrong)
    }

    fn visit_u64<E>(self, _: u64) -> Result<PromptShape, E> {
        Ok(PromptShape::Wrong)
    }

    fn visit_f64<E>(self, _: f64) -> Result<PromptShape, E> {
        Ok(PromptShape::Wrong)
    }

    fn visit_unit<E>(self) -> Result<PromptShape, E> {
        Ok(PromptShape::Missing)
    }
}
