//! From a request to an open connection, step by step. No step blocks.

mod prepare;
mod race;

use heartline::loss::TransportError;
use heartline::{ConnId, Timestamp};
use heartline_tungstenite::client::Dial;
use heartline_tungstenite::engine::{Buffered, Dialled, SockRef, SocketOptions, redirected};
use heartline_tungstenite::proxy::Handshake;
#[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
use heartline_tungstenite::tls::Connector;
use heartline_tungstenite::tls::TlsError;
use heartline_tungstenite::{Ended, Request};
use mio::event::Event;
use tungstenite::handshake::client::{ClientHandshake, Response as HttpResponse};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{WebSocket, client};

use crate::poller::Poller;
use crate::wire::{Meter, Wire};
pub(crate) use prepare::{DialThread, Failure, Recipe};
use prepare::{Outcome, Plan, Prepared, Route, Secure};
use race::Attempts;

/// What every dial of a client needs.
pub(crate) struct Dialer {
    pub(crate) recipe: Recipe,
    pub(crate) codec: WebSocketConfig,
    pub(crate) socket: SocketOptions,
    pub(crate) max_redirects: u32,
    pub(crate) thread: DialThread,
}

/// A dial under way. Dropping it ends it.
pub(crate) struct Dialling {
    conn: ConnId,
    stage: Stage,
    plan: Option<Plan>,
    /// What was asked for, from which a redirect leads on.
    request: Option<Request>,
    redirects: u32,
}

enum Stage {
    /// On the thread.
    Preparing,
    Prepared(Box<Outcome>),
    Connecting(Attempts),
    Asking(Box<(Handshake, Meter)>),
    #[cfg(feature = "rustls-tls")]
    Rustls(Box<crate::wire::Rustls>),
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls::MidHandshakeTlsStream<Meter>>),
    Upgrading(Box<MidHandshake<ClientHandshake<Buffered<Wire>>>>),
    Over,
}

/// How a step came out.
enum Step {
    /// To be taken further at once.
    Next(Stage),
    /// To be taken further when something has happened.
    Wait(Stage),
    Open(Box<Dialled<Wire>>),
}

impl Dialer {
    pub(crate) fn begin(&self, conn: ConnId, dial: Dial) -> Dialling {
        let instant = self.recipe.request_hook.is_none() && self.recipe.is_instant(&self.recipe.request);
        let stage = self.prepare(conn, instant, |recipe| recipe.prepare(dial));
        Dialling { conn, stage, plan: None, request: None, redirects: 0 }
    }

    /// To where the server has redirected.
    fn follow(&self, conn: ConnId, request: Request) -> Stage {
        let instant = self.recipe.is_instant(&request);
        self.prepare(conn, instant, |recipe| recipe.route(request))
    }

    /// Here, or on the thread.
    fn prepare(&self, conn: ConnId, here: bool, prepare: impl FnOnce(&Recipe) -> Outcome + Send + 'static) -> Stage {
        if here {
            return Stage::Prepared(Box::new(prepare(&self.recipe)));
        }
        let recipe = self.recipe.clone();
        self.thread.begin(conn, move || prepare(&recipe));
        Stage::Preparing
    }
}

impl Dialling {
    pub(crate) fn woken(&mut self, event: &Event) {
        match &mut self.stage {
            Stage::Preparing | Stage::Prepared(_) | Stage::Over => {}
            Stage::Connecting(race) => race.woken(event),
            Stage::Asking(asking) => _ = asking.1.woken(event),
            #[cfg(feature = "rustls-tls")]
            Stage::Rustls(stream) => _ = stream.meter().woken(event),
            #[cfg(feature = "native-tls")]
            Stage::Native(handshake) => _ = handshake.get_mut().woken(event),
            Stage::Upgrading(handshake) => _ = handshake.get_mut().get_mut().get_mut().meter().woken(event),
        }
    }

