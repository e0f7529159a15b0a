use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use allocation_counter::measure;
use proptest::collection::vec as many;
use proptest::option;
use proptest::prelude::*;

use super::golden::{node, packet, packets};
use super::*;
use crate::directory::hash::hash;

/// Integers of all lengths.
fn integer() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
}

fn any_node() -> impl Strategy<Value = Node> {
    const LETTERS: &[u8] = b"abcxyzABCXYZ0189-_";
    let letter = (0..LETTERS.len()).prop_map(|letter| char::from(LETTERS[letter]));
    many(letter, 1..=32).prop_map(|letters| node(&letters.into_iter().collect::<String>()))
}

fn name<T: for<'a> From<&'a [u8]> + core::fmt::Debug>() -> impl Strategy<Value = T> {
    let length = prop_oneof![4 => 1..8_usize, 1 => 126..130_usize, 1 => 255..=255_usize];
    length.prop_flat_map(|length| many(any::<u8>(), length)).prop_map(|name| T::from(&name[..]))
}

fn life() -> impl Strategy<Value = Life> {
    (integer(), any::<u64>()).prop_map(|(epoch, incarnation)| Life { epoch, incarnation })
}

fn claim() -> impl Strategy<Value = Claim> {
    let over = option::of((integer(), any_node()).prop_map(|(time, node)| Stamp { time, node }));
    (name(), integer(), over).prop_map(|(user, time, over)| Claim { user, time, over })
}

fn change() -> impl Strategy<Value = Change> {
    let departure = prop::sample::select(vec![Departure::Lost, Departure::LoggedOut, Departure::SentAway]);
    let released = (name(), departure).prop_map(|(user, departure)| Change::Released { user, departure });
    prop_oneof![claim().prop_map(Change::Claimed), released]
}

fn hello() -> impl Strategy<Value = Hello> {
    let wall = integer().prop_map(UnixTime::from_millis);
    let fields = (integer(), wall, integer(), integer(), any::<u128>(), many(any_node(), 0..5));
    fields.prop_map(|(serial, wall, number, claims, digest, hears)| Hello {
        serial,
        wall,
        number,
        claims,
        digest,
        hears,
    })
}

fn relay() -> impl Strategy<Value = Relay> {
    let conn = integer().prop_map(|raw| ConnId::from_raw(raw.max(1)).unwrap());
    let fields = ((integer(), integer()), name(), name(), conn, integer(), many(any::<u8>(), 0..300), any::<bool>());
    fields.prop_map(|((id, incarnation), to, from, conn, sequence, message, volatile)| Relay {
        id,
        incarnation,
        to,
        from,
        conn,
        sequence,
        message,
        volatile,
    })
}

fn broadcast() -> impl Strategy<Value = Body> {
    let fields = (option::of(name()), option::of(name()), many(name(), 0..5), many(any::<u8>(), 0..300), any::<bool>());
    fields.prop_map(|(from, room, except, message, volatile)| Body::Broadcast { from, room, except, message, volatile })
}

fn part() -> impl Strategy<Value = Body> {
    let parts = (1..=u16::MAX).prop_flat_map(|parts| (0..parts, Just(parts)));
    (any::<u8>(), integer(), parts, many(claim(), 0..5))
        .prop_map(|(bucket, number, (part, parts), claims)| Body::Part { bucket, number, part, parts, claims })
}

fn delivered() -> impl Strategy<Value = Body> {
    const OUTCOMES: [Outcome; 5] =
        [Outcome::Routed, Outcome::Offline, Outcome::Full, Outcome::Dropped, Outcome::Unknown];
    (integer(), 0..5_usize).prop_map(|(id, outcome)| Body::Delivered { id, outcome: OUTCOMES[outcome] })
}

