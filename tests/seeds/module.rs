//! The module (003), which a page uses to send through one socket: nothing is lost whatever state the socket is in,
//! and a ping goes out at once and every five seconds, to a server that answers it and to one that does not.

use std::time::Duration;

use heartline::{Backoff, Cause, ConnId, Event, Instant, Loss, Outcome, Refusal, Rhythm, Settings, State};

use crate::network::{Network, Way};
use crate::page::{CONNECT, Page, Seen, got, leave, once, openings};
use crate::real::{Client, Host};
use crate::screens::{HEART, Screens, device, event, manager, page, settings};
use crate::support::{pulse, seconds};

const URL: &str = "ws://127.0.0.1:8080/goLink/manager/ann";

/// Opens the socket, if it is known for whom, and asks for a screen as soon as the server said `open`.
fn create_socket(user: Option<&str>) -> Result<Page, &'static str> {
    let user = user.ok_or("no connection without an account")?;
    Ok(page(format!("ws://127.0.0.1:8080/goLink/manager/{user}")))
}

fn network(settings: Settings, answers_heartbeats: bool) -> Network<Screens> {
    let mut network = Network::new(Screens::served(answers_heartbeats));
    network.join(settings, create_socket(Some("ann")).expect("an account"));
    network
}

fn opened(settings: Settings, answers_heartbeats: bool) -> Network<Screens> {
    let mut network = network(settings, answers_heartbeats);
    network.say(0, CONNECT);
    network.run(seconds(1));
    assert_eq!(network.state(0), State::Open);
    network
}

/// What was sent but heartbeats.
fn said(network: &Network<Screens>) -> Vec<String> {
    network.texts(0).into_iter().map(|(_, text)| text).filter(|text| text != HEART).collect()
}

fn hearts(network: &Network<Screens>) -> Vec<u64> {
    network.texts(0).into_iter().filter(|(_, text)| text == HEART).map(|(at, _)| at).collect()
}

#[test]
fn without_an_account_there_is_no_socket() {
    assert_eq!(create_socket(None).err(), Some("no connection without an account"));
}

/// [C5] [Q4]
#[test]
fn what_is_sent_while_it_connects_is_held_and_goes_out_in_order() {
    let mut network = network(settings(), false);
    network.say(0, CONNECT);
    network.say(0, once("first"));
    network.run(Duration::from_millis(10));
    network.say(0, once("second"));
    assert_eq!(network.sent, [], "still connecting");
    network.run(seconds(1));
    assert_eq!(said(&network), ["first", "second"]);
}

/// The document connects again and forgets what was to be sent.
///
/// [Q2] [Q3] [Q4]
#[test]
fn what_is_sent_into_a_closed_socket_is_not_lost() {
    let mut network = opened(settings(), false);
    network.stop_server();
    network.run(seconds(1));
    assert_eq!(network.state(0), State::Waiting);
    network.say(0, once("into a closed socket"));
    network.run(seconds(60));
    assert_eq!(said(&network), [""; 0]);
    network.server = Some(Screens::served(false));
    network.run(seconds(10));
    assert_eq!(said(&network), ["into a closed socket"]);
    let ended = |seen: &Seen| matches!(seen, Seen::Ended(_, Outcome::Committed));
    assert_eq!(network.page(0).book.all().iter().filter(|(_, seen)| ended(seen)).count(), 1);
}

/// [Q3] [X2] [R5]
#[test]
fn what_is_sent_after_the_end_comes_back_or_waits_for_the_next_beginning() {
    let mut network = opened(settings(), false);
    network.say(0, leave());
    network.run(seconds(1));
    network.say(0, once("after closing"));
    let refused = Seen::Refused(Refusal::Closed, "after closing".into());
    assert_eq!(network.page(0).book.all().last().map(|(_, seen)| seen.clone()), Some(refused));
    network.say(0, CONNECT);
    network.say(0, once("after closing"));
    network.run(seconds(1));

    // A second tab took over: this one is idle until its user wants it back.
    let second = network.join(settings(), page(URL));
    network.say(second, CONNECT);
    network.run(seconds(10));
    assert_eq!(network.state(0), State::Idle);
    network.say(0, once("while idle"));
    network.run(seconds(60));
    network.say(0, CONNECT);
    network.run(seconds(1));
    assert_eq!(said(&network), ["after closing", "while idle"]);
}

/// [R6] [C1]
#[test]
fn to_create_the_socket_again_and_again_makes_one_connection() {
    let mut network = network(settings(), false);
    for _ in 0..5 {
        network.say(0, CONNECT);
        network.run(seconds(1));
    }
    assert_eq!(network.dialled(0), [0]);
}

/// [H2] [H3] [H9]
#[test]
fn it_pings_at_once_and_every_five_seconds_whatever_arrives_from_a_server_that_never_answers() {
    let mut network = opened(settings(), false);
    for _ in 0..3600 {
        network.serve(|_, desk| {
            let conn = desk.hub.conn_of(&manager("ann")).expect("online");
            desk.say(conn, "chatter");
        });
        network.run(seconds(1));
    }
    // The greeting came at 40 ms.
    let expected: Vec<_> = (0..=720).map(|beat| 40 + 5_000 * beat).collect();
    assert_eq!(hearts(&network), expected);
    network.silence(0, Way::Down);
    network.run(seconds(60));
    assert_eq!((network.state(0), network.dials.len()), (State::Open, 1), "no answer was expected");
}

