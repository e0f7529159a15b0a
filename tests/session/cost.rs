//! What a session costs in memory.

use allocation_counter::measure;
use heartline::heartbeat::HeartbeatConfig;
use heartline::{Config, Input, MessageId, Outgoing, Session, Settings, Timestamp};

use crate::support::*;

/// [P8]
#[test]
fn an_idle_session_is_at_most_288_bytes() {
    assert!(size_of::<Session<tungstenite::Message, &Config>>() <= 288);
}

/// A session without heap of its own, over messages without any.
struct Bare<'a> {
    session: Session<u64, &'a Config>,
    now: Timestamp,
}

impl<'a> Bare<'a> {
    fn opened(config: &'a Config) -> Self {
        let mut bare = Self { session: Session::new(config, 7), now: Timestamp::ORIGIN };
        bare.open();
        bare
    }

    fn input(&mut self, input: Input<u64>) {
        self.session.handle(self.now, input).for_each(drop);
    }

    fn open(&mut self) {
        self.now = self.now.saturating_add(seconds(2));
        self.input(Input::Connect);
        let conn = self.session.conn().expect("a dial");
        self.input(Input::Opened { conn });
    }

    fn lose(&mut self) {
        let conn = self.session.conn().expect("a connection");
        self.input(Input::closed(conn, IO));
    }

    /// The next timer, on time.
    fn timer(&mut self) {
        self.now = self.session.deadline().expect("a deadline");
        self.input(Input::Timer);
    }

    fn send(&mut self, outgoing: Outgoing<u64>) -> Option<MessageId> {
        self.session.send(self.now, outgoing).ok()
    }

    fn write(&mut self) -> Option<MessageId> {
        let id = self.session.transmit(self.now)?.id;
        self.session.sent(self.now, id);
        Some(id)
    }

    fn pull(&mut self) {
        while self.session.next_action().is_some() {}
    }
}

/// How many allocations more there are after this than before.
fn growth(act: impl FnOnce()) -> i64 {
    measure(act).count_current
}

/// [P8] [Q3]
#[test]
fn the_outbox_gives_its_heap_back_when_a_connection_ends_during_which_it_held_nothing() {
    let config = Config::new(plain()).expect("valid");
    let mut bare = Bare::opened(&config);
    let taken = growth(|| {
        bare.send(Outgoing::at_most_once(1, 8));
        bare.write();
        bare.pull();
    });
    assert!(taken > 0);
    assert_eq!(growth(|| bare.lose()), 0, "it held something");
    bare.open();
    assert_eq!(growth(|| bare.lose()), -taken);
    assert_eq!(bare.send(Outgoing::at_most_once(2, 8)), Some(id(2)), "ids go on counting");
}

/// [P8]
#[test]
fn a_connection_that_only_redelivers_holds_something() {
    let config = Config::new(plain()).expect("valid");
    let mut bare = Bare::opened(&config);
    let kept = bare.send(Outgoing::at_least_once(1, 8)).expect("accepted");
    bare.write();
    bare.lose();
    bare.open();
    bare.input(Input::Acked { id: kept });
    assert_eq!(growth(|| bare.lose()), 0);
    bare.open();
    assert!(growth(|| bare.lose()) < 0);
}

/// [P8] [X2]
#[test]
fn in_closed_the_heap_is_given_back_with_the_last_outcome() {
    let config = Config::new(plain()).expect("valid");
    for outcome_before_the_end in [true, false] {
        let mut bare = Bare::opened(&config);
        let taken = growth(|| {
            bare.send(Outgoing::at_most_once(1, 8));
            bare.write();
        });
        if outcome_before_the_end {
            bare.pull();
        }
        let end = |bare: &mut Bare| {
            let conn = bare.session.conn().expect("open");
            bare.session.handle(bare.now, Input::close_within(SECOND)).take(0).for_each(drop);
            bare.session.handle(bare.now, Input::closed(conn, IO)).take(0).for_each(drop);
        };
        let at_the_end = growth(|| end(&mut bare));
        assert_eq!(at_the_end, if outcome_before_the_end { -taken } else { 0 });
        assert_eq!(growth(|| bare.pull()) + at_the_end, -taken);
    }
}

const ROUNDS: usize = 100;

/// After one round for the queues to grow to what they need, no further one allocates.
fn assert_no_allocation(config: &Config, mut round: impl FnMut(&mut Bare)) {
    let mut bare = Bare::opened(config);
    round(&mut bare);
    let info = measure(|| (0..ROUNDS).for_each(|_| round(&mut bare)));
    assert_eq!(info.count_total, 0, "allocations in {ROUNDS} rounds");
}

fn with_heartbeat() -> Config {
    let mode = when_idle(20, 10);
    let heartbeat = HeartbeatConfig { slow_after: Some(3 * SECOND), ..watched_by(mode) };
    Config::new(Settings { heartbeat, ..plain() }).expect("valid")
}

/// [P8]
#[test]
fn a_session_takes_no_heap_before_its_first_message() {
    let config = with_heartbeat();
    let info = measure(|| {
        let mut bare = Bare::opened(&config);
        let conn = bare.session.conn().expect("open");
        assert!(bare.session.received(bare.now, conn));
        bare.timer();
        bare.timer();
        bare.input(Input::Pong { conn, token: None });
        bare.lose();
        bare.timer();
        bare.input(Input::NetworkChanged);
        assert!(bare.write().is_none());
        bare.input(Input::close_within(SECOND));
    });
    assert_eq!(info.count_total, 0);
}

/// [P8]
#[test]
fn messages_pongs_pings_and_timers_allocate_nothing() {
    assert_no_allocation(&with_heartbeat(), |bare| {
        let conn = bare.session.conn().expect("open");
        bare.now = bare.now.saturating_add(SECOND);
        bare.input(Input::Message { conn, message: 7 });
        let pings = bare.session.stats().pings;
        while bare.session.stats().pings == pings {
            bare.timer();
        }
        bare.timer(); // degraded
        bare.input(Input::Pong { conn, token: None });
    });
}

/// [P8]
#[test]
fn sending_acknowledging_and_expiring_allocate_nothing() {
    assert_no_allocation(&with_heartbeat(), |bare| {
        let conn = bare.session.conn().expect("open");
        bare.input(Input::Alive { conn });
        bare.send(Outgoing::at_most_once(1, 16).expires_in(SECOND));
        let acked = bare.send(Outgoing::at_least_once(2, 16)).expect("accepted");
        bare.send(Outgoing::at_least_once(3, 16).expires_in(SECOND));
        while bare.write().is_some() {}
        bare.input(Input::Acked { id: acked });
        bare.now = bare.now.saturating_add(2 * SECOND);
        bare.input(Input::Timer);
        bare.pull();
        assert_eq!(bare.session.held(), 0);
    });
}

/// [P8]
#[test]
fn a_reconnect_with_a_redelivery_allocates_nothing() {
    assert_no_allocation(&with_heartbeat(), |bare| {
        let id = bare.send(Outgoing::at_least_once(1, 16)).expect("accepted");
        assert_eq!(bare.write(), Some(id));
        bare.lose();
        bare.timer();
        let conn = bare.session.conn().expect("a dial");
        bare.input(Input::Opened { conn });
        assert_eq!(bare.write(), Some(id));
        bare.input(Input::Acked { id });
    });
}
