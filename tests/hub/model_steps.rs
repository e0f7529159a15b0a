//! What each input does to the reference.

use heartline::hub::{Action, Fate, Input, LoginRefusal};
use heartline::{Beat, CloseCode, ConnId, Instant};

use crate::arbitrary::User;
use crate::model::{Message, Model, Standing, passed};

impl Model {
    pub fn step(&mut self, now: Instant, input: Input<User, Message>) {
        self.now = self.now.max(now);
        match input {
            Input::Alive { conn } => drop(self.heard(conn)),
            Input::Ping { conn } => {
                if let Some(nth) = self.heard(conn) {
                    self.conns[nth].pong = true;
                }
            }
            Input::Login { conn, user } => {
                if let Some(nth) = self.heard(conn) {
                    self.login(nth, conn, user);
                }
            }
            Input::Relay { conn, to, message, volatile } => {
                if let Some(nth) = self.heard(conn) {
                    self.relay(nth, to, message, volatile);
                }
            }
            Input::Broadcast { from, except, message, volatile } => self.broadcast(from, &except, message, volatile),
            Input::Unknown { conn } => {
                if let Some(nth) = self.heard(conn) {
                    if self.may_reply(nth) {
                        self.answers.push(Action::CannotHandle { conn });
                    }
                }
            }
            Input::Queued { conn, bytes } => {
                if let Some(nth) = self.live(conn) {
                    self.conns[nth].pending += u128::from(bytes);
                    if self.conns[nth].pending > u128::from(self.config.budget) {
                        self.stats.closed_slow += 1;
                        self.close(nth, CloseCode::TRY_AGAIN_LATER, None);
                    }
                }
            }
            Input::Written { conn, bytes } => {
                if let Some(nth) = self.live(conn) {
                    self.conns[nth].pending = self.conns[nth].pending.saturating_sub(u128::from(bytes));
                }
            }
            Input::Close { conn, code } => {
                if let Some(nth) = self.live(conn) {
                    self.close(nth, code, None);
                }
            }
            Input::Closed { conn } => match self.find(conn) {
                Some(nth) if self.conns[nth].standing != Standing::Gone => self.remove(nth),
                _ => self.count_dead(conn),
            },
            Input::Timer => self.timer(),
            Input::Shutdown { within, spread } => {
                let by = self.nanos() + within.as_nanos();
                self.drained |= self.shutdown.is_none() && self.conns.is_empty();
                self.shutdown = Some(self.shutdown.map_or(by, |until| until.min(by)));
                for nth in 0..self.conns.len() {
                    if !self.is_over(nth) {
                        self.close(nth, CloseCode::SERVICE_RESTART, Some(spread));
                    }
                }
            }
        }
    }

    fn is_over(&self, nth: usize) -> bool {
        matches!(self.conns[nth].standing, Standing::Closing | Standing::Gone)
    }

    fn count_dead(&mut self, id: ConnId) {
        if self.minted.contains(&id) {
            self.stats.stale += 1;
        } else {
            self.stats.ignored += 1;
        }
    }

    fn live(&mut self, id: ConnId) -> Option<usize> {
        let found = self.find(id).filter(|nth| !self.is_over(*nth));
        if found.is_none() {
            self.count_dead(id);
        }
        found
    }

    fn heard(&mut self, id: ConnId) -> Option<usize> {
        let nth = self.live(id)?;
        self.conns[nth].heartbeat.alive(self.now);
        Some(nth)
    }

    fn login(&mut self, nth: usize, conn: ConnId, user: User) {
        let standing = self.conns[nth].standing;
        let other = self.conn_of(user);
        let refusal = match standing {
            Standing::User(name) if name == user => None,
            Standing::User(_) => Some(LoginRefusal::OtherUser),
            _ if other.is_some() && !self.replaces() => Some(LoginRefusal::UserOnline),
            _ => None,
        };
        if let Some(reason) = refusal {
            self.stats.logins_refused += 1;
            if self.may_reply(nth) {
                self.answers.push(Action::LoginRefused { conn, reason });
            }
            return;
        }
        if standing == Standing::Anonymous {
            self.stats.logins += 1;
            if let Some(old) = other.and_then(|old| self.find(old)) {
                self.stats.superseded += 1;
                self.close(old, self.config.superseded, None);
            }
            self.conns[nth].standing = Standing::User(user);
        }
        self.answers.push(Action::LoggedIn { conn, user });
    }

