//! The Angular controller (004): two subscriptions at each opening, and only then the heartbeat; what arrives goes
//! to the part of the page that asked for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heartline::hub;
use heartline::{Action, Backoff, Cause, ConnId, Event, Input, Loss, Outcome, Rhythm, Settings, State, Transport};
use serde_json::{Value, json};

use crate::app::Say;
use crate::network::{Network, Way};
use crate::page::{CONNECT, Page, Seen, once, openings};
use crate::real::{Client, Host};
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::{pulse, seconds, when_idle};

const HEART: &str = r#"{"type":"HEART_BEAT","service":"业务"}"#;
const FIRST: &str = r#"{"type":"sub","service":"业务1"}"#;
const SECOND: &str = r#"{"type":"sub","service":"业务2"}"#;

/// The server: pushes what a service has to whoever subscribed to it on its present connection.
#[derive(Default)]
struct Push {
    subscribed: BTreeMap<String, Vec<ConnId>>,
}

impl Rules for Push {
    type Key = ConnId;

    fn opened(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, _upgrade: &Upgrade) {
        desk.input(hub::Input::Login { conn, user: conn });
    }

    fn text(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, text: &str) {
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        match (json["type"].as_str(), json["service"].as_str()) {
            (Some("sub"), Some(service)) => self.subscribed.entry(service.into()).or_default().push(conn),
            (Some("HEART_BEAT"), _) => desk.input(hub::Input::Ping { conn }),
            _ => desk.input(hub::Input::Unknown { conn }),
        }
    }

    fn closed(&mut self, _desk: &mut Desk<ConnId>, conn: ConnId) {
        self.subscribed.values_mut().for_each(|conns| conns.retain(|known| *known != conn));
    }
}

impl Push {
    fn served() -> Served<Self> {
        let heartbeat = pulse(when_idle(seconds(120), seconds(10)));
        Served::new(hub::Settings { heartbeat, ..Default::default() }, Self::default()).answering(HEART)
    }

    fn publish(&self, desk: &mut Desk<ConnId>, service: &str, data: &str) {
        for conn in self.subscribed.get(service).into_iter().flatten() {
            desk.say(*conn, json!({"service": service, "data": data}).to_string());
        }
    }
}

/// What the parts of the page were given, by service.
type Parts = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Ready, and with it the heart, when both subscriptions are on their way.
fn page(url: impl Into<String>, parts: &Parts) -> Page {
    let (parts, mut on_their_way) = (Arc::clone(parts), 0);
    Page {
        opening: vec![FIRST.into(), SECOND.into()],
        ping: HEART.into(),
        is_pong: |text| text == HEART,
        on: Box::new(move |conn, action, answers| match action {
            Action::Event(Event::StateChanged { to: State::Greeting, .. }) => on_their_way = 0,
            Action::Outcome { outcome: Outcome::Committed, .. } => {
                on_their_way += 1;
                let ready = conn.filter(|_| on_their_way == 2);
                answers.extend(ready.map(|conn| Say::Input(Input::Ready { conn })));
            }
            Action::Deliver(message) => {
                let json: Value = serde_json::from_str(message.to_text().expect("text")).unwrap_or_default();
                if let (Some(service), Some(data)) = (json["service"].as_str(), json["data"].as_str()) {
                    let mut parts = parts.lock().expect("nobody panics here");
                    parts.entry(service.into()).or_default().push(data.into());
                }
            }
            _ => {}
        }),
        ..Page::at(url)
    }
}

fn settings(rhythm: Rhythm) -> Settings {
    Settings {
        heartbeat: pulse(rhythm),
        greeting_timeout: Some(seconds(5)),
        backoff: Backoff::constant(seconds(4)),
        ..Settings::default()
    }
}

fn network(rhythm: Rhythm) -> (Network<Push>, Parts) {
    let (mut network, parts) = (Network::new(Push::served()), Parts::default());
    network.join(settings(rhythm), page("ws://10.0.0.1:9000/subscribeWebSocket/", &parts));
    network.say(0, CONNECT);
    network.run(seconds(1));
    assert_eq!(network.state(0), State::Open);
    (network, parts)
}

const IDLE: fn() -> Rhythm = || when_idle(seconds(30), seconds(10));

fn texts(network: &Network<Push>) -> Vec<String> {
    network.texts(0).into_iter().map(|(_, text)| text).collect()
}

/// [C5] [Q2] [H2]
#[test]
fn two_subscriptions_at_each_opening_and_only_then_the_heart_and_everything_else() {
    // A heart that beats as soon as it may.
    let (mut network, _) = network(Rhythm::Steady { interval: seconds(30), timeout: None });
    assert_eq!(texts(&network), [FIRST, SECOND, HEART]);
    for round in 2..=4 {
        network.kill(0);
        network.run(seconds(1));
        network.say(0, once("queued while it was down"));
        network.run(seconds(5));
        let sent = texts(&network);
        assert_eq!(sent[sent.len() - 4..], [FIRST, SECOND, HEART, "queued while it was down"], "opening {round}");
    }
}

/// [H1] [H2]
#[test]
fn the_heart_beats_thirty_seconds_after_the_last_push() {
    let (mut network, _) = network(IDLE());
    for _ in 0..10 {
        network.run(seconds(29));
        network.serve(|push, desk| push.publish(desk, "业务1", "a push"));
    }
    assert_eq!(texts(&network).len(), 2, "there was never silence for 30 s");
    network.run(seconds(31));
    assert_eq!(network.texts(0).last(), Some(&(291_020 + 30_000, HEART.to_string())));
}

