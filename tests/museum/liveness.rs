//! Is the other side still there? Links that die without a word, and links that only look dead.

use heartline::{Action, Cause, Config, Event, Input, Loss, Rhythm, Settings, State};

use crate::network::{Link, Network};
use crate::support::{SECOND, World, at, changes, conn, plain, pulse, seconds, when_idle};
use crate::{dials, pings, schedules};

fn beating() -> Settings {
    Settings { heartbeat: pulse(when_idle(seconds(20), seconds(10))), ..plain() }
}

fn dead_for_good() -> Vec<(State, Cause)> {
    vec![(State::Waiting, Cause::Lost(Loss::HeartbeatTimeout))]
}

/// **2.** A cable is pulled, a router forgets a mapping: no event comes, and the client believed for hours in a
/// link on which nothing arrived (reconnecting-websocket #98, graphql-ws #117, okhttp #3197; a tutorial's client
/// sends its heartbeat and draws no conclusion).
///
/// [H2] [H4] [H9]
#[test]
fn a_link_that_died_without_a_word_is_found_dead_within_the_detection_time() {
    let mut network = Network::connected(beating());
    network.run(seconds(90));
    assert_eq!(pings(&network.world), [at(20_000), at(40_000), at(60_000), at(80_000)]);
    network.link = Link::Dead;
    let bound = Config::new(beating()).unwrap().detection_time().unwrap();
    network.run(bound);
    let said = network.world.said.iter().filter(|(when, _)| *when > at(90_000));
    let (when, _) =
        said.clone().find(|(_, action)| matches!(action, Action::Abort { .. })).expect("there is a verdict");
    assert_eq!(*when, at(80_000).saturating_add(bound));
    assert_eq!(changes(said.map(|(_, action)| action))[..1], dead_for_good());
}

/// **2.** The same where what the client itself writes into the dead link counts as a sign of life: the busiest
/// client notices last.
///
/// [H1] [H9]
#[test]
fn a_client_that_keeps_sending_into_a_dead_link_finds_it_dead_as_soon() {
    let mut network = Network::connected(beating());
    network.link = Link::Dead;
    for nth in 0..30 {
        network.world.once(&format!("message {nth}"));
        network.run(SECOND);
    }
    assert_eq!(network.world.state(), State::Waiting);
    assert_eq!(network.world.session.cause(), Cause::Lost(Loss::HeartbeatTimeout));
}

/// **3.** The heartbeat gave its verdict, started a close handshake with the dead peer and waited for the answer,
/// which could not come (websockets #1527, react-use-websocket #238, ezsockets #104).
///
/// [H4]
#[test]
fn a_dead_link_is_dropped_and_not_asked_to_close() {
    let mut world = World::opened(beating());
    let verdict: Vec<_> = world.run(seconds(30)).into_iter().filter(|(when, _)| *when == at(30_000)).collect();
    let actions: Vec<_> = verdict.into_iter().map(|(_, action)| action).collect();
    assert_eq!(actions.first(), Some(&Action::Abort { conn: conn(1) }));
    assert!(!actions.iter().any(|action| matches!(action, Action::Close { .. })));
    assert_eq!(schedules(&actions), [(1, at(31_000), Cause::Lost(Loss::HeartbeatTimeout))]);
    world.run(SECOND);
    assert_eq!(dials(&world), [at(0), at(31_000)], "nobody confirmed the end of the first connection");
}

/// **3.** The same with a close that the application asked for: the peer was gone, its answer never came, and the
/// client stayed in "closing".
///
/// [X1] [X2]
#[test]
fn a_close_that_nobody_answers_ends_by_itself() {
    let mut network = Network::connected(plain());
    network.link = Link::Dead;
    network.world.close(seconds(60));
    network.run(seconds(5));
    assert_eq!((network.world.state(), network.world.session.cause()), (State::Closed, Cause::CloseTimeout));
    assert!(network.world.said.contains(&(at(5000), Action::Abort { conn: conn(1) })));
}

/// **9.** The heartbeat closed the socket with code 1000, the client took that for its user's own wish to leave,
/// and did not reconnect (vueuse #2506 and #4310, phoenix #4944).
///
/// [H4] [R4] [O1]
#[test]
fn a_timeout_of_our_own_heartbeat_is_a_loss_and_no_farewell() {
    let mut world = World::opened(beating());
    let verdict = world.run(seconds(30));
    assert_eq!(changes(verdict.iter().map(|(_, action)| action)), dead_for_good());
    assert!(world.session.deadline().is_some());
}

