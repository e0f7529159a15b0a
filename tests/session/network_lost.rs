//! No network is left: retries are put off until there is one again.

use std::time::Duration;

use crate::purity::in_state;
use crate::support::*;

/// By how much retries are put off, by default.
const PUT_OFF: u64 = 300;

/// Loses the dial or connection: after how long the retry comes.
fn retry_after_loss(client: &mut Client, loss: Loss) -> Duration {
    client.lose(loss);
    let (_, at) = client.session.next_dial().expect("a retry");
    at.saturating_since(client.now)
}

/// Waiting for the retry at 1 s, the connection of the origin lost.
fn waiting() -> Client {
    let mut client = Client::opened(plain());
    client.lose(IO);
    client
}

fn network_lost(client: &mut Client) -> Vec<Did> {
    client.input(Input::NetworkLost)
}

/// [R11] [O1] [R10]
#[test]
fn a_wait_becomes_longer_by_max_retry_after_and_stays_the_same_retry() {
    let mut client = waiting();
    client.sleep(millis(400));
    assert_eq!(network_lost(&mut client), [schedule(1, at(301_000), Cause::Lost(IO))]);
    let retry = [redial(2, 1, IO), change(State::Waiting, State::Connecting, Cause::RetryDue)];
    let did = client.run(seconds(400));
    assert_eq!(did[..2], retry.map(|did| (at(301_000), did)));
}

/// Nobody has to report it again, and whoever does cannot put the dial off for ever.
///
/// [R11] [P1]
#[test]
fn the_second_report_in_a_row_is_ignored_in_every_state() {
    for state in State::ALL {
        let mut client = in_state(state);
        network_lost(&mut client);
        assert_eq!(client.session.stats().ignored, 0, "{state}");
        let (before, dial) = (client.session.fingerprint(), client.session.next_dial());
        assert_eq!(network_lost(&mut client), [], "{state}");
        assert_eq!(client.session.fingerprint(), before, "{state}");
        client.sleep(millis(100));
        assert_eq!(network_lost(&mut client), [], "{state}");
        assert_eq!((client.session.next_dial(), client.session.stats().ignored), (dial, 2), "{state}");
    }
}

/// Whether it was reported while there was a link, which then died, or before there was a dial.
///
/// [R11]
#[test]
fn every_retry_is_put_off_from_whatever_state_it_was_reported_in() {
    let lost_in: [(&str, Step); 2] = [
        ("Idle", |client| {
            network_lost(client);
            client.connect();
        }),
        ("Connecting", |client| {
            client.connect();
            network_lost(client);
        }),
    ];
    for (place, lose_network) in lost_in {
        let mut client = Client::new(plain());
        lose_network(&mut client);
        assert_eq!((client.state(), client.dials()), (State::Connecting, vec![0]), "{place}: the dial goes on");
        for _ in 0..3 {
            assert_eq!(retry_after_loss(&mut client, IO), seconds(1 + PUT_OFF), "{place}");
            client.run_to_dial();
        }
    }
    for state in [State::Greeting, State::Open] {
        let mut client = in_state(state);
        network_lost(&mut client);
        assert_eq!(retry_after_loss(&mut client, IO), seconds(1 + PUT_OFF), "{state}");
    }
}

/// [R11] [H1] [H4] [C7]
#[test]
fn a_link_stays_as_long_as_it_lives() {
    let mut client = Client::opened(beating(when_idle(20, 10)));
    client.run(seconds(5));
    let deadline = client.session.deadline();
    assert_eq!(network_lost(&mut client), [], "not even a ping");
    assert_eq!(client.session.deadline(), deadline);
    client.sleep(seconds(5));
    assert_eq!(client.message("from another interface"), [deliver("from another interface")]);
    assert_eq!(pings(&client.run_answered(seconds(50))), [30_000, 50_000]);
    client.run(seconds(20));
    assert_eq!((client.state(), client.session.cause()), (State::Waiting, Cause::Lost(Loss::HeartbeatTimeout)));
}

/// [R11] [R7]
#[test]
fn it_holds_until_the_network_changes() {
    let mut client = waiting();
    network_lost(&mut client);
    client.sleep(seconds(60));
    let network = change(State::Waiting, State::Connecting, Cause::NetworkChanged);
    assert_eq!(client.input(Input::NetworkChanged), [redial(2, 0, IO), network]);
    assert_eq!(retry_after_loss(&mut client, IO), SECOND);
    for state in State::ALL {
        let mut client = in_state(state);
        network_lost(&mut client);
        client.input(Input::NetworkChanged);
        assert_eq!(client.session.stats().ignored, 0, "{state}: that was news");
        if !matches!(client.state(), State::Connecting | State::Greeting | State::Open) {
            client.sleep(SECOND);
            client.connect();
        }
        assert_eq!(retry_after_loss(&mut client, IO), SECOND, "{state}");
    }
}

/// Where the system is mistaken, say on a machine that talks to itself.
///
/// [R11]
#[test]
fn it_holds_until_a_dial_opens_all_the_same() {
    let mut client = Client::new(greeting(SECOND));
    client.connect();
    network_lost(&mut client);
    client.open();
    assert_eq!(retry_after_loss(&mut client, IO), SECOND);
}

