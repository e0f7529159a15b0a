//! One connection at a time: its name, its dial, its greeting, its end.

use crate::support::*;

/// [C1] [R9]
#[test]
fn a_new_dial_comes_only_after_the_end_of_the_one_before() {
    let mut client = Client::new(plain());
    let mut existing = None;
    let steps: [Step; 8] = [
        |client| drop(client.connect()),
        |client| drop(client.run(seconds(11))),
        |client| drop(client.session.conn().map(|conn| client.input(Input::Opened { conn }))),
        |client| drop(client.input(Input::Reconnect)),
        |client| drop(client.close(SECOND)),
        |client| drop(client.connect()),
        |client| drop(client.run(seconds(2))),
        |client| drop(client.input(Input::NetworkChanged)),
    ];
    for step in 0..400 {
        let before = client.did.len();
        if step % 9 == 5 && client.session.conn().is_some() {
            client.lose(IO);
        }
        existing = existing.filter(|raw| client.session.conn() == Some(conn(*raw)));
        steps[step * 5 % 8](&mut client);
        for (_, did) in &client.did[before..] {
            match did {
                Did::Abort(raw) => assert_eq!(existing.take(), Some(*raw)),
                Did::Connect { conn, .. } => assert_eq!(existing.replace(*conn), None, "step {step}"),
                _ => {}
            }
        }
    }
    assert!(client.session.stats().dials > 50, "{:?}", client.session.stats());
}

/// **Bug 5.** A second connection was made beside the one that was already being made (recws #20).
///
/// [C1] [R6]
#[test]
fn asking_twice_for_a_connection_makes_one() {
    let mut client = Client::new(plain());
    client.connect();
    assert_eq!(client.connect(), [], "while dialling");
    client.open();
    client.sleep(SECOND);
    assert_eq!(client.connect(), [], "while open");
    client.run(seconds(60));
    assert_eq!((client.dials(), client.state()), (vec![0], State::Open));
}

/// **Bug 15.** The address was put together once, token and all; when the token had expired every reconnect was refused
/// with it (graphql-ws #482 and #105, sockette #59). Here each dial is a request of its own, under a new name.
///
/// [C2] [R1]
#[test]
fn connection_ids_increase_over_retries_closes_and_new_starts() {
    let mut client = Client::new(plain());
    let mut names = Vec::new();
    for _ in 0..3 {
        names.push(client.open());
        client.lose(IO);
        client.run(SECOND);
        names.push(client.open());
        client.close(SECOND);
        client.lose(Loss::Close(1000));
        client.sleep(SECOND);
    }
    assert_eq!(names, [1, 2, 3, 4, 5, 6]);
}

/// **Bug 4.** The close of a connection that had been replaced was taken for the end of the new one, which was torn down
/// or dialled a second time (socket.io-client PR 533, vueuse #3177, liveblocks #1459).
///
/// [C3] [C6]
#[test]
fn input_from_a_connection_that_has_ended_is_ignored() {
    let mut client = Client::opened(plain());
    client.lose(IO);
    client.run(SECOND);
    for _ in ["while dialling", "while open"] {
        let (before, stale) = (client.session.fingerprint(), client.session.stats().stale);
        let old = conn(1);
        for input in [
            Input::closed(old, IO),
            Input::closed(old, Loss::Close(1000)),
            Input::closed(old, Loss::Application(4000)),
            Input::Message { conn: old, message: "late".into() },
            Input::Pong { conn: old, token: Some(1) },
            Input::Alive { conn: old },
            Input::Ready { conn: old },
            Input::Heartbeat { conn: old, mode: HeartbeatMode::Off },
        ] {
            assert_eq!(client.input(input), []);
        }
        assert!(!client.session.received(client.now, old));
        assert_eq!((client.session.fingerprint(), client.session.stats().stale), (before, stale + 9));
        client.open();
    }
    assert_eq!(client.session.conn(), Some(conn(2)));
}