/// **9.** The same with the client's own limit on a dial or a greeting: it gives up, and then respects that
/// "close".
///
/// [C4] [C5] [R4]
#[test]
fn a_dial_or_a_greeting_given_up_by_ourselves_is_a_loss_and_no_farewell() {
    let mut world = World::new(Settings { greeting_timeout: Some(seconds(5)), ..plain() });
    world.input(Input::Connect);
    world.run(seconds(10));
    assert_eq!(world.session.cause(), Cause::Lost(Loss::ConnectTimeout));
    world.run(SECOND);
    world.open();
    world.run(seconds(5));
    assert_eq!(world.session.cause(), Cause::Lost(Loss::GreetingTimeout));
    assert_eq!(world.state(), State::Waiting);
}

/// **11.** In a background tab timers fire once a minute, every verdict of the heartbeat comes too late to be
/// believed, and messages went into the dead link all the while (socket.io #5135, #4040).
///
/// [H6] [Q5]
#[test]
fn timers_throttled_to_one_a_minute_still_find_a_dead_link() {
    let mut network = Network::connected(beating());
    network.throttle = Some(seconds(60));
    network.link = Link::Dead;
    network.world.at_least_once("order");
    network.run(seconds(180));
    assert_eq!(network.world.state(), State::Waiting, "ping at 60 s, put off at 120 s, dead at 180 s");
    assert_eq!(network.world.session.stats().pings, 2);
    network.link = Link::Fine;
    network.run(seconds(60));
    assert_eq!((network.world.state(), network.arrived), (State::Open, vec!["order".to_string()]));
}

/// **11.** The other side of it: after a suspension the timer runs before the answers that have long arrived are
/// read, and a healthy link is dropped.
///
/// [H6] [P5]
#[test]
fn a_timer_that_was_suspended_condemns_no_healthy_link() {
    let mut world = World::opened(beating());
    world.run(seconds(20));
    world.sleep(seconds(3600));
    let woken = world.input(Input::Timer);
    assert_eq!(woken, [Action::Ping { conn: conn(1) }, Action::Event(Event::Slept { late_ms: 3_590_000 })]);
    world.pong();
    world.run(seconds(15));
    assert_eq!((world.state(), dials(&world)), (State::Open, vec![at(0)]));
}

/// **28.** A busy server queues its pongs behind megabytes of data, and the client that received all that data
/// closed the link for want of a pong (okhttp #6690, socket.io #5450).
///
/// [H1] [H4]
#[test]
fn a_stream_of_messages_is_life_even_if_no_pong_ever_comes() {
    let steady = Rhythm::Steady { interval: seconds(20), timeout: Some(seconds(10)) };
    for rhythm in [when_idle(seconds(20), seconds(10)), steady] {
        let mut world = World::opened(Settings { heartbeat: pulse(rhythm), ..plain() });
        for _ in 0..120 {
            world.run(SECOND);
            assert_eq!(world.state(), State::Open, "{rhythm:?}");
            world.message("a block of the download");
        }
        assert_eq!((world.state(), world.session.stats().lost_to_heartbeat), (State::Open, 0), "{rhythm:?}");
    }
}

/// **35.** The server counted only what the client sent; its own steady broadcast kept the client's heartbeat,
/// which waits for silence, from ever sending, and it closed the client as idle.
///
/// [H2]
#[test]
fn a_steady_heart_keeps_sending_through_a_steady_broadcast() {
    let run = |rhythm| {
        let mut network = Network::connected(Settings { heartbeat: pulse(rhythm), ..plain() });
        network.broadcast = Some(SECOND);
        network.patience = Some(seconds(60));
        network.run(seconds(600));
        network.world.session.stats().lost_to_close
    };
    assert_eq!(run(Rhythm::Steady { interval: seconds(20), timeout: None }), 0);
    assert_eq!(run(Rhythm::Steady { interval: seconds(20), timeout: Some(seconds(10)) }), 0);
    assert_ne!(run(when_idle(seconds(20), seconds(10))), 0, "this is what the steady rhythm is for");
}
