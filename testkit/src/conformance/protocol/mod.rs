//! The lines between the suite and a driver: see [the module above](super) for the protocol.

mod command;
mod report;

use std::fmt;
use std::str::FromStr;

pub use command::{Command, Setting};
pub use report::Report;

/// The version of the protocol, as `hello` says it.
pub const VERSION: u32 = 1;

/// A line that is not part of the protocol.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a line of the protocol: {line}")]
#[non_exhaustive]
pub struct LineError {
    /// The line.
    pub line: String,
}

macro_rules! abilities {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Something that not every driver can do. `hello` lists them; a case that needs one that is missing is not applicable.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Ability {
            $($(#[$doc])* $name,)*
        }

        impl Ability {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

abilities! {
    /// It reports the id of its own process, which may be stopped, continued and measured.
    Process = "process",
    /// The system tells how much CPU time that process has used. The suite finds out by itself: Linux does.
    CpuTime = "cpu-time",
    /// `send … at-least-once` and `acked`.
    AtLeastOnce = "at-least-once",
    /// It reports each `dial`, and whether with new credentials.
    Dials = "dials",
    /// It sees the HTTP status of a refused dial (browsers do not).
    Status = "status",
    /// It obeys `Retry-After`.
    RetryAfter = "retry-after",
    /// `slow`.
    Slow = "slow",
    /// `pause` and `resume`: while the application takes nothing, the driver does not read.
    Pause = "pause",
    /// `set heartbeat idle`.
    HeartbeatIdle = "set:heartbeat-idle",
    /// `set heartbeat listen`.
    HeartbeatListen = "set:heartbeat-listen",
    /// `set late-tolerance`.
    LateTolerance = "set:late-tolerance",
    /// `set connect-timeout`.
    ConnectTimeout = "set:connect-timeout",
    /// `set close-timeout`.
    CloseTimeout = "set:close-timeout",
    /// `set retry`.
    Retry = "set:retry",
    /// `set ack-timeout`.
    AckTimeout = "set:ack-timeout",
    /// `set max-inbound`.
    MaxInbound = "set:max-inbound",
}

impl fmt::Display for Ability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Ability {
    type Err = LineError;

    fn from_str(word: &str) -> Result<Self, LineError> {
        Self::ALL.iter().copied().find(|ability| ability.word() == word).ok_or(LineError { line: word.into() })
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let (mut plain, mut characters) = (String::with_capacity(text.len()), text.chars());
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (other, false) => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use heartline::event::Cause;
    use heartline::loss::TransportError;
    use heartline::message::{Delivery, Reason};
    use heartline::{Loss, Outcome, State};

    use super::*;

    #[test]
    fn every_command_that_is_written_is_read_back() {
        let commands = [
            "set heartbeat off",
            "set heartbeat idle 300 500",
            "set heartbeat listen 700",
            "set late-tolerance 1",
            "set connect-timeout 2",
            "set close-timeout 3",
            "set retry 4",
            "set ack-timeout 5",
            "set max-inbound 6",
            "connect ws://127.0.0.1:1/x?y",
            "send 7 at-least-once two words\\nand\\r\\\\",
            "send 8 at-most-once ",
            "fill 9 this-connection 100",
            "acked 10",
            "slow 11",
            "pause",
            "resume",
            "close 12",
            "quit",
        ];
        for line in commands {
            assert_eq!(line.parse::<Command>().expect(line).to_string(), line);
        }
    }

    #[test]
    fn every_report_that_is_written_is_read_back() {
        let reports = [
            "hello 1 minimal process set:retry",
            "hello 1 bare",
            "process 4711",
            "dial 2 yes",
            "dial 0 no",
            "state Open opened",
            "event slept 12",
            "accepted 1",
            "refused 2 full",
            "outcome 3 returned expired",
            "delivered 5 hello",
            "delivered 0 ",
            "log one\\ntwo",
        ];
        for line in reports {
            assert_eq!(line.parse::<Report>().expect(line).to_string(), line);
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for line in
            ["", "jump", "set", "set retry soon", "send", "send x at-most-once y", "send 1 twice y", "pause now"]
        {
            assert!(line.parse::<Command>().is_err(), "{line}");
        }
        for line in ["", "hello", "hello 1", "state Open", "dial x yes", "outcome x acked", "delivered many x"] {
            assert!(line.parse::<Report>().is_err(), "{line}");
        }
    }

    #[test]
    fn a_long_text_is_shown_up_to_256_bytes_and_no_character_is_cut() {
        let text = format!("{}ü and more", "x".repeat(255));
        assert_eq!(Report::delivered(&text), Report::Delivered { bytes: 266, text: "x".repeat(255) });
        let fill = Command::Fill { tag: 12, delivery: Delivery::AtMostOnce, bytes: 6 };
        assert_eq!(fill.text().as_deref(), Some("12 xxx"));
    }

    #[test]
    fn causes_and_outcomes_have_one_word_each() {
        let state = |cause| Report::state(State::Waiting, cause).to_string();
        assert_eq!(state(Cause::Lost(Loss::Close(4401))), "state Waiting lost:close:4401");
        assert_eq!(state(Cause::Stopped(Loss::Status(301))), "state Waiting stopped:status:301");
        assert_eq!(
            state(Cause::Exhausted(Loss::Transport(TransportError::Io))),
            "state Waiting exhausted:transport:io"
        );
        let outcome: Outcome<()> = Outcome::Unconfirmed(Reason::MaxLosses, ());
        assert_eq!(Report::outcome(3, &outcome).to_string(), "outcome 3 unconfirmed max-losses");
    }
}
