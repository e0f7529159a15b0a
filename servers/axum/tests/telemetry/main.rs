//! What a server tells `tracing` and `metrics`. Its process has no other: the subscriber is that of all its threads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::{SinkExt as _, StreamExt as _};
use heartline_axum::cluster::LocalBroker;
use heartline_axum::heartline::directory::{self, Node};
use heartline_axum::heartline::hub::Settings;
use heartline_axum::{Access, Codec, CodecError, Deny, Never, Received, Server, Shutdown};
use heartline_driver_testing::telemetry::are_documented;
use heartline_driver_testing::telemetry::capture::{Capture, Log, Number, numbers};
use metrics_util::debugging::DebuggingRecorder;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, client_async};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Error, Message};

struct Echo;

impl Codec for Echo {
    type User = String;
    type Login = Never;
    type In = String;
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        Ok(Received::Message(frame.to_text().expect("text").to_owned()))
    }

    fn encode(&self, text: &String) -> Message {
        Message::text(text)
    }
}

#[test]
fn every_connection_has_its_span_and_what_happens_is_counted() {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            live().await;
            among_nodes().await;
        });
    });
    log(&capture.log());
    told(&numbers(&recorder.snapshotter()));
}

/// Denied, then an echo, a failure, a message to nobody, and a panic; then one that the shutdown closes.
async fn live() {
    let server = Server::builder(Echo, Settings::default())
        .authenticate(|request| async move {
            let name = request.bearer().ok_or(Deny::unauthorized("no token"))?;
            Ok(Access::user(name.to_owned()))
        })
        .on_message(|cx, text: String| async move {
            tracing::info!("in the handler");
            match text.as_str() {
                "hush-fail" => cx.relay(&"hush-nobody".to_owned(), &text).await?,
                "hush-panic" => panic!("as the test wants it"),
                _ => cx.reply(&text)?,
            }
            Ok(())
        })
        .build()
        .expect("a server");
    let app = Router::new().route("/hush-path", server.route());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert!(dial(address, "Basic hush-token").await.is_err());
    let mut first = dial(address, "Bearer hush-ann").await.expect("a connection");
    for text in ["hush-fail", "hush-echo"] {
        first.send(text.into()).await.expect("sent");
    }
    assert_eq!(first.next().await.expect("a frame").expect("a frame"), Message::text("hush-echo"));
    first.send("hush-panic".into()).await.expect("sent");
    while first.next().await.is_some_and(|frame| frame.is_ok()) {}
    drop(first);
    let mut second = dial(address, "Bearer hush-bob").await.expect("a connection");
    second.send("hush-echo".into()).await.expect("sent");
    assert_eq!(second.next().await.expect("a frame").expect("a frame"), Message::text("hush-echo"));
    let shutdown = server.shutdown(Shutdown { pace: Duration::ZERO, ..Shutdown::default() });
    let reading = async move { while second.next().await.is_some_and(|frame| frame.is_ok()) {} };
    tokio::join!(shutdown, reading);
    tokio::task::yield_now().await; // The last numbers are told.
}

/// Two nodes that hear of each other, a message to nobody, and the goodbye of one.
async fn among_nodes() {
    let broker = LocalBroker::default();
    let servers = ["one", "two"].map(|name| {
        let node: Node = name.parse().expect("a name");
        let link = Arc::new(broker.connect(&node));
        let builder = Server::builder(Echo, Settings::default()).authenticate(|_| async { Ok(Access::Later) });
        builder.cluster(node, link, directory::Settings::default()).build().expect("a server")
    });
    let until = async |nodes: [usize; 2]| {
        while servers.each_ref().map(|server| server.nodes().len()) != nodes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until([1, 1]).await;
    let nobody = "hush-nobody".to_owned();
    assert!(servers[0].relay(&nobody, &nobody).await.is_err());
    servers[1].shutdown(Shutdown::default()).await;
    until([0, 1]).await;
    servers[0].shutdown(Shutdown::default()).await;
    tokio::task::yield_now().await; // The last numbers are told.
}

async fn dial(address: SocketAddr, token: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let mut request = format!("ws://{address}/hush-path?hush-query").into_client_request()?;
    request.headers_mut().insert("Authorization", token.parse().expect("a header"));
    Ok(client_async(request, TcpStream::connect(address).await?).await?.0)
}

fn log(log: &Log) {
    let told = format!("{log:?}");
    assert!(!told.contains("hush"), "a payload, a path, credentials or a name: {told}");
    let places: Vec<_> = (0..log.spans.len()).filter(|place| log.spans[*place].name == "connection").collect();
    let fields = |place: &usize| {
        let span = &log.spans[*place];
        assert!(span.closed, "a span that stays: {span:?}");
        ["conn", "source", "closed_by", "close_code"].map(|name| span.fields.get(name).cloned().unwrap_or_default())
    };
    let expected = [["2", "127.0.0.1", "server", "1011"], ["3", "127.0.0.1", "server", "1012"]];
    assert_eq!(places.iter().map(fields).collect::<Vec<_>>(), expected);
    assert_eq!(log.spans[places[0]].fields["reason"], "\"the server failed\"");
    let own = log.events.iter().filter(|told| told.target == "heartline");
    let own: Vec<_> = own.map(|told| (told.level, told.message(), told.span)).collect();
    let first = Some(places[0]);
    for event in [
        (Level::DEBUG, "a request was denied", None),
        (Level::WARN, "a handler failed", first),
        (Level::ERROR, "a handler, a hook or the codec panicked", first),
        (Level::DEBUG, "the connection has ended", first),
        (Level::INFO, "shutting down", None),
        (Level::INFO, "the last connection is gone", None),
        (Level::INFO, "a node is up", None),
        (Level::WARN, "a node is down", None),
    ] {
        assert!(own.contains(&event), "{event:?} is not among {own:?}");
    }
    let up = log.events.iter().filter(|told| told.message() == "a node is up");
    let mut up: Vec<_> = up.map(|told| told.fields["node"].as_str()).collect();
    up.sort_unstable();
    assert_eq!(up, ["one", "two"]);
    let inside = log.events.iter().filter(|told| told.message() == "in the handler");
    assert_eq!(inside.map(|told| told.span).collect::<Vec<_>>(), [first, first, first, Some(places[1])]);
}

fn told(numbers: &[Number]) {
    let value = |name: &str, label: Option<(&str, &str)>| -> f64 {
        let has = |number: &&Number| {
            number.name == format!("heartline_server_{name}")
                && label.is_none_or(|(label, value)| number.labels.get(label).is_some_and(|found| found == value))
        };
        let found: Vec<_> = numbers.iter().filter(has).collect();
        let [found] = found[..] else { panic!("{name} {label:?}: {found:?}") };
        found.values.iter().sum()
    };
    for (name, label, expected) in [
        ("admitted_total", None, 3.0),
        ("logins_total", None, 2.0),
        ("messages_total", Some(("outcome", "offline")), 1.0),
        ("closes_total", Some(("cause", "silent")), 0.0),
        ("errors_total", None, 1.0),
        ("panics_total", None, 1.0),
        ("connections", None, 0.0),
        ("users", None, 0.0),
        ("unwritten_bytes", None, 0.0),
        ("relays_total", Some(("outcome", "offline")), 1.0),
        ("moves_total", Some(("cause", "superseded")), 0.0),
        ("cluster_users", None, 0.0),
    ] {
        assert_eq!(value(name, label), expected, "{name}");
    }
    are_documented(numbers, concat!(env!("CARGO_MANIFEST_DIR"), "/src/telemetry.md"));
}
