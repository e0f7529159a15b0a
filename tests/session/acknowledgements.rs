//! At least once: redelivery, the window, deadlines for acknowledgements, and which message a loss is charged to.

use heartline::message::Outcome;

use crate::outbox::bounded;
use crate::support::*;

fn window(ack_window: u32) -> Settings {
    bounded(OutboxConfig { ack_window, ..OutboxConfig::default() })
}

/// **Bug 23.** What had to be sent again came after what had been sent later.
///
/// [Q5] [C5]
#[test]
fn redeliveries_come_in_order_before_anything_newer_and_only_when_ready() {
    let mut client = Client::new(greeting(SECOND));
    client.ready();
    for text in ["a", "b", "c"] {
        client.unacknowledged(text);
    }
    client.ack(id(2));
    client.at_most_once("new");
    client.reconnect();
    assert_eq!(client.transmit(), None, "greeting");
    client.input(Input::Ready { conn: conn(2) });
    client.this_connection("subscribe");
    let written: Vec<_> = std::iter::from_fn(|| client.write()).map(|lent| (lent.message, lent.redelivery)).collect();
    let expected = [("subscribe", false), ("a", true), ("c", true), ("new", false)];
    assert_eq!(written, expected.map(|(text, redelivery)| (text.to_string(), redelivery)));
}

/// **Bug 27.** The window of unacknowledged messages was full when the connection ended; on the new one nothing in it was
/// sent again, so nothing was acknowledged and nothing else could be sent, for ever (rumqtt #1056). Or an acknowledgement
/// that came out of turn did not open the window.
///
/// [Q5] [Q4]
#[test]
fn the_window_holds_back_what_comes_after_it_until_any_of_it_is_acknowledged() {
    let mut client = Client::opened(window(2));
    for text in ["a", "b", "c"] {
        client.at_least_once(text);
    }
    client.at_most_once("d");
    assert_eq!(client.write_all(), ["a", "b"]);
    client.reconnect();
    assert_eq!(client.write_all(), ["a", "b"], "redelivery opens no window");
    client.ack(id(2));
    assert_eq!(client.write_all(), ["c", "d"]);
}

/// **Bug 24.** What had long been confirmed was sent again with each reconnect.
///
/// [Q5]
#[test]
fn an_acknowledgement_counts_in_any_order_on_any_connection_and_before_the_redelivery() {
    let mut client = Client::opened(plain());
    for text in ["a", "b", "c"] {
        client.unacknowledged(text);
    }
    assert_eq!(client.ack(id(3)), [acked(3)]);
    client.lose(IO);
    assert_eq!(client.ack(id(1)), [acked(1)], "late, while waiting");
    client.run(SECOND);
    client.open();
    assert_eq!(client.write_all(), ["b"]);
}

/// [Q9]
#[test]
fn an_acknowledgement_that_takes_too_long_ends_the_connection() {
    for mode in [HeartbeatMode::Off, periodic(5, None), listen(600)] {
        let mut client = Client::opened(beating(mode));
        client.run(seconds(2));
        client.unacknowledged("a");
        client.run(seconds(7));
        client.unacknowledged("b");
        client.run(millis(22_999));
        assert_eq!((client.now, client.state()), (at(31_999), State::Open));
        client.run(millis(1));
        let cause = Cause::Lost(Loss::AckTimeout);
        let expected = [Did::Abort(1), change(State::Open, State::Waiting, cause), schedule(1, at(33_000), cause)];
        let lost: Vec<_> =
            client.did.iter().filter(|(now, _)| *now == at(32_000)).map(|(_, did)| did.clone()).collect();
        assert_eq!(lost, expected, "{mode}");
        assert_eq!(client.session.stats().lost_to_ack_timeout, 1);
        client.run_to_dial();
        client.open();
        assert_eq!(client.write_all(), ["a", "b"]);
    }
}

