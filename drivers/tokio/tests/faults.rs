//! A server that is not there, and one that is busy, on real sockets.

use std::time::{Duration, Instant};

use heartline_testkit::faults::{PATIENCE, Server};
use heartline_tokio::{Backoff, Cause, Client, Incoming, Loss, OutboxConfig, Settings, TransportError};
use tokio::time::timeout;

const DELAY: Duration = Duration::from_millis(30);

#[tokio::test]
async fn a_name_that_nobody_has_and_a_port_where_nobody_listens_are_dialled_again_but_not_in_a_tight_loop() {
    // A label of more than 63 octets is in no name, and no server is asked for it (RFC 1035 §2.3.4).
    let unknown = format!("ws://{}.invalid/", "a".repeat(64));
    let server = Server::reserve(|_| None).expect("a port");
    for (url, error) in [(unknown, TransportError::Resolve), (server.url("/"), TransportError::Connect)] {
        let settings = Settings { backoff: Backoff::constant(DELAY), min_dial_gap: DELAY, ..Settings::default() };
        let began = Instant::now();
        let (client, _incoming) = Client::builder(url).session(settings).spawn().expect("valid");
        let mut status = client.status();
        let lost = Cause::Lost(Loss::Transport(error));
        let fifth = status
            .wait_for(|status| status.cause == lost && status.retry.as_ref().is_some_and(|retry| retry.attempt == 5));
        drop(timeout(PATIENCE, fifth).await.expect("five dials in time").expect("a client that lives"));
        assert!(began.elapsed() >= 4 * DELAY);
    }
}

async fn hear(incoming: &mut Incoming) -> String {
    let next = timeout(PATIENCE, incoming.next_message()).await.expect("a message in time");
    next.expect("a client that lives").to_string()
}

#[tokio::test]
async fn what_both_sides_send_at_the_same_time_arrives_whole_and_in_order() {
    const MESSAGES: u32 = 20_000;
    let server = Server::start(|text: &str| Some(text.to_owned())).expect("a port");
    let outbox = OutboxConfig { max_messages: MESSAGES, ..OutboxConfig::default() };
    let (client, mut incoming) = Client::builder(server.url("/")).outbox(outbox).spawn().expect("valid");
    (0..MESSAGES).for_each(|number| drop(client.try_send(number.to_string()).expect("there is room")));
    for number in 0..MESSAGES {
        assert_eq!(hear(&mut incoming).await, number.to_string());
    }
    assert!(client.close(PATIENCE).await.is_clean());
}
