//! Dials that the application or the network asks for.

use crate::reconnecting::{doubling, lose_and_dial};
use crate::support::*;

/// Waiting for the retry at 1 s, the connection of the origin lost.
fn waiting() -> Client {
    let mut client = Client::opened(plain());
    client.lose(IO);
    client
}

/// **Bug 32.** "Reconnect now", said the button, and the client waited for the end of its delay all the same
/// (reconnecting-websocket #91).
///
/// [R6] [R9] [R10]
#[test]
fn connect_and_reconnect_while_waiting_dial_at_once() {
    for ask in [Input::Connect, Input::Reconnect] {
        let mut client = waiting();
        client.sleep(millis(500));
        let expected = [redial(2, 0, IO), change(State::Waiting, State::Connecting, Cause::Requested)];
        assert_eq!(client.input(ask), expected);
    }
}

/// [R6] [R4]
#[test]
fn connect_while_waiting_ignores_what_the_server_asked_for() {
    let mut client = Client::new(plain());
    client.connect();
    client.lose_and_wait(Loss::Status(503), seconds(200));
    client.sleep(millis(100));
    assert_eq!(client.connect()[0], redial(2, 0, Loss::Status(503)));
}

/// [R6] [O1]
#[test]
fn connect_while_waiting_still_keeps_the_gap() {
    let mut client = waiting();
    client.sleep(millis(99));
    assert_eq!(client.connect(), [schedule(0, at(100), Cause::Lost(IO))]);
    assert_eq!(client.connect(), [], "it cannot come any sooner");
    let did = client.run(seconds(5));
    assert_eq!(did[0], (at(100), redial(2, 0, IO)));
    assert_eq!(did[1].1, change(State::Waiting, State::Connecting, Cause::Requested));
}

/// [R6]
#[test]
fn connect_does_nothing_where_there_is_a_dial_or_a_connection() {
    let mut client = Client::new(greeting(SECOND));
    client.connect();
    for state in [State::Connecting, State::Greeting, State::Open] {
        assert_eq!(client.state(), state);
        let before = client.session.fingerprint();
        assert_eq!(client.connect(), []);
        assert_eq!(client.session.fingerprint(), before);
        let conn = client.conn();
        client.input(if state == State::Connecting { Input::Opened { conn } } else { Input::Ready { conn } });
    }
    assert_eq!(client.session.stats().dials, 1);
}

/// **Bug 12.** The network was back, the operating system said so, and the client sat out what was left of a long delay
/// (centrifuge-js #203).
///
/// [R7] [R10]
#[test]
fn a_changed_network_while_waiting_dials_at_once_or_as_soon_as_the_gap_allows() {
    let network = change(State::Waiting, State::Connecting, Cause::NetworkChanged);
    let mut client = waiting();
    client.sleep(millis(100));
    assert_eq!(client.input(Input::NetworkChanged), [redial(2, 0, IO), network.clone()]);
    let mut client = waiting();
    client.sleep(millis(30));
    assert_eq!(client.input(Input::NetworkChanged), [schedule(0, at(100), Cause::Lost(IO))]);
    assert_eq!(client.input(Input::NetworkChanged), [], "as early as it gets");
    assert_eq!(client.run(SECOND)[..2], [(at(100), redial(2, 0, IO)), (at(100), network)]);
}

/// [R6] [R10]
#[test]
fn a_retry_that_is_due_when_the_gap_ends_gives_way_to_a_dial_that_was_asked_for() {
    let mut client = Client::new(Settings { min_dial_gap: SECOND, ..plain() });
    client.connect();
    client.lose(IO);
    assert_eq!(client.session.next_dial(), Some((1, at(1_000))));
    assert_eq!(client.connect(), [schedule(0, at(1_000), Cause::Lost(IO))]);
    assert_eq!(client.connect(), [], "planned already");
    assert_eq!(client.run(SECOND)[0].1, redial(2, 0, IO));
}

