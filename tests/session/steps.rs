//! One step: what is checked, in which order actions come, what stays owed, and when the timer is due.

use crate::purity::in_state;
use crate::support::*;

/// [P5]
#[test]
fn a_late_pong_before_the_timer_saves_the_link() {
    let mut client = Client::opened(beating(when_idle(5, 5)));
    client.run(seconds(5));
    client.sleep(seconds(7));
    client.pong();
    assert_eq!(client.timer(), []);
    assert_eq!(client.session.deadline(), Some(at(17_000)));
}

/// [P5]
#[test]
fn no_input_but_the_timer_checks_a_deadline() {
    let mut client = Client::new(Settings { min_dial_gap: seconds(60), ..plain() });
    client.connect();
    client.sleep(seconds(11));
    assert_eq!(client.input(Input::NetworkChanged), []);
    assert_eq!(client.ack(id(1)), []);
    client.open();
    assert_eq!(client.state(), State::Open, "opened late, but in time");
}

/// [P5] [Q6]
#[test]
fn a_time_to_live_is_checked_by_transmit_as_well() {
    let mut client = Client::opened(plain());
    client.send(at_most_once("a").expires_in(SECOND)).expect("accepted");
    client.sleep(SECOND);
    assert_eq!(client.transmit(), None);
    assert_eq!(client.rest(), [returned(1, Reason::Expired, "a")]);
}

/// [P6] [H4]
#[test]
fn abort_comes_before_events_before_the_schedule_before_outcomes() {
    let mut client = Client::opened(greeting(SECOND));
    client.this_connection("login");
    let cause = Cause::Lost(Loss::GreetingTimeout);
    let expected = [
        Did::Abort(1),
        change(State::Greeting, State::Waiting, cause),
        schedule(1, at(2_000), cause),
        returned(1, Reason::ConnectionEnded, "login"),
    ];
    assert_eq!(client.timer_at(1_000), expected);
}

/// [P6] [X2]
#[test]
fn an_abort_comes_before_the_dial_before_its_event() {
    let mut client = Client::opened(plain());
    client.close(SECOND);
    client.sleep(SECOND);
    let expected = [Did::Abort(1), dial(2), change(State::Closing, State::Connecting, Cause::Requested)];
    assert_eq!(client.connect(), expected);
    assert_eq!(client.input(Input::closed(conn(1), Loss::Close(1000))), []);
    assert_eq!(client.state(), State::Connecting);
}

/// [P6]
#[test]
fn what_was_not_pulled_comes_next_unless_its_state_was_left() {
    let mut client = Client::new(beating(periodic(5, None)));
    client.connect();
    client.pull(0, Input::Opened { conn: conn(1) });
    client.pull(0, Input::close_within(SECOND));
    let expected = [
        deliver("hello"),
        close_frame(1),
        change(State::Connecting, State::Open, Cause::Opened),
        change(State::Open, State::Closing, Cause::Requested),
    ];
    assert_eq!(client.message("hello"), expected, "without the ping");
    let mut client = Client::new(beating(periodic(5, None)));
    client.connect();
    client.pull(0, Input::Opened { conn: conn(1) });
    client.pull(0, Input::Cancel { id: id(9) });
    assert_eq!(client.timer(), [Did::Ping(1, 1), change(State::Connecting, State::Open, Cause::Opened)]);
}

/// [P6]
#[test]
fn an_action_is_pulled_once() {
    let mut client = Client::new(beating(periodic(5, None)));
    client.connect();
    assert_eq!(client.pull(1, Input::Opened { conn: conn(1) }), [Did::Ping(1, 1)]);
    assert_eq!(client.timer(), [change(State::Connecting, State::Open, Cause::Opened)]);
    assert_eq!(client.timer(), []);
}

/// [P6] [O2]
#[test]
fn a_message_that_is_not_pulled_is_gone_and_counted() {
    let mut client = Client::opened(plain());
    client.pull(0, Input::Message { conn: conn(1), message: "a".into() });
    assert_eq!(client.session.stats().undelivered, 1);
    assert_eq!(client.message("b"), [deliver("b")]);
    assert_eq!(client.session.stats().undelivered, 1);
}

