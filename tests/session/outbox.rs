//! What is accepted, in which bounds, and the one outcome that each message has.

use heartline::message::{Delivery, Outcome};

use crate::support::*;

pub fn bounded(outbox: OutboxConfig) -> Settings {
    Settings { outbox, ..plain() }
}

/// Three messages and ten bytes; two messages and eight bytes for the connection.
fn small(overflow: Overflow) -> Settings {
    bounded(OutboxConfig {
        max_messages: 3,
        max_bytes: 10,
        max_connection_messages: 2,
        max_connection_bytes: 8,
        overflow,
        ack_window: 3,
        ..OutboxConfig::default()
    })
}

/// **Bug 19.** Beyond its limit the queue threw messages away without a word: `send` returned as always
/// (reconnecting-websocket #147). **Bug 20.** One message more than the queue could hold, and the client closed the
/// connection with 1001 (okhttp #3317).
///
/// [Q1] [Q3]
#[test]
fn over_the_bound_of_messages_the_new_one_is_refused_and_comes_back() {
    let mut client = Client::opened(small(Overflow::Refuse));
    for text in ["a", "b", "c"] {
        client.at_most_once(text);
    }
    for _ in 0..100 {
        let refused = client.session.send(client.now, at_most_once("d")).expect_err("full");
        assert_eq!((refused.reason, refused.outgoing), (Refusal::Full, at_most_once("d")));
    }
    assert_eq!((client.state(), client.session.is_draining()), (State::Open, false));
    assert_eq!(client.write_all(), ["a", "b", "c"]);
}

/// [Q1]
#[test]
fn over_the_bound_of_bytes_the_new_one_is_refused() {
    let mut client = Client::new(small(Overflow::Refuse));
    client.at_most_once("123456");
    assert_eq!(client.send(at_most_once("12345")), Err(Refusal::Full));
    client.at_most_once("1234");
    assert_eq!(client.session.held_bytes(), 10);
}

/// [Q1]
#[test]
fn a_message_larger_than_its_bounds_is_refused_for_ever() {
    for overflow in [Overflow::Refuse, Overflow::EvictOldest] {
        let mut client = Client::opened(small(overflow));
        client.at_most_once("a");
        assert_eq!(client.send(at_most_once("12345678901")), Err(Refusal::TooLarge));
        assert_eq!(client.send(this_connection("123456789")), Err(Refusal::TooLarge));
        assert_eq!(client.session.queued(), 1);
    }
}

/// **Bug 19.** The same where the oldest make room for the newest: nobody hears which ones have gone.
///
/// [Q1] [O2]
#[test]
fn the_oldest_that_were_never_transmitted_make_room_and_come_back() {
    let mut client = Client::opened(small(Overflow::EvictOldest));
    client.unacknowledged("sent");
    client.at_least_once("old");
    client.at_most_once("new");
    client.at_most_once("123456");
    assert_eq!(client.rest(), [returned(2, Reason::Evicted, "old"), returned(3, Reason::Evicted, "new")]);
    assert_eq!((client.session.stats().evictions, client.session.queued()), (2, 2));
    assert_eq!(client.write_all(), ["123456"]);
}

/// [Q1]
#[test]
fn where_eviction_cannot_make_room_none_is_evicted_and_the_new_one_is_refused() {
    let mut client = Client::opened(small(Overflow::EvictOldest));
    client.unacknowledged("12345");
    client.at_most_once("a");
    assert_eq!(client.send(at_most_once("1234567")), Err(Refusal::Full));
    assert_eq!((client.session.queued(), client.session.stats().evictions), (2, 0));
    assert_eq!(client.write_all(), ["a"]);
}

/// [Q1] [P3]
#[test]
fn evicted_messages_count_in_a_second_set_of_bounds_until_their_outcome_is_pulled() {
    let mut client = Client::new(small(Overflow::EvictOldest));
    for text in ["a", "b", "c", "d", "e", "f"] {
        client.at_most_once(text);
    }
    assert_eq!((client.session.held(), client.session.queued()), (6, 3));
    assert_eq!(client.send(at_most_once("g")), Err(Refusal::Full));
    client.rest();
    assert_eq!(client.session.held(), 3);
    client.at_most_once("123456");
    client.at_most_once("g");
    assert_eq!(client.send(at_most_once("12345678")), Err(Refusal::Full), "no room for the bytes of both victims");
}

/// A thousand messages sent offline fill the box; the login that would empty it found no room, and no connection became
/// ready ever again.
///
/// [Q1] [C5] [X3]
#[test]
fn a_full_outbox_does_not_keep_a_login_out() {
    for overflow in [Overflow::Refuse, Overflow::EvictOldest] {
        let mut client = Client::new(Settings { greeting_timeout: Some(seconds(5)), ..small(overflow) });
        for text in ["a", "b", "c"] {
            client.at_least_once(text);
        }
        for round in 1..=2 {
            client.open();
            client.this_connection("login");
            client.this_connection("sub");
            assert_eq!(client.send(this_connection("+")), Err(Refusal::Full), "bounds of their own");
            assert_eq!(client.session.stats().evictions, 0, "nothing is evicted for them");
            assert_eq!(client.write_all(), ["login", "sub"]);
            client.rest();
            let conn = client.conn();
            client.input(Input::Ready { conn });
            assert_eq!(client.write_all(), ["a", "b", "c"], "round {round}");
            client.this_connection("pong");
            assert_eq!(client.write_all(), ["pong"], "unacknowledged messages fill it as well");
            client.lose(IO);
            client.run(SECOND);
        }
    }
}

