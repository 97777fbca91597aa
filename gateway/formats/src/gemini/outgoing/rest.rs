//! What is left of a request: the app's own members, and those that have no place here.

use super::{Api, Writing};
use crate::{conversation::Format, json::Raw};

impl Writing<'_> {
    /// Members that are carried as they came; reports those that cannot be.
    pub(super) fn rest(&mut self) -> Vec<(String, Raw)> {
        let asked = self.asked;
        if asked.user.is_some() {
            self.fit.hint(self.word("user"));
        }
        if asked.parallel_tools == Some(false) {
            // There is no switch for it.
            self.fit.hint(self.word("parallel_tool_calls"));
        }
        if asked.previous_response_id.is_some() {
            self.fit.cannot("previous_response_id", "it stores no answers");
        }
        if self.own { self.own_rest() } else { self.foreign_rest() }
    }

    fn own_rest(&mut self) -> Vec<(String, Raw)> {
        const PUT_TOGETHER_ANEW: [&str; 3] =
            ["generationConfig", "toolConfig", "functionCallingConfig"];
        let mut kept = Vec::new();
        for (name, raw) in &self.asked.extra {
            match name.as_str() {
                name if PUT_TOGETHER_ANEW.contains(&name) => {}
                // Only Vertex keeps accounts by label.
                "labels" if self.api == Api::AiStudio => self.fit.hint("labels"),
                _ => kept.push((name.clone(), raw.clone())),
            }
        }
        kept
    }

    fn foreign_rest(&mut self) -> Vec<(String, Raw)> {
        /// Members that change what the answer is.
        const WANTED: [&str; 8] = [
            "audio",
            "container",
            "context_management",
            "conversation",
            "mcp_servers",
            "moderation",
            "prompt",
            "web_search_options",
        ];
        for (name, raw) in &self.asked.extra {
            let (name, text) = (name.as_str(), raw.get());
            if text == "null" {
                continue;
            }
            if WANTED.contains(&name) || (name == "modalities" && text.contains("\"audio\"")) {
                self.fit.cannot(name, "Gemini has no counterpart");
            } else {
                self.fit.hint(name);
            }
        }
        Vec::new()
    }

    /// The service tier in Google's words: AI Studio sells its capacity in three.
    pub(super) fn service_tier(&mut self) -> Option<String> {
        let tier = self.asked.service_tier.as_deref()?;
        let told = match (self.asked.origin, tier) {
            (Format::Gemini, word) => Some(word.to_owned()),
            (_, "auto") => return None,
            (_, "flex") => Some("FLEX".to_owned()),
            (_, "priority" | "fast") => Some("PRIORITY".to_owned()),
            (_, "default" | "standard" | "standard_only") => Some("STANDARD".to_owned()),
            _ => None,
        };
        if told.is_none() || self.api == Api::Vertex {
            self.fit.hint(self.word("service_tier"));
            return None;
        }
        told
    }
}
