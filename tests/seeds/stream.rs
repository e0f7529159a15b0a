//! The server-sent events of the notes (002): another transport, inbound only, under the same session. The stream's
//! comments are its heartbeat, its `retry:` is the server's wish, its last id goes into the next dial.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use heartline::{
    Action, Backoff, Cause, Closed, Config, ConnId, Input, Instant, Loss, Outgoing, RetryPolicy, Rhythm, Session,
    Settings, State, Transport, Verdict, When,
};

use crate::page::PATIENCE;
use crate::support::{World, at, pulse, seconds};

/// What a line of an event stream comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    Event(String),
    /// A comment: the way such a server keeps a connection alive.
    Comment,
}

/// A reader of `text/event-stream`, line by line.
#[derive(Clone, Default)]
struct Reader {
    data: Vec<String>,
    /// Both outlive the connection.
    last_id: String,
    retry: Option<Duration>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<Item> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                let data = std::mem::take(&mut self.data);
                return (!data.is_empty()).then(|| Item::Event(data.join("\n")));
            }
            "" => return Some(Item::Comment),
            "data" => self.data.push(value.into()),
            "id" => self.last_id = value.into(),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            _ => {}
        }
        None
    }

    /// A stream begins; what was half read of the last is discarded.
    fn begin(&mut self) {
        self.data.clear();
    }

    fn end(&self) -> Closed {
        Closed { loss: Loss::Transport(Transport::Io), retry_after: self.retry }
    }
}

/// `Listen`, and 204 means that the server has no more to say.
fn settings(window: Duration, delay: Duration) -> Settings {
    Settings {
        heartbeat: pulse(Rhythm::Listen { window }),
        backoff: Backoff::constant(delay),
        min_dial_gap: Duration::from_millis(1),
        retry: RetryPolicy::default().with(When::Status(204, 204), Verdict::Stop),
        ..Settings::default()
    }
}

fn feed(world: &mut World, reader: &mut Reader, lines: &[&str]) {
    for line in lines {
        match reader.line(line) {
            Some(Item::Event(data)) => drop(world.message(&data)),
            Some(Item::Comment) => drop(world.pong()),
            None => {}
        }
    }
}

fn delivered(world: &World) -> Vec<&str> {
    let text = |(_, action): &'_ (Instant, Action<String>)| matches!(action, Action::Deliver(_));
    world
        .said
        .iter()
        .filter(|said| text(said))
        .map(|(_, action)| match action {
            Action::Deliver(text) => text.as_str(),
            _ => unreachable!("filtered"),
        })
        .collect()
}

/// [C7] [H1] [H5]
#[test]
fn a_stream_is_watched_and_its_comments_are_life_and_no_data() {
    let (mut world, mut reader) = (World::opened(settings(seconds(30), seconds(3))), Reader::default());
    feed(
        &mut world,
        &mut reader,
        &["data: first", "data: and its second line", "", "event: update", "data:second", ""],
    );
    for _ in 0..10 {
        world.run(seconds(20));
        feed(&mut world, &mut reader, &[": keep alive"]);
    }
    assert_eq!(world.state(), State::Open);
    assert_eq!(delivered(&world), ["first\nand its second line", "second"]);
    world.run(seconds(30));
    assert_eq!((world.session.cause(), world.now), (Cause::Lost(Loss::HeartbeatTimeout), at(230_000)));
    assert!(!world.said.iter().any(|(_, action)| matches!(action, Action::Ping { .. })), "nothing can be sent");
}

/// [R4] [R2]
#[test]
fn the_streams_own_retry_is_honoured_on_top_of_the_delay_and_up_to_a_bound() {
    let (mut world, mut reader) = (World::opened(settings(seconds(30), seconds(3))), Reader::default());
    feed(&mut world, &mut reader, &["retry: 7000", "id: 41", "data: a point", "", "retry: soon", "data: half"]);
    world.lose(reader.end());
    assert_eq!(world.session.next_dial(), Some((1, at(10_000))));
    world.run(seconds(10));
    world.open();
    reader.begin();
    feed(&mut world, &mut reader, &["data: whole", ""]);
    assert_eq!((reader.last_id.as_str(), delivered(&world)), ("41", vec!["a point", "whole"]));

    let mut world = World::opened(settings(seconds(30), seconds(3)));
    feed(&mut world, &mut reader, &["retry: 86400000"]);
    world.lose(reader.end());
    assert_eq!(world.session.next_dial(), Some((1, at(303_000))), "five minutes are the most");
}

/// [R4] [R5]
#[test]
fn a_stream_that_has_no_more_to_say_is_not_asked_again() {
    let mut world = World::new(settings(seconds(30), seconds(3)));
    world.input(Input::Connect);
    world.lose(Loss::Status(204));
    assert_eq!((world.state(), world.session.cause()), (State::Idle, Cause::Stopped(Loss::Status(204))));
}

/// What a thread that reads a stream reports.
enum Note {
    Opened(ConnId),
    Line(ConnId, String),
    Ended(ConnId, Option<Loss>),
}

/// A driver for event streams, as small as it can be: one thread for each connection, and nothing to send.
struct Driver {
    session: Session<String>,
    origin: std::time::Instant,
    address: String,
    reader: Reader,
    open: VecDeque<(ConnId, TcpStream)>,
    notes: (Sender<Note>, Receiver<Note>),
    got: Vec<String>,
    plans: Vec<(Instant, Instant)>,
}