/// [Q1]
#[test]
fn messages_for_this_connection_are_never_evicted() {
    let mut client = Client::opened(small(Overflow::EvictOldest));
    client.this_connection("login");
    for text in ["a", "b", "c", "d"] {
        client.at_most_once(text);
    }
    assert_eq!(client.write_all(), ["login", "b", "c", "d"]);
}

/// [Q1] [P3]
#[test]
fn the_bounds_of_the_connections_messages_are_counted_by_bytes_too_until_their_outcome_is_pulled() {
    let mut client = Client::opened(small(Overflow::Refuse));
    client.this_connection("12345678");
    assert_eq!(client.send(this_connection("1")), Err(Refusal::Full));
    client.write_all();
    assert_eq!((client.send(this_connection("1")), client.session.held_bytes()), (Err(Refusal::Full), 8));
    client.rest();
    client.this_connection("1");
    assert_eq!((client.session.held(), client.session.held_bytes()), (1, 1));
}

/// **Bug 15.** What the old connection had not sent yet went out on the new one: a login with the old token.
///
/// [Q2] [Q3]
#[test]
fn a_message_for_this_connection_is_transmitted_on_it_or_returned_with_its_end() {
    for settings in [plain(), greeting(seconds(5))] {
        let mut client = Client::opened(settings);
        client.this_connection("sent");
        client.write_all();
        client.this_connection("too late");
        client.lose(IO);
        let too_late = Outcome::Returned(Reason::ConnectionEnded, "too late".into());
        assert_eq!(client.outcomes(), [(id(1), Outcome::Transmitted), (id(2), too_late)]);
        client.run(SECOND);
        client.open();
        assert_eq!(client.transmit(), None);
    }
}

/// [Q2]
#[test]
fn a_message_for_this_connection_is_refused_where_there_is_none() {
    for (state, expected) in [
        (State::Idle, Err(Refusal::NotConnected)),
        (State::Waiting, Err(Refusal::NotConnected)),
        (State::Connecting, Err(Refusal::NotConnected)),
        (State::Greeting, Ok(id(1))),
        (State::Open, Ok(id(1))),
        (State::Closing, Err(Refusal::Closed)),
        (State::Closed, Err(Refusal::Closed)),
    ] {
        let mut client = crate::purity::in_state(state);
        assert_eq!(client.send(this_connection("login")), expected, "{state}");
    }
}

/// **Bug 24.** What was to be sent once was sent again with each reconnect. **Bug 26.** What had been accepted for a link
/// that then turned out to be dead was gone with its socket, although not a byte of it had been written.
///
/// [Q2] [Q3]
#[test]
fn an_at_most_once_message_survives_reconnects_and_is_done_when_it_is_transmitted() {
    let mut client = Client::new(plain());
    client.at_most_once("a");
    client.open();
    client.reconnect();
    assert_eq!(client.write_all(), ["a"]);
    client.reconnect();
    assert_eq!(client.transmit(), None);
    assert_eq!(client.outcomes(), [(id(1), Outcome::Transmitted)], "and only once");
}

/// **Bug 26.** Writing into a socket whose link is dead succeeds, and the client called that sent (tungstenite-rs #94, ws
/// #1103).
///
/// [Q2] [Q5]
#[test]
fn an_at_least_once_message_is_kept_until_acked() {
    let mut client = Client::opened(plain());
    client.at_least_once("a");
    for redelivery in [false, true, true] {
        let lent = client.write().expect("a");
        assert_eq!((lent.id, lent.redelivery), (id(1), redelivery));
        assert_eq!(client.transmit(), None, "once per connection");
        client.reconnect();
    }
    assert_eq!(client.ack(id(1)), [acked(1)]);
    client.reconnect();
    assert_eq!((client.transmit(), client.session.stats().redeliveries), (None, 2));
}

/// **Bug 24.** The application's own timeout sent a request again; the first copy could not be taken out of the queue, and
/// when the server was back it got both (reconnecting-websocket #171).
///
/// [Q3]
#[test]
fn what_was_never_transmitted_is_returned_and_what_was_is_unconfirmed() {
    let mut client = Client::opened(plain());
    client.unacknowledged("sent");
    client.at_least_once("queued");
    client.at_most_once("also queued");
    client.this_connection("login");
    let cancel = |raw| Input::Cancel { id: id(raw) };
    assert_eq!(client.input(cancel(1)), [unconfirmed(1, Reason::Cancelled, "sent")]);
    assert_eq!(client.input(cancel(2)), [returned(2, Reason::Cancelled, "queued")]);
    assert_eq!(client.input(cancel(3)), [returned(3, Reason::Cancelled, "also queued")]);
    assert_eq!(client.input(cancel(4)), [returned(4, Reason::Cancelled, "login")]);
    assert_eq!(client.transmit(), None);
}

