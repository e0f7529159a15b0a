//! From the queue to the socket: in which order, until when, and what a lend is.

use heartline::message::Outcome;

use crate::outbox::bounded;
use crate::support::*;

/// **Bug 23.** What was sent while the socket was still opening was tried again by a timer of its own for each message, and
/// arrived in any order (palava-client PR 11; a tutorial's client does the same, and loses what is sent into a closed
/// socket altogether).
///
/// [Q4]
#[test]
fn first_transmissions_keep_the_order_of_acceptance_across_reconnects() {
    let mut client = Client::new(plain());
    let texts = ["a", "b", "c", "d", "e", "f"];
    for (place, text) in texts.into_iter().enumerate() {
        if place % 2 == 0 {
            client.at_most_once(text)
        } else {
            client.at_least_once(text)
        };
    }
    client.open();
    let mut first = Vec::new();
    while first.len() < texts.len() {
        let lent = client.write().expect("more");
        if !lent.redelivery {
            first.push(lent.message);
            client.reconnect();
        }
    }
    assert_eq!(first, texts);
}

/// [Q6]
#[test]
fn a_time_to_live_is_resolved_by_the_timer_the_session_asks_for() {
    let mut client = Client::new(plain());
    client.send(at_most_once("short").expires_in(SECOND)).expect("accepted");
    client.send(at_most_once("long").expires_in(seconds(9))).expect("accepted");
    assert_eq!(client.session.deadline(), Some(at(1_000)));
    assert_eq!(client.timer_at(999), []);
    assert_eq!(client.timer_at(1_000), [returned(1, Reason::Expired, "short")]);
    assert_eq!(client.session.deadline(), Some(at(9_000)));
}

/// [Q6]
#[test]
fn a_time_to_live_runs_on_after_the_transmission_and_between_connections() {
    let mut client = Client::opened(plain());
    client.send(at_least_once("a").expires_in(millis(500))).expect("accepted");
    client.write_all();
    client.lose(IO);
    assert_eq!(client.run(millis(500)), [(at(500), unconfirmed(1, Reason::Expired, "a"))]);
}

/// [Q6]
#[test]
fn nothing_is_transmitted_after_its_time_to_live_but_until_a_nanosecond_before() {
    let end = at(1_000);
    for delivery in [Outgoing::this_connection, Outgoing::at_most_once, Outgoing::at_least_once] {
        let message = delivery("a".to_string(), 1).expires_in(SECOND);
        let mut client = Client::opened(plain());
        client.send(message.clone()).expect("accepted");
        client.now = Timestamp::from_nanos(end.as_nanos() - 1);
        assert_eq!(client.write_all(), ["a"]);
        let mut client = Client::opened(plain());
        client.send(message).expect("accepted");
        client.now = end;
        assert_eq!(client.transmit(), None);
        assert_eq!(client.rest(), [returned(1, Reason::Expired, "a")]);
    }
}

/// **Bug 29.** An order was given before the laptop slept and carried out when it woke, hours later: the queue was flushed
/// before any timer could look at it.
///
/// [Q6] [Q5] [P5]
#[test]
fn a_message_that_outlived_its_time_is_neither_sent_nor_sent_again_even_if_no_timer_ran() {
    for sent_before in [false, true] {
        let mut client = Client::opened(plain());
        client.send(at_least_once("buy at 10").expires_in(seconds(60))).expect("accepted");
        if sent_before {
            client.write_all();
        }
        client.at_least_once("kept");
        client.lose(IO);
        client.sleep(seconds(3 * 3600));
        client.input(Input::NetworkChanged);
        client.open();
        assert_eq!(client.write_all(), ["kept"]);
        let expired = if sent_before { unconfirmed } else { returned };
        assert_eq!(client.rest(), [expired(1, Reason::Expired, "buy at 10")]);
    }
}

