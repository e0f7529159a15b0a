//! Two brokers that are one.

use heartline::directory::{Destination, Input};
use heartline_driver_testing::nats::Brokers;

use crate::kit::{connected, hears, hears_at, next, node, reads_until_back, received, say, until, within};

#[tokio::test]
async fn packets_cross_from_broker_to_broker() {
    let Some(brokers) = Brokers::start() else { return };
    let (a, b) = (connected("a", &brokers.a).await, connected("b", &brokers.b).await);
    hears(&b, &a).await;
    hears(&a, &b).await;
}

#[tokio::test]
async fn a_broker_that_hangs_cuts_off_its_own_nodes_alone() {
    let Some(brokers) = Brokers::start() else { return };
    let (a, b) = (connected("a", &brokers.a).await, connected("b", &brokers.b).await);
    hears(&b, &a).await;
    brokers.b.stop();
    until(|| !b.is_connected()).await;
    reads_until_back(&a, "alone").await;
    assert_eq!(a.stats().interruptions, 0);
    brokers.b.go_on();
    within(async { while b.input().await != Input::Interrupted {} }).await;
    hears(&b, &a).await;
    hears(&a, &b).await;
    assert_eq!((a.stats().interruptions, b.stats().interruptions), (0, 1));
}

/// Each node hears itself, so that neither is cut off.
#[tokio::test]
async fn a_silent_route_delivers_late_and_a_cut_one_loses() {
    let Some(brokers) = Brokers::start() else { return };
    let (a, b) = (connected("a", &brokers.a).await, connected("b", &brokers.b).await);
    let to_b = Destination::Node(node("b"));
    hears_at(&to_b, &b, &a).await;

    brokers.route.silence();
    reads_until_back(&b, "b has read all").await;
    say(&a, &to_b, "late");
    reads_until_back(&a, "a hears itself").await;
    assert!(reads_until_back(&b, "b hears itself").await.is_empty());
    brokers.route.resume();
    within(async { while b.input().await != received("late") {} }).await;

    brokers.route.silence();
    say(&a, &to_b, "lost");
    reads_until_back(&a, "a hears itself still").await;
    brokers.route.heal();
    let mut before = hears_at(&to_b, &b, &a).await;
    say(&a, &to_b, "again");
    while before.last() != Some(&received("again")) {
        before.push(next(&b).await);
    }
    assert!(!before.contains(&received("lost")), "{before:?}");
    assert_eq!((a.stats().interruptions, b.stats().interruptions), (0, 0));
}
