//! What one connection does makes no difference to the others.

use std::time::Duration;

use heartline::heartbeat::HeartbeatConfig;
use heartline::hub::{Config, Hub, Input, Outcome, Settings};
use heartline::{ConnId, Timestamp};
use proptest::prelude::*;

use crate::reference::{Act, HEADER, Message, NOBODY, OP, Op, User, decode};
use crate::world::{REQUEST, World, plain, seconds};

/// The user that only the one connection logs in as.
const LONER: User = 9;

const ADMIT: Op = Op { kind: 27, when: 0, who: 0, how: 0, more: 0 };
const TIMER: Op = Op { kind: 251, ..ADMIT };
const SHUTDOWN: Op = Op { kind: 252, ..ADMIT };

/// What one step meant to the others, who are named by the order of their admissions.
type Seen = Vec<Act<User, Message>>;

struct Run {
    hub: Hub<User, Message>,
    /// Every connection admitted, in order.
    conns: Vec<Option<ConnId>>,
    /// Which of them is the one.
    one: usize,
    /// The one and its inputs are left out.
    without: bool,
}

impl Run {
    /// What the others see of this step: nothing, if it is the one's.
    fn step(&mut self, now: Timestamp, op: Op, message: Message) -> Seen {
        let count = self.conns.len();
        if op.admission().is_some() {
            let admitted = count != self.one || !self.without;
            let conn = admitted.then(|| self.hub.admit(now, &REQUEST).expect("there is room").conn);
            self.conns.push(conn);
            // Only to pull what is owed.
            return self.handle(now, Input::Closed { conn: NOBODY });
        }
        let Some(back) = op.pick(count) else { return Seen::new() };
        // So that there is something to leave out.
        let nth = if back == 3 { self.one } else { count - 1 - back };
        let mut input = op.input(self.conns[nth].unwrap_or(NOBODY), message, now);
        let is_one = match &mut input {
            Input::Timer | Input::Shutdown { .. } | Input::Broadcast { from: None, .. } => false,
            // Only the one logs in as this user, for whom some of the messages are.
            Input::Login { user, .. } if nth == self.one => {
                *user = LONER;
                true
            }
            Input::Relay { to, .. } if *to == 0 && message % 2 == 0 => {
                *to = LONER;
                nth == self.one
            }
            _ => nth == self.one,
        };
        if is_one && self.without {
            return Seen::new();
        }
        let seen = self.handle(now, input);
        if is_one {
            let sent = |act: &_| matches!(act, Act::Deliver(..) | Act::Broadcast(..));
            assert!(seen.iter().all(sent), "what {op:?} of one did to others: {seen:?}");
            return Seen::new();
        }
        seen
    }

    fn handle(&mut self, now: Timestamp, input: Input<User, Message>) -> Seen {
        let acts: Vec<_> = self.hub.handle(now, input).map(Act::from).collect();
        acts.into_iter().filter_map(|act| self.seen(act)).collect()
    }