/// **Bug 18.** Whatever an application had sent during an outage, a position every second, say, broke over the server in
/// one burst at the reconnect (socket.io #2003).
///
/// [Q6]
#[test]
fn an_outage_is_not_followed_by_a_burst_of_what_has_expired_meanwhile() {
    let mut client = Client::opened(Settings { backoff: Backoff::constant(seconds(300)), ..plain() });
    client.lose(IO);
    for second in 1..=60 {
        client.run(SECOND);
        client.send(at_most_once(&format!("position at {second} s")).expires_in(seconds(3))).expect("accepted");
    }
    client.input(Input::NetworkChanged);
    client.open();
    assert_eq!(client.write_all(), ["position at 58 s", "position at 59 s", "position at 60 s"]);
    let expired = |(_, outcome): &(_, Outcome<String>)| matches!(outcome, Outcome::Returned(Reason::Expired, _));
    assert_eq!(client.outcomes().iter().filter(|outcome| expired(outcome)).count(), 57);
}

/// **Bug 23.** A message that the socket would not take was put back in the wrong place. Here it never left its place.
///
/// [Q7] [Q4]
#[test]
fn a_lend_that_nothing_follows_changes_nothing() {
    let mut client = Client::opened(plain());
    client.at_most_once("c");
    client.at_least_once("d");
    client.this_connection("a");
    client.this_connection("b");
    let mut order = Vec::new();
    loop {
        let before = (client.session.queued(), client.session.held(), client.session.deadline());
        let Some(lent) = client.transmit() else { break };
        assert_eq!(client.transmit(), Some(lent.clone()), "the same, as often as it is asked");
        assert_eq!((client.session.queued(), client.session.held(), client.session.deadline()), before);
        client.sent(lent.id);
        client.rest();
        order.push(lent.message);
    }
    assert_eq!(order, ["a", "b", "c", "d"]);
    client.reconnect();
    let lent = client.transmit().expect("d again");
    assert!(lent.redelivery);
    assert_eq!((client.transmit(), client.session.stats().redeliveries), (Some(lent), 0), "not transmitted yet");
}

/// [Q7]
#[test]
fn what_is_lent_says_what_was_promised_for_it() {
    use Delivery::{AtLeastOnce, AtMostOnce, ThisConnection};
    let mut client = Client::opened(plain());
    for outgoing in [at_least_once("a"), at_most_once("b"), this_connection("c")] {
        client.send(outgoing).expect("accepted");
    }
    let first: Vec<_> = std::iter::from_fn(|| client.write()).map(|lent| lent.delivery).collect();
    assert_eq!(first, [ThisConnection, AtLeastOnce, AtMostOnce]);
    client.reconnect();
    assert_eq!(client.transmit().map(|lent| (lent.delivery, lent.redelivery)), Some((AtLeastOnce, true)));
}

/// [Q7] [Q5]
#[test]
fn what_was_only_lent_was_not_transmitted() {
    let mut client = Client::opened(bounded(OutboxConfig { max_losses: 1, ..OutboxConfig::default() }));
    client.at_least_once("a");
    client.transmit();
    client.reconnect();
    let lent = client.transmit().expect("a");
    assert_eq!((lent.message.as_str(), lent.redelivery), ("a", false));
    assert_eq!(client.input(Input::Cancel { id: id(1) }), [returned(1, Reason::Cancelled, "a")]);
}

/// [Q7] [C5]
#[test]
fn asked_again_a_newer_message_for_this_connection_goes_first_and_an_expired_one_never() {
    let mut client = Client::opened(plain());
    client.send(at_most_once("brief").expires_in(SECOND)).expect("accepted");
    client.at_most_once("kept");
    let text = |client: &mut Client| client.transmit().map(|lent| lent.message);
    assert_eq!(text(&mut client).as_deref(), Some("brief"));
    client.this_connection("pong");
    assert_eq!(text(&mut client).as_deref(), Some("pong"));
    client.sleep(SECOND);
    assert_eq!(client.write_all(), ["pong", "kept"]);
    assert_eq!(client.rest(), [transmitted(3), returned(1, Reason::Expired, "brief"), transmitted(2)]);
}

/// **Bug 29.** Here even the message that is to be written next.
///
/// [Q6] [Q7]
#[test]
fn a_message_that_expires_while_it_is_lent_is_not_lent_again() {
    let mut client = Client::opened(plain());
    client.at_most_once("before");
    assert_eq!(client.write_all(), ["before"]);
    client.send(at_most_once("brief").expires_in(SECOND)).expect("accepted");
    client.transmit().expect("brief");
    client.sleep(SECOND);
    assert_eq!(client.transmit(), None);
    assert_eq!(client.rest(), [transmitted(1), returned(2, Reason::Expired, "brief")]);
}

