//! How a node goes down.

use std::sync::Arc;
use std::time::Duration;

use heartline::directory::Settings;
use heartline_axum::cluster::LocalBroker;
use heartline_axum::{SendError, Shutdown};

use super::{Cluster, node, patient};
use crate::site::{HOUR, plain, quiet, soon, until};

#[tokio::test]
async fn a_shutdown_lets_the_last_connection_go_and_then_says_goodbye_before_it_ends() {
    let cluster = Cluster::start(2, patient()).await;
    let (ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    assert_eq!(cluster.sites[1].server.node_of(&"ann".into()), Some(node("a")));
    let server = cluster.sites[0].server.clone();
    // Other nodes serve: nobody waits for the end of the pace.
    let shutdown = Shutdown { within: HOUR, pace: HOUR, spread: Duration::ZERO };
    let down = tokio::spawn(async move { server.shutdown(shutdown).await });
    until("the first close", || cluster.sites[0].server.stats().online == 0).await;
    assert!(!cluster.sites[0].server.stats().cluster.expect("a node").stopped, "ann has not gone");
    assert_eq!(ann.closed().await, (1012, "retry-after-ms=0".into()));
    soon("the end", down).await.expect("no panic");
    assert_eq!(cluster.wires[0].unflushed_and_flushes(), (0, 1), "the goodbye has left");
    // The lease is an hour.
    until("the goodbye", || cluster.sites[1].server.nodes().is_empty()).await;
    assert_eq!(cluster.sites[1].server.online(9), (vec!["bob".into()], 1));
    assert_eq!(cluster.sites[1].server.node_of(&"ann".into()), None);
    assert_eq!(bob.ask("to ann|?").await, "ann: the user is not online");
    // A node that has left answers at once, for itself.
    let left = &cluster.sites[0].server;
    assert_eq!(cluster.relay(0, "bob", "?").await, Err(SendError::Offline));
    assert_eq!(soon("members", left.room_members("btc", 9)).await.total, 0);
    assert!(!soon("entered", left.room_entered("btc")).await);
}

#[tokio::test]
async fn a_goodbye_is_said_also_if_nobody_waits_for_the_end_of_the_shutdown() {
    let cluster = Cluster::start(2, patient()).await;
    let ann = cluster.enter(0, "ann").await;
    let server = cluster.sites[0].server.clone();
    let down =
        tokio::spawn(async move { server.shutdown(Shutdown { pace: Duration::ZERO, ..Shutdown::default() }).await });
    until("the first close", || cluster.sites[0].server.stats().online == 0).await;
    down.abort();
    assert_eq!(ann.closed().await.0, 1012);
    until("the goodbye", || cluster.sites[1].server.nodes().is_empty()).await;
}

#[tokio::test]
async fn a_server_that_is_dropped_lets_go_of_its_broker() {
    let broker = Arc::new(LocalBroker::default().connect(&node("a")));
    let held = Arc::downgrade(&broker);
    let server = plain(quiet()).cluster(node("a"), broker, Settings::default()).build().expect("a server");
    tokio::task::yield_now().await;
    assert!(held.strong_count() > 0);
    drop(server);
    until("the end", || held.strong_count() == 0).await;
}
