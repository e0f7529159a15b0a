//! Walks through every state that a few small configs can reach, with every call checked against the model, and draws
//! what it sees. `Ready` comes only after a login, which a full outbox must not keep out.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use heartline::backoff::Backoff;
use heartline::event::{Cause, Event};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::message::Delivery;
use heartline::outbox::OutboxConfig;
use heartline::replay::Call;
use heartline::{Config, Input, Loss, MessageId, Settings, State, Timestamp};

use super::invariants::{Answer, Done, Driver, Which};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
const BEGIN: &str = "<!-- diagram -->\n";
const END: &str = "<!-- /diagram -->";
const SECOND: Duration = Duration::from_secs(1);
/// Far more than there are; an exploration that does not end is a failure, not a slow test.
const BOUND: usize = 20_000;

/// From, to, and what the arrow is labelled with.
type Arrows = BTreeSet<(State, State, &'static str)>;

/// A session somewhere in its life, with all its actions pulled.
#[derive(Clone)]
struct Place {
    driver: Driver,
    /// The message in the outbox, and the login: the latest ones.
    last_sent: MessageId,
    login: MessageId,
    /// On the current connection a login was transmitted during the greeting.
    logged_in: bool,
}

/// What can be done with a session in one step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Reconnect,
    Close,
    Timer,
    NetworkChanged,
    NetworkLost,
    Opened(Which),
    Ready,
    Message,
    Pong,
    Unread,
    Dictated(HeartbeatMode),
    Lost(Loss),
    Acked,
    Send(Delivery, Option<Duration>),
    Transmit,
    Sent,
    Rejected,
}

const IO: Loss = Loss::Transport(TransportError::Io);

/// What leads from one state to another, whatever is sent.
const LIFE: &[Step] = &[
    Step::Connect,
    Step::Reconnect,
    Step::Close,
    Step::Timer,
    Step::NetworkChanged,
    Step::NetworkLost,
    Step::Opened(Which::Current),
    Step::Opened(Which::Past),
    Step::Ready,
    Step::Lost(IO),
    Step::Lost(Loss::Close(1008)),
    Step::Lost(Loss::Application(4401)),
];

const HEARTBEAT: &[Step] = &[
    Step::Message,
    Step::Pong,
    Step::Unread,
    Step::Dictated(HeartbeatMode::Listen { timeout: Duration::from_secs(2) }),
    Step::Dictated(HeartbeatMode::Periodic { interval: Duration::from_secs(2), timeout: None }),
];

const LOGIN: &[Step] = &[Step::Send(Delivery::ThisConnection, None), Step::Transmit, Step::Sent, Step::Rejected];

const SENDING: &[Step] = &[
    Step::Connect,
    Step::Close,
    Step::Timer,
    Step::Opened(Which::Current),
    Step::Ready,
    Step::Lost(IO),
    Step::Lost(Loss::Close(1008)),
    Step::Acked,
    Step::Send(Delivery::AtMostOnce, None),
    Step::Send(Delivery::AtLeastOnce, Some(SECOND)),
];

impl Place {
    fn state(&self) -> State {
        self.driver.session.state()
    }

    fn call(&mut self, now: Timestamp, step: Step) -> Call<u32> {
        let conn = self.driver.conn(Which::Current);
        let lent = self.driver.lent.unwrap_or(MessageId::from_raw(0));
        let input = match step {
            Step::Send(delivery, time) => return Call::Send { now, outgoing: self.driver.outgoing(delivery, 1, time) },
            Step::Transmit => return Call::Transmit { now },
            Step::Sent => return Call::Sent { now, id: lent },
            Step::Rejected => return Call::Rejected { now, id: lent },
            Step::Connect => Input::Connect,
            Step::Reconnect => Input::Reconnect,
            Step::Close => Input::close_within(SECOND),
            Step::Timer => Input::Timer,
            Step::NetworkChanged => Input::NetworkChanged,
            Step::NetworkLost => Input::NetworkLost,
            Step::Opened(which) => Input::Opened { conn: self.driver.conn(which) },
            Step::Ready => Input::Ready { conn },
            Step::Message => Input::Message { conn, message: 7 },
            Step::Pong => Input::Pong { conn, token: None },
            Step::Unread => Input::Unread { conn },
            Step::Dictated(mode) => Input::Heartbeat { conn, mode },
            Step::Lost(loss) => Input::closed(conn, loss),
            Step::Acked => Input::Acked { id: self.last_sent },
        };
        Call::Handle { now, input, pulled: None }
    }