/// [Q7] [P1]
#[test]
fn sent_and_rejected_for_any_other_message_change_nothing_and_are_counted() {
    let mut client = Client::opened(plain());
    client.at_most_once("a");
    client.at_least_once("b");
    client.sent(id(1));
    client.session.rejected(client.now, id(1));
    assert_eq!(client.session.stats().ignored, 2, "it is not lent yet");
    client.transmit().expect("a");
    let before = client.session.fingerprint();
    for other in [0, 2, 3, u64::MAX].map(id) {
        client.sent(other);
        client.session.rejected(client.now, other);
    }
    assert_eq!((client.session.fingerprint(), client.session.stats().ignored), (before, 10));
    client.sent(id(1));
    client.sent(id(1));
    assert_eq!((client.rest(), client.session.stats().ignored), (vec![transmitted(1)], 11), "once");
}

/// [Q7]
#[test]
fn a_lend_ends_with_the_next() {
    let mut client = Client::opened(plain());
    client.at_most_once("a");
    client.transmit();
    client.this_connection("b");
    client.transmit();
    client.sent(id(1));
    assert_eq!((client.session.queued(), client.session.stats().ignored), (2, 1));
    client.lose(IO);
    client.run_to_dial();
    client.open();
    client.transmit();
    client.lose(IO);
    assert_eq!(client.transmit(), None, "there is no connection");
    client.sent(id(1));
    assert_eq!((client.session.queued(), client.session.stats().ignored), (1, 2));
}

/// [Q7]
#[test]
fn rejected_resolves_it_so_that_no_message_blocks_the_queue() {
    let mut client = Client::opened(plain());
    client.unacknowledged("again");
    client.reconnect();
    client.at_most_once("too large");
    client.at_least_once("neither");
    client.this_connection("nor this");
    client.at_most_once("fits");
    for _ in 0..4 {
        let lent = client.transmit().expect("more");
        client.session.rejected(client.now, lent.id);
    }
    assert_eq!(client.write_all(), ["fits"]);
    let expected = [
        returned(4, Reason::Rejected, "nor this"),
        unconfirmed(1, Reason::Rejected, "again"),
        returned(2, Reason::Rejected, "too large"),
        returned(3, Reason::Rejected, "neither"),
        transmitted(5),
    ];
    assert_eq!((client.rest(), client.state()), (expected.to_vec(), State::Open));
}

/// [Q7] [X1]
#[test]
fn a_lend_protects_from_nothing() {
    let bounds = OutboxConfig { max_messages: 2, ack_window: 2, overflow: Overflow::EvictOldest, ..Default::default() };
    let ends: [(Step, Reason); 4] = [
        (|client| drop(client.input(Input::Cancel { id: id(1) })), Reason::Cancelled),
        (|client| _ = (client.at_most_once("b"), client.at_most_once("c")), Reason::Evicted),
        (|client| drop((client.close(SECOND), client.sleep(SECOND).timer())), Reason::Abandoned),
        (|client| drop(client.sleep(seconds(9)).timer()), Reason::Expired),
    ];
    for (end, reason) in ends {
        let mut client = Client::opened(bounded(bounds));
        client.send(at_most_once("a").expires_in(seconds(9))).expect("accepted");
        client.transmit().expect("a");
        end(&mut client);
        client.sent(id(1));
        assert_eq!(client.session.stats().ignored, 1, "{reason}: it has its outcome");
        client.timer();
        assert_eq!(client.outcomes()[0], (id(1), Outcome::Returned(reason, "a".into())));
    }
}

/// [Q7] [Q5]
#[test]
fn an_acknowledgement_of_the_lent_message_counts_as_sent_and_acked() {
    let mut client = Client::opened(plain());
    client.at_least_once("a");
    client.at_least_once("b");
    assert_eq!(client.ack(id(1)), [], "not lent yet");
    client.transmit().expect("a");
    assert_eq!(client.ack(id(2)), [], "another one is lent");
    assert_eq!(client.ack(id(1)), [acked(1)]);
    client.sent(id(1));
    assert_eq!(client.session.stats().ignored, 3, "it has its outcome");
    assert_eq!(client.write_all(), ["b"]);
}

