//! Timers that are late, because the process was suspended, the tab hidden, or the timer withheld on purpose.

use std::time::Duration;

use crate::heartbeat::{death, idle};
use crate::support::*;

/// [H6]
#[test]
fn a_timer_within_the_tolerance_is_on_time_and_a_later_one_is_not() {
    for (late, state) in [(SECOND, State::Waiting), (SECOND + Duration::from_nanos(1), State::Open)] {
        let mut client = Client::opened(beating(idle()));
        client.run(seconds(5));
        client.sleep(seconds(5) + late);
        client.timer();
        assert_eq!(client.state(), state, "{late:?} late");
    }
}

/// **Bug 11.** After a suspension the timer runs before the answers that have long arrived are read, and a healthy link
/// is dropped.
///
/// [H6] [H9]
#[test]
fn after_a_sleep_the_link_is_probed_once_and_the_next_verdict_is_final_however_late() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(5));
    assert_eq!(client.timer_at(100_000), [Did::Ping(1, 2), slept(90_000)]);
    assert_eq!(client.session.deadline(), Some(at(105_000)), "no second timeout beyond that");
    let died = death(200_000).into_iter().map(|(_, did)| did);
    assert_eq!(client.timer_at(200_000), died.collect::<Vec<_>>());
}

/// The timer is due at 30 s, for a life at 20 s that it does not know of yet, and is called at 52 s. The verdict of 50 s is
/// two seconds old, but the process slept for 22.
///
/// [H6]
#[test]
fn lateness_is_that_of_the_timer_and_not_that_of_the_verdict() {
    let heartbeat = HeartbeatConfig { late_tolerance: seconds(5), ..watched_by(listen(30)) };
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    client.now = at(20_000);
    client.message("life");
    assert_eq!(client.session.deadline(), Some(at(30_000)));
    assert_eq!(client.timer_at(52_000), [slept(22_000)]);
    assert_eq!(client.run(millis(29_999)), []);
    assert_eq!(client.run(millis(1)), death(82_000), "once");
}

/// A server that speaks every `period` seconds; the process is suspended at a moment, for a while. A late timer is called
/// before what arrived meanwhile is read, the worst that a driver can do; a timer on time after it.
fn suspended(period: u64, asleep_at: u64, seconds_asleep: u64) -> (bool, Client) {
    let heartbeat = HeartbeatConfig { late_tolerance: seconds(5), ..watched_by(listen(30)) };
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    let speak_until = |client: &mut Client, end: u64| {
        for second in client.now.since_origin().as_secs() + 1..=end {
            client.run(SECOND);
            if second % period == 0 {
                client.message("life");
            }
        }
    };
    speak_until(&mut client, asleep_at);
    client.sleep(seconds(seconds_asleep));
    let late = client.session.deadline().is_some_and(|due| client.now.saturating_since(due) > seconds(5));
    if late {
        client.timer();
    }
    client.input(Input::Alive { conn: conn(1) });
    client.timer();
    speak_until(&mut client, asleep_at + seconds_asleep + 120);
    (late, client)
}

/// [H6]
#[test]
fn no_healthy_link_is_lost_after_any_suspension_at_any_phase() {
    let mut late_timers = 0;
    for period in [10, 15, 20, 29] {
        for asleep_at in 60..60 + 30 {
            for seconds_asleep in 1..=60 {
                let (late, client) = suspended(period, asleep_at, seconds_asleep);
                let losses = client.session.stats().lost_to_heartbeat;
                assert_eq!(losses, 0, "each {period} s, asleep at {asleep_at} s for {seconds_asleep} s");
                late_timers += u32::from(late);
            }
        }
    }
    assert!(late_timers > 3_000, "{late_timers}");
}

/// [H6]
#[test]
fn a_late_timer_gives_grace_to_a_wait_that_is_not_over_yet() {
    let mut client = Client::opened(beating(when_idle(5, 60)));
    client.send(at_most_once("brief").expires_in(seconds(9))).expect("accepted");
    client.run(seconds(5));
    let expired = returned(1, Reason::Expired, "brief");
    assert_eq!(client.timer_at(30_000), [Did::Ping(1, 2), slept(21_000), expired], "late for the message");
    assert_eq!(client.run(seconds(60)), death(90_000));
}

/// [H6]
#[test]
fn a_wait_that_began_after_the_timer_was_due_gets_grace_for_its_own_length() {
    let mut client = Client::opened(beating(when_idle(60, 5)));
    client.now = at(100_000);
    client.send(at_most_once("brief").expires_in(millis(1))).expect("accepted");
    client.sleep(SECOND);
    assert_eq!(client.input(Input::NetworkChanged), [Did::Ping(1, 1)]);
    client.sleep(seconds(3600));
    let expired = returned(1, Reason::Expired, "brief");
    assert_eq!(client.timer(), [Did::Ping(1, 2), slept(3_601_000 - 1), expired]);
}

/// [H6]
#[test]
fn a_wait_no_longer_than_the_tolerance_gets_no_grace() {
    let mut client = Client::opened(beating(when_idle(60, 5)));
    client.send(at_most_once("brief").expires_in(seconds(30))).expect("accepted");
    client.now = at(100_000);
    assert_eq!(client.input(Input::NetworkChanged), [Did::Ping(1, 1)]);
    let expired = returned(1, Reason::Expired, "brief");
    assert_eq!(client.timer_at(101_000), [expired], "72 s late for the message, but the ping is young");
    assert_eq!(client.run(seconds(4)), death(105_000));
}

