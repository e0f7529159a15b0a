//! Limits on what is known and sent, and what stays owed until it is pulled.

use heartline::directory::{Action, Config, Directory, Event, Input, Settings, UnixTime};
use heartline::{ConfigError, Timestamp};

use crate::cluster::{Cluster, SECOND, conn, name};

/// [D17]
#[test]
fn nodes_and_users_beyond_the_limits_are_ignored() {
    let mut cluster = Cluster::with(3, Settings { max_nodes: 1, max_claims: 2, ..Settings::default() });
    assert_eq!(cluster.node(0).nodes().count(), 1);
    for raw in 1..=5 {
        cluster.login(1, raw, &format!("user {raw}"));
    }
    cluster.run(10 * SECOND);
    assert_eq!(cluster.node(0).nodes().map(|node| node.users).max(), Some(2));
    assert!(cluster.node(0).stats().excess >= 3);
    assert!(cluster.events(0).iter().any(|event| matches!(event, Event::Excess(_))));
}

/// [D17]
#[test]
fn a_user_without_a_name_or_with_too_long_a_one_stays_unknown() {
    let mut cluster = Cluster::new(2);
    cluster.login(0, 1, "");
    cluster.login(0, 2, &"x".repeat(256));
    cluster.login(0, 3, &"x".repeat(255));
    cluster.run(SECOND);
    assert_eq!((cluster.node(1).online().len(), cluster.node(0).stats().ignored), (1, 2));
}

/// [D5] [D17]
#[test]
fn a_storm_of_logins_is_published_in_packets_within_max_payload() {
    let mut cluster =
        Cluster::with(2, Settings { batch_bytes: 1024, max_payload: 65 * 1024 + 1024, ..Settings::default() });
    for raw in 1..=3000 {
        cluster.login(0, raw, &format!("{raw:0255}"));
    }
    cluster.run(SECOND);
    assert_eq!(cluster.node(1).online().len(), 3000);
}

/// [D7]
#[test]
fn answers_come_no_faster_than_answer_rate() {
    let mut cluster = Cluster::with(2, Settings { answer_rate: 100 * 1024, ..Settings::default() });
    cluster.cut.insert((0, 1));
    for raw in 1..=5000 {
        cluster.login(0, raw, &format!("{raw:0100}"));
    }
    cluster.run(SECOND);
    cluster.cut.clear();
    cluster.run(3 * SECOND);
    let sent = cluster.node(0).stats().answered_bytes;
    assert!((200 * 1024..=400 * 1024).contains(&sent), "{sent}");
    cluster.run(5 * SECOND);
    assert_eq!(cluster.node(1).online().len(), 5000);
}

/// [D18]
#[test]
fn what_is_not_pulled_stays_owed() {
    let config = Config::default();
    let (now, wall) = (Timestamp::ORIGIN, UnixTime::from_millis(1));
    let mut node = Directory::new(config, name(0), now, wall, 1);
    drop(node.handle(now, wall, Input::Login { conn: conn(1), user: "ann".into() }));
    assert_eq!(node.deadline(), Some(now));
    let owed: Vec<_> = std::iter::from_fn(|| node.next_action()).collect();
    let packets = owed.iter().filter(|action| matches!(action, Action::Publish { .. })).count();
    assert_eq!((packets, owed.last()), (2, Some(&Action::Event(Event::Online("ann".into())))));
    assert!(node.deadline() > Some(now));
}

/// [D18]
#[test]
fn what_a_step_hands_on_is_lost_and_counted_if_it_is_not_pulled() {
    let mut cluster = Cluster::new(1);
    let relay =
        Input::Relay { conn: conn(1), from: "ann".into(), to: "bob".into(), message: vec![1], volatile: false, tag: 1 };
    let now = cluster.now;
    let node = cluster.nodes[0].as_mut().unwrap();
    drop(node.handle(now, UnixTime::from_millis(1), relay));
    assert_eq!(node.stats().undelivered, 1);
}

/// [D17]
#[test]
fn bytes_that_are_no_packet_are_counted() {
    let mut cluster = Cluster::new(1);
    for payload in [vec![], vec![0; 40], vec![1, 1, 2], b"hello".to_vec()] {
        cluster.act(0, Input::Received { payload });
    }
    assert_eq!(cluster.node(0).stats().unreadable, 4);
}

