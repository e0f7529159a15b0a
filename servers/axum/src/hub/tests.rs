//! What is queued for whom.

use std::task::Waker;

use heartline::hub::{Request, Settings};

use super::*;

const NOW: Timestamp = Timestamp::ORIGIN;

fn core() -> Core<u32> {
    let settings = Settings { messages: None, bytes: None, ..Settings::default() };
    Core::new(Config::new(settings).expect("valid"), 1, Presence::new(std::time::Duration::from_millis(100), 10), None)
}

fn enter(core: &mut Core<u32>, user: u32) -> ConnId {
    let (conn, _) = core.admit(NOW, &Request { host: "x", ..Request::default() }, Login::default()).expect("admitted");
    core.feed(NOW, Input::Login { conn, user, until: None });
    drain(core, conn);
    conn
}

/// What waits, as if it were written at once.
fn drain(core: &mut Core<u32>, conn: ConnId) -> Vec<Outgoing<u32>> {
    let mut batch = VecDeque::new();
    core.exchange(NOW, conn, &mut 0, &mut batch, Waker::noop());
    let mut written = batch.iter().map(|item| u64::from(item.cost())).sum();
    core.exchange(NOW, conn, &mut written, &mut VecDeque::new(), Waker::noop());
    batch.into()
}

fn pending(core: &Core<u32>, conn: ConnId) -> u64 {
    core.peers.get(&conn).map_or(0, Peer::pending)
}

#[test]
fn nothing_is_queued_behind_a_close_whoever_asks_for_it() {
    let mut core = core();
    let (ann, bob) = (enter(&mut core, 1), enter(&mut core, 2));
    core.close(NOW, ann, CloseCode::NORMAL, "done".to_owned());
    let frame = Message::text("late");
    assert_eq!(core.reply(NOW, ann, Outgoing::Frame(frame.clone())), Err(SendError::Closed));
    assert_eq!(core.send(ann, frame.clone(), false), Err(SendError::Closed));
    assert_eq!(core.relay(NOW, bob, &1, frame.clone(), false), Err(SendError::Offline));
    core.feed(NOW, Input::Ping { conn: ann });
    core.feed(NOW, Input::UnknownMessage { conn: ann });
    let broadcast = |from| Input::Broadcast {
        from,
        room: None,
        except: Vec::new(),
        message: frame.clone(),
        bytes: 0,
        volatile: false,
        tag: 0,
    };
    core.feed(NOW, broadcast(Some(bob)));
    core.feed(NOW, broadcast(None));
    core.watch(ann);
    let queued = drain(&mut core, ann);
    assert!(matches!(&queued[..], [Outgoing::Close(close)] if close.reason() == "done"), "{}", queued.len());
}

#[test]
fn what_waits_is_what_was_queued_less_what_was_written() {
    let mut core = core();
    let (ann, bob) = (enter(&mut core, 1), enter(&mut core, 2));
    assert_eq!(pending(&core, ann), 0);
    let frame = Message::text("12345");
    core.relay(NOW, bob, &1, frame.clone(), false).expect("relayed");
    assert_eq!(pending(&core, ann), u64::from(cost(&frame)));
    core.feed(NOW, Input::Ping { conn: ann });
    assert!(pending(&core, ann) > u64::from(cost(&frame)));
    assert_eq!(drain(&mut core, ann).len(), 2);
    assert_eq!(pending(&core, ann), 0);
}

#[test]
fn the_servers_own_messages_are_bounded_by_the_budget_and_volatile_ones_by_less() {
    let mut core = core();
    let ann = enter(&mut core, 1);
    let (budget, slow) = (core.hub.config().budget, core.hub.config().volatile_above);
    let frame = Message::binary(vec![0; 10_000]);
    let mut sent = 0;
    while core.send(ann, frame.clone(), false).is_ok() {
        core.settle(NOW);
        sent += cost(&frame);
        if sent <= slow {
            assert_eq!(core.send(ann, Message::text(""), true).map(|()| sent += 64), Ok(()));
            core.settle(NOW);
        } else {
            assert_eq!(core.send(ann, Message::text(""), true), Err(SendError::Dropped));
        }
    }
    assert_eq!(core.send(ann, frame, false), Err(SendError::Full));
    assert!(sent <= budget && sent > budget - 20_000, "{sent}");
    assert!(core.is_open(ann), "it is not closed for what others send");
}

#[test]
fn a_connection_that_is_gone_leaves_nothing_behind() {
    let mut core = core();
    let ann = enter(&mut core, 1);
    core.watch(ann);
    core.closed(NOW, ann, Departure::Lost);
    assert!(core.peers.is_empty() && !core.watches(ann));
    assert_eq!(core.presence.due(), None);
    assert_eq!(core.hub.connections(), 0);
    let mut batch = VecDeque::new();
    assert!(core.exchange(NOW, ann, &mut 0, &mut batch, Waker::noop()).is_none());
}
