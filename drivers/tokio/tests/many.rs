//! Many senders at once on real sockets, with a server that hangs up all the time.

use std::time::Duration;

use futures_util::StreamExt as _;
use heartline_tokio::heartline::backoff::Backoff;
use heartline_tokio::heartline::{Outcome, Settings};
use heartline_tokio::{Client, Outgoing};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

/// Takes forty messages of each connection, then drops it.
async fn impatient(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let Ok(mut socket) = accept_async(stream).await else { return };
            for _ in 0..40 {
                if !matches!(socket.next().await, Some(Ok(_))) {
                    return;
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_message_of_every_sender_has_one_outcome_whatever_the_server_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    tokio::spawn(impatient(listener));
    let millisecond = Duration::from_millis(1);
    let mut settings =
        Settings { backoff: Backoff::constant(millisecond), min_dial_gap: millisecond, ..Settings::default() };
    settings.outbox.max_messages = 32;
    settings.outbox.ack_window = 32;
    let (client, incoming) = Client::builder(url).session(settings).spawn().expect("valid");
    drop(incoming);
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut transmitted = 0;
                for number in 0..200 {
                    let receipt = client.send(Outgoing::at_most_once(format!("{sender} {number}"))).await;
                    let receipt = receipt.expect("accepted");
                    if number % 3 == 0 {
                        continue; // Nobody wants to know.
                    }
                    assert_eq!(receipt.await, Outcome::Transmitted);
                    transmitted += 1;
                }
                transmitted
            })
        })
        .collect();
    let all = async {
        for sender in senders {
            assert_eq!(sender.await.expect("no panic"), 133);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("nothing hangs");
    let stats = client.stats();
    assert_eq!(stats.queued, 0, "{stats:?}");
    assert!(stats.session.dials > 1, "{stats:?}");
}
