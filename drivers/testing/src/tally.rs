//! Messages between the users of a server: what was sent, what the sender was told of it, and what arrived.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use heartline_testkit::faults::Audit;

/// Shared by all clients.
#[derive(Default)]
pub struct Tally(Mutex<Book>);

/// The order in which things happened.
type Turn = u64;

#[derive(Default)]
struct Book {
    turn: Turn,
    /// A message's place here is its number.
    messages: Vec<Message>,
    connections: Vec<Connection>,
    /// When the latest was sent of the messages from one connection that arrived on another.
    order: BTreeMap<(usize, usize), Turn>,
}

struct Message {
    /// The sender's connection.
    by: usize,
    to: String,
    sent: Turn,
    /// What the sender was told, and when.
    answer: Option<(Turn, String)>,
    arrivals: u32,
    /// It arrived behind one that was sent later, of the same two connections.
    is_overtaken: bool,
}

/// A connection from its dial on: the server knows of it before its client does.
struct Connection {
    user: String,
    dialled: Turn,
    /// When and how it ended.
    ended: Option<(Turn, String)>,
    /// It has ended for the client alone.
    lingers: bool,
    /// When the latest was sent of the messages that arrived here.
    latest: Turn,
}

impl Connection {
    /// Whether a message may have been queued for this connection, and have gone with it. It has not if one arrived that was sent later than the
    /// outcome was told: messages of a connection are in the order in which they were queued.
    fn may_have_lost(&self, message: &Message, answered: Turn) -> bool {
        let was_there = self.dialled < answered
            && self.ended.as_ref().is_some_and(|(ended, _)| self.lingers || *ended > message.sent);
        self.user == message.to && was_there && self.latest < answered
    }
}

impl Tally {
    fn next(&self) -> (MutexGuard<'_, Book>, Turn) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.turn += 1;
        let turn = book.turn;
        (book, turn)
    }

    /// A user's client begins to dial. The number of the connection.
    pub fn dialled(&self, user: &str) -> usize {
        let (mut book, dialled) = self.next();
        book.connections.push(Connection { user: user.into(), dialled, ended: None, lingers: false, latest: 0 });
        book.connections.len() - 1
    }

    /// A connection has ended, or its dial has failed.
    pub fn ended(&self, connection: usize, how: &str) {
        let (mut book, turn) = self.next();
        if let Some(connection) = book.connections.get_mut(connection) {
            connection.ended.get_or_insert((turn, how.into()));
        }
    }

    /// The client has given a connection or a dial up. The server may take it to be alive until [`all_ends_are_known`](Self::all_ends_are_known).
    pub fn given_up(&self, connection: usize, why: &str) {
        self.ended(connection, why);
        let (mut book, _) = self.next();
        if let Some(connection) = book.connections.get_mut(connection) {
            connection.lingers = true;
        }
    }

    /// The server knows now of every connection that was given up.
    pub fn all_ends_are_known(&self) {
        let (mut book, turn) = self.next();
        for connection in book.connections.iter_mut().filter(|connection| connection.lingers) {
            connection.lingers = false;
            connection.ended.iter_mut().for_each(|(ended, _)| *ended = turn);
        }
    }

    /// Hands the next message over, which counts if that is possible.
    pub fn send(&self, by: usize, to: &str, hand_over: impl FnOnce(usize) -> bool) -> bool {
        let (mut book, sent) = self.next();
        let is_sent = hand_over(book.messages.len());
        if is_sent {
            book.messages.push(Message { by, to: to.into(), sent, answer: None, arrivals: 0, is_overtaken: false });
        }
        is_sent
    }

    /// The sender was told what became of a message.
    pub fn answered(&self, number: &str, outcome: &str) {
        let (mut book, turn) = self.next();
        if let Some(message) = book.message(number) {
            message.answer.get_or_insert((turn, outcome.into()));
        }
    }

    /// A message has arrived on a connection of its recipient.
    pub fn arrived(&self, connection: usize, number: &str) {
        let (mut book, _) = self.next();
        let Some(message) = book.message(number) else { return };
        message.arrivals += 1;
        let (by, sent) = (message.by, message.sent);
        let latest = book.order.entry((by, connection)).or_default();
        let is_overtaken = sent < std::mem::replace(latest, sent.max(*latest));
        book.message(number).into_iter().for_each(|message| message.is_overtaken |= is_overtaken);
        if let Some(connection) = book.connections.get_mut(connection) {
            connection.latest = connection.latest.max(sent);
        }
    }

    /// Whether nothing more is to come: every message has its outcome, and the routed ones have arrived.
    pub fn is_settled(&self) -> bool {
        let (book, _) = self.next();
        let is_over = |message: &Message| book.connections.get(message.by).is_some_and(|by| by.ended.is_some());
        book.messages.iter().all(|message| match &message.answer {
            None => is_over(message),
            Some(_) => !book.is_lost(message),
        })
    }

