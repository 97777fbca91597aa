//! Everything of a request but its input.

use super::{Writing, tools};
use crate::{
    conversation::{
        Effort, Format, Names, Output, ToolChoice, Unsupported, note_foreign, note_unsupported,
    },
    json::{Raw, object, string},
    openai_chat::dialect::openai,
    openai_responses::{
        marks,
        request::{LOGPROBS, raw_of},
    },
};
use sha2::{Digest, Sha256};

/// Parameters with their JSON text.
type Params = Vec<(String, String)>;

/// Sealed reasoning is asked for by this entry of `include`.
const SEALED: &str = "reasoning.encrypted_content";
/// The provider refuses a smaller `max_output_tokens`.
const LEAST_OUTPUT: u64 = 16;

/// Members of chat completions that this API has with the same name and meaning.
const CHATS: [&str; 6] = [
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
];

impl Writing<'_> {
    /// The parameters as the provider takes them.
    pub(super) fn params(&mut self) -> Params {
        let mut params = Params::new();
        self.limits(&mut params);
        self.offer(&mut params);
        self.reasoning(&mut params);
        self.text(&mut params);
        self.missing();
        self.identity(&mut params);
        self.state(&mut params);
        self.extras(&mut params);
        params
    }

    fn limits(&mut self, params: &mut Params) {
        let asked = self.fit.max_output(self.conversation.max_output);
        if let Some(asked) = asked {
            let most = self.fit.target.model_max_output.unwrap_or(asked);
            let sent = asked.min(most).max(LEAST_OUTPUT);
            if sent != asked {
                self.fit.changed(self.label("max_tokens"), sent);
            }
            put(params, "max_output_tokens", sent.to_string());
        }
        let refused = match self.fit.target.sampling_params {
            Some(takes) => !takes,
            None => self.is_openai_reasoning(),
        };
        let sampling = &self.conversation.sampling;
        for (name, value, most) in
            [("temperature", sampling.temperature, 2.0), ("top_p", sampling.top_p, 1.0)]
        {
            let Some(value) = value else { continue };
            let label = self.label(name);
            if refused {
                self.fit.hint(label);
            } else {
                // Out of range in its own format: the provider says it best itself.
                let value =
                    if self.own() { value } else { self.fit.clamp(label, value, 0.0, most) };
                put(params, name, number(value));
            }
        }
    }

    fn offer(&mut self, params: &mut Params) {
        let conversation = self.conversation;
        let tools = tools::written(conversation, &mut self.fit);
        let forced =
            !matches!(conversation.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None));
        let choice_label = self.label("tool_choice");
        if tools.is_empty() {
            // A choice without tools is refused, and whether several are called at once says nothing.
            if conversation.tool_choice.is_some() {
                self.fit.hint(choice_label);
            }
            if conversation.parallel_tools.is_some() {
                self.fit.hint(self.label("parallel_tool_calls"));
            }
            return;
        }
        let joined: Vec<_> = tools.iter().map(|tool| String::from_utf8_lossy(tool)).collect();
        put(params, "tools", format!("[{}]", joined.join(",")));
        if forced && self.fit.target.forced_tool_use == Some(false) {
            self.fit.hint(choice_label);
        } else if let Some(choice) = &conversation.tool_choice {
            let fit = &mut self.fit;
            let written = tools::choice(conversation, choice, |name| tools::name(fit, name));
            put(params, "tool_choice", written.get().to_owned());
        }
        if let Some(parallel) = conversation.parallel_tools {
            put(params, "parallel_tool_calls", parallel.to_string());
        }
    }

    fn reasoning(&mut self, params: &mut Params) {
        let Some(reasoning) = &self.conversation.reasoning else { return };
        let label = self.label("reasoning_effort");
        if self.reasons() == Some(false) {
            return self.fit.hint(label);
        }
        let mut members: Vec<(String, Raw)> = Vec::new();
        if let Some(asked) = reasoning.as_effort() {
            match self.accepted(asked) {
                Some(sent) => {
                    if sent != asked {
                        self.fit.replaced(label, sent.word());
                    }
                    members.push(("effort".to_owned(), Raw::string(sent.word())));
                }
                None => self.fit.hint(label),
            }
        }
        if self.own() {
            members.extend(reasoning.extra.iter().cloned());
        } else if reasoning.show == Some(true) && !reasoning.is_off() {
            members.push(("summary".to_owned(), Raw::string("auto")));
        }
        if !members.is_empty() {
            put(params, "reasoning", object_of(&members));
        }
    }

    /// The nearest effort that the model takes.
    fn accepted(&self, asked: Effort) -> Option<Effort> {
        let facts = &self.fit.target;
        let known = openai::reasons(facts.upstream_model) == Some(true);
        if !known && facts.efforts.is_empty() {
            return Some(asked);
        }
        asked.nearest(&openai::accepted(facts.upstream_model, facts.efforts))
    }

    /// `text`: the form of the answer, and how many words it may have.
    fn text(&mut self, params: &mut Params) {
        let conversation = self.conversation;
        let mut format = self.format();
        let mut members: Vec<(String, Raw)> = Vec::new();
        let (mut beside, mut inside) = (Vec::new(), Vec::new());
        for (name, raw) in conversation.extra.iter().filter(|_| self.own()) {
            if let Some(name) = name.strip_prefix("text.format.") {
                inside.push((name.to_owned(), raw.clone()));
            } else if let Some(name) = name.strip_prefix("text.") {
                beside.push((name.to_owned(), raw.clone()));
            }
        }
        if conversation.origin == Format::OpenaiChat
            && let Some(raw) = marks::find(&conversation.extra, "verbosity")
        {
            beside.push(("verbosity".to_owned(), raw.clone()));
        }
        if let Some(format) = &mut format {
            format.extend(inside);
            members.extend(Raw::parse(&object_of(format)).map(|raw| ("format".to_owned(), raw)));
        }
        members.extend(beside);
        if !members.is_empty() {
            put(params, "text", object_of(&members));
        }
    }

    fn format(&self) -> Option<Vec<(String, Raw)>> {
        let member = |name: &str, raw: Raw| (name.to_owned(), raw);
        match &self.conversation.output {
            Output::Text => None,
            Output::JsonObject => Some(vec![member("type", Raw::string("json_object"))]),
            Output::JsonSchema { name, description, schema, strict } => {
                let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let name = name.as_deref().filter(|name| !name.is_empty()).unwrap_or("response");
                let name = Names::default().sent(name, 64, false, legal);
                let mut members = vec![
                    member("type", Raw::string("json_schema")),
                    member("name", Raw::string(&name)),
                ];
                let description = description.as_deref();
                members.extend(description.map(|text| member("description", Raw::string(text))));
                members.push(member("schema", schema.clone()));
                members.extend(strict.map(|strict| member("strict", Raw::of(&strict))));
                Some(members)
            }
        }
    }

    /// Tells what this API has no parameter for.
    fn missing(&mut self) {
        use Unsupported::{Choices, LogitBias, Penalties, Seed};
        note_unsupported(self.conversation, &[Seed, Penalties, Choices, LogitBias], &mut self.fit);
        let sampling = &self.conversation.sampling;
        if sampling.top_k.is_some() {
            self.fit.hint(self.label("top_k"));
        }
        if !sampling.stop.is_empty() {
            self.fit.cannot(self.label("stop"), "the responses API takes no stop texts");
        }
    }

    /// Whom the request is for, and how it is served.
    fn identity(&mut self, params: &mut Params) {
        let conversation = self.conversation;
        if let Some(user) = &conversation.user {
            put(params, "user", string(&self.user(user)));
        }
        let openais = matches!(conversation.origin, Format::OpenaiChat | Format::OpenaiResponses);
        match &conversation.service_tier {
            Some(tier) if openais => put(params, "service_tier", string(tier)),
            Some(_) => self.fit.hint("service_tier"),
            None => {}
        }
        if conversation.stream {
            put(params, "stream", "true".to_owned());
        }
    }

    /// Other formats have longer names than OpenAI takes.
    fn user(&self, user: &str) -> String {
        if self.own() || user.chars().count() <= 64 {
            return user.to_owned();
        }
        let digest = Sha256::digest(user.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("user_{hex}")
    }

    /// What the provider keeps and what it gives beside the answer.
    fn state(&mut self, params: &mut Params) {
        let sampling = &self.conversation.sampling;
        let own = self.own();
        let wants_logprobs = sampling.logprobs == Some(true);
        let refused = wants_logprobs && self.is_openai_reasoning();
        if refused {
            let why = "models that reason tell no log probabilities";
            self.fit.cannot(self.label("logprobs"), why);
        } else if let Some(top) = sampling.top_logprobs {
            put(params, "top_logprobs", top.to_string());
        }
        if own {
            let id = self.conversation.previous_response_id.as_deref();
            params.extend(id.map(|id| ("previous_response_id".to_owned(), string(id))));
            return;
        }
        if sampling.logprobs == Some(false) {
            self.fit.hint(self.label("logprobs"));
        }
        put(params, "store", "false".to_owned());
        let mut include = Vec::new();
        // Models that do not reason refuse to be asked for it.
        if self.seals_reasoning() {
            include.push(SEALED);
        }
        if wants_logprobs && !refused {
            include.push(LOGPROBS);
        }
        if !include.is_empty() {
            put(params, "include", Raw::of(&include).get().to_owned());
        }
    }

    fn seals_reasoning(&self) -> bool {
        let asked = self.conversation.reasoning.as_ref().is_some_and(|it| !it.is_off());
        self.reasons().unwrap_or(asked)
    }

    /// Members that only the app's format knows. Chat completions share some with this API.
    fn extras(&mut self, params: &mut Params) {
        let conversation = self.conversation;
        let taken = |name: &str| match conversation.origin {
            Format::OpenaiResponses => !name.starts_with("text."),
            Format::OpenaiChat => CHATS.contains(&name),
            _ => false,
        };
        for (name, raw) in conversation.extra.iter().filter(|(name, _)| taken(name)) {
            put(params, name, raw.get().to_owned());
        }
        match conversation.origin {
            Format::OpenaiResponses => {}
            Format::OpenaiChat => {
                let placed: Vec<&str> = CHATS.into_iter().chain(["verbosity"]).collect();
                note_foreign(conversation, &placed, &mut self.fit);
            }
            _ => note_foreign(conversation, &[], &mut self.fit),
        }
    }
}

fn put(params: &mut Params, name: &str, value: String) {
    if !params.iter().any(|(known, _)| known == name) {
        params.push((name.to_owned(), value));
    }
}

fn object_of(members: &[(String, Raw)]) -> String {
    let mut out = Vec::new();
    object(&mut out, |o| {
        o.put_all(members);
    });
    raw_of(&out).get().to_owned()
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