/// **Bug 33.** A dial succeeded just as it was given up: the connection that nobody wanted stayed open, and its messages
/// came in.
///
/// [C3] [X2]
#[test]
fn a_dial_that_succeeds_after_it_was_given_up_is_aborted() {
    let mut client = Client::new(plain());
    client.connect();
    client.close(seconds(5));
    assert_eq!(client.input(Input::Opened { conn: conn(1) }), [Did::Abort(1)]);
    assert_eq!(client.input(Input::Opened { conn: conn(1) }), [Did::Abort(1)], "as often as it is reported");
    assert_eq!(client.input(Input::Message { conn: conn(1), message: "hello".into() }), []);
    assert_eq!((client.state(), client.session.deadline()), (State::Closed, None));
}

/// [C3] [P6]
#[test]
fn an_abort_that_is_still_owed_is_not_owed_twice() {
    let mut client = Client::new(plain());
    client.connect();
    client.sleep(seconds(10));
    client.pull(0, Input::Timer);
    let aborts = client.input(Input::Opened { conn: conn(1) });
    assert_eq!(aborts.iter().filter(|did| matches!(did, Did::Abort(_))).count(), 1);
}

/// [C3]
#[test]
fn opening_twice_is_opening_once() {
    let mut client = Client::opened(plain());
    assert_eq!(client.input(Input::Opened { conn: conn(1) }), []);
    assert_eq!((client.state(), client.session.stats().ignored), (State::Open, 1));
}

/// [C4] [R1]
#[test]
fn a_dial_that_takes_too_long_is_aborted_and_retried() {
    let mut client = Client::new(plain());
    client.connect();
    assert_eq!(client.session.deadline(), Some(at(10_000)));
    assert_eq!(client.timer_at(9_999), []);
    let cause = Cause::Lost(Loss::ConnectTimeout);
    let expected = [Did::Abort(1), change(State::Connecting, State::Waiting, cause), schedule(1, at(11_000), cause)];
    assert_eq!(client.timer_at(10_000), expected);
    assert_eq!(client.session.stats().lost_to_connect_timeout, 1);
}

/// **Bug 22.** Everything that had been queued offline was flushed as soon as the socket opened, before the login that
/// the server expects first, and the server closed the connection (vueuse #4038).
///
/// [C5]
#[test]
fn nothing_queued_overtakes_the_login() {
    let mut client = Client::new(greeting(seconds(3)));
    client.at_least_once("queued first");
    client.at_most_once("queued second");
    client.open();
    assert_eq!((client.state(), client.transmit()), (State::Greeting, None));
    client.this_connection("login");
    client.at_most_once("queued while greeting");
    client.this_connection("subscribe");
    assert_eq!(client.write_all(), ["login", "subscribe"]);
    client.rest();
    let ready = change(State::Greeting, State::Open, Cause::Ready);
    assert_eq!(client.input(Input::Ready { conn: conn(1) }), [ready]);
    assert_eq!(client.write_all(), ["queued first", "queued second", "queued while greeting"]);
}

/// **Bug 22.** The same where opening and sending the login are one step.
///
/// [C5] [Q5]
#[test]
fn messages_for_this_connection_come_before_all_others_in_every_state() {
    let mut client = Client::opened(plain());
    client.unacknowledged("again");
    client.reconnect();
    client.at_most_once("new");
    client.this_connection("login");
    client.this_connection("more");
    assert_eq!(client.write_all(), ["login", "more", "again", "new"]);
}

/// [C5]
#[test]
fn a_greeting_that_takes_too_long_is_aborted_and_lost() {
    let mut client = Client::opened(greeting(seconds(3)));
    client.sleep(seconds(2));
    client.message("a chatty server does not prolong it");
    assert_eq!(client.session.deadline(), Some(at(3_000)));
    assert_eq!(client.timer_at(2_999), []);
    let cause = Cause::Lost(Loss::GreetingTimeout);
    let expected = [Did::Abort(1), change(State::Greeting, State::Waiting, cause), schedule(1, at(4_000), cause)];
    assert_eq!(client.timer_at(3_000), expected);
    assert_eq!(client.session.stats().lost_to_greeting_timeout, 1);
}

