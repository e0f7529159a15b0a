//! A server that is not there, killed, mute or busy, on real sockets.

mod support;

use std::time::{Duration, Instant};

use heartline_blocking::heartline::backoff::Backoff;
use heartline_blocking::heartline::event::Cause;
use heartline_blocking::heartline::loss::TransportError;
use heartline_blocking::heartline::outbox::OutboxConfig;
use heartline_blocking::heartline::{Loss, Settings};
use heartline_blocking::{Client, Message, Next, Outcome, Outgoing, Receipt, State, Step};
use heartline_testkit::faults::{Behaviour, Ledger, Server};
use support::*;

const DELAY: Duration = Duration::from_millis(30);

/// Waits until this loss has led to a retry.
fn lost(client: &mut Client, loss: Loss) {
    poll_until(client, "a loss", |client| client.status().cause == Cause::Lost(loss));
}

#[test]
fn a_name_that_nobody_has_and_a_port_where_nobody_listens_are_dialled_again_but_not_in_a_tight_loop() {
    // A label of more than 63 octets is in no name, and no server is asked for it (RFC 1035 §2.3.4).
    let unknown = format!("ws://{}.invalid/", "a".repeat(64));
    let server = Server::reserve(|_| None).unwrap();
    for (url, error) in [(unknown, TransportError::Resolve), (server.url("/"), TransportError::Connect)] {
        let settings = Settings { backoff: Backoff::constant(DELAY), min_dial_gap: DELAY, ..Settings::default() };
        let (mut client, began) = (Client::builder(url).session(settings).build().unwrap(), Instant::now());
        poll_until(&mut client, "five dials", |client| client.stats().session.dials == 5);
        assert!(began.elapsed() >= 4 * DELAY);
        lost(&mut client, Loss::Transport(error));
    }
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up_and_dialled_until_it_speaks() {
    let server = Server::start(|_| Some("welcome".into())).unwrap();
    server.behave(Behaviour::AfterHandshake(Vec::new()));
    let builder = impatient(Client::builder(server.url("/")));
    let builder = builder.configure(|options| options.session.greeting_timeout = Some(4 * DELAY));
    let greeted = builder.greeting(|link, step| {
        Ok(match step {
            Step::Opened => link.send("hello").map(|()| Next::Wait)?,
            Step::Message(_) => Next::Done,
        })
    });
    let mut client = greeted.build().unwrap();
    lost(&mut client, Loss::GreetingTimeout);
    server.behave(Behaviour::SERVE);
    until_state(&mut client, State::Open);
}

/// What a client sent and was told.
#[derive(Default)]
struct Accounts {
    ledger: Ledger,
    open: Vec<(String, Receipt<Message>)>,
    sent: usize,
}

impl Accounts {
    /// Sends so many, by turns at least once and at most once.
    fn send(&mut self, client: &mut Client, count: usize) {
        for number in self.sent..self.sent + count {
            let (key, outgoing) = if number % 2 == 0 {
                let key = format!("alo:{number}");
                (key.clone(), Outgoing::at_least_once(Message::text(key)))
            } else {
                let key = format!("amo:{number}");
                (key.clone(), Outgoing::at_most_once(Message::text(key)))
            };
            let delivery = outgoing.delivery();
            let receipt = client.try_send(outgoing).expect("there is room");
            self.ledger.accept(key.as_str(), delivery);
            self.open.push((key, receipt));
        }
        self.sent += count;
    }

    /// Takes in what has come; true when everything has its outcome.
    fn are_settled(&mut self, client: &mut Client) -> bool {
        for text in taken(client) {
            let Some(key) = text.strip_prefix("ack ") else { continue };
            let receipt = self.open.iter().find(|(open, _)| open == key);
            receipt.and_then(|(_, receipt)| receipt.id()).into_iter().for_each(|id| client.acked(id));
        }
        let ledger = &mut self.ledger;
        self.open.retain(|(key, receipt)| match receipt.poll() {
            Some(outcome) => {
                ledger.resolve(key, &outcome);
                false
            }
            None => true,
        });
        self.open.is_empty()
    }
}

#[test]
fn a_server_killed_and_restarted_amid_traffic_costs_nothing_that_must_arrive() {
    let server = Server::start(|key: &str| key.starts_with("alo:").then(|| format!("ack {key}"))).unwrap();
    let mut client = impatient(Client::builder(server.url("/"))).build().unwrap();
    let mut accounts = Accounts::default();
    for round in 1..=3 {
        accounts.send(&mut client, 40);
        poll_until(&mut client, "some of them", |_| server.log().connections.last().is_some_and(|seen| seen.len() > 5));
        server.kill().unwrap();
        accounts.send(&mut client, 20);
        lost(&mut client, Loss::Transport(TransportError::Connect));
        accounts.send(&mut client, 20);
        server.restart().unwrap();
        poll_until(&mut client, "every outcome", |client| accounts.are_settled(client));
        assert_eq!((accounts.ledger.len(), accounts.ledger.is_settled()), (80 * round, true));
    }
    assert!(client.close(PATIENCE).is_clean());
    let (audit, log) = (accounts.ledger.audit(&server.finish()), server.log());
    assert!(audit.is_clean(), "{audit}");
    assert_eq!((log.connections.len(), log.closes), (4, vec![1000]));
}

#[test]
fn what_both_sides_send_at_the_same_time_arrives_whole_and_in_order() {
    const MESSAGES: usize = 20_000;
    let server = Server::start(|text: &str| Some(text.to_owned())).unwrap();
    let outbox = OutboxConfig { max_messages: MESSAGES as u32, ..OutboxConfig::default() };
    let mut client = Client::builder(server.url("/")).outbox(outbox).build().unwrap();
    (0..MESSAGES).for_each(|number| drop(client.try_send(number.to_string()).expect("there is room")));
    (0..MESSAGES).for_each(|number| assert_eq!(hear(&mut client), number.to_string()));
    assert!(client.close(PATIENCE).is_clean());
}

#[test]
fn a_message_over_the_outbound_limit_comes_back_and_holds_nothing_up() {
    let server = Server::start(|text: &str| Some(text.to_owned())).unwrap();
    let builder = Client::builder(server.url("/"));
    let mut client = builder.configure(|options| options.limits.max_outbound_message = 10).build().unwrap();
    let refused = client.try_send("0123456789a").expect_err("it is too large").outgoing.into_message();
    assert_eq!(refused, Message::text("0123456789a"));
    let receipt = client.try_send("0123456789").expect("there is room");
    assert_eq!(client.wait(&receipt, PATIENCE), Some(Outcome::Transmitted));
    assert_eq!(hear(&mut client), "0123456789");
}
