//! Server-sent events (002) by axum's means, and a session that listens to them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use heartline::backoff::Backoff;
use heartline::event::Cause;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::retry::{Pattern, RetryPolicy, Verdict};
use heartline::{Action, Config, ConnId, Input, Loss, Session, Settings, State, Timestamp};
use heartline_driver_testing::PATIENCE;
use heartline_protocols::event_stream::{Event, Reader, is_event_stream};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::site::listen;

const LAST_ID: &str = "Last-Event-ID";
/// Of the application: the response is no event stream.
const WRONG_TYPE: u16 = 415;

/// A client of one stream.
struct Listener {
    session: Session<Event>,
    origin: Instant,
    address: SocketAddr,
    path: &'static str,
    reader: Reader,
    body: Option<Incoming>,
    heard: Vec<Event>,
    /// From each loss to the dial that follows.
    delays: Vec<Duration>,
}

impl Listener {
    fn new(address: SocketAddr, path: &'static str, silence: Duration) -> Self {
        let heartbeat = HeartbeatMode::Listen { timeout: silence };
        let settings = Settings {
            heartbeat: HeartbeatConfig { mode: heartbeat, slow_after: None, ..HeartbeatConfig::default() },
            backoff: Backoff::constant(Duration::from_millis(1)),
            min_dial_gap: Duration::from_millis(1),
            retry: RetryPolicy::default()
                .with(Pattern::Status(204, 204), Verdict::Stop)
                .with(Pattern::Application(WRONG_TYPE, WRONG_TYPE), Verdict::Stop),
            ..Settings::default()
        };
        let session = Session::new(Config::new(settings).expect("a valid config"), 7);
        let (reader, origin) = (Reader::new(10_000), Instant::now());
        Self { session, origin, address, path, reader, body: None, heard: Vec::new(), delays: Vec::new() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::after(self.origin.elapsed())
    }

    /// Listens until the session dials no more.
    async fn run(mut self) -> Self {
        self.handle(Input::Connect).await;
        while !matches!(self.session.state(), State::Idle | State::Closed) {
            let input = timeout(PATIENCE, self.next()).await.expect("the streams come to an end");
            self.handle(input).await;
        }
        self
    }

    async fn handle(&mut self, input: Input<Event>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = self.now();
            for action in self.session.handle(now, input).collect::<Vec<_>>() {
                match action {
                    Action::Deliver(event) => self.heard.push(event),
                    Action::Connect { conn, .. } => inputs.push(match self.dial().await {
                        Ok(()) => Input::Opened { conn },
                        Err(loss) => Input::closed(conn, loss),
                    }),
                    Action::Abort { .. } | Action::Close { .. } => self.body = None,
                    Action::ScheduleReconnect { at, .. } => self.delays.push(at.saturating_since(now)),
                    Action::Ping { .. } => unreachable!("a listener does not ping"),
                    Action::Event(_) | Action::Outcome { .. } => {}
                }
            }
        }
    }

    async fn dial(&mut self) -> Result<(), Loss> {
        const FAILED: Loss = Loss::Transport(TransportError::Io);
        self.reader.start();
        let tcp = TcpStream::connect(self.address).await.map_err(|_| FAILED)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(|_| FAILED)?;
        tokio::spawn(connection);
        let mut request = hyper::Request::get(self.path).header(header::HOST, self.address.to_string());
        if !self.reader.last_event_id().is_empty() {
            request = request.header(LAST_ID, self.reader.last_event_id());
        }
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let response = sender.send_request(request).await.map_err(|_| FAILED)?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        match response.status() {
            StatusCode::OK if kind.is_some_and(is_event_stream) => self.body = Some(response.into_body()),
            StatusCode::OK => return Err(Loss::Application(WRONG_TYPE)),
            status => return Err(Loss::Status(status.as_u16())),
        }
        Ok(())
    }

