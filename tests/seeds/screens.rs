//! The Java server of the module (003): managers who look at the screens of devices. Two registries by user id,
//! events relayed from one to the other under the registered name.

use heartline::hub::{self, Action, Fate};
use heartline::{Backoff, Cause, CloseCode, ConnId, Input, Loss, Rhythm, Settings, State};
use serde_json::{Value, json};

use crate::app::Say;
use crate::network::Network;
use crate::page::{CONNECT, Page, leave, once};
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::{pulse, seconds};

/// A user: who, in which registry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Party {
    Manager(String),
    Device(String),
}

impl Party {
    fn at(path: &str) -> Option<Self> {
        match path.strip_prefix("/goLink/")?.split_once('/')? {
            (_, "") => None,
            ("manager", id) => Some(Self::Manager(id.into())),
            ("device", id) => Some(Self::Device(id.into())),
            _ => None,
        }
    }

    fn name(&self) -> &str {
        let (Self::Manager(name) | Self::Device(name)) = self;
        name
    }
}

pub fn manager(name: &str) -> Party {
    Party::Manager(name.into())
}

pub fn device(name: &str) -> Party {
    Party::Device(name.into())
}

/// The server. The document's does not answer a heartbeat.
pub struct Screens {
    pub answers_heartbeats: bool,
    /// Who came and went.
    pub events: Vec<hub::Event<Party>>,
}

impl Screens {
    pub fn served(answers_heartbeats: bool) -> Served<Self> {
        let heartbeat = pulse(Rhythm::Listen { window: seconds(15) });
        let rules = Self { answers_heartbeats, events: Vec::new() };
        Served::new(hub::Settings { heartbeat, ..Default::default() }, rules).answering(HEART)
    }
}

impl Rules for Screens {
    type Key = Party;

    fn opened(&mut self, desk: &mut Desk<Party>, conn: ConnId, upgrade: &Upgrade) {
        desk.input(match Party::at(&upgrade.path) {
            Some(user) => hub::Input::Login { conn, user },
            None => hub::Input::Close { conn, code: CloseCode::new(4400).expect("a code") },
        });
    }

    fn text(&mut self, desk: &mut Desk<Party>, conn: ConnId, text: &str) {
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        let to = json["to_user"].as_str().map(str::to_string);
        desk.input(match (json["event"].as_str(), to) {
            (Some("heart"), _) if self.answers_heartbeats => hub::Input::Ping { conn },
            (Some("heart"), _) => hub::Input::Alive { conn },
            (Some("open_screen" | "stop_screen" | "screen"), Some(to)) => {
                // To the other registry.
                let to = match desk.hub.user_of(conn) {
                    Some(Party::Device(_)) => Party::Manager(to),
                    _ => Party::Device(to),
                };
                let message = json["event"].as_str().unwrap_or_default().to_string();
                hub::Input::Relay { conn, to, message, volatile: false }
            }
            _ => hub::Input::Unknown { conn },
        });
    }

    fn told(&mut self, desk: &mut Desk<Party>, action: Action<Party, String>) {
        match action {
            Action::LoggedIn { conn, .. } => desk.say(conn, json!({"event": "open", "msg": "ok"}).to_string()),
            Action::Deliver { conn, from, message } => {
                desk.say(conn, json!({"event": message, "fromUser": from.name()}).to_string());
            }
            Action::CannotHandle { conn } => {
                let reply = json!({"fromuserId": "system", "event": "heart", "msg": "event无法处理"});
                desk.say(conn, reply.to_string());
            }
            Action::Told { conn, to: Some(to), fate: Fate::Offline(message) } => {
                desk.say(conn, json!({"event": "offline", "to_user": to.name(), "of": message}).to_string());
            }
            Action::Event(event) => self.events.push(event),
            _ => {}
        }
    }
}

pub const HEART: &str = r#"{"event":"heart"}"#;