/// [D8] [D17]
#[test]
fn settings_out_of_their_range_are_refused() {
    let refused = |settings| Config::new(settings).expect_err("it makes no sense");
    let field = |error: ConfigError| error.field;
    let default = Settings::default;
    assert_eq!(field(refused(Settings { lease: 2 * SECOND, ..default() })), "lease");
    assert_eq!(field(refused(Settings { max_payload: 64 * 1024, ..default() })), "max_payload");
    assert_eq!(field(refused(Settings { max_nodes: 0, ..default() })), "max_nodes");
}

/// [D17] The packets are written out as bytes: version, kind, node, epoch, incarnation, body.
#[test]
fn the_highest_numbers_in_a_packet_do_not_overflow() {
    let most = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let packet = |kind: u8, rest: &[u8]| [&[1, kind, 1, b'x', 0, 0][..], rest].concat();
    let hello = packet(1, &[&[1][..], &most, &most, &[0], &[0; 16], &[0]].concat());
    let digests = packet(6, &[&most[..], &[0; 4096]].concat());
    let released = [1, 1, b'u', 0];
    let changes = packet(2, &[&most[..], &[2], &released, &released].concat());
    let mut cluster = Cluster::new(1);
    for payload in [hello, digests, changes] {
        cluster.act(0, Input::Received { payload });
    }
    assert_eq!(cluster.node(0).stats().unreadable, 0);
    assert!(cluster.node(0).nodes().all(|node| node.in_step));
}

/// [D7] [D17] The digests of such a node cannot be equal. When it has fewer users again, all of them are known.
#[test]
fn users_beyond_the_limit_are_not_asked_for_again_and_again() {
    let mut cluster = Cluster::with(2, Settings { max_claims: 100, ..Settings::default() });
    for raw in 1..=150 {
        cluster.login(1, raw, &format!("user {raw}"));
    }
    cluster.run(10 * SECOND);
    let before = cluster.node(0).stats();
    cluster.run(10 * SECOND);
    assert_eq!(cluster.node(0).stats(), before);
    for raw in 1..=80 {
        cluster.log_out(1, raw, &format!("user {raw}"));
    }
    cluster.run(2 * SECOND);
    assert_eq!(cluster.node(0).online().len(), 70);
}

/// [D5] [D18] Logins that wait are owed, and do not make the packets longer.
#[test]
fn logins_that_wait_are_published_in_packets_of_at_most_batch_bytes() {
    let config = Config::new(Settings { batch_bytes: 2048, ..Settings::default() }).unwrap();
    let (now, wall) = (Timestamp::ORIGIN, UnixTime::from_millis(1));
    let mut node = Directory::new(config, name(0), now, wall, 1);
    for raw in 1..=100 {
        let user = format!("{raw:0100}");
        drop(node.handle(now, wall, Input::Login { conn: conn(raw), user: user.as_str().into() }));
    }
    let lengths = std::iter::from_fn(|| node.next_action()).filter_map(|action| match action {
        Action::Publish { payload, .. } => Some(payload.len()),
        _ => None,
    });
    let lengths: Vec<_> = lengths.collect();
    assert!(lengths.len() >= 6 && lengths.iter().all(|length| *length <= 2048), "{lengths:?}");
}

/// [D7] [D16] A node that is late to read its packets asks again for buckets that are on their way to it.
#[test]
fn buckets_on_their_way_are_not_sent_again() {
    let mut cluster = Cluster::with(2, Settings { answer_rate: 20 * 1024, ..Settings::default() });
    cluster.cut.insert((0, 1));
    for raw in 1..=5000 {
        cluster.login(0, raw, &format!("{raw:0100}"));
    }
    cluster.run(SECOND);
    cluster.cut.clear();
    while cluster.node(1).online().len() < 5000 {
        cluster.run_but(SECOND * 3 / 10, &[1]);
        cluster.run(SECOND / 1000);
    }
    // 5,000 claims of 112 bytes, and what is around them.
    let sent = cluster.node(0).stats().answered_bytes;
    assert!((560_000..650_000).contains(&sent), "{sent}");
}
