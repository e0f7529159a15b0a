//! The Node servers (002) on one port: that of the package `websocket`, that with an array of its connections, and that
//! of the package `ws`.
//!
//! Nobody logs in there. A hub delivers to users, so the hook that authenticates makes each connection a guest of its
//! own, by a number; the guests online are the document's array of connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use heartline_axum::heartline::CloseCode;
use heartline_axum::heartline::hub::{Admission, Settings};
use heartline_axum::tungstenite::protocol::CloseFrame;
use heartline_axum::tungstenite::{Bytes, Message};
use heartline_axum::{
    Access, Audience, Builder, Codec, CodecError, Deny, FrameLimits, Handshake, Never, Origins, Received, Server,
};
use heartline_tokio::{Client, Incoming};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::site::{Log, Raw, listen, refused, soon};

const ORIGIN: &str = "http://127.0.0.1:8000";
const PROTOCOL: &str = "echo-protocol";
/// What the document sends besides the bytes: "data sent".
const SENT: &str = "发送数据";
/// The most that is sent as one message here.
const MOST: usize = 1000;

/// Texts and bytes as they are.
struct Frames;

impl Codec for Frames {
    type User = u64;
    type Login = Never;
    type In = Message;
    type Out = Message;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        Ok(Received::Message(frame))
    }

    fn encode(&self, message: &Message) -> Message {
        message.clone()
    }
}

/// `accept('echo-protocol')`, which throws for a client that did not offer it.
fn accept(request: &Handshake) -> Result<(), Deny> {
    let offered = request.header("Sec-WebSocket-Protocol").unwrap_or_default();
    let accepted = offered.split(',').any(|name| name.trim() == PROTOCOL);
    accepted.then_some(()).ok_or(Deny::forbidden("only echo-protocol is spoken here"))
}

/// A server for guests from anywhere.
fn guests(settings: Settings, accept: fn(&Handshake) -> Result<(), Deny>) -> Builder<Frames> {
    let last = AtomicU64::new(0);
    let builder = Server::builder(Frames, settings).origins(Origins::any());
    builder.authenticate(move |request| {
        let guest = accept(&request).map(|()| Access::user(1 + last.fetch_add(1, Ordering::Relaxed)));
        async { guest }
    })
}

/// The first server: origin, sub-protocol, `sendBytes` and `send` for each message, and handlers of ends and errors.
fn echo(log: &Log) -> Server<Frames> {
    let admission = Admission { protocols: vec![PROTOCOL.into()], ..Admission::default() };
    let most = 2 * MOST;
    let limits = FrameLimits { max_inbound_message: most, max_outbound_message: MOST, ..FrameLimits::default() };
    let (ends, errors) = (log.clone(), log.clone());
    guests(Settings { admission, ..Settings::default() }, accept)
        .origins(Origins::list([ORIGIN]).expect("an origin").required())
        .limits(limits)
        .on_message(|cx, message| async move {
            cx.reply(&Message::Binary(message.into_data()))?;
            cx.reply(&Message::text(SENT))?;
            Ok(())
        })
        .on_close(move |_, closed| {
            ends.write(format!("closed with {}, {:?}, clean: {}", closed.code, closed.reason, closed.clean));
            async {}
        })
        .on_error(move |_, error| errors.write(format!("error: {error}")))
        .build()
        .expect("a server")
}

/// The second: what one says, each of the connections gets, its own included.
fn to_all(log: &Log) -> Server<Frames> {
    let log = log.clone();
    guests(Settings::default(), |_| Ok(()))
        .on_open(move |cx| {
            log.write(format!("guest {}", cx.user().map(|guest| guest.to_string()).unwrap_or_default()));
            async { Ok(()) }
        })
        .on_message(|cx, message| async move {
            cx.server().broadcast(Audience::All, &message)?;
            Ok(())
        })
        .build()
        .expect("a server")
}

