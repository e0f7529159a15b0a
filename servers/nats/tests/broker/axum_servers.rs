//! Servers on heartline-axum that are nodes of one cluster, and their clients.

use std::sync::Arc;

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use heartline::directory;
use heartline::hub::Settings;
use heartline_axum::tungstenite::client::IntoClientRequest;
use heartline_axum::tungstenite::protocol::CloseFrame;
use heartline_axum::tungstenite::{Error, Message};
use heartline_axum::{Access, Codec, CodecError, Deny, Handshake, Never, Received, Server};
use heartline_driver_testing::PATIENCE;
use heartline_driver_testing::process;
use heartline_nats::Nats;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::kit::{broker, connected, node, until, within};
use heartline_driver_testing::nats::Brokers;

/// Lines such as `bob hello`; bob gets `ann: hello`.
struct Chat;

impl Codec for Chat {
    type User = String;
    type Login = Never;
    type In = (String, String);
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let Message::Text(line) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        let (to, text) = line.split_once(' ').ok_or(CodecError::unsupported("to whom?"))?;
        Ok(Received::Message((to.into(), text.into())))
    }

    fn encode(&self, line: &String) -> Message {
        Message::text(line)
    }
}

/// A node: a server, its connection to the broker, and its address.
struct ChatNode {
    server: Server<Chat>,
    nats: Arc<Nats>,
    url: String,
}

impl ChatNode {
    async fn start(name: &str, broker: &process::Server) -> Self {
        let nats = Arc::new(connected(name, broker).await);
        let settings = directory::Settings { relay_timeout: PATIENCE / 4, ..directory::Settings::default() };
        let server = Server::builder(Chat, Settings::default())
            .authenticate(|request: Handshake| async move {
                let user = request.bearer().ok_or(Deny::unauthorized("who?"))?;
                Ok(Access::user(user.to_owned()))
            })
            .on_message(|cx, (to, text)| async move {
                let from = cx.user().cloned().unwrap_or_default();
                let told = match cx.relay(&to, &format!("{from}: {text}")).await {
                    Ok(()) => format!("{to} has {text}"),
                    Err(error) => format!("{to} has not {text}: {error}"),
                };
                Ok(cx.reply(&told)?)
            })
            .cluster(node(name), nats.clone(), settings)
            .build()
            .expect("a server");
        let app = Router::new().route("/ws", server.route());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/ws", listener.local_addr().expect("an address"));
        tokio::spawn(async move { heartline_axum::serve(listener, app).await });
        Self { server, nats, url }
    }

    async fn enter(&self, user: &str) -> Client {
        let mut request = self.url.as_str().into_client_request().expect("a request");
        request.headers_mut().insert("Authorization", format!("Bearer {user}").parse().expect("a header"));
        Client(within(connect_async(request)).await.expect("the handshake").0)
    }

    fn knows(&self, users: &[&str]) -> bool {
        let (online, _) = self.server.online(100);
        online.len() == users.len() && users.iter().all(|user| online.iter().any(|one| one == user))
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, line: &str) {
        within(self.0.send(Message::text(line))).await.expect("sent");
    }

    /// The next line; or the close frame.
    async fn hear(&mut self) -> Result<String, Option<CloseFrame>> {
        loop {
            match within(self.0.next()).await.expect("a frame") {
                Ok(Message::Text(line)) => return Ok(line.to_string()),
                Ok(Message::Close(frame)) => return Err(frame),
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return Err(None),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn hears(&mut self, line: &str) {
        assert_eq!(self.hear().await.expect("a line"), line);
    }

    async fn is_closed_with(&mut self, code: u16) {
        let frame = self.hear().await.expect_err("an end").expect("a code");
        assert_eq!(u16::from(frame.code), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_two_servers_on_two_brokers_talk_and_move() {
    let Some(brokers) = Brokers::start() else { return };
    let (a, b) = (ChatNode::start("a", &brokers.a).await, ChatNode::start("b", &brokers.b).await);
    let (mut ann, mut bob) = (a.enter("ann").await, b.enter("bob").await);
    until(|| a.knows(&["ann", "bob"]) && b.knows(&["ann", "bob"])).await;
    ann.say("bob hello").await;
    bob.hears("ann: hello").await;
    ann.hears("bob has hello").await;
    bob.say("carol hello").await;
    assert!(bob.hear().await.expect("a line").starts_with("carol has not hello: "));

    let mut moved = b.enter("ann").await;
    ann.is_closed_with(4409).await;
    bob.say("ann welcome").await;
    moved.hears("bob: welcome").await;
    bob.hears("ann has welcome").await;
}

/// Nobody's connection ends, and the same clients go on afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn clients_outlive_the_broker() {
    let Some(mut broker) = broker("") else { return };
    let (a, b) = (ChatNode::start("a", &broker).await, ChatNode::start("b", &broker).await);
    let (mut ann, mut bob) = (a.enter("ann").await, b.enter("bob").await);
    until(|| a.knows(&["ann", "bob"]) && b.knows(&["ann", "bob"])).await;
    broker.kill();
    until(|| a.knows(&["ann"]) && b.knows(&["bob"])).await;
    ann.say("bob where").await;
    assert!(ann.hear().await.expect("a line").starts_with("bob has not where: "));
    broker.start_again();
    until(|| a.knows(&["ann", "bob"]) && b.knows(&["ann", "bob"])).await;
    bob.say("ann here").await;
    ann.hears("bob: here").await;
    bob.hears("ann has here").await;
    assert_eq!((a.nats.stats().interruptions, b.nats.stats().interruptions), (1, 1));
}
