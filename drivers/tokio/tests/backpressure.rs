//! An application that reads slowly, or not at all.

mod support;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_tokio::codec::{Codec, CodecError, Item, Items, Transmission};
use heartline_tokio::heartline::event::Cause;
use heartline_tokio::heartline::heartbeat::HeartbeatMode;
use heartline_tokio::heartline::message::Reason;
use heartline_tokio::heartline::outbox::OutboxConfig;
use heartline_tokio::heartline::retry::{Pattern, Verdict};
use heartline_tokio::heartline::{CloseCode, Loss, MessageId};
use heartline_tokio::{Client, EndReason, Event, Message, Outcome, Outgoing, Received, State, WhenFull};
use support::{Network, Plain, SECOND, client, heard, next_text, ready, say, text, until};
use tokio::io::AsyncWriteExt as _;

/// Room for one message.
fn narrow(builder: Plain) -> Plain {
    builder.configure(|options| options.incoming_messages = 1)
}

async fn until_stalled(client: &Client<Message>, stalled: bool) {
    let mut status = client.status();
    status.wait_for(|status| status.stalled == stalled).await.expect("a client that lives");
}

/// Frames of a server, as bytes.
fn frames(range: std::ops::Range<u32>) -> Vec<u8> {
    range.flat_map(|number| [&[0x81, 3][..], format!("{number:03}").as_bytes()].concat()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_messages_in_one_write_pass_through_room_for_one() {
    let (builder, mut network) = client(65_536);
    let (client, mut incoming) = narrow(builder).spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..100)).await.expect("room");
    until_stalled(&client, true).await;
    for number in 0..100 {
        assert_eq!(next_text(&mut incoming).await, Some(format!("{number:03}")));
    }
    assert!(!client.status().borrow().stalled);
    say(&mut peer, "last").await;
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("last"));
    assert_eq!(client.stats().session.dials, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pinged_or_judged_while_nothing_is_read_and_then_the_peer_has_the_whole_time() {
    let (builder, mut network) = client(65_536);
    let mode = HeartbeatMode::WhenIdle { interval: SECOND, timeout: SECOND };
    let builder = narrow(builder).heartbeat(mode).configure(|options| options.max_stall = None);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..3)).await.expect("room");
    until_stalled(&client, true).await;
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!((client.stats().session.pings, client.status().borrow().state), (0, State::Open));
    for _ in 0..3 {
        next_text(&mut incoming).await;
    }
    until_stalled(&client, false).await;
    let resumed = tokio::time::Instant::now();
    // The peer is there, but says nothing any more.
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(resumed.elapsed() >= 2 * SECOND, "{:?}", resumed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_is_shorter_than_the_tolerance_for_late_timers_is_no_silence_either() {
    let (builder, mut network) = client(65_536);
    let builder = narrow(builder).heartbeat(HeartbeatMode::Listen { timeout: 2 * SECOND });
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..2)).await.expect("room");
    until_stalled(&client, true).await;
    tokio::time::sleep(3 * SECOND).await;
    let resumed = tokio::time::Instant::now();
    for _ in 0..2 {
        next_text(&mut incoming).await;
    }
    until(&client, State::Waiting).await;
    assert!(resumed.elapsed() >= 2 * SECOND, "{:?}", resumed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_read_of_a_peer_that_died_during_the_stall_arrives_before_its_end() {
    let (builder, mut network) = client(65_536);
    let (client, mut incoming) = narrow(builder).spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    until_stalled(&client, true).await;
    drop(peer);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(client.status().borrow().state, State::Open);
    for number in 0..10 {
        assert_eq!(next_text(&mut incoming).await, Some(format!("{number:03}")));
    }
    let Some(Received::Event(Event::StateChanged {
        to: State::Waiting, cause: Cause::Lost(Loss::Transport(_)), ..
    })) = incoming.next().await
    else {
        panic!("the end comes behind the messages")
    };
}

/// Texts; `ok ID` acknowledges.
#[derive(Clone)]
struct Acking;

impl Codec for Acking {
    type Out = Message;
    type In = Message;

    fn size(message: &Message) -> Result<usize, CodecError> {
        Ok(message.len())
    }

    fn encode(&mut self, message: &Message, _: Transmission) -> Result<Message, CodecError> {
        Ok(message.clone())
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Message>) -> Result<(), CodecError> {
        let text = frame.to_string();
        items.push(match text.strip_prefix("ok ").and_then(|id| id.parse().ok()) {
            Some(id) => Item::Acked(MessageId::from_raw(id)),
            None => Item::Message(frame),
        });
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_behind_a_stall_count_although_they_are_read_late() {
    let (builder, mut network) = client(65_536);
    let outbox = OutboxConfig { ack_timeout: Some(2 * SECOND), ..OutboxConfig::default() };
    let builder = narrow(builder.outbox(outbox)).configure(|options| options.max_stall = None).codec(Acking);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    let receipt = client.send(Outgoing::at_least_once("first")).await.expect("accepted");
    assert_eq!(heard(&mut peer).await.as_deref(), Some("first"));
    let mut bytes = frames(0..5);
    bytes.extend([&[0x81, 4][..], b"ok 1"].concat());
    peer.get_mut().write_all(&bytes).await.expect("room");
    until_stalled(&client, true).await;
    tokio::time::sleep(10 * SECOND).await;
    for _ in 0..5 {
        incoming.next_message().await.expect("a message");
        // Reads on a little, and stalls again.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(receipt.await, Outcome::Acked);
    assert_eq!(client.stats().session.lost_to_ack_timeout, 0);
}

#[tokio::test(start_paused = true)]
async fn times_to_live_and_drains_end_in_time_while_nothing_is_read() {
    let (builder, mut network) = client(65_536);
    let builder = narrow(builder).configure(|options| options.max_stall = None);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..5)).await.expect("room");
    until_stalled(&client, true).await;
    let start = tokio::time::Instant::now();
    let expiring = Outgoing::at_least_once("expires").expires_in(10 * SECOND);
    let expiring = client.send(expiring).await.expect("accepted");
    let kept = client.send(Outgoing::at_least_once("kept")).await.expect("accepted");
    assert_eq!(expiring.await, Outcome::Unconfirmed(Reason::Expired, text("expires")));
    assert_eq!(start.elapsed().as_secs(), 10);
    drop(tokio::spawn(async move { client.close(10 * SECOND).await }));
    assert_eq!(kept.await, Outcome::Unconfirmed(Reason::Abandoned, text("kept")));
    assert_eq!(start.elapsed().as_secs(), 20);
    assert!(next_text(&mut incoming).await.is_some(), "what was read stays");
}

/// A server that sends more than there is room for, and acknowledges behind it.
async fn talkative(mut network: Network) {
    loop {
        let mut peer = network.accept().await;
        peer.get_mut().write_all(&frames(0..10)).await.expect("room");
        while let Some(Ok(frame)) = peer.next().await {
            if frame.is_text() {
                say(&mut peer, "ok 1").await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_is_awaited_elsewhere_resolves_behind_more_messages_than_there_is_room_for() {
    let (builder, network) = client(65_536);
    let (client, mut incoming) = narrow(builder).codec(Acking).spawn().expect("valid");
    let server = tokio::spawn(talkative(network));
    let receipt = client.try_send(Outgoing::at_least_once("first")).expect("room");
    let outcome = tokio::spawn(receipt);
    for _ in 0..10 {
        assert!(incoming.next_message().await.is_some());
    }
    assert_eq!(outcome.await.expect("no panic"), Outcome::Acked);
    assert_eq!(client.stats().session.dials, 1);
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_awaits_a_receipt_while_it_does_not_read_is_released_and_the_client_lives() {
    let (builder, network) = client(65_536);
    let (client, mut incoming) = narrow(builder).codec(Acking).spawn().expect("valid");
    let server = tokio::spawn(talkative(network));
    let receipt = client.send(Outgoing::at_least_once("first")).await.expect("accepted");
    assert!(incoming.next_message().await.is_some());
    // Nothing is read here, so that the acknowledgement is not either.
    let outcome = tokio::time::timeout(1000 * SECOND, receipt).await.expect("an outcome");
    assert_eq!(outcome, Outcome::Unconfirmed(Reason::MaxLosses, text("first")));
    for _ in 0..5 {
        assert!(incoming.next_message().await.is_some());
    }
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_lasts_too_long_closes_with_1008_and_what_was_read_stays_readable() {
    let (builder, mut network) = client(65_536);
    let stop = narrow(builder).retry(Pattern::Application(4408, 4408), Verdict::Stop);
    let (client, mut incoming) = stop.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    until_stalled(&client, true).await;
    let stalled = tokio::time::Instant::now();
    let end = client.closed().await;
    assert_eq!(stalled.elapsed().as_secs(), 30);
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Application(4408))));
    let Some(Ok(Message::Close(Some(frame)))) = peer.next().await else { panic!("a close frame") };
    assert_eq!(u16::from(frame.code), 1008);
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("000"));
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("001"));
    assert_eq!(next_text(&mut incoming).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_to_close_when_full_closes_with_the_code_and_may_retry() {
    let (builder, mut network) = client(65_536);
    let code = CloseCode::new(4000).expect("may be sent");
    let builder = narrow(builder).when_full(WhenFull::Close(code));
    let builder = builder.retry(Pattern::Application(4000, 4000), Verdict::Retry);
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..2)).await.expect("room");
    let Some(Ok(Message::Close(Some(frame)))) = peer.next().await else { panic!("a close frame") };
    assert_eq!(u16::from(frame.code), 4000);
    let _peer = network.accept().await;
    until(&client, State::Open).await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_are_dropped_and_counted_where_that_is_wanted() {
    let (builder, mut network) = client(65_536);
    let builder = builder.when_full(WhenFull::DropOldest).configure(|options| options.incoming_messages = 3);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    tokio::time::sleep(SECOND).await;
    let messages: Vec<_> = ready(&mut incoming).await.into_iter().filter_map(Received::into_message).collect();
    assert_eq!(messages, ["007", "008", "009"].map(text));
    assert_eq!((client.stats().received, client.stats().discarded), (10, 7));
}

#[tokio::test(start_paused = true)]
async fn an_empty_incoming_takes_one_message_of_any_size() {
    let (builder, mut network) = client(65_536);
    let builder = builder.configure(|options| options.incoming_bytes = 10);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    say(&mut peer, "x".repeat(50_000)).await;
    say(&mut peer, "next").await;
    until_stalled(&client, true).await;
    assert_eq!(next_text(&mut incoming).await.map(|text| text.len()), Some(50_000));
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("next"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_bytes_arrives_as_soon_as_they_are_free() {
    let (builder, mut network) = client(65_536);
    let builder = builder.configure(|options| options.incoming_bytes = 10);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    say(&mut peer, "four").await;
    say(&mut peer, "eight...").await;
    until_stalled(&client, true).await;
    let start = tokio::time::Instant::now();
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("four"));
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("eight..."));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_close_sends_what_was_accepted_although_incoming_is_full() {
    let (builder, mut network) = client(65_536);
    let (client, mut incoming) = narrow(builder).spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    until_stalled(&client, true).await;
    let receipt = client.send("goodbye").await.expect("accepted");
    let closing = tokio::spawn(async move { client.close(5 * SECOND).await });
    assert_eq!(heard(&mut peer).await.as_deref(), Some("goodbye"));
    assert_eq!(receipt.await, Outcome::Transmitted);
    peer.send(text("too late")).await.expect("still open");
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    let end = closing.await.expect("no panic");
    assert!(end.is_clean(), "{end}");
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("000"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time_although_incoming_is_full_and_acknowledgements_cannot_be_read() {
    let (builder, mut network) = client(65_536);
    let (client, _incoming) = narrow(builder).spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    until_stalled(&client, true).await;
    let receipt = client.send(Outgoing::at_least_once("important")).await.expect("accepted");
    let start = tokio::time::Instant::now();
    let closing = tokio::spawn(async move { client.close(5 * SECOND).await });
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    let end = closing.await.expect("no panic");
    assert_eq!((start.elapsed().as_secs(), end.unconfirmed), (5, 1));
    assert!(matches!(receipt.await, Outcome::Unconfirmed(..)));
}

#[tokio::test(start_paused = true)]
async fn an_incoming_that_was_dropped_discards_and_the_session_lives_on() {
    let (builder, mut network) = client(65_536);
    let (client, incoming) = narrow(builder).spawn().expect("valid");
    drop(incoming);
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&frames(0..10)).await.expect("room");
    let receipt = client.send("still here").await.expect("accepted");
    assert_eq!(heard(&mut peer).await.as_deref(), Some("still here"));
    assert_eq!(receipt.await, Outcome::Transmitted);
    tokio::time::sleep(SECOND).await;
    let stats = client.stats();
    assert_eq!((stats.received, stats.discarded), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn what_greetings_leave_to_a_consumer_that_reads_nothing_is_bounded_over_all_connections() {
    const CONNECTIONS: u64 = 20;
    let (builder, mut network) = client(4096);
    let builder = narrow(builder).configure(|options| options.greeting_messages = 4).greeting(|mut link| async move {
        link.until(|message| message.to_string() == "welcome").await?;
        Ok(())
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    for _ in 0..CONNECTIONS {
        let mut peer = network.accept().await;
        for text in ["a", "b", "c", "welcome"] {
            say(&mut peer, text).await;
        }
        until(&client, State::Open).await;
        drop(peer);
        client.reconnect();
    }
    client.close(std::time::Duration::ZERO).await;
    let mut kept = 0;
    while incoming.next_message().await.is_some() {
        kept += 1;
    }
    // One in the queue, and no more behind it than one greeting may leave.
    assert!((3..=1 + 4).contains(&kept), "{kept}");
    assert_eq!(client.stats().discarded, 3 * CONNECTIONS - kept);
}