/// [C5]
#[test]
fn without_a_greeting_opened_is_ready() {
    let mut client = Client::new(plain());
    client.at_most_once("queued");
    client.connect();
    let opened = client.input(Input::Opened { conn: conn(1) });
    assert_eq!(opened, [change(State::Connecting, State::Open, Cause::Opened)]);
    assert_eq!(client.write_all(), ["queued"]);
    client.input(Input::Ready { conn: conn(1) });
    assert_eq!(client.session.stats().ignored, 1);
}

/// **Bug 5.** A broken connection is reported by an error and by a close, and each of them started a reconnect: two
/// dials, twice the traffic (reconnecting-websocket #39; a tutorial's client has both handlers).
///
/// [C6] [R1]
#[test]
fn an_error_and_a_close_and_a_timer_are_one_end_and_one_retry() {
    let mut client = Client::opened(beating(when_idle(5, 5)));
    client.run(seconds(9));
    for loss in [IO, Loss::Close(1006), Loss::Transport(TransportError::Protocol)] {
        client.input(Input::closed(conn(1), loss));
    }
    client.run(millis(999));
    assert_eq!(client.did.iter().filter(|(_, did)| matches!(did, Did::Schedule { .. })).count(), 1);
    let stats = client.session.stats();
    assert_eq!((stats.lost_to_transport, stats.lost_to_close, stats.lost_to_heartbeat, stats.stale), (1, 0, 0, 2));
    assert_eq!(client.run(millis(1))[0], (at(10_000), redial(2, 1, IO)));
}

/// [C6]
#[test]
fn a_received_close_frame_is_an_end() {
    let mut client = Client::opened(plain());
    let cause = Cause::Lost(Loss::Close(1001));
    assert_eq!(client.lose(Loss::Close(1001))[0], change(State::Open, State::Waiting, cause));
    assert_eq!(client.session.stats().lost_to_close, 1);
}

/// [C7]
#[test]
fn messages_are_delivered_from_the_opening_to_the_end() {
    let mut client = Client::new(greeting(seconds(3)));
    client.connect();
    let expect = |client: &mut Client, place: &str, delivered: bool| {
        let expected = if delivered { vec![deliver(place)] } else { vec![] };
        let message = Input::Message { conn: conn(1), message: place.into() };
        assert_eq!(client.input(message), expected, "{place}");
        assert_eq!(client.session.received(client.now, conn(1)), delivered, "{place}, without the message");
    };
    expect(&mut client, "connecting", false);
    assert_eq!(client.session.stats().ignored, 2);
    client.open();
    expect(&mut client, "greeting", true);
    client.input(Input::Ready { conn: conn(1) });
    expect(&mut client, "open", true);
    let kept = client.unacknowledged("kept");
    client.close(SECOND);
    expect(&mut client, "draining", true);
    client.ack(kept);
    expect(&mut client, "closing", true);
    client.lose(Loss::Close(1000));
    expect(&mut client, "closed", false);
    assert_eq!(client.session.stats().stale, 2);
}

/// **Bug 21.** Messages of the old session that were still on their way were handed to the application as if the new one
/// had sent them, and broke its state (sharedb PR 608).
///
/// [C7] [C3]
#[test]
fn a_message_that_arrives_late_from_the_old_connection_is_not_delivered() {
    let mut client = Client::opened(greeting(seconds(5)));
    client.lose(IO);
    client.run(SECOND);
    client.open();
    let late = Input::Message { conn: conn(1), message: "your session is 1".into() };
    assert_eq!(client.input(late.clone()), [], "while greeting");
    client.input(Input::Ready { conn: conn(2) });
    assert_eq!(client.input(late), [], "while open");
    assert_eq!(client.message("your session is 2"), [deliver("your session is 2")]);
}

