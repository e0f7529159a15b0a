//! What a client tells `tracing` and `metrics`.

use std::time::Duration;

use heartline_driver_testing::telemetry::{IN_THE_HOOK, LEAVE, Logging, SECRET, UNCONFIRMED, configure, info, is_told};
use heartline_tokio::{Client, Outcome, Outgoing};

#[test]
fn every_connection_has_its_span_and_what_happens_is_counted() {
    is_told(|url| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(live(url));
    });
}

async fn live(url: &str) {
    let builder = Client::builder(url).codec(Logging::default()).configure(configure).request(|dial| async move {
        info(IN_THE_HOOK);
        dial.request()
    });
    let (client, mut incoming) = builder.spawn().expect("valid");
    _ = client.send(SECRET).await.expect("accepted");
    assert_eq!(incoming.next_message().await.expect("an echo").as_str(), SECRET);
    assert_eq!(client.send(LEAVE).await.expect("accepted").await, Outcome::Transmitted);
    let receipt = client.send(Outgoing::at_least_once(UNCONFIRMED)).await.expect("accepted");
    assert_eq!(incoming.next_message().await.expect("an echo").as_str(), UNCONFIRMED);
    client.status().wait_for(|status| status.round_trip.is_some()).await.expect("a client that lives");
    client.reconnect();
    assert_eq!(incoming.next_message().await.expect("an echo").as_str(), UNCONFIRMED);
    client.close(Duration::ZERO).await;
    assert!(matches!(receipt.await, Outcome::Unconfirmed(..)));
}
