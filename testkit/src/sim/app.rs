//! What an application of a host is asked, and the plainest one.

use std::collections::VecDeque;
use std::time::Duration;

use heartline::message::Refused;
use heartline::{Action, ConnId, Input, Loss, MessageId, Outgoing, Session, Timestamp, Transmit};

use super::network::{Frame, Request};

/// What [`Action::Connect`] says of a dial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Dial {
    /// The name of the connection.
    pub conn: ConnId,
    /// Which retry this is; 0 if it is not one.
    pub attempt: u32,
    /// How the connection before it was lost.
    pub last_loss: Option<Loss>,
    /// Whether to use new credentials.
    pub renew: bool,
}

/// How a connection or a dial ended, as the driver sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended, in the session's words.
    pub loss: Loss,
    /// How long the server asked to stay away.
    pub retry_after: Option<Duration>,
}

/// The application of a host. What it leaves out does what a plain driver does.
///
/// This one logs in, names its messages on the wire, and has them acknowledged:
///
/// ```
/// use std::time::Duration;
/// use heartline::{Action, Config, ConnId, Event, Input, Loss, MessageId, Outcome, Outgoing, Settings, State, Transmit};
/// use heartline_testkit::sim::{App, Context, Dial, Happening, Request, Sim, Wire};
///
/// struct Chat;
///
/// impl App<String> for Chat {
///     fn request(&mut self, _: &mut Context<'_, String>, _: &Dial) -> Result<Request, Loss> {
///         Ok(Request::to("chat.example"))
///     }
///
///     fn on_action(&mut self, context: &mut Context<'_, String>, action: &Action<String>) {
///         if let Action::Event(Event::StateChanged { to: State::Greeting, .. }) = action {
///             context.send(Outgoing::this_connection("login".into(), 5)).expect("there is room");
///         }
///     }
///
///     fn encode(&mut self, transmit: &Transmit<'_, String>) -> String {
///         format!("{} {}", transmit.id.as_raw(), transmit.message)
///     }
///
///     fn decode(&mut self, conn: ConnId, message: String) -> Vec<Input<String>> {
///         match message.strip_prefix("ok ") {
///             Some(id) => {
///                 let id = MessageId::from_raw(id.parse().expect("a number"));
///                 vec![Input::Alive { conn }, Input::Acked { id }] // an acknowledgement alone is no proof of life
///             }
///             None if message == "welcome" => vec![Input::Alive { conn }, Input::Ready { conn }],
///             None => vec![Input::Message { conn, message }],
///         }
///     }
/// }
///
/// let mut sim = Sim::<String>::new(1);
/// sim.serve("chat.example", |wire: &mut Wire<'_, String>, happening: Happening<String>| {
///     if let Happening::Message { link, message } = happening {
///         match message.split_once(' ') {
///             Some((_, "login")) => wire.send(link, "welcome".into()),
///             Some((id, _)) => wire.send(link, format!("ok {id}")),
///             None => wire.close(link, 1007),
///         }
///     }
/// });
/// let config = Config::new(Settings { greeting_timeout: Some(Duration::from_secs(5)), ..Settings::default() });
/// let host = sim.host(config.unwrap(), Chat);
/// sim.connect(host);
/// let id = sim.send(host, Outgoing::at_least_once("buy 1".into(), 5)).unwrap();
/// sim.run_for(Duration::from_secs(1));
/// assert_eq!(sim[host].outcome(id), Some(&Outcome::Acked));
/// ```
pub trait App<M> {
    /// What to dial, or why that fails at once, as a URL does that is none.
    ///
    /// # Errors
    /// The loss to report for this dial.
    fn request(&mut self, context: &mut Context<'_, M>, dial: &Dial) -> Result<Request, Loss>;

    /// What a ping is: one of the protocol, or a message.
    fn ping(&mut self, token: u32) -> Frame<M> {
        Frame::Ping(token)
    }

    /// What to write for a message, each time that it is transmitted: a protocol with acknowledgements puts the id into it. The message as
    /// it is, unless this says otherwise.
    fn encode(&mut self, transmit: &Transmit<'_, M>) -> M
    where
        M: Clone,
    {
        transmit.message.clone()
    }

    /// What a message means to the session: a message, an answer to a ping, an acknowledgement.
    fn decode(&mut self, conn: ConnId, message: M) -> Vec<Input<M>> {
        vec![Input::Message { conn, message }]
    }

    /// What the end of a connection means to the session.
    fn ended(&mut self, conn: ConnId, ended: Ended) -> Input<M> {
        Input::Closed { conn, loss: ended.loss, retry_after: ended.retry_after }
    }

    /// A delivery, an event, a scheduled dial or an outcome. What it sends is sent before anything queued.
    fn on_action(&mut self, _context: &mut Context<'_, M>, _action: &Action<M>) {}
}

impl<M, A: App<M> + ?Sized> App<M> for Box<A> {
    fn request(&mut self, context: &mut Context<'_, M>, dial: &Dial) -> Result<Request, Loss> {
        (**self).request(context, dial)
    }

    fn ping(&mut self, token: u32) -> Frame<M> {
        (**self).ping(token)
    }

    fn encode(&mut self, transmit: &Transmit<'_, M>) -> M
    where
        M: Clone,
    {
        (**self).encode(transmit)
    }

    fn decode(&mut self, conn: ConnId, message: M) -> Vec<Input<M>> {
        (**self).decode(conn, message)
    }

    fn ended(&mut self, conn: ConnId, ended: Ended) -> Input<M> {
        (**self).ended(conn, ended)
    }

    fn on_action(&mut self, context: &mut Context<'_, M>, action: &Action<M>) {
        (**self).on_action(context, action);
    }
}

/// An application that dials one server.
pub struct Dialling<F> {
    host: String,
    act: F,
}

type Idle<M> = fn(&mut Context<'_, M>, &Action<M>);

/// An application that dials `/` at this server and does nothing else, until [`Dialling::acting`] says what.
pub fn dialling<M>(host: impl Into<String>) -> Dialling<Idle<M>> {
    Dialling { host: host.into(), act: |_, _| {} }
}

impl<F> Dialling<F> {
    /// The same, and `act` is called with every delivery, event, scheduled dial and outcome.
    pub fn acting<M, G: FnMut(&mut Context<'_, M>, &Action<M>)>(self, act: G) -> Dialling<G> {
        Dialling { host: self.host, act }
    }
}

impl<M, F: FnMut(&mut Context<'_, M>, &Action<M>)> App<M> for Dialling<F> {
    fn request(&mut self, _context: &mut Context<'_, M>, _dial: &Dial) -> Result<Request, Loss> {
        Ok(Request::to(&self.host))
    }

    fn on_action(&mut self, context: &mut Context<'_, M>, action: &Action<M>) {
        (self.act)(context, action);
    }
}

/// What an application can do with its session.
pub struct Context<'a, M> {
    pub(super) now: Timestamp,
    pub(super) session: &'a mut Session<M>,
    pub(super) inputs: &'a mut VecDeque<Input<M>>,
}

impl<M> Context<'_, M> {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The session, to look at.
    pub fn session(&self) -> &Session<M> {
        self.session
    }

    /// Sends a message.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn send(&mut self, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        self.session.send(self.now, outgoing)
    }

    /// Hands the session an input, once the actions of this step are carried out.
    pub fn input(&mut self, input: Input<M>) {
        self.inputs.push_back(input);
    }
}
