//! The server-sent events (002): another transport, inbound only, under the same session. Every line of the stream is
//! its heartbeat, its `retry:` is the server's wish, and its last id goes into the next dial.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use heartline::{Config, Session};
use heartline_testkit::sim::{App, Context, Dial, Ended, Happening, HostId, ServerId, Sim, Wire};

use crate::log::PATIENCE;
use crate::prelude::*;

const SERVER: &str = "server";
const LAST_ID: &str = "Last-Event-ID";

/// A reader of `text/event-stream`, line by line.
#[derive(Clone, Default)]
struct Reader {
    data: Vec<String>,
    id: String,
    /// The id of the last event that was complete. It outlives the connection, as `retry` does.
    last_id: String,
    retry: Option<Duration>,
}

impl Reader {
    /// A stream starts; what was half read of the one before is discarded.
    fn start(&mut self) {
        (self.data, self.id) = (Vec::new(), self.last_id.clone());
    }

    /// The event that ends with this line.
    fn line(&mut self, line: &str) -> Option<String> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                self.last_id.clone_from(&self.id);
                let data = std::mem::take(&mut self.data);
                return (!data.is_empty()).then(|| data.join("\n"));
            }
            "data" => self.data.push(value.into()),
            "id" => self.id = value.into(),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            _ => {}
        }
        None
    }

    /// A line is bytes of an unfinished message, and a comment nothing but a proof of life.
    fn input(&mut self, conn: ConnId, line: &str) -> Input<String> {
        self.line(line).map_or(Input::Alive { conn }, |message| Input::Message { conn, message })
    }
}

/// `Listen`, and 204 means that the server has nothing more to send.
fn settings(timeout: Duration, delay: Duration) -> Settings {
    Settings {
        heartbeat: listen(timeout),
        backoff: Backoff::constant(delay),
        min_dial_gap: millis(1),
        retry: RetryPolicy::default().with(Pattern::Status(204, 204), Verdict::Stop),
        ..Settings::default()
    }
}

// ---- on the simulated network ------------------------------------------------------------------

/// The stream as an application; each message is a line of it.
impl App<String> for Reader {
    fn request(&mut self, _: &mut Context<'_, String>, _: &Dial) -> Result<sim::Request, Loss> {
        self.start();
        let mut request = sim::Request::to(SERVER);
        request.headers.push((LAST_ID.into(), self.last_id.clone()));
        Ok(request)
    }

    fn decode(&mut self, conn: ConnId, line: String) -> Vec<Input<String>> {
        vec![self.input(conn, &line)]
    }

    fn ended(&mut self, conn: ConnId, ended: Ended) -> Input<String> {
        Input::Closed { conn, loss: ended.loss, retry_after: self.retry }
    }
}

/// A stream and its server, on a network where everything arrives at once.
struct Feed {
    sim: Sim<String>,
    host: HostId,
    server: ServerId,
}

