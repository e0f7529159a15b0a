//! A node's connection to a broker.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Message, SubscribeError, Subscriber};
use futures_util::StreamExt;
use heartline::directory::{Broker, Destination, Input, Node};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, unconstrained};
use tokio::time::timeout;

use crate::builder::{Builder, ConnectError};
use crate::link::{Link, count};
use crate::stats::Stats;
use crate::subjects::Subjects;

/// A node's connection to a broker, or to a cluster of them. It ends when it is dropped; an attempt of async-nats to connect again that is
/// under way just then is finished first.
#[derive(Debug)]
pub struct Nats {
    client: Client,
    subjects: Subjects,
    link: Arc<Link>,
    /// Reports losses.
    _reports: Task,
    /// They read the packets for all nodes, for this node, and for the rooms that were entered.
    subscriptions: Mutex<HashMap<Destination, Subscription>>,
    runtime: Handle,
}

/// A task that is aborted when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A subscription, and the task that reads it.
#[derive(Debug)]
struct Subscription {
    subscriber: Shared,
    _task: Task,
}

/// `None` until there is one.
type Shared = Arc<Mutex<Option<Subscriber>>>;

impl Subscription {
    fn start(link: Arc<Link>, subscriber: Subscriber, runtime: &Handle) -> Self {
        let subscriber = Arc::new(Mutex::new(Some(subscriber)));
        let reading = read(link, subscriber.clone());
        Self { subscriber, _task: Task(runtime.spawn(reading).abort_handle()) }
    }

    /// Takes what has arrived.
    fn drain(&self, link: &Link) {
        let mut subscriber = lock(&self.subscriber);
        while let Some(Some(message)) = subscriber.as_mut().and_then(|subscriber| now(pin!(subscriber.next()))) {
            link.receive([&*message.payload].into_iter());
        }
    }
}

impl Drop for Subscription {
    /// Unsubscribes at once, if async-nats has room for that.
    fn drop(&mut self) {
        drop(lock(&self.subscriber).take());
    }
}

impl Nats {
    /// Settings for a connection of this node to one of these servers, or to one that they advertise. Each is a URL such as
    /// `nats://10.0.0.1:4222` or `tls://nats.internal:4222`, without user and password.
    pub fn builder(node: &Node, servers: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder::new(node, servers.into_iter().map(Into::into).collect())
    }

    pub(crate) async fn start(
        client: Client,
        subjects: Subjects,
        link: Arc<Link>,
        own: [Destination; 2],
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let runtime = Handle::current();
        let flushing = client.clone();
        let reporting = link.clone().report_losses(async move || flushing.flush().await.is_ok());
        let reports = Task(runtime.spawn(reporting).abort_handle());
        let mut subscriptions = HashMap::new();
        for to in own {
            let Some(subject) = subjects.of(&to) else { continue };
            let no_echo = || ConnectError::NoEcho(link.last_error());
            let mut subscriber = client.subscribe(subject.clone()).await.map_err(|_| no_echo())?;
            client.publish(subject, bytes::Bytes::new()).await.map_err(|_| no_echo())?;
            timeout(patience, echo(&mut subscriber, &link)).await.map_err(|_| no_echo())?;
            subscriptions.insert(to, Subscription::start(link.clone(), subscriber, &runtime));
        }
        Ok(Self { client, subjects, link, _reports: reports, subscriptions: Mutex::new(subscriptions), runtime })
    }

    /// The next packet or interruption, as [`Broker::poll_input`] has it. Cancel safe.
    pub async fn input(&self) -> Input {
        poll_fn(|context| self.poll_input(context)).await
    }

    /// Whether there is a connection, as far as is known. That a broker hangs is known after three times
    /// [`ping_interval`](Builder::ping_interval).
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The last error that the broker reported or that prevented a reconnect, as text for a person.
    pub fn last_error(&self) -> Option<String> {
        self.link.last_error()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.link.stats()
    }

    fn subscriptions(&self) -> MutexGuard<'_, HashMap<Destination, Subscription>> {
        lock(&self.subscriptions)
    }
}

