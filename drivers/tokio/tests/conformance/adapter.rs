//! The adapter by which heartline-testkit's conformance suite runs on this driver.

use std::future::{Future, poll_fn};
use std::io::{BufReader, stdin};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use heartline_driver_testing::conformance::{
    ABILITIES, COMMANDS, Ids, Tagged, Texts, options, outgoing, report, set, word,
};
use heartline_testkit::conformance::adapter::{Reporter, commands};
use heartline_testkit::conformance::{Command, Report};
use heartline_tokio::{Client, Delivery, Incoming, Options, Received};
use tokio::sync::{mpsc, watch};

/// Obeys the commands on the standard input until `quit`, or its end.
#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let reporter = Reporter::stdout();
    reporter.hello("heartline-tokio", &ABILITIES);
    let (sender, mut orders) = mpsc::channel(COMMANDS);
    thread::spawn(move || commands(BufReader::new(stdin())).try_for_each(|command| sender.blocking_send(command)));
    let mut options = options();
    while let Some(command) = orders.recv().await {
        match command {
            Command::Set(setting) => set(&mut options, setting),
            Command::Connect(url) => return Adapter::start(url, options, reporter).obey(orders).await,
            Command::Quit => return,
            _ => {}
        }
    }
}

/// How the application takes its messages.
#[derive(Clone, Copy, Default)]
struct Manner {
    paused: bool,
    slow: Duration,
}

struct Adapter {
    client: Client<Tagged>,
    ids: Ids,
    reporter: Reporter,
    manner: watch::Sender<Manner>,
}

impl Adapter {
    fn start(url: String, options: Options, reporter: Reporter) -> Self {
        let (ids, dials) = (Ids::default(), reporter.clone());
        let builder = Client::builder(url).codec(Texts(ids.clone())).options(options).request(move |dial| {
            dials.report(&Report::Dial { attempt: dial.attempt(), renew: dial.renew() });
            async move { dial.request() }
        });
        let (client, incoming) = builder.spawn().expect("the suite sets what is valid");
        let manner = watch::Sender::new(Manner::default());
        tokio::spawn(take(incoming, reporter.clone(), manner.subscribe()));
        Self { client, ids, reporter, manner }
    }

    async fn obey(self, mut orders: mpsc::Receiver<Command>) {
        while let Some(command) = orders.recv().await {
            match &command {
                Command::Send { tag, delivery, .. } | Command::Fill { tag, delivery, .. } => {
                    let Some(text) = command.text() else { continue };
                    self.send(*delivery, Tagged { tag: *tag, text }).await;
                }
                Command::Acked(tag) => self.acked(*tag),
                Command::Slow(slow) => self.manner.send_modify(|manner| manner.slow = *slow),
                Command::Pause => self.manner.send_modify(|manner| manner.paused = true),
                Command::Resume => self.manner.send_modify(|manner| manner.paused = false),
                Command::Close(within) => {
                    let (client, within) = (self.client.clone(), *within);
                    begin(async move { _ = client.close(within).await }).await;
                }
                Command::Quit => return,
                _ => {}
            }
        }
    }

    async fn send(&self, delivery: Delivery, message: Tagged) {
        let (client, reporter, tag) = (self.client.clone(), self.reporter.clone(), message.tag);
        let outgoing = outgoing(delivery, message);
        let sending = async move {
            match client.send(outgoing).await {
                Ok(receipt) => {
                    reporter.report(&Report::Accepted(tag));
                    reporter.report(&Report::outcome(tag, &receipt.await));
                }
                Err(refused) => reporter.report(&Report::Refused(tag, word(&refused.reason).into())),
            }
        };
        begin(sending).await;
    }

    fn acked(&self, tag: u64) {
        self.ids.get(tag).into_iter().for_each(|id| self.client.acked(id));
    }
}

/// Polls this once, in its turn, and lets the rest of it be a task: what waits holds nothing up.
async fn begin(future: impl Future<Output = ()> + Send + 'static) {
    let mut future = Box::pin(future);
    if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await.is_pending() {
        tokio::spawn(future);
    }
}

/// The application.
async fn take(mut incoming: Incoming<String>, reporter: Reporter, mut manner: watch::Receiver<Manner>) {
    while manner.wait_for(|manner| !manner.paused).await.is_ok() {
        let Some(received) = incoming.next().await else { return };
        _ = manner.wait_for(|manner| !manner.paused).await; // It may be paused by now.
        match received {
            Received::Message(text) => {
                let slow = manner.borrow().slow;
                if !slow.is_zero() {
                    tokio::time::sleep(slow).await; // Of zero it would be a millisecond.
                }
                reporter.report(&Report::delivered(&text));
            }
            Received::Event(event) => reporter.report(&report(event)),
            _ => {}
        }
    }
}
