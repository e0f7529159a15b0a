//! The named events (002): what socket.io adds, as a layer of two functions on either side. A message is an array of
//! the event's name and its data. As in engine.io, the server says at the start how the connection is to be watched.

use heartline::hub::Action;

use crate::prelude::*;

fn packet(name: &str, data: &Value) -> String {
    json!([name, data]).to_string()
}

fn named(text: &str) -> Option<(String, Value)> {
    serde_json::from_str(text).ok()
}

/// The client's `socket.emit`.
fn emit(name: &str, data: Value) -> Outgoing<String> {
    at_most_once(packet(name, &data))
}

/// What the client gave to `socket.on`, by the name of the event.
type Handlers = BTreeMap<&'static str, Box<dyn FnMut(ConnId, &Value) -> Option<Command> + Send>>;

fn page(mut handlers: Handlers, origin: String) -> Page {
    let on = move |conn, notice: &Notice, commands: &mut VecDeque<Command>| {
        let Notice::Text(text) = notice else { return };
        let Some((name, data)) = named(text) else { return };
        commands.extend(handlers.get_mut(&*name).and_then(|handler| handler(conn, &data)));
    };
    Page { origin: Some(origin), on: Box::new(on), ..Page::at("ws://127.0.0.1:8000/") }
}

/// The server: `draw` goes to everybody, `ask` is answered to the one who asked.
struct Board;

impl Protocol for Board {
    fn user(&mut self, conn: ConnId, _request: &Request) -> Option<String> {
        Some(conn.to_string())
    }

    fn opened(&mut self, server: &mut Connections, conn: ConnId, _request: &Request) {
        server.send(conn, packet("open", &json!({"pingInterval": 25_000, "pingTimeout": 20_000})));
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str) {
        match named(text) {
            Some((name, data)) if name == "draw" => {
                // `io.emit`: to all, the sender included.
                let message = packet("drawn", &data);
                server.input(hub::Input::Broadcast {
                    from: None,
                    room: None,
                    except: Vec::new(),
                    message,
                    bytes: 0,
                    volatile: false,
                    tag: 0,
                });
            }
            Some((name, data)) if name == "ask" => server.send(conn, packet("answer", &data)),
            _ => server.input(hub::Input::UnknownMessage { conn }),
        }
    }

    fn act(&mut self, server: &mut Connections, action: Action<String, String>) {
        match action {
            Action::UnknownMessage { conn, .. } => server.send(conn, packet("error", &json!("no such event"))),
            Action::Broadcast { conns, message, .. } => conns.iter().for_each(|conn| server.send(*conn, &message)),
            _ => {}
        }
    }
}

type Shown = Arc<Mutex<Vec<String>>>;

/// The handlers of a browser, which show the events; an answer is thanked for.
fn handlers(shown: &Shown) -> Handlers {
    let mut handlers = Handlers::new();
    for name in ["drawn", "answer", "error"] {
        let shown = Arc::clone(shown);
        let show = move |_, data: &Value| {
            shown.lock().expect("nobody panics here").push(format!("{name} {data}"));
            (name == "answer").then(|| Command::Send(emit("draw", json!("thanks"))))
        };
        handlers.insert(name, Box::new(show));
    }
    let watch = |conn, data: &Value| {
        let timeout = millis(data["pingInterval"].as_u64()? + data["pingTimeout"].as_u64()?);
        Some(Command::Input(Input::Heartbeat { conn, mode: HeartbeatMode::Listen { timeout } }))
    };
    handlers.insert("open", Box::new(watch));
    handlers
}

/// Three browsers at one board; what each shows.
fn board() -> (System<Board>, [Shown; 3]) {
    let admission = Admission { origins: Origins::Any, ..Admission::default() };
    let heartbeat = periodic(seconds(25), Some(seconds(20)));
    let mut system = System::of(HubServer::new(hub::Settings { admission, heartbeat, ..Default::default() }, Board));
    let shown = [Shown::default(), Shown::default(), Shown::default()];
    for (client, shown) in shown.iter().enumerate() {
        let settings = Settings { heartbeat: off(), backoff: Backoff::constant(seconds(1)), ..Settings::default() };
        system.open(settings, page(handlers(shown), format!("http://site-{client}.example")));
    }
    system.run(seconds(1));
    (system, shown)
}

fn lines(shown: &Shown) -> Vec<String> {
    std::mem::take(&mut shown.lock().expect("nobody panics here"))
}

/// [U2] [U7]
#[test]
fn an_event_emitted_to_all_reaches_all_handlers_of_its_name_and_no_other() {
    let (mut system, shown) = board();
    system.send(0, emit("draw", json!({"x": 1})));
    system.run(seconds(1));
    shown.iter().for_each(|shown| assert_eq!(lines(shown), [r#"drawn {"x":1}"#]));
}

/// [U7] [U6]
#[test]
fn an_event_emitted_to_one_reaches_that_one_and_its_handler_can_emit_in_turn() {
    let (mut system, shown) = board();
    system.send(1, emit("ask", json!(7)));
    system.run(seconds(1));
    let thanks = "drawn \"thanks\"";
    assert_eq!(shown.each_ref().map(lines), [vec![thanks], vec!["answer 7", thanks], vec![thanks]]);
}

/// [U10]
#[test]
fn an_event_that_the_server_does_not_know_is_answered_so_once_a_second() {
    let (mut system, shown) = board();
    for nonsense in ["not even JSON", r#"["undraw",{}]"#, "[1,2,3]"] {
        system.send(2, at_most_once(nonsense));
    }
    system.run(seconds(2));
    system.send(2, emit("undraw", json!(null)));
    system.run(seconds(1));
    assert_eq!(lines(&shown[2]), ["error \"no such event\"", "error \"no such event\""]);
    assert_eq!(system.hub().stats().unanswered, 2);
}

/// [U7] [Q4] [R1]
#[test]
fn a_browser_that_was_away_gets_what_is_emitted_from_then_on_and_what_it_emitted_meanwhile_is_not_lost() {
    let (mut system, shown) = board();
    system.reset(0);
    system.run(millis(100));
    system.send(0, emit("draw", json!("first")));
    system.send(0, emit("draw", json!("second")));
    system.send(1, emit("draw", json!("without it")));
    system.run(seconds(2));
    let all = ["drawn \"without it\"", "drawn \"first\"", "drawn \"second\""];
    assert_eq!(shown.each_ref().map(lines), [all[1..].to_vec(), all.to_vec(), all.to_vec()]);
}

/// [H5] [H10]
#[test]
fn the_server_says_how_long_silence_may_last() {
    let (mut system, _) = board();
    assert_eq!(system.session(0).detection_time(), Some(seconds(45)));
    system.run(seconds(3600));
    assert_eq!((system.state(0), system.dials(0).len()), (State::Open, 1), "the server pings every 25 s");
    system.partition(0);
    system.run(seconds(45));
    assert_eq!(system.cause(0), Cause::Lost(Loss::HeartbeatTimeout));
    assert_eq!(system.session(0).detection_time(), None, "until the next handshake");
}