/// **Bug 16.** A phone that changes networks every few seconds made a dial of each change, whatever the server had asked
/// for. A thousand clients that the server has asked to stay away keep their jitter.
///
/// [R7] [R4]
#[test]
fn a_changed_network_does_not_shorten_a_wait_that_the_server_asked_for() {
    let asked: [Step; 3] = [
        |client| drop(client.lose_and_wait(IO, seconds(3))),
        |client| drop(client.lose_and_wait(Loss::Status(503), millis(1))),
        |client| drop(client.lose(Loss::Close(1012))),
    ];
    for (place, lose) in asked.into_iter().enumerate() {
        let mut client = Client::opened(plain());
        lose(&mut client);
        let dial = client.session.next_dial();
        client.sleep(millis(999));
        assert_eq!(client.input(Input::NetworkChanged), [], "wish {place}");
        assert_eq!((client.session.next_dial(), client.session.stats().ignored), (dial, 1), "wish {place}");
    }
    let own = RetryPolicy::default().with(Pattern::Any, Verdict::RetryAfter(seconds(5)));
    let mut client = Client::opened(Settings { retry: own, ..plain() });
    client.lose(IO);
    assert_eq!(client.input(Input::NetworkChanged), [], "the policy's own");
    let mut client = Client::opened(plain());
    client.lose_and_wait(IO, seconds(0));
    client.sleep(millis(999));
    assert_eq!(client.input(Input::NetworkChanged)[0], redial(2, 0, IO), "no wish");
}

/// The dial may hang on an interface that is gone, for the whole timeout.
///
/// [R7] [C1]
#[test]
fn a_changed_network_replaces_a_dial_that_is_older_than_the_gap() {
    let mut client = Client::new(plain());
    client.connect();
    client.sleep(millis(99));
    assert_eq!(client.input(Input::NetworkChanged), [], "a young dial");
    client.sleep(millis(1));
    let again = change(State::Connecting, State::Connecting, Cause::NetworkChanged);
    assert_eq!(client.input(Input::NetworkChanged), [Did::Abort(1), dial(2), again]);
    client.sleep(seconds(5));
    assert_eq!(client.input(Input::NetworkChanged), [], "a network that flaps must not keep a dial from ending");
    assert_eq!(client.session.stats().ignored, 2);
    client.run(seconds(5));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::ConnectTimeout));
}

/// **Bug 12.** After a change of network the old connection looked open for as long as its heartbeat took to notice.
///
/// [R7] [H4]
#[test]
fn a_link_that_does_not_survive_the_change_is_found_by_the_probe() {
    let mut client = Client::opened(beating(when_idle(300, 10)));
    client.run(seconds(50));
    assert_eq!(client.input(Input::NetworkChanged), [Did::Ping(1, 1)]);
    client.run(seconds(10));
    assert_eq!((client.now, client.session.cause()), (at(60_000), Cause::Lost(Loss::HeartbeatTimeout)));
}

/// [R7] [H3]
#[test]
fn a_changed_network_pings_an_open_link_at_most_once_per_gap_and_only_if_the_mode_pings() {
    // A change each 10 ms from 10 to 500 ms, with a gap of 100 ms.
    let modes = [
        (HeartbeatMode::Off, &[][..]),
        (listen(9), &[]),
        (when_idle(5, 5), &[10]),
        (periodic(5, Some(5)), &[0]),
        (periodic(5, None), &[0, 100, 200, 300, 400, 500]),
    ];
    for (mode, expected) in modes {
        let mut client = Client::opened(beating(mode));
        for _ in 0..50 {
            client.sleep(millis(10));
            client.input(Input::NetworkChanged);
        }
        assert_eq!(client.pings(), expected, "{mode}");
    }
}

/// [R7] [H2]
#[test]
fn after_a_probe_the_next_ping_comes_an_interval_later() {
    let mut client = Client::opened(beating(periodic(5, None)));
    client.run(seconds(2));
    client.input(Input::NetworkChanged);
    assert_eq!(pings(&client.run(seconds(5))), [7_000]);
}

/// [R9]
#[test]
fn reconnect_aborts_a_dial_or_a_connection_and_replaces_it_as_soon_as_the_gap_allows() {
    for state in [State::Connecting, State::Greeting, State::Open] {
        for (age, waits) in [(50, true), (100, false)] {
            let mut client = Client::new(greeting(seconds(9)));
            client.connect();
            if state != State::Connecting {
                client.open();
            }
            if state == State::Open {
                client.input(Input::Ready { conn: conn(1) });
            }
            client.sleep(millis(age));
            let expected = if waits {
                let again = schedule(0, at(100), Cause::Requested);
                vec![Did::Abort(1), change(state, State::Waiting, Cause::Requested), again]
            } else {
                vec![Did::Abort(1), dial(2), change(state, State::Connecting, Cause::Requested)]
            };
            assert_eq!(client.input(Input::Reconnect), expected, "{state}");
            assert_eq!(client.run(millis(100 - age)).len(), if waits { 2 } else { 0 });
            assert_eq!(client.session.conn(), Some(conn(2)));
        }
    }
}

