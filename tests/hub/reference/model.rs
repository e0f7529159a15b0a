//! A hub that is too simple to be wrong: lists that are searched from end to end, and what is to be reported is worked
//! out anew at every pull.

use std::time::Duration;

use heartline::heartbeat::{Heartbeat, HeartbeatEvent, HeartbeatMode};
use heartline::hub::{Config, Denial, Input, Limit, LoginRefusal, Outcome, SecondLogin, Stats};
use heartline::{CloseCode, ConnId, Timestamp};

use super::plan::{Message, User};

type Act = super::act::Act<User, Message>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Anonymous,
    LoggedIn(User),
    Closing,
    Aborting,
}

/// Moments are in nanoseconds, in more bits than they need, so that sums do not overflow.
struct Conn {
    id: ConnId,
    phase: Phase,
    heartbeat: Heartbeat,
    /// The end of the time to log in, or of the close handshake.
    until: u128,
    /// When the hub looks at it next; a frame does not move it.
    wake: u128,
    replied_at: Option<u128>,
    unwritten: u128,
    /// When it may again send a whole burst of messages, of bytes.
    full_at: [u128; 2],
    paused: u128,
    /// A pong or an abort, a ping, a close.
    owed: [Option<Act>; 3],
}

pub struct Model {
    config: Config,
    /// From one ping to the next.
    interval: Duration,
    pub now: Timestamp,
    /// The latest timer, or the admission since which somebody is watched.
    watched_at: u128,
    conns: Vec<Conn>,
    /// Every id there ever was.
    pub minted: Vec<ConnId>,
    /// Who was reported to be online.
    reported: Vec<User>,
    /// When the remaining connections are aborted.
    shutdown: Option<u128>,
    drained: bool,
    answers: Vec<Act>,
    pub stats: Stats,
}

const NEVER: u128 = u64::MAX as u128;

impl Model {
    pub fn new(config: Config) -> Self {
        let interval = match config.heartbeat.mode {
            HeartbeatMode::WhenIdle { interval, .. } | HeartbeatMode::Periodic { interval, .. } => interval,
            _ => Duration::ZERO,
        };
        Self {
            config,
            interval,
            now: Timestamp::ORIGIN,
            watched_at: 0,
            conns: Vec::new(),
            minted: Vec::new(),
            reported: Vec::new(),
            shutdown: None,
            drained: false,
            answers: Vec::new(),
            stats: Stats::default(),
        }
    }

    // ---- looking in ------------------------------------------------------------------------

    fn nanos(&self) -> u128 {
        self.now.as_nanos().into()
    }

    /// Whether a moment has come; one past the end of time never does.
    fn passed(&self, due: u128) -> bool {
        due < NEVER && due <= self.nanos()
    }

    fn find(&self, id: ConnId) -> Option<usize> {
        self.conns.iter().position(|conn| conn.id == id)
    }

    fn is_live(&self, nth: usize) -> bool {
        matches!(self.conns[nth].phase, Phase::Anonymous | Phase::LoggedIn(_))
    }

    /// Who is online, in order.
    pub fn online(&self) -> Vec<(User, ConnId)> {
        let named = |conn: &Conn| match conn.phase {
            Phase::LoggedIn(user) => Some((user, conn.id)),
            _ => None,
        };
        let mut online: Vec<_> = self.conns.iter().filter_map(named).collect();
        online.sort_unstable();
        online
    }

    fn conn_of(&self, user: User) -> Option<ConnId> {
        self.online().into_iter().find_map(|(name, conn)| (name == user).then_some(conn))
    }

    /// All connections, and those that have not logged in.
    pub fn counts(&self) -> (usize, usize) {
        (self.conns.len(), self.conns.iter().filter(|conn| conn.phase == Phase::Anonymous).count())
    }