    /// When it has to be taken further although nothing has happened.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Connecting(race) => race.deadline(),
            _ => None,
        }
    }

    /// Takes the dial as far as it goes without waiting.
    ///
    /// # Errors
    /// It has failed.
    pub(crate) fn advance(
        &mut self,
        dialer: &Dialer,
        poller: &mut Poller,
        now: Timestamp,
    ) -> Result<Option<Box<Dialled<Wire>>>, Failure> {
        loop {
            match self.step(dialer, poller, now).or_else(|failure| self.redirect(dialer, failure))? {
                Step::Next(stage) => self.stage = stage,
                Step::Wait(stage) => {
                    self.stage = stage;
                    return Ok(None);
                }
                Step::Open(dialled) => return Ok(Some(dialled)),
            }
        }
    }

    /// Follows a redirect, if that was asked for and not done too often.
    fn redirect(&mut self, dialer: &Dialer, failure: Failure) -> Result<Step, Failure> {
        let request = self.request.take().filter(|_| self.redirects < dialer.max_redirects);
        match (failure, request) {
            (Failure::Ended(ended), Some(request)) => {
                self.redirects += 1;
                Ok(Step::Next(dialer.follow(self.conn, redirected(&request, *ended)?)))
            }
            (failure, _) => Err(failure),
        }
    }

    fn step(&mut self, dialer: &Dialer, poller: &mut Poller, now: Timestamp) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Preparing => Ok(match dialer.thread.take(self.conn) {
                Some(outcome) => Step::Next(Stage::Prepared(Box::new(outcome))),
                None => Step::Wait(Stage::Preparing),
            }),
            Stage::Prepared(outcome) => self.connect(*outcome, dialer, poller),
            Stage::Connecting(mut race) => match race.advance(poller, now) {
                None => Ok(Step::Wait(Stage::Connecting(race))),
                Some(Err(error)) => Err(Ended::by_io(TransportError::Connect, &error).into()),
                Some(Ok((stream, token))) => {
                    dialer
                        .socket
                        .apply(&SockRef::from(&stream))
                        .map_err(|error| Ended::by_io(TransportError::Io, &error))?;
                    self.connected(Meter::tcp(stream, token), dialer)
                }
            },
            Stage::Asking(mut asking) => match asking.0.advance(&mut asking.1).map_err(Ended::from)? {
                true => self.encrypt(asking.1, dialer),
                false => Ok(Step::Wait(Stage::Asking(asking))),
            },
            #[cfg(feature = "rustls-tls")]
            Stage::Rustls(mut stream) => match stream.shake_hands() {
                Ok(()) => self.encrypted(Wire::Rustls(stream), dialer),
                Err(error) if is_slow(&error) => Ok(Step::Wait(Stage::Rustls(stream))),
                Err(error) => Err(Ended::from(&tungstenite::Error::Io(error)).into()),
            },
            #[cfg(feature = "native-tls")]
            Stage::Native(handshake) => self.native(handshake.handshake(), dialer),
            Stage::Upgrading(handshake) => upgraded(handshake.handshake()),
            Stage::Over => Ok(Step::Wait(Stage::Over)),
        }
    }

    fn connect(&mut self, outcome: Outcome, dialer: &Dialer, poller: &mut Poller) -> Result<Step, Failure> {
        let Prepared { request, route, plan } = outcome?;
        (self.plan, self.request) = (Some(plan), Some(request));
        match route {
            Route::Addresses(addresses) => Ok(Step::Next(Stage::Connecting(Attempts::new(addresses)))),
            Route::Stream(mut stream) => {
                let token = poller.register(&mut *stream);
                let token = token.map_err(|error| Ended::by_io(TransportError::Connect, &error))?;
                self.connected(Meter::other(stream, token), dialer)
            }
        }
    }

    fn connected(&mut self, meter: Meter, dialer: &Dialer) -> Result<Step, Failure> {
        match self.plan.as_mut().and_then(|plan| plan.proxy_tls.take()) {
            None => self.ask(meter, dialer),
            Some(secure) => self.shake_hands(secure, meter, dialer),
        }
    }

    fn ask(&mut self, meter: Meter, dialer: &Dialer) -> Result<Step, Failure> {
        match self.plan.as_mut().and_then(|plan| plan.proxy.take()) {
            None => self.encrypt(meter, dialer),
            Some(handshake) => Ok(Step::Next(Stage::Asking(Box::new((handshake, meter))))),
        }
    }

    fn encrypt(&mut self, meter: Meter, dialer: &Dialer) -> Result<Step, Failure> {
        match self.plan.as_mut().and_then(|plan| plan.tls.take()) {
            None => self.upgrade(Wire::Plain(meter), dialer),
            Some(secure) => self.shake_hands(secure, meter, dialer),
        }
    }

    /// TLS is there: to the proxy, if that is still to be asked.
    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    fn encrypted(&mut self, wire: Wire, dialer: &Dialer) -> Result<Step, Failure> {
        match self.plan.as_ref().is_some_and(|plan| plan.proxy.is_some()) {
            true => self.ask(Meter::over(wire), dialer),
            false => self.upgrade(wire, dialer),
        }
    }

    #[cfg(not(any(feature = "rustls-tls", feature = "native-tls")))]
    fn shake_hands(&mut self, _: Secure, _: Meter, _: &Dialer) -> Result<Step, Failure> {
        Err(Ended::from(TlsError::NotBuilt).into())
    }

    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    #[cfg_attr(not(feature = "native-tls"), expect(unused_variables))]
    fn shake_hands(&mut self, secure: Secure, meter: Meter, dialer: &Dialer) -> Result<Step, Failure> {
        match secure.connector.map_err(Ended::from)? {
            #[cfg(feature = "rustls-tls")]
            Connector::Rustls(config) => {
                let stream = crate::wire::Rustls::new(config, &secure.address, meter).map_err(Ended::from)?;
                Ok(Step::Next(Stage::Rustls(Box::new(stream))))
            }
            #[cfg(feature = "native-tls")]
            Connector::Native(connector) => self.native(connector.connect(&secure.address.host, meter), dialer),
            _ => Err(Ended::from(TlsError::NotBuilt).into()),
        }
    }

    #[cfg(feature = "native-tls")]
    fn native(
        &mut self,
        result: Result<native_tls::TlsStream<Meter>, native_tls::HandshakeError<Meter>>,
        dialer: &Dialer,
    ) -> Result<Step, Failure> {
        match result {
            Ok(stream) => self.encrypted(Wire::Native(Box::new(stream)), dialer),
            Err(native_tls::HandshakeError::WouldBlock(handshake)) => {
                Ok(Step::Wait(Stage::Native(Box::new(handshake))))
            }
            Err(native_tls::HandshakeError::Failure(error)) => {
                Err(Ended::from(TlsError::Handshake { reason: error.to_string() }).into())
            }
        }
    }

    /// The opening handshake of RFC 6455 §4.1.
    fn upgrade(&mut self, wire: Wire, dialer: &Dialer) -> Result<Step, Failure> {
        let Some(plan) = self.plan.take() else { return Ok(Step::Wait(Stage::Over)) };
        let (wire, config) = Buffered::new(wire, dialer.codec);
        upgraded(client::client_with_config(plan.http, wire, Some(config)))
    }
}

type Upgraded = Result<(WebSocket<Buffered<Wire>>, HttpResponse), HandshakeError<ClientHandshake<Buffered<Wire>>>>;

fn upgraded(result: Upgraded) -> Result<Step, Failure> {
    match result {
        Ok((mut socket, response)) => {
            socket.get_mut().get_mut().meter().open();
            Ok(Step::Open(Box::new(Dialled { socket, response: response.into() })))
        }
        Err(HandshakeError::Interrupted(handshake)) => Ok(Step::Wait(Stage::Upgrading(Box::new(handshake)))),
        Err(HandshakeError::Failure(error)) => Err(Ended::from(&error).into()),
    }
}

#[cfg(feature = "rustls-tls")]
fn is_slow(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}
