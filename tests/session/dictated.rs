//! A heartbeat that the server dictates in its own protocol.

use crate::heartbeat::{death, idle};
use crate::round_trips::slow_after;
use crate::support::*;

fn dictate(client: &mut Client, mode: HeartbeatMode) -> Vec<Did> {
    let conn = client.conn();
    client.input(Input::Heartbeat { conn, mode })
}

/// [H10]
#[test]
fn in_a_greeting_it_waits_for_ready() {
    let mut client = Client::opened(Settings { greeting_timeout: Some(seconds(60)), ..beating(idle()) });
    assert_eq!(dictate(&mut client, listen(99)), []);
    assert_eq!(dictate(&mut client, periodic(20, Some(7))), [], "the last one counts");
    assert_eq!(client.session.detection_time(), Some(seconds(27)));
    client.run(seconds(30));
    assert_eq!(client.pings(), [0; 0]);
    assert_eq!(client.input(Input::Ready { conn: conn(1) })[0], Did::Ping(1, 1));
    client.pong();
    assert_eq!(client.run(seconds(27))[1..], death(57_000));
}

/// [H10]
#[test]
fn in_an_open_session_the_heartbeat_starts_anew_and_tokens_go_on() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(6));
    assert_eq!(dictate(&mut client, periodic(8, None)), [Did::Ping(1, 2)], "no answer is awaited any more");
    assert_eq!(client.session.detection_time(), None);
    assert_eq!(client.run(seconds(20)), [(at(14_000), Did::Ping(1, 3)), (at(22_000), Did::Ping(1, 4))]);
    assert_eq!(dictate(&mut client, listen(9)), []);
    assert_eq!(client.session.detection_time(), Some(seconds(9)));
    assert_eq!(client.run(seconds(9)), death(35_000));
}

/// [H10] [P6]
#[test]
fn a_ping_that_is_owed_to_the_old_mode_is_withdrawn() {
    let mut client = Client::opened(beating(idle()));
    client.now = at(5_000);
    client.pull(0, Input::Timer);
    assert_eq!(dictate(&mut client, listen(9)), []);
}

/// [H10] [H8]
#[test]
fn a_reported_degraded_is_followed_by_recovered() {
    let mut client = Client::opened(slow_after(idle(), 2));
    client.run(seconds(7));
    assert_eq!(dictate(&mut client, when_idle(1, 9)), [RECOVERED]);
    let expected = [(at(8_000), Did::Ping(1, 2)), (at(10_000), DEGRADED)];
    assert_eq!(client.run(seconds(3)), expected, "slow_after stays the config's");
}

/// [H10] [H6]
#[test]
fn the_tolerance_stays_the_configs() {
    let mut client = Client::opened(beating(idle()));
    dictate(&mut client, listen(9));
    assert_eq!(client.timer_at(10_001), [slept(1_001)]);
}

/// [H10]
#[test]
fn it_is_gone_with_the_connection() {
    for end in [Input::closed(conn(1), IO), Input::Reconnect] {
        let mut client = Client::opened(beating(idle()));
        dictate(&mut client, listen(9));
        client.input(end);
        assert_eq!(client.session.detection_time(), Some(seconds(10)));
        client.run_to_dial();
        client.open();
        let opened = client.now;
        let did = client.run(seconds(5));
        assert_eq!(did, [(opened.saturating_add(seconds(5)), Did::Ping(2, 1))]);
    }
}

/// [H10] [P1]
#[test]
fn a_mode_that_no_config_would_accept_is_ignored_and_so_is_any_without_a_connection() {
    let mut client = Client::opened(beating(idle()));
    let (before, invalid) = (client.session.fingerprint(), [when_idle(0, 5), periodic(5, Some(6)), listen(86_401)]);
    for (nth, mode) in (1..).zip(invalid) {
        assert_eq!(dictate(&mut client, mode), []);
        assert_eq!((client.session.fingerprint(), client.session.stats().ignored), (before.clone(), nth), "{mode}");
    }
    client.lose(IO);
    client.run_to_dial();
    assert_eq!(dictate(&mut client, listen(9)), []);
    assert_eq!((client.state(), client.session.stats().ignored), (State::Connecting, 4));
}
