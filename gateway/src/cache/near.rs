//! Prompts of the same meaning: which cached answers belong to prompts that are near another one.
//!
//! Only prompts of the last turn are compared, and only where all else is the same: the conversation before it, all
//! parameters, who shares answers, and the prompt's own numbers and negations, of which vectors know little. Each node knows
//! the prompts that were answered through it; what seals an answer is made of its request and leaves no node.

use super::{
    Place,
    key::{self, Canonical},
};
use crate::{
    formats::facts::Api,
    state::Worker,
    vectors::{Embedder, Vector, cosine},
};
use actix_web::web;
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tollgate_contract::{route::CacheMeaning, world::ApiKey};

/// So many prompts are known; the oldest go first.
const MOST_PROMPTS: usize = 10_000;
/// Longer prompts are not compared: models look at the first few hundred tokens only, and would take two that differ at
/// their ends for the same.
const MOST_CHARACTERS: usize = 500;

/// The prompts that a node knows the answers to.
#[derive(Default)]
pub(super) struct Near {
    prompts: Mutex<VecDeque<Prompt>>,
}

struct Prompt {
    wanted: Wanted,
    place: Place,
    until: Instant,
}

/// A prompt as it is compared.
#[derive(Clone)]
pub(super) struct Wanted {
    /// Only prompts behind the same wall are compared.
    wall: [u8; 32],
    vector: Vector,
}

impl Near {
    /// The nearest prompt behind the same wall: its cosine similarity, and where its answer is.
    pub fn nearest(&self, wanted: &Wanted) -> Option<(f64, Place)> {
        let now = Instant::now();
        let prompts = self.lock();
        let comparable =
            prompts.iter().filter(|prompt| prompt.wanted.wall == wanted.wall && prompt.until > now);
        let (similarity, nearest) = comparable
            .map(|prompt| (cosine(&wanted.vector, &prompt.wanted.vector), prompt))
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((similarity, nearest.place.clone()))
    }

    /// Adds the prompt of an answer.
    pub fn add(&self, wanted: &Wanted, place: &Place) {
        let now = Instant::now();
        let Some(until) = now.checked_add(place.ttl) else { return };
        let mut prompts = self.lock();
        prompts.retain(|prompt| prompt.place.name != place.name && prompt.until > now);
        if prompts.len() >= MOST_PROMPTS {
            prompts.pop_front();
        }
        prompts.push_back(Prompt { wanted: wanted.clone(), place: place.clone(), until });
    }

