//! A recorder in place of the session: the log of a run replays.

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use futures_util::SinkExt as _;
use heartline_testkit::record::{Recorder, Replayer, left_out};
use heartline_tokio::codec::Text;
use heartline_tokio::heartline::replay::Call;
use heartline_tokio::{BuildError, Client, Outgoing, State};
use support::*;

/// A log that is read after the client has ended.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_a_loss_a_cancel_and_a_close_replays_call_by_call() {
    let log = Log::default();
    let (builder, mut network) = client(4096);
    let out = log.clone();
    let builder = builder.record(|config, seed, id| Recorder::with_first_id(config, seed, id, out, left_out));
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    let kept = client.send(Outgoing::at_least_once("kept")).await.expect("room");
    assert_eq!(heard(&mut peer).await.as_deref(), Some("kept"));
    say(&mut peer, "received").await;
    assert_eq!(next_text(&mut incoming).await.as_deref(), Some("received"));
    peer.send(close(1012)).await.expect("open");
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("kept"));
    kept.cancel();
    kept.await;
    until(&client, State::Open).await;
    tokio::spawn(async move { while heard(&mut peer).await.is_some() {} });
    client.close(SECOND).await;

    let log = log.0.lock().expect("not poisoned").clone();
    let mut replayer = Replayer::<(), _>::new(&log[..]).expect("a log");
    let mut seen = [false; 4];
    while let Some(entry) = replayer.step().expect("the same answers") {
        match entry.call {
            Call::Send { .. } => seen[0] = true,
            Call::Transmit { .. } => seen[1] = true,
            Call::Received { .. } => seen[2] = true,
            Call::Sent { .. } => seen[3] = true,
            _ => {}
        }
    }
    assert_eq!(seen, [true; 4], "every kind of call is recorded");
}

#[tokio::test]
async fn a_codec_after_the_recorder_is_refused() {
    let recorded = || {
        Client::builder("ws://localhost/")
            .record(|config, seed, id| Recorder::with_first_id(config, seed, id, Vec::new(), left_out))
    };
    assert_eq!(recorded().codec(Text).spawn().map(drop).expect_err("lost"), BuildError::CodecAfterRecord);
    assert!(recorded().spawn().is_ok());
}