/// A page of the module: whoever it is, ready when the server said `open`.
pub fn page(url: impl Into<String>) -> Page {
    Page {
        ping: HEART.into(),
        // The answer to an unknown event calls itself a heartbeat as well, and is none.
        is_pong: |text| text == HEART,
        on: Box::new(|conn, action, answers| {
            let heartline::Action::Deliver(message) = action else { return };
            let json: Value = serde_json::from_str(message.to_text().expect("text")).unwrap_or_default();
            if let ("open", Some(conn)) = (json["event"].as_str().unwrap_or_default(), conn) {
                answers.push(Say::Input(Input::Ready { conn }));
            }
        }),
        ..Page::at(url)
    }
}

pub fn settings() -> Settings {
    Settings {
        heartbeat: pulse(Rhythm::Steady { interval: seconds(5), timeout: None }),
        greeting_timeout: Some(seconds(5)),
        backoff: Backoff::constant(seconds(3)),
        ..Settings::default()
    }
}

pub fn event(name: &str, to: &str) -> Say {
    once(json!({"event": name, "to_user": to}).to_string())
}

/// Those who join, each under its path, connected for a second.
fn network<const N: usize>(paths: [&str; N]) -> Network<Screens> {
    let mut network = Network::new(Screens::served(false));
    for path in paths {
        let client = network.join(settings(), page(format!("ws://127.0.0.1:8080/goLink/{path}")));
        network.say(client, CONNECT);
    }
    network.run(seconds(1));
    network
}

fn hub(network: &Network<Screens>) -> &hub::Hub<Party, String> {
    &network.server.as_ref().expect("a server").desk.hub
}

