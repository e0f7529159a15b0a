//! Which requests are admitted, and under which names.

use heartline::hub::{Admission, Denial, Origins, Request, Settings};
use heartline::{CloseCode, ConnId};

use crate::world::{Input, REQUEST, World, plain, seconds};

fn world(admission: Admission) -> World {
    World::new(Settings { admission, ..plain() })
}

/// The answer to a request: the subprotocol, or the status and the reason.
fn ask(world: &mut World, request: &Request<'_>) -> Result<Option<String>, (u16, Denial)> {
    let admitted = world.hub.admit(world.now, request).map(|admitted| admitted.protocol.map(String::from));
    admitted.map_err(|denied| (denied.status(), denied.reason))
}

/// Checks which origins may connect to `host`.
fn check(origins: Origins, host: &str, admitted: &[&str], denied: &[&str]) {
    let mut world = world(Admission { origins, ..Admission::default() });
    for (origins, answer) in [(admitted, Ok(None)), (denied, Err((403, Denial::Origin)))] {
        for origin in origins {
            assert_eq!(
                ask(&mut world, &Request { origin: Some(origin), host, ..REQUEST }),
                answer,
                "{origin} to {host}"
            );
        }
    }
}

/// [U1]
#[test]
fn ids_strictly_increase_no_matter_who_leaves_in_between() {
    let mut world = World::new(plain());
    let (mut open, mut all) = (Vec::<ConnId>::new(), Vec::new());
    for round in 0..500 {
        all.push(world.admit());
        open.push(all[round]);
        if round % 3 != 0 {
            let gone = open.remove(round * 7 % open.len());
            world.closed(gone);
        }
    }
    assert!(all.is_sorted_by(|earlier, later| earlier < later));
}

/// [U1] [U5]
#[test]
fn the_name_of_a_connection_that_is_gone_means_nothing_to_the_one_in_its_place() {
    let (mut world, [gone]) = World::with(plain(), ["ann"]);
    world.closed(gone);
    let bob = world.user("bob");
    assert_eq!(world.closed(gone), []);
    assert_eq!((world.online(), world.hub.connections()), (vec![("bob", bob)], 1));
}

/// [U1]
#[test]
fn a_name_that_was_never_minted_changes_nothing_and_is_counted() {
    let (mut world, [_ann]) = World::with(plain(), ["ann"]);
    for (nth, raw) in (1..).zip([2, 7, (1 << 20) | 1, u64::MAX]) {
        let conn = ConnId::from_raw(raw).expect("not zero");
        assert_eq!((world.closed(conn), world.alive(conn)), (vec![], vec![]));
        assert_eq!((world.hub.stats().ignored, world.hub.stats().stale), (2 * nth, 0));
    }
    assert_eq!(world.online().len(), 1);
}

/// [U2]
#[test]
fn the_same_origin_is_that_of_the_host_header() {
    let denied = ["https://evil.example", "https://example.org.evil.example", "https://example.org@evil.example"];
    check(Origins::Same, "example.org", &["https://example.org", "http://Example.ORG"], &denied);
    let denied = ["http://localhost:8081", "http://localhost", "localhost:8080"];
    check(Origins::Same, "localhost:8080", &["http://localhost:8080"], &denied);
    check(Origins::Same, "[::1]:8080", &["http://[::1]:8080"], &["http://[::1]"]);
    check(Origins::Same, "example.org", &[], &["example.org"]);
    check(Origins::Same, "null", &[], &["null"]);
    check(Origins::Same, "", &[], &[""]);
}

/// [U2]
#[test]
fn of_a_list_of_origins_only_these_are_admitted_and_any_origin_is_any() {
    let list = Origins::List(vec!["https://app.example".into(), "http://localhost:3000".into()]);
    let admitted = ["https://app.example", "HTTPS://App.Example", "http://localhost:3000"];
    let denied = ["https://app.example:444", "http://app.example", "https://api.example", "null"];
    check(list, "api.example", &admitted, &denied);
    check(Origins::Any, "example.org", &["https://evil.example", "null", ""], &[]);
}

/// [U2]
#[test]
fn a_missing_origin_is_decided_by_its_own_setting() {
    for origins in [Origins::Any, Origins::Same, Origins::List(Vec::new())] {
        for (without_origin, expected) in [(true, Ok(None)), (false, Err((403, Denial::Origin)))] {
            let admission = Admission { origins: origins.clone(), without_origin, ..Admission::default() };
            assert_eq!(ask(&mut world(admission), &REQUEST), expected, "{origins:?}");
        }
    }
}

