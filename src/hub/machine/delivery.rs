//! What a frame costs, and where messages go.

use alloc::vec::Vec;

use super::*;

/// A message on its way, with what was reported with it.
pub(super) struct Mail<M> {
    pub(super) message: M,
    pub(super) bytes: u32,
    pub(super) volatile: bool,
    pub(super) tag: u64,
}

impl<K: Ord + Clone> Machine<K> {
    #[inline(always)]
    pub(in crate::hub) fn frame(
        &mut self,
        config: &Config,
        now: Timestamp,
        conn: ConnId,
        bytes: u32,
    ) -> Option<Timestamp> {
        if self.is_late(now) { self.late_frame(config, conn, bytes) } else { self.charge(config, conn, bytes) }
    }

    #[cold]
    #[inline(never)]
    fn late_frame(&mut self, config: &Config, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        self.overslept(config);
        self.charge(config, conn, bytes)
    }

    /// Charges a frame to its connection. Until when that is to be paused, if it is.
    #[inline(always)]
    pub(super) fn charge(&mut self, config: &Config, conn: ConnId, bytes: u32) -> Option<Timestamp> {
        let now = self.now;
        let Some(found) = self.conns.get_mut(conn).filter(|found| found.phase.is_live()) else {
            self.count_ineffective(conn);
            return None;
        };
        if found.charge(&self.prices, now, bytes) { self.pause(config, conn) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn pause(&mut self, config: &Config, conn: ConnId) -> Option<Timestamp> {
        count(&mut self.stats.pauses);
        let found = self.conns.get_mut(conn)?;
        found.pause(&self.prices);
        let paused = found.paused(&self.prices);
        if !found.floods(&self.prices, self.now) {
            return Some(paused);
        }
        count(&mut self.stats.closed_flooding);
        self.close(config, conn, CloseCode::POLICY_VIOLATION, None);
        None
    }

    #[inline]
    pub(in crate::hub) fn route(
        &mut self,
        config: &Config,
        now: Timestamp,
        conn: ConnId,
        to: &K,
        bytes: u32,
        volatile: bool,
    ) -> Route<'_, K> {
        if self.is_late(now) {
            return self.late_route(config, conn, to, bytes, volatile);
        }
        self.pass_on(config, conn, to, bytes, volatile)
    }

    #[cold]
    #[inline(never)]
    fn late_route(&mut self, config: &Config, conn: ConnId, to: &K, bytes: u32, volatile: bool) -> Route<'_, K> {
        self.overslept(config);
        self.pass_on(config, conn, to, bytes, volatile)
    }

