//! What connections and memberships take, and that it is given back.

use allocation_counter::measure;
use heartline::hub::{Config, Hub, Input, Settings};
use heartline::{ConnId, Timestamp};

use crate::world::{REQUEST, watched};

const MANY: u32 = 100_000;

struct Crowd {
    hub: Hub<u64, ()>,
    conns: Vec<ConnId>,
}

impl Crowd {
    fn new() -> Self {
        let settings = Settings { max_connections: MANY, max_anonymous: MANY, ..watched() };
        Self {
            hub: Hub::new(Config::new(settings).expect("a valid config"), 7),
            conns: Vec::with_capacity(MANY as usize),
        }
    }

    fn input(&mut self, input: Input<u64, ()>) {
        self.hub.handle(Timestamp::ORIGIN, input).for_each(drop);
    }

    /// Users with names in no order, all of whom are reported to be online.
    fn come(&mut self, many: u32) {
        for nth in 0..many {
            let conn = self.hub.admit(Timestamp::ORIGIN, &REQUEST).expect("admitted").conn;
            let user = u64::from(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.input(Input::Login { conn, user, until: None });
            self.conns.push(conn);
        }
    }

    /// Everybody joins one of so many rooms.
    fn join(&mut self, rooms: usize) {
        for nth in 0..self.conns.len() {
            let room = (nth % rooms).to_string().into();
            self.input(Input::Join { conn: self.conns[nth], room });
        }
        assert_eq!(self.hub.rooms(), rooms);
    }

    fn go(&mut self) {
        for nth in 0..self.conns.len() {
            self.input(Input::Closed { conn: self.conns[nth] });
        }
        assert_eq!(self.hub.connections(), 0);
    }
}

/// The bytes that `act` leaves behind, for each connection.
fn bytes_each(act: impl FnOnce()) -> i64 {
    measure(act).bytes_current / i64::from(MANY)
}

/// Everything included: the table, who is online and is reported to be, the timers, the buckets, the heartbeats.
///
/// [P3] [U1] [U19]
#[test]
fn a_connection_takes_185_bytes_a_membership_no_more_than_64_and_all_is_given_back() {
    let mut crowd = Crowd::new();
    let life = measure(|| {
        let each = bytes_each(|| crowd.come(MANY));
        assert!(each <= 185, "{each}");
        assert!(bytes_each(|| crowd.join(1)) <= 64, "one room of all");
        assert!(bytes_each(|| crowd.join(10_000)) <= 64, "rooms of ten, their names included");
        crowd.go();
    });
    assert!(life.bytes_current < 4096, "{life:?}");
}

/// Rooms, timers and what a shutdown keeps of those whose turn is to come.
///
/// [P3] [U12]
#[test]
fn what_a_shutdown_takes_is_given_back_with_its_last_connection() {
    let mut crowd = Crowd::new();
    let second = core::time::Duration::from_secs(1);
    let life = measure(|| {
        crowd.come(MANY / 5);
        let shutdown = Input::Shutdown { within: 20 * second, pace: 10 * second, spread: second };
        crowd.input(shutdown);
        for nth in 1..=10 {
            crowd.hub.handle(Timestamp::after(nth * second), Input::Timer).for_each(drop);
        }
        crowd.go();
    });
    assert!(life.bytes_current < 4096, "{life:?}");
}
