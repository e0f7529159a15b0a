//! A hub and its model in lockstep, driven by bytes: the properties, the replay of the corpus and the fuzz target
//! share it.

mod act;
mod model;
mod plan;
mod watch;

use std::net::IpAddr;
use std::time::Duration;

use heartline::hub::{Action, Config, Event, Hub, Input, Outcome, Request, Route, Stats};
use heartline::{ConnId, Timestamp};

pub use act::Act;
use model::Model;
#[allow(unused_imports, reason = "the fuzz target only runs")]
pub use plan::{HEADER, Message, OP, Op, SOURCES, User, decode};
use watch::Watch;

pub const NOBODY: ConnId = ConnId::from_raw(u64::MAX).unwrap();

/// Decodes a plan and drives a hub by it to the end. Panics where the hub and its model disagree.
pub fn run(bytes: &[u8]) {
    let (config, ops) = decode(bytes);
    let mut both = Lockstep::new(config, Timestamp::ORIGIN);
    ops.iter().for_each(|op| both.op(op));
    both.finish();
}

pub struct Lockstep {
    hub: Hub<User, Message>,
    model: Model,
    watch: Watch,
    now: Timestamp,
    next_message: Message,
    /// Every action, and after each op the time to the deadline.
    pub log: (Vec<Act<User, Message>>, Vec<Option<Duration>>),
}

impl Lockstep {
    pub fn new(config: Config, now: Timestamp) -> Self {
        let (hub, model) = (Hub::new(config.clone(), 7), Model::new(config));
        Self { hub, model, watch: Watch::default(), now, next_message: 0, log: Default::default() }
    }

    pub fn op(&mut self, op: &Op) {
        let now = op.moment(self.now, self.hub.deadline());
        self.next_message += 1;
        let minted = &self.model.minted;
        let conn = op.pick(minted.len()).map_or(NOBODY, |back| minted[minted.len() - 1 - back]);
        match op.admission() {
            Some(same_origin) => self.admit(now, same_origin, op.source()),
            None => self.handle(now, &op.input(conn, self.next_message, self.now.max(now)), op.pull()),
        }
        self.now = self.now.max(now);
        self.log.1.push(self.hub.deadline().map(|due| due.saturating_since(self.now)));
        self.compare();
    }

    fn admit(&mut self, now: Timestamp, same_origin: bool, source: Option<IpAddr>) {
        let origin = Some(if same_origin { "https://example.org" } else { "https://evil.example" });
        self.model.advance(now);
        let expected = self.model.may_enter(same_origin, source);
        match self.hub.admit(now, &Request { origin, host: "example.org", source, ..Request::default() }) {
            Ok(admitted) => {
                assert_eq!(expected, Ok(()));
                self.watch.minted(admitted.conn);
                self.model.enter(admitted.conn, source);
            }
            Err(denied) => {
                let (reason, least) = expected.expect_err("denied");
                assert_eq!(denied.reason, reason);
                let wait = denied.retry_after;
                assert!(wait.is_none_or(|wait| (least..=2 * least).contains(&wait)), "{least:?} {wait:?}");
                self.model.stats.denied += 1;
            }
        }
    }

    fn handle(&mut self, now: Timestamp, input: &Input<User, Message>, pull: usize) {
        let (deadline, owed) = (self.hub.deadline(), self.model.owes());
        let moved = |stats: Stats| (stats.suspensions, stats.closed_flooding);
        let before = moved(self.model.stats);
        self.model.step(now, input.clone());
        let acts = self.acts(now, input, pull);
        for act in acts {
            self.watch.action(&self.hub, &act);
            let expected = self.model.pull().map(|expected| self.drawn(expected, &act));
            assert_eq!(Some(&act), expected.as_ref(), "after {input:?}");
            self.log.0.push(act);
        }
        if pull == usize::MAX {
            assert_eq!(self.model.pull(), None, "after {input:?}");
            if *input == Input::Timer {
                assert!(self.hub.deadline().is_none_or(|due| due > self.model.now), "what was due is done");
                let known = self.watch.online.iter().filter(|user| !self.model.is_leaving(**user));
                assert!(known.eq(self.hub.online().map(|(user, _)| user)), "all is reported");
            }
        }
        let present = self.hub.present();
        assert_eq!(present.len(), self.watch.online.len());
        assert!(present.eq(&self.watch.online), "who was reported to be online is present");
        self.model.end_step();
        let same = moved(self.model.stats) == before;
        if !owed && same && matches!(input, Input::Alive { .. }) {
            assert_eq!(self.hub.deadline(), deadline, "a frame does not move the deadline");
        }
    }

