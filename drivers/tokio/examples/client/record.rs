//! A client that takes down everything: what happened to it, and what became of each message.

use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use heartline_testkit::faults::{Ledger, PATIENCE};
use heartline_tokio::codec::{Codec, Item, Items, Transmission};
use heartline_tokio::{
    Cause, Client, CodecError, Delivery, Event, Loss, Message, MessageId, Options, Outgoing, Received, Request,
    Settings, State, Status,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::logger::Logger;

/// What the application knows.
pub struct Record {
    pub state: State,
    /// How connections and dials ended, but for the close that was asked for, and when.
    pub losses: Vec<(Instant, Loss)>,
    /// The attempts of the dials that were scheduled.
    pub retries: Vec<u32>,
    /// What else happened.
    pub events: Vec<Event>,
    pub ledger: Ledger,
}

impl Record {
    fn new() -> Self {
        let (losses, retries, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { state: State::Idle, losses, retries, events, ledger: Ledger::default() }
    }

    fn event(&mut self, event: Event, status: &Status) {
        let Event::StateChanged { from, to, cause, .. } = event else { return self.events.push(event) };
        self.state = to;
        if let (true, Cause::Lost(loss) | Cause::Stopped(loss)) = (from != State::Closing, cause) {
            self.losses.push((Instant::now(), loss));
        }
        if to == State::Waiting {
            self.retries.extend(status.retry.map(|retry| retry.attempt));
        }
    }
}

/// The protocol of the tour's server: what is to be acknowledged has an id behind its key, and `ack ID` acknowledges it.
struct Acked;

impl Codec for Acked {
    type Out = String;
    type In = String;

    fn size(text: &String) -> Result<usize, CodecError> {
        Ok(text.len())
    }

    fn encode(&mut self, text: &String, transmission: Transmission) -> Result<Message, CodecError> {
        Ok(Message::text(match text.split_once(' ') {
            Some((key, rest)) if key.starts_with("alo:") => format!("{key} {} {rest}", transmission.id.as_raw()),
            _ => text.clone(),
        }))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("only text is spoken here")) };
        items.push(match text.strip_prefix("ack ") {
            Some(id) => {
                let id = id.parse().map_err(|_| CodecError::invalid("an acknowledgement of no number"))?;
                Item::Acked(MessageId::from_raw(id))
            }
            None => Item::Message(text.to_string()),
        });
        Ok(())
    }
}

/// The server's side of that protocol.
pub fn reply(text: &str) -> Option<String> {
    let mut words = text.split(' ');
    let (key, id) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Some(match key {
        "hello" => "welcome".into(),
        "subscribe" => "subscribed".into(),
        _ if key.starts_with("alo:") => format!("ack {id}"),
        _ => format!("echo {key}"),
    })
}

/// The client, and what is known of it.
pub struct Recorded {
    pub client: Client<String>,
    record: Arc<watch::Sender<Record>>,
    logger: Logger,
    /// Where dials go from now on.
    pub url: Arc<Mutex<String>>,
    /// How many messages it was given.
    pub sent: usize,
}

impl Recorded {
    /// One that does not dial yet. Each dial has a token of its own; each connection begins with a greeting.
    pub fn start(url: String, settings: Settings, logger: Logger) -> Result<Self, Box<dyn Error>> {
        let (record, url) = (Arc::new(watch::Sender::new(Record::new())), Arc::new(Mutex::new(url)));
        let (dialled, tokens) = (Arc::clone(&url), Mutex::new(0));
        let (noted, log) = (Arc::clone(&record), logger.clone());
        let status = Arc::new(OnceLock::<watch::Receiver<Status>>::new());
        let shown = Arc::clone(&status);
        let handler = move |received| {
            let (Received::Event(event), Some(status)) = (received, shown.get()) else { return };
            let status = status.borrow().clone();
            let retry = status.retry.map(|retry| format!(", retry {} in {:.0?}", retry.attempt, retry.delay));
            log.line(&format!("{event}{}", retry.unwrap_or_default()));
            noted.send_modify(|record| record.event(event, &status));
        };
        let (client, run) = Client::builder(url.lock().unwrap_or_else(PoisonError::into_inner).as_str())
            .codec(Acked)
            .options(Options { session: settings, start_paused: true, ..Options::default() })
            .request(move |_| {
                let token = {
                    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
                    *tokens += 1;
                    *tokens
                };
                let url = dialled.lock().unwrap_or_else(PoisonError::into_inner).clone();
                async move { Ok(Request::new(&format!("{url}?token=t{token}"))?) }
            })
            .greeting(|mut link| async move {
                link.send("hello").await?;
                link.send("subscribe news").await?;
                link.until(|text: &String| text == "subscribed").await?;
                Ok(())
            })
            .run_with(handler)?;
        _ = status.set(client.status());
        tokio::spawn(run);
        Ok(Self { client, record, logger, url, sent: 0 })
    }

