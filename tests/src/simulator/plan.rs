//! The whole answer, decided before its first byte: the same plan is sent plain or as a stream.

use std::borrow::Cow;

use serde_json::json;

use super::chat_request::ChatRequest;
use super::directives::Directives;
use super::script::Turn;
use super::tokens::PromptTokens;
use super::tool_calls::{self, ToolCall};
use super::usage::Counts;
use super::{pieces, schema, words};

/// What an answer will say, and what it costs.
#[derive(Debug)]
pub struct Plan {
    /// How many choices.
    pub choices: usize,
    /// The same for each choice.
    pub finish_reason: String,
    /// The calls that the pieces belong to; empty if the answer is text.
    pub tool_calls: Vec<ToolCall>,
    /// Usage once all is sent.
    pub counts: Counts,
    pieces: Pieces,
}

/// What one chunk carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The content of the chunk.
    pub part: Part,
    /// What the provider charges for it.
    pub tokens: u64,
}

/// The content of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// More of the text.
    Text(Cow<'static, str>),
    /// The head of the tool call at this index.
    ToolStart(usize),
    /// More of the arguments of the tool call at this index.
    ToolArguments(usize, String),
}

#[derive(Debug)]
enum Pieces {
    /// One word each. Not listed, so that ten thousand long streams fit into memory.
    Words {
        count: usize,
        unicode: bool,
    },
    Listed(Vec<Piece>),
}

impl Plan {
    /// Decides the answer to a request.
    pub fn new(request: &ChatRequest, directives: &Directives) -> Self {
        let tokens_max = request.max_tokens.unwrap_or(u64::MAX);
        // Reasoning comes first and uses up the maximum, as with the real ones.
        let reasoning = directives.reasoning.min(tokens_max);
        let visible_max = tokens_max - reasoning;
        let tool_calls = match &directives.turn {
            Some(Turn::Call(call)) => vec![call.clone()],
            Some(Turn::Say(_)) => vec![],
            None => tool_calls::of(request, directives.tools),
        };

        let (pieces, complete) = if tool_calls.is_empty() {
            text(request, directives, visible_max)
        } else {
            capped(tool_pieces(&tool_calls), visible_max)
        };
        let truth = match (complete, tool_calls.is_empty()) {
            (false, _) => "length",
            (true, true) => "stop",
            (true, false) => "tool_calls",
        };
        let finish_reason = directives.stop.as_deref().unwrap_or(truth).to_owned();
        let counts = Counts {
            prompt: PromptTokens::new(request.prompt_tokens, directives),
            completion: reasoning + pieces.tokens() * request.choices as u64,
            reasoning,
        };
        Self { choices: request.choices, finish_reason, tool_calls, counts, pieces }
    }

    /// How many pieces each choice has.
    pub fn pieces(&self) -> usize {
        match &self.pieces {
            Pieces::Words { count, .. } => *count,
            Pieces::Listed(pieces) => pieces.len(),
        }
    }

    /// The piece at `index` of `choice`.
    pub fn piece(&self, choice: usize, index: usize) -> Piece {
        match &self.pieces {
            Pieces::Words { unicode, .. } => {
                let text = words::word_of(choice, index, *unicode);
                Piece { part: Part::Text(text), tokens: 1 }
            }
            Pieces::Listed(pieces) => pieces[index].clone(),
        }
    }
}

impl Pieces {
    fn tokens(&self) -> u64 {
        match self {
            Self::Words { count, .. } => *count as u64,
            Self::Listed(pieces) => pieces.iter().map(|piece| piece.tokens).sum(),
        }
    }
}

/// The pieces of a text answer, and whether they are all of it.
fn text(request: &ChatRequest, directives: &Directives, tokens_max: u64) -> (Pieces, bool) {
    if let Some(Turn::Say(text)) = &directives.turn {
        return capped(pieces::quarters(text).map(text_piece).collect(), tokens_max);
    }
    if let Some(kb) = directives.big_kb {
        let wanted = words::count_for_bytes(0, kb * 1024);
        let count = wanted.min(usize::try_from(tokens_max).unwrap_or(usize::MAX));
        let piece = Piece { part: Part::Text(words::text(0, count).into()), tokens: count as u64 };
        return (Pieces::Listed(vec![piece]), count == wanted);
    }
    match request.response_format["type"].as_str() {
        Some("json_object") => capped(json_object(directives.tokens), tokens_max),
        Some("json_schema") => {
            let schema = &request.response_format["json_schema"]["schema"];
            let value = if schema.is_object() { schema::example(schema) } else { json!({}) };
            capped(pieces::quarters(&value.to_string()).map(text_piece).collect(), tokens_max)
        }
        _ => {
            let count = directives.tokens.min(tokens_max);
            let words = usize::try_from(count).unwrap_or(usize::MAX);
            let pieces = Pieces::Words { count: words, unicode: directives.unicode };
            (pieces, count == directives.tokens)
        }
    }
}

/// `{"answer": "the river …"}` in single tokens.
fn json_object(tokens: u64) -> Vec<Piece> {
    pieces::json_object(tokens).map(|text| Piece { part: Part::Text(text), tokens: 1 }).collect()
}

fn tool_pieces(calls: &[ToolCall]) -> Vec<Piece> {
    let pieces = calls.iter().enumerate().flat_map(|(index, call)| {
        let start = Piece { part: Part::ToolStart(index), tokens: 0 };
        let rest = pieces::quarters(&call.arguments)
            .map(move |(text, tokens)| Piece { part: Part::ToolArguments(index, text), tokens });
        std::iter::once(start).chain(rest.collect::<Vec<_>>())
    });
    pieces.collect()
}

