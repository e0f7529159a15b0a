//! Greeting, sending, reconnecting, closing: what an application sees.

mod support;

use std::sync::mpsc;
use std::time::Duration;

use heartline_blocking::heartline::event::Cause;
use heartline_blocking::heartline::message::Reason;
use heartline_blocking::heartline::{Loss, MessageId, Settings};
use heartline_blocking::{EndReason, HookError, Message, Next, Outcome, Outgoing, Received, RecvError, Refusal};
use heartline_blocking::{State, Step, tungstenite};
use support::*;

#[test]
fn what_was_sent_offline_arrives_in_its_order_and_the_receipts_say_so() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        assert_eq!([text(&mut socket), text(&mut socket)], ["one", "two"]);
        say(&mut socket, "three");
        until_end(&mut socket);
    });
    let mut client = server.client().build().unwrap();
    let receipts = ["one", "two"].map(|text| client.try_send(text).unwrap());
    assert_eq!(receipts[0].poll(), None);
    for receipt in &receipts {
        assert_eq!(client.wait(receipt, PATIENCE), Some(Outcome::Transmitted));
        assert_eq!(receipt.poll(), None, "once");
    }
    assert_eq!(receipts.map(|receipt| receipt.id()), [Some(MessageId::from_raw(1)), Some(MessageId::from_raw(2))]);
    assert_eq!(hear(&mut client), "three");
    let end = client.close(PATIENCE);
    assert!(end.is_clean(), "{end}");
    assert_eq!(client.recv(None).map(|_| ()), Ok(()), "the last change of state");
    assert_eq!(client.recv(None), Err(RecvError::Ended));
    server.join();
}

#[test]
fn a_greeting_comes_before_the_queue_and_what_it_passes_on_is_received_after_it() {
    let server = Server::run(|listener| {
        for round in 0..2 {
            let mut socket = accept(&listener);
            assert_eq!(text(&mut socket), "hello");
            say(&mut socket, "news");
            say(&mut socket, "who are you");
            assert_eq!(text(&mut socket), "me");
            say(&mut socket, "welcome");
            match round {
                0 => assert_eq!(text(&mut socket), "queued"),
                _ => assert_eq!(until_end(&mut socket).len(), 1, "the close frame"),
            }
        }
    });
    let mut client = server.client().greeting(|link, step| {
        match step {
            Step::Opened => {
                assert_eq!(link.response().status(), 101);
                link.send("hello")?;
            }
            Step::Message(message) => match message.to_text()? {
                "who are you" => link.send("me")?,
                "welcome" => return Ok(Next::Done),
                _ => link.pass(message)?,
            },
        }
        Ok(Next::Wait)
    });
    client = client.configure(|options| options.session.stable_after = Duration::ZERO);
    let mut client = client.build().unwrap();
    let queued = client.try_send("queued").unwrap();
    assert_eq!(client.wait(&queued, PATIENCE), Some(Outcome::Transmitted));
    assert_eq!(hear(&mut client), "news");
    assert_eq!(hear(&mut client), "news", "on the next connection again");
    until_state(&mut client, State::Open);
    assert_eq!(taken(&mut client), [""; 0], "nothing of the greeting but what it passed on");
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_greeting_knows_the_dial_that_led_to_its_connection() {
    let server = Server::run(|listener| {
        for known in ["0 false None", "1 true Some(Close(4401))"] {
            let mut socket = accept(&listener);
            assert_eq!(text(&mut socket), known);
            close(&mut socket, 4401);
        }
    });
    let client = server.client().greeting(|link, _| {
        let dial = link.dial();
        let known = format!("{} {} {:?}", dial.attempt(), dial.renew(), dial.last_ended().map(|ended| ended.loss));
        link.send(known)?;
        Ok(Next::Done)
    });
    let mut client = client.build().unwrap();
    poll_until(&mut client, "the second refusal stops", |client| client.end().is_some());
    server.join();
}

#[test]
fn a_greeting_that_passes_on_more_than_its_buffer_holds_fails_by_name() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        for _ in 0..4 {
            say(&mut socket, "news");
        }
        until_end(&mut socket);
    });
    let client = server.client().greeting(|link, step| {
        if let Step::Message(message) = step {
            link.pass(message)?;
        }
        Ok(Next::Wait)
    });
    let mut client = client.configure(|options| options.greeting_messages = 3).build().unwrap();
    poll_until(&mut client, "the greeting fails", |client| client.status().last_ended.is_some());
    let ended = client.status().last_ended.unwrap();
    assert_eq!(ended.loss, Loss::Application(4500));
    let reason = "a hook failed: more than 3 messages or 1048576 bytes came during the greeting";
    assert_eq!(ended.detail().as_deref(), Some(reason));
    assert_eq!(taken(&mut client), ["news"; 3], "what was passed on has arrived");
    drop(client);
    server.join();
}

