//! What the handles ask of the driver. Bounded: so many sends as the outbox has room for, one cancel for each receipt, and
//! of the others one of a kind.

use std::collections::{BTreeSet, VecDeque};
use std::mem::take;
use std::time::Duration;

use heartline::{CloseCode, MessageId, Timestamp};

use super::super::slots::{SlotKey, Slots};
use crate::client::Outgoing;

/// What the handles ask of the driver, in their order.
pub enum Command<M> {
    /// A message that was accepted.
    #[doc(hidden)]
    Send(Submission<M>),
    /// The message of this receipt is not to be sent.
    #[doc(hidden)]
    Cancel(SlotKey),
    /// The peer has this message.
    Acked(MessageId),
    /// Replace the connection, or dial.
    Reconnect,
    /// The network came back or changed.
    NetworkChanged,
    /// No network is left.
    NetworkLost,
    /// Neither dial nor ping.
    Pause,
    /// End of the pause.
    Resume,
    /// Send the rest and close.
    Close {
        /// For the close frame.
        code: CloseCode,
        /// For the close frame; shortened to what it has room for.
        reason: String,
        /// How long the rest may take.
        within: Duration,
    },
    /// Send the rest and close, within the `drain_timeout`.
    WindUp,
}

/// A message that was accepted.
pub struct Submission<M> {
    pub(crate) outgoing: Outgoing<M>,
    pub(crate) size: u32,
    /// Where the outcome goes; nowhere if the receipt was dropped.
    pub(crate) slot: Option<SlotKey>,
    /// When `send` was called, if the message has a time to live.
    pub(crate) called: Option<Timestamp>,
}

/// So many acknowledgements of ids that no message of the outbox has may wait for the driver.
pub(super) const SPARE_ACKS: u64 = 1024;

/// Those that the driver has not taken yet.
pub(super) struct Commands<M> {
    queue: VecDeque<Command<M>>,
    /// What handles have named as acknowledged, each id once.
    acked: BTreeSet<u64>,
    most_acked: u64,
}

impl<M> Commands<M> {
    /// For an outbox of so many messages.
    pub(super) fn new(messages: u64) -> Self {
        Self { queue: VecDeque::new(), acked: BTreeSet::new(), most_acked: messages + SPARE_ACKS }
    }

    /// Queues a message that was accepted.
    pub(super) fn send(&mut self, submission: Submission<M>) {
        self.queue.push_back(Command::Send(submission));
    }

    /// Queues a command. What repeats one that the driver has not taken yet is merged with it, so that however often
    /// they are called, the queue does not grow.
    pub(super) fn push(&mut self, command: Command<M>) {
        match command {
            Command::Acked(id) => {
                // More than these cannot be messages of the outbox.
                if (self.acked.len() as u64) < self.most_acked {
                    self.acked.insert(id.as_raw());
                }
                return;
            }
            // The last one counts.
            Command::NetworkChanged | Command::NetworkLost => {
                self.queue.retain(|queued| !matches!(queued, Command::NetworkChanged | Command::NetworkLost));
            }
            // Of these too; a reconnect ends a pause.
            Command::Pause | Command::Resume | Command::Reconnect => {
                self.queue.retain(|queued| !matches!(queued, Command::Pause | Command::Resume));
                if matches!(command, Command::Reconnect) && self.has(|queued| matches!(queued, Command::Reconnect)) {
                    return;
                }
            }
            Command::Close { within, .. } => {
                let earlier = self.queue.iter_mut().find_map(|queued| match queued {
                    Command::Close { within, .. } => Some(within),
                    _ => None,
                });
                if let Some(earlier) = earlier {
                    *earlier = within.min(*earlier);
                    return;
                }
            }
            Command::WindUp if self.has(|queued| matches!(queued, Command::WindUp)) => return,
            _ => {}
        }
        self.queue.push_back(command);
    }

    fn has(&self, is_meant: impl Fn(&Command<M>) -> bool) -> bool {
        self.queue.iter().any(is_meant)
    }

    /// All of them, into an empty buffer. What they have to say to a receipt that was dropped, they keep to themselves.
    pub(super) fn take(&mut self, into: &mut VecDeque<Command<M>>, slots: &mut Slots<M>) {
        std::mem::swap(into, &mut self.queue);
        for command in into.iter_mut() {
            if let Command::Send(submission) = command {
                submission.slot = submission.slot.filter(|slot| slots.is_held(*slot));
            }
        }
        if !self.acked.is_empty() {
            let acked = take(&mut self.acked).into_iter();
            into.extend(acked.map(|id| Command::Acked(MessageId::from_raw(id))));
        }
    }

    /// The messages among them; the rest is dropped.
    pub(super) fn take_messages(&mut self) -> Vec<Submission<M>> {
        let messages = take(&mut self.queue).into_iter().filter_map(|command| match command {
            Command::Send(submission) => Some(submission),
            _ => None,
        });
        messages.collect()
    }
}