    fn relay(&mut self, nth: usize, to: User, message: Message, volatile: bool) {
        let sender = self.conns[nth].id;
        let Standing::User(from) = self.conns[nth].standing else {
            return self.tell(sender, Some(to), Fate::NotLoggedIn(message));
        };
        let fate = match self.conn_of(to) {
            None => {
                self.stats.offline += 1;
                Fate::Offline(message)
            }
            Some(conn) if volatile && self.is_slow(conn) => {
                self.stats.dropped += 1;
                Fate::Dropped(message)
            }
            Some(conn) => {
                self.stats.routed += 1;
                self.answers.push(Action::Deliver { conn, from, message });
                Fate::Routed(1)
            }
        };
        self.tell(sender, Some(to), fate);
    }

    fn broadcast(&mut self, from: Option<ConnId>, except: &[User], message: Message, volatile: bool) {
        let mut name = None;
        if let Some(sender) = from {
            let Some(nth) = self.heard(sender) else { return };
            let Standing::User(user) = self.conns[nth].standing else {
                return self.tell(sender, None, Fate::NotLoggedIn(message));
            };
            name = Some(user);
        }
        let mut conns = self.online();
        conns.retain(|(user, _)| Some(*user) != name && !except.contains(user));
        let wanted = conns.len();
        conns.retain(|(_, conn)| !(volatile && self.is_slow(*conn)));
        let routed = u32::try_from(conns.len()).expect("few");
        self.stats.dropped += u32::try_from(wanted).expect("few") - routed;
        self.stats.routed += routed;
        if routed > 0 {
            let conns = conns.into_iter().map(|(_, conn)| conn).collect();
            self.answers.push(Action::Broadcast { conns, from: name, message });
        }
        if let Some(sender) = from {
            self.tell(sender, None, Fate::Routed(routed));
        }
    }

    fn timer(&mut self) {
        let out_of_time = self.shutdown.is_some_and(|until| passed(until, self.now));
        for nth in 0..self.conns.len() {
            let found = &self.conns[nth];
            let handshake_over = passed(found.closed_at + self.config.close_timeout.as_nanos(), self.now);
            let login_over = passed(found.admitted_at + self.config.login_timeout.as_nanos(), self.now);
            match found.standing {
                _ if out_of_time => self.abort(nth),
                Standing::Closing if handshake_over => self.abort(nth),
                Standing::Anonymous if login_over => {
                    self.stats.closed_anonymous += 1;
                    self.close(nth, CloseCode::LOGIN_TIMEOUT, None);
                }
                Standing::Closing | Standing::Gone => {}
                Standing::Anonymous | Standing::User(_) => self.beat(nth),
            }
        }
    }

    fn abort(&mut self, nth: usize) {
        let found = &mut self.conns[nth];
        found.standing = Standing::Gone;
        found.close = None;
    }

    /// Judges until nothing is due any more.
    fn beat(&mut self, nth: usize) {
        loop {
            match self.conns[nth].heartbeat.timer(&self.config.heartbeat, self.now) {
                Beat::Quiet => return,
                Beat::Degraded => {}
                Beat::Ping => {
                    self.stats.pings += 1;
                    self.conns[nth].ping = true;
                }
                Beat::Slept { ping, .. } => {
                    self.stats.slept += 1;
                    self.stats.pings += u32::from(ping);
                    self.conns[nth].ping |= ping;
                }
                Beat::Dead => {
                    self.stats.closed_silent += 1;
                    return self.close(nth, CloseCode::TIMEOUT, None);
                }
            }
        }
    }
}
