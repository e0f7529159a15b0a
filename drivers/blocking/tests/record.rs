//! A recorder in place of the session: the log of a run replays.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use heartline_blocking::{Outcome, State};
use heartline_testkit::record::{Recorder, left_out, replay};
use support::*;

/// A log that is read after the client has ended.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_run_with_a_loss_and_a_close_replays_call_by_call() {
    let server = Server::run(|listener| {
        close(&mut accept(&listener), 1011);
        let mut socket = accept(&listener);
        assert_eq!(text(&mut socket), "sent");
        say(&mut socket, "received");
        until_end(&mut socket);
    });
    let log = Log::default();
    let out = log.clone();
    let client = server.client().record(|config, seed, id| Recorder::with_first_id(config, seed, id, out, left_out));
    let mut client = client.build().unwrap();
    poll_until(&mut client, "the second connection", |client| {
        client.status().state == State::Open && client.stats().session.dials == 2
    });
    let receipt = client.try_send("sent").unwrap();
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    assert_eq!(hear(&mut client), "received");
    client.close(PATIENCE);
    server.join();
    let log = log.0.lock().unwrap().clone();
    let replayed = replay::<()>(&log[..]).expect("the same answers");
    assert!(replayed.calls > 20, "{replayed:?}");
}