impl Broker for Nats {
    /// Without a connection the packet is dropped: otherwise it could be of any age when it arrives.
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        if payload.len() > self.client.max_payload() {
            return count(&self.link.counts.too_long);
        }
        let sent = self.subjects.of(to).filter(|_| self.is_connected()).and_then(|subject| {
            let payload = self.link.outgoing(payload)?;
            now(pin!(self.client.publish(subject, payload)))?.ok()
        });
        if sent.is_some() {
            count(&self.link.counts.published);
        } else {
            count(&self.link.counts.unpublished);
            self.link.report_loss();
        }
    }

    fn subscribe(&self, to: &Destination) {
        let Some(subject) = self.subjects.of(to) else { return };
        let mut subscriptions = self.subscriptions();
        // It ends before there is another, so that no packet comes twice and the broker has a place for the other.
        if let Some(earlier) = subscriptions.remove(to) {
            earlier.drain(&self.link);
        }
        let client = self.client.clone();
        let mut subscribing = Box::pin(async move { client.subscribe(subject).await });
        // At once, so that it goes before what is published next; by the task, if there is no room now.
        let subscription = match now(subscribing.as_mut()) {
            Some(Ok(subscriber)) => Subscription::start(self.link.clone(), subscriber, &self.runtime),
            Some(Err(_)) => return,
            None => {
                let subscriber = Shared::default();
                let task = read_when_subscribed(self.link.clone(), subscribing, subscriber.clone());
                Subscription { subscriber, _task: Task(self.runtime.spawn(task).abort_handle()) }
            }
        };
        subscriptions.insert(to.clone(), subscription);
    }

    fn unsubscribe(&self, to: &Destination) {
        self.subscriptions().remove(to);
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        self.link.inbox.poll(context)
    }

    /// The limit of the broker that it is connected to.
    fn max_payload(&self) -> Option<usize> {
        Some(self.client.max_payload())
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { _ = self.client.flush().await })
    }
}

/// The output of a future if it is ready now, also in a task that has used up tokio's budget.
fn now<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match pin!(unconstrained(future)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Reads until the empty message comes back.
async fn echo(subscriber: &mut Subscriber, link: &Link) {
    while let Some(message) = subscriber.next().await {
        if message.payload.is_empty() {
            return;
        }
        link.receive([&*message.payload].into_iter());
    }
    std::future::pending().await
}

/// So many packets are taken at once.
const CHUNK: usize = 64;

/// Reads until the subscription ends.
async fn read(link: Arc<Link>, subscriber: Shared) {
    let mut chunk = Vec::with_capacity(CHUNK);
    while poll_fn(|context| poll_chunk(&link, &subscriber, &mut chunk, context)).await {}
}

/// Whether there was something, and there may be more.
fn poll_chunk(link: &Link, subscriber: &Shared, chunk: &mut Vec<Message>, context: &mut Context<'_>) -> Poll<bool> {
    // Until what was taken is in the inbox, so that nothing of another subscription comes before it.
    let mut subscriber = lock(subscriber);
    let Some(subscriber) = &mut *subscriber else { return Poll::Ready(false) };
    let ended = loop {
        match subscriber.poll_next_unpin(context) {
            Poll::Ready(Some(message)) => chunk.push(message),
            Poll::Ready(None) => break true,
            Poll::Pending if chunk.is_empty() => return Poll::Pending,
            Poll::Pending => break false,
        }
        if chunk.len() == CHUNK {
            break false;
        }
    };
    link.receive(chunk.iter().map(|message| &*message.payload));
    chunk.clear();
    Poll::Ready(!ended)
}

async fn read_when_subscribed(
    link: Arc<Link>,
    subscribing: Pin<Box<impl Future<Output = Result<Subscriber, SubscribeError>>>>,
    subscriber: Shared,
) {
    if let Ok(subscribed) = subscribing.await {
        *lock(&subscriber) = Some(subscribed);
        read(link, subscriber).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
