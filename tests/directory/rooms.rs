//! Rooms and broadcasts.

use heartline::directory::{Action, Destination, Input, Settings};

use crate::cluster::{Cluster, SECOND, name};
use crate::packets::Body;
use crate::peer::Peer;

fn enter(cluster: &mut Cluster, nth: usize, room: &str) {
    cluster.act(nth, Input::EnterRoom { room: room.into() });
}

fn broadcast(cluster: &mut Cluster, nth: usize, room: Option<&str>) {
    let room = room.map(Into::into);
    let message = b"hi".to_vec();
    cluster.act(
        nth,
        Input::Broadcast { from: Some("ann".into()), room, except: vec!["bob".into()], message, volatile: true },
    );
}

fn broadcasts(cluster: &Cluster) -> Vec<usize> {
    let is_one = |action: &&Action| matches!(action, Action::Broadcast { volatile: true, .. });
    cluster.done.iter().map(|done| done.iter().filter(is_one).count()).collect()
}

fn entered(cluster: &Cluster, nth: usize) -> Vec<bool> {
    let entered = cluster.done[nth].iter().filter_map(|action| match action {
        Action::Entered { confirmed, .. } => Some(*confirmed),
        _ => None,
    });
    entered.collect()
}

/// [D12]
#[test]
fn a_broadcast_is_for_all_other_nodes() {
    let mut cluster = Cluster::new(3);
    broadcast(&mut cluster, 1, None);
    assert_eq!(broadcasts(&cluster), [1, 0, 1]);
}

/// [D12]
#[test]
fn a_broadcast_to_a_room_is_for_the_other_nodes_that_entered_it() {
    let mut cluster = Cluster::new(4);
    enter(&mut cluster, 0, "btc");
    enter(&mut cluster, 1, "btc");
    enter(&mut cluster, 2, "eth");
    broadcast(&mut cluster, 1, Some("btc"));
    assert_eq!(broadcasts(&cluster), [1, 0, 0, 0]);
    cluster.act(0, Input::LeaveRoom { room: "btc".into() });
    broadcast(&mut cluster, 1, Some("btc"));
    assert_eq!(broadcasts(&cluster), [1, 0, 0, 0]);
}

/// [D12]
#[test]
fn a_broadcast_that_cannot_be_published_comes_back() {
    let mut cluster = Cluster::new(2);
    let message = vec![0; Settings::default().max_payload as usize];
    for (room, message) in [(None, message), (Some("".into()), vec![1])] {
        cluster.forget();
        let input = Input::Broadcast { from: None, room, except: vec![], message: message.clone(), volatile: false };
        cluster.act(0, input);
        assert_eq!(cluster.done[0], [Action::BroadcastRefused { message }]);
    }
    assert_eq!(broadcasts(&cluster), [0, 0]);
}

/// [D13]
#[test]
fn a_room_is_confirmed_when_a_probe_has_come_back() {
    let mut cluster = Cluster::new(2);
    cluster.cut.insert((0, 0));
    enter(&mut cluster, 0, "btc");
    assert_eq!(entered(&cluster, 0), []);
    cluster.cut.clear();
    cluster.run(SECOND);
    assert_eq!(entered(&cluster, 0), [true]);
    enter(&mut cluster, 0, "btc");
    assert_eq!(entered(&cluster, 0), [true, true], "it is known");
}

/// [D13]
#[test]
fn a_room_is_entered_unconfirmed_if_no_probe_comes_back_in_time() {
    let mut cluster = Cluster::new(1);
    cluster.cut.insert((0, 0));
    enter(&mut cluster, 0, "btc");
    cluster.run(2 * SECOND);
    assert_eq!(entered(&cluster, 0), [false]);
    enter(&mut cluster, 0, "btc");
    assert_eq!(entered(&cluster, 0), [false, false]);
    cluster.cut.clear();
    cluster.run(4 * SECOND);
    assert_eq!(entered(&cluster, 0), [false, false, true], "it came back after all");
}

/// [D13]
#[test]
fn a_room_whose_subscription_the_broker_refused_is_subscribed_to_again_before_each_later_probe() {
    let mut cluster = Cluster::new(1);
    cluster.refuses = true;
    enter(&mut cluster, 0, "btc");
    cluster.run(20 * SECOND);
    assert_eq!(entered(&cluster, 0), [false]);
    cluster.refuses = false;
    cluster.run(6 * SECOND);
    assert_eq!(entered(&cluster, 0), [false, true]);
}

