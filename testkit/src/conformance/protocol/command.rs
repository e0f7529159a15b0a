//! What the suite asks.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use heartline::Settings;
use heartline::backoff::Backoff;
use heartline::heartbeat::HeartbeatMode;
use heartline::message::Delivery;

use super::{Ability, LineError, escape, unescape};

/// What is set before `connect`. Times are whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// `heartbeat off`, `heartbeat idle INTERVAL TIMEOUT`, `heartbeat listen TIMEOUT`.
    Heartbeat(HeartbeatMode),
    /// `late-tolerance MS`.
    LateTolerance(Duration),
    /// `connect-timeout MS`.
    ConnectTimeout(Duration),
    /// `close-timeout MS`.
    CloseTimeout(Duration),
    /// `retry MS`: the same delay before every retry, without jitter.
    Retry(Duration),
    /// `ack-timeout MS`.
    AckTimeout(Duration),
    /// `max-inbound BYTES`: a longer message ends the connection.
    MaxInbound(u64),
}

impl Setting {
    /// Applies it to a session's settings; false for what is not the session's ([`MaxInbound`](Self::MaxInbound)).
    pub fn apply(self, settings: &mut Settings) -> bool {
        match self {
            Self::Heartbeat(mode) => settings.heartbeat.mode = mode,
            Self::LateTolerance(tolerance) => settings.heartbeat.late_tolerance = tolerance,
            Self::ConnectTimeout(timeout) => settings.connect_timeout = timeout,
            Self::CloseTimeout(timeout) => settings.close_timeout = timeout,
            Self::Retry(delay) => settings.backoff = Backoff::constant(delay),
            Self::AckTimeout(timeout) => settings.outbox.ack_timeout = Some(timeout),
            Self::MaxInbound(_) => return false,
        }
        true
    }

    /// The ability to set it.
    pub fn ability(self) -> Option<Ability> {
        Some(match self {
            Self::Heartbeat(HeartbeatMode::WhenIdle { .. }) => Ability::HeartbeatIdle,
            Self::Heartbeat(HeartbeatMode::Listen { .. }) => Ability::HeartbeatListen,
            Self::Heartbeat(_) => return None,
            Self::LateTolerance(_) => Ability::LateTolerance,
            Self::ConnectTimeout(_) => Ability::ConnectTimeout,
            Self::CloseTimeout(_) => Ability::CloseTimeout,
            Self::Retry(_) => Ability::Retry,
            Self::AckTimeout(_) => Ability::AckTimeout,
            Self::MaxInbound(_) => Ability::MaxInbound,
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heartbeat(HeartbeatMode::WhenIdle { interval, timeout }) => {
                write!(formatter, "heartbeat idle {} {}", interval.as_millis(), timeout.as_millis())
            }
            Self::Heartbeat(HeartbeatMode::Listen { timeout }) => {
                write!(formatter, "heartbeat listen {}", timeout.as_millis())
            }
            Self::Heartbeat(_) => formatter.write_str("heartbeat off"),
            Self::LateTolerance(time) => write!(formatter, "late-tolerance {}", time.as_millis()),
            Self::ConnectTimeout(time) => write!(formatter, "connect-timeout {}", time.as_millis()),
            Self::CloseTimeout(time) => write!(formatter, "close-timeout {}", time.as_millis()),
            Self::Retry(time) => write!(formatter, "retry {}", time.as_millis()),
            Self::AckTimeout(time) => write!(formatter, "ack-timeout {}", time.as_millis()),
            Self::MaxInbound(bytes) => write!(formatter, "max-inbound {bytes}"),
        }
    }
}

/// What the suite asks of a driver.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Command {
    /// `set …`.
    Set(Setting),
    /// `connect URL`.
    Connect(String),
    /// `send TAG DELIVERY TEXT`.
    Send {
        /// The suite's name for the message.
        tag: u64,
        /// What is promised for it.
        delivery: Delivery,
        /// The text, or of `fill` the text made from it.
        text: String,
    },
    /// `fill TAG DELIVERY BYTES`: as `send`, with the tag, a space, and as many `x` as make it BYTES long.
    Fill {
        /// The suite's name for the message.
        tag: u64,
        /// What is promised for it.
        delivery: Delivery,
        /// How long the text is.
        bytes: usize,
    },
    /// `acked TAG`: the server has acknowledged it.
    Acked(u64),
    /// `slow MS`: the application takes MS over each message.
    Slow(Duration),
    /// `pause`: the application takes no messages.
    Pause,
    /// `resume`: it takes them again.
    Resume,
    /// `close MS`: close the session, with MS to send the rest.
    Close(Duration),
    /// `quit`: the process is to end.
    Quit,
}

