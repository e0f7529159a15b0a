//! The WebSocket API, the Node server and its heartbeats (002), with the API that the document wishes for: one that
//! says when the network is bad.

use tungstenite::client::IntoClientRequest;

use crate::documents::opened_with;
use crate::log::Log;
use crate::prelude::*;

const HEART: &str = "123456789";
const ORIGIN: &str = "http://127.0.0.1:8000";

/// The server: it numbers its guests and greets them.
pub struct Guests {
    /// Whether a message comes back to its sender, or makes the server send to each guest what is meant for that one.
    echoes: bool,
    guests: u32,
}

impl Protocol for Guests {
    fn user(&mut self, _conn: ConnId, _request: &Request) -> Option<String> {
        self.guests += 1;
        Some(self.guests.to_string())
    }

    fn opened(&mut self, server: &mut Connections, conn: ConnId, _request: &Request) {
        server.send(conn, "something");
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        if self.echoes {
            return server.send(conn, text);
        }
        let guests: Vec<_> = server.hub.online().map(|(guest, conn)| (guest.clone(), conn)).collect();
        guests.into_iter().for_each(|(guest, conn)| server.send(conn, format!("{text}, for guest {guest}")));
    }
}

fn server(heartbeat: HeartbeatConfig, echoes: bool) -> HubServer<Guests> {
    let origins = Origins::List(vec![ORIGIN.into()]);
    let admission = Admission { origins, protocols: vec!["echo-protocol".into()], ..Admission::default() };
    HubServer::new(hub::Settings { admission, heartbeat, ..Default::default() }, Guests { echoes, guests: 0 })
}

pub struct Node;

impl Document for Node {
    type Server = Guests;

    fn server() -> HubServer<Guests> {
        server(listen(seconds(20)), true)
    }

    /// Every text acknowledges itself when it comes back, unless it is the heartbeat.
    fn page(base: &str) -> Page {
        let log = Log::<(Timestamp, Notice)>::default();
        let sent = log.clone();
        let acked = move |echo: &String| {
            sent.all().iter().find_map(|(_, notice)| match notice {
                Notice::Accepted(id, text) if text == echo => Some(Command::Input(Input::Acked { id: *id })),
                _ => None,
            })
        };
        let on = move |_, notice: &Notice, commands: &mut VecDeque<Command>| {
            let Notice::Text(text) = notice else { return };
            commands.extend(acked(text));
        };
        Page { on: Box::new(on), log, ..Page::with_heart(format!("{base}/"), HEART) }
    }

    fn settings() -> Settings {
        settings(when_idle(seconds(3), seconds(5)))
    }
}

fn settings(heartbeat: HeartbeatConfig) -> Settings {
    Settings { heartbeat, backoff: Backoff::constant(seconds(2)), ..Settings::default() }
}

fn page() -> Page {
    Node::page("ws://server")
}

/// What the page shows above everything else.
fn banner(system: &System<Guests>) -> &'static str {
    let log = system.log(0);
    let last = log.iter().rev().find(|(_, notice)| matches!(notice, Notice::Event(_)));
    let bad = last.is_some_and(|(_, notice)| *notice == Notice::Event(Event::Degraded));
    match system.state(0) {
        State::Open if bad => "the network is bad",
        State::Open => "connected",
        State::Waiting | State::Connecting => "disconnected, reconnecting",
        _ => "disconnected",
    }
}

/// The messages that the page marks: those without an answer while the link is bad or gone.
fn marked(system: &System<Guests>) -> Vec<String> {
    let mut open = Vec::new();
    for (_, notice) in system.log(0) {
        match notice {
            Notice::Accepted(id, text) => open.push((id, text)),
            Notice::Outcome(id, _) => open.retain(|(known, _)| *known != id),
            _ => {}
        }
    }
    let good = banner(system) == "connected";
    open.into_iter().map(|(_, text)| text).filter(|_| !good).collect()
}

