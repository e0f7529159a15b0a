//! What every document promises, whatever it promises besides: its page connects, stays connected, comes back as soon
//! as it can and no sooner, and is gone when it was left.

use std::collections::BTreeSet;
use std::thread::Builder;

use crate::angular_subscriptions::Angular;
use crate::node_server::Node;
use crate::prelude::*;
use crate::react_chart::React;
use crate::vue_component::Vue;
use crate::vue_module::Module;

/// A page and its server.
pub trait Document {
    type Server: Protocol + Send + 'static;

    fn server() -> HubServer<Self::Server>;

    /// The page of the server at `ws://HOST`.
    fn page(base: &str) -> Page;

    fn settings() -> Settings;

    /// Sends a text to the page.
    fn push(server: &mut Self::Server, connections: &mut Connections, text: &str) {
        let _ = server;
        connections.online().into_iter().for_each(|conn| connections.send(conn, text));
    }
}

/// A page that was opened a second ago, on the simulated network.
pub fn opened<D: Document>() -> System<D::Server> {
    opened_with::<D>(D::settings())
}

pub fn opened_with<D: Document>(settings: Settings) -> System<D::Server> {
    System::opened(D::server(), settings, D::page("ws://server"))
}

/// Runs a scenario for each document, on a thread that has the document's number for a name.
macro_rules! for_each_document {
    ($scenario:ident) => {
        let scenarios = [
            ("000", $scenario::<React> as fn()),
            ("001", $scenario::<Vue>),
            ("002", $scenario::<Node>),
            ("003", $scenario::<Module>),
            ("004", $scenario::<Angular>),
        ];
        let spawn = |(document, scenario)| Builder::new().name(String::from(document)).spawn(scenario);
        let threads = scenarios.map(spawn).map(|thread| thread.expect("a thread"));
        threads.into_iter().for_each(|thread| thread.join().expect("every document passes"));
    };
}

fn delay<D: Document>() -> Duration {
    D::settings().backoff.base
}

fn detection_time<D: Document>() -> Duration {
    D::settings().heartbeat.mode.detection_time().expect("a heartbeat with a verdict")
}

/// [R1] [R2] [R4]
#[test]
fn a_server_that_is_away_is_dialled_at_the_documents_pace_until_it_is_there() {
    for_each_document!(away);
}

fn away<D: Document>() {
    let mut system = System::of(D::server());
    system.stop();
    system.open(D::settings(), D::page("ws://server"));
    system.run(seconds(3 * 3600));
    // A refusal takes 40 ms.
    let pace = delay::<D>().as_millis() as u64 + 40;
    assert_eq!(system.dials(0), (0..=10_800_000 / pace).map(|dial| dial * pace).collect::<Vec<_>>());
    let attempts: Vec<_> = system.retries(0).into_iter().map(|(_, attempt, _)| attempt).collect();
    assert!(attempts.iter().copied().eq(1..=attempts.len() as u32));
    system.start(D::server());
    system.run(delay::<D>() + seconds(1));
    assert_eq!(system.state(0), State::Open);
}

/// The locks of the documents: never cleared (000, 004), or missing, so that an error and a close make two dials (001).
///
/// [R1] [C3] [C6] [C5] [Q2] [Q4]
#[test]
fn each_loss_is_followed_by_one_dial_and_by_the_opening_messages_before_all_else() {
    for_each_document!(losses);
}

fn losses<D: Document>() {
    let mut system = opened::<D>();
    let page = D::page("");
    for loss in 1..=50 {
        let old = system.session(0).conn().expect("a connection");
        let before = system.sent_by(0).len();
        system.reset(0);
        system.run(delay::<D>() / 2);
        system.send(0, at_most_once("sent while it was down"));
        system.run(delay::<D>());
        // The network reports every end twice, and this one once more.
        system.input(0, Input::closed(old, Loss::Close(1006)));
        assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1 + loss));
        assert_eq!((system.session(0).stats().stale as usize, system.hub().connections()), (2 * loss, 1));
        let sent = system.sent_by(0).split_off(before).into_iter().map(|(_, text)| text);
        let sent: Vec<_> = sent.filter(|text| page.heart.as_ref() != Some(text)).collect();
        assert_eq!(sent, [&page.opening[..], &["sent while it was down".into()]].concat());
    }
    assert_eq!(system.retries(0).len(), 50);
}

