//! The Vue component (001): a heart of JSON each minute, and a retry each minute until the component is gone.

use crate::documents::opened_with;
use crate::prelude::*;

const HEART: &str = r#"{"heart":1}"#;
const OPENING: &str = r#"{"id":"a1b2c3"}"#;

/// The server: answers a heart with a heart, and acknowledges what has a number.
pub struct Backend;

impl Protocol for Backend {
    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        let json = parse(text);
        if let Some(id) = json["id"].as_str() {
            server.input(hub::Input::Login { conn, user: id.into(), until: None });
        } else if json["heart"] == 1 {
            server.input(hub::Input::Ping { conn });
        } else if let Some(number) = json["number"].as_u64() {
            server.send(conn, format!(r#"{{"ack":{number}}}"#));
        } else {
            server.input(hub::Input::UnknownMessage { conn });
        }
    }
}

pub struct Vue;

impl Document for Vue {
    type Server = Backend;

    fn server() -> HubServer<Backend> {
        let settings = hub::Settings { heartbeat: listen(seconds(180)), ..Default::default() };
        HubServer::new(settings, Backend).answering(HEART)
    }

    /// The component: whatever is no heart is data to render.
    fn page(base: &str) -> Page {
        Page {
            opening: vec![OPENING.into()],
            is_answer: |text| parse(text)["heart"] == 1,
            on: Box::new(|_, notice, commands| {
                let Notice::Text(text) = notice else { return };
                let acked = parse(text)["ack"].as_u64().map(|id| Input::Acked { id: MessageId::from_raw(id) });
                commands.extend(acked.map(Command::Input));
            }),
            ..Page::with_heart(format!("{base}/ajaxchattest"), HEART)
        }
    }

    fn settings() -> Settings {
        let heartbeat = when_idle(seconds(60), seconds(60));
        Settings { heartbeat, backoff: Backoff::constant(seconds(60)), ..Settings::default() }
    }
}

/// [Q2] [H1] [H2] [C7]
#[test]
fn it_identifies_itself_and_then_sends_a_heart_for_each_minute_without_data() {
    let mut system = opened::<Vue>();
    system.run(seconds(129));
    system.act(|protocol, server| Vue::push(protocol, server, r#"{"value":7}"#));
    system.run(seconds(90));
    // In the document this one throws before the heart is put off.
    system.act(|protocol, server| Vue::push(protocol, server, "{not: JSON"));
    system.run(seconds(61));
    let hearts = [60_040, 120_080, 190_020, 280_020].map(|at| (at, HEART.to_string()));
    assert_eq!(system.sent_by(0), [&[(40, OPENING.to_string())][..], &hearts].concat());
    assert_eq!(system.got(0), [r#"{"value":7}"#, "{not: JSON"]);
}

/// In the document all components share one heart: whoever starts it stops it for the others.
///
/// [H1] [H2]
#[test]
fn two_components_have_a_heart_each() {
    let mut system = opened::<Vue>();
    system.run(seconds(29));
    let id = r#"{"id":"d4e5f6"}"#;
    system.open(Vue::settings(), Page { opening: vec![id.into()], ..Vue::page("ws://server") });
    system.run(seconds(20));
    system.act(|_, server| {
        let conn = server.hub.conn_of(&"d4e5f6".into()).expect("online");
        server.send(conn, r#"{"value":7}"#);
    });
    system.run(seconds(100));
    assert_eq!([system.hearts(0), system.hearts(1)], [vec![60_040, 120_080], vec![110_020]]);
}

/// `maxReconnect` of the document; zero is its lock, which forbids every retry.
///
/// [R3] [R4] [R5]
#[test]
fn a_limit_of_retries_counts_from_the_last_stable_connection_until_somebody_asks_again() {
    let refused = Loss::Transport(TransportError::Connect);
    for (limit, loss, state) in [(0, Loss::Transport(TransportError::Io), State::Idle), (5, refused, State::Open)] {
        let mut system = opened_with::<Vue>(Settings { max_retries: Some(limit), ..Vue::settings() });
        system.stop();
        system.run(seconds(3600));
        assert_eq!((system.state(0), system.cause(0)), (State::Idle, Cause::Exhausted(loss)));
        assert_eq!(system.dials(0).len(), 1 + limit as usize);

        system.start(Vue::server());
        system.input(0, Input::Connect);
        system.run(seconds(60));
        system.reset(0);
        system.run(seconds(62));
        assert_eq!(system.state(0), state, "the count starts anew");
    }
}

/// [Q3] [Q5] [Q9]
#[test]
fn what_was_sent_into_a_cut_network_is_missed_before_the_heart_is_and_arrives_when_it_is_whole_again() {
    let mut system = opened::<Vue>();
    system.partition(0);
    system.run(seconds(5));
    system.send(0, at_least_once(r#"{"number":2}"#));
    system.run(seconds(290));
    assert!(system.log(0).iter().any(|(_, notice)| notice.is_lost_by(Loss::AckTimeout)));
    system.heal(0);
    system.run(seconds(70));
    let acked = Notice::Outcome(MessageId::from_raw(2), Outcome::Acked);
    assert!(system.log(0).iter().any(|(_, notice)| *notice == acked));
    let received = system.server().connections.received.all();
    assert_eq!(received.iter().filter(|(_, text)| text.contains("number")).count(), 1);
}