#[test]
fn a_greeting_that_says_stop_ends_the_client_and_everything_is_returned() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let mut client = server.client().greeting(|_, _| Err(HookError::stop("no account"))).build().unwrap();
    let receipt = client.try_send("queued").unwrap();
    let outcome = client.wait(&receipt, PATIENCE);
    assert_eq!(outcome, Some(Outcome::Returned(Reason::Abandoned, Message::text("queued"))));
    let end = client.end().unwrap().clone();
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Application(4403))));
    assert_eq!((end.returned, end.unconfirmed), (1, 0));
    assert_eq!(client.try_send("late").unwrap_err().reason, Refusal::Closed);
    server.join();
}

#[test]
fn an_at_least_once_message_is_sent_again_on_the_next_connection_until_it_is_acknowledged() {
    let server = Server::run(|listener| {
        for _ in 0..2 {
            let mut socket = accept(&listener);
            assert_eq!(text(&mut socket), "buy");
        }
        until_end(&mut accept(&listener));
    });
    let mut client = server.client().build().unwrap();
    let receipt = client.try_send(Outgoing::at_least_once("buy")).unwrap();
    poll_until(&mut client, "sent twice", |client| client.stats().session.redeliveries == 1);
    assert_eq!(receipt.poll(), None);
    client.acked(receipt.id().unwrap());
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Acked));
    until_state(&mut client, State::Waiting);
    until_state(&mut client, State::Open);
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_full_outbox_gives_back_and_a_send_that_waits_gets_the_room() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        wait.recv().unwrap();
        let mut socket = accept(&listener);
        assert_eq!([text(&mut socket), text(&mut socket)], ["first", "second"]);
        until_end(&mut socket);
    });
    let client = server.client().configure(|options| options.session.outbox.max_messages = 1);
    let mut client = client.build().unwrap();
    client.try_send("first").unwrap();
    let refused = client.try_send("second").unwrap_err();
    assert_eq!((refused.reason, refused.outgoing.into_message()), (Refusal::Full, Message::text("second")));
    let refused = client.send("second", Duration::from_millis(1)).unwrap_err();
    assert_eq!(refused.reason, Refusal::Full);
    let refused = client.send(Outgoing::at_most_once("late").expires_in(Duration::from_millis(1)), None).unwrap_err();
    assert_eq!(refused.reason, Refusal::Expired);
    let refused = client.send(Outgoing::this_connection("too early"), None).unwrap_err();
    assert_eq!(refused.reason, Refusal::NotConnected);
    go.send(()).unwrap();
    let receipt = client.send("second", PATIENCE).unwrap();
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_close_sends_the_rest_first_and_gives_back_what_had_no_time() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        assert_eq!([text(&mut socket), text(&mut socket)], ["rest", "unacknowledged"]);
        match socket.read().unwrap() {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1000),
            other => panic!("{other:?}"),
        }
    });
    let mut client = server.client().build().unwrap();
    client.try_send("rest").unwrap();
    let receipt = client.try_send(Outgoing::at_least_once("unacknowledged")).unwrap();
    until_state(&mut client, State::Open);
    let end = client.close(Duration::from_millis(50));
    assert_eq!((end.returned, end.unconfirmed), (0, 1));
    let unconfirmed = Outcome::Unconfirmed(Reason::Abandoned, Message::text("unacknowledged"));
    assert_eq!(receipt.poll(), Some(unconfirmed));
    server.join();
}

#[test]
#[expect(clippy::result_large_err, reason = "tungstenite asks for it")]
fn after_401_the_request_hook_is_asked_for_new_credentials_once() {
    use std::io::{Read, Write};
    let server = Server::run(|listener| {
        let mut refused = accept_tcp(&listener);
        _ = refused.read(&mut [0; 4096]).unwrap();
        refused.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
        let seen = |request: &tungstenite::handshake::server::Request, response| {
            assert_eq!(request.headers()["authorization"], "new");
            Ok(response)
        };
        until_end(&mut tungstenite::accept_hdr(accept_tcp(&listener), seen).unwrap());
    });
    let client = server.client().request(|dial| {
        let token = if dial.renew() { "new" } else { "old" };
        Ok(dial.request()?.header("Authorization", token)?)
    });
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Open);
    assert_eq!(client.status().last_ended.unwrap().loss, Loss::Status(401));
    client.close(PATIENCE);
    server.join();
}

