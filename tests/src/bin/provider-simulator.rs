//! `provider-simulator`: the process around [`tollgate_tests::simulator`].

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tollgate_tests::simulator::Simulator;

/// Model providers for tests and demos: slow, wrong or broken on request.
///
/// Point a client at http://ADDRESS, or at http://ADDRESS/NAME to play several providers, where it
/// would have the provider's own host. The path that follows chooses the format. Choose faults in the
/// model name, as in `sim-large--first_byte=3000--gap=20--tokens=50`, or with the request header
/// `x-simulate: status=429; percent=30`.
#[derive(Debug, Parser)]
#[command(name = "provider-simulator", version, after_long_help = DIRECTIVES)]
struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9900", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// A provider key to accept; may be repeated. Without any, every key is good.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

const DIRECTIVES: &str = "\
Formats:
  OpenAI            /v1/chat/completions, /v1/embeddings, /v1/models
  Anthropic         /v1/messages, /v1/messages/count_tokens, /v1/models
  Amazon Bedrock    /model/ID/converse, /model/ID/converse-stream, /model/ID/invoke; signed with
                    AKIDEXAMPLE and wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY, or with a bearer key
  Cohere            /v2/chat, /v2/embed, /v2/rerank
Answers:
  tokens=N          output tokens (16), never more than the request allows
  cached=N          N of the prompt's tokens came from a cache
  cache_read=N, cache_write=N, cache_write_1h=N
                    tokens on top of the prompt that a cache served or took
  reasoning=N       reasoning tokens on top, which the answer does not show
  thinking=N, redacted_thinking[=N], omitted_thinking
                    reasoning that it shows, signed; or what stands in its place (not OpenAI)
  tools[=N]         call N of the request's tools
  call=NAME{JSON}   call this tool unless its result is there; then quote that
  preamble=N        N words of text before the calls (not OpenAI)
  stop=WORD         the format's own word for why the answer ended
  unicode           characters of two to four bytes among the words
  big=KB            text of that size in one chunk
  strict            refuse unknown request fields
Pace:
  first_byte=MS     delay before the response head
  head_first        send the head at once; the delay then holds back the first event
  gap=MS            pause before each chunk
  tells_usage       a stream ends with its usage although nobody asked for it
  crlf, split[=N]   SSE lines end with CRLF; flush after every N bytes (1)
Faults (N counts chunks with content; 0 is before the first event, or any byte for reset):
  hang              never answer
  slow=MS           a further delay before the response head
  status=CODE       an error of that status
  context_length, content_filter, rate_limit[=SECS], quota
  reset[=N]         RST
  truncate=N        close in the middle of the HTTP message
  end=N             end the HTTP message without finish or [DONE]
  half=N            the same after half of an event
  stall=N           silence for ever
  garbage[=N]       an HTML page, or an event that cannot be read
  error=N           an error event in the stream
  error_type=WORD   the format's own word for that error
  drip              one byte per second
  usage=none|negative|cumulative, usage_factor=X
  percent=P         show the fault to P% of the requests only
Ask the simulator itself:
  GET /simulator/bill, DELETE /simulator/bill, GET /simulator/requests?limit=N,
  GET /simulator/open, GET /simulator/health";

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere else to say it, should this fail too.
            let _ = writeln!(io::stderr(), "provider-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    allow_many_connections();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let simulator = Simulator::bind(options.listen, options.keys).await?;
    writeln!(io::stdout(), "listening on {}", simulator.address()?)?;
    tokio::select! {
        () = simulator.serve() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Ten thousand streams need more descriptors than the usual soft limit. Best effort: fewer will do
/// for most tests.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
