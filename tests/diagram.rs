//! Walks through every state that a few small configs can reach, and draws what it sees.
//!
//! `UPDATE_DIAGRAM=1 cargo test --test diagram` puts the drawing into the README; without that variable the
//! drawing there must be the one the machine gives.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use heartline::{
    Action, Backoff, Cause, Config, ConnId, Event, Input, Instant, Limits, Loss, MessageId, Outgoing, Pulse, Rhythm,
    Session, Settings, State, Transport,
};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- diagram -->\n";
const END: &str = "<!-- /diagram -->";
const SECOND: Duration = Duration::from_secs(1);
/// Far more than there are; an exploration that does not end is a failure, not a slow test.
const BOUND: usize = 20_000;

/// From, to, and what the arrow is labelled with.
type Arrows = BTreeSet<(State, State, &'static str)>;

/// A session somewhere in its life, with all its actions pulled.
#[derive(Clone)]
struct Place<'a> {
    session: Session<u8, &'a Config>,
    now: Instant,
    last_sent: MessageId,
}

/// What can be done with a session in one step.
#[derive(Clone, Copy)]
enum Step {
    Connect,
    Opened,
    Ready,
    Message,
    Pong,
    Lost,
    Stopped,
    Acked,
    Cancel,
    Timer,
    NetworkChanged,
    Close,
    SendOnce,
    SendAtLeastOnce,
    SendBriefly,
    Transmit,
}

const STEPS: [Step; 16] = [
    Step::Connect,
    Step::Opened,
    Step::Ready,
    Step::Message,
    Step::Pong,
    Step::Lost,
    Step::Stopped,
    Step::Acked,
    Step::Cancel,
    Step::Timer,
    Step::NetworkChanged,
    Step::Close,
    Step::SendOnce,
    Step::SendAtLeastOnce,
    Step::SendBriefly,
    Step::Transmit,
];

impl Place<'_> {
    /// Takes the step and every action it leads to; the changes of state among them.
    fn take(&mut self, step: Step) -> Vec<(State, State, &'static str)> {
        let conn = self.session.conn().or(ConnId::from_raw(1)).expect("1 is a number");
        let closed = |loss: Loss| Input::Closed { conn, closed: loss.into() };
        let input = match step {
            Step::Connect => Input::Connect,
            Step::Opened => Input::Opened { conn },
            Step::Ready => Input::Ready { conn },
            Step::Message => Input::Message { conn, message: 0 },
            Step::Pong => Input::Pong { conn },
            Step::Lost => closed(Loss::Transport(Transport::Io)),
            Step::Stopped => closed(Loss::Close(1008)),
            Step::Acked => Input::Acked { id: self.last_sent },
            Step::Cancel => Input::Cancel { id: self.last_sent },
            Step::NetworkChanged => Input::NetworkChanged,
            Step::Close => Input::close_within(SECOND),
            Step::Timer => Input::Timer,
            Step::SendOnce => self.send(Outgoing::once(0, 1)),
            Step::SendAtLeastOnce => self.send(Outgoing::at_least_once(0, 1)),
            Step::SendBriefly => self.send(Outgoing::at_least_once(0, 1).time_to_live(SECOND)),
            Step::Transmit => {
                while self.session.transmit(self.now).is_some() {}
                Input::Timer
            }
        };
        let asked = if matches!(input, Input::Close { .. }) { "Close" } else { "Connect" };
        let changes = self.session.handle(self.now, input).filter_map(|action| match action {
            Action::Event(Event::StateChanged { from, to, cause }) => Some((from, to, label(cause, asked))),
            _ => None,
        });
        changes.collect()
    }

    fn send(&mut self, message: Outgoing<u8>) -> Input<u8> {
        self.last_sent = self.session.send(self.now, message).unwrap_or(self.last_sent);
        Input::Timer
    }

    /// The moments at which something may be different: now, just before the deadline, at it, long after.
    /// The flag says whether the walk goes on from there: a nanosecond would breed ever new distances.
    fn moments(&self) -> Vec<(Instant, bool)> {
        let due = self.session.deadline().map(|due| due.max(self.now));
        let early = due.map(|due| (just_before(due), false));
        let late = due.map(|due| (due.saturating_add(3 * SECOND), true));
        [Some((self.now, true)), early, due.map(|due| (due, true)), late].into_iter().flatten().collect()
    }

    /// Nothing happens before the deadline, everything that waits has one, and no state is a dead end.
    fn check(&self) {
        let state = self.session.state();
        let waits = matches!(state, State::Waiting | State::Connecting | State::Greeting | State::Closing);
        match self.session.deadline() {
            None => assert!(!waits, "{state} waits for nothing: {:?}", self.session),
            Some(_) if state == State::Closed => panic!("waits for something: {:?}", self.session),
            Some(due) => {
                let mut other = self.session.clone();
                if due > self.now {
                    assert_eq!(other.handle(just_before(due), Input::Timer).count(), 0, "{:?}", self.session);
                }
                other.handle(due, Input::Timer).for_each(drop);
                assert!(other.deadline().is_none_or(|next| next > due), "moves nothing: {:?}", self.session);
            }
        }
        let mut again = self.clone();
        again.take(Step::Connect);
        if again.session.state() == State::Waiting {
            again.now = again.session.next_dial().expect("a dial").1;
            again.take(Step::Timer);
        }
        again.take(Step::Opened);
        again.take(Step::Ready);
        assert_eq!(again.session.state(), State::Open, "no way from {:?}", self.session);
        assert!(!again.session.is_draining());
    }
}

