//! Users who log in elsewhere.

use super::{Cluster, node, patient};
use crate::site::until;

#[tokio::test]
async fn a_login_on_another_node_closes_the_older_connection_with_4409_and_messages_go_to_the_newer() {
    let cluster = Cluster::start(3, patient()).await;
    let (old, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(2, "bob").await);
    let mut new = cluster.sites[1].enter("ann").await;
    assert_eq!(old.closed().await, (4409, "logged in on another server".into()));
    until("the news", || cluster.sites[2].server.stats().cluster.is_some_and(|stats| stats.online == 2)).await;
    bob.say("to ann|hello").await;
    assert_eq!(new.receive().await, "bob: hello");
    cluster.knows(&["ann", "bob"]).await;
    let on = |user: &str| cluster.sites.iter().map(|site| site.server.node_of(&user.to_owned())).collect::<Vec<_>>();
    assert_eq!(on("ann"), vec![Some(node("b")); 3]);
    assert_eq!(on("carol"), vec![None; 3]);
    let mut newest = cluster.sites[0].enter("ann").await;
    assert_eq!(new.closed().await.0, 4409);
    newest.ping().await;
}

#[tokio::test]
async fn of_two_logins_that_did_not_know_of_each_other_the_older_is_closed_with_4509_also_if_it_was_renewed() {
    let cluster = Cluster::start(2, patient()).await;
    cluster.wires[0].cut();
    let mut old = cluster.sites[0].enter("ann").await;
    let mut new = cluster.sites[1].enter("ann").await;
    // Twice, as logins within a millisecond are in the order of the nodes' names.
    for _ in 0..2 {
        assert_eq!(old.ask("login ann|").await, "hello ann");
    }
    cluster.wires[0].heal();
    assert_eq!(old.closed().await, (4509, "logged in on another server".into()));
    new.ping().await;
    cluster.knows(&["ann"]).await;
    let stats = cluster.sites[0].server.stats().cluster.expect("a node");
    assert_eq!((stats.directory.concurrent, stats.directory.superseded), (1, 0));
}

#[tokio::test]
async fn a_login_that_replaces_another_on_the_same_node_stays_that_nodes_affair() {
    let cluster = Cluster::start(2, patient()).await;
    let old = cluster.enter(0, "ann").await;
    let mut new = cluster.sites[0].enter("ann").await;
    assert_eq!(old.closed().await, (4409, "replaced by a newer login".into()));
    let mut bob = cluster.enter(1, "bob").await;
    bob.say("to ann|hello").await;
    assert_eq!(new.receive().await, "bob: hello");
    cluster.knows(&["ann", "bob"]).await;
}