/// [Q3] [P1]
#[test]
fn an_id_ends_only_once() {
    let mut client = Client::opened(plain());
    client.unacknowledged("a");
    client.ack(id(1));
    for input in [Input::Acked { id: id(1) }, Input::Cancel { id: id(1) }] {
        assert_eq!(client.input(input), []);
    }
    assert_eq!(client.session.stats().ignored, 2);
    assert_eq!(client.outcomes(), [(id(1), Outcome::Acked)]);
}

/// **Bug 25.** The callback said that the message had failed; the queue kept it, and it was sent when the client was
/// connected again (ably-js #2115).
///
/// [Q3] [X2]
#[test]
fn what_was_returned_is_never_sent_afterwards() {
    let mut client = Client::opened(plain());
    client.lose(Loss::Close(4403));
    let messages = ["1", "2", "3"].map(|text| client.at_least_once(text));
    client.close(seconds(5));
    let abandoned = |(nth, id)| (id, Outcome::Returned(Reason::Abandoned, format!("{}", nth + 1)));
    assert_eq!(client.outcomes(), messages.into_iter().enumerate().map(abandoned).collect::<Vec<_>>());
    client.sleep(SECOND);
    client.open();
    assert_eq!((client.state(), client.write_all()), (State::Open, vec![]));
    let id = client.at_least_once("4");
    assert_eq!(client.input(Input::Cancel { id }), [returned(4, Reason::Cancelled, "4")]);
    assert_eq!(client.write_all(), [""; 0]);
}

fn first_id(first: u64) -> Session<Message> {
    Session::with_first_id(Config::new(plain()).expect("valid"), 7, id(first))
}

/// [Q3]
#[test]
fn after_the_last_id_every_message_is_refused() {
    let now = Timestamp::ORIGIN;
    let mut session = first_id(u64::MAX - 2);
    session.handle(now, Input::Connect).for_each(drop);
    session.handle(now, Input::Opened { conn: conn(1) }).for_each(drop);
    let mut send = || session.send(now, at_most_once("a")).map_err(|refused| refused.reason);
    assert_eq!([send(), send(), send()], [Ok(id(u64::MAX - 2)), Ok(id(u64::MAX - 1)), Err(Refusal::Full)]);
}

/// A late acknowledgement from before a restart must not acknowledge another message.
///
/// [Q3] [P2]
#[test]
fn ids_begin_where_the_caller_says_and_strictly_increase() {
    let ids = |mut session: Session<Message>| -> Vec<u64> {
        let send = |delivery: fn(String, usize) -> Outgoing<String>| delivery("a".into(), 1);
        let messages = [send(Outgoing::at_most_once), send(Outgoing::at_least_once)];
        messages.map(|message| session.send(at(0), message).expect("accepted").as_raw()).to_vec()
    };
    assert_eq!(ids(first_id(1 << 40)), [1 << 40, (1 << 40) + 1]);
    assert_eq!(ids(first_id(0)), [1, 2], "0 counts as 1");
    assert_eq!(ids(Session::new(Config::default(), 7)), [1, 2]);
    let mut session = first_id(1_000);
    session.send(at(0), at_least_once("a")).expect("accepted");
    session.handle(at(0), Input::Acked { id: id(1) }).for_each(drop);
    assert_eq!((session.queued(), session.stats().ignored), (1, 1));
}

/// [Q3] [P1]
#[test]
fn when_the_ids_are_used_up_messages_are_refused() {
    let mut session = first_id(u64::MAX - 1);
    let mut send = || session.send(at(0), at_most_once("a")).map_err(|refused| refused.reason);
    assert_eq!([send(), send()], [Ok(MessageId::from_raw(u64::MAX - 1)), Err(Refusal::Full)]);
}

/// [Q2]
#[test]
fn nothing_is_transmitted_without_an_open_connection() {
    let mut client = Client::new(plain());
    client.at_most_once("queued");
    let steps: [Step; 4] = [
        |_| {},
        |client| _ = client.connect(),
        |client| _ = client.lose(IO),
        |client| _ = (client.run(SECOND), client.lose(Loss::Close(1008))),
    ];
    for step in steps {
        step(&mut client);
        assert_eq!(client.transmit(), None, "{}", client.state());
    }
    assert_eq!((client.state(), client.session.queued()), (State::Idle, 1));
}

/// [Q2]
#[test]
fn an_envelope_says_what_it_holds() {
    let outgoing = Outgoing::at_least_once("a".to_string(), usize::MAX).expires_in(SECOND);
    assert_eq!(
        (outgoing.size(), outgoing.delivery(), outgoing.time_to_live()),
        (u32::MAX, Delivery::AtLeastOnce, Some(SECOND))
    );
    assert_eq!(outgoing.message(), "a");
    assert_eq!(outgoing.into_message(), "a");
}
