//! What only the tokio driver can get wrong, over real sockets on loopback.

#[path = "../examples/shared/app.rs"]
mod app;
#[path = "../examples/tokio_client/driver.rs"]
mod driver;
#[path = "../examples/shared/losses.rs"]
mod losses;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline::{
    Action, Backoff, Cause, Config, Event, Input, Instant, Limits, Loss, MessageId, Outcome, Outgoing, Pulse, Refusal,
    Rhythm, Settings, State, Transport,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::{WebSocketStream, accept_async};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use app::{App, Running as _, Say};

/// How long anything is waited for before the world counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Passes on whatever it is told.
struct Teller {
    url: String,
    told: UnboundedSender<Action<Message>>,
}

impl App for Teller {
    fn url(&mut self, _attempt: u32) -> String {
        self.url.clone()
    }

    fn tell(&mut self, _now: Instant, action: Action<Message>, _answers: &mut Vec<Say>) {
        _ = self.told.send(action);
    }

    fn sent(&mut self, _outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        result.expect("the tests stay within the bounds");
    }
}

struct Client {
    says: UnboundedSender<Say>,
    told: UnboundedReceiver<Action<Message>>,
    task: JoinHandle<()>,
}

impl Client {
    /// A client that connects, to be watched.
    fn start(url: String, settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        let (tell, told) = unbounded_channel();
        let (says, heard) = unbounded_channel();
        let task = tokio::spawn(driver::run(config, 7, Teller { url, told: tell }, heard));
        let client = Self { says, told, task };
        client.say(Say::Input(Input::Connect));
        client
    }

    fn say(&self, say: Say) {
        self.says.send(say).expect("the driver runs");
    }

    fn send(&self, message: Message) {
        let size = message.len();
        self.say(Say::Send(Outgoing::once(message, size)));
    }