    /// What the hub does, every other time by the doors without a message.
    fn acts(&mut self, now: Timestamp, input: &Input<User, Message>, pull: usize) -> Vec<Act<User, Message>> {
        let mut acts = Vec::new();
        match input {
            Input::Alive { conn, bytes } if self.next_message % 2 == 0 => {
                let paused = self.hub.alive(now, *conn, *bytes);
                assert_eq!(paused, self.model.paused_until(*conn));
            }
            Input::Relay { conn, to, message, bytes, volatile, tag }
                if self.next_message % 2 == 0 && pull == usize::MAX =>
            {
                let outcome = match self.hub.route(now, *conn, to, *bytes, *volatile) {
                    Route::To { conn, from } => {
                        acts.push(Act::Deliver(conn, *from, *message));
                        Some(Outcome::Routed)
                    }
                    Route::Full => Some(Outcome::Full(*message)),
                    Route::Offline => Some(Outcome::Offline(*message)),
                    Route::Dropped => Some(Outcome::Dropped(*message)),
                    Route::NotLoggedIn => Some(Outcome::NotLoggedIn(*message)),
                    Route::Stale => None,
                };
                acts.extend(outcome.map(|outcome| Act::ended(*conn, Some(*to), *tag, outcome)));
            }
            _ => {
                let actions: Vec<_> = self.hub.handle(now, input.clone()).take(pull).collect();
                return actions.into_iter().map(|action| self.checked(action)).collect();
            }
        }
        let actions: Vec<_> = std::iter::from_fn(|| self.hub.next_action()).take(pull).collect();
        acts.extend(actions.into_iter().map(|action| self.checked(action)));
        acts
    }

    /// The action, after what `Act` leaves out of it was compared.
    fn checked(&self, action: Action<User, Message>) -> Act<User, Message> {
        match &action {
            Action::Event(Event::Online { user, conn }) => assert_eq!(self.hub.conn_of(user), Some(*conn)),
            Action::Event(Event::Offline { user, conn, cause }) => {
                assert_eq!(self.model.last(*user), Some((*conn, *cause)));
            }
            Action::LoginRefused { retry_after, .. } => assert_eq!(*retry_after, self.model.wait),
            _ => {}
        }
        action.into()
    }

    /// The expected action. Where the model gives the spread of the returns, the moment that was drawn from it; and how long
    /// a login is still good.
    fn drawn(&self, expected: Act<User, Message>, act: &Act<User, Message>) -> Act<User, Message> {
        match (expected, act) {
            (Act::Close(conn, code, Some(spread)), Act::Close(_, _, Some(wait)))
                if wait.checked_sub(self.model.earliest_return(conn)).is_some_and(|drawn| drawn <= spread) =>
            {
                Act::Close(conn, code, Some(*wait))
            }
            (Act::Expiring(conn, _), _) => Act::Expiring(conn, self.model.expires_in(conn)),
            (expected, _) => expected,
        }
    }

    fn compare(&self) {
        for conn in &self.model.minted {
            assert_eq!(self.hub.paused_until(*conn), self.model.paused_until(*conn));
            assert_eq!(self.hub.user_of(*conn).copied(), self.model.user_of(*conn));
        }
        self.watch.hub(&self.hub);
        for source in SOURCES {
            assert_eq!(self.hub.connections_from(source), self.model.connections_from(source));
        }
        let online: Vec<_> = self.hub.online().map(|(user, conn)| (*user, conn)).collect();
        assert_eq!(online, self.model.online());
        self.compare_rooms();
        assert_eq!((self.hub.connections(), self.hub.anonymous()), self.model.counts());
        assert_eq!(self.hub.stats(), self.model.stats);
        assert_eq!(u128::from(self.hub.unwritten()), self.model.unwritten());
        assert_eq!(self.hub.deadline(), self.model.deadline());
    }

    fn compare_rooms(&self) {
        let names = self.model.room_names();
        assert_eq!(self.hub.rooms(), names.len());
        for room in names {
            let members: Vec<_> = self.hub.members(room.as_bytes(), None).map(|(conn, user)| (*user, conn)).collect();
            assert_eq!(members, self.model.members(&room));
            assert_eq!(self.hub.room_size(room.as_bytes()) as usize, members.len());
        }
        for conn in &self.model.minted {
            let mut rooms: Vec<_> = self.hub.rooms_of(*conn).cloned().collect();
            rooms.sort_unstable();
            assert_eq!(rooms, self.model.rooms_of(*conn));
        }
    }

    /// Pulls everything; what was owed is no more than the connections there can be.
    fn finish(&mut self) {
        let most = 8 * self.hub.config().max_connections as usize + 1;
        let owed = self.hub.clone().handle(self.now, Input::Timer).count();
        assert!(owed <= most, "{owed} actions owed");
        self.handle(self.now, &Input::Timer, usize::MAX);
        self.compare();
    }
}
