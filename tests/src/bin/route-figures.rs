//! `route-figures`: what a route does while one of its providers is dead (`outage`), what hedging does to a long tail
//! (`tail`), and how exact a weighted split is over several nodes (`split`). Starts a simulator and a gateway of its own for each line of the table; all on 127.0.0.1.

#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_tests::{
    gateway_process::Gateway,
    http::{self, JSON_TYPE},
    simulator_process::SimulatorProcess,
};

/// The API key of every gateway here.
const KEY: &str = "tgk_0123456789abcdef";

/// Figures of routes under trouble.
#[derive(Debug, Parser)]
#[command(name = "route-figures", version)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One of three providers is dead, in each way; plain and streamed.
    Outage {
        /// Seconds of traffic for each way.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Requests per second.
        #[arg(long, default_value_t = 100)]
        rate: u64,
        /// Only this way.
        #[arg(long)]
        only: Option<String>,
    },
    /// A provider of 50 ms that takes 10 s for 1% of its calls, with and without a hedge.
    Tail {
        /// Requests.
        #[arg(long, default_value_t = 3_000)]
        requests: u64,
        /// Requests per second.
        #[arg(long, default_value_t = 100)]
        rate: u64,
    },
    /// A split of 95 to 5 over three nodes, drawn anew and sticking to users.
    Split {
        /// Requests to each of the two routes.
        #[arg(long, default_value_t = 20_000)]
        requests: usize,
    },
}

/// A way to be dead: its name, and the upstream model that plays it. `refuse` is a port where nobody listens.
const WAYS: [(&str, &str); 8] = [
    ("refuse", "sim-large"),
    ("reset", "sim--reset"),
    ("hang", "sim--hang"),
    ("500", "sim--status=500"),
    ("429 + retry-after", "sim--rate_limit=5"),
    ("1 byte/s", "sim--drip"),
    ("truncated", "sim--truncate=2"),
    ("garbage", "sim--garbage=0"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match Options::parse().what {
            What::Outage { seconds, rate, only } => outage(seconds, rate, only).await,
            What::Tail { requests, rate } => tail(requests, rate).await,
            What::Split { requests } => split(requests).await,
        }
    })
}

/// One request as its app saw it.
struct Seen {
    sent: Duration,
    took: Duration,
    /// A whole answer, or a stream that came to its end without an error.
    good: bool,
    /// A stream that ended in an error.
    in_band: bool,
    status: u16,
}

struct Stand {
    gateway: Gateway,
    events: std::path::PathBuf,
    _simulator: SimulatorProcess,
    _directory: tempfile::TempDir,
}

impl Stand {
    async fn start(routes: &str) -> Result<Self, Box<dyn Error>> {
        let simulator = SimulatorProcess::start().await;
        let directory = tempfile::tempdir()?;
        let events = directory.path().join("events.jsonl");
        let mut config = format!(
            "allow_inline_secrets = true\n[server]\nlisten = \"{{listen}}\"\nadmin_listen = \"{{admin}}\"\nshutdown_grace = \"1s\"\n\
             [usage]\nsink = \"file:{}\"\n[telemetry]\nlog = \"error\"\n",
            events.display()
        );
        for name in ["first", "second", "third"] {
            config.push_str(&format!(
                "[providers.{name}]\nkind = \"openai_compatible\"\nbase_url = \"{}\"\nkeys = [\"sk-{name}\"]\n\
                 allow_private_network = true\nprice = \"free\"\n",
                simulator.provider_url(name)
            ));
        }
        config.push_str(
            "[providers.nobody]\nkind = \"openai_compatible\"\nbase_url = \"http://127.0.0.1:1/v1\"\nkeys = [\"sk-n\"]\n\
             allow_private_network = true\nprice = \"free\"\n",
        );
        config.push_str(routes);
        config.push_str(&format!("[tenants.acme.api_keys.app]\nsecret = \"{KEY}\"\n"));
        let gateway = Gateway::start(&config).await;
        Ok(Self { gateway, events, _simulator: simulator, _directory: directory })
    }

    /// Sends requests at a constant rate, whatever becomes of those before.
    async fn drive(&self, model: &str, stream: bool, requests: u64, rate: u64) -> Vec<Seen> {
        let url = format!("{}/v1/chat/completions", self.gateway.url());
        let body = json!({
            "model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}],
        })
        .to_string();
        let start = Instant::now();
        let mut sent = Vec::new();
        for number in 0..requests {
            let at = start + Duration::from_micros(number * 1_000_000 / rate);
            tokio::time::sleep_until(at.into()).await;
            sent.push(tokio::spawn(one(url.clone(), body.clone(), stream, start)));
        }
        join_all(sent).await.into_iter().filter_map(Result::ok).collect()
    }

