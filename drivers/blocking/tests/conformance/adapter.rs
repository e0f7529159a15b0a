//! The adapter by which heartline-testkit's conformance suite runs on this driver.
//!
//! One thread polls the client, takes the application's time, and obeys. Another one reads commands and wakes it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufReader, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use heartline_blocking::codec::{CodecError, Item, Items, Transmission};
use heartline_blocking::heartline::MessageId;
use heartline_blocking::heartline::message::Delivery;
use heartline_blocking::{Client, Codec, Event, Message, Options, Outgoing, Receipt, Received, Refusal};
use heartline_testkit::conformance::adapter::{Reporter, commands};
use heartline_testkit::conformance::{Ability, Command, Report, Setting};

/// All but what the suite finds out by itself.
const ABILITIES: [Ability; 15] = [
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
/// So many commands wait for their turn; more wait in the pipe.
const COMMANDS: usize = 64;

/// Obeys the commands on the standard input until `quit`, or its end.
pub fn main() {
    let reporter = Reporter::stdout();
    reporter.hello("heartline-blocking", &ABILITIES);
    let mut input = commands(BufReader::new(stdin()));
    let mut options = Options { stay_when_stopped: true, max_stall: None, ..Options::default() };
    while let Some(command) = input.next() {
        match command {
            Command::Set(setting) => set(&mut options, setting),
            Command::Connect(url) => return Adapter::new(url, options, reporter).run(input),
            Command::Quit => return,
            _ => {}
        }
    }
}

fn set(options: &mut Options, setting: Setting) {
    match setting {
        Setting::MaxInbound(bytes) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            (options.limits.max_inbound_message, options.limits.max_inbound_frame) = (bytes, bytes);
        }
        session => _ = session.apply(&mut options.session),
    }
}

/// A text, with the number by which the suite names it.
struct Tagged {
    tag: u64,
    text: String,
}

/// The ids that the session gave to the suite's messages.
type Ids = Arc<Mutex<HashMap<u64, MessageId>>>;

/// Text both ways. What is acknowledged was transmitted before, so its id is known by then.
struct Texts(Ids);

impl Codec for Texts {
    type Out = Tagged;
    type In = String;

    fn size(message: &Tagged) -> Result<usize, CodecError> {
        Ok(message.text.len())
    }

    fn encode(&mut self, message: &Tagged, transmission: Transmission) -> Result<Message, CodecError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(message.tag, transmission.id);
        Ok(Message::text(message.text.as_str()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        items.push(Item::Message(text.to_string()));
        Ok(())
    }
}

struct Adapter {
    client: Client<Texts>,
    ids: Ids,
    reporter: Reporter,
    /// Messages that there was no room for yet.
    held: VecDeque<Outgoing<Tagged>>,
    /// Messages without an outcome, by their tags.
    receipts: Vec<(u64, Receipt<Tagged>)>,
    paused: bool,
    slow: Duration,
}

impl Adapter {
    fn new(url: String, options: Options, reporter: Reporter) -> Self {
        let (ids, dials) = (Ids::default(), reporter.clone());
        let builder = Client::builder(url).codec(Texts(ids.clone())).options(options).request(move |dial| {
            dials.report(&Report::Dial { attempt: dial.attempt(), renew: dial.renew() });
            dial.request()
        });
        let client = builder.build().expect("the suite sets what is valid");
        let (held, receipts) = (VecDeque::new(), Vec::new());
        Self { client, ids, reporter, held, receipts, paused: false, slow: Duration::ZERO }
    }

    fn run(mut self, input: impl Iterator<Item = Command> + Send + 'static) {
        let (sender, orders) = sync_channel(COMMANDS);
        let handle = self.client.handle().clone();
        thread::spawn(move || {
            for command in input {
                if sender.send(command).is_err() {
                    return;
                }
                handle.wake();
            }
            drop(sender);
            handle.wake(); // For the end of the input.
        });
        while self.turn(&orders) {}
    }

    /// False at the end.
    fn turn(&mut self, orders: &Receiver<Command>) -> bool {
        self.client.poll(None);
        let ended = self.client.end().is_some();
        let goes_on = self.obey_all(orders);
        self.send_held();
        self.report_outcomes();
        let took = !self.paused && self.take();
        // Nothing is left to poll for; wait for what there is to refuse.
        if goes_on && ended && !took { orders.recv().is_ok_and(|command| self.obey(command)) } else { goes_on }
    }

    fn obey_all(&mut self, orders: &Receiver<Command>) -> bool {
        loop {
            let goes_on = match orders.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Disconnected) => false,
                Err(TryRecvError::Empty) => return true,
            };
            if !goes_on {
                return false;
            }
        }
    }

    fn obey(&mut self, command: Command) -> bool {
        match &command {
            Command::Send { tag, delivery, .. } | Command::Fill { tag, delivery, .. } => {
                let message = Tagged { tag: *tag, text: command.text().unwrap_or_default() };
                self.held.push_back(match delivery {
                    Delivery::ThisConnection => Outgoing::this_connection(message),
                    Delivery::AtMostOnce => Outgoing::at_most_once(message),
                    Delivery::AtLeastOnce => Outgoing::at_least_once(message),
                });
                self.send_held();
            }
            Command::Acked(tag) => self.acked(*tag),
            Command::Slow(slow) => self.slow = *slow,
            Command::Pause => self.paused = true,
            Command::Resume => self.paused = false,
            Command::Close(within) => self.client.start_close(*within),
            Command::Quit => return false,
            _ => {}
        }
        true
    }

    /// Hands over what there is room for.
    fn send_held(&mut self) {
        while let Some(outgoing) = self.held.pop_front() {
            let tag = outgoing.message().tag;
            match self.client.try_send(outgoing) {
                Ok(receipt) => {
                    self.reporter.report(&Report::Accepted(tag));
                    self.receipts.push((tag, receipt));
                }
                Err(refused) if refused.reason == Refusal::Full => return self.held.push_front(refused.outgoing),
                Err(refused) => self.reporter.report(&Report::Refused(tag, word(&refused.reason).into())),
            }
        }
    }

    fn report_outcomes(&mut self) {
        let reporter = &self.reporter;
        self.receipts.retain(|(tag, receipt)| match receipt.poll() {
            Some(outcome) => {
                reporter.report(&Report::outcome(*tag, &outcome));
                false
            }
            None => true,
        });
    }

    fn acked(&mut self, tag: u64) {
        let id = self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(&tag).copied();
        id.into_iter().for_each(|id| self.client.acked(id));
    }

    /// The application takes one message or event, if there is one.
    fn take(&mut self) -> bool {
        let Some(received) = self.client.try_recv() else { return false };
        match received {
            Received::Message(text) => {
                thread::sleep(self.slow);
                self.reporter.report(&Report::delivered(&text));
            }
            Received::Event(event) => self.reporter.report(&report(event)),
            _ => {}
        }
        true
    }
}

fn report(event: Event) -> Report {
    match event {
        Event::Changed { to, cause, .. } => Report::state(to, cause),
        Event::Degraded => Report::Event("degraded".into()),
        Event::Recovered => Report::Event("recovered".into()),
        Event::Slept { late_ms } => Report::Event(format!("slept {late_ms}")),
        other => Report::Log(other.to_string()),
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "full",
        Refusal::TooLarge => "too-large",
        Refusal::NotConnected => "not-connected",
        Refusal::Closed => "closed",
        _ => "other",
    }
}
