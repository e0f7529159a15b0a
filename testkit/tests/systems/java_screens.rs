//! The Java server (003): managers who look at the screens of devices. Two registries by user id, each with a count,
//! and events relayed from one to the other under the registered name.

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
    errors: Vec<String>,
}

impl Screens {
    pub fn server(answers_hearts: bool) -> HubServer<Self> {
        let settings =
            hub::Settings { heartbeat: listen(seconds(15)), reply_gap: Duration::ZERO, ..Default::default() };
        HubServer::new(settings, Self { answers_hearts, events: Vec::new(), errors: Vec::new() }).answering(HEART)
    }

    /// Who came and went, as a log says it.
    fn events(&self) -> Vec<String> {
        self.events.iter().map(ToString::to_string).collect()
    }

    /// What went wrong, as a log says it.
    fn errors(&self) -> &[String] {
        &self.errors
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
        if text.trim().is_empty() {
            return;
        }
        let json = parse(text);
        match json["event"].as_str() {
            Some("heart") if self.answers_hearts => server.input(hub::Input::Ping { conn }),
            Some("heart") => {}
            Some(event @ ("open_screen" | "stop_screen")) => {
                let to = to_the_other_registry(server, conn, json["to_user"].as_str().unwrap_or_default());
                let (message, bytes) = (event.into(), 1);
                server.input(hub::Input::Relay { conn, to, message, bytes, volatile: false, tag: 0 });
            }
            Some(_) => server.input(hub::Input::UnknownMessage { conn }),
            None => self.errors.push(format!("no event in {text}")),
        }
    }

    fn act(&mut self, server: &mut Connections, action: Action<String, String>) {
        let (conn, reply) = match action {
            Action::LoggedIn { conn, .. } => (conn, json!({"event": "open", "msg": "ok"})),
            Action::Deliver { conn, from, message, .. } => {
                (conn, json!({"event": message, "fromUser": name_of(&from)}))
            }
            Action::UnknownMessage { conn, .. } => {
                (conn, json!({"fromuserId": "system", "event": "heart", "msg": "event无法处理"}))
            }
            // The sender is told nothing.
            Action::Outcome { to: Some(to), outcome: hub::Outcome::Offline(_), .. } => {
                return self.errors.push(format!("{to} is not online"));
            }
            Action::Event(event) => return self.events.push(event),
            _ => return,
        };
        server.send(conn, reply.to_string());
    }
}

