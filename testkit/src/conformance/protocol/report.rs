//! What the driver answers.

use std::fmt;
use std::str::FromStr;

use heartline::event::Cause;
use heartline::loss::TransportError;
use heartline::message::{Reason, Refusal};
use heartline::{Event, Loss, Outcome, State};

use super::{LineError, escape, unescape};

/// What a driver reports.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Report {
    /// `hello VERSION NAME ABILITY…`, the first line.
    Hello {
        /// The version of the protocol.
        version: u32,
        /// The driver's name, one word.
        name: String,
        /// What it can do.
        abilities: Vec<String>,
    },
    /// `process PID`.
    Process(u32),
    /// `dial ATTEMPT yes|no`: a dial begins; the second word says whether with new credentials.
    Dial {
        /// Which retry it is; 0 if it is not one.
        attempt: u32,
        /// Whether to use new credentials.
        renew: bool,
    },
    /// `state STATE CAUSE`.
    State {
        /// The state.
        state: String,
        /// Why, in one word.
        cause: String,
    },
    /// `event degraded`, `event recovered`, `event slept MS`.
    Event(String),
    /// `accepted TAG`.
    Accepted(u64),
    /// `refused TAG REASON`.
    Refused(u64, String),
    /// `outcome TAG transmitted`, `… acked`, `… returned REASON`, `… unconfirmed REASON`.
    Outcome(u64, String),
    /// `delivered BYTES TEXT`: a message was handed to the application; its length, and its text up to 256 bytes.
    Delivered {
        /// How long the message is.
        bytes: usize,
        /// Its beginning.
        text: String,
    },
    /// `log TEXT`: for the person who reads a failure.
    Log(String),
}

/// How much of a delivered text is reported.
const SHOWN: usize = 256;

impl Report {
    /// A change of state, or another event.
    pub fn event(event: &Event) -> Self {
        match event {
            Event::StateChanged { to, cause, .. } => Self::state(*to, *cause),
            Event::Slept { late_ms } => Self::Event(format!("slept {late_ms}")),
            Event::Degraded => Self::Event("degraded".into()),
            Event::Recovered => Self::Event("recovered".into()),
            other => Self::Log(other.to_string()),
        }
    }

    /// A state.
    pub fn state(state: State, cause: Cause) -> Self {
        Self::State { state: state.to_string(), cause: cause_word(&cause) }
    }

    /// How a message ended.
    pub fn outcome<M>(tag: u64, outcome: &Outcome<M>) -> Self {
        let text = match outcome {
            Outcome::Transmitted => "transmitted".into(),
            Outcome::Acked => "acked".into(),
            Outcome::Returned(reason, _) => format!("returned {}", reason_word(*reason)),
            Outcome::Unconfirmed(reason, _) => format!("unconfirmed {}", reason_word(*reason)),
        };
        Self::Outcome(tag, text)
    }

    /// A message that was not accepted.
    pub fn refused(tag: u64, refusal: Refusal) -> Self {
        let word = match refusal {
            Refusal::Full => "full",
            Refusal::TooLarge => "too-large",
            Refusal::NotConnected => "not-connected",
            Refusal::Closed => "closed",
            _ => "other",
        };
        Self::Refused(tag, word.into())
    }

    /// A message that was handed to the application.
    pub fn delivered(text: &str) -> Self {
        let mut end = text.len().min(SHOWN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self::Delivered { bytes: text.len(), text: text[..end].into() }
    }
}

fn loss_word(loss: &Loss) -> String {
    match loss {
        Loss::Close(code) => format!("close:{code}"),
        Loss::Application(code) => format!("application:{code}"),
        Loss::Status(status) => format!("status:{status}"),
        Loss::Transport(error) => format!("transport:{}", transport_word(*error)),
        Loss::ConnectTimeout => "connect-timeout".into(),
        Loss::GreetingTimeout => "greeting-timeout".into(),
        Loss::HeartbeatTimeout => "heartbeat-timeout".into(),
        Loss::AckTimeout => "ack-timeout".into(),
        _ => "other".into(),
    }
}

fn transport_word(error: TransportError) -> &'static str {
    match error {
        TransportError::Address => "address",
        TransportError::Resolve => "resolve",
        TransportError::Connect => "connect",
        TransportError::Proxy => "proxy",
        TransportError::Tls => "tls",
        TransportError::Protocol => "protocol",
        TransportError::Io => "io",
        _ => "other",
    }
}

fn cause_word(cause: &Cause) -> String {
    match cause {
        Cause::Requested => "requested".into(),
        Cause::Opened => "opened".into(),
        Cause::Ready => "ready".into(),
        Cause::RetryDue => "retry-due".into(),
        Cause::NetworkChanged => "network-changed".into(),
        Cause::Lost(loss) => format!("lost:{}", loss_word(loss)),
        Cause::Stopped(loss) => format!("stopped:{}", loss_word(loss)),
        Cause::Exhausted(loss) => format!("exhausted:{}", loss_word(loss)),
        Cause::Drained => "drained".into(),
        Cause::DrainTimeout => "drain-timeout".into(),
        Cause::CloseTimeout => "close-timeout".into(),
        _ => "other".into(),
    }
}

fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "expired",
        Reason::Evicted => "evicted",
        Reason::Cancelled => "cancelled",
        Reason::Rejected => "rejected",
        Reason::Abandoned => "abandoned",
        Reason::ConnectionEnded => "connection-ended",
        Reason::MaxLosses => "max-losses",
        _ => "other",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello { version, name, abilities } => {
                write!(formatter, "hello {version} {name}")?;
                abilities.iter().try_for_each(|ability| write!(formatter, " {ability}"))
            }
            Self::Process(pid) => write!(formatter, "process {pid}"),
            Self::Dial { attempt, renew } => {
                write!(formatter, "dial {attempt} {}", if *renew { "yes" } else { "no" })
            }
            Self::State { state, cause } => write!(formatter, "state {state} {cause}"),
            Self::Event(event) => write!(formatter, "event {event}"),
            Self::Accepted(tag) => write!(formatter, "accepted {tag}"),
            Self::Refused(tag, reason) => write!(formatter, "refused {tag} {reason}"),
            Self::Outcome(tag, outcome) => write!(formatter, "outcome {tag} {outcome}"),
            Self::Delivered { bytes, text } => write!(formatter, "delivered {bytes} {}", escape(text)),
            Self::Log(text) => write!(formatter, "log {}", escape(text)),
        }
    }
}

impl FromStr for Report {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        report(line.trim_end_matches(['\r', '\n'])).ok_or_else(|| LineError { line: line.into() })
    }
}

fn report(line: &str) -> Option<Report> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    Some(match word {
        "hello" => {
            let mut words = others.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
            Report::Hello { version: first.parse().ok()?, name: words.next()?, abilities: words.collect() }
        }
        "process" => Report::Process(rest.parse().ok()?),
        "dial" => Report::Dial { attempt: first.parse().ok()?, renew: others == "yes" },
        "state" if !others.is_empty() => Report::State { state: first.into(), cause: others.into() },
        "event" => Report::Event(rest.into()),
        "accepted" => Report::Accepted(rest.parse().ok()?),
        "refused" => Report::Refused(first.parse().ok()?, others.into()),
        "outcome" => Report::Outcome(first.parse().ok()?, others.into()),
        "delivered" => Report::Delivered { bytes: first.parse().ok()?, text: unescape(others) },
        "log" => Report::Log(unescape(rest)),
        _ => return None,
    })
}
