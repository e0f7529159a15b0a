//! Nodes that are not heard, and a node that does not hear itself.

use heartline::directory::{Action, Destination, Event, Input, RoomHash, Settings};

use crate::cluster::{Cluster, SECOND, conn, name};
use crate::packets::{Body, Change, Claim, Sender, encode};
use crate::peer::{Peer, claimed};

/// [D8]
#[test]
fn a_node_that_falls_silent_is_gone_after_the_lease_and_its_users_with_it() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.crash(0);
    cluster.run(3 * SECOND);
    assert_eq!(cluster.node(1).nodes().count(), 1);
    cluster.run(SECOND);
    assert_eq!((cluster.node(1).nodes().count(), cluster.node(1).online().len()), (0, 0));
    assert!(cluster.events(1).contains(&Event::NodeDown(name(0))));
}

/// [D8]
#[test]
fn a_node_that_does_not_hear_this_one_is_shown_as_such() {
    let mut cluster = Cluster::new(2);
    assert!(cluster.node(0).nodes().all(|node| node.hears_us && node.in_step));
    cluster.cut.insert((0, 1));
    cluster.run(6 * SECOND);
    assert!(cluster.node(0).nodes().all(|node| !node.hears_us));
    assert_eq!(cluster.node(1).nodes().count(), 0);
}

/// [D9]
#[test]
fn a_node_whose_hello_does_not_come_back_is_cut_off_until_one_does() {
    let mut cluster = Cluster::new(2);
    cluster.cut.extend([(0, 0), (0, 1), (1, 0)]);
    cluster.run(3 * SECOND);
    assert!(!cluster.node(0).is_cut_off());
    cluster.run(SECOND);
    assert!(cluster.node(0).is_cut_off() && !cluster.node(1).is_cut_off());
    cluster.cut.clear();
    cluster.run(SECOND);
    assert!(!cluster.node(0).is_cut_off());
    let events = cluster.events(0);
    assert!(events.contains(&Event::CutOff) && events.contains(&Event::Rejoined));
    assert!(!cluster.done[0].contains(&Action::SendAway), "it serves alone");
}

/// [D9]
#[test]
fn a_node_that_stays_cut_off_subscribes_again_to_its_own_packets_and_then_enters_its_rooms_anew() {
    let mut cluster = Cluster::new(2);
    cluster.act(0, Input::EnterRoom { room: "btc".into() });
    cluster.subscriptions.retain(|(of, _)| *of != 0);
    cluster.run(6 * SECOND);
    assert!(cluster.node(0).is_cut_off());
    cluster.run(4 * SECOND);
    assert!(!cluster.node(0).is_cut_off());
    cluster.act(1, Input::Login { conn: conn(1), user: "ann".into() });
    cluster.run(SECOND);
    assert_eq!(cluster.node(0).node_of(&"ann".into()), Some(&name(1)));
    for to in [Destination::Node(name(0)), Destination::Room(RoomHash::of(&"btc".into()))] {
        assert!(cluster.subscriptions.contains(&(0, to)));
    }
    let entered = |action: &&Action| matches!(action, Action::Entered { .. });
    assert_eq!(cluster.done[0].iter().filter(entered).count(), 1, "nothing has changed");
}

/// [D9] [D13]
#[test]
fn a_room_whose_subscription_stays_lost_when_its_node_hears_itself_again_is_reported_as_unconfirmed() {
    let mut cluster = Cluster::new(2);
    cluster.act(0, Input::EnterRoom { room: "btc".into() });
    cluster.subscriptions.retain(|(of, _)| *of != 0);
    cluster.refuses = true;
    cluster.run(15 * SECOND);
    assert!(!cluster.node(0).is_cut_off());
    cluster.refuses = false;
    cluster.run(6 * SECOND);
    let entered = cluster.done[0].iter().filter_map(|action| match action {
        Action::Entered { confirmed, .. } => Some(*confirmed),
        _ => None,
    });
    assert_eq!(entered.collect::<Vec<_>>(), [true, false, true]);
}

/// [D9]
#[test]
fn a_node_that_is_cut_off_sends_its_clients_away_if_so_configured() {
    let mut cluster = Cluster::with(1, Settings { send_away_when_cut_off: true, ..Settings::default() });
    cluster.cut.insert((0, 0));
    cluster.run(30 * SECOND);
    assert_eq!(cluster.done[0].iter().filter(|action| **action == Action::SendAway).count(), 1);
}

/// [D9] A split between brokers: each half hears itself.
#[test]
fn a_split_between_brokers_cuts_no_node_off() {
    let mut cluster = Cluster::new(2);
    cluster.cut.extend([(0, 1), (1, 0)]);
    cluster.run(30 * SECOND);
    assert!([0, 1].iter().all(|nth| !cluster.node(*nth).is_cut_off()));
}

