//! TCP to whichever of several addresses answers first.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use heartline::Timestamp;
use heartline_tungstenite::race::Race;
use tokio::time::{Instant, sleep_until};

/// Tries the addresses in the order and at the times of [`Race`]. Dropping the future drops all attempts.
///
/// # Errors
/// All have failed: the error of the last one that did.
pub(super) async fn first<T, F>(addresses: Vec<SocketAddr>, connect: impl FnMut(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let began = Instant::now();
    let mut attempts = Attempts::new(addresses, connect);
    let mut timer = pin!(sleep_until(began));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(result) = attempts.poll(cx, Timestamp::after(began.elapsed())) {
                return Poll::Ready(result);
            }
            let Some(at) = attempts.race.deadline() else { return Poll::Pending };
            timer.as_mut().reset(began + at.since_origin());
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

struct Attempts<C, F> {
    race: Race,
    connect: C,
    running: Vec<Pin<Box<F>>>,
    last: io::Error,
}

impl<T, C: FnMut(SocketAddr) -> F, F: Future<Output = io::Result<T>>> Attempts<C, F> {
    fn new(addresses: Vec<SocketAddr>, connect: C) -> Self {
        let last = io::ErrorKind::AddrNotAvailable.into();
        Self { race: Race::new(addresses), connect, running: Vec::new(), last }
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<io::Result<T>> {
        let mut index = 0;
        loop {
            while let Some(address) = self.race.start(now) {
                self.running.push(Box::pin((self.connect)(address)));
            }
            let Some(attempt) = self.running.get_mut(index) else { break };
            match attempt.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Ok(winner)) => return Poll::Ready(Ok(winner)),
                Poll::Ready(Err(error)) => {
                    self.running.remove(index);
                    self.last = error;
                    self.race.failed();
                }
            }
        }
        match self.race.is_lost() {
            true => Poll::Ready(Err(std::mem::replace(&mut self.last, io::ErrorKind::NotConnected.into()))),
            false => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
