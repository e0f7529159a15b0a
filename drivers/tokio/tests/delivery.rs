//! What becomes of messages: greetings, reconnects, acknowledgements, receipts.

mod support;

use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures_util::SinkExt as _;
use heartline_tokio::codec::{Codec, CodecError, Item, Items, Transmission};
use heartline_tokio::heartline::MessageId;
use heartline_tokio::heartline::message::Reason;
use heartline_tokio::heartline::outbox::OutboxConfig;
use heartline_tokio::{Client, Message, Outcome, Outgoing, State};
use support::{SECOND, client, heard, next_text, say, until};

/// Lines with the id of the message, acknowledged by `ok ID`, or `upto ID` for all up to one.
#[derive(Clone)]
struct Lines;

impl Codec for Lines {
    type Out = String;
    type In = String;

    fn size(message: &String) -> Result<usize, CodecError> {
        match message.as_str() {
            "bad" => Err(CodecError::invalid("bad")),
            message => Ok(message.len()),
        }
    }

    fn encode(&mut self, message: &String, transmission: Transmission) -> Result<Message, CodecError> {
        let again = if transmission.redelivery { " again" } else { "" };
        Ok(Message::text(format!("{} {message}{again}", transmission.id.as_raw())))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("binary")) };
        let id = |id: &str| id.parse().map(MessageId::from_raw).map_err(|_| CodecError::invalid("no number"));
        items.push(if let Some(rest) = text.strip_prefix("ok ") {
            Item::Acked(id(rest)?)
        } else if let Some(rest) = text.strip_prefix("upto ") {
            Item::AckedUpTo(id(rest)?)
        } else if text.as_str() == "?" {
            Item::Reply(Message::text("!"))
        } else {
            Item::Message(text.to_string())
        });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_greeting_precedes_what_was_queued_and_what_it_passes_over_arrives_in_order() {
    let (builder, mut network) = client(4096);
    let builder = builder.greeting(|mut link| async move {
        link.send("login").await?;
        let welcome = link.until(|message| message.to_string().starts_with("welcome")).await?;
        link.send(format!("thanks for {welcome}")).await?;
        Ok(())
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    let receipt = client.send("queued").await.expect("accepted");
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("login"));
    for what in ["news 1", "news 2", "welcome"] {
        say(&mut peer, what).await;
    }
    assert_eq!(heard(&mut peer).await.as_deref(), Some("thanks for welcome"));
    assert_eq!(heard(&mut peer).await.as_deref(), Some("queued"));
    assert_eq!(receipt.await, Outcome::Transmitted);
    say(&mut peer, "news 3").await;
    for what in ["news 1", "news 2", "news 3"] {
        assert_eq!(next_text(&mut incoming).await.as_deref(), Some(what));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_incoming_does_not_block_a_login() {
    let (builder, mut network) = client(4096);
    let builder = builder.configure(|options| options.incoming_messages = 1).greeting(|mut link| async move {
        link.send("login").await?;
        link.until(|message| message.to_string() == "welcome").await?;
        Ok(())
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    for round in 0..2 {
        let mut peer = network.accept().await;
        assert_eq!(heard(&mut peer).await.as_deref(), Some("login"));
        say(&mut peer, format!("{round} a")).await;
        say(&mut peer, format!("{round} b")).await;
        say(&mut peer, "welcome").await;
        until(&client, State::Open).await;
        client.reconnect();
        until(&client, State::Waiting).await;
    }
    for what in ["0 a", "0 b", "1 a", "1 b"] {
        assert_eq!(next_text(&mut incoming).await.as_deref(), Some(what));
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_the_greeting_buffer_holds_fails_the_greeting_by_name() {
    let (builder, mut network) = client(4096);
    let builder = builder.configure(|options| options.greeting_messages = 2).greeting(|mut link| async move {
        link.until(|_| false).await?;
        Ok(())
    });
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    for number in 0..3 {
        say(&mut peer, number).await;
    }
    until(&client, State::Waiting).await;
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert!(ended.error.as_ref().expect("an error").to_string().contains("more than 2 messages"), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_again_before_what_is_new_and_marked() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.codec(Lines).spawn().expect("valid");
    let first = client.send(Outgoing::at_least_once("a")).await.expect("accepted");
    let second = client.send(Outgoing::at_least_once("b")).await.expect("accepted");
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("1 a"));
    assert_eq!(heard(&mut peer).await.as_deref(), Some("2 b"));
    assert_eq!(second.id(), Some(MessageId::from_raw(2)));
    say(&mut peer, "ok 1").await;
    assert_eq!(first.await, Outcome::Acked);
    drop(peer);
    let third = client.send("c").await.expect("accepted");
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("2 b again"));
    assert_eq!(heard(&mut peer).await.as_deref(), Some("3 c"));
    say(&mut peer, "upto 3").await;
    assert_eq!((second.await, third.await), (Outcome::Acked, Outcome::Transmitted));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_protocol_passes_the_outbox_and_does_not_reach_the_application() {
    let (builder, mut network) = client(4096);
    let (_client, mut incoming) = builder.codec(Lines).spawn().expect("valid");
    let mut peer = network.accept().await;
    say(&mut peer, "?").await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("!"));
    say(&mut peer, "news").await;
    assert_eq!(incoming.next_message().await.as_deref(), Some("news"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_encoded_comes_back_at_once() {
    let (builder, _network) = client(4096);
    let (client, _incoming) = builder.codec(Lines).spawn().expect("valid");
    let error = client.send("bad").await.expect_err("refused");
    assert_eq!(
        (error.to_string().as_str(), error.outgoing.message().as_str()),
        ("message refused: it cannot be encoded: bad", "bad")
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decoded_ends_the_connection_and_stops_by_default() {
    let (builder, mut network) = client(4096);
    let (client, mut incoming) = builder.codec(Lines).spawn().expect("valid");
    let mut peer = network.accept().await;
    say(&mut peer, "fine").await;
    peer.send(Message::binary(vec![1])).await.expect("a client that reads");
    let end = client.closed().await;
    assert_eq!(end.to_string(), "stopped: ended by the application with 1003, which is not retried: binary");
    assert_eq!(incoming.next_message().await.as_deref(), Some("fine"));
    assert_eq!(incoming.next_message().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_can_cancel_its_message() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.codec(Lines).spawn().expect("valid");
    let kept = client.send("kept").await.expect("accepted");
    let cancelled = client.send("cancelled").await.expect("accepted");
    cancelled.cancel();
    assert_eq!(cancelled.await, Outcome::Returned(Reason::Cancelled, "cancelled".into()));
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("1 kept"));
    assert_eq!(kept.await, Outcome::Transmitted);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_counts_although_its_receipt_is_dropped_at_once() {
    for taken in [false, true] {
        let (builder, mut network) = client(4096);
        let (client, _incoming) = builder.configure(|options| options.start_paused = true).spawn().expect("valid");
        let cancelled = client.send("cancelled").await.expect("accepted");
        while taken && cancelled.id().is_none() {
            tokio::task::yield_now().await;
        }
        cancelled.cancel();
        drop(cancelled);
        client.resume();
        let mut peer = network.accept().await;
        client.send("kept").await.expect("accepted");
        assert_eq!(heard(&mut peer).await.as_deref(), Some("kept"), "taken by the driver: {taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_for_this_connection_is_refused_without_one_and_returned_when_it_ends() {
    let (builder, mut network) = client(64);
    let (client, _incoming) = builder.spawn().expect("valid");
    let error = client.send(Outgoing::this_connection("early")).await.expect_err("refused");
    assert_eq!(error.to_string(), "message refused: there is no open connection");
    let peer = network.accept().await;
    until(&client, State::Open).await;
    // The first fills the pipe, the second waits behind it.
    let first = client.send(Outgoing::this_connection("x".repeat(60_000))).await.expect("accepted");
    assert_eq!(first.await, Outcome::Transmitted);
    let second = client.send(Outgoing::this_connection("late")).await.expect("accepted");
    drop(peer);
    assert_eq!(second.await, Outcome::Returned(Reason::ConnectionEnded, Message::text("late")));
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_a_close_goes_out_and_comes_in() {
    use futures_util::StreamExt as _;
    use heartline_tokio::heartline::CloseCode;

    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    until(&client, State::Open).await;
    let closing = tokio::spawn({
        let client = client.clone();
        async move { client.close_with(CloseCode::GOING_AWAY, "lunch", SECOND).await }
    });
    let frame = peer.next().await.expect("a frame").expect("no error");
    let Message::Close(Some(frame)) = frame else { panic!("{frame:?}") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "lunch"));
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    let end = closing.await.expect("no panic");
    assert!(end.is_clean(), "{end}");
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert_eq!(ended.close.as_ref().map(|close| close.reason().to_owned()).as_deref(), Some("lunch"));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_provokes_answers_and_does_not_take_them_is_no_longer_listened_to_and_found_dead() {
    use heartline_tokio::heartline::Loss;
    use heartline_tokio::heartline::event::Cause;
    use heartline_tokio::heartline::heartbeat::HeartbeatMode;

    let (builder, mut network) = client(1024);
    let builder = builder.heartbeat(HeartbeatMode::Listen { timeout: 10 * SECOND }).codec(Lines);
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    let flood = tokio::spawn(async move { while peer.send(Message::text("?")).await.is_ok() {} });
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(client.stats().bytes_in < 20_000, "{:?}", client.stats());
    flood.await.expect("no panic");
}

/// A task that looks at the client when it is dropped, as one does that holds a receipt.
struct Looking(Client<Message>);

impl std::task::Wake for Looking {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.stats();
    }
}

/// Polls it in one task, then in another, then drops it.
fn passes_on(client: &Client<Message>, mut polled: impl FnMut(&mut Context<'_>)) {
    for _ in 0..2 {
        let waker = Waker::from(Arc::new(Looking(client.clone())));
        polled(&mut Context::from_waker(&waker));
    }
}

#[test]
fn a_task_that_is_dropped_where_another_takes_its_place_may_use_the_client() {
    let (done, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let outbox = OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() };
        let (client, mut incoming, _run) = client(4096).0.outbox(outbox).run().expect("valid");
        let mut receipt = Box::pin(client.try_send("queued").expect("room"));
        passes_on(&client, |cx| assert!(receipt.as_mut().poll(cx).is_pending()));
        drop(receipt);
        let mut waits = Box::pin(client.send("no room"));
        passes_on(&client, |cx| assert!(waits.as_mut().poll(cx).is_pending()));
        drop(waits);
        passes_on(&client, |cx| assert!(incoming.poll_received(cx).is_pending()));
        drop(incoming);
        done.send(()).expect("the test waits");
    });
    over.recv_timeout(std::time::Duration::from_secs(20)).expect("no lock is waited for by who holds it");
}
