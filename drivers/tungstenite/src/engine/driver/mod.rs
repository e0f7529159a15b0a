//! The driver: owns a session and its connection.
//!
//! It is polled turn by turn, see [`turn`]. A turn never waits, and what it polls (the commands, the socket or the dial, the
//! greeting, the timer) owns what it waits for, so nothing is lost however often it is interrupted.

mod actions;
mod output;
mod receive;
mod send;
mod tickets;
mod turn;

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use heartline::event::Cause;
use heartline::message::{MessageId, Reason};
use heartline::{Action, CloseCode, Config, ConnId, Input, Outcome, State, Timestamp};

use super::host::{Connection, Greeting as _, Host};
use super::inbound::{Entry, Vacancy};
use super::link::Link;
use super::observe::Observer;
use super::session::Calls;
use super::shared::{Command, Settlement, Shared};
use crate::client::{Dial, End, EndReason, Options, Record, Retry, Stats};
use crate::codec::{Codec, Items};
use crate::ended::{Close, Ended};
use crate::request::{Request, Response};

pub use output::Output;
use tickets::Tickets;

/// What a driver is made of.
pub struct Parts<C: Codec, H> {
    pub(super) config: Config,
    pub(super) seed: u64,
    pub(super) options: Options,
    pub(super) request: Request,
    pub(super) greets: bool,
    pub(super) codec: C,
    pub(super) host: H,
    pub(super) shared: Arc<Shared<C::Out>>,
    pub(super) output: Output<C::In>,
    pub(super) record: Option<Record<C::Out>>,
}

/// A session with its connection.
pub struct Driver<C: Codec, H: Host<C>> {
    session: Calls<C::Out>,
    codec: C,
    host: H,
    link: Link<H::Dialling, H::Wire>,
    options: Options,
    request: Request,
    /// There is a greeting on every connection.
    greets: bool,
    greeting: Option<Greet<C, H>>,
    /// The latest dial, if its connection is to be greeted.
    dialled: Option<Dial>,
    /// The time of this turn. It does not move within the turn: however long the application takes over a message, no
    /// deadline passes before the socket was read again.
    now: Timestamp,
    /// Something is due, and the host is looking at the socket first.
    looking: bool,
    /// Turns in which something was due and there was still more to read.
    busy: u32,
    /// There is more to do at once.
    more: bool,

    shared: Arc<Shared<C::Out>>,
    commands: VecDeque<Command<C::Out>>,
    tickets: Tickets,
    settlement: Settlement<C::Out>,
    /// The status was published, or an outcome given.
    news: bool,

    output: Output<C::In>,
    items: Items<C::In>,
    batch: VecDeque<Entry<C::In>>,
    vacancy: Vacancy,
    /// What was received and has no room. While there is anything, nothing is read.
    parked: VecDeque<Entry<C::In>>,
    stalled: Option<Timestamp>,

    paused: bool,
    /// The latest that was heard of the network during the pause.
    network_news: Option<Command<C::Out>>,
    /// The first dial was asked for.
    begun: bool,
    close: Option<Close>,
    close_by: Option<Timestamp>,
    rotate_at: Option<Timestamp>,
    stopped: Option<Cause>,
    view: View,
    stats: Stats,
    observer: Observer,
    /// Messages that were received and never put into the output.
    discarded: u64,
    abandoned: (u64, u64),
    /// What the ages of connections are drawn from.
    random: u64,
    end: Option<Arc<End>>,
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
struct Greet<C: Codec, H: Host<C>> {
    conn: ConnId,
    greeting: H::Greeting,
    /// Only what it has to send still is on its way.
    over: bool,
    unsent: Option<C::Out>,
}

impl<C: Codec, H: Host<C>> Driver<C, H> {
    /// A driver that dials in its first turn, unless it is to start paused.
    pub fn new(parts: Parts<C, H>) -> Self {
        let mut driver = Self::idle(parts);
        if driver.paused {
            driver.view.changed = true;
            driver.publish();
        } else {
            driver.begin();
        }
        driver
    }

    fn idle(parts: Parts<C, H>) -> Self {
        let Parts { config, seed, options, request, greets, codec, host, shared, output, record } = parts;
        Self {
            session: Calls::new(config, seed, options.first_id, record),
            codec,
            host,
            link: Link::new(options.limits.write_buffer),
            observer: Observer::new(&request),
            request,
            greets,
            greeting: None,
            dialled: None,
            now: shared.clock().now(),
            looking: false,
            busy: 0,
            more: false,
            shared,
            commands: VecDeque::new(),
            tickets: Tickets::default(),
            settlement: Settlement::default(),
            news: false,
            vacancy: output.vacancy(),
            output,
            items: Items::new(),
            batch: VecDeque::new(),
            parked: VecDeque::new(),
            stalled: None,
            paused: options.start_paused,
            network_news: None,
            begun: false,
            close: None,
            close_by: None,
            rotate_at: None,
            stopped: None,
            view: View::default(),
            stats: Stats::default(),
            discarded: 0,
            abandoned: (0, 0),
            random: seed,
            end: None,
            options,
        }
    }

