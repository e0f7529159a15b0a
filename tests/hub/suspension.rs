//! A server that was suspended, for however long.

use std::collections::BTreeSet;
use std::time::Duration;

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::Settings;
use heartline::{ConnId, Timestamp};

use crate::reference::Act::{Close, Offline, Ping};
use crate::world::{Act, Input, NANOSECOND, World, plain, seconds};

const MILLISECOND: Duration = Duration::from_millis(1);
const ROUND_TRIP: Duration = Duration::from_millis(100);
const IDLE: HeartbeatMode = HeartbeatMode::WhenIdle { interval: seconds(20), timeout: seconds(10) };
const PERIODIC: HeartbeatMode = HeartbeatMode::Periodic { interval: seconds(20), timeout: Some(seconds(10)) };
const LISTEN: HeartbeatMode = HeartbeatMode::Listen { timeout: seconds(25) };

/// 5 s of tolerance, 10 s to log in.
fn settings(mode: HeartbeatMode) -> Settings {
    Settings { heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: seconds(5) }, ..plain() }
}

/// Healthy clients: each answers every ping, and in `Listen` speaks every 19 s, whether the server runs or not.
struct Clients {
    world: World,
    /// What they have sent, and when.
    sent: BTreeSet<(Timestamp, ConnId)>,
    speak: bool,
    /// Who has yet to log in.
    newcomer: Option<ConnId>,
}

impl Clients {
    fn new(mode: HeartbeatMode, count: usize) -> Self {
        let mut clients = Self {
            world: World::new(settings(mode)),
            sent: BTreeSet::new(),
            speak: matches!(mode, HeartbeatMode::Listen { .. }),
            newcomer: None,
        };
        for name in ["ann", "bob", "cid", "dan", "eve", "fay", "gil"].into_iter().take(count) {
            let conn = clients.world.user(name);
            clients.sent.insert((clients.world.now, conn));
            clients.run(seconds(3), None, false);
        }
        clients
    }

    /// Lets time pass; during a part of it the server is suspended, and then it first serves its timer, or first reads.
    fn run(&mut self, by: Duration, suspended: Option<(Timestamp, Timestamp)>, timer_first: bool) {
        let until = self.world.now.saturating_add(by);
        loop {
            let frame = self.sent.first().copied();
            let due = self.world.hub.deadline();
            let Some(next) = frame.map(|(at, _)| at).into_iter().chain(due).min().filter(|at| *at <= until) else {
                break;
            };
            let resumed = suspended.filter(|(from, to)| (*from..*to).contains(&next)).map(|(_, to)| to);
            self.world.now = self.world.now.max(resumed.unwrap_or(next));
            let now = self.world.now;
            let timer = due.is_some_and(|due| due <= now);
            let frame = frame.filter(|(at, _)| *at <= now);
            match frame {
                Some((at, conn)) if !(timer && timer_first) => self.frame(at, conn),
                _ => {
                    let acts = self.world.timer();
                    self.carry_out(acts);
                }
            }
        }
        self.world.now = until;
    }

    fn frame(&mut self, at: Timestamp, conn: ConnId) {
        self.sent.remove(&(at, conn));
        if self.speak {
            self.sent.insert((at.saturating_add(seconds(19)), conn));
        }
        let login = self.newcomer.take_if(|newcomer| *newcomer == conn);
        let acts = self.world.input(match login {
            Some(conn) => Input::Login { conn, user: "newcomer", until: None },
            None => Input::Alive { conn, bytes: 0 },
        });
        self.carry_out(acts);
    }

    fn carry_out(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Ping(conn) => _ = self.sent.insert((self.world.now.saturating_add(ROUND_TRIP), conn)),
                Close(..) => panic!("{act:?} at {}", self.world.now),
                _ => {}
            }
        }
    }
}

/// For 1 s to 60 s and an hour, from many moments on, for one connection and for several, in every mode; somebody is just
/// logging in. What the clients send meanwhile is read after the timer or before it.
///
/// [U13] [U3]
#[test]
fn after_any_suspension_no_healthy_connection_is_closed() {
    for mode in [IDLE, PERIODIC, LISTEN] {
        for count in [1, 7] {
            let clients = Clients::new(mode, count);
            for (from, timer_first) in (0..60).flat_map(|nth| [(nth, true), (nth, false)]) {
                for length in (1..=60).step_by(3).chain([3600]) {
                    let Clients { world, sent, speak, .. } = &clients;
                    let mut world = World { hub: world.hub.clone(), now: world.now, log: Vec::new() };
                    let from = world.now.saturating_add(from * 487 * MILLISECOND);
                    let newcomer = world.admit();
                    let mut clients = Clients { world, sent: sent.clone(), speak: *speak, newcomer: Some(newcomer) };
                    // Before its 10 s are over, and often during the suspension.
                    clients.sent.insert((clients.world.now.saturating_add(seconds(4)), newcomer));
                    clients.run(seconds(100 + length), Some((from, from.saturating_add(seconds(length)))), timer_first);
                    assert_eq!(clients.world.hub.online().len(), count + 1);
                }
            }
        }
    }
}

