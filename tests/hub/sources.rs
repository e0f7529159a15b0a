//! Limits on where connections come from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use allocation_counter::measure;
use heartline::ConnId;
use heartline::hub::{Denial, PerSource, RateLimit, Request, Settings};

use crate::world::{Input, NANOSECOND, REQUEST, World, plain, seconds};

const ANN: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

fn request(source: &str) -> Request<'static> {
    Request { source: Some(source.parse().expect("an address")), ..REQUEST }
}

fn limited(per_source: PerSource) -> Settings {
    Settings { per_source: Some(per_source), ..plain() }
}

/// At most so many connections, however often.
fn connections(connections: u32) -> Settings {
    limited(PerSource { connections, admissions: None, ..PerSource::default() })
}

/// So many admissions at once and then one in 10 s, however many connections.
fn admissions(burst: u32) -> Settings {
    let admissions = Some(RateLimit { burst, every: seconds(10) });
    Settings { retry_after: seconds(1), ..limited(PerSource { admissions, ..PerSource::default() }) }
}

impl World {
    fn admit_from(&mut self, source: &str) -> Result<ConnId, (Denial, u16, Duration)> {
        let admitted = self.hub.admit(self.now, &request(source)).map(|admitted| admitted.conn);
        admitted.map_err(|denied| (denied.reason, denied.status(), denied.retry_after.expect("for a while")))
    }

    /// The reason for which an admission is denied.
    fn denial(&mut self, source: &str) -> Option<Denial> {
        self.admit_from(source).err().map(|(reason, ..)| reason)
    }
}

/// [U15]
#[test]
fn a_source_has_so_many_connections_and_those_being_closed_are_among_them() {
    let mut world = World::new(connections(2));
    let [first, _second] = [(); 2].map(|()| world.admit_from(ANN).expect("admitted"));
    let (reason, status, wait) = world.admit_from(ANN).expect_err("two already");
    assert_eq!((reason, status), (Denial::Source, 429));
    assert!((seconds(5)..=seconds(10)).contains(&wait), "{wait:?}");
    assert_eq!(world.denial(BOB), None, "another source");
    world.close(first);
    assert_eq!((world.denial(ANN), world.hub.connections_from(ANN.parse().expect("one"))), (Some(Denial::Source), 2));
    world.closed(first);
    assert_eq!(world.denial(ANN), None);
    assert_eq!((world.hub.stats().denied, world.hub.stats().admitted), (2, 4));
}

/// [U15]
#[test]
fn a_source_is_admitted_so_often_and_told_when_it_may_come_again() {
    let mut world = World::new(admissions(3));
    for _ in 0..3 {
        let conn = world.admit_from(ANN).expect("a burst");
        world.closed(conn);
    }
    let (reason, _, wait) = world.admit_from(ANN).expect_err("the burst is over");
    assert_eq!(reason, Denial::Source);
    assert!((seconds(10)..=seconds(20)).contains(&wait), "{wait:?}");
    assert_eq!(world.denial(BOB), None, "another source");
    world.sleep(seconds(10) - NANOSECOND);
    let (_, _, wait) = world.admit_from(ANN).expect_err("a nanosecond before");
    assert!((seconds(1)..=seconds(2)).contains(&wait), "{wait:?}");
    world.sleep(NANOSECOND);
    assert_eq!((world.denial(ANN), world.denial(ANN)), (None, Some(Denial::Source)), "one token");
}

/// [U15]
#[test]
fn a_denied_request_takes_no_token_whatever_it_was_denied_for() {
    let settings = Settings { max_anonymous: 1, ..admissions(2) };
    let mut world = World::new(settings);
    let conn = world.admit_from(ANN).expect("admitted");
    (0..10).for_each(|_| assert_eq!(world.denial(ANN), Some(Denial::Anonymous), "looked at before the source"));
    world.login(conn, "ann");
    assert_eq!(world.denial(ANN), None, "the second token is still there");
    (0..10).for_each(|_| assert_eq!(world.denial(ANN), Some(Denial::Anonymous)));
    world.sleep(seconds(20));
    world.timer();
    assert_eq!((world.denial(ANN), world.hub.stats().denied), (None, 20));
}

/// [U15] [U2]
#[test]
fn the_source_is_looked_at_last() {
    let mut world = World::new(Settings { max_connections: 2, max_anonymous: 1, ..connections(1) });
    let conn = world.admit_from(ANN).expect("admitted");
    assert_eq!(world.denial(ANN), Some(Denial::Anonymous));
    world.login(conn, "ann");
    assert_eq!(world.denial(ANN), Some(Denial::Source));
    assert_eq!(world.denial(BOB), None);
    assert_eq!(world.denial(ANN), Some(Denial::TooManyConnections));
    world.shut_down(seconds(1), seconds(1));
    assert_eq!(world.denial(ANN), Some(Denial::ShuttingDown));
}

