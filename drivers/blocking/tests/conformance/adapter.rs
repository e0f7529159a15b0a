//! The adapter by which heartline-testkit's conformance suite runs on this driver.
//!
//! One thread polls the client, takes the application's time, and obeys. Another one reads commands and wakes it.

use std::collections::VecDeque;
use std::io::{BufReader, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use heartline_blocking::{Client, Options, Outgoing, Receipt, Received, Refusal};
use heartline_driver_testing::conformance::{
    ABILITIES, COMMANDS, Ids, Tagged, Texts, options, outgoing, report, set, word,
};
use heartline_testkit::conformance::adapter::{Reporter, commands};
use heartline_testkit::conformance::{Command, Report};

/// Obeys the commands on the standard input until `quit`, or its end.
pub fn main() {
    let reporter = Reporter::stdout();
    reporter.hello("heartline-blocking", &ABILITIES);
    let mut input = commands(BufReader::new(stdin()));
    let mut options = options();
    while let Some(command) = input.next() {
        match command {
            Command::Set(setting) => set(&mut options, setting),
            Command::Connect(url) => return Adapter::new(url, options, reporter).run(input),
            Command::Quit => return,
            _ => {}
        }
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
                self.held.push_back(outgoing(*delivery, message));
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
        self.ids.get(tag).into_iter().for_each(|id| self.client.acked(id));
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
