//! How a server goes down.

use std::collections::BTreeSet;
use std::time::Duration;

use heartline_axum::Shutdown;

use crate::site::{HOUR, MILLI, Site, plain, quiet, refused, soon, until};

#[tokio::test]
async fn a_shutdown_lets_out_what_is_queued_asks_everybody_to_come_back_and_ends_with_the_last() {
    let site = Site::start(plain(quiet())).await;
    let mut clients = vec![site.dial().await];
    for number in 0..10 {
        clients.push(site.enter(&format!("user {number}")).await);
    }
    let mut ann = site.enter("ann").await;
    let text = "x".repeat(30_000);
    for number in 0..10 {
        ann.say(&format!("to user {number}|{text}")).await;
    }
    ann.ping().await;
    clients.push(ann);
    let server = site.server.clone();
    let spread = Duration::from_secs(1000);
    let down = tokio::spawn(async move {
        server.shutdown(Shutdown { within: HOUR, pace: Duration::ZERO, spread }).await;
    });
    until("the first close", || site.server.stats().online == 0).await;
    let (status, wait, text) = refused(site.try_dial(&[]).await);
    assert_eq!((status, wait.is_some(), text.as_str()), (503, true, "shutting down"));
    assert!(!down.is_finished(), "nobody has answered its close frame");
    let mut waits = BTreeSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        if (1..=10).contains(&number) {
            assert_eq!(client.receive().await.len(), 30_005);
        }
        let (code, reason) = client.closed().await;
        assert_eq!(code, 1012);
        waits.insert(reason.strip_prefix("retry-after-ms=").expect(&reason).to_owned());
    }
    assert!(waits.len() > 6, "hardly spread: {waits:?}");
    soon("the end", down).await.expect("no panic");
    assert_eq!(site.server.stats().connections, 0);
}

#[tokio::test]
async fn a_shutdown_ends_although_clients_and_handlers_do_not() {
    let site = Site::start(plain(quiet())).await;
    let (mut ann, _bob) = (site.enter("ann").await, site.enter("bob").await);
    ann.say("forever").await;
    let shutdown = Shutdown { within: 50 * MILLI, pace: Duration::ZERO, spread: Duration::ZERO };
    soon("the end", site.server.shutdown(shutdown)).await;
    assert_eq!(site.server.stats().connections, 0);
}

#[tokio::test]
async fn a_shutdown_without_connections_ends_at_once_and_again() {
    let site = Site::start(plain(quiet())).await;
    for _ in 0..2 {
        soon("the end", site.server.shutdown(Shutdown::default())).await;
    }
}
