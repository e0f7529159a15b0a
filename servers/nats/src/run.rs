//! The loop around a directory and its broker.

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

/// Runs a directory over a broker until the directory has stopped: for a server that has no loop of its own for it.
///
/// - The directory is behind a lock, so that others can look at it. It is locked for one step at a time.
/// - `clock` is asked before each step. Its first part is monotonic and should go on during a suspend, as that of
///   `heartline_tungstenite::Clock::boot`; its second part is the wall clock.
/// - `inputs` has what the server reports: logins, relays, rooms. The node leaves after [`Input::Leave`], or when all senders are dropped. A
///   report that is lost for want of room is not made up for, such as an [`Ended`](Input::Ended): where the server cannot wait for room, give
///   the channel some for each of its connections.
/// - `carry_out` gets every action but those for the broker, and returns the input that follows at once, if any, as
///   [`Delivered`](Input::Delivered) does after [`Deliver`](Action::Deliver). The directory is not locked then. It must not wait.
///
/// ```no_run
/// use std::sync::Mutex;
/// use std::time::{Instant, SystemTime, UNIX_EPOCH};
///
/// use heartline::directory::{Action, Config, Directory, Event, Input, Node, Outcome, UnixTime, User};
/// use heartline::{CloseCode, ConnId, Timestamp};
/// use heartline_nats::{Nats, run};
/// use tokio::sync::mpsc::Receiver;
///
/// # struct Hub;
/// # impl Hub {
/// #     fn deliver(&mut self, to: &User, message: Vec<u8>) -> Outcome { Outcome::Offline }
/// #     fn close(&mut self, conn: ConnId, code: CloseCode) {}
/// #     fn close_all(&mut self, code: CloseCode) {}
/// # }
/// /// `inputs` is fed by the server, with `Input::Login` and so on.
/// async fn node(name: Node, nats: Nats, incarnation: u64, inputs: Receiver<Input>, mut hub: Hub) {
///     let start = Instant::now();
///     let clock = || {
///         let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
///         (Timestamp::from_nanos(start.elapsed().as_nanos() as u64), UnixTime::from_millis(wall.as_millis() as u64))
///     };
///     let (now, wall) = clock();
///     // The incarnation is a random number.
///     let directory = Mutex::new(Directory::new(Config::default(), name, now, wall, incarnation));
///     run(&directory, &nats, clock, inputs, |action| {
///         match action {
///             Action::Deliver { relay, to, message, .. } => {
///                 return Some(Input::Delivered { relay, outcome: hub.deliver(&to, message) });
///             }
///             Action::Close { conn, code } => hub.close(conn, code),
///             Action::SendAway => hub.close_all(CloseCode::SERVICE_RESTART),
///             Action::Event(Event::Online(user)) => println!("{user} is online"),
///             // Outcomes of relays, broadcasts, rooms and other events.
///             _ => {}
///         }
///         None
///     })
///     .await;
/// }
/// ```
///
/// The goodbye of a node that leaves is sent before this returns, if that takes less than a second. It is not cancel safe: dropped, the node
/// ends without a goodbye.
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
                    Action::Subscribe { to } => broker.subscribe(&to),
                    Action::Unsubscribe { to } => broker.unsubscribe(&to),
                    action => owed.extend(carry_out(action)),
                }
            }
        }
        consume_budget().await; // So that other tasks run, however much arrives.
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
