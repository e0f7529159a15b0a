use heartline::{Action, Cause, Event, Input, Instant, Loss, Pulse, Rhythm, Settings, State, Transport};

use crate::change;
use crate::support::*;

pub const IO: Loss = Loss::Transport(Transport::Io);
pub const DEGRADED: Action<Message> = Action::Event(Event::Degraded);
pub const RECOVERED: Action<Message> = Action::Event(Event::Recovered);

pub fn slept(late_ms: u32) -> Action<Message> {
    Action::Event(Event::Slept { late_ms })
}

/// Open since the origin, with this rhythm.
pub fn beating(rhythm: Rhythm) -> World {
    World::opened(Settings { heartbeat: pulse(rhythm), ..plain() })
}

pub fn beating_slow_after(rhythm: Rhythm, slow_after: u64) -> World {
    let heartbeat = Pulse { slow_after: Some(seconds(slow_after)), ..pulse(rhythm) };
    World::opened(Settings { heartbeat, ..plain() })
}

pub fn steady(interval: u64, timeout: Option<u64>) -> Rhythm {
    Rhythm::Steady { interval: seconds(interval), timeout: timeout.map(seconds) }
}

/// Pings at 5 s, dies at 10 s.
pub fn idle() -> Rhythm {
    when_idle(seconds(5), seconds(5))
}

pub fn ping(raw: u64) -> Action<Message> {
    Action::Ping { conn: conn(raw) }
}

/// When the pings were sent, in milliseconds.
pub fn pings(said: &[(Instant, Action<Message>)]) -> Vec<u64> {
    let pings = said.iter().filter(|(_, action)| matches!(action, Action::Ping { .. }));
    pings.map(|(now, _)| now.as_nanos() / 1_000_000).collect()
}

/// What death by silence on connection 1 says, retried after a second.
pub fn death(millis: u64) -> Vec<(Instant, Action<Message>)> {
    let (now, cause) = (at(millis), Cause::Lost(Loss::HeartbeatTimeout));
    vec![
        (now, Action::Abort { conn: conn(1) }),
        (now, change(State::Open, State::Waiting, cause)),
        (now, Action::ScheduleReconnect { attempt: 1, at: at(millis + 1000), cause }),
    ]
}

/// [H1]
#[test]
fn a_message_or_a_pong_is_proof_of_life_without_a_ping_before_it() {
    let mut world = beating(idle());
    world.run(seconds(4));
    world.message("tick");
    assert_eq!(world.run(millis(4_999)), []);
    world.pong();
    assert_eq!(pings(&world.run(seconds(5))), [13_999]);
}

/// [H1]
#[test]
fn a_message_answers_a_ping() {
    let mut world = beating(idle());
    assert_eq!(pings(&world.run(seconds(8))), [5_000]);
    world.message("not a pong");
    assert_eq!(pings(&world.run(seconds(9))), [13_000], "alive at 8 s");
}

/// [H1] [H4]
#[test]
fn sending_is_no_proof_of_life() {
    let mut world = beating(idle());
    for _ in 0..9 {
        world.run(SECOND);
        world.once("tick");
        world.transmit_all();
        world.input(Input::Timer);
    }
    assert_eq!(pings(&world.said), [5_000]);
    assert_eq!(world.run(seconds(1)), death(10_000));
}

/// [H1] [C7]
#[test]
fn a_sign_of_life_that_is_no_message_saves_the_link_and_is_not_delivered() {
    let mut world = beating(idle());
    world.run(seconds(9));
    assert_eq!(world.input(Input::Alive { conn: conn(1) }), []);
    assert_eq!(pings(&world.run(seconds(5))), [14_000]);
    assert_eq!(world.session.rtt(), None, "no ping was answered by it");
}

/// [H2]
#[test]
fn an_idle_link_is_pinged_exactly_interval_after_the_last_life() {
    let mut world = beating(idle());
    world.now = at(3_217);
    world.message("tick");
    world.now = Instant::from_nanos(at(8_217).as_nanos() - 1);
    assert_eq!(world.input(Input::Timer), []);
    world.now = at(8_217);
    assert_eq!(world.input(Input::Timer), [ping(1)]);
}

/// [H2]
#[test]
fn a_steady_rhythm_pings_at_ready_and_every_interval_whatever_arrives() {
    let mut world = beating(steady(5, Some(5)));
    for _ in 0..30 {
        world.message("broadcast");
        world.run(millis(500));
    }
    assert_eq!(pings(&world.said), [0, 5_000, 10_000, 15_000]);
}

/// [H2]
#[test]
fn a_steady_rhythm_without_timeout_expects_no_answer() {
    let mut world = beating(steady(5, None));
    assert_eq!(pings(&world.run(seconds(3600))).len(), 720);
    assert_eq!(world.state(), State::Open);
}

/// [H2] [P7]
#[test]
fn a_ping_answered_early_is_followed_by_the_next_on_time_even_if_the_timeout_is_longer() {
    let mut world = beating(when_idle(seconds(2), seconds(20)));
    world.run(millis(2_001));
    let due = world.session.deadline();
    world.pong();
    assert_eq!(world.session.deadline(), due, "an answer does not move the deadline either");
    assert_eq!(pings(&world.run(seconds(2))), [4_001]);
}

/// [H3] [H4]
#[test]
fn no_ping_is_sent_while_an_answer_is_outstanding() {
    let mut world = beating(when_idle(seconds(2), seconds(20)));
    assert_eq!(pings(&world.run(seconds(21))), [2_000]);
    assert_eq!(world.input(Input::NetworkChanged), []);
    assert_eq!(world.run(seconds(1)), death(22_000));
}

/// [H4] [R1]
#[test]
fn silence_after_a_ping_is_death_and_schedules_the_retry_in_the_same_step() {
    let mut world = beating(idle());
    world.run(millis(9_999));
    assert_eq!(pings(&world.said), [5_000]);
    assert_eq!(world.run(millis(1)), death(10_000));
    assert_eq!(world.session.stats().lost_to_heartbeat, 1);
    assert_eq!(world.run(SECOND)[0], (at(11_000), Action::Connect { conn: conn(2), attempt: 1 }));
}

/// [H4]
#[test]
fn a_steady_rhythm_with_timeout_gives_up_on_silence() {
    let mut world = beating(steady(5, Some(2)));
    world.run(SECOND);
    world.message("alive");
    assert_eq!(world.run(seconds(6))[1..], death(7_000)[..]);
    let mut world = beating(steady(5, Some(5)));
    assert_eq!(world.run(seconds(5)), death(5_000), "at the very moment of the next ping there is none");
}

/// [H5]
#[test]
fn listening_never_pings_and_silence_for_the_window_is_death() {
    let mut world = beating(Rhythm::Listen { window: seconds(7) });
    world.run(seconds(6));
    world.message("tick");
    assert_eq!(world.input(Input::NetworkChanged), []);
    assert_eq!(world.run(millis(6_999)), []);
    assert_eq!(world.run(millis(1)), death(13_000));
    assert_eq!(world.session.stats().pings, 0);
}
