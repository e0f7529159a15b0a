//! Which login of a user counts.

use heartline::CloseCode;
use heartline::directory::{Action, Departure, Event, Input, Settings};

use crate::cluster::{Cluster, SECOND, conn, name};
use crate::packets::{Body, Change, encode};
use crate::peer::{Peer, claimed};

/// [D3] [D4]
#[test]
fn a_login_elsewhere_closes_the_earlier_connection_for_good() {
    let mut cluster = Cluster::new(3);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.login(2, 9, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.closes(0), [(1, CloseCode::SUPERSEDED)].into());
    assert_eq!(cluster.closes(2), [].into());
    assert_eq!(cluster.opinion("ann"), Some("n2".into()));
}

/// [D4] Each may be the newer one, so neither is closed with the final code.
#[test]
fn of_two_logins_that_did_not_know_of_each_other_the_lower_is_closed_to_come_back() {
    let mut cluster = Cluster::new(2);
    cluster.skew[0] = 2_000;
    cluster.login(0, 1, "ann");
    cluster.login(1, 2, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.closes(1), [(2, CloseCode::CONCURRENT)].into());
    assert_eq!(cluster.opinion("ann"), Some("n0".into()));

    // It comes back, and now it knows.
    cluster.login(1, 3, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.closes(0), [(1, CloseCode::SUPERSEDED)].into());
    assert_eq!(cluster.opinion("ann"), Some("n1".into()));
}

/// [D3] However far behind its clock is.
#[test]
fn a_login_is_above_every_stamp_that_its_node_heard() {
    let mut cluster = Cluster::new(2);
    cluster.skew[0] = 9_000;
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.login(1, 2, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.opinion("ann"), Some("n1".into()));
    assert_eq!(cluster.node(1).stats().skewed, 0);
}

/// [D6]
#[test]
fn a_clock_that_is_far_ahead_is_reported_until_it_is_right_again() {
    let mut cluster = Cluster::new(3);
    let is_reported = |event: &Event| matches!(event, Event::ClockSkew(_));
    cluster.skew[0] = 9_900;
    cluster.run(2 * SECOND);
    assert_eq!(cluster.node(1).stats().skewed, 0);
    for _ in 0..2 {
        cluster.skew[0] = 10_100;
        cluster.login(0, 1, "ann");
        cluster.run(3 * SECOND);
        let reported: Vec<_> = cluster.events(1).into_iter().filter(is_reported).collect();
        assert_eq!(reported, [Event::ClockSkew(name(0))], "once, however many hellos say so");
        assert_eq!(cluster.opinion("ann"), Some("n0".into()), "its logins count all the same");
        // Stamps follow those that were heard; the clocks are right.
        cluster.skew[0] = 0;
        cluster.run(2 * SECOND);
        cluster.forget();
        cluster.login(2, 2, "bob");
        cluster.run(3 * SECOND);
        assert!(!cluster.events(1).iter().any(is_reported));
    }
    assert_eq!(cluster.node(1).stats().skewed, 6);
}

/// [D4] The phone that reconnected on its own node replaces what the first of its logins replaced.
#[test]
fn a_second_login_on_one_node_replaces_what_the_first_did() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.cut.insert((1, 0));
    cluster.login(1, 2, "ann");
    cluster.act(1, Input::Ended { conn: conn(2), user: "bob".into(), departure: Departure::Lost });
    cluster.login(1, 3, "ann");
    cluster.cut.clear();
    cluster.run(3 * SECOND);
    assert_eq!(cluster.closes(0), [(1, CloseCode::SUPERSEDED)].into());
}

/// [D3]
#[test]
fn the_end_of_an_earlier_connection_does_not_end_a_later_login() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.login(0, 2, "ann");
    let stale = cluster.node(0).stats().stale;
    cluster.log_out(0, 1, "ann");
    assert_eq!(cluster.node(0).stats().stale, stale + 1);
    cluster.run(SECOND);
    assert_eq!(cluster.opinion("ann"), Some("n0".into()));
}

/// [D4]
#[test]
fn the_codes_are_those_of_the_settings() {
    let [superseded_code, concurrent_code] = [4001, 4002].map(|code| CloseCode::new(code).unwrap());
    let mut cluster = Cluster::with(2, Settings { superseded_code, concurrent_code, ..Settings::default() });
    cluster.login(0, 1, "ann");
    cluster.login(1, 1, "ann");
    cluster.login(1, 2, "bob");
    cluster.run(SECOND);
    cluster.login(0, 2, "bob");
    cluster.run(SECOND);
    let closes = [cluster.closes(0), cluster.closes(1)];
    assert_eq!(closes, [[(1, concurrent_code)].into(), [(2, superseded_code)].into()]);
}

/// [D4] The node of the replaced login has left, so that the second login does not find it.
#[test]
fn a_second_login_names_what_the_first_one_replaced() {
    let mut peer = Peer::new();
    peer.changes(1, vec![claimed("ann", 7)]);
    peer.cluster.login(0, 1, "ann");
    peer.say(&Body::Goodbye);
    peer.cluster.run(SECOND);
    peer.cluster.login(0, 2, "ann");
    let over = peer.await_packet(|body| match body {
        Body::Changes { mut changes, .. } => match changes.pop() {
            Some(Change::Claimed(claim)) => Some(claim.over),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(over, Some((7, "peer".into())));
}

/// [D4]
#[test]
fn a_login_that_knew_of_an_earlier_connection_alone_closes_the_later_one_to_come_back() {
    let mut cluster = Cluster::new(2);
    cluster.skew[1] = 2_000;
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.login(0, 2, "ann");
    cluster.login(1, 9, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.closes(0), [(2, CloseCode::CONCURRENT)].into());
    assert_eq!(cluster.opinion("ann"), Some("n1".into()));
}

/// [D4] Also if the end of its connection is not reported.
#[test]
fn a_claim_that_lost_is_given_up() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "ann");
    cluster.run(SECOND);
    cluster.login(1, 9, "ann");
    cluster.run(SECOND);
    cluster.log_out(1, 9, "ann");
    cluster.run(SECOND);
    assert_eq!(cluster.opinion("ann"), None);
}

/// [D3]
#[test]
fn stamps_go_up_though_the_wall_clock_goes_back() {
    let mut cluster = Cluster::new(1);
    cluster.login(0, 1, "ann");
    let before = cluster.node(0).stamp_of(&"ann".into()).cloned();
    cluster.skew[0] = -5_000;
    cluster.login(0, 2, "ann");
    assert!(cluster.node(0).stamp_of(&"ann".into()).cloned() > before);
}

/// [D4] [D18]
#[test]
fn the_end_of_a_connection_withdraws_its_close_but_not_under_another_name() {
    for (user, closes) in [("ann", 0), ("bob", 1)] {
        let mut peer = Peer::new();
        peer.cluster.login(0, 1, "ann");
        let changes = vec![claimed("ann", u64::MAX)];
        let payload = encode(&peer.sender, &Body::Changes { first: 1, changes });
        let (now, wall) = (peer.cluster.now, peer.cluster.wall(0));
        let node = peer.cluster.nodes[0].as_mut().unwrap();
        drop(node.handle(now, wall, Input::Received { payload }));
        let actions =
            node.handle(now, wall, Input::Ended { conn: conn(1), user: user.into(), departure: Departure::Lost });
        assert_eq!(actions.filter(|action| matches!(action, Action::Close { .. })).count(), closes, "{user}");
    }
}
