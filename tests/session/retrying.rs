//! Which losses are worth another dial, and when the server wants it.

use std::time::Duration;

use heartline::retry::DEFAULT_RULES;

use crate::reconnecting::lose_and_dial;
use crate::support::*;

/// When a first dial or connection that ends so is retried; `None` for never.
fn retried_after(settings: Settings, loss: Loss) -> Option<Duration> {
    let mut client = Client::new(settings);
    client.connect();
    if matches!(loss, Loss::Close(_)) {
        client.open();
    }
    client.lose(loss);
    let expected = if client.state() == State::Idle { Cause::Stopped(loss) } else { Cause::Lost(loss) };
    assert_eq!(client.session.cause(), expected);
    client.session.next_dial().map(|(_, at)| at.since_origin())
}

/// **Bug 14.** A client that the server had turned away for good, for a wrong address or a broken request, came back
/// every few seconds for ever (reconnecting-websocket #78, #126). Or a server that was restarted, or a proxy that lost it,
/// was taken for a final refusal (graphql-ws #446).
///
/// [R4] [R5]
#[test]
fn every_loss_has_a_verdict_from_a_table_that_names_its_sources() {
    assert!(DEFAULT_RULES.iter().all(|rule| rule.source.len() > 20));
    // Its own client stops at 4429.
    let too_many = DEFAULT_RULES.iter().find(|rule| rule.pattern.matches(Loss::Close(4429)));
    assert!(too_many.is_some_and(|rule| !rule.source.contains("graphql-ws")));
    let stop = [1000, 1002, 1003, 1007, 1008, 3003, 4400, 4403, 4409].map(Loss::Close);
    let refused = [301, 302, 307, 308, 400, 403, 404].map(Loss::Status);
    let never = [TransportError::Address, TransportError::Proxy].map(Loss::Transport);
    for loss in stop.into_iter().chain(refused).chain(never) {
        assert_eq!(retried_after(plain(), loss), None, "{loss}");
    }
    let retry = [1001, 1005, 1006, 1011, 1014, 3000, 4401].map(Loss::Close);
    let broken = [401, 408, 425, 500, 502, 503, 504].map(Loss::Status);
    for loss in retry.into_iter().chain(broken).chain([Loss::Transport(TransportError::Tls)]) {
        assert_eq!(retried_after(plain(), loss), Some(SECOND), "{loss}");
    }
    for loss in [Loss::Close(1012), Loss::Close(1013), Loss::Close(4429), Loss::Status(429)] {
        assert_eq!(retried_after(plain(), loss), Some(seconds(6)), "{loss}, with the backoff's second on top");
    }
}

/// **Bug 14.** The list of final codes was fixed: a server that says 1000 before it restarts could not be told apart
/// (graphql-ws #558, #446).
///
/// [R4]
#[test]
fn own_rules_come_before_the_table() {
    let retry = RetryPolicy::default()
        .with(Pattern::Close(1000, 1000), Verdict::RetryAfter(seconds(9)))
        .with(Pattern::Status(401, 401), Verdict::Stop)
        .with(Pattern::Timeout, Verdict::Stop);
    let settings = Settings { retry, ..plain() };
    assert_eq!(retried_after(settings.clone(), Loss::Close(1000)), Some(seconds(10)));
    for loss in [Loss::Status(401), Loss::ConnectTimeout, Loss::AckTimeout] {
        assert_eq!(retried_after(settings.clone(), loss), None, "{loss}");
    }
}

/// **Bug 16.** The server answered 429 or 503 and said for how long to stay away; clients went on at their own pace.
///
/// [R4]
#[test]
fn what_the_server_asks_for_is_honoured_up_to_the_maximum_with_the_delay_on_top() {
    let after = |loss, asked| {
        let mut client = Client::new(plain());
        client.connect();
        client.lose_and_wait(loss, asked);
        client.session.next_dial().map(|(_, at)| at.since_origin().as_secs())
    };
    for (asked, expected) in [(0, 1), (7, 8), (300, 301), (301, 301), (u64::MAX, 301)] {
        assert_eq!(after(Loss::Status(503), seconds(asked)), Some(expected), "{asked} s");
    }
    assert_eq!(after(Loss::Status(429), seconds(2)), Some(6), "the table's 5 s are more");
    assert_eq!(after(Loss::Status(403), seconds(2)), None, "it makes no final refusal passing");
}

/// [R4] [R5]
#[test]
fn max_attempts_ends_the_retries() {
    for max in [0, 1, 3] {
        let mut client = Client::new(Settings { max_retries: Some(max), ..plain() });
        client.connect();
        for attempt in 1..=max {
            assert_eq!(lose_and_dial(&mut client), attempt);
        }
        assert_eq!(client.lose(IO), [change(State::Connecting, State::Idle, Cause::Exhausted(IO))]);
        assert_eq!(client.session.deadline(), None);
    }
}

/// [R5] [O1]
#[test]
fn after_a_stop_the_session_is_idle_says_why_and_keeps_what_is_queued() {
    let mut client = Client::opened(plain());
    client.unacknowledged("transmitted");
    client.at_most_once("queued");
    let cause = Cause::Stopped(Loss::Close(1008));
    assert_eq!(client.lose(Loss::Close(1008)), [change(State::Open, State::Idle, cause)]);
    assert_eq!((client.session.cause(), client.session.deadline(), client.session.queued()), (cause, None, 2));
    client.sleep(SECOND);
    client.open();
    assert_eq!(client.write_all(), ["transmitted", "queued"]);
}
