//! Messages between users on different nodes.

use heartline::Timestamp;
use heartline::directory::{Action, Config, Departure, Directory, Input, Outcome, Settings, UnixTime};

use crate::cluster::{Cluster, SECOND, conn, name};
use crate::packets::{Body, Sender, decode, encode};

fn deliveries(cluster: &Cluster, nth: usize) -> Vec<(String, u64)> {
    let deliveries = cluster.done[nth].iter().filter_map(|action| match action {
        Action::Deliver { message, sequence, .. } => Some((String::from_utf8(message.clone()).unwrap(), *sequence)),
        _ => None,
    });
    deliveries.collect()
}

/// The hub of a node did this with the latest message that came.
fn answer(cluster: &mut Cluster, nth: usize, outcome: Outcome) {
    let latest = cluster.done[nth].iter().rev().find_map(|action| match action {
        Action::Deliver { relay, .. } => Some(relay.clone()),
        _ => None,
    });
    cluster.act(nth, Input::Delivered { relay: latest.expect("a message came"), outcome });
}

fn two(settings: Settings) -> Cluster {
    let mut cluster = Cluster::with(2, settings);
    cluster.login(0, 1, "ann");
    cluster.login(1, 1, "bob");
    cluster.run(SECOND);
    cluster
}

/// [D10]
#[test]
fn a_message_finds_its_recipient_and_its_sender_hears_what_became_of_it() {
    let mut cluster = two(Settings::default());
    let outcomes = [Outcome::Routed, Outcome::Offline, Outcome::Full, Outcome::Dropped];
    for outcome in outcomes {
        cluster.relay(0, "ann", "bob", b"hi");
        answer(&mut cluster, 1, outcome);
    }
    assert_eq!(deliveries(&cluster, 1), (1..=4).map(|count| ("hi".to_string(), count)).collect::<Vec<_>>());
    assert_eq!(cluster.outcomes(0), outcomes.map(|outcome| (outcome, outcome != Outcome::Routed)));
    let stats = cluster.node(0).stats();
    assert_eq!([stats.relayed, stats.routed, stats.offline, stats.full, stats.dropped], [4, 1, 1, 1, 1]);
}

/// [D10]
#[test]
fn a_message_for_nobody_comes_back_at_once() {
    let mut cluster = two(Settings::default());
    cluster.relay(0, "ann", "cem", b"hi");
    cluster.relay(0, "ann", "ann", b"not found by the hub here, so nowhere");
    assert_eq!(cluster.outcomes(0), [(Outcome::Offline, true); 2]);
}

/// [D10]
#[test]
fn a_message_without_an_answer_in_time_ends_as_unknown() {
    let mut cluster = two(Settings::default());
    cluster.relay(0, "ann", "bob", b"hi");
    cluster.run(2 * SECOND - SECOND / 1000);
    assert_eq!(cluster.outcomes(0), []);
    cluster.run(SECOND / 1000);
    assert_eq!(cluster.outcomes(0), [(Outcome::Unknown, true)]);

    answer(&mut cluster, 1, Outcome::Routed);
    assert_eq!(cluster.outcomes(0).len(), 1, "it had its outcome");
}

/// [D10]
#[test]
fn a_message_follows_its_recipient_once() {
    let mut cluster = Cluster::new(4);
    cluster.login(1, 1, "bob");
    cluster.run(SECOND);
    cluster.relay(0, "ann", "bob", b"hi");
    for (from, to) in [(1, 2), (2, 3)] {
        cluster.login(to, 1, "bob");
        cluster.run(SECOND / 10);
        answer(&mut cluster, from, Outcome::Offline);
    }
    assert_eq!([1, 2, 3].map(|nth| deliveries(&cluster, nth).len()), [1, 1, 0]);
    assert_eq!(cluster.outcomes(0), [(Outcome::Offline, true)]);
}

/// [D10] [D11]
#[test]
fn a_message_does_not_follow_behind_a_newer_one() {
    let mut cluster = Cluster::new(3);
    cluster.login(1, 1, "bob");
    cluster.run(SECOND);
    cluster.relay(0, "ann", "bob", b"first");
    cluster.login(2, 1, "bob");
    cluster.run(SECOND / 10);
    cluster.relay(0, "ann", "bob", b"second");
    answer(&mut cluster, 1, Outcome::Offline);
    answer(&mut cluster, 2, Outcome::Routed);
    assert_eq!(deliveries(&cluster, 2), [("second".into(), 2)], "the gap shows");
    assert_eq!(cluster.outcomes(0), [(Outcome::Offline, true), (Outcome::Routed, false)]);
    assert_eq!(cluster.node(0).stats().relayed, 2, "it is not sent once more, to be refused there");
}

/// [D10]
#[test]
fn pending_messages_are_bounded_in_number_and_bytes() {
    let mut cluster = two(Settings { max_relays: 2, ..Settings::default() });
    (0..3).for_each(|_| cluster.relay(0, "ann", "bob", b"hi"));
    assert_eq!(cluster.outcomes(0), [(Outcome::Full, true)]);

    let mut cluster = two(Settings { relay_bytes: 10, ..Settings::default() });
    cluster.relay(0, "ann", "bob", b"12345");
    cluster.relay(0, "ann", "bob", b"123456");
    cluster.relay(0, "ann", "bob", b"12345");
    assert_eq!(cluster.outcomes(0), [(Outcome::Full, true)]);
    answer(&mut cluster, 1, Outcome::Routed);
    cluster.relay(0, "ann", "bob", b"12345");
    assert_eq!(cluster.outcomes(0), [(Outcome::Full, true), (Outcome::Routed, false)]);
}

