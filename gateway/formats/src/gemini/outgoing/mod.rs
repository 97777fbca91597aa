//! Writes a request for Google: AI Studio and Vertex differ in little.

mod config;
mod contents;
mod media;
mod part;
mod rest;
mod tools;
mod words;

pub(super) use part::response_object;

use super::model::Model;
use crate::{
    conversation::{Conversation, Fit, Format, Outgoing},
    json::{Members, Object, Raw, object},
    mistake::Mistake,
};
use tollgate_contract::provider::ProviderKind;

/// Writes a request for an answer.
pub fn write_request(conversation: &Conversation, fit: Fit<'_>) -> Result<Outgoing, Mistake> {
    let mut writing = Writing::new(conversation, fit);
    let body = writing.body()?;
    let mut out = Vec::new();
    object(&mut out, |members| body.write(members));
    writing.fit.finish(out)
}

/// Which of Google's two APIs it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `generativelanguage.googleapis.com`.
    AiStudio,
    /// `aiplatform.googleapis.com`.
    Vertex,
}

impl Api {
    pub(super) fn of(kind: ProviderKind) -> Self {
        if kind == ProviderKind::Vertex { Self::Vertex } else { Self::AiStudio }
    }
}

/// A request being written.
pub(super) struct Writing<'w> {
    asked: &'w Conversation,
    model: Model,
    api: Api,
    /// Whether the app speaks this format, so that what only it knows is written again.
    own: bool,
    pub(super) fit: Fit<'w>,
}

/// The members of a request, each as JSON text.
pub(super) struct Body {
    system: Option<Vec<u8>>,
    contents: Vec<u8>,
    tools: Option<Vec<u8>>,
    tool_config: Option<Vec<u8>>,
    config: Option<Vec<u8>>,
    service_tier: Option<String>,
    extra: Vec<(String, Raw)>,
}

impl<'w> Writing<'w> {
    pub(super) fn new(asked: &'w Conversation, fit: Fit<'w>) -> Self {
        let model = Model::of(fit.target.upstream_model);
        let api = Api::of(fit.target.kind);
        Self { asked, model, api, own: asked.origin == Format::Gemini, fit }
    }

    /// The members. Tools come first: they decide how parameters are called in the history.
    pub(super) fn body(&mut self) -> Result<Body, Mistake> {
        let tools = self.tools()?;
        let functions = tools.as_ref().is_some_and(|tools| tools.functions);
        let tool_config = self.tool_config(functions);
        let (system, contents) = self.contents();
        let mut body = Body {
            system,
            contents,
            tools: tools.map(|tools| tools.list),
            tool_config,
            config: self.config(functions),
            service_tier: self.service_tier(),
            extra: self.rest(),
        };
        if self.is_cached() {
            self.leave_to_the_cache(&mut body);
        }
        Ok(body)
    }

    /// Whether a part of the prompt lies in the provider's cache.
    fn is_cached(&self) -> bool {
        let cached =
            |(name, _): &(String, Raw)| name == "cachedContent" || name == "cached_content";
        self.own && self.asked.extra.iter().any(cached)
    }

    /// What lies in the cache has its own instruction and tools; Google refuses any beside it.
    fn leave_to_the_cache(&mut self, body: &mut Body) {
        for (name, member) in [
            ("systemInstruction", &mut body.system),
            ("tools", &mut body.tools),
            ("toolConfig", &mut body.tool_config),
        ] {
            if member.take().is_some() {
                self.fit.cannot(name, "the cached content has its own");
            }
        }
    }

    /// The name of a parameter in the app's own format.
    fn word(&self, word: &'static str) -> &'static str {
        words::of(self.asked.origin, word)
    }

    /// What the app's request had inside of an object that is put together anew.
    fn inside(&self, name: &str) -> Vec<(String, Raw)> {
        if !self.own {
            return Vec::new();
        }
        let found = self.asked.extra.iter().find(|(known, _)| known == name);
        found.map(|(_, raw)| inside(raw)).unwrap_or_default()
    }
}

/// The members of an object that is carried.
fn inside(raw: &Raw) -> Vec<(String, Raw)> {
    Members::of_text(raw.get()).map(Members::rest).unwrap_or_default()
}

impl Body {
    /// Writes the members.
    pub(super) fn write(&self, members: &mut Object) {
        let mut put = |name: &str, text: Option<&Vec<u8>>| {
            if let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) {
                members.put_text(name, text);
            }
        };
        put("systemInstruction", self.system.as_ref());
        put("contents", Some(&self.contents));
        put("tools", self.tools.as_ref());
        put("toolConfig", self.tool_config.as_ref());
        put("generationConfig", self.config.as_ref());
        members.put_some("serviceTier", self.service_tier.as_ref());
        members.put_all(&self.extra);
    }

    /// The same without what an answer is made with: for counting at Vertex, which refuses the rest.
    pub(super) fn prompt_only(self) -> Self {
        Self { tool_config: None, service_tier: None, extra: Vec::new(), ..self }
    }
}

#[cfg(test)]
mod tests;