/// What reached a page but the greetings.
fn news(network: &Network<Screens>, client: usize) -> Vec<String> {
    network.page(client).got().into_iter().filter(|text| !text.contains(r#""open""#)).collect()
}

fn relayed(event: &str, from: &str) -> String {
    json!({"event": event, "fromUser": from}).to_string()
}

/// [U3] [U4]
#[test]
fn who_logs_in_is_greeted_and_counted_in_its_own_registry() {
    let mut network = network(["manager/ann", "manager/bob", "device/ann"]);
    assert_eq!(network.page(0).got(), [r#"{"event":"open","msg":"ok"}"#]);
    let online: Vec<_> = hub(&network).online().map(|(party, _)| party.clone()).collect();
    assert_eq!(online, [manager("ann"), manager("bob"), device("ann")]);
    network.say(1, leave());
    network.run(seconds(1));
    assert_eq!(hub(&network).online().len(), 2);
}

/// [U10] [R4]
#[test]
fn who_names_no_user_is_turned_away_for_good() {
    let mut network = network(["manager/"]);
    network.run(seconds(60));
    assert_eq!((hub(&network).connections(), network.dials.len()), (0, 1));
    assert_eq!(network.clients[0].session.cause(), Cause::Stopped(Loss::Close(4400)));
}

/// [U6]
#[test]
fn a_screen_is_opened_and_stopped_in_order_and_under_the_registered_name() {
    let mut network = network(["manager/ann", "device/phone", "device/tablet"]);
    network.say(0, event("open_screen", "phone"));
    network.say(0, once(json!({"event": "stop_screen", "to_user": "phone", "fromUser": "the boss"}).to_string()));
    network.say(1, event("screen", "ann"));
    network.run(seconds(1));
    assert_eq!(news(&network, 1), [relayed("open_screen", "ann"), relayed("stop_screen", "ann")]);
    assert_eq!(news(&network, 0), [relayed("screen", "phone")]);
    assert_eq!(news(&network, 2), [""; 0]);
}

/// [U4] [U6]
#[test]
fn one_name_in_both_registries_is_two_users() {
    let mut network = network(["manager/ann", "device/ann"]);
    network.say(0, event("open_screen", "ann"));
    network.run(seconds(1));
    assert_eq!([news(&network, 0), news(&network, 1)], [vec![], vec![relayed("open_screen", "ann")]]);
}

/// [U10]
#[test]
fn an_event_that_cannot_be_handled_is_answered_so_and_a_heart_is_not() {
    let mut network = network(["manager/ann"]);
    network.say(0, once("no JSON"));
    network.say(0, once(r#"{"event":"dance"}"#));
    network.run(seconds(30));
    assert_eq!(news(&network, 0), [r#"{"event":"heart","fromuserId":"system","msg":"event无法处理"}"#]);
    assert_eq!(hub(&network).stats().unanswered, 1, "one reply a second");
}

/// [U6]
#[test]
fn a_user_who_is_not_there_is_reported_to_the_sender() {
    let mut network = network(["manager/ann"]);
    network.say(0, event("open_screen", "phone"));
    network.run(seconds(1));
    assert_eq!(news(&network, 0), [r#"{"event":"offline","of":"open_screen","to_user":"phone"}"#]);
}

/// In the document the close of the old connection takes the new one out of the registry, and the count down with it.
///
/// [U4] [U5] [U10]
#[test]
fn the_late_close_of_a_replaced_connection_is_harmless() {
    let mut network = network(["manager/ann", "device/phone"]);
    // The phone's network is gone, and back before anybody noticed; the phone says so.
    network.dark(1, true);
    network.run(seconds(2));
    network.dark(1, false);
    let old = network.clients[1].session.conn().expect("a connection");
    let closed = Loss::Transport(heartline::Transport::Io).into();
    network.say(1, Say::Input(Input::Closed { conn: old, closed }));
    network.run(seconds(4));
    assert_eq!((hub(&network).connections(), hub(&network).online().len()), (3, 2), "the old one is being closed");
    network.run(seconds(30));
    assert_eq!((hub(&network).connections(), hub(&network).online().len()), (2, 2), "and gone");
    network.say(0, event("open_screen", "phone"));
    network.run(seconds(1));
    assert_eq!(news(&network, 1), [relayed("open_screen", "ann")]);
    let online = |party| hub::Event::Online(party);
    let events = &network.server.as_ref().expect("a server").rules.events;
    assert_eq!(*events, [online(manager("ann")), online(device("phone"))], "the phone never was offline");
}

/// [U4] [U5] [R4]
#[test]
fn a_second_tab_takes_over_and_the_first_does_not_take_it_back() {
    let mut network = network(["manager/ann", "device/phone"]);
    let second = network.join(settings(), page("ws://127.0.0.1:8080/goLink/manager/ann"));
    network.say(second, CONNECT);
    network.run(seconds(600));
    assert_eq!([network.state(0), network.state(second)], [State::Idle, State::Open]);
    assert_eq!(network.clients[0].session.cause(), Cause::Stopped(Loss::Close(4409)));
    assert_eq!((network.dials.len(), hub(&network).online().len()), (3, 2));
    network.say(1, event("screen", "ann"));
    network.run(seconds(1));
    assert_eq!([news(&network, 0), news(&network, second)], [vec![], vec![relayed("screen", "phone")]]);
}

/// [U8] [U10]
#[test]
fn a_device_whose_network_is_gone_goes_offline_and_comes_online_again() {
    let mut network = network(["device/phone"]);
    network.dark(0, true);
    network.run(seconds(30));
    assert_eq!(hub(&network).connections(), 0);
    network.dark(0, false);
    network.kill(0);
    let conn = network.clients[0].session.conn().expect("it expects no answer and has not noticed");
    network.say(0, Say::Input(Input::Closed { conn, closed: Loss::Close(1006).into() }));
    network.run(seconds(10));
    let (online, offline) = (hub::Event::Online(device("phone")), hub::Event::Offline(device("phone")));
    let events = &network.server.as_ref().expect("a server").rules.events;
    assert_eq!(*events, [online.clone(), offline, online]);
}