/// The probe that follows, which is under way still.
fn probe_of_entering(cluster: &mut Cluster) -> Vec<u8> {
    let (now, wall) = (cluster.now, cluster.wall(0));
    let node = cluster.nodes[0].as_mut().expect("it runs");
    let probe = node.handle(now, wall, Input::EnterRoom { room: "btc".into() }).find_map(|action| match action {
        Action::Publish { to: Destination::Room(_), payload } => Some(payload),
        _ => None,
    });
    probe.expect("a probe")
}

/// [D13] Its subscription is known already; that of the second entry may not be.
#[test]
fn a_probe_from_before_a_room_was_entered_again_does_not_confirm_it() {
    let mut cluster = Cluster::new(1);
    let first = probe_of_entering(&mut cluster);
    cluster.act(0, Input::LeaveRoom { room: "btc".into() });
    let second = probe_of_entering(&mut cluster);
    cluster.act(0, Input::Received { payload: first });
    assert_eq!(entered(&cluster, 0), []);
    cluster.act(0, Input::Received { payload: second });
    assert_eq!(entered(&cluster, 0), [true]);
}

/// [D13]
#[test]
fn who_is_in_a_room_is_what_the_nodes_say_and_those_that_do_not_answer_are_named() {
    let mut cluster = Cluster::new(3);
    cluster.act(0, Input::AskMembers { room: "btc".into(), limit: 2, tag: 5 });
    for nth in [1, 2] {
        let asked = cluster.done[nth].pop();
        let Some(Action::ListMembers { query, room, limit: 2 }) = asked else { panic!("{asked:?}") };
        assert_eq!(room, "btc".into());
        if nth == 1 {
            let users = ["ann", "bob", "cem"].map(Into::into).into();
            cluster.act(nth, Input::MembersHere { query, users, total: 3 });
        }
    }
    assert_eq!(cluster.done[0], []);
    cluster.run(2 * SECOND);
    let answer = cluster.done[0].pop();
    let Some(Action::Members { tag: 5, nodes, unanswered }) = answer else { panic!("{answer:?}") };
    assert_eq!(unanswered, [name(2)]);
    assert_eq!((nodes.len(), &nodes[0].node, nodes[0].total, nodes[0].users.len()), (1, &name(1), 3, 2));
}

/// [D13]
#[test]
fn questions_are_bounded_and_a_node_alone_has_its_answer_at_once() {
    let mut cluster = Cluster::new(2);
    for tag in 0..1025 {
        cluster.act(0, Input::AskMembers { room: "btc".into(), limit: 2, tag });
    }
    assert_eq!(cluster.done[0], [Action::Members { tag: 1024, nodes: vec![], unanswered: vec![name(1)] }]);

    let mut alone = Cluster::new(1);
    alone.act(0, Input::AskMembers { room: "btc".into(), limit: 2, tag: 1 });
    assert_eq!(alone.done[0], [Action::Members { tag: 1, nodes: vec![], unanswered: vec![] }]);
}

/// [D12] It may still arrive after the room was left, and two rooms may have one hash.
#[test]
fn a_broadcast_for_a_room_that_was_not_entered_is_ignored() {
    let mut peer = Peer::new();
    enter(&mut peer.cluster, 0, "btc");
    for room in ["btc", "eth"] {
        let room = Some(room.into());
        peer.say(&Body::Broadcast { from: None, room, except: vec![], volatile: true, message: vec![1] });
    }
    assert_eq!(broadcasts(&peer.cluster), [1]);
}

/// [D13] [D14]
#[test]
fn a_node_that_has_left_owes_no_answer() {
    let mut cluster = Cluster::new(2);
    cluster.cut.insert((0, 0));
    let ask = |tag| Input::AskMembers { room: "btc".into(), limit: 2, tag };
    enter(&mut cluster, 0, "btc");
    cluster.act(0, ask(1));
    cluster.act(0, Input::Leave);
    enter(&mut cluster, 0, "eth");
    cluster.act(0, ask(2));
    assert_eq!(entered(&cluster, 0), [false, false]);
    let answers = cluster.done[0].iter().filter_map(|action| match action {
        Action::Members { tag, unanswered, .. } => Some((*tag, unanswered.len())),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), [(1, 1), (2, 0)]);
    assert_eq!(cluster.node(0).deadline(), None);
}
