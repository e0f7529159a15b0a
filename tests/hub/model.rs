//! A hub that is too simple to be wrong: lists that are searched from end to end, everything judged at every timer,
//! what is owed worked out anew at every pull.

use heartline::hub::{Action, Config, Denial, Event, Fate, Request, SecondLogin, Stats};
use heartline::{CloseCode, ConnId, Heartbeat, Instant};

use crate::arbitrary::User;

pub type Message = u32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Anonymous,
    User(User),
    Closing,
    Gone,
}

#[derive(Clone, Debug)]
pub struct Conn {
    pub id: ConnId,
    pub standing: Standing,
    pub heartbeat: Heartbeat,
    pub admitted_at: u128,
    pub closed_at: u128,
    pub replied_at: Option<u128>,
    pub pending: u128,
    pub pong: bool,
    pub ping: bool,
    /// A close that was not pulled.
    pub close: Option<Action<User, Message>>,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub config: Config,
    pub now: Instant,
    pub conns: Vec<Conn>,
    /// Every id there ever was.
    pub minted: Vec<ConnId>,
    pub told: Vec<User>,
    /// When the rest is aborted, in nanoseconds.
    pub shutdown: Option<u128>,
    pub drained: bool,
    pub answers: Vec<Action<User, Message>>,
    pub stats: Stats,
}

/// Whether a moment in nanoseconds has come; one past the end of time never does.
pub fn passed(due: u128, now: Instant) -> bool {
    due < u128::from(u64::MAX) && due <= u128::from(now.as_nanos())
}

impl Model {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::ORIGIN,
            conns: Vec::new(),
            minted: Vec::new(),
            told: Vec::new(),
            shutdown: None,
            drained: false,
            answers: Vec::new(),
            stats: Stats::default(),
        }
    }

    pub fn nanos(&self) -> u128 {
        u128::from(self.now.as_nanos())
    }

    pub fn find(&self, id: ConnId) -> Option<usize> {
        self.conns.iter().position(|conn| conn.id == id)
    }

    /// Who is online, in order.
    pub fn online(&self) -> Vec<(User, ConnId)> {
        let named = |conn: &Conn| match conn.standing {
            Standing::User(user) => Some((user, conn.id)),
            _ => None,
        };
        let mut online: Vec<_> = self.conns.iter().filter_map(named).collect();
        online.sort_unstable();
        online
    }

    pub fn conn_of(&self, user: User) -> Option<ConnId> {
        self.online().into_iter().find_map(|(name, conn)| (name == user).then_some(conn))
    }

    pub fn anonymous(&self) -> usize {
        self.conns.iter().filter(|conn| conn.standing == Standing::Anonymous).count()
    }

    pub fn may_enter(&self, request: &Request<'_>) -> Result<(), Denial> {
        let same = request.origin.is_none_or(|origin| origin == format!("https://{}", request.host));
        if self.shutdown.is_some() {
            Err(Denial::ShuttingDown)
        } else if !same {
            Err(Denial::Origin)
        } else if self.conns.len() >= self.config.max_connections as usize {
            Err(Denial::Full)
        } else if self.anonymous() >= self.config.max_anonymous as usize {
            Err(Denial::Anonymous)
        } else {
            Ok(())
        }
    }

    /// Lets a connection in under the name that the hub has minted.
    pub fn enter(&mut self, id: ConnId) {
        let (heartbeat, ping) = Heartbeat::start(&self.config.heartbeat, self.now);
        self.stats.admitted += 1;
        self.stats.pings += u32::from(ping);
        self.minted.push(id);
        self.conns.push(Conn {
            id,
            standing: Standing::Anonymous,
            heartbeat,
            admitted_at: self.nanos(),
            closed_at: 0,
            replied_at: None,
            pending: 0,
            pong: false,
            ping,
            close: None,
        });
    }

    /// The next action, as long as there is one.
    pub fn pull(&mut self) -> Option<Action<User, Message>> {
        if !self.answers.is_empty() {
            return Some(self.answers.remove(0));
        }
        self.next_control().or_else(|| self.next_event().map(Action::Event))
    }

    /// What was not pulled of messages and answers is gone.
    pub fn end_step(&mut self) {
        self.stats.undelivered += u32::try_from(self.answers.len()).expect("two at most");
        self.answers.clear();
    }

    fn next_control(&mut self) -> Option<Action<User, Message>> {
        for nth in 0..self.conns.len() {
            let found = &mut self.conns[nth];
            let conn = found.id;
            if found.standing == Standing::Gone {
                self.remove(nth);
                return Some(Action::Abort { conn });
            }
            if std::mem::take(&mut found.pong) {
                return Some(Action::Pong { conn });
            }
            if std::mem::take(&mut found.ping) {
                return Some(Action::Ping { conn });
            }
            if let Some(close) = found.close.take() {
                return Some(close);
            }
        }
        None
    }

    fn next_event(&mut self) -> Option<Event<User>> {
        let online: Vec<_> = self.online().into_iter().map(|(user, _)| user).collect();
        self.told.sort_unstable();
        if let Some(nth) = self.told.iter().position(|user| !online.contains(user)) {
            return Some(Event::Offline(self.told.remove(nth)));
        }
        if let Some(user) = online.into_iter().find(|user| !self.told.contains(user)) {
            self.told.push(user);
            return Some(Event::Online(user));
        }
        std::mem::take(&mut self.drained).then_some(Event::Drained)
    }

    pub fn remove(&mut self, nth: usize) {
        self.conns.remove(nth);
        self.drained |= self.conns.is_empty() && self.shutdown.is_some();
    }

    pub fn owes(&self) -> bool {
        let control = |conn: &Conn| conn.standing == Standing::Gone || conn.pong || conn.ping || conn.close.is_some();
        let mut told = self.told.clone();
        told.sort_unstable();
        let changed = !told.into_iter().eq(self.online().into_iter().map(|(user, _)| user));
        changed || self.drained || self.conns.iter().any(control)
    }

    pub fn close(&mut self, nth: usize, code: CloseCode, retry_after: Option<std::time::Duration>) {
        let now = self.nanos();
        let found = &mut self.conns[nth];
        found.standing = Standing::Closing;
        found.closed_at = now;
        (found.pong, found.ping) = (false, false);
        found.close = Some(Action::Close { conn: found.id, code, retry_after });
    }

    pub fn may_reply(&mut self, nth: usize) -> bool {
        let (now, gap) = (self.nanos(), self.config.reply_gap.as_nanos());
        let replied_at = self.conns[nth].replied_at;
        let may = replied_at.is_none_or(|at| passed(at + gap, self.now));
        if may {
            self.conns[nth].replied_at = Some(now);
        } else {
            self.stats.unanswered += 1;
        }
        may
    }

    pub fn is_slow(&self, id: ConnId) -> bool {
        self.find(id).is_some_and(|nth| self.conns[nth].pending > u128::from(self.config.volatile_above))
    }

    pub fn tell(&mut self, conn: ConnId, to: Option<User>, fate: Fate<Message>) {
        self.answers.push(Action::Told { conn, to, fate });
    }

    pub fn replaces(&self) -> bool {
        self.config.second_login == SecondLogin::Replace
    }
}
