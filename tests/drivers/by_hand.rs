//! Servers that misbehave frame by frame, byte by byte, or not at all while the application does.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use heartline::event::Cause;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::outbox::OutboxConfig;
use heartline::{Action, Event, Input, Loss, Outcome, Outgoing, Settings, State};
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Message, WebSocket};

use super::spawn;
use crate::client::Client;
use crate::faults::PATIENCE;
use crate::harness::{Peer, heartbeat, millis, patient, receive, start};
use crate::recorder::Recorder;

/// So much that it fills every buffer on the way.
const FLOOD: usize = 1000;
const CHUNK: usize = 64 * 1024;

/// A server and a client that connects to it.
fn pair(settings: Settings) -> (Peer, Client) {
    let peer = Peer::listen();
    let mut client = start(spawn, peer.url(), settings);
    client.connect();
    (peer, client)
}

fn roomy() -> Settings {
    let outbox = OutboxConfig { max_messages: 1 << 16, max_bytes: 1 << 30, ack_window: 1, ..patient().outbox };
    Settings { outbox, ..patient() }
}

fn flood(client: &Client) {
    let chunk = "x".repeat(CHUNK);
    (0..FLOOD).for_each(|_| client.send_once(chunk.clone()));
}

/// Gives the session up.
fn leave(client: Client) {
    client.close(Duration::ZERO);
    client.end();
}

/// [C7] [P5]
#[test]
fn a_frame_that_comes_byte_by_byte_survives_whatever_interrupts_the_reading() {
    let (peer, client) = pair(patient());
    let mut server = peer.accept_ready();
    for byte in b"\x81\x0bhello world" {
        server.get_mut().write_all(&[*byte]).expect("the client listens");
        client.send_once("meanwhile");
        assert_eq!(receive(&mut server).as_deref(), Some("meanwhile"));
    }
    client.monitor.wait("the message", |record| record.received.iter().any(|text| text == "hello world"));
    drop(server);
    leave(client);
}

/// A message that takes longer to arrive than the heartbeat waits, a server that only pings, and one that sends pongs
/// which answer nothing.
///
/// [H1] [H5]
#[test]
fn whatever_arrives_is_life_even_a_part_of_a_message() {
    let message: Vec<&[u8]> = b"\x81\x06slowly".chunks(1).collect();
    for pieces in [message, vec![b"\x89\x00"; 8], vec![b"\x8a\x01x"; 8]] {
        let mode = HeartbeatMode::Listen { timeout: millis(600) };
        let (peer, client) = pair(Settings { heartbeat: heartbeat(mode), ..patient() });
        let mut server = peer.accept_ready();
        for piece in pieces {
            thread::sleep(millis(150)); // 1,200 ms in all: slowness is what this is about.
            server.get_mut().write_all(piece).expect("the client listens");
        }
        server.send(Message::text("done")).expect("the client listens");
        let done = |text: &String| text == "done";
        let record = client.monitor.wait("the last message", |record| record.received.iter().any(done));
        assert_eq!((record.losses().count(), record.stats.pongs), (0, 0), "{:?}", record.events);
        drop(server);
        leave(client);
    }
}

/// [Q4] [P5]
#[test]
fn what_both_sides_send_at_the_same_time_arrives_whole_and_in_order() {
    const MESSAGES: usize = 20_000;
    let (peer, client) = pair(roomy());
    let mut reader = peer.accept_ready();
    let stream = reader.get_ref().try_clone().expect("another handle");
    let mut writer = WebSocket::from_raw_socket(stream, Role::Server, None);
    let writing = thread::spawn(move || {
        (0..MESSAGES).for_each(|number| writer.write(Message::text(number.to_string())).expect("the client reads"));
        writer.flush().expect("the client reads");
    });
    let reading = thread::spawn(move || {
        (0..MESSAGES).for_each(|number| assert_eq!(receive(&mut reader), Some(number.to_string())));
        reader
    });
    (0..MESSAGES).for_each(|number| client.send_once(number.to_string()));
    let record = client.monitor.wait("all of it", |record| record.received.len() > MESSAGES);
    let expected = (0..MESSAGES).map(|number| number.to_string());
    assert!(record.received[1..].iter().cloned().eq(expected), "{} received", record.received.len());
    writing.join().expect("everything was read");
    drop(reading.join().expect("everything was written"));
    leave(client);
}

