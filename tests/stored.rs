//! Everything public that is data can be stored and read back; what would be invalid is not read.
#![cfg(feature = "serde")]

use std::fmt::Debug;
use std::time::Duration;

use heartline::{
    Action, Backoff, Beat, Call, Cause, CloseCode, Closed, Config, ConnId, Delivery, Event, Input, Instant, Jitter,
    Limits, Loss, MessageId, Outcome, Outgoing, Overflow, Pulse, ReadyState, Refusal, Refused, RetryPolicy, Rhythm,
    RoundTrip, Rule, Session, Settings, State, Stats, Transmit, Transport, Unsent, Verdict, When, Why,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let text = serde_json::to_string(&value).expect("data can be written");
    let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(read, value, "{text}");
}

fn all_return<T: Serialize + DeserializeOwned + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
    values.into_iter().for_each(returns);
}

fn refusal<T: DeserializeOwned + Debug>(value: Value) -> String {
    serde_json::from_value::<T>(value).expect_err("is invalid").to_string()
}

fn conn() -> ConnId {
    ConnId::from_raw(3).expect("not zero")
}

fn id() -> MessageId {
    MessageId::from_raw(4)
}

fn text() -> String {
    "\"quoted\" and ünïcode".into()
}

fn losses() -> [Loss; 11] {
    let transports = [Transport::Address, Transport::Resolve, Transport::Connect, Transport::Tls, Transport::Protocol];
    let [address, resolve, connect, tls, protocol] = transports.map(Loss::Transport);
    let io = Loss::Transport(Transport::Io);
    let timeouts = [Loss::ConnectTimeout, Loss::GreetingTimeout, Loss::HeartbeatTimeout];
    let [dial, greeting, heartbeat] = timeouts;
    [Loss::Close(1006), Loss::Status(503), address, resolve, connect, tls, protocol, io, dial, greeting, heartbeat]
}

fn rhythms() -> [Rhythm; 5] {
    [
        Rhythm::Off,
        Rhythm::WhenIdle { interval: 20 * SECOND, timeout: 10 * SECOND },
        Rhythm::Steady { interval: 20 * SECOND, timeout: None },
        Rhythm::Steady { interval: 20 * SECOND, timeout: Some(SECOND) },
        Rhythm::Listen { window: SECOND / 3 },
    ]
}

fn unusual() -> Settings {
    let retry = RetryPolicy::default()
        .with(When::Close(4000, 4999), Verdict::Stop)
        .with(When::Status(500, 599), Verdict::RetryAfter(SECOND))
        .with(When::Transport(Transport::Tls), Verdict::Stop)
        .with(When::Timeout, Verdict::Retry)
        .with(When::Any, Verdict::Retry);
    Settings {
        heartbeat: Pulse { rhythm: rhythms()[3], slow_after: Some(SECOND / 2), late_tolerance: Duration::ZERO },
        greeting_timeout: Some(3 * SECOND),
        backoff: Backoff { base: SECOND, min: SECOND / 7, max: 9 * SECOND, jitter: Jitter::Decorrelated },
        max_attempts: Some(u32::MAX),
        retry,
        outbox: Limits { overflow: Overflow::EvictOldest, ack_window: 2, ..Limits::default() },
        ..Settings::default()
    }
}

/// [O3]
#[test]
fn settings_and_configs_return() {
    all_return([Settings::default(), unusual()]);
    all_return([Config::default(), Config::new(unusual()).expect("valid")]);
    all_return(rhythms());
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
    let read: Config = serde_json::from_value(json!({ "max_attempts": 3 })).expect("valid");
    let settings = Settings { max_attempts: Some(3), ..Settings::default() };
    assert_eq!(read, Config::new(settings).expect("valid"));
}

fn inputs() -> Vec<Input<String>> {
    let conn = conn();
    let ends = losses().map(|loss| Input::Closed { conn, closed: Closed::from(loss) });
    let wish = Closed::from(Loss::Status(503)).retry_after(SECOND);
    let mut inputs = vec![
        Input::Connect,
        Input::Opened { conn },
        Input::Ready { conn },
        Input::Message { conn, message: text() },
        Input::Pong { conn },
        Input::Alive { conn },
        Input::Closed { conn, closed: wish },
        Input::Acked { id: id() },
        Input::Cancel { id: id() },
        Input::Timer,
        Input::NetworkChanged,
        Input::Close { code: CloseCode::GOING_AWAY, within: SECOND },
    ];
    inputs.extend(ends);
    inputs
}

fn outgoing() -> [Outgoing<String>; 3] {
    [
        Outgoing::connection(text(), 3),
        Outgoing::once(text(), usize::MAX),
        Outgoing::at_least_once(text(), 0).time_to_live(Duration::MAX),
    ]
}

