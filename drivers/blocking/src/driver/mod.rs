//! The driver: a session with its connection, turned by whoever polls the client. See [`turn`] for what a turn is.

mod actions;
mod receive;
mod send;
mod tickets;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use heartline::event::Cause;
use heartline::message::{MessageId, Reason};
use heartline::{Action, CloseCode, Config, ConnId, Input, Outcome, Session, State, Timestamp};
use heartline_tungstenite::clock::{Clock, Sleeper};
use heartline_tungstenite::codec::{Codec, Items};
use heartline_tungstenite::ended::Close;
use heartline_tungstenite::{Ended, Response};

use crate::dial::Dialer;
use crate::greeting::{Greeting, GreetingHook};
use crate::inbox::Inbox;
use crate::link::Link;
use crate::options::{Options, WhenFull};
use crate::poller::Poller;
use crate::shared::{Command, Settlement, Shared};
use crate::status::{End, EndReason, Retry, Stats};
use tickets::Tickets;

/// What a driver is made of.
pub(crate) struct Parts<C: Codec> {
    pub(crate) config: Config,
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) codec: C,
    pub(crate) dialer: Dialer,
    pub(crate) greeting: Option<GreetingHook<C::Out, C::In>>,
    pub(crate) shared: Arc<Shared<C::Out>>,
    pub(crate) poller: Poller,
}

pub(crate) struct Driver<C: Codec> {
    session: Session<C::Out>,
    codec: C,
    link: Link,
    options: Options,
    dialer: Dialer,
    greeting_hook: Option<GreetingHook<C::Out, C::In>>,
    greeting: Option<Greet<C>>,
    poller: Poller,
    clock: Clock,
    /// The time of this turn. It does not move after the socket was looked at: however long the application takes over
    /// what it received, no deadline passes before the socket was read again.
    now: Timestamp,
    /// Wakes a long wait after the computer slept.
    sleeper: Option<Sleeper>,
    /// There is more to do at once.
    more: bool,
    /// Turns in which something was due and there was still more to read.
    busy: u32,

    shared: Arc<Shared<C::Out>>,
    commands: Vec<Command<C::Out>>,
    tickets: Tickets,
    settlement: Settlement<C::Out>,
    evicts: bool,

    pub(crate) inbox: Inbox<C::In>,
    items: Items<C::In>,
    stalled: Option<Timestamp>,
    /// Something became due while nothing was read. From here on the session takes its timer for that of a process that
    /// was suspended, and begins to wait anew.
    late_from: Option<Timestamp>,

    paused: bool,
    close: Option<Close>,
    close_by: Option<Timestamp>,
    rotate_at: Option<Timestamp>,
    stopped: Option<Cause>,
    /// A hook of a dial has panicked.
    panicked: Option<String>,
    view: View,
    stats: Stats,
    abandoned: (u64, u64),
    /// What the ages of connections are drawn from.
    random: u64,
    pub(crate) end: Option<Arc<End>>,
}

/// What the status shows beside what the session knows.
#[derive(Default)]
struct View {
    changed: bool,
    retry: Option<Retry>,
    degraded: bool,
    response: Option<Arc<Response>>,
    last_ended: Option<Arc<Ended>>,
}

/// A greeting under way.
struct Greet<C: Codec> {
    conn: ConnId,
    link: Greeting<C::Out, C::In>,
    /// The closure is done, and only what it has sent is on its way.
    done: bool,
}

impl<C: Codec> Driver<C> {
    pub(crate) fn new(parts: Parts<C>) -> Self {
        let Parts { config, seed, options, codec, dialer, greeting, shared, poller } = parts;
        let clock = shared.clock.clone();
        let drops_oldest = options.when_full == WhenFull::DropOldest;
        let mut driver = Self {
            session: Session::with_first_id(config, seed, options.first_id),
            codec,
            link: Link::new(options.limits.write_buffer),
            dialer,
            greeting_hook: greeting,
            greeting: None,
            poller,
            now: clock.now(),
            clock,
            sleeper: None,
            more: true,
            busy: 0,
            evicts: shared.evicts(),
            shared,
            commands: Vec::new(),
            tickets: Tickets::default(),
            settlement: Settlement::default(),
            inbox: Inbox::new(options.incoming_messages, options.incoming_bytes, drops_oldest),
            items: Items::new(),
            stalled: None,
            late_from: None,
            paused: false,
            close: None,
            close_by: None,
            rotate_at: None,
            stopped: None,
            panicked: None,
            view: View::default(),
            stats: Stats::default(),
            abandoned: (0, 0),
            random: seed,
            end: None,
            options,
        };
        driver.handle(Input::Connect);
        driver
    }

    /// Ends everything: every message gets its outcome.
    pub(crate) fn finish(&mut self, reason: EndReason) {
        self.link.drop_socket();
        if let Some(mut greeting) = self.greeting.take() {
            for (message, size) in greeting.link.passed.drain(..) {
                self.inbox.put(message, size);
            }
        }
        self.abandon();
        self.settle();
        let unsent = self.shared.finish();
        self.inbox.close();
        self.sleeper = None;
        let (returned, unconfirmed) = self.abandoned;
        self.end = Some(Arc::new(End { reason, returned: returned + unsent, unconfirmed }));
        self.shared.show(self.status());
    }

    /// As the client is dropped: tells the peer, as far as that goes out at once.
    pub(crate) fn leave(&mut self) {
        if let Some(conn) = self.session.conn() {
            self.link.say_goodbye(conn, &Close::from(CloseCode::GOING_AWAY));
        }
        self.finish(EndReason::Dropped);
    }

    /// Without a word to the peer, and without asking the application anything.
    fn abandon(&mut self) {
        let close = Input::Close { code: CloseCode::NORMAL, within: Duration::ZERO };
        for input in [close, Input::Timer] {
            drop(self.session.handle(self.now, input));
            while let Some(action) = self.session.next_action() {
                if let Action::Outcome { id, outcome, .. } = action {
                    self.resolve(id, outcome);
                }
            }
        }
    }

    /// A message has its outcome.
    fn resolve(&mut self, id: MessageId, outcome: Outcome<C::Out>) {
        match &outcome {
            Outcome::Returned(Reason::Abandoned, _) => self.abandoned.0 += 1,
            Outcome::Unconfirmed(Reason::Abandoned, _) => self.abandoned.1 += 1,
            _ => {}
        }
        let Some(ticket) = self.tickets.remove(id) else { return };
        self.settlement.release(ticket.lane, ticket.room);
        if let Some(slot) = ticket.slot {
            self.settlement.outcomes.push((slot, outcome));
        }
    }

    fn handle(&mut self, input: Input<C::Out>) {
        drop(self.session.handle(self.now, input));
        self.pull();
    }

    fn is_open(&self) -> bool {
        self.session.state() == State::Open
    }
}
