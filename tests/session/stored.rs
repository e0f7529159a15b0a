//! Everything public that is data can be stored and read back; what would be invalid, and what is unknown, is not read.

use std::fmt::Debug;
use std::time::Duration;

use heartline::heartbeat::{HeartbeatEvent, Pong};
use heartline::message::{Delivery, Refused};
use heartline::replay::Call;
use heartline::retry::Rule;
use heartline::stats::RoundTrip;
use heartline::stats::Stats;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::*;

fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let stored = serde_json::to_value(&value).expect("data can be written");
    assert_eq!(serde_json::from_value::<T>(stored.clone()).expect("what was written"), value, "{stored}");
    refuses_unknown_fields::<T>(&stored);
}

fn all_return<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(returns);
}

/// With one more field in any object of it, data is not read.
fn refuses_unknown_fields<T: DeserializeOwned + Debug>(stored: &Value) {
    for place in objects(stored) {
        let mut changed = stored.clone();
        let object = changed.pointer_mut(&place).and_then(Value::as_object_mut).expect("an object");
        object.insert("timeuot".into(), json!(1));
        let read = serde_json::from_value::<T>(changed);
        assert!(read.is_err(), "{place} of {stored}: {read:?}");
    }
}

/// Where there are objects in it, as JSON pointers.
fn objects(value: &Value) -> Vec<String> {
    let below = |key: &str, value: &Value| -> Vec<String> {
        objects(value).into_iter().map(|rest| format!("/{key}{rest}")).collect()
    };
    match value {
        Value::Object(fields) => {
            let inner = fields.iter().flat_map(|(key, value)| below(key, value));
            inner.chain([String::new()]).collect()
        }
        Value::Array(items) => items.iter().enumerate().flat_map(|(nth, item)| below(&nth.to_string(), item)).collect(),
        _ => Vec::new(),
    }
}

fn refusal<T: DeserializeOwned + Debug>(value: Value) -> String {
    serde_json::from_value::<T>(value).expect_err("is invalid").to_string()
}

fn text() -> String {
    "\"quoted\" and ünïcode".into()
}

fn losses() -> Vec<Loss> {
    use TransportError::{Address, Connect, Io, Protocol, Resolve, Tls};
    let transport = [Address, Resolve, Connect, Tls, Protocol, Io].map(Loss::Transport);
    let others = [
        Loss::Close(1006),
        Loss::Application(4401),
        Loss::Status(503),
        Loss::ConnectTimeout,
        Loss::GreetingTimeout,
        Loss::HeartbeatTimeout,
        Loss::AckTimeout,
    ];
    transport.into_iter().chain(others).collect()
}

fn modes() -> [HeartbeatMode; 5] {
    [
        HeartbeatMode::Off,
        when_idle(20, 10),
        periodic(20, None),
        periodic(20, Some(1)),
        HeartbeatMode::Listen { timeout: SECOND / 3 },
    ]
}

fn unusual() -> Settings {
    let retry = RetryPolicy::default()
        .with(Pattern::Close(4000, 4999), Verdict::Stop)
        .with(Pattern::Application(4000, 4999), Verdict::Renew)
        .with(Pattern::Status(500, 599), Verdict::RetryAfter(SECOND))
        .with(Pattern::Transport(TransportError::Tls), Verdict::Stop)
        .with(Pattern::Timeout, Verdict::Retry)
        .with(Pattern::Any, Verdict::Retry);
    let heartbeat = HeartbeatConfig { mode: modes()[3], slow_after: Some(SECOND / 2), late_tolerance: Duration::ZERO };
    Settings {
        heartbeat,
        greeting_timeout: Some(3 * SECOND),
        backoff: Backoff { base: SECOND, min: SECOND / 7, max: 9 * SECOND, jitter: Jitter::Decorrelated },
        max_retries: Some(u32::MAX),
        retry,
        outbox: OutboxConfig {
            overflow: Overflow::EvictOldest,
            ack_window: 2,
            ack_timeout: None,
            ..Default::default()
        },
        ..Settings::default()
    }
}

/// [O3]
#[test]
fn settings_and_configs_return() {
    all_return([Settings::default(), unusual()]);
    all_return([Config::default(), Config::new(unusual()).expect("valid")]);
    all_return(modes());
    returns(unusual().heartbeat);
    returns(unusual().outbox);
    returns(unusual().retry);
    all_return::<Rule>(unusual().retry.rules);
    all_return([Overflow::Refuse, Overflow::EvictOldest]);
    for jitter in [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated] {
        returns(Backoff::exponential(SECOND, 9 * SECOND, jitter));
    }
}