/// The third, of the package `ws`: `something` for each connection, and what it says is received.
fn greeting(log: &Log) -> Server<Frames> {
    let log = log.clone();
    guests(Settings::default(), |_| Ok(()))
        .on_open(|cx| async move { Ok(cx.reply(&Message::text("something"))?) })
        .on_message(move |_, message| {
            log.write(format!("received: {}", message.to_text().unwrap_or("bytes")));
            async { Ok(()) }
        })
        .build()
        .expect("a server")
}

/// Upgrades are the WebSocket server's, and everything else is the HTTP server's, by the same path.
async fn either(State(websocket): State<MethodRouter>, request: Request) -> Response {
    if request.headers().contains_key("Upgrade") {
        return websocket.oneshot(request).await.into_response();
    }
    format!("{} by HTTP", request.uri().path()).into_response()
}

struct Node {
    address: SocketAddr,
    all: Server<Frames>,
    log: Log,
}

impl Node {
    async fn start() -> Self {
        let log = Log::default();
        let all = to_all(&log);
        let app = Router::new()
            .route("/", get(either).with_state(echo(&log).route()))
            .route("/all", all.route())
            .route("/ws", greeting(&log).route());
        Self { address: listen(app).await, all, log }
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// A page from the origin that is allowed, on the first server.
    async fn raw(&self) -> Raw {
        Raw::dial(&self.url("/"), &[("Origin", ORIGIN), ("Sec-WebSocket-Protocol", PROTOCOL)]).await
    }

    /// The same on a session.
    fn page(&self) -> (Client, Incoming) {
        let builder = Client::builder(self.url("/")).request(|dial| async move {
            Ok(dial.request()?.header("Origin", ORIGIN)?.protocol("soap").protocol(PROTOCOL))
        });
        builder.spawn().expect("valid")
    }

    /// A page on one of the other servers, which ask for nothing.
    fn guest(&self, path: &str) -> (Client, Incoming) {
        Client::builder(self.url(path)).spawn().expect("valid")
    }
}

async fn next(incoming: &mut Incoming) -> Message {
    soon("a message", incoming.next_message()).await.expect("a message")
}

#[tokio::test]
async fn a_request_from_elsewhere_or_without_the_sub_protocol_is_rejected() {
    let node = Node::start().await;
    let dial = async |headers: &[(&'static str, &str)]| refused(Raw::try_dial(&node.url("/"), headers).await);
    let offered = ("Sec-WebSocket-Protocol", PROTOCOL);
    let elsewhere = dial(&[("Origin", "http://elsewhere.example"), offered]).await;
    assert_eq!(elsewhere, (403, "this origin is not allowed".into()));
    assert_eq!(dial(&[offered]).await, (403, "the Origin header is missing".into()));
    for headers in [&[("Origin", ORIGIN)][..], &[("Origin", ORIGIN), ("Sec-WebSocket-Protocol", "soap")]] {
        assert_eq!(dial(headers).await, (403, "only echo-protocol is spoken here".into()));
    }
    assert_eq!(node.raw().await.response.headers()["Sec-WebSocket-Protocol"], PROTOCOL);
}

#[tokio::test]
async fn http_is_answered_on_the_same_port_and_path() {
    let node = Node::start().await;
    let mut page = node.raw().await;
    let mut tcp = TcpStream::connect(node.address).await.expect("it listens");
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", node.address);
    tcp.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    soon("an answer", tcp.read_to_string(&mut answer)).await.expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("/ by HTTP"), "{answer}");
    page.send("still there?").await;
    assert_eq!(page.frame().await, Message::binary("still there?"));
}

#[tokio::test]
async fn a_message_is_answered_by_its_bytes_and_a_text_whether_it_is_text_or_binary() {
    let node = Node::start().await;
    let (client, mut incoming) = node.page();
    for message in [Message::text("你好"), Message::binary(vec![0xff, 0, 0xfe]), Message::text("")] {
        client.send(message.clone()).await.expect("accepted");
        assert_eq!(next(&mut incoming).await, Message::Binary(message.into_data()));
        assert_eq!(next(&mut incoming).await, Message::text(SENT));
    }
    let response = client.status().borrow().response.clone().expect("a handshake");
    assert_eq!(response.protocol(), Some(PROTOCOL));
}

#[tokio::test]
async fn the_close_handler_sees_code_and_description() {
    let node = Node::start().await;
    let (client, mut incoming) = node.page();
    client.send(Message::text("hello")).await.expect("accepted");
    next(&mut incoming).await;
    let code = CloseCode::new(4001).expect("a code");
    client.close_with(code, "shown on another screen", Duration::from_secs(5)).await;
    node.log.wait("closed with 4001, \"shown on another screen\", clean: true").await;

    node.raw().await.close(None).await;
    node.log.wait("closed with 1005, \"\", clean: true").await;

    drop(node.raw().await);
    node.log.wait("closed with 1006, ").await;

    node.raw().await.close(Some(CloseFrame { code: 1001.into(), reason: "gone".into() })).await;
    node.log.wait("closed with 1001, \"gone\", clean: true").await;
    assert_eq!(node.log.lines("closed").len(), 4, "each once");
}

#[tokio::test]
async fn errors_of_handlers_and_of_the_protocol_are_seen_and_only_the_latter_end_a_connection() {
    let node = Node::start().await;
    let mut page = node.raw().await;
    page.send(Message::binary(vec![0; MOST + 1])).await;
    node.log.wait("error: the message cannot be sent as a frame").await;
    page.send("and now?").await;
    assert_eq!(page.frame().await, Message::binary("and now?"));
    assert_eq!(page.text().await, SENT);
    // A bit that is reserved.
    page.bytes(&[0xc1, 0x80, 0, 0, 0, 0]).await;
    assert_eq!(page.closed().await.0, 1002);
    node.log.wait("closed with 1002, ").await;
    // A text that is none.
    let mut page = node.raw().await;
    page.bytes(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await;
    assert_eq!(page.closed().await.0, 1007);
    node.log.wait("closed with 1007, ").await;
    assert_eq!(node.log.lines("error").len(), 1);
}

#[tokio::test]
async fn what_one_says_reaches_all_connections_text_as_text_and_bytes_as_bytes() {
    let node = Node::start().await;
    let pages = [(); 3].map(|()| node.guest("/all"));
    for guest in 1..=3 {
        node.log.wait(&format!("guest {guest}")).await;
    }
    let [(ann, mut to_ann), (bob, mut to_bob), (carl, mut to_carl)] = pages;
    for (speaker, message) in [(&ann, Message::text("xxx")), (&carl, Message::Binary(Bytes::from_static(&[0xff, 0])))] {
        speaker.send(message.clone()).await.expect("accepted");
        for incoming in [&mut to_ann, &mut to_bob, &mut to_carl] {
            assert_eq!(next(incoming).await, message);
        }
    }
    assert_eq!(node.all.stats().online, 3);
    bob.close(Duration::from_secs(5)).await;
    ann.send(Message::text("without bob")).await.expect("accepted");
    assert_eq!(next(&mut to_carl).await, Message::text("without bob"));
}

#[tokio::test]
async fn every_connection_is_greeted_with_something_and_its_messages_are_received() {
    let node = Node::start().await;
    let (client, mut incoming) = node.guest("/ws");
    assert_eq!(next(&mut incoming).await, Message::text("something"));
    client.send(Message::text("hello")).await.expect("accepted");
    node.log.wait("received: hello").await;
    client.send(Message::binary(vec![0xff])).await.expect("accepted");
    node.log.wait("received: bytes").await;
    client.reconnect();
    assert_eq!(next(&mut incoming).await, Message::text("something"), "on the new connection too");
}
