//! What a frame costs.

use allocation_counter::measure;
use heartline::ConnId;
use heartline::hub::{Action, Settings};

use crate::world::{Input, NANOSECOND, World, plain, seconds, watched};

fn crowd() -> (World, Vec<ConnId>) {
    let mut world = World::new(Settings { login_timeout: seconds(3600), ..watched() });
    let conns: Vec<_> = (0..1000).map(|_| world.admit()).collect();
    world.run(seconds(25));
    (world, conns)
}

/// [U8]
#[test]
fn a_frame_that_is_only_a_sign_of_life_allocates_nothing() {
    let (mut world, conns) = crowd();
    let info = measure(|| {
        for conn in &conns {
            world.sleep(NANOSECOND);
            assert_eq!(world.hub.handle(world.now, Input::Alive { conn: *conn, bytes: 1 }).next(), None);
        }
    });
    assert_eq!(info.count_total, 0);
}

/// [U8]
#[test]
fn answering_pings_relaying_and_counting_bytes_allocate_nothing_in_the_steady_state() {
    let (mut world, conns) = crowd();
    let (ann, bob) = (conns[0], conns[1]);
    world.login(ann, "ann");
    world.login(bob, "bob");
    let mut round = || {
        let inputs = [
            Input::Ping { conn: ann },
            Input::Relay { conn: ann, to: "bob", message: "hello", bytes: 1, volatile: false, tag: 0 },
            Input::Queued { conn: bob, bytes: 5 },
            Input::Written { conn: bob, bytes: 5 },
            Input::UnknownMessage { conn: ann },
        ];
        inputs.into_iter().map(|input| world.hub.handle(world.now, input).count()).sum::<usize>()
    };
    round();
    let mut actions = 0;
    let info = measure(|| actions = (0..100).map(|_| round()).sum());
    assert_eq!((info.count_total, actions), (0, 300), "a pong, a message and its outcome");
}

/// [U7]
#[test]
fn a_broadcast_allocates_its_list_of_recipients_and_no_copies() {
    let mut world = World::new(plain());
    for nth in 0..1000 {
        world.user(format!("user {nth}").leak());
    }
    let info = measure(|| {
        let news = Input::Broadcast {
            from: None,
            room: None,
            except: Vec::new(),
            message: "news",
            bytes: 4,
            volatile: false,
            tag: 0,
        };
        let action = world.hub.handle(world.now, news).next();
        assert!(matches!(action, Some(Action::Broadcast { conns, .. }) if conns.len() == 1000));
    });
    // A list that grows by doubling; the bytes are those of ids, not of messages.
    assert!(info.count_total <= 10 && info.bytes_max <= 3 * 8 * 1024, "{info:?}");
}