/// [U13]
#[test]
fn after_a_suspension_the_pings_are_spread_over_an_interval_and_the_silent_are_found() {
    for mode in [IDLE, PERIODIC] {
        let (mut world, [ann, bob, cid, dan]) = World::with(settings(mode), ["ann", "bob", "cid", "dan"]);
        world.run(seconds(20));
        world.sleep(seconds(3600));
        assert_eq!(world.timer(), [Ping(ann)]);
        assert_eq!((world.hub.stats().suspensions, world.hub.stats().closed_silent), (1, 0));
        let mut expected = Vec::new();
        for (nth, (conn, user)) in [(ann, "ann"), (bob, "bob"), (cid, "cid"), (dan, "dan")].into_iter().enumerate() {
            let ping = seconds(3620 + 5 * nth as u64);
            expected.extend((nth > 0).then_some((ping, Ping(conn))));
            let dead = ping + seconds(10);
            expected.extend([(dead, Close(conn, 3008, None)), (dead, Offline(user))]);
        }
        let mut ends = world.run(seconds(60));
        ends.retain(|(_, act)| matches!(act, Ping(_) | Close(..) | Offline(_)));
        for acts in [&mut ends, &mut expected] {
            acts.sort_by_key(|(at, act)| (*at, format!("{act:?}")));
        }
        assert_eq!(ends, expected);
    }
}

/// [U13]
#[test]
fn whoever_spoke_during_the_latest_interval_keeps_its_turn() {
    let (mut world, [ann, bob]) = World::with(settings(IDLE), ["ann", "bob"]);
    world.run(seconds(2));
    world.alive(bob);
    world.sleep(seconds(6));
    assert_eq!((world.timer(), world.hub.stats().suspensions), (vec![], 1));
    assert_eq!(world.run(seconds(14)), [(seconds(20), Ping(ann)), (seconds(22), Ping(bob))]);
}

/// [U13]
#[test]
fn a_suspension_is_found_by_the_first_call_of_any_kind_and_once() {
    let calls: [fn(&mut World, ConnId); 4] = [
        |world, conn| _ = world.alive(conn),
        |world, conn| _ = world.closed(conn),
        |world, _| _ = world.admit(),
        |world, _| _ = world.timer(),
    ];
    for call in calls {
        let (mut world, [ann, _bob]) = World::with(settings(LISTEN), ["ann", "bob"]);
        world.run(seconds(1));
        world.sleep(seconds(30));
        call(&mut world, ann);
        assert_eq!(world.hub.stats().suspensions, 1);
        call(&mut world, ann);
        assert_eq!((world.timer(), world.hub.stats().suspensions, world.hub.stats().closed_silent), (vec![], 1, 0));
    }
}

/// [U13]
#[test]
fn a_hub_that_watches_somebody_asks_for_its_timer_twice_per_tolerance() {
    let mut world = World::new(settings(HeartbeatMode::Off));
    assert_eq!(world.deadline(), None);
    world.sleep(seconds(100));
    let conn = world.admit();
    assert_eq!(world.deadline(), Some(seconds(100) + seconds(5) / 2));
    world.login(conn, "ann");
    assert_eq!(world.deadline(), Some(seconds(110)), "without a heartbeat only the time to log in, which is over");
    let (mut world, [_ann]) = World::with(settings(LISTEN), ["ann"]);
    world.sleep(seconds(5));
    assert_eq!((world.timer(), world.hub.stats().suspensions), (vec![], 0));
    assert_eq!(world.deadline(), Some(seconds(5) + seconds(5) / 2));
    world.sleep(seconds(5) + NANOSECOND);
    assert_eq!((world.timer(), world.hub.stats().suspensions), (vec![], 1));
}

/// [U13]
#[test]
fn a_server_that_was_not_suspended_finds_the_silent_in_time() {
    let (mut world, [ann]) = World::with(settings(LISTEN), ["ann"]);
    assert_eq!(world.run(seconds(25))[0], (seconds(25), Close(ann, 3008, None)));
}
