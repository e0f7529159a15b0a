//! How soon, and how often: delays that vanish, and crowds that stay together.

use std::collections::HashMap;

use heartline::{Backoff, Closed, Config, Input, Instant, Jitter, Loss, Session, Settings, State, Transport};

use crate::support::{SECOND, World, at, conn, millis, plain, seconds};
use crate::{dials, schedules};

/// Doubling from one second, without jitter.
fn doubling() -> Settings {
    Settings { backoff: Backoff::exponential(SECOND, seconds(60), Jitter::None), ..plain() }
}

/// Lets time pass up to the next timer, and calls it.
fn next_timer(world: &mut World) {
    world.now = world.session.deadline().expect("a deadline");
    world.input(Input::Timer);
}

/// **7.** A server that accepts every connection and closes it at once, overloaded or misconfigured, set the
/// count of attempts back each time: its clients came at full speed for ever (websocket-heartbeat-js #8, phoenix.js).
///
/// [R3]
#[test]
fn a_server_that_accepts_and_closes_meets_a_growing_delay() {
    let mut world = World::opened(doubling());
    for (attempt, delay) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        world.run(millis(100));
        let lost = world.lose(Loss::Close(1011));
        let due = world.now.saturating_add(seconds(delay));
        assert_eq!(schedules(&lost).iter().map(|(nth, at, _)| (*nth, *at)).collect::<Vec<_>>(), [(attempt, due)]);
        next_timer(&mut world);
        world.open();
    }
    world.run(seconds(5));
    world.lose(Loss::Close(1011));
    assert_eq!(world.session.next_dial(), Some((1, world.now.saturating_add(SECOND))), "a stable connection counts");
}

/// **8.** With no delay configured, or none left after an error, the client dialled in a loop as fast as the
/// machine allowed (rumqtt #918 and #703, ezsockets #104).
///
/// [R2]
#[test]
fn a_backoff_of_zero_still_leaves_a_gap_between_dials() {
    let backoff = Backoff::constant(seconds(0));
    let mut world = World::new(Settings { backoff, min_dial_gap: millis(250), ..plain() });
    world.input(Input::Connect);
    for _ in 0..20 {
        world.lose(Loss::Transport(Transport::Connect));
        next_timer(&mut world);
    }
    assert!(dials(&world).windows(2).all(|pair| pair[1].saturating_since(pair[0]) >= millis(250)));
}

/// **8.** The loop can run through the application too: told that the dial was refused, it asks for the next
/// one at once.
///
/// [R2] [R6]
#[test]
fn a_caller_who_asks_again_and_again_gets_no_loop_of_dials() {
    let mut world = World::new(Settings { min_dial_gap: millis(250), ..plain() });
    while world.now < at(2000) {
        world.input(Input::Connect);
        if world.state() == State::Connecting {
            world.lose(Loss::Status(401));
        }
        world.run(millis(10));
    }
    assert!(dials(&world).len() <= 9, "{} dials in two seconds", dials(&world).len());
    assert!(dials(&world).windows(2).all(|pair| pair[1].saturating_since(pair[0]) >= millis(250)));
}

/// A thousand sessions lose their connections at the same moment and are refused again and again: how long after
/// its latest loss each of them makes its retry number `attempt`.
fn crowd(attempt: usize) -> Vec<Instant> {
    let config = Config::new(Settings { heartbeat: plain().heartbeat, ..Settings::default() }).unwrap();
    let dial = |seed| {
        let session = Session::new(config.clone(), seed);
        let mut world = World { session, now: Instant::ORIGIN, said: Vec::new() };
        let mut lost = world.now;
        world.open();
        world.run(seconds(60));
        for _ in 0..attempt {
            lost = world.now;
            world.lose(Loss::Transport(Transport::Io));
            next_timer(&mut world);
        }
        world.now.saturating_since(lost)
    };
    (0..1000).map(|seed| Instant::after(dial(seed))).collect()
}

/// The most dials that fall into one tenth of a second.
fn peak(dials: &[Instant]) -> usize {
    let mut tenths: HashMap<u64, usize> = HashMap::new();
    for dial in dials {
        *tenths.entry(dial.as_nanos() / 100_000_000).or_default() += 1;
    }
    tenths.into_values().max().unwrap_or(0)
}

/// **13.** A server restarts, and all its clients come back in the same instant: it falls over again
/// (phoenix #4045, nats.go #563).
///
/// [R2] [P2]
#[test]
fn a_crowd_that_was_cut_off_together_does_not_come_back_together() {
    // Spread over 5 s, a tenth of a second gets 20 of 1,000 on average.
    assert!(peak(&crowd(1)) <= 50, "{} at once", peak(&crowd(1)));
}

/// **13.** The same where jitter comes first and the cap after it: at the end of a long outage everybody waits for
/// exactly the longest delay.
///
/// [R2]
#[test]
fn a_long_outage_does_not_line_the_crowd_up_at_the_longest_delay() {
    // Spread over 30 s, a tenth of a second gets 3 or 4 of 1,000 on average.
    assert!(peak(&crowd(8)) <= 30, "{} at once", peak(&crowd(8)));
}

fn refused(status: u16, retry_after: Option<u64>) -> Closed {
    Closed { loss: Loss::Status(status), retry_after: retry_after.map(seconds) }
}

/// **16.** The server answered 429 or 503 and said for how long to stay away; clients went on at their own pace.
///
/// [R4]
#[test]
fn a_server_that_says_when_to_come_back_is_obeyed() {
    for (status, asked, due) in [(429, 60, 61), (503, 120, 121), (503, 1_000_000, 301)] {
        let mut world = World::new(plain());
        world.input(Input::Connect);
        world.lose(refused(status, Some(asked)));
        world.run(seconds(400));
        assert_eq!(dials(&world)[..2], [at(0), at(due * 1000)], "{status} and {asked} s");
    }
}

/// **16.** A 429 that names no time was retried like any failure.
///
/// [R4]
#[test]
fn too_many_requests_without_a_time_is_a_longer_delay_than_a_failure() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.lose(refused(429, None));
    world.run(seconds(10));
    assert_eq!(dials(&world), [at(0), at(6000)]);
}

/// **16.** A phone that changes networks every few seconds made a dial of each change, whatever the server had
/// asked for.
///
/// [R7] [R4]
#[test]
fn a_changed_network_does_not_overrule_what_the_server_asked_for() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.lose(refused(429, Some(60)));
    world.run(seconds(30));
    world.input(Input::NetworkChanged);
    assert_eq!(world.session.next_dial(), Some((1, at(60_000))), "the delay on top is dropped, the wish is not");
    world.run(seconds(30));
    assert_eq!((dials(&world), world.session.conn()), (vec![at(0), at(60_000)], Some(conn(2))));
}
