//! Rooms with members on several nodes.

use heartline::directory::Settings;

use super::{Cluster, close, node, patient};
use crate::site::{MILLI, soon, until};

#[tokio::test]
async fn a_room_hears_what_is_said_in_it_on_any_node_once_it_was_entered() {
    let cluster = Cluster::start(3, patient()).await;
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(1, "bob").await);
    let (mut dora, mut carl) = (cluster.enter(1, "dora").await, cluster.enter(2, "carl").await);
    assert_eq!(ann.ask("join btc").await, "1 in btc");
    assert_eq!(bob.ask("join btc").await, "1 in btc", "on this node");
    for site in &cluster.sites[..2] {
        assert!(soon("the room", site.server.room_entered("btc")).await);
        assert!(soon("the room", site.server.room_entered("btc")).await, "again");
    }
    carl.say("room btc|from outside").await;
    assert_eq!(ann.receive().await, "carl in btc: from outside");
    assert_eq!(bob.receive().await, "carl in btc: from outside");
    let reach = cluster.sites[0].server.broadcast("btc", &"candle".to_owned()).expect("sent");
    assert_eq!(reach.reached, 1);
    assert_eq!((ann.receive().await, bob.receive().await), ("candle".into(), "candle".into()));
    for client in [&mut ann, &mut bob, &mut carl, &mut dora] {
        client.ping().await;
    }
    assert!(!soon("the room", cluster.sites[2].server.room_entered("btc")).await, "nobody there is in it");
}

#[tokio::test]
async fn a_node_leaves_a_room_with_its_last_member_however_that_ends() {
    let cluster = Cluster::start(2, patient()).await;
    let site = &cluster.sites[0];
    let rooms = || cluster.wires[0].rooms();
    let (mut ann, mut bob) = (cluster.enter(0, "ann").await, cluster.enter(0, "bob").await);
    ann.ask("join btc").await;
    bob.ask("join btc").await;
    ann.ask("join eth").await;
    assert_eq!(rooms(), 2);
    let conn = |name: &str| site.server.conn_of(&name.to_owned()).expect("online");
    site.server.leave(conn("ann"), "btc");
    assert_eq!(rooms(), 2);
    site.server.leave(conn("bob"), "btc");
    site.server.leave(conn("bob"), "btc");
    assert_eq!(rooms(), 1);
    close(ann, Some(1000)).await;
    until("no room", || rooms() == 0).await;
    bob.ask("join btc").await;
    assert_eq!(rooms(), 1);
    let mut again = site.enter("bob").await;
    assert_eq!((bob.closed().await.0, rooms()), (4409, 0));
    again.ask("join btc").await;
    assert!(soon("the room", site.server.room_entered("btc")).await);
    drop(again);
    until("no room", || rooms() == 0).await;
    assert!(!soon("the room", site.server.room_entered("btc")).await);
}

#[tokio::test]
async fn who_is_in_a_room_is_known_of_the_nodes_that_answer_and_the_others_are_named() {
    let cluster = Cluster::start(3, Settings { relay_timeout: 100 * MILLI, ..patient() }).await;
    let mut clients = Vec::new();
    for (node, name) in [(0, "ann"), (1, "bob"), (1, "carl"), (2, "dora")] {
        let mut client = cluster.enter(node, name).await;
        client.ask("join btc").await;
        clients.push(client);
    }
    let server = &cluster.sites[0].server;
    // However slow the machine is, all have answered at some time.
    let all = async |most| {
        loop {
            let members = server.room_members("btc", most).await;
            if members.unanswered.is_empty() {
                return (members.users.join(" "), members.total);
            }
        }
    };
    assert_eq!(soon("all answers", all(10)).await, ("ann bob carl dora".into(), 4));
    assert_eq!(soon("all answers", all(2)).await, ("ann bob".into(), 4));
    assert_eq!(soon("all answers", all(0)).await, (String::new(), 4));
    cluster.wires[1].stall();
    let some = soon("answers", server.room_members("btc", 10)).await;
    assert_eq!(some.users[0], "ann");
    assert!(some.unanswered.contains(&node("b")) && some.total <= 2, "{some:?}");
}

#[tokio::test]
async fn a_room_whose_messages_do_not_come_back_is_entered_without_a_confirmation() {
    let cluster = Cluster::start(2, Settings { relay_timeout: 50 * MILLI, ..patient() }).await;
    let mut ann = cluster.enter(0, "ann").await;
    cluster.wires[0].cut();
    assert_eq!(ann.ask("join btc").await, "1 in btc");
    assert!(!soon("the room", cluster.sites[0].server.room_entered("btc")).await);
}
