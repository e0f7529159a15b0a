//! The Java server (003): managers who look at the screens of devices. Two registries by user id, events relayed from
//! one to the other under the registered name.

use heartline::CloseCode;
use heartline::hub::Action;

use crate::prelude::*;

pub const HEART: &str = r#"{"event":"heart"}"#;

/// `manager/NAME` or `device/NAME`: a registry, and a user in it.
fn user_at(path: &str) -> Option<&str> {
    let user = path.strip_prefix("/goLink/")?;
    let (registry, name) = user.split_once('/')?;
    (["manager", "device"].contains(&registry) && !name.is_empty()).then_some(user)
}

fn name_of(user: &str) -> &str {
    user.split_once('/').map_or(user, |(_, name)| name)
}

/// The server. The document's does not answer a heartbeat.
pub struct Screens {
    answers_hearts: bool,
    events: Vec<hub::Event<String>>,
}

impl Screens {
    pub fn server(answers_hearts: bool) -> HubServer<Self> {
        let settings = hub::Settings { heartbeat: listen(seconds(15)), ..Default::default() };
        HubServer::new(settings, Self { answers_hearts, events: Vec::new() }).answering(HEART)
    }
}

impl Protocol for Screens {
    fn user(&mut self, _conn: ConnId, request: &Request) -> Option<String> {
        user_at(&request.path).map(str::to_string)
    }

    fn opened(&mut self, server: &mut Connections, conn: ConnId, _request: &Request) {
        if server.hub.user_of(conn).is_none() {
            server.input(hub::Input::Close { conn, code: CloseCode::new(4400).expect("a code") });
        }
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        let json = parse(text);
        server.input(match (json["event"].as_str(), json["to_user"].as_str()) {
            (Some("heart"), _) if self.answers_hearts => hub::Input::Ping { conn },
            (Some("heart"), _) => hub::Input::Alive { conn, bytes: 0 },
            (Some(event @ ("open_screen" | "stop_screen" | "screen")), Some(to)) => {
                // To the other registry.
                let from_device = server.hub.user_of(conn).is_some_and(|user| user.starts_with("device/"));
                let to = format!("{}/{to}", if from_device { "manager" } else { "device" });
                hub::Input::Relay { conn, to, message: event.into(), volatile: false }
            }
            _ => hub::Input::UnknownEvent { conn },
        });
    }

    fn act(&mut self, server: &mut Connections, action: Action<String, String>) {
        let (conn, reply) = match action {
            Action::LoggedIn { conn, .. } => (conn, json!({"event": "open", "msg": "ok"})),
            Action::Deliver { conn, from, message, .. } => {
                (conn, json!({"event": message, "fromUser": name_of(&from)}))
            }
            Action::UnknownEvent { conn, .. } => {
                (conn, json!({"fromuserId": "system", "event": "heart", "msg": "event无法处理"}))
            }
            Action::Outcome { conn, to: Some(to), outcome: hub::Outcome::Offline(message), .. } => {
                (conn, json!({"event": "offline", "to_user": name_of(&to), "of": message}))
            }
            Action::Event(event) => return self.events.push(event),
            _ => return,
        };
        server.send(conn, reply.to_string());
    }
}

/// A page of the module, of a manager or a device. It is ready when the server sent `open`. (The answer to an unknown
/// event calls itself a heartbeat as well, and is none.)
pub fn page(url: impl Into<String>) -> Page {
    Page {
        on: Box::new(|conn, notice, commands| {
            let Notice::Text(text) = notice else { return };
            if parse(text)["event"] == "open" {
                commands.push_back(Command::Input(Input::Ready { conn }));
            }
        }),
        ..Page::with_heart(url, HEART)
    }
}

pub fn settings() -> Settings {
    Settings {
        heartbeat: periodic(seconds(5), None),
        greeting_timeout: Some(seconds(5)),
        backoff: Backoff::constant(seconds(3)),
        ..Settings::default()
    }
}

pub fn event(name: &str, to: &str) -> Outgoing<String> {
    at_most_once(json!({"event": name, "to_user": to}).to_string())
}

pub fn relayed(event: &str, from: &str) -> String {
    json!({"event": event, "fromUser": from}).to_string()
}

/// A page for each path, connected for a second.
fn system<const N: usize>(paths: [&str; N]) -> System<Screens> {
    let mut system = System::of(Screens::server(false));
    for path in paths {
        system.open(settings(), page(format!("ws://server/goLink/{path}")));
    }
    system.run(seconds(1));
    system
}