impl Command {
    /// The text of [`Send`](Self::Send) and [`Fill`](Self::Fill).
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Send { text, .. } => Some(text.clone()),
            Self::Fill { tag, bytes, .. } => {
                let start = format!("{tag} ");
                Some(format!("{start}{}", "x".repeat(bytes.saturating_sub(start.len()))))
            }
            _ => None,
        }
    }
}

fn delivery_word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::ThisConnection => "this-connection",
        Delivery::AtMostOnce => "at-most-once",
        Delivery::AtLeastOnce => "at-least-once",
    }
}

fn delivery(word: &str) -> Option<Delivery> {
    [Delivery::ThisConnection, Delivery::AtMostOnce, Delivery::AtLeastOnce]
        .into_iter()
        .find(|delivery| delivery_word(*delivery) == word)
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(setting) => write!(formatter, "set {setting}"),
            Self::Connect(url) => write!(formatter, "connect {url}"),
            Self::Send { tag, delivery, text } => {
                write!(formatter, "send {tag} {} {}", delivery_word(*delivery), escape(text))
            }
            Self::Fill { tag, delivery, bytes } => {
                write!(formatter, "fill {tag} {} {bytes}", delivery_word(*delivery))
            }
            Self::Acked(tag) => write!(formatter, "acked {tag}"),
            Self::Slow(time) => write!(formatter, "slow {}", time.as_millis()),
            Self::Pause => formatter.write_str("pause"),
            Self::Resume => formatter.write_str("resume"),
            Self::Close(within) => write!(formatter, "close {}", within.as_millis()),
            Self::Quit => formatter.write_str("quit"),
        }
    }
}

impl FromStr for Command {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        command(line.trim_end_matches(['\r', '\n'])).ok_or_else(|| LineError { line: line.into() })
    }
}

fn millis(word: &str) -> Option<Duration> {
    word.parse().ok().map(Duration::from_millis)
}

fn command(line: &str) -> Option<Command> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some(match word {
        "set" => Command::Set(setting(rest)?),
        "connect" if !rest.is_empty() => Command::Connect(rest.into()),
        "send" | "fill" => {
            let mut parts = rest.splitn(3, ' ');
            let (tag, delivery) = (parts.next()?.parse().ok()?, delivery(parts.next()?)?);
            let text = parts.next().unwrap_or_default();
            match word {
                "send" => Command::Send { tag, delivery, text: unescape(text) },
                _ => Command::Fill { tag, delivery, bytes: text.parse().ok()? },
            }
        }
        "acked" => Command::Acked(rest.parse().ok()?),
        "slow" => Command::Slow(millis(rest)?),
        "close" => Command::Close(millis(rest)?),
        "pause" if rest.is_empty() => Command::Pause,
        "resume" if rest.is_empty() => Command::Resume,
        "quit" if rest.is_empty() => Command::Quit,
        _ => return None,
    })
}

fn setting(words: &str) -> Option<Setting> {
    let words: Vec<&str> = words.split(' ').collect();
    Some(match words[..] {
        ["heartbeat", "off"] => Setting::Heartbeat(HeartbeatMode::Off),
        ["heartbeat", "listen", timeout] => Setting::Heartbeat(HeartbeatMode::Listen { timeout: millis(timeout)? }),
        ["heartbeat", "idle", interval, timeout] => {
            let (interval, timeout) = (millis(interval)?, millis(timeout)?);
            Setting::Heartbeat(HeartbeatMode::WhenIdle { interval, timeout })
        }
        ["late-tolerance", time] => Setting::LateTolerance(millis(time)?),
        ["connect-timeout", time] => Setting::ConnectTimeout(millis(time)?),
        ["close-timeout", time] => Setting::CloseTimeout(millis(time)?),
        ["retry", time] => Setting::Retry(millis(time)?),
        ["ack-timeout", time] => Setting::AckTimeout(millis(time)?),
        ["max-inbound", bytes] => Setting::MaxInbound(bytes.parse().ok()?),
        _ => return None,
    })
}
