use heartline::{
    Action, Backoff, Cause, CloseCode, Config, Event, Input, Instant, Jitter, Loss, Outcome, Outgoing, Rhythm, Session,
    Settings, State, Transport, Unsent, Why,
};

use crate::purity::in_state;
use crate::support::*;
use crate::{change, unheard};

const IO: Loss = Loss::Transport(Transport::Io);

/// [P5]
#[test]
fn a_late_pong_before_the_timer_saves_the_link() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(5), seconds(5))), ..plain() });
    world.run(seconds(5));
    world.sleep(seconds(7));
    world.pong();
    assert_eq!(world.input(Input::Timer), []);
    assert_eq!(world.state(), State::Open);
    assert_eq!(world.session.deadline(), Some(at(17_000)));
}

/// [P5]
#[test]
fn no_input_but_the_timer_judges_a_deadline() {
    let mut world = World::new(plain());
    world.input(Input::Connect);
    world.sleep(seconds(11));
    assert_eq!(world.input(Input::NetworkChanged), []);
    assert_eq!(world.input(Input::Acked { id: id(1) }), []);
    world.open();
    assert_eq!(world.state(), State::Open, "opened late, but in time");
}

/// [P5] [Q6]
#[test]
fn a_time_to_live_is_judged_by_transmit_as_well() {
    let mut world = World::opened(plain());
    world.send(Outgoing::once("a".into(), 1).time_to_live(SECOND)).expect("accepted");
    world.sleep(SECOND);
    assert_eq!(world.transmit(), None);
    let outcome = Outcome::Returned(Why::Expired, "a".into());
    assert_eq!(world.input(Input::Timer), [Action::Outcome { id: id(1), outcome }]);
}

/// [P6] [H4]
#[test]
fn abort_comes_before_events_before_the_schedule_before_outcomes() {
    let mut world = World::new(Settings { greeting_timeout: Some(SECOND), ..plain() });
    world.open();
    world.send(Outgoing::connection("login".into(), 5)).expect("accepted");
    world.sleep(SECOND);
    let cause = Cause::Lost(Loss::GreetingTimeout);
    let expected = [
        Action::Abort { conn: conn(1) },
        change(State::Greeting, State::Waiting, cause),
        Action::ScheduleReconnect { attempt: 1, at: at(2000), cause },
        Action::Outcome { id: id(1), outcome: Outcome::Returned(Why::ConnectionOver, "login".into()) },
    ];
    assert_eq!(world.input(Input::Timer), expected);
}

/// [P6]
#[test]
fn aborts_come_before_the_dial_before_its_event() {
    let mut world = World::opened(plain());
    world.close(SECOND);
    world.sleep(SECOND);
    let expected = [
        Action::Abort { conn: conn(1) },
        Action::Connect { conn: conn(2), attempt: 0 },
        change(State::Closing, State::Connecting, Cause::Requested),
    ];
    assert_eq!(world.input(Input::Connect), expected);
}

/// [P6]
#[test]
fn what_was_not_pulled_comes_next_behind_nothing_but_the_message() {
    let rhythm = Rhythm::Steady { interval: seconds(5), timeout: None };
    let mut world = World::new(Settings { heartbeat: pulse(rhythm), ..plain() });
    world.input(Input::Connect);
    unheard(&mut world, Input::Opened { conn: conn(1) });
    unheard(&mut world, Input::close_within(SECOND));
    let expected = [
        Action::Deliver("hello".into()),
        Action::Close { conn: conn(1), code: CloseCode::NORMAL },
        change(State::Connecting, State::Open, Cause::Opened),
        change(State::Open, State::Closing, Cause::Requested),
    ];
    assert_eq!(world.message("hello"), expected, "and the ping is withdrawn with the state it belonged to");
}

/// [P6]
#[test]
fn an_action_pulled_once_is_not_told_again() {
    let rhythm = Rhythm::Steady { interval: seconds(5), timeout: None };
    let mut world = World::new(Settings { heartbeat: pulse(rhythm), ..plain() });
    world.input(Input::Connect);
    let first = world.session.handle(world.now, Input::Opened { conn: conn(1) }).next();
    assert_eq!(first, Some(Action::Ping { conn: conn(1) }));
    assert_eq!(world.input(Input::Timer), [change(State::Connecting, State::Open, Cause::Opened)]);
    assert_eq!(world.input(Input::Timer), []);
}

/// [P6] [O2]
#[test]
fn a_message_that_is_not_pulled_is_gone_and_counted() {
    let mut world = World::opened(plain());
    unheard(&mut world, Input::Message { conn: conn(1), message: "a".into() });
    assert_eq!(world.session.stats().undelivered, 1);
    assert_eq!(world.message("b"), [Action::Deliver("b".into())]);
    assert_eq!(world.session.stats().undelivered, 1);
}

