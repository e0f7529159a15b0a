//! Of the adapters by which heartline-testkit's conformance suite runs on the drivers: what they can, what they send, the
//! words of their reports, and the program that runs the suite.

use std::collections::HashMap;
use std::env;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use heartline::MessageId;
use heartline::message::Delivery;
use heartline_testkit::conformance::{Ability, Report, Setting, Suite, Verdict};
use heartline_tungstenite::client::{Event, Options, Outgoing, Refusal};
use heartline_tungstenite::codec::{Codec, CodecError, Item, Items, Transmission};
use tungstenite::Message;

/// So many commands wait for their turn; more wait in the pipe.
pub const COMMANDS: usize = 64;
/// All but what the suite finds out by itself.
pub const ABILITIES: [Ability; 15] = [
    Ability::Process,
    Ability::AtLeastOnce,
    Ability::Dials,
    Ability::Status,
    Ability::RetryAfter,
    Ability::Slow,
    Ability::Pause,
    Ability::HeartbeatIdle,
    Ability::HeartbeatListen,
    Ability::LateTolerance,
    Ability::ConnectTimeout,
    Ability::CloseTimeout,
    Ability::Retry,
    Ability::AckTimeout,
    Ability::MaxInbound,
];

/// The suite's options, before it sets any.
pub fn options() -> Options {
    Options { stay_when_stopped: true, max_stall: None, ..Options::default() }
}

/// Takes a setting of the suite's over.
pub fn set(options: &mut Options, setting: Setting) {
    match setting {
        Setting::MaxInbound(bytes) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            (options.limits.max_inbound_message, options.limits.max_inbound_frame) = (bytes, bytes);
        }
        session => _ = session.apply(&mut options.session),
    }
}

/// A text, with the number by which the suite names it.
#[derive(Debug)]
pub struct Tagged {
    /// The suite's number.
    pub tag: u64,
    /// The text.
    pub text: String,
}

/// The ids that the session gave to the suite's messages.
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<Mutex<HashMap<u64, MessageId>>>);

impl Ids {
    /// The id of the message with this number, once it was transmitted.
    pub fn get(&self, tag: u64) -> Option<MessageId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&tag).copied()
    }
}

/// Text both ways. What is acknowledged was transmitted before, so its id is known by then.
#[derive(Debug)]
pub struct Texts(pub Ids);

impl Codec for Texts {
    type Out = Tagged;
    type In = String;

    fn size(message: &Tagged) -> Result<usize, CodecError> {
        Ok(message.text.len())
    }

    fn encode(&mut self, message: &Tagged, transmission: Transmission) -> Result<Message, CodecError> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).insert(message.tag, transmission.id);
        Ok(Message::text(message.text.as_str()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        items.push(Item::Message(text.to_string()));
        Ok(())
    }
}

/// A message with this promise.
pub fn outgoing(delivery: Delivery, message: Tagged) -> Outgoing<Tagged> {
    match delivery {
        Delivery::ThisConnection => Outgoing::this_connection(message),
        Delivery::AtMostOnce => Outgoing::at_most_once(message),
        Delivery::AtLeastOnce => Outgoing::at_least_once(message),
    }
}

/// What the suite is told of an event.
pub fn report(event: Event) -> Report {
    match event {
        Event::StateChanged { to, cause, .. } => Report::state(to, cause),
        Event::Degraded => Report::Event("degraded".into()),
        Event::Recovered => Report::Event("recovered".into()),
        Event::Slept { late_ms } => Report::Event(format!("slept {late_ms}")),
        other => Report::Log(other.to_string()),
    }
}

/// The suite's word for a refusal.
pub fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "full",
        Refusal::TooLarge => "too-large",
        Refusal::NotConnected => "not-connected",
        Refusal::Closed => "closed",
        _ => "other",
    }
}

/// The cases that do not apply to this driver: none, but where the system does not tell the CPU time of a process.
const NOT_APPLICABLE: &[&str] =
    if cfg!(target_os = "linux") { &[] } else { &["idle-spin", "stalled-spin", "waiting-spin"] };

fn suite() -> Suite {
    let program = env::current_exe().expect("it runs");
    Suite::new(move || {
        let mut command = Command::new(&program);
        command.arg("adapter");
        command
    })
}

/// The cases with one of these words in their names; all of them without a word, or by the name of this test.
fn wanted(words: &[String]) -> Vec<&'static str> {
    let all = words.is_empty() || words.iter().any(|word| word == "conformance");
    let cases = Suite::cases().map(|(name, _)| name);
    cases.filter(|name| all || words.iter().any(|word| name.contains(word.as_str()))).collect()
}

fn every_case_that_applies_passes(cases: &[&str]) {
    let report = suite().only(cases.iter().copied()).run(|_| {});
    report.assert_passed();
    assert_eq!(report.unknown, [""; 0], "abilities that the suite does not know");
    let not_applicable = |name: &&str| matches!(report.verdict(name), Some(Verdict::NotApplicable { .. }));
    let left_out: Vec<&str> = cases.iter().copied().filter(not_applicable).collect();
    let expected: Vec<&str> = NOT_APPLICABLE.iter().copied().filter(|name| cases.contains(name)).collect();
    assert_eq!(left_out, expected, "the cases that do not apply, and those that are known not to");
}

/// The program: the suite, which starts this program again as the `adapter`. Words in the arguments choose the cases with
/// these words in their names.
pub fn run(adapter: impl FnOnce()) {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "adapter") {
        return adapter();
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return println!("conformance: test");
    }
    let words: Vec<String> = arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect();
    every_case_that_applies_passes(&wanted(&words));
}