/// [Q7] [Q5]
#[test]
fn only_an_at_least_once_message_can_be_acknowledged() {
    let mut client = Client::opened(plain());
    client.at_most_once("a");
    client.this_connection("b");
    for expected in [2, 1] {
        assert_eq!(client.transmit().map(|lent| lent.id), Some(id(expected)));
        assert_eq!(client.ack(id(expected)), []);
        client.sent(id(expected));
        assert_eq!(client.ack(id(expected)), [transmitted(expected)]);
    }
    assert_eq!(client.session.stats().ignored, 4);
}

/// If it did not, the message would be written twice.
///
/// [Q8] [Q2]
#[test]
fn sent_after_the_end_of_the_connection_still_counts() {
    for reconnected in [false, true] {
        let mut client = Client::opened(plain());
        client.at_most_once("a");
        let lent = client.transmit().expect("a");
        client.lose(IO);
        if reconnected {
            client.run_to_dial();
            client.open();
        }
        client.sent(lent.id);
        assert_eq!(client.rest(), [transmitted(1)]);
        client.run(SECOND);
        client.open();
        assert_eq!(client.transmit(), None);
    }
}

/// [Q8] [Q5] [Q9]
#[test]
fn what_was_sent_on_a_connection_that_has_ended_was_not_transmitted_on_the_next() {
    for reconnected in [false, true] {
        let mut client = Client::opened(plain());
        client.at_least_once("a");
        let lent = client.transmit().expect("a");
        client.lose(IO);
        if reconnected {
            client.run_to_dial();
            client.open();
        }
        client.sent(lent.id);
        client.run(SECOND);
        client.open();
        assert_eq!(client.session.deadline(), None, "it does not wait for an acknowledgement here");
        let again = client.write().expect("a again");
        assert_eq!((again.id, again.redelivery, client.session.stats().redeliveries), (id(1), true, 1));
        assert_eq!(client.session.deadline(), Some(client.now.saturating_add(seconds(30))));
    }
}

/// [Q8]
#[test]
fn a_message_for_a_connection_that_has_ended_was_returned_with_it() {
    let mut client = Client::opened(plain());
    client.this_connection("login");
    let lent = client.transmit().expect("login");
    client.lose(IO);
    client.sent(lent.id);
    assert_eq!((client.outcomes().len(), client.session.stats().ignored), (1, 1));
}

/// An open session whose queues have been used, so that the usual case of each call needs no room to be made.
fn seasoned() -> Client {
    let mut client = Client::opened(plain());
    for text in ["x", "y"] {
        client.at_most_once(text);
        let id = client.unacknowledged(text);
        client.ack(id);
    }
    client
}

/// [Q7]
#[test]
fn sent_for_the_first_in_the_queue_changes_nothing_while_another_is_lent() {
    for send in [Client::at_most_once, Client::at_least_once] {
        let mut client = seasoned();
        let first = send(&mut client, "first");
        client.this_connection("login");
        client.transmit().expect("login");
        client.sent(first);
        assert_eq!(client.write_all(), ["login", "first"]);
    }
}

/// [Q7]
#[test]
fn sent_for_a_message_that_was_cancelled_while_it_was_lent_does_not_count_for_the_next() {
    for send in [Client::at_most_once, Client::at_least_once] {
        let mut client = seasoned();
        let lent = send(&mut client, "cancelled");
        send(&mut client, "next");
        client.transmit().expect("it");
        client.input(Input::Cancel { id: lent });
        client.sent(lent);
        assert_eq!(client.write_all(), ["next"]);
    }
}

/// [Q8] [Q9]
#[test]
fn sent_after_a_reconnect_does_not_start_the_wait_for_an_acknowledgement() {
    let mut client = seasoned();
    let lent = client.at_least_once("a");
    client.transmit().expect("a");
    client.lose(IO);
    client.run_to_dial();
    client.open();
    client.sent(lent);
    assert_eq!(client.session.deadline(), None);
    assert_eq!(client.write_all(), ["a"]);
}