    /// Takes one turn. Ready when the client has ended, and at every poll after that. A panic ends the client, not the
    /// process.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arc<End>> {
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone());
        }
        // After a panic nothing is done with the driver but to end it.
        let turned = catch_unwind(AssertUnwindSafe(|| self.turn(cx)));
        let reason = match turned {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reason)) => reason,
            Err(panic) => EndReason::Panicked(panic_message(&*panic)),
        };
        Poll::Ready(self.finish(reason))
    }

    /// How the client has ended, if it has.
    pub fn ended(&self) -> Option<&Arc<End>> {
        self.end.as_ref()
    }

    /// Whether the last turn has left something to do at once.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether the last turns have published a status or given an outcome. Says so once.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// The host, and the connection that it has to look at when it waits.
    pub fn host(&mut self) -> (&mut H, Connection<'_, H::Dialling, H::Wire>) {
        (&mut self.host, self.link.connection())
    }

    /// Ends the client at once. The peer receives a close frame with 1001 as far as that goes out without waiting.
    pub fn leave(&mut self) {
        if self.end.is_some() {
            return;
        }
        if let Some(conn) = self.session.look().conn() {
            self.link.say_goodbye(conn, &Close::from(CloseCode::GOING_AWAY));
        }
        self.finish(EndReason::Dropped);
    }

    /// Ends everything: every message gets its outcome, the stream of what was received its end. Where the application's
    /// own code is met (it may be what has panicked already), another panic does not keep the rest from its end.
    fn finish(&mut self, reason: EndReason) -> Arc<End> {
        let mut panicked = None;
        let mut guarded = |step: &mut dyn FnMut()| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(step)) {
                panicked.get_or_insert_with(|| EndReason::Panicked(panic_message(&*panic)));
            }
        };
        guarded(&mut || self.link.drop_socket());
        guarded(&mut || self.leave_greeting());
        self.shared.refuse();
        self.give_back();
        self.abandon();
        guarded(&mut || self.settle(None));
        let (unsent, unwanted) = self.shared.finish();
        let mut unwanted = Some(unwanted);
        guarded(&mut || drop(unwanted.take()));
        let reason = panicked.filter(|_| !matches!(reason, EndReason::Panicked(_))).unwrap_or(reason);
        let (returned, unconfirmed) = self.abandoned;
        let ended = self.view.last_ended.clone().filter(|_| matches!(reason, EndReason::Stopped(_)));
        let end = Arc::new(End { reason, returned: returned + unsent, unconfirmed, ended });
        self.end = Some(end.clone());
        self.observer.finished(&end);
        self.publish_end(&end);
        self.batch.append(&mut self.parked);
        self.output.finish(&mut self.batch);
        end
    }

    fn leave_greeting(&mut self) {
        let Some(mut greet) = self.greeting.take() else { return };
        let left = greet.greeting.close().into_iter();
        self.parked.extend(left.map(|(message, size)| Entry::Message(message, size)));
    }

    /// What was taken from the handles, behind a command that has panicked.
    fn give_back(&mut self) {
        for command in std::mem::take(&mut self.commands) {
            let Command::Send(submission) = command else { continue };
            self.abandoned.0 += 1;
            let outcome = Outcome::Returned(Reason::Abandoned, submission.outgoing.message);
            self.settlement.give(submission.slot, outcome);
        }
    }

    /// Without a word to the peer, and without asking the application anything.
    fn abandon(&mut self) {
        let close = Input::Close { code: CloseCode::NORMAL, within: Duration::ZERO };
        for input in [close, Input::Timer] {
            self.session.handle(self.now, input);
            while let Some(action) = self.session.next_action() {
                if let Action::Outcome { id, outcome, .. } = action {
                    self.resolve(id, outcome);
                }
            }
        }
    }

    /// A message has its outcome.
    fn resolve(&mut self, id: MessageId, outcome: Outcome<C::Out>) {
        self.observer.outcome(id, &outcome);
        match &outcome {
            Outcome::Returned(Reason::Abandoned, _) => self.abandoned.0 += 1,
            Outcome::Unconfirmed(Reason::Abandoned, _) => self.abandoned.1 += 1,
            _ => {}
        }
        let Some(ticket) = self.tickets.remove(id) else { return };
        self.settlement.release(ticket.lane, ticket.room);
        self.settlement.give(ticket.slot, outcome);
    }

    fn handle(&mut self, input: Input<C::Out>) {
        self.session.handle(self.now, input);
        self.pull();
    }

    fn is_open(&self) -> bool {
        self.session.look().state() == State::Open
    }
}

impl<C: Codec, H: Host<C>> Drop for Driver<C, H> {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.finish(EndReason::Dropped);
        }
    }
}

/// What a panic has said.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