    /// The counts of messages and connections, and what must be zero.
    pub fn audit(&self) -> Audit {
        let (book, _) = self.next();
        let count = |is: &dyn Fn(&Message) -> bool| book.messages.iter().filter(|message| is(message)).count();
        let mut audit = Audit::default();
        let ends = book.connections.iter().filter_map(|it| Some(it.ended.as_ref()?.1.as_str()));
        list(&mut audit, "connections that ended, and dials that failed", ends);
        list(&mut audit, "messages sent", book.messages.iter().map(Message::outcome));
        audit.tally("unknown, and arrived", count(&|it| it.was("unknown") && it.arrivals > 0));
        let gone = |it: &Message| it.was("routed") && it.arrivals == 0 && !book.is_lost(it);
        audit.tally("routed, and gone with the recipient's connection", count(&gone));
        audit.must_be_zero("routed, and not arrived on a connection that lived", count(&|it| book.is_lost(it)));
        audit.must_be_zero("offline, and arrived", count(&|it| it.was("offline") && it.arrivals > 0));
        audit.must_be_zero("full or dropped, and arrived", count(&|it| it.was_refused() && it.arrivals > 0));
        audit.must_be_zero("arrived behind a later one", count(&|it| it.is_overtaken));
        audit.must_be_zero("arrived more than once", count(&|it| it.arrivals > 1));
        audit
    }
}

/// How many there are, and how many of each kind.
fn list<'a>(audit: &mut Audit, what: &str, kinds: impl Iterator<Item = &'a str>) {
    let mut counts = BTreeMap::new();
    kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
    audit.tally(what, counts.values().sum());
    counts.into_iter().for_each(|(kind, count)| audit.tally(format!("  of these {kind}"), count));
}

impl Book {
    fn message(&mut self, number: &str) -> Option<&mut Message> {
        self.messages.get_mut(number.parse::<usize>().ok()?)
    }

    /// Whether a message was routed and has not arrived, and no connection can have taken it along.
    fn is_lost(&self, message: &Message) -> bool {
        let Some((answered, outcome)) = &message.answer else { return false };
        let may_be_gone = || self.connections.iter().any(|it| it.may_have_lost(message, *answered));
        outcome == "routed" && message.arrivals == 0 && !may_be_gone()
    }
}

impl Message {
    fn outcome(&self) -> &str {
        self.answer.as_ref().map_or("not told, as the sender's connection ended", |(_, outcome)| outcome)
    }

    fn was_refused(&self) -> bool {
        self.was("full") || self.was("dropped")
    }

    fn was(&self, outcome: &str) -> bool {
        self.outcome() == outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: &str = "routed, and not arrived on a connection that lived";

    /// Ann and Bob, and a message of hers to him that was routed: its number is 0.
    fn routed() -> (Tally, usize, usize) {
        let tally = Tally::default();
        let (ann, bob) = (tally.dialled("ann"), tally.dialled("bob"));
        tally.send(ann, "bob", |number| number == 0);
        tally.answered("0", "routed");
        (tally, ann, bob)
    }

    #[test]
    fn a_message_that_was_routed_is_to_arrive_on_a_connection_that_lives() {
        let (tally, _, bob) = routed();
        assert!(!tally.is_settled());
        assert_eq!(tally.audit().count(LOST), Some(1));
        tally.arrived(bob, "0");
        assert!(tally.is_settled() && tally.audit().is_clean());
        tally.arrived(bob, "0");
        assert!(!tally.audit().is_clean(), "twice");
    }

    #[test]
    fn a_message_may_go_with_a_connection_unless_a_later_one_arrived_there() {
        let (tally, _, bob) = routed();
        tally.ended(bob, "cut");
        assert!(tally.is_settled() && tally.audit().is_clean());

        let (tally, ann, bob) = routed();
        tally.send(ann, "bob", |_| true);
        tally.arrived(bob, "1");
        tally.ended(bob, "cut");
        assert_eq!(tally.audit().count(LOST), Some(1));
    }

    #[test]
    fn a_connection_that_the_client_gave_up_may_take_messages_along_until_the_server_knows() {
        let tally = Tally::default();
        let (ann, bob) = (tally.dialled("ann"), tally.dialled("bob"));
        tally.given_up(bob, "silent");
        tally.send(ann, "bob", |_| true);
        tally.answered("0", "routed");
        assert!(tally.audit().is_clean());
        tally.all_ends_are_known();
        assert!(tally.audit().is_clean());
        tally.send(ann, "bob", |_| true);
        tally.answered("1", "routed");
        assert_eq!(tally.audit().count(LOST), Some(1));
    }

    #[test]
    fn messages_between_two_connections_keep_their_order() {
        let (tally, ann, bob) = routed();
        tally.send(ann, "bob", |_| true);
        tally.answered("1", "routed");
        tally.arrived(bob, "1");
        tally.arrived(bob, "0");
        assert_eq!(tally.audit().count("arrived behind a later one"), Some(1));
    }

    #[test]
    fn no_connection_of_another_time_or_user_excuses_a_loss() {
        let tally = Tally::default();
        let (ann, early) = (tally.dialled("ann"), tally.dialled("bob"));
        tally.ended(early, "cut");
        tally.send(ann, "bob", |_| true);
        tally.answered("0", "routed");
        let late = tally.dialled("bob");
        tally.ended(late, "cut");
        tally.ended(ann, "cut");
        assert_eq!(tally.audit().count(LOST), Some(1));
    }

    #[test]
    fn what_was_offline_does_not_arrive_and_what_was_not_taken_does_not_count() {
        let tally = Tally::default();
        let (ann, bob) = (tally.dialled("ann"), tally.dialled("bob"));
        tally.send(ann, "bob", |_| false);
        assert_eq!(tally.audit().count("messages sent"), Some(0));
        tally.send(ann, "bob", |_| true);
        assert!(!tally.is_settled(), "no answer yet");
        tally.answered("0", "offline");
        assert!(tally.is_settled() && tally.audit().is_clean());
        tally.arrived(bob, "0");
        assert!(!tally.audit().is_clean());
    }
}