/// [U15]
#[test]
fn a_source_is_an_address_without_its_last_bits_and_mapped_addresses_are_those_of_ipv4() {
    for (prefixes, one, others, strangers) in [
        ((32, 64), ANN, &["::ffff:192.0.2.1"][..], &[BOB, "::c000:201", "::"][..]),
        ((24, 64), ANN, &[BOB, "192.0.2.255", "::ffff:192.0.2.77"], &["192.0.3.1", "::ffff:192.0.3.1"]),
        ((31, 128), "192.0.2.2", &["192.0.2.3"], &["192.0.2.1", "192.0.2.4"]),
        ((1, 128), ANN, &["128.0.0.0", "::ffff:255.0.0.0"], &["127.0.0.1", "::ffff:0.0.0.1", "8000::"]),
        ((32, 64), "2001:db8:0:1::1", &["2001:db8:0:1:ffff::1"], &["2001:db8:0:2::1", "2001:db8::1"]),
        ((32, 48), "2001:db8:0:1::1", &["2001:db8:0:ffff::"], &["2001:db8:1:1::1"]),
        ((32, 128), "2001:db8::1", &[], &["2001:db8::2", "2001:db8::"]),
        ((32, 1), "2001:db8::1", &["::1", "7fff::"], &["8000::", "::ffff:192.0.2.1"]),
    ] {
        let per_source =
            PerSource { connections: 1, admissions: None, ipv4_prefix: prefixes.0, ipv6_prefix: prefixes.1 };
        for (addresses, denied) in [(others, Some(Denial::Source)), (strangers, None)] {
            for address in addresses {
                let mut world = World::new(limited(per_source));
                assert_eq!((world.denial(one), world.denial(address)), (None, denied), "{one} {address} {prefixes:?}");
            }
        }
    }
}

/// [U15]
#[test]
fn without_a_source_or_without_limits_nobody_is_denied_for_it() {
    let mut world = World::new(connections(1));
    (0..10).for_each(|_| _ = world.admit());
    let mut world = World::new(Settings { per_source: None, ..plain() });
    (0..10).for_each(|_| assert_eq!(world.denial(ANN), None));
    assert_eq!(world.hub.connections_from(ANN.parse().expect("one")), 0);
}

/// An address of another source for each number.
fn address(nth: u32) -> IpAddr {
    Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(nth) << 64) | 1).into()
}

fn admit(world: &mut World, nth: u32) -> ConnId {
    let request = Request { source: Some(address(nth)), ..REQUEST };
    world.hub.admit(world.now, &request).expect("admitted").conn
}

fn big(every: Duration) -> Settings {
    let admissions = Some(RateLimit { burst: 2, every });
    let per_source = PerSource { connections: 256, admissions, ..PerSource::default() };
    Settings { max_connections: 1 << 20, max_anonymous: 1 << 20, ..limited(per_source) }
}

/// The difference that sources make to what is held, for a connection from each.
///
/// [U15]
#[test]
fn a_source_takes_no_more_than_64_bytes_and_they_are_given_back() {
    // So many that a table that doubles would be half empty.
    const CROWD: u32 = 35_000;
    let held = |from: fn(u32) -> Option<IpAddr>| {
        let mut world = World::new(big(seconds(10)));
        let come = measure(|| {
            for nth in 0..CROWD {
                let request = Request { source: from(nth), ..REQUEST };
                world.hub.admit(world.now, &request).expect("admitted");
            }
        });
        let conns: Vec<_> = (1..=CROWD).map(|raw| ConnId::from_raw(raw.into()).expect("not zero")).collect();
        let gone = measure(|| {
            for conn in &conns[1..] {
                drop(world.hub.handle(world.now, Input::Closed { conn: *conn }));
            }
            world.sleep(seconds(20));
            world.unpulled(Input::Timer);
        });
        [come.bytes_current, gone.bytes_current]
    };
    let ([without, _], [with, back]) = (held(|_| None), held(|nth| Some(address(nth))));
    let each = (with - without) / i64::from(CROWD);
    assert!((36..=64).contains(&each), "{each} bytes a source");
    assert!(with + back < 20_000, "{with} bytes, of which {back} came back");
}

/// [U15]
#[test]
fn whoever_comes_from_ever_new_sources_does_not_make_the_hub_remember_them_all() {
    let settings = Settings { max_connections: 1_000, ..big(seconds(3600)) };
    let mut world = World::new(settings);
    let indebted = admit(&mut world, 1_000_000);
    let indebted = [indebted, admit(&mut world, 1_000_000)];
    indebted.into_iter().for_each(|conn| _ = world.closed(conn));
    let info = measure(|| {
        for nth in 0..100_000 {
            let conn = admit(&mut world, nth);
            drop(world.hub.handle(world.now, Input::Closed { conn }));
        }
    });
    assert!(info.bytes_max < 2_016 * 64 + 40_000, "{info:?}");
    let request = Request { source: Some(address(1_000_000)), ..REQUEST };
    assert!(world.hub.admit(world.now, &request).is_err(), "it owes more than the others, and is remembered");
}

/// [U15]
#[test]
fn connections_leave_the_source_they_came_from_whatever_was_forgotten_meanwhile() {
    let mut world = World::new(big(NANOSECOND));
    let staying: Vec<_> = (0..40).map(|nth| (nth * 50, admit(&mut world, nth * 50))).collect();
    let passing: Vec<_> = (0..2_000).map(|nth| admit(&mut world, nth)).collect();
    world.sleep(seconds(1));
    passing.into_iter().for_each(|conn| _ = world.closed(conn));
    let from = |world: &World, nth| world.hub.connections_from(address(nth));
    assert!((0..2_000).all(|nth| from(&world, nth) == usize::from(nth % 50 == 0)));
    for (nth, conn) in staying {
        world.closed(conn);
        assert_eq!(from(&world, nth), 0);
    }
    let v4 = |nth: u32| IpAddr::V4(Ipv4Addr::from_bits(nth));
    assert_eq!(world.hub.connections_from(v4(1)), 0);
}
