//! A directory that runs by itself.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Action, Broker, Config, Directory, Input, UnixTime};
use tokio::select;
use tokio::sync::mpsc::Receiver;
use tokio::task::consume_budget;
use tokio::time::{sleep, timeout};

/// Drives a directory over a broker until it has stopped: for a server that has no loop of its own for it.
///
/// - The directory is behind a lock, to look at. It is locked for single steps.
/// - `clock` is asked before each step. Its first part should count suspend, as `heartline_tungstenite::Clock::boot` does; its second
///   is the system's time.
/// - `inputs` are what the server reports: log-ins, relays, rooms. When all its senders are gone the node [leaves](Input::Leave).
/// - `carry_out` gets every action but those for the broker, and returns what it comes to at once, as
///   [`Delivered`](Input::Delivered) for [`Deliver`](Action::Deliver). It must not wait.
///
/// The goodbye of a node that has left is sent before this returns, if that takes less than a second.
pub async fn run<B: Broker + ?Sized, C: Borrow<Config>>(
    directory: &Mutex<Directory<C>>,
    broker: &B,
    clock: impl Fn() -> (Timestamp, UnixTime),
    mut inputs: Receiver<Input>,
    mut carry_out: impl FnMut(Action) -> Option<Input>,
) {
    loop {
        let (is_stopped, deadline) = look(directory, |directory| (directory.is_stopped(), directory.deadline()));
        if is_stopped {
            break;
        }
        let input = select! {
            input = poll_fn(|context| broker.poll_input(context)) => input,
            input = inputs.recv() => input.unwrap_or(Input::Leave),
            () = due(deadline.map(|at| at.saturating_since(clock().0))) => Input::Timer,
        };
        let mut owed = VecDeque::from([input]);
        while let Some(input) = owed.pop_front() {
            let (now, wall) = clock();
            let actions: Vec<Action> = lock(directory).handle(now, wall, input).collect();
            for action in actions {
                match action {
                    Action::Publish { to, payload } => broker.publish(&to, payload),
                    Action::Subscribe { room } => broker.subscribe(room),
                    Action::Unsubscribe { room } => broker.unsubscribe(room),
                    action => owed.extend(carry_out(action)),
                }
            }
        }
        consume_budget().await; // However much arrives, other tasks run.
    }
    _ = timeout(Duration::from_secs(1), broker.flush()).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look<T, R>(mutex: &Mutex<T>, look: impl FnOnce(&T) -> R) -> R {
    look(&lock(mutex))
}

async fn due(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => pending().await,
    }
}