    /// Takes the step and every action it leads to; the changes of state among them.
    fn take(&mut self, now: Timestamp, step: Step) -> Vec<(State, State, &'static str)> {
        let logs_in = step == Step::Sent && self.state() == State::Greeting && self.driver.lent == Some(self.login);
        let call = self.call(now, step);
        self.driver.record.clear();
        let answer = self.driver.call(call);
        self.driver.pull_all();
        match (step, answer) {
            (Step::Send(Delivery::ThisConnection, _), Answer::Send(Ok(id))) => self.login = id,
            (_, Answer::Send(Ok(id))) => self.last_sent = id,
            _ => {}
        }
        self.logged_in = self.state() == State::Greeting && (self.logged_in || logs_in);
        self.changes(step)
    }

    fn changes(&self, step: Step) -> Vec<(State, State, &'static str)> {
        let actions = self.driver.record.iter().filter_map(|(_, answer)| match answer {
            Answer::Actions(actions) => Some(actions),
            _ => None,
        });
        let changes = actions.flatten().filter_map(|action| match *action {
            Done::Event(Event::StateChanged { from, to, cause }) => Some((from, to, label(from, cause, step))),
            _ => None,
        });
        changes.collect()
    }

    /// What to try from here, and when: now, at the deadline, and a timer long after it.
    fn tries(&self, steps: &[&[Step]]) -> Vec<(Timestamp, Step)> {
        let now = self.driver.now;
        let due = self.driver.session.deadline().map(|due| due.max(now));
        let late = due.map(|due| (due.saturating_add(3 * SECOND), Step::Timer));
        let steps = || steps.iter().copied().flatten().filter(|step| **step != Step::Ready || self.logged_in);
        let at = |at: Timestamp| steps().map(move |step| (at, *step));
        at(now).chain(due.into_iter().flat_map(at)).chain(late).collect()
    }

    /// Whatever waits has a deadline, before which nothing happens; and no state is a dead end.
    fn check(&self) {
        let state = self.state();
        let waits = matches!(state, State::Waiting | State::Connecting | State::Greeting | State::Closing);
        let due = self.driver.session.deadline();
        assert!(due.is_some() || !waits, "{state} waits for nothing");
        if let Some(due) = due.filter(|due| *due > self.driver.now) {
            let mut early = self.driver.session.clone();
            assert_eq!(early.handle(just_before(due), Input::Timer).count(), 0, "[P7] before {due:?} in {state}");
        }
        let mut driver = self.driver.clone();
        driver.finish();
    }
}

fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp::from_nanos(moment.as_nanos().saturating_sub(1))
}

/// A cause without the kind of loss; what the application requested by the name of the input.
fn label(from: State, cause: Cause, step: Step) -> &'static str {
    match cause {
        Cause::Requested if step == Step::Close => "Close",
        Cause::Requested if matches!(from, State::Connecting | State::Greeting | State::Open) => "Reconnect",
        Cause::Requested => "Connect",
        Cause::Opened => "Opened",
        Cause::Ready => "Ready",
        Cause::RetryDue => "RetryDue",
        Cause::NetworkChanged => "NetworkChanged",
        Cause::Lost(_) => "Lost",
        Cause::Stopped(_) => "Stopped",
        Cause::Exhausted(_) => "Exhausted",
        Cause::Drained => "Drained",
        Cause::DrainTimeout => "DrainTimeout",
        Cause::CloseTimeout => "CloseTimeout",
        _ => unreachable!("a cause unknown to the diagram"),
    }
}