    /// What the others see of an action: not what is for or about the one.
    fn seen(&self, act: Act<User, Message>) -> Option<Act<User, Message>> {
        let name = |conn: ConnId| {
            let nth = self.conns.iter().position(|known| *known == Some(conn)).expect("admitted");
            if nth == self.one { None } else { ConnId::from_raw(nth as u64 + 1) }
        };
        Some(match act {
            Act::Deliver(conn, from, message) => Act::Deliver(name(conn)?, from, message),
            Act::Broadcast(conns, from, message) => {
                let conns: Vec<_> = conns.into_iter().filter_map(name).collect();
                conns.first()?;
                Act::Broadcast(conns, from, message)
            }
            // How many got a broadcast, and how a message for the one ended, depends on the one.
            Act::Ended(conn, to @ (None | Some(LONER)), Outcome::Routed | Outcome::Broadcast { .. })
            | Act::Ended(conn, to @ Some(LONER), _) => {
                Act::Ended(name(conn)?, to, Outcome::Broadcast { reached: 0, missed: 0 })
            }
            Act::Ended(conn, to, outcome) => Act::Ended(name(conn)?, to, outcome),
            Act::Tagged(tag, act) => Act::Tagged(tag, Box::new(self.seen(*act)?)),
            Act::LoggedIn(conn, user) => Act::LoggedIn(name(conn)?, user),
            Act::LoginRefused(conn, reason) => Act::LoginRefused(name(conn)?, reason),
            Act::Expiring(conn, within) => Act::Expiring(name(conn)?, within),
            Act::Joined(conn, room, _) => Act::Joined(name(conn)?, room, 0),
            Act::JoinRefused(conn, room, reason) => Act::JoinRefused(name(conn)?, room, reason),
            // They may be messages of the one.
            Act::Missed(..) => return None,
            Act::UnknownMessage(conn) => Act::UnknownMessage(name(conn)?),
            Act::Abort(conn) => Act::Abort(name(conn)?),
            Act::Pong(conn) => Act::Pong(name(conn)?),
            Act::Ping(conn) => Act::Ping(name(conn)?),
            Act::Close(conn, code, retry_after) => Act::Close(name(conn)?, code, retry_after.map(|_| Duration::ZERO)),
            Act::Online(LONER) | Act::Offline(LONER) | Act::Contested(LONER) | Act::Drained => return None,
            Act::Online(_) | Act::Offline(_) | Act::Contested(_) => act,
        })
    }
}

/// What the others see, step by step, and who of them is online in the end.
fn run(config: &Config, ops: &[(Duration, Op)], one: usize, without: bool) -> (Vec<Seen>, Vec<User>) {
    let mut run = Run { hub: Hub::new(config.clone(), 7), conns: Vec::new(), one, without };
    let mut now = Timestamp::ORIGIN;
    let mut seen = Vec::new();
    for (message, (by, op)) in (0..).zip(ops) {
        now = now.saturating_add(*by);
        seen.push(run.step(now, *op, message));
    }
    (seen, run.hub.online().map(|(user, _)| *user).filter(|user| *user != LONER).collect())
}

/// Anything, after three users have logged in, one of whom is the one; and a shutdown in the end. No limits, so that
/// nobody takes anything away from the others or pays for a broadcast to them, and no timer counts as late, because lateness is the hub's.
fn plan(bytes: &[u8]) -> (Config, Vec<(Duration, Op)>) {
    let (config, any) = decode(bytes);
    let settings = Settings { total_budget: u64::MAX, ..config.into_settings() };
    let heartbeat = HeartbeatConfig { late_tolerance: seconds(86_400), ..settings.heartbeat };
    let config = Settings {
        max_connections: 1000,
        max_anonymous: 1000,
        max_rooms: 1000,
        heartbeat,
        messages: None,
        bytes: None,
        supersede_limit: None,
        ..settings
    };
    let config = Config::new(config);
    let mut ops: Vec<_> =
        (0..3).flat_map(|how| [ADMIT, Op { kind: 92, how, ..ADMIT }].map(|op| (Duration::ZERO, op))).collect();
    let any = any.into_iter().filter(|op| op.kind < SHUTDOWN.kind);
    ops.extend(any.map(|op| (Duration::from_millis(u64::from(op.when) % 200), op)));
    ops.push((Duration::ZERO, Op { how: bytes[0], more: 200, ..SHUTDOWN }));
    ops.extend([(seconds(1), TIMER); 4]);
    (config.expect("valid"), ops)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2 * ProptestConfig::default().cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// [U11] [U9]
    #[test]
    fn without_one_connection_everything_is_the_same_for_the_others(
        bytes in prop::collection::vec(any::<u8>(), HEADER..HEADER + 120 * OP),
        one in 0..3_usize,
    ) {
        let (config, ops) = plan(&bytes);
        prop_assert_eq!(run(&config, &ops, one, false), run(&config, &ops, one, true));
    }
}

/// [U11]
#[test]
fn the_moments_of_return_of_a_shutdown_do_not_depend_on_later_connections() {
    let (mut with, _) = World::with(plain(), ["ann", "bob"]);
    let (mut without, _) = World::with(plain(), ["ann"]);
    let first = |world: &mut World| world.shut_down(seconds(30), seconds(30)).swap_remove(0);
    assert_eq!(first(&mut with), first(&mut without));
}
