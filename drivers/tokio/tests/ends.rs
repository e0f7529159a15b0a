//! What an application learns of ends: events, status, errors, and who may still send.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::heartline::event::Cause;
use heartline_tokio::heartline::heartbeat::HeartbeatMode;
use heartline_tokio::heartline::loss::TransportError;
use heartline_tokio::heartline::outbox::OutboxConfig;
use heartline_tokio::heartline::{Loss, State};
use heartline_tokio::{Client, EndReason, Event, Incoming, Message, Outgoing, Received, Refusal};
use support::{Network, Plain, SECOND, client, close, heard, until};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn one_message() -> OutboxConfig {
    OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() }
}

async fn end(client: &Client<Message>) -> Arc<heartline_tokio::End> {
    tokio::time::timeout(1000 * SECOND, client.closed()).await.expect("an end")
}

// ---- a consumer that reads nothing ---------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_costs_its_connection_and_not_the_client() {
    let (builder, mut network) = client(65_536);
    let builder = builder.configure(|options| options.incoming_messages = 1);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&[0x81, 1, b'x'].repeat(5)).await.expect("room");
    let Some(Ok(Message::Close(Some(frame)))) = peer.next().await else { panic!("a close frame") };
    assert_eq!(u16::from(frame.code), 1008);
    until(&client, State::Waiting).await;
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!(client.status().borrow().cause, Cause::Lost(ended.loss));
    assert!(ended.error.as_ref().expect("a name").to_string().contains("nothing was received for 30s (max_stall)"));
    let mut peer = network.accept().await;
    assert!(incoming.next_message().await.is_some());
    assert!(incoming.next_message().await.is_some());
    support::say(&mut peer, "again").await;
    assert_eq!(support::next_text(&mut incoming).await.as_deref(), Some("again"));
}

// ---- the retry policy ----------------------------------------------------------------------

async fn last_event(incoming: &mut Incoming<Message>) -> Option<Event> {
    let mut last = None;
    while let Some(received) = incoming.next().await {
        if let Received::Event(event) = received {
            last = Some(event);
        }
    }
    last
}

