//! The page of a document: an application on a session. The virtual network and the driver on real sockets run the
//! same one.

use heartline::hub::Hub;
use heartline::{Action, Session};

use crate::log::Log;
use crate::network::{App, Network};
use crate::prelude::*;

/// What a page notices.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// A dial, to this URL.
    Dial(String),
    /// A message for the application.
    Text(String),
    Event(Event),
    Retry {
        attempt: u32,
        at: Timestamp,
        cause: Cause,
    },
    Accepted(MessageId, String),
    Refused(Refusal, String),
    Outcome(MessageId, Outcome<String>),
}

impl Notice {
    /// The retry after this loss was scheduled.
    pub fn is_lost_by(&self, loss: Loss) -> bool {
        matches!(self, Self::Retry { cause: Cause::Lost(found), .. } if *found == loss)
    }

    pub fn enters(&self, state: State) -> bool {
        matches!(self, Self::Event(Event::StateChanged { to, .. }) if *to == state)
    }
}

pub type Notices = [(Timestamp, Notice)];
type Url = Box<dyn FnMut(bool) -> String + Send>;
type Handler = Box<dyn FnMut(ConnId, &Notice, &mut VecDeque<Command>) + Send>;

/// Where a page dials, what it sends at each opening, what its heartbeat is, and what it does besides.
pub struct Page {
    pub log: Log<(Timestamp, Notice)>,
    /// The URL for the next dial; the flag asks for new credentials.
    pub url: Url,
    /// What a browser sends along.
    pub origin: Option<String>,
    /// Sent on each connection anew, before all else.
    pub opening: Vec<String>,
    /// The heartbeat as a text, instead of the protocol's, and whether a text answers it.
    pub heart: Option<String>,
    pub is_answer: fn(&str) -> bool,
    /// Called for everything that happens on a connection.
    pub on: Handler,
    pub conn: Option<ConnId>,
}

impl Page {
    /// A page that sends nothing, and whose heartbeat is the protocol's.
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self {
            log: Log::default(),
            url: Box::new(move |_| url.clone()),
            origin: None,
            opening: Vec::new(),
            heart: None,
            is_answer: |_| false,
            on: Box::new(|_, _, _| {}),
            conn: None,
        }
    }

    /// A page whose heartbeat is this text, which the server sends back.
    pub fn with_heart(url: impl Into<String>, heart: &str) -> Self {
        Self { heart: Some(heart.into()), ..Self::at(url) }
    }

    pub fn dial(&mut self, now: Timestamp, renew: bool) -> String {
        let url = (self.url)(renew);
        self.log.push((now, Notice::Dial(url.clone())));
        url
    }

    pub fn answers(&self, text: &str) -> bool {
        (self.is_answer)(text) || self.heart.as_deref() == Some(text)
    }

    /// What became of a message that was to be sent.
    pub fn answered(&mut self, now: Timestamp, text: String, result: Result<MessageId, Refusal>) {
        let notice = match result {
            Ok(id) => Notice::Accepted(id, text),
            Err(reason) => Notice::Refused(reason, text),
        };
        self.log.push((now, notice));
    }

    /// Records it; the page's answers.
    pub fn notice(&mut self, now: Timestamp, notice: Notice) -> VecDeque<Command> {
        let mut answers = VecDeque::new();
        if let Notice::Event(Event::StateChanged { cause: Cause::Opened, .. }) = notice {
            let opening = self.opening.iter().cloned();
            answers.extend(opening.map(|text| Command::Send(sized(Outgoing::this_connection, text))));
        }
        if let Some(conn) = self.conn {
            (self.on)(conn, &notice, &mut answers);
        }
        self.log.push((now, notice));
        answers
    }
}

/// What an action is to a page.
pub fn notice_of<M>(action: Action<M>, text: fn(M) -> String) -> Option<Notice> {
    Some(match action {
        Action::Deliver(message) => Notice::Text(text(message)),
        Action::Event(event) => Notice::Event(event),
        Action::ScheduleReconnect { attempt, at, cause, .. } => Notice::Retry { attempt, at, cause },
        Action::Outcome { id, outcome: Outcome::Transmitted, .. } => Notice::Outcome(id, Outcome::Transmitted),
        Action::Outcome { id, outcome: Outcome::Acked, .. } => Notice::Outcome(id, Outcome::Acked),
        Action::Outcome { id, outcome: Outcome::Returned(reason, message), .. } => {
            Notice::Outcome(id, Outcome::Returned(reason, text(message)))
        }
        Action::Outcome { id, outcome: Outcome::Unconfirmed(reason, message), .. } => {
            Notice::Outcome(id, Outcome::Unconfirmed(reason, text(message)))
        }
        _ => return None,
    })
}

impl App for Page {
    fn request(&mut self, now: Timestamp, _attempt: u32, renew: bool) -> Result<Request, Loss> {
        let url = self.dial(now, renew);
        let parts = url.strip_prefix("ws://").and_then(|rest| rest.split_once('/'));
        let (host, path) = parts.ok_or(Loss::Transport(TransportError::Address))?;
        Ok(Request { host: host.into(), path: format!("/{path}"), origin: self.origin.clone(), ..Request::default() })
    }

    fn ping(&mut self, token: u32) -> Packet {
        self.heart.clone().map_or(Packet::Ping(token), Packet::Text)
    }

    fn decode(&mut self, conn: ConnId, text: String) -> Input<String> {
        if self.answers(&text) { Input::Pong { conn, token: None } } else { Input::Message { conn, message: text } }
    }

