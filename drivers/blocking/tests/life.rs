//! What counts as life, what hangs, and who may wait for it. On a clock that the test moves, where time matters.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use heartline_blocking::heartline::Loss;
use heartline_blocking::heartline::event::Cause;
use heartline_blocking::heartline::heartbeat::HeartbeatMode;
use heartline_blocking::heartline::retry::{Pattern, Verdict};
use heartline_blocking::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use heartline_blocking::tungstenite::{Message, WebSocket};
use heartline_blocking::{Client, Outcome, State};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// The bytes of these messages, as a server sends them.
fn frames(messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let config = WebSocketConfig::default().max_write_buffer_size(usize::MAX).write_buffer_size(usize::MAX / 2);
    let mut socket = WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, Some(config));
    messages.into_iter().for_each(|message| socket.write(message).unwrap());
    socket.flush().unwrap();
    socket.into_inner().into_inner()
}

#[test]
fn bytes_of_a_message_that_takes_longer_than_the_heartbeat_waits_are_life() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        for byte in frames([Message::text("a long time coming")]) {
            wait.recv().unwrap();
            socket.get_mut().write_all(&[byte]).unwrap();
        }
        until_end(&mut socket);
    });
    let time = Manual::default();
    let client = server.client().clock(time.clock()).heartbeat(HeartbeatMode::Listen { timeout: 3 * SECOND });
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    for _ in frames([Message::text("a long time coming")]) {
        let before = client.stats().bytes_in;
        go.send(()).unwrap();
        poll_until(&mut client, "a byte", |client| client.stats().bytes_in > before);
        time.advance(2 * SECOND);
    }
    assert_eq!(hear(&mut client), "a long time coming");
    assert_eq!((client.status().state, client.stats().session.dials), (State::Open, 1));
    time.advance(4 * SECOND);
    poll_until(&mut client, "silence is death", |client| client.stats().session.lost_to_heartbeat == 1);
    drop(client);
    server.join();
}

#[test]
fn what_has_arrived_is_in_time_however_late_the_poll_comes() {
    let (sent, when_sent) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        say(&mut socket, "ready");
        wait.recv().unwrap();
        say(&mut socket, "in time");
        sent.send(()).unwrap();
        until_end(&mut socket);
    });
    let time = Manual::default();
    let client = server.client().clock(time.clock()).heartbeat(HeartbeatMode::Listen { timeout: 3 * SECOND });
    let mut client = client.build().unwrap();
    assert_eq!(hear(&mut client), "ready");
    go.send(()).unwrap();
    when_sent.recv().unwrap();
    time.advance(4 * SECOND); // Over the timeout, within the tolerance for a suspension.
    client.poll(Duration::ZERO);
    assert_eq!((taken(&mut client), client.stats().session.lost_to_heartbeat), (vec!["in time".into()], 0));
    drop(client);
    server.join();
}

#[test]
fn a_pong_that_cannot_be_written_hides_nothing_that_can_be_read() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        wait.recv().unwrap();
        let ping = || Message::Ping(vec![7; 64].into());
        let mut messages: Vec<_> = (0..6).flat_map(|number| [ping(), Message::text(number.to_string())]).collect();
        messages.push(Message::Close(Some(CloseFrame { code: 4401.into(), reason: "expired".into() })));
        socket.get_mut().write_all(&frames(messages)).unwrap();
        // Gone, with what the client has sent unread: it will hear of it by an error when it writes.
    });
    let client = server.client().retry(Pattern::Close(4401, 4401), Verdict::Stop);
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    let receipt = client.try_send("unread").unwrap();
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    go.send(()).unwrap();
    server.join();
    let mut messages = Vec::new();
    while let Ok(received) = client.recv(PATIENCE) {
        messages.extend(received.into_message().map(|message| message.to_string()));
    }
    assert_eq!(messages, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(client.status().cause, Cause::Stopped(Loss::Close(4401)));
    assert_eq!(client.status().last_ended.unwrap().close.as_ref().unwrap().reason(), "expired");
}

