//! What was recorded replays, and what differs is named.

use std::io::{self, Write};
use std::time::Duration;

use heartline::heartbeat::HeartbeatMode;
use heartline::loss::TransportError;
use heartline::replay::Call;
use heartline::{CloseCode, Config, ConnId, Input, Loss, MessageId, Outgoing, Session, Settings, State, Timestamp};
use heartline_testkit::record::{Answer, End, Entry, Recorder, ReplayError, Replayer, left_out, replay, whole};
use heartline_testkit::sim::{Random, seeds};
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::new(Settings { greeting_timeout: Some(3 * SECOND), ..Settings::default() }).expect("valid")
}

fn input(random: &mut Random, conn: ConnId, id: MessageId) -> Input<String> {
    match random.below(18) {
        0 => Input::Connect,
        1 => Input::Reconnect,
        2 | 3 => Input::Opened { conn },
        4 | 5 => Input::Ready { conn },
        6 => Input::Message { conn, message: format!("message {}", random.below(100)) },
        7 => Input::Pong { conn, token: Some(1).filter(|_| random.chance(1, 2)) },
        8 => Input::Alive { conn },
        9 => Input::Heartbeat { conn, mode: HeartbeatMode::Listen { timeout: SECOND } },
        10 => Input::Closed { conn, loss: Loss::Transport(TransportError::Io), retry_after: Some(SECOND) },
        11 => Input::Acked { id },
        12 => Input::Cancel { id },
        13 => Input::NetworkChanged,
        16 => Input::NetworkLost,
        15 => Input::Unread { conn },
        14 if random.chance(1, 8) => Input::Close { code: CloseCode::GOING_AWAY, within: SECOND },
        _ => Input::Timer,
    }
}

/// Any calls, with as many actions pulled as happens.
fn anything<P: serde::Serialize, W: Write>(session: &mut Recorder<String, P, W>, random: &mut Random, calls: u64) {
    let mut now = Timestamp::ORIGIN;
    for nth in 0..calls {
        now = now.saturating_add(random.duration(Duration::ZERO..SECOND));
        let conn = session.conn().unwrap_or(ConnId::from_raw(1).expect("not zero"));
        let id = MessageId::from_raw(1 + random.below(nth + 1));
        match random.below(8) {
            0 | 1 => {
                let message = format!("payload {nth}");
                let outgoing = match random.below(3) {
                    0 => Outgoing::this_connection(message, 10),
                    1 => Outgoing::at_most_once(message, 10).expires_in(2 * SECOND),
                    _ => Outgoing::at_least_once(message, 10),
                };
                _ = session.send(now, outgoing);
            }
            2 => {
                let lent = session.transmit(now).map(|lent| lent.id);
                match (lent, random.below(4)) {
                    (Some(id), 0) => session.rejected(now, id),
                    (Some(id), 1 | 2) => session.sent(now, id),
                    _ => {}
                }
            }
            3 => _ = session.received(now, conn),
            4 => _ = session.next_action(),
            _ => {
                let input = input(random, conn, id);
                let pulled = random.below(5) as usize;
                let actions = session.handle(now, input);
                if pulled < 3 { actions.take(pulled).for_each(drop) } else { actions.for_each(drop) }
            }
        }
    }
}

fn recorded(seed: u64, calls: u64) -> Vec<u8> {
    let mut session = Recorder::with_first_id(config(), seed, MessageId::from_raw(5), Vec::new(), whole::<String>);
    anything(&mut session, &mut Random::new(seed), calls);
    session.finish().1.expect("a Vec takes everything")
}

