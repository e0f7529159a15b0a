//! The message path: what one event costs on an open connection.

use std::hint::black_box;
use std::time::Duration;

use heartline::Actions;
use heartline::message::Refused;
use heartline::{Action, ConnId, Input, MessageId, Outcome, Outgoing, Timestamp};
use tungstenite::Message;

use super::world::{Client, SIZE, World, message, pull, repeat, seen, written};
use super::{EVENTS, Scenario};

const BURST: u64 = 16;
/// How many sessions await their pong: each can take the round trip once.
const ROUND_TRIP: Duration = Duration::from_millis(50);
const PINGED: usize = 2 * EVENTS as usize;

// ---- behind a call -----------------------------------------------------------------------------

#[inline(never)]
fn received(session: &mut Client, now: Timestamp, conn: ConnId) -> bool {
    session.received(now, conn)
}

#[inline(never)]
fn handle<'s>(session: &'s mut Client, now: Timestamp, input: Input<Message>) -> Actions<'s, Message> {
    session.handle(now, input)
}

// ---- what is counted ---------------------------------------------------------------------------

/// Inputs that change nothing but the time of the last life.
#[inline(always)]
fn inputs(times: u64, mut world: World, mut event: impl FnMut(&mut World, Timestamp)) {
    let before = world.session.stats();
    repeat(times, &mut world, &mut event);
    assert_eq!(world.session.stats(), before);
}

/// Nothing pulled after the message, not even the `None`.
#[inline(always)]
fn deliver(mut actions: Actions<'_, Message>) {
    if let Some(Action::Deliver(message)) = actions.next() {
        seen(message);
    }
}

/// Each session answered once.
#[inline(always)]
fn pongs(times: u64, mut pong: impl FnMut(&mut Client, Timestamp, Input<Message>)) {
    let (world, token, pinged_at) = World::pinged();
    let mut worlds = vec![world; PINGED];
    let now = pinged_at.saturating_add(ROUND_TRIP);
    for world in &mut worlds[..times as usize] {
        let World { session, conn } = black_box(world);
        pong(session, black_box(now), Input::Pong { conn: *conn, token: Some(token) });
    }
    let answered = worlds.iter().filter(|world| world.session.stats().pongs == 2).count();
    assert_eq!(answered, times as usize);
    assert_eq!(worlds[0].session.rtt().map(|rtt| rtt.latest), Some(ROUND_TRIP));
}

#[inline(always)]
fn sent(result: Result<MessageId, Refused<Message>>) -> MessageId {
    result.unwrap_or_else(|_| unreachable!("there is room"))
}

#[inline(always)]
fn outcome(session: &mut Client) {
    match session.next_action() {
        Some(Action::Outcome { id, outcome: Outcome::Transmitted, .. }) => seen(id),
        _ => panic!("an outcome is owed"),
    }
}

#[inline(always)]
fn cycles(times: u64, mut cycle: impl FnMut(&mut World, Timestamp)) {
    let mut world = World::open();
    repeat(times, &mut world, &mut cycle);
    assert_eq!((world.session.queued(), world.session.held(), world.session.stats().ignored), (0, 0, 0));
}

#[inline(always)]
fn at_most_once(World { session, .. }: &mut World, now: Timestamp) {
    seen(sent(session.send(now, Outgoing::at_most_once(message(), SIZE))));
    let id = written(session.transmit(now));
    session.sent(now, id);
    outcome(session);
}

#[inline(always)]
fn at_least_once(World { session, .. }: &mut World, now: Timestamp) {
    seen(sent(session.send(now, Outgoing::at_least_once(message(), SIZE))));
    let id = written(session.transmit(now));
    session.sent(now, id);
    pull(session.handle(now, Input::Acked { id }));
}

#[inline(always)]
fn burst(World { session, .. }: &mut World, now: Timestamp) {
    for _ in 0..BURST {
        seen(sent(session.send(now, Outgoing::at_most_once(message(), SIZE))));
    }
    while let Some(lent) = session.transmit(now) {
        let id = written(Some(lent));
        session.sent(now, id);
    }
    while let Some(action) = session.next_action() {
        seen(action);
    }
}

