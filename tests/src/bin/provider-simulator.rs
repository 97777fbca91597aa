//! `provider-simulator`: the process around [`tollgate_tests::simulator`].

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tollgate_tests::simulator::Simulator;

/// An OpenAI-shaped provider for tests and demos: slow, wrong or broken on request.
///
/// Point a client at http://ADDRESS/v1, or at http://ADDRESS/NAME/v1 to play several providers.
/// Choose faults in the model name, as in `sim-large--first_byte=3000--gap=20--tokens=50`, or with
/// the request header `x-simulate: status=429; percent=30`.
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
Answers:
  tokens=N          output tokens (16), never more than the request allows
  cached=N          prompt tokens that came from a cache
  reasoning=N       reasoning tokens on top
  tools[=N]         call N of the request's tools
  big=KB            text of that size in one chunk
  strict            refuse unknown request fields
Pace:
  first_byte=MS     delay before the response head
  head_first        send the head at once; the delay then holds back the first event
  gap=MS            pause before each chunk
  crlf, split       SSE lines end with CRLF; flush byte by byte
Faults (N counts chunks with content; 0 is before the first event, or any byte for reset):
  hang              never answer
  slow=MS           a further delay before the response head
  status=CODE       an error of that status
  context_length, content_filter, rate_limit[=SECS], quota
  reset[=N]         RST
  truncate=N        close in the middle of the HTTP message
  end=N             end the HTTP message without finish or [DONE]
  stall=N           silence for ever
  garbage[=N]       an HTML page, or a line of broken JSON
  error=N           an error event in the stream
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