    /// Where a message goes, counted.
    #[inline(always)]
    fn pass_on(&mut self, config: &Config, conn: ConnId, to: &K, bytes: u32, volatile: bool) -> Route<'_, K> {
        // First, while little else is in registers.
        let recipient = self.online.get(to).copied();
        let place = self.conns.place(conn);
        let Some(found) = place.and_then(|place| self.conns.at_mut(place)).filter(|found| found.phase.is_live()) else {
            self.count_ineffective(conn);
            return Route::Stale;
        };
        found.alive(self.now);
        let sender = place.and_then(|place| self.conns.at(place));
        let Some(from) = sender.and_then(|found| found.user.as_ref()) else { return Route::NotLoggedIn };
        let fate = self.fate(config, recipient, bytes, volatile);
        tally(&mut self.stats, fate);
        match fate {
            Ok(conn) => Route::To { conn, from },
            Err(Undelivered::Full) => Route::Full,
            Err(Undelivered::Offline) => Route::Offline,
            Err(Undelivered::Dropped) => Route::Dropped,
        }
    }

    pub(in crate::hub) fn deliver(
        &mut self,
        config: &Config,
        now: Timestamp,
        to: &K,
        bytes: u32,
        volatile: bool,
    ) -> Result<ConnId, Undelivered> {
        if self.is_late(now) {
            self.overslept(config);
        }
        let fate = self.fate(config, self.online.get(to).copied(), bytes, volatile);
        tally(&mut self.stats, fate);
        fate
    }

    /// Whether the recipient gets a message.
    #[inline(always)]
    fn fate(
        &self,
        config: &Config,
        recipient: Option<ConnId>,
        bytes: u32,
        volatile: bool,
    ) -> Result<ConnId, Undelivered> {
        let Some((conn, found)) = recipient.and_then(|conn| Some((conn, self.conns.get(conn)?))) else {
            return Err(Undelivered::Offline);
        };
        if volatile && found.slow {
            Err(Undelivered::Dropped)
        } else if found.unwritten + u64::from(bytes) > u64::from(config.budget) || self.backlog.is_over() {
            Err(Undelivered::Full)
        } else {
            Ok(conn)
        }
    }

    pub(in crate::hub) fn paused_until(&self, conn: ConnId) -> Option<Timestamp> {
        let found = self.conns.get(conn).filter(|found| found.phase.is_live())?;
        Some(found.paused(&self.prices)).filter(|paused| *paused > self.now)
    }

    pub(super) fn relay<M>(&mut self, config: &Config, conn: ConnId, to: K, mail: Mail<M>) -> Answers<K, M> {
        let Mail { message, bytes, volatile, tag } = mail;
        let (deliver, outcome) = match self.pass_on(config, conn, &to, bytes, volatile) {
            Route::To { conn, from } => (Some(Action::Deliver { conn, from: from.clone(), message }), Outcome::Routed),
            Route::Full => (None, Outcome::Full(message)),
            Route::Offline => (None, Outcome::Offline(message)),
            Route::Dropped => (None, Outcome::Dropped(message)),
            Route::NotLoggedIn => (None, Outcome::NotLoggedIn(message)),
            Route::Stale => return [None, None],
        };
        [deliver, Some(Action::Outcome { conn, to: Some(to), tag, outcome })]
    }

    pub(super) fn broadcast<M>(
        &mut self,
        config: &Config,
        sender: Option<ConnId>,
        room: Option<Room>,
        mut except: Vec<K>,
        mail: Mail<M>,
    ) -> Answers<K, M> {
        let mut from = None;
        if let Some(conn) = sender {
            let Some(found) = self.alive(conn) else { return [None, None] };
            from = found.user.clone();
            if from.is_none() {
                let outcome = Outcome::NotLoggedIn(mail.message);
                return [None, Some(Action::Outcome { conn, to: None, tag: mail.tag, outcome })];
            }
        }
        except.sort_unstable();
        let invited = |(conn, user): &(ConnId, &K)| Some(*conn) != sender && except.binary_search(user).is_err();
        let conns = self.audience(room.as_ref()).filter(invited).map(|(conn, _)| conn).collect();
        self.hand_out(config, (sender, from), room, conns, mail)
    }

    /// A message for all of these connections but those that are slow or full; `sender` is live, and named beside.
    fn hand_out<M>(
        &mut self,
        config: &Config,
        (sender, from): (Option<ConnId>, Option<K>),
        room: Option<Room>,
        mut conns: Vec<ConnId>,
        mail: Mail<M>,
    ) -> Answers<K, M> {
        let Mail { message, bytes, volatile, tag } = mail;
        let missed = self.leave_out(config, &mut conns, bytes, volatile);
        let reached = number(conns.len());
        add(&mut self.stats.routed, reached);
        let now = self.now;
        if let Some(sender) = sender.and_then(|conn| self.conns.get_mut(conn)) {
            sender.charge_copies(&self.prices, now, reached.saturating_sub(1), bytes);
        }
        let outcome = |conn| Action::Outcome { conn, to: None, tag, outcome: Outcome::Broadcast { reached, missed } };
        [(reached > 0).then_some(Action::Broadcast { conns, from, room, message }), sender.map(outcome)]
    }

    /// Takes out those that a message does not reach; how many these are.
    fn leave_out(&mut self, config: &Config, conns: &mut Vec<ConnId>, bytes: u32, volatile: bool) -> u32 {
        let (mut dropped, mut full) = (0, Vec::new());
        conns.retain(|conn| match self.fate(config, Some(*conn), bytes, volatile) {
            Ok(_) => true,
            Err(Undelivered::Full) => {
                full.push(*conn);
                false
            }
            Err(Undelivered::Dropped | Undelivered::Offline) => {
                dropped += 1;
                false
            }
        });
        let left_out = number(full.len());
        add(&mut self.stats.dropped, dropped);
        add(&mut self.stats.full, left_out);
        if !volatile {
            full.into_iter().for_each(|conn| self.miss(conn));
        }
        dropped.saturating_add(left_out)
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[inline(always)]
fn tally(stats: &mut Stats, fate: Result<ConnId, Undelivered>) {
    count(match fate {
        Ok(_) => &mut stats.routed,
        Err(Undelivered::Full) => &mut stats.full,
        Err(Undelivered::Offline) => &mut stats.offline,
        Err(Undelivered::Dropped) => &mut stats.dropped,
    });
}