    /// The usage events, once all are there.
    async fn events(&self, count: usize) -> Result<Vec<Value>, Box<dyn Error>> {
        for _ in 0..100 {
            let text = std::fs::read_to_string(&self.events).unwrap_or_default();
            // The last line may be half written.
            if text.ends_with('\n') && text.lines().count() >= count {
                return Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the usage events did not come".into())
    }
}

async fn one(url: String, body: String, stream: bool, start: Instant) -> Seen {
    let sent = Instant::now();
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str()), JSON_TYPE];
    let answer = http::try_send(hyper::Method::POST, &url, &headers, body.into_bytes()).await;
    let (status, text) = answer.map_or((0, String::new()), |answer| (answer.status, answer.text()));
    let whole =
        if stream { text.contains("data: [DONE]") && !text.contains("\"error\"") } else { true };
    Seen {
        sent: sent - start,
        took: sent.elapsed(),
        good: status == 200 && whole,
        in_band: status == 200 && !whole && text.contains("\"error\""),
        status,
    }
}

async fn outage(seconds: u64, rate: u64, only: Option<String>) -> Result<(), Box<dyn Error>> {
    println!(
        "{:<18} {:<7} {:>8} {:>8} {:>12} {:>10} {:>9} {:>9} {:>9}",
        "dead by",
        "",
        "success",
        "in-band",
        "attempts/10s",
        "elsewhere",
        "extra p50",
        "extra p99",
        "probes/s"
    );
    let mut failed = 0;
    for (way, model) in WAYS {
        if only.as_deref().is_some_and(|only| only != way) {
            continue;
        }
        for stream in [false, true] {
            let line = Line::measure(way, model, stream, seconds, rate).await?;
            failed += u32::from(!line.print(stream, seconds));
        }
    }
    if failed > 0 {
        return Err(format!("{failed} lines miss a goal").into());
    }
    Ok(())
}

/// A line of the table.
struct Line {
    way: &'static str,
    requests: usize,
    good: usize,
    in_band: usize,
    statuses: BTreeMap<u16, usize>,
    /// The most attempts per request over any 10 s.
    attempts: f64,
    /// Of the requests after 10 s, the share that was not held up by the dead provider.
    elsewhere: f64,
    extra_p50: f64,
    extra_p99: f64,
    /// The most calls of the dead provider in a second, after 10 s.
    probes: usize,
}

impl Line {
    async fn measure(
        way: &'static str,
        model: &str,
        stream: bool,
        seconds: u64,
        rate: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let provider = if way == "refuse" { "nobody" } else { "first" };
        let dead = format!("{provider}/{model}");
        let routes = format!(
            "[routes.pair]\ntargets = [{{ use = \"{dead}\" }}, {{ use = \"second/sim-large\" }}, {{ use = \"third/sim-large\" }}]\n\
             timeouts = {{ first_byte = \"1s\" }}\n\
             [routes.well]\ntargets = [{{ use = \"second/sim-large\" }}]\n"
        );
        let stand = Stand::start(&routes).await?;
        // What a request takes without any dead provider, under the same load.
        let well = stand.drive("well", stream, rate * 5, rate).await;
        let seen = stand.drive("pair", stream, seconds * rate, rate).await;
        let events = stand.events(well.len() + seen.len()).await?;
        let events: Vec<&Value> =
            events.iter().filter(|event| event["requested"] == "pair").collect();
        let usual = percentile(well.iter().map(|seen| seen.took), 0.5);
        let late: Vec<f64> = seen
            .iter()
            .filter(|seen| seen.sent >= Duration::from_secs(10))
            .map(|seen| (seen.took.as_secs_f64() - usual) * 1e3)
            .collect();
        let extra = |share: f64| {
            percentile(late.iter().map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1e3)), share)
                * 1e3
        };
        let calls = Calls::of(&events, &dead);
        let mut statuses = BTreeMap::new();
        for one in seen.iter().filter(|one| !one.good) {
            *statuses.entry(one.status).or_default() += 1;
        }
        Ok(Self {
            way,
            requests: seen.len(),
            good: seen.iter().filter(|one| one.good).count(),
            in_band: seen.iter().filter(|one| one.in_band).count(),
            statuses,
            attempts: calls.most_attempts(),
            elsewhere: calls.elsewhere(),
            extra_p50: extra(0.5),
            extra_p99: extra(0.99),
            probes: calls.most_probes(),
        })
    }

    /// Prints it; says whether it holds what routes promise.
    fn print(&self, stream: bool, seconds: u64) -> bool {
        let share = |count: usize| count as f64 / self.requests.max(1) as f64;
        // What breaks after the first byte of a stream cannot go on to another target.
        let breaks_late = stream && self.way == "truncated";
        let good = if breaks_late {
            share(self.good + self.in_band) >= 0.999 && share(self.in_band) <= 0.01
        } else {
            share(self.good) >= 0.999
        };
        let late = seconds > 10;
        let holds = good
            && self.attempts <= 1.2
            && (!late || (self.elsewhere >= 0.99 && self.extra_p99 <= 5.0 && self.probes <= 1));
        println!(
            "{:<18} {:<7} {:>7.2}% {:>7.2}% {:>12.3} {:>9.2}% {:>6.1} ms {:>6.1} ms {:>9} {}{}",
            self.way,
            if stream { "stream" } else { "plain" },
            share(self.good) * 100.0,
            share(self.in_band) * 100.0,
            self.attempts,
            self.elsewhere * 100.0,
            self.extra_p50,
            self.extra_p99,
            self.probes,
            if holds { "ok" } else { "MISSED" },
            if self.statuses.is_empty() { String::new() } else { format!(" {:?}", self.statuses) },
        );
        holds
    }
}