/// Whether a session in this state, whose application ends the connection with 4000, is aborted, and how it goes on.
fn ended_by_the_application(state: State) -> (Vec<Did>, State, Cause) {
    let retry = RetryPolicy::default().with(Pattern::Application(4000, 4000), Verdict::Retry);
    let mut client = Client::new(Settings { retry, ..greeting(seconds(3)) });
    client.connect();
    if state != State::Connecting {
        client.open();
    }
    if matches!(state, State::Open | State::Closing) {
        client.input(Input::Ready { conn: conn(1) });
    }
    if state == State::Closing {
        client.close(SECOND);
    }
    assert_eq!(client.state(), state);
    let did = client.lose(Loss::Application(4000));
    let losses = u32::from(state != State::Closing);
    assert_eq!(client.session.stats().lost_to_application, losses);
    (did, client.state(), client.session.cause())
}

/// [C8]
#[test]
fn the_application_can_end_a_dial_or_a_connection() {
    let cause = Cause::Lost(Loss::Application(4000));
    for state in [State::Connecting, State::Greeting, State::Open] {
        let expected = vec![Did::Abort(1), change(state, State::Waiting, cause), schedule(1, at(1_000), cause)];
        assert_eq!(ended_by_the_application(state), (expected, State::Waiting, cause), "{state}");
    }
    let expected = vec![Did::Abort(1), change(State::Closing, State::Closed, cause)];
    assert_eq!(ended_by_the_application(State::Closing), (expected, State::Closed, cause));
}

/// [C8] [R4]
#[test]
fn an_end_by_the_application_is_judged_as_a_close_frame_with_its_code_unless_it_has_a_rule_of_its_own() {
    for (code, state) in [(1000, State::Idle), (1001, State::Waiting), (4403, State::Idle), (4401, State::Waiting)] {
        for loss in [Loss::Application(code), Loss::Close(code)] {
            let mut client = Client::opened(plain());
            client.lose(loss);
            assert_eq!(client.state(), state, "{loss}");
        }
    }
    let own = RetryPolicy::default()
        .with(Pattern::Application(1000, 1000), Verdict::RetryAfter(seconds(9)))
        .with(Pattern::Close(1000, 1001), Verdict::Stop);
    let retried = Some((1, at(10_000)));
    for (loss, dial) in [(Loss::Application(1000), retried), (Loss::Application(1001), None), (Loss::Close(1000), None)]
    {
        let mut client = Client::opened(Settings { retry: own.clone(), ..plain() });
        client.lose(loss);
        assert_eq!(client.session.next_dial(), dial, "{loss}");
    }
}

/// [C9]
#[test]
fn a_dial_says_how_the_one_before_was_lost() {
    let mut client = Client::new(plain());
    assert_eq!(client.connect()[0], dial(1));
    client.lose(Loss::Status(503));
    assert_eq!(client.run(SECOND)[0].1, redial(2, 1, Loss::Status(503)));
    client.run(seconds(10));
    client.run(millis(500));
    assert_eq!(client.connect()[0], redial(3, 0, Loss::ConnectTimeout), "asked for, after a loss");
    client.open();
    client.lose(Loss::Close(1008));
    client.sleep(SECOND);
    assert_eq!(client.connect()[0], redial(4, 0, Loss::Close(1008)), "after a stop");
}

/// [C9]
#[test]
fn after_an_end_that_the_application_asked_for_there_was_no_loss() {
    let ends: [Step; 4] = [
        |client| drop((client.close(SECOND), client.lose(Loss::Close(1000)), client.connect())),
        |client| drop((client.close(SECOND), client.connect())),
        |client| drop(client.input(Input::Reconnect)),
        |client| drop((client.lose(IO), client.close(SECOND), client.connect())),
    ];
    for (place, end) in ends.into_iter().enumerate() {
        let mut client = Client::opened(plain());
        client.reconnect();
        client.sleep(SECOND);
        end(&mut client);
        let (_, last) = client.did.iter().rfind(|(_, did)| matches!(did, Did::Connect { .. })).expect("a dial");
        assert_eq!(last, &dial(3), "end {place}");
    }
}
