//! Everything of a request but its messages.

use super::{
    Writing,
    tool::{Offer, strings},
};
use crate::{
    conversation::{Effort, Format, Names, Output},
    json::{Members, Raw, object, string},
    openai_chat::dialect::{Fate, Seen, openai},
    openai_chat::request::object_of,
};
use sha2::{Digest, Sha256};

type Params = Vec<(String, String)>;

impl Writing<'_> {
    /// The parameters as the provider takes them, with their JSON text.
    pub(super) fn params(&mut self, offer: &Offer) -> Params {
        let effort = self.conversation.reasoning.as_ref().and_then(|it| it.as_effort());
        let wanted = self.wanted(offer);
        let facts = self.facts;
        let mut seen = Seen {
            facts: &facts,
            effort,
            tools: offer.tools.is_some(),
            functions: offer.functions,
            both_limits: false,
            top_logprobs: self.conversation.sampling.top_logprobs,
        };
        let mut params = Params::new();
        self.reasoning(&mut seen, &mut params);
        for (name, value) in wanted {
            self.put(name, value, &seen, &mut params);
        }
        params
    }

    /// Puts a parameter in as its fate says.
    fn put(&mut self, name: String, value: String, seen: &Seen, params: &mut Params) {
        let (sent, value) = match self.dialect.fate(&name, &value, seen) {
            Fate::Keep | Fate::Whole => (name, value),
            Fate::Drop => return,
            Fate::Hint => return self.fit.hint(self.label(&name)),
            Fate::Cannot(why) => return self.fit.cannot(self.label(&name), why),
            Fate::Change { name: other, value: changed, told } => {
                if let Some(told) = told {
                    self.fit.replaced(self.label(&name), &told);
                }
                (other.map_or(name, str::to_owned), changed.unwrap_or(value))
            }
        };
        match params.iter_mut().find(|(known, _)| *known == sent) {
            Some((_, known)) => *known = merged(known, &value),
            None => params.push((sent, value)),
        }
    }

    /// The parameters that the app asked for, in OpenAI's words.
    fn wanted(&mut self, offer: &Offer) -> Params {
        let conversation = self.conversation;
        let mut wanted = Params::new();
        let mut add = |name: &str, value: Option<String>| {
            wanted.extend(value.map(|value| (name.to_owned(), value)));
        };
        add(self.dialect.max_output_field, self.max_output());
        let sampling = &conversation.sampling;
        add("temperature", sampling.temperature.map(number));
        add("top_p", sampling.top_p.map(number));
        add("top_k", sampling.top_k.map(|k| k.to_string()));
        add("stop", (!sampling.stop.is_empty()).then(|| strings(&sampling.stop)));
        add("seed", sampling.seed.map(|seed| seed.to_string()));
        add("frequency_penalty", sampling.frequency_penalty.map(number));
        add("presence_penalty", sampling.presence_penalty.map(number));
        add("n", sampling.choices.map(|n| n.to_string()));
        add("logprobs", sampling.logprobs.map(|on| on.to_string()));
        add("top_logprobs", sampling.top_logprobs.map(|n| n.to_string()));
        add("logit_bias", sampling.logit_bias.as_ref().map(|raw| raw.get().to_owned()));
        add("tools", offer.tools.clone());
        add("tool_choice", offer.choice.clone());
        add("parallel_tool_calls", conversation.parallel_tools.map(|on| on.to_string()));
        add("response_format", self.response_format());
        add("user", conversation.user.as_deref().map(|user| self.user(user)));
        add("service_tier", self.service_tier());
        if conversation.previous_response_id.is_some() {
            let why = "only the responses API goes on from stored answers";
            self.fit.cannot("previous_response_id", why);
        }
        self.extras(&mut wanted);
        self.stream(&mut wanted);
        wanted
    }

    /// Members that only this format knows; those of another format are reported.
    fn extras(&mut self, wanted: &mut Params) {
        for (name, raw) in &self.conversation.extra {
            if !self.own() {
                self.fit.hint(name);
            } else if name != "stream_options" {
                wanted.push((name.clone(), raw.get().to_owned()));
            }
        }
    }

    fn stream(&self, wanted: &mut Params) {
        if !self.conversation.stream {
            return;
        }
        wanted.push(("stream".to_owned(), "true".to_owned()));
        // Without the usage a stream could not be metered.
        let mut options = vec![("include_usage".to_owned(), Raw::of(&true))];
        let more = self.extra(&self.conversation.extra);
        if let Some((_, raw)) = more.iter().find(|(name, _)| name == "stream_options") {
            options.extend(Members::of_text(raw.get()).into_iter().flat_map(|it| it.rest()));
        }
        wanted.push(("stream_options".to_owned(), object_of(&options).get().to_owned()));
    }

    /// The most answer tokens, not more than the model gives.
    fn max_output(&mut self) -> Option<String> {
        let asked = self.fit.max_output(self.conversation.max_output)?;
        let most = self.facts.model_max_output.unwrap_or(asked);
        if asked > most {
            self.fit.changed(self.label("max_tokens"), most);
        }
        Some(asked.min(most).to_string())
    }

    fn response_format(&self) -> Option<String> {
        let (name, description, schema, strict) = match &self.conversation.output {
            Output::Text => return None,
            Output::JsonObject => return Some(r#"{"type":"json_object"}"#.to_owned()),
            Output::JsonSchema { .. } if !self.dialect.keeps_to_schemas(&self.facts) => {
                return Some(r#"{"type":"json_object"}"#.to_owned());
            }
            Output::JsonSchema { name, description, schema, strict } => {
                (name, description, schema, strict)
            }
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let name = name.as_deref().filter(|name| !name.is_empty()).unwrap_or("response");
        let name = Names::default().sent(name, 64, false, legal);
        let mut out = Vec::new();
        object(&mut out, |o| {
            o.put("type", "json_schema").object("json_schema", |o| {
                o.put("name", name).put_some("description", description.as_deref());
                o.put("schema", schema).put_some("strict", *strict);
            });
        });
        String::from_utf8(out).ok()
    }

    /// Whom the request is for. Other formats have longer names than OpenAI takes.
    fn user(&self, user: &str) -> String {
        if self.own() || user.chars().count() <= 64 {
            return string(user);
        }
        let digest = Sha256::digest(user.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        string(&format!("user_{hex}"))
    }

    /// The service tier. Words of other formats are those of their providers.
    fn service_tier(&mut self) -> Option<String> {
        let word = self.conversation.service_tier.as_deref()?;
        let openais = matches!(word, "auto" | "default" | "flex" | "priority");
        let shared = self.conversation.origin == Format::OpenaiResponses || openais;
        if self.own() || shared {
            return Some(string(word));
        }
        self.fit.hint(self.label("service_tier"));
        None
    }

    /// Whether and how much to reason, in the provider's words.
    fn reasoning(&mut self, seen: &mut Seen, params: &mut Params) {
        let label = self.label("reasoning_effort");
        let model = self.facts.upstream_model;
        let openais = self.dialect.is_openai_reasoning(seen);
        if openais && seen.functions && openai::refuses_functions_with_reasoning(model) {
            return self.without_reasoning(seen, params);
        }
        let Some(reasoning) = &self.conversation.reasoning else { return };
        let own: Vec<_> = self
            .extra(&reasoning.extra)
            .iter()
            .filter(|(name, _)| {
                name == "reasoning_effort" || self.dialect.knows_reasoning_member(name)
            })
            .map(|(name, raw)| (name.clone(), raw.get().to_owned()))
            .collect();
        if !own.is_empty() {
            return params.extend(own);
        }
        let told = self.dialect.thinking_told(reasoning, &self.facts);
        if told.lost {
            self.fit.hint(label);
        }
        if let Some(word) = told.instead {
            self.fit.replaced(label, &word);
        }
        params.extend(told.members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }

    /// Functions at a model that takes them here only if it does not reason.
    fn without_reasoning(&mut self, seen: &mut Seen, params: &mut Params) {
        let model = self.facts.upstream_model;
        let why = "it takes functions in chat completions only without reasoning; the responses API takes both";
        if !openai::accepted(model, self.facts.efforts).contains(&Effort::None) {
            return self.fit.cannot(self.label("tools"), why);
        }
        match seen.effort {
            Some(Effort::None) => {}
            Some(_) => self.fit.cannot(self.label("reasoning_effort"), why),
            None => self.fit.replaced(self.label("reasoning_effort"), Effort::None.word()),
        }
        seen.effort = Some(Effort::None);
        params.push(("reasoning_effort".to_owned(), string(Effort::None.word())));
    }
}

/// Two values of one name: objects are joined, in any other case the app's own goes before ours.
fn merged(ours: &str, theirs: &str) -> String {
    let (Some(ours), Some(more)) = (Members::of_text(ours), Members::of_text(theirs)) else {
        return theirs.to_owned();
    };
    let mut all: Vec<(String, Raw)> = ours.rest();
    all.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    all.extend(more.rest());
    object_of(&all).get().to_owned()
}

/// A number as short as it can be.
fn number(value: f64) -> String {
    // Beyond this a whole float is no whole number any more.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        value.to_string()
    }
}