    /// What happens next: bytes, the end of the stream, or the deadline.
    async fn next(&mut self) -> Input<Event> {
        let due = self.session.deadline().map(|due| self.origin + due.since_origin());
        let timer = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let (Some(conn), Some(body)) = (self.session.conn(), &mut self.body) else {
            timer.await;
            return Input::Timer;
        };
        tokio::select! {
            () = timer => Input::Timer,
            frame = body.frame() => {
                let bytes = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
                self.read(conn, bytes).await
            }
        }
    }

    async fn read(&mut self, conn: ConnId, bytes: Option<Bytes>) -> Input<Event> {
        let events = bytes.map(|bytes| self.reader.read(&bytes));
        let Some(Ok(mut events)) = events else {
            self.body = None;
            let loss = Loss::Transport(TransportError::Io);
            return Input::Closed { conn, loss, retry_after: Some(self.reader.retry()) };
        };
        let last = events.pop();
        for message in events {
            self.handle(Input::Message { conn, message }).await;
        }
        last.map_or(Input::Alive { conn }, |message| Input::Message { conn, message })
    }
}

fn event(kind: &str, data: &str, id: &str) -> Event {
    Event { kind: kind.into(), data: data.into(), last_event_id: id.into() }
}

/// Three answers: one that ends within an event, one that falls silent, and nothing more to come.
async fn points(headers: HeaderMap) -> Response {
    match headers.get(LAST_ID).map(|id| id.as_bytes()) {
        None => {
            let chunks = [
                "retry: 50\r\nid: 1\ndata: o",
                "ne\n\n",
                ": alive\n\nid: 2\nevent: point\ndata: 2\ndata",
                ": two\r\n\r\nid: 3\ndata: lost",
            ];
            let body = stream::iter(chunks.map(Ok::<_, Infallible>));
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
        }
        Some(b"2") => {
            let first = [Sent::default().id("3").event("point").data("three")];
            let events = stream::iter(first.map(Ok::<_, Infallible>)).chain(stream::pending());
            Sse::new(events).into_response()
        }
        Some(b"3") => StatusCode::NO_CONTENT.into_response(),
        Some(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// [H5] [R4] [C7]
#[tokio::test]
async fn a_stream_is_taken_up_where_it_ended_until_it_has_nothing_more_to_send() {
    let address = listen(Router::new().route("/events", get(points))).await;
    let listener = Listener::new(address, "/events", Duration::from_millis(300)).run().await;
    let expected = [event("message", "one", "1"), event("point", "2\ntwo", "2"), event("point", "three", "3")];
    assert_eq!(listener.heard, expected);
    assert_eq!(listener.session.cause(), Cause::Stopped(Loss::Status(204)));
    assert_eq!(listener.session.stats().lost_to_heartbeat, 1, "the silent one");
    assert_eq!(listener.delays[0], Duration::from_millis(51), "the stream's wish, and the least backoff");
}

/// One event after a long while, with comments meanwhile; then nothing more.
async fn quiet(headers: HeaderMap) -> Response {
    if headers.contains_key(LAST_ID) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let late = stream::once(async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        Ok::<_, Infallible>(Sent::default().id("3").retry(Duration::from_millis(20)).data("late"))
    });
    Sse::new(late).keep_alive(KeepAlive::new().interval(Duration::from_millis(50))).into_response()
}

/// [H5]
#[tokio::test]
async fn axums_comments_keep_a_stream_without_events_alive() {
    let address = listen(Router::new().route("/events", get(quiet))).await;
    let listener = Listener::new(address, "/events", Duration::from_millis(600)).run().await;
    assert_eq!(listener.heard, [event("message", "late", "3")]);
    assert_eq!(listener.session.stats().lost_to_heartbeat, 0);
}

/// [R5]
#[tokio::test]
async fn a_page_that_is_no_event_stream_is_not_asked_again() {
    let address = listen(Router::new().route("/events", get(|| async { "data: not what it looks like\n\n" }))).await;
    let listener = Listener::new(address, "/events", Duration::from_secs(5)).run().await;
    assert_eq!(listener.session.cause(), Cause::Stopped(Loss::Application(WRONG_TYPE)));
    assert_eq!((listener.heard, listener.delays), (vec![], vec![]));
}
