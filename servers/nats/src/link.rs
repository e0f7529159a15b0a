//! What a connection and its tasks share: queues in both directions, losses, the last error, counters.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::{Event, Statistics};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::OVERHEAD;
use crate::inbox::Inbox;
use crate::stats::Stats;

/// The shortest time between two interruptions: a directory answers each with a hello.
const MIN_GAP: Duration = Duration::from_millis(250);

/// Shared by a connection and its tasks.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) inbox: Inbox,
    outgoing: Arc<Outgoing>,
    /// Whether something was lost since the last interruption was reported.
    lost: AtomicBool,
    losses: Notify,
    /// The statistics of async-nats, which count how often it has connected.
    connects: OnceLock<Arc<Statistics>>,
    /// How often it had connected when the last interruption was reported.
    reported_connects: AtomicU64,
    last_error: Mutex<Option<String>>,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) published: AtomicU64,
    pub(crate) unpublished: AtomicU64,
    pub(crate) too_long: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) untaken: AtomicU64,
    interruptions: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Link {
    pub(crate) fn new(incoming: usize, outgoing: usize) -> Self {
        Self {
            inbox: Inbox::new(incoming),
            outgoing: Arc::new(Outgoing { limit: outgoing, bytes: AtomicUsize::new(0) }),
            lost: AtomicBool::new(false),
            losses: Notify::new(),
            connects: OnceLock::new(),
            reported_connects: AtomicU64::new(1),
            last_error: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// The first connection was made.
    pub(crate) fn connected(&self, statistics: Arc<Statistics>) {
        _ = self.connects.set(statistics);
    }

    fn connects(&self) -> u64 {
        self.connects.get().map_or(1, |statistics| statistics.connects.load(Relaxed))
    }

    /// async-nats drops events that do not fit into its channel, perhaps a reconnect among a thousand slow consumers. So every event is a reason to
    /// look whether there was a reconnect.
    pub(crate) fn on_event(&self, event: &Event) {
        match event {
            Event::SlowConsumer(_) => {
                count(&self.counts.untaken);
                self.report_loss();
            }
            Event::ServerError(error) => self.note(error.to_string()),
            Event::ClientError(error) => self.note(error.to_string()),
            _ => {}
        }
        if self.connects() > self.reported_connects.load(Relaxed) {
            self.report_loss();
        }
    }

    fn note(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was lost, or may have been.
    pub(crate) fn report_loss(&self) {
        if !self.lost.swap(true, Relaxed) {
            self.losses.notify_one();
        }
    }

    /// Packets arrived. Empty ones are no packets: nodes that connect send them to themselves.
    pub(crate) fn receive<'a>(&self, payloads: impl Iterator<Item = &'a [u8]>) {
        let (taken, untaken) = self.inbox.extend(payloads.filter(|payload| !payload.is_empty()));
        self.counts.received.fetch_add(taken, Relaxed);
        if untaken > 0 {
            self.counts.untaken.fetch_add(untaken, Relaxed);
            self.report_loss();
        }
    }

    /// A payload that counts until async-nats has written it, if there is room.
    pub(crate) fn outgoing(&self, payload: Vec<u8>) -> Option<Bytes> {
        let bytes = payload.capacity() + OVERHEAD;
        let taken = self.outgoing.bytes.fetch_add(bytes, Relaxed);
        let packet = Packet { payload, bytes, outgoing: self.outgoing.clone() };
        (taken + bytes <= self.outgoing.limit).then(|| Bytes::from_owner(packet))
    }

    /// Reports losses as interruptions, each time as soon as publishing is possible again, which a flush shows. Ends with the connection.
    pub(crate) async fn report_losses(self: Arc<Self>, flushed: impl AsyncFn() -> bool) {
        loop {
            self.losses.notified().await;
            if !flushed().await {
                return;
            }
            self.reported_connects.store(self.connects(), Relaxed);
            self.lost.store(false, Relaxed);
            count(&self.counts.interruptions);
            self.inbox.interrupt();
            sleep(MIN_GAP).await;
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let Counts { published, unpublished, too_long, received, untaken, interruptions } = &self.counts;
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        Stats {
            published: get(published),
            unpublished: get(unpublished),
            too_long: get(too_long),
            received: get(received),
            untaken: get(untaken),
            interruptions: get(interruptions),
            reconnects: self.connects().saturating_sub(1),
            waiting: self.outgoing.bytes.load(Relaxed),
        }
    }
}

/// The bytes that wait to be written.
#[derive(Debug)]
struct Outgoing {
    limit: usize,
    bytes: AtomicUsize,
}

/// A payload whose bytes count as outgoing until it is dropped.
struct Packet {
    payload: Vec<u8>,
    bytes: usize,
    outgoing: Arc<Outgoing>,
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        self.outgoing.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use heartline::directory::Input;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::*;

    /// A link whose losses are reported, as often as a flush is allowed.
    fn link() -> (Arc<Link>, Arc<Statistics>, Arc<Semaphore>) {
        let (link, statistics, flushes) =
            (Arc::new(Link::new(1000, 1000)), Arc::<Statistics>::default(), Semaphore::new(0));
        statistics.connects.store(1, Relaxed);
        link.connected(statistics.clone());
        let flushes = Arc::new(flushes);
        let allowed = flushes.clone();
        tokio::spawn(
            link.clone().report_losses(async move || allowed.acquire().await.map(|flush| flush.forget()).is_ok()),
        );
        (link, statistics, flushes)
    }

    /// How many interruptions were reported, after a time.
    async fn interruptions(link: &Link, after: Duration) -> u64 {
        for _ in 0..10 {
            yield_now().await;
        }
        advance(after).await;
        for _ in 0..10 {
            yield_now().await;
        }
        link.stats().interruptions
    }

    #[tokio::test(start_paused = true)]
    async fn losses_are_one_interruption_when_publishing_is_possible_again() {
        let (link, _, flushes) = link();
        (0..100).for_each(|_| link.report_loss());
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 0);
        flushes.add_permits(10);
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 1);
        assert_eq!(link.inbox.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Input::Interrupted));
        link.report_loss();
        assert_eq!(interruptions(&link, Duration::ZERO).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn two_interruptions_are_at_least_250_ms_apart() {
        let (link, _, flushes) = link();
        flushes.add_permits(10);
        link.report_loss();
        assert_eq!(interruptions(&link, Duration::ZERO).await, 1);
        link.report_loss();
        assert_eq!(interruptions(&link, MIN_GAP - Duration::from_millis(1)).await, 1);
        link.report_loss();
        assert_eq!(interruptions(&link, Duration::from_millis(1)).await, 2);
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reconnect_is_an_interruption_though_its_event_was_lost_and_other_events_are_none() {
        let (link, statistics, flushes) = link();
        flushes.add_permits(10);
        link.on_event(&Event::Connected);
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 0);
        statistics.connects.store(2, Relaxed);
        link.on_event(&Event::LameDuckMode);
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 1);
        link.on_event(&Event::Connected);
        link.on_event(&Event::LameDuckMode);
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 1);
        link.on_event(&Event::SlowConsumer(1));
        assert_eq!(interruptions(&link, 10 * MIN_GAP).await, 2);
    }
}
