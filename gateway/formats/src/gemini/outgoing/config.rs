//! `generationConfig`.

use super::{super::model::Thinking, super::schema::to_proto, Writing};
use crate::{
    conversation::{Effort, Output, Reasoning},
    json::{Node, Object, object},
};

impl Writing<'_> {
    /// How the answer is made; `functions`: whether any are offered.
    pub(super) fn config(&mut self, functions: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        object(&mut out, |members| {
            self.sampling(members);
            self.limits(members);
            self.logprobs(members);
            self.output(functions, members);
            self.thinking(members);
            members.put_all(&self.inside("generationConfig"));
        });
        (out != b"{}").then_some(out)
    }

    fn sampling(&mut self, members: &mut Object) {
        let sampling = &self.asked.sampling;
        let numbers = [
            ("temperature", "temperature", sampling.temperature, 2.0),
            ("topP", "top_p", sampling.top_p, 1.0),
        ];
        if self.fit.target.sampling_params == Some(false) {
            for (_, word, value, _) in numbers {
                if value.is_some() {
                    self.fit.hint(self.word(word));
                }
            }
            if sampling.top_k.is_some() {
                self.fit.hint(self.word("top_k"));
            }
        } else {
            for (name, word, value, most) in numbers {
                let word = self.word(word);
                members.put_some(name, value.map(|value| self.fit.clamp(word, value, 0.0, most)));
            }
            members.put_some("topK", sampling.top_k);
        }
        let penalties = [
            ("presencePenalty", "presence_penalty", sampling.presence_penalty),
            ("frequencyPenalty", "frequency_penalty", sampling.frequency_penalty),
        ];
        for (name, word, value) in penalties {
            let Some(value) = value else { continue };
            let word = self.word(word);
            if self.model.takes_penalties() {
                members.put(name, self.fit.clamp(word, value, -2.0, 2.0));
            } else if value == 0.0 {
                self.fit.hint(word);
            } else {
                self.fit.cannot(word, "models since Gemini 3 have no penalties");
            }
        }
        if let Some(seed) = sampling.seed {
            // 32 bits on the wire.
            let short = if i32::try_from(seed).is_ok() { seed } else { seed & 0x7fff_ffff };
            if short != seed {
                self.fit.changed(self.word("seed"), short.unsigned_abs());
            }
            members.put("seed", short);
        }
    }

    fn limits(&mut self, members: &mut Object) {
        const MOST_STOPS: usize = 5;
        const MOST_CHOICES: u64 = 8;
        let mut tokens = self.fit.max_output(self.asked.max_output);
        if let (Some(asked), Some(most)) = (tokens, self.fit.target.model_max_output)
            && asked > most
        {
            self.fit.changed(self.word("max_tokens"), most);
            tokens = Some(most);
        }
        members.put_some("maxOutputTokens", tokens);
        let mut stops = self.asked.sampling.stop.clone();
        stops.retain(|text| !text.is_empty());
        if stops.len() > MOST_STOPS {
            self.fit.cannot(self.word("stop"), "at most five texts can end an answer");
            stops.truncate(MOST_STOPS);
        }
        members.put_some("stopSequences", (!stops.is_empty()).then_some(stops));
        match self.asked.sampling.choices {
            Some(1) if !self.own => {}
            Some(choices) if choices > MOST_CHOICES => {
                self.fit.cannot(self.word("n"), "at most eight choices are given");
            }
            choices => {
                members.put_some("candidateCount", choices);
            }
        }
    }

    fn logprobs(&mut self, members: &mut Object) {
        let sampling = &self.asked.sampling;
        let wanted = sampling.logprobs.filter(|wanted| *wanted || self.own);
        members.put_some("responseLogprobs", wanted);
        if wanted == Some(true) || self.own {
            members.put_some("logprobs", sampling.top_logprobs);
        }
        match sampling.logit_bias.as_ref().map(|bias| bias.get()) {
            None | Some("null") => {}
            Some("{}") => self.fit.hint("logit_bias"),
            Some(_) => self.fit.cannot("logit_bias", "Gemini has no bias of tokens"),
        }
    }

    fn output(&mut self, functions: bool, members: &mut Object) {
        let word = self.word("response_format");
        if self.asked.output == Output::Text {
            return;
        }
        if !self.model.has_json_mode() {
            self.fit.cannot(word, "the model has no JSON mode");
            return;
        }
        if functions && !self.model.has_json_mode_with_tools() {
            self.fit.cannot(word, "models before Gemini 3 give JSON only without tools");
            return;
        }
        if let Output::JsonSchema { schema, .. } = &self.asked.output {
            if self.fit.target.json_schema == Some(false) {
                self.fit.cannot(word, "the model keeps to no schema");
                return;
            }
            members.put("responseMimeType", "application/json");
            if self.model.takes_json_schema() {
                members.put("responseJsonSchema", schema);
            } else if let Some(schema) = Node::parse(schema.get()) {
                members.put("responseSchema", to_proto(&schema, true));
            }
        } else {
            members.put("responseMimeType", "application/json");
        }
    }

    fn thinking(&mut self, members: &mut Object) {
        let Some(reasoning) = &self.asked.reasoning else { return };
        let word = self.word("reasoning_effort");
        let (budget, level) = match self.model.thinking() {
            Thinking::None => return self.cannot_think(reasoning),
            _ if self.fit.target.reasoning == Some(false) => return self.cannot_think(reasoning),
            Thinking::Budget { least, most, off } => {
                (self.budget(reasoning, word, least..=most, off), None)
            }
            Thinking::Levels(levels) => (None, self.level(reasoning, word, levels)),
        };
        let show = reasoning.show.or_else(|| (!self.own && !reasoning.is_off()).then_some(true));
        let own = if self.own { reasoning.extra.as_slice() } else { &[] };
        members.object("thinkingConfig", |members| {
            members
                .put_some("includeThoughts", show)
                .put_some("thinkingBudget", budget)
                .put_some("thinkingLevel", level.map(Effort::word))
                .put_all(own);
        });
    }

    fn cannot_think(&mut self, reasoning: &Reasoning) {
        if !reasoning.is_off() {
            self.fit.hint(self.word("reasoning_effort"));
        }
    }

    /// The budget: 0 is off, -1 leaves it to the model.
    fn budget(
        &mut self,
        reasoning: &Reasoning,
        word: &str,
        range: std::ops::RangeInclusive<u64>,
        off: bool,
    ) -> Option<i64> {
        let (least, most) = (*range.start(), *range.end());
        let tokens = if reasoning.is_off() {
            if off {
                return Some(0);
            }
            self.fit.changed(word, least);
            least
        } else if let Some(asked) = reasoning.budget {
            let inside = asked.clamp(least, most);
            if inside != asked {
                self.fit.changed(word, inside);
            }
            inside
        } else {
            match reasoning.effort {
                Some(Effort::None | Effort::Minimal) => least,
                Some(Effort::Xhigh | Effort::Max) => most,
                Some(effort) => effort.budget().clamp(least, most),
                None if reasoning.mode.is_some() => return Some(-1),
                None => return None,
            }
        };
        i64::try_from(tokens).ok()
    }

    /// The nearest level that the model takes, downwards first.
    fn level(&mut self, reasoning: &Reasoning, word: &str, levels: &[Effort]) -> Option<Effort> {
        let asked = reasoning.as_effort()?;
        let known: Vec<Effort> = self
            .fit
            .target
            .efforts
            .iter()
            .copied()
            .filter(|effort| (Effort::Minimal..=Effort::High).contains(effort))
            .collect();
        let levels = if known.is_empty() { levels } else { &known };
        let level = match asked {
            // Between two levels the higher one answers what was asked.
            Effort::Medium if !levels.contains(&Effort::Medium) => {
                if levels.contains(&Effort::High) {
                    Some(Effort::High)
                } else {
                    asked.nearest(levels)
                }
            }
            asked => asked.nearest(levels),
        }?;
        if level != asked {
            self.fit.replaced(word, level.word());
        }
        Some(level)
    }
}