    pub fn owes(&self) -> bool {
        let online = self.online();
        let unchanged =
            self.reported.len() == online.len() && online.iter().all(|(user, _)| self.reported.contains(user));
        !unchanged || self.drained || self.conns.iter().any(|conn| conn.owed.iter().any(Option::is_some))
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        if self.owes() {
            return Some(self.now);
        }
        let wakes = self.conns.iter().map(|conn| conn.wake);
        let awake = self.watched_at + self.config.heartbeat.late_tolerance.as_nanos() / 2;
        let shutdown = self.shutdown.filter(|_| !self.conns.is_empty());
        let due = wakes.chain(shutdown).chain(self.watches().then_some(awake)).min();
        due.filter(|due| *due < NEVER).map(|due| Timestamp::from_nanos(due as u64))
    }

    // ---- calls -----------------------------------------------------------------------------

    pub fn may_enter(&self, same_origin: bool) -> Result<(), Denial> {
        let (all, anonymous) = self.counts();
        if self.shutdown.is_some() {
            Err(Denial::ShuttingDown)
        } else if !same_origin {
            Err(Denial::Origin)
        } else if all >= self.config.max_connections as usize {
            Err(Denial::Full)
        } else if anonymous >= self.config.max_anonymous as usize {
            Err(Denial::Anonymous)
        } else {
            Ok(())
        }
    }

    /// Lets a connection in under the name that the hub has minted.
    pub fn enter(&mut self, id: ConnId) {
        if !self.watches() {
            self.watched_at = self.nanos();
        }
        let (heartbeat, ping) = Heartbeat::start(&self.config.heartbeat, self.now);
        self.stats.admitted += 1;
        self.minted.push(id);
        let until = self.nanos() + self.config.login_timeout.as_nanos();
        let (phase, owed) = (Phase::Anonymous, [const { None }; 3]);
        self.conns.push(Conn {
            id,
            phase,
            heartbeat,
            until,
            wake: 0,
            replied_at: None,
            unwritten: 0,
            full_at: [0; 2],
            paused: 0,
            owed,
        });
        self.ping(self.conns.len() - 1, ping);
        self.arm(self.conns.len() - 1);
    }