/// [D9]
#[test]
fn a_node_that_was_suspended_is_cut_off_first_and_gives_the_others_two_hellos() {
    let mut cluster = Cluster::new(2);
    cluster.login(1, 1, "ann");
    cluster.run(SECOND);
    cluster.run_but(60 * SECOND, &[0]);
    assert_eq!(cluster.node(1).nodes().count(), 0);
    cluster.cut.insert((0, 0));
    // What came meanwhile was lost.
    cluster.drop_queue(0);
    cluster.feed(0, Input::Timer);
    assert!(cluster.node(0).is_cut_off());
    assert_eq!(cluster.node(0).stats().suspensions, 1);
    assert_eq!(cluster.node(0).online().len(), 1, "the other is not gone yet");
    cluster.cut.insert((1, 0));
    cluster.run(2 * SECOND - SECOND / 10);
    assert_eq!(cluster.node(0).nodes().count(), 1);
    cluster.run(SECOND / 10);
    assert_eq!(cluster.node(0).nodes().count(), 0);
}

/// [D9]
#[test]
fn hellos_that_were_under_way_before_an_interruption_do_not_count() {
    let mut cluster = Cluster::new(1);
    let old = cluster.hello_of(0);
    cluster.cut.insert((0, 0));
    cluster.feed(0, Input::Interrupted);
    for _ in 0..8 {
        cluster.feed(0, Input::Received { payload: old.clone() });
        cluster.run(SECOND);
    }
    assert!(cluster.node(0).is_cut_off());
}

/// [D9]
#[test]
fn after_an_interruption_a_hello_goes_out_at_once() {
    let mut cluster = Cluster::new(2);
    cluster.cut.insert((0, 1));
    cluster.login(0, 1, "ann");
    cluster.run(SECOND / 10);
    cluster.cut.clear();
    cluster.act(0, Input::Interrupted);
    cluster.run(SECOND / 4);
    assert_eq!(cluster.opinion("ann"), Some("n0".into()));
}

/// [D8] Its claims go with several timers; it is back before the last of them.
#[test]
fn claims_of_a_node_that_is_back_before_they_are_gone_stay() {
    let mut cluster = Cluster::new(1);
    let peer = Sender { node: "a".into(), epoch: 1, incarnation: 1 };
    let hello = Body::Hello { serial: 1, wall: 0, number: 2000, claims: 0, digest: 0, hears: Vec::new() };
    let claim = |nth: u64| Change::Claimed(Claim { user: nth.to_le_bytes().into(), time: nth, over: None });
    let changes = Body::Changes { first: 1, changes: (1..=2000).map(claim).collect() };
    let [hello, changes] = [hello, changes].map(|body| encode(&peer, &body));
    let arrive = |cluster: &mut Cluster, payload: &[u8]| cluster.act(0, Input::Received { payload: payload.to_vec() });
    arrive(&mut cluster, &hello);
    arrive(&mut cluster, &changes);
    cluster.now = cluster.now.saturating_add(4 * SECOND);
    cluster.act(0, Input::Timer);
    assert_eq!(cluster.node(0).online().len(), 2000 - 1024);
    arrive(&mut cluster, &hello);
    arrive(&mut cluster, &changes);
    cluster.act(0, Input::Timer);
    assert_eq!(cluster.node(0).online().len(), 2000);
}

/// [D9]
#[test]
fn an_interruption_is_answered_with_a_hello_and_a_quiet_moment_is_not() {
    let mut cluster = Cluster::new(1);
    cluster.run(SECOND / 10);
    let (now, wall) = (cluster.now, cluster.wall(0));
    let node = cluster.nodes[0].as_mut().expect("it runs");
    let hellos = [Input::Timer, Input::Interrupted].map(|input| {
        node.handle(now, wall, input)
            .filter(|action| matches!(action, Action::Publish { to: Destination::All, .. }))
            .count()
    });
    assert_eq!(hellos, [0, 1]);
}

/// [D9] A server may be built long before it runs.
#[test]
fn a_node_that_has_not_said_hello_yet_was_not_suspended() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.now = cluster.now.saturating_add(60 * SECOND);
    cluster.run(2 * SECOND);
    assert_eq!((cluster.node(0).stats().suspensions, cluster.events(0)), (0, vec![]));
}

/// [D8]
#[test]
fn whatever_a_node_says_shows_that_it_is_there() {
    let mut peer = Peer::new();
    for number in 1..=10 {
        peer.cluster.run(SECOND);
        peer.changes(number, vec![claimed("ann", number)]);
    }
    assert_eq!(peer.online(), ["ann"]);
}