/// Breadth first through all that `config` makes possible; the number of states.
fn explore(config: Config, steps: &[&[Step]], arrows: &mut Arrows) -> usize {
    let none = MessageId::from_raw(0);
    let start = Place { driver: Driver::tidy(Rc::new(config)), last_sent: none, login: none, logged_in: false };
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(place) = queue.pop_front() {
        place.check();
        for (now, step) in place.tries(steps) {
            let mut next = place.clone();
            arrows.extend(next.take(now, step));
            if seen.insert((next.driver.session.fingerprint(), next.logged_in)) {
                assert!(seen.len() < BOUND, "no end of states");
                queue.push_back(next);
            }
        }
    }
    seen.len()
}

/// Small numbers, so that few moments differ.
fn small(greeting_timeout: Option<Duration>, mode: HeartbeatMode, slow_after: Option<Duration>) -> Settings {
    Settings {
        heartbeat: HeartbeatConfig { mode, slow_after, late_tolerance: SECOND },
        connect_timeout: SECOND,
        greeting_timeout,
        close_timeout: SECOND,
        backoff: Backoff::constant(2 * SECOND),
        min_dial_gap: SECOND,
        stable_after: SECOND,
        max_retries: Some(1),
        max_retry_after: 2 * SECOND,
        outbox: OutboxConfig {
            max_messages: 1,
            max_bytes: 1,
            max_connection_messages: 1,
            max_connection_bytes: 1,
            ack_window: 1,
            ack_timeout: None,
            max_losses: 2,
            ..OutboxConfig::default()
        },
        ..Settings::default()
    }
}

/// With every connection stable, so that what is sent makes the difference.
fn sending() -> Settings {
    let stable_after = Duration::ZERO;
    Settings { stable_after, ..small(Some(SECOND), HeartbeatMode::Off, None) }
}

fn draw(arrows: &Arrows) -> String {
    let mut causes = BTreeMap::<_, Vec<_>>::new();
    for (from, to, cause) in arrows {
        causes.entry((from, to)).or_default().push(*cause);
    }
    let mut drawing = "```mermaid\nstateDiagram-v2\n    [*] --> Idle\n".to_string();
    for ((from, to), causes) in causes {
        writeln!(drawing, "    {from} --> {to}: {}", causes.join(", ")).expect("a String takes everything");
    }
    drawing + "```\n"
}

/// [O1] [P7] [Q1] [R6] [X2] [X3]
#[test]
fn the_drawing_of_all_states_is_the_machine_and_none_is_a_dead_end() {
    let when_idle = HeartbeatMode::WhenIdle { interval: 2 * SECOND, timeout: SECOND };
    let periodic = HeartbeatMode::Periodic { interval: 2 * SECOND, timeout: Some(2 * SECOND) };
    let explorations: [(_, &[_]); 3] = [
        (small(None, periodic, Some(SECOND)), &[LIFE, HEARTBEAT]),
        (small(Some(SECOND), when_idle, None), &[LIFE, LOGIN]),
        (sending(), &[SENDING, &LOGIN[..3]]),
    ];
    let mut arrows = Arrows::new();
    for (settings, steps) in explorations {
        let start = std::time::Instant::now();
        let states = explore(Config::new(settings).expect("valid"), steps, &mut arrows);
        eprintln!("{states} {:?}", start.elapsed());
        assert!(states > 100, "only {states} states");
    }
    let drawing = draw(&arrows);
    let page = std::fs::read_to_string(PAGE).expect("docs/states.md");
    let (before, rest) = page.split_once(BEGIN).expect("a place for the drawing");
    let (drawn, after) = rest.split_once(END).expect("an end of the drawing");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{drawing}{END}{after}")).expect("docs/states.md is writable");
    } else {
        assert_eq!(drawn, drawing, "UPDATE=1 cargo test --test session drawing draws it anew");
    }
}

#[test]
fn arrows_are_grouped_and_in_the_order_of_a_life() {
    let arrows = Arrows::from([
        (State::Open, State::Waiting, "Lost"),
        (State::Idle, State::Closed, "Close"),
        (State::Open, State::Closing, "Drained"),
        (State::Open, State::Closing, "Close"),
    ]);
    let expected = "```mermaid\nstateDiagram-v2\n    [*] --> Idle\n    Idle --> Closed: Close\n    \
                    Open --> Waiting: Lost\n    Open --> Closing: Close, Drained\n```\n";
    assert_eq!(draw(&arrows), expected);
}
