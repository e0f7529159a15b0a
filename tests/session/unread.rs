//! A connection that is not read for a while, because the application takes nothing.

use crate::heartbeat::{death, idle};
use crate::outbox::bounded;
use crate::round_trips::slow_after;
use crate::support::*;

fn unread(client: &mut Client) -> Vec<Did> {
    let conn = client.conn();
    client.input(Input::Unread { conn })
}

/// Reports it before each timer, as a driver does that does not read for so long.
fn stalled(client: &mut Client, until: u64) {
    while let Some(due) = client.session.deadline().filter(|due| *due <= at(until)) {
        client.now = due;
        assert_eq!(unread(client), [], "{due:?}");
        client.timer();
    }
    client.now = at(until);
    unread(client);
}

/// [H11]
#[test]
fn while_nothing_is_read_no_mode_pings_or_passes_a_verdict_and_each_begins_anew_when_reading_goes_on() {
    for (mode, dies) in [(idle(), 1_010_000), (listen(9), 1_009_000), (periodic(4, Some(3)), 1_007_000)] {
        let mut client = Client::opened(beating(mode));
        client.run(seconds(1));
        stalled(&mut client, 1_000_000);
        assert!(client.state() == State::Open && client.pings().len() <= 1, "{mode}");
        let mut after = client.run(seconds(20));
        after.retain(|(_, did)| !matches!(did, Did::Ping(..)));
        assert_eq!(after[..2], death(dies)[..2], "{mode}");
    }
    let mut client = Client::opened(beating(periodic(4, None)));
    stalled(&mut client, 1_000_000);
    assert_eq!(client.run(seconds(4)), [(at(1_004_000), Did::Ping(1, 2))]);
}

/// A ping is unanswered when reading stops.
///
/// [H11] [H3] [H7]
#[test]
fn an_earlier_ping_is_neither_awaited_nor_timed() {
    let mut client = Client::opened(beating(idle()));
    client.run(seconds(6));
    unread(&mut client);
    assert_eq!(client.run(millis(4_999)), [], "its answer would have been due");
    let mut unanswered = Client { session: client.session.clone(), did: Vec::new(), now: client.now };
    assert_eq!(unanswered.run(millis(1)), [(at(11_000), Did::Ping(1, 2))]);
    client.pong_to(1);
    assert_eq!(client.session.rtt(), None);
    assert_eq!(client.run(seconds(5)), [(at(15_999), Did::Ping(1, 2))]);
    client.sleep(millis(7)).pong_to(2);
    assert_eq!(client.session.rtt().map(|rtt| rtt.latest), Some(millis(7)));
}

/// [H11] [P6]
#[test]
fn a_ping_that_was_not_pulled_is_withdrawn() {
    let mut client = Client::opened(beating(idle()));
    client.now = at(5_000);
    client.pull(0, Input::Timer);
    assert_eq!(unread(&mut client), []);
}

/// [H11] [H8] [R3]
#[test]
fn it_is_no_proof_of_life() {
    let mut client = Client::opened(Settings { stable_after: seconds(60), ..slow_after(idle(), 2) });
    client.reconnect();
    client.run(seconds(7));
    assert_eq!(unread(&mut client), [], "still degraded");
    stalled(&mut client, 100_000);
    client.lose(IO);
    assert_eq!(client.run_to_dial(), 2, "silence is no stability");
}

/// [H11] [H8]
#[test]
fn degraded_ends_with_the_first_life_after_it() {
    let mut client = Client::opened(slow_after(idle(), 2));
    client.run(seconds(7));
    unread(&mut client);
    assert_eq!(client.message("a"), [deliver("a"), RECOVERED]);
}

/// [H11] [R7]
#[test]
fn a_change_of_the_network_pings_whatever_was_pinged_before() {
    let mut client = Client::opened(Settings { min_dial_gap: seconds(60), ..beating(idle()) });
    client.run(seconds(6));
    unread(&mut client);
    assert_eq!(client.input(Input::NetworkChanged), [Did::Ping(1, 2)]);
}

/// [H11] [Q9]
#[test]
fn an_acknowledgement_that_cannot_be_read_is_not_overdue() {
    let mut client = Client::opened(plain());
    client.unacknowledged("a");
    stalled(&mut client, 1_000_000);
    client.run(millis(29_999));
    assert_eq!(client.state(), State::Open);
    client.run(millis(1));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout));
}

/// [H11] [Q9] [H6]
#[test]
fn the_waits_that_a_sleep_started_anew_may_be_started_anew_again() {
    let mut client = Client::opened(beating(listen(20)));
    client.unacknowledged("a");
    assert_eq!(client.timer_at(50_000), [slept(30_000)]);
    assert_eq!(unread(&mut client), []);
    assert_eq!(client.timer_at(100_000), [slept(30_000)]);
    assert_eq!(client.state(), State::Open);
}

/// [H11] [Q5]
#[test]
fn what_was_not_yet_transmitted_again_keeps_waiting_without_a_deadline() {
    let mut client = Client::opened(plain());
    client.unacknowledged("a");
    client.reconnect();
    unread(&mut client);
    assert_eq!(client.session.deadline(), None);
}

/// [H11] [Q6] [X1]
#[test]
fn times_to_live_and_drains_end_on_time() {
    let mut client = Client::opened(bounded(OutboxConfig::default()));
    client.send(at_least_once("a").expires_in(seconds(3))).expect("room");
    client.write();
    client.at_most_once("b");
    client.close(seconds(7));
    stalled(&mut client, 8_000);
    let ends: Vec<_> = client.did.iter().filter(|(_, did)| matches!(did, Did::Outcome(..))).cloned().collect();
    let expected =
        [(at(3_000), unconfirmed(1, Reason::Expired, "a")), (at(7_000), returned(2, Reason::Abandoned, "b"))];
    assert_eq!((ends.as_slice(), client.state()), (expected.as_slice(), State::Closing));
}
