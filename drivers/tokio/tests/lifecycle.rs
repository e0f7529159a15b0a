//! Beginnings and ends: hooks, credentials, waiting sends, pauses, closes.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use heartline_tokio::heartline::event::Cause;
use heartline_tokio::heartline::message::Reason;
use heartline_tokio::heartline::outbox::OutboxConfig;
use heartline_tokio::heartline::{Loss, Outcome};
use heartline_tokio::{BuildError, Client, EndError, EndReason, HookError, Message, Outgoing, Refusal, State};
use support::{SECOND, client, close, heard, say, text, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn one_message() -> OutboxConfig {
    OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() }
}

// ---- building ------------------------------------------------------------------------------

#[test]
fn invalid_settings_and_a_missing_runtime_are_errors_not_panics() {
    assert!(matches!(Client::builder("http://server.test/").spawn(), Err(BuildError::NoRuntime)));
    assert!(matches!(Client::builder("http://server.test/").run(), Err(BuildError::Url(_))));
    let builder = Client::builder("ws://server.test/").configure(|options| options.incoming_messages = 0);
    let error = builder.run().expect_err("invalid").to_string();
    assert_eq!(error, "incoming_messages is 0; allowed is 1 to 1048576");
}

// ---- hooks ---------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_request_hook_ends_the_client_and_everything_resolves() {
    let (builder, _network) = client(4096);
    let (client, mut incoming) = builder.request(|_| async { panic!("no token") }).spawn().expect("valid");
    let receipt = client.send("queued").await.expect("accepted");
    assert_eq!(client.closed().await.reason, EndReason::Panicked("no token".into()));
    assert_eq!(receipt.await, Outcome::Returned(Reason::Abandoned, text("queued")));
    assert_eq!(incoming.next_message().await, None);
    assert_eq!(client.send("late").await.expect_err("refused").reason, Refusal::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_greeting_or_the_handler_ends_the_client_too() {
    let (builder, mut network) = client(4096);
    let (greeted, _incoming) = builder.greeting(|_| async { panic!("no name") }).spawn().expect("valid");
    let _peer = network.accept().await;
    assert_eq!(greeted.closed().await.reason, EndReason::Panicked("no name".into()));

    let (builder, mut network) = client(4096);
    let (handled, run) = builder
        .run_with(|received| {
            assert!(received.into_message().is_none(), "a message");
        })
        .expect("valid");
    let run = tokio::spawn(run);
    let mut peer = network.accept().await;
    say(&mut peer, "boo").await;
    assert_eq!(run.await.expect("no panic").reason, EndReason::Panicked("a message".into()));
    assert!(handled.try_send("late").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_retries_and_one_that_says_stop_stops() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let (builder, _network) = client(4096);
    let (client, _incoming) = builder
        .request(move |dial| {
            let tries = counted.fetch_add(1, Ordering::Relaxed);
            assert_eq!(dial.attempt(), tries);
            async move {
                if tries < 2 {
                    Err("the token server is down")?;
                }
                Err(HookError::stop("this user is gone"))
            }
        })
        .spawn()
        .expect("valid");
    let end = client.closed().await;
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    assert_eq!(end.reason, EndReason::Stopped(Cause::Stopped(Loss::Application(4403))));
    let ended = client.status().borrow().last_ended.clone().expect("an end");
    let Some(EndError::Hook(failure)) = &ended.error else { panic!("{ended:?}") };
    assert_eq!((failure.error().to_string().as_str(), failure.code().get()), ("this user is gone", 4403));
    assert_eq!(end.ended.as_ref(), Some(&ended));
    assert_eq!(
        end.to_string(),
        "stopped: ended by the application with 4403, which is not retried: a hook failed: this user is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_hook_that_hangs_is_dropped_when_its_dial_times_out() {
    let (builder, mut network) = client(4096);
    let tries = Arc::new(AtomicU32::new(0));
    let (client, _incoming) = builder
        .request(move |dial| {
            let tries = tries.fetch_add(1, Ordering::Relaxed);
            async move {
                if tries == 0 {
                    std::future::pending::<()>().await;
                }
                dial.request()
            }
        })
        .spawn()
        .expect("valid");
    let _peer = network.accept().await;
    until(&client, State::Open).await;
    assert_eq!(client.stats().session.lost_to_connect_timeout, 1);
}

#[tokio::test(start_paused = true)]
async fn a_greeting_does_not_reach_a_newer_connection() {
    let (builder, mut network) = client(4096);
    let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = kept.clone();
    let (client, _incoming) = builder
        .greeting(move |link| {
            hook.lock().expect("not poisoned").push(link);
            async { Ok(()) }
        })
        .spawn()
        .expect("valid");
    let peer = network.accept().await;
    until(&client, State::Open).await;
    drop(peer);
    let mut peer = network.accept().await;
    let mut old = kept.lock().expect("not poisoned").remove(0);
    assert!(old.send("from the past").await.is_err());
    client.send("now").await.expect("accepted");
    assert_eq!(heard(&mut peer).await.as_deref(), Some("now"));
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_once_after_401_and_4401_and_then_it_stops() {
    for by_status in [true, false] {
        let (builder, mut network) = client(4096);
        let (client, _incoming) = builder
            .request(|dial| async move {
                let token = if dial.renew() { "new" } else { "old" };
                Ok(dial.request()?.header("Authorization", token)?)
            })
            .spawn()
            .expect("valid");
        for token in ["old", "new"] {
            if by_status {
                let mut stream = network.raw().await;
                let mut request = [0; 1024];
                let size = stream.read(&mut request).await.expect("a request");
                let request = String::from_utf8_lossy(&request[..size]).to_lowercase();
                assert!(request.contains(&format!("authorization: {token}\r\n")), "{request}");
                stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n").await.expect("a client that reads");
            } else {
                let mut peer = network.accept().await;
                peer.send(close(4401)).await.expect("a client that reads");
            }
        }
        let loss = if by_status { Loss::Status(401) } else { Loss::Close(4401) };
        assert_eq!(client.closed().await.reason, EndReason::Stopped(Cause::Stopped(loss)));
        assert!(network.is_quiet());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stays_when_stopped_keeps_its_queue_for_a_reconnect() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.configure(|options| options.stay_when_stopped = true).spawn().expect("valid");
    let receipt = client.send(Outgoing::at_least_once("kept")).await.expect("accepted");
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("kept"));
    peer.send(close(4403)).await.expect("a client that reads");
    until(&client, State::Idle).await;
    client.reconnect();
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("kept"));
    client.acked(receipt.id().expect("it was sent"));
    assert_eq!(receipt.await, Outcome::Acked);
}

// ---- sends that wait -----------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_while_it_waits_was_not_accepted_and_gives_its_turn_away() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.outbox(one_message()).spawn().expect("valid");
    let _first = client.send("first").await.expect("accepted");
    assert_eq!(client.try_send("no room").expect_err("refused").reason, Refusal::Full);
    let mut withdrawn = Box::pin(client.send("withdrawn"));
    assert!((&mut withdrawn).now_or_never().is_none());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.send("second").await.map(drop) }
    });
    tokio::task::yield_now().await;
    drop(withdrawn);
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("first"));
    assert_eq!(heard(&mut peer).await.as_deref(), Some("second"));
    waiting.await.expect("no panic").expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn sends_that_wait_are_accepted_in_their_order_and_nobody_overtakes_them() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.outbox(one_message()).spawn().expect("valid");
    let _first = client.send("0").await.expect("accepted");
    let waiting: Vec<_> = (1..5)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.send(number.to_string()).await.map(drop) })
        })
        .collect();
    let mut peer = network.accept().await;
    for number in 0..5 {
        assert_eq!(heard(&mut peer).await, Some(number.to_string()));
    }
    for waiting in waiting {
        waiting.await.expect("no panic").expect("accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_gives_waiting_sends_their_messages_back() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.outbox(one_message()).spawn().expect("valid");
    let first = client.send("first").await.expect("accepted");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.send("second").await.map(drop) }
    });
    let mut stream = network.raw().await;
    stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.expect("a client that reads");
    let error = waiting.await.expect("no panic").expect_err("refused");
    assert_eq!((error.reason, error.outgoing.into_message()), (Refusal::Closed, text("second")));
    assert_eq!(first.await, Outcome::Returned(Reason::Abandoned, text("first")));
    let end = client.closed().await;
    assert_eq!(
        (end.to_string(), end.returned),
        ("stopped: dial refused with HTTP 403, which is not retried; 1 message not sent".into(), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_counts_from_the_call_while_the_send_waits() {
    let (builder, _network) = client(4096);
    let (client, _incoming) = builder.outbox(one_message()).spawn().expect("valid");
    let first = client.send(Outgoing::at_most_once("first").expires_in(SECOND)).await.expect("accepted");
    let start = tokio::time::Instant::now();
    let second = client.send(Outgoing::at_most_once("second").expires_in(SECOND / 2)).await;
    assert_eq!((second.expect_err("refused").reason, start.elapsed()), (Refusal::Expired, SECOND / 2));
    let third = client.send(Outgoing::at_most_once("third").expires_in(2 * SECOND)).await.expect("accepted");
    assert_eq!(first.await, Outcome::Returned(Reason::Expired, text("first")));
    assert_eq!(third.await, Outcome::Returned(Reason::Expired, text("third")));
    let elapsed = start.elapsed();
    assert!(elapsed >= SECOND * 5 / 2 && elapsed < SECOND * 13 / 5, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_outbound_limit_is_refused() {
    let (builder, _network) = client(4096);
    let builder = builder.configure(|options| options.limits.max_outbound_message = 10);
    let (client, _incoming) = builder.spawn().expect("valid");
    assert_eq!(client.send("x".repeat(11)).await.expect_err("refused").reason, Refusal::TooLarge);
}

// ---- ends ----------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_last_handle_dropped_sends_the_rest_and_closes() {
    let (builder, mut network) = client(4096);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let weak = client.downgrade();
    let receipt = client.send("the rest").await.expect("accepted");
    drop(weak.upgrade().expect("alive"));
    drop(client);
    assert!(weak.upgrade().is_none());
    let mut peer = network.accept().await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("the rest"));
    assert!(matches!(peer.next().await, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1000));
    assert!(peer.next().await.is_none_or(|frame| frame.is_err()));
    assert_eq!(receipt.await, Outcome::Transmitted);
    while incoming.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_resolves_everything() {
    let (builder, _network) = client(4096);
    let (client, mut incoming, mut run) = builder.run().expect("valid");
    assert!((&mut run).now_or_never().is_none());
    let taken = client.send("taken").await.expect("accepted");
    assert!((&mut run).now_or_never().is_none());
    let not_taken = client.send("not taken").await.expect("accepted");
    drop(run);
    assert_eq!(taken.await, Outcome::Returned(Reason::Abandoned, text("taken")));
    assert_eq!(not_taken.await, Outcome::Returned(Reason::Abandoned, text("not taken")));
    assert_eq!(incoming.next_message().await, None);
    let end = client.closed().await;
    assert_eq!((end.reason.clone(), end.returned), (EndReason::Dropped, 2));
}

#[test]
fn a_runtime_that_is_shut_down_resolves_everything() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (client, receipt) = runtime.block_on(async {
        let (client, _incoming) = Client::builder("ws://127.0.0.1:9/").spawn().expect("valid");
        let receipt = client.send("queued").await.expect("accepted");
        tokio::task::yield_now().await;
        (client, receipt)
    });
    drop(runtime);
    assert!(matches!(receipt.now_or_never(), Some(Outcome::Returned(Reason::Abandoned, _))));
    assert_eq!(client.closed().now_or_never().expect("ended").reason, EndReason::Dropped);
}

#[tokio::test(start_paused = true)]
async fn a_close_tells_what_was_abandoned_in_its_time() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    let receipt = client.send(Outgoing::at_least_once("never acknowledged")).await.expect("accepted");
    assert!(heard(&mut peer).await.is_some());
    let reader = tokio::spawn(async move { while peer.next().await.is_some_and(|frame| frame.is_ok()) {} });
    let start = tokio::time::Instant::now();
    let end = client.close(3 * SECOND).await;
    assert_eq!((start.elapsed().as_secs(), end.unconfirmed, end.is_clean()), (3, 1, false));
    assert_eq!(receipt.await, Outcome::Unconfirmed(Reason::Abandoned, text("never acknowledged")));
    reader.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_signal_closes_as_close_does() {
    let (builder, mut network) = client(4096);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (client, _incoming) = builder.shutdown(async move { _ = stopped.await }).spawn().expect("valid");
    let mut peer = network.accept().await;
    until(&client, State::Open).await;
    drop(stop);
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    assert!(client.closed().await.is_clean());
}

// ---- pauses and replacements ---------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_paused_client_neither_dials_nor_judges_and_resumes_at_once() {
    let (builder, mut network) = client(4096);
    let (client, mut incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    until(&client, State::Open).await;
    client.pause();
    say(&mut peer, "still heard").await;
    assert_eq!(support::next_text(&mut incoming).await.as_deref(), Some("still heard"));
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!((client.stats().session.pings, client.status().borrow().paused), (0, true));
    drop(peer);
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!(client.status().borrow().state, State::Waiting);
    assert!(network.is_quiet());
    let start = tokio::time::Instant::now();
    client.resume();
    let _peer = network.accept().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_paused_client_can_be_closed() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let mut peer = network.accept().await;
    until(&client, State::Open).await;
    client.pause();
    let reader = tokio::spawn(async move { while peer.next().await.is_some_and(|frame| frame.is_ok()) {} });
    assert!(client.close(SECOND).await.is_clean());
    reader.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_replaced_at_its_age_or_on_request_without_a_loss() {
    let (builder, mut network) = client(4096);
    let builder = builder.configure(|options| options.max_connection_age = Some(100 * SECOND));
    let (client, _incoming) = builder.spawn().expect("valid");
    let start = tokio::time::Instant::now();
    let mut peer = network.accept().await;
    let mut codes = Vec::new();
    while let Some(Ok(frame)) = peer.next().await {
        if let Message::Close(Some(frame)) = frame {
            codes.push(u16::from(frame.code));
        }
    }
    assert_eq!(codes, [1001], "it comes back");
    let age = start.elapsed();
    assert!(age > 89 * SECOND && age <= 101 * SECOND, "{age:?}");
    let _second = network.accept().await;
    until(&client, State::Open).await;
    client.reconnect();
    let _third = network.accept().await;
    until(&client, State::Open).await;
    let stats = client.stats().session;
    assert_eq!((stats.dials, stats.lost_to_transport + stats.lost_to_close), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_network_dials_at_once() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    drop(network.accept().await);
    until(&client, State::Waiting).await;
    let retry = client.status().borrow().retry.expect("scheduled");
    assert_eq!((retry.attempt, retry.delay), (1, SECOND));
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(client.retry_in(), Some(SECOND / 2));
    let start = tokio::time::Instant::now();
    client.network_changed();
    let _peer = network.accept().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn without_a_network_retries_are_put_off_until_it_is_back() {
    let (builder, mut network) = client(4096);
    let (client, _incoming) = builder.spawn().expect("valid");
    let peer = network.accept().await;
    until(&client, State::Open).await;
    client.network_lost();
    tokio::time::sleep(SECOND).await;
    assert_eq!(client.status().borrow().state, State::Open, "the link may live on");
    drop(peer);
    until(&client, State::Waiting).await;
    assert_eq!(client.retry_in(), Some(301 * SECOND));
    tokio::time::sleep(300 * SECOND).await;
    assert!(network.is_quiet());
    let start = tokio::time::Instant::now();
    client.network_changed();
    let _peer = network.accept().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_became_of_the_network_in_a_pause_is_known_after_it() {
    for (back, delay) in [(false, 301 * SECOND), (true, SECOND)] {
        let (builder, mut network) = client(4096);
        let (client, _incoming) = builder.spawn().expect("valid");
        let first = network.accept().await;
        until(&client, State::Open).await;
        if back {
            client.network_lost();
            tokio::time::sleep(SECOND).await;
        }
        client.pause();
        tokio::time::sleep(SECOND).await;
        if back {
            client.network_changed();
        } else {
            client.network_lost();
        }
        tokio::time::sleep(SECOND).await;
        assert_eq!(client.stats().session.pings, 0, "during a pause");
        client.resume();
        tokio::time::sleep(SECOND / 10).await;
        assert_eq!(client.stats().session.pings, u32::from(back), "after it a new network is tried");
        drop(first);
        until(&client, State::Waiting).await;
        assert_eq!(client.retry_in(), Some(delay));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_receives_in_the_same_task_and_answers_through_a_weak_handle() {
    let (builder, mut network) = client(4096);
    let slot: Arc<std::sync::OnceLock<heartline_tokio::WeakClient<Message>>> = Arc::default();
    let weak = slot.clone();
    let (client, run) = builder
        .run_with(move |received| {
            let client = weak.get().and_then(heartline_tokio::WeakClient::upgrade);
            if let (Some(message), Some(client)) = (received.into_message(), client) {
                drop(client.try_send(message));
            }
        })
        .expect("valid");
    _ = slot.set(client.downgrade());
    let run = tokio::spawn(run);
    let mut peer = network.accept().await;
    say(&mut peer, "echo").await;
    assert_eq!(heard(&mut peer).await.as_deref(), Some("echo"));
    drop(client);
    while peer.next().await.is_some_and(|frame| frame.is_ok()) {}
    assert!(run.await.expect("no panic").is_clean());
}
