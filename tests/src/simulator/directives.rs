//! Directives: how a caller tells the simulator to be slow, wrong or broken.
//!
//! They ride on the model name (`sim-large--first_byte=3000--tokens=50`) or in the request header
//! `x-simulate: directive=value; directive`, which is added to the model's and wins where both say
//! something. A word we do not know is refused, so that a typing error cannot make a test pass.

use std::fmt;
use std::time::Duration;

use super::quirks::Quirks;
use super::script::{Script, Turn};

/// What one request asked of the simulator.
#[derive(Debug, Clone, PartialEq)]
pub struct Directives {
    /// The one fault to show, if any; the last one named wins.
    pub fault: Option<Fault>,
    /// Delay before the response head.
    pub first_byte: Duration,
    /// A further delay, which counts as a fault: `percent` can make it rare.
    pub slow: Duration,
    /// Requests that the rate limit still has room for, as OpenAI's heads tell; full again in a minute.
    pub room: Option<u64>,
    /// Send the head and comment lines at once; the delay then applies before the first data event.
    pub head_first: bool,
    /// Pause before each chunk of the answer.
    pub gap: Duration,
    /// Output tokens, unless the request allows fewer.
    pub tokens: u64,
    /// Call this many of the request's tools.
    pub tools: Option<usize>,
    /// Call this tool, and quote its result once it is there.
    pub script: Option<Script>,
    /// What the script makes of this request.
    pub turn: Option<Turn>,
    /// Words of text before the tool calls.
    pub preamble: Option<usize>,
    /// Tokens of the request's prompt to report and bill as read from a cache.
    pub cached: u64,
    /// Tokens read from a cache on top of the request's prompt.
    pub cache_read: u64,
    /// Tokens written to a cache for five minutes, on top of the request's prompt.
    pub cache_write: u64,
    /// The same for an hour.
    pub cache_write_1h: u64,
    /// Reasoning tokens to add to the completion, which the answer does not show.
    pub reasoning: u64,
    /// Reasoning tokens to show as signed thinking, in formats that have it.
    pub thinking: Option<u64>,
    /// Reasoning tokens to show as redacted thinking, in formats that have it.
    pub redacted_thinking: u64,
    /// Sign thinking, but leave out its text.
    pub omitted_thinking: bool,
    /// The format's own word for why the answer ended, whatever the truth.
    pub stop: Option<String>,
    /// Answer nothing, since the prompt is blocked for this reason, where a format has such answers.
    pub blocked_prompt: Option<String>,
    /// Tell why the answer ends in an event of its own.
    pub finish_later: bool,
    /// Never tell why the answer ends.
    pub no_finish: bool,
    /// Ways to be odd.
    pub quirks: Quirks,
    /// Characters of two to four bytes among the words.
    pub unicode: bool,
    /// Answer with this many KiB of text in one chunk.
    pub big_kb: Option<usize>,
    /// Send the body as one byte per second.
    pub drip: bool,
    /// Flush the body in pieces of so many bytes.
    pub split: Option<usize>,
    /// End SSE lines with CRLF.
    pub crlf: bool,
    /// Whether a stream ends with its usage although nobody asked for it.
    pub tells_usage: bool,
    /// Refuse unknown request fields.
    pub strict: bool,
    /// How the reported usage differs from the truth.
    pub usage: UsageReport,
    /// Reported usage is the truth times this.
    pub usage_factor: f64,
    /// The format's own word for what an error in the midst of an answer is.
    pub error_type: Option<String>,
    /// Share of requests that show the fault.
    pub percent: Option<u64>,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Take the request and never answer.
    Hang,
    /// Answer with an error.
    Refuse(Refusal),
    /// RST after so many chunks; 0: before any byte.
    Reset(u64),
    /// Close the connection after so many chunks, in the middle of the HTTP message.
    Truncate(u64),
    /// End the HTTP message properly after so many chunks, without finish or `[DONE]`.
    End(u64),
    /// Half an event after so many chunks, and then the proper end of the HTTP message.
    Half(u64),
    /// Silence for ever after so many chunks.
    Stall(u64),
    /// 200 with an HTML page.
    Page,
    /// A line of broken JSON and invalid UTF-8 after so many chunks.
    Garbage(u64),
    /// An error event within the stream after so many chunks.
    Error(u64),
}

/// An error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The usual error of this status.
    Status(u16),
    /// 400 `context_length_exceeded`.
    ContextLength,
    /// 400 `content_policy_violation`.
    ContentFilter,
    /// 429 with `retry-after` of so many seconds.
    RateLimit(u64),
    /// 429 `insufficient_quota`.
    Quota,
}

/// What the answer says about its usage. The bill keeps the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageReport {
    /// The true numbers.
    True,
    /// No usage at all.
    None,
    /// Every number below zero.
    Negative,
    /// The true numbers so far on every chunk.
    Cumulative,
}