#[test]
fn a_write_that_fails_ends_the_connection_although_the_peer_says_nothing_more() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let _silent = accept(&listener);
        wait.recv().unwrap();
    });
    let (address, (streams, dialled)) = (server.address, mpsc::channel());
    let streams = std::sync::Mutex::new(streams);
    let client = server.client().heartbeat(HeartbeatMode::Off).connector(move |_| {
        let stream = TcpStream::connect(address)?;
        streams.lock().unwrap().send(stream.try_clone()?).unwrap();
        stream.set_nonblocking(true)?;
        Ok(heartline_blocking::mio::net::TcpStream::from_std(stream))
    });
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    dialled.recv().unwrap().shutdown(std::net::Shutdown::Write).unwrap(); // Reading goes on, and finds nothing.
    let receipt = client.try_send("lost").unwrap();
    poll_until(&mut client, "the write failed", |client| client.status().last_ended.is_some());
    let ended = client.status().last_ended.unwrap();
    assert_eq!(ended.loss, Loss::Transport(heartline_blocking::TransportError::Io));
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted), "to the system");
    go.send(()).unwrap();
    drop(client);
    server.join();
}

#[test]
fn a_peer_that_swallows_the_dial_or_stalls_the_handshake_holds_up_no_poll() {
    let (done, until_done) = mpsc::channel::<()>();
    let (half, when_half) = mpsc::channel();
    let server = Server::run(move |listener| {
        let mut stalled: TcpStream = accept_tcp(&listener);
        assert!(stalled.read(&mut [0; 4096]).unwrap() > 0);
        stalled.write_all(b"HTTP/1.1 101 Switching Pro").unwrap();
        half.send(()).unwrap();
        until_done.recv().unwrap();
    });
    let time = Manual::default();
    let mut client = server.client().clock(time.clock()).build().unwrap();
    poll_until(&mut client, "half an answer", |_| when_half.try_recv().is_ok());
    for _ in 0..1_000 {
        client.poll(Duration::ZERO);
    }
    assert_eq!((client.status().state, client.stats().session.dials), (State::Connecting, 1));
    time.advance(10 * SECOND);
    poll_until(&mut client, "the dial is given up", |client| client.stats().session.lost_to_connect_timeout == 1);
    done.send(()).unwrap();
    server.join();
}

#[test]
fn a_request_hook_that_blocks_holds_up_no_poll() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let client = server.client().request(move |dial| {
        wait.lock().unwrap().recv()?;
        dial.request()
    });
    let mut client = client.build().unwrap();
    for _ in 0..1_000 {
        client.poll(Duration::ZERO);
    }
    assert_eq!(client.status().state, State::Connecting);
    go.send(()).unwrap();
    until_state(&mut client, State::Open);
    drop(client);
    server.join();
}

#[test]
fn a_name_is_resolved_and_its_addresses_are_tried() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let url = format!("ws://localhost:{}/", server.address.port()); // Perhaps ::1 first, where nobody listens.
    let mut client = impatient(Client::builder(url)).build().unwrap();
    until_state(&mut client, State::Open);
    drop(client);
    server.join();
}

#[test]
fn a_send_from_another_thread_wakes_the_one_that_waits() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        assert_eq!(text(&mut socket), "from afar");
        say(&mut socket, "heard");
        until_end(&mut socket);
    });
    let mut client = server.client().build().unwrap();
    until_state(&mut client, State::Open);
    taken(&mut client);
    let handle = client.handle().clone();
    let (waits, when_waiting) = mpsc::channel();
    let sender = std::thread::spawn(move || {
        when_waiting.recv().unwrap();
        let receipt = handle.send("from afar", PATIENCE).unwrap();
        assert_eq!(receipt.wait(PATIENCE), Some(Outcome::Transmitted));
        handle.start_close(PATIENCE);
        handle.closed(PATIENCE).unwrap()
    });
    waits.send(()).unwrap();
    assert_eq!(client.recv_message(None), Ok(Message::text("heard")));
    while client.recv(None).is_ok() {}
    assert!(sender.join().unwrap().is_clean());
    server.join();
}