fn body() -> impl Strategy<Value = Body> {
    let changes = (integer(), many(change(), 0..5)).prop_map(|(first, changes)| Body::Changes { first, changes });
    let all = |[first, step]: [u128; 2]| -> Box<[u128; BUCKETS]> {
        Box::new(core::array::from_fn(|bucket| first.wrapping_add(step.wrapping_mul(bucket as u128))))
    };
    let compare = any::<[u128; 2]>().prop_map(move |seeds| Body::Compare { digests: all(seeds) });
    let digests = (integer(), any::<[u128; 2]>());
    let digests = digests.prop_map(move |(number, seeds)| Body::Digests { number, digests: all(seeds) });
    let ask_members =
        (integer(), name(), any::<u32>()).prop_map(|(id, room, limit)| Body::AskMembers { id, room, limit });
    let members = (integer(), any::<u32>(), many(name(), 0..5));
    prop_oneof![
        hello().prop_map(Body::Hello),
        changes,
        life().prop_map(Body::Known),
        integer().prop_map(|after| Body::AskChanges { after }),
        digests,
        compare,
        part(),
        relay().prop_map(Body::Relay),
        delivered(),
        broadcast(),
        (integer(), name()).prop_map(|(number, room)| Body::Probe { number, room }),
        ask_members,
        members.prop_map(|(id, total, users)| Body::Members { id, total, users }),
        Just(Body::Goodbye),
    ]
}

fn any_packet() -> impl Strategy<Value = Packet> {
    (any_node(), life(), body()).prop_map(|(node, life, body)| Packet { node, life, body })
}

/// Where, as a part of the whole, and what happens there.
type Damage = (prop::sample::Index, u8, u8);

/// Sets, flips, inserts, takes out, doubles, or cuts off.
fn damage(bytes: &mut Vec<u8>, (place, how, value): Damage) {
    let place = place.index(bytes.len() + 1);
    match (how % 6, bytes.get_mut(place)) {
        (0, Some(byte)) => *byte = value,
        (1, Some(byte)) => *byte ^= 1 << (value % 8),
        (2, Some(_)) => drop(bytes.remove(place)),
        (3, Some(_)) => bytes.truncate(place),
        (4, Some(_)) => bytes.extend_from_within(place..),
        _ => bytes.insert(place, value),
    }
}

