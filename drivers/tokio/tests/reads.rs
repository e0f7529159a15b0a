//! How much is read at once, and when a handler learns of it.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::SinkExt as _;
use heartline_tokio::codec::{Codec, CodecError, Frames, Item, Items, Transmission};
use heartline_tokio::heartline::heartbeat::HeartbeatMode;
use heartline_tokio::{Address, Client, Event, Message, Received, State};
use support::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_tungstenite::accept_async;

/// More than what passes through memory here.
const PIPE: usize = 1 << 20;

/// Counts the reads that brought something.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buf);
        if !buf.filled().is_empty() {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// So many messages of a kilobyte, in one burst.
async fn burst(peer: &mut Peer, count: usize) {
    for number in 0..count {
        peer.feed(text(format!("{number:01000}"))).await.expect("a client that reads");
    }
    peer.flush().await.expect("a client that reads");
}

#[tokio::test(start_paused = true)]
async fn a_whole_buffer_is_read_at_once_also_while_the_application_holds_what_was_received() {
    const COUNT: usize = 640;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    let builder = Client::builder("ws://server.test/").connector(move |_: Address| {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        tokio::spawn(async move {
            let mut peer = accept_async(theirs).await.expect("a handshake");
            burst(&mut peer, COUNT).await;
            std::future::pending::<()>().await
        });
        let stream = Counting(ours, counted.clone());
        async move { Ok(stream) }
    });
    let (_client, mut incoming) = builder.spawn().expect("valid");
    let mut held = Vec::new();
    while held.len() < COUNT {
        held.push(next_text(&mut incoming).await.expect("a message"));
    }
    // 640 kB by 32 KiB, the handshake, and what was cut short by an empty pipe.
    let reads = reads.load(Ordering::Relaxed);
    assert!(reads <= 30, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_ahead_of_a_stall_arrives_after_it_though_the_peer_says_no_more_and_is_then_judged() {
    const COUNT: usize = 20;
    let (builder, mut network) = client(PIPE);
    let builder = builder
        .heartbeat(HeartbeatMode::WhenIdle { interval: SECOND, timeout: SECOND })
        .configure(|options| (options.incoming_messages, options.max_stall) = (1, None));
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    burst(&mut peer, COUNT).await;
    let mut status = client.status();
    status.wait_for(|status| status.stalled).await.expect("a client that lives");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let expected = (0..COUNT).map(|number| format!("{number:01000}"));
    for message in expected {
        assert_eq!(next_text(&mut incoming).await, Some(message));
    }
    assert_eq!((client.stats().session.dials, client.status().borrow().state), (1, State::Open));
    // The peer reads nothing, so it answers no ping.
    until(&client, State::Waiting).await;
    assert_eq!(client.stats().session.lost_to_heartbeat, 1);
}

/// Counts what it decodes.
struct Decoding(Arc<AtomicUsize>);

impl Codec for Decoding {
    type Out = Message;
    type In = usize;

    fn size(message: &Message) -> Result<usize, CodecError> {
        Frames::size(message)
    }

    fn encode(&mut self, message: &Message, transmission: Transmission) -> Result<Message, CodecError> {
        Frames.encode(message, transmission)
    }

    fn decode(&mut self, _: Message, items: &mut Items<usize>) -> Result<(), CodecError> {
        items.push(Item::Message(self.0.fetch_add(1, Ordering::Relaxed)));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_each_message_before_the_next_is_decoded_and_behind_the_events_before_it() {
    const COUNT: usize = 20;
    let decoded = Arc::new(AtomicUsize::new(0));
    let (builder, mut network) = client(PIPE);
    let (handled, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (_client, run) = builder
        .codec(Decoding(decoded.clone()))
        .run_with(move |received| _ = handled.send((received, decoded.load(Ordering::Relaxed))))
        .expect("valid");
    tokio::spawn(run);
    // What the server says at once is read in the turn in which the connection opens.
    let mut peer = network.accept().await;
    burst(&mut peer, COUNT).await;
    let mut open = false;
    let mut messages = 0;
    while messages < COUNT {
        match received.recv().await.expect("a client that lives") {
            (Received::Message(number), decoded) => {
                assert!(open, "the event comes first");
                assert_eq!((number, decoded), (messages, messages + 1));
                messages += 1;
            }
            (Received::Event(Event::StateChanged { to, .. }), _) => open = to == State::Open,
            _ => {}
        }
    }
}
