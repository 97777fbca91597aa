//! The follower against a small control plane on a real socket.

use super::*;
use crate::world::fixture::{self, Feed, Script};
use http_body_util::StreamBody;
use hyper::{body::Frame, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{collections::VecDeque, convert::Infallible};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

const HASTY: Timing = Timing {
    silence: Duration::from_millis(300),
    pause_least: Duration::from_millis(5),
    pause_most: Duration::from_millis(20),
};

type Bodies = Arc<Mutex<VecDeque<UnboundedReceiver<String>>>>;

/// A control plane that says on each connection what the test wants.
struct Plane {
    url: String,
    bodies: Bodies,
    requests: Arc<Mutex<Vec<http::request::Parts>>>,
}

impl Plane {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plane = Self { url, bodies: Arc::default(), requests: Arc::default() };
        let (bodies, requests) = (plane.bodies.clone(), plane.requests.clone());
        actix_web::rt::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (bodies, requests) = (bodies.clone(), requests.clone());
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let body = bodies.lock().unwrap().pop_front();
                    requests.lock().unwrap().push(request.into_parts().0);
                    async move { Ok::<_, Infallible>(answer(body)) }
                });
                actix_web::rt::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        plane
    }

    /// The next connection; it lasts as long as what is returned.
    fn connection(&self) -> Connection {
        let (lines, body) = unbounded_channel();
        self.bodies.lock().unwrap().push_back(body);
        Connection(lines)
    }

    fn queries(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|parts| parts.uri.to_string()).collect()
    }
}

type Body = StreamBody<
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>,
>;

fn answer(body: Option<UnboundedReceiver<String>>) -> http::Response<Body> {
    let status = if body.is_some() { 200 } else { 503 };
    let lines = futures_util::stream::unfold(body, |body| async {
        let mut body = body?;
        let line = body.recv().await?;
        Some((Ok(Frame::data(Bytes::from(line))), Some(body)))
    });
    let body: Body = StreamBody::new(Box::pin(lines));
    http::Response::builder().status(status).body(body).unwrap()
}

struct Connection(UnboundedSender<String>);

impl Connection {
    /// Sends lines in pieces that know nothing of lines.
    fn say(&self, lines: Vec<String>) {
        let text = lines.join("\n") + "\n";
        let (first, second) = text.split_at(text.len() / 2);
        self.0.send(first.to_owned()).unwrap();
        self.0.send(second.to_owned()).unwrap();
    }
}

/// A node that follows it.
struct Node {
    link: Arc<Link>,
    worlds: Arc<Mutex<Vec<World>>>,
    latest: watch::Receiver<Option<Arc<Latest>>>,
    task: actix_web::rt::task::JoinHandle<()>,
}

impl Node {
    fn follow(plane: &Plane) -> Self {
        let (link, worlds): (Arc<Link>, Arc<Mutex<Vec<World>>>) = Default::default();
        let (latest, latest_seen) = watch::channel(None);
        let seen = worlds.clone();
        let follower = Follower {
            control: ControlSettings {
                url: plane.url.clone(),
                identity: Arc::new(fixture::identity()),
                snapshot: Some("unused".into()),
                public_key: None,
            },
            replica: Arc::default(),
            link: link.clone(),
            metrics: Arc::new(Metrics::new()),
            accept: Box::new(move |world| seen.lock().unwrap().push(world)),
            latest,
            timing: HASTY,
        };
        let task = actix_web::rt::spawn(follower.run());
        Self { link, worlds, latest: latest_seen, task }
    }

    fn revisions(&self) -> Vec<u64> {
        self.worlds.lock().unwrap().iter().map(|world| world.revision).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}: not within 10 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn worlds_come_as_they_are_made_and_a_new_connection_goes_on_from_there() {
    let plane = Plane::start().await;
    let mut script = Script::default();
    let first = plane.connection();
    let second = plane.connection();
    let node = Node::follow(&plane);
    first.say(script.hello(true));
    until("it is connected", || node.link.is_connected()).await;
    assert_eq!(node.link.unfit(Timestamp::now()).unwrap().code(), "no_world");
    first.say(script.batch(3, &[Feed::new("ten_a"), Feed::new("ten_b")], &[]));
    until("the first world", || node.revisions() == [3]).await;
    assert_eq!(node.link.unfit(Timestamp::now()), None);
    first.say(script.batch(4, &[], &["ten_b"]));
    until("the second world", || node.revisions() == [3, 4]).await;
    assert_eq!(node.worlds.lock().unwrap()[1].tenants.len(), 1);
    let latest = node.latest.borrow().clone().unwrap();
    assert_eq!((latest.revision, latest.feeds.tenants.len()), (4, 1));

    drop(first);
    second.say(Script::default().hello(false));
    second.say(script.batch(6, &[Feed::new("ten_c")], &[]));
    until("the third world", || node.revisions() == [3, 4, 6]).await;
    let queries = plane.queries();
    assert_eq!(queries, ["/internal/v1/world?after=0", "/internal/v1/world?after=4"]);
    let requests = plane.requests.lock().unwrap();
    let bearer = requests[0].headers["authorization"].to_str().unwrap();
    assert_eq!(bearer.strip_prefix("Bearer ").unwrap().split('.').count(), 3);
    assert_eq!(requests[0].headers["x-tollgate-node-version"], env!("CARGO_PKG_VERSION"));
}

#[actix_web::test]
async fn an_older_world_and_another_key_are_refused() {
    let plane = Plane::start().await;
    let mut script = Script::default();
    let connections = [plane.connection(), plane.connection(), plane.connection()];
    let node = Node::follow(&plane);
    connections[0].say(script.hello(true));
    connections[0].say(script.batch(5, &[Feed::new("ten_a")], &[]));
    connections[1].say(script.hello(true));
    connections[1].say(script.batch(4, &[Feed::new("ten_old")], &[]));
    let impostor = tollgate_contract::signing::SigningKey::from_seed(&[9; 32]).public().to_hex();
    connections[2]
        .say(vec![format!("{{\"type\":\"hello\",\"full\":true,\"public_key\":\"{impostor}\"}}")]);
    until("the first world", || node.revisions() == [5]).await;
    let [first, _second, _third] = connections;
    drop(first);
    until("all were tried", || plane.queries().len() > 3).await;
    assert_eq!(node.revisions(), [5]);
    assert!(!node.link.is_connected());
}

#[actix_web::test]
async fn a_silent_connection_is_given_up() {
    let plane = Plane::start().await;
    let first = plane.connection();
    let second = plane.connection();
    let node = Node::follow(&plane);
    first.say(Script::default().hello(true));
    second.say(Script::default().hello(true));
    second.say(Script::default().batch(1, &[Feed::new("ten_a")], &[]));
    until("the second connection", || node.revisions() == [1]).await;
    let before = node.link.last_contact();
    until("a heartbeat confirms the world", || {
        second.say(Script::default().heartbeat(1));
        node.link.last_contact() > before
    })
    .await;
    assert_eq!(plane.queries().len(), 2);
}
