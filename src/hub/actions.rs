//! Handing out what a hub has decided.

use core::mem::take;

use super::machine::{Answers, Conn, Machine, Standing};
use super::talk::{Action, Event};
use crate::input::ConnId;
use crate::stats::count;

/// What one connection has not been told yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owed {
    pub(super) abort: bool,
    pub(super) close: bool,
    pub(super) pong: bool,
    pub(super) ping: bool,
}

impl Owed {
    fn any(self) -> bool {
        self.abort | self.close | self.pong | self.ping
    }
}

/// The actions of one step, each computed when it is pulled.
///
/// First the message of this step, if it has one, then the answer to whoever caused it, then what is owed to
/// connections, then who came online or went offline. Messages and answers that are not pulled are gone and
/// counted; everything else stays owed.
#[must_use = "a hub's actions are to be carried out"]
#[derive(Debug)]
pub struct Actions<'a, K: Ord + Clone, M> {
    machine: &'a mut Machine<K>,
    answers: Answers<K, M>,
}

impl<'a, K: Ord + Clone, M> Actions<'a, K, M> {
    pub(super) fn new(machine: &'a mut Machine<K>, answers: Answers<K, M>) -> Self {
        Self { machine, answers }
    }
}

impl<K: Ord + Clone, M> Iterator for Actions<'_, K, M> {
    type Item = Action<K, M>;

    fn next(&mut self) -> Option<Action<K, M>> {
        let answer = self.answers.iter_mut().find_map(Option::take);
        answer.or_else(|| self.machine.next_control()).or_else(|| self.machine.next_event().map(Action::Event))
    }
}

impl<K: Ord + Clone, M> Drop for Actions<'_, K, M> {
    fn drop(&mut self) {
        for _ in self.answers.iter().flatten() {
            count(&mut self.machine.stats.undelivered);
        }
    }
}

impl<K> Conn<K> {
    fn next_owed<M>(&mut self, conn: ConnId) -> Option<Action<K, M>> {
        let Owed { abort, close, pong, ping } = &mut self.owed;
        if take(abort) {
            return Some(Action::Abort { conn });
        }
        if take(pong) {
            return Some(Action::Pong { conn });
        }
        if take(ping) {
            return Some(Action::Ping { conn });
        }
        match self.standing {
            Standing::Closing { code, retry_after, .. } if take(close) => {
                Some(Action::Close { conn, code, retry_after })
            }
            _ => None,
        }
    }
}

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn owes(&self) -> bool {
        !self.attention.is_empty() || !self.left.is_empty() || !self.came.is_empty() || self.drained
    }

    fn next_control<M>(&mut self) -> Option<Action<K, M>> {
        let conn = self.attention.first().copied()?;
        let found = self.conns.get_mut(conn)?;
        let action = found.next_owed(conn);
        if matches!(action, Some(Action::Abort { .. })) {
            self.forget(conn);
        } else if !found.owed.any() {
            self.attention.remove(&conn);
        }
        action
    }

    /// What was told changes here alone, so the two events of a user alternate. Whoever left comes first: then only
    /// those who are online are told to be, and nothing grows without end for a caller who pulls too little.
    fn next_event(&mut self) -> Option<Event<K>> {
        if let Some(user) = self.left.pop_first() {
            self.told.remove(&user);
            return Some(Event::Offline(user));
        }
        if let Some(user) = self.came.pop_first() {
            self.told.insert(user.clone());
            return Some(Event::Online(user));
        }
        take(&mut self.drained).then_some(Event::Drained)
    }
}
