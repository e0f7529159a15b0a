//! Who gets in, and under which name.

use heartline::hub::{Admission, Denial, Origins, Request, Settings};
use heartline::{CloseCode, ConnId};

use crate::desk::{Desk, Input, REQUEST, plain, raw, seconds};

fn admission(admission: Admission) -> Desk {
    Desk::new(Settings { admission, ..plain() })
}

/// What a request leads to: the sub-protocol, or the status and the reason.
fn ask(desk: &mut Desk, request: &Request<'_>) -> Result<Option<String>, (u16, Denial)> {
    let admitted = desk.request(request).map(|admitted| admitted.protocol.map(String::from));
    admitted.map_err(|denied| (denied.status(), denied.reason))
}

fn origin<'a>(origin: Option<&'a str>, host: &'a str) -> Request<'a> {
    Request { origin, host, protocols: &[] }
}

/// [U1]
#[test]
fn ids_strictly_increase_whoever_leaves_in_between() {
    let mut desk = Desk::new(plain());
    let (mut open, mut all) = (Vec::<ConnId>::new(), Vec::new());
    for round in 0..500 {
        all.push(desk.admit());
        open.push(all[round]);
        if round % 3 != 0 {
            let gone = open.remove(round * 7 % open.len());
            desk.closed(gone);
        }
    }
    assert!(all.is_sorted_by(|earlier, later| earlier < later));
}

/// [U1] [U5]
#[test]
fn the_name_of_a_connection_that_is_gone_means_nothing_to_the_one_in_its_place() {
    let (mut desk, [gone]) = Desk::with(plain(), ["ann"]);
    desk.closed(gone);
    let bob = desk.user("bob");
    assert_eq!(desk.closed(gone), []);
    assert_eq!((desk.online(), desk.hub.connections()), (vec![("bob", bob)], 1));
}

/// [U1]
#[test]
fn a_name_that_was_never_minted_changes_nothing_and_is_counted() {
    let (mut desk, [_ann]) = Desk::with(plain(), ["ann"]);
    for (nth, conn) in (1..).zip([raw(1), raw(7), raw(u64::MAX)]) {
        assert_eq!(desk.closed(conn), []);
        assert_eq!(desk.alive(conn), []);
        assert_eq!((desk.hub.stats().ignored, desk.hub.stats().stale), (2 * nth, 0));
    }
    assert_eq!(desk.online().len(), 1);
}

