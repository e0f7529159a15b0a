use std::time::Duration;

use heartline::{CloseCode, MessageId};
use tungstenite::Utf8Bytes;

use super::commands::SPARE_ACKS;
use super::*;
use crate::codec::{Codec as _, Text};

fn shared() -> Arc<Shared<Utf8Bytes>> {
    let outbox = OutboxConfig { max_messages: 4, ack_window: 4, ..OutboxConfig::default() };
    Shared::new(Clock::default(), &outbox, 100, Text::size)
}

fn taken(shared: &Shared<Utf8Bytes>) -> Vec<Command<Utf8Bytes>> {
    let mut commands = VecDeque::new();
    shared.take_commands(&mut commands);
    commands.into()
}

#[test]
fn however_often_a_handle_asks_the_queue_does_not_grow() {
    let shared = shared();
    let outgoing = Outgoing::at_most_once("x");
    let size = shared.size(&outgoing).expect("a text");
    let slot = shared.submit(outgoing, size, None, &mut None, None).expect("room");
    for number in 0..10_000 {
        shared.command(Command::Reconnect);
        shared.command(Command::NetworkChanged);
        shared.command(Command::NetworkLost);
        shared.command(Command::Pause);
        shared.command(Command::Resume);
        shared.command(Command::Acked(MessageId::from_raw(7)));
        shared.command(Command::Acked(MessageId::from_raw(number)));
        shared.cancel(slot);
        let within = Duration::from_secs(60 - number % 60);
        shared.command(Command::Close { code: CloseCode::NORMAL, reason: String::new(), within });
        shared.command(Command::WindUp);
    }
    let commands = taken(&shared);
    let acked = commands.iter().filter(|command| matches!(command, Command::Acked(_))).count() as u64;
    assert_eq!((acked, commands.len() as u64 - acked), (4 + SPARE_ACKS, 7));
    let close = commands.iter().find_map(|command| match command {
        Command::Close { within, .. } => Some(*within),
        _ => None,
    });
    assert_eq!(close, Some(Duration::from_secs(1)));
    assert!(taken(&shared).is_empty());
}

#[test]
fn the_last_of_pause_resume_and_reconnect_counts() {
    let shared = shared();
    for command in [Command::Reconnect, Command::Pause, Command::Reconnect] {
        shared.command(command);
    }
    assert!(matches!(taken(&shared)[..], [Command::Reconnect]));
    for command in [Command::Pause, Command::Resume, Command::Pause] {
        shared.command(command);
    }
    assert!(matches!(taken(&shared)[..], [Command::Pause]));
}

#[test]
fn the_last_that_was_heard_of_the_network_counts() {
    let shared = shared();
    for command in [Command::NetworkChanged, Command::NetworkLost, Command::NetworkChanged] {
        shared.command(command);
    }
    assert!(matches!(taken(&shared)[..], [Command::NetworkChanged]));
    for command in [Command::NetworkLost, Command::NetworkChanged, Command::NetworkLost] {
        shared.command(command);
    }
    assert!(matches!(taken(&shared)[..], [Command::NetworkLost]));
}

#[test]
fn a_receipt_is_cancelled_once() {
    let shared = shared();
    let outgoing = Outgoing::at_most_once("x");
    let size = shared.size(&outgoing).expect("a text");
    let slot = shared.submit(outgoing, size, None, &mut None, None).expect("room");
    shared.cancel(slot);
    assert_eq!(taken(&shared).len(), 2);
    shared.cancel(slot);
    assert!(taken(&shared).is_empty());
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(std::sync::atomic::AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_driver_is_woken_once_for_a_burst_and_not_at_all_in_its_turn() {
    let (shared, woken) = (shared(), Arc::new(Woken::default()));
    let waker = Waker::from(woken.clone());
    let settle = || shared.settle(&mut Settlement::default(), State::Open, &Stats::default(), Some(&waker));
    settle();
    let send = || shared.try_send(Outgoing::at_most_once("x")).map(drop).expect("room");
    send();
    send();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(taken(&shared).len(), 2);
    settle();
    shared.begin_turn();
    send();
    settle();
    assert!(shared.has_commands());
    assert_eq!((taken(&shared).len(), woken.0.load(Ordering::Relaxed)), (1, 1));
    send();
    assert_eq!(woken.0.load(Ordering::Relaxed), 2);
}
