//! Messages from node to node.

use heartline::directory::Settings;
use heartline_axum::{Audience, FrameLimits, SendError};
use tungstenite::Message;

use super::{Cluster, patient};
use crate::site::{MILLI, soon};

#[tokio::test]
async fn users_of_two_nodes_speak_to_each_other_in_order_and_frames_stay_what_they_are() {
    let cluster = Cluster::start(3, patient()).await;
    let mut ann = cluster.enter(0, "0xann").await;
    let mut bob = cluster.enter(1, "bob").await;
    for number in 0..100 {
        ann.say(&format!("to bob|{number}")).await;
    }
    for number in 0..100 {
        assert_eq!(bob.frame().await, Message::binary(format!("ann: {number}")));
    }
    bob.say("to 0xann|hello").await;
    assert_eq!(ann.frame().await, Message::text("bob: hello"));
    assert_eq!(ann.ask("to nobody|?").await, "nobody: the user is not online");
    assert_eq!(bob.ask("to bob|to myself").await, "bob: to myself");
    bob.ping().await;
}

#[tokio::test]
async fn the_server_itself_reaches_users_on_any_node_and_sends_to_its_own() {
    let cluster = Cluster::start(2, patient()).await;
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    for (to, outcome) in [("ann", Ok(())), ("bob", Ok(())), ("nobody", Err(SendError::Offline))] {
        assert_eq!(cluster.relay(0, to, "news").await, outcome);
    }
    let server = &cluster.sites[0].server;
    assert_eq!(soon("an outcome", server.relay_volatile(&"bob".into(), &"more".into())).await, Ok(()));
    assert_eq!(server.send(&"bob".into(), &"news".into()), Err(SendError::Offline));
    assert_eq!(
        (ann.receive().await, bob.receive().await, bob.receive().await),
        ("news".into(), "news".into(), "more".into())
    );
    ann.ping().await;
    bob.ping().await;
}

#[tokio::test]
async fn what_became_of_a_message_for_a_node_that_does_not_answer_is_unknown_and_it_may_still_arrive_once() {
    let cluster = Cluster::start(2, Settings { relay_timeout: 50 * MILLI, ..patient() }).await;
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    cluster.wires[1].stall();
    assert_eq!(ann.ask("to bob|one").await, "bob: it is not known whether the message was delivered");
    cluster.wires[1].heal();
    assert_eq!(bob.receive().await, "ann: one");
    bob.ping().await;
    let stats = cluster.sites[0].server.stats().cluster.expect("a node");
    assert_eq!(stats.directory.unknown, 1);
}

#[tokio::test]
async fn a_user_on_another_node_who_reads_nothing_is_full() {
    let cluster = Cluster::start(2, patient()).await;
    let (mut ann, bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    let large = "x".repeat(500_000);
    let server = &cluster.sites[0].server;
    // The budget is 1 MiB, and systems take a few more.
    let mut volatile = Ok(());
    for _ in 0..100 {
        if volatile.is_ok() {
            volatile = soon("an outcome", server.relay_volatile(&"bob".into(), &large)).await;
        }
    }
    assert_eq!(volatile, Err(SendError::Dropped));
    let mut other = Ok(());
    for _ in 0..100 {
        if other.is_ok() {
            other = cluster.relay(0, "bob", &large).await;
        }
    }
    assert_eq!(other, Err(SendError::Full));
    ann.say("to bob|large").await;
    ann.ping().await;
    drop(bob);
}

#[tokio::test]
async fn a_message_that_is_too_long_for_the_other_node_is_not_sent_there() {
    let mut cluster = Cluster::start(1, patient()).await;
    cluster.add("b", patient(), FrameLimits { max_outbound_message: 20, ..FrameLimits::default() }).await;
    cluster.meets().await;
    let (_ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    let [long, short] = [21, 20].map(|length| "x".repeat(length));
    assert_eq!(cluster.relay(0, "bob", &long).await, Err(SendError::Full));
    cluster.sites[0].server.broadcast(Audience::All, &long).expect("sent");
    assert_eq!(cluster.relay(0, "bob", &short).await, Ok(()));
    assert_eq!(bob.receive().await, short);
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_on_all_nodes_once_but_the_sender() {
    let cluster = Cluster::start(3, patient()).await;
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    let (mut carl, mut dora) = (cluster.enter(2, "carl").await, cluster.enter(0, "dora").await);
    let mut anonymous = cluster.sites[1].dial().await;
    assert_eq!(ann.ask("all hear").await, "reached 1", "on this node");
    for client in [&mut bob, &mut carl, &mut dora] {
        assert_eq!(client.receive().await, "ann to all: hear");
    }
    let reach = cluster.sites[1].server.broadcast(Audience::All, &"news".to_owned()).expect("sent");
    assert_eq!((reach.reached, reach.missed), (1, 0));
    for client in [&mut ann, &mut bob, &mut carl, &mut dora] {
        assert_eq!(client.receive().await, "news");
        client.ping().await;
    }
    anonymous.ping().await;
}