/// [D10]
#[test]
fn a_message_longer_than_the_broker_takes_ends_as_full() {
    let max_payload = Settings::default().max_payload as usize;
    let mut cluster = two(Settings::default());
    cluster.relay(0, "ann", "bob", &vec![0; max_payload - 1024]);
    assert_eq!(cluster.outcomes(0), []);
    cluster.relay(0, "ann", "bob", &vec![0; max_payload]);
    assert_eq!(cluster.outcomes(0), [(Outcome::Full, true)]);
}

/// [D11]
#[test]
fn messages_are_counted_for_each_connection_and_recipient() {
    let mut cluster = two(Settings::default());
    cluster.login(1, 2, "cem");
    cluster.run(SECOND);
    let to = ["bob", "cem", "bob"];
    to.iter().for_each(|to| cluster.relay(0, "ann", to, b"hi"));
    cluster.act(0, Input::Ended { conn: conn(1), user: "ann".into(), departure: Departure::LoggedOut });
    cluster.relay(0, "ann", "bob", b"hi");
    let counts: Vec<_> = deliveries(&cluster, 1).into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [1, 1, 2, 1]);
}

/// [D10] [D14]
#[test]
fn a_node_that_leaves_does_not_know_what_became_of_its_messages() {
    let mut cluster = two(Settings::default());
    cluster.relay(0, "ann", "bob", b"hi");
    cluster.act(0, Input::Leave);
    cluster.relay(0, "ann", "bob", b"hi");
    assert_eq!(cluster.outcomes(0), [(Outcome::Unknown, true), (Outcome::Offline, true)]);
}

/// [D2] [D10]
#[test]
fn a_message_is_not_delivered_by_another_process_of_the_name_it_is_sent_to() {
    let mut cluster = Cluster::new(3);
    cluster.login(0, 1, "ann");
    cluster.login(1, 1, "bob");
    cluster.run(SECOND);
    cluster.crash(2);
    cluster.start_as(2, cluster.node(1).node().clone());
    cluster.relay(0, "ann", "bob", b"hi");
    assert_eq!(deliveries(&cluster, 1), [("hi".to_string(), 1)]);
    assert_eq!((deliveries(&cluster, 2), cluster.node(2).stats().ignored), (vec![], 1));
}

/// [D10]
#[test]
fn only_the_node_that_a_message_was_sent_to_says_what_became_of_it() {
    let mut cluster = Cluster::new(3);
    cluster.login(1, 1, "bob");
    cluster.run(SECOND);
    cluster.relay(0, "ann", "bob", b"hi");
    let Some(Action::Deliver { relay, .. }) = cluster.done[1].last().cloned() else { panic!("it came") };
    cluster.act(2, Input::Delivered { relay, outcome: Outcome::Routed });
    assert_eq!(cluster.outcomes(0), []);
    cluster.run(2 * SECOND);
    assert_eq!(cluster.outcomes(0), [(Outcome::Unknown, true)]);
}

/// A message from Ann's connection on another node to Bob, and the node of both that it is for.
fn from_elsewhere(number: u64) -> Body {
    let (to, from, message) = ("bob".into(), "ann".into(), Vec::new());
    Body::Relay { id: number, incarnation: 7, to, from, conn: 1, sequence: number, volatile: false, message }
}

/// A node of incarnation 7, where Bob is, and what a packet of this sender, known by its hello, leads to.
fn receiver() -> impl FnMut(&Sender, Body) -> Vec<Action> {
    let (now, wall) = (Timestamp::ORIGIN, UnixTime::from_millis(1));
    let mut node = Directory::new(Config::default(), name(0), now, wall, 7);
    node.handle(now, wall, Input::Login { conn: conn(1), user: "bob".into() }).for_each(drop);
    move |sender, body| {
        let hello = Body::Hello { serial: 1, wall: 0, number: 0, claims: 0, digest: 0, hears: Vec::new() };
        node.handle(now, wall, Input::Received { payload: encode(sender, &hello) }).for_each(drop);
        node.handle(now, wall, Input::Received { payload: encode(sender, &body) }).collect()
    }
}

/// [D2] [D11]
#[test]
fn a_connection_is_the_same_when_its_node_takes_another_epoch_and_another_when_that_starts_again() {
    let mut received = receiver();
    let mut sent_by = |epoch, incarnation| {
        let sender = Sender { node: "peer".into(), epoch, incarnation };
        received(&sender, from_elsewhere(1)).into_iter().find_map(|action| match action {
            Action::Deliver { conn, .. } => Some(conn),
            _ => None,
        })
    };
    let [first, took_an_epoch, started_again] = [(5, 5), (6, 5), (6, 6)].map(|(epoch, it)| sent_by(epoch, it));
    assert!(first.is_some() && first == took_an_epoch);
    assert!(started_again.is_some() && started_again != first);
}

/// [D11]
#[test]
fn a_message_that_arrives_behind_a_later_one_is_not_delivered_and_ends_as_offline() {
    let mut received = receiver();
    let sender = Sender { node: "peer".into(), epoch: 5, incarnation: 5 };
    let mut is_delivered = |number| {
        let actions = received(&sender, from_elsewhere(number));
        let refused = actions.iter().any(|action| match action {
            Action::Publish { payload, .. } => decode(payload).1 == Body::Delivered { id: number, outcome: 1 },
            _ => false,
        });
        let delivered = actions.iter().any(|action| matches!(action, Action::Deliver { .. }));
        assert_ne!(delivered, refused, "either is");
        delivered
    };
    assert_eq!([1, 4, 3, 4, 5, 1].map(&mut is_delivered), [true, true, false, false, true, false]);
}