    /// Forgets the prompt of an answer that is gone.
    pub fn forget(&self, name: &str) {
        self.lock().retain(|prompt| prompt.place.name != name);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Prompt>> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A prompt that may be compared.
pub(super) struct Question {
    wall: [u8; 32],
    prompt: String,
}

impl Question {
    /// The prompt of a request; `None` where another one's answer would not be safe.
    pub fn of(
        tenant: &str,
        scope: &str,
        mut request: Canonical,
        meaning: &CacheMeaning,
    ) -> Option<Self> {
        // With tools, what is said depends on what they do.
        if ["tools", "functions"].iter().any(|name| request.body.get(name).is_some()) {
            return None;
        }
        let prompt = take_prompt(&mut request)?;
        let prompt = prompt.trim();
        let own_model = meaning.embedder.is_none();
        let fits = !prompt.is_empty() && prompt.chars().count() <= MOST_CHARACTERS;
        if !fits || own_model && !is_latin(prompt) {
            return None;
        }
        let wall = key::hash(&[
            b"near",
            tenant.as_bytes(),
            scope.as_bytes(),
            meaning.embedder.as_ref().map_or("", |target| target.as_str()).as_bytes(),
            &request.bytes(),
            decisive(prompt).as_bytes(),
        ]);
        Some(Self { wall, prompt: prompt.to_owned() })
    }

    /// The same with its vector; the error says why there is none.
    pub async fn vector(
        self,
        worker: &web::Data<Worker>,
        key: &Arc<ApiKey>,
        meaning: &CacheMeaning,
        id: &str,
    ) -> Result<Wanted, String> {
        let embedder = Embedder { worker, key, target: meaning.embedder.as_ref(), id };
        let vectors = embedder.vectors_within(vec![self.prompt], meaning.embed_timeout).await?;
        let vector = vectors.into_iter().next().ok_or("no vector")?;
        Ok(Wanted { wall: self.wall, vector })
    }
}

/// Takes the words of the user's last turn out of a request; `None` if it is another's turn, or more than words.
fn take_prompt(request: &mut Canonical) -> Option<String> {
    let (turns, parts) = match request.api {
        Api::Generate => ("contents", "parts"),
        _ => ("messages", "content"),
    };
    let last = request.body.get_mut(turns)?.as_array_mut()?.last_mut()?;
    let role = last.get("role").map_or(Some("user"), Value::as_str);
    if role != Some("user") {
        return None;
    }
    match last.get_mut(parts)?.take() {
        Value::String(words) => Some(words),
        Value::Array(parts) => {
            let words: Option<Vec<String>> = parts.iter().map(words).collect();
            Some(words?.join("\n"))
        }
        _ => None,
    }
}

/// The words of a part that is nothing but words.
fn words(part: &Value) -> Option<String> {
    let known = ["type", "text", "cache_control"];
    let only_words = part.as_object()?.keys().all(|name| known.contains(&name.as_str()));
    let text = part.get("text")?.as_str()?;
    only_words.then(|| text.to_owned())
}

/// Whether the node's own model, which learnt from English texts, can tell such texts apart.
fn is_latin(text: &str) -> bool {
    text.chars().all(|char| !char.is_alphabetic() || char < '\u{250}')
}

/// The words that change a meaning more than a vector: numbers, and negations.
fn decisive(text: &str) -> String {
    const NEGATIONS: [&str; 8] =
        ["no", "not", "never", "none", "nor", "neither", "without", "cannot"];
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let mut found = String::new();
    for word in lower.split(|char: char| char.is_whitespace() || "/()[]{}\"".contains(char)) {
        let word = word.trim_matches(|char: char| ".,;:!?".contains(char));
        let counts = word.chars().any(char::is_numeric);
        if counts || word.ends_with("n't") || NEGATIONS.contains(&word) {
            found.push_str(word);
            found.push(' ');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{facts::RequestHead, understand::understand};
    use crate::kept::Owner;
    use serde_json::json;
    use std::time::Duration;

    const OWN: CacheMeaning =
        CacheMeaning { threshold: 0.9, embedder: None, embed_timeout: Duration::from_secs(1) };

    fn question(api: Api, body: &Value) -> Option<Question> {
        let model = (api == Api::Generate).then(|| "m".to_owned());
        let head = RequestHead { model, ..RequestHead::default() };
        let request = understand(api, head, body.to_string().into()).unwrap();
        Question::of("t", "t", key::canonical(&request, true)?, &OWN)
    }

    fn asks(prompt: &str) -> Option<Question> {
        question(
            Api::Chat,
            &json!({"model": "m", "messages": [{"role": "user", "content": prompt}]}),
        )
    }

    fn wall(prompt: &str) -> [u8; 32] {
        asks(prompt).unwrap().wall
    }

    #[test]
    fn only_the_last_words_may_differ() {
        assert_eq!(wall("How do I reset my password?"), wall("My password is lost. What now?"));
        let with = |members: Value| {
            let mut body = json!({"model": "m", "messages": [
                {"role": "system", "content": "s"}, {"role": "user", "content": "hello"},
            ]});
            for (name, value) in members.as_object().unwrap() {
                body[name] = value.clone();
            }
            question(Api::Chat, &body).map(|question| question.wall)
        };
        let base = with(json!({}));
        assert!(base.is_some());
        assert_eq!(base, with(json!({"user": "u", "stream": true})));
        for other in [
            json!({"temperature": 0.5}),
            json!({"model": "n"}),
            json!({"messages": [{"role": "system", "content": "t"}, {"role": "user", "content": "hello"}]}),
        ] {
            assert_ne!(with(other.clone()), base, "{other}");
        }
    }

    #[test]
    fn what_is_not_safe_is_not_compared() {
        assert!(asks("").is_none() && asks(&"long ".repeat(101)).is_none());
        assert!(asks("Как сбросить пароль?").is_none(), "the own model knows no such words");
        assert!(asks("Où est la gare ? 🚉").is_some());
        for (api, body) in [
            (
                Api::Chat,
                json!({"model": "m", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}),
            ),
            (
                Api::Chat,
                json!({"model": "m", "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}),
            ),
            (
                Api::Chat,
                json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}),
            ),
            (
                Api::Generate,
                json!({"contents": [{"role": "user", "parts": [
                {"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}]}),
            ),
        ] {
            assert!(question(api, &body).is_none(), "{body}");
        }
    }

    #[test]
    fn every_api_has_prompts() {
        for (api, body) in [
            (
                Api::Messages,
                json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]}]}),
            ),
            (Api::Generate, json!({"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}]})),
        ] {
            assert_eq!(question(api, &body).unwrap().prompt, "a\nb");
        }
    }

    #[test]
    fn numbers_and_negations_are_not_left_to_vectors() {
        assert_eq!(wall("Add 2 and 3"), wall("What is 2 plus 3?"));
        assert_ne!(wall("What is 2 plus 3?"), wall("What is 2 plus 4?"));
        assert_ne!(wall("What is 2 plus 3?"), wall("What is 3 plus 2?"), "in their order");
        assert_ne!(wall("I can eat nuts"), wall("I can't eat nuts"));
        assert_ne!(wall("I can’t eat nuts"), wall("I can eat nuts"));
        assert_ne!(wall("Recipes with nuts"), wall("Recipes without nuts"));
    }

    fn place(name: &str, ttl: Duration) -> Place {
        Place { name: name.to_owned(), owner: Owner::of_request("t", "t", name.as_bytes()), ttl }
    }

    fn wanted(wall: u8, vector: [f32; 2]) -> Wanted {
        Wanted { wall: [wall; 32], vector: vector.into() }
    }

    #[test]
    fn the_nearest_behind_the_same_wall_is_found_while_it_is_good() {
        let hour = Duration::from_secs(3_600);
        let near = Near::default();
        near.add(&wanted(1, [1.0, 0.0]), &place("east", hour));
        near.add(&wanted(1, [0.0, 1.0]), &place("north", hour));
        near.add(&wanted(2, [0.6, 0.8]), &place("elsewhere", hour));
        near.add(&wanted(1, [0.6, 0.8]), &place("over", Duration::ZERO));
        let nearest = |near: &Near| {
            near.nearest(&wanted(1, [0.6, 0.8])).map(|(similarity, place)| (similarity, place.name))
        };
        let (similarity, name) = nearest(&near).unwrap();
        assert!((similarity - 0.8).abs() < 1e-6 && name == "north", "{similarity} {name}");
        near.forget("north");
        assert_eq!(nearest(&near).unwrap().1, "east");
        near.forget("east");
        assert!(nearest(&near).is_none());
    }

    #[test]
    fn the_oldest_make_room_and_an_answer_is_known_once() {
        let hour = Duration::from_secs(3_600);
        let near = Near::default();
        for _ in 0..3 {
            near.add(&wanted(1, [1.0, 0.0]), &place("same", hour));
        }
        assert_eq!(near.lock().len(), 1);
        for number in 1..MOST_PROMPTS {
            let prompt = Prompt {
                wanted: wanted(2, [1.0, 0.0]),
                place: place(&number.to_string(), hour),
                until: Instant::now() + hour,
            };
            near.lock().push_back(prompt);
        }
        near.add(&wanted(2, [1.0, 0.0]), &place("new", hour));
        assert_eq!(near.lock().len(), MOST_PROMPTS);
        assert_eq!(near.lock().front().unwrap().place.name, "1");
    }
}