/// [C7]
#[test]
fn each_service_gets_its_own_and_the_answer_to_the_heart_is_nobodys() {
    let (mut network, parts) = network(IDLE());
    for (service, data) in [("业务1", "a"), ("业务2", "b"), ("业务3", "not asked for"), ("业务1", "c")] {
        network.serve(|push, desk| push.publish(desk, service, data));
    }
    network.run(seconds(300));
    let expected = [("业务1", vec!["a", "c"]), ("业务2", vec!["b"])];
    let parts = parts.lock().expect("nobody panics here").clone();
    assert_eq!(parts, expected.map(|(name, data)| (name.into(), data.into_iter().map(String::from).collect())).into());
    assert_eq!(network.clients[0].session.stats().pings, 9);
    assert_eq!(network.page(0).got().len(), 3);
}

/// The document's lock is never taken back: the second loss is the last.
///
/// [R1] [R2] [R3]
#[test]
fn it_comes_back_as_often_as_it_takes_four_seconds_after_each_loss() {
    let (mut network, parts) = network(IDLE());
    for round in 0..50 {
        network.kill(0);
        network.run(seconds(5));
        assert_eq!(network.state(0), State::Open, "loss {round}");
        network.serve(|push, desk| push.publish(desk, "业务2", "again"));
    }
    network.run(seconds(1));
    assert_eq!(parts.lock().expect("nobody panics here")["业务2"].len(), 50, "each time subscribed, and once");
    assert_eq!(network.dials.len(), 51);
}

/// [R1] [R2]
#[test]
fn a_server_that_is_away_for_an_hour_is_dialled_every_four_seconds_until_it_is_back() {
    let (mut network, _) = network(IDLE());
    network.stop_server();
    network.run(seconds(3600));
    let dialled = network.dialled(0);
    assert_eq!(dialled.len(), 1 + 891);
    assert!(dialled[1..].windows(2).all(|pair| pair[1] - pair[0] == 4_040), "four seconds, and 40 ms for a refusal");
    network.server = Some(Push::served());
    network.run(seconds(5));
    assert_eq!(network.state(0), State::Open);
}

/// The document's fear: nobody is told, and the server goes on sending into nothing.
///
/// [H4] [H9] [U8]
#[test]
fn a_cut_that_nobody_reports_is_found_out_on_both_sides() {
    let (mut network, parts) = network(IDLE());
    network.silence(0, Way::Down);
    for _ in 0..10 {
        network.serve(|push, desk| push.publish(desk, "业务1", "a push"));
        network.run(seconds(5));
    }
    assert_eq!(network.page(0).planned(), [(40_040, 1, 44_040)]);
    network.serve(|push, desk| push.publish(desk, "业务1", "after the cut"));
    network.run(seconds(120));
    let hub = &network.server.as_ref().expect("a server").desk.hub;
    assert_eq!((hub.connections(), network.dials.len()), (1, 2));
    let arrived = parts.lock().expect("nobody panics here")["业务1"].clone();
    assert_eq!(arrived, ["a push", "after the cut"], "what was sent in the forty seconds is lost, and no more");
}

/// [C5] [R1] [R2] [H2]
#[test]
fn over_real_sockets_every_opening_subscribes_and_what_is_published_arrives() {
    let mut host = Host::start(Push::served());
    let parts = Parts::default();
    let page = page(host.url("/subscribeWebSocket/"), &parts);
    let (book, heard) = (page.book.clone(), host.serve(|_, desk| desk.heard.clone()));
    let short = Duration::from_millis(50);
    let steady = Rhythm::Steady { interval: short, timeout: None };
    let client =
        Client::connect(Settings { backoff: Backoff::constant(short), min_dial_gap: short, ..settings(steady) }, page);
    for round in 1..=4 {
        book.wait("an opening", |notes| openings(notes) == round);
        heard.wait("its heart", |notes| {
            let seconds = notes.iter().enumerate().filter(|(_, (_, text))| text == SECOND);
            seconds.map(|(at, _)| at).nth(round - 1).is_some_and(|at| notes.len() > at + 1)
        });
        host.serve(|push, desk| push.publish(desk, "业务2", "news"));
        book.wait("a push", |notes| crate::page::got(notes).len() == round);
        host.stop();
        let refused = Cause::Lost(Loss::Transport(Transport::Connect));
        let before = book.all().len();
        book.wait("a refused dial", |notes| {
            notes[before..].iter().any(|(_, seen)| matches!(seen, Seen::Planned { cause, .. } if *cause == refused))
        });
        host.listen();
    }
    book.wait("the last opening", |notes| openings(notes) == 5);
    client.leave();
    assert_eq!(parts.lock().expect("nobody panics here")["业务2"], ["news"; 4]);
    let mut by_connection = BTreeMap::<ConnId, Vec<String>>::new();
    heard.all().into_iter().for_each(|(conn, text)| by_connection.entry(conn).or_default().push(text));
    for texts in by_connection.into_values() {
        let opening = [FIRST, SECOND, HEART];
        assert!(texts.iter().zip(opening).all(|(text, expected)| text == expected), "{texts:?}");
    }
}
