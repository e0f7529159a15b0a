//! What was called and what came of it, as plain data.

use std::rc::Rc;

use heartline::event::{Cause, Event};
use heartline::message::{Delivery, Refused};
use heartline::replay::Call;
use heartline::replay::Reply;
use heartline::{Action, CloseCode, Config, ConnId, Loss, MessageId, Outcome, Timestamp};

pub type Message = u32;
pub type Session = heartline::Session<Message, Rc<Config>>;

/// An action, in a form that can be written down outside the crate.
#[derive(Clone, PartialEq, Debug)]
pub enum Done {
    Deliver(Message),
    Abort(ConnId),
    Connect { conn: ConnId, attempt: u32, last_loss: Option<Loss>, renew: bool },
    Ping { conn: ConnId, token: u32 },
    Close(ConnId, CloseCode),
    Event(Event),
    Schedule { attempt: u32, at: Timestamp, cause: Cause },
    Outcome(MessageId, Outcome<Message>),
}

impl From<Action<Message>> for Done {
    fn from(action: Action<Message>) -> Self {
        match action {
            Action::Deliver(message) => Self::Deliver(message),
            Action::Abort { conn, .. } => Self::Abort(conn),
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                Self::Connect { conn, attempt, last_loss, renew }
            }
            Action::Ping { conn, token, .. } => Self::Ping { conn, token },
            Action::Close { conn, code, .. } => Self::Close(conn, code),
            Action::Event(event) => Self::Event(event),
            Action::ScheduleReconnect { attempt, at, cause, .. } => Self::Schedule { attempt, at, cause },
            Action::Outcome { id, outcome, .. } => Self::Outcome(id, outcome),
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Actions(Vec<Done>),
    Received(bool),
    Send(Result<MessageId, Refused<Message>>),
    /// The id, the payload, its promise, and whether it is a redelivery.
    Transmit(Option<(MessageId, Message, Delivery, bool)>),
    Nothing,
}

pub fn answer(session: &mut Session, call: Call<Message>) -> Answer {
    match session.call(call) {
        Reply::Actions(actions) => Answer::Actions(actions.map(Done::from).collect()),
        Reply::NextAction(action) => Answer::Actions(action.into_iter().map(Done::from).collect()),
        Reply::Received(received) => Answer::Received(received),
        Reply::Send(sent) => Answer::Send(sent),
        Reply::Transmit(lent) => {
            Answer::Transmit(lent.map(|lent| (lent.id, *lent.message, lent.delivery, lent.redelivery)))
        }
        Reply::Done => Answer::Nothing,
        _ => unreachable!("a reply unknown to the test"),
    }
}
