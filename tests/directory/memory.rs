//! How much memory users take, that it is given back, and that it is bounded.

use std::ops::Range;
use std::time::Duration;

use allocation_counter::measure;
use heartline::directory::{Departure, Input, Settings, UnixTime, User};

use crate::cluster::{Cluster, SECOND, conn};
use crate::packets::{Body, Change, Claim, Sender, encode};

const MANY: u64 = 20_000;

fn user(nth: u64) -> User {
    User::from(format!("user-{:08x}", nth as u32 ^ 0x9e37_79b9))
}

/// [D17] A name of 13 bytes takes 32 of them in each of the two directories.
#[test]
fn a_user_takes_at_most_480_bytes_in_two_directories_and_gives_them_back() {
    let mut cluster = Cluster::new(2);
    let each = measure(|| {
        for nth in 0..MANY {
            cluster.feed(0, Input::Login { conn: conn(nth + 1), user: user(nth) });
        }
        cluster.run(2 * SECOND);
        assert_eq!(cluster.node(1).online().len(), MANY as usize);
        cluster.forget();
    });
    let each = each.bytes_current / MANY as i64;
    assert!((300..=480).contains(&each), "{each} bytes in both");

    let left = measure(|| {
        for nth in 0..MANY {
            let user = user(nth);
            cluster.feed(0, Input::Ended { conn: conn(nth + 1), user, departure: Departure::LoggedOut });
        }
        cluster.run(Duration::from_secs(2));
        assert_eq!(cluster.node(1).online().len(), 0);
        cluster.forget();
    });
    let kept = each + left.bytes_current / MANY as i64;
    // The latest 4,096 changes are kept.
    assert!(kept <= 40, "{kept} bytes for a user that is gone");
}

/// [D8] The step that hears of it does not copy all of its users, however many there are.
#[test]
fn a_node_that_is_gone_takes_no_memory_for_its_users() {
    let mut cluster = Cluster::new(2);
    for nth in 0..MANY {
        cluster.feed(1, Input::Login { conn: conn(nth + 1), user: user(nth) });
    }
    cluster.run(2 * SECOND);
    let taken = measure(|| cluster.act(1, Input::Leave));
    assert!(taken.bytes_total < 10_000, "{} bytes", taken.bytes_total);
    assert_eq!(cluster.node(0).online().len(), MANY as usize);
    cluster.run(SECOND);
    assert_eq!(cluster.node(0).online().len(), 0);
}

/// The packets of two nodes that never say the same twice and restart now and then, and of a thousand that only say hello.
fn flood(nth: u64) -> Vec<u8> {
    let fresh = |what: u64| [nth.to_le_bytes(), what.to_le_bytes()].concat();
    let (round, kind) = (nth % 9000 / 20, nth / 2 % 10);
    let number = 4 * round;
    let claim = |what| Claim { user: fresh(what), time: nth, over: None };
    let body = match kind {
        0 | 1 => Body::Hello { serial: nth, wall: 0, number, claims: nth, digest: nth.into(), hears: Vec::new() },
        2 => Body::Changes { first: number + 1, changes: (0..4).map(|what| Change::Claimed(claim(what))).collect() },
        3 => Body::Digests { number, digests: (0..256).map(|bucket| (bucket * nth).into()).collect() },
        4 => Body::Part { bucket: 7, number, part: round % 100, parts: 100, claims: vec![claim(0), claim(1)] },
        5 => Body::AskChanges { after: nth },
        6 => Body::Compare { digests: vec![nth.into(); 256] },
        7 => Body::AskMembers { id: nth, room: fresh(0), limit: 9 },
        8 => Body::Members { id: nth, total: 9, users: vec![fresh(0)] },
        _ => Body::Delivered { id: nth, outcome: 0 },
    };
    let node = if kind == 0 { format!("node-{}", nth % 1000) } else { ["a", "b"][nth as usize % 2].into() };
    encode(&Sender { node, epoch: 1 + nth / 9000, incarnation: 0 }, &body)
}

/// [P3] [D17] Whether the node pulls what its directory owes or not.
#[test]
fn whatever_others_send_memory_is_bounded() {
    for pulled in [0, usize::MAX] {
        let mut cluster = Cluster::with(1, Settings { max_nodes: 4, max_claims: 100, ..Settings::default() });
        for nth in 1..=1000 {
            cluster.login(0, nth, &format!("user {nth}"));
        }
        let mut directory = cluster.nodes[0].take().unwrap();
        let mut grown = |range: Range<u64>| {
            let info = measure(|| {
                for nth in range {
                    cluster.now = cluster.now.saturating_add(SECOND / 100);
                    for input in [Input::Received { payload: flood(nth) }, Input::Timer] {
                        directory.handle(cluster.now, UnixTime::default(), input).take(pulled).for_each(drop);
                    }
                }
            });
            info.bytes_current
        };
        let (first, more) = (grown(0..10_000), grown(10_000..20_000));
        assert!(first < 500_000 && more < 20_000, "{first} bytes, then {more}, with {pulled} pulled");
        assert!(directory.nodes().any(|node| node.users == 100) && directory.nodes().count() == 4);
    }
}
