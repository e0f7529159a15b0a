//! The notes (002): the WebSocket API and a server in Node, heartbeats of either side, and the wish for an API that
//! tells when the network is bad. The monitor, the named events and the event stream have files of their own.

use std::time::Duration;

use heartline::{Backoff, Cause, Event, Loss, Rhythm, Settings, State};
use tungstenite::client::IntoClientRequest;

use crate::network::{Client, Network, Way};
use crate::node::{HEART, Node, ORIGIN, page, served};
use crate::page::{CONNECT, Seen, at_least_once, got, leave, once, openings};
use crate::real::{self, Host};
use crate::serving::Served;
use crate::support::{pulse, seconds, when_idle};

fn settings(rhythm: Rhythm) -> Settings {
    Settings { heartbeat: pulse(rhythm), backoff: Backoff::constant(seconds(2)), ..Settings::default() }
}

fn network(rhythm: Rhythm, served: Served<Node>, pages: usize) -> Network<Node> {
    let mut network = Network::new(served);
    for client in 0..pages {
        network.join(settings(rhythm), page("ws://127.0.0.1:8080/"));
        network.say(client, CONNECT);
    }
    network.run(seconds(1));
    network
}

/// What the page shows above everything else.
fn banner(client: &Client) -> &'static str {
    let notes = client.page.book.all();
    let last = notes.iter().rev().find_map(|(_, seen)| match seen {
        Seen::Event(event @ (Event::Degraded | Event::Recovered | Event::StateChanged { .. })) => Some(*event),
        _ => None,
    });
    let bad = last == Some(Event::Degraded);
    match client.session.state() {
        State::Open if bad => "the network is bad",
        State::Open => "connected",
        State::Waiting | State::Connecting => "disconnected, reconnecting",
        _ => "disconnected",
    }
}

/// Which messages the page marks: those without an answer while the link is bad or gone.
fn may_be_late(client: &Client) -> Vec<String> {
    let mut open = Vec::new();
    for (_, seen) in client.page.book.all() {
        match seen {
            Seen::Accepted(id, text) => open.push((id, text)),
            Seen::Ended(id, _) => open.retain(|(known, _)| *known != id),
            _ => {}
        }
    }
    let fine = banner(client) == "connected";
    open.into_iter().map(|(_, text)| text).filter(|_| !fine).collect()
}

/// [O1] [X1]
#[test]
fn the_ready_states_are_those_of_the_browser() {
    let mut network = Network::new(served(Rhythm::Off, true));
    network.join(settings(Rhythm::Off), page("ws://127.0.0.1:8080/"));
    let ready = |network: &Network<Node>| network.clients[0].session.ready_state() as u8;
    assert_eq!(ready(&network), 3, "no connection, and none wanted");
    network.say(0, CONNECT);
    assert_eq!(ready(&network), 0);
    network.run(seconds(1));
    assert_eq!(ready(&network), 1);
    network.kill(0);
    network.run(seconds(1));
    assert_eq!(ready(&network), 0, "none again, but one to come");
    network.run(seconds(5));
    network.say(0, leave());
    assert_eq!(ready(&network), 2);
    network.run(seconds(1));
    assert_eq!(ready(&network), 3);
}

/// [U2] [R4] [R5]
#[test]
fn a_page_from_elsewhere_is_refused_and_does_not_ask_again() {
    let mut network = Network::new(served(Rhythm::Off, true));
    for origin in [Some("http://elsewhere.example"), Some(ORIGIN), None] {
        let client = network.join(settings(Rhythm::Off), page("ws://127.0.0.1:8080/"));
        network.clients[client].origin = origin.map(str::to_string);
        network.say(client, CONNECT);
    }
    network.run(seconds(60));
    let states = [0, 1, 2].map(|client| network.state(client));
    assert_eq!(states, [State::Idle, State::Open, State::Open], "the last is no browser");
    assert_eq!(network.clients[0].session.cause(), Cause::Stopped(Loss::Status(403)));
    assert_eq!(network.dials.len(), 3);
}