/// When each attempt of each request began, in milliseconds since the first request.
struct Calls {
    /// Of each request: when it came, and how many attempts it took.
    requests: Vec<(i64, usize)>,
    /// When the dead provider was called.
    dead: Vec<i64>,
}

impl Calls {
    fn of(events: &[&Value], dead: &str) -> Self {
        let at = |event: &Value| {
            let text = event["at"].as_str().unwrap_or_default();
            text.parse::<jiff::Timestamp>().map_or(0, |at| at.as_millisecond())
        };
        let first = events.iter().map(|event| at(event)).min().unwrap_or(0);
        let mut calls = Self { requests: Vec::new(), dead: Vec::new() };
        for event in events {
            let came = at(event) - first;
            let attempts = event["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
            calls.requests.push((came, attempts.len()));
            let of_dead = attempts.iter().filter(|attempt| attempt["target"] == dead);
            calls
                .dead
                .extend(of_dead.map(|attempt| came + attempt["started_ms"].as_i64().unwrap_or(0)));
        }
        calls.requests.sort_unstable();
        calls.dead.sort_unstable();
        calls
    }

    fn most_attempts(&self) -> f64 {
        let last = self.requests.last().map_or(0, |(at, _)| *at);
        let windows = (0..=(last / 1000).saturating_sub(9).max(0)).map(|second| {
            let within = self
                .requests
                .iter()
                .filter(|(at, _)| (second * 1000..second * 1000 + 10_000).contains(at));
            let (requests, attempts) =
                within.fold((0usize, 0usize), |(n, sum), (_, attempts)| (n + 1, sum + attempts));
            attempts as f64 / requests.max(1) as f64
        });
        windows.fold(0.0, f64::max)
    }

    fn elsewhere(&self) -> f64 {
        let late: Vec<_> = self.requests.iter().filter(|(at, _)| *at >= 10_000).collect();
        let at_once = late.iter().filter(|(_, attempts)| *attempts == 1).count();
        at_once as f64 / late.len().max(1) as f64
    }

    fn most_probes(&self) -> usize {
        let mut seconds: BTreeMap<i64, usize> = BTreeMap::new();
        for at in self.dead.iter().filter(|at| **at >= 10_000) {
            *seconds.entry(at / 1000).or_default() += 1;
        }
        seconds.values().copied().max().unwrap_or(0)
    }
}

async fn tail(requests: u64, rate: u64) -> Result<(), Box<dyn Error>> {
    // `first_byte` is how long each answer takes; `slow` hits one call in a hundred.
    let targets = "targets = [{ use = \"first/sim--first_byte=50--slow=10000--percent=1\" }, { use = \"second/sim--first_byte=50\" }]\n";
    let routes = format!(
        "[routes.alone]\n{targets}[routes.hedged]\n{targets}hedge = {{ after = \"p95\", budget = 0.05 }}\n"
    );
    let stand = Stand::start(&routes).await?;
    println!("{:<8} {:>9} {:>9} {:>9} {:>16}", "route", "p50", "p99", "p99/p50", "extra attempts");
    let mut before = 0;
    let mut held = true;
    for route in ["alone", "hedged"] {
        // Latencies have to be known before there is a p95.
        let warm = stand.drive(route, false, 200, rate).await;
        let seen = stand.drive(route, false, requests, rate).await;
        before += warm.len() + seen.len();
        let events = stand.events(before).await?;
        let of_route = events.iter().filter(|event| event["requested"] == route).skip(warm.len());
        let attempts: usize =
            of_route.map(|event| event["attempts"].as_array().map_or(0, Vec::len)).sum();
        let extra = attempts as f64 / seen.len() as f64 - 1.0;
        let (p50, p99) = (
            percentile(seen.iter().map(|one| one.took), 0.5),
            percentile(seen.iter().map(|one| one.took), 0.99),
        );
        let good = seen.iter().filter(|one| one.good).count();
        println!(
            "{route:<8} {:>6.1} ms {:>6.1} ms {:>9.2} {:>15.2}%   {good} of {} good",
            p50 * 1e3,
            p99 * 1e3,
            p99 / p50,
            extra * 100.0,
            seen.len(),
        );
        held = route == "alone" || (p99 < 3.0 * p50 && extra <= 0.07 && good == seen.len());
    }
    if held { Ok(()) } else { Err("the hedged route misses a goal".into()) }
}

/// So many requests are under way at once.
const AT_ONCE: usize = 24;
/// So many users ask.
const USERS: usize = 500;

async fn split(requests: usize) -> Result<(), Box<dyn Error>> {
    let targets = "strategy = \"weighted\"\ntargets = [{ use = \"first/sim-large\", weight = 95 }, { use = \"second/sim-large\", weight = 5 }]\n";
    let routes = format!("[routes.anew]\n{targets}[routes.sticky]\nsticky = \"user\"\n{targets}");
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Stand::start(&routes).await?);
    }
    let mut held = true;
    for route in ["anew", "sticky"] {
        let workers = (0..AT_ONCE).map(|worker| {
            let urls: Vec<String> = nodes.iter().map(|node| node.gateway.url()).collect();
            let mine: Vec<usize> = (worker..requests).step_by(AT_ONCE).collect();
            tokio::spawn(ask_each(urls, route, mine))
        });
        let arms: Vec<(usize, String)> =
            join_all(workers).await.into_iter().filter_map(Result::ok).flatten().collect();
        let second = arms.iter().filter(|(_, arm)| arm == "second").count();
        let share = second as f64 / arms.len() as f64;
        // The 99.9% interval of a binomial share: 3.2905 standard deviations.
        let margin = 3.2905 * (0.05f64 * 0.95 / requests as f64).sqrt();
        let mut of_user: BTreeMap<usize, &str> = BTreeMap::new();
        let mut moved = 0;
        for (user, arm) in &arms {
            moved += usize::from(*of_user.entry(*user).or_insert(arm) != arm);
        }
        let good = arms.len() == requests;
        let holds = good
            && match route {
                "sticky" => moved == 0,
                _ => (share - 0.05).abs() <= margin,
            };
        held &= holds;
        println!(
            "{route:<7} {} answers over {} nodes: {:.2}% to the arm of 5% (99.9% interval ± {:.2}); requests that moved their user: {} {}",
            arms.len(),
            nodes.len(),
            share * 100.0,
            margin * 100.0,
            if route == "sticky" { moved.to_string() } else { "-".to_owned() },
            if holds { "ok" } else { "MISSED" },
        );
    }
    if held { Ok(()) } else { Err("a split misses a goal".into()) }
}