/// A peer that never reads, and an outbox that is larger than all buffers together: the heartbeat's verdict does not
/// wait for room, the codec's buffer has not taken more than a burst and a message, and what was not
/// acknowledged goes to the next connection.
///
/// [H4] [H9] [P3] [P6] [Q5]
#[test]
fn a_silent_link_is_found_dead_although_its_buffers_are_full() {
    let mode = HeartbeatMode::WhenIdle { interval: millis(200), timeout: millis(300) };
    let (peer, mut client) = pair(Settings { heartbeat: heartbeat(mode), ..roomy() });
    let mut dead = peer.accept_ready();
    let before = client.record();
    client.send(1, 0);
    flood(&client);
    let record = client.monitor.wait_loss(&before, Loss::HeartbeatTimeout);
    let chunks = record.accepted.values().filter(|entry| entry.key.len() == CHUNK);
    let transmitted = chunks.filter(|entry| entry.outcomes == [Outcome::Transmitted]).count();
    assert!(transmitted < FLOOD / 2, "{transmitted} messages went into a link that takes nothing");

    let mut alive = peer.accept_ready();
    assert_eq!(receive(&mut alive).as_deref(), Some("alo:1 "));
    client.monitor.wait("a redelivery", |record| record.stats.redeliveries == 1);
    // The link was not dead at all: it is read now, past its codec, to see how much had left the client.
    let left = std::io::copy(dead.get_mut(), &mut std::io::sink()).expect("no reset") as usize / CHUNK;
    assert!(transmitted - left <= 2, "{transmitted} transmitted, {left} left");
    drop((alive, peer));
    leave(client);
}

/// Says why it closes, and is gone at once: with something unread, that is a reset.
fn close_and_reset(mut server: WebSocket<TcpStream>) {
    let frame = CloseFrame { code: 1008.into(), reason: "".into() };
    server.send(Message::Close(Some(frame))).expect("the client is there");
}

/// [C6] [R4]
#[test]
fn a_close_frame_that_says_why_is_read_though_writing_is_stuck() {
    let mode = HeartbeatMode::WhenIdle { interval: millis(200), timeout: PATIENCE };
    let heartbeat = HeartbeatConfig { slow_after: Some(millis(200)), ..heartbeat(mode) };
    let (peer, client) = pair(Settings { heartbeat, ..roomy() });
    let server = peer.accept_ready();
    flood(&client);
    client.monitor.wait("a slow ping", |record| record.has_event(Event::Degraded, 0));
    close_and_reset(server);
    assert_eq!(client.monitor.wait_state(State::Idle).cause, Cause::Stopped(Loss::Close(1008)));
    leave(client);
}

/// An application that is busy from an action of a kind until the test wakes it, once.
struct Busy {
    reached: Receiver<()>,
    wake: Sender<()>,
}

impl Busy {
    fn at(kind: fn(&Action<Message>) -> bool, peer: &Peer, settings: Settings) -> (Self, Client) {
        let ((report, reached), (wake, woken)) = (channel(), channel());
        let spawn = move |config, seed, mut recorder: Recorder| {
            recorder.before_action = Box::new(move |action| {
                if kind(action) && report.send(()).is_ok() {
                    woken.recv_timeout(PATIENCE).expect("the test wakes it");
                }
            });
            spawn(config, seed, recorder)
        };
        let mut client = start(spawn, peer.url(), settings);
        client.connect();
        (Self { reached, wake }, client)
    }

    fn wait(&self) {
        self.reached.recv_timeout(PATIENCE).expect("the application is busy");
    }

    fn end(self) {
        self.wake.send(()).expect("it is still busy");
    }
}

/// The first message expires, which lets the second one out, just when the server is gone.
///
/// [C6] [R4]
#[test]
fn a_close_frame_that_says_why_is_read_though_a_write_fails_first() {
    let peer = Peer::listen();
    let expired =
        |action: &Action<Message>| matches!(action, Action::Outcome { outcome: Outcome::Unconfirmed(..), .. });
    let (busy, client) = Busy::at(expired, &peer, roomy());
    let server = peer.accept_ready();
    let message = |text: &'static str| Outgoing::at_least_once(Message::text(text), text.len());
    client.send_message(message("first").expires_in(millis(50)));
    client.send_message(message("second"));
    busy.wait();
    close_and_reset(server);
    busy.end();
    assert_eq!(client.monitor.wait_state(State::Idle).cause, Cause::Stopped(Loss::Close(1008)));
    leave(client);
}

/// The pong comes in time, but the application is busy until its deadline is over.
///
/// [P5] [H8]
#[test]
fn a_pong_that_waits_for_a_busy_application_is_read_before_the_verdict() {
    const TIMEOUT: Duration = millis(400);
    let mode = HeartbeatMode::WhenIdle { interval: millis(50), timeout: TIMEOUT };
    let heartbeat = HeartbeatConfig { slow_after: Some(millis(50)), ..heartbeat(mode) };
    let peer = Peer::listen();
    let degraded = |action: &Action<Message>| *action == Action::Event(Event::Degraded);
    let (busy, client) = Busy::at(degraded, &peer, Settings { heartbeat, ..patient() });
    let mut server = peer.accept_ready();
    busy.wait();
    assert!(matches!(server.read(), Ok(Message::Ping(_))));
    server.flush().expect("the pong goes out");
    thread::sleep(TIMEOUT); // Lateness is what this is about.
    client.input(Input::Connect); // Does nothing, but is the first thing that the driver finds.
    busy.end();
    let record = client.monitor.wait("the pong", |record| record.has_event(Event::Recovered, 0));
    assert_eq!(record.losses().count(), 0, "{:?}", record.events);
    drop(server);
    leave(client);
}
