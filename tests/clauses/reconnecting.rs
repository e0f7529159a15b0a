use std::time::Duration;

use heartline::{Action, Backoff, Cause, Input, Instant, Jitter, Loss, Settings, State, Transport};

use crate::support::*;
use crate::{change, is_dial};

pub const IO: Loss = Loss::Transport(Transport::Io);

/// Waiting for the retry at 1 s, the connection of the origin lost.
pub fn waiting() -> World {
    let mut world = World::opened(plain());
    world.lose(IO);
    world
}

/// When dials were told, in milliseconds.
pub fn dials(said: &[(Instant, Action<Message>)]) -> Vec<u64> {
    said.iter().filter(|(_, action)| is_dial(action)).map(|(now, _)| now.as_nanos() / 1_000_000).collect()
}

/// Loses the dial or connection and waits for the next dial: the number of that attempt.
pub fn lose_and_dial(world: &mut World) -> u32 {
    world.lose(IO);
    let (attempt, at) = world.session.next_dial().expect("a retry");
    world.run(at.saturating_since(world.now));
    assert_eq!(world.state(), State::Connecting);
    attempt
}

/// [R1] [O1]
#[test]
fn one_loss_schedules_one_retry_again_and_again() {
    let mut world = World::opened(plain());
    for round in 1..=20 {
        let retry =
            Action::ScheduleReconnect { attempt: round, at: world.now.saturating_add(SECOND), cause: Cause::Lost(IO) };
        let lost = [change(State::Open, State::Waiting, Cause::Lost(IO)), retry];
        assert_eq!(world.lose(IO), lost);
        let dial = [
            Action::Connect { conn: conn(u64::from(round) + 1), attempt: round },
            change(State::Waiting, State::Connecting, Cause::RetryDue),
        ];
        assert_eq!(world.run(SECOND).into_iter().map(|(_, action)| action).collect::<Vec<_>>(), dial);
        world.open();
    }
}

/// [R1]
#[test]
fn a_retry_is_scheduled_after_every_way_to_lose() {
    let losses = [Loss::Close(1006), Loss::Status(503), IO, Loss::Transport(Transport::Resolve)];
    for loss in losses {
        for open in [false, true] {
            let mut world = World::new(plain());
            world.input(Input::Connect);
            if open {
                world.open();
            }
            world.lose(loss);
            assert_eq!(world.session.next_dial(), Some((1, at(1_000))), "{loss:?}");
        }
    }
}

/// [R2]
#[test]
fn by_default_delays_are_uniform_in_five_seconds_then_double_up_to_thirty() {
    let mut most = [0; 6];
    let mut least = [u64::MAX; 6];
    for seed in 0..400 {
        let settings = Settings { backoff: Backoff::default(), min_dial_gap: millis(1), ..plain() };
        let config = heartline::Config::new(settings).expect("valid");
        let mut world = World { session: heartline::Session::new(config, seed), now: at(0), said: vec![] };
        world.input(Input::Connect);
        for attempt in 0..most.len() {
            world.sleep(millis(1));
            let lost = world.now;
            lose_and_dial(&mut world);
            let delay = world.now.saturating_since(lost).as_millis() as u64;
            most[attempt] = most[attempt].max(delay);
            least[attempt] = least[attempt].min(delay);
        }
    }
    for (attempt, ceiling) in [5_000, 10_000, 20_000, 30_000, 30_000, 30_000].into_iter().enumerate() {
        assert!(most[attempt] <= ceiling && most[attempt] > ceiling * 97 / 100, "{attempt}: {most:?}");
        assert!(least[attempt] < ceiling * 3 / 100, "{attempt}: {least:?}");
    }
}

/// [R2]
#[test]
fn an_exponential_backoff_without_jitter_doubles_up_to_its_cap_and_a_constant_one_never() {
    let exponential = Backoff::exponential(SECOND, seconds(6), Jitter::None);
    for (backoff, delays) in [(exponential, [1, 2, 4, 6, 6]), (Backoff::constant(seconds(3)), [3; 5])] {
        let mut world = World::new(Settings { backoff, ..plain() });
        world.input(Input::Connect);
        for delay in delays {
            let lost = world.now;
            lose_and_dial(&mut world);
            assert_eq!(world.now.saturating_since(lost), seconds(delay));
        }
    }
}

