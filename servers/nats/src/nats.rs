//! A node's connection to a broker.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, SubscribeError, Subscriber};
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
    subscriptions: Mutex<HashMap<Destination, Task>>,
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
            subscriptions.insert(to, Task(runtime.spawn(read(link.clone(), subscriber)).abort_handle()));
        }
        Ok(Self { client, subjects, link, _reports: reports, subscriptions: Mutex::new(subscriptions), runtime })
    }

    /// The next packet or interruption, as [`Broker::poll_input`] has it. Cancel safe.
    pub async fn input(&self) -> Input {
        std::future::poll_fn(|context| self.poll_input(context)).await
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

    fn subscriptions(&self) -> MutexGuard<'_, HashMap<Destination, Task>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
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
        // It ends before there is another, so that no packet comes twice.
        subscriptions.remove(to);
        let client = self.client.clone();
        let mut subscribing = Box::pin(async move { client.subscribe(subject).await });
        // At once, so that it goes before what is published next; by the task, if there is no room now.
        let subscribed = now(subscribing.as_mut());
        let task = read_when_subscribed(self.link.clone(), subscribing, subscribed);
        subscriptions.insert(to.clone(), Task(self.runtime.spawn(task).abort_handle()));
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

async fn read(link: Arc<Link>, subscriber: Subscriber) {
    let mut chunks = subscriber.ready_chunks(64);
    while let Some(chunk) = chunks.next().await {
        link.receive(chunk.iter().map(|message| &*message.payload));
    }
}

async fn read_when_subscribed(
    link: Arc<Link>,
    subscribing: Pin<Box<impl Future<Output = Result<Subscriber, SubscribeError>>>>,
    subscribed: Option<Result<Subscriber, SubscribeError>>,
) {
    let subscribed = match subscribed {
        Some(subscribed) => subscribed,
        None => subscribing.await,
    };
    if let Ok(subscriber) = subscribed {
        read(link, subscriber).await;
    }
}
