//! How connections end, and who learns of it.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt as _;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{RateLimit, Settings};
use heartline_axum::{Builder, Closed, ClosedBy, FrameLimits};
use tokio::io::AsyncWriteExt as _;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::site::{Client, HOUR, MILLI, Site, plain, quiet, until};
use crate::words::Words;

type Ends = Arc<Mutex<Vec<(Option<String>, Closed)>>>;

fn recorded(builder: Builder<Words>) -> (Builder<Words>, Ends) {
    let ends = Ends::default();
    let record = ends.clone();
    let builder = builder.on_close(move |cx, closed| {
        record.lock().expect("whole").push((cx.user().cloned(), closed));
        async {}
    });
    (builder, ends)
}

async fn end(ends: &Ends, count: usize) -> Closed {
    until("the end", || ends.lock().expect("whole").len() == count).await;
    ends.lock().expect("whole")[count - 1].1.clone()
}

#[tokio::test]
async fn the_close_hook_is_given_code_and_reason_whoever_closes() {
    let (builder, ends) = recorded(plain(quiet()));
    let site = Site::start(builder).await;

    let mut ann = site.enter("ann").await;
    let frame = CloseFrame { code: 4001.into(), reason: "bye".into() };
    ann.socket.send(Message::Close(Some(frame))).await.expect("sent");
    assert_eq!(ann.closed().await, (4001, "bye".into()), "the answer");
    let closed = end(&ends, 1).await;
    assert_eq!((closed.code, closed.reason.as_str(), closed.by, closed.clean), (4001, "bye", ClosedBy::Client, true));

    let mut bob = site.enter("bob").await;
    bob.say("close 4002|go away").await;
    assert_eq!(bob.closed().await, (4002, "go away".into()));
    let closed = end(&ends, 2).await;
    assert_eq!((closed.code, closed.reason.as_str(), closed.by), (4002, "go away", ClosedBy::Server));
    assert!(closed.clean);

    drop(site.enter("carl").await);
    let closed = end(&ends, 3).await;
    assert_eq!((closed.code, closed.by, closed.clean), (1006, ClosedBy::Nobody, false));
    assert_eq!(site.server.stats().connections, 0);
    let users = ends.lock().expect("whole").iter().map(|(user, _)| user.clone()).collect::<Vec<_>>();
    assert_eq!(users, ["ann", "bob", "carl"].map(|name| Some(name.to_owned())), "known beyond the end");
}

#[tokio::test]
async fn a_client_that_breaks_a_rule_is_told_which_and_not_by_a_reset() {
    let (builder, ends) = recorded(plain(quiet()));
    let site = Site::start(builder).await;
    let too_long = [&[0x81, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0][..], &[b'x'; 70_000]].concat();
    let noise = [&[0xff; 6][..], &[b'x'; 200_000]].concat();
    let no_text = [&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xff][..], &[b'x'; 200_000]].concat();
    for (count, (code, bytes)) in [(1002, noise), (1007, no_text), (1009, too_long)].into_iter().enumerate() {
        let mut ann = site.enter("ann").await;
        ann.bytes(&bytes).await;
        assert_eq!(ann.closed().await.0, code);
        assert_eq!(end(&ends, count + 1).await.code, code);
    }
    let mut ann = site.enter("ann").await;
    ann.say("gibberish").await;
    assert_eq!(ann.closed().await, (1007, "gibberish".into()));
    site.is_unharmed().await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_a_close_is_dropped() {
    let (builder, ends) = recorded(plain(Settings { close_timeout: 50 * MILLI, ..quiet() }));
    let site = Site::start(builder).await;
    let mut ann = site.enter("ann").await;
    ann.say("close 4000|").await;
    let closed = end(&ends, 1).await;
    assert_eq!((closed.code, closed.by, closed.clean), (4000, ClosedBy::Server, false));
    assert_eq!(site.server.stats().connections, 0);
}

#[tokio::test]
async fn what_was_queued_goes_out_before_the_close_frame_and_nothing_behind_it() {
    let site = Site::start(plain(quiet())).await;
    let (ann, mut bob) = (site.enter("ann").await, site.enter("bob").await);
    let text = "x".repeat(30_000);
    for _ in 0..30 {
        bob.say(&format!("to ann|{text}")).await;
    }
    bob.ping().await;
    let conn = site.server.conn_of(&"ann".to_owned()).expect("online");
    site.server.close(conn, heartline::CloseCode::NORMAL, "done");
    assert_eq!(bob.ask("to ann|late").await, "ann: the user is not online");
    let Client { mut socket, .. } = ann;
    let mut texts = 0;
    loop {
        match crate::site::soon("frame", futures_util::StreamExt::next(&mut socket)).await {
            Some(Ok(Message::Text(_))) => texts += 1,
            Some(Ok(Message::Close(frame))) => break assert_eq!(frame.expect("a code").reason, "done"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts, 30);
}

#[tokio::test]
async fn a_client_that_sends_on_after_a_close_is_cut_off() {
    let site = Site::start(plain(Settings { close_timeout: HOUR, ..quiet() })).await;
    let frame = [&[0x82, 0x80 | 126, 0x7f, 0xff, 0, 0, 0, 0][..], &[b'x'; 0x7fff]].concat();
    for (first, most) in [("noise", 32 << 20), ("panic", 32 << 20), ("close 4000|", 128 << 20)] {
        let mut ann = site.enter("ann").await;
        match first {
            "noise" => ann.bytes(&[0xff; 6]).await,
            word => ann.say(word).await,
        }
        let mut sent = 0;
        while crate::site::soon("write", ann.socket.get_mut().write_all(&frame)).await.is_ok() {
            sent += frame.len();
            assert!(sent < most, "{first}: {sent} bytes were taken");
        }
        until("its end", || site.server.stats().connections == 0).await;
    }
}

#[tokio::test]
async fn who_floods_or_falls_silent_is_told_so() {
    let bytes = Some(RateLimit::per_second(1, 1000));
    let limits = FrameLimits { max_inbound_message: 3000, ..FrameLimits::default() };
    let site = Site::start(plain(Settings { bytes, ..quiet() }).limits(limits)).await;
    let mut ann = site.enter("ann").await;
    for size in [995, 2995] {
        ann.say(&format!("echo {}", "x".repeat(size))).await;
    }
    assert_eq!(ann.closed().await, (1008, "too many messages".into()));
    let mode = HeartbeatMode::WhenIdle { interval: 20 * MILLI, timeout: 50 * MILLI };
    let heartbeat = HeartbeatConfig { mode, slow_after: None, late_tolerance: HOUR };
    let site = Site::start(plain(Settings { heartbeat, ..quiet() })).await;
    let mut ann = site.enter("ann").await;
    until("its end", || site.server.stats().hub.closed_silent == 1).await;
    loop {
        if let Message::Close(frame) = ann.frame().await {
            let frame = frame.expect("a code");
            break assert_eq!((u16::from(frame.code), frame.reason.as_str()), (3008, "no sign of life"));
        }
    }
}
