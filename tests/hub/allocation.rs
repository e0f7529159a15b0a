//! What a frame costs.

use allocation_counter::measure;
use heartline::ConnId;
use heartline::hub::{self, Settings};

use crate::desk::{Action, Desk, Input, plain, seconds, when_idle};

fn crowd() -> (Desk, Vec<ConnId>) {
    let mut desk = Desk::new(Settings { heartbeat: when_idle(), login_timeout: seconds(3600), ..plain() });
    let conns: Vec<_> = (0..1000).map(|_| desk.admit()).collect();
    desk.run(seconds(25));
    (desk, conns)
}

/// [U8]
#[test]
fn a_frame_that_is_life_and_no_more_allocates_nothing() {
    let (mut desk, conns) = crowd();
    let info = measure(|| {
        for conn in &conns {
            desk.sleep(crate::desk::NANOSECOND);
            assert_eq!(desk.hub.handle(desk.now, Input::Alive { conn: *conn }).next(), None);
        }
    });
    assert_eq!(info.count_total, 0);
}

/// [U8]
#[test]
fn answering_pings_relaying_and_counting_bytes_allocate_nothing_in_the_steady_state() {
    let (mut desk, conns) = crowd();
    let [ann, bob] = [(conns[0], "ann"), (conns[1], "bob")].map(|(conn, user)| {
        desk.login(conn, user);
        conn
    });
    let mut round = || {
        let inputs = [
            Input::Ping { conn: ann },
            Input::Relay { conn: ann, to: "bob", message: "hello", volatile: false },
            Input::Queued { conn: bob, bytes: 5 },
            Input::Written { conn: bob, bytes: 5 },
            Input::Unknown { conn: ann },
        ];
        inputs.into_iter().map(|input| desk.hub.handle(desk.now, input).count()).sum::<usize>()
    };
    round();
    let mut actions = 0;
    let info = measure(|| actions = (0..100).map(|_| round()).sum());
    assert_eq!((info.count_total, actions), (0, 300), "a pong, a message and a word to its sender");
}

/// [U7]
#[test]
fn a_broadcast_allocates_its_list_of_recipients_and_no_copies() {
    let mut desk = Desk::new(plain());
    let names: Vec<String> = (0..1000).map(|nth| format!("user {nth}")).collect();
    for name in &names {
        let conn = desk.admit();
        desk.login(conn, name.clone().leak());
    }
    let info = measure(|| {
        let news: hub::Input<_, &str> =
            hub::Input::Broadcast { from: None, except: Vec::new(), message: "news", volatile: false };
        let said = desk.hub.handle(desk.now, news).next();
        assert!(matches!(said, Some(Action::Broadcast { conns, .. }) if conns.len() == 1000));
    });
    // A list that grows by doubling; the bytes are those of ids, not of messages.
    assert!(info.count_total <= 10 && info.bytes_max <= 3 * 8 * 1024, "{info:?}");
}
