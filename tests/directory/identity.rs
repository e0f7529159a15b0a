//! Names of nodes, and which of two processes of one name counts.

use heartline::directory::{Action, Event, Input, Node};

use crate::cluster::{Cluster, SECOND, conn, name};
use crate::packets::{Body, Sender};
use crate::peer::{Peer, claimed};

/// [D1]
#[test]
fn names_of_nodes_can_be_part_of_a_subject() {
    let longest = "x".repeat(32);
    for name in ["a", "Node-1_b", &longest] {
        assert_eq!(Node::new(name).unwrap().as_str(), name);
    }
    let longer = "x".repeat(33);
    for name in ["", "a.b", "a b", "a*", "ü", &longer] {
        assert!(Node::new(name).is_err(), "{name}");
    }
}

/// [D1]
#[test]
fn a_node_that_starts_again_begins_with_nothing() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.crash(0);
    cluster.start(0);
    cluster.login(0, 1, "bob");
    cluster.run(3 * SECOND);
    assert_eq!((cluster.opinion("ann"), cluster.opinion("bob")), (None, Some("n0".into())));
    let [ann, bob] = ["ann", "bob"].map(|user| Event::Online(user.into()));
    let [down, up] = [Event::NodeDown(name(0)), Event::NodeUp(name(0))];
    assert_eq!(cluster.events(1), [ann, down, up, bob, Event::Offline("ann".into())]);
}

/// [D1] [D2]
#[test]
fn a_node_whose_clock_was_set_back_is_heard_again_within_a_moment() {
    let mut cluster = Cluster::new(2);
    cluster.crash(0);
    cluster.skew[0] = -3_600_000;
    cluster.start(0);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND + SECOND / 2);
    assert_eq!(cluster.opinion("ann"), Some("n0".into()));
    assert!(!cluster.node(0).is_stopped());
}

/// [D2]
#[test]
fn of_two_processes_of_one_name_the_later_stays_and_the_earlier_sends_its_clients_away() {
    let mut cluster = Cluster::new(3);
    cluster.run(5 * SECOND);
    cluster.login(0, 1, "ann");
    cluster.start_as(1, name(0));
    cluster.run(SECOND / 10);
    assert!(cluster.node(0).is_stopped() && !cluster.node(1).is_stopped());
    assert!(cluster.done[0].contains(&Action::SendAway));
    assert!(cluster.events(0).contains(&Event::Replaced));
    assert_eq!(cluster.node(0).deadline(), None);
}

/// [D2] The young one is the one that was meant to run, although the other's clock is ahead of its own.
#[test]
fn a_young_node_takes_the_name_over_from_one_with_a_higher_epoch() {
    let mut cluster = Cluster::new(3);
    cluster.run(5 * SECOND);
    cluster.skew[1] = -3_600_000;
    cluster.start_as(1, name(0));
    cluster.run(3 * SECOND);
    assert!(cluster.node(0).is_stopped() && !cluster.node(1).is_stopped());
    cluster.login(1, 1, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.node(2).node_of(&"ann".into()), Some(&name(0)));
}

/// [D2]
#[test]
fn of_two_young_processes_of_one_name_one_is_left() {
    let mut cluster = Cluster::new(3);
    cluster.crash(1);
    cluster.start_as(0, name(7));
    cluster.start_as(1, name(7));
    cluster.run(10 * SECOND);
    assert_eq!([0, 1].map(|nth| cluster.node(nth).is_stopped()).iter().filter(|stopped| **stopped).count(), 1);
    assert_eq!(cluster.node(2).nodes().count(), 1);
}

/// [D14]
#[test]
fn a_node_that_leaves_is_gone_at_once() {
    let mut cluster = Cluster::new(2);
    cluster.act(0, Input::Leave);
    assert_eq!(cluster.events(1), [Event::NodeDown(name(0))]);
    assert_eq!((cluster.node(0).deadline(), cluster.node(1).nodes().count()), (None, 0));

    let before = cluster.node(0).stats().stale;
    cluster.login(0, 1, "ann");
    assert_eq!((cluster.node(0).online().len(), cluster.node(0).stats().stale), (0, before + 1));
}

/// [D1] [D3]
#[test]
fn a_claim_survives_the_same_one_of_an_earlier_process_of_its_node() {
    let mut cluster = Cluster::new(3);
    // Stamps follow this login, whose clock is ahead, so that both processes of the other node can make the same one. Each begins a drawn
    // number above it, up to 4,096.
    cluster.skew[0] = 60_000;
    cluster.login(0, 1, "bob");
    cluster.run(SECOND);
    let log_in = |cluster: &mut Cluster, raw| cluster.feed(1, Input::Login { conn: conn(raw), user: "ann".into() });
    (1..5000).for_each(|raw| log_in(&mut cluster, raw));
    cluster.run(SECOND);
    let stamp = cluster.node(2).stamp_of(&"ann".into()).cloned();
    cluster.crash(1);
    cluster.start(1);
    cluster.run_but(SECOND + SECOND / 2, &[2]);
    let again = (1..5000).find(|raw| {
        log_in(&mut cluster, *raw);
        cluster.node(1).stamp_of(&"ann".into()).cloned() == stamp
    });
    assert!(again.is_some());
    cluster.run_but(SECOND, &[2]);
    // The later process and its claim are heard before the claims of the earlier one are gone.
    cluster.settle();
    assert_eq!(cluster.node(2).stamp_of(&"ann".into()).cloned(), stamp);
    cluster.run(SECOND);
    assert_eq!(cluster.opinion("ann"), Some("n1".into()));
}

/// [D1]
#[test]
fn what_an_earlier_process_says_changes_nothing() {
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed("ann", 1)]);
    for (epoch, incarnation) in [(4, 9), (5, 4)] {
        peer.sender = Sender { epoch, incarnation, ..peer.sender };
        peer.changes(2, vec![claimed("bob", 2)]);
        peer.hello(0, 0, 0);
        peer.say(&Body::Goodbye);
    }
    assert_eq!((peer.online(), peer.cluster.node(0).stats().ignored), (vec!["ann".to_string()], 6));
}

/// [D1]
#[test]
fn of_equal_epochs_the_higher_incarnation_is_the_later() {
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed("ann", 1)]);
    peer.sender.incarnation += 1;
    peer.hello(1, 1, 0);
    peer.changes(1, vec![claimed("bob", 2)]);
    peer.cluster.run(SECOND / 10);
    assert_eq!(peer.online(), ["bob"]);
}