/// Asks the nodes in turn; says of each request whose it was and which arm answered.
async fn ask_each(
    urls: Vec<String>,
    route: &'static str,
    mine: Vec<usize>,
) -> Vec<(usize, String)> {
    let authorization = format!("Bearer {KEY}");
    let headers = [("authorization", authorization.as_str()), JSON_TYPE];
    let mut arms = Vec::new();
    for number in mine {
        // Not in step with the nodes, so that each user comes to all of them.
        let user = number / 3 % USERS;
        let body = json!({
            "model": route, "user": format!("u-{user}"), "max_tokens": 1,
            "messages": [{"role": "user", "content": "hello"}],
        });
        let url = format!("{}/v1/chat/completions", urls[number % urls.len()]);
        let body = body.to_string().into_bytes();
        let Ok(answer) = http::try_send(hyper::Method::POST, &url, &headers, body).await else {
            continue;
        };
        if let (200, Some(arm)) = (answer.status, answer.header("x-tollgate-provider")) {
            arms.push((user, arm.to_owned()));
        }
    }
    arms
}

/// A percentile in seconds.
fn percentile(times: impl Iterator<Item = Duration>, share: f64) -> f64 {
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    let index = ((times.len().saturating_sub(1)) as f64 * share).ceil() as usize;
    times.get(index).copied().unwrap_or(0.0)
}