/// [P6]
#[test]
fn a_step_has_at_most_eight_actions() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(5), seconds(5))), ..plain() });
    world.close(SECOND);
    // Nothing of all this is pulled: an abort of connection 1, one of it again, a dial, its opening, a close.
    unheard(world.sleep(SECOND), Input::Connect);
    world.session.handle(world.now, Input::Timer).take(2).for_each(drop);
    unheard(&mut world, Input::Opened { conn: conn(2) });
    unheard(&mut world, Input::Opened { conn: conn(1) });
    unheard(world.sleep(seconds(5)), Input::Timer);
    unheard(&mut world, Input::close_within(SECOND));
    let actions = world.message("a");
    let expected = [
        Action::Deliver("a".into()),
        Action::Abort { conn: conn(1) },
        Action::Close { conn: conn(2), code: CloseCode::NORMAL },
        change(State::Closing, State::Connecting, Cause::Requested),
        change(State::Connecting, State::Open, Cause::Opened),
        change(State::Open, State::Closing, Cause::Requested),
    ];
    assert_eq!(actions, expected);
    assert!(actions.len() <= 8);
}

/// [P7] [H2]
#[test]
fn messages_do_not_move_the_deadline_and_the_timer_moves_it_once_per_interval() {
    let mut world = World::opened(Settings { heartbeat: pulse(when_idle(seconds(5), seconds(3))), ..plain() });
    let mut moved = 0;
    for _ in 0..60 {
        world.run(millis(500));
        let before = world.session.deadline();
        world.message("tick");
        assert_eq!(world.session.deadline(), before);
        moved = world.said.iter().filter(|(_, action)| matches!(action, Action::Ping { .. })).count();
    }
    assert_eq!(moved, 0, "a busy link is not pinged");
    let mut wakes = Vec::new();
    for _ in 0..60 {
        wakes.extend(world.session.deadline());
        world.run(millis(500));
        world.message("tick");
    }
    wakes.dedup();
    let gaps = wakes.windows(2).map(|pair| pair[1].saturating_since(pair[0]));
    assert!(gaps.min() >= Some(millis(4_500)), "less than the interval since the message before: {wakes:?}");
}

/// [P7]
#[test]
fn after_a_timer_the_deadline_is_in_the_future_or_none() {
    for state in State::ALL {
        let mut world = in_state(state);
        world.sleep(seconds(3600));
        world.input(Input::Timer);
        assert!(world.session.deadline().is_none_or(|due| due > world.now), "{state}");
    }
}

/// [P7] [Q7]
#[test]
fn while_anything_is_owed_or_pulled_the_deadline_is_now() {
    let mut world = World::new(plain());
    unheard(world.sleep(SECOND), Input::Connect);
    assert_eq!(world.session.deadline(), Some(at(1000)));
    world.input(Input::Timer);
    world.open();
    assert_eq!(world.session.deadline(), None);
    world.once("a");
    assert_eq!(world.session.deadline(), None);
    let transmit = world.transmit().expect("a");
    assert_eq!(world.session.deadline(), Some(at(1000)), "pulled");
    world.session.unsent(world.now, transmit, Unsent::Full);
    assert_eq!(world.session.deadline(), None, "put back");
    world.transmit_all();
    assert_eq!(world.session.deadline(), Some(at(1000)), "an outcome");
}

/// [P8]
#[test]
fn a_session_takes_heap_with_its_first_message_and_then_no_more() {
    let config = Config::new(Settings { backoff: Backoff::exponential(SECOND, SECOND, Jitter::Full), ..plain() });
    let config = config.expect("valid");
    let mut session: Session<u64, &Config> = Session::new(&config, 7);
    let mut now = Instant::ORIGIN;
    let mut live = |messages: u64| {
        for message in 0..messages {
            now = now.saturating_add(seconds(2));
            session.handle(now, Input::Connect).for_each(drop);
            let conn = session.conn().expect("a dial");
            session.handle(now, Input::Opened { conn }).for_each(drop);
            session.handle(now, Input::Message { conn, message }).for_each(drop);
            if message % 2 == 1 {
                let id = session.send(now, Outgoing::at_least_once(message, 8)).expect("accepted");
                while session.transmit(now).is_some() {}
                session.handle(now, Input::Acked { id }).for_each(drop);
            }
            session.handle(now, Input::Closed { conn, closed: IO.into() }).for_each(drop);
            session.handle(now.saturating_add(SECOND), Input::Timer).for_each(drop);
        }
    };
    let allocations = |info: allocation_counter::AllocationInfo| info.count_total;
    assert_eq!(allocations(allocation_counter::measure(|| live(1))), 0, "before the first message");
    assert_ne!(allocations(allocation_counter::measure(|| live(2))), 0, "with the first message");
    assert_eq!(allocations(allocation_counter::measure(|| live(1000))), 0, "ever after");
}

/// [P8]
#[test]
fn a_session_is_at_most_256_bytes_of_safe_code_without_std() {
    assert!(size_of::<Session<String, &Config>>() <= 256);
    let library = include_str!("../../src/lib.rs");
    assert!(library.contains("#![no_std]\n#![forbid(unsafe_code)]\n"));
}

/// [P6] [C1]
#[test]
fn a_dial_that_was_never_told_is_withdrawn_without_an_abort() {
    let mut world = World::new(plain());
    unheard(&mut world, Input::Connect);
    unheard(world.sleep(seconds(10)), Input::Timer);
    assert_eq!(world.state(), State::Waiting);
    let actions = world.input(Input::Timer);
    assert!(
        actions.iter().all(|action| matches!(
            action,
            Action::Event(Event::StateChanged { .. }) | Action::ScheduleReconnect { .. }
        )),
        "{actions:?}"
    );
}