/// [O3]
#[test]
fn a_config_can_be_read_from_the_settings_that_differ_from_the_default() {
    let stored = json!({
        "max_retries": 3,
        "outbox": { "max_messages": 100 },
        "heartbeat": { "mode": "Off" },
        "backoff": { "jitter": "Equal" },
    });
    let read: Config = serde_json::from_value(stored).expect("valid");
    let expected = Settings {
        max_retries: Some(3),
        outbox: OutboxConfig { max_messages: 100, ..OutboxConfig::default() },
        heartbeat: HeartbeatConfig { mode: HeartbeatMode::Off, ..HeartbeatConfig::default() },
        backoff: Backoff { jitter: Jitter::Equal, ..Backoff::default() },
        ..Settings::default()
    };
    assert_eq!(read, Config::new(expected).expect("valid"));
}

fn inputs() -> Vec<Input<String>> {
    let (conn, id) = (conn(3), id(4));
    let mut inputs = vec![
        Input::Connect,
        Input::Reconnect,
        Input::Opened { conn },
        Input::Ready { conn },
        Input::Message { conn, message: text() },
        Input::Pong { conn, token: None },
        Input::Pong { conn, token: Some(7) },
        Input::Alive { conn },
        Input::Unread { conn },
        Input::Closed { conn, loss: Loss::Status(503), retry_after: Some(SECOND) },
        Input::Acked { id },
        Input::Cancel { id },
        Input::Timer,
        Input::NetworkChanged,
        Input::NetworkLost,
        Input::Close { code: CloseCode::GOING_AWAY, within: SECOND },
    ];
    inputs.extend(losses().into_iter().map(|loss| Input::closed(conn, loss)));
    inputs.extend(modes().map(|mode| Input::Heartbeat { conn, mode }));
    inputs
}

fn outgoing() -> [Outgoing<String>; 3] {
    [
        Outgoing::this_connection(text(), 3),
        Outgoing::at_most_once(text(), usize::MAX),
        Outgoing::at_least_once(text(), 0).expires_in(Duration::MAX),
    ]
}

/// [O3] [P2]
#[test]
fn inputs_and_calls_return() {
    let (now, id) = (Timestamp::from_nanos(u64::MAX - 1), id(4));
    all_return(inputs());
    for pulled in [None, Some(0), Some(2)] {
        all_return(inputs().into_iter().map(|input| Call::Handle { now, input, pulled }));
    }
    all_return(outgoing().map(|outgoing| Call::Send { now, outgoing }));
    let plain = [Call::<String>::Received { now, conn: conn(3) }, Call::Transmit { now }, Call::NextAction];
    all_return(plain.into_iter().chain([Call::Sent { now, id }, Call::Rejected { now, id }]));
    let all_pulled = json!({ "Handle": { "now": 5, "input": "Timer" } });
    let read: Call<String> = serde_json::from_value(all_pulled.clone()).expect("a call");
    assert_eq!(read, Call::Handle { now: Timestamp::from_nanos(5), input: Input::Timer, pulled: None });
    assert_eq!(serde_json::to_value(read).expect("data"), all_pulled);
    all_return(outgoing());
    all_return([Delivery::ThisConnection, Delivery::AtMostOnce, Delivery::AtLeastOnce]);
}

fn events() -> Vec<Event> {
    let plain = [Cause::Requested, Cause::Opened, Cause::Ready, Cause::RetryDue, Cause::NetworkChanged];
    let ends = [Cause::Drained, Cause::DrainTimeout, Cause::CloseTimeout];
    let lost = losses().into_iter().flat_map(|loss| [Cause::Lost(loss), Cause::Stopped(loss), Cause::Exhausted(loss)]);
    let causes = plain.into_iter().chain(ends).chain(lost);
    let changes = causes.map(|cause| Event::StateChanged { from: State::Open, to: State::Waiting, cause });
    changes.chain([Event::Degraded, Event::Recovered, Event::Slept { late_ms: u32::MAX }]).collect()
}

/// Every kind of action, from a session that is taken through its life.
fn actions() -> Vec<Action<String>> {
    let config = Config::new(beating(when_idle(5, 5))).expect("valid");
    let mut session = Session::new(config, 7);
    let mut actions = Vec::new();
    let mut handle = |session: &mut Session<String>, millis, input| actions.extend(session.handle(at(millis), input));
    handle(&mut session, 0, Input::Connect);
    handle(&mut session, 0, Input::Opened { conn: conn(1) });
    handle(&mut session, 0, Input::Message { conn: conn(1), message: text() });
    handle(&mut session, 5_000, Input::Timer);
    handle(&mut session, 10_000, Input::Timer);
    handle(&mut session, 11_000, Input::Timer);
    handle(&mut session, 11_000, Input::Opened { conn: conn(2) });
    session.send(at(11_000), Outgoing::at_most_once(text(), 1)).expect("accepted");
    handle(&mut session, 11_000, Input::Cancel { id: id(1) });
    handle(&mut session, 11_000, Input::close_within(SECOND));
    let kinds: std::collections::BTreeSet<_> =
        actions.iter().map(|action| format!("{action:?}").split([' ', '(']).next().map(String::from)).collect();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    actions
}

