//! What was called, and what came of it.

use heartline::{Action, Call, MessageId, Refused, Reply, Session, Transmit};

use super::ledger::Message;

/// A call as it was made, how many actions were pulled of it, and what came.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    pub call: Call<Message>,
    pub pull: usize,
    pub answer: Answer,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Actions(Vec<Action<Message>>),
    Sent(Result<MessageId, Refused<Message>>),
    Transmit(Option<Transmit<Message>>),
    Done,
}

/// Makes the call and pulls so many of its actions.
pub fn answer(session: &mut Session<Message>, call: Call<Message>, pull: usize) -> Answer {
    match session.call(call) {
        Reply::Actions(actions) => Answer::Actions(actions.take(pull).collect()),
        Reply::Sent(sent) => Answer::Sent(sent),
        Reply::Transmit(transmit) => Answer::Transmit(transmit),
        Reply::Done => Answer::Done,
    }
}