    /// The first thing told from now on that `pick` picks.
    async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(Action<Message>) -> Option<T>) -> T {
        let found = async {
            loop {
                let action = self.told.recv().await.expect("the driver runs");
                if let Some(found) = pick(action) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    async fn until_state(&mut self, state: State) -> Cause {
        self.until(&state.to_string(), |action| match action {
            Action::Event(Event::StateChanged { to, cause, .. }) if to == state => Some(cause),
            _ => None,
        })
        .await
    }

    async fn until_delivered(&mut self) -> Message {
        self.until("a message", |action| match action {
            Action::Deliver(message) => Some(message),
            _ => None,
        })
        .await
    }

    /// Says nothing more; waits for the end.
    async fn finish(self) {
        drop(self.says);
        timeout(PATIENCE, self.task).await.expect("the driver ends").expect("the driver does not panic");
    }
}

fn settings() -> Settings {
    Settings {
        backoff: Backoff::constant(MILLISECOND),
        min_dial_gap: MILLISECOND,
        close_timeout: PATIENCE,
        ..Settings::default()
    }
}

/// A server whose buffers are small, so that little fills a link that is not read.
async fn listen() -> (TcpListener, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("an option of sockets");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port on loopback");
    let listener = socket.listen(16).expect("the port is ours");
    let url = format!("ws://{}/session", listener.local_addr().expect("an address"));
    (listener, url)
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (tcp, _) = timeout(PATIENCE, listener.accept()).await.expect("a dial").expect("a connection");
    accept_async(tcp).await.expect("a handshake")
}

/// The next data message that reaches the server; `None` at the end of the connection.
async fn receive(server: &mut WebSocketStream<TcpStream>) -> Option<Message> {
    loop {
        match timeout(PATIENCE, server.next()).await.expect("the server waited in vain") {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return Some(message),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

/// [C7] [P5]
#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_survives_whatever_interrupts_the_reading() {
    let (listener, url) = listen().await;
    let mut client = Client::start(url, settings());
    let mut server = accept(&listener).await;
    for byte in b"\x81\x0bhello world" {
        server.get_mut().write_all(&[*byte]).await.expect("the client listens");
        client.send(Message::text("meanwhile"));
        assert_eq!(receive(&mut server).await, Some(Message::text("meanwhile")));
    }
    assert_eq!(client.until_delivered().await, Message::text("hello world"));
    drop(server);
    client.finish().await;
}

/// [Q4] [P5]
#[tokio::test]
async fn what_both_sides_send_at_the_same_time_arrives_whole_and_in_order() {
    const MESSAGES: usize = 20_000;
    let (listener, url) = listen().await;
    let limits = Limits { max_messages: 1 << 20, max_bytes: 1 << 30, ..Limits::default() };
    let mut client = Client::start(url, Settings { outbox: limits, ..settings() });
    let server = accept(&listener).await;
    let (mut sink, mut stream) = server.split();
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sink.feed(Message::text(number.to_string())).await.expect("the client reads");
        }
        sink.flush().await.expect("the client reads");
        sink
    });
    (0..MESSAGES).for_each(|number| client.send(Message::text(number.to_string())));
    let receiving = tokio::spawn(async move {
        for number in 0..MESSAGES {
            assert_eq!(stream.next().await.expect("more").expect("a frame"), Message::text(number.to_string()));
        }
        stream
    });
    for number in 0..MESSAGES {
        assert_eq!(client.until_delivered().await, Message::text(number.to_string()));
    }
    let sink = timeout(PATIENCE, sending).await.expect("the client reads").expect("no panic");
    let stream = timeout(PATIENCE, receiving).await.expect("the client writes").expect("no panic");
    drop((sink, stream));
    client.finish().await;
}

/// A peer that never reads, and an outbox that is larger than all buffers together: the heartbeat's verdict does not
/// wait for room, the codec's buffer has not taken more than a burst and a message, and what was not
/// confirmed goes to the next connection.
///
/// [H4] [P3] [Q5]
#[tokio::test]
async fn a_dead_link_is_found_though_every_buffer_is_full() {
    const MESSAGES: usize = 1000;
    const SIZE: usize = 64 * 1024;
    let (listener, url) = listen().await;
    let limits = Limits { max_messages: 2000, max_bytes: 1 << 30, ack_window: 1, ..Limits::default() };
    let rhythm = Rhythm::WhenIdle { interval: 300 * MILLISECOND, timeout: 300 * MILLISECOND };
    let heartbeat = Pulse { rhythm, slow_after: None, late_tolerance: PATIENCE };
    let mut client = Client::start(url, Settings { outbox: limits, heartbeat, ..settings() });
    let mut dead = accept(&listener).await;
    client.say(Say::Send(Outgoing::at_least_once(Message::text("at least once"), 13)));
    let payload = tungstenite::Bytes::from(vec![7; SIZE]);
    (0..MESSAGES).for_each(|_| client.send(Message::binary(payload.clone())));

    let mut committed = 0;
    let verdict = client.until("the verdict", |action| match action {
        Action::Outcome { outcome: Outcome::Committed, .. } => {
            committed += 1;
            None
        }
        Action::Event(Event::StateChanged { to: State::Waiting, cause, .. }) => Some(cause),
        _ => None,
    });
    assert_eq!(verdict.await, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(committed < MESSAGES / 2, "{committed} messages went into a link that takes nothing");

    let mut alive = accept(&listener).await;
    assert_eq!(receive(&mut alive).await, Some(Message::text("at least once")));
    // The link was not dead at all: it is read now, to see how much had left the codec.
    assert_eq!(receive(&mut dead).await, Some(Message::text("at least once")));
    let mut left = 0;
    while receive(&mut dead).await.is_some() {
        left += 1;
    }
    assert!(committed - left <= 2, "{committed} committed, {left} left");
    drop(alive);
    client.task.abort();
}

/// [C6] [R4]
#[tokio::test]
async fn a_close_frame_that_says_why_is_heard_though_writing_fails() {
    let (listener, url) = listen().await;
    let limits = Limits { max_bytes: 1 << 30, ..Limits::default() };
    let rhythm = Rhythm::WhenIdle { interval: 200 * MILLISECOND, timeout: PATIENCE };
    let heartbeat = Pulse { rhythm, slow_after: Some(200 * MILLISECOND), late_tolerance: PATIENCE };
    let mut client = Client::start(url, Settings { outbox: limits, heartbeat, ..settings() });
    let mut server = accept(&listener).await;
    let payload = tungstenite::Bytes::from(vec![7; 64 * 1024]);
    (0..1000).for_each(|_| client.send(Message::binary(payload.clone())));
    // By now it is stuck: nobody reads.
    client.until("a slow ping", |action| matches!(action, Action::Event(Event::Degraded)).then_some(())).await;
    let frame = CloseFrame { code: 1008.into(), reason: "".into() };
    server.send(Message::Close(Some(frame))).await.expect("the client is there");
    drop(server); // With so much unread, this is a reset.
    assert_eq!(client.until_state(State::Idle).await, Cause::Stopped(Loss::Close(1008)));
    client.finish().await;
}

/// [C4]
#[tokio::test]
async fn an_aborted_dial_leaves_nothing_behind() {
    let (listener, url) = listen().await;
    let mut client = Client::start(url, Settings { connect_timeout: 50 * MILLISECOND, ..settings() });
    let (mut mute, _) = timeout(PATIENCE, listener.accept()).await.expect("a dial").expect("a connection");
    assert_eq!(client.until_state(State::Waiting).await, Cause::Lost(Loss::ConnectTimeout));
    let mut request = Vec::new();
    timeout(PATIENCE, mute.read_to_end(&mut request)).await.expect("the dial is dropped").expect("and not reset");
    assert!(request.ends_with(b"\r\n\r\n"));
    client.finish().await;
}

/// [X1] [C6]
#[tokio::test]
async fn dropping_the_last_sender_drains_and_closes() {
    let (listener, url) = listen().await;
    let client = Client::start(url, settings());
    let mut server = accept(&listener).await;
    client.send(Message::text("last words"));
    let mut told = {
        let Client { says, told, task } = client;
        drop(says);
        tokio::spawn(async move { task.await.expect("the driver does not panic") });
        told
    };
    assert_eq!(receive(&mut server).await, Some(Message::text("last words")));
    assert_eq!(receive(&mut server).await, None);
    let mut causes = Vec::new();
    while let Some(action) = timeout(PATIENCE, told.recv()).await.expect("the driver ends") {
        causes.extend(match action {
            Action::Event(Event::StateChanged { cause, .. }) => Some(cause),
            _ => None,
        });
    }
    assert_eq!(causes[2..], [Cause::Drained, Cause::Lost(Loss::Close(1000))]);
}

/// [R4]
#[tokio::test]
async fn a_name_that_is_not_resolved_is_a_loss_of_its_own() {
    // A label of more than 63 octets is in no name, and no server is asked for it (RFC 1035 §2.3.4).
    let mut client = Client::start(format!("ws://{}.invalid/", "a".repeat(64)), settings());
    assert_eq!(client.until_state(State::Waiting).await, Cause::Lost(Loss::Transport(Transport::Resolve)));
    client.finish().await;
}

/// Passes on what it is told, and takes its time over `Degraded`.
struct Dreamer {
    teller: Teller,
    wake: std::sync::mpsc::Receiver<()>,
}

impl App for Dreamer {
    fn url(&mut self, attempt: u32) -> String {
        self.teller.url(attempt)
    }

    fn tell(&mut self, now: Instant, action: Action<Message>, answers: &mut Vec<Say>) {
        let dream = matches!(action, Action::Event(Event::Degraded));
        self.teller.tell(now, action, answers);
        if dream {
            self.wake.recv_timeout(PATIENCE).expect("somebody wakes it");
        }
    }

    fn sent(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        self.teller.sent(outgoing, result);
    }
}

/// The pong comes in time, but the application is busy until its deadline is over.
///
/// [P5] [H8]
#[tokio::test]
async fn a_pong_that_waits_for_a_busy_application_is_heard_before_the_verdict() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    let (listener, url) = listen().await;
    let rhythm = Rhythm::WhenIdle { interval: 50 * MILLISECOND, timeout: TIMEOUT };
    let heartbeat = Pulse { rhythm, slow_after: Some(50 * MILLISECOND), late_tolerance: PATIENCE };
    let config = Config::new(Settings { heartbeat, ..settings() }).expect("a valid config");
    let (told, mut events) = unbounded_channel();
    let (rouse, wake) = std::sync::mpsc::channel();
    let client = driver::spawn(config, 7, Dreamer { teller: Teller { url, told }, wake }).expect("a thread");
    client.say(Say::Input(Input::Connect));
    let mut server = accept(&listener).await;
    while events.recv().await.expect("the driver runs") != Action::Event(Event::Degraded) {}
    assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
    server.flush().await.expect("the pong goes out");
    tokio::time::sleep(TIMEOUT).await; // Lateness is what this is about.
    client.say(Say::Input(Input::Connect)); // Does nothing, but is the first to be heard.
    rouse.send(()).expect("it still dreams");
    assert_eq!(events.recv().await, Some(Action::Event(Event::Recovered)));
    drop((server, rouse));
    client.say(Say::Input(Input::close_within(Duration::ZERO)));
    Box::new(client).join();
}
