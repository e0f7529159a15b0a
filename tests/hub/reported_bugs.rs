//! Bugs that users of other servers reported, each as a scenario that this hub passes.

use heartline::event::Cause;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{self, Outcome};
use heartline::{Action, Config, ConnId, Input, Loss, Session, Settings, State};

use crate::reference::Act::{Abort, Broadcast, Close, Deliver, Ended, Offline, Online};
use crate::world::{Name, World, code, plain, seconds, watched};

/// **Bug 30.** A user came back on a new connection; then the end of the old one was noticed, and took the user out of
/// the registry: online, and reached by nothing (link1st/gowebsocket #9, ComfyUI #16010, Netflix/zuul PR 1280; the
/// Java server of a tutorial removes by name as well).
///
/// [U5]
#[test]
fn the_late_end_of_an_old_connection_does_not_unregister_the_new_one() {
    let (mut world, [old, ann]) = World::with(plain(), ["bob", "ann"]);
    let new = world.user("bob");
    assert_eq!(world.closed(old), []);
    assert_eq!(world.relay(ann, "bob", "hello")[0], Deliver(new, "ann", "hello"));
    assert_eq!((world.online(), world.hub.connections()), (vec![("ann", ann), ("bob", new)], 2));
}

/// **Bug 30.** The same when nobody reports the end, and the server's own timer finds it.
///
/// [U5] [U8]
#[test]
fn an_old_connection_that_times_out_does_not_take_its_user_with_it() {
    let (mut world, [old]) = World::with(watched(), ["bob"]);
    world.run(seconds(29));
    let new = world.user("bob");
    assert_eq!(world.run(seconds(11)), [(seconds(34), Abort(old))]);
    assert_eq!(world.online(), [("bob", new)]);
}

/// **Bug 31.** One client stopped reading; the server kept everything for it until there was no memory left, or waited
/// for it in the middle of a broadcast while everybody else waited too.
///
/// [U9] [U11]
#[test]
fn a_client_that_never_reads_is_closed_and_costs_nobody_else_a_message() {
    let (mut world, [ann, bob, lazy]) = World::with(plain(), ["ann", "bob", "lazy"]);
    let (mut queued, mut received) = (0, 0);
    for _ in 0..1000 {
        for act in world.broadcast(Some(ann), &[], "ten bytes.") {
            let Broadcast(conns, ..) = act else { continue };
            received += u32::from(conns.contains(&bob));
            for conn in conns {
                world.queued(conn, 10);
                if conn == lazy {
                    queued += 10;
                } else {
                    world.written(conn, 10);
                }
            }
        }
    }
    assert_eq!((received, queued), (1000, 100), "bob has read everything, and little was kept for the lazy");
    let expected = [(seconds(5), Close(lazy, 1013, None)), (seconds(5), Offline("lazy")), (seconds(10), Abort(lazy))];
    assert_eq!(world.run(seconds(60)), expected);
    assert_eq!(world.online(), [("ann", ann), ("bob", bob)]);
}

/// **Bug 31.** A connection broke unnoticed, and its user was online for ever: messages were lost and reported as
/// delivered.
///
/// [U8] [U6]
#[test]
fn a_user_whose_connection_broke_unnoticed_does_not_stay_online() {
    let (mut world, [broken]) = World::with(watched(), ["bob"]);
    world.run(seconds(40));
    let ann = world.user("ann");
    assert_eq!(world.relay(ann, "bob", "hello"), [Ended(ann, Some("bob"), Outcome::Offline("hello"))]);
    assert_eq!((world.hub.connections(), world.hub.user_of(broken)), (1, None));
}

/// **Bug 31.** The number of users online was counted up and down beside the registry: an end reported twice counted
/// twice, a replaced connection was never counted down, and after a week the number was negative.
///
/// [U4] [U5] [U10]
#[test]
fn the_count_does_not_drift_however_often_an_end_is_reported() {
    let mut world = World::new(plain());
    for round in 0..100 {
        let [old, new] = [world.user("ann"), world.user("ann")];
        let anonymous = world.admit();
        for conn in [old, new, old, anonymous, new, anonymous] {
            if round % 2 == 0 {
                world.queued(conn, 121);
            }
            world.closed(conn);
            world.closed(conn);
        }
        assert_eq!((world.hub.online().len(), world.hub.anonymous(), world.hub.connections()), (0, 0, 0));
    }
    let count = |wanted| world.log.iter().filter(|(_, act)| *act == wanted).count();
    assert_eq!((count(Online("ann")), count(Offline("ann"))), (100, 100));
}