/// [H4] [H9] [U5] [U8]
#[test]
fn a_cut_that_nobody_reports_is_found_out_on_both_sides_and_one_connection_is_left() {
    for_each_document!(cut);
}

fn cut<D: Document>() {
    for (up, down) in [(true, false), (false, true), (true, true)] {
        let mut system = opened::<D>();
        for round in 1..=3 {
            if up {
                system.lose_up(0);
            }
            if down {
                system.lose_down(0);
            }
            system.act(|protocol, server| D::push(protocol, server, "into the cut"));
            let start = system.now();
            while system.state(0) == State::Open {
                system.run(millis(10));
            }
            assert_eq!(system.cause(0), Cause::Lost(Loss::HeartbeatTimeout));
            let noticed = system.now().saturating_since(start);
            assert!(noticed <= detection_time::<D>() + millis(100), "noticed after {noticed:?}");
            system.run(delay::<D>() + seconds(1));
            assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1 + round), "{up} {down}");
            system.act(|protocol, server| D::push(protocol, server, "after the cut"));
            system.run(seconds(240));
            assert_eq!(system.hub().connections(), 1, "{up} {down}");
        }
        let arrived = |what: &str| system.got(0).iter().filter(|text| text.contains(what)).count();
        assert_eq!(arrived("after the cut"), 3, "{up} {down}");
        assert_eq!(arrived("into the cut"), if down { 0 } else { 3 }, "{up} {down}");
    }
}

/// [C4] [R2]
#[test]
fn dials_into_a_dead_network_are_given_up_and_made_again() {
    for_each_document!(dead_network);
}

fn dead_network<D: Document>() {
    let mut system = opened::<D>();
    system.partition(0);
    system.run(seconds(600));
    let pace = (delay::<D>() + D::settings().connect_timeout).as_millis() as u64;
    let dials = system.dials(0);
    assert!(dials.len() > 5 && dials[1..].windows(2).all(|pair| pair[1] - pair[0] == pace), "{dials:?}");
    system.heal(0);
    system.run(delay::<D>() + seconds(11));
    assert_eq!(system.state(0), State::Open);
}

/// [H1] [H4]
#[test]
fn a_network_that_is_back_before_the_verdict_costs_nothing() {
    for_each_document!(pause);
}

fn pause<D: Document>() {
    let mut system = opened::<D>();
    system.hold(0);
    system.act(|protocol, server| D::push(protocol, server, "late"));
    system.run(detection_time::<D>() - millis(1_100));
    system.release(0);
    system.run(seconds(600));
    assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1));
    assert!(system.got(0).iter().any(|text| text.contains("late")));
}

/// A laptop that is shut, with its server on it.
///
/// [H6]
#[test]
fn a_suspension_costs_no_connection() {
    for_each_document!(suspension);
}

fn suspension<D: Document>() {
    for already_idle in [0, 3, 6] {
        let mut system = opened::<D>();
        system.run(detection_time::<D>() * already_idle / 7);
        system.suspend(seconds(8 * 3600));
        system.run(seconds(600));
        assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1));
    }
}

/// In two documents a text that is no JSON throws before the heartbeat is reset.
///
/// [H1] [H7] [C7]
#[test]
fn a_text_that_nobody_understands_is_a_sign_of_life_and_an_answer_to_the_heart_is_no_message() {
    for_each_document!(not_json);
}

