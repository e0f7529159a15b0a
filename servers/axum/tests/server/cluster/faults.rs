//! What goes wrong between nodes.

use heartline::directory::Settings;

use heartline_axum::FrameLimits;

use super::{Cluster, hasty, node};
use crate::site::{Client, refused, until};

#[tokio::test]
async fn users_of_a_node_that_dies_without_a_word_are_offline_after_lease_and_grace_until_it_is_back() {
    let cluster = Cluster::start(3, hasty()).await;
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    let mut watcher = cluster.enter(2, "watcher").await;
    assert_eq!(watcher.ask("watch").await, "online 0 3 of 3");
    cluster.wires[1].cut();
    told(&mut watcher, "+0 -1 = 2").await;
    until("the death", || cluster.sites[0].server.nodes().iter().all(|other| other.node != node("b"))).await;
    assert_eq!(ann.ask("to bob|?").await, "bob: the user is not online");
    let cut_off = || cluster.sites[1].server.stats().cluster.is_some_and(|cluster| cluster.cut_off);
    until("being cut off", cut_off).await;
    bob.say("to bob|it serves alone").await;
    assert_eq!(bob.receive().await, "bob: it serves alone");
    cluster.wires[1].heal();
    told(&mut watcher, "+1 -0 = 3").await;
    until("being back", || !cut_off()).await;
    cluster.knows(&["ann", "bob", "watcher"]).await;
    cluster.meets().await;
}

/// Until that is said; a machine that stood still may have led to something else before.
async fn told(watcher: &mut Client, what: &str) {
    while !watcher.receive().await.ends_with(what) {}
}

#[tokio::test]
async fn a_node_that_is_cut_off_sends_its_clients_away_and_lets_nobody_in_until_it_is_not_if_so_configured() {
    let cluster = Cluster::start(2, Settings { send_away_when_cut_off: true, ..hasty() }).await;
    let site = &cluster.sites[0];
    let (ann, anonymous) = (cluster.enter(0, "ann").await, site.dial().await);
    cluster.wires[0].cut();
    for client in [ann, anonymous] {
        let (code, reason) = client.closed().await;
        let wait = reason.strip_prefix("retry-after-ms=").and_then(|wait| wait.parse().ok()).expect("a time");
        assert!(code == 1012 && (0..=10_000).contains(&wait), "{code} {wait}");
    }
    let (status, wait, text) = refused(site.try_dial(&[]).await);
    assert_eq!((status, text.as_str()), (503, "cut off from the other servers"));
    assert!((5..=10).contains(&wait.expect("a time")));
    cluster.wires[0].heal();
    until("being back", || site.server.stats().cluster.is_some_and(|cluster| !cluster.cut_off)).await;
    site.enter("ann").await.ping().await;
}

#[tokio::test]
async fn of_two_servers_of_one_name_one_sends_its_clients_away_and_lets_nobody_in() {
    let mut cluster = Cluster::start(2, hasty()).await;
    cluster.add("a", hasty(), FrameLimits::default()).await;
    let stopped = |place: usize| cluster.sites[place].server.stats().cluster.is_some_and(|cluster| cluster.stopped);
    let mut clients = Vec::new();
    for place in [0, 2] {
        clients.push(cluster.sites[place].try_dial(&[("Authorization", &format!("Bearer user {place}"))]).await.ok());
    }
    until("one that is stopped", || stopped(0) || stopped(2)).await;
    assert!(!stopped(0) || !stopped(2), "one stays");
    let place = if stopped(0) { 0 } else { 2 };
    if let Some(client) = clients[place / 2].take() {
        assert_eq!(client.closed().await.0, 1012);
    }
    let (status, _, text) = refused(cluster.sites[place].try_dial(&[]).await);
    assert_eq!((status, text.as_str()), (503, "another server has taken this one's place"));
    cluster.sites[2 - place].enter("ann").await.ping().await;
    assert!(!stopped(2 - place));
}