/// [R11] [R6] [R9]
#[test]
fn connect_and_reconnect_dial_as_ever() {
    for ask in [Input::Connect, Input::Reconnect] {
        let mut client = waiting();
        network_lost(&mut client);
        client.sleep(millis(500));
        assert_eq!(client.input(ask.clone())[0], redial(2, 0, IO));
        assert_eq!(retry_after_loss(&mut client, IO), seconds(1 + PUT_OFF), "there still is no network");
        client.sleep(millis(50));
        assert_eq!(client.input(ask.clone()), [schedule(0, at(600), Cause::Lost(IO))], "the gap");
    }
    let mut client = waiting();
    client.sleep(millis(50));
    client.connect();
    assert_eq!(network_lost(&mut client), [], "a wait that the application has cut short");
    assert_eq!(client.session.next_dial(), Some((0, at(100))));
}

/// [R11] [R7] [R10]
#[test]
fn a_dial_that_a_change_of_the_network_asked_for_is_put_off_too() {
    let mut client = waiting();
    client.sleep(millis(30));
    assert_eq!(client.input(Input::NetworkChanged), [schedule(0, at(100), Cause::Lost(IO))]);
    assert_eq!(network_lost(&mut client), [schedule(0, at(300_100), Cause::Lost(IO))]);
    assert_eq!(client.input(Input::NetworkChanged), [schedule(0, at(100), Cause::Lost(IO))]);
}

/// [R11] [R7] [R4]
#[test]
fn a_wait_that_was_asked_for_stays_as_it_is() {
    let asked: [Step; 3] = [
        |client| drop(client.lose_and_wait(IO, seconds(3))),
        |client| drop(client.lose_and_wait(Loss::Status(503), millis(1))),
        |client| drop(client.lose(Loss::Close(1012))),
    ];
    for (place, lose) in asked.into_iter().enumerate() {
        let (mut before, mut after) = (Client::opened(plain()), Client::opened(plain()));
        lose(&mut before);
        let dial = before.session.next_dial();
        assert_eq!(network_lost(&mut before), [], "wish {place}");
        assert_eq!((before.session.next_dial(), before.session.stats().ignored), (dial, 0), "wish {place}");
        network_lost(&mut after);
        lose(&mut after);
        assert_eq!(after.session.next_dial(), dial, "wish {place}");
        after.run_to_dial();
        assert_eq!(retry_after_loss(&mut after, IO), seconds(1 + PUT_OFF), "the next one was not asked for");
    }
}

/// A machine that slept hears that it has no network before anybody calls a timer.
///
/// [R11] [P5]
#[test]
fn a_wait_that_is_over_already_is_counted_from_now() {
    let mut client = waiting();
    client.sleep(seconds(3600));
    assert_eq!(network_lost(&mut client), [schedule(1, at(3_900_000), Cause::Lost(IO))]);
    assert_eq!(client.timer(), []);
    assert_eq!(client.run_to_dial(), 1);
    assert_eq!(client.now, at(3_900_000));
}

/// If the system is mistaken for everybody at once, nobody may come back at once.
///
/// [R11] [R2]
#[test]
fn retries_keep_their_jitter() {
    for (seed, reported_first) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let settings = Settings { heartbeat: plain().heartbeat, ..Settings::default() };
        let clients = [settings.clone(), settings].map(|settings| Client::seeded(settings, seed));
        let [plain, put_off] = clients.map(|mut client| {
            client.open();
            client.sleep(seconds(60));
            client
        });
        let (mut plain, mut put_off) = (plain, put_off);
        if reported_first {
            network_lost(&mut put_off);
        }
        let delay = retry_after_loss(&mut plain, IO);
        put_off.lose(IO);
        network_lost(&mut put_off);
        let at = plain.now.saturating_add(delay + seconds(PUT_OFF));
        assert_eq!(put_off.session.next_dial(), Some((1, at)), "{seed}, {reported_first}");
    }
}

/// [R11] [R2] [R7]
#[test]
fn a_network_that_comes_and_goes_is_dialled_whenever_it_is_there_and_the_gap_allows() {
    let mut client = waiting();
    for _ in 0..50 {
        client.sleep(millis(10));
        network_lost(&mut client);
        client.sleep(millis(10));
        client.input(Input::NetworkChanged);
        if client.state() == State::Connecting {
            client.lose(IO);
        }
    }
    assert_eq!(client.dials(), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
}

/// [R11] [Q6] [X1]
#[test]
fn times_to_live_and_drains_go_on() {
    let mut client = waiting();
    client.send(at_most_once("short-lived").expires_in(seconds(2))).expect("accepted");
    client.at_most_once("lasting");
    network_lost(&mut client);
    client.close(seconds(5));
    let did = client.run(seconds(10));
    assert_eq!(did[0], (at(2_000), returned(1, Reason::Expired, "short-lived")));
    assert_eq!(did[1], (at(5_000), change(State::Waiting, State::Closed, Cause::DrainTimeout)));
    assert_eq!(did[2], (at(5_000), returned(2, Reason::Abandoned, "lasting")));
}

/// [R11] [X2]
#[test]
fn a_closed_session_keeps_it_in_mind_and_does_nothing() {
    let mut client = in_state(State::Closed);
    client.sleep(SECOND);
    assert_eq!(network_lost(&mut client), []);
    assert_eq!((client.state(), client.session.deadline()), (State::Closed, None));
    assert_eq!(client.connect()[0], dial(2));
    assert_eq!(retry_after_loss(&mut client, IO), seconds(1 + PUT_OFF));
}

/// [R11] [O1]
#[test]
fn with_a_max_retry_after_of_zero_no_dial_moves_and_none_is_reported() {
    let mut client = Client::opened(Settings { max_retry_after: Duration::ZERO, ..plain() });
    client.lose(IO);
    assert_eq!(network_lost(&mut client), []);
    assert_eq!(client.run_to_dial(), 1);
    assert_eq!((client.now, retry_after_loss(&mut client, IO)), (at(1_000), SECOND));
}
