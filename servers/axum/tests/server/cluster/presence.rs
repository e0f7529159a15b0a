//! Who is online on any node.

use heartline::directory::Settings;

use super::{Cluster, close, patient};
use crate::site::{MILLI, until};

#[tokio::test]
async fn who_logs_out_is_offline_at_once_for_watchers_on_all_nodes_and_who_is_lost_after_the_grace() {
    let cluster = Cluster::start(2, patient()).await;
    let mut ann = cluster.enter(0, "ann").await;
    assert_eq!(ann.ask("watch").await, "online 0 1 of 1");
    // The grace is an hour: each of these is told later than the next.
    for (number, end) in [Some(1001), Some(4000), None].into_iter().enumerate() {
        let lost = cluster.sites[1].enter(&format!("lost {number}")).await;
        assert_eq!(ann.receive().await, format!("changed {} +1 -0 = {}", number + 1, number + 2));
        close(lost, end).await;
        cluster.knows(&["ann"]).await;
    }
    let broken = cluster.sites[1].enter("lost 3").await;
    assert_eq!(ann.receive().await, "changed 4 +1 -0 = 5");
    drop(broken);
    cluster.knows(&["ann"]).await;
    let bob = cluster.sites[1].enter("bob").await;
    assert_eq!(ann.receive().await, "changed 5 +1 -0 = 6");
    close(bob, Some(1000)).await;
    assert_eq!(ann.receive().await, "changed 6 +0 -1 = 5");
    let mut bob = cluster.sites[1].enter("bob").await;
    assert_eq!(ann.receive().await, "changed 7 +1 -0 = 6");
    bob.say("close 1000|goodbye").await;
    // Before bob has answered.
    assert_eq!(ann.receive().await, "changed 8 +0 -1 = 5");
    assert_eq!(bob.closed().await, (1000, "goodbye".into()));
    // Within the grace a login is no news.
    let _again = cluster.enter(1, "lost 0").await;
    let mut dora = cluster.enter(1, "dora").await;
    assert_eq!(ann.receive().await, "changed 9 +1 -0 = 6");
    // Whoever begins to watch during a grace knows what the others do.
    assert!(dora.ask("watch").await.ends_with(" 6 of 6"));
    assert_eq!(cluster.sites[1].server.online(9).1, 3);
}

/// Coming back is no news then, so that nobody would tell the newcomer.
#[tokio::test]
async fn who_begins_to_watch_is_told_of_those_who_are_lost_until_they_are_offline() {
    let cluster = Cluster::start(2, patient()).await;
    let (mut ann, bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    drop(bob);
    cluster.knows(&["ann"]).await;
    assert_eq!(ann.ask("watch").await, "online 0 2 of 2");
    let _bob = cluster.enter(1, "bob").await;
    let _carl = cluster.enter(1, "carl").await;
    assert_eq!(ann.receive().await, "changed 1 +1 -0 = 3");
}

#[tokio::test]
async fn who_is_lost_is_told_to_be_offline_after_the_grace_and_a_user_who_moves_is_not() {
    let cluster = Cluster::start(3, Settings { offline_grace: 50 * MILLI, ..patient() }).await;
    let mut ann = cluster.enter(0, "ann").await;
    assert_eq!(ann.ask("watch").await, "online 0 1 of 1");
    let (bob, mut newcomer) = (cluster.sites[1].enter("bob").await, cluster.enter(2, "carl").await);
    let mut told = 0;
    while told < 2 {
        let text = ann.receive().await;
        told += text.split_once('+').and_then(|(_, rest)| rest[..1].parse().ok()).unwrap_or(0);
    }
    assert_eq!(newcomer.ask("watch").await, "online 0 3 of 3");
    let moved = cluster.sites[2].enter("bob").await;
    assert_eq!(bob.closed().await.0, 4409);
    ann.ping().await;
    drop(moved);
    assert!(ann.receive().await.ends_with("+0 -1 = 2"));
    assert!(newcomer.receive().await.ends_with("1 +0 -1 = 2"));
    until("the same opinion", || cluster.sites.iter().all(|site| site.server.online(1) == (vec!["ann".into()], 2)))
        .await;
    let here = cluster.sites[0].server.stats();
    assert_eq!((here.online, here.cluster.map(|cluster| cluster.online)), (1, Some(2)));
}