/// [R9] [X2]
#[test]
fn reconnect_is_connect_where_there_is_nothing_to_replace() {
    let mut client = Client::new(plain());
    assert_eq!(client.input(Input::Reconnect)[0], dial(1), "Idle");
    client.open();
    client.close(SECOND);
    client.sleep(SECOND);
    assert_eq!(client.input(Input::Reconnect)[..2], [Did::Abort(1), dial(2)], "Closing");
    client.close(SECOND);
    client.sleep(SECOND);
    assert_eq!(client.input(Input::Reconnect)[0], dial(3), "Closed");
}

/// [R9] [Q2] [Q10]
#[test]
fn what_lay_in_its_buffers_is_lost_but_nothing_is_charged_or_counted() {
    let outbox = OutboxConfig { max_losses: 1, ..OutboxConfig::default() };
    let mut client = Client::opened(Settings { outbox, ..plain() });
    client.unacknowledged("kept");
    client.this_connection("login");
    client.sleep(SECOND);
    let did = client.input(Input::Reconnect);
    assert_eq!(did.last(), Some(&returned(2, Reason::ConnectionEnded, "login")));
    let stats = client.session.stats();
    assert_eq!((stats.lost_to_transport, stats.lost_to_application, stats.dials), (0, 0, 2));
    client.open();
    assert_eq!(client.write_all(), ["kept"]);
}

/// [R9] [X1]
#[test]
fn reconnect_withdraws_a_drain() {
    let mut client = Client::opened(plain());
    client.unacknowledged("kept");
    client.close(seconds(5));
    client.sleep(SECOND);
    client.input(Input::Reconnect);
    assert!(!client.session.is_draining());
    client.run(seconds(8));
    client.open();
    assert_eq!(client.write_all(), ["kept"]);
}

/// "Reconnect now" does not use up the attempts, and the retry that it preempted comes again.
///
/// [R10] [R4]
#[test]
fn a_dial_that_was_asked_for_is_no_retry_and_leaves_the_count_as_it_was() {
    for ask in [Input::Connect, Input::Reconnect, Input::NetworkChanged] {
        let mut client = Client::new(Settings { max_retries: Some(2), ..doubling() });
        client.connect();
        assert_eq!(lose_and_dial(&mut client), 1);
        for _ in 0..10 {
            client.lose(IO);
            let (attempt, retry_at) = client.session.next_dial().expect("a retry");
            assert_eq!((attempt, retry_at), (2, client.now.saturating_add(seconds(2))));
            client.sleep(SECOND);
            assert!(client.input(ask.clone()).iter().any(|did| matches!(did, Did::Connect { attempt: 0, .. })));
        }
        assert_eq!(lose_and_dial(&mut client), 2);
        client.lose(IO);
        assert_eq!(client.session.cause(), Cause::Exhausted(IO));
    }
}

/// [R10] [R7] [R9]
#[test]
fn a_retry_that_is_replaced_while_it_dials_is_not_counted_either() {
    for ask in [Input::Reconnect, Input::NetworkChanged] {
        let mut client = Client::new(doubling());
        client.connect();
        assert_eq!(lose_and_dial(&mut client), 1);
        client.sleep(SECOND);
        client.input(ask);
        assert_eq!(lose_and_dial(&mut client), 1);
        assert_eq!(lose_and_dial(&mut client), 2);
    }
}

/// [R10]
#[test]
fn a_retry_counts_when_its_dial_has_opened_or_failed() {
    let backoff = Backoff::exponential(SECOND, seconds(60), Jitter::None);
    let mut client = Client::new(Settings { backoff, ..plain() });
    client.connect();
    assert_eq!(lose_and_dial(&mut client), 1);
    client.open();
    client.sleep(SECOND);
    client.input(Input::Reconnect);
    assert_eq!(lose_and_dial(&mut client), 2, "it had opened");
}
