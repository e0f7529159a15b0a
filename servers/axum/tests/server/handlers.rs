//! Handlers that panic, fail, or take their time, and clients that send too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt as _;
use heartline::CloseCode;
use heartline::hub::{RateLimit, Settings};

use crate::site::{HOUR, MILLI, Site, plain, quiet, until};

#[tokio::test]
async fn a_panic_in_handler_hook_or_codec_ends_its_connection_with_1011_and_no_other() {
    let site = Site::start(plain(quiet())).await;
    for (number, word) in ["panic", "explode"].into_iter().enumerate() {
        let mut ann = site.enter("ann").await;
        ann.say(word).await;
        assert_eq!(ann.closed().await, (1011, "the server failed".into()), "{word}");
        assert_eq!(site.server.stats().panics, number as u64 + 1, "{word}");
    }
    site.is_unharmed().await;
    let site = Site::start(plain(quiet()).on_open(|cx| async move {
        assert!(cx.user().is_none_or(|user| user != "ann"), "as the test wants it");
        Ok(())
    }))
    .await;
    assert_eq!(site.enter("ann").await.closed().await.0, 1011);
    site.is_unharmed().await;
}

#[tokio::test]
async fn an_error_ends_the_message_and_not_the_connection_and_is_reported() {
    let reported = Arc::new(AtomicUsize::new(0));
    let count = reported.clone();
    let site = Site::start(plain(quiet()).on_error(move |cx, error| {
        assert_eq!((cx.user().map(String::as_str), error.to_string().as_str()), (Some("ann"), "as the test wants it"));
        count.fetch_add(1, Ordering::SeqCst);
    }))
    .await;
    let mut ann = site.enter("ann").await;
    ann.say("fail").await;
    ann.ping().await;
    assert_eq!((reported.load(Ordering::SeqCst), site.server.stats().errors), (1, 1));
}

#[tokio::test]
async fn a_handler_that_waits_stops_the_reader_of_its_connection_and_nothing_else() {
    let site = Site::start(plain(quiet())).await;
    let (mut ann, mut bob) = (site.enter("ann").await, site.enter("bob").await);
    ann.say("forever").await;
    ann.say("ping").await;
    for number in 0..50 {
        assert_eq!(bob.ask(&format!("to bob|{number}")).await, format!("bob: {number}"));
        bob.say(&format!("to ann|{number}")).await;
    }
    for number in 0..50 {
        assert_eq!(ann.receive().await, format!("bob: {number}"), "and not the answer to the ping");
    }
    let conn = site.server.conn_of(&"ann".to_owned()).expect("online");
    site.server.close(conn, CloseCode::GOING_AWAY, "enough");
    assert_eq!(ann.closed().await, (1001, "enough".into()));
    until("its end", || site.server.stats().connections == 1).await;
}

#[tokio::test]
async fn who_sends_too_much_is_read_later_and_loses_nothing() {
    let messages = Some(RateLimit { burst: 10, every: 10 * MILLI });
    let site = Site::start(plain(Settings { messages, ..quiet() })).await;
    let (mut ann, mut bob) = (site.enter("ann").await, site.enter("bob").await);
    for number in 0..60 {
        ann.socket.feed(format!("echo {number}").into()).await.expect("fed");
    }
    ann.socket.flush().await.expect("sent");
    bob.ping().await;
    for number in 0..60 {
        assert_eq!(ann.receive().await, number.to_string());
    }
    let stats = site.server.stats().hub;
    assert!(stats.pauses >= 40, "{stats:?}");
    assert_eq!(stats.closed_flooding, 0);
    ann.ping().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_neither_its_sender_nor_what_it_sends_itself() {
    let site = Site::start(plain(Settings { budget: u32::MAX, ..quiet() })).await;
    let (mut deaf, mut ann) = (site.enter("deaf").await, site.enter("ann").await);
    let text = "x".repeat(32 * 1024);
    for _ in 0..1000 {
        ann.say(&format!("to deaf|{text}")).await;
    }
    ann.ping().await;
    deaf.say("to ann|I can speak").await;
    assert_eq!(ann.receive().await, "deaf: I can speak");
    for _ in 0..1000 {
        assert_eq!(deaf.receive().await.len(), text.len() + 5);
    }
    deaf.ping().await;
}

#[tokio::test]
async fn no_handler_runs_for_what_a_client_sends_behind_its_close() {
    let site = Site::start(plain(quiet())).await;
    let mut ann = site.enter("ann").await;
    for word in ["close 4000|done", "fail", "panic"] {
        ann.socket.feed(word.into()).await.expect("fed");
    }
    ann.socket.flush().await.expect("sent");
    assert_eq!(ann.closed().await, (4000, "done".into()));
    let stats = site.server.stats();
    assert_eq!((stats.errors, stats.panics), (0, 0));
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_dropped_and_its_connection_closed_with_1011() {
    let builder = || plain(quiet()).handler_timeout(50 * MILLI);
    let site = Site::start(builder()).await;
    let mut ann = site.enter("ann").await;
    ann.say("forever").await;
    assert_eq!(ann.closed().await, (1011, "the server took too long".into()));
    let mut gone = site.enter("ann").await;
    gone.say("forever").await;
    drop(gone);
    until("its end", || site.server.stats().connections == 0).await;
    assert_eq!(site.server.stats().timeouts, 2);
    site.is_unharmed().await;
    let site = Site::start(builder().on_open(|_| std::future::pending())).await;
    assert_eq!(site.enter("ann").await.closed().await.0, 1011);
    let site = Site::start(builder().on_login(|_, _| std::future::pending())).await;
    let mut ann = site.dial().await;
    ann.say("login ann|").await;
    assert_eq!(ann.closed().await.0, 1011);
}

#[tokio::test]
async fn a_write_that_fails_ends_a_connection_whose_handler_waits() {
    let site = Site::start(plain(quiet()).handler_timeout(HOUR)).await;
    let mut ann = site.enter("ann").await;
    ann.say("forever").await;
    drop(ann);
    until("its end", || {
        _ = site.server.send(&"ann".to_owned(), &"are you there?".to_owned());
        site.server.stats().connections == 0
    })
    .await;
}

#[tokio::test]
async fn the_time_of_a_handler_has_a_range() {
    for (timeout, valid) in [(Duration::ZERO, false), (MILLI, true), (24 * HOUR, true), (25 * HOUR, false)] {
        assert_eq!(plain(quiet()).handler_timeout(timeout).build().is_ok(), valid, "{timeout:?}");
    }
}
