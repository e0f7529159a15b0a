use heartline::{Action, Cause, Event, Input, Instant, Loss, Outgoing, Rhythm, RoundTrip, Settings, State};

use crate::heartbeat::{DEGRADED, IO, RECOVERED, beating, beating_slow_after, death, idle, ping, pings, slept, steady};
use crate::support::*;

/// [H6]
#[test]
fn a_verdict_within_the_tolerance_stands_and_one_later_is_put_off() {
    for (late, stands) in [(SECOND, true), (SECOND + std::time::Duration::from_nanos(1), false)] {
        let mut world = beating(idle());
        world.run(seconds(5));
        world.sleep(seconds(5) + late);
        let actions = world.input(Input::Timer);
        let expected = if stands { State::Waiting } else { State::Open };
        assert_eq!(world.state(), expected, "{actions:?}");
    }
}

/// [H6]
#[test]
fn after_a_sleep_the_link_is_probed_once_and_the_next_timeout_is_death_however_late() {
    let mut world = beating(idle());
    world.run(seconds(5));
    world.now = at(100_000);
    assert_eq!(world.input(Input::Timer), [ping(1), slept(90_000)]);
    assert_eq!(world.session.deadline(), Some(at(105_000)));
    world.now = at(200_000);
    let told: Vec<_> = death(200_000).into_iter().map(|(_, action)| action).collect();
    assert_eq!(world.input(Input::Timer), told);
}

/// [H6]
#[test]
fn life_after_a_sleep_earns_the_next_grace() {
    let mut world = beating(idle());
    world.run(seconds(5));
    for _ in 0..3 {
        world.sleep(seconds(100));
        assert!(matches!(world.input(Input::Timer)[..], [Action::Ping { .. }, Action::Event(Event::Slept { .. })]));
        world.pong();
        assert_eq!(pings(&world.run(seconds(5))).len(), 1);
    }
}

/// [H6]
#[test]
fn listening_gets_one_more_window_after_a_sleep() {
    let mut world = beating(Rhythm::Listen { window: seconds(7) });
    world.now = at(60_000);
    assert_eq!(world.input(Input::Timer), [slept(53_000)]);
    assert_eq!(world.run(millis(6_999)), []);
    assert_eq!(world.run(millis(1)), death(67_000));
}

/// [H6]
#[test]
fn a_steady_rhythm_probes_after_a_sleep_and_catches_up_with_nothing() {
    let mut world = beating(steady(5, Some(5)));
    world.now = at(3_600_000);
    assert_eq!(world.input(Input::Timer), [ping(1), slept(3_595_000)]);
    world.pong();
    assert_eq!(pings(&world.run(seconds(5))), [3_605_000]);
    let mut world = beating(steady(5, None));
    world.now = at(3_600_000);
    assert_eq!(world.input(Input::Timer), [ping(1)]);
    assert_eq!(world.input(Input::Timer), []);
    assert_eq!(pings(&world.run(seconds(5))), [3_605_000]);
}

/// [H6]
#[test]
fn other_deadlines_get_no_grace_for_a_sleep() {
    let mut world = World::opened(Settings { greeting_timeout: Some(SECOND), ..plain() });
    world.now = at(3_600_000);
    world.input(Input::Timer);
    assert_eq!(world.session.cause(), Cause::Lost(Loss::GreetingTimeout));
    world.now = at(7_200_000);
    world.input(Input::Timer);
    assert_eq!(world.state(), State::Connecting);
    world.now = at(10_800_000);
    world.input(Input::Timer);
    assert_eq!(world.session.cause(), Cause::Lost(Loss::ConnectTimeout));
}

/// [H7]
#[test]
fn a_pong_gives_a_round_trip_smoothed_in_integers() {
    let mut world = beating(idle());
    let mut rounds = Vec::new();
    for round_trip in [80, 160, 81] {
        world.run(seconds(5));
        world.sleep(millis(round_trip));
        world.pong();
        rounds.push(world.session.rtt().expect("a sample"));
    }
    let micros = std::time::Duration::from_micros;
    let expected = [(80_000, 80_000), (160_000, 90_000), (81_000, 88_875)];
    assert_eq!(rounds, expected.map(|(latest, mean)| RoundTrip { latest: micros(latest), smoothed: micros(mean) }));
}

/// [H7]
#[test]
fn a_message_does_not_take_the_pongs_sample_away() {
    let mut world = beating(idle());
    world.run(seconds(5));
    world.sleep(SECOND);
    world.message("first");
    world.sleep(SECOND);
    world.pong();
    assert_eq!(world.session.rtt().map(|rtt| rtt.latest), Some(seconds(2)));
}

/// [H7]
#[test]
fn a_pong_that_may_answer_either_of_two_pings_or_none_is_no_sample() {
    let mut world = beating(steady(5, None));
    world.run(seconds(6));
    world.pong();
    assert_eq!(world.session.rtt(), None, "of the ping at 0 or at 5 s");
    let mut world = beating(idle());
    world.pong();
    assert_eq!((world.session.rtt(), world.session.stats().pongs), (None, 1), "nobody asked");
}

/// [H7]
#[test]
fn round_trips_are_kept_until_the_next_connection_is_ready() {
    let mut world = beating(idle());
    world.run(seconds(5));
    world.pong();
    world.lose(IO);
    assert!(world.session.rtt().is_some());
    world.run(SECOND);
    world.open();
    assert_eq!(world.session.rtt(), None);
}

