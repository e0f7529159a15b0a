//! Steady state costs no heap: every allocation is counted.

use std::time::Duration;

use allocation_counter::measure;
use heartline::{
    Action, Backoff, Config, ConnId, Input, Instant, Loss, Outcome, Outgoing, Pulse, Rhythm, Session, Settings, State,
    Transport,
};

/// A message without heap of its own, so that every allocation is the session's.
type Message = [u8; 16];

const MESSAGE: Message = *b"sixteen letters!";
const SECOND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 100;

struct World {
    session: Session<Message>,
    now: Instant,
    actions: u32,
    outcomes: u32,
}

impl World {
    fn new() -> Self {
        let rhythm = Rhythm::WhenIdle { interval: 20 * SECOND, timeout: 10 * SECOND };
        let settings = Settings {
            heartbeat: Pulse { rhythm, slow_after: Some(3 * SECOND), late_tolerance: SECOND },
            backoff: Backoff::constant(SECOND),
            ..Settings::default()
        };
        let config = Config::new(settings).expect("valid");
        Self { session: Session::new(config, 1), now: Instant::ORIGIN, actions: 0, outcomes: 0 }
    }

    fn open() -> Self {
        let mut world = Self::new();
        world.dial();
        world
    }

    fn dial(&mut self) {
        self.handle(Input::Connect);
        self.handle(Input::Opened { conn: self.conn() });
        assert_eq!(self.session.state(), State::Open);
    }

    fn conn(&self) -> ConnId {
        self.session.conn().expect("connected")
    }

    fn handle(&mut self, input: Input<Message>) {
        for action in self.session.handle(self.now, input) {
            self.actions += 1;
            self.outcomes += u32::from(matches!(action, Action::Outcome { .. }));
        }
    }

    fn timer(&mut self) {
        self.now = self.session.deadline().expect("a timer");
        self.handle(Input::Timer);
    }

    fn message(&mut self) {
        self.handle(Input::Message { conn: self.conn(), message: MESSAGE });
    }

    fn lose(&mut self) {
        self.handle(Input::Closed { conn: self.conn(), closed: Loss::Transport(Transport::Io).into() });
    }
}

/// After one round for the queues to grow to what they need, no further one allocates.
fn assert_no_allocation(world: &mut World, mut round: impl FnMut(&mut World)) {
    round(world);
    let before = world.actions;
    let info = measure(|| (0..ROUNDS).for_each(|_| round(world)));
    assert_eq!(info.count_total, 0, "allocations in {ROUNDS} rounds");
    assert!(world.actions > before, "nothing happened");
}

/// [P8]
#[test]
fn a_session_takes_no_heap_before_its_first_message() {
    let mut world = World::new();
    let info = measure(|| {
        world.dial();
        world.message();
        world.timer();
        world.timer();
        world.handle(Input::Pong { conn: world.conn() });
        world.lose();
        world.timer();
        world.handle(Input::NetworkChanged);
        assert!(world.session.transmit(world.now).is_none());
        world.handle(Input::close_within(SECOND));
    });
    assert_eq!((info.count_total, world.session.state()), (0, State::Closed));
}

/// [P8]
#[test]
fn making_a_session_takes_no_heap_beyond_its_config() {
    let config = Config::default();
    let info = measure(|| drop(Session::<Message, &Config>::new(&config, 1)));
    assert_eq!(info.count_total, 0);
}

/// [P8]
#[test]
fn inbound_messages_and_pongs_allocate_nothing() {
    assert_no_allocation(&mut World::open(), |world| {
        world.now = world.now.saturating_add(SECOND);
        world.message();
        world.handle(Input::Pong { conn: world.conn() });
    });
}

/// [P8]
#[test]
fn pings_and_timers_allocate_nothing() {
    assert_no_allocation(&mut World::open(), |world| {
        let pings = world.session.stats().pings;
        while world.session.stats().pings == pings {
            world.timer();
        }
        world.timer(); // degraded
        world.handle(Input::Pong { conn: world.conn() });
    });
}

/// [P8]
#[test]
fn a_message_sent_once_allocates_nothing() {
    assert_no_allocation(&mut World::open(), |world| {
        let sent = world.session.send(world.now, Outgoing::once(MESSAGE, 16).time_to_live(SECOND));
        assert!(sent.is_ok() && world.session.transmit(world.now).is_some());
        let outcomes = world.outcomes;
        world.handle(Input::Timer);
        assert_eq!(world.outcomes, outcomes + 1);
    });
}

/// [P8]
#[test]
fn a_message_that_is_acknowledged_allocates_nothing() {
    assert_no_allocation(&mut World::open(), |world| {
        let id = world.session.send(world.now, Outgoing::at_least_once(MESSAGE, 16)).expect("there is room");
        assert!(world.session.transmit(world.now).is_some());
        let acked = Action::Outcome { id, outcome: Outcome::Acked };
        assert!(world.session.handle(world.now, Input::Acked { id }).eq([acked]));
        world.actions += 1;
    });
}

/// [P8]
#[test]
fn a_reconnect_with_a_redelivery_allocates_nothing() {
    assert_no_allocation(&mut World::open(), |world| {
        let id = world.session.send(world.now, Outgoing::at_least_once(MESSAGE, 16)).expect("there is room");
        let first = world.session.transmit(world.now).expect("a message");
        world.lose();
        world.timer();
        world.handle(Input::Opened { conn: world.conn() });
        let again = world.session.transmit(world.now).expect("the message again");
        assert!(first.id == again.id && again.redelivery);
        world.handle(Input::Acked { id });
    });
}