/// Bytes are no packet, or those of exactly one; and they cost memory in proportion.
fn check(bytes: &[u8]) {
    let mut packet = None;
    let info = measure(|| packet = Packet::decode(bytes));
    // The worst are one-letter names: for two bytes 16 on the list, and 24 on the heap.
    assert!(info.bytes_total <= 24 * bytes.len() as u64, "{info:?} for {} bytes", bytes.len());
    if let Some(packet) = packet {
        assert_eq!(packet.encode(), bytes, "{packet:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_packet_comes_back_as_it_was(packet in any_packet()) {
        let bytes = packet.encode();
        prop_assert_eq!(bytes.capacity(), bytes.len());
        prop_assert_eq!(Packet::decode(&bytes), Some(packet));
    }

    #[test]
    fn damaged_bytes_are_no_packet_or_another(packet in any_packet(), damages in many(any::<Damage>(), 1..4)) {
        let mut bytes = packet.encode();
        damages.into_iter().for_each(|one| damage(&mut bytes, one));
        check(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_sender_are_no_packet_or_one(kind in 0..17_u8, body in many(prop_oneof![0..4_u8, any::<u8>()], 0..80)) {
        let mut bytes = packet(Body::Goodbye).encode();
        bytes[1] = kind;
        bytes.extend(body);
        check(&bytes);
    }

    #[test]
    fn a_relay_need_not_be_moved_into_a_packet(relay in relay(), node in any_node(), life in life()) {
        let bytes = relay.encode(&node, life);
        prop_assert_eq!(bytes.capacity(), bytes.len());
        prop_assert_eq!(bytes, Packet { node, life, body: Body::Relay(relay) }.encode());
    }

    #[test]
    fn changes_claims_and_users_tell_their_length(changes in many(change(), 0..5), claims in many(claim(), 0..5)) {
        let empty = packet(Body::Changes { first: 1, changes: vec![] }).encode().len();
        let sum: usize = changes.iter().map(Encode::encoded_len).sum();
        prop_assert_eq!(packet(Body::Changes { first: 1, changes }).encode().len(), empty + sum);

        let part = |claims| packet(Body::Part { bucket: 0, number: 0, part: 0, parts: 1, claims }).encode().len();
        let sum: usize = claims.iter().map(Encode::encoded_len).sum();
        let users: Vec<_> = claims.iter().map(|claim| claim.user.clone()).collect();
        prop_assert_eq!(part(claims), part(vec![]) + sum);

        let members = |users| packet(Body::Members { id: 0, total: 0, users }).encode().len();
        let sum: usize = users.iter().map(Encode::encoded_len).sum();
        prop_assert_eq!(members(users), members(vec![]) + sum);
    }

    #[test]
    fn a_claims_digest_is_the_hash_of_what_is_sent(claim in claim()) {
        let claim = Claim { over: None, ..claim };
        let mut bytes = Vec::new();
        claim.write(&mut bytes);
        let flag = bytes.pop();
        prop_assert_eq!((flag, digest(&claim.user, claim.time)), (Some(0), hash(&bytes)));
    }
}

/// A packet of the longest values, but for what it carries.
fn longest(body: Body) -> usize {
    let life = Life { epoch: u64::MAX, incarnation: u64::MAX };
    Packet { node: node(&"n".repeat(32)), life, body }.encode().len()
}

fn long<T: for<'a> From<&'a [u8]>>() -> T {
    T::from(&[b'u'; 255][..])
}

#[test]
fn no_packet_is_longer_than_its_overhead_and_what_it_carries() {
    // How long a list or a message is takes a byte here, and ten at most.
    let unused = 9;
    let all = u64::MAX;
    assert_eq!(longest(Body::Changes { first: all, changes: vec![] }) + unused, CHANGES_OVERHEAD);
    let part = Body::Part { bucket: 255, number: all, part: u16::MAX - 1, parts: u16::MAX, claims: vec![] };
    assert_eq!(longest(part) + unused, PART_OVERHEAD);
    assert_eq!(longest(Body::Members { id: all, total: u32::MAX, users: vec![] }) + unused, MEMBERS_OVERHEAD);

    let conn = ConnId::from_raw(all).unwrap();
    let (to, from, message) = (long(), long(), vec![]);
    let relay = Relay { id: all, incarnation: all, to, from, conn, sequence: all, message, volatile: true };
    assert_eq!(longest(Body::Relay(relay)) + unused, RELAY_OVERHEAD);

    let (from, room, except): (Option<User>, Option<Room>, _) = (Some(long()), Some(long()), vec![long(); 200]);
    let overhead = broadcast_overhead(from.as_ref(), room.as_ref(), &except);
    assert_eq!(longest(Body::Broadcast { from, room, except, message: vec![], volatile: true }) + unused, overhead);
    let bare = Body::Broadcast { from: None, room: None, except: vec![], message: vec![], volatile: true };
    assert_eq!(longest(bare) + unused, broadcast_overhead(None, None, &[]));
}

#[test]
fn encoding_allocates_once_and_the_message_is_copied_once() {
    let conn = ConnId::from_raw(1).unwrap();
    let message = vec![7; 1 << 20];
    let (to, from) = ("bob".into(), "al".into());
    let relay = Relay { id: 1, incarnation: 1, to, from, conn, sequence: 1, message, volatile: false };
    let info = measure(|| drop(relay.encode(&node("a"), Life { epoch: 1, incarnation: 1 })));
    assert_eq!(info.count_total, 1 + 1, "the node's name here, and the packet");
    assert!(info.bytes_total < (1 << 20) + 100, "{info:?}");
}

/// What follows the sender in a packet of this kind.
fn reads(kind: u8, body: &[u8]) -> bool {
    let mut bytes = packet(Body::Goodbye).encode();
    bytes[1] = kind;
    bytes.extend_from_slice(body);
    check(&bytes);
    Packet::decode(&bytes).is_some()
}

#[test]
fn an_integer_is_as_short_as_can_be_and_fits() {
    for number in
        [&[0][..], &[1], &[0x7f], &[0x80, 1], &[0xff, 0x7f], &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]]
    {
        assert!(reads(kind::ASK_CHANGES, number), "{number:?}");
    }
    for number in [&[0x80][..], &[0x80, 0], &[0x81, 0], &[0x80, 0x80, 0], &[255; 9], &[255; 10], &[0x80; 11]] {
        assert!(!reads(kind::ASK_CHANGES, number), "{number:?}");
    }
    for last in [0, 2, 3, 0x7f, 0x80, 0x81] {
        assert!(!reads(kind::ASK_CHANGES, &[255, 255, 255, 255, 255, 255, 255, 255, 255, last]), "{last}");
    }
}

#[test]
fn a_number_of_32_or_16_bits_has_no_more() {
    assert!(reads(kind::MEMBERS, &[0, 255, 255, 255, 255, 0x0f, 0]));
    assert!(!reads(kind::MEMBERS, &[0, 0x80, 0x80, 0x80, 0x80, 0x10, 0]));
    assert!(reads(kind::PART, &[0, 0, 0, 255, 255, 3, 0]));
    assert!(!reads(kind::PART, &[0, 0, 0, 0x80, 0x80, 4, 0]));
}

#[test]
fn a_part_is_one_of_its_parts() {
    assert!(reads(kind::PART, &[0, 0, 1, 2, 0]));
    for [part, parts] in [[0, 0], [1, 1], [2, 1]] {
        assert!(!reads(kind::PART, &[0, 0, part, parts, 0]), "{part} of {parts}");
    }
}

#[test]
fn a_name_of_a_user_or_room_has_1_to_255_bytes() {
    let named = |prefix: &[u8], length: usize| [prefix, &vec![b'u'; length]].concat();
    for (kind, before, after) in [(kind::PROBE, &[1][..], &[][..]), (kind::MEMBERS, &[0, 0, 1], &[])] {
        let reads = |prefix: &[u8], length| reads(kind, &[before, &named(prefix, length), after].concat());
        assert!(reads(&[1], 1) && reads(&[127], 127) && reads(&[0x80, 1], 128) && reads(&[0xff, 1], 255));
        assert!(!reads(&[0], 0) && !reads(&[0x80, 2], 256) && !reads(&[2], 1) && !reads(&[1], 2));
    }
}

#[test]
fn a_node_has_the_name_of_a_node() {
    let hears = |name: &[u8]| reads(kind::HELLO, &[&[0, 0, 0, 0][..], &[0; 16], &[1, name.len() as u8], name].concat());
    assert!(hears(b"a") && hears(&[b'Z'; 32]) && hears(b"0-_9"));
    assert!(!hears(b"") && !hears(&[b'Z'; 33]) && !hears(b"a.b") && !hears("é".as_bytes()) && !hears(&[0xff]));

    let mut sender = packet(Body::Goodbye).encode();
    assert!(Packet::decode(&sender).is_some());
    sender[3] = b'.';
    assert_eq!(Packet::decode(&sender), None);
}

#[test]
fn a_flag_is_0_or_1_and_a_connection_is_not_0() {
    let relay = |conn, volatile| reads(kind::RELAY, &[1, 9, 1, b'a', 1, b'b', conn, 1, volatile, 0]);
    assert!(relay(1, 0) && relay(1, 1));
    assert!(!relay(1, 2) && !relay(1, 255) && !relay(0, 0));
    assert!(!reads(kind::BROADCAST, &[2, 1, b'a', 0, 0, 0, 0]) && !reads(kind::BROADCAST, &[0, 2, 1, b'a', 0, 0, 0]));
}

#[test]
fn outcomes_and_changes_of_another_kind_are_refused() {
    for outcome in 0..=255 {
        assert_eq!(reads(kind::DELIVERED, &[1, outcome]), outcome < 5, "{outcome}");
    }
    assert!(reads(kind::CHANGES, &[1, 1, 0, 1, b'a', 0, 0]) && reads(kind::CHANGES, &[1, 1, 1, 1, b'a', 0]));
    for change in 2..=255 {
        assert_eq!(reads(kind::CHANGES, &[1, 1, 1, 1, b'a', change]), change == 2, "{change}");
        let claimed = reads(kind::CHANGES, &[1, 1, change, 1, b'a', 0, 0]);
        assert!(!claimed && !reads(kind::CHANGES, &[1, 1, change, 1, b'a', 0]), "{change}");
    }
}

#[test]
fn a_list_that_claims_to_be_longer_than_its_packet_costs_nothing() {
    let before = [0; 20];
    for length in [&[2][..], &[0x7f], &[255, 255, 3], &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]] {
        assert!(!reads(kind::HELLO, &[&before[..], length, &[1, b'a', 1]].concat()), "{length:?}");
        assert!(!reads(kind::RELAY, &[&[1, 1, b'a', 1, b'b', 1, 1, 0][..], length, &[7]].concat()), "{length:?}");
    }
    let nodes = [1, b'a'].repeat(10_000);
    assert!(reads(kind::HELLO, &[&before[..], &[0x90, 0x4e], &nodes].concat()));
    assert!(
        !reads(kind::HELLO, &[&before[..], &[0xa0, 0x9c, 1], &nodes].concat()),
        "a byte for each, and none for its name"
    );
}

#[test]
fn the_packets_of_the_table_cost_memory_in_proportion() {
    packets().iter().for_each(|(_, bytes)| check(bytes));
}
