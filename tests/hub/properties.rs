//! A hub and its reference hear the same and must say the same.

use std::time::Duration;

use heartline::hub::{Action, Config, Hub, Input, Request};
use heartline::{ConnId, Instant};
use proptest::prelude::*;

use crate::arbitrary::{CODE, Op, User, What, Which, config, moment, ops};
use crate::invariants::Watch;
use crate::model::{Message, Model};

struct Both {
    hub: Hub<User, Message>,
    model: Model,
    watch: Watch,
    now: Instant,
    next_message: Message,
    said: Vec<Action<User, Message>>,
}

impl Both {
    fn new(config: Config) -> Self {
        Self {
            hub: Hub::new(config.clone(), 7),
            model: Model::new(config),
            watch: Watch::default(),
            now: Instant::ORIGIN,
            next_message: 0,
            said: Vec::new(),
        }
    }

    fn conn(&self, which: Which) -> ConnId {
        let never = ConnId::from_raw(u64::MAX).expect("not zero");
        let minted = &self.model.minted;
        match which {
            Which::Recent(back) => minted.iter().rev().nth(back).copied().unwrap_or(never),
            Which::Any(nth) if !minted.is_empty() => minted[nth % minted.len()],
            Which::Any(_) | Which::Never => never,
        }
    }

    fn op(&mut self, op: &Op) {
        let now = moment(op.lapse, self.now, self.hub.deadline());
        match self.input(&op.what) {
            Ok(input) => self.handle(now, &input, op.pull),
            Err(evil) => self.admit(now, evil),
        }
        self.now = self.now.max(now);
        self.compare();
    }

    /// The input, or for an admission whether its origin is evil.
    fn input(&mut self, what: &What) -> Result<Input<User, Message>, bool> {
        self.next_message += 1;
        let message = self.next_message;
        Ok(match what.clone() {
            What::Admit { evil } => return Err(evil),
            What::Alive(which) => Input::Alive { conn: self.conn(which) },
            What::Ping(which) => Input::Ping { conn: self.conn(which) },
            What::Login(which, user) => Input::Login { conn: self.conn(which), user },
            What::Relay { from, to, volatile } => Input::Relay { conn: self.conn(from), to, message, volatile },
            What::Broadcast { from, except, volatile } => {
                Input::Broadcast { from: from.map(|from| self.conn(from)), except, message, volatile }
            }
            What::Unknown(which) => Input::Unknown { conn: self.conn(which) },
            What::Queued(which, bytes) => Input::Queued { conn: self.conn(which), bytes },
            What::Written(which, bytes) => Input::Written { conn: self.conn(which), bytes },
            What::Close(which) => Input::Close { conn: self.conn(which), code: CODE },
            What::Closed(which) => Input::Closed { conn: self.conn(which) },
            What::Timer => Input::Timer,
            What::Shutdown { within, spread } => Input::Shutdown { within, spread },
        })
    }

    fn admit(&mut self, now: Instant, evil: bool) {
        let origin = Some(if evil { "https://evil.example" } else { "https://example.org" });
        let request = Request { origin, host: "example.org", protocols: &[] };
        self.model.now = self.model.now.max(now);
        let judged = self.model.may_enter(&request);
        match self.hub.admit(now, &request) {
            Ok(admitted) => {
                assert_eq!(judged, Ok(()));
                self.watch.minted(admitted.conn);
                self.model.enter(admitted.conn);
            }
            Err(denied) => {
                assert_eq!(judged, Err(denied.reason));
                self.model.stats.denied += 1;
            }
        }
    }

