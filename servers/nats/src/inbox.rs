//! The queue of packets that have arrived and were not taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline::directory::Input;

use crate::OVERHEAD;

/// A queue of packets that is bounded in bytes.
#[derive(Debug)]
pub(crate) struct Inbox {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether an interruption is to be reported, before all packets.
    interrupted: bool,
    waker: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Queues packets. For how many there was room, and for how many not.
    pub(crate) fn extend<'a>(&self, payloads: impl Iterator<Item = &'a [u8]>) -> (u64, u64) {
        let (mut taken, mut untaken) = (0, 0);
        let mut state = self.lock();
        for payload in payloads {
            let bytes = state.bytes + payload.len() + OVERHEAD;
            if bytes > self.limit {
                untaken += 1;
                continue;
            }
            state.bytes = bytes;
            // A copy: a part of the buffer that the socket was read into would keep the whole.
            state.packets.push_back(payload.to_vec());
            taken += 1;
        }
        wake(state);
        (taken, untaken)
    }

    pub(crate) fn interrupt(&self) {
        let mut state = self.lock();
        state.interrupted = true;
        wake(state);
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Input> {
        let mut state = self.lock();
        if std::mem::take(&mut state.interrupted) {
            return Poll::Ready(Input::Interrupted);
        }
        if let Some(payload) = state.packets.pop_front() {
            state.bytes -= payload.len() + OVERHEAD;
            if state.packets.is_empty() {
                state.packets.shrink_to(KEPT_CAPACITY);
            }
            return Poll::Ready(Input::Received { payload });
        }
        let waker = context.waker();
        if state.waker.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many places the queue keeps when it is empty.
const KEPT_CAPACITY: usize = 1024;

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(inbox: &Inbox) -> Option<Input> {
        match inbox.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(input) => Some(input),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_until_something_is_taken() {
        let inbox = Inbox::new(2 * OVERHEAD + 10);
        assert_eq!(inbox.extend([&[1; 6][..], &[2; 4], &[]].into_iter()), (2, 1));
        assert_eq!(take(&inbox), Some(Input::Received { payload: vec![1; 6] }));
        assert_eq!(inbox.extend([&[9; 7][..], &[3; 6]].into_iter()), (1, 1));
        assert_eq!(take(&inbox), Some(Input::Received { payload: vec![2; 4] }));
        assert_eq!(take(&inbox), Some(Input::Received { payload: vec![3; 6] }));
        assert_eq!(take(&inbox), None);
    }

    #[test]
    fn interruptions_are_reported_once_and_before_the_packets_that_wait() {
        let inbox = Inbox::new(1024);
        assert_eq!(inbox.extend([&b"waits"[..]].into_iter()), (1, 0));
        inbox.interrupt();
        inbox.interrupt();
        assert_eq!(take(&inbox), Some(Input::Interrupted));
        assert_eq!(take(&inbox), Some(Input::Received { payload: b"waits".to_vec() }));
        assert_eq!(take(&inbox), None);
    }
}
