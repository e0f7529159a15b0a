//! A broker within one process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline::directory::{Broker, Destination, Input, Node, RoomHash};

/// A broker within this process, for tests and examples: nothing is lost or comes late, and what waits for a node that does not take it has
/// no bound. Clones are the same broker.
///
/// ```
/// use std::sync::Arc;
/// use heartline_axum::cluster::LocalBroker;
/// use heartline_axum::heartline::directory::{Node, Settings};
/// # use heartline_axum::{Builder, Codec, cluster::ClusterUser};
/// # fn builders<C: Codec<User = String>>(mut builder: impl FnMut() -> Builder<C>) -> Result<(), Box<dyn std::error::Error>> {
///
/// let broker = LocalBroker::default();
/// for name in ["a", "b"] {
///     let node: Node = name.parse()?;
///     let link = Arc::new(broker.connect(&node));
///     let server = builder().cluster(node, link, Settings::default()).build()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, Debug)]
pub struct LocalBroker(Arc<Mutex<Links>>);

#[derive(Default, Debug)]
struct Links {
    links: BTreeMap<u64, Link>,
    /// The number of the next.
    next: u64,
}

#[derive(Debug)]
struct Link {
    node: Node,
    rooms: BTreeSet<RoomHash>,
    waiting: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

impl Link {
    fn takes(&self, to: &Destination) -> bool {
        match to {
            Destination::All => true,
            Destination::Node(node) => *node == self.node,
            Destination::Room(room) => self.rooms.contains(room),
            _ => false,
        }
    }
}

impl LocalBroker {
    /// The connection of a node, until it is dropped.
    pub fn connect(&self, node: &Node) -> LocalLink {
        let mut links = self.lock();
        let number = links.next;
        links.next += 1;
        let link = Link { node: node.clone(), rooms: BTreeSet::new(), waiting: VecDeque::new(), waker: None };
        links.links.insert(number, link);
        LocalLink { broker: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of a node to a [`LocalBroker`].
#[derive(Debug)]
pub struct LocalLink {
    broker: LocalBroker,
    number: u64,
}

impl LocalLink {
    fn with<R>(&self, look: impl FnOnce(&mut Link) -> R) -> Option<R> {
        self.broker.lock().links.get_mut(&self.number).map(look)
    }
}

impl Broker for LocalLink {
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        let mut links = self.broker.lock();
        let mut wakers = Vec::new();
        for link in links.links.values_mut().filter(|link| link.takes(to)) {
            link.waiting.push_back(payload.clone());
            wakers.extend(link.waker.take());
        }
        drop(links);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn subscribe(&self, room: RoomHash) {
        self.with(|link| link.rooms.insert(room));
    }

    fn unsubscribe(&self, room: RoomHash) {
        self.with(|link| link.rooms.remove(&room));
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        let payload = self.with(|link| {
            let payload = link.waiting.pop_front();
            link.waker = payload.is_none().then(|| context.waker().clone());
            payload
        });
        payload.flatten().map_or(Poll::Pending, |payload| Poll::Ready(Input::Received { payload }))
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        self.broker.lock().links.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(link: &LocalLink) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Poll::Ready(Input::Received { payload }) = link.poll_input(&mut Context::from_waker(Waker::noop())) {
            taken.extend(payload);
        }
        taken
    }

    #[test]
    fn everybody_gets_in_order_what_is_for_all_and_a_node_what_is_for_it() {
        let broker = LocalBroker::default();
        let nodes = ["a", "b"].map(|name| Node::new(name).expect("a name"));
        let [a, b] = [&nodes[0], &nodes[1]].map(|node| broker.connect(node));
        a.publish(&Destination::All, vec![1]);
        a.publish(&Destination::Node(nodes[1].clone()), vec![2]);
        b.publish(&Destination::Node(nodes[0].clone()), vec![3]);
        b.publish(&Destination::All, vec![4]);
        assert_eq!((taken(&a), taken(&b)), (vec![1, 3, 4], vec![1, 2, 4]));
        drop(b);
        a.publish(&Destination::All, vec![5]);
        assert_eq!(taken(&a), [5]);
        assert_eq!(broker.lock().links.len(), 1);
    }
}