    fn act(&mut self, now: Timestamp, session: &Session<String>, action: Action<String>, out: &mut VecDeque<Command>) {
        self.conn = session.conn();
        out.extend(notice_of(action, |text| text).map(|notice| self.notice(now, notice)).into_iter().flatten());
    }

    fn accepted(&mut self, now: Timestamp, message: &Outgoing<String>, result: Result<MessageId, Refusal>) {
        self.answered(now, message.message().clone(), result);
    }
}

/// The messages among what was noticed.
pub fn texts(notices: &Notices) -> Vec<String> {
    let text = |(_, notice): &(Timestamp, Notice)| match notice {
        Notice::Text(text) => Some(text.clone()),
        _ => None,
    };
    notices.iter().filter_map(text).collect()
}

/// How often the session became ready.
pub fn openings(notices: &Notices) -> usize {
    notices.iter().filter(|(_, notice)| notice.enters(State::Open)).count()
}

pub fn milliseconds(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000
}

pub fn at_most_once(text: impl Into<String>) -> Outgoing<String> {
    sized(Outgoing::at_most_once, text.into())
}

pub fn at_least_once(text: impl Into<String>) -> Outgoing<String> {
    sized(Outgoing::at_least_once, text.into())
}

fn sized(outgoing: fn(String, usize) -> Outgoing<String>, text: String) -> Outgoing<String> {
    let size = text.len();
    outgoing(text, size)
}

/// The pages of a document and its server, on the virtual network.
pub type System<P> = Network<Page, HubServer<P>>;

impl<P: Protocol> System<P> {
    /// A server on a network where everything takes 20 ms.
    pub fn of(server: HubServer<P>) -> Self {
        let mut system = Self::new(server);
        system.latency = millis(20);
        system
    }

    /// The same with a page that was opened a second ago.
    pub fn opened(server: HubServer<P>, settings: Settings, page: Page) -> Self {
        let mut system = Self::of(server);
        system.open(settings, page);
        system.run(seconds(1));
        assert_eq!(system.state(0), State::Open);
        system
    }

    /// A page that connects.
    pub fn open(&mut self, settings: Settings, page: Page) -> usize {
        let client = self.join(settings, page);
        self.input(client, Input::Connect);
        client
    }

    pub fn leave(&mut self, client: usize) {
        self.input(client, Input::close_within(seconds(5)));
    }

    /// The server does something of its own accord.
    pub fn act(&mut self, act: impl FnOnce(&mut P, &mut Connections)) {
        self.serve(|server, now| server.act(now, act));
    }

    pub fn hub(&self) -> &Hub<String, String> {
        self.server().hub()
    }

    pub fn server(&self) -> &HubServer<P> {
        self.servers[0].as_ref().expect("a server that is up")
    }

    pub fn session(&self, client: usize) -> &Session<String> {
        &self.clients[client].session
    }

    pub fn state(&self, client: usize) -> State {
        self.session(client).state()
    }

    pub fn cause(&self, client: usize) -> Cause {
        self.session(client).cause()
    }

    /// What a page noticed.
    pub fn log(&self, client: usize) -> Vec<(Timestamp, Notice)> {
        self.clients[client].app.log.all()
    }

    /// The messages that reached a page.
    pub fn got(&self, client: usize) -> Vec<String> {
        texts(&self.log(client))
    }

    /// When a page dialled, in milliseconds.
    pub fn dials(&self, client: usize) -> Vec<u64> {
        self.times(client, |notice| matches!(notice, Notice::Dial(_)).then_some(())).map(|(at, ())| at).collect()
    }

    /// The retries that were scheduled: when, which, for when.
    pub fn retries(&self, client: usize) -> Vec<(u64, u32, u64)> {
        let retry = |notice| match notice {
            Notice::Retry { attempt, at, .. } => Some((attempt, milliseconds(at))),
            _ => None,
        };
        self.times(client, retry).map(|(now, (attempt, at))| (now, attempt, at)).collect()
    }

    /// The events of a page that are not changes of state.
    pub fn events(&self, client: usize) -> Vec<Event> {
        let event = |notice| match notice {
            Notice::Event(event) if !matches!(event, Event::StateChanged { .. }) => Some(event),
            _ => None,
        };
        self.times(client, event).map(|(_, event)| event).collect()
    }

    /// Some of what a page noticed, with the milliseconds.
    pub fn times<T>(&self, client: usize, pick: impl Fn(Notice) -> Option<T>) -> impl Iterator<Item = (u64, T)> {
        self.log(client).into_iter().filter_map(move |(at, notice)| Some((milliseconds(at), pick(notice)?)))
    }

    /// When a page sent its heartbeat, if that is a text.
    pub fn hearts(&self, client: usize) -> Vec<u64> {
        let heart = &self.clients[client].app.heart;
        self.sent_by(client).into_iter().filter(|(_, text)| heart.as_ref() == Some(text)).map(|(at, _)| at).collect()
    }

    /// The texts that a page sent, with the milliseconds.
    pub fn sent_by(&self, client: usize) -> Vec<(u64, String)> {
        let text = |packet: &Packet| match packet {
            Packet::Text(text) => Some(text.clone()),
            _ => None,
        };
        let sent = self.sent.iter().filter(|(_, who, _)| *who == client);
        sent.filter_map(|(at, _, packet)| Some((milliseconds(*at), text(packet)?))).collect()
    }
}
