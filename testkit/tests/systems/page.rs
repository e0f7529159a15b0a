//! The page of a document: an application on a session. `simulated.rs` and `real.rs` run the same one.

use crate::log::Log;
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

/// What a page does with its session.
#[derive(Clone, Debug)]
pub enum Command {
    Input(Input<String>),
    Send(Outgoing<String>),
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
