//! What a log consists of.

use heartline::event::{Cause, Event};
use heartline::message::Refusal;
use heartline::replay::{Call, Reply};
use heartline::{Action, CloseCode, Config, ConnId, Input, Loss, MessageId, Outcome, Outgoing, Timestamp};
use serde::{Deserialize, Serialize};

/// What decides a session, beside the calls.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The format of the log: [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// The config.
    pub config: Config,
    /// The seed.
    pub seed: u64,
    /// The id of the first message.
    pub first_id: MessageId,
}

/// A call and what it returned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry<P> {
    /// The call. Of [`Call::Handle`] it says how many actions were pulled.
    pub call: Call<P>,
    /// What came of it.
    pub answer: Answer<P>,
}

/// Why a log ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum End {
    /// The recording was finished.
    Finished,
    /// The next entry would have exceeded the limit.
    Limit,
    /// The log has no last line: the process was killed, or the writer failed. Never written.
    CutOff,
}

/// One line of a log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<P> {
    Header(Box<Header>),
    Entry(Entry<P>),
    End(End),
}

/// What a call returned, as data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer<P> {
    /// Of [`Call::Handle`]: the actions that were pulled.
    Actions(Vec<Pulled<P>>),
    /// Of [`Call::NextAction`].
    NextAction(Option<Pulled<P>>),
    /// Of [`Call::Received`]: whether the message is to be delivered.
    Received(bool),
    /// Of [`Call::Send`]: accepted by this name.
    Accepted(MessageId),
    /// Of [`Call::Send`]: not accepted.
    Refused(Refusal),
    /// Of [`Call::Transmit`].
    Transmit(Option<Lent<P>>),
    /// Of [`Call::Sent`] and [`Call::Rejected`].
    Done,
}

/// What [`Session::transmit`](heartline::Session::transmit) lent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lent<P> {
    /// The name of the message.
    pub id: MessageId,
    /// What is kept of the message.
    pub message: P,
    /// Whether it was transmitted before.
    pub redelivery: bool,
}

/// An [`Action`] that was pulled, in a form that can be built and changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // The fields are those of `Action`.
pub enum Pulled<P> {
    /// [`Action::Deliver`].
    Deliver(P),
    /// [`Action::Abort`].
    Abort { conn: ConnId },
    /// [`Action::Connect`].
    Connect { conn: ConnId, attempt: u32, last_loss: Option<Loss>, renew: bool },
    /// [`Action::Ping`].
    Ping { conn: ConnId, token: u32 },
    /// [`Action::Close`].
    Close { conn: ConnId, code: CloseCode },
    /// [`Action::Event`].
    Event(Event),
    /// [`Action::ScheduleReconnect`].
    ScheduleReconnect { attempt: u32, at: Timestamp, cause: Cause },
    /// [`Action::Outcome`].
    Outcome { id: MessageId, outcome: Outcome<P> },
}

impl<P> Pulled<P> {
    /// The action with what `keep` keeps of its message.
    pub fn of<M>(action: &Action<M>, keep: impl Fn(&M) -> P) -> Self {
        match action {
            Action::Deliver(message) => Self::Deliver(keep(message)),
            Action::Abort { conn, .. } => Self::Abort { conn: *conn },
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                Self::Connect { conn: *conn, attempt: *attempt, last_loss: *last_loss, renew: *renew }
            }
            Action::Ping { conn, token, .. } => Self::Ping { conn: *conn, token: *token },
            Action::Close { conn, code, .. } => Self::Close { conn: *conn, code: *code },
            Action::Event(event) => Self::Event(*event),
            Action::ScheduleReconnect { attempt, at, cause, .. } => {
                Self::ScheduleReconnect { attempt: *attempt, at: *at, cause: *cause }
            }
            Action::Outcome { id, outcome, .. } => Self::Outcome { id: *id, outcome: kept(outcome, keep) },
        }
    }
}

impl<P: Clone> From<Action<P>> for Pulled<P> {
    fn from(action: Action<P>) -> Self {
        Self::of(&action, P::clone)
    }
}

fn kept<M, P>(outcome: &Outcome<M>, keep: impl Fn(&M) -> P) -> Outcome<P> {
    match outcome {
        Outcome::Transmitted => Outcome::Transmitted,
        Outcome::Acked => Outcome::Acked,
        Outcome::Returned(reason, message) => Outcome::Returned(*reason, keep(message)),
        Outcome::Unconfirmed(reason, message) => Outcome::Unconfirmed(*reason, keep(message)),
    }
}

impl<P: Clone> Answer<P> {
    /// What a call returned. Pulls the actions of [`Reply::Actions`].
    pub fn of(reply: Reply<'_, P>) -> Self {
        match reply {
            Reply::Actions(actions) => Self::Actions(actions.map(Pulled::from).collect()),
            Reply::NextAction(action) => Self::NextAction(action.map(Pulled::from)),
            Reply::Received(deliver) => Self::Received(deliver),
            Reply::Send(Ok(id)) => Self::Accepted(id),
            Reply::Send(Err(refused)) => Self::Refused(refused.reason),
            Reply::Transmit(lent) => Self::Transmit(lent.map(|lent| Lent {
                id: lent.id,
                message: lent.message.clone(),
                redelivery: lent.redelivery,
            })),
            // `Reply` may grow; a call that this version does not know cannot have been recorded.
            _ => Self::Done,
        }
    }
}

/// The message with what is kept of it.
pub(super) fn outgoing<M, P>(outgoing: &Outgoing<M>, keep: impl Fn(&M) -> P) -> Outgoing<P> {
    use heartline::message::Delivery;
    let (message, size) = (keep(outgoing.message()), outgoing.size() as usize);
    let kept = match outgoing.delivery() {
        Delivery::ThisConnection => Outgoing::this_connection(message, size),
        Delivery::AtMostOnce => Outgoing::at_most_once(message, size),
        Delivery::AtLeastOnce => Outgoing::at_least_once(message, size),
    };
    match outgoing.time_to_live() {
        Some(time_to_live) => kept.expires_in(time_to_live),
        None => kept,
    }
}

/// The input with what is kept of its message; `None` for an input that this version does not know.
pub(super) fn input<M, P>(input: &Input<M>, keep: impl Fn(&M) -> P) -> Option<Input<P>> {
    Some(match input {
        Input::Message { conn, message } => Input::Message { conn: *conn, message: keep(message) },
        Input::Connect => Input::Connect,
        Input::Reconnect => Input::Reconnect,
        Input::Opened { conn } => Input::Opened { conn: *conn },
        Input::Ready { conn } => Input::Ready { conn: *conn },
        Input::Pong { conn, token } => Input::Pong { conn: *conn, token: *token },
        Input::Alive { conn } => Input::Alive { conn: *conn },
        Input::Unread { conn } => Input::Unread { conn: *conn },
        Input::Heartbeat { conn, mode } => Input::Heartbeat { conn: *conn, mode: *mode },
        Input::Closed { conn, loss, retry_after } => {
            Input::Closed { conn: *conn, loss: *loss, retry_after: *retry_after }
        }
        Input::Acked { id } => Input::Acked { id: *id },
        Input::Cancel { id } => Input::Cancel { id: *id },
        Input::Timer => Input::Timer,
        Input::NetworkChanged => Input::NetworkChanged,
        Input::NetworkLost => Input::NetworkLost,
        Input::Close { code, within } => Input::Close { code: *code, within: *within },
        _ => return None,
    })
}