/// [U2]
#[test]
fn the_sub_protocol_is_the_servers_if_the_client_offers_it() {
    let mut network = Network::new(served(Rhythm::Off, true));
    for offered in [vec!["soap", "echo-protocol"], vec![]] {
        let client = network.join(settings(Rhythm::Off), page("ws://127.0.0.1:8080/"));
        network.clients[client].protocols = offered.into_iter().map(str::to_string).collect();
        network.say(client, CONNECT);
    }
    network.run(seconds(1));
    let agreed: Vec<_> = network.clients.iter().map(|client| client.agreed.as_deref()).collect();
    assert_eq!(agreed, [Some("echo-protocol"), None]);
}

/// [U1] [U4]
#[test]
fn the_server_knows_its_connections_and_tells_each_its_own() {
    let mut network = network(Rhythm::Off, served(Rhythm::Off, false), 3);
    network.kill(1);
    network.run(seconds(5));
    network.say(0, once("news"));
    network.run(seconds(1));
    let last = |client: usize| network.page(client).got().last().cloned().expect("something");
    // Whoever comes back is somebody new.
    assert_eq!([last(0), last(1), last(2)], ["news, for guest 1", "news, for guest 4", "news, for guest 3"]);
    let numbers: Vec<_> = network.server.as_ref().expect("a server").desk.hub.online().map(|(_, conn)| conn).collect();
    assert!(numbers.is_sorted(), "ids are minted in order and not used again: {numbers:?}");
}

/// [C7]
#[test]
fn an_echo_server_greets_and_echoes() {
    let mut network = network(Rhythm::Off, served(Rhythm::Off, true), 1);
    network.say(0, once("hello"));
    network.run(seconds(1));
    assert_eq!(network.page(0).got(), ["something", "hello"]);
}

/// [H2] [H4] [H9]
#[test]
fn a_heart_after_three_seconds_and_five_for_its_answer() {
    let mut network = network(when_idle(seconds(3), seconds(5)), served(Rhythm::Off, true), 1);
    network.run(seconds(5));
    assert_eq!(network.texts(0), [(3_040, HEART.into())]);
    network.dark(0, true);
    network.run(seconds(10));
    let last = *network.texts(0).last().map(|(at, _)| at).expect("a heartbeat");
    assert_eq!(network.page(0).planned(), [(last + 5_000, 1, last + 7_000)]);
}

