//! What carries the packets between the nodes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::action::Destination;
use super::input::Input;

/// A node's connection to a broker. heartline-nats implements it over NATS; heartline-axum takes any implementation.
///
/// No method waits, not even `flush` before its future is polled, so all may be called under the lock of a hub. What is published is
/// received by the nodes that it is for, the publishing one included, in the order of publishing where sender and [`Destination`] are the
/// same. It may also be lost: the losses that an implementation knows of it reports as [`Input::Interrupted`].
pub trait Broker: Send + Sync {
    /// Carries out [`Action::Publish`](super::Action::Publish), if that can be done at once; otherwise the packet is lost.
    fn publish(&self, to: &Destination, payload: Vec<u8>);

    /// Carries out [`Action::Subscribe`](super::Action::Subscribe), before whatever is published afterwards. Packets for all nodes and for
    /// this node are received from the beginning, without it. An existing subscription is replaced, because the broker may have refused or
    /// forgotten it; this must not deliver a packet twice.
    fn subscribe(&self, to: &Destination);

    /// Carries out [`Action::Unsubscribe`](super::Action::Unsubscribe). Packets on their way may still arrive.
    fn unsubscribe(&self, to: &Destination);

    /// The next [`Received`](Input::Received) or [`Interrupted`](Input::Interrupted). For one task: of several, the last that polled is
    /// woken.
    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input>;

    /// How many bytes a packet may have, if the broker has a limit. A directory over it needs a
    /// [`max_payload`](super::Settings::max_payload) within it, which heartline-axum checks. Default `None`.
    fn max_payload(&self) -> Option<usize> {
        None
    }

    /// Ends when all that was published has left this process. To be awaited before the process ends, so that its goodbye is heard. It may
    /// take for ever while there is no connection: give it a timeout.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A clone stays with whoever looks at the broker beside the server.
#[cfg(target_has_atomic = "ptr")]
impl<B: Broker + ?Sized> Broker for alloc::sync::Arc<B> {
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        (**self).publish(to, payload);
    }

    fn subscribe(&self, to: &Destination) {
        (**self).subscribe(to);
    }

    fn unsubscribe(&self, to: &Destination) {
        (**self).unsubscribe(to);
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        (**self).poll_input(context)
    }

    fn max_payload(&self) -> Option<usize> {
        (**self).max_payload()
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        (**self).flush()
    }
}
