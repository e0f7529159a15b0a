//! Logins that are good for a while.

use std::time::Duration;

use allocation_counter::measure;
use heartline::ConnId;
use heartline::heartbeat::HeartbeatMode;
use heartline::hub::{LoginRefusal, Settings};
use heartline::retry::{RetryPolicy, Verdict};
use heartline::{Loss, Timestamp};

use crate::reference::Act::{Close, Expiring, LoggedIn, LoginRefused, Offline, Online};
use crate::world::{Act, Input, NANOSECOND, World, heartbeat, plain, seconds, watched};

/// Announced 60 s before.
fn settings() -> Settings {
    Settings { login_timeout: seconds(3600), ..plain() }
}

impl World {
    /// A login that is good for so long from now.
    fn login_for(&mut self, conn: ConnId, long: Duration) -> Vec<Act> {
        let until = Some(self.now.saturating_add(long));
        self.input(Input::Login { conn, user: "ann", until })
    }
}

fn expiring(long: u64) -> (World, ConnId) {
    let mut world = World::new(settings());
    let conn = world.admit();
    assert_eq!(world.login_for(conn, seconds(long)), [LoggedIn(conn, "ann"), Online("ann")]);
    (world, conn)
}

/// [U18]
#[test]
fn a_login_is_announced_to_expire_and_then_its_connection_is_closed() {
    let (mut world, conn) = expiring(100);
    assert_eq!(world.deadline(), Some(seconds(40)));
    let end = [Close(conn, 3000, None), Offline("ann")].map(|act| (seconds(100), act));
    let acts = world.run(seconds(101));
    assert_eq!((&acts[0], &acts[1..]), (&(seconds(40), Expiring(conn, seconds(60))), &end[..]));
    assert_eq!((world.hub.stats().closed_expired, world.hub.online().len()), (1, 0));
}

/// What a client of this crate does then: it renews its credentials, and dials again.
///
/// [U18] [R8]
#[test]
fn the_code_of_an_expired_login_makes_a_client_renew_its_credentials() {
    assert_eq!(RetryPolicy::default().verdict(Loss::Close(3000)), Verdict::Renew);
}

/// [U18]
#[test]
fn a_login_that_is_good_for_less_than_the_notice_is_announced_at_once() {
    let mut world = World::new(settings());
    let conn = world.admit();
    let acts = world.login_for(conn, seconds(60));
    assert_eq!(acts, [LoggedIn(conn, "ann"), Expiring(conn, seconds(60)), Online("ann")]);
    assert_eq!(world.run(seconds(59)), [], "once");
    assert_eq!(world.run(seconds(1))[0], (seconds(60), Close(conn, 3000, None)));
}

/// [U18]
#[test]
fn how_long_a_login_is_still_good_is_said_when_that_is_pulled() {
    let (mut world, conn) = expiring(100);
    world.sleep(seconds(40));
    world.unpulled(Input::Timer);
    world.sleep(seconds(25));
    assert_eq!(world.timer(), [Expiring(conn, seconds(35))]);
}

/// [U18]
#[test]
fn another_login_renews_with_an_end_or_without() {
    let (mut world, conn) = expiring(100);
    assert_eq!(world.run(seconds(99)).len(), 1, "announced");
    assert_eq!(world.login_for(conn, seconds(100)), [LoggedIn(conn, "ann")]);
    assert_eq!(world.run(seconds(99)), [(seconds(99 + 40), Expiring(conn, seconds(60)))], "announced again");
    assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann")]);
    assert_eq!((world.run(seconds(10_000)), world.deadline()), (vec![], None));
    // A shorter one, too.
    world.login_for(conn, seconds(10_000));
    world.login_for(conn, seconds(70));
    assert_eq!(world.run(seconds(70)).len(), 3);
    assert_eq!((world.hub.stats().logins, world.hub.stats().closed_expired), (1, 1));
}