/// A ping that is due, its pong 50 ms later, and the timer that finds it answered; `deadline()` before each timer.
fn heartbeat_rounds(times: u64) {
    let mut world = World::open();
    for _ in 0..times {
        let World { session, conn } = black_box(&mut world);
        let due = session.deadline().expect("a heartbeat");
        let mut token = None;
        for action in session.handle(due, Input::Timer) {
            if let Action::Ping { token: latest, .. } = action {
                token = Some(latest);
            }
        }
        pull(session.handle(due.saturating_add(ROUND_TRIP), Input::Pong { conn: *conn, token }));
        seen(session.deadline());
    }
    assert_eq!((u64::from(world.session.stats().pings), u64::from(world.session.stats().pongs)), (times, times));
}

pub fn scenarios() -> impl Iterator<Item = Scenario> {
    SCENARIOS.iter().map(|&(name, goal, run)| Scenario {
        name: name.to_owned(),
        goal,
        times: (EVENTS, 2 * EVENTS),
        run: Box::new(run),
    })
}

type Event = (&'static str, Option<u64>, fn(u64));

const SCENARIOS: &[Event] = &[
    ("empty loop", Some(20), |times| repeat(times, &mut World::open(), |_, _| {})),
    ("a message made and seen, no session", None, |times| {
        repeat(times, &mut World::open(), |_, _| seen(message()));
    }),
    ("received, inlined", Some(45), |times| {
        inputs(times, World::sending(), |world, now| seen(world.session.received(now, world.conn)));
    }),
    ("received, called", Some(60), |times| {
        inputs(times, World::sending(), |world, now| seen(received(&mut world.session, now, world.conn)));
    }),
    ("Alive, inlined", Some(60), |times| {
        inputs(times, World::sending(), |world, now| {
            pull(world.session.handle(now, Input::Alive { conn: world.conn }))
        });
    }),
    ("Alive, called", None, |times| {
        inputs(times, World::sending(), |world, now| {
            pull(handle(&mut world.session, now, Input::Alive { conn: world.conn }));
        });
    }),
    ("Message to Deliver, inlined", Some(80), |times| {
        inputs(times, World::sending(), |world, now| {
            deliver(world.session.handle(now, Input::Message { conn: world.conn, message: message() }));
        });
    }),
    ("Message to Deliver, called", Some(200), |times| {
        inputs(times, World::sending(), |world, now| {
            deliver(handle(&mut world.session, now, Input::Message { conn: world.conn, message: message() }));
        });
    }),
    ("Message, pulled to None, inlined", None, |times| {
        inputs(times, World::sending(), |world, now| {
            pull(world.session.handle(now, Input::Message { conn: world.conn, message: message() }));
        });
    }),
    ("Message, pulled to None, called", None, |times| {
        inputs(times, World::sending(), |world, now| {
            pull(handle(&mut world.session, now, Input::Message { conn: world.conn, message: message() }));
        });
    }),
    ("Pong with token and round trip, inlined", Some(80), |times| {
        pongs(times, |session, now, input| pull(session.handle(now, input)));
    }),
    ("Pong with token and round trip, called", None, |times| {
        pongs(times, |session, now, input| pull(handle(session, now, input)));
    }),
    ("Timer, early, inlined", Some(80), |times| {
        inputs(times, World::sending(), |world, now| pull(world.session.handle(now, Input::Timer)));
    }),
    ("Timer, early, called", None, |times| {
        inputs(times, World::sending(), |world, now| pull(handle(&mut world.session, now, Input::Timer)));
    }),
    ("deadline(), no queues", None, |times| {
        repeat(times, &mut World::open(), |world, _| seen(world.session.deadline()));
    }),
    ("deadline(), queues in use", Some(45), |times| {
        repeat(times, &mut World::sending(), |world, _| seen(world.session.deadline()));
    }),
    ("heartbeat round: due Timer, Ping, Pong, deadline()", None, heartbeat_rounds),
    ("at most once: send, transmit, sent, next_action", Some(350), |times| cycles(times, at_most_once)),
    ("at most once, burst of 16", None, |times| cycles(times, burst)),
    ("at least once: send, transmit, sent, Acked, outcome", Some(500), |times| {
        cycles(times, at_least_once);
    }),
];