/// **Bug 31.** The bytes that waited for a client were counted below zero, and from then on it could not be too slow.
///
/// [U9]
#[test]
fn the_bytes_that_wait_are_never_counted_below_zero() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.queued(ann, 50);
    (0..100).for_each(|_| drop(world.written(ann, u32::MAX)));
    assert_eq!(world.queued(ann, 120), []);
    assert_eq!(world.queued(ann, 1), [Close(ann, 1013, None), Offline("ann")]);
}

/// Two clients with the default retry policy, each of which logs in as the same user whenever it connects.
struct Rivals {
    world: World,
    sessions: [Session<Name>; 2],
    conns: [Option<ConnId>; 2],
}

impl Rivals {
    /// The first is connected; a second later, the second.
    fn new(settings: hub::Settings) -> Self {
        let heartbeat = HeartbeatConfig { mode: HeartbeatMode::Off, ..HeartbeatConfig::default() };
        let config = Config::new(Settings { heartbeat, ..Settings::default() }).expect("valid");
        let sessions = [1, 2].map(|seed| Session::new(config.clone(), seed));
        let mut rivals = Self { world: World::new(settings), sessions, conns: [None; 2] };
        rivals.input(0, Input::Connect);
        rivals.world.sleep(seconds(1));
        rivals.input(1, Input::Connect);
        rivals
    }

    fn input(&mut self, nth: usize, input: Input<Name>) {
        let actions: Vec<_> = self.sessions[nth].handle(self.world.now, input).collect();
        for action in actions {
            let Action::Connect { conn, .. } = action else { continue };
            self.conns[nth] = Some(conn);
            self.input(nth, Input::Opened { conn });
            let there = self.world.admit();
            for act in self.world.login(there, "ann") {
                let Close(replaced, code, _) = act else { continue };
                self.world.closed(replaced);
                let conn = self.conns[1 - nth].expect("the other was connected");
                self.input(1 - nth, Input::closed(conn, Loss::Close(code)));
            }
        }
    }

    /// Lets an hour pass; how often one replaced the other.
    fn hour(&mut self) -> u64 {
        let (until, before) = (self.world.now.saturating_add(seconds(3600)), self.world.hub.stats().superseded);
        let due = |rivals: &Self, nth: usize| rivals.sessions[nth].deadline().map(|due| (due, nth));
        while let Some((due, nth)) = (0..2).filter_map(|nth| due(self, nth)).min().filter(|(due, _)| *due <= until) {
            self.world.now = due;
            self.input(nth, Input::Timer);
        }
        self.world.now = until;
        self.world.hub.stats().superseded - before
    }
}

/// **Bug 34.** Two clients of one user: each, replaced, came back at once and replaced the other, for ever (emqx #151,
/// faf-client #1351). The code for a replaced connection is final for a client with the default policy.
///
/// [U4] [R4] [R5]
#[test]
fn two_clients_of_one_user_do_not_replace_each_other_for_ever() {
    let mut rivals = Rivals::new(plain());
    assert_eq!((rivals.hour(), rivals.world.hub.stats().superseded), (0, 1));
    let [first, second] = &rivals.sessions;
    assert_eq!((first.state(), first.cause()), (State::Idle, Cause::Stopped(Loss::Close(4409))));
    assert_eq!([first, second].map(|session| session.stats().dials), [1, 1]);
    assert_eq!((second.state(), rivals.world.hub.online().len()), (State::Open, 1));
}

/// **Bug 34.** It is the code that ends this, not the test: with one that is retried, and without a limit, it goes on.
///
/// [U4] [R4]
#[test]
fn with_a_code_that_is_retried_they_would_replace_each_other_for_ever() {
    let mut rivals = Rivals::new(hub::Settings { superseded_code: code(4000), supersede_limit: None, ..plain() });
    for hour in 1..=3 {
        let times = rivals.hour();
        assert!(times > 100 && rivals.world.hub.online().len() == 1, "hour {hour}: {times}");
    }
}

/// **Bug 34.** A client that was replaced may still come back when its user asks for it.
///
/// [U4] [R5]
#[test]
fn a_client_that_was_replaced_comes_back_when_asked_and_takes_over_in_turn() {
    let (mut world, [first, second]) = World::with(plain(), ["ann", "ann"]);
    world.closed(first);
    let third = world.admit();
    assert_eq!(world.login(third, "ann")[1], Close(second, 4409, None));
    assert_eq!(world.online(), [("ann", third)]);
}
