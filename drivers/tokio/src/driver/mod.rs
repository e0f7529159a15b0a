//! The driver: one task that owns a session and its connection.
//!
//! Its future is polled turn by turn, see [`turn`]. A turn never waits, and what it polls (the commands, the socket or
//! the dial, the greeting, the timer) owns what it waits for, so nothing is lost however often it is interrupted.

mod actions;
mod output;
mod receive;
mod send;
mod tickets;
mod turn;

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heartline::event::Cause;
use heartline::message::{MessageId, Reason};
use heartline::{Action, CloseCode, Config, ConnId, Input, Outcome, Session, State, Timestamp};
use heartline_tungstenite::codec::{Codec, Items};
use heartline_tungstenite::ended::Close;
use heartline_tungstenite::{Ended, Response};

use crate::clock::{Clock, Sleep};
use crate::dial::Dialer;
use crate::greeting::Room;
use crate::hooks::{GreetingHook, HookError, HookFuture};
use crate::inbound::{Entry, Vacancy};
use crate::link::Link;
use crate::options::Options;
use crate::shared::{Command, Settlement, Shared};
use crate::status::{End, EndReason, Retry, Stats};

pub(crate) use output::Output;
use tickets::Tickets;

/// What a driver is made of.
pub(crate) struct Parts<C: Codec> {
    pub(crate) config: Config,
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) codec: C,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) greeting: Option<GreetingHook<C::Out, C::In>>,
    pub(crate) shutdown: Option<HookFuture<()>>,
    pub(crate) shared: Arc<Shared<C::Out>>,
    pub(crate) output: Output<C::In>,
}

pub(crate) struct Driver<C: Codec> {
    session: Session<C::Out>,
    codec: C,
    link: Link,
    options: Options,
    dialer: Arc<Dialer>,
    greeting_hook: Option<GreetingHook<C::Out, C::In>>,
    greeting: Option<Greet<C>>,
    shutdown: Option<HookFuture<()>>,
    clock: Clock,
    /// The time of this turn. It does not move within the turn: however long the application takes over a message, no
    /// deadline passes before the socket was read again.
    now: Timestamp,
    sleep: Sleep,
    /// Something is due, and the runtime is looking at the socket first.
    looking: Option<HookFuture<()>>,
    /// There is more to do at once.
    more: bool,

    shared: Arc<Shared<C::Out>>,
    commands: Vec<Command<C::Out>>,
    tickets: Tickets,
    settlement: Settlement<C::Out>,
    evicts: bool,

    output: Output<C::In>,
    items: Items<C::In>,
    batch: VecDeque<Entry<C::In>>,
    vacancy: Vacancy,
    /// What was received and has no room. While there is anything, nothing is read.
    parked: VecDeque<Entry<C::In>>,
    stalled: Option<Timestamp>,

    paused: bool,
    /// The first dial was asked for.
    begun: bool,
    close: Option<Close>,
    close_by: Option<Timestamp>,
    rotate_at: Option<Timestamp>,
    stopped: Option<Cause>,
    view: View,
    stats: Stats,
    abandoned: (u64, u64),
    /// What the ages of connections are drawn from.
    random: u64,
    ended: bool,
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
    room: Arc<Room<C::Out, C::In>>,
    /// `None` when the hook is done, and only what it has sent is on its way.
    hook: Option<HookFuture<Result<(), HookError>>>,
    unsent: Option<C::Out>,
}

impl<C: Codec> Driver<C> {
    pub(crate) fn new(parts: Parts<C>) -> Self {
        let Parts { config, seed, options, codec, dialer, greeting, shutdown, shared, output } = parts;
        Self {
            session: Session::with_first_id(config, seed, options.first_id),
            codec,
            link: Link::new(options.limits.write_buffer),
            dialer,
            greeting_hook: greeting,
            greeting: None,
            shutdown,
            now: shared.clock.now(),
            sleep: Sleep::new(&shared.clock),
            clock: shared.clock.clone(),
            looking: None,
            more: false,
            evicts: shared.evicts(),
            shared,
            commands: Vec::new(),
            tickets: Tickets::default(),
            settlement: Settlement::default(),
            vacancy: output.vacancy(),
            output,
            items: Items::new(),
            batch: VecDeque::new(),
            parked: VecDeque::new(),
            stalled: None,
            paused: options.start_paused,
            begun: false,
            close: None,
            close_by: None,
            rotate_at: None,
            stopped: None,
            view: View::default(),
            stats: Stats::default(),
            abandoned: (0, 0),
            random: seed,
            ended: false,
            options,
        }
    }

    /// Ends everything: every message gets its outcome, the stream of what was received its end.
    fn finish(&mut self, reason: EndReason) -> Arc<End> {
        self.ended = true;
        self.link.drop_socket();
        if let Some(greeting) = self.greeting.take() {
            drop(greeting.hook);
            let left = greeting.room.close().into_iter();
            self.parked.extend(left.map(|(message, size)| Entry::Message(message, size)));
        }
        self.shared.refuse();
        self.abandon();
        self.settle();
        let unsent = self.shared.finish();
        let (returned, unconfirmed) = self.abandoned;
        let ended = self.view.last_ended.clone().filter(|_| matches!(reason, EndReason::Stopped(_)));
        let end = Arc::new(End { reason, returned: returned + unsent, unconfirmed, ended });
        self.publish_end(&end);
        self.batch.append(&mut self.parked);
        self.output.finish(&mut self.batch);
        end
    }

    /// Without a word to the peer, and without asking the application anything.
    fn abandon(&mut self) {
        let close = Input::Close { code: CloseCode::NORMAL, within: std::time::Duration::ZERO };
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

/// A driver as a future. A panic ends the client, not its task.
pub(crate) struct Running<C: Codec>(Driver<C>);

impl<C: Codec> Running<C> {
    pub(crate) fn new(parts: Parts<C>) -> Self {
        let mut driver = Driver::new(parts);
        if driver.paused {
            driver.view.changed = true;
            driver.publish();
        } else {
            driver.begin();
        }
        Self(driver)
    }
}

// Nothing is pinned structurally: what must be pinned is boxed.
impl<C: Codec> Unpin for Running<C> {}

impl<C: Codec> Future for Running<C> {
    type Output = Arc<End>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<End>> {
        let driver = &mut self.0;
        // After a panic nothing is done with the driver but to end it.
        let turned = catch_unwind(AssertUnwindSafe(|| driver.turn(cx)));
        let reason = match turned {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reason)) => reason,
            Err(panic) => EndReason::Panicked(panic_message(&*panic)),
        };
        Poll::Ready(driver.finish(reason))
    }
}

impl<C: Codec> Drop for Running<C> {
    fn drop(&mut self) {
        if !self.0.ended {
            self.0.finish(EndReason::Dropped);
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
