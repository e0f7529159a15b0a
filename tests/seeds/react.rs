//! The React class (000): a chart of a project that must stay connected through a server which hangs up on whoever is
//! silent for two minutes.

use std::sync::Arc;
use std::time::Duration;

use heartline::{Backoff, Cause, ConnId, Loss, Rhythm, Settings, State, Transport};

use crate::charts::{Charts, HEART, OPENING, page, served};
use crate::network::{Network, Way};
use crate::page::{CONNECT, Page, Seen, got, leave, once, openings};
use crate::real::{Client, Host};
use crate::support::{pulse, seconds, when_idle};

fn settings() -> Settings {
    Settings {
        heartbeat: pulse(when_idle(seconds(30), seconds(30))),
        backoff: Backoff::constant(seconds(10)),
        ..Settings::default()
    }
}

/// A page that has been connected for a second. On this network a way takes 20 ms.
fn network(settings: Settings) -> Network<Charts> {
    let charts = Charts::default();
    let page = page("ws://hitsm".into(), Arc::clone(&charts.issued));
    let mut network = Network::new(served(charts, seconds(120)));
    network.join(settings, page);
    network.say(0, CONNECT);
    network.run(seconds(1));
    assert_eq!(network.state(0), State::Open);
    network
}

fn heartbeats(network: &Network<Charts>) -> Vec<u64> {
    network.texts(0).into_iter().filter(|(_, text)| text == HEART).map(|(at, _)| at).collect()
}

/// [R1] [C2]
#[test]
fn every_dial_carries_a_token_of_its_own() {
    let mut network = network(settings());
    for _ in 0..4 {
        network.kill(0);
        network.run(seconds(15));
        assert_eq!(network.state(0), State::Open, "the old token would have been refused");
    }
    let urls: Vec<_> = network.dials.iter().map(|(_, _, url)| url.as_str()).collect();
    let expected: Vec<_> = (1..=5).map(|token| format!("ws://hitsm/websocket?token={token}")).collect();
    assert_eq!(urls, expected);
}

/// [R4] [R5] [O1]
#[test]
fn a_token_that_is_not_accepted_is_final_and_the_page_can_say_why() {
    let charts = Charts::default();
    let mut network = Network::new(served(charts, seconds(120)));
    network.join(settings(), Page::at("ws://hitsm/websocket?token=stolen"));
    network.say(0, CONNECT);
    network.run(seconds(300));
    assert_eq!(network.dialled(0), [0]);
    assert_eq!(network.clients[0].session.cause(), Cause::Stopped(Loss::Status(401)));
}

/// [Q2] [C5]
#[test]
fn each_opening_begins_with_the_group_and_the_project() {
    let mut network = network(settings());
    network.kill(0);
    network.run(seconds(1));
    network.say(0, once("asked while it was down"));
    network.run(seconds(15));
    let texts: Vec<_> = network.texts(0).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [OPENING, OPENING, "asked while it was down"]);
    network.serve(|charts, desk| charts.publish(desk, 7, "a point"));
    network.serve(|charts, desk| charts.publish(desk, 8, "of another project"));
    network.run(seconds(1));
    assert_eq!(network.page(0).got(), ["a point"]);
}

/// [H2]
#[test]
fn the_heart_beats_after_thirty_seconds_of_silence_and_not_before() {
    let mut network = network(settings());
    network.run(seconds(120));
    // Open since 40 ms; each echo takes 40 ms.
    assert_eq!(heartbeats(&network), [30_040, 60_080, 90_120, 120_160]);
}

/// [C7] [H7]
#[test]
fn the_echo_of_the_heart_never_reaches_the_application() {
    let mut network = network(settings());
    network.run(seconds(3600));
    assert_eq!(network.page(0).got(), [""; 0]);
    let stats = network.clients[0].session.stats();
    assert_eq!((stats.pings, stats.pongs), (119, 119));
    assert_eq!(network.clients[0].session.rtt().expect("measured").latest, Duration::from_millis(40));
}

/// [H1] [H2]
#[test]
fn any_message_begins_the_thirty_seconds_anew() {
    let mut network = network(settings());
    for _ in 0..12 {
        network.run(seconds(20));
        network.serve(|charts, desk| charts.publish(desk, 7, "a point"));
    }
    assert_eq!(heartbeats(&network), [0; 0], "there was never silence");
    network.run(seconds(40));
    assert_eq!(heartbeats(&network), [241_020 + 30_000]);
}

/// [U8] [H5]
#[test]
fn a_server_that_hangs_up_after_two_idle_minutes_never_does() {
    let mut network = network(settings());
    network.run(seconds(24 * 3600));
    assert_eq!((network.dials.len(), network.clients[0].session.stats().ready), (1, 1));
}

/// [H2] [U8]
#[test]
fn a_server_that_counts_only_what_the_client_sends_wants_a_steady_heart() {
    let steady = Rhythm::Steady { interval: seconds(30), timeout: Some(seconds(30)) };
    for (rhythm, dials) in [(when_idle(seconds(30), seconds(30)), 5), (steady, 1)] {
        let mut network = network(Settings { heartbeat: pulse(rhythm), ..settings() });
        network.serve(|charts, _| charts.strict = true);
        for _ in 0..60 {
            network.run(seconds(10));
            network.serve(|charts, desk| charts.publish(desk, 7, "a point"));
        }
        assert_eq!(network.dials.len(), dials, "{rhythm:?}");
    }
}