#[tokio::test(start_paused = true)]
async fn the_last_event_and_the_status_say_why_the_policy_stopped() {
    let loss = Loss::Close(4403);
    for (code, retries, cause) in
        [(4403, None, Cause::Stopped(loss)), (1012, Some(0), Cause::Exhausted(Loss::Close(1012)))]
    {
        let (builder, mut network) = client(4096);
        let builder = builder.configure(|options| options.session.max_retries = retries);
        let (client, mut incoming) = builder.spawn().expect("valid");
        let mut peer = network.accept().await;
        until(&client, State::Open).await;
        peer.send(close(code)).await.expect("a client that reads");
        let Some(Event::StateChanged { to, cause: last, .. }) = last_event(&mut incoming).await else {
            panic!("an event")
        };
        assert_eq!((to, last), (State::Closed, cause));
        assert_eq!(end(&client).await.reason, EndReason::Stopped(cause));
        assert_eq!((client.status().borrow().state, client.status().borrow().cause), (State::Closed, cause));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_never_be_sent_stops_although_the_hook_uses_the_question_mark() {
    let (builder, _network) = client(4096);
    let builder = builder.request(|dial| async move { Ok(dial.request()?.header("no header", "x")?) });
    let (client, _incoming) = builder.spawn().expect("valid");
    let loss = Loss::Transport(TransportError::Address);
    assert_eq!(end(&client).await.reason, EndReason::Stopped(Cause::Stopped(loss)));
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!(ended.error.as_ref().expect("an error").to_string(), "the header \"no header\" is invalid");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_never_be_sent_stops_although_the_applications_own_error_wraps_it() {
    #[derive(Debug, thiserror::Error)]
    #[error("no request")]
    struct Mine(#[source] heartline_tokio::RequestError);

    let (builder, _network) = client(4096);
    let builder = builder.request(|dial| async move { Ok(dial.request()?.header("no header", "x").map_err(Mine)?) });
    let (client, _incoming) = builder.spawn().expect("valid");
    let loss = Loss::Transport(TransportError::Address);
    assert_eq!(end(&client).await.reason, EndReason::Stopped(Cause::Stopped(loss)));
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!(ended.error.as_ref().expect("an error").to_string(), "a hook failed: no request");
}

// ---- the session's own timeouts ------------------------------------------------------------

/// A client whose dials say how the one before ended.
fn reporting(builder: Plain) -> (Plain, UnboundedReceiver<Option<Loss>>) {
    let (losses, reported) = unbounded_channel();
    let builder = builder.request(move |dial| {
        _ = losses.send(dial.last_ended().map(|ended| ended.loss));
        async move { dial.request() }
    });
    (builder, reported)
}

async fn ends_with(builder: Plain, mut network: Network, loss: Loss) {
    let (builder, mut reported) = reporting(builder);
    let (client, _incoming) = builder.spawn().expect("valid");
    assert_eq!(reported.recv().await, Some(None));
    let _receipt = client.send(Outgoing::at_least_once("x")).await.expect("accepted");
    let stream = network.raw().await;
    let peer = async {
        if loss == Loss::ConnectTimeout {
            return std::future::pending().await; // It takes the connection, and never answers.
        }
        let mut peer = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
        while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    };
    let lost = until(&client, State::Waiting);
    tokio::select! { biased; () = lost => {}, () = peer => until(&client, State::Waiting).await }
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!((ended.loss, client.status().borrow().cause), (loss, Cause::Lost(loss)));
    assert_eq!(reported.recv().await, Some(Some(loss)));
}

#[tokio::test(start_paused = true)]
async fn the_timeouts_of_the_session_are_ends_that_the_status_and_the_next_dial_know() {
    let (builder, network) = client(4096);
    ends_with(builder, network, Loss::ConnectTimeout).await;
    let (builder, network) = client(4096);
    ends_with(builder.greeting(|_| std::future::pending()), network, Loss::GreetingTimeout).await;
    let (builder, network) = client(4096);
    let mode = HeartbeatMode::Listen { timeout: SECOND };
    ends_with(builder.heartbeat(mode), network, Loss::HeartbeatTimeout).await;
    let (builder, network) = client(4096);
    let outbox = OutboxConfig { ack_timeout: Some(SECOND), ..OutboxConfig::default() };
    ends_with(builder.outbox(outbox), network, Loss::AckTimeout).await;
}

// ---- the status ----------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_client_that_ended_by_a_panic_or_was_dropped_is_closed() {
    for panics in [true, false] {
        let (builder, mut network) = client(4096);
        let (client, run) =
            builder.run_with(move |received| assert!(received.into_message().is_none())).expect("valid");
        let run = tokio::spawn(run);
        let mut peer = network.accept().await;
        until(&client, State::Open).await;
        let mut status = client.status();
        if panics {
            support::say(&mut peer, "boo").await;
        } else {
            run.abort();
        }
        let ended = status.wait_for(|status| matches!(status.state, State::Closing | State::Closed)).await;
        let ended = ended.expect("a client").clone();
        assert_eq!((ended.state, ended.end.is_some()), (State::Closed, true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_is_never_older_than_the_event_that_arrives() {
    let (builder, mut network) = client(4096);
    let (events, mut arrived) = unbounded_channel();
    let status = Arc::new(Mutex::new(None));
    let seen = status.clone();
    let (client, run) = builder
        .run_with(move |received| {
            let Received::Event(Event::StateChanged { to, .. }) = received else { return };
            let status = seen.lock().expect("not poisoned");
            let status: &tokio::sync::watch::Receiver<heartline_tokio::Status> = status.as_ref().expect("it is set");
            _ = events.send((to, status.borrow().state));
        })
        .expect("valid");
    *status.lock().expect("not poisoned") = Some(client.status());
    tokio::spawn(run);
    let peer = network.accept().await;
    until(&client, State::Open).await;
    drop(peer);
    let _peer = network.accept().await;
    until(&client, State::Open).await;
    let mut seen = Vec::new();
    while let Ok((event, status)) = arrived.try_recv() {
        assert_eq!(event, status);
        seen.push(event);
    }
    use State::{Connecting, Open, Waiting};
    assert_eq!(seen, [Connecting, Open, Waiting, Connecting, Open]);
}

// ---- sends that wait while the client ends -------------------------------------------------

type Sending = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// Polls a send again in the very moment in which it is woken, as another thread would.
struct Eager(Mutex<(Sending, Option<Result<(), Refusal>>)>);

impl Eager {
    fn new(client: &Client<Message>) -> Arc<Self> {
        let client = client.clone();
        let sending = async move { client.send("late").await.map(drop).map_err(|error| error.reason) };
        let eager = Arc::new(Self(Mutex::new((Box::pin(sending), None))));
        assert_eq!(eager.poll(&eager.clone().into()), None, "there is no room");
        eager
    }

    fn poll(&self, waker: &Waker) -> Option<Result<(), Refusal>> {
        let (sending, result) = &mut *self.0.lock().expect("not poisoned");
        if result.is_none() {
            if let Poll::Ready(ready) = sending.as_mut().poll(&mut Context::from_waker(waker)) {
                *result = Some(ready);
            }
        }
        result.clone()
    }
}

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        self.poll(Waker::noop());
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_waits_for_room_is_not_accepted_by_a_client_that_ends() {
    for how in ["stopped", "dropped", "panicked", "shut down"] {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (builder, mut network) = client(4096);
        let builder = builder.outbox(one_message()).shutdown(async move { _ = stopped.await });
        let (client, run) = builder.run_with(|received| assert!(received.into_message().is_none())).expect("valid");
        let run = tokio::spawn(run);
        let mut peer = network.accept().await;
        let first = client.send(Outgoing::at_least_once("first")).await.expect("accepted");
        assert_eq!(heard(&mut peer).await.as_deref(), Some("first"));
        let late = Eager::new(&client);
        match how {
            "stopped" => peer.send(close(4403)).await.expect("a client that reads"),
            "dropped" => run.abort(),
            "panicked" => support::say(&mut peer, "boo").await,
            _ => drop(stop),
        }
        first.await;
        end(&client).await;
        assert_eq!(late.poll(Waker::noop()), Some(Err(Refusal::Closed)), "{how}");
    }
}