fn lines(log: &[u8]) -> Vec<Value> {
    log.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

fn joined(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

#[test]
fn any_run_replays_however_many_actions_were_pulled() {
    let mut kinds = std::collections::BTreeSet::new();
    seeds(200, |seed| {
        let log = recorded(seed, 200);
        let replayed = replay::<String>(&log[..]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(replayed.end, End::Finished);
        assert_eq!(replayed.calls as usize, lines(&log).len() - 2);
        for line in lines(&log) {
            let call = &line["entry"]["call"];
            let kind = call.as_object().and_then(|call| call.keys().next()).map_or(call.to_string(), String::clone);
            kinds.insert(kind);
        }
    });
    if std::env::var("HEARTLINE_SEED").is_err() {
        let all = ["\"NextAction\"", "Handle", "Received", "Rejected", "Send", "Sent", "Transmit", "null"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    }
}

/// A log that says that all actions were pulled, although they were not, is another run.
#[test]
fn how_many_actions_were_pulled_decides() {
    let differ = (0..50).filter(|seed| {
        let mut lines = lines(&recorded(*seed, 200));
        for line in &mut lines {
            if let Some(call) = line.pointer_mut("/entry/call/Handle").and_then(Value::as_object_mut) {
                call.remove("pulled");
            }
        }
        matches!(replay::<String>(&joined(&lines)[..]), Err(ReplayError::Difference(_)))
    });
    assert_eq!(differ.count(), 50);
}

#[test]
fn a_log_without_payloads_replays_and_holds_none() {
    let mut session = Recorder::new(config(), 3, Vec::new(), left_out::<String>);
    anything(&mut session, &mut Random::new(3), 500);
    let (session, log) = session.finish();
    let log = log.expect("a Vec takes everything");
    assert!(!String::from_utf8_lossy(&log).contains("payload"));
    let mut replayer = Replayer::<(), _>::new(&log[..]).expect("a log");
    while replayer.step().expect("no difference").is_some() {}
    assert_eq!(replayer.session().stats(), session.stats());
    assert_eq!(replayer.session().state(), session.state());
    assert!(replayer.calls() >= 500);
    assert_eq!(replayer.end(), Some(End::Finished));
}

#[test]
fn a_recorder_does_what_the_session_does() {
    let mut recorder = Recorder::new(config(), 9, Vec::new(), whole::<String>);
    anything(&mut recorder, &mut Random::new(9), 300);
    let (recorded, log) = recorder.finish();
    let mut session: Session<String> = Session::new(config(), 9);
    let mut replayer = Replayer::<String, _>::new(log.as_deref().expect("a Vec takes everything")).expect("a log");
    while let Some(entry) = replayer.step().expect("no difference") {
        _ = Answer::of(session.call(entry.call));
    }
    assert_eq!((recorded.state(), recorded.stats()), (session.state(), session.stats()));
    assert_eq!(recorded.deadline(), session.deadline());
}

#[test]
fn the_first_difference_is_named_with_its_call_and_both_answers() {
    let mut session = Recorder::new(config(), 1, Vec::new(), whole::<String>);
    session.handle(Timestamp::ORIGIN, Input::Connect).for_each(drop);
    assert_eq!(session.state(), State::Connecting);
    let conn = session.conn().expect("it dials");
    session.handle(Timestamp::ORIGIN, Input::closed(conn, Loss::ConnectTimeout)).for_each(drop);
    session.handle(Timestamp::ORIGIN, Input::Connect).for_each(drop);
    let log = session.finish().1.expect("a Vec takes everything");
    let mut lines = lines(&log);
    lines[2]["entry"]["call"]["Handle"]["input"]["Closed"]["loss"] = "GreetingTimeout".into();

    let error = replay::<String>(&joined(&lines)[..]).expect_err("another loss");
    let ReplayError::Difference(difference) = &error else { panic!("{error}") };
    assert_eq!((difference.number, difference.action), (2, Some(0)));
    assert!(matches!(&difference.recorded.call, Call::Handle { input: Input::Closed { .. }, .. }));
    let said = error.to_string();
    let expected =
        said.find("expected: Event(StateChanged { from: Connecting, to: Waiting, cause: Lost(ConnectTimeout)");
    let came = said.find("came:     Event(StateChanged { from: Connecting, to: Waiting, cause: Lost(GreetingTimeout)");
    assert!(said.starts_with("call 2 differs: Handle") && expected < came && expected.is_some(), "{said}");
}

/// The second action of a step is missing in the log, or there is one too many.
#[test]
fn a_missing_action_and_one_too_many_are_differences() {
    let log = recorded(1, 100);
    let several = |line: &Value| line["entry"]["answer"]["Actions"].as_array().is_some_and(|some| some.len() > 1);
    let nth = lines(&log).iter().position(several).expect("a step with two actions");
    let at = |change: fn(&mut Vec<Value>)| {
        let mut lines = lines(&log);
        change(lines[nth]["entry"]["answer"]["Actions"].as_array_mut().expect("actions"));
        match replay::<String>(&joined(&lines)[..]) {
            Err(ReplayError::Difference(difference)) => (difference.number as usize, difference.action),
            other => panic!("{other:?}"),
        }
    };
    let count = lines(&log)[nth]["entry"]["answer"]["Actions"].as_array().expect("actions").len();
    assert_eq!(at(|actions| drop(actions.pop())), (nth, Some(count - 1)));
    assert_eq!(at(|actions| actions.push(actions[0].clone())), (nth, Some(count)));
}

#[test]
fn at_its_limit_the_log_ends_and_the_session_goes_on() {
    let mut session = Recorder::new(config(), 2, Vec::new(), whole::<String>).limit(2000);
    anything(&mut session, &mut Random::new(2), 200);
    let dials = session.stats().dials;
    let log = session.finish().1.expect("a Vec takes everything");
    let header = log.split_inclusive(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
    assert!(log.len() - header <= 2000 && log.len() > 1000, "{}", log.len());
    let replayed = replay::<String>(&log[..]).expect("the same actions");
    assert_eq!(replayed.end, End::Limit);
    assert!(replayed.calls < 100 && dials > 1, "{replayed:?}");
}

/// Has room for so many bytes.
struct Small(usize, Vec<u8>);

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.len() + bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_ends_the_log_not_the_session() {
    let mut small = Small(3000, Vec::new());
    let mut session = Recorder::new(config(), 2, &mut small, left_out::<String>);
    assert!(session.error().is_none());
    anything(&mut session, &mut Random::new(2), 200);
    assert!(session.stats().dials > 1);
    assert_eq!(session.error().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
    assert!(session.finish().1.is_err());
    assert_eq!(replay::<()>(&small.1[..]).expect("the same actions").end, End::CutOff);
}

#[test]
fn a_log_that_is_cut_off_anywhere_replays_as_far_as_it_goes() {
    let log = recorded(4, 30);
    let header = log.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    for length in header..log.len() {
        let replayed = replay::<String>(&log[..length]).unwrap_or_else(|error| panic!("{length}: {error}"));
        let calls = lines(&log[..=log[..length].iter().rposition(|byte| *byte == b'\n').expect("a header")]).len() - 1;
        // The last line may be whole but for its end.
        assert!((calls..=calls + 1).contains(&(replayed.calls as usize)), "{length}: {replayed:?}");
    }
}

#[test]
fn what_is_no_log_is_refused_with_its_line() {
    let log = recorded(5, 3);
    let whole = lines(&log);
    let refused = |lines: &[Value]| replay::<String>(&joined(lines)[..]).expect_err("not a log").to_string();
    assert!(replay::<String>(&b""[..]).is_err());
    assert!(replay::<String>(&b"hello\n"[..]).expect_err("no log").to_string().starts_with("line 1 is not a line"));
    assert_eq!(refused(&whole[1..]), "line 1 is out of place");
    assert_eq!(refused(&[&whole[..2], &whole[..1]].concat()), "line 3 is out of place");
    assert_eq!(refused(&[&whole[..], &whole[1..2]].concat()), "line 6 is out of place");
    let mut other = whole.clone();
    other[0]["header"]["format"] = 2.into();
    assert_eq!(refused(&other), "the log has format 2, this version reads 1");
    other = whole;
    other[1]["entry"]["call"] = "Jump".into();
    assert!(refused(&other).starts_with("line 2 is not a line of a log"));
}

/// An entry is data like any other.
#[test]
fn entries_can_be_built_by_hand() {
    let entry: Entry<()> = Entry { call: Call::NextAction, answer: Answer::NextAction(None) };
    let text = serde_json::to_string(&entry).expect("data");
    assert_eq!(text, r#"{"call":"NextAction","answer":{"NextAction":null}}"#);
    assert_eq!(serde_json::from_str::<Entry<()>>(&text).expect("the same"), entry);
}