impl Feed {
    /// One that does not dial yet.
    fn new() -> Self {
        let mut sim = Sim::new(7);
        sim.set_delay(Duration::ZERO..Duration::ZERO);
        let server = sim.serve(SERVER, |_: &mut Wire<'_, String>, _| {});
        let config = Config::new(settings(seconds(30), seconds(3))).expect("a valid config");
        let host = sim.host(config, Reader::default());
        Self { sim, host, server }
    }

    fn connect(mut self) -> Self {
        self.sim.connect(self.host);
        self.sim.run_for(Duration::ZERO);
        self
    }

    fn session(&self) -> &Session<String> {
        &self.sim[self.host]
    }

    fn lines(&mut self, lines: &[&str]) {
        let mut wire = self.sim.wire(self.server);
        for link in wire.links() {
            lines.iter().for_each(|line| wire.send(link, line.to_string()));
        }
        self.sim.run_for(Duration::ZERO);
    }

    fn reset(&mut self) {
        self.sim.reset(self.host);
        self.sim.run_for(Duration::ZERO);
    }

    fn delivered(&self) -> Vec<&str> {
        self.sim[self.host].deliveries().map(|(_, text)| text.as_str()).collect()
    }

    /// The ids after which it asked the server to go on.
    fn asked_after(&self) -> Vec<&str> {
        let journal = self.sim.server(self.server).journal().iter();
        let asked = journal.filter_map(|(_, happening)| match happening {
            Happening::Dial { request, .. } => request.header(LAST_ID),
            _ => None,
        });
        asked.collect()
    }
}

/// [C7] [H1] [H5]
#[test]
fn a_stream_is_watched_and_its_comments_are_life_and_no_data() {
    let mut feed = Feed::new().connect();
    feed.lines(&["data: first", "data: and its second line", "", "event: update", "data:second", ""]);
    for line in [": keep alive", "data: a line of something long"].into_iter().cycle().take(10) {
        feed.sim.run_for(seconds(20));
        feed.lines(&[line]);
    }
    assert_eq!(feed.session().state(), State::Open);
    assert_eq!(feed.delivered(), ["first\nand its second line", "second"]);
    feed.sim.run_for(seconds(30));
    assert_eq!(feed.session().cause(), Cause::Lost(Loss::HeartbeatTimeout));
    assert_eq!(feed.sim.now(), Timestamp::after(seconds(230)));
    assert_eq!(feed.sim[feed.host].written(), [], "nothing can be sent");
}

/// [R4] [R2]
#[test]
fn the_streams_own_retry_is_honoured_on_top_of_the_delay_and_up_to_a_bound() {
    let mut feed = Feed::new().connect();
    feed.lines(&["retry: 7000", "id: 41", "data: a point", "", "retry: soon", "id: 42", "data: half"]);
    feed.reset();
    assert_eq!(feed.session().next_dial(), Some((1, Timestamp::after(seconds(10)))));
    feed.sim.run_for(seconds(10));
    feed.lines(&["data: whole", ""]);
    assert_eq!(feed.delivered(), ["a point", "whole"]);
    assert_eq!(feed.asked_after(), ["", "41"], "the half event is asked for again");

    feed.lines(&["retry: 86400000"]);
    feed.reset();
    let longest = Timestamp::after(seconds(10 + 303));
    assert_eq!(feed.session().next_dial().map(|(_, at)| at), Some(longest), "five minutes are the most");
}

/// [R4] [R5]
#[test]
fn a_stream_that_has_nothing_more_to_send_is_not_asked_again() {
    let mut feed = Feed::new();
    feed.sim.wire(feed.server).refuse_dials(Some((204, None)));
    let feed = feed.connect();
    let session = feed.session();
    assert_eq!((session.state(), session.cause()), (State::Idle, Cause::Stopped(Loss::Status(204))));
}

// ---- on real sockets ---------------------------------------------------------------------------

/// A driver for event streams, as small as it can be: one thread, and nothing to send.
struct Driver {
    session: Session<String>,
    origin: Instant,
    address: String,
    reader: Reader,
    stream: Option<BufReader<TcpStream>>,
    /// As much of a line as was read.
    line: String,
    got: Vec<String>,
    /// The delays before the dials.
    delays: Vec<Duration>,
}

impl Driver {
    fn now(&self) -> Timestamp {
        Timestamp::after(self.origin.elapsed())
    }

    fn handle(&mut self, input: Input<String>) {
        let now = self.now();
        for action in self.session.handle(now, input).collect::<Vec<_>>() {
            match action {
                Action::Deliver(data) => self.got.push(data),
                Action::Connect { conn, .. } => self.dial(conn).unwrap_or_else(|error| panic!("no server: {error}")),
                Action::Abort { .. } | Action::Close { .. } => self.stream = None,
                Action::ScheduleReconnect { at, .. } => self.delays.push(at.saturating_since(now)),
                Action::Ping { .. } => unreachable!("a listener does not ping"),
                Action::Event(_) | Action::Outcome { .. } => {}
            }
        }
    }

    fn dial(&mut self, conn: ConnId) -> std::io::Result<()> {
        self.reader.start();
        let mut stream = BufReader::new(TcpStream::connect(&self.address)?);
        stream.get_ref().set_read_timeout(Some(PATIENCE))?;
        let id = Some(&self.reader.last_id).filter(|id| !id.is_empty());
        let resume = id.map(|id| format!("{LAST_ID}: {id}\r\n")).unwrap_or_default();
        write!(stream.get_mut(), "GET /events HTTP/1.1\r\nHost: {}\r\n{resume}\r\n", self.address)?;
        let head =
            stream.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect::<Vec<_>>();
        let status = head[0][9..12].parse().expect("a status");
        (self.stream, self.line) = (Some(stream), String::new());
        self.handle(if status == 200 { Input::Opened { conn } } else { Input::closed(conn, Loss::Status(status)) });
        Ok(())
    }