/// [P6]
#[test]
fn the_fullest_step_is_in_order_and_has_no_more_than_eight_actions() {
    let heartbeat = HeartbeatConfig { slow_after: Some(SECOND), ..watched_by(periodic(5, Some(5))) };
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    client.pull(0, Input::closed(conn(1), IO));
    client.sleep(SECOND);
    assert_eq!(client.pull(1, Input::Timer), [redial(2, 1, IO)]);
    client.pull(0, Input::Opened { conn: conn(2) });
    client.pull(0, Input::Opened { conn: conn(1) });
    client.sleep(SECOND);
    client.pull(0, Input::Timer);
    client.at_most_once("sent");
    client.write_all();
    let expected = [
        deliver("a"),
        Did::Abort(1),
        Did::Ping(2, 1),
        change(State::Open, State::Waiting, Cause::Lost(IO)),
        change(State::Waiting, State::Connecting, Cause::RetryDue),
        change(State::Connecting, State::Open, Cause::Opened),
        DEGRADED,
        transmitted(1),
    ];
    assert_eq!(client.message("a"), expected, "the recovery found no room");
}

/// [P6]
#[test]
fn an_older_abort_is_never_overtaken_by_a_newer_one() {
    for stale_first in [true, false] {
        let mut client = Client::opened(plain());
        client.reconnect();
        let (stale, lost) = (Input::Opened { conn: conn(1) }, Input::closed(conn(2), Loss::Application(4000)));
        let [first, second] = if stale_first { [stale, lost] } else { [lost, stale] };
        client.pull(0, first);
        client.pull(0, second);
        let expected = if stale_first { [Did::Abort(1), Did::Abort(2)] } else { [Did::Abort(2), Did::Abort(1)] };
        assert_eq!(client.rest()[..2], expected);
    }
}

/// [P6] [C3] [O2]
#[test]
fn of_several_stale_connections_that_opened_the_last_is_aborted_and_the_others_are_counted() {
    for current_first in [false, true] {
        let mut client = Client::opened(plain());
        client.reconnect();
        client.reconnect();
        if current_first {
            client.pull(0, Input::closed(conn(3), Loss::Application(4000)));
        }
        for (raw, dropped) in [(1, 0), (1, 0), (2, 1), (2, 1), (1, 2)] {
            client.pull(0, Input::Opened { conn: conn(raw) });
            assert_eq!(client.session.stats().dropped, dropped);
        }
        let aborts: Vec<_> = client.rest().into_iter().filter(|did| matches!(did, Did::Abort(_))).collect();
        let expected: &[_] = if current_first { &[Did::Abort(3), Did::Abort(1)] } else { &[Did::Abort(1)] };
        assert_eq!(aborts, expected);
    }
}

/// [P6] [C1]
#[test]
fn a_dial_that_was_never_pulled_is_withdrawn_without_an_abort() {
    let mut client = Client::new(plain());
    client.pull(0, Input::Connect);
    client.sleep(seconds(10));
    client.pull(0, Input::Timer);
    let cause = Cause::Lost(Loss::ConnectTimeout);
    let expected = [
        change(State::Idle, State::Connecting, Cause::Requested),
        change(State::Connecting, State::Waiting, cause),
        schedule(1, at(11_000), cause),
    ];
    assert_eq!(client.timer(), expected);
    assert_eq!(client.run(SECOND)[0].1, redial(1, 1, Loss::ConnectTimeout), "its number is free again");
}

/// [P6] [C7]
#[test]
fn one_owed_action_can_be_pulled_without_an_input() {
    let heartbeat = HeartbeatConfig { slow_after: Some(SECOND), ..watched_by(when_idle(1, 9)) };
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    client.at_most_once("a");
    client.run(2 * SECOND);
    assert!(client.session.received(client.now, conn(1)));
    client.write_all();
    assert_eq!(client.session.deadline(), Some(client.now), "what is owed stays owed");
    assert_eq!(client.session.next_action().map(Did::from), Some(RECOVERED));
    assert_eq!(client.session.next_action().map(Did::from), Some(transmitted(1)));
    assert_eq!(client.session.next_action(), None);
}

/// [P7]
#[test]
fn while_anything_is_owed_the_deadline_is_now() {
    let mut client = Client::new(plain());
    client.sleep(SECOND);
    client.pull(0, Input::Connect);
    assert_eq!(client.session.deadline(), Some(at(1_000)));
    client.rest();
    client.open();
    client.at_most_once("a");
    assert_eq!(client.session.deadline(), None);
    let lent = client.transmit().expect("a");
    assert_eq!(client.session.deadline(), None, "a lend moves no deadline");
    client.sent(lent.id);
    assert_eq!(client.session.deadline(), Some(at(1_000)), "an outcome");
}

