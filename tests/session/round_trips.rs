//! How good the link is: round trips, degraded, recovered.

use std::time::Duration;

use heartline::stats::RoundTrip;

use crate::heartbeat::{death, idle};
use crate::support::*;

pub fn slow_after(mode: HeartbeatMode, slow_after: u64) -> Settings {
    Settings { heartbeat: HeartbeatConfig { slow_after: Some(seconds(slow_after)), ..watched_by(mode) }, ..plain() }
}

fn latest(client: &Client) -> Option<Duration> {
    client.session.rtt().map(|rtt| rtt.latest)
}

/// [H7]
#[test]
fn a_pong_gives_a_round_trip_smoothed_in_integers() {
    let mut client = Client::opened(beating(idle()));
    let micros = Duration::from_micros;
    for (round_trip, smoothed) in [(80, 80_000), (160, 90_000), (81, 88_875)] {
        client.run(seconds(5));
        client.sleep(millis(round_trip));
        client.pong();
        let RoundTrip { latest, smoothed: mean, .. } = client.session.rtt().expect("a sample");
        assert_eq!((latest, mean), (millis(round_trip), micros(smoothed)));
    }
}

/// [H7]
#[test]
fn a_message_does_not_take_the_pongs_sample_away() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(5));
    client.sleep(SECOND);
    client.message("first");
    client.sleep(SECOND);
    client.pong();
    assert_eq!(latest(&client), Some(seconds(2)));
}

/// [H7]
#[test]
fn the_latest_ping_is_timed_by_its_token_whatever_was_lost_before() {
    let mut client = Client::opened(beating(periodic(5, None)));
    client.run(seconds(14));
    assert_eq!(client.did.last(), Some(&(at(10_000), Did::Ping(1, 3))), "pings carry their number");
    for token in [1, 2, 4, 0] {
        client.pong_to(token);
        assert_eq!(latest(&client), None, "not the latest ping: {token}");
    }
    client.pong_to(3);
    assert_eq!(latest(&client), Some(seconds(4)), "neither answer to the others was awaited");
    client.sleep(millis(500));
    client.pong_to(3);
    assert_eq!(latest(&client), Some(seconds(4)), "the first answer counts");
    assert_eq!(client.session.stats().pongs, 6);
}

/// [H7]
#[test]
fn without_its_token_a_pong_that_may_answer_another_ping_or_none_is_no_sample() {
    let mut client = Client::opened(beating(periodic(5, None)));
    client.run(seconds(6));
    client.pong();
    assert_eq!(latest(&client), None, "of the ping at 0 or at 5 s");
    let mut client = Client::opened(beating(idle()));
    client.pong();
    assert_eq!((latest(&client), client.session.stats().pongs), (None, 1), "nobody asked");
}

/// A server's unasked pong keeps the link alive, whatever it carries.
///
/// [H7] [H1]
#[test]
fn a_pong_with_a_payload_of_somebody_elses_is_life_and_no_answer() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(6));
    client.pong_to(77);
    assert_eq!((latest(&client), client.run(seconds(5))), (None, vec![(at(11_000), Did::Ping(1, 2))]), "life");
    client.pong_to(77);
    client.sleep(SECOND);
    client.pong_to(2);
    assert_eq!(latest(&client), Some(SECOND), "the ping is still timed by its own");
}

/// [H7]
#[test]
fn tokens_begin_at_one_on_every_connection_and_round_trips_are_kept_until_the_next_is_ready() {
    let mut client = Client::opened(beating(idle()));
    assert_eq!(client.run(seconds(5)), [(at(5_000), Did::Ping(1, 1))]);
    client.pong();
    assert_eq!(client.run(seconds(5)), [(at(10_000), Did::Ping(1, 2))]);
    client.lose(IO);
    assert!(client.session.rtt().is_some());
    client.run_to_dial();
    client.open();
    assert_eq!(client.session.rtt(), None);
    assert_eq!(client.run(seconds(5)), [(at(16_000), Did::Ping(2, 1))]);
}

/// [H8]
#[test]
fn degraded_is_reported_once_and_recovered_once() {
    let mut client = Client::opened(slow_after(idle(), 2));
    assert_eq!(client.run(millis(6_999)), [(at(5_000), Did::Ping(1, 1))]);
    assert_eq!(client.run(seconds(2)), [(at(7_000), DEGRADED)]);
    assert_eq!(client.pong(), [RECOVERED]);
    assert_eq!(client.pong(), []);
    client.run(seconds(7));
    assert_eq!(client.message("alive"), [deliver("alive"), RECOVERED]);
    assert_eq!(client.message("alive"), [deliver("alive")]);
}

/// [H8] [H6]
#[test]
fn a_sleep_does_not_report_degraded_a_second_time() {
    let mut client = Client::opened(slow_after(idle(), 2));
    client.run(seconds(7));
    assert_eq!(client.timer_at(100_000), [Did::Ping(1, 2), slept(90_000)]);
    assert_eq!(client.run(millis(4_999)), []);
    assert_eq!(client.message("alive"), [deliver("alive"), RECOVERED]);
}

/// [H8]
#[test]
fn the_end_of_the_connection_clears_degraded_without_an_event() {
    let mut client = Client::opened(slow_after(idle(), 2));
    client.run(seconds(7));
    client.reconnect();
    assert_eq!(client.message("alive"), [deliver("alive")]);
    assert!(!client.did.iter().any(|(_, did)| *did == RECOVERED));
}

/// [H8]
#[test]
fn where_no_answer_is_expected_nothing_degrades() {
    let mut client = Client::opened(slow_after(periodic(5, None), 2));
    let did = client.run(seconds(60));
    assert!(did.iter().all(|(_, did)| matches!(did, Did::Ping(..))), "{did:?}");
    let mut off = Client::opened(slow_after(HeartbeatMode::Off, 2));
    assert_eq!((off.run(seconds(60)), off.session.deadline()), (vec![], None));
    let mut listener = Client::opened(slow_after(listen(60), 2));
    assert_eq!(listener.run(seconds(59)), [], "silence before it is death");
}

/// [H8]
#[test]
fn a_slow_after_that_is_not_shorter_than_the_timeout_never_comes() {
    let mut client = Client::opened(slow_after(idle(), 5));
    assert_eq!(client.run(seconds(9)), [(at(5_000), Did::Ping(1, 1))]);
    assert_eq!(client.run(seconds(1)), death(10_000));
}
