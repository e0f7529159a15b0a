//! A broker within one process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline::directory::{Broker, Destination, Input, Node, RoomHash};

/// A broker within this process, for tests and examples. No packet is lost unless a node is [cut](Self::cut), none comes late, and the packets that wait for a node that does not take
/// them have no bound. Clones are the same broker. Its connections, [`LocalLink`]s, implement [`Broker`].
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
    /// The number of the next link.
    next: u64,
}

#[derive(Debug)]
struct Link {
    node: Node,
    rooms: BTreeSet<RoomHash>,
    waiting: VecDeque<Input>,
    is_cut: bool,
    waker: Option<Waker>,
}

impl Link {
    fn takes(&self, to: &Destination) -> bool {
        match to {
            _ if self.is_cut => false,
            Destination::All => true,
            Destination::Node(node) => *node == self.node,
            Destination::Room(room) => self.rooms.contains(room),
            _ => false,
        }
    }
}

impl LocalBroker {
    /// Connects a node. The connection ends when it is dropped.
    pub fn connect(&self, node: &Node) -> LocalLink {
        let mut links = self.lock();
        let number = links.next;
        links.next += 1;
        let link =
            Link { node: node.clone(), rooms: BTreeSet::new(), waiting: VecDeque::new(), is_cut: false, waker: None };
        links.links.insert(number, link);
        LocalLink { broker: self.clone(), number }
    }

    /// From now on what this node publishes is lost, and what is published to it, its own packets included: as if its broker could not be
    /// reached.
    pub fn cut(&self, node: &Node) {
        self.each(node, |link| link.is_cut = true);
    }

    /// Ends a [`cut`](Self::cut). The node is told that it was interrupted.
    pub fn heal(&self, node: &Node) {
        self.each(node, |link| {
            if std::mem::take(&mut link.is_cut) {
                link.waiting.push_back(Input::Interrupted);
            }
        });
    }

    fn each(&self, node: &Node, mut change: impl FnMut(&mut Link)) {
        let mut links = self.lock();
        let links = links.links.values_mut().filter(|link| link.node == *node);
        let wakers: Vec<_> = links
            .filter_map(|link| {
                change(link);
                link.waker.take()
            })
            .collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node's connection to a [`LocalBroker`].
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
        if links.links.get(&self.number).is_none_or(|link| link.is_cut) {
            return;
        }
        let mut wakers = Vec::new();
        for link in links.links.values_mut().filter(|link| link.takes(to)) {
            link.waiting.push_back(Input::Received { payload: payload.clone() });
            wakers.extend(link.waker.take());
        }
        drop(links);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn subscribe(&self, to: &Destination) {
        if let Destination::Room(room) = to {
            self.with(|link| link.rooms.insert(*room));
        }
    }

    fn unsubscribe(&self, to: &Destination) {
        if let Destination::Room(room) = to {
            self.with(|link| link.rooms.remove(room));
        }
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        let input = self.with(|link| {
            let input = link.waiting.pop_front();
            link.waker = input.is_none().then(|| context.waker().clone());
            input
        });
        input.flatten().map_or(Poll::Pending, Poll::Ready)
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
    fn packets_reach_all_nodes_or_the_one_they_are_for_in_order() {
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

    #[test]
    fn a_node_that_is_cut_neither_sends_nor_receives_until_it_is_healed() {
        let broker = LocalBroker::default();
        let nodes = ["a", "b"].map(|name| Node::new(name).expect("a name"));
        let [a, b] = [&nodes[0], &nodes[1]].map(|node| broker.connect(node));
        broker.cut(&nodes[1]);
        a.publish(&Destination::All, vec![1]);
        b.publish(&Destination::All, vec![2]);
        assert_eq!((taken(&a), taken(&b)), (vec![1], vec![]));
        broker.heal(&nodes[1]);
        broker.heal(&nodes[0]);
        b.publish(&Destination::All, vec![3]);
        let told = b.poll_input(&mut Context::from_waker(Waker::noop()));
        assert_eq!(told, Poll::Ready(Input::Interrupted));
        assert_eq!((taken(&a), taken(&b)), (vec![3], vec![3]));
    }
}