fn just_before(moment: Instant) -> Instant {
    Instant::from_nanos(moment.as_nanos().saturating_sub(1))
}

/// A cause without the kind of loss; what the caller requested by the name of the input.
fn label(cause: Cause, asked: &'static str) -> &'static str {
    match cause {
        Cause::Requested => asked,
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
    }
}

/// Breadth first through all that `config` makes possible; the number of states.
fn explore(config: &Config, arrows: &mut Arrows) -> usize {
    let start = Place { session: Session::new(config, 7), now: Instant::ORIGIN, last_sent: MessageId::from_raw(0) };
    let mut seen = HashSet::from([start.session.fingerprint()]);
    let mut queue = VecDeque::from([start]);
    while let Some(place) = queue.pop_front() {
        place.check();
        for (now, onward) in place.moments() {
            for step in STEPS {
                let mut next = Place { now, ..place.clone() };
                let from = next.session.state();
                let changes = next.take(step);
                let end = changes.iter().fold(from, |at, (from, to, _)| {
                    assert_eq!(at, *from, "the changes of a step do not follow each other: {changes:?}");
                    *to
                });
                assert_eq!(end, next.session.state(), "a change without its event");
                arrows.extend(changes);
                if onward && seen.insert(next.session.fingerprint()) {
                    assert!(seen.len() < BOUND, "no end of states: {:?}", next.session);
                    queue.push_back(next);
                }
            }
        }
    }
    seen.len()
}

/// Small numbers, so that few moments differ.
fn small(greeting_timeout: Option<Duration>, rhythm: Rhythm, slow_after: Option<Duration>) -> Config {
    let settings = Settings {
        heartbeat: Pulse { rhythm, slow_after, late_tolerance: SECOND },
        connect_timeout: SECOND,
        greeting_timeout,
        close_timeout: SECOND,
        backoff: Backoff::constant(2 * SECOND),
        min_dial_gap: SECOND,
        stable_after: SECOND,
        max_attempts: Some(1),
        outbox: Limits { max_messages: 1, max_bytes: 1, ack_window: 1, max_deliveries: 2, ..Limits::default() },
        ..Settings::default()
    };
    Config::new(settings).expect("valid")
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

/// The text before the drawing, the drawing, the text after it.
fn split(readme: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (drawing, after) = rest.split_once(END)?;
    Some((before, drawing, after))
}

/// [O1] [P7] [R6] [X2]
#[test]
fn the_drawing_in_the_readme_is_the_machine() {
    let off = Rhythm::Off;
    let idle = Rhythm::WhenIdle { interval: 2 * SECOND, timeout: SECOND };
    let steady = Rhythm::Steady { interval: 2 * SECOND, timeout: Some(2 * SECOND) };
    let listen = Rhythm::Listen { window: 2 * SECOND };
    let configs = [
        small(None, off, None),
        small(Some(SECOND), off, None),
        small(None, steady, Some(SECOND)),
        small(None, listen, Some(SECOND)),
        small(Some(2 * SECOND), idle, None),
    ];
    let mut arrows = Arrows::new();
    for config in &configs {
        let states = explore(config, &mut arrows);
        assert!(states > 100, "only {states} states");
    }
    let drawing = draw(&arrows);
    let readme = std::fs::read_to_string(README).expect("README.md");
    let (before, drawn, after) = split(&readme).expect("README.md has a place for the drawing");
    if std::env::var_os("UPDATE_DIAGRAM").is_some() {
        std::fs::write(README, format!("{before}{BEGIN}{drawing}{END}{after}")).expect("README.md is writable");
    } else {
        assert_eq!(drawn, drawing, "UPDATE_DIAGRAM=1 cargo test --test diagram draws it anew");
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
