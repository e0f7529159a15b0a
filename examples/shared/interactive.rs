//! A client for any server: lines from standard input are sent, messages are printed, and standard error
//! shows the state of the session.

use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use heartline::event::Cause;
use heartline::message::Refusal;
use heartline::{Action, Config, Event, Input, MessageId, Outcome, Outgoing, Session, State, Timestamp};
use tungstenite::Message;

use crate::application::{Application, Command, RunningDriver};
use crate::translate;

/// How long the rest may take after the end of the input.
const DRAIN: Duration = Duration::from_secs(10);

/// The tour if there is no argument, the client if there is one. Either returns whether all went well.
pub fn choose(tour: impl FnOnce() -> io::Result<bool>, client: impl FnOnce(String) -> io::Result<bool>) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next(), arguments.next()) {
        (None, _) => tour(),
        (Some(url), None) => client(url),
        _ => Err(io::Error::other("one argument at most, and that is the URL")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until the input ends and everything is sent, or the session is stopped. True if nothing went wrong.
pub fn run<D: RunningDriver + 'static>(
    url: String,
    spawn: impl FnOnce(Config, u64, Console) -> io::Result<D>,
) -> io::Result<bool> {
    if translate::address(&url).is_none() {
        return Err(io::Error::other(format!("{url:?} is no WebSocket URL; one looks like ws://HOST:PORT/PATH")));
    }
    let screen = Arc::new(Screen::default());
    let seed = getrandom::u64().map_err(io::Error::other)?;
    let client = Arc::new(spawn(Config::default(), seed, Console { url, screen: Arc::clone(&screen) })?);
    client.command(Command::Input(Input::Connect));
    let reader = Arc::clone(&client);
    // Nothing wakes a thread that reads standard input: if the session is over first, it ends with the process.
    thread::spawn(move || read_lines(&*reader));
    screen.show_until_closed();
    let screen = screen.lock();
    Ok(!screen.failed)
}

fn read_lines(client: &impl RunningDriver) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let size = line.len();
        client.command(Command::Send(Outgoing::at_most_once(Message::text(line), size)));
    }
    client.command(Command::Input(Input::close_within(DRAIN)));
}

/// The application: it passes everything on to the screen.
pub struct Console {
    url: String,
    screen: Arc<Screen>,
}

impl Application for Console {
    fn url(&mut self, _attempt: u32, _renew: bool) -> String {
        self.url.clone()
    }

    fn on_message(&mut self, _now: Timestamp, message: Message, _commands: &mut VecDeque<Command>) {
        match message {
            Message::Text(text) => self.screen.message(&text),
            other => self.screen.message(&format!("({} bytes)", other.len())),
        }
    }

    fn on_action(&mut self, _now: Timestamp, action: Action<Message>, commands: &mut VecDeque<Command>) {
        match action {
            Action::Event(event) => {
                self.screen.remark(&event.to_string());
                if let Event::StateChanged { cause: Cause::Stopped(_) | Cause::Exhausted(_), to, .. } = event {
                    self.screen.lock().failed = true;
                    if to == State::Idle {
                        commands.push_back(Command::Input(Input::close_within(Duration::ZERO)));
                    }
                }
            }
            Action::Outcome {
                outcome: Outcome::Returned(reason, message) | Outcome::Unconfirmed(reason, message),
                ..
            } => self.screen.complain(&format!("not sent ({reason}): {}", message.to_text().unwrap_or_default())),
            _ => {}
        }
    }

    fn on_send(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        if let Err(refusal) = result {
            let text = outgoing.message().to_text().unwrap_or_default();
            let text: String = text.chars().take(60).collect();
            self.screen.complain(&format!("not sent ({refusal}): {text}"));
        }
    }

    fn after_step(&mut self, now: Timestamp, session: &Session<Message>) {
        let next_dial = session.next_dial().map(|(attempt, at)| (attempt, Instant::now() + at.saturating_since(now)));
        self.screen.status(Status {
            state: session.state(),
            cause: session.cause(),
            draining: session.is_draining(),
            queued: session.queued(),
            round_trip: session.rtt().map(|rtt| rtt.latest),
            next_dial,
        });
    }
}

#[derive(Clone, PartialEq)]
struct Status {
    state: State,
    cause: Cause,
    draining: bool,
    queued: usize,
    round_trip: Option<Duration>,
    next_dial: Option<(u32, Instant)>,
}

impl Status {
    fn line(&self) -> String {
        let mut line = self.state.to_string();
        if let Some((attempt, at)) = self.next_dial {
            let left = at.saturating_duration_since(Instant::now());
            line += &format!(", retry {attempt} in {:.0} s: {}", left.as_secs_f64().ceil(), self.cause);
        }
        if let (State::Open, Some(round_trip)) = (self.state, self.round_trip) {
            line += &format!(", round trip {:.1?}", round_trip);
        }
        if self.queued > 0 {
            line += &format!(", {} to send", self.queued);
        }
        if self.draining {
            line += ", then the end";
        }
        line
    }
}

/// Standard output and standard error, which may be one terminal.
#[derive(Default)]
struct Screen {
    shown: Mutex<Shown>,
    changed: Condvar,
}

#[derive(Default)]
struct Shown {
    status: Option<Status>,
    failed: bool,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().expect("no thread panicked")
    }

    fn message(&self, text: &str) {
        let shown = self.lock();
        wipe();
        println!("{text}");
        shown.show();
    }

    fn remark(&self, text: &str) {
        let shown = self.lock();
        wipe();
        eprintln!("{text}");
        shown.show();
    }

    fn complain(&self, text: &str) {
        self.lock().failed = true;
        self.remark(text);
    }

    fn status(&self, status: Status) {
        let mut shown = self.lock();
        if shown.status.as_ref() != Some(&status) {
            shown.status = Some(status);
            self.changed.notify_all();
        }
    }

    /// Shows each new status, and while a retry is awaited every second of the countdown.
    fn show_until_closed(&self) {
        let mut shown = self.lock();
        loop {
            shown.show();
            let waited = match &shown.status {
                Some(Status { state: State::Closed, .. }) => return wipe(),
                Some(Status { next_dial: Some((_, at)), .. }) => {
                    let left = at.saturating_duration_since(Instant::now());
                    let second = Duration::from_nanos(u64::from(left.subsec_nanos()).max(1_000_000));
                    self.changed.wait_timeout(shown, second).map(|(shown, _)| shown).ok()
                }
                _ => self.changed.wait(shown).ok(),
            };
            shown = waited.expect("no thread panicked");
        }
    }
}

impl Shown {
    fn show(&self) {
        if let (Some(status), true) = (&self.status, io::stderr().is_terminal()) {
            wipe();
            eprint!("[{}]", status.line());
            let _ = io::stderr().flush();
        }
    }
}

/// Clears the status line.
fn wipe() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}