    fn watches(&self) -> bool {
        let (all, anonymous) = self.counts();
        anonymous > 0 || (all > 0 && self.config.heartbeat.mode != HeartbeatMode::Off && !self.online().is_empty())
    }

    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.nanos() - self.watched_at <= self.config.heartbeat.late_tolerance.as_nanos() {
            return;
        }
        if self.watches() {
            self.stats.slept += 1;
            let live: Vec<_> = (0..self.conns.len()).filter(|nth| self.is_live(*nth)).collect();
            for (rank, nth) in live.iter().enumerate() {
                let turn = self.interval * rank as u32 / live.len() as u32;
                self.conns[*nth].heartbeat.suspended(&self.config.heartbeat, self.now, turn);
                self.conns[*nth].until = self.nanos() + self.config.login_timeout.as_nanos();
                self.arm(*nth);
            }
        }
        self.watched_at = self.nanos();
    }

    /// `None` for an input that has no effect.
    pub fn step(&mut self, now: Timestamp, input: Input<User, Message>) -> Option<()> {
        self.advance(now);
        match input {
            Input::Alive { conn, bytes } => self.frame(conn, bytes)?,
            Input::Ping { conn } => {
                let nth = self.alive(conn)?;
                self.conns[nth].owed[0] = Some(Act::Pong(conn));
            }
            Input::UnknownEvent { conn } => {
                let nth = self.alive(conn)?;
                self.reply(nth, Act::UnknownEvent(conn));
            }
            Input::Login { conn, user } => self.login(conn, user)?,
            Input::Relay { conn, to, message, volatile } => self.relay(conn, to, message, volatile)?,
            Input::Broadcast { from, except, message, bytes, volatile } => {
                self.broadcast(from, &except, (message, bytes), volatile)?
            }
            Input::Queued { conn, bytes } => self.queued(conn, bytes)?,
            Input::Written { conn, bytes } => {
                let nth = self.live(conn)?;
                self.conns[nth].unwritten = self.conns[nth].unwritten.saturating_sub(bytes.into());
            }
            Input::Close { conn, code } => {
                let nth = self.live(conn)?;
                self.close(nth, code, None);
            }
            Input::Closed { conn } => match self.find(conn) {
                Some(nth) if self.conns[nth].phase != Phase::Aborting => self.remove(nth),
                _ => self.count_ineffective(conn),
            },
            Input::Timer => self.timer(),
            Input::Shutdown { within, spread } => self.shut_down(within, spread),
            _ => panic!("an input that the model does not know"),
        }
        Some(())
    }

    /// The next action, as long as there is one.
    pub fn pull(&mut self) -> Option<Act> {
        if !self.answers.is_empty() {
            return Some(self.answers.remove(0));
        }
        for nth in 0..self.conns.len() {
            if let Some(act) = self.conns[nth].owed.iter_mut().find_map(Option::take) {
                if matches!(act, Act::Abort(_)) {
                    self.remove(nth);
                }
                return Some(act);
            }
        }
        let online: Vec<_> = self.online().into_iter().map(|(user, _)| user).collect();
        self.reported.sort_unstable();
        if let Some(nth) = self.reported.iter().position(|user| !online.contains(user)) {
            return Some(Act::Offline(self.reported.remove(nth)));
        }
        if let Some(user) = online.into_iter().find(|user| !self.reported.contains(user)) {
            self.reported.push(user);
            return Some(Act::Online(user));
        }
        std::mem::take(&mut self.drained).then_some(Act::Drained)
    }

    /// What was not pulled of messages and replies is gone.
    pub fn end_step(&mut self) {
        self.stats.undelivered += self.answers.drain(..).len() as u64;
    }

    // ---- inputs ----------------------------------------------------------------------------

    fn count_ineffective(&mut self, id: ConnId) {
        let known = self.minted.contains(&id);
        *(if known { &mut self.stats.stale } else { &mut self.stats.ignored }) += 1;
    }

    fn live(&mut self, id: ConnId) -> Option<usize> {
        let found = self.find(id).filter(|nth| self.is_live(*nth));
        if found.is_none() {
            self.count_ineffective(id);
        }
        found
    }

    fn alive(&mut self, id: ConnId) -> Option<usize> {
        let nth = self.live(id)?;
        let silent_from = self.nanos().max(self.conns[nth].paused);
        self.conns[nth].heartbeat.alive(Timestamp::from_nanos(silent_from as u64));
        Some(nth)
    }

    fn limits(&self) -> [Option<Limit>; 2] {
        [self.config.messages, self.config.bytes]
    }

    /// Takes tokens away, each of which is back after a while; how far that goes into debt, in tokens' times.
    fn spend(&mut self, nth: usize, kind: usize, limit: Limit, tokens: u128, most: u128) -> u128 {
        let (now, every) = (self.nanos(), limit.every.as_nanos());
        let burst = every * u128::from(limit.burst);
        let full = &mut self.conns[nth].full_at[kind];
        let before = (*full).max(now);
        *full = (before + tokens * every).min(now + most.saturating_mul(burst)).max(before).min(NEVER);
        let debt = (*full - now).saturating_sub(burst);
        if debt > 0 {
            self.conns[nth].paused = self.conns[nth].paused.max(now + debt);
        }
        debt
    }

    fn frame(&mut self, conn: ConnId, bytes: u32) -> Option<()> {
        let nth = self.live(conn)?;
        let mut exceeded = false;
        for (kind, tokens) in [1, u128::from(bytes)].into_iter().enumerate() {
            let Some(limit) = self.limits()[kind] else { continue };
            let debt = self.spend(nth, kind, limit, tokens, NEVER);
            exceeded |= debt > 2 * limit.every.as_nanos() * u128::from(limit.burst);
        }
        self.alive(conn);
        self.stats.paused += u64::from(self.conns[nth].paused > self.nanos());
        if exceeded {
            self.stats.closed_flooding += 1;
            self.close(nth, CloseCode::POLICY_VIOLATION, None);
        }
        Some(())
    }

    pub fn paused_until(&self, conn: ConnId) -> Option<Timestamp> {
        let nth = self.find(conn).filter(|nth| self.is_live(*nth))?;
        let paused = self.conns[nth].paused;
        (paused > self.nanos()).then_some(Timestamp::from_nanos(paused as u64))
    }

    fn login(&mut self, conn: ConnId, user: User) -> Option<()> {
        let nth = self.alive(conn)?;
        let other = self.conn_of(user);
        let reject = self.config.second_login == SecondLogin::Refuse;
        let refusal = match self.conns[nth].phase {
            Phase::LoggedIn(own) => (own != user).then_some(LoginRefusal::OtherUser),
            _ => (other.is_some() && reject).then_some(LoginRefusal::UserOnline),
        };
        if let Some(reason) = refusal {
            self.stats.logins_refused += 1;
            self.reply(nth, Act::LoginRefused(conn, reason));
            return Some(());
        }
        if self.conns[nth].phase == Phase::Anonymous {
            self.stats.logins += 1;
            if let Some(old) = other.and_then(|old| self.find(old)) {
                self.stats.superseded += 1;
                self.close(old, self.config.superseded, None);
            }
            self.conns[nth].phase = Phase::LoggedIn(user);
        }
        self.answers.push(Act::LoggedIn(conn, user));
        Some(())
    }

    fn reply(&mut self, nth: usize, reply: Act) {
        let (now, gap) = (self.nanos(), self.config.reply_gap.as_nanos());
        if self.conns[nth].replied_at.is_none_or(|at| self.passed(at + gap)) {
            self.conns[nth].replied_at = Some(now);
            self.answers.push(reply);
        } else {
            self.stats.unanswered += 1;
        }
    }

    fn is_slow(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|nth| self.conns[nth].unwritten > self.config.volatile_above.into())
    }

    fn relay(&mut self, sender: ConnId, to: User, message: Message, volatile: bool) -> Option<()> {
        let nth = self.alive(sender)?;
        let outcome = match (self.conns[nth].phase, self.conn_of(to)) {
            (Phase::LoggedIn(_), None) => {
                self.stats.offline += 1;
                Outcome::Offline(message)
            }
            (Phase::LoggedIn(_), Some(conn)) if volatile && self.is_slow(conn) => {
                self.stats.dropped += 1;
                Outcome::Dropped(message)
            }
            (Phase::LoggedIn(from), Some(conn)) => {
                self.stats.routed += 1;
                self.answers.push(Act::Deliver(conn, from, message));
                Outcome::Routed(1)
            }
            _ => Outcome::NotLoggedIn(message),
        };
        self.answers.push(Act::Ended(sender, Some(to), outcome));
        Some(())
    }

    fn broadcast(
        &mut self,
        from: Option<ConnId>,
        except: &[User],
        (message, bytes): (Message, u32),
        volatile: bool,
    ) -> Option<()> {
        let mut name = None;
        if let Some(sender) = from {
            let nth = self.alive(sender)?;
            let Phase::LoggedIn(user) = self.conns[nth].phase else {
                self.answers.push(Act::Ended(sender, None, Outcome::NotLoggedIn(message)));
                return Some(());
            };
            name = Some(user);
        }
        let mut conns = self.online();
        conns.retain(|(user, _)| Some(*user) != name && !except.contains(user));
        let wanted = conns.len();
        conns.retain(|(_, conn)| !(volatile && self.is_slow(*conn)));
        let routed = conns.len() as u32;
        self.stats.dropped += (wanted - conns.len()) as u64;
        self.stats.routed += u64::from(routed);
        if routed > 0 {
            self.answers.push(Act::Broadcast(conns.into_iter().map(|(_, conn)| conn).collect(), name, message));
        }
        if let Some(nth) = from.and_then(|sender| self.find(sender)) {
            let copies = u128::from(routed.saturating_sub(1));
            for (kind, tokens) in [copies, copies * u128::from(bytes)].into_iter().enumerate() {
                if let Some(limit) = self.limits()[kind] {
                    self.spend(nth, kind, limit, tokens, 2);
                }
            }
            self.alive(self.conns[nth].id);
        }
        self.answers.extend(from.map(|sender| Act::Ended(sender, None, Outcome::Routed(routed))));
        Some(())
    }

    fn queued(&mut self, conn: ConnId, bytes: u32) -> Option<()> {
        let nth = self.live(conn)?;
        self.conns[nth].unwritten += u128::from(bytes);
        if self.conns[nth].unwritten > self.config.budget.into() {
            self.stats.closed_slow += 1;
            self.close(nth, CloseCode::TRY_AGAIN_LATER, None);
        }
        Some(())
    }

    fn shut_down(&mut self, within: Duration, spread: Duration) {
        let by = self.nanos() + within.as_nanos();
        self.drained |= self.shutdown.is_none() && self.conns.is_empty();
        self.shutdown = Some(self.shutdown.map_or(by, |until| until.min(by)));
        for nth in 0..self.conns.len() {
            if self.is_live(nth) {
                self.close(nth, CloseCode::SERVICE_RESTART, Some(spread));
            }
        }
    }

    // ---- the timer -------------------------------------------------------------------------

    fn timer(&mut self) {
        self.watched_at = self.nanos();
        let out_of_time = self.shutdown.is_some_and(|until| self.passed(until));
        for nth in 0..self.conns.len() {
            if out_of_time {
                self.abort(nth);
            }
            while self.passed(self.conns[nth].wake) {
                self.wake(nth);
                self.arm(nth);
            }
        }
    }

    fn wake(&mut self, nth: usize) {
        let over = self.passed(self.conns[nth].until);
        match self.conns[nth].phase {
            Phase::Closing if over => self.abort(nth),
            Phase::Anonymous if over => {
                self.stats.closed_anonymous += 1;
                self.close(nth, CloseCode::LOGIN_TIMEOUT, None);
            }
            Phase::Anonymous | Phase::LoggedIn(_) if self.conns[nth].paused > self.nanos() => {
                let end = Timestamp::from_nanos(self.conns[nth].paused as u64);
                self.conns[nth].heartbeat.unread(&self.config.heartbeat, end);
            }
            Phase::Anonymous | Phase::LoggedIn(_) => {
                match self.conns[nth].heartbeat.timer(&self.config.heartbeat, self.now, Duration::ZERO) {
                    None | Some(HeartbeatEvent::Degraded) => {}
                    Some(HeartbeatEvent::Slept { .. }) => panic!("a timer that is not late"),
                    Some(HeartbeatEvent::Ping) => self.ping(nth, true),
                    Some(HeartbeatEvent::Dead) => {
                        self.stats.closed_silent += 1;
                        self.close(nth, CloseCode::TIMEOUT, None);
                    }
                }
            }
            Phase::Closing | Phase::Aborting => {}
        }
    }

    fn arm(&mut self, nth: usize) {
        let Conn { heartbeat, phase, until, .. } = &self.conns[nth];
        let heartbeat = heartbeat.deadline().map_or(NEVER, |at| at.as_nanos().into());
        self.conns[nth].wake = match phase {
            Phase::Anonymous => heartbeat.min(*until),
            Phase::LoggedIn(_) => heartbeat,
            Phase::Closing => *until,
            Phase::Aborting => NEVER,
        };
    }

    // ---- transitions -----------------------------------------------------------------------

    fn ping(&mut self, nth: usize, ping: bool) {
        if ping {
            self.stats.pings += 1;
            self.conns[nth].owed[1] = Some(Act::Ping(self.conns[nth].id));
        }
    }

    fn close(&mut self, nth: usize, code: CloseCode, retry_after: Option<Duration>) {
        let close = Act::Close(self.conns[nth].id, code.get(), retry_after);
        self.conns[nth].until = self.nanos() + self.config.close_timeout.as_nanos();
        self.end(nth, Phase::Closing, [None, None, Some(close)]);
    }

    fn abort(&mut self, nth: usize) {
        self.end(nth, Phase::Aborting, [Some(Act::Abort(self.conns[nth].id)), None, None]);
    }

    fn end(&mut self, nth: usize, phase: Phase, owed: [Option<Act>; 3]) {
        (self.conns[nth].phase, self.conns[nth].owed) = (phase, owed);
        self.arm(nth);
    }

    fn remove(&mut self, nth: usize) {
        self.conns.remove(nth);
        self.drained |= self.conns.is_empty() && self.shutdown.is_some();
    }
}
