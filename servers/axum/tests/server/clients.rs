//! Clients of heartline-tokio: what server and client promise holds between them.

use std::time::Duration;

use heartline::Outcome;
use heartline::backoff::Backoff;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::Settings;
use heartline_axum::Shutdown;
use heartline_tokio::codec::Text;
use heartline_tokio::{Client, Incoming, Received, State};
use tungstenite::Utf8Bytes;

use crate::site::{HOUR, MILLI, Site, plain, quiet, soon, until};

fn client(site: &Site, name: &'static str) -> (Client<Utf8Bytes>, Incoming<Utf8Bytes>) {
    Client::builder(format!("ws://{}/ws", site.address))
        .codec(Text)
        .request(move |dial| async move { Ok(dial.request()?.header("Authorization", format!("Bearer {name}"))?) })
        .session(heartline::Settings {
            backoff: Backoff::constant(MILLI),
            min_dial_gap: MILLI,
            ..heartline::Settings::default()
        })
        .spawn()
        .expect("valid")
}

async fn next(incoming: &mut Incoming<Utf8Bytes>) -> String {
    loop {
        match soon("message", incoming.next()).await {
            Some(Received::Message(text)) => return text.to_string(),
            Some(_) => {}
            None => panic!("the client has ended"),
        }
    }
}

#[tokio::test]
async fn two_clients_speak_and_one_that_was_replaced_stays_away() {
    let site = Site::start(plain(quiet())).await;
    let ((ann, mut to_ann), (bob, mut to_bob)) = (client(&site, "ann"), client(&site, "bob"));
    assert_eq!((next(&mut to_ann).await, next(&mut to_bob).await), ("hello ann".into(), "hello bob".into()));
    assert_eq!(ann.send("to bob|hello").await.expect("accepted").await, Outcome::Transmitted);
    assert_eq!(next(&mut to_bob).await, "ann: hello");
    let mut other = site.enter("ann").await;
    let end = soon("the end", ann.closed()).await;
    let close = end.ended.as_ref().and_then(|ended| ended.close.clone());
    assert_eq!(close.map(|close| close.code()), Some(4409), "{end:?}");
    other.ping().await;
    bob.close(HOUR).await;
    until("its end", || site.server.stats().connections == 1).await;
}

#[tokio::test]
async fn a_client_that_is_asked_to_come_back_later_does() {
    let site = Site::start(plain(quiet())).await;
    let (ann, mut to_ann) = client(&site, "ann");
    assert_eq!(next(&mut to_ann).await, "hello ann");
    let shutdown = Shutdown { within: HOUR, pace: Duration::ZERO, spread: HOUR };
    soon("the end", site.server.shutdown(shutdown)).await;
    soon("waiting", ann.status().wait_for(|status| status.state == State::Waiting)).await.expect("it lives");
    assert!(ann.retry_in().is_some_and(|wait| wait > Duration::from_secs(1)), "{:?}", ann.retry_in());
}

#[tokio::test]
async fn a_client_that_only_answers_pings_stays_also_while_its_handler_waits() {
    let mode = HeartbeatMode::WhenIdle { interval: 20 * MILLI, timeout: Duration::from_secs(2) };
    let heartbeat = HeartbeatConfig { mode, slow_after: None, late_tolerance: HOUR };
    let site = Site::start(plain(Settings { heartbeat, ..quiet() })).await;
    let (ann, mut to_ann) = client(&site, "ann");
    assert_eq!(next(&mut to_ann).await, "hello ann");
    until("pings", || site.server.stats().hub.pings >= 5).await;
    _ = ann.send("forever").await.expect("accepted");
    let before = site.server.stats().hub.pings;
    until("more pings than one that is not answered", || site.server.stats().hub.pings >= before + 20).await;
    let stats = site.server.stats();
    assert_eq!((stats.online, stats.hub.closed_silent), (1, 0));
}