/// [U18]
#[test]
fn what_was_owed_of_an_earlier_login_is_withdrawn_by_the_next() {
    let (mut world, conn) = expiring(100);
    world.sleep(seconds(50));
    world.unpulled(Input::Timer);
    assert_eq!(world.login_for(conn, seconds(100)), [LoggedIn(conn, "ann")]);
    world.sleep(seconds(50));
    world.unpulled(Input::Timer);
    assert_eq!(world.close(conn), [Close(conn, 4000, None), Offline("ann")]);
}

/// [U18] [U10]
#[test]
fn what_else_is_owed_comes_when_the_news_of_an_earlier_login_is_withdrawn() {
    let mut world = World::new(settings());
    let conn = world.admit();
    world.unpulled(Input::Login { conn, user: "ann", until: Some(Timestamp::after(seconds(60))) });
    assert_eq!(world.login(conn, "ann"), [LoggedIn(conn, "ann"), Online("ann")]);
}

/// [U18]
#[test]
fn a_login_that_has_expired_already_is_refused_and_changes_nothing() {
    let (mut world, old) = expiring(100);
    world.sleep(seconds(10));
    let new = world.admit();
    for (conn, ago) in [(new, 0), (old, 5)] {
        let until = Some(Timestamp::after(seconds(10 - ago)));
        let refused = LoginRefused(conn, LoginRefusal::Expired);
        assert_eq!(world.input(Input::Login { conn, user: "ann", until }), [refused]);
    }
    assert_eq!((world.online(), world.hub.anonymous()), (vec![("ann", old)], 1));
    assert_eq!((world.hub.stats().logins_refused, world.hub.stats().superseded), (2, 0));
    assert_eq!(world.run(seconds(30)), [(seconds(40), Expiring(old, seconds(60)))]);
}

/// [U18] [P5]
#[test]
fn a_renewal_that_comes_late_but_before_the_timer_is_in_time() {
    let (mut world, conn) = expiring(100);
    world.sleep(seconds(500));
    assert_eq!(world.login_for(conn, seconds(100)), [LoggedIn(conn, "ann")]);
    assert_eq!(world.run(seconds(40)), [(seconds(540), Expiring(conn, seconds(60)))]);
}

/// [U18] [U13]
#[test]
fn a_suspension_does_not_prolong_a_login() {
    let mut listening = heartbeat(HeartbeatMode::Listen { timeout: seconds(20) });
    listening.late_tolerance = seconds(5);
    let (mut world, conn) = (World::new(Settings { heartbeat: listening, ..settings() }), ConnId::from_raw(1));
    let conn = conn.filter(|conn| *conn == world.admit()).expect("the first");
    world.login_for(conn, seconds(100));
    world.sleep(seconds(100) - NANOSECOND);
    assert_eq!(world.timer(), [Expiring(conn, NANOSECOND)]);
    world.sleep(NANOSECOND);
    assert_eq!(world.timer(), [Close(conn, 3000, None), Offline("ann")]);
    assert_eq!((world.hub.stats().suspensions, world.hub.stats().closed_silent), (1, 0));
}

/// [U18] [U8]
#[test]
fn a_login_that_expires_is_watched_like_any_other() {
    let mut world = World::new(watched());
    let conn = world.admit();
    world.login_for(conn, seconds(1_000));
    let acts = world.run(seconds(60));
    assert_eq!(acts.first(), Some(&(seconds(20), Act::Ping(conn))));
    assert_eq!(acts.get(1), Some(&(seconds(30), Close(conn, 3008, None))));
}

/// [U18]
#[test]
fn an_expiry_takes_no_heap_but_a_place_among_the_deadlines() {
    let mut world = World::new(Settings { max_anonymous: 10_000, ..settings() });
    let conns: Vec<_> = (0..10_000).map(|_| world.admit()).collect();
    let users: Vec<_> = (0..10_000).map(|nth| &*format!("user {nth}").leak()).collect();
    let mut login = |until| {
        let held = measure(|| {
            for (conn, user) in conns.iter().zip(&users) {
                world.hub.handle(world.now, Input::Login { conn: *conn, user, until }).for_each(drop);
            }
        });
        held.bytes_current
    };
    login(None);
    let each = login(Some(Timestamp::after(seconds(7_200)))) / 10_000;
    assert!(each <= 32, "{each} bytes an expiry");
}
