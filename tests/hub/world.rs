//! A hub and a virtual clock: what the scenarios have in common.

use std::time::Duration;

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{self, Admission, Config, Hub, Origins, Request, Settings};
use heartline::{CloseCode, ConnId, Timestamp};

use crate::reference;

pub type Name = &'static str;
pub type Input = hub::Input<Name, Name>;
pub type Act = reference::Act<Name, Name>;

pub const NANOSECOND: Duration = Duration::from_nanos(1);
pub const REQUEST: Request<'_> = Request { origin: None, host: "example.org", protocols: &[], source: None };

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn code(code: u16) -> CloseCode {
    CloseCode::new(code).expect("a code that may be sent")
}

/// A mode with a tolerance that no test but those of suspensions goes beyond.
pub fn heartbeat(mode: HeartbeatMode) -> HeartbeatConfig {
    HeartbeatConfig { mode, slow_after: None, late_tolerance: seconds(4 * 3600) }
}

/// Round numbers: no limits but the budget, no heartbeat, 10 s to log in, volatile up to 10 bytes of 100 and 20 more for replies, everything else as by default.
pub fn plain() -> Settings {
    Settings {
        admission: Admission { origins: Origins::Any, ..Admission::default() },
        login_timeout: seconds(10),
        heartbeat: heartbeat(HeartbeatMode::Off),
        messages: None,
        bytes: None,
        budget: 100,
        reserve: 20,
        volatile_above: 10,
        ..Settings::default()
    }
}

/// The same with a ping after 20 s of silence and death 10 s later.
pub fn watched() -> Settings {
    let mode = HeartbeatMode::WhenIdle { interval: seconds(20), timeout: seconds(10) };
    Settings { heartbeat: heartbeat(mode), ..plain() }
}

/// A hub, its clock, and all its actions with their times since the origin.
pub struct World {
    pub hub: Hub<Name, Name>,
    pub now: Timestamp,
    pub log: Vec<(Duration, Act)>,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        Self { hub: Hub::new(config, 7), now: Timestamp::ORIGIN, log: Vec::new() }
    }

    /// A hub with these users online, each on a connection of its own.
    pub fn with<const N: usize>(settings: Settings, names: [Name; N]) -> (Self, [ConnId; N]) {
        let mut world = Self::new(settings);
        let conns = names.map(|name| world.user(name));
        (world, conns)
    }

    pub fn admit(&mut self) -> ConnId {
        self.hub.admit(self.now, &REQUEST).expect("admitted").conn
    }

    pub fn user(&mut self, user: Name) -> ConnId {
        let conn = self.admit();
        assert_eq!(self.login(conn, user)[0], Act::LoggedIn(conn, user));
        conn
    }

    /// One input now; all its actions.
    pub fn input(&mut self, input: Input) -> Vec<Act> {
        let acts: Vec<_> = self.hub.handle(self.now, input).map(Act::from).collect();
        let now = self.now.since_origin();
        self.log.extend(acts.iter().map(|act| (now, act.clone())));
        acts
    }

    /// One input now, by a caller that pulls nothing.
    pub fn unpulled(&mut self, input: Input) {
        drop(self.hub.handle(self.now, input));
    }

    /// Moves the clock without a call to the hub.
    pub fn sleep(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
    }

    /// Lets time pass with a timer at every deadline; the actions of that time.
    pub fn run(&mut self, by: Duration) -> Vec<(Duration, Act)> {
        let until = self.now.saturating_add(by);
        let before = self.log.len();
        while let Some(due) = self.hub.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.timer();
            let next = self.hub.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a timer that leads nowhere: {:?}", self.hub);
        }
        self.now = until;
        self.log[before..].to_vec()
    }

    /// The deadline, since the origin.
    pub fn deadline(&self) -> Option<Duration> {
        self.hub.deadline().map(Timestamp::since_origin)
    }

    pub fn online(&self) -> Vec<(Name, ConnId)> {
        self.hub.online().map(|(user, conn)| (*user, conn)).collect()
    }
}

/// One method for each input: it happens now, and all its actions are returned.
macro_rules! inputs {
    ($($name:ident($($field:ident: $type:ty),*) => $input:expr;)*) => {
        impl World {
            $(pub fn $name(&mut self, $($field: $type),*) -> Vec<Act> {
                self.input($input)
            })*
        }
    };
}

inputs! {
    alive(conn: ConnId) => Input::Alive { conn, bytes: 0 };
    frame(conn: ConnId, bytes: u32) => Input::Alive { conn, bytes };
    login(conn: ConnId, user: Name) => Input::Login { conn, user, until: None };
    relay(conn: ConnId, to: Name, message: Name) => Input::Relay { conn, to, message, bytes: 1, volatile: false, tag: 0 };
    volatile(conn: ConnId, to: Name, message: Name) => Input::Relay { conn, to, message, bytes: 1, volatile: true, tag: 0 };
    broadcast(from: Option<ConnId>, except: &[Name], message: Name) =>
        Input::Broadcast { from, room: None, except: except.to_vec(), message, bytes: 1, volatile: false , tag: 0};
    join(conn: ConnId, room: Name) => Input::Join { conn, room: room.into() };
    leave(conn: ConnId, room: Name) => Input::Leave { conn, room: room.into() };
    say(from: Option<ConnId>, room: Name, message: Name) =>
        Input::Broadcast { from, room: Some(room.into()), except: vec![], message, bytes: 1, volatile: false, tag: 0 };
    unknown(conn: ConnId) => Input::UnknownMessage { conn };
    queued(conn: ConnId, bytes: u32) => Input::Queued { conn, bytes };
    written(conn: ConnId, bytes: u32) => Input::Written { conn, bytes };
    close(conn: ConnId) => Input::Close { conn, code: code(4000) };
    closed(conn: ConnId) => Input::Closed { conn };
    timer() => Input::Timer;
    shut_down(within: Duration, spread: Duration) => Input::Shutdown { within, pace: Duration::ZERO, spread };
    shut_down_slowly(within: Duration, pace: Duration, spread: Duration) => Input::Shutdown { within, pace, spread };
}

/// One frame of each kind.
pub fn frames(conn: ConnId) -> [Input; 8] {
    [
        Input::Alive { conn, bytes: 0 },
        Input::Ping { conn },
        Input::Login { conn, user: "ann", until: None },
        Input::Relay { conn, to: "bob", message: "hello", bytes: 1, volatile: false, tag: 0 },
        Input::Broadcast {
            from: Some(conn),
            room: None,
            except: Vec::new(),
            message: "hello",
            bytes: 5,
            volatile: false,
            tag: 0,
        },
        Input::UnknownMessage { conn },
        Input::Join { conn, room: "btc".into() },
        Input::Leave { conn, room: "btc".into() },
    ]
}
