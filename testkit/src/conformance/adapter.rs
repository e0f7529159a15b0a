//! The driver's half of the protocol, for drivers in Rust.
//!
//! An adapter is a program that reads [`Command`]s from its standard input and writes [`Report`]s to its standard output. With a driver that
//! shows the session's actions it comes to this:
//!
//! ```no_run
//! use heartline::{Action, Settings};
//! use heartline_testkit::conformance::adapter::{Reporter, commands};
//! use heartline_testkit::conformance::{Ability, Command};
//!
//! let reporter = Reporter::stdout();
//! reporter.hello("my-driver", &[Ability::Process, Ability::Dials, Ability::Retry]);
//! let mut settings = Settings::default();
//! for command in commands(std::io::stdin().lock()) {
//!     match command {
//!         Command::Set(setting) => _ = setting.apply(&mut settings),
//!         Command::Connect(url) => { /* start the driver; reporter.action(…) for each action it shows */ }
//!         Command::Send { .. } | Command::Fill { .. } => { /* send command.text(); then reporter.sent(tag, result) */ }
//!         Command::Close(within) => { /* close */ }
//!         Command::Quit => return,
//!         _ => {} // what `hello` did not list is not asked
//!     }
//! }
//! # fn on_action(reporter: &Reporter, action: &Action<String>) { reporter.action(action, |text| text.clone()) }
//! ```
//!
//! `tests/conformance` of this crate has a whole one.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use heartline::message::{Refusal, Refused};
use heartline::{Action, MessageId};

use super::protocol::{Ability, Command, Report, VERSION};

/// The commands on this input, until it ends. Lines that are not commands are reported on the standard error and skipped.
pub fn commands(input: impl BufRead) -> impl Iterator<Item = Command> {
    input.lines().map_while(Result::ok).filter_map(|line| match line.parse() {
        Ok(command) => Some(command),
        Err(error) => {
            eprintln!("{error}");
            None
        }
    })
}

/// Writes reports, whole lines from any thread, and knows which message has which tag. Clones write to the same place.
#[derive(Clone)]
pub struct Reporter(Arc<Mutex<Inner>>);

struct Inner {
    out: Box<dyn Write + Send>,
    tags: HashMap<MessageId, u64>,
    /// Outcomes that came before `sent`.
    early: HashMap<MessageId, String>,
}

impl Inner {
    /// A suite that is gone reads nothing.
    fn write(&mut self, report: &Report) {
        _ = writeln!(self.out, "{report}").and_then(|()| self.out.flush());
    }
}

impl Reporter {
    /// Reports to the standard output, as the protocol wants it.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// Reports to another place.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Inner { out: Box::new(out), tags: HashMap::new(), early: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Any report.
    pub fn report(&self, report: &Report) {
        self.lock().write(report);
    }

    /// The first lines: name (one word) and abilities; with [`Ability::Process`] the id of this process too.
    pub fn hello(&self, name: &str, abilities: &[Ability]) {
        let words = abilities.iter().map(ToString::to_string).collect();
        let mut inner = self.lock();
        inner.write(&Report::Hello { version: VERSION, name: name.into(), abilities: words });
        if abilities.contains(&Ability::Process) {
            inner.write(&Report::Process(std::process::id()));
        }
    }

    /// What became of a `send`: accepted by this name, or refused.
    pub fn sent<M>(&self, tag: u64, result: &Result<MessageId, Refused<M>>) {
        match result {
            Ok(id) => self.accepted(tag, *id),
            Err(refused) => self.refused(tag, refused.reason),
        }
    }

    /// The message was accepted by this name.
    pub fn accepted(&self, tag: u64, id: MessageId) {
        let mut inner = self.lock();
        inner.tags.insert(id, tag);
        inner.write(&Report::Accepted(tag));
        if let Some(outcome) = inner.early.remove(&id) {
            inner.write(&Report::Outcome(tag, outcome));
        }
    }

    /// The message was refused.
    pub fn refused(&self, tag: u64, reason: Refusal) {
        self.report(&Report::refused(tag, reason));
    }

    /// The message with this tag, for `acked`.
    pub fn id(&self, tag: u64) -> Option<MessageId> {
        self.lock().tags.iter().find(|(_, of)| **of == tag).map(|(id, _)| *id)
    }

    /// Reports an action of a session: dials, deliveries, events, outcomes. `text` is the text of a message.
    pub fn action<M>(&self, action: &Action<M>, text: impl FnOnce(&M) -> String) {
        let report = match action {
            Action::Deliver(message) => Report::delivered(&text(message)),
            Action::Connect { attempt, renew, .. } => Report::Dial { attempt: *attempt, renew: *renew },
            Action::Event(event) => Report::event(event),
            Action::Outcome { id, outcome, .. } => {
                let mut inner = self.lock();
                match (inner.tags.get(id).copied(), Report::outcome(0, outcome)) {
                    (Some(tag), Report::Outcome(_, word)) => inner.write(&Report::Outcome(tag, word)),
                    (None, Report::Outcome(_, word)) => drop(inner.early.insert(*id, word)),
                    _ => {}
                }
                return;
            }
            Action::Abort { .. } | Action::Ping { .. } | Action::Close { .. } | Action::ScheduleReconnect { .. } => {
                return;
            }
        };
        self.report(&report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heartline::{Config, Input, Outgoing, Session, Timestamp};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_session_is_reported_line_by_line_and_outcomes_by_their_tags() {
        let out = Shared::default();
        let reporter = Reporter::new(out.clone());
        reporter.hello("mine", &[Ability::Dials]);
        let (mut session, now) = (Session::<String>::new(Config::default(), 1), Timestamp::ORIGIN);
        let id = session.send(now, Outgoing::at_most_once("x".into(), 1)).expect("there is room");
        session.handle(now, Input::Connect).for_each(|action| reporter.action(&action, String::clone));
        session.handle(now, Input::close_within(std::time::Duration::ZERO)).for_each(drop);
        session.handle(now, Input::Timer).for_each(|action| reporter.action(&action, String::clone));
        reporter.accepted(7, id); // Later than its outcome.
        assert_eq!(reporter.id(7), Some(id));
        reporter.sent(8, &session.send(now, Outgoing::at_most_once("y".into(), 1)));
        let written = String::from_utf8(out.0.lock().expect("nobody panics").clone()).expect("text");
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines[..3], ["hello 1 mine dials", "dial 0 no", "state Connecting requested"]);
        assert_eq!(lines[lines.len() - 3..], ["accepted 7", "outcome 7 returned abandoned", "refused 8 closed"]);
    }

    #[test]
    fn lines_that_are_no_commands_are_skipped() {
        let read: Vec<_> = commands(&b"pause\njump\n\nresume\r\n"[..]).collect();
        assert_eq!(read, [Command::Pause, Command::Resume]);
    }
}
