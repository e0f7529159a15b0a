//! A caller that pulls nothing, or the wrong things.

use heartline::Instant;
use heartline::hub::{Action, Config, Event, Hub, Input, Settings};

use crate::desk::{REQUEST, plain, when_idle};

fn small() -> Hub<u32, ()> {
    let settings = Settings { max_connections: 4, max_anonymous: 4, heartbeat: when_idle(), ..plain() };
    Hub::new(Config::new(settings).expect("valid"), 7)
}

/// Everything that is owed.
fn owed(hub: &mut Hub<u32, ()>) -> Vec<Action<u32, ()>> {
    hub.handle(Instant::ORIGIN, Input::Timer).collect()
}

/// [P3] [U10]
#[test]
fn a_caller_that_pulls_nothing_is_owed_no_more_than_there_are_connections() {
    let mut hub = small();
    for user in 0..10_000 {
        let conn = hub.admit(Instant::ORIGIN, &REQUEST).expect("there is room").conn;
        for input in [Input::Login { conn, user }, Input::Ping { conn }, Input::Unknown { conn }] {
            drop(hub.handle(Instant::ORIGIN, input));
        }
        drop(hub.handle(Instant::ORIGIN, Input::Closed { conn }));
    }
    assert_eq!(owed(&mut hub), []);
}

/// [P3] [U10]
#[test]
fn a_caller_that_pulls_only_good_news_is_owed_no_more_than_there_are_connections() {
    let mut hub = small();
    for user in (0..10_000).rev() {
        let conn = hub.admit(Instant::ORIGIN, &REQUEST).expect("there is room").conn;
        drop(hub.handle(Instant::ORIGIN, Input::Login { conn, user }));
        let first = hub.handle(Instant::ORIGIN, Input::Timer).next();
        assert!(matches!(first, Some(Action::Event(Event::Online(_) | Event::Offline(_)))), "{first:?}");
        drop(hub.handle(Instant::ORIGIN, Input::Closed { conn }));
    }
    assert!(owed(&mut hub).len() <= 8, "4 who were online, 4 who are");
}

/// [P3] [U2]
#[test]
fn aborted_connections_keep_their_places_until_the_driver_is_told() {
    let mut hub = small();
    for _ in 0..4 {
        hub.admit(Instant::ORIGIN, &REQUEST).expect("there is room");
    }
    // Past the login, then past the close handshake.
    for seconds in [10, 20] {
        let now = Instant::after(crate::desk::seconds(seconds));
        drop(hub.handle(now, Input::Timer));
    }
    assert_eq!(hub.connections(), 4);
    assert!(hub.admit(Instant::ORIGIN, &REQUEST).is_err());
    let said = owed(&mut hub);
    assert!(said.len() == 4 && said.iter().all(|action| matches!(action, Action::Abort { .. })), "{said:?}");
    assert!(hub.admit(Instant::ORIGIN, &REQUEST).is_ok());
}