    pub fn dial_to(&self, to: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Sends so many messages of a size, numbered, by turns `AtLeastOnce` and `AtMostOnce`.
    pub fn send(&mut self, count: usize, size: usize) {
        for number in self.sent + 1..=self.sent + count {
            let pad = "x".repeat(size);
            if number % 2 == 0 {
                self.send_one(format!("amo:{number}"), &pad, Delivery::AtMostOnce);
            } else {
                self.send_one(format!("alo:{number}"), &pad, Delivery::AtLeastOnce);
            }
        }
        self.sent += count;
    }

    fn send_one(&self, key: String, pad: &str, delivery: Delivery) {
        let text = format!("{key} {pad}");
        let outgoing = match delivery {
            Delivery::AtLeastOnce => Outgoing::at_least_once(text),
            _ => Outgoing::at_most_once(text),
        };
        let (record, logger) = (Arc::clone(&self.record), self.logger.clone());
        match self.client.try_send(outgoing) {
            Ok(receipt) => {
                record.send_modify(|record| record.ledger.accept(key.clone(), delivery));
                tokio::spawn(async move {
                    let outcome = receipt.await;
                    logger.outcome(&key, outcome.to_string());
                    record.send_modify(|record| record.ledger.resolve(&key, &outcome));
                });
            }
            Err(refused) => {
                logger.line(&format!("{key} refused: {refused}"));
                record.send_modify(|record| record.ledger.refuse());
            }
        }
    }

    pub fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.borrow())
    }

    /// Waits until it is so.
    pub async fn wait(&self, what: &str, reached: impl FnMut(&Record) -> bool) -> Result<(), Box<dyn Error>> {
        let mut record = self.record.subscribe();
        match timeout(PATIENCE, record.wait_for(reached)).await {
            Ok(reached) => Ok(_ = reached?),
            Err(_) => Err(format!("waited in vain for {what}; it is {}", self.look(|record| record.state)).into()),
        }
    }

    /// Waits for a loss of this kind after the first `known`.
    pub async fn wait_loss(&self, known: usize, loss: Loss) -> Result<(), Box<dyn Error>> {
        self.wait(&format!("a loss: {loss}"), |record| record.losses[known..].iter().any(|(_, found)| *found == loss))
            .await
    }

    /// Waits until everything that was accepted so far has its outcome.
    pub async fn settle(&self) -> Result<(), Box<dyn Error>> {
        self.wait("an outcome for everything", |record| record.ledger.is_settled()).await
    }

    /// Waits for so many more pongs.
    pub async fn wait_pongs(&self, more: u32) -> Result<(), Box<dyn Error>> {
        let enough = self.client.stats().session.pongs + more;
        let mut status = self.client.status();
        let pongs = async {
            while self.client.stats().session.pongs < enough {
                status.changed().await?;
                if let Some(round_trip) = status.borrow().round_trip {
                    self.logger.line(&format!("pong: round trip {:.1?}", round_trip.latest));
                }
            }
            Ok(())
        };
        timeout(PATIENCE, pongs).await.map_err(|_| "waited in vain for pongs")?
    }

    pub fn now(&self) -> Duration {
        self.logger.elapsed()
    }
}