/// [U2]
#[test]
fn the_servers_first_protocol_that_the_client_offers_is_chosen() {
    for protocol_required in [false, true] {
        let protocols = vec!["chat.v2".into(), "chat.v1".into()];
        let mut world = world(Admission { protocols, protocol_required, ..Admission::default() });
        let none = if protocol_required { Err((400, Denial::Protocol)) } else { Ok(None) };
        for (offered, chosen) in [
            (&["chat.v1", "chat.v2"][..], Ok(Some("chat.v2".into()))),
            (&["other", "chat.v1"], Ok(Some("chat.v1".into()))),
            (&["CHAT.V1", "chat"], none.clone()),
            (&[], none),
        ] {
            assert_eq!(ask(&mut world, &Request { protocols: offered, ..REQUEST }), chosen, "{offered:?}");
        }
    }
}

/// [U2]
#[test]
fn a_full_hub_denies_until_a_connection_is_gone_and_not_merely_closing() {
    let (mut world, [ann, _bob]) = World::with(Settings { max_connections: 2, ..plain() }, ["ann", "bob"]);
    assert_eq!(ask(&mut world, &REQUEST), Err((503, Denial::TooManyConnections)));
    world.close(ann);
    assert_eq!(ask(&mut world, &REQUEST), Err((503, Denial::TooManyConnections)));
    world.closed(ann);
    assert_eq!(ask(&mut world, &REQUEST), Ok(None));
}

/// [U2]
#[test]
fn anonymous_connections_have_their_own_limit() {
    let mut world = World::new(Settings { max_anonymous: 2, ..plain() });
    let [first, second] = [world.admit(), world.admit()];
    assert_eq!(ask(&mut world, &REQUEST), Err((503, Denial::Anonymous)));
    world.login(first, "ann");
    assert_eq!(ask(&mut world, &REQUEST), Ok(None), "one has logged in");
    assert_eq!(ask(&mut world, &REQUEST), Err((503, Denial::Anonymous)));
    world.input(Input::Close { conn: second, code: CloseCode::NORMAL });
    assert_eq!(ask(&mut world, &REQUEST), Ok(None), "one is being closed");
    assert_eq!(world.hub.anonymous(), 2);
}

/// [U2] [U12]
#[test]
fn nobody_is_admitted_during_a_shutdown_or_after_it() {
    let (mut world, [ann]) = World::with(plain(), ["ann"]);
    world.shut_down(seconds(10), seconds(30));
    for origin in [None, Some("null")] {
        assert_eq!(ask(&mut world, &Request { origin, ..REQUEST }), Err((503, Denial::ShuttingDown)));
    }
    world.closed(ann);
    assert_eq!(ask(&mut world, &REQUEST), Err((503, Denial::ShuttingDown)));
}

/// [U2]
#[test]
fn a_crowd_that_is_denied_is_asked_to_come_back_at_different_times() {
    let settings = Settings { max_connections: 1, retry_after: seconds(10), ..plain() };
    let mut world = World::new(settings.clone());
    world.admit();
    let mut wait = || world.hub.admit(world.now, &REQUEST).expect_err("full").retry_after.expect("not for ever");
    let waits: Vec<_> = (0..1000).map(|_| wait()).collect();
    let mut fifths = [0; 5];
    waits
        .iter()
        .for_each(|wait| fifths[(wait.checked_sub(seconds(10)).expect("no sooner").as_secs() / 2) as usize] += 1);
    // Each is 200 give or take 12.6: these are five times that.
    assert!(fifths.iter().all(|count| (137..=263).contains(count)), "{fifths:?}");

    let mut at_once = World::new(Settings { retry_after: seconds(0), ..settings });
    at_once.admit();
    let denied = at_once.hub.admit(at_once.now, &REQUEST).expect_err("full");
    assert_eq!(denied.retry_after, Some(seconds(0)));
}

/// [U2]
#[test]
fn a_denial_changes_nothing_but_its_count_and_says_whether_to_come_back() {
    let mut world = World::new(Settings { max_connections: 1, admission: Admission::default(), ..plain() });
    let denied = world.hub.admit(world.now, &Request { origin: Some("null"), ..REQUEST }).expect_err("a wrong origin");
    assert_eq!((denied.to_string(), denied.retry_after), ("the origin is not allowed: HTTP 403".into(), None));
    assert_eq!((world.hub.connections(), world.hub.anonymous(), world.deadline()), (0, 0, None));
    world.admit();
    let denied = world.hub.admit(world.now, &REQUEST).expect_err("full");
    assert_eq!((denied.to_string(), denied.retry_after.is_some()), ("too many connections: HTTP 503".into(), true));
    assert_eq!((world.hub.stats().admitted, world.hub.stats().denied), (1, 2));
}
