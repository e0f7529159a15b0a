//! Who is who.

use super::*;

impl<K: Ord + Clone> Machine<K> {
    pub(super) fn login<M>(
        &mut self,
        config: &Config,
        conn: ConnId,
        user: K,
        until: Option<Timestamp>,
    ) -> Option<Action<K, M>> {
        self.alive(conn)?;
        let until = until.map_or(Deadline::NEVER, Deadline::at);
        if let Err((reason, wait)) = self.may_log_in(config, conn, &user, until) {
            return self.refuse(config, conn, reason, wait);
        }
        if self.online.get(&user) != Some(&conn) {
            self.register(config, conn, &user);
        }
        self.withdraw(conn, Owed::EXPIRING);
        if let Some(found) = self.conns.get_mut(conn) {
            found.log_in(user.clone(), until);
        }
        if !until.is_never() {
            self.announce_expiry(conn);
            self.arm(conn);
        }
        Some(Action::LoggedIn { conn, user })
    }

    /// What prevents a login, and after how long it may no longer.
    fn may_log_in(
        &mut self,
        config: &Config,
        conn: ConnId,
        user: &K,
        until: Deadline,
    ) -> Result<(), (LoginRefusal, Option<Duration>)> {
        if until.passed(self.now) {
            return Err((LoginRefusal::Expired, None));
        }
        if let Some(own) = self.conns.get(conn).and_then(|found| found.user.as_ref()) {
            return if own == user { Ok(()) } else { Err((LoginRefusal::OtherUser, None)) };
        }
        let Some(old) = self.online.get(user) else { return Ok(()) };
        if config.second_login == SecondLogin::Refuse {
            return Err((LoginRefusal::UserOnline, None));
        }
        let bucket = self.supersedes.get(old).copied().unwrap_or_default();
        let wait = bucket.wait(&Price::new(config.supersede_limit.as_ref()), self.now);
        if wait > Duration::ZERO {
            count(&mut self.stats.contested);
            self.pending.contested.insert(user.clone());
            return Err((LoginRefusal::Contested, Some(wait)));
        }
        Ok(())
    }

    /// The connection becomes the user's, in place of the one that may have been before.
    fn register(&mut self, config: &Config, conn: ConnId, user: &K) {
        count(&mut self.stats.logins);
        self.anonymous.remove(&conn);
        let Some(old) = self.online.insert(user.clone(), conn) else { return self.pending.presence.arrives(user) };
        count(&mut self.stats.superseded);
        if let Some(limit) = &config.supersede_limit {
            let mut bucket = self.supersedes.remove(&old).unwrap_or_default();
            bucket.charge(&Price::new(Some(limit)), self.now, 1);
            self.supersedes.insert(conn, bucket);
        }
        self.close(config, old, config.superseded_code, None);
    }

    fn refuse<M>(
        &mut self,
        config: &Config,
        conn: ConnId,
        reason: LoginRefusal,
        retry_after: Option<Duration>,
    ) -> Option<Action<K, M>> {
        count(&mut self.stats.logins_refused);
        self.may_reply(config, conn).then_some(Action::LoginRefused { conn, reason, retry_after })
    }

    /// Whether `reply_gap` allows a reply, which is then taken to be given.
    pub(super) fn may_reply(&mut self, config: &Config, conn: ConnId) -> bool {
        let (now, next) = (self.now, self.later(config.reply_gap));
        let found = self.conns.get_mut(conn).filter(|found| found.reply_allowed.passed(now));
        match found {
            Some(found) => {
                found.reply_allowed = next;
                true
            }
            None => {
                count(&mut self.stats.unanswered);
                false
            }
        }
    }

    /// Tells the connection, once, that its login expires, if the time for that has come.
    pub(super) fn announce_expiry(&mut self, conn: ConnId) {
        let Some(found) = self.conns.get_mut(conn) else { return };
        let due = found.until.earlier(self.expiry_notice).passed(self.now);
        if due && found.phase == Phase::LoggedIn {
            found.phase = Phase::Expiring;
            self.owe(conn, Owed::EXPIRING);
        }
    }

    /// The connection is neither anonymous any more nor its user's, if it was.
    pub(super) fn unregister(&mut self, config: &Config, conn: ConnId, cause: Cause) {
        self.anonymous.remove(&conn);
        self.supersedes.remove(&conn);
        let Some(user) = self.conns.get(conn).and_then(|found| found.user.clone()) else { return };
        // After a second login the user has another connection.
        if self.online.get(&user) != Some(&conn) {
            return;
        }
        let watched = self.watches(config);
        self.online.remove(&user);
        self.pending.contested.remove(&user);
        let grace = self.shutdown.is_none() && !config.offline_grace.is_zero();
        self.pending.presence.departs(user, conn, cause, grace.then(|| self.later(config.offline_grace)));
        // Checked after this user is added, so that the order in which several leave in one step does not matter.
        if self.pending.presence.leaving() > config.max_connections as usize {
            self.pending.presence.end_grace();
        }
        if grace && !watched {
            self.watch(config);
        }
    }
}