/// [O1] [X1]
#[test]
fn the_ready_states_are_those_of_the_browser() {
    let mut system = System::of(server(off(), true));
    system.join(settings(off()), page());
    let ready = |system: &System<Guests>| system.session(0).ready_state() as u8;
    assert_eq!(ready(&system), 3, "no connection, and none wanted");
    system.input(0, Input::Connect);
    assert_eq!(ready(&system), 0);
    system.run(seconds(1));
    assert_eq!(ready(&system), 1);
    system.reset(0);
    system.run(seconds(1));
    assert_eq!(ready(&system), 0, "none again, but one to come");
    system.run(seconds(5));
    system.leave(0);
    assert_eq!(ready(&system), 2);
    system.run(seconds(1));
    assert_eq!(ready(&system), 3);
}

/// [U2] [R4] [R5]
#[test]
fn a_page_from_elsewhere_is_refused_and_does_not_ask_again() {
    let mut system = System::of(server(off(), true));
    for origin in [Some("http://elsewhere.example"), Some(ORIGIN), None] {
        system.open(settings(off()), Page { origin: origin.map(str::to_string), ..page() });
    }
    system.run(seconds(60));
    let states = [0, 1, 2].map(|client| (system.state(client), system.dials(client).len()));
    assert_eq!(states, [(State::Idle, 1), (State::Open, 1), (State::Open, 1)], "the last is no browser");
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Status(403)));
}

/// [U2]
#[test]
fn the_sub_protocol_is_the_servers_if_the_client_offers_it() {
    let mut server = server(off(), true);
    let chosen = [vec!["soap", "echo-protocol"], vec!["soap"], vec![]].map(|offered| {
        let protocols = offered.into_iter().map(str::to_string).collect();
        server.admit(Timestamp::ORIGIN, &Request { protocols, ..Request::default() }).expect("admitted").1
    });
    assert_eq!(chosen, [Some("echo-protocol".to_string()), None, None]);
}

/// [U1] [U4]
#[test]
fn the_server_knows_its_connections_and_sends_each_its_own() {
    let mut system = System::of(server(off(), false));
    for _ in 0..3 {
        system.open(settings(off()), page());
    }
    system.run(seconds(1));
    system.reset(1);
    system.run(seconds(5));
    system.send(0, at_most_once("news"));
    system.run(seconds(1));
    let last = |client| system.got(client).pop().expect("something");
    // A page that comes back is a new guest.
    assert_eq!([last(0), last(1), last(2)], ["news, for guest 1", "news, for guest 4", "news, for guest 3"]);
    let conns: Vec<_> = system.hub().online().map(|(_, conn)| conn).collect();
    assert!(conns.is_sorted(), "ids are minted in order and not used again: {conns:?}");
}

/// [H2] [H4] [H9]
#[test]
fn a_heart_after_three_seconds_and_five_for_its_answer() {
    let mut system = opened::<Node>();
    system.run(seconds(5));
    assert_eq!(system.sent_by(0), [(3_040, HEART.into())]);
    system.partition(0);
    system.run(seconds(10));
    let last = *system.sent_by(0).last().map(|(at, _)| at).expect("a heartbeat");
    assert_eq!(system.retries(0), [(last + 5_000, 1, last + 7_000)]);
}

/// In this variant the page sends nothing at all. The server does, every `t`, and twice that in silence is the end.
///
/// [H5] [H8] [C1] [U5] [U8]
#[test]
fn a_page_that_only_listens_gives_up_after_twice_the_servers_period_and_shows_it() {
    let server = server(periodic(seconds(10), Some(seconds(10))), true);
    let mut system = System::opened(server, settings(listen(seconds(20))), page());
    system.run(seconds(3600));
    assert_eq!((banner(&system), system.dials(0).len()), ("connected", 1));
    system.partition(0);
    system.run(seconds(18));
    assert_eq!(banner(&system), "connected");
    system.run(seconds(2));
    assert_eq!(banner(&system), "disconnected, reconnecting");
    assert_eq!(system.cause(0), Cause::Lost(Loss::HeartbeatTimeout));
    system.run(seconds(10));
    assert_eq!(system.hub().connections(), 0, "the server found out too");
    system.heal(0);
    system.run(seconds(20));
    assert_eq!(banner(&system), "connected");
    assert_eq!(system.written(0), [], "the page sends no heartbeat");

    system.lose_down(0);
    system.run(seconds(60));
    assert_eq!((system.state(0), system.hub().connections()), (State::Open, 1), "the old connection was thrown away");
}