impl Driver {
    fn handle(&mut self, input: Input<String>) {
        let now = Instant::after(self.origin.elapsed());
        for action in self.session.handle(now, input).collect::<Vec<_>>() {
            match action {
                Action::Deliver(data) => self.got.push(data),
                Action::Connect { conn, .. } => self.dial(conn),
                Action::Abort { conn } | Action::Close { conn, .. } => {
                    let gone = self.open.iter().position(|(open, _)| *open == conn);
                    let gone = gone.and_then(|place| self.open.remove(place));
                    // The reading thread sees the end, and reports it.
                    let _ = gone.map(|(_, stream)| stream.shutdown(Shutdown::Both));
                }
                Action::ScheduleReconnect { at, .. } => self.plans.push((now, at)),
                Action::Ping { .. } => unreachable!("a listener does not ping"),
                Action::Event(_) | Action::Outcome { .. } => {}
            }
        }
    }

    fn dial(&mut self, conn: ConnId) {
        let sender = self.notes.0.clone();
        let Ok(mut stream) = TcpStream::connect(&self.address) else {
            let loss = Some(Loss::Transport(Transport::Connect));
            return sender.send(Note::Ended(conn, loss)).expect("the receiver is ours");
        };
        self.open.push_back((conn, stream.try_clone().expect("a second name for the socket")));
        let (host, id) = (&self.address, &self.reader.last_id);
        let head = format!("GET /events HTTP/1.1\r\nHost: {host}\r\nLast-Event-ID: {id}\r\n\r\n");
        std::thread::spawn(move || {
            let _ = stream.write_all(head.as_bytes());
            let mut lines = BufReader::new(stream).lines();
            let status = lines.next().and_then(Result::ok).and_then(|line| line.get(9..12)?.parse().ok());
            while lines.next().and_then(Result::ok).is_some_and(|header| !header.is_empty()) {}
            // Nobody listens any more once the test is over.
            if status == Some(200) {
                let _ = sender.send(Note::Opened(conn));
                lines.map_while(Result::ok).for_each(|line| drop(sender.send(Note::Line(conn, line))));
            }
            let refused = status.filter(|status| *status != 200).map(Loss::Status);
            let _ = sender.send(Note::Ended(conn, refused));
        });
    }

    fn hear(&mut self, note: Note) {
        // What is kept of a stream is kept of the current one alone.
        let current = self.session.conn();
        match note {
            Note::Opened(conn) => {
                if current == Some(conn) {
                    self.reader.begin();
                }
                self.handle(Input::Opened { conn });
            }
            Note::Line(conn, line) if current == Some(conn) => match self.reader.line(&line) {
                Some(Item::Event(message)) => self.handle(Input::Message { conn, message }),
                Some(Item::Comment) => self.handle(Input::Alive { conn }),
                None => {}
            },
            Note::Line(..) => {}
            Note::Ended(conn, refused) => {
                let closed = refused.map_or_else(|| self.reader.end(), Closed::from);
                self.handle(Input::Closed { conn, closed });
            }
        }
    }

    /// Until the session is at rest for good.
    fn run(&mut self) {
        self.handle(Input::Connect);
        while !matches!(self.session.state(), State::Idle | State::Closed) {
            let now = Instant::after(self.origin.elapsed());
            let left = self.session.deadline().map_or(PATIENCE, |due| due.saturating_since(now));
            match self.notes.1.recv_timeout(left) {
                Ok(note) => self.hear(note),
                Err(_) => {
                    assert!(self.origin.elapsed() < PATIENCE, "the streams do not come to an end");
                    self.handle(Input::Timer);
                }
            }
        }
    }
}

/// Answers one request; the id it asked to go on from.
fn answer(listener: &TcpListener, body: &str) -> (TcpStream, String) {
    let (stream, _) = listener.accept().expect("a client");
    let mut lines = BufReader::new(stream.try_clone().expect("a second name")).lines();
    let mut last_id = String::new();
    while let Some(Ok(header)) = lines.next().filter(|line| line.as_ref().is_ok_and(|line| !line.is_empty())) {
        if let Some(id) = header.strip_prefix("Last-Event-ID: ") {
            last_id = id.into();
        }
    }
    (&stream).write_all(body.as_bytes()).expect("written");
    (stream, last_id)
}

/// [H5] [R4] [C7]
#[test]
fn over_real_sockets_a_stream_is_taken_up_again_where_it_ended_until_it_has_no_more_to_say() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        let (first, fresh) = answer(&listener, &format!("{HEAD}retry: 50\nid: 1\ndata: one\n\n: alive\n\ndata: lost"));
        drop(first);
        // Falls silent and stays open: only the listener's window ends it.
        let (mut second, after_one) = answer(&listener, &format!("{HEAD}id: 2\ndata: two\n\n"));
        let end = second.read(&mut [0; 1]).unwrap_or(0);
        let (_third, after_two) = answer(&listener, "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!((fresh.as_str(), after_one.as_str(), after_two.as_str(), end), ("", "1", "2", 0));
    });
    let config = Config::new(settings(Duration::from_millis(500), Duration::from_millis(1))).expect("a valid config");
    let origin = std::time::Instant::now();
    let session = Session::new(config, 7);
    let (open, got, plans) = (VecDeque::new(), Vec::new(), Vec::new());
    let mut driver = Driver { session, origin, address, reader: Reader::default(), open, notes: channel(), got, plans };
    driver.run();
    server.join().expect("every request was as expected");
    assert_eq!(driver.got, ["one", "two"]);
    assert_eq!(driver.session.cause(), Cause::Stopped(Loss::Status(204)));
    assert_eq!(driver.session.stats().lost_to_heartbeat, 1);
    let (now, planned) = driver.plans[0];
    assert!(planned.saturating_since(now) >= Duration::from_millis(51), "the stream's wish and the delay");
    let refused = driver.session.send(planned, Outgoing::connection("anything".into(), 8));
    assert!(refused.is_err(), "there is nothing to send it on");
}
