//! What the others notice of one connection: nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use heartline::hub::{Action, Config, Event, Fate, Hub, Input, Settings};
use heartline::{ConnId, Instant};
use proptest::prelude::*;

use crate::arbitrary::{CODE, User, What, Which, config, what};
use crate::desk::{REQUEST, plain};

type Message = usize;

/// The user that only the one connection logs in as.
const LONER: User = 9;

/// What one step meant to the others, with connections named by the step that admitted them.
type Seen = Vec<Action<User, (Message, Vec<usize>)>>;

struct Run {
    hub: Hub<User, Message>,
    /// The steps that admitted somebody, in order.
    slots: Vec<usize>,
    ids: BTreeMap<usize, ConnId>,
    /// The step that admits the one, whose inputs are left out if `without`.
    one: usize,
    without: bool,
}

impl Run {
    fn slot(&self, which: Which) -> Option<usize> {
        match which {
            // So that there is something to leave out.
            Which::Recent(3) => self.slots.contains(&self.one).then_some(self.one),
            Which::Recent(back) => self.slots.iter().rev().nth(back).copied(),
            Which::Any(nth) if !self.slots.is_empty() => Some(self.slots[nth % self.slots.len()]),
            Which::Any(_) | Which::Never => None,
        }
    }

    /// What the others see of this step; nothing is to be seen of it if it is the one's.
    fn step(&mut self, nth: usize, now: Instant, what: &What) -> Seen {
        if let What::Admit { .. } = what {
            self.slots.push(nth);
            if nth != self.one || !self.without {
                let conn = self.hub.admit(now, &REQUEST).expect("there is room").conn;
                self.ids.insert(nth, conn);
            }
            // Only to pull what is owed.
            let nobody = ConnId::from_raw(u64::MAX).expect("not zero");
            return self.handle(now, Input::Closed { conn: nobody });
        }
        let Some((sender, input)) = self.input(nth, what) else { return Seen::new() };
        let is_one = sender == Some(self.one);
        if is_one && self.without {
            return Seen::new();
        }
        let seen = self.handle(now, input);
        if is_one {
            let sent = |action: &_| matches!(action, Action::Deliver { .. } | Action::Broadcast { .. });
            assert!(seen.iter().all(sent), "what {what:?} of one did to others: {seen:?}");
            return Seen::new();
        }
        seen
    }

    fn handle(&mut self, now: Instant, input: Input<User, Message>) -> Seen {
        let said: Vec<_> = self.hub.handle(now, input).collect();
        said.into_iter().filter_map(|action| self.seen(action)).collect()
    }

    /// The input, and the step that admitted the connection it speaks of.
    fn input(&self, message: Message, what: &What) -> Option<(Option<usize>, Input<User, Message>)> {
        let of = |which| {
            let slot = self.slot(which)?;
            // Left out, it has no id; then nobody asks for it either.
            Some((slot, self.ids.get(&slot).copied().unwrap_or(ConnId::from_raw(u64::MAX)?)))
        };
        let named = |which, input: &dyn Fn(ConnId) -> Input<User, Message>| {
            of(which).map(|(slot, conn)| (Some(slot), input(conn)))
        };
        match what.clone() {
            What::Admit { .. } => None,
            What::Alive(which) => named(which, &|conn| Input::Alive { conn }),
            What::Ping(which) => named(which, &|conn| Input::Ping { conn }),
            What::Login(which, user) => {
                let user = if self.slot(which) == Some(self.one) { LONER } else { user };
                named(which, &|conn| Input::Login { conn, user })
            }
            What::Relay { from, to, volatile } => {
                // Some of the messages are for the one.
                let to = if to == 0 && message % 2 == 0 { LONER } else { to };
                named(from, &|conn| Input::Relay { conn, to, message, volatile })
            }
            What::Broadcast { from: Some(from), except, volatile } => {
                named(from, &|conn| Input::Broadcast { from: Some(conn), except: except.clone(), message, volatile })
            }
            What::Broadcast { from: None, except, volatile } => {
                Some((None, Input::Broadcast { from: None, except, message, volatile }))
            }
            What::Unknown(which) => named(which, &|conn| Input::Unknown { conn }),
            What::Queued(which, bytes) => named(which, &|conn| Input::Queued { conn, bytes }),
            What::Written(which, bytes) => named(which, &|conn| Input::Written { conn, bytes }),
            What::Close(which) => named(which, &|conn| Input::Close { conn, code: CODE }),
            What::Closed(which) => named(which, &|conn| Input::Closed { conn }),
            What::Timer => Some((None, Input::Timer)),
            What::Shutdown { within, spread } => Some((None, Input::Shutdown { within, spread })),
        }
    }

