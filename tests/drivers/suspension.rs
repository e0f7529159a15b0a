//! A process that is stopped for a while and goes on. Only another process can be stopped, so each test runs itself
//! once more as a child, whose client answers every text with the same text.

use std::net::TcpStream;
use std::process::{Child, Command};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use heartline::heartbeat::HeartbeatMode;
use heartline::{Action, Outgoing, Settings, State};
use tungstenite::{Message, WebSocket};

use crate::faults::PATIENCE;
use crate::harness::{Peer, heartbeat, millis, patient, receive, start};
use crate::{blocking, minimal};

/// The child's URL.
const URL: &str = "HEARTLINE_TEST_URL";
const TIMEOUT: Duration = millis(1500);

/// A child process, ended with the test.
struct Suspended(Child);

impl Suspended {
    fn start(test: &str, peer: &Peer) -> Self {
        let mut command = Command::new(env::current_exe().expect("this test"));
        let child = command.args(["--exact", test, "--nocapture"]).env(URL, peer.url()).spawn();
        Self(child.expect("the same test once more"))
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(status.expect("a kill command").success());
    }

    fn stop(&self) {
        self.signal("-STOP");
        let began = Instant::now();
        let is_stopped =
            || fs::read_to_string(format!("/proc/{}/stat", self.0.id())).is_ok_and(|stat| stat.contains(") T "));
        while cfg!(target_os = "linux") && !is_stopped() {
            assert!(began.elapsed() < PATIENCE, "it does not stop");
            thread::yield_now();
        }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn is_answered(server: &mut WebSocket<TcpStream>, text: &str) {
    server.send(Message::text(text)).expect("the client is there");
    assert_eq!(receive(server).as_deref(), Some(text));
}

/// A message arrives while the child is stopped for `pause`; it goes on, on the same connection.
fn goes_on(test: &str, mut server: impl FnMut(&Peer) -> WebSocket<TcpStream>, pause: Duration) {
    let peer = Peer::listen();
    let child = Suspended::start(test, &peer);
    let mut server = server(&peer);
    is_answered(&mut server, "before");
    child.stop();
    server.send(Message::text("meanwhile")).expect("the connection stands");
    thread::sleep(pause);
    child.signal("-CONT");
    assert_eq!(receive(&mut server).as_deref(), Some("meanwhile"), "the connection was given up");
    is_answered(&mut server, "after");
}

/// Going on interrupts the poll, which then reports nothing, although a message is there and the silence is over.
///
/// [P5] [H5]
#[test]
fn an_interrupted_poll_is_not_silence() {
    let Ok(url) = env::var(URL) else {
        let name = "suspension::an_interrupted_poll_is_not_silence";
        return goes_on(name, Peer::accept_ready, TIMEOUT + millis(200));
    };
    let mode = HeartbeatMode::Listen { timeout: TIMEOUT };
    let mut client = start(blocking::spawn, url, Settings { heartbeat: heartbeat(mode), ..patient() });
    client.connect();
    let mut answered = 1; // The greeting's end needs no answer.
    while client.record().state != State::Closed {
        let record = client.monitor.wait("a message", |record| record.received.len() > answered);
        record.received[answered..].iter().for_each(|text| client.send_once(text.as_str()));
        answered = record.received.len();
    }
}

/// [P5] [C6]
#[test]
fn an_interrupted_read_is_not_the_end_of_the_connection() {
    let Ok(url) = env::var(URL) else {
        let name = "suspension::an_interrupted_read_is_not_the_end_of_the_connection";
        return goes_on(name, Peer::accept, millis(200));
    };
    let (outbox, messages) = channel();
    minimal::run(&url, 1, &messages, |action| {
        if let Action::Deliver(message) = action {
            let size = message.len();
            outbox.send(Outgoing::at_most_once(message, size)).expect("the driver takes it");
        }
    });
}
