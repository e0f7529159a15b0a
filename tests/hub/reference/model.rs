//! A hub that is too simple to be wrong: lists that are searched from end to end, and what is to be reported is worked
//! out anew at every pull.

mod rooms;
mod shutdown;

use std::net::IpAddr;
use std::time::Duration;

use heartline::heartbeat::{Heartbeat, HeartbeatEvent, HeartbeatMode};
use heartline::hub::{Cause, Config, Denial, Input, LoginRefusal, Outcome, RateLimit, Room, SecondLogin, Stats};
use heartline::{CloseCode, ConnId, Timestamp};

use super::plan::{Message, User};
use shutdown::Shutdown;

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
    /// Who logged in on it.
    user: Option<User>,
    source: Option<IpAddr>,
    heartbeat: Heartbeat,
    /// The end of the time to log in, of the login, or of the close handshake.
    until: u128,
    announced: bool,
    /// When its user may again be superseded a whole burst of times.
    superseded: u128,
    /// When the hub looks at it next; a frame does not move it.
    wake: u128,
    replied_at: Option<u128>,
    unwritten: u128,
    /// When it has been slow for too long.
    slow_until: u128,
    /// Broadcasts that left it out, and whether it is to be told.
    missed: u64,
    tell: bool,
    /// When it may again send a whole burst of messages, of bytes.
    full_at: [u128; 2],
    paused: u128,
    /// When a shutdown closes it.
    turn: Option<u128>,
    /// After what time at the earliest its client is asked to come back.
    earliest: Duration,
    /// A pong or an abort, a ping, the news that the login expires, a close.
    owed: [Option<Act>; 4],
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
    /// Who is in a grace, the one whose grace ends first at the front.
    leaving: Vec<(User, u128)>,
    /// The last connection of each user, and what ended it.
    last: Vec<(User, ConnId, Cause)>,
    contested: Vec<User>,
    /// After how long the latest login may be tried again.
    pub wait: Option<Duration>,
    /// When a source may again be admitted a whole burst of times.
    sources: Vec<(IpAddr, u128)>,
    /// The members of each room, in the order in which they came.
    rooms: Vec<(Room, ConnId)>,
    shutdown: Option<Shutdown>,
    /// When the hub has been over its budget for too long.
    over_until: u128,
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
            rooms: Vec::new(),
            leaving: Vec::new(),
            last: Vec::new(),
            contested: Vec::new(),
            wait: None,
            sources: Vec::new(),
            shutdown: None,
            over_until: NEVER,
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

    pub fn earliest_return(&self, conn: ConnId) -> Duration {
        self.find(conn).map_or(Duration::ZERO, |nth| self.conns[nth].earliest)
    }

    pub fn owes(&self) -> bool {
        let changed = self.departed().is_some() || self.arrived().is_some() || !self.contested.is_empty();
        changed || self.drained || self.conns.iter().any(|conn| conn.tell || conn.owed.iter().any(Option::is_some))
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        if self.owes() {
            return Some(self.now);
        }
        let wakes = self.conns.iter().map(|conn| conn.wake);
        let awake = self.watched_at + self.config.heartbeat.late_tolerance.as_nanos() / 2;
        let shutdown = self.shutdown.filter(|_| !self.conns.is_empty()).map(|shutdown| shutdown.until);
        let turns = self.conns.iter().filter_map(|conn| conn.turn);
        let grace = self.leaving.first().map(|(_, until)| *until);
        let due = wakes
            .chain(shutdown)
            .chain(turns)
            .chain(grace)
            .chain([self.over_until])
            .chain(self.watches().then_some(awake))
            .min();
        due.filter(|due| *due < NEVER).map(|due| Timestamp::from_nanos(due as u64))
    }

    // ---- calls -----------------------------------------------------------------------------

    /// Who was reported to be online, and has not been for a grace.
    fn departed(&self) -> Option<User> {
        let gone = |user: &User| self.conn_of(*user).is_none() && self.leaving.iter().all(|(left, _)| left != user);
        self.reported.iter().copied().filter(gone).min()
    }

    /// Who is online, and was not reported to be.
    fn arrived(&self) -> Option<User> {
        self.online().into_iter().map(|(user, _)| user).find(|user| !self.reported.contains(user))
    }

    /// Who is not online, but was reported to be and is not to be reported as offline yet.
    pub fn is_leaving(&self, user: User) -> bool {
        self.leaving.iter().any(|(left, _)| *left == user)
    }

    pub fn last(&self, user: User) -> Option<(ConnId, Cause)> {
        self.last.iter().find_map(|(left, conn, cause)| (*left == user).then_some((*conn, *cause)))
    }

    /// How long a login is still good.
    pub fn expires_in(&self, id: ConnId) -> Duration {
        let until = self.find(id).map_or(0, |nth| self.conns[nth].until);
        Duration::from_nanos(until.saturating_sub(self.nanos()) as u64)
    }

    pub fn user_of(&self, id: ConnId) -> Option<User> {
        self.conns[self.find(id)?].user
    }

    /// How many connections are from the source of an address.
    pub fn connections_from(&self, address: IpAddr) -> usize {
        self.source(address).map_or(0, |source| self.conns.iter().filter(|conn| conn.source == Some(source)).count())
    }

    /// The source of an address: the first of its addresses.
    fn source(&self, address: IpAddr) -> Option<IpAddr> {
        let limits = self.config.per_source?;
        let cut = |bytes: &mut [u8], prefix: u8| {
            for (nth, byte) in bytes.iter_mut().enumerate() {
                let bits = usize::from(prefix).saturating_sub(8 * nth).min(8);
                *byte &= ((0xff00_u16 >> bits) & 0xff) as u8;
            }
        };
        Some(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let mut bytes = v4.octets();
                cut(&mut bytes, limits.ipv4_prefix);
                bytes.into()
            }
            IpAddr::V6(v6) => {
                let mut bytes = v6.octets();
                cut(&mut bytes, limits.ipv6_prefix);
                bytes.into()
            }
        })
    }

    /// How long until a bucket that will be full at a moment has a token.
    fn wait_for_token(&self, full_at: u128, limit: Option<RateLimit>) -> Option<Duration> {
        let limit = limit?;
        let has_one = full_at.saturating_sub((u128::from(limit.burst) - 1) * limit.every.as_nanos());
        let wait = has_one.saturating_sub(self.nanos());
        (wait > 0).then(|| Duration::from_nanos(wait as u64))
    }

    fn full_at(&self, source: IpAddr) -> u128 {
        self.sources.iter().find_map(|(known, full_at)| (*known == source).then_some(*full_at)).unwrap_or(0)
    }

    /// What prevents an admission, and after how long at least it is to be tried again.
    pub fn may_enter(&self, same_origin: bool, address: Option<IpAddr>) -> Result<(), (Denial, Duration)> {
        self.may_enter_from_anywhere(same_origin).map_err(|reason| (reason, self.config.retry_after))?;
        let (Some(limits), Some(address)) = (self.config.per_source, address) else { return Ok(()) };
        let source = self.source(address).expect("limited");
        let wait = self.wait_for_token(self.full_at(source), limits.admissions);
        if wait.is_some() || self.connections_from(address) >= limits.connections as usize {
            return Err((Denial::Source, self.config.retry_after.max(wait.unwrap_or_default())));
        }
        Ok(())
    }

    fn may_enter_from_anywhere(&self, same_origin: bool) -> Result<(), Denial> {
        let (all, anonymous) = self.counts();
        if self.shutdown.is_some() {
            Err(Denial::ShuttingDown)
        } else if !same_origin {
            Err(Denial::Origin)
        } else if self.is_over() {
            Err(Denial::Overloaded)
        } else if all >= self.config.max_connections as usize {
            Err(Denial::TooManyConnections)
        } else if anonymous >= self.config.max_anonymous as usize {
            Err(Denial::Anonymous)
        } else {
            Ok(())
        }
    }

    /// Lets a connection in under the name that the hub has minted.
    pub fn enter(&mut self, id: ConnId, address: Option<IpAddr>) {
        let source = address.and_then(|address| self.source(address));
        if let (Some(source), Some(limit)) = (source, self.config.per_source.and_then(|limits| limits.admissions)) {
            let full_at = (self.full_at(source).max(self.nanos()) + limit.every.as_nanos()).min(NEVER);
            self.sources.retain(|(known, _)| *known != source);
            self.sources.push((source, full_at));
        }
        if !self.watches() {
            self.watched_at = self.nanos();
        }
        let (heartbeat, ping) = Heartbeat::start(&self.config.heartbeat, self.now);
        self.stats.admitted += 1;
        self.minted.push(id);
        let until = self.nanos() + self.config.login_timeout.as_nanos();
        let (phase, owed) = (Phase::Anonymous, [const { None }; 4]);
        self.conns.push(Conn {
            id,
            phase,
            user: None,
            source,
            announced: false,
            superseded: 0,
            heartbeat,
            until,
            wake: 0,
            replied_at: None,
            unwritten: 0,
            slow_until: NEVER,
            missed: 0,
            tell: false,
            full_at: [0; 2],
            paused: 0,
            turn: None,
            earliest: Duration::ZERO,
            owed,
        });
        self.ping(self.conns.len() - 1, ping);
        self.arm(self.conns.len() - 1);
    }

    fn watches(&self) -> bool {
        let (all, anonymous) = self.counts();
        let slow = (0..self.conns.len()).any(|nth| self.is_live(nth) && self.is_slow(nth));
        !self.leaving.is_empty()
            || anonymous > 0
            || slow
            || self.is_over()
            || (all > 0 && self.config.heartbeat.mode != HeartbeatMode::Off && !self.online().is_empty())
    }

    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.nanos() - self.watched_at <= self.config.heartbeat.late_tolerance.as_nanos() {
            return;
        }
        if self.watches() {
            self.stats.suspensions += 1;
            if self.is_over() {
                self.over_until = self.nanos() + self.config.slow_timeout.as_nanos();
            }
            let live: Vec<_> = (0..self.conns.len()).filter(|nth| self.is_live(*nth)).collect();
            for (rank, nth) in live.iter().enumerate() {
                let turn = self.interval * rank as u32 / live.len() as u32;
                self.conns[*nth].heartbeat.suspended(&self.config.heartbeat, self.now, turn);
                if self.conns[*nth].phase == Phase::Anonymous {
                    self.conns[*nth].until = self.nanos() + self.config.login_timeout.as_nanos();
                }
                if self.is_slow(*nth) {
                    self.conns[*nth].slow_until = self.nanos() + self.config.slow_timeout.as_nanos();
                }
                self.arm(*nth);
            }
            let grace = self.nanos() + self.config.offline_grace.as_nanos();
            self.leaving.iter_mut().for_each(|(_, until)| *until = grace);
            // All end at once: in the order of the connections.
            let last = |user: User| self.last(user).expect("left").0;
            let mut leaving = self.leaving.clone();
            leaving.sort_by_key(|(user, _)| last(*user));
            self.leaving = leaving;
        }
        self.watched_at = self.nanos();
    }

    pub fn step(&mut self, now: Timestamp, input: Input<User, Message>) {
        self.advance(now);
        let watched = self.watches();
        let unwritten = matches!(input, Input::Queued { .. });
        let _ = self.take(input);
        self.settle();
        if unwritten && !watched && self.watches() {
            self.watched_at = self.nanos();
        }
    }

    /// Who is to be told of what it missed, and since when the hub is over its budget.
    fn settle(&mut self) {
        let over = self.is_over();
        if !over {
            self.over_until = NEVER;
        }
        for nth in 0..self.conns.len() {
            let fits = !over && self.is_live(nth) && !self.is_slow(nth);
            self.conns[nth].tell |= fits && self.conns[nth].missed > 0;
        }
    }

    /// `None` for an input that has no effect.
    fn take(&mut self, input: Input<User, Message>) -> Option<()> {
        match input {
            Input::Alive { conn, bytes } => self.frame(conn, bytes)?,
            Input::Ping { conn } => {
                let nth = self.alive(conn)?;
                self.conns[nth].owed[0] = Some(Act::Pong(conn));
            }
            Input::UnknownMessage { conn } => {
                let nth = self.alive(conn)?;
                self.reply(nth, Act::UnknownMessage(conn));
            }
            Input::Login { conn, user, until } => self.login(conn, user, until)?,
            Input::Relay { conn, to, message, bytes, volatile, tag } => {
                self.relay(conn, to, (message, bytes, tag), volatile)?
            }
            Input::Broadcast { from, room, except, message, bytes, volatile, tag } => {
                let audience = room.map_or_else(|| self.online(), |room| self.members(&room));
                self.broadcast(from, audience, &except, (message, bytes, tag), volatile)?
            }
            Input::Join { conn, room } => self.join(conn, room)?,
            Input::Leave { conn, room } => {
                self.alive(conn)?;
                self.rooms.retain(|member| *member != (room.clone(), conn));
            }
            Input::Queued { conn, bytes } => self.queued(conn, bytes)?,
            Input::Written { conn, bytes } => {
                let nth = self.there(conn)?;
                self.conns[nth].unwritten = self.conns[nth].unwritten.saturating_sub(bytes.into());
                if !self.is_slow(nth) {
                    self.conns[nth].slow_until = NEVER;
                }
            }
            Input::Close { conn, code } => {
                let nth = self.live(conn)?;
                self.close(nth, code, None);
            }
            Input::Closed { conn } => match self.find(conn) {
                Some(nth) => {
                    self.departs(nth, Cause::Ended);
                    self.remove(nth);
                }
                None => self.count_ineffective(conn),
            },
            Input::Timer => self.timer(),
            Input::Shutdown { within, pace, spread } => self.shut_down(within, pace, spread),
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
                    self.settle();
                }
                return Some(act);
            }
            if std::mem::take(&mut self.conns[nth].tell) {
                return Some(Act::Missed(self.conns[nth].id, std::mem::take(&mut self.conns[nth].missed)));
            }
        }
        if let Some(user) = self.departed() {
            self.reported.retain(|reported| *reported != user);
            return Some(Act::Offline(user));
        }
        if let Some(user) = self.arrived() {
            self.reported.push(user);
            return Some(Act::Online(user));
        }
        if let Some(user) = self.contested.iter().min().copied() {
            self.contested.retain(|contested| *contested != user);
            return Some(Act::Contested(user));
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

    fn there(&mut self, id: ConnId) -> Option<usize> {
        let found = self.find(id);
        if found.is_none() {
            self.count_ineffective(id);
        }
        found
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

    fn limits(&self) -> [Option<RateLimit>; 2] {
        [self.config.messages, self.config.bytes]
    }

    /// Takes tokens away, each of which is back after a while; how far that goes into debt, in tokens' times.
    fn spend(&mut self, nth: usize, kind: usize, limit: RateLimit, tokens: u128, most: u128) -> u128 {
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
        self.stats.pauses += u64::from(self.conns[nth].paused > self.nanos());
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

    fn login(&mut self, conn: ConnId, user: User, until: Option<Timestamp>) -> Option<()> {
        let nth = self.alive(conn)?;
        let until = until.map_or(NEVER, |until| until.as_nanos().into());
        self.wait = None;
        let other = self.conn_of(user);
        let reject = self.config.second_login == SecondLogin::Refuse;
        let refusal = match self.conns[nth].phase {
            _ if self.passed(until) => Some(LoginRefusal::Expired),
            Phase::LoggedIn(own) => (own != user).then_some(LoginRefusal::OtherUser),
            _ if other.is_some() && reject => Some(LoginRefusal::UserOnline),
            _ => other.and_then(|old| self.contests(user, old)),
        };
        if let Some(reason) = refusal {
            self.stats.logins_refused += 1;
            self.reply(nth, Act::LoginRefused(conn, reason));
            return Some(());
        }
        if self.conns[nth].phase == Phase::Anonymous {
            self.stats.logins += 1;
            (self.conns[nth].phase, self.conns[nth].user) = (Phase::LoggedIn(user), Some(user));
            self.leaving.retain(|(left, _)| *left != user);
            if let Some(old) = other.and_then(|old| self.find(old)) {
                self.stats.superseded += 1;
                let every = self.config.supersede_limit.map_or(0, |limit| limit.every.as_nanos());
                self.conns[nth].superseded = (self.conns[old].superseded.max(self.nanos()) + every).min(NEVER);
                self.close(old, self.config.superseded_code, None);
            }
        }
        (self.conns[nth].until, self.conns[nth].announced, self.conns[nth].owed[2]) = (until, false, None);
        if until < NEVER {
            self.announce(nth);
            self.arm(nth);
        }
        self.answers.push(Act::LoggedIn(conn, user));
        Some(())
    }

    /// Whether the user's connections have replaced each other too often.
    fn contests(&mut self, user: User, old: ConnId) -> Option<LoginRefusal> {
        let old = self.find(old).expect("online");
        self.wait = self.wait_for_token(self.conns[old].superseded, self.config.supersede_limit);
        self.wait?;
        self.stats.contested += 1;
        if !self.contested.contains(&user) {
            self.contested.push(user);
        }
        Some(LoginRefusal::Contested)
    }

    fn notice_at(&self, nth: usize) -> u128 {
        let until = self.conns[nth].until;
        if until < NEVER { until.saturating_sub(self.config.expiry_notice.as_nanos()) } else { NEVER }
    }

    fn announce(&mut self, nth: usize) {
        if self.passed(self.notice_at(nth)) && !self.conns[nth].announced {
            self.conns[nth].announced = true;
            // How long it is when it is pulled.
            self.conns[nth].owed[2] = Some(Act::Expiring(self.conns[nth].id, Duration::ZERO));
        }
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

    fn is_slow(&self, nth: usize) -> bool {
        self.conns[nth].unwritten > self.config.volatile_above.into()
    }

    /// What waits to be written to all.
    pub fn unwritten(&self) -> u128 {
        self.conns.iter().map(|conn| conn.unwritten).sum()
    }

    fn is_over(&self) -> bool {
        self.unwritten() > self.config.total_budget.into()
    }

    /// How a message ends for a connection, and its count.
    fn fate(&mut self, id: ConnId, message: Message, bytes: u32, volatile: bool) -> Outcome<Message> {
        let nth = self.find(id).expect("the user's");
        if volatile && self.is_slow(nth) {
            self.stats.dropped += 1;
            Outcome::Dropped(message)
        } else if self.is_over() || self.conns[nth].unwritten + u128::from(bytes) > self.config.budget.into() {
            self.stats.full += 1;
            Outcome::Full(message)
        } else {
            self.stats.routed += 1;
            Outcome::Routed
        }
    }

    fn relay(
        &mut self,
        sender: ConnId,
        to: User,
        (message, bytes, tag): (Message, u32, u64),
        volatile: bool,
    ) -> Option<()> {
        let nth = self.alive(sender)?;
        let outcome = match (self.conns[nth].phase, self.conn_of(to)) {
            (Phase::LoggedIn(_), None) => {
                self.stats.offline += 1;
                Outcome::Offline(message)
            }
            (Phase::LoggedIn(from), Some(conn)) => {
                let outcome = self.fate(conn, message, bytes, volatile);
                if outcome == Outcome::Routed {
                    self.answers.push(Act::Deliver(conn, from, message));
                }
                outcome
            }
            _ => Outcome::NotLoggedIn(message),
        };
        self.answers.push(Act::ended(sender, Some(to), tag, outcome));
        Some(())
    }

    fn broadcast(
        &mut self,
        from: Option<ConnId>,
        mut conns: Vec<(User, ConnId)>,
        except: &[User],
        (message, bytes, tag): (Message, u32, u64),
        volatile: bool,
    ) -> Option<()> {
        let mut name = None;
        if let Some(sender) = from {
            let nth = self.alive(sender)?;
            let Phase::LoggedIn(user) = self.conns[nth].phase else {
                self.answers.push(Act::ended(sender, None, tag, Outcome::NotLoggedIn(message)));
                return Some(());
            };
            name = Some(user);
        }
        conns.retain(|(user, _)| Some(*user) != name && !except.contains(user));
        let wanted = conns.len();
        conns.retain(|(_, conn)| {
            let outcome = self.fate(*conn, message, bytes, volatile);
            let nth = self.find(*conn).expect("the user's");
            self.conns[nth].missed += u64::from(matches!(outcome, Outcome::Full(_)) && !volatile);
            outcome == Outcome::Routed
        });
        let reached = conns.len() as u32;
        let missed = (wanted - conns.len()) as u32;
        if reached > 0 {
            self.answers.push(Act::Broadcast(conns.into_iter().map(|(_, conn)| conn).collect(), name, message));
        }
        let Some(sender) = from else { return Some(()) };
        self.charge_copies(sender, reached, bytes);
        self.answers.push(Act::ended(sender, None, tag, Outcome::Broadcast { reached, missed }));
        Some(())
    }

    fn charge_copies(&mut self, sender: ConnId, reached: u32, bytes: u32) {
        let nth = self.find(sender).expect("it is live");
        let copies = u128::from(reached.saturating_sub(1));
        for (kind, tokens) in [copies, copies * u128::from(bytes)].into_iter().enumerate() {
            if let Some(limit) = self.limits()[kind] {
                self.spend(nth, kind, limit, tokens, 2);
            }
        }
        self.alive(sender);
    }

    fn queued(&mut self, conn: ConnId, bytes: u32) -> Option<()> {
        let nth = self.there(conn)?;
        let (over, slow) = (self.is_over(), self.is_slow(nth));
        self.conns[nth].unwritten += u128::from(bytes);
        let too_long = self.nanos() + self.config.slow_timeout.as_nanos();
        if self.is_over() && !over {
            self.over_until = too_long;
        }
        let most = u128::from(self.config.budget) + u128::from(self.config.reserve);
        if self.is_live(nth) && self.conns[nth].unwritten > most {
            self.stats.closed_slow += 1;
            self.close(nth, CloseCode::TRY_AGAIN_LATER, None);
        } else if self.is_live(nth) && self.is_slow(nth) && !slow {
            self.conns[nth].slow_until = too_long;
            if too_long < self.conns[nth].wake {
                self.arm(nth);
            }
        }
        Some(())
    }

    /// Closes the largest, one at a time, until the rest is within the budget.
    fn shed(&mut self) {
        loop {
            let live: Vec<_> = (0..self.conns.len()).filter(|nth| self.is_live(*nth)).collect();
            if live.iter().map(|nth| self.conns[*nth].unwritten).sum::<u128>() <= self.config.total_budget.into() {
                break;
            }
            let largest = live.iter().map(|nth| self.conns[*nth].unwritten).max();
            let first = live.into_iter().find(|nth| Some(self.conns[*nth].unwritten) == largest).expect("one of them");
            self.stats.closed_overloaded += 1;
            self.close(first, CloseCode::TRY_AGAIN_LATER, None);
        }
        self.over_until = self.nanos() + self.config.slow_timeout.as_nanos();
    }

    // ---- the timer -------------------------------------------------------------------------

    fn timer(&mut self) {
        self.watched_at = self.nanos();
        let now = self.now;
        self.leaving.retain(|(_, until)| *until >= NEVER || *until > now.as_nanos().into());
        let out_of_time = self.shutdown.is_some_and(|shutdown| self.passed(shutdown.until));
        let turns = self.conns.iter().filter_map(|conn| conn.turn).min();
        let tolerance = self.config.heartbeat.late_tolerance.as_nanos();
        if turns.is_some_and(|turn| turn + tolerance < self.nanos()) {
            for (nth, turn) in self.turns() {
                self.conns[nth].turn = Some(turn);
            }
        }
        if !out_of_time {
            self.close_in_turn();
        }
        for nth in 0..self.conns.len() {
            if out_of_time {
                self.abort(nth);
            }
            while self.passed(self.conns[nth].wake) {
                self.wake(nth);
                self.arm(nth);
            }
        }
        if self.passed(self.over_until) {
            self.shed();
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
            Phase::LoggedIn(_) if over => {
                self.stats.closed_expired += 1;
                self.close(nth, CloseCode::UNAUTHORIZED, None);
            }
            Phase::Anonymous | Phase::LoggedIn(_) if self.passed(self.conns[nth].slow_until) => {
                self.stats.closed_slow += 1;
                self.close(nth, CloseCode::TRY_AGAIN_LATER, None);
            }
            Phase::LoggedIn(_) if !self.conns[nth].announced && self.passed(self.notice_at(nth)) => {
                self.announce(nth);
                self.wake(nth);
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
        let Conn { heartbeat, phase, until, announced, slow_until, .. } = &self.conns[nth];
        let heartbeat = heartbeat.deadline().map_or(NEVER, |at| at.as_nanos().into()).min(*slow_until);
        self.conns[nth].wake = match phase {
            Phase::Anonymous => heartbeat.min(*until),
            Phase::LoggedIn(_) => heartbeat.min(if *announced { *until } else { self.notice_at(nth) }),
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
        self.departs(nth, Cause::Closed(code));
        let close = Act::Close(self.conns[nth].id, code.get(), retry_after);
        self.conns[nth].until = self.nanos() + self.config.close_timeout.as_nanos();
        self.end(nth, Phase::Closing, [None, None, None, Some(close)]);
    }

    fn abort(&mut self, nth: usize) {
        self.departs(nth, Cause::Aborted);
        self.end(nth, Phase::Aborting, [Some(Act::Abort(self.conns[nth].id)), None, None, None]);
    }

    /// The connection is about to be its user's no more; a grace begins, if no other connection is.
    fn departs(&mut self, nth: usize, cause: Cause) {
        let Conn { phase: Phase::LoggedIn(user), id, .. } = self.conns[nth] else { return };
        let is_his = |conn: &&Conn| conn.phase == Phase::LoggedIn(user);
        if self.conns.iter().filter(is_his).count() > 1 {
            return;
        }
        self.last.retain(|(left, ..)| *left != user);
        self.last.push((user, id, cause));
        self.contested.retain(|contested| *contested != user);
        if self.config.offline_grace.is_zero() || self.shutdown.is_some() {
            return;
        }
        let watched = self.watches();
        if self.reported.contains(&user) {
            self.leaving.push((user, self.nanos() + self.config.offline_grace.as_nanos()));
        }
        if self.leaving.len() > self.config.max_connections as usize {
            // Of those that end together the one of the oldest connection.
            let ends = |(user, until): &(User, u128)| ((*until).min(NEVER), self.last(*user).expect("left").0);
            let first = (0..self.leaving.len()).min_by_key(|nth| ends(&self.leaving[*nth])).expect("somebody leaves");
            self.leaving.remove(first);
        }
        if !watched {
            self.watched_at = self.nanos();
        }
    }

    fn end(&mut self, nth: usize, phase: Phase, owed: [Option<Act>; 4]) {
        let conn = &mut self.conns[nth];
        (conn.phase, conn.owed, conn.turn) = (phase, owed, None);
        (conn.missed, conn.tell, conn.slow_until) = (0, false, NEVER);
        let id = conn.id;
        self.rooms.retain(|(_, conn)| *conn != id);
        self.arm(nth);
    }

    fn remove(&mut self, nth: usize) {
        let gone = self.conns.remove(nth).id;
        self.rooms.retain(|(_, conn)| *conn != gone);
        self.drained |= self.conns.is_empty() && self.shutdown.is_some();
    }
}