    /// What happens next: a line, the end of the stream, or the deadline.
    fn next(&mut self) -> Input<String> {
        let left = self.session.deadline().map_or(PATIENCE, |due| due.saturating_since(self.now())).max(millis(1));
        let (Some(conn), Some(stream)) = (self.session.conn(), &mut self.stream) else {
            std::thread::sleep(left);
            return Input::Timer;
        };
        stream.get_ref().set_read_timeout(Some(left)).expect("an option of sockets");
        match stream.read_line(&mut self.line) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Input::Timer,
            Ok(1..) => self.reader.input(conn, std::mem::take(&mut self.line).trim_end_matches('\n')),
            Ok(0) | Err(_) => {
                self.stream = None;
                let loss = Loss::Transport(TransportError::Io);
                Input::Closed { conn, loss, retry_after: self.reader.retry }
            }
        }
    }

    /// Runs until the session dials no more.
    fn run(&mut self) {
        self.handle(Input::Connect);
        while !matches!(self.session.state(), State::Idle | State::Closed) {
            assert!(self.origin.elapsed() < PATIENCE, "the streams do not come to an end");
            let input = self.next();
            self.handle(input);
        }
    }
}

/// Answers one request; the id after which it asked to go on.
fn answer(listener: &TcpListener, body: &str) -> (TcpStream, Option<String>) {
    let start = Instant::now();
    let (stream, _) = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < PATIENCE => {
                std::thread::sleep(millis(1));
            }
            accepted => break accepted.expect("a client"),
        }
    };
    stream.set_nonblocking(false).expect("an option of sockets");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
    let lines = BufReader::new(stream.try_clone().expect("a second name")).lines().map(|line| line.expect("a head"));
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    (&stream).write_all(body.as_bytes()).expect("written");
    let id = head.iter().find_map(|line| line.strip_prefix(LAST_ID)?.strip_prefix(": ")).map(str::to_string);
    (stream, id)
}

/// [H5] [R4] [C7]
#[test]
fn over_real_sockets_a_stream_is_taken_up_where_it_ended_until_it_has_nothing_more_to_send() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option of sockets");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        let first = answer(&listener, &format!("{HEAD}retry: 50\nid: 1\ndata: one\n\n: alive\n\nid: 2\ndata: lost"));
        // The first ends in the middle of an event. The second falls silent and stays open: only the listener's
        // timeout ends it.
        drop(first.0);
        let (mut second, after_one) = answer(&listener, &format!("{HEAD}id: 2\ndata: two\n\n"));
        let end = second.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_ne!(end, Err(ErrorKind::WouldBlock), "nobody gave the silent stream up");
        let (_third, after_two) = answer(&listener, "HTTP/1.1 204 No Content\r\n\r\n");
        [first.1, after_one, after_two]
    });
    let config = Config::new(settings(millis(500), millis(1))).expect("a valid config");
    let (session, origin, reader) = (Session::new(config, 7), Instant::now(), Reader::default());
    let (stream, line, got, delays) = (None, String::new(), Vec::new(), Vec::new());
    let mut driver = Driver { session, origin, address, reader, stream, line, got, delays };
    driver.run();
    let asked_after = server.join().expect("every request came");
    assert_eq!(asked_after, [None, Some("1".into()), Some("2".into())]);
    assert_eq!(driver.got, ["one", "two"]);
    assert_eq!(driver.session.cause(), Cause::Stopped(Loss::Status(204)));
    assert_eq!(driver.session.stats().lost_to_heartbeat, 1);
    assert!(driver.delays[0] >= millis(51), "the stream's wish and the delay");
    let refused = driver.session.send(driver.now(), Outgoing::this_connection("anything".into(), 8));
    assert_eq!(refused.map_err(|refused| refused.reason), Err(Refusal::NotConnected), "there is nothing to send it on");
}
