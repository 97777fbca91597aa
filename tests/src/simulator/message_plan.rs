//! A whole answer as a message of blocks, decided before its first byte: thinking, text, tool calls.
//! Anthropic, Bedrock and Cohere write the same blocks, each in its own words.

use serde_json::{Value, json};

use super::directives::Directives;
use super::pieces::Pieces;
use super::script::Turn;
use super::signatures::{self, Place};
use super::tokens::PromptTokens;
use super::tool_calls::ToolCall;
use super::{schema, thoughts};

/// The runs of words that thinking and the text before tool calls are made of: not the answer's, so
/// that mixed-up text shows.
const THINKING_RUN: usize = 4;
const PREAMBLE_RUN: usize = 1;
/// Thinking tokens where thinking is on and no directive says how many.
const THINKING_TOKENS: u64 = 8;

/// What a request wants of its answer.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The provider's count of the prompt.
    pub prompt_tokens: u64,
    /// The most output tokens, thinking included.
    pub tokens_max: u64,
    /// Where the text is to end.
    pub stop_sequences: &'a [String],
    /// The tools to call; none if the answer is to be text.
    pub tool_calls: Vec<ToolCall>,
    /// What the text is to be.
    pub shape: Shape<'a>,
    /// Whether there is thinking before it.
    pub thinking: Thinking,
}

/// What the text of an answer is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape<'a> {
    /// Words.
    Text,
    /// Some JSON object.
    Json,
    /// JSON of this schema.
    Schema(&'a Value),
}

/// Whether a request lets the model think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thinking {
    /// It does not, and a directive cannot make it.
    Forbidden,
    /// Only if a directive makes it.
    #[default]
    Off,
    /// It does, with so many tokens at most.
    On {
        /// Whether the text of the thinking is to be left out.
        omitted: bool,
        /// The most tokens.
        tokens_max: u64,
    },
}

/// What an answer will say, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePlan {
    /// The blocks in their order.
    pub blocks: Vec<Block>,
    /// Why the answer ends.
    pub stop: Stop,
    /// The prompt.
    pub prompt: PromptTokens,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub content: Content,
    /// Its text, or the arguments of its call. Empty for a call without arguments, and for thinking
    /// that is not shown.
    pub pieces: Pieces,
    /// Reasoning that is charged although no piece shows it.
    pub hidden_reasoning: u64,
}

/// The kind of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Thinking; its text may be left out.
    Thinking,
    /// Thinking that only the provider can read.
    Redacted,
    /// Text before tool calls.
    Preamble,
    /// The text of the answer.
    Text,
    /// A tool call.
    Tool(ToolCall),
}

/// Why an answer ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// All has been said.
    End,
    /// The maximum of tokens is reached.
    Length,
    /// The text ran into this stop sequence.
    Sequence(String),
    /// The tools are to be called.
    Tool,
}

impl MessagePlan {
    /// Decides the answer to a request. `preamble` words of text stand before tool calls, unless a
    /// directive says otherwise.
    pub fn new(mut wanted: Wanted<'_>, directives: &Directives, preamble: usize) -> Self {
        match &directives.turn {
            Some(Turn::Call(call)) => wanted.tool_calls = vec![call.clone()],
            Some(Turn::Say(_)) => wanted.tool_calls.clear(),
            None => {}
        }
        let prompt = PromptTokens::new(wanted.prompt_tokens, directives);
        let mut outline = Outline { blocks: vec![], left: wanted.tokens_max, complete: true };
        outline.think(wanted.thinking, directives);
        let mut stop = Stop::End;
        if wanted.tool_calls.is_empty() {
            let text = text(wanted.shape, directives);
            let (text, found) = text.until(wanted.stop_sequences);
            outline.add(Content::Text, text);
            stop = found.map_or(stop, Stop::Sequence);
        } else {
            let words = directives.preamble.unwrap_or(preamble) as u64;
            outline.add(Content::Preamble, Pieces::words(PREAMBLE_RUN, words, directives));
            for call in wanted.tool_calls {
                let arguments = arguments(&call);
                outline.add(Content::Tool(call), arguments);
            }
            stop = Stop::Tool;
        }
        if !outline.complete {
            stop = Stop::Length;
        }
        Self { blocks: outline.blocks, stop, prompt }
    }

    /// How many pieces all blocks have together.
    pub fn pieces(&self) -> u64 {
        self.blocks.iter().map(|block| block.pieces.count() as u64).sum()
    }

    /// All output tokens, reasoning included.
    pub fn output(&self) -> u64 {
        self.blocks.iter().map(|block| block.pieces.tokens() + block.hidden_reasoning).sum()
    }

    /// The part of the output that is reasoning.
    pub fn reasoning(&self) -> u64 {
        self.blocks.iter().map(Block::reasoning).sum()
    }