fn not_json<D: Document>() {
    let mut system = opened::<D>();
    let before = system.got(0).len();
    system.act(|_, server| server.online().into_iter().for_each(|conn| server.send(conn, "{not: JSON")));
    system.run(seconds(3600));
    assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1));
    assert_eq!(system.got(0)[before..], ["{not: JSON"]);
    let stats = system.session(0).stats();
    assert!(stats.pings > 10 && stats.pings - stats.pongs <= 1, "{stats:?}");
    assert_eq!(system.session(0).rtt().map(|rtt| rtt.latest), Some(millis(40)));
}

/// In two documents the close that the page asks for is a close like any other, and leads to a dial.
///
/// [X1] [X2] [C3] [C6]
#[test]
fn a_page_that_was_left_is_gone_whatever_it_was_doing() {
    for_each_document!(left);
}

fn left<D: Document>() {
    for (state, cause) in [
        (State::Open, Cause::Lost(Loss::Close(1000))),
        (State::Waiting, Cause::Requested),
        (State::Connecting, Cause::Requested),
    ] {
        for partitioned in [false, true] {
            let mut system = opened::<D>();
            if state != State::Open {
                system.reset(0);
                system.run(millis(25));
            }
            while system.state(0) != state {
                system.run(millis(15));
            }
            if partitioned {
                system.partition(0);
            }
            system.leave(0);
            system.run(seconds(10));
            let before = system.log(0);
            system.run(seconds(24 * 3600));
            assert_eq!(system.log(0), before, "something happened");
            let cause = if partitioned && state == State::Open { Cause::CloseTimeout } else { cause };
            let session = system.session(0);
            assert_eq!((session.state(), session.cause(), session.deadline()), (State::Closed, cause, None));
            assert_eq!(system.hub().connections(), 0, "the server still has it");
        }
    }
}

/// [R1] [R2] [C5] [C6] [H2] [H4] [Q2] [X2]
#[test]
fn over_real_sockets_a_page_survives_a_broken_connection_an_absent_server_and_a_hung_one() {
    for_each_document!(real);
}

fn real<D: Document>() {
    let mut server = RealServer::start(D::server());
    let received = server.received();
    let page = RealPage::open(fast(when_idle(millis(50), seconds(4)), D::settings()), D::page(&server.url("")));
    let Page { opening, heart, .. } = D::page("");
    let lost = |loss: Loss| move |log: &Notices| log.iter().any(|(_, notice)| notice.is_lost_by(loss));
    for round in 1..=4 {
        received.wait("a heartbeat on each connection", |log| {
            let hearts = log.iter().filter(|(_, text)| Some(text) == heart.as_ref());
            hearts.map(|(conn, _)| conn).collect::<BTreeSet<_>>().len() >= round
        });
        server.act(|protocol, server| D::push(protocol, server, &format!("round {round}")));
        page.log.wait("a push", |log| texts(log).iter().any(|text| text.contains(&format!("round {round}"))));
        match round {
            1 => server.reset(),
            2 => {
                server.stop();
                page.log.wait("a refused dial", lost(Loss::Transport(TransportError::Connect)));
                server.listen();
            }
            3 => {
                server.hang(true);
                page.log.wait("a verdict", lost(Loss::HeartbeatTimeout));
                server.hang(false);
            }
            _ => {}
        }
    }
    let log = page.leave();
    let dials = log.iter().filter(|(_, notice)| matches!(notice, Notice::Dial(_))).count();
    let losses = log.iter().filter(|(_, notice)| matches!(notice, Notice::Retry { .. })).count();
    assert_eq!(dials, 1 + losses, "each loss one dial, and none after the close");
    assert!(!texts(&log).iter().any(|text| Some(text) == heart.as_ref()), "the answers are not the application's");
    let mut by_connection = BTreeMap::<ConnId, Vec<String>>::new();
    received.all().into_iter().for_each(|(conn, text)| by_connection.entry(conn).or_default().push(text));
    assert!(by_connection.values().all(|texts| texts.iter().zip(&opening).all(|(text, first)| text == first)));
}