/// [U2]
#[test]
fn the_same_origin_is_that_of_the_host_header() {
    let mut desk = admission(Admission::default());
    for (from, host) in [
        ("https://example.org", "example.org"),
        ("http://Example.ORG", "example.org"),
        ("http://localhost:8080", "localhost:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ] {
        assert_eq!(ask(&mut desk, &origin(Some(from), host)), Ok(None), "{from}");
    }
    for (from, host) in [
        ("https://evil.example", "example.org"),
        ("https://example.org.evil.example", "example.org"),
        ("https://example.org@evil.example", "example.org"),
        ("http://localhost:8081", "localhost:8080"),
        ("http://localhost", "localhost:8080"),
        ("example.org", "example.org"),
        ("null", "null"),
        ("", ""),
    ] {
        assert_eq!(ask(&mut desk, &origin(Some(from), host)), Err((403, Denial::Origin)), "{from}");
    }
}

/// [U2]
#[test]
fn only_the_origins_of_the_list_are_admitted() {
    let list = Origins::List(vec!["https://app.example".into(), "http://localhost:3000".into()]);
    let mut desk = admission(Admission { origins: list, ..Admission::default() });
    for from in ["https://app.example", "HTTPS://App.Example", "http://localhost:3000"] {
        assert_eq!(ask(&mut desk, &origin(Some(from), "api.example")), Ok(None), "{from}");
    }
    for from in ["https://app.example:444", "http://app.example", "https://api.example", "null"] {
        assert_eq!(ask(&mut desk, &origin(Some(from), "api.example")), Err((403, Denial::Origin)), "{from}");
    }
}

/// [U2]
#[test]
fn any_origin_is_any_origin() {
    let mut desk = admission(Admission { origins: Origins::Any, ..Admission::default() });
    for from in ["https://evil.example", "null", ""] {
        assert_eq!(ask(&mut desk, &origin(Some(from), "example.org")), Ok(None), "{from}");
    }
}

/// [U2]
#[test]
fn a_missing_origin_is_decided_by_its_own_setting() {
    for origins in [Origins::Any, Origins::Same, Origins::List(Vec::new())] {
        for (without_origin, expected) in [(true, Ok(None)), (false, Err((403, Denial::Origin)))] {
            let admitted = Admission { origins: origins.clone(), without_origin, ..Admission::default() };
            assert_eq!(ask(&mut admission(admitted), &REQUEST), expected, "{origins:?}");
        }
    }
}

/// [U2]
#[test]
fn the_servers_first_protocol_that_the_client_offers_is_chosen() {
    let protocols = vec!["chat.v2".to_string(), "chat.v1".to_string()];
    for required in [false, true] {
        let mut desk =
            admission(Admission { protocols: protocols.clone(), protocol_required: required, ..Admission::default() });
        let none = if required { Err((400, Denial::Protocol)) } else { Ok(None) };
        for (offered, chosen) in [
            (&["chat.v1", "chat.v2"][..], Ok(Some("chat.v2".into()))),
            (&["other", "chat.v1"], Ok(Some("chat.v1".into()))),
            (&["CHAT.V1", "chat"], none.clone()),
            (&[], none),
        ] {
            assert_eq!(ask(&mut desk, &Request { protocols: offered, ..REQUEST }), chosen, "{offered:?}");
        }
    }
}

/// [U2]
#[test]
fn a_full_hub_denies_until_a_connection_is_gone_and_not_merely_closing() {
    let mut desk = Desk::new(Settings { max_connections: 2, ..plain() });
    let ann = desk.user("ann");
    desk.user("bob");
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::Full)));
    desk.input(Input::Close { conn: ann, code: CloseCode::NORMAL });
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::Full)));
    desk.closed(ann);
    assert_eq!(ask(&mut desk, &REQUEST), Ok(None));
}

/// [U2]
#[test]
fn anonymous_connections_have_their_own_limit() {
    let mut desk = Desk::new(Settings { max_anonymous: 2, ..plain() });
    let [first, second] = [desk.admit(), desk.admit()];
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::Anonymous)));
    desk.login(first, "ann");
    assert_eq!(ask(&mut desk, &REQUEST), Ok(None), "one has logged in");
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::Anonymous)));
    desk.input(Input::Close { conn: second, code: CloseCode::NORMAL });
    assert_eq!(ask(&mut desk, &REQUEST), Ok(None), "one is being closed");
    assert_eq!(desk.hub.anonymous(), 2);
}

/// [U2] [U12]
#[test]
fn nobody_is_admitted_during_a_shutdown_or_after_it() {
    let (mut desk, [ann]) = Desk::with(plain(), ["ann"]);
    desk.shut_down(seconds(10), seconds(30));
    let evil = Request { origin: Some("null"), ..REQUEST };
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::ShuttingDown)));
    assert_eq!(ask(&mut desk, &evil), Err((503, Denial::ShuttingDown)));
    desk.closed(ann);
    assert_eq!(ask(&mut desk, &REQUEST), Err((503, Denial::ShuttingDown)));
}

/// [U2]
#[test]
fn a_denial_leaves_no_trace_but_its_count_and_says_whether_to_come_back() {
    let mut desk = Desk::new(Settings { max_connections: 1, admission: Admission::default(), ..plain() });
    let denied = desk.request(&origin(Some("null"), "example.org")).expect_err("a wrong origin");
    assert_eq!((denied.to_string(), denied.retry_after), ("the origin is not allowed: HTTP 403".into(), None));
    assert_eq!((desk.hub.connections(), desk.hub.anonymous(), desk.hub.deadline()), (0, 0, None));
    desk.admit();
    let denied = desk.request(&REQUEST).expect_err("full");
    assert_eq!((denied.to_string(), denied.retry_after.is_some()), ("too many connections: HTTP 503".into(), true));
    assert_eq!((desk.hub.stats().admitted, desk.hub.stats().denied), (1, 2));
}
