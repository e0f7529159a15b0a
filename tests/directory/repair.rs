//! Repair, packet by packet: what is applied, what is asked for, and what replaces what.

use std::collections::BTreeSet;

use heartline::directory::{Action, Config, Directory, Input, UnixTime};

use crate::cluster::{Cluster, SECOND, name};
use crate::packets::{Body, Change, LOGGED_OUT, LOST, Sender, decode, encode};
use crate::peer::{Peer, claim, claimed};

/// The digests that the node sends to be compared, once it has heard of one that differs.
fn compared(peer: &mut Peer) -> Vec<u128> {
    peer.await_packet(|body| if let Body::Compare { digests } = body { Some(digests) } else { None })
}

/// The bucket of a user: the only one that is not empty when nobody else is known.
fn bucket_of(user: &str) -> u8 {
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed(user, 1)]);
    peer.hello(1, 0, 0);
    let digests = compared(&mut peer);
    (0..=255).find(|bucket| digests[usize::from(*bucket)] != 0).expect("one")
}

/// Ann's bucket, and two users in it, Ann first.
fn users_of_one_bucket() -> (u8, Vec<String>) {
    let bucket = bucket_of("ann");
    let others = (0..).map(|nth| format!("user {nth}")).filter(|user| bucket_of(user) == bucket);
    (bucket, ["ann".to_string()].into_iter().chain(others.take(1)).collect())
}

/// A peer whose claim on Ann is known, and whose bucket of her is found to differ as of change 1.
fn differing() -> (Peer, u8, String) {
    let (bucket, users) = users_of_one_bucket();
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed("ann", 1)]);
    peer.hello(1, 2, 7);
    let mut digests = compared(&mut peer);
    digests[usize::from(bucket)] = 7;
    peer.say(&Body::Digests { number: 1, digests });
    (peer, bucket, users[1].clone())
}

fn part(bucket: u8, number: u64, part: u64, parts: u64, users: &[&str]) -> Body {
    let claims = users.iter().map(|user| claim(user, 9)).collect();
    Body::Part { bucket, number, part, parts, claims }
}

/// [D5]
#[test]
fn changes_behind_a_gap_are_dropped_and_asked_for() {
    let mut peer = Peer::new();
    peer.changes(2, vec![claimed("bob", 2)]);
    assert_eq!((peer.online().len(), peer.cluster.node(0).stats().gaps), (0, 1));
    let after = peer.await_packet(|body| match body {
        Body::AskChanges { after } => Some(after),
        _ => None,
    });
    peer.changes(after + 1, vec![claimed("ann", 1), claimed("bob", 2), Change::Released(b"ann".to_vec(), LOGGED_OUT)]);
    assert_eq!(peer.online(), ["bob"]);
    peer.changes(1, vec![claimed("ann", 1)]);
    assert_eq!(peer.online(), ["bob"], "that is known");
}

/// [D6] [D7]
#[test]
fn a_node_whose_digest_differs_at_the_same_number_is_compared() {
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed("ann", 1)]);
    peer.hello(1, 1, 12345);
    assert!(peer.cluster.node(0).nodes().all(|node| !node.in_step));
    compared(&mut peer);
}

/// [D6] The digests of other implementations: SipHash-2-4 with 128 bits under the key of bytes 0 to 15.
#[test]
fn a_hello_says_the_digest_of_the_claims_and_the_number_of_the_last_change() {
    let mut peer = Peer::new();
    peer.cluster.login(0, 1, "ann");
    peer.cluster.login(0, 2, "bob");
    let time = peer.cluster.node(0).stamp_of(&"ann".into()).expect("she is online").time;
    peer.cluster.log_out(0, 2, "bob");
    let said = peer.await_packet(|body| match body {
        Body::Hello { number, claims, digest, hears, .. } => Some((number, claims, digest, hears)),
        _ => None,
    });
    assert_eq!((said.0, said.1, &said.3[..]), (3, 1, &["peer".to_string()][..]));
    // What it says of itself is what it would find right in another.
    let mut other = Peer::new();
    other.changes(3, vec![]);
    other.changes(1, vec![claimed("ann", time), claimed("bob", 1), Change::Released(b"bob".to_vec(), LOGGED_OUT)]);
    other.hello(3, 1, said.2);
    assert!(other.cluster.node(0).nodes().all(|node| node.in_step));
    let mut later = Peer::new();
    later.changes(1, vec![claimed("ann", time + 1)]);
    later.hello(1, 1, said.2);
    assert!(later.cluster.node(0).nodes().all(|node| !node.in_step), "the time counts");
}

