//! The Angular controller (004): two subscriptions at each opening, and only then the heartbeat; what arrives goes to
//! the part of the page that asked for it.

use heartline::outbox::OutboxConfig;

use crate::documents::opened_with;
use crate::prelude::*;

const HEART: &str = r#"{"type":"HEART_BEAT","service":"业务"}"#;
const FIRST: &str = r#"{"type":"sub","service":"业务1"}"#;
const SECOND: &str = r#"{"type":"sub","service":"业务2"}"#;

/// The server: pushes what a service has on the connections that subscribed to it.
#[derive(Default)]
pub struct Services {
    ignores_hearts: bool,
    /// The code with which subscriptions are refused.
    refuses: Option<u16>,
}

impl Protocol for Services {
    fn user(&mut self, conn: ConnId, _request: &Request) -> Option<String> {
        Some(conn.to_string())
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        let json = parse(text);
        match (json["type"].as_str(), json["service"].as_str()) {
            (Some("sub"), _) if self.refuses.is_some() => {
                server.send(conn, json!({"type": "refused", "code": self.refuses}).to_string());
            }
            (Some("sub"), Some(service)) => server.subscribe(conn, service),
            (Some("HEART_BEAT"), _) if !self.ignores_hearts => server.input(hub::Input::Ping { conn }),
            (Some("HEART_BEAT"), _) => server.input(hub::Input::Alive { conn, bytes: 0 }),
            _ => server.input(hub::Input::UnknownMessage { conn }),
        }
    }
}

impl Services {
    fn publish(&self, server: &mut Connections, service: &str, data: &str) {
        server.publish(service, json!({"service": service, "data": data}).to_string());
    }
}

pub struct Angular;

impl Document for Angular {
    type Server = Services;

    fn server() -> HubServer<Services> {
        let settings = hub::Settings { heartbeat: when_idle(seconds(120), seconds(10)), ..Default::default() };
        HubServer::new(settings, Services::default()).answering(HEART)
    }

    /// Ready, and with it the heart, when both subscriptions are on their way.
    fn page(base: &str) -> Page {
        let mut subscribed = 0;
        Page {
            opening: vec![FIRST.into(), SECOND.into()],
            on: Box::new(move |conn, notice, commands| match notice {
                notice if notice.enters(State::Greeting) => subscribed = 0,
                Notice::Outcome(_, Outcome::Transmitted) => {
                    subscribed += 1;
                    commands.extend((subscribed == 2).then_some(Command::Input(Input::Ready { conn })));
                }
                Notice::Text(text) => {
                    let code = parse(text)["code"].as_u64().and_then(|code| u16::try_from(code).ok());
                    commands.extend(code.map(|code| Command::Input(Input::closed(conn, Loss::Application(code)))));
                }
                _ => {}
            }),
            ..Page::with_heart(format!("{base}/subscribeWebSocket/"), HEART)
        }
    }

    fn settings() -> Settings {
        Settings {
            heartbeat: when_idle(seconds(30), seconds(10)),
            greeting_timeout: Some(seconds(5)),
            backoff: Backoff::constant(seconds(4)),
            ..Settings::default()
        }
    }

    fn push(services: &mut Services, server: &mut Connections, text: &str) {
        services.publish(server, "业务2", text);
    }
}

/// What the part of the page for a service shows.
fn part(system: &System<Services>, service: &str) -> Vec<String> {
    let json = system.got(0).into_iter().map(|text| parse(&text)).filter(|json| json["service"] == service);
    json.filter_map(|json| Some(json["data"].as_str()?.into())).collect()
}

/// [C5] [Q1] [Q2] [H2]
#[test]
fn two_subscriptions_at_each_opening_and_only_then_the_heart_and_everything_else() {
    // A heart that beats as soon as it may, and an outbox that is full before the subscriptions are made.
    let outbox = OutboxConfig { max_messages: 1, ack_window: 1, ..OutboxConfig::default() };
    let settings = Settings { outbox, heartbeat: periodic(seconds(30), None), ..Angular::settings() };
    let mut system = opened_with::<Angular>(settings);
    for round in 1..=4 {
        system.send(0, at_most_once("queued"));
        system.run(seconds(5));
        let sent: Vec<_> = system.sent_by(0).into_iter().map(|(_, text)| text).collect();
        assert_eq!(sent[sent.len() - 4..], [FIRST, SECOND, HEART, "queued"], "opening {round}");
        system.reset(0);
        system.run(seconds(1));
    }
}

/// [C7] [H1] [H2]
#[test]
fn each_service_gets_its_own_and_the_heart_beats_thirty_seconds_after_the_last_push() {
    let mut system = opened::<Angular>();
    for (service, data) in [("业务1", "a"), ("业务2", "b"), ("业务3", "not asked for"), ("业务1", "c")] {
        system.run(seconds(29));
        system.act(|services, server| services.publish(server, service, data));
    }
    system.run(seconds(29));
    assert_eq!([part(&system, "业务1"), part(&system, "业务2")], [vec!["a", "c"], vec!["b"]]);
    // The second push came at 59 s, the fourth at 117 s.
    assert_eq!(system.hearts(0), [89_020]);
    system.run(seconds(2));
    assert_eq!(system.hearts(0)[1..], [117_020 + 30_000]);
}

/// [H2] [H4]
#[test]
fn a_server_that_never_answers_the_heart_wants_one_that_expects_no_answer() {
    let dials = [Angular::settings().heartbeat, periodic(seconds(30), None)].map(|heartbeat| {
        let mut system = opened_with::<Angular>(Settings { heartbeat, ..Angular::settings() });
        system.act(|services, _| services.ignores_hearts = true);
        system.run(seconds(600));
        system.dials(0).len()
    });
    // Each connection of the first ends 40 s after its opening; the next dial is 4 s later.
    assert_eq!(dials, [14, 1]);
}

/// In the document a constructor that throws is a loss like any other.
///
/// [R1] [R4]
#[test]
fn a_url_that_is_none_is_tried_again_where_the_policy_says_so() {
    let retry = RetryPolicy::default().with(Pattern::Transport(TransportError::Address), Verdict::Retry);
    let mut urls = ["ws:", "10.0.0.1", "ws://server/"].into_iter();
    let mut system = System::of(Angular::server());
    let url = Box::new(move |_| urls.next().expect("three dials").into());
    system.open(Settings { retry, ..Angular::settings() }, Page { url, ..Angular::page("") });
    system.run(seconds(10));
    assert_eq!((system.state(0), system.dials(0)), (State::Open, vec![0, 4_000, 8_000]));
}

/// [C8] [R4] [R5]
#[test]
fn a_subscription_that_is_refused_ends_the_connection_for_good_or_for_a_while() {
    for (code, state, dials) in [(4403, State::Idle, 1), (4500, State::Waiting, 3)] {
        let mut system = System::of(Angular::server());
        system.act(|services, _| services.refuses = Some(code));
        system.open(Angular::settings(), Angular::page("ws://server"));
        system.run(seconds(10));
        assert_eq!((system.state(0), system.dials(0).len(), system.hub().connections()), (state, dials, 0), "{code}");
    }
}
