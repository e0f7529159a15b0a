//! A process that was stopped: the nearest to a suspended computer that a test can have.
#![cfg(target_os = "linux")]

mod support;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heartline_blocking::heartline::heartbeat::HeartbeatMode;
use heartline_blocking::tungstenite::{Error, Message};
use heartline_blocking::{Client, State};
use heartline_driver_testing::stopped::{Child, is_child, say as tell};
use support::*;

const URL: &str = "HEARTLINE_TEST_URL";
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longer than the timeout, and late by less than what the session takes for a suspension.
const STOPPED: Duration = Duration::from_secs(4);

/// Finding A2: SIGCONT interrupts the wait, and an interrupted wait is not silence.
#[test]
fn a_stop_shorter_than_the_grace_condemns_no_link_on_which_something_waits_to_be_read() {
    if is_child() {
        return in_child();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let over = ended.clone();
    let server = Server::run(move |listener| {
        let mut socket = accept(&listener);
        socket.get_mut().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        while !over.load(Ordering::SeqCst) {
            let sent = socket.send(Message::Ping(Vec::new().into()));
            match sent.and_then(|()| socket.read()) {
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break, // The child has gone.
                Ok(_) => {}
            }
        }
    });
    let name = "a_stop_shorter_than_the_grace_condemns_no_link_on_which_something_waits_to_be_read";
    let mut child = Child::run_with(name, [(URL, server.url())]);
    assert_eq!(child.hear(), "open");
    // Most likely it waits in a poll by then; if not, the test proves less.
    std::thread::sleep(Duration::from_millis(300));
    child.stop();
    // Real time has to pass: no other clock goes on for a process that stands still.
    std::thread::sleep(STOPPED);
    child.resume();
    let late = std::iter::repeat_with(|| child.hear()).find(|said| said != "open").unwrap();
    assert_eq!(late, "dials 1, lost to the heartbeat 0");
    ended.store(true, Ordering::SeqCst);
    server.join();
}

fn in_child() {
    let client = Client::builder(std::env::var(URL).unwrap()).heartbeat(HeartbeatMode::Listen { timeout: TIMEOUT });
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    let clock = heartline_blocking::Clock::boot();
    let mut last = clock.now();
    tell("open");
    loop {
        client.poll(None); // Waits between two pings, so that SIGCONT finds it waiting.
        let now = clock.now();
        if now.saturating_since(std::mem::replace(&mut last, now)) > STOPPED / 2 {
            break;
        }
    }
    let until = clock.now().saturating_add(Duration::from_millis(200));
    while clock.now() < until {
        client.poll(FRAME);
    }
    let stats = client.stats().session;
    tell(format!("dials {}, lost to the heartbeat {}", stats.dials, stats.lost_to_heartbeat));
}
