//! The React class (000): a chart of a project, behind a server that asks for a token and hangs up after two silent
//! minutes.

use crate::documents::opened_with;
use crate::prelude::*;

const HEART: &str = "H&M";
const OPENING: &str = r#"{"groupId":12,"projectId":7}"#;

/// The server: a token is good for one dial, and a page gets the points of its project.
#[derive(Default)]
pub struct Charts {
    last_token: u32,
    /// Only what the client sends counts against the two minutes.
    strict: bool,
}

impl Protocol for Charts {
    fn check(&mut self, request: &Request) -> Result<(), u16> {
        let token = request.path.strip_prefix("/websocket?token=").and_then(|token| token.parse().ok());
        let fresh = token.is_some_and(|token| token > self.last_token);
        self.last_token = self.last_token.max(token.unwrap_or(0));
        if fresh { Ok(()) } else { Err(401) }
    }

    fn user(&mut self, _conn: ConnId, _request: &Request) -> Option<String> {
        Some("the page's user".into())
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        match parse(text)["projectId"].as_u64() {
            Some(project) => server.subscribe(conn, &feed(project)),
            None if text == HEART => server.input(hub::Input::Ping { conn }),
            None => server.input(hub::Input::UnknownMessage { conn }),
        }
    }
}

/// The points of a project.
fn feed(project: u64) -> String {
    format!("project {project}")
}

impl Charts {
    fn publish(&self, server: &mut Connections, project: u64, point: &str) {
        server.publish(&feed(project), point);
        // Idle is a connection without traffic either way.
        if !self.strict {
            let members: Vec<_> = server.hub.members(feed(project).as_bytes(), None).map(|(conn, _)| conn).collect();
            members.into_iter().for_each(|conn| server.input(hub::Input::Alive { conn, bytes: 0 }));
        }
    }
}

pub struct React;

impl Document for React {
    type Server = Charts;

    fn server() -> HubServer<Charts> {
        let settings = hub::Settings { heartbeat: listen(seconds(120)), ..Default::default() };
        HubServer::new(settings, Charts::default()).answering(HEART)
    }

    fn page(base: &str) -> Page {
        page(base, false)
    }

    fn settings() -> Settings {
        let heartbeat = when_idle(seconds(30), seconds(30));
        Settings { heartbeat, backoff: Backoff::constant(seconds(10)), ..Settings::default() }
    }

    fn push(charts: &mut Charts, server: &mut Connections, text: &str) {
        charts.publish(server, 7, text);
    }
}

/// A page that gets a new token for each dial, or only when it is asked to renew it.
fn page(base: &str, keeps_token: bool) -> Page {
    let (base, mut token) = (base.to_string(), 0);
    let url = move |renew| {
        token += u32::from(renew || token == 0 || !keeps_token);
        format!("{base}/websocket?token={token}")
    };
    Page { url: Box::new(url), opening: vec![OPENING.into()], ..Page::with_heart("", HEART) }
}

fn publish(system: &mut System<Charts>, project: u64) {
    system.act(|charts, server| charts.publish(server, project, &format!("a point of project {project}")));
}

fn tokens(system: &System<Charts>) -> Vec<String> {
    let token = |notice| match notice {
        Notice::Dial(url) => Some(url.replace("ws://server/websocket?token=", "")),
        _ => None,
    };
    system.times(0, token).map(|(_, token)| token).collect()
}

/// [R1] [R8]
#[test]
fn a_page_fetches_a_token_for_each_dial_or_keeps_it_until_it_is_refused() {
    for (keeps_token, used) in [(false, &["1", "2", "3"][..]), (true, &["1", "1", "2", "2", "3"])] {
        let mut system = System::opened(React::server(), React::settings(), page("ws://server", keeps_token));
        for _ in 0..2 {
            system.run(seconds(9));
            // A connection on which nothing arrived was not stable, and the token might still be at fault.
            publish(&mut system, 7);
            system.run(seconds(1));
            system.reset(0);
            system.run(seconds(21));
            assert_eq!(system.state(0), State::Open);
        }
        assert_eq!(tokens(&system), used);
    }
}

/// [R5] [R8] [O1]
#[test]
fn a_second_refusal_is_final_and_the_page_can_show_why() {
    let mut system = System::of(React::server());
    system.open(React::settings(), Page::at("ws://server/websocket?token=stolen"));
    system.run(seconds(300));
    assert_eq!(system.dials(0), [0, 10_040]);
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Status(401)));
}

/// The document catches what `new WebSocket` throws, and does nothing more.
///
/// [R4] [R5]
#[test]
fn a_url_that_is_none_stops_the_page_until_somebody_asks_again() {
    let mut urls = ["undefined", "ws://server/websocket?token=1"].into_iter();
    let mut system = System::of(React::server());
    system.open(React::settings(), Page { url: Box::new(move |_| urls.next().expect("two").into()), ..Page::at("") });
    system.run(seconds(60));
    assert_eq!(system.cause(0), Cause::Stopped(Loss::Transport(TransportError::Address)));
    system.input(0, Input::Connect);
    system.run(seconds(1));
    assert_eq!((system.state(0), system.dials(0)), (State::Open, vec![0, 60_000]));
}

/// [H1] [H2]
#[test]
fn the_heart_beats_after_thirty_seconds_of_silence_and_every_point_of_the_project_ends_a_silence() {
    let mut system = opened::<React>();
    system.run(seconds(119));
    // Open since 40 ms; each echo takes 40 ms.
    assert_eq!(system.hearts(0), [30_040, 60_080, 90_120]);
    for _ in 0..12 {
        system.run(seconds(20));
        publish(&mut system, 7);
    }
    publish(&mut system, 8);
    // The heart of 120.16 s was on its way before the first of them.
    assert_eq!(system.hearts(0)[3..], [120_160]);
    system.run(seconds(40));
    assert_eq!(system.hearts(0)[4..], [360_020 + 30_000]);
    assert_eq!(system.got(0), ["a point of project 7"; 12]);
}

/// [U8] [H5]
#[test]
fn with_its_heart_the_page_stays_connected_and_without_it_the_server_hangs_up_every_two_minutes() {
    let mut beating = opened::<React>();
    beating.run(seconds(24 * 3600));
    assert_eq!((beating.dials(0).len(), beating.session(0).stats().ready), (1, 1));

    let mut silent = opened_with::<React>(Settings { heartbeat: off(), ..React::settings() });
    silent.run(seconds(300));
    // The opening message arrived 60 ms after the dial; two minutes later the close takes 20 ms.
    assert_eq!(silent.dials(0), [0, 130_080, 260_160]);
    assert!(silent.log(0).iter().any(|(_, notice)| notice.is_lost_by(Loss::Close(3008))));
}

/// [H2] [U8]
#[test]
fn a_server_that_counts_only_what_the_client_sends_wants_a_periodic_heart() {
    let modes = [when_idle(seconds(30), seconds(30)), periodic(seconds(30), Some(seconds(30)))];
    let dials = modes.map(|heartbeat| {
        let mut system = opened_with::<React>(Settings { heartbeat, ..React::settings() });
        system.act(|charts, _| charts.strict = true);
        for _ in 0..60 {
            system.run(seconds(10));
            publish(&mut system, 7);
        }
        system.dials(0).len()
    });
    assert_eq!(dials, [5, 1]);
}
