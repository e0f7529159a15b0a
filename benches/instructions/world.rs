//! What the counted code works on, and what keeps the optimiser from folding it.
//!
//! The world is behind a `black_box` anew in each iteration, so nothing of a session stays in registers from one event
//! to the next; each `now` and each message comes out of a `black_box`, and what the session returns goes into one.
//! What comes out is forgotten, not dropped: freeing it is not the session's work.

use std::hint::black_box;
use std::time::Duration;

use heartline::Actions;
use heartline::outbox::OutboxConfig;
use heartline::{Action, Config, ConnId, Input, MessageId, Outgoing, Session, Settings, State, Timestamp, Transmit};
use tungstenite::{Bytes, Message};

pub type Client = Session<Message, &'static Config>;

/// The size that each message counts for in the bounds.
pub const SIZE: usize = 16;

/// From event to event: no deadline of the default config comes near.
const MICROSECOND: u64 = 1_000;

#[derive(Clone)]
pub struct World {
    pub session: Client,
    pub conn: ConnId,
}

impl World {
    /// Open, with the default heartbeat, and nothing ever sent: no queues.
    pub fn open() -> Self {
        Self::with(OutboxConfig::default())
    }

    pub fn with(outbox: OutboxConfig) -> Self {
        let config = Config::new(Settings { outbox, ..Settings::default() }).expect("valid");
        let mut session = Session::new(&*Box::leak(Box::new(config)), 1);
        pull(session.handle(Timestamp::ORIGIN, Input::Connect));
        let conn = session.conn().expect("a dial is under way");
        pull(session.handle(Timestamp::ORIGIN, Input::Opened { conn }));
        assert_eq!(session.state(), State::Open);
        assert!(session.deadline().is_some(), "a heartbeat");
        Self { session, conn }
    }

    /// With two messages that wait for their acknowledgement, one of them with a time to live.
    pub fn sending() -> Self {
        let mut world = Self::open();
        world.send(Outgoing::at_least_once(message(), SIZE));
        world.send(Outgoing::at_least_once(message(), SIZE).expires_in(Duration::from_secs(3600)));
        world.transmit_all();
        assert_eq!((world.session.queued(), world.session.held()), (2, 2));
        world
    }

    /// Room for `count` messages, all of which may be unacknowledged.
    pub fn roomy(count: u64) -> Self {
        let count = u32::try_from(count).expect("a size that fits");
        Self::with(OutboxConfig {
            max_messages: count,
            max_bytes: 1 << 30,
            ack_window: count,
            ..OutboxConfig::default()
        })
    }

    pub fn send(&mut self, outgoing: Outgoing<Message>) -> MessageId {
        self.session.send(Timestamp::ORIGIN, outgoing).expect("there is room")
    }

    pub fn queue(mut self, count: u64, outgoing: impl Fn(u64) -> Outgoing<Message>) -> Self {
        for nth in 0..count {
            self.send(outgoing(nth));
        }
        self
    }

    pub fn transmit_all(&mut self) {
        while let Some(id) = self.session.transmit(Timestamp::ORIGIN).map(|lent| lent.id) {
            self.session.sent(Timestamp::ORIGIN, id);
        }
    }

    /// Awaiting the pong of its second ping; and that ping's token and time.
    pub fn pinged() -> (Self, u32, Timestamp) {
        let mut world = Self::open();
        let (token, at) = world.ping();
        pull(world.session.handle(at, Input::Pong { conn: world.conn, token: Some(token) }));
        let (token, at) = world.ping();
        (world, token, at)
    }

    fn ping(&mut self) -> (u32, Timestamp) {
        let due = self.session.deadline().expect("a heartbeat");
        let token = self.session.handle(due, Input::Timer).find_map(|action| match action {
            Action::Ping { token, .. } => Some(token),
            _ => None,
        });
        (token.expect("a ping"), due)
    }
}

/// A message as a codec hands it out; the optimiser knows nothing about it.
#[inline(always)]
pub fn message() -> Message {
    let mut message = Message::Binary(Bytes::from_static(b"sixteen letters!"));
    black_box(&mut message);
    message
}

#[inline(always)]
pub fn seen<T>(value: T) {
    black_box(&value);
    std::mem::forget(value);
}

/// A message as an encoder sees it; its id comes back.
#[inline(always)]
pub fn written(lent: Option<Transmit<'_, Message>>) -> MessageId {
    let Transmit { id, message, .. } = lent.expect("one to write");
    black_box(message);
    id
}

/// Every action, to the end, as a driver pulls them.
#[inline(always)]
pub fn pull(actions: Actions<'_, Message>) {
    for action in actions {
        match action {
            Action::Deliver(message) => seen(message),
            other => seen(other),
        }
    }
}

/// `times` events, a microsecond apart.
#[inline(always)]
pub fn repeat(times: u64, world: &mut World, mut event: impl FnMut(&mut World, Timestamp)) {
    let mut clock = 0;
    for _ in 0..times {
        clock += MICROSECOND;
        event(black_box(&mut *world), black_box(Timestamp::from_nanos(clock)));
    }
}
