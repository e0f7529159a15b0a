//! Packets of each kind, with bytes that must never change: nodes of different releases must understand each other.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// A node `n-1` with an epoch of 300 and the highest incarnation, as a packet has them after its first two bytes.
const SENDER: &str = "03 6e2d31  ac02  ffffffffffffffffff01";

pub(super) fn packet(body: Body) -> Packet {
    Packet { node: node("n-1"), life: Life { epoch: 300, incarnation: u64::MAX }, body }
}

pub(super) fn node(name: &str) -> Node {
    Node::new(name).unwrap()
}

fn claim(user: &str, time: u64, over: Option<Stamp>) -> Claim {
    Claim { user: user.into(), time, over }
}

/// What follows the sender, written by hand from the description of the format.
fn kinds() -> Vec<(u8, Body, String)> {
    let over = Some(Stamp { time: 16_383, node: node("B_2") });
    let digest = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;
    let hello = Hello {
        serial: 1,
        wall: UnixTime::from_millis(1000),
        number: 127,
        claims: 128,
        digest,
        hears: vec![node("b"), node("c9")],
    };
    let relay = Relay {
        id: 1 << 32,
        incarnation: 129,
        to: "bob".into(),
        from: "al".into(),
        conn: ConnId::from_raw(1).unwrap(),
        sequence: 2,
        message: vec![0, 255, 7],
        volatile: true,
    };
    let digests = Box::new(core::array::from_fn(|bucket| 0xab << 120 | bucket as u128));
    let all: Vec<_> = (0..256).map(|bucket| format!("{bucket:02x}{}ab", "00".repeat(14))).collect();
    let changes = vec![
        Change::Claimed(claim("al", 5, None)),
        Change::Claimed(claim("bob", 300, over.clone())),
        Change::Released { user: "al".into(), departure: Departure::SentAway },
        Change::Released { user: "bob".into(), departure: Departure::LoggedOut },
    ];
    let from = Some("al".into());
    let (room, except) = (Some("hall".into()), vec!["x".into(), User::from(&[0, 255][..])]);
    let broadcast = Body::Broadcast { from, room, except, message: b"hi".into(), volatile: true };
    let bare = Body::Broadcast { from: None, room: None, except: vec![], message: vec![], volatile: false };
    let claims = vec![claim("al", 5, None), claim("bob", 300, over)];
    let outcome = |outcome| Body::Delivered { id: 2, outcome };
    [
        (1, Body::Hello(hello), "01 e807 7f 8001 000102030405060708090a0b0c0d0e0f 02 01 62 02 6339"),
        (
            2,
            Body::Changes { first: 128, changes },
            "8001 04  00 02616c 05 00  00 03626f62 ac02 01 ff7f 03425f32  01 02616c 02  01 03626f62 01",
        ),
        (3, Body::Known(Life { epoch: 1 << 63, incarnation: 0 }), "80808080808080808001 00"),
        (4, Body::AskChanges { after: 0 }, "00"),
        (5, Body::Compare { digests: digests.clone() }, &all.concat()),
        (6, Body::Digests { number: 300, digests }, &format!("ac02 {}", all.concat())),
        (
            7,
            Body::Part { bucket: 200, number: 300, part: 127, parts: 65_535, claims },
            "c8 ac02 7f ffff03 02  02616c 05 00  03626f62 ac02 01 ff7f 03425f32",
        ),
        (8, Body::Relay(relay), "8080808010 8101 03626f62 02616c 01 02 01 03 00ff07"),
        (9, outcome(Outcome::Routed), "02 00"),
        (9, outcome(Outcome::Offline), "02 01"),
        (9, outcome(Outcome::Full), "02 02"),
        (9, outcome(Outcome::Dropped), "02 03"),
        (9, outcome(Outcome::Unknown), "02 04"),
        (10, broadcast, "01 02616c 01 0468616c6c 02 0178 0200ff 01 02 6869"),
        (10, bare, "00 00 00 00 00"),
        (11, Body::Probe { number: 300, room: "hall".into() }, "ac02 0468616c6c"),
        (12, Body::AskMembers { id: 300, room: "hall".into(), limit: 1000 }, "ac02 0468616c6c e807"),
        (13, Body::Members { id: 300, total: u32::MAX, users: vec!["al".into()] }, "ac02 ffffffff0f 01 02616c"),
        (14, Body::Goodbye, ""),
    ]
    .map(|(kind, body, bytes)| (kind, body, bytes.into()))
    .into()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// Each of them with its bytes.
pub(super) fn packets() -> Vec<(Packet, Vec<u8>)> {
    let bytes = |kind, body: &str| unhex(&format!("01 {kind:02x} {SENDER} {body}"));
    kinds().into_iter().map(|(kind, body, text)| (packet(body), bytes(kind, &text))).collect()
}

#[test]
fn packets_have_the_bytes_they_always_had() {
    for (packet, bytes) in packets() {
        assert_eq!(packet.encode(), bytes, "{packet:?}");
        assert_eq!(Packet::decode(&bytes), Some(packet));
    }
}

#[test]
fn each_kind_is_in_the_table_and_no_other_is_read() {
    let kinds: BTreeSet<_> = packets().iter().map(|(_, bytes)| bytes[1]).collect();
    assert!(kinds.iter().copied().eq(1..=14), "{kinds:?}");
    for (_, mut bytes) in packets() {
        for kind in (0..=255).filter(|kind| !kinds.contains(kind)) {
            bytes[1] = kind;
            assert_eq!(Packet::decode(&bytes), None, "kind {kind}");
        }
    }
}

#[test]
fn no_other_version_is_read() {
    for (_, mut bytes) in packets() {
        for version in (0..=255).filter(|version| *version != 1) {
            bytes[0] = version;
            assert_eq!(Packet::decode(&bytes), None, "version {version}");
        }
    }
}

#[test]
fn truncated_or_lengthened_packets_are_not_read() {
    for (packet, mut bytes) in packets() {
        for length in 0..bytes.len() {
            assert_eq!(Packet::decode(&bytes[..length]), None, "{length} bytes of {packet:?}");
        }
        for byte in [0, 1, 0x80] {
            bytes.push(byte);
            assert_eq!(Packet::decode(&bytes), None, "{byte} after {packet:?}");
            bytes.pop();
        }
    }
}

#[test]
fn hashes_are_what_they_always_were() {
    assert_eq!(format!("{:032x}", digest(&"alice".into(), 300)), "275ea1030783d4f9533414bb52b22d0f");
    assert_eq!([bucket(&"alice".into()), bucket(&"bob".into())], [69, 200]);
    assert_eq!(crate::directory::RoomHash::of(&"hall".into()).to_string(), "61245cb9c93052e48cb4a2f9eaeed9d5");
}
