//! What each input does.

use alloc::vec::Vec;
use core::time::Duration;

use super::machine::{Answers, Conn, Machine, Standing};
use super::settings::{Config, SecondLogin};
use super::talk::{Action, Fate, Input, LoginRefusal};
use crate::backoff::between;
use crate::input::ConnId;
use crate::loss::CloseCode;
use crate::stats::count;
use crate::time::{Deadline, Instant, nanos};

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn handle<M>(&mut self, config: &Config, now: Instant, input: Input<K, M>) -> Answers<K, M> {
        self.now = self.now.max(now);
        match input {
            Input::Alive { conn } => drop(self.heard(conn)),
            Input::Ping { conn } => {
                if self.heard(conn).is_some() {
                    self.owe(conn, |owed| owed.pong = true);
                }
            }
            Input::Login { conn, user } => return [self.login(config, conn, user), None],
            Input::Relay { conn, to, message, volatile } => return self.relay(config, conn, to, message, volatile),
            Input::Broadcast { from, except, message, volatile } => {
                return self.broadcast(config, from, &except, message, volatile);
            }
            Input::Unknown { conn } => {
                let reply = self.heard(conn).is_some() && self.may_reply(config, conn);
                return [reply.then_some(Action::CannotHandle { conn }), None];
            }
            Input::Queued { conn, bytes } => self.queued(config, conn, bytes),
            Input::Written { conn, bytes } => {
                if let Some(found) = self.live(conn) {
                    found.pending = found.pending.saturating_sub(u64::from(bytes));
                }
            }
            Input::Close { conn, code } => {
                if self.live(conn).is_some() {
                    self.close(config, conn, code, None);
                }
            }
            Input::Closed { conn } => self.closed(conn),
            Input::Timer => self.timer(config),
            Input::Shutdown { within, spread } => self.shut_down(config, within, spread),
        }
        [None, None]
    }

    /// The connection, if what it says still counts; anything else is counted.
    fn live(&mut self, conn: ConnId) -> Option<&mut Conn<K>> {
        if !self.conns.get(conn).is_some_and(|found| found.standing.is_live()) {
            self.misplaced(conn);
            return None;
        }
        self.conns.get_mut(conn)
    }

    fn misplaced(&mut self, conn: ConnId) {
        count(if self.conns.minted(conn) { &mut self.stats.stale } else { &mut self.stats.ignored });
    }

    /// A frame arrived: proof of life, in constant time.
    fn heard(&mut self, conn: ConnId) -> Option<&mut Conn<K>> {
        let now = self.now;
        let found = self.live(conn)?;
        found.heartbeat.alive(now);
        Some(found)
    }

    fn login<M>(&mut self, config: &Config, conn: ConnId, user: K) -> Option<Action<K, M>> {
        let found = self.heard(conn)?;
        match &found.standing {
            Standing::User(name) if *name == user => return Some(Action::LoggedIn { conn, user }),
            Standing::User(_) => return self.refuse(config, conn, LoginRefusal::OtherUser),
            _ => {}
        }
        if config.second_login == SecondLogin::Reject && self.online.contains_key(&user) {
            return self.refuse(config, conn, LoginRefusal::UserOnline);
        }
        if let Some(found) = self.conns.get_mut(conn) {
            found.standing = Standing::User(user.clone());
        }
        count(&mut self.stats.logins);
        self.anonymous.remove(&conn);
        if let Some(old) = self.online.insert(user.clone(), conn) {
            count(&mut self.stats.superseded);
            self.close(config, old, config.superseded, None);
        }
        self.note_change(&user);
        Some(Action::LoggedIn { conn, user })
    }

    fn refuse<M>(&mut self, config: &Config, conn: ConnId, reason: LoginRefusal) -> Option<Action<K, M>> {
        count(&mut self.stats.logins_refused);
        self.may_reply(config, conn).then_some(Action::LoginRefused { conn, reason })
    }

    fn may_reply(&mut self, config: &Config, conn: ConnId) -> bool {
        let now = self.now;
        let due = self.conns.get_mut(conn).filter(|found| found.next_reply.passed(now));
        match due {
            Some(found) => found.next_reply = Deadline::at(now.saturating_add(config.reply_gap)),
            None => {
                count(&mut self.stats.unanswered);
                return false;
            }
        }
        true
    }

    /// The sender's registered name, or `None` for somebody without one.
    fn name(&mut self, conn: ConnId) -> Option<Option<K>> {
        let found = self.heard(conn)?;
        match &found.standing {
            Standing::User(name) => Some(Some(name.clone())),
            _ => Some(None),
        }
    }

    fn relay<M>(&mut self, config: &Config, conn: ConnId, to: K, message: M, volatile: bool) -> Answers<K, M> {
        let Some(name) = self.name(conn) else { return [None, None] };
        let Some(from) = name else {
            return [None, Some(Action::Told { conn, to: Some(to), fate: Fate::NotLoggedIn(message) })];
        };
        let Some(recipient) = self.online.get(&to).copied() else {
            count(&mut self.stats.offline);
            return [None, Some(Action::Told { conn, to: Some(to), fate: Fate::Offline(message) })];
        };
        if volatile && self.is_slow(config, recipient) {
            count(&mut self.stats.dropped);
            return [None, Some(Action::Told { conn, to: Some(to), fate: Fate::Dropped(message) })];
        }
        count(&mut self.stats.routed);
        let told = Action::Told { conn, to: Some(to), fate: Fate::Routed(1) };
        [Some(Action::Deliver { conn: recipient, from, message }), Some(told)]
    }

    fn broadcast<M>(
        &mut self,
        config: &Config,
        from: Option<ConnId>,
        except: &[K],
        message: M,
        volatile: bool,
    ) -> Answers<K, M> {
        let name = match from.map(|conn| (conn, self.name(conn))) {
            None => None,
            Some((_, None)) => return [None, None],
            Some((conn, Some(None))) => {
                return [None, Some(Action::Told { conn, to: None, fate: Fate::NotLoggedIn(message) })];
            }
            Some((_, Some(name))) => name,
        };
        let (mut conns, mut dropped) = (Vec::new(), 0_u32);
        for (user, conn) in &self.online {
            if Some(*conn) == from || except.contains(user) {
                continue;
            }
            if volatile && self.is_slow(config, *conn) {
                dropped += 1;
            } else {
                conns.push(*conn);
            }
        }
        let routed = u32::try_from(conns.len()).unwrap_or(u32::MAX);
        self.stats.dropped = self.stats.dropped.saturating_add(dropped);
        self.stats.routed = self.stats.routed.saturating_add(routed);
        let told = from.map(|conn| Action::Told { conn, to: None, fate: Fate::Routed(routed) });
        [(routed > 0).then_some(Action::Broadcast { conns, from: name, message }), told]
    }

    fn is_slow(&self, config: &Config, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|found| found.pending > u64::from(config.volatile_above))
    }

    fn queued(&mut self, config: &Config, conn: ConnId, bytes: u32) {
        let Some(found) = self.live(conn) else { return };
        found.pending = found.pending.saturating_add(u64::from(bytes));
        if found.pending > u64::from(config.budget) {
            count(&mut self.stats.closed_slow);
            self.close(config, conn, CloseCode::TRY_AGAIN_LATER, None);
        }
    }

    fn closed(&mut self, conn: ConnId) {
        let known = self.conns.get(conn).is_some_and(|found| !matches!(found.standing, Standing::Gone));
        if known {
            self.leave(conn);
            self.forget(conn);
        } else {
            self.misplaced(conn);
        }
    }

    fn shut_down(&mut self, config: &Config, within: Duration, spread: Duration) {
        let (first, by) = (self.shutdown.is_none(), self.later(within));
        self.shutdown = Some(self.shutdown.map_or(by, |until| until.min(by)));
        let ids: Vec<_> = self.conns.ids().collect();
        for conn in ids {
            if self.conns.get(conn).is_some_and(|found| found.standing.is_live()) {
                let wait = Duration::from_nanos(between(0, nanos(spread), self.random.next()));
                self.close(config, conn, CloseCode::SERVICE_RESTART, Some(wait));
            }
        }
        if first {
            self.check_drained();
        }
    }
}