#[test]
fn a_wake_makes_a_poll_return_whether_it_waits_already_or_not() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let mut client = server.client().heartbeat(HeartbeatMode::Off).build().unwrap();
    until_state(&mut client, State::Open);
    taken(&mut client);
    let handle = client.handle().clone();
    handle.wake();
    client.poll(None);
    let waker = std::thread::spawn(move || handle.wake());
    client.poll(None);
    waker.join().unwrap();
    drop(client);
    server.join();
}

#[test]
fn a_message_that_takes_several_turns_to_read_arrives_whole() {
    const LARGE: usize = 5 << 20;
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        socket.send(Message::binary(vec![1; LARGE])).unwrap();
        until_end(&mut socket);
    });
    let mut client = server.client().heartbeat(HeartbeatMode::Off).build().unwrap();
    assert_eq!(client.recv_message(PATIENCE).unwrap().len(), LARGE);
    drop(client);
    server.join();
}

/// The real time, and how often somebody asked for it.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl heartline_blocking::clock::Source for Counted {
    fn now(&self) -> heartline_blocking::heartline::Timestamp {
        self.0.fetch_add(1, Ordering::SeqCst);
        heartline_blocking::Clock::boot().now()
    }
}

#[test]
fn a_wait_does_not_run_in_circles() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        (0..3).for_each(|_| say(&mut socket, "more"));
        until_end(&mut socket);
    });
    let count = Counted::default();
    let client = server.client().clock(heartline_blocking::Clock::custom(count.clone()));
    let mut client = client.configure(|options| options.incoming_messages = 1).build().unwrap();
    poll_until(&mut client, "it stalls", |client| client.status().stalled);
    let wait = Duration::from_millis(200);
    for _ in 0..3 {
        // Full, and nobody takes anything.
        client.poll(wait);
    }
    assert_eq!([hear(&mut client), hear(&mut client), hear(&mut client)], ["more"; 3]);
    while client.recv(wait).is_ok() {}
    let before = count.0.load(Ordering::SeqCst);
    assert!(client.recv(wait).is_err());
    let asked = count.0.load(Ordering::SeqCst) - before;
    assert!(asked < 40, "asked for the time {asked} times");
    let before = count.0.load(Ordering::SeqCst);
    client.poll(wait);
    let asked = count.0.load(Ordering::SeqCst) - before;
    assert!(asked < 10, "asked for the time {asked} times");
    drop(client);
    server.join();
}

#[test]
fn a_client_can_move_to_another_thread_and_its_handles_can_be_shared() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    moves::<Client>();
    is_shared::<heartline_blocking::Handle<Message>>();
    is_shared::<heartline_blocking::Receipt<Message>>();
}

#[test]
fn a_large_message_on_its_way_out_does_not_condemn_a_living_link() {
    const LARGE: usize = 12 << 20;
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        wait.recv().unwrap();
        assert_eq!(socket.read().unwrap().len(), LARGE);
        until_end(&mut socket);
    });
    let time = Manual::default();
    let mode = HeartbeatMode::WhenIdle { interval: 2 * SECOND, timeout: 2 * SECOND };
    let client = server.client().clock(time.clock()).heartbeat(mode);
    let client = client.configure(|options| options.session.outbox.max_bytes = LARGE as u32);
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    let receipt = client.try_send(Message::binary(vec![1; LARGE])).unwrap();
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    go.send(()).unwrap();
    while client.stats().bytes_out < LARGE as u64 {
        let before = client.stats().bytes_out;
        poll_until(&mut client, "the peer takes more", |client| client.stats().bytes_out > before);
        time.advance(SECOND / 4);
    }
    assert_eq!(client.stats().session.dials, 1);
    drop(client);
    server.join();
}