fn wary() -> HeartbeatConfig {
    HeartbeatConfig { slow_after: Some(seconds(2)), ..when_idle(seconds(3), seconds(5)) }
}

/// [H8]
#[test]
fn a_bad_network_is_reported_before_the_connection_is_given_up_and_so_is_its_recovery() {
    let mut system = opened_with::<Node>(settings(wary()));
    system.set_latency(millis(1_500));
    system.run(seconds(9));
    assert_eq!(system.events(0), [Event::Degraded, Event::Recovered]);
    assert_eq!(banner(&system), "connected");

    system.partition(0);
    system.run(seconds(60));
    assert_eq!(system.events(0)[2..], [Event::Degraded]);
    let degraded = system.times(0, |notice| (notice == Notice::Event(Event::Degraded)).then_some(())).last();
    let (at, ()) = degraded.expect("reported");
    assert_eq!(system.retries(0)[0].0, at + 3_000, "three seconds of warning");
}

/// [C7] [H8] [Q3] [Q5]
#[test]
fn messages_that_may_be_late_are_known_as_such() {
    let mut system = opened_with::<Node>(settings(wary()));
    system.send(0, at_least_once("on a good network"));
    system.run(seconds(1));
    assert_eq!(marked(&system), [""; 0]);

    system.partition(0);
    system.send(0, at_least_once("into the void"));
    system.run(seconds(1));
    assert_eq!(marked(&system), [""; 0], "nobody can know yet");
    system.run(seconds(4));
    assert_eq!(banner(&system), "the network is bad");
    system.send(0, at_least_once("knowingly"));
    assert_eq!(marked(&system), ["into the void", "knowingly"]);
    system.run(seconds(60));
    assert_eq!(marked(&system), ["into the void", "knowingly"], "still, while reconnecting");

    system.heal(0);
    system.run(seconds(20));
    assert_eq!((banner(&system), marked(&system)), ("connected", vec![]));
    assert_eq!(system.got(0), ["something", "on a good network", "something", "into the void", "knowingly"]);
}

/// [U2] [U8] [H5] [R1]
#[test]
fn over_real_sockets_strangers_are_refused_and_a_page_that_only_listens_gives_up_a_silent_server() {
    let server = RealServer::start(server(periodic(millis(50), None), true));
    let dial = |origin: &str| {
        let mut request = server.url("/").into_client_request().expect("a URL");
        request.headers_mut().insert("Origin", origin.parse().expect("a header"));
        request.headers_mut().insert("Sec-WebSocket-Protocol", "soap, echo-protocol".parse().expect("a header"));
        tungstenite::connect(request)
    };
    let refused = dial("http://elsewhere.example").expect_err("refused");
    assert!(matches!(&refused, tungstenite::Error::Http(response) if response.status() == 403), "{refused}");
    let (_socket, response) = dial(ORIGIN).expect("accepted");
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "echo-protocol");

    let page = RealPage::open(fast(listen(seconds(1)), Node::settings()), Node::page(&server.url("")));
    page.send(at_least_once("hello"));
    page.log.wait("the echo", |log| texts(log).contains(&"hello".to_string()));
    server.hang(true);
    page.log.wait("a verdict", |log| log.iter().any(|(_, notice)| notice.is_lost_by(Loss::HeartbeatTimeout)));
    server.hang(false);
    page.log.wait("a second opening", |log| openings(log) >= 2);
    page.leave();
}
