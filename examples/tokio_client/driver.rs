//! The tokio driver: one task that owns a session and its socket. Written to be copied, with `link.rs`.
//!
//! The task waits in one place, the `select!` of [`run`], and what it waits on there owns nothing: whichever
//! branch comes first, dropping the others loses no frame, no message and no dial. All else is done at
//! once, so that neither a full socket nor a slow dial ever holds up the timer or an `Abort`.

#[path = "link.rs"] // For tests, which take this file as a module of another name.
mod link;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use heartline::{Action, Config, Input, Instant, Session, State};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep_until;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use self::link::Link;
use crate::app::{App, Running, Say};

/// At most so many wishes of the application, and so many frames, are taken in one turn.
const BURST: usize = 64;

/// How long a drain may take that begins because nobody is left to say `Close`.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs a session until it is closed, which it also is when the last sender is dropped.
pub async fn run<A: App>(config: Config, seed: u64, app: A, mut says: UnboundedReceiver<Say>) {
    let origin = tokio::time::Instant::now();
    let (session, now) = (Session::new(config, seed), Instant::ORIGIN);
    let mut driver = Driver { origin, now, session, app, answers: Vec::new(), link: Link::Down };
    let mut timer = pin!(sleep_until(origin));
    let (mut armed, mut listening) = (None, true);
    while driver.session.state() != State::Closed || !says.is_empty() {
        let deadline = driver.session.deadline();
        if let (true, Some(at)) = (armed != deadline, deadline) {
            timer.as_mut().reset(origin + Duration::from_nanos(at.as_nanos()));
        }
        armed = deadline;
        let woken = tokio::select! {
            said = says.recv(), if listening => Woken::Said(said),
            input = poll_fn(|cx| driver.link.poll(cx)) => Woken::Heard(input),
            () = &mut timer, if armed.is_some() => Woken::Due,
        };
        driver.look().await;
        match woken {
            Woken::Said(Some(say)) => driver.carry_out(say),
            Woken::Said(None) => {
                listening = false;
                driver.orphaned();
            }
            Woken::Heard(input) => driver.hear(input),
            Woken::Due => armed = None,
        }
        poll_fn(|cx| driver.turn(cx, &mut says)).await;
    }
}

enum Woken {
    Said(Option<Say>),
    Heard(Option<Input<Message>>),
    Due,
}

struct Driver<A> {
    origin: tokio::time::Instant,
    /// The time of this turn. It stands still within the turn, however long the application takes.
    now: Instant,
    session: Session<Message>,
    app: A,
    /// What the application said while it was told something.
    answers: Vec<Say>,
    link: Link,
}

impl<A: App> Driver<A> {
    /// A turn begins. If something is due, the runtime looks at the socket first: what came in time is not to be
    /// judged as late because nobody looked.
    async fn look(&mut self) {
        self.now = Instant::after(self.origin.elapsed());
        if self.is_due() {
            tokio::task::yield_now().await;
            self.now = Instant::after(self.origin.elapsed());
        }
    }

    fn is_due(&self) -> bool {
        self.session.deadline().is_some_and(|deadline| deadline <= self.now)
    }

    /// What has come in, then the timer, then what may go out (SPEC P5). Never waits.
    fn turn(&mut self, cx: &mut Context<'_>, says: &mut UnboundedReceiver<Say>) -> Poll<()> {
        for _ in 0..BURST {
            let Ok(say) = says.try_recv() else { break };
            self.carry_out(say);
        }
        for _ in 0..BURST {
            let Poll::Ready(input) = self.link.poll(cx) else { break };
            self.hear(input);
        }
        self.timer();
        self.transmit(cx);
        self.timer(); // It tells the outcomes of what was transmitted.
        Poll::Ready(())
    }

    fn timer(&mut self) {
        if self.is_due() {
            self.carry_out(Say::Input(Input::Timer));
        }
    }

    /// Messages are pulled while the link has room for them, and go into its buffer in the same breath.
    fn transmit(&mut self, cx: &mut Context<'_>) {
        let now = self.now;
        let Some(mut room) = self.link.room(cx) else { return };
        while room.is_left(cx) {
            let Some(transmit) = self.session.transmit(now) else { break };
            // Cloned, because the codec does not give back what it does not take; the payload is shared.
            if let Err(why) = room.take(transmit.message.clone()) {
                self.session.unsent(now, transmit, why);
            }
        }
    }

    fn hear(&mut self, input: Option<Input<Message>>) {
        match input {
            Some(Input::Message { conn, message }) if self.app.is_pong(&message) => {
                self.carry_out(Say::Input(Input::Pong { conn }));
            }
            Some(Input::Message { conn, message: Message::Ping(_) }) => {
                self.carry_out(Say::Input(Input::Alive { conn }));
            }
            Some(input) => self.carry_out(Say::Input(input)),
            None => {}
        }
    }

    /// Nobody is left who could say `Close`.
    fn orphaned(&mut self) {
        let closing = self.session.is_draining() || matches!(self.session.state(), State::Closing | State::Closed);
        if !closing {
            self.carry_out(Say::Input(Input::close_within(DRAIN)));
        }
    }

    /// One call to the session, and those with which the application answers.
    fn carry_out(&mut self, say: Say) {
        self.call(say);
        while !self.answers.is_empty() {
            std::mem::take(&mut self.answers).into_iter().for_each(|answer| self.call(answer));
        }
    }

    fn call(&mut self, say: Say) {
        let now = self.now;
        match say {
            Say::Send(outgoing) => {
                let result = self.session.send(now, outgoing.clone());
                self.app.sent(outgoing, result.map_err(|refused| refused.reason));
            }
            Say::Input(input) => {
                let patience = self.session.config().connect_timeout;
                for action in self.session.handle(now, input) {
                    match action {
                        Action::Connect { conn, attempt } => {
                            self.link = Link::dial(conn, self.app.url(attempt), patience)
                        }
                        Action::Abort { conn } => self.link.abort(conn),
                        Action::Ping { conn } => self.link.control(conn, self.app.ping()),
                        Action::Close { conn, code } => {
                            let frame = CloseFrame { code: code.get().into(), reason: Default::default() };
                            self.link.control(conn, Message::Close(Some(frame)));
                        }
                        told => self.app.tell(now, told, &mut self.answers),
                    }
                }
            }
        }
        self.app.watch(now, &self.session);
    }
}

/// [`run`] on a thread of its own, for callers that have no runtime.
pub struct Handle {
    pub says: UnboundedSender<Say>,
    thread: JoinHandle<()>,
}

/// Starts a session. It does nothing until `Connect` is said.
pub fn spawn<A: App>(config: Config, seed: u64, app: A) -> io::Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, says) = unbounded_channel();
    let thread = thread::Builder::new().name("heartline".into()).spawn(move || {
        runtime.block_on(run(config, seed, app, says));
        runtime.shutdown_background(); // A name that is still being resolved is not waited for.
    })?;
    Ok(Handle { says: sender, thread })
}

impl Running for Handle {
    fn say(&self, say: Say) {
        _ = self.says.send(say); // Fails if the session is over: then there is nobody to tell.
    }

    fn join(self: Box<Self>) {
        drop(self.says);
        self.thread.join().expect("the driver's thread runs to its end");
    }
}