    /// What proves the thinking of the block at this place, in the answer of this number.
    pub fn signature(&self, at: usize, answer: u64) -> String {
        let small = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        let (index, of) = (small(self.thoughts(at)), small(self.thoughts(self.blocks.len())));
        let place = Place { answer, index, of };
        match self.blocks.get(at) {
            Some(block) if block.content != Content::Redacted => {
                signatures::sign(place, &block.pieces.whole())
            }
            _ => signatures::sign(place, thoughts::REDACTED),
        }
    }

    /// The id of the tool call at this place, in the answer of this number.
    pub fn call_id(&self, at: usize, prefix: &str, answer: u64) -> String {
        let before = self.blocks.iter().take(at);
        let index = before.filter(|block| matches!(block.content, Content::Tool(_))).count();
        thoughts::call_id(prefix, answer, index, self.thoughts(self.blocks.len()))
    }

    /// How many of the first blocks are thinking, shown or not.
    fn thoughts(&self, blocks: usize) -> usize {
        self.blocks.iter().take(blocks).filter(|block| block.is_thinking()).count()
    }
}

impl Block {
    /// Whether the block is thinking, shown or not.
    pub const fn is_thinking(&self) -> bool {
        matches!(self.content, Content::Thinking | Content::Redacted)
    }

    /// The arguments of a call as they arrived: cut short, they are worth nothing.
    pub fn input(&self) -> Value {
        match &self.content {
            Content::Tool(call) if self.pieces.count() == 0 && call.arguments == "{}" => json!({}),
            _ => serde_json::from_str(&self.pieces.whole()).unwrap_or_else(|_| json!({})),
        }
    }

    fn reasoning(&self) -> u64 {
        let shown = if self.is_thinking() { self.pieces.tokens() } else { 0 };
        shown + self.hidden_reasoning
    }
}

/// The blocks so far, and what the maximum of tokens leaves for more.
struct Outline {
    blocks: Vec<Block>,
    left: u64,
    complete: bool,
}

impl Outline {
    fn think(&mut self, thinking: Thinking, directives: &Directives) {
        let hidden = directives.reasoning;
        let (default, omitted, tokens_max) = match thinking {
            Thinking::Forbidden => return,
            Thinking::Off => (0, false, u64::MAX),
            // Reasoning or redacted thinking takes the place of what there would be without it.
            Thinking::On { omitted, tokens_max } if 0 < hidden + directives.redacted_thinking => {
                (0, omitted, tokens_max)
            }
            Thinking::On { omitted, tokens_max } => (THINKING_TOKENS, omitted, tokens_max),
        };
        let shown = directives.thinking.unwrap_or(default).min(tokens_max);
        if 0 < shown {
            if omitted || directives.omitted_thinking {
                self.add_hidden(Content::Thinking, shown);
            } else {
                let words = Pieces::words(THINKING_RUN, shown, directives);
                self.add(Content::Thinking, words);
            }
        }
        if 0 < hidden {
            self.add_hidden(Content::Thinking, hidden.min(tokens_max - shown));
        }
        if 0 < directives.redacted_thinking {
            self.add_hidden(Content::Redacted, directives.redacted_thinking);
        }
    }

    fn add(&mut self, content: Content, pieces: Pieces) {
        if !self.complete {
            return;
        }
        let (pieces, complete) = pieces.capped(self.left);
        self.left -= pieces.tokens();
        self.complete = complete;
        // A call without arguments has no pieces, and is one all the same.
        let is_call = matches!(content, Content::Tool(_)) && complete;
        if is_call || 0 < pieces.count() {
            self.blocks.push(Block { content, pieces, hidden_reasoning: 0 });
        }
    }

    fn add_hidden(&mut self, content: Content, tokens: u64) {
        if !self.complete {
            return;
        }
        let charged = tokens.min(self.left);
        self.left -= charged;
        self.complete = charged == tokens;
        if 0 < charged {
            let pieces = Pieces::Listed(vec![]);
            self.blocks.push(Block { content, pieces, hidden_reasoning: charged });
        }
    }
}

fn text(shape: Shape<'_>, directives: &Directives) -> Pieces {
    if let Some(Turn::Say(text)) = &directives.turn {
        return Pieces::of(text);
    }
    match (directives.big_kb, shape) {
        (Some(kb), _) => Pieces::big(kb),
        (None, Shape::Text) => Pieces::words(0, directives.tokens, directives),
        (None, Shape::Json) => Pieces::json_object(directives.tokens),
        (None, Shape::Schema(schema)) => Pieces::of(&schema::example(schema).to_string()),
    }
}

