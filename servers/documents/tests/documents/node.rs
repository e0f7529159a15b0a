//! The Node servers (002) on one port.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use heartline_axum::heartline::CloseCode;
use heartline_axum::tungstenite::protocol::CloseFrame;
use heartline_axum::tungstenite::{Bytes, Message};
use heartline_axum::{Origins, Server};
use heartline_documents::guests::Frames;
use heartline_documents::log::Log;
use heartline_documents::node::{MOST, PROTOCOL, SENT, echo, greeting, to_all};
use heartline_documents::site::either;
use heartline_tokio::{Client, Incoming};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::{Patient as _, Raw, listen, refused, soon};

const ORIGIN: &str = "http://127.0.0.1:8000";

struct Node {
    address: SocketAddr,
    all: Server<Frames>,
    log: Log,
}

impl Node {
    async fn start() -> Self {
        let log = Log::default();
        let all = to_all(&log);
        let origin = Origins::list([ORIGIN]).expect("an origin").required();
        let app = Router::new()
            .route("/", get(either).with_state(echo(&log, origin).route()))
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
    node.log.wait("closed 1 with 4001, \"shown on another screen\", clean: true").await;

    node.raw().await.close(None).await;
    node.log.wait("closed 2 with 1005, \"\", clean: true").await;

    drop(node.raw().await);
    node.log.wait("closed 3 with 1006, ").await;

    node.raw().await.close(Some(CloseFrame { code: 1001.into(), reason: "gone".into() })).await;
    node.log.wait("closed 4 with 1001, \"gone\", clean: true").await;
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
    node.log.wait("closed 1 with 1002, ").await;
    // A text that is none.
    let mut page = node.raw().await;
    page.bytes(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await;
    assert_eq!(page.closed().await.0, 1007);
    node.log.wait("closed 2 with 1007, ").await;
    assert_eq!(node.log.lines("error").len(), 1);
}

#[tokio::test]
async fn what_one_says_reaches_all_connections_text_as_text_and_bytes_as_bytes() {
    let node = Node::start().await;
    let pages = [(); 3].map(|()| node.guest("/all"));
    for guest in 1..=3 {
        node.log.wait(&format!("opened {guest}")).await;
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
    node.log.wait("received 1: hello").await;
    client.send(Message::binary(vec![0xff])).await.expect("accepted");
    node.log.wait("received 1: bytes").await;
    client.reconnect();
    assert_eq!(next(&mut incoming).await, Message::text("something"), "on the new connection too");
}
