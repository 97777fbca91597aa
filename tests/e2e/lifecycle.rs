//! A gateway takes a changed config while it runs, and ends without breaking anything off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tollgate_tests::http::{self, post_json, try_send};
use tollgate_tests::raw_socket::RawSocket;
use tollgate_tests::sse::{Next, try_post_stream};

use crate::stand::{KEY, SOON, Stand, Streamed, chat, streaming};

const OTHER: &str = "[tenants.acme.api_keys.other]\nsecret = \"tgk_another_key_0001\"\n";
const OTHER_KEY: &str = "tgk_another_key_0001";

#[tokio::test]
async fn a_changed_config_is_taken_without_a_restart() {
    let stand = Stand::start("").await;
    assert_eq!(status(&stand, OTHER_KEY, "alpha/sim").await, 401);

    stand.rewrite(&format!("{OTHER}[routes.fresh]\ntargets = [{{ use = \"beta/sim\" }}]\n"));
    until(&stand, OTHER_KEY, "fresh", 200).await;

    stand.rewrite("");
    until(&stand, OTHER_KEY, "beta/sim", 401).await;
    assert_eq!(status(&stand, KEY, "fresh").await, 404);
    assert_eq!(status(&stand, KEY, "beta/sim").await, 200);
}

#[tokio::test]
async fn a_config_with_mistakes_changes_nothing_and_says_why() {
    let stand = Stand::start(OTHER).await;
    for (broken, named) in [
        ("[routes.fresh]\ntargets = [{ use = \"nobody/sim\" }]\n", "routes.fresh.targets[0].use"),
        ("[routes.fresh\n", "not taken"),
        (
            "[tenants.acme.api_keys.third]\nsecrett = \"tgk_a_third_key_00001\"\n",
            "tenants.acme.api_keys.third",
        ),
    ] {
        stand.rewrite(broken);
        let started = Instant::now();
        while !stand.gateway.logs().contains(named) {
            assert!(
                started.elapsed() < SOON,
                "{named} is not in the log: {}",
                stand.gateway.logs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The old world is whole: the broken file has no `other` any more.
        assert_eq!(status(&stand, OTHER_KEY, "alpha/sim").await, 200, "{broken}");
        assert_eq!(status(&stand, KEY, "alpha/sim").await, 200, "{broken}");
    }
    assert!(!stand.gateway.logs().contains("tgk_a_third_key"), "the log shows a secret");

    stand.rewrite("[routes.fresh]\ntargets = [{ use = \"beta/sim\" }]\n");
    until(&stand, KEY, "fresh", 200).await;
    assert_eq!(status(&stand, OTHER_KEY, "alpha/sim").await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_the_config_changes() {
    let stand = Stand::start("").await;
    let over = Arc::new(AtomicBool::new(false));
    let trickle = tokio::spawn(trickle(stand.url("/v1/chat/completions"), over.clone()));
    let long = stand.stream(&streaming("alpha/sim--gap=100--tokens=60")).await;
    let long = tokio::spawn(Streamed::read(long));
    for number in 0..3 {
        stand.rewrite(&format!("[routes.fresh-{number}]\ntargets = [{{ use = \"beta/sim\" }}]\n"));
        until(&stand, KEY, &format!("fresh-{number}"), 200).await;
    }
    over.store(true, Ordering::Relaxed);
    let (served, failures) = trickle.await.expect("the trickle ends");
    assert!(failures.is_empty(), "{failures:?}");
    assert!(20 < served, "{served}");
    assert!(long.await.expect("the stream ends").is_complete(), "a stream outlives the reloads");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains() {
    let mut stand = Stand::start_with("shutdown_grace = \"30s\"", "").await;
    let mut stream = stand.stream(&streaming("alpha/sim--gap=100--tokens=30")).await;
    assert!(stream.next().await.is_some());
    assert_eq!(ready(&stand).await, Some(200));

    stand.gateway.sigterm();
    // Load balancers hear of it at once …
    let asked = Instant::now();
    while ready(&stand).await != Some(503) {
        assert!(asked.elapsed() < Duration::from_secs(1), "still ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let health = http::get(&format!("{}/healthz", stand.gateway.admin_url()), None).await;
    assert_eq!(health.status, 200, "it is well, it only ends");
    // … and as long as they have not, their requests are served.
    let term = Instant::now();
    while term.elapsed() < Duration::from_secs(2) {
        assert_eq!(status(&stand, KEY, "beta/sim").await, 200);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let streamed = Streamed::read(stream).await;
    assert!(streamed.is_complete(), "{streamed:#?}");
    // One word was before the rest.
    let words = streamed.content().split(' ').filter(|word| !word.is_empty()).count();
    assert_eq!(words, 30);
    let ended = stand.gateway.wait(2 * SOON).await.expect("it ends by itself");
    assert!(ended.success(), "{ended} {}", stand.gateway.logs());
    let url = stand.url("/v1/models");
    assert!(try_send(hyper::Method::GET, &url, &[], Vec::new()).await.is_err(), "nobody listens");

    let served = stand.simulator.bill().await.total;
    assert_eq!((served.cancelled, served.failed), (0, 0));
    let events = stand.events(usize::try_from(served.requests).unwrap()).await;
    assert!(events.iter().all(|event| event["error"].is_null()), "{events:#?}");
}

#[tokio::test]
async fn a_stream_that_outlives_the_grace_ends_with_an_error_and_is_charged() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut stand = Stand::start_with("shutdown_grace = \"1s\"", "").await;
        let mut stream = stand.stream(&streaming("alpha/sim--gap=50--tokens=10000")).await;
        assert!(stream.next().await.is_some());

        stand.gateway.signal(signal);
        let streamed = Streamed::read(stream).await;
        assert_eq!(streamed.error_code(), "gateway_shutdown");
        let ended = stand.gateway.wait(SOON).await.expect("it ends by itself");
        assert!(ended.success(), "{ended} {}", stand.gateway.logs());

        let event = stand.event().await;
        assert_eq!((&event["status"], &event["error"]), (&json!(200), &json!("gateway_shutdown")));
        assert_eq!(event["estimated"], true);
        stand.simulator.until_idle(SOON).await;
        let made = stand.simulator.bill().await.total.completion_tokens;
        let charged = event["usage"]["output"].as_u64().unwrap();
        assert!(charged.abs_diff(made) <= 2, "{charged} of {made}");
    }
}

#[tokio::test]
async fn a_plain_request_that_outlives_the_grace_does_not_keep_the_process() {
    let mut stand = Stand::start_with("shutdown_grace = \"1s\"", "").await;
    let url = stand.url("/v1/chat/completions");
    let asked = tokio::spawn(async move {
        let stream = try_post_stream(&url, KEY, &[], &chat("alpha/sim--hang")).await;
        stream.ok().map(|stream| stream.status)
    });
    stand.simulator.until_open(1, SOON).await;
    stand.gateway.signal(Signal::INT);
    let ended = stand.gateway.wait(SOON).await.expect("it ends by itself");
    assert!(ended.success(), "{ended} {}", stand.gateway.logs());
    assert_ne!(asked.await.expect("the request ends"), Some(200));
    let event = stand.event().await;
    assert!(event["error"].is_string(), "{event}");
}

#[tokio::test]
async fn sigint_ends_an_idle_gateway_without_delay() {
    let mut stand = Stand::start("").await;
    assert_eq!(status(&stand, KEY, "alpha/sim").await, 200);
    let mut idle = RawSocket::connect(stand.gateway.address()).await;
    stand.gateway.signal(Signal::INT);
    // Less than what SIGTERM waits for load balancers.
    let ended = stand.gateway.wait(Duration::from_secs(4)).await.expect("it ends by itself");
    assert!(ended.success(), "{ended} {}", stand.gateway.logs());
    let answer = idle.read_until_end(SOON).await;
    assert!(answer.bytes.is_empty());
    // The last event is on disk.
    assert_eq!(stand.event().await["status"], 200);
}

#[tokio::test]
async fn what_was_refused_before_the_restart_is_not_remembered_after_it() {
    let mut stand = Stand::start("").await;
    assert_eq!(status(&stand, KEY, "alpha/sim--status=401").await, 502);
    assert_ne!(status(&stand, KEY, "alpha/sim").await, 200);
    stand.gateway.restart().await;
    assert_eq!(status(&stand, KEY, "alpha/sim").await, 200);
}

#[tokio::test]
async fn a_new_config_gives_refused_provider_keys_another_chance() {
    let stand = Stand::start("").await;
    assert_eq!(status(&stand, KEY, "alpha/sim--status=401").await, 502);
    assert_ne!(status(&stand, KEY, "alpha/sim").await, 200);
    stand.rewrite(OTHER);
    until(&stand, KEY, "alpha/sim", 200).await;
}

/// Plain and streamed requests until it is over; gives how many were served, and what failed.
async fn trickle(url: String, over: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let mut served = 0;
    let mut failures = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let answer = post_json(&url, KEY, &chat("alpha/sim")).await;
        if answer.status != 200 {
            failures.push(answer.text());
        }
        match try_post_stream(&url, KEY, &[], &streaming("beta/sim")).await {
            Ok(mut stream) => {
                let (events, end) = stream.rest().await;
                if !(matches!(end, Next::End) && events.last().is_some_and(|event| event.is_done()))
                {
                    failures.push(format!("{end:?}"));
                }
            }
            Err(error) => failures.push(error.to_string()),
        }
        served += 2;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (served, failures)
}

async fn status(stand: &Stand, key: &str, model: &str) -> u16 {
    post_json(&stand.url("/v1/chat/completions"), key, &chat(model)).await.status
}

/// Waits until a request is answered like this.
async fn until(stand: &Stand, key: &str, model: &str, wanted: u16) {
    let started = Instant::now();
    loop {
        let status = status(stand, key, model).await;
        if status == wanted {
            return;
        }
        assert!(started.elapsed() < SOON, "{model} is still {status}: {}", stand.gateway.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The status of `/readyz`, if the admin port answers.
async fn ready(stand: &Stand) -> Option<u16> {
    let url = format!("{}/readyz", stand.gateway.admin_url());
    let answer = try_send(hyper::Method::GET, &url, &[], Vec::new()).await.ok()?;
    Some(answer.status)
}