/// [D7]
#[test]
fn a_bucket_is_replaced_when_all_of_its_parts_have_come() {
    let (mut peer, bucket, other) = differing();
    peer.say(&part(bucket, 1, 1, 2, &[]));
    peer.say(&part(bucket, 1, 1, 2, &[]));
    assert_eq!(peer.online(), ["ann"]);
    peer.say(&part(bucket, 1, 0, 2, &[&other]));
    assert_eq!(peer.online(), [other]);
    assert_eq!(peer.cluster.node(0).stats().repaired, 1);
}

/// [D7]
#[test]
fn a_bucket_that_changes_made_right_before_it_came_is_not_waited_for() {
    let (mut peer, bucket, other) = differing();
    peer.changes(2, vec![claimed(&other, 9)]);
    let digests = compared(&mut peer);
    assert_ne!(digests[usize::from(bucket)], 0);
    peer.say(&Body::Digests { number: 2, digests: digests.clone() });
    let total = digests.iter().fold(0, |total: u128, digest| total.wrapping_add(*digest));
    peer.hello(2, 2, total);
    assert!(peer.cluster.node(0).nodes().all(|node| node.in_step));
}

/// [D7] A busy node's changes never end, and are no answer to a question about its buckets.
#[test]
fn a_bucket_that_was_lost_is_asked_for_again_while_changes_go_on_coming() {
    let (mut peer, ..) = differing();
    let mut is_asked = false;
    for number in 2..=20 {
        peer.cluster.now = peer.cluster.now.saturating_add(SECOND / 10);
        let changes = vec![claimed(&format!("user {number}"), number)];
        let payload = encode(&peer.sender, &Body::Changes { first: number, changes });
        let (now, wall) = (peer.cluster.now, peer.cluster.wall(0));
        let node = peer.cluster.nodes[0].as_mut().expect("it runs");
        is_asked |= node.handle(now, wall, Input::Received { payload }).any(|action| match action {
            Action::Publish { payload, .. } => matches!(decode(&payload).1, Body::Compare { .. }),
            _ => false,
        });
    }
    assert!(is_asked, "within a hello");
}

/// [D7]
#[test]
fn parts_of_different_moments_make_no_bucket() {
    let (mut peer, bucket, other) = differing();
    peer.say(&part(bucket, 1, 0, 2, &["ann"]));
    peer.say(&part(bucket, 2, 1, 2, &[&other]));
    assert_eq!(peer.cluster.node(0).stats().repaired, 0);
}

/// [D7]
#[test]
fn later_changes_are_on_top_of_a_bucket_whichever_comes_first() {
    let (mut peer, bucket, other) = differing();
    peer.changes(2, vec![Change::Released(b"ann".to_vec(), LOST)]);
    peer.say(&part(bucket, 1, 0, 1, &["ann", &other]));
    assert_eq!(peer.online().len(), 0, "it is from before the change");

    let (mut peer, bucket, other) = differing();
    peer.say(&part(bucket, 3, 0, 1, &["ann", &other]));
    peer.changes(2, vec![Change::Released(b"ann".to_vec(), LOST)]);
    assert_eq!(peer.online(), ["ann", &other], "it is from after the change");
    peer.changes(3, vec![claimed("ann", 9)]);
    peer.changes(4, vec![Change::Released(b"ann".to_vec(), LOST)]);
    assert_eq!(peer.online(), [other]);
}

