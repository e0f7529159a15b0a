//! What a client tells `tracing` and `metrics`.

mod support;

use std::time::Duration;

use heartline_blocking::{Client, Outcome, Outgoing};
use heartline_driver_testing::telemetry::{IN_THE_HOOK, LEAVE, Logging, SECRET, UNCONFIRMED, configure, info, is_told};
use support::{PATIENCE, poll_until};

#[test]
fn every_connection_has_its_span_and_what_happens_is_counted() {
    is_told(live);
}

fn live(url: &str) {
    let builder = Client::builder(url).codec(Logging::default()).configure(configure).request(|dial| {
        info(IN_THE_HOOK);
        dial.request()
    });
    let mut client = builder.build().expect("valid");
    _ = client.try_send(SECRET).expect("accepted");
    assert_eq!(client.recv_message(PATIENCE).expect("an echo").as_str(), SECRET);
    let receipt = client.try_send(LEAVE).expect("accepted");
    poll_until(&mut client, "it is sent", |_| receipt.poll() == Some(Outcome::Transmitted));
    let receipt = client.try_send(Outgoing::at_least_once(UNCONFIRMED)).expect("accepted");
    assert_eq!(client.recv_message(PATIENCE).expect("an echo").as_str(), UNCONFIRMED);
    poll_until(&mut client, "a round trip", |client| client.status().round_trip.is_some());
    client.reconnect();
    assert_eq!(client.recv_message(PATIENCE).expect("an echo").as_str(), UNCONFIRMED);
    client.close(Duration::ZERO);
    assert!(matches!(receipt.poll(), Some(Outcome::Unconfirmed(..))));
}