/// [U8] [R4]
#[test]
fn without_a_heart_the_server_hangs_up_every_two_minutes_and_the_page_comes_back() {
    let mut network = network(Settings { heartbeat: pulse(Rhythm::Off), ..settings() });
    network.run(seconds(300));
    // The group message arrived 60 ms after the dial; two minutes later the close takes 20 ms.
    assert_eq!(network.dialled(0), [0, 130_080, 260_160]);
    assert_eq!(network.page(0).changes()[2].2, Cause::Lost(Loss::Close(3008)));
}

/// [R1] [R2]
#[test]
fn ten_seconds_lie_between_two_dials_and_never_are_there_two_at_once() {
    let mut network = network(settings());
    network.stop_server();
    network.run(Duration::from_millis(60_230));
    let dialled = network.dialled(0);
    // A refusal takes 40 ms.
    assert_eq!(dialled, [0, 11_020, 21_060, 31_100, 41_140, 51_180, 61_220]);
    let planned = network.page(0).planned();
    assert_eq!(planned.iter().map(|(_, which, _)| *which).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

/// The document sets its lock after a heartbeat timeout and nothing ever clears it: no dial any more.
///
/// [H4] [R1]
#[test]
fn after_a_heartbeat_timeout_the_page_comes_back_as_after_any_other_loss() {
    let mut network = network(settings());
    for round in 1..=3 {
        network.dark(0, true);
        network.run(seconds(60));
        assert_eq!(network.state(0), State::Waiting);
        assert_eq!(network.clients[0].session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
        network.dark(0, false);
        network.run(seconds(11));
        assert_eq!(network.state(0), State::Open, "round {round}");
        assert_eq!(network.dials.len(), 1 + round);
    }
}

/// [H4] [H9] [U4] [U5]
#[test]
fn whichever_way_the_wire_falls_silent_both_sides_find_out_and_one_connection_is_left() {
    for way in [Way::Up, Way::Down] {
        let mut network = network(settings());
        network.silence(0, way);
        network.run(seconds(300));
        assert_eq!((network.state(0), network.dials.len()), (State::Open, 2), "{way:?}");
        let hub = &network.server.as_ref().expect("a server").desk.hub;
        assert_eq!((hub.connections(), hub.online().len()), (1, 1), "{way:?}");
    }
}

/// [C4] [R2]
#[test]
fn a_dial_into_a_dead_network_is_given_up_and_made_again() {
    let mut network = network(settings());
    network.dark(0, true);
    network.kill(0);
    network.run(seconds(120));
    // The verdict comes at 60.04 s; then 10 s to give up a dial, and 10 s of delay.
    assert_eq!(network.dialled(0), [0, 70_040, 90_040, 110_040]);
    network.dark(0, false);
    network.run(seconds(20));
    assert_eq!(network.state(0), State::Open);
}

/// [X1] [X2]
#[test]
fn a_page_that_is_left_is_left_for_good() {
    let mut network = network(settings());
    network.say(0, leave());
    network.run(seconds(3600));
    assert_eq!((network.state(0), network.dials.len()), (State::Closed, 1));
    assert_eq!(network.server.as_ref().expect("a server").desk.hub.connections(), 0);
}

/// [H2] [H4] [R1] [Q2]
#[test]
fn over_real_sockets_the_page_survives_a_hung_server_and_a_broken_connection() {
    let charts = Charts::default();
    let tokens = Arc::clone(&charts.issued);
    let host = Host::start(served(charts, seconds(20)));
    let heard = host.serve(|_, desk| desk.heard.clone());
    let page = page(host.url(""), tokens);
    let book = page.book.clone();
    let short = Duration::from_millis(30);
    let settings = Settings {
        heartbeat: pulse(when_idle(short, Duration::from_secs(1))),
        backoff: Backoff::constant(short),
        min_dial_gap: short,
        ..settings()
    };
    let client = Client::connect(settings, page);
    let count = |notes: &[(ConnId, String)], what: &str| notes.iter().filter(|(_, text)| text == what).count();
    heard.wait("three heartbeats", |notes| count(notes, HEART) >= 3);

    host.hang(true);
    book.wait("a verdict of death", |notes| notes.iter().any(|(_, seen)| lost(seen, Loss::HeartbeatTimeout)));
    host.hang(false);
    book.wait("a second opening", |notes| openings(notes) >= 2);
    let before = heard.wait("its opening message", |notes| count(notes, OPENING) >= 2);
    heard.wait("its heartbeat", |notes| count(&notes[before.len()..], HEART) >= 1);

    let openings_before = openings(&book.all());
    host.kill();
    book.wait("a broken connection", |notes| notes.iter().any(|(_, seen)| lost(seen, Loss::Transport(Transport::Io))));
    book.wait("one more opening", |notes| openings(notes) > openings_before);
    client.leave();
    assert_eq!(got(&book.all()), [""; 0], "the echo is not the application's");
}

fn lost(seen: &Seen, loss: Loss) -> bool {
    matches!(seen, Seen::Planned { cause: Cause::Lost(found), .. } if *found == loss)
}