fn to_the_other_registry(server: &Connections, conn: ConnId, name: &str) -> String {
    let from_device = server.hub.user_of(conn).is_some_and(|user| user.starts_with("device/"));
    format!("{}/{name}", if from_device { "manager" } else { "device" })
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

/// How many managers and devices are online.
fn online(system: &System<Screens>) -> [usize; 2] {
    let hub = system.hub();
    ["manager/", "device/"].map(|registry| hub.online().filter(|(user, _)| user.starts_with(registry)).count())
}

/// How many connections there are, and who is online by registry.
fn counts(system: &System<Screens>) -> (usize, [usize; 2]) {
    (system.hub().connections(), online(system))
}

/// [U3] [U4]
#[test]
fn a_login_is_greeted_and_counted_in_its_own_registry() {
    let mut system = system(["manager/ann", "manager/bob", "device/ann"]);
    assert_eq!(system.got(0), [r#"{"event":"open","msg":"ok"}"#]);
    assert_eq!(counts(&system), (3, [2, 1]));
    system.leave(1);
    system.run(seconds(1));
    assert_eq!(counts(&system), (2, [1, 1]));
    system.leave(2);
    system.run(seconds(1));
    assert_eq!(counts(&system), (1, [1, 0]));
}

/// [U10] [R4]
#[test]
fn a_page_that_names_no_user_is_turned_away_for_good() {
    let mut system = system(["manager/"]);
    system.run(seconds(60));
    assert_eq!((counts(&system), system.dials(0).len()), ((0, [0, 0]), 1));
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Close(4400)));
}

/// [U6]
#[test]
fn a_screen_is_opened_and_stopped_in_order_and_under_the_registered_name() {
    let mut system = system(["manager/ann", "device/phone", "device/tablet"]);
    system.send(0, event("open_screen", "phone"));
    let forged = json!({"event": "stop_screen", "to_user": "phone", "fromUser": "the boss"});
    system.send(0, at_most_once(forged.to_string()));
    system.send(1, event("stop_screen", "ann"));
    system.run(seconds(1));
    assert_eq!(news(&system, 1), [relayed("open_screen", "ann"), relayed("stop_screen", "ann")]);
    assert_eq!(news(&system, 0), [relayed("stop_screen", "phone")]);
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

/// [U10]
#[test]
fn every_unknown_event_is_answered_and_a_heart_and_a_blank_text_are_not() {
    let mut system = system(["manager/ann"]);
    for event in ["dance", "screen", ""] {
        system.send(0, at_most_once(" \t\n"));
        system.send(0, at_most_once(json!({"event": event, "to_user": "phone"}).to_string()));
    }
    system.run(seconds(30));
    assert_eq!(news(&system, 0), [r#"{"event":"heart","fromuserId":"system","msg":"event无法处理"}"#; 3]);
    assert_eq!(system.server().protocol.errors(), [""; 0]);
    assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1));
}

/// [U6] [C7]
#[test]
fn a_user_who_is_not_there_and_a_text_without_an_event_are_logged_and_the_sender_hears_nothing() {
    let mut system = system(["manager/ann"]);
    for text in ["no JSON", r#"{"to_user":"phone"}"#, r#"{"event":"stop_screen"}"#] {
        system.send(0, at_most_once(text));
    }
    system.send(0, event("open_screen", "phone"));
    // Of the other registry only.
    system.send(0, event("open_screen", "ann"));
    system.run(seconds(30));
    let senseless = ["no event in no JSON", r#"no event in {"to_user":"phone"}"#];
    let offline = ["device/ is not online", "device/phone is not online", "device/ann is not online"];
    assert_eq!(system.server().protocol.errors(), [&senseless[..], &offline].concat());
    assert_eq!(news(&system, 0), [""; 0]);
    assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1));
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
    assert_eq!(counts(&system), (3, [1, 1]), "the old one is being closed");
    system.run(seconds(30));
    assert_eq!(counts(&system), (2, [1, 1]), "and gone");
    system.send(0, event("open_screen", "phone"));
    system.run(seconds(1));
    assert_eq!(news(&system, 1), [relayed("open_screen", "ann")]);
    assert_eq!(
        system.server().protocol.events(),
        ["manager/ann is online", "device/phone is online"],
        "the phone never was offline"
    );
}

/// [U4] [U5] [R4]
#[test]
fn a_second_tab_takes_over_and_the_first_does_not_take_it_back() {
    let mut system = system(["manager/ann", "device/phone"]);
    let second = system.open(settings(), page("ws://server/goLink/manager/ann"));
    system.run(seconds(600));
    assert_eq!([system.state(0), system.state(second)], [State::Idle, State::Open]);
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Close(4409)));
    assert_eq!(([0, 1, 2].map(|client| system.dials(client).len()), counts(&system)), ([1, 1, 1], (2, [1, 1])));
    system.send(1, event("stop_screen", "ann"));
    system.run(seconds(1));
    assert_eq!([news(&system, 0), news(&system, second)], [vec![], vec![relayed("stop_screen", "phone")]]);
}

/// [U8] [U10]
#[test]
fn a_device_whose_network_is_gone_goes_offline_and_comes_online_again() {
    let mut system = system(["device/phone"]);
    system.partition(0);
    system.run(seconds(30));
    assert_eq!(counts(&system), (0, [0, 0]));
    system.heal(0);
    let conn = system.session(0).conn().expect("it expects no answer and has not noticed");
    system.input(0, Input::closed(conn, Loss::Close(1006)));
    system.run(seconds(10));
    let (online, offline) = ("device/phone is online", "device/phone is offline: closed with 3008");
    assert_eq!(system.server().protocol.events(), [online, offline, online]);
}
