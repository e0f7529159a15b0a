//! The module (003) through which a Vue page sends over one socket: nothing is lost whatever state the socket is in,
//! and a ping goes out at once and every five seconds, to a server that answers it and to one that does not.

use heartline_testkit::sim::Frame;

use crate::java_screens::{HEART, Screens, event, page, relayed, settings};
use crate::prelude::*;

pub struct Module;

impl Document for Module {
    type Server = Screens;

    fn server() -> HubServer<Screens> {
        Screens::server(true)
    }

    fn page(base: &str) -> Page {
        page(format!("{base}/goLink/manager/ann"))
    }

    fn settings() -> Settings {
        Settings { heartbeat: periodic(seconds(5), Some(seconds(5))), ..settings() }
    }
}

/// A socket, if it is known for whom.
fn create_socket(user: Option<&str>) -> Result<Page, &'static str> {
    let user = user.ok_or("no connection without an account")?;
    Ok(page(format!("ws://server/goLink/manager/{user}")))
}

fn ann() -> Page {
    create_socket(Some("ann")).expect("an account")
}

/// A page that has not connected yet, to a server that answers no heartbeat.
fn created() -> System<Screens> {
    let mut system = System::of(Screens::server(false));
    system.join(settings(), ann());
    system
}

/// What was sent but heartbeats.
fn messages(system: &System<Screens>) -> Vec<String> {
    system.sent_by(0).into_iter().map(|(_, text)| text).filter(|text| text != HEART).collect()
}

#[test]
fn without_an_account_there_is_no_socket() {
    assert_eq!(create_socket(None).err(), Some("no connection without an account"));
}

/// The document connects again where the socket is closed, and forgets what was to be sent.
///
/// [C5] [Q2] [Q3] [Q4] [R5] [X2]
#[test]
fn what_is_sent_goes_out_once_and_in_order_whatever_state_the_socket_is_in() {
    let mut system = created();
    system.input(0, Input::Connect);
    system.send(0, at_most_once("connecting"));
    system.run(millis(10));
    system.send(0, at_most_once("still connecting"));
    assert_eq!(system.written(0), []);
    system.run(seconds(1));

    system.stop();
    system.run(seconds(1));
    system.send(0, at_most_once("waiting"));
    system.run(seconds(60));
    assert_eq!((system.state(0), messages(&system).len()), (State::Waiting, 2));
    system.start(Screens::server(false));
    system.run(seconds(10));

    // The document sends nothing while the socket is closing, and tells nobody.
    system.leave(0);
    for (text, state) in [("closing", State::Closing), ("closed", State::Closed)] {
        assert_eq!(system.state(0), state);
        system.send(0, at_most_once(text));
        let last = system.log(0).pop().map(|(_, notice)| notice);
        assert_eq!(last, Some(Notice::Refused(Refusal::Closed, text.into())));
        system.run(seconds(1));
    }
    system.input(0, Input::Connect);
    system.run(seconds(1));

    // A second tab takes over: this one is idle until its user wants it back.
    system.open(settings(), ann());
    system.run(seconds(10));
    assert_eq!(system.state(0), State::Idle);
    system.send(0, at_most_once("idle"));
    system.run(seconds(60));
    system.input(0, Input::Connect);
    system.run(seconds(1));
    assert_eq!(messages(&system), ["connecting", "still connecting", "waiting", "idle"]);
    let transmitted = |notice| matches!(notice, Notice::Outcome(_, Outcome::Transmitted)).then_some(());
    assert_eq!(system.times(0, transmitted).count(), 4);
}

/// The document closes the socket and creates another, whose `onclose` may come when the new one is there.
///
/// [R9] [C1] [C3]
#[test]
fn another_account_is_another_connection_and_the_old_one_is_gone() {
    let account = Arc::new(Mutex::new("ann"));
    let current = Arc::clone(&account);
    let url = move |_| format!("ws://server/goLink/manager/{}", current.lock().expect("nobody panics here"));
    let mut system = System::opened(Screens::server(false), settings(), Page { url: Box::new(url), ..page("") });
    *account.lock().expect("nobody panics here") = "bob";
    system.input(0, Input::Reconnect);
    system.send(0, at_most_once("between two sockets"));
    system.run(seconds(60));
    assert_eq!(messages(&system), ["between two sockets"]);
    let online: Vec<_> = system.hub().online().map(|(user, _)| user.clone()).collect();
    assert_eq!((online, system.hub().connections()), (vec!["manager/bob".to_string()], 1));
    assert_eq!((system.dials(0), system.retries(0)), (vec![0, 1_000], vec![]), "no loss, and no delay");
}

/// [C1] [R2] [R6] [R9]
#[test]
fn whatever_a_user_clicks_and_the_server_does_the_dials_are_a_quarter_of_a_second_apart() {
    for clicked in [Input::Connect, Input::Reconnect, Input::NetworkChanged] {
        for server_is_up in [true, false] {
            let mut system = created();
            if !server_is_up {
                system.stop();
            }
            system.input(0, Input::Connect);
            for _ in 0..1_000 {
                system.run(millis(10));
                system.input(0, clicked.clone());
            }
            let (dials, dials_again) = (system.dials(0), clicked == Input::Reconnect || !server_is_up);
            let case = format!("{clicked:?}, {server_is_up}: {dials:?}");
            assert!(dials.windows(2).all(|pair| pair[1] - pair[0] >= 250), "{case}");
            assert!(if dials_again { dials.len() > 30 } else { dials == [0] }, "{case}");
        }
    }
}