/// [D7]
#[test]
fn nodes_that_miss_the_same_do_not_ask_all_at_once() {
    let sender = Sender { node: "peer".into(), epoch: 5, incarnation: 5 };
    let hello =
        encode(&sender, &Body::Hello { serial: 1, wall: 0, number: 9, claims: 9, digest: 9, hears: Vec::new() });
    let (cluster, wall) = (Cluster::new(0), UnixTime::from_millis(1));
    let ask = |incarnation| {
        let mut node = Directory::new(Config::default(), name(0), cluster.now, wall, incarnation);
        node.handle(cluster.now, wall, Input::Received { payload: hello.clone() }).for_each(drop);
        loop {
            let now = node.deadline().expect("it runs");
            let mut actions = node.handle(now, wall, Input::Timer);
            let is_question = |action: Action| match action {
                Action::Publish { payload, .. } => matches!(decode(&payload).1, Body::AskChanges { .. }),
                _ => false,
            };
            if actions.any(is_question) {
                return now;
            }
        }
    };
    let times: BTreeSet<_> = (1..=20).map(ask).collect();
    assert!(times.len() > 10 && *times.last().unwrap() <= cluster.now.saturating_add(SECOND / 5), "{times:?}");
}

/// [D6]
#[test]
fn however_many_new_nodes_come_hellos_keep_their_distance() {
    let mut peer = Peer::new();
    let before = peer.cluster.now;
    let mut hellos = 0;
    for nth in 0..100 {
        peer.sender.node = format!("node-{nth}");
        peer.cluster.now = before.saturating_add(SECOND / 100 * nth);
        let payload =
            encode(&peer.sender, &Body::Hello { serial: 1, wall: 0, number: 0, claims: 0, digest: 0, hears: vec![] });
        let (now, wall) = (peer.cluster.now, peer.cluster.wall(0));
        let node = peer.cluster.nodes[0].as_mut().expect("it runs");
        for input in [Input::Received { payload }, Input::Timer] {
            hellos += node.handle(now, wall, input).filter(|action| matches!(action, Action::Publish { .. })).count();
        }
    }
    assert!((4..=6).contains(&hellos), "{hellos} within a second");
}

/// [D7]
#[test]
fn a_question_without_an_answer_does_not_delay_the_next_answer() {
    let mut peer = Peer::new();
    peer.cluster.login(0, 1, "ann");
    peer.cluster.run(SECOND);
    peer.sender.node = "another".into();
    peer.hello(0, 0, 0);
    peer.cluster.run(SECOND);
    let payload =
        |node: &str, after| encode(&Sender { node: node.into(), ..peer.sender.clone() }, &Body::AskChanges { after });
    let (now, wall) = (peer.cluster.now, peer.cluster.wall(0));
    let questions = [payload("another", 1), payload("peer", 0)];
    let node = peer.cluster.nodes[0].as_mut().expect("it runs");
    questions.into_iter().for_each(|payload| drop(node.handle(now, wall, Input::Received { payload })));
    let answers = std::iter::from_fn(|| node.next_action()).count();
    assert!(answers == 1 && node.deadline() > Some(now), "{answers}");
}

/// [D7] One question is enough, without a second one for the buckets.
#[test]
fn whoever_compares_is_told_all_digests_and_the_buckets_that_differ() {
    let mut peer = Peer::new();
    peer.cluster.login(0, 1, "ann");
    peer.cluster.login(0, 2, "bob");
    peer.cluster.run(SECOND);
    let [ann, bob] = ["ann", "bob"].map(bucket_of);
    let mut known = vec![0; 256];
    for expected in [BTreeSet::from([ann, bob]), BTreeSet::from([ann])] {
        let (mut parts, mut digests) = (BTreeSet::new(), Vec::new());
        for body in peer.ask(&Body::Compare { digests: known.clone() }) {
            match body {
                Body::Digests { number: 2, digests: all } => digests = all,
                Body::Part { bucket, number: 2, part: 0, parts: 1, claims } if claims.len() == 1 => {
                    _ = parts.insert(bucket)
                }
                _ => {}
            }
        }
        assert_eq!(parts, expected);
        known[usize::from(bob)] = digests[usize::from(bob)];
    }
}