fn text_piece((text, tokens): (String, u64)) -> Piece {
    Piece { part: Part::Text(text.into()), tokens }
}

/// As many of the pieces as the maximum allows, and whether that is all of them.
fn capped(mut pieces: Vec<Piece>, tokens_max: u64) -> (Pieces, bool) {
    let mut tokens: u64 = 0;
    let fitting = pieces.iter().take_while(|piece| {
        tokens = tokens.saturating_add(piece.tokens);
        tokens <= tokens_max
    });
    let kept = fitting.count();
    let complete = kept == pieces.len();
    pieces.truncate(kept);
    (Pieces::Listed(pieces), complete)
}

impl Part {
    /// The text of a piece, wherever it belongs.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::ToolStart(_) => "",
            Self::ToolArguments(_, text) => text,
        }
    }
}

/// The text of a choice as it stands in a plain answer.
pub fn whole_text(plan: &Plan, choice: usize) -> String {
    (0..plan.pieces()).map(|index| plan.piece(choice, index).part.text().to_owned()).collect()
}

/// The arguments that were sent of each tool call, which may be cut short.
pub fn whole_arguments(plan: &Plan) -> Vec<String> {
    let mut arguments = Vec::new();
    for index in 0..plan.pieces() {
        match plan.piece(0, index).part {
            Part::ToolStart(_) => arguments.push(String::new()),
            Part::ToolArguments(call, text) => arguments[call] += &text,
            Part::Text(_) => {}
        }
    }
    arguments
}

/// A plan for tests of what is built on it.
#[cfg(test)]
pub fn for_test(directives: &str, body: serde_json::Value) -> (ChatRequest, Directives, Plan) {
    let model = format!("m{directives}");
    let (_, directives) = Directives::of_model(&model).unwrap();
    let mut whole = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let request = ChatRequest::parse("m", whole.as_object().unwrap(), false).unwrap();
    let plan = Plan::new(&request, &directives);
    (request, directives, plan)
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    #[test]
    fn an_answer_has_the_tokens_asked_for_and_no_more_than_allowed() {
        let cases = [
            ("", json!({}), 16, "stop"),
            ("--tokens=3", json!({}), 3, "stop"),
            ("--tokens=3", json!({ "n": 2 }), 6, "stop"),
            ("--tokens=9", json!({ "max_tokens": 4 }), 4, "length"),
            ("--tokens=9", json!({ "max_tokens": 9 }), 9, "stop"),
            ("--tokens=9--reasoning=5", json!({}), 14, "stop"),
            ("--tokens=9--reasoning=5", json!({ "max_completion_tokens": 7 }), 7, "length"),
            ("--tokens=3--stop=content_filter", json!({}), 3, "content_filter"),
            ("--big=1", json!({ "max_tokens": 10 }), 10, "length"),
            ("", json!({ "response_format": { "type": "json_object" } }), 16, "stop"),
        ];
        for (directives, body, completion, finish_reason) in cases {
            let (_, _, plan) = for_test(directives, body);
            assert_eq!(
                (plan.counts.completion, plan.finish_reason.as_str()),
                (completion, finish_reason),
                "{directives}"
            );
        }
    }

    #[test]
    fn json_answers_are_json() {
        let (_, _, plan) = for_test("", json!({ "response_format": { "type": "json_object" } }));
        let text = whole_text(&plan, 0);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");

        let schema = json!({ "type": "object", "properties": { "größe": { "type": "integer" } } });
        let format =
            json!({ "type": "json_schema", "json_schema": { "name": "x", "schema": schema } });
        let (_, _, plan) = for_test("", json!({ "response_format": format }));
        assert_eq!(whole_text(&plan, 0), "{\"größe\":1}");
        assert_eq!(plan.counts.completion, tokens::of_bytes("{\"größe\":1}".len()));
    }

    #[test]
    fn forced_tools_are_called() {
        let tool = |name: &str| {
            let parameters =
                json!({ "type": "object", "properties": { "x": { "type": "integer" } } });
            json!({ "type": "function", "function": { "name": name, "parameters": parameters } })
        };
        let tools = json!([tool("f"), tool("g")]);
        let named = json!({ "type": "function", "function": { "name": "g" } });
        let cases = [
            ("", json!({ "tools": tools }), vec![]),
            ("--tools", json!({}), vec![]),
            ("--tools=3", json!({ "tools": tools }), vec!["f", "g", "f"]),
            ("--tools=3", json!({ "tools": tools, "parallel_tool_calls": false }), vec!["f"]),
            ("--tools", json!({ "tools": tools, "tool_choice": "none" }), vec![]),
            ("", json!({ "tools": tools, "tool_choice": "required" }), vec!["f"]),
            ("", json!({ "tools": tools, "tool_choice": named }), vec!["g"]),
        ];
        for (directives, body, expected) in cases {
            let (_, _, plan) = for_test(directives, body.clone());
            let names: Vec<_> = plan.tool_calls.iter().map(|call| call.name.as_str()).collect();
            assert_eq!(names, expected, "{directives} {body}");
            for arguments in whole_arguments(&plan) {
                assert_eq!(arguments, "{\"x\":1}");
            }
        }
    }
}
