//! The named events of the notes (002): what socket.io adds, as a layer of two functions on either side. A message
//! is an array of the event's name and its data.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use heartline::hub::{self, Admission, Origins};
use heartline::{Action, Backoff, ConnId, Settings};
use serde_json::{Value, json};

use crate::app::Say;
use crate::network::Network;
use crate::page::{CONNECT, Page, once};
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::seconds;

fn packet(name: &str, data: &Value) -> String {
    json!([name, data]).to_string()
}

fn parse(text: &str) -> Option<(String, Value)> {
    serde_json::from_str(text).ok()
}

type On = Box<dyn FnMut(&Value, &mut Vec<Say>) + Send>;

/// The client's `socket.on`.
#[derive(Default)]
struct Handlers(BTreeMap<&'static str, On>);

impl Handlers {
    fn on(mut self, name: &'static str, handler: impl FnMut(&Value, &mut Vec<Say>) + Send + 'static) -> Self {
        self.0.insert(name, Box::new(handler));
        self
    }

    fn page(mut self, url: &str) -> Page {
        Page {
            on: Box::new(move |_, action, answers| {
                let Action::Deliver(message) = action else { return };
                let event = message.to_text().ok().and_then(parse);
                if let Some((handler, data)) = event.and_then(|(name, data)| Some((self.0.get_mut(&*name)?, data))) {
                    handler(&data, answers);
                }
            }),
            ..Page::at(url)
        }
    }
}

/// The client's `socket.emit`.
fn emit(name: &str, data: Value) -> Say {
    once(packet(name, &data))
}

/// The server: `draw` is told to everybody, `ask` answered to whoever asked.
struct Board;

impl Rules for Board {
    type Key = ConnId;

    fn opened(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, _upgrade: &Upgrade) {
        desk.input(hub::Input::Login { conn, user: conn });
    }

    fn text(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, text: &str) {
        match parse(text) {
            Some((name, data)) if name == "draw" => {
                // `io.emit`: to all, whoever caused it included.
                let message = packet("drawn", &data);
                desk.input(hub::Input::Broadcast { from: None, except: Vec::new(), message, volatile: false });
            }
            Some((name, data)) if name == "ask" => desk.say(conn, packet("answer", &data)),
            _ => desk.input(hub::Input::Unknown { conn }),
        }
    }

    fn told(&mut self, desk: &mut Desk<ConnId>, action: hub::Action<ConnId, String>) {
        match action {
            hub::Action::CannotHandle { conn } => desk.say(conn, packet("error", &json!("no such event"))),
            hub::Action::Broadcast { conns, message, .. } => conns.iter().for_each(|conn| desk.say(*conn, &message)),
            _ => {}
        }
    }
}

type Shown = Arc<Mutex<Vec<String>>>;

/// Three browsers at one board; what each was told.
fn board() -> (Network<Board>, [Shown; 3]) {
    let admission = Admission { origins: Origins::Any, ..Admission::default() };
    let mut network = Network::new(Served::new(hub::Settings { admission, ..Default::default() }, Board));
    let shown = [Shown::default(), Shown::default(), Shown::default()];
    for (client, shown) in shown.iter().enumerate() {
        let [drawn, answer, error] = [(); 3].map(|()| Arc::clone(shown));
        let note = |book: &Shown, what: String| book.lock().expect("nobody panics here").push(what);
        let handlers = Handlers::default()
            .on("drawn", move |data, _| note(&drawn, format!("drawn {data}")))
            .on("answer", move |data, answers| {
                note(&answer, format!("answer {data}"));
                answers.push(emit("draw", json!("thanks")));
            })
            .on("error", move |data, _| note(&error, format!("error {data}")));
        let backoff = Backoff::constant(seconds(1));
        network.join(Settings { backoff, ..Settings::default() }, handlers.page("ws://127.0.0.1:8000/"));
        network.clients[client].origin = Some(format!("http://site-{client}.example"));
        network.say(client, CONNECT);
    }
    network.run(seconds(1));
    (network, shown)
}

fn lines(shown: &Shown) -> Vec<String> {
    std::mem::take(&mut shown.lock().expect("nobody panics here"))
}

/// [U2] [U7]
#[test]
fn an_event_emitted_to_all_reaches_all_handlers_of_its_name_and_no_other() {
    let (mut network, shown) = board();
    network.say(0, emit("draw", json!({"x": 1})));
    network.run(seconds(1));
    shown.iter().for_each(|shown| assert_eq!(lines(shown), [r#"drawn {"x":1}"#]));
}

/// [U7] [U6]
#[test]
fn an_event_emitted_to_one_reaches_that_one_and_its_handler_can_emit_in_turn() {
    let (mut network, shown) = board();
    network.say(1, emit("ask", json!(7)));
    network.run(seconds(1));
    assert_eq!(
        shown.each_ref().map(lines),
        [vec!["drawn \"thanks\""], vec!["answer 7", "drawn \"thanks\""], vec!["drawn \"thanks\""]]
    );
}

/// [U10]
#[test]
fn an_event_without_a_name_that_the_server_knows_is_answered_so_once_a_second() {
    let (mut network, shown) = board();
    for nonsense in ["not even JSON", r#"["undraw",{}]"#, "[1,2,3]"] {
        network.say(2, once(nonsense));
    }
    network.run(seconds(2));
    network.say(2, emit("undraw", json!(null)));
    network.run(seconds(1));
    assert_eq!(lines(&shown[2]), ["error \"no such event\"", "error \"no such event\""]);
    assert_eq!(network.server.as_ref().expect("a server").desk.hub.stats().unanswered, 2);
}

/// [U7] [Q4] [R1]
#[test]
fn who_was_away_hears_what_is_emitted_from_then_on_and_what_he_emitted_meanwhile_is_not_lost() {
    let (mut network, shown) = board();
    network.kill(0);
    network.run(std::time::Duration::from_millis(100));
    network.say(0, emit("draw", json!("first")));
    network.say(0, emit("draw", json!("second")));
    network.say(1, emit("draw", json!("without him")));
    network.run(seconds(2));
    let all = ["drawn \"without him\"", "drawn \"first\"", "drawn \"second\""];
    assert_eq!(shown.each_ref().map(lines), [all[1..].to_vec(), all.to_vec(), all.to_vec()]);
}