/// [R2]
#[test]
fn every_jitter_stays_in_its_range_and_spreads_below_the_cap() {
    let range = |backoff: &Backoff, attempt, previous| {
        [0, u64::MAX].map(|random| backoff.delay(attempt, seconds(previous), random).as_secs_f64())
    };
    let with = |jitter| Backoff { base: seconds(2), min: SECOND, max: seconds(10), jitter };
    assert_eq!(range(&with(Jitter::None), 2, 0), [4.0, 4.0]);
    assert_eq!(range(&with(Jitter::Equal), 2, 0), [2.0, 4.0]);
    assert_eq!(range(&with(Jitter::Full), 2, 0), [1.0, 4.0]);
    assert_eq!(range(&with(Jitter::Decorrelated), 2, 3), [2.0, 9.0]);
    for attempt in [5, 64, 65, u32::MAX] {
        assert_eq!(range(&with(Jitter::None), attempt, 10), [10.0, 10.0]);
        assert_eq!(range(&with(Jitter::Equal), attempt, 10), [5.0, 10.0]);
        assert_eq!(range(&with(Jitter::Full), attempt, 10), [1.0, 10.0]);
        assert_eq!(range(&with(Jitter::Decorrelated), attempt, 10), [2.0, 10.0]);
    }
}

/// [R2]
#[test]
fn decorrelated_jitter_grows_with_the_delay_before() {
    let backoff = Backoff::exponential(SECOND, seconds(60), Jitter::Decorrelated);
    let config = heartline::Config::new(Settings { backoff, ..plain() }).expect("valid");
    let mut most = [0; 4];
    for seed in 0..400 {
        let session = heartline::Session::new(config.clone(), seed);
        let mut world = World { session, now: at(0), said: vec![] };
        world.input(Input::Connect);
        for most in &mut most {
            let lost = world.now;
            lose_and_dial(&mut world);
            *most = world.now.saturating_since(lost).as_secs().max(*most);
        }
    }
    let ceilings = [2..=3, 5..=9, 14..=27, 30..=60];
    assert!(most.iter().zip(&ceilings).all(|(most, ceiling)| ceiling.contains(most)), "{most:?}");
}

/// [R2]
#[test]
fn no_two_dials_are_closer_than_the_gap() {
    let backoff = Backoff::constant(Duration::ZERO);
    let mut world = World::new(Settings { backoff, min_dial_gap: seconds(2), ..plain() });
    world.input(Input::Connect);
    for _ in 0..5 {
        world.lose(IO);
        world.input(Input::Connect);
        world.input(Input::NetworkChanged);
        world.run(seconds(2));
    }
    world.close(SECOND);
    world.input(Input::Connect);
    world.run(seconds(2));
    assert_eq!(dials(&world.said), [0, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000]);
}

/// [R3]
#[test]
fn the_count_begins_anew_only_after_a_stable_connection() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    assert_eq!(lose_and_dial(&mut world), 1);
    world.open();
    world.run(millis(4_999));
    assert_eq!(lose_and_dial(&mut world), 2, "ready for too short");
    world.open();
    world.run(seconds(5));
    assert_eq!(lose_and_dial(&mut world), 1, "ready for stable_after");
}

/// [R3]
#[test]
fn greeting_is_not_being_ready() {
    let greeting_timeout = Some(seconds(60));
    let mut world = World::opened(Settings { greeting_timeout, ..plain() });
    assert_eq!(lose_and_dial(&mut world), 1);
    world.open();
    world.run(seconds(30));
    assert_eq!(lose_and_dial(&mut world), 2);
}

/// [R3] [X2]
#[test]
fn connect_begins_the_count_anew_from_idle_closed_and_closing_alone() {
    for end in [State::Idle, State::Closed, State::Closing] {
        let mut world = World::opened(plain());
        lose_and_dial(&mut world);
        assert_eq!(lose_and_dial(&mut world), 2);
        world.open();
        if end == State::Idle {
            world.lose(Loss::Close(1008));
        } else {
            world.close(SECOND);
        }
        if end == State::Closed {
            world.lose(Loss::Close(1000));
        }
        assert_eq!(world.state(), end);
        world.sleep(SECOND);
        let actions = world.input(Input::Connect);
        assert!(actions.contains(&Action::Connect { conn: conn(4), attempt: 0 }), "{end}: {actions:?}");
        assert_eq!(lose_and_dial(&mut world), 1);
    }
    let mut world = waiting();
    world.sleep(millis(500));
    world.input(Input::Connect);
    assert_eq!(lose_and_dial(&mut world), 2, "hurrying a retry makes no new beginning");
}