fn arguments(call: &ToolCall) -> Pieces {
    if call.arguments == "{}" { Pieces::Listed(vec![]) } else { Pieces::of(&call.arguments) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Thinking = Thinking::On { omitted: false, tokens_max: 100 };

    fn wanted(tokens_max: u64, thinking: Thinking) -> Wanted<'static> {
        Wanted {
            prompt_tokens: 7,
            tokens_max,
            stop_sequences: &[],
            tool_calls: vec![],
            shape: Shape::Text,
            thinking,
        }
    }

    fn plan(directives: &str, wanted: Wanted<'_>) -> MessagePlan {
        let model = format!("m{directives}");
        let (_, directives) = Directives::of_model(&model).unwrap();
        MessagePlan::new(wanted, &directives, 2)
    }

    fn names(plan: &MessagePlan) -> Vec<&str> {
        let name = |block: &Block| match block.content {
            Content::Thinking => "thinking",
            Content::Redacted => "redacted",
            Content::Preamble => "preamble",
            Content::Text => "text",
            Content::Tool(_) => "tool",
        };
        plan.blocks.iter().map(name).collect::<Vec<_>>()
    }

    #[test]
    fn thinking_comes_first_and_uses_up_the_maximum() {
        let cases = [
            ("--tokens=3", 99, Thinking::Off, vec!["text"], 0, 3, Stop::End),
            ("--tokens=3", 99, ON, vec!["thinking", "text"], 8, 11, Stop::End),
            ("--tokens=3--thinking=5", 6, ON, vec!["thinking", "text"], 5, 6, Stop::Length),
            ("--tokens=3--thinking=5", 5, Thinking::Off, vec!["thinking"], 5, 5, Stop::Length),
            ("--tokens=3--thinking=5", 4, ON, vec!["thinking"], 4, 4, Stop::Length),
            ("--tokens=3--thinking=5", 99, Thinking::Forbidden, vec!["text"], 0, 3, Stop::End),
            ("--tokens=3--thinking=200", 999, ON, vec!["thinking", "text"], 100, 103, Stop::End),
            ("--tokens=3--reasoning=5", 99, ON, vec!["thinking", "text"], 5, 8, Stop::End),
            ("--redacted_thinking=2--tokens=1", 99, ON, vec!["redacted", "text"], 2, 3, Stop::End),
            (
                "--thinking=1--redacted_thinking=2--tokens=1",
                99,
                ON,
                vec!["thinking", "redacted", "text"],
                3,
                4,
                Stop::End,
            ),
            ("--thinking=4--reasoning=5", 4, ON, vec!["thinking"], 4, 4, Stop::Length),
            ("--tokens=0", 0, Thinking::Off, vec![], 0, 0, Stop::End),
            ("--tokens=3", 0, Thinking::Off, vec![], 0, 0, Stop::Length),
        ];
        for (directives, tokens_max, thinking, blocks, reasoning, output, stop) in cases {
            let plan = plan(directives, wanted(tokens_max, thinking));
            assert_eq!(names(&plan), blocks, "{directives}");
            assert_eq!((plan.reasoning(), plan.output()), (reasoning, output), "{directives}");
            assert_eq!(plan.stop, stop, "{directives}");
        }
    }

    #[test]
    fn omitted_thinking_costs_the_same_and_shows_nothing() {
        for (directives, omitted) in
            [("--thinking=5--omitted_thinking", false), ("--thinking=5", true)]
        {
            let plan = plan(directives, wanted(99, Thinking::On { omitted, tokens_max: 99 }));
            let thought = &plan.blocks[0];
            assert_eq!((thought.pieces.count(), thought.hidden_reasoning), (0, 5));
            assert_eq!(plan.reasoning(), 5);
        }
    }

    #[test]
    fn tools_are_called_after_a_few_words() {
        let call = |name: &str, arguments: &str| ToolCall {
            name: name.to_owned(),
            custom: false,
            arguments: arguments.to_owned(),
        };
        let calls = vec![call("f", "{}"), call("g", "{\"x\":1}")];
        let all = plan("", Wanted { tool_calls: calls.clone(), ..wanted(99, Thinking::Off) });
        assert_eq!((names(&all), &all.stop), (vec!["preamble", "tool", "tool"], &Stop::Tool));
        assert_eq!((all.blocks[1].input(), all.blocks[2].input()), (json!({}), json!({ "x": 1 })));

        let cut = plan("--preamble=0", Wanted { tool_calls: calls, ..wanted(1, Thinking::Off) });
        assert_eq!((names(&cut), &cut.stop), (vec!["tool", "tool"], &Stop::Length));
        assert_eq!(cut.blocks[1].input(), json!({}));
    }

    #[test]
    fn a_stop_sequence_or_the_maximum_ends_the_text_whichever_comes_first() {
        let stops = ["and".to_owned()];
        for (tokens_max, text, stop) in
            [(9, "the river ", Stop::Sequence("and".to_owned())), (2, "the river", Stop::Length)]
        {
            let wanted = Wanted { stop_sequences: &stops, ..wanted(tokens_max, Thinking::Off) };
            let plan = plan("", wanted);
            assert_eq!((plan.blocks[0].pieces.whole().as_str(), plan.stop), (text, stop));
        }
    }
}