/// [P7]
#[test]
fn after_a_timer_the_deadline_is_in_the_future_or_none() {
    for state in State::ALL {
        let mut client = in_state(state);
        client.sleep(seconds(3600));
        client.timer();
        assert!(client.session.deadline().is_none_or(|due| due > client.now), "{state}");
    }
}

/// [P7] [H2]
#[test]
fn a_message_does_not_move_the_deadline() {
    let mut client = Client::opened(beating(when_idle(5, 3)));
    for tick in 1..120 {
        client.run(millis(500));
        let before = client.session.deadline();
        client.message("tick");
        assert_eq!(client.session.deadline(), before, "tick {tick}");
    }
    assert_eq!(client.pings(), [0; 0], "a busy link is not pinged");
}

/// [P7] [Q6]
#[test]
fn the_deadline_of_a_resolved_message_is_gone_after_the_next_timer() {
    let mut client = Client::opened(plain());
    client.send(at_least_once("a").expires_in(SECOND)).expect("accepted");
    client.send(at_least_once("b").expires_in(seconds(5))).expect("accepted");
    client.write_all();
    client.ack(id(1));
    assert_eq!(client.session.deadline(), Some(at(1_000)), "early");
    assert_eq!(client.timer_at(1_000), []);
    assert_eq!(client.session.deadline(), Some(at(5_000)), "exact");
    client.ack(id(2));
    client.timer_at(5_000);
    assert_eq!(client.session.deadline(), None);
}

/// An hour with a message each 10 ms, in which every ping is answered after `delay`; how often the timer was due.
fn timers_of_a_busy_hour(heartbeat: HeartbeatConfig, delay: u64, mut each_second: impl FnMut(&mut Client)) -> u64 {
    let mut client = Client::opened(Settings { heartbeat, ..plain() });
    let (mut timers, mut answer_at) = (0, None);
    for now in (0..3_600_000).step_by(10) {
        while let Some(due) = client.session.deadline().filter(|due| *due <= at(now)) {
            client.now = due;
            timers += 1;
            if client.timer().iter().any(|did| matches!(did, Did::Ping(..))) {
                answer_at = Some(now + delay);
            }
        }
        client.now = at(now);
        if answer_at.is_some_and(|answer_at| answer_at <= now) {
            answer_at = None;
            client.pong();
        }
        if now % 1_000 == 0 {
            each_second(&mut client);
        }
        assert!(client.session.received(client.now, conn(1)));
        client.rest();
    }
    timers
}

/// [P7]
#[test]
fn a_busy_connection_whose_pings_are_answered_has_one_timer_per_interval() {
    let hour = 3_600;
    let cases = [
        (when_idle(20, 10), None, hour / 20),
        (when_idle(2, 20), Some(1), hour / 2),
        (periodic(20, Some(10)), Some(3), hour / 20),
        (periodic(20, Some(20)), None, hour / 20),
        (periodic(20, None), Some(3), hour / 20),
        (listen(30), Some(3), hour / 30),
    ];
    for (mode, slow_after, most) in cases {
        for delay in [0, 250] {
            let heartbeat = HeartbeatConfig { slow_after: slow_after.map(seconds), ..watched_by(mode) };
            let timers = timers_of_a_busy_hour(heartbeat, delay, |_| {});
            // The interval counts from the last message, which is up to 10 ms old.
            assert!(timers <= most + most / 100, "{mode}, answered after {delay} ms: {timers} timers, not {most}");
        }
    }
}

/// [P7] [Q6] [Q9]
#[test]
fn messages_add_one_timer_per_shortest_time_to_live_and_one_per_ack_timeout() {
    let lasting = |client: &mut Client| {
        client.send(at_least_once("a").expires_in(seconds(60))).expect("accepted");
        let lent = client.write().expect("a");
        client.ack(lent.id);
    };
    let timers = timers_of_a_busy_hour(watched_by(listen(3_000)), 0, lasting);
    assert!(timers <= 2 + 3_600 / 60 + 3_600 / 30, "{timers}");
    let brief = |client: &mut Client| {
        client.send(at_most_once("a").expires_in(seconds(5))).expect("accepted");
        client.write_all();
    };
    let timers = timers_of_a_busy_hour(watched_by(listen(3_000)), 0, brief);
    assert!(timers <= 2 + 3_600 / 5, "{timers}");
}