#[test]
fn a_close_with_a_final_code_ends_the_client_with_everything_received_before_it() {
    let server = Server::run(|listener| {
        let mut socket = accept(&listener);
        say(&mut socket, "last");
        close(&mut socket, 4403);
    });
    let mut client = server.client().build().unwrap();
    let mut last = None;
    loop {
        match client.recv(PATIENCE) {
            Ok(Received::Message(message)) => last = Some(message.to_string()),
            Ok(_) => {}
            Err(error) => break assert_eq!(error, RecvError::Ended),
        }
    }
    assert_eq!(last.as_deref(), Some("last"));
    assert_eq!(client.end().unwrap().reason, EndReason::Stopped(Cause::Stopped(Loss::Close(4403))));
    assert!(!client.poll(None), "it returns at once, as nothing more comes");
    server.join();
}

#[test]
fn a_cancel_counts_although_its_receipt_is_dropped_at_once() {
    for taken in [false, true] {
        let server = Server::run(|listener| assert_eq!(text(&mut accept(&listener)), "kept"));
        let mut client = server.client().configure(|options| options.start_paused = true).build().unwrap();
        let cancelled = client.try_send("cancelled").unwrap();
        while taken && cancelled.id().is_none() {
            client.poll(Duration::ZERO);
        }
        cancelled.cancel();
        drop(cancelled);
        client.resume();
        let kept = client.try_send("kept").unwrap();
        assert_eq!(client.wait(&kept, PATIENCE), Some(Outcome::Transmitted));
        server.join();
    }
}

#[test]
fn a_panic_in_a_hook_ends_the_client_and_not_the_process() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let panics = server.client().greeting(|_, _| panic!("oh")).build().unwrap();
    let hook = server.client().request(|_| panic!("oh")).build().unwrap();
    for mut client in [panics, hook] {
        let receipt = client.try_send("queued").unwrap();
        let outcome = client.wait(&receipt, PATIENCE);
        assert_eq!(outcome, Some(Outcome::Returned(Reason::Abandoned, Message::text("queued"))));
        assert_eq!(client.end().unwrap().reason, EndReason::Panicked("oh".into()));
    }
    server.join();
}

#[test]
fn without_a_network_retries_are_put_off_until_it_is_back() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        let socket = accept(&listener);
        wait.recv().unwrap();
        drop(socket);
        until_end(&mut accept(&listener));
    });
    let mut client = server.client().build().unwrap();
    until_state(&mut client, State::Open);
    client.network_lost();
    client.poll(Duration::ZERO);
    assert_eq!(client.status().state, State::Open, "the link may live on");
    go.send(()).unwrap();
    until_state(&mut client, State::Waiting);
    let put_off = client.retry_in().expect("scheduled");
    assert!(put_off > Duration::from_secs(200), "{put_off:?}");
    client.network_changed();
    until_state(&mut client, State::Open);
    drop(client);
    server.join();
}

#[test]
fn a_pause_keeps_it_from_dialling_and_resume_dials_at_once() {
    let (go, wait) = mpsc::channel::<()>();
    let server = Server::run(move |listener| {
        close(&mut accept(&listener), 1012);
        wait.recv().unwrap();
        until_end(&mut accept(&listener));
    });
    let slow = heartline_blocking::heartline::backoff::Backoff::constant(Duration::from_millis(200));
    let client = server.client().configure(|options| {
        options.session = Settings { backoff: slow, ..options.session.clone() };
    });
    let mut client = client.build().unwrap();
    until_state(&mut client, State::Waiting);
    client.pause();
    // Longer than the backoff: real time, as the real clock is used here.
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(400) {
        client.poll(Duration::from_millis(50));
    }
    assert_eq!((client.status().state, client.status().paused), (State::Waiting, true));
    client.resume();
    client.poll(Duration::ZERO);
    assert_eq!(client.stats().session.dials, 2);
    go.send(()).unwrap();
    until_state(&mut client, State::Open);
    client.reconnect();
    poll_until(&mut client, "a new connection", |client| client.stats().session.dials == 3);
    drop(client);
    server.join();
}