/// [Q9] [P7]
#[test]
fn each_message_has_its_own_deadline_and_what_is_acknowledged_has_none() {
    let mut client = Client::opened(plain());
    for second in 0..60 {
        client.now = at(1_000 * second);
        let lent = client.unacknowledged("a");
        client.run(millis(500));
        client.ack(lent);
    }
    assert_eq!(client.state(), State::Open);
    client.run(seconds(600));
    assert_eq!((client.state(), client.session.deadline()), (State::Open, None));
}

/// [Q9]
#[test]
fn what_was_not_yet_transmitted_again_has_no_deadline() {
    let mut client = Client::opened(greeting(seconds(900)));
    client.input(Input::Ready { conn: conn(1) });
    client.unacknowledged("a");
    client.unacknowledged("b");
    client.reconnect();
    client.run(seconds(600));
    client.input(Input::Ready { conn: conn(2) });
    client.run(seconds(600));
    assert_eq!((client.state(), client.session.stats().lost_to_ack_timeout), (State::Open, 0));
    client.write();
    client.run(seconds(30));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout));
}

/// [Q9]
#[test]
fn without_an_ack_timeout_an_acknowledgement_may_take_for_ever() {
    let mut client = Client::opened(bounded(OutboxConfig { ack_timeout: None, ..OutboxConfig::default() }));
    client.unacknowledged("a");
    assert_eq!(client.session.deadline(), None);
    let brief = bounded(OutboxConfig { ack_timeout: Some(millis(1)), ..OutboxConfig::default() });
    let mut client = Client::opened(brief);
    client.unacknowledged("a");
    client.run(millis(1));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout));
}

/// [Q9] [H6]
#[test]
fn a_late_timer_starts_each_wait_for_an_acknowledgement_anew_once_in_every_mode() {
    for mode in [HeartbeatMode::Off, periodic(900, None), listen(900)] {
        let mut client = Client::opened(beating(mode));
        client.unacknowledged("a");
        client.timer_at(60_000);
        assert_eq!(client.did.last(), Some(&(at(60_000), slept(30_000))), "{mode}");
        client.now = at(70_000);
        client.unacknowledged("b");
        assert_eq!(client.session.deadline(), Some(at(90_000)), "{mode}");
        client.timer_at(130_000);
        assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout), "{mode}: its second verdict is final");
        client.run_to_dial();
        client.open();
        client.write_all();
        client.sleep(seconds(60));
        client.timer();
        assert_eq!(client.state(), State::Open, "{mode}: waits on another connection are others");
    }
}

/// [Q9] [H6]
#[test]
fn a_timer_within_the_tolerance_is_on_time_for_acknowledgements_too() {
    let mut client = Client::opened(plain());
    client.unacknowledged("a");
    client.timer_at(31_000);
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout));
}

/// The timer is due at 30 s for "a". "b" is transmitted after a long sleep, just before the late timer.
///
/// [Q9] [H6]
#[test]
fn a_wait_for_an_acknowledgement_no_longer_than_the_tolerance_keeps_its_grace() {
    let mut client = Client::opened(plain());
    let a = client.unacknowledged("a");
    client.sleep(seconds(3600));
    client.unacknowledged("b");
    assert_eq!(client.timer(), [slept(3_570_000)], "for a");
    client.ack(a);
    client.sleep(seconds(3600));
    assert_eq!(client.timer(), [slept(3_570_000)], "for b");
}

/// [Q9] [P7]
#[test]
fn after_a_sleep_the_oldest_wait_is_still_the_first_that_is_due() {
    let mut client = Client::opened(bounded(OutboxConfig { ack_timeout: Some(seconds(3)), ..OutboxConfig::default() }));
    client.unacknowledged("a");
    client.now = at(5_500);
    client.unacknowledged("b");
    assert_eq!(client.timer_at(6_000), [slept(3_000)]);
    assert_eq!(client.session.deadline(), Some(at(9_000)));
    let a = client.session.deadline().expect("a's");
    client.ack(id(1));
    client.run(a.saturating_since(client.now));
    assert_eq!(client.session.cause(), Cause::Lost(Loss::AckTimeout), "b's");
}

