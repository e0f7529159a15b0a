//! Brokers that die, hang and come back.

use std::time::Duration;

use heartline::directory::{Broker, Destination, Input};
use heartline_driver_testing::process::Server;
use heartline_nats::{ConnectError, Nats};

use crate::kit::{broker, builder, connected, next, node, reads_until_back, received, room, say, until, within};

async fn kill_and_start_again(broker: &mut Server, nats: &Nats, meanwhile: impl FnOnce()) {
    broker.kill();
    until(|| !nats.is_connected()).await;
    meanwhile();
    broker.start_again();
}

#[tokio::test]
async fn a_broker_that_is_killed_and_started_again_is_one_interruption_and_then_packets_flow() {
    let Some(mut broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    a.subscribe(&room(1));
    assert!(reads_until_back(&a, "all is well").await.is_empty());
    let all_subjects = [Destination::All, Destination::Node(node("a")), room(1)];
    for outage in 1..=2 {
        let stale = || (0..1000).for_each(|number| say(&a, &Destination::All, format!("stale {number}")));
        kill_and_start_again(&mut broker, &a, stale).await;
        assert_eq!(next(&a).await, Input::Interrupted);
        assert!(a.is_connected());
        for to in &all_subjects {
            say(&a, to, "after");
            assert_eq!(next(&a).await, received("after"));
        }
        // One that was told twice would show in the second outage at the latest.
        assert_eq!((a.stats().interruptions, a.stats().reconnects), (outage, outage));
    }
    assert_eq!(a.stats().unpublished, 2000);
}

#[tokio::test]
async fn subscriptions_that_changed_during_an_outage_hold_after_it() {
    let Some(mut broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    a.subscribe(&room(1));
    assert!(reads_until_back(&a, "all is well").await.is_empty());
    let meanwhile = || {
        a.unsubscribe(&room(1));
        a.subscribe(&room(2));
    };
    kill_and_start_again(&mut broker, &a, meanwhile).await;
    assert_eq!(next(&a).await, Input::Interrupted);
    say(&a, &room(1), "left");
    say(&a, &room(2), "entered");
    assert_eq!(next(&a).await, received("entered"));
}

#[tokio::test]
async fn without_a_connection_publishing_is_dropped_and_takes_no_memory() {
    let Some(mut broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    broker.kill();
    until(|| !a.is_connected()).await;
    let memory = allocation_counter::measure(|| {
        (0..10_000).for_each(|_| a.publish(&Destination::All, vec![0; 10_000]));
    });
    assert_eq!(a.stats().unpublished, 10_000);
    assert_eq!(a.stats().waiting, 0);
    assert!(memory.bytes_current < 10_000, "{memory:?}");
}

/// The broker's process stands still, and its sockets stay open.
#[tokio::test]
async fn a_broker_that_hangs_is_found_dead_and_what_waits_for_it_is_bounded() {
    const LIMIT: usize = 2 << 20;
    let Some(broker) = broker("") else { return };
    let a = builder("a", &broker).outgoing(LIMIT).connect().await.expect("a connection");
    assert!(reads_until_back(&a, "all is well").await.is_empty());
    broker.stop();
    while a.stats().unpublished < 10_000 {
        a.publish(&Destination::Node(node("nobody")), vec![0; 1000]);
        assert!(a.stats().waiting <= LIMIT, "{:?}", a.stats());
        tokio::task::yield_now().await;
    }
    until(|| !a.is_connected()).await;
    broker.go_on();
    assert_eq!(next(&a).await, Input::Interrupted);
    assert!(reads_until_back(&a, "after").await.is_empty());
    until(|| a.stats().waiting == 0).await;
}

#[tokio::test]
async fn a_stop_of_the_broker_that_pings_do_not_notice_delays_packets_and_loses_none() {
    let Some(broker) = broker("") else { return };
    let a = builder("a", &broker).ping_interval(Duration::from_secs(60)).connect().await.expect("a connection");
    broker.stop();
    for number in 0..1000 {
        say(&a, &Destination::All, number.to_string());
    }
    within(a.flush()).await;
    broker.go_on();
    for number in 0..1000 {
        assert_eq!(next(&a).await, received(number.to_string()));
    }
    assert_eq!(a.stats().interruptions, 0);
}

#[tokio::test]
async fn credentials_that_a_broker_no_longer_takes_are_reported_while_the_node_tries_again() {
    let Some(mut broker) = broker("") else { return };
    let a = connected("a", &broker).await;
    broker.kill();
    let again = crate::kit::start("authorization { token: another }").expect("it was there");
    broker.replace(again);
    broker.start_again();
    until(|| a.last_error().is_some_and(|error| error.contains("authorization violation"))).await;
    assert!(!a.is_connected());
    broker.kill();
    broker.replace(crate::kit::start("").expect("it was there"));
    broker.start_again();
    assert_eq!(next(&a).await, Input::Interrupted);
    assert!(reads_until_back(&a, "after").await.is_empty());
}

#[tokio::test]
async fn a_packet_that_was_flushed_arrives_though_its_connection_is_dropped() {
    let Some(broker) = broker("") else { return };
    let (a, b) = (connected("a", &broker).await, connected("b", &broker).await);
    say(&a, &Destination::All, "goodbye");
    within(a.flush()).await;
    drop(a);
    assert_eq!(next(&b).await, received("goodbye"));
}

#[tokio::test]
async fn a_connection_that_is_dropped_leaves_its_place_at_the_broker_to_another() {
    let Some(broker) = broker("max_connections: 1") else { return };
    // Whoever looked whether the broker listens has a place too, for a moment.
    let place = async || {
        loop {
            if let Ok(connection) = builder("a", &broker).connect().await {
                return connection;
            }
        }
    };
    let a = within(place()).await;
    a.subscribe(&room(1));
    assert!(reads_until_back(&a, "hello").await.is_empty());
    let refused = builder("b", &broker).connect().await.expect_err("no place");
    assert!(matches!(refused, ConnectError::Unreachable(_)), "{refused:?}");
    drop(a);
    within(place()).await;
}
