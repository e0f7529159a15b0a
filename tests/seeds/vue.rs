//! The Vue component (001): a heart of JSON each minute, and a retry each minute until the component is gone.

use std::time::Duration;

use heartline::hub;
use heartline::{Backoff, Cause, ConnId, Input, Loss, MessageId, Outcome, Settings, State, Transport};

use crate::app::Say;
use crate::network::{Network, Way};
use crate::page::{CONNECT, Page, Seen, at_least_once, leave, openings};
use crate::real::{Client, Host};
use crate::serving::{Desk, Rules, Served};
use crate::support::{pulse, seconds, when_idle};

const HEART: &str = r#"{"heart":1}"#;
const OPENING: &str = r#"{"id":"a1b2c3"}"#;

/// The server: answers a heart with a heart, acknowledges what has a number, and pushes data to whoever named an id.
struct Backend;

impl Rules for Backend {
    type Key = String;

    fn text(&mut self, desk: &mut Desk<String>, conn: ConnId, text: &str) {
        let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(id) = json["id"].as_str() {
            desk.input(hub::Input::Login { conn, user: id.into() });
        } else if json["heart"] == 1 {
            desk.input(hub::Input::Ping { conn });
        } else if let Some(number) = json["number"].as_u64() {
            desk.say(conn, format!(r#"{{"ack":{number}}}"#));
        } else {
            desk.input(hub::Input::Unknown { conn });
        }
    }
}

fn served() -> Served<Backend> {
    let heartbeat = pulse(heartline::Rhythm::Listen { window: seconds(180) });
    Served::new(hub::Settings { heartbeat, ..Default::default() }, Backend).answering(HEART)
}

/// The component: whatever is no heart is data to render.
fn component(url: impl Into<String>) -> Page {
    Page {
        opening: vec![OPENING.into()],
        ping: HEART.into(),
        is_pong: |text| serde_json::from_str(text).is_ok_and(|json: serde_json::Value| json["heart"] == 1),
        on: Box::new(|_, action, answers| {
            let heartline::Action::Deliver(message) = action else { return };
            let json: serde_json::Value = serde_json::from_str(message.to_text().expect("text")).unwrap_or_default();
            if let Some(number) = json["ack"].as_u64() {
                answers.push(Say::Input(Input::Acked { id: MessageId::from_raw(number) }));
            }
        }),
        ..Page::at(url)
    }
}

fn settings() -> Settings {
    Settings {
        heartbeat: pulse(when_idle(seconds(60), seconds(60))),
        backoff: Backoff::constant(seconds(60)),
        ..Settings::default()
    }
}

fn mounted(settings: Settings) -> Network<Backend> {
    let mut network = Network::new(served());
    network.join(settings, component("ws://backend/ajaxchattest"));
    network.say(0, CONNECT);
    network.run(seconds(1));
    assert_eq!(network.state(0), State::Open);
    network
}

/// [Q2] [H2]
#[test]
fn it_says_who_it_is_when_it_opens_and_then_a_heart_for_each_minute_of_silence() {
    let mut network = mounted(settings());
    network.run(seconds(180));
    let expected = [(40, OPENING), (60_040, HEART), (120_080, HEART), (180_120, HEART)];
    assert_eq!(network.texts(0), expected.map(|(at, text)| (at, text.to_string())));
}

/// [H1] [C7]
#[test]
fn data_is_rendered_and_begins_the_minute_anew_and_the_answer_to_a_heart_is_no_data() {
    let mut network = mounted(settings());
    network.run(seconds(49));
    network.serve(|_, desk| {
        let conn = desk.hub.conn_of(&"a1b2c3".to_string()).expect("online");
        desk.say(conn, r#"{"value":7}"#);
    });
    network.run(seconds(61));
    assert_eq!(network.texts(0).last(), Some(&(110_020, HEART.to_string())));
    network.run(seconds(3600));
    assert_eq!(network.page(0).got(), [r#"{"value":7}"#]);
}

/// In the document both handlers set a timer, and a minute later there are two connections.
///
/// [C6] [R1]
#[test]
fn an_error_and_a_close_are_one_loss_and_lead_to_one_dial() {
    let mut network = mounted(settings());
    network.kill(0);
    network.run(seconds(600));
    // The network reports every end twice.
    assert_eq!(network.clients[0].session.stats().stale, 1);
    assert_eq!(network.page(0).planned(), [(1_020, 1, 61_020)]);
    assert_eq!(network.dialled(0), [0, 61_020]);
    assert_eq!(network.server.as_ref().expect("a server").desk.hub.connections(), 1);
}

/// [C3] [C6]
#[test]
fn a_close_that_is_reported_when_the_next_connection_is_open_does_not_touch_it() {
    let mut network = mounted(settings());
    let old = network.clients[0].session.conn().expect("a connection");
    network.kill(0);
    network.run(seconds(70));
    let closed = Loss::Close(1006).into();
    network.say(0, Say::Input(Input::Closed { conn: old, closed }));
    network.run(seconds(600));
    assert_eq!((network.state(0), network.dials.len()), (State::Open, 2));
}

/// [R1] [R2] [R4]
#[test]
fn a_server_that_is_not_there_is_dialled_each_minute_for_as_long_as_it_takes() {
    let mut network = Network::new(served());
    network.server = None;
    network.join(settings(), component("ws://backend/ajaxchattest"));
    network.say(0, CONNECT);
    network.run(seconds(24 * 3600));
    let expected: Vec<_> = (0..1440).map(|dial| dial * 60_040).filter(|at| *at < 24 * 3_600_000).collect();
    assert_eq!(network.dialled(0), expected);
    network.server = Some(served());
    network.run(seconds(61));
    assert_eq!(network.state(0), State::Open);
}

/// [R4] [R5] [R3]
#[test]
fn if_it_is_to_be_five_times_at_most_it_is_five_times_until_somebody_asks_again() {
    let mut network = mounted(Settings { max_attempts: Some(5), ..settings() });
    network.stop_server();
    network.run(seconds(3600));
    assert_eq!(network.dials.len(), 1 + 5);
    assert_eq!(network.state(0), State::Idle);
    assert_eq!(network.clients[0].session.cause(), Cause::Exhausted(Loss::Transport(Transport::Connect)));

    network.server = Some(served());
    network.say(0, CONNECT);
    network.run(seconds(60));
    assert_eq!((network.state(0), network.dials.len()), (State::Open, 7));
    network.kill(0);
    network.run(seconds(62));
    assert_eq!(network.state(0), State::Open, "the five begin anew");
}

/// [H4] [H9]
#[test]
fn a_network_that_is_cut_without_a_word_is_noticed_within_two_minutes() {
    let mut network = mounted(settings());
    network.dark(0, true);
    network.run(seconds(120));
    assert_eq!(network.page(0).planned(), [(120_040, 1, 180_040)]);
    network.dark(0, false);
    network.run(seconds(61));
    assert_eq!(network.state(0), State::Open);
}

/// [H4] [U5]
#[test]
fn a_backend_that_hears_and_does_not_answer_is_noticed_like_a_cut() {
    let mut network = mounted(settings());
    network.silence(0, Way::Down);
    network.run(seconds(120));
    assert_eq!(network.clients[0].session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
    network.run(seconds(600));
    assert_eq!((network.state(0), network.dials.len()), (State::Open, 2));
}

/// [Q3] [Q5]
#[test]
fn what_was_sent_into_a_cut_network_arrives_when_it_is_whole_again() {
    let mut network = mounted(settings());
    network.dark(0, true);
    network.run(seconds(5));
    network.say(0, at_least_once(r#"{"number":2}"#));
    network.run(seconds(300));
    network.dark(0, false);
    network.run(seconds(61));
    let acked = Seen::Ended(MessageId::from_raw(2), Outcome::Acked);
    assert!(network.page(0).book.all().iter().any(|(_, seen)| *seen == acked));
    let heard = network.server.as_ref().expect("a server").desk.heard.all();
    assert_eq!(heard.iter().filter(|(_, text)| text.contains("number")).count(), 1);
}

/// Lets a component go after `meanwhile`, gives it all the time to come back, and wants to see it gone.
fn gone(meanwhile: impl FnOnce(&mut Network<Backend>), expected: Cause) {
    let mut network = mounted(settings());
    meanwhile(&mut network);
    network.say(0, leave());
    network.run(seconds(10));
    let (dials, notes) = (network.dials.len(), network.page(0).book.all().len());
    network.run(seconds(24 * 3600));
    let session = &network.clients[0].session;
    assert_eq!((network.dials.len(), network.page(0).book.all().len()), (dials, notes), "something happened");
    assert_eq!((session.state(), session.cause(), session.deadline()), (State::Closed, expected, None));
    assert!(network.server.is_none_or(|server| server.desk.hub.connections() == 0), "the server has it still");
}

/// In the document the close that the component asks for is a close like any other, and leads to a dial.
///
/// [X1] [X2] [C6]
#[test]
fn gone_while_open_means_no_dial_after_it() {
    gone(|_| {}, Cause::Lost(Loss::Close(1000)));
}

/// [X1] [X2]
#[test]
fn gone_while_it_waits_for_the_next_dial_means_no_dial_after_it() {
    let cut = |network: &mut Network<Backend>| {
        network.kill(0);
        network.run(seconds(30));
        assert_eq!(network.state(0), State::Waiting);
    };
    gone(cut, Cause::Requested);
}

/// [X1] [C3]
#[test]
fn gone_while_it_dials_means_that_the_dial_which_succeeds_all_the_same_is_dropped() {
    let dial = |network: &mut Network<Backend>| {
        network.kill(0);
        network.run(Duration::from_millis(60_025));
        assert_eq!(network.state(0), State::Connecting);
    };
    gone(dial, Cause::Requested);
}

/// [X1]
#[test]
fn gone_while_the_network_is_cut_means_no_dial_after_it() {
    gone(|network| network.dark(0, true), Cause::CloseTimeout);
}

/// [C6] [R1] [H2] [X2]
#[test]
fn over_real_sockets_one_loss_is_one_dial_and_after_the_component_there_is_none() {
    let mut host = Host::start(served());
    let heard = host.serve(|_, desk| desk.heard.clone());
    let page = component(host.url("/ajaxchattest"));
    let book = page.book.clone();
    let short = Duration::from_millis(40);
    let settings = Settings {
        heartbeat: pulse(when_idle(short, seconds(5))),
        backoff: Backoff::constant(short),
        min_dial_gap: short,
        ..settings()
    };
    let client = Client::connect(settings, page);
    for round in 1..=3 {
        let before = heard.all().len();
        book.wait("an opening", |notes| openings(notes) == round);
        let beats = |notes: &[(ConnId, String)]| notes[before..].iter().any(|(_, text)| text == HEART);
        heard.wait("a heartbeat", beats);
        if round == 2 {
            host.stop();
            book.wait("refused dials", |notes| notes.iter().filter(|(_, seen)| refused(seen)).count() >= 3);
            host.listen();
        } else if round == 1 {
            host.kill();
        }
    }
    client.leave();
    let notes = book.all();
    let count = |what: fn(&Seen) -> bool| notes.iter().filter(|(_, seen)| what(seen)).count();
    let dials = count(|seen| matches!(seen, Seen::Dial(_)));
    let losses = count(|seen| matches!(seen, Seen::Planned { .. }));
    assert_eq!(dials, 1 + losses, "each loss one dial, and none after the close");
}

fn refused(seen: &Seen) -> bool {
    matches!(seen, Seen::Planned { cause: Cause::Lost(Loss::Transport(Transport::Connect)), .. })
}