    /// What is left of an action for the others: not what is for or about the one, nor whom else it names.
    fn seen(&self, action: Action<User, Message>) -> Option<Action<User, (Message, Vec<usize>)>> {
        let one = self.ids.get(&self.one).copied();
        let slot = |conn: &ConnId| *self.ids.iter().find(|(_, id)| *id == conn).expect("minted").0;
        // Under its id nobody is told apart from before: the step that admitted it stands for it.
        let name = |conn: ConnId| ConnId::from_raw(slot(&conn) as u64 + 1).expect("not zero");
        let other = |conn: ConnId| (Some(conn) != one).then(|| name(conn));
        Some(match action {
            Action::Deliver { conn, from, message } => {
                Action::Deliver { conn: other(conn)?, from, message: (message, Vec::new()) }
            }
            Action::Broadcast { mut conns, from, message } => {
                conns.retain(|conn| Some(*conn) != one);
                if conns.is_empty() {
                    return None;
                }
                Action::Broadcast { conns: Vec::new(), from, message: (message, conns.iter().map(slot).collect()) }
            }
            // What became of a message depends on whom it was for, and the count of a broadcast on all.
            Action::Told { conn, to, fate } => {
                let fate = match fate {
                    Fate::Routed(_) if to.is_none() || to == Some(LONER) => Fate::Routed(0),
                    _ if to == Some(LONER) => Fate::Routed(0),
                    Fate::Routed(count) => Fate::Routed(count),
                    Fate::Offline(message) => Fate::Offline((message, Vec::new())),
                    Fate::Dropped(message) => Fate::Dropped((message, Vec::new())),
                    Fate::NotLoggedIn(message) => Fate::NotLoggedIn((message, Vec::new())),
                };
                Action::Told { conn: other(conn)?, to, fate }
            }
            Action::LoggedIn { conn, user } => Action::LoggedIn { conn: other(conn)?, user },
            Action::LoginRefused { conn, reason } => Action::LoginRefused { conn: other(conn)?, reason },
            Action::CannotHandle { conn } => Action::CannotHandle { conn: other(conn)? },
            Action::Abort { conn } => Action::Abort { conn: other(conn)? },
            Action::Pong { conn } => Action::Pong { conn: other(conn)? },
            Action::Ping { conn } => Action::Ping { conn: other(conn)? },
            Action::Close { conn, code, retry_after } => {
                Action::Close { conn: other(conn)?, code, retry_after: retry_after.map(|_| Duration::ZERO) }
            }
            Action::Event(Event::Online(LONER) | Event::Offline(LONER) | Event::Drained) => return None,
            Action::Event(event) => Action::Event(event),
        })
    }
}

/// What the others see, step by step, and who of them is online in the end.
fn run(config: &Config, steps: &[(Duration, What)], one: usize, without: bool) -> (Vec<Seen>, Vec<User>) {
    let mut run = Run { hub: Hub::new(config.clone(), 7), slots: Vec::new(), ids: BTreeMap::new(), one, without };
    let mut now = Instant::ORIGIN;
    let mut seen = Vec::new();
    for (nth, (by, what)) in steps.iter().enumerate() {
        now = now.saturating_add(*by);
        seen.push(run.step(nth, now, what));
    }
    (seen, run.hub.online().map(|(user, _)| *user).filter(|user| *user != LONER).collect())
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
        config in config(),
        mut steps in prop::collection::vec(((0..200_u64).prop_map(Duration::from_millis), what()), 20..120),
        one in 0..3_usize,
        shutdown in any::<prop::sample::Index>(),
        within in (0..8000_u64).prop_map(Duration::from_millis),
    ) {
        // Without limits nobody takes anything away from them.
        let limits = Settings { max_connections: 1000, max_anonymous: 1000, ..config.into_settings() };
        let config = Config::new(limits).expect("valid");
        let (at, spread) = (shutdown.index(3 * steps.len()), Duration::from_secs(5));
        steps.truncate(at);
        // Three users, one of whom is the one, so that there is somebody to notice.
        let enter = |user| [What::Admit { evil: false }, What::Login(Which::Recent(0), user)];
        steps.splice(0..0, (0..3).flat_map(enter).map(|what| (Duration::ZERO, what)));
        steps.push((Duration::ZERO, What::Shutdown { within, spread }));
        steps.extend((0..4).map(|_| (Duration::from_secs(3), What::Timer)));
        let one = 2 * one;
        prop_assert_eq!(run(&config, &steps, one, false), run(&config, &steps, one, true));
    }
}

/// [U11]
#[test]
fn a_shutdown_draws_anew_for_whoever_is_there_and_that_is_all() {
    let (mut with, _) = crate::desk::Desk::with(plain(), ["ann", "bob"]);
    let (mut without, _) = crate::desk::Desk::with(plain(), ["ann"]);
    let spread = Duration::from_secs(30);
    let [with, without] = [&mut with, &mut without].map(|desk| desk.shut_down(spread, spread)[0].clone());
    let (Action::Close { conn: one, code: first, .. }, Action::Close { conn: other, code: second, .. }) =
        (with, without)
    else {
        panic!("a shutdown closes")
    };
    assert_eq!((one, first), (other, second));
}