/// [Q9] [H6]
#[test]
fn a_sleep_is_reported_once_for_the_heartbeat_and_the_acknowledgements() {
    let mut client = Client::opened(beating(listen(20)));
    client.unacknowledged("a");
    assert_eq!(client.timer_at(60_000), [slept(40_000)]);
    client.message("alive");
    assert_eq!(client.timer_at(79_000), []);
    assert_eq!(client.session.deadline(), Some(at(80_000)));
}

/// **Bug 27.** One message that the server would never acknowledge held its place in the window over every reconnect, and
/// nothing behind it was ever sent.
///
/// [Q10] [Q5]
#[test]
fn a_poisonous_message_is_given_up_after_max_losses_and_takes_no_other_along() {
    let mut client = Client::opened(bounded(OutboxConfig { max_losses: 3, ..OutboxConfig::default() }));
    for text in ["poison", "b", "c"] {
        client.unacknowledged(text);
    }
    for _ in 0..2 {
        client.lose(Loss::Close(1009));
        client.run_to_dial();
        client.open();
        assert_eq!(client.write_all(), ["poison", "b", "c"]);
    }
    let did = client.lose(Loss::Close(1009));
    assert_eq!(did.last(), Some(&unconfirmed(1, Reason::MaxLosses, "poison")));
    client.run_to_dial();
    client.open();
    assert_eq!(client.write_all(), ["b", "c"], "neither is charged with what the other did");
    for _ in 0..2 {
        client.reconnect();
        client.write_all();
    }
    assert_eq!(client.outcomes().len(), 1, "two losses are b's");
}

/// [Q10]
#[test]
fn a_loss_is_charged_only_to_what_was_transmitted_on_that_connection() {
    let mut client = Client::opened(bounded(OutboxConfig { max_losses: 2, ..OutboxConfig::default() }));
    client.unacknowledged("a");
    client.reconnect();
    for _ in 0..9 {
        client.reconnect();
    }
    assert_eq!(client.session.queued(), 1, "it was not transmitted again");
    assert_eq!(client.write_all(), ["a"]);
    client.lose(IO);
    assert_eq!(client.outcomes(), [(id(1), Outcome::Unconfirmed(Reason::MaxLosses, "a".into()))]);
}

/// [Q10]
#[test]
fn the_ends_that_the_session_brings_about_itself_are_charged_too_and_those_that_were_asked_for_are_not() {
    let ends: [(Step, bool); 5] = [
        (|client| drop(client.lose(Loss::Application(4000))), true),
        (|client| drop(client.run(seconds(10))), true),
        (|client| drop(client.input(Input::Reconnect)), false),
        (|client| drop((client.close(SECOND), client.connect())), false),
        (|client| drop(client.input(Input::NetworkChanged)), false),
    ];
    for (place, (end, charged)) in ends.into_iter().enumerate() {
        let outbox = OutboxConfig { max_losses: 1, ..OutboxConfig::default() };
        let mut client = Client::opened(Settings { outbox, ..beating(when_idle(5, 5)) });
        client.unacknowledged("a");
        client.sleep(SECOND);
        end(&mut client);
        assert_eq!(client.session.queued(), usize::from(!charged), "end {place}");
    }
}

/// A server that accepts, takes everything and crashes after 100 ms, again and again.
///
/// [Q10]
#[test]
fn a_server_that_crashes_in_a_loop_does_not_eat_the_window_within_minutes() {
    let mut client = Client::opened(Settings { heartbeat: plain().heartbeat, ..Settings::default() });
    for _ in 0..64 {
        client.at_least_once("order");
    }
    while client.now < at(600_000) {
        client.write_all();
        client.run(millis(100));
        client.lose(Loss::Close(1011));
        client.run_to_dial();
        client.open();
    }
    let losses = client.session.stats().lost_to_close as usize;
    assert!(losses > 30, "{losses}");
    assert_eq!(client.outcomes().len(), losses / 5, "one message for each five losses");
    assert!(client.session.queued() > 50);
}