/// [H2] [H3] [H9] [C7]
#[test]
fn it_pings_at_once_and_every_five_seconds_whatever_arrives_and_whether_or_not_the_server_answers() {
    for (settings, server_answers) in [(settings(), false), (Module::settings(), true)] {
        let mut system = System::opened(Screens::server(server_answers), settings, ann());
        for _ in 0..600 {
            system.act(|protocol, server| Module::push(protocol, server, "chatter"));
            system.run(seconds(1));
        }
        // The greeting came at 40 ms.
        assert_eq!(system.hearts(0), (0..=120).map(|beat| 40 + 5_000 * beat).collect::<Vec<_>>());
        assert_eq!(system.got(0).len(), 1 + 600, "the answers are not the page's");
        system.lose_down(0);
        system.run(seconds(60));
        assert_eq!(system.dials(0).len(), if server_answers { 2 } else { 1 }, "without answers none is missed");
    }
}

/// What the document wants a heartbeat for.
///
/// [H2] [H9]
#[test]
fn a_firewall_that_forgets_connections_after_ten_silent_seconds_does_not_forget_this_one() {
    for (heartbeat, arrives) in [(settings().heartbeat, true), (off(), false)] {
        let settings = Settings { heartbeat, ..settings() };
        let mut system = System::opened(Screens::server(false), settings, ann());
        // Shorter than the patience of the server, which would notice as well.
        for _ in 0..12 {
            system.run(seconds(1));
            let last = system.written(0).last().map_or(millis(40), |(at, ..)| at.since_origin());
            if system.now().since_origin() - last > seconds(10) {
                system.lose_down(0);
            }
        }
        system.send(0, event("dance", "phone"));
        system.run(seconds(2));
        assert_eq!(system.got(0).len() == 2, arrives, "the answer that nobody knows this event");
        assert_eq!(system.state(0), State::Open, "without a heart nobody noticed anything");
    }
}

/// [C5]
#[test]
fn a_server_that_accepts_and_never_sends_open_is_given_up() {
    let mut system = System::of(Screens::server(false));
    // As if the server sent anything else.
    system.open(settings(), Page { on: Box::new(|_, _, _| {}), ..ann() });
    system.send(0, at_most_once("held back"));
    system.run(seconds(6));
    assert_eq!(system.retries(0), [(5_040, 1, 8_040)]);
    assert_eq!(system.cause(0), Cause::Lost(Loss::GreetingTimeout));
    assert_eq!(system.written(0), [], "nothing goes to a server that is not ready");
}

/// [X1]
#[test]
fn a_page_that_leaves_stops_the_screen_first() {
    let mut system = opened::<Module>();
    system.send(0, event("stop_screen", "phone"));
    system.leave(0);
    system.run(seconds(3600));
    assert_eq!(messages(&system).len(), 1);
    let last = system.written(0).last().map(|(_, frame)| frame.clone());
    assert_eq!(
        (system.state(0), last, system.dials(0).len()),
        (State::Closed, Some(Frame::Close { code: 1000, retry_after: None }), 1)
    );
}

/// [U4] [U5] [U6] [R4] [C5] [Q2]
#[test]
fn over_real_sockets_screens_are_opened_through_a_broken_connection_and_a_second_phone() {
    let mut server = RealServer::start(Screens::server(true));
    let open = |url| RealPage::open(fast(periodic(millis(50), None), settings()), page(url));
    let ann = open(server.url("/goLink/manager/ann"));
    let phone = open(server.url("/goLink/device/phone"));
    let requests = |log: &Notices| texts(log).iter().filter(|text| **text == relayed("open_screen", "ann")).count();
    phone.log.wait("the phone", |log| openings(log) == 1);
    ann.send(event("open_screen", "phone"));
    phone.log.wait("a request", |log| requests(log) == 1);

    server.stop();
    for page in [&ann, &phone] {
        page.log.wait("a broken connection", |log| log.iter().any(|(_, notice)| notice.enters(State::Waiting)));
    }
    server.listen();
    phone.log.wait("the phone again", |log| openings(log) == 2);
    ann.send(event("open_screen", "phone"));
    phone.log.wait("what was sent when it was down, or up again", |log| requests(log) == 2);

    let second = open(server.url("/goLink/device/phone"));
    phone.log.wait("its end", |log| log.iter().any(|(_, notice)| notice.enters(State::Idle)));
    second.log.wait("the second phone", |log| openings(log) == 1);
    ann.send(event("open_screen", "phone"));
    second.log.wait("a request", |log| requests(log) == 1);
    let superseded = phone.leave();
    let stopped = Event::StateChanged { from: State::Open, to: State::Idle, cause: Cause::Stopped(Loss::Close(4409)) };
    assert!(superseded.iter().any(|(_, notice)| *notice == Notice::Event(stopped)));
    assert_eq!(requests(&superseded), 2);
    let conn = server.act(|_, server| server.hub.conn_of(&"device/phone".into()));
    assert!(conn.is_some(), "the end of the first is not the end of the second");
    second.leave();
    assert!(!texts(&ann.leave()).contains(&HEART.to_string()), "answers to pings are not the page's");
}
