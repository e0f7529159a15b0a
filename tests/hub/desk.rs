//! A virtual clock around a hub: what the scenarios have in common.

use std::time::Duration;

use heartline::hub::{self, Admission, Admitted, Config, Denied, Event, Fate, Hub, Origins, Request, Settings};
use heartline::{CloseCode, ConnId, Instant, Pulse, Rhythm};

pub type Name = &'static str;
pub type Input = hub::Input<Name, Name>;
pub type Action = hub::Action<Name, Name>;

pub const NANOSECOND: Duration = Duration::from_nanos(1);
pub const REQUEST: Request<'_> = Request { origin: None, host: "example.org", protocols: &[] };

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The moment so many milliseconds after the origin.
pub fn at(millis: u64) -> Instant {
    Instant::after(Duration::from_millis(millis))
}

pub fn raw(raw: u64) -> ConnId {
    ConnId::from_raw(raw).expect("not zero")
}

pub fn pulse(rhythm: Rhythm) -> Pulse {
    Pulse { rhythm, slow_after: None, late_tolerance: seconds(1) }
}

/// Ping after 20 s, death 10 s later.
pub fn when_idle() -> Pulse {
    pulse(Rhythm::WhenIdle { interval: seconds(20), timeout: seconds(10) })
}

/// Round numbers: no heartbeat, 10 s to log in, volatile up to 10 bytes of 100, everything else as by default.
pub fn plain() -> Settings {
    Settings {
        admission: Admission { origins: Origins::Any, ..Admission::default() },
        login_timeout: seconds(10),
        heartbeat: pulse(Rhythm::Off),
        budget: 100,
        volatile_above: 10,
        ..Settings::default()
    }
}

/// A hub, its clock, and everything it has said.
pub struct Desk {
    pub hub: Hub<Name, Name>,
    pub now: Instant,
    pub said: Vec<(Instant, Action)>,
}

impl Desk {
    pub fn new(settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        Self { hub: Hub::new(config, 7), now: Instant::ORIGIN, said: Vec::new() }
    }

    /// A hub with these users online, each on a connection of its own.
    pub fn with<const N: usize>(settings: Settings, names: [Name; N]) -> (Self, [ConnId; N]) {
        let mut desk = Self::new(settings);
        let conns = names.map(|name| desk.user(name));
        (desk, conns)
    }

    pub fn request(&mut self, request: &Request<'_>) -> Result<Admitted<'_>, Denied> {
        self.hub.admit(self.now, request)
    }

    pub fn admit(&mut self) -> ConnId {
        self.request(&REQUEST).expect("admitted").conn
    }

    pub fn user(&mut self, user: Name) -> ConnId {
        let conn = self.admit();
        let said = self.login(conn, user);
        assert_eq!(said[0], Action::LoggedIn { conn, user });
        conn
    }

    /// One input now; all its actions.
    pub fn input(&mut self, input: Input) -> Vec<Action> {
        let actions: Vec<_> = self.hub.handle(self.now, input).collect();
        self.said.extend(actions.iter().map(|action| (self.now, action.clone())));
        actions
    }

    pub fn login(&mut self, conn: ConnId, user: Name) -> Vec<Action> {
        self.input(Input::Login { conn, user })
    }

    pub fn relay(&mut self, conn: ConnId, to: Name, message: Name) -> Vec<Action> {
        self.input(Input::Relay { conn, to, message, volatile: false })
    }

    pub fn volatile(&mut self, conn: ConnId, to: Name, message: Name) -> Vec<Action> {
        self.input(Input::Relay { conn, to, message, volatile: true })
    }

    pub fn broadcast(&mut self, from: Option<ConnId>, except: &[Name], message: Name) -> Vec<Action> {
        self.input(Input::Broadcast { from, except: except.to_vec(), message, volatile: false })
    }

    pub fn alive(&mut self, conn: ConnId) -> Vec<Action> {
        self.input(Input::Alive { conn })
    }

    pub fn unknown(&mut self, conn: ConnId) -> Vec<Action> {
        self.input(Input::Unknown { conn })
    }

    pub fn closed(&mut self, conn: ConnId) -> Vec<Action> {
        self.input(Input::Closed { conn })
    }

    pub fn timer(&mut self) -> Vec<Action> {
        self.input(Input::Timer)
    }

    pub fn queued(&mut self, conn: ConnId, bytes: u32) -> Vec<Action> {
        self.input(Input::Queued { conn, bytes })
    }

    pub fn written(&mut self, conn: ConnId, bytes: u32) -> Vec<Action> {
        self.input(Input::Written { conn, bytes })
    }

    pub fn shut_down(&mut self, within: Duration, spread: Duration) -> Vec<Action> {
        self.input(Input::Shutdown { within, spread })
    }

    /// Moves the clock without telling the hub.
    pub fn sleep(&mut self, by: Duration) -> &mut Self {
        self.now = self.now.saturating_add(by);
        self
    }

    /// Lets time pass with a timer at every deadline; what was said meanwhile.
    pub fn run(&mut self, by: Duration) -> Vec<(Instant, Action)> {
        let until = self.now.saturating_add(by);
        let before = self.said.len();
        while let Some(due) = self.hub.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.timer();
            let next = self.hub.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a timer that leads nowhere: {:?}", self.hub);
        }
        self.now = until;
        self.said[before..].to_vec()
    }

    pub fn online(&self) -> Vec<(Name, ConnId)> {
        self.hub.online().map(|(user, conn)| (*user, conn)).collect()
    }
}

pub fn code(code: u16) -> CloseCode {
    CloseCode::new(code).expect("a code that may be sent")
}

pub fn close(conn: ConnId, with: u16) -> Action {
    Action::Close { conn, code: code(with), retry_after: None }
}

pub fn deliver(conn: ConnId, from: Name, message: Name) -> Action {
    Action::Deliver { conn, from, message }
}

pub fn told(conn: ConnId, to: Name, fate: Fate<Name>) -> Action {
    Action::Told { conn, to: Some(to), fate }
}

pub fn online(user: Name) -> Action {
    Action::Event(Event::Online(user))
}

pub fn offline(user: Name) -> Action {
    Action::Event(Event::Offline(user))
}

/// Everything a connection can say.
pub fn frames(conn: ConnId) -> [Input; 6] {
    [
        Input::Alive { conn },
        Input::Ping { conn },
        Input::Login { conn, user: "ann" },
        Input::Relay { conn, to: "bob", message: "hello", volatile: false },
        Input::Broadcast { from: Some(conn), except: Vec::new(), message: "hello", volatile: false },
        Input::Unknown { conn },
    ]
}
