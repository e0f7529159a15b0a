//! Which links are alive, and which are dead.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::SinkExt as _;
use heartline_tokio::heartline::event::Cause;
use heartline_tokio::heartline::heartbeat::HeartbeatMode;
use heartline_tokio::heartline::{Loss, Outcome};
use heartline_tokio::tungstenite;
use heartline_tokio::{Client, Clock, Message, State};
use support::{SECOND, client, close, next_text, text, until};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::mpsc::unbounded_channel;
use tokio_tungstenite::accept_async;

#[tokio::test(start_paused = true)]
async fn bytes_of_a_message_that_is_not_complete_are_life() {
    let (builder, mut network) = client(4096);
    let (client, mut incoming) =
        builder.heartbeat(HeartbeatMode::Listen { timeout: 2 * SECOND }).spawn().expect("valid");
    let mut peer = network.accept().await;
    peer.get_mut().write_all(&[0x81, 100]).await.expect("room");
    for _ in 0..100 {
        peer.get_mut().write_all(b"x").await.expect("room");
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(next_text(&mut incoming).await, Some("x".repeat(100)));
    assert_eq!(client.stats().session.dials, 1);
    // And when no more bytes come, it is dead.
    peer.get_mut().write_all(&[0x81, 100, b'x']).await.expect("room");
    let last = tokio::time::Instant::now();
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(last.elapsed() <= 2 * SECOND + Duration::from_millis(5), "{:?}", last.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_large_message_on_its_way_out_does_not_condemn_a_living_link_nor_save_a_dead_one() {
    let (builder, mut network) = client(1024);
    let mode = HeartbeatMode::WhenIdle { interval: SECOND, timeout: SECOND };
    let (client, _incoming) = builder.heartbeat(mode).spawn().expect("valid");
    let mut peer = network.accept().await;
    let receipt = client.send("x".repeat(100_000)).await.expect("accepted");
    let mut read = 0;
    while read < 80_000 {
        let mut buffer = [0; 1024];
        let more = peer.get_mut().read(&mut buffer).await.expect("a client that writes");
        assert!(more > 0, "ended after {read} bytes");
        read += more;
        tokio::time::sleep(SECOND / 2).await;
    }
    assert_eq!(receipt.await, Outcome::Transmitted);
    assert_eq!(client.stats().session.dials, 1);
    let last = tokio::time::Instant::now();
    until(&client, State::Waiting).await;
    assert_eq!(client.status().borrow().cause, Cause::Lost(Loss::HeartbeatTimeout));
    assert!(last.elapsed() <= 2 * SECOND + Duration::from_millis(5), "{:?}", last.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_is_found_dead_in_the_detection_time() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let _peer = network.accept().await;
    until(&client, State::Open).await;
    let start = tokio::time::Instant::now();
    let mut status = client.status();
    status.wait_for(|status| status.degraded).await.expect("a client that lives");
    assert_eq!(start.elapsed().as_secs(), 23);
    until(&client, State::Waiting).await;
    assert_eq!((start.elapsed().as_secs(), client.stats().session.pings), (30, 1));
}

/// A connection whose writes fail when it is told so, while reads go on.
struct HalfGone {
    stream: DuplexStream,
    broken: Arc<AtomicBool>,
    /// Reading comes to the end as soon as a write has failed.
    ends: bool,
    failed: bool,
}

impl AsyncRead for HalfGone {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.ends && self.failed {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for HalfGone {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.failed = self.broken.load(Ordering::Relaxed);
        match self.failed {
            true => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            false => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_pong_hides_neither_messages_nor_the_final_close_code() {
    let broken = Arc::new(AtomicBool::new(false));
    let (dials, mut network) = unbounded_channel();
    let breaks = broken.clone();
    let builder = Client::builder("ws://server.test/").clock(Clock::tokio()).connector(move |_| {
        let (stream, theirs) = tokio::io::duplex(65_536);
        dials.send(theirs).expect("the test goes on");
        let broken = breaks.clone();
        async move { Ok(HalfGone { stream, broken, ends: false, failed: false }) }
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = accept_async(network.recv().await.expect("a dial")).await.expect("a handshake");
    until(&client, State::Open).await;
    broken.store(true, Ordering::Relaxed);
    let mut frames = vec![Message::Ping("are you there?".into())];
    frames.extend((0..8).map(text));
    frames.push(close(4403));
    for frame in frames {
        peer.feed(frame).await.expect("room");
    }
    peer.flush().await.expect("room");
    for number in 0..8 {
        assert_eq!(next_text(&mut incoming).await, Some(number.to_string()));
    }
    let end = client.closed().await;
    assert_eq!(end.to_string(), "stopped: closed by the peer with 4403, which is not retried");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_ends_the_connection_when_nothing_is_left_to_read_and_says_why() {
    fails(false).await;
    // The system tells an error once, and then the end.
    fails(true).await;
}

async fn fails(ends: bool) {
    let broken = Arc::new(AtomicBool::new(false));
    let (dials, mut network) = unbounded_channel();
    let breaks = broken.clone();
    let builder = Client::builder("ws://server.test/").clock(Clock::tokio()).connector(move |_| {
        let (stream, theirs) = tokio::io::duplex(65_536);
        dials.send(theirs).expect("the test goes on");
        let broken = breaks.clone();
        async move { Ok(HalfGone { stream, broken, ends, failed: false }) }
    });
    let (client, _incoming) = builder.spawn().expect("valid");
    let _peer = accept_async(network.recv().await.expect("a dial")).await.expect("a handshake");
    until(&client, State::Open).await;
    broken.store(true, Ordering::Relaxed);
    let start = tokio::time::Instant::now();
    client.send("lost").await.expect("accepted");
    until(&client, State::Waiting).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    assert!(ended.error.as_ref().expect("an error").to_string().contains("broken pipe"), "{ended:?}");
}

/// A server on loopback that says something every 20 ms.
fn chatty_server() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while socket.send(text("here")).is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    address
}

/// Real time: what is tested is what the runtime has not noticed yet.
#[tokio::test]
async fn what_has_arrived_while_the_process_was_held_up_saves_the_link() {
    let url = format!("ws://{}/", chatty_server());
    let builder = Client::builder(url).heartbeat(HeartbeatMode::Listen { timeout: Duration::from_millis(200) });
    // So that lateness excuses nothing.
    let builder = builder.configure(|options| options.session.heartbeat.late_tolerance = 3600 * SECOND);
    let (client, incoming) = builder.spawn().expect("valid");
    drop(incoming);
    until(&client, State::Open).await;
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(300));
        // The driver has its turn before the runtime has looked at any socket.
        client.network_changed();
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let stats = client.stats().session;
    assert_eq!((stats.dials, stats.lost_to_heartbeat), (1, 0));
}