/// [O3]
#[test]
fn inputs_and_calls_return() {
    let now = Instant::from_nanos(u64::MAX - 1);
    let transmit = Transmit { id: id(), message: text(), redelivery: true };
    all_return(inputs());
    all_return(inputs().into_iter().map(|input| Call::Handle { now, input }));
    all_return(outgoing().map(|outgoing| Call::Send { now, outgoing }));
    returns(Call::<String>::Transmit { now });
    for why in [Unsent::Full, Unsent::Rejected] {
        returns(Call::Unsent { now, transmit: transmit.clone(), why });
    }
    all_return(outgoing());
    returns(transmit);
    all_return([Delivery::Connection, Delivery::Once, Delivery::AtLeastOnce]);
    returns((now, conn(), id(), Closed::from(Loss::Close(1000))));
}

fn events() -> Vec<Event> {
    let plain = [Cause::Requested, Cause::Opened, Cause::Ready, Cause::RetryDue, Cause::NetworkChanged];
    let ends = [Cause::Drained, Cause::DrainTimeout, Cause::CloseTimeout];
    let lost = losses().into_iter().flat_map(|loss| [Cause::Lost(loss), Cause::Stopped(loss), Cause::Exhausted(loss)]);
    let causes = plain.into_iter().chain(ends).chain(lost);
    let changes = causes.map(|cause| Event::StateChanged { from: State::Open, to: State::Waiting, cause });
    changes.chain([Event::Degraded, Event::Recovered, Event::Slept { late_ms: u32::MAX }]).collect()
}

/// [O3]
#[test]
fn actions_events_and_outcomes_return() {
    use Why::{Abandoned, Cancelled, ConnectionOver, Evicted, Expired, MaxDeliveries, Rejected};
    let conn = conn();
    all_return(State::ALL);
    all_return([ReadyState::Connecting, ReadyState::Open, ReadyState::Closing, ReadyState::Closed]);
    all_return(events());
    all_return(events().into_iter().map(Action::<String>::Event));
    all_return([
        Action::Deliver(text()),
        Action::Abort { conn },
        Action::Connect { conn, attempt: 0 },
        Action::Ping { conn },
        Action::Close { conn, code: CloseCode::NORMAL },
        Action::ScheduleReconnect { attempt: 1, at: Instant::MAX, cause: Cause::Requested },
    ]);
    for why in [Expired, Evicted, Cancelled, Rejected, Abandoned, ConnectionOver, MaxDeliveries] {
        all_return([Outcome::Returned(why, text()), Outcome::Unconfirmed(why, text())]);
        returns(Action::Outcome { id: id(), outcome: Outcome::Returned(why, text()) });
    }
    all_return([Outcome::<String>::Committed, Outcome::Acked]);
    for reason in [Refusal::Full, Refusal::TooLarge, Refusal::NotConnected, Refusal::Closed] {
        all_return(outgoing().map(|outgoing| Refused { reason, outgoing }));
    }
}

/// [O3]
#[test]
fn what_is_looked_up_returns() {
    returns(Stats { dials: 1, undelivered: u32::MAX, ..Stats::default() });
    returns(RoundTrip { latest: SECOND, smoothed: SECOND / 7 });
    let slept = Beat::Slept { late: SECOND, ping: true };
    all_return([Beat::Quiet, Beat::Ping, Beat::Degraded, slept, Beat::Dead]);
}

/// [O3]
#[test]
fn a_stored_at_least_once_message_is_sent_again_like_any_other() {
    let stored = serde_json::to_string(&Outgoing::at_least_once(text(), 9)).expect("data");
    let read: Outgoing<String> = serde_json::from_str(&stored).expect("data");
    let (mut session, now) = (Session::<String>::new(Config::default(), 1), Instant::ORIGIN);
    let id = session.send(now, read).expect("there is room");
    for expected in [false, true] {
        drop(session.handle(now, Input::Connect));
        let now = session.next_dial().map_or(now, |(_, at)| at);
        session.handle(now, Input::Timer).for_each(drop);
        let conn = session.conn().expect("a dial");
        session.handle(now, Input::Opened { conn }).for_each(drop);
        let transmit = session.transmit(now).expect("the message");
        assert_eq!(transmit, Transmit { id, message: text(), redelivery: expected });
        session.handle(now, Input::Closed { conn, closed: Loss::Close(1001).into() }).for_each(drop);
    }
}

/// [O3]
#[test]
fn an_invalid_config_is_not_read_and_the_error_names_field_and_range() {
    let cases = [
        (json!({ "connect_timeout": { "secs": 0, "nanos": 0 } }), "connect_timeout is 0ns; allowed is 1ms to 86400s"),
        (json!({ "min_dial_gap": { "secs": 0, "nanos": 1 } }), "min_dial_gap is 1ns; allowed is 1ms to 86400s"),
        (json!({ "greeting_timeout": { "secs": 86401, "nanos": 0 } }), "greeting_timeout is 86401s; allowed is 1ms to"),
    ];
    for (value, message) in cases {
        let error = refusal::<Config>(value);
        assert!(error.contains(message), "{error}");
    }
    let mut settings = serde_json::to_value(Settings::default()).expect("data");
    settings["outbox"]["ack_window"] = json!(0);
    let error = refusal::<Config>(settings.clone());
    assert!(error.contains("outbox.ack_window is 0; allowed is 1 to 1024"), "{error}");
    serde_json::from_value::<Settings>(settings).expect("settings are not judged");
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
}