/// [O3]
#[test]
fn actions_events_and_outcomes_return() {
    use Reason::{Abandoned, Cancelled, ConnectionEnded, Evicted, Expired, MaxLosses, Rejected};
    all_return(actions());
    all_return(State::ALL);
    all_return([ReadyState::Connecting, ReadyState::Open, ReadyState::Closing, ReadyState::Closed]);
    all_return(events());
    all_return(events().into_iter().map(Action::<String>::Event));
    for reason in [Expired, Evicted, Cancelled, Rejected, Abandoned, ConnectionEnded, MaxLosses] {
        all_return([Outcome::Returned(reason, text()), Outcome::Unconfirmed(reason, text())]);
    }
    all_return([Outcome::<String>::Transmitted, Outcome::Acked]);
    all_return([Refusal::Full, Refusal::TooLarge, Refusal::NotConnected, Refusal::Closed]);
}

/// [O3]
#[test]
fn what_is_looked_up_returns() {
    let mut client = Client::opened(beating(when_idle(5, 5)));
    client.run(seconds(5));
    client.pong();
    returns::<RoundTrip>(client.session.rtt().expect("a sample"));
    returns::<Stats>(client.session.stats());
    let refused = client.session.send(client.now, Outgoing::at_most_once(text(), usize::MAX)).expect_err("too large");
    returns::<Refused<String>>(refused);
    let slept = HeartbeatEvent::Slept { ping: true };
    all_return([HeartbeatEvent::Ping, HeartbeatEvent::Degraded, slept, HeartbeatEvent::Dead]);
    returns(Pong::default());
}

/// [O3] [Q2]
#[test]
fn a_stored_at_least_once_message_is_sent_again_like_any_other() {
    let stored = serde_json::to_string(&at_least_once("a")).expect("data");
    let mut client = Client::opened(plain());
    client.send(serde_json::from_str(&stored).expect("data")).expect("accepted");
    assert_eq!(client.write_all(), ["a"]);
    client.reconnect();
    assert_eq!(client.write_all(), ["a"]);
}

/// [O3]
#[test]
fn an_invalid_config_is_not_read_and_the_error_names_field_and_range() {
    let cases = [
        (json!({ "connect_timeout": { "secs": 0, "nanos": 0 } }), "connect_timeout is 0ns; allowed is 1ms to 86400s"),
        (json!({ "min_dial_gap": { "secs": 0, "nanos": 1 } }), "min_dial_gap is 1ns; allowed is 1ms to 86400s"),
        (json!({ "greeting_timeout": { "secs": 86401, "nanos": 0 } }), "greeting_timeout is 86401s; allowed is 1ms to"),
        (json!({ "outbox": { "ack_window": 0 } }), "outbox.ack_window is 0; allowed is 1 to 1048576"),
        (json!({ "conect_timeout": null }), "unknown field `conect_timeout`"),
    ];
    for (value, message) in cases {
        let error = refusal::<Config>(value);
        assert!(error.contains(message), "{error}");
    }
    let settings: Settings = serde_json::from_value(json!({ "outbox": { "ack_window": 0 } })).expect("only data");
    assert_eq!(settings.outbox.ack_window, 0);
}

/// A misspelt timeout used to turn the verdict off.
///
/// [O3]
#[test]
fn modes_and_policies_with_unknown_fields_are_not_read() {
    let second = json!({ "secs": 1, "nanos": 0 });
    let mode = json!({ "Periodic": { "interval": second, "timeuot": second } });
    assert!(refusal::<HeartbeatMode>(mode.clone()).contains("unknown field `timeuot`"));
    assert!(refusal::<Config>(json!({ "heartbeat": { "mode": mode } })).contains("unknown field `timeuot`"));
    let policy = json!({ "rules": [{ "pattern": "Any", "verdict": "Stop", "then": "Retry" }] });
    assert!(refusal::<RetryPolicy>(policy).contains("unknown field `then`"));
}

/// [O3]
#[test]
fn ids_and_close_codes_that_cannot_be_are_not_read() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535] {
        let error = refusal::<CloseCode>(json!(code));
        assert!(error.contains("1000-1003, 1007-1014 and 3000-4999"), "{error}");
        assert!(error.contains(&format!("close code {code} ")), "{error}");
    }
    let close = json!({ "Close": { "code": 1006, "within": { "secs": 1, "nanos": 0 } } });
    assert!(refusal::<Input<String>>(close).contains("close code 1006"));
    assert!(!refusal::<ConnId>(json!(0)).is_empty());
    returns((at(1), conn(3), id(4), CloseCode::SUPERSEDED));
}