/// The client of this variant sends nothing at all: the server does, each `t`, and twice that without a word is
/// the end.
///
/// [H5] [H8] [U8]
#[test]
fn a_page_that_only_listens_gives_up_after_twice_the_servers_period_and_shows_it() {
    let t = seconds(10);
    let servers = Rhythm::Steady { interval: t, timeout: Some(t) };
    let mut network = network(Rhythm::Listen { window: 2 * t }, served(servers, true), 1);
    network.run(seconds(3600));
    assert_eq!((banner(&network.clients[0]), network.dials.len()), ("connected", 1));
    network.dark(0, true);
    network.run(seconds(18));
    assert_eq!(banner(&network.clients[0]), "connected");
    network.run(seconds(2));
    assert_eq!(banner(&network.clients[0]), "disconnected, reconnecting");
    assert_eq!(network.clients[0].session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
    network.run(seconds(10));
    assert_eq!(network.server.as_ref().expect("a server").desk.hub.connections(), 0, "it went by itself");
    network.dark(0, false);
    network.run(seconds(20));
    assert_eq!(banner(&network.clients[0]), "connected");
    assert_eq!(network.sent, [], "the page sends no heartbeat");
}

/// [H5] [C1] [U5]
#[test]
fn the_connection_given_up_is_thrown_away_and_the_server_is_left_with_the_new_one() {
    let servers = Rhythm::Steady { interval: seconds(10), timeout: Some(seconds(10)) };
    let mut network = network(Rhythm::Listen { window: seconds(20) }, served(servers, true), 1);
    network.silence(0, Way::Down);
    network.run(seconds(60));
    assert_eq!((network.state(0), network.dials.len()), (State::Open, 2));
    assert_eq!(network.server.as_ref().expect("a server").desk.hub.connections(), 1);
}

fn wary() -> Settings {
    let mut settings = settings(when_idle(seconds(3), seconds(5)));
    settings.heartbeat.slow_after = Some(seconds(2));
    settings
}

/// [H8]
#[test]
fn a_bad_network_is_told_before_the_connection_is_given_up_and_taken_back_if_it_recovers() {
    let mut network = Network::new(served(Rhythm::Off, true));
    network.join(wary(), page("ws://127.0.0.1:8080/"));
    network.say(0, CONNECT);
    network.run(seconds(1));
    network.latency = Duration::from_millis(1_500);
    network.run(seconds(9));
    let said =
        |network: &Network<Node>| network.page(0).remarks().into_iter().map(|(_, event)| event).collect::<Vec<_>>();
    assert_eq!(said(&network), [Event::Degraded, Event::Recovered]);
    assert_eq!(banner(&network.clients[0]), "connected");

    network.dark(0, true);
    network.run(seconds(60));
    assert_eq!(said(&network)[2..], [Event::Degraded]);
    let (degraded, lost) = (network.page(0).remarks()[2].0, network.page(0).planned()[0].0);
    assert_eq!(lost - degraded, 3_000, "three seconds of warning");
}

/// [H8] [Q3] [Q5]
#[test]
fn messages_that_may_be_late_are_known_as_such() {
    let mut network = Network::new(served(Rhythm::Off, true));
    network.join(wary(), page("ws://127.0.0.1:8080/"));
    network.say(0, CONNECT);
    network.run(seconds(1));
    network.say(0, at_least_once("on a good network"));
    network.run(seconds(1));
    assert_eq!(may_be_late(&network.clients[0]), [""; 0]);

    network.dark(0, true);
    network.say(0, at_least_once("into the void"));
    network.run(seconds(1));
    assert_eq!(may_be_late(&network.clients[0]), [""; 0], "nobody can know yet");
    network.run(seconds(4));
    assert_eq!(banner(&network.clients[0]), "the network is bad");
    network.say(0, at_least_once("knowingly"));
    assert_eq!(may_be_late(&network.clients[0]), ["into the void", "knowingly"]);
    network.run(seconds(60));
    assert_eq!(may_be_late(&network.clients[0]), ["into the void", "knowingly"], "still, while reconnecting");

    network.dark(0, false);
    network.run(seconds(20));
    assert_eq!((banner(&network.clients[0]), may_be_late(&network.clients[0])), ("connected", vec![]));
    assert_eq!(network.page(0).got()[1..], ["on a good network", "something", "into the void", "knowingly"]);
}

/// [U2] [U8] [H5] [R1]
#[test]
fn over_real_sockets_strangers_are_refused_and_a_silent_server_is_given_up_by_who_only_listens() {
    let host = Host::start(served(Rhythm::Steady { interval: Duration::from_millis(50), timeout: None }, true));
    let dial = |origin: &str| {
        let mut request = host.url("/").into_client_request().expect("a URL");
        request.headers_mut().insert("Origin", origin.parse().expect("a header"));
        request.headers_mut().insert("Sec-WebSocket-Protocol", "soap, echo-protocol".parse().expect("a header"));
        tungstenite::connect(request)
    };
    let refused = dial("http://elsewhere.example").expect_err("refused");
    assert!(matches!(&refused, tungstenite::Error::Http(response) if response.status() == 403), "{refused}");
    let (_socket, response) = dial(ORIGIN).expect("welcome");
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "echo-protocol");

    let page = page(host.url("/"));
    let book = page.book.clone();
    let listening = settings(Rhythm::Listen { window: seconds(1) });
    let client =
        real::Client::connect(Settings { backoff: Backoff::constant(Duration::from_millis(50)), ..listening }, page);
    client.say(at_least_once("hello"));
    book.wait("the echo", |notes| got(notes).contains(&"hello".to_string()));
    host.hang(true);
    let dead = Cause::Lost(Loss::HeartbeatTimeout);
    book.wait("a verdict of death", |notes| {
        notes.iter().any(|(_, seen)| matches!(seen, Seen::Planned { cause, .. } if *cause == dead))
    });
    host.hang(false);
    book.wait("a second opening", |notes| openings(notes) >= 2);
    client.leave();
}