/// What is owed makes `deadline()` now, but the timer was due long before.
///
/// [H6] [P7]
#[test]
fn something_owed_does_not_hide_how_late_the_timer_is() {
    let mut client = Client::opened(beating(listen(5)));
    client.at_most_once("a");
    client.now = at(60_000);
    client.write_all();
    assert_eq!(client.session.deadline(), Some(at(60_000)));
    assert_eq!(client.timer(), [slept(55_000), transmitted(1)]);
}

/// [H6]
#[test]
fn life_after_a_sleep_earns_the_next_grace() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(5));
    for nth in 1..=3 {
        client.sleep(seconds(100));
        assert_eq!(client.timer(), [Did::Ping(1, 2 * nth), slept(95_000)]);
        client.pong();
        assert_eq!(pings(&client.run(seconds(5))).len(), 1);
    }
}

/// [H6]
#[test]
fn listening_gets_one_more_timeout_after_a_sleep() {
    let mut client = Client::opened(beating(listen(7)));
    assert_eq!(client.timer_at(60_000), [slept(53_000)]);
    assert_eq!(client.run(millis(6_999)), []);
    assert_eq!(client.run(millis(1)), death(67_000));
}

/// [H6]
#[test]
fn a_periodic_heartbeat_probes_after_a_sleep_and_catches_up_with_nothing() {
    let mut client = Client::opened(beating(periodic(5, Some(5))));
    assert_eq!(client.timer_at(3_600_000), [Did::Ping(1, 2), slept(3_595_000)]);
    client.pong();
    assert_eq!(pings(&client.run(seconds(5))), [3_605_000]);
    let mut client = Client::opened(beating(periodic(5, None)));
    assert_eq!(client.timer_at(3_600_000), [Did::Ping(1, 2)], "no wait, so nobody slept");
    assert_eq!(client.timer(), []);
    assert_eq!(pings(&client.run(seconds(5))), [3_605_000]);
}

/// [H6] [C4] [C5]
#[test]
fn other_deadlines_get_no_grace_for_a_sleep() {
    let mut client = Client::opened(greeting(SECOND));
    client.timer_at(3_600_000);
    assert_eq!(client.session.cause(), Cause::Lost(Loss::GreetingTimeout));
    client.timer_at(7_200_000);
    assert_eq!(client.state(), State::Connecting);
    client.timer_at(10_800_000);
    assert_eq!(client.session.cause(), Cause::Lost(Loss::ConnectTimeout));
}

/// [H9] [H6]
#[test]
fn a_late_timer_adds_its_lateness_and_at_most_one_more_timeout() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(5));
    assert_eq!(client.timer_at(11_000)[0], Did::Abort(1), "its lateness");
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(5));
    client.timer_at(10_000 + 30_000);
    assert_eq!(client.run(seconds(5)), death(10_000 + 30_000 + 5_000));
}

/// **Bug 12.** Awake again after an hour, the client believed for another round of its heartbeat in a link that had died
/// meanwhile, although the clock said how long it had slept (SignalR #3330).
///
/// [H2] [H6]
#[test]
fn a_link_that_died_during_sleep_is_found_dead_within_one_timeout_of_waking() {
    for asleep_after in [10, 25] {
        let mut client = Client::opened(beating(when_idle(20, 10)));
        client.run(seconds(asleep_after));
        client.sleep(seconds(3600));
        assert!(matches!(client.timer()[0], Did::Ping(1, _)), "after {asleep_after} s");
        client.run(seconds(10));
        assert_eq!(client.state(), State::Waiting, "after {asleep_after} s");
    }
}

/// **Bug 12.** The laptop slept through the moment of the next attempt; awake again, the client began a new wait instead of
/// making it.
///
/// [R1] [H6]
#[test]
fn a_dial_that_fell_due_during_sleep_is_made_on_waking() {
    let mut client = Client::opened(plain());
    client.lose(IO);
    assert_eq!(client.timer_at(3_600_000)[0], redial(2, 1, IO));
}

/// **Bug 11.** In a background tab timers fire once a minute, every verdict of the heartbeat comes too late to be
/// believed, and messages went into the dead link all the while (socket.io #5135, #4040).
///
/// [H6] [Q5]
#[test]
fn timers_throttled_to_one_a_minute_still_find_a_dead_link() {
    let outbox = OutboxConfig { ack_timeout: None, ..OutboxConfig::default() };
    let mut client = Client::opened(Settings { outbox, ..beating(when_idle(20, 10)) });
    client.unacknowledged("order");
    assert_eq!(client.timer_at(60_000), [Did::Ping(1, 1)]);
    assert_eq!(client.timer_at(120_000), [Did::Ping(1, 2), slept(50_000)]);
    assert_eq!(client.timer_at(180_000)[0], Did::Abort(1));
    assert_eq!(client.timer_at(240_000)[0], redial(2, 1, Loss::HeartbeatTimeout));
    client.open();
    assert_eq!(client.write_all(), ["order"]);
}

/// A hidden page, a laptop without a network: the driver does not call the timer for a while.
///
/// [H6] [R1] [Q2]
#[test]
fn pausing_is_withholding_the_timer() {
    let mut client = Client::opened(beating(listen(30)));
    client.at_least_once("kept");
    assert_eq!(client.timer_at(3_600_000), [slept(3_570_000)], "an open link has its grace");
    assert_eq!((client.state(), client.session.queued()), (State::Open, 1), "the queue is kept");
    let mut client = Client::opened(plain());
    client.at_most_once("kept");
    client.lose(IO);
    client.sleep(seconds(3600));
    assert_eq!(client.timer()[0], redial(2, 1, IO), "the dial comes at once");
    client.open();
    assert_eq!(client.write_all(), ["kept"]);
}
