//! What one operation costs when many messages are queued: each row at 1,000, 10,000 and 100,000.
//!
//! Where an operation uses up what is queued, all of it is used up and the figure is the average.

use std::hint::black_box;
use std::time::Duration;

use heartline::loss::TransportError;
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::{Input, Loss, MessageId, Outgoing, Timestamp};
use tungstenite::Message;

use super::Scenario;
use super::world::{SIZE, World, message, pull, seen, written};

/// How many copies of a session there are for what can be done only once to each.
const COPIES: usize = 4;

fn at_most_once(_: u64) -> Outgoing<Message> {
    Outgoing::at_most_once(message(), SIZE)
}

fn at_least_once(_: u64) -> Outgoing<Message> {
    Outgoing::at_least_once(message(), SIZE)
}

fn live_expiries(nth: u64) -> Outgoing<Message> {
    at_most_once(nth).expires_in(Duration::from_micros(1 + nth))
}

fn unacknowledged(queued: u64) -> World {
    let mut world = World::roomy(queued).queue(queued, at_least_once);
    world.transmit_all();
    world
}

/// The ids 1 to `queued` in an order that hops through the middle.
fn hopping(queued: u64) -> impl Iterator<Item = MessageId> {
    (0..queued).map(move |nth| MessageId::from_raw(1 + nth * 7_919 % queued))
}

fn inputs(mut world: World, times: u64, inputs: impl Iterator<Item = Input<Message>>) {
    for input in inputs.take(times as usize) {
        pull(black_box(&mut world).session.handle(Timestamp::ORIGIN, input));
    }
    assert_eq!(world.session.stats().ignored, 0);
}

fn send(queued: u64, times: u64, outgoing: impl Fn(u64) -> Outgoing<Message>) {
    let mut world = World::roomy(queued);
    for nth in 0..times {
        let World { session, .. } = black_box(&mut world);
        seen(session.send(Timestamp::ORIGIN, outgoing(nth)).expect("there is room"));
    }
}

fn transmit(mut world: World, times: u64) {
    for _ in 0..times {
        let World { session, .. } = black_box(&mut world);
        let id = written(session.transmit(Timestamp::ORIGIN));
        session.sent(Timestamp::ORIGIN, id);
    }
}

/// Each message by a timer of its own.
fn expire(queued: u64, times: u64) {
    let mut world = World::roomy(queued).queue(queued, live_expiries);
    for _ in 0..times {
        let World { session, .. } = black_box(&mut world);
        let due = session.deadline().expect("a time to live");
        pull(session.handle(due, Input::Timer));
    }
    assert_eq!(world.session.queued() as u64, queued - times);
}

fn lose(world: World, times: u64) {
    let mut worlds = vec![world; COPIES];
    for world in worlds.iter_mut().take(times as usize) {
        let world = black_box(world);
        let input = Input::closed(world.conn, Loss::Transport(TransportError::Io));
        pull(world.session.handle(Timestamp::ORIGIN, input));
    }
}

/// A full outbox, and a newcomer for which eight messages would have to go; the outcomes of those evicted before it
/// were not pulled and leave room for four.
fn refuse(queued: u64, times: u64) {
    let (max_messages, max_bytes) = (small(queued), small(queued * SIZE as u64));
    let overflow = Overflow::EvictOldest;
    let config = OutboxConfig { max_messages, max_bytes, overflow, ..OutboxConfig::default() };
    let world = World::with(config).queue(2 * queued - 4, at_most_once);
    assert_eq!((world.session.queued() as u64, world.session.stats().evictions), (queued, max_messages - 4));
    refusals(world, times, 8 * SIZE);
}

/// A newcomer for which nobody can make room, because most of the room is taken by a message on its way.
fn refuse_hopelessly(queued: u64, times: u64) {
    let all = queued as usize * SIZE;
    let (max_messages, max_bytes) = (1 << 20, small(2 * all as u64));
    let overflow = Overflow::EvictOldest;
    let mut world = World::with(OutboxConfig { max_messages, max_bytes, overflow, ..OutboxConfig::default() });
    world.send(Outgoing::at_least_once(message(), all));
    world.transmit_all();
    refusals(world.queue(queued, at_most_once), times, all + 1);
}

fn refusals(mut world: World, times: u64, size: usize) {
    let before = world.session.stats();
    for _ in 0..times {
        let World { session, .. } = black_box(&mut world);
        let refused = session.send(Timestamp::ORIGIN, Outgoing::at_most_once(message(), size));
        seen(refused.expect_err("there is no room"));
    }
    assert_eq!(world.session.stats(), before);
}

/// 64 unacknowledged, and `queued` behind them.
fn window(queued: u64) -> World {
    let outbox = OutboxConfig { max_messages: 1 << 20, max_bytes: 1 << 30, ..OutboxConfig::default() };
    let mut world = World::with(outbox).queue(64, at_least_once);
    world.transmit_all();
    world.queue(queued, at_least_once)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("a number that fits")
}

fn acked(id: MessageId) -> Input<Message> {
    Input::Acked { id }
}

fn cancel(id: MessageId) -> Input<Message> {
    Input::Cancel { id }
}

/// What is done, how often at most (0: as often as there are messages), and how.
type Row = (&'static str, u64, fn(u64, u64));

const ROWS: &[Row] = &[
    ("send", 0, |queued, times| send(queued, times, at_most_once)),
    ("send with a time to live", 0, |queued, times| send(queued, times, live_expiries)),
    ("transmit, sent", 0, |queued, times| transmit(World::roomy(queued).queue(queued, at_most_once), times)),
    ("transmit, sent, at least once", 0, |queued, times| {
        transmit(World::roomy(queued).queue(queued, at_least_once), times);
    }),
    ("Acked in the middle", 0, |queued, times| inputs(unacknowledged(queued), times, hopping(queued).map(acked))),
    ("Cancel in the middle", 0, |queued, times| {
        inputs(World::roomy(queued).queue(queued, at_most_once), times, hopping(queued).map(cancel));
    }),
    ("one expiry", 0, expire),
    ("refused, eight would have to go", 1_000, refuse),
    ("refused, all would have to go", 1_000, refuse_hopelessly),
    ("loss, 64 unacknowledged", COPIES as u64, |queued, times| lose(window(queued), times)),
    ("loss, all unacknowledged", COPIES as u64, |queued, times| lose(unacknowledged(queued), times)),
];

pub fn scenarios() -> impl Iterator<Item = Scenario> {
    ROWS.iter().flat_map(|&(name, most, run)| {
        [1_000, 10_000, 100_000].map(|queued| Scenario {
            name: format!("{queued} queued: {name}"),
            goal: None,
            times: (0, if most == 0 { queued } else { most }),
            run: Box::new(move |times| run(queued, times)),
        })
    })
}
