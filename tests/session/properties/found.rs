//! What the properties and the fuzzer found, as the scenarios it came down to.

use heartline::event::Cause;
use heartline::retry::{Pattern, RetryPolicy, Verdict};
use heartline::{Input, Loss, Settings, State};

use crate::support::{
    Client, IO, SECOND, at, at_most_once, changes, dial, greeting, listen, millis, plain, seconds, this_connection,
    watched_by, when_idle,
};

/// [X1] [Q6]
#[test]
fn a_drain_is_over_when_its_last_message_turns_out_to_have_expired() {
    let mut client = Client::opened(plain());
    client.send(at_most_once("late").expires_in(SECOND)).expect("there is room");
    client.close(seconds(9));
    client.sleep(SECOND);
    assert_eq!(client.transmit(), None);
    assert_eq!(client.state(), State::Closing);
    assert_eq!(changes(&client.timer()), [(State::Closing, Cause::Drained)]);
}

/// [X1] [Q10]
#[test]
fn a_drain_is_over_when_a_loss_costs_it_its_last_message() {
    let outbox = heartline::outbox::OutboxConfig { max_losses: 1, ..plain().outbox };
    let mut client = Client::opened(Settings { outbox, ..plain() });
    client.unacknowledged("poison");
    client.close(seconds(9));
    let did = client.lose(IO);
    assert_eq!(changes(&did), [(State::Waiting, Cause::Lost(IO)), (State::Closed, Cause::Drained)]);
}

/// The moment of the ping would be overwritten by that at which a late timer starts the silence anew.
/// [H7] [H10]
#[test]
fn a_ping_sent_before_a_dictated_mode_is_not_timed() {
    let mut client = Client::opened(Settings { heartbeat: watched_by(when_idle(20, 10)), ..plain() });
    client.run(seconds(20));
    let conn = client.conn();
    client.input(Input::Heartbeat { conn, mode: listen(10) });
    client.timer_at(60_000);
    client.sleep(millis(1));
    client.pong_to(1);
    assert_eq!(client.session.rtt(), None);
}

/// [P7]
#[test]
fn the_deadline_is_exact_after_a_timer_that_resolves_a_message_with_a_time_to_live_by_a_loss() {
    let mut client = Client::opened(greeting(SECOND));
    client.send(this_connection("login").expires_in(millis(1_500))).expect("there is room");
    client.run(SECOND);
    assert_eq!(client.state(), State::Waiting);
    assert_eq!(client.session.deadline(), Some(at(2_000)));
}

/// [P1] [R8]
#[test]
fn a_reconnect_that_only_clears_renew_has_changed_something() {
    let retry = RetryPolicy::default().with(Pattern::Any, Verdict::Renew);
    let mut client = Client::opened(Settings { retry, min_dial_gap: SECOND, ..plain() });
    client.lose(IO);
    client.connect();
    assert_eq!(client.input(Input::Reconnect), []);
    assert_eq!(client.session.stats().ignored, 0);
}

/// [C9]
#[test]
fn close_forgets_the_last_loss_from_idle_too() {
    let mut client = Client::opened(plain());
    client.lose(Loss::Close(1008));
    assert_eq!(client.state(), State::Idle);
    client.close(SECOND);
    client.sleep(SECOND);
    assert_eq!(client.connect()[0], dial(2));
}

/// [P2] [R7]
#[test]
fn fingerprints_tell_whether_a_network_change_may_ping() {
    let settings = || Settings { heartbeat: watched_by(when_idle(20, 10)), min_dial_gap: seconds(60), ..plain() };
    let (mut pinged, mut quiet) = (Client::opened(settings()), Client::opened(settings()));
    pinged.sleep(seconds(5)).input(Input::NetworkChanged);
    pinged.message("alive");
    quiet.sleep(seconds(5)).message("alive");
    for client in [&mut pinged, &mut quiet] {
        client.run(seconds(15));
    }
    assert_eq!(pinged.session.deadline(), quiet.session.deadline());
    assert_ne!(pinged.session.fingerprint(), quiet.session.fingerprint());
}