    fn handle(&mut self, now: Instant, input: &Input<User, Message>, pull: usize) {
        let deadline = self.hub.deadline();
        let calm = !self.model.owes();
        self.model.step(now, input.clone());
        let online = self.model.online();
        let said: Vec<_> = self.hub.handle(now, input.clone()).take(pull).collect();
        self.said.extend(said.iter().cloned());
        for action in said {
            self.watch.action(&online, &action);
            let expected = self.model.pull().map(|expected| drawn(expected, &action));
            assert_eq!(Some(action), expected, "after {input:?}");
        }
        if pull == usize::MAX {
            assert_eq!(self.model.pull(), None, "after {input:?}");
            if *input == Input::Timer {
                self.watch.settled(&self.hub, self.model.now);
            }
        }
        self.model.end_step();
        if calm && matches!(input, Input::Alive { .. } | Input::Written { .. }) {
            assert_eq!(self.hub.deadline(), deadline, "a frame does not move the deadline");
        }
    }

    fn compare(&self) {
        self.watch.hub(&self.hub);
        let online: Vec<_> = self.hub.online().map(|(user, conn)| (*user, conn)).collect();
        assert_eq!(online, self.model.online());
        assert_eq!(self.hub.connections(), self.model.conns.len());
        assert_eq!(self.hub.anonymous(), self.model.anonymous());
        assert_eq!(self.hub.stats(), self.model.stats);
        if self.model.owes() {
            assert_eq!(self.hub.deadline(), Some(self.model.now), "something is owed");
        }
    }

    /// Pulls everything; nothing that was owed is more than the connections there can be.
    fn finish(&mut self) {
        let most = 5 * self.hub.config().max_connections as usize + 1;
        let owed = self.hub.clone().handle(self.now, Input::Timer).count();
        assert!(owed <= most, "{owed} actions owed");
        self.handle(self.now, &Input::Timer, usize::MAX);
        self.compare();
    }
}

/// The reference's action; where it says by when at the latest to come back, the moment that was drawn.
fn drawn(expected: Action<User, Message>, said: &Action<User, Message>) -> Action<User, Message> {
    match (expected, said) {
        (Action::Close { conn, code, retry_after: Some(spread) }, Action::Close { retry_after: Some(wait), .. })
            if *wait <= spread =>
        {
            Action::Close { conn, code, retry_after: Some(*wait) }
        }
        (expected, _) => expected,
    }
}

/// Everything said, and after each step how long it is to the deadline.
fn all_actions(
    config: &Config,
    ops: &[(Instant, What)],
    later: Duration,
) -> (Vec<Action<User, Message>>, Vec<Option<Duration>>) {
    let mut both = Both::new(config.clone());
    let mut waits = Vec::new();
    for (at, what) in ops {
        let at = at.saturating_add(later);
        match both.input(what) {
            Ok(input) => both.handle(at, &input, usize::MAX),
            Err(evil) => both.admit(at, evil),
        }
        waits.push(both.hub.deadline().map(|due| due.saturating_since(at)));
    }
    (both.said, waits)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// [P1] [P3] [P7] [U1] [U3] [U4] [U5] [U6] [U7] [U8] [U9] [U10] [U12]
    #[test]
    fn a_hub_says_what_its_reference_says(config in config(), ops in ops()) {
        let mut both = Both::new(config);
        ops.iter().for_each(|op| both.op(op));
        both.finish();
    }

    /// [P2] [P4]
    #[test]
    fn the_same_inputs_lead_to_the_same_actions_and_earlier_or_later_makes_no_difference(
        config in config(),
        ops in prop::collection::vec((0..3000_u64, crate::arbitrary::what()), 1..80),
        later in 0..1_000_000_000_000_u64,
    ) {
        let mut now = Duration::ZERO;
        let ops: Vec<_> = ops.into_iter().map(|(by, what)| {
            now += Duration::from_millis(by);
            (Instant::after(now), what)
        }).collect();
        let said = all_actions(&config, &ops, Duration::ZERO);
        prop_assert_eq!(&said, &all_actions(&config, &ops, Duration::ZERO));
        prop_assert_eq!(&said, &all_actions(&config, &ops, Duration::from_nanos(later)));
    }
}