/// [H2] [H4] [C7]
#[test]
fn it_pings_every_five_seconds_and_a_server_that_answers_is_missed_when_it_does_not() {
    let steady = Rhythm::Steady { interval: seconds(5), timeout: Some(seconds(5)) };
    let mut network = opened(Settings { heartbeat: pulse(steady), ..settings() }, true);
    network.run(seconds(60));
    assert_eq!(hearts(&network), (0..=12).map(|beat| 40 + 5_000 * beat).collect::<Vec<_>>());
    assert_eq!(network.page(0).got(), [r#"{"event":"open","msg":"ok"}"#], "the answers are not the page's");
    network.dark(0, true);
    network.run(seconds(10));
    assert_eq!(network.clients[0].session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
    network.dark(0, false);
    network.run(seconds(10));
    assert_eq!(network.state(0), State::Open);
}

/// What the document wants a heartbeat for.
///
/// [H2] [H9]
#[test]
fn a_firewall_that_forgets_idle_connections_does_not_forget_this_one() {
    let steady = settings().heartbeat.rhythm;
    for (rhythm, arrives) in [(steady, true), (Rhythm::Off, false)] {
        let mut network = opened(Settings { heartbeat: pulse(rhythm), ..settings() }, false);
        network.forgets = Some(seconds(10));
        // Shorter than the patience of the server, which notices as well.
        network.run(seconds(12));
        network.say(0, event("open_screen", "phone"));
        network.run(seconds(2));
        assert_eq!(network.page(0).got().len() == 2, arrives, "the answer that the phone is offline");
        assert_eq!(network.state(0), State::Open, "without a heart nobody noticed anything");
    }
}

/// [R1] [R2]
#[test]
fn a_connection_that_cannot_be_made_is_tried_again_and_not_in_a_frenzy() {
    let mut network = network(settings(), false);
    network.server = None;
    network.say(0, CONNECT);
    network.run(seconds(60));
    // Three seconds, and 40 ms for each refusal.
    assert_eq!(network.dialled(0), (0..20).map(|dial| dial * 3_040).collect::<Vec<_>>());
}

/// [C5]
#[test]
fn a_server_that_accepts_and_never_says_open_is_given_up() {
    let mut network = network(settings(), false);
    // What a page would make of a server that says anything else.
    network.clients[0].page.on = Box::new(|_, _, _| {});
    network.say(0, CONNECT);
    network.say(0, once("held back"));
    network.run(seconds(6));
    assert_eq!(network.page(0).planned(), [(5_040, 1, 8_040)]);
    assert_eq!(network.clients[0].session.cause(), Cause::Lost(Loss::GreetingTimeout));
    assert_eq!(network.sent, [], "nothing goes to a server that is not ready");
}

/// [X1]
#[test]
fn who_leaves_stops_the_screen_first() {
    let mut network = opened(settings(), false);
    network.say(0, event("stop_screen", "phone"));
    network.say(0, leave());
    network.run(seconds(3600));
    assert_eq!(said(&network).len(), 1);
    let last = network.sent.last().map(|(_, _, frame)| frame.is_close());
    assert_eq!((network.state(0), last, network.dials.len()), (State::Closed, Some(true), 1));
}

/// [U4] [U5] [U6] [R4] [C5] [Q2]
#[test]
fn over_real_sockets_screens_are_opened_through_a_broken_connection_and_a_second_phone() {
    let mut host = Host::start(Screens::served(true));
    let short = Duration::from_millis(50);
    let steady = Rhythm::Steady { interval: short, timeout: None };
    let settings = || Settings { heartbeat: pulse(steady), backoff: Backoff::constant(short), ..settings() };
    let connect = |host: &Host<Screens>, path: &str| {
        let page = page(host.url(path));
        let book = page.book.clone();
        (Client::connect(settings(), page), book)
    };
    let (ann, anns) = connect(&host, "/goLink/manager/ann");
    let (phone, phones) = connect(&host, "/goLink/device/phone");
    phones.wait("the phone", |notes| openings(notes) == 1);
    let opened = |times| move |notes: &[(Instant, Seen)]| requests(notes) == times;
    ann.say(event("open_screen", "phone"));
    phones.wait("a request", opened(1));

    host.stop();
    let waiting = |seen: &Seen| matches!(seen, Seen::Event(Event::StateChanged { to: State::Waiting, .. }));
    anns.wait("a broken connection", |notes| notes.iter().any(|(_, seen)| waiting(seen)));
    phones.wait("a broken connection", |notes| notes.iter().any(|(_, seen)| waiting(seen)));
    host.listen();
    phones.wait("the phone again", |notes| openings(notes) == 2);
    ann.say(event("open_screen", "phone"));
    phones.wait("what was sent when it was down, or up again", opened(2));

    let (second, seconds_book) = connect(&host, "/goLink/device/phone");
    phones.wait("its end", |notes| notes.iter().any(|(_, seen)| superseded(seen)));
    seconds_book.wait("the second phone", |notes| openings(notes) == 1);
    ann.say(event("open_screen", "phone"));
    seconds_book.wait("a request", opened(1));
    phone.leave();
    let conn: Option<ConnId> = host.serve(|_, desk| desk.hub.conn_of(&device("phone")));
    assert!(conn.is_some(), "the end of the first is not the end of the second");
    assert_eq!(requests(&phones.all()), 2);
    assert!(!got(&anns.all()).contains(&HEART.to_string()), "answers to pings are not the page's");
    second.leave();
    ann.leave();
}

fn requests(notes: &[(Instant, Seen)]) -> usize {
    let request = r#"{"event":"open_screen","fromUser":"ann"}"#;
    got(notes).iter().filter(|text| *text == request).count()
}

fn superseded(seen: &Seen) -> bool {
    let final_word = Cause::Stopped(Loss::Close(4409));
    matches!(seen, Seen::Event(Event::StateChanged { to: State::Idle, cause, .. }) if *cause == final_word)
}