/// [H8]
#[test]
fn degraded_is_told_once_and_recovered_once() {
    let mut world = beating_slow_after(idle(), 2);
    assert_eq!(world.run(millis(1_999) + seconds(5)), [(at(5_000), ping(1))]);
    assert_eq!(world.run(seconds(2)), [(at(7_000), DEGRADED)]);
    assert_eq!(world.pong(), [RECOVERED]);
    assert_eq!(world.pong(), []);
    world.run(seconds(7));
    assert_eq!(world.message("alive"), [Action::Deliver("alive".into()), RECOVERED]);
    assert_eq!(world.message("alive"), [Action::Deliver("alive".into())]);
}

/// [H8]
#[test]
fn for_a_listener_silence_itself_degrades() {
    let mut world = beating_slow_after(Rhythm::Listen { window: seconds(7) }, 2);
    assert_eq!(world.run(seconds(6)), [(at(2_000), DEGRADED)]);
    assert_eq!(world.message("alive"), [Action::Deliver("alive".into()), RECOVERED]);
    assert_eq!(world.run(seconds(2)), [(at(8_000), DEGRADED)]);
}

/// [H8] [P7]
#[test]
fn a_listener_that_recovered_is_degraded_again_on_time() {
    let mut world = beating_slow_after(Rhythm::Listen { window: seconds(60) }, 2);
    for life in [3_000, 6_000, 9_000] {
        world.run(Instant::after(millis(life)).saturating_since(world.now));
        world.message("alive");
        assert_eq!(world.run(millis(2_500)), [(at(life + 2_000), DEGRADED)], "alive at {life} ms");
    }
}

/// [H8]
#[test]
fn the_end_of_the_connection_clears_degraded_without_a_word() {
    let mut world = beating_slow_after(idle(), 2);
    world.run(seconds(7));
    world.lose(IO);
    world.run(SECOND);
    world.open();
    assert_eq!(world.message("alive"), [Action::Deliver("alive".into())]);
    assert!(!world.said.iter().any(|(_, action)| *action == RECOVERED));
}

/// [H8]
#[test]
fn where_no_answer_is_expected_nothing_degrades() {
    let mut world = beating_slow_after(steady(5, None), 2);
    world.run(seconds(60));
    world.message("alive");
    let events = world.said.iter().filter(|(_, action)| matches!(action, Action::Event(_)));
    assert_eq!(events.count(), 2, "dialled and opened");
    let mut off = beating_slow_after(Rhythm::Off, 2);
    assert_eq!((off.run(seconds(60)), off.session.deadline()), (vec![], None));
}

/// [H9]
#[test]
fn death_comes_within_the_detection_time_of_the_last_life() {
    let listen = Rhythm::Listen { window: seconds(4) };
    for rhythm in [idle(), when_idle(seconds(2), seconds(9)), steady(5, Some(3)), steady(5, Some(5)), listen] {
        let mut latest = at(0);
        for moment in 0..40 {
            let mut world = beating(rhythm);
            let bound = world.session.config().detection_time().expect("a bound");
            let life = millis(moment * 250);
            while world.now < Instant::after(life) {
                world.run(millis(250));
                world.message("alive");
            }
            let said = world.run(bound);
            let abort = said.iter().find(|(_, action)| matches!(action, Action::Abort { .. }));
            let (died, _) = abort.unwrap_or_else(|| panic!("{rhythm:?}: alive {life:?} and never since"));
            latest = latest.max(Instant::after(died.saturating_since(Instant::after(life))));
        }
        assert_eq!(Some(latest), rhythm.detection_time().map(Instant::after), "{rhythm:?}: and the bound is reached");
    }
}

/// [H9] [H6]
#[test]
fn a_late_timer_adds_its_lateness_and_at_most_one_more_timeout() {
    let mut world = beating(idle());
    world.run(seconds(5));
    world.now = at(11_000);
    assert_eq!(world.input(Input::Timer)[0], Action::Abort { conn: conn(1) });
    let mut world = beating(idle());
    world.run(seconds(5));
    world.sleep(seconds(5 + 30));
    world.input(Input::Timer);
    assert_eq!(world.run(seconds(5)), death(10_000 + 30_000 + 5_000));
}

/// [H9]
#[test]
fn where_there_is_no_verdict_there_is_no_detection_time() {
    for rhythm in [Rhythm::Off, steady(5, None)] {
        assert_eq!(beating(rhythm).session.config().detection_time(), None);
    }
}

/// [H5] [H1]
#[test]
fn the_heartbeat_ends_with_the_close_frame() {
    for rhythm in [idle(), steady(5, Some(5)), Rhythm::Listen { window: seconds(5) }] {
        let mut world = World::opened(Settings { heartbeat: pulse(rhythm), close_timeout: seconds(60), ..plain() });
        world.close(SECOND);
        assert_eq!((world.run(seconds(59)), world.state()), (vec![], State::Closing), "{rhythm:?}");
    }
}

/// [H4] [X1]
#[test]
fn the_heartbeat_goes_on_during_a_drain() {
    let mut world = beating(idle());
    world.send(Outgoing::at_least_once("kept".into(), 4)).expect("accepted");
    world.close(seconds(60));
    assert_eq!(pings(&world.run(seconds(9))), [5_000]);
    assert_eq!(world.run(SECOND), death(10_000));
}
