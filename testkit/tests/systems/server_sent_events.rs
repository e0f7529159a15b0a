//! The server-sent events (002): another transport, inbound only, under the same session. Every line of the stream is
//! its heartbeat, its `retry:` is the server's wish, and its last id goes into the next dial.

use heartline::{Config, Session};
use heartline_protocols::event_stream::Reader;
use heartline_testkit::sim::{App, Context, Dial, Ended, Happening, HostId, ServerId, Sim, Wire};

use crate::prelude::*;

const SERVER: &str = "server";
const LAST_ID: &str = "Last-Event-ID";

/// One millisecond for the backoff: the delay is the stream's own.
const AT_ONCE: Duration = millis(1);

fn input(reader: &mut Reader, conn: ConnId, bytes: &[u8]) -> Vec<Input<String>> {
    let events = reader.read(bytes).expect("short enough");
    let mut inputs: Vec<_> = events.into_iter().map(|event| Input::Message { conn, message: event.data }).collect();
    if inputs.is_empty() {
        inputs.push(Input::Alive { conn }); // Bytes of an unfinished event, or a comment: nothing but a proof of life.
    }
    inputs
}

/// `Listen`, and 204 means that the server has nothing more to send.
fn settings() -> Settings {
    Settings {
        heartbeat: listen(seconds(30)),
        backoff: Backoff::constant(AT_ONCE),
        min_dial_gap: AT_ONCE,
        retry: RetryPolicy::default().with(Pattern::Status(204, 204), Verdict::Stop),
        ..Settings::default()
    }
}

/// The stream as an application; each message is a line of it.
struct Stream(Reader);

impl App<String> for Stream {
    fn request(&mut self, _: &mut Context<'_, String>, _: &Dial) -> Result<sim::Request, Loss> {
        self.0.start();
        let mut request = sim::Request::to(SERVER);
        if !self.0.last_event_id().is_empty() {
            request.headers.push((LAST_ID.into(), self.0.last_event_id().into()));
        }
        Ok(request)
    }

    fn decode(&mut self, conn: ConnId, line: String) -> Vec<Input<String>> {
        input(&mut self.0, conn, format!("{line}\n").as_bytes())
    }

    fn ended(&mut self, conn: ConnId, ended: Ended) -> Input<String> {
        Input::Closed { conn, loss: ended.loss, retry_after: Some(self.0.retry()) }
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
        let config = Config::new(settings()).expect("a valid config");
        let host = sim.host(config, Stream(Reader::new(1_000)));
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
    fn asked_after(&self) -> Vec<Option<&str>> {
        let journal = self.sim.server(self.server).journal().iter();
        let asked = journal.filter_map(|(_, happening)| match happening {
            Happening::Dial { request, .. } => Some(request.header(LAST_ID)),
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
fn the_streams_own_retry_is_the_delay_up_to_a_bound() {
    let mut feed = Feed::new().connect();
    feed.lines(&["retry: 7000", "id: 41", "data: a point", "", "retry: soon", "id: 42", "data: half"]);
    feed.reset();
    assert_eq!(feed.session().next_dial(), Some((1, Timestamp::after(seconds(7) + AT_ONCE))));
    feed.sim.run_for(seconds(7) + AT_ONCE);
    feed.lines(&["data: whole", ""]);
    assert_eq!(feed.delivered(), ["a point", "whole"]);
    assert_eq!(feed.asked_after(), [None, Some("41")], "the half event is asked for again");

    feed.lines(&["retry: 86400000"]);
    feed.reset();
    let longest = Timestamp::after(seconds(7 + 300) + 2 * AT_ONCE);
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
