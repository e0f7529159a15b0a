//! What carries the packets.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::action::{Destination, RoomHash};
use super::input::Input;

/// A node's connection to a broker: a server takes any of these, and an adapter makes one.
///
/// No method but [`flush`](Self::flush) waits, so they may be called within the lock of a hub. What is published is received by the
/// nodes that it is for, the own one included, in the order of publishing where sender and [`Destination`] are the same. It may also be lost:
/// what the adapter knows of that it reports as [`Input::Interrupted`].
pub trait Broker: Send + Sync {
    /// Carries out [`Action::Publish`](super::Action::Publish), as far as that can be done at once.
    fn publish(&self, to: &Destination, payload: Vec<u8>);

    /// Carries out [`Action::Subscribe`](super::Action::Subscribe). What is published afterwards goes behind it. Packets for everybody and for
    /// this node are received without it.
    fn subscribe(&self, room: RoomHash);

    /// Carries out [`Action::Unsubscribe`](super::Action::Unsubscribe). Some packets may still arrive.
    fn unsubscribe(&self, room: RoomHash);

    /// The next [`Received`](Input::Received) or [`Interrupted`](Input::Interrupted), for one task: the last that asked is woken.
    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input>;

    /// Ends when all that was published has left this process: before it ends, so that a goodbye is heard. That may take for ever
    /// while there is no connection.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