/// What reached a page, without the greetings.
fn news(system: &System<Screens>, client: usize) -> Vec<String> {
    system.got(client).into_iter().filter(|text| !text.contains(r#""open""#)).collect()
}

fn counts(system: &System<Screens>) -> (usize, usize) {
    (system.hub().connections(), system.hub().online().len())
}

/// [U3] [U4]
#[test]
fn a_login_is_greeted_and_counted_in_its_own_registry() {
    let mut system = system(["manager/ann", "manager/bob", "device/ann"]);
    assert_eq!(system.got(0), [r#"{"event":"open","msg":"ok"}"#]);
    let online: Vec<_> = system.hub().online().map(|(user, _)| user.clone()).collect();
    assert_eq!(online, ["device/ann", "manager/ann", "manager/bob"]);
    system.leave(1);
    system.run(seconds(1));
    assert_eq!(counts(&system), (2, 2));
}

/// [U10] [R4]
#[test]
fn a_page_that_names_no_user_is_turned_away_for_good() {
    let mut system = system(["manager/"]);
    system.run(seconds(60));
    assert_eq!((counts(&system), system.dials(0).len()), ((0, 0), 1));
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Close(4400)));
}

/// [U6]
#[test]
fn a_screen_is_opened_and_stopped_in_order_and_under_the_registered_name() {
    let mut system = system(["manager/ann", "device/phone", "device/tablet"]);
    system.send(0, event("open_screen", "phone"));
    let forged = json!({"event": "stop_screen", "to_user": "phone", "fromUser": "the boss"});
    system.send(0, at_most_once(forged.to_string()));
    system.send(1, event("screen", "ann"));
    system.run(seconds(1));
    assert_eq!(news(&system, 1), [relayed("open_screen", "ann"), relayed("stop_screen", "ann")]);
    assert_eq!(news(&system, 0), [relayed("screen", "phone")]);
    assert_eq!(news(&system, 2), [""; 0]);
}

/// [U4] [U6]
#[test]
fn one_name_in_both_registries_is_two_users() {
    let mut system = system(["manager/ann", "device/ann"]);
    system.send(0, event("open_screen", "ann"));
    system.run(seconds(1));
    assert_eq!([news(&system, 0), news(&system, 1)], [vec![], vec![relayed("open_screen", "ann")]]);
}

/// [U6] [U10]
#[test]
fn an_unknown_event_and_a_user_who_is_not_there_are_reported_to_the_sender_and_a_heart_is_not() {
    let mut system = system(["manager/ann"]);
    system.send(0, at_most_once("no JSON"));
    system.send(0, at_most_once(r#"{"event":"dance"}"#));
    system.run(seconds(30));
    system.send(0, event("open_screen", "phone"));
    system.run(seconds(1));
    let unknown = r#"{"event":"heart","fromuserId":"system","msg":"event无法处理"}"#;
    assert_eq!(news(&system, 0), [unknown, r#"{"event":"offline","of":"open_screen","to_user":"phone"}"#]);
    assert_eq!(system.hub().stats().unanswered, 1, "one reply a second");
}

/// In the document the close of the old connection takes the new one out of the registry, and the count down with it.
///
/// [U4] [U5] [U10]
#[test]
fn the_late_close_of_a_replaced_connection_is_harmless() {
    let mut system = system(["manager/ann", "device/phone"]);
    // The phone's network is gone, and back before the server noticed; the phone did.
    system.partition(1);
    system.run(seconds(2));
    system.heal(1);
    let old = system.session(1).conn().expect("a connection");
    system.input(1, Input::closed(old, Loss::Close(1006)));
    system.run(seconds(4));
    assert_eq!(counts(&system), (3, 2), "the old one is being closed");
    system.run(seconds(30));
    assert_eq!(counts(&system), (2, 2), "and gone");
    system.send(0, event("open_screen", "phone"));
    system.run(seconds(1));
    assert_eq!(news(&system, 1), [relayed("open_screen", "ann")]);
    let online = ["manager/ann", "device/phone"].map(|user| hub::Event::Online(user.into()));
    assert_eq!(system.server().protocol.events, online, "the phone never was offline");
}

/// [U4] [U5] [R4]
#[test]
fn a_second_tab_takes_over_and_the_first_does_not_take_it_back() {
    let mut system = system(["manager/ann", "device/phone"]);
    let second = system.open(settings(), page("ws://server/goLink/manager/ann"));
    system.run(seconds(600));
    assert_eq!([system.state(0), system.state(second)], [State::Idle, State::Open]);
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Close(4409)));
    assert_eq!(([0, 1, 2].map(|client| system.dials(client).len()), counts(&system)), ([1, 1, 1], (2, 2)));
    system.send(1, event("screen", "ann"));
    system.run(seconds(1));
    assert_eq!([news(&system, 0), news(&system, second)], [vec![], vec![relayed("screen", "phone")]]);
}

/// [U8] [U10]
#[test]
fn a_device_whose_network_is_gone_goes_offline_and_comes_online_again() {
    let mut system = system(["device/phone"]);
    system.partition(0);
    system.run(seconds(30));
    assert_eq!(counts(&system), (0, 0));
    system.heal(0);
    let conn = system.session(0).conn().expect("it expects no answer and has not noticed");
    system.input(0, Input::closed(conn, Loss::Close(1006)));
    system.run(seconds(10));
    let (online, offline) = (hub::Event::Online("device/phone".into()), hub::Event::Offline("device/phone".into()));
    assert_eq!(system.server().protocol.events, [online.clone(), offline, online]);
}