/// A directive that the simulator does not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDirective(String);

impl fmt::Display for UnknownDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The simulator does not understand the directive '{}'.", self.0)
    }
}

impl std::error::Error for UnknownDirective {}

impl Default for Directives {
    fn default() -> Self {
        Self {
            fault: None,
            first_byte: Duration::ZERO,
            slow: Duration::ZERO,
            room: None,
            head_first: false,
            gap: Duration::ZERO,
            tokens: 16,
            tools: None,
            script: None,
            turn: None,
            preamble: None,
            cached: 0,
            cache_read: 0,
            cache_write: 0,
            cache_write_1h: 0,
            reasoning: 0,
            thinking: None,
            redacted_thinking: 0,
            omitted_thinking: false,
            stop: None,
            blocked_prompt: None,
            finish_later: false,
            no_finish: false,
            quirks: Quirks::default(),
            unicode: false,
            big_kb: None,
            drip: false,
            split: None,
            crlf: false,
            tells_usage: false,
            strict: false,
            usage: UsageReport::True,
            usage_factor: 1.0,
            error_type: None,
            percent: None,
        }
    }
}

impl Directives {
    /// Splits a requested model into its plain name and its directives.
    pub fn of_model(requested: &str) -> Result<(&str, Self), UnknownDirective> {
        let mut parts = requested.split("--");
        let name = parts.next().unwrap_or_default();
        let mut directives = Self::default();
        for part in parts {
            directives.add(part)?;
        }
        Ok((name, directives))
    }

    /// Adds the directives of an `x-simulate` header.
    pub fn add_header(&mut self, header: &str) -> Result<(), UnknownDirective> {
        header
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .try_for_each(|part| self.add(part))
    }

    /// The same request without its faults: what a spared request sees under `percent`.
    pub fn without_faults(mut self) -> Self {
        self.fault = None;
        self.slow = Duration::ZERO;
        self.drip = false;
        self.usage_factor = 1.0;
        if self.usage != UsageReport::Cumulative {
            self.usage = UsageReport::True;
        }
        self
    }

    /// How long the response head, or the first event, is held back.
    pub fn delay(&self) -> Duration {
        self.first_byte + self.slow
    }

    fn add(&mut self, directive: &str) -> Result<(), UnknownDirective> {
        let unknown = || UnknownDirective(directive.to_owned());
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (directive.trim(), None),
        };
        let number = || value.and_then(|text| text.parse::<u64>().ok()).ok_or_else(unknown);
        let number_or = |default: u64| if value.is_none() { Ok(default) } else { number() };
        let size_or = |default| Ok(usize::try_from(number_or(default)?).unwrap_or(usize::MAX));
        let size = || Ok(usize::try_from(number()?).unwrap_or(usize::MAX));
        let word = || {
            let is_word =
                |text: &&str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let text = value.filter(|text| !text.is_empty()).filter(is_word);
            text.map(str::to_owned).ok_or_else(unknown)
        };
        match name {
            "hang" => self.fault = Some(Fault::Hang),
            "status" => {
                let status = number()?;
                let status = u16::try_from(status).ok().filter(|code| (400..=599).contains(code));
                self.fault = Some(Fault::Refuse(Refusal::Status(status.ok_or_else(unknown)?)));
            }
            "context_length" => self.fault = Some(Fault::Refuse(Refusal::ContextLength)),
            "content_filter" => self.fault = Some(Fault::Refuse(Refusal::ContentFilter)),
            "rate_limit" => self.fault = Some(Fault::Refuse(Refusal::RateLimit(number_or(1)?))),
            "quota" => self.fault = Some(Fault::Refuse(Refusal::Quota)),
            "reset" => self.fault = Some(Fault::Reset(number_or(0)?)),
            "truncate" => self.fault = Some(Fault::Truncate(number()?)),
            "end" => self.fault = Some(Fault::End(number()?)),
            "half" => self.fault = Some(Fault::Half(number()?)),
            "stall" => self.fault = Some(Fault::Stall(number()?)),
            "garbage" if value.is_none() => self.fault = Some(Fault::Page),
            "garbage" => self.fault = Some(Fault::Garbage(number()?)),
            "error" => self.fault = Some(Fault::Error(number()?)),
            "first_byte" => self.first_byte = Duration::from_millis(number()?),
            "slow" => self.slow = Duration::from_millis(number()?),
            "room" => self.room = Some(number()?),
            "head_first" => self.head_first = true,
            "gap" => self.gap = Duration::from_millis(number()?),
            "tokens" => self.tokens = number()?,
            "tools" => {
                self.tools = Some(size_or(1)?.clamp(1, 128));
            }
            "call" => {
                self.script = Some(value.and_then(Script::parse).ok_or_else(unknown)?);
            }
            "preamble" => self.preamble = Some(size()?),
            "cached" => self.cached = number()?,
            "cache_read" => self.cache_read = number()?,
            "cache_write" => self.cache_write = number()?,
            "cache_write_1h" => self.cache_write_1h = number()?,
            "reasoning" => self.reasoning = number()?,
            "thinking" | "thoughts" => self.thinking = Some(number()?),
            "redacted_thinking" => self.redacted_thinking = number_or(16)?,
            "omitted_thinking" => self.omitted_thinking = true,
            "stop" => self.stop = Some(word()?),
            "blocked_prompt" if value.is_none() => self.blocked_prompt = Some("SAFETY".to_owned()),
            "blocked_prompt" => self.blocked_prompt = Some(word()?),
            "finish_later" => self.finish_later = true,
            "no_finish" => self.no_finish = true,
            "quirk" if self.quirks.add(&word()?) => {}
            "unicode" => self.unicode = true,
            // A cap, so that a slip of the finger does not fill the machine's memory.
            "big" => {
                self.big_kb = Some(size()?.min(256 * 1024));
            }
            "drip" => self.drip = true,
            "split" => self.split = Some(size_or(1)?.max(1)),
            "crlf" => self.crlf = true,
            "tells_usage" => self.tells_usage = true,
            "strict" => self.strict = true,
            "usage" => {
                self.usage = match value {
                    Some("none") => UsageReport::None,
                    Some("negative") => UsageReport::Negative,
                    Some("cumulative") => UsageReport::Cumulative,
                    _ => return Err(unknown()),
                }
            }
            "usage_factor" => {
                let factor = value.and_then(|text| text.parse::<f64>().ok());
                self.usage_factor =
                    factor.filter(|factor| factor.is_finite()).ok_or_else(unknown)?;
            }
            "error_type" => self.error_type = Some(word()?),
            "percent" => self.percent = Some(number()?.min(100)),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_without_directives_is_itself() {
        assert_eq!(Directives::of_model("gpt-4o").unwrap(), ("gpt-4o", Directives::default()));
    }

    #[test]
    fn directives_follow_the_name() {
        let (name, directives) =
            Directives::of_model("sim-large--first_byte=3000--gap=20--tokens=50--tools--crlf")
                .unwrap();
        assert_eq!(name, "sim-large");
        let expected = Directives {
            first_byte: Duration::from_secs(3),
            gap: Duration::from_millis(20),
            tokens: 50,
            tools: Some(1),
            crlf: true,
            ..Directives::default()
        };
        assert_eq!(directives, expected);
    }

    #[test]
    fn each_fault_has_its_spelling() {
        let cases = [
            ("hang", Fault::Hang),
            ("status=529", Fault::Refuse(Refusal::Status(529))),
            ("context_length", Fault::Refuse(Refusal::ContextLength)),
            ("content_filter", Fault::Refuse(Refusal::ContentFilter)),
            ("rate_limit=7", Fault::Refuse(Refusal::RateLimit(7))),
            ("quota", Fault::Refuse(Refusal::Quota)),
            ("reset", Fault::Reset(0)),
            ("reset=2", Fault::Reset(2)),
            ("truncate=3", Fault::Truncate(3)),
            ("end=3", Fault::End(3)),
            ("half=3", Fault::Half(3)),
            ("stall=4", Fault::Stall(4)),
            ("garbage", Fault::Page),
            ("garbage=5", Fault::Garbage(5)),
            ("error=6", Fault::Error(6)),
        ];
        for (text, fault) in cases {
            let requested = format!("m--{text}");
            let (_, directives) = Directives::of_model(&requested).unwrap();
            assert_eq!(directives.fault, Some(fault), "{text}");
        }
    }

    #[test]
    fn the_header_adds_to_the_model() {
        let (_, mut directives) = Directives::of_model("m--tokens=3--gap=5").unwrap();
        directives.add_header("tokens=9; usage=none;").unwrap();
        assert_eq!(directives.tokens, 9);
        assert_eq!(directives.gap, Duration::from_millis(5));
        assert_eq!(directives.usage, UsageReport::None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "m--tokns=3",
            "m--tokens",
            "m--tokens=x",
            "m--status=200",
            "m--usage=odd",
            "m--usage_factor=NaN",
            "m--stop",
            "m--stop=a b",
            "m--thinking",
            "m--quirk",
            "m--quirk=nobody",
            "m--call=Bash",
        ] {
            assert!(Directives::of_model(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_spared_request_keeps_its_pace() {
        let (_, directives) =
            Directives::of_model("m--gap=5--status=500--slow=9--usage_factor=3").unwrap();
        let expected = Directives { gap: Duration::from_millis(5), ..Directives::default() };
        assert_eq!(directives.without_faults(), expected);
    }
}
