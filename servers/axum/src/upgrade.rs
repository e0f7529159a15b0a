//! From an upgrade request to a connection, or to a denial.

use std::future::poll_fn;
use std::task::Poll;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use heartline::ConnId;
use heartline::directory::Departure;
use heartline::hub::{self, LoginRefusal, SecondLogin};
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio::select;
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::server::create_response;

use crate::access::{Access, Deny, Handshake, User};
use crate::codec::Codec;
use crate::connection;
use crate::context::Cx;
use crate::hooks::Guarded;
use crate::hub::peer::Login;
use crate::server::Server;
use crate::telemetry::{self, Span};

/// A connection that the hub has admitted, from the request to the end of its task. Dropped, it is reported as closed.
pub(crate) struct Seat<C: Codec> {
    pub(crate) cx: Cx<C>,
}

impl<C: Codec> Seat<C> {
    pub(crate) fn server(&self) -> &Server<C> {
        self.cx.server()
    }

    pub(crate) fn conn(&self) -> ConnId {
        self.cx.conn()
    }

    /// Until the hub closes or drops the connection.
    async fn ended(&self) {
        poll_fn(|cx| {
            let (shared, conn) = (self.server().shared(), self.conn());
            match shared.step(|core, _| core.wait(conn, cx.waker())) {
                Some(standing) if !standing.closing => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
    }
}

impl<C: Codec> Drop for Seat<C> {
    fn drop(&mut self) {
        let conn = self.conn();
        self.server().shared().step(|core, now| {
            core.closed(now, conn, Departure::Lost);
            core.seats -= 1;
        });
    }
}

/// Answers an upgrade request.
pub(crate) async fn upgrade<C: Codec>(server: Server<C>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let (mut response, on_upgrade) = match shake_hands(&mut parts) {
        Ok(both) => both,
        Err(refused) => return *refused,
    };
    if let Err(error) = server.shared().hooks.origins.check(&parts) {
        return error.into_response();
    }
    let seat = match admit(&server, &parts) {
        Ok(seat) => seat,
        Err(deny) => return denied(deny),
    };
    if let Some(Ok(protocol)) = seat.cx.protocol().map(HeaderValue::from_str) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    // When the client hangs up, this future is dropped, and with it the seat.
    let user = select! {
        biased;
        access = authenticate(&server, Handshake::new(parts, seat.cx.source())) => match access {
            Ok(Access::User(user)) if is_taken(&server, &user.name) => return denied(taken()),
            Ok(Access::User(user)) => Some(user),
            Ok(Access::Later) => None,
            Err(deny) => return denied(deny),
        },
        () = seat.ended() => return denied(Deny::new(StatusCode::SERVICE_UNAVAILABLE, "not authenticated in time")),
    };
    let span = Span::new(seat.conn(), seat.cx.source());
    tokio::spawn(span.around(begin(seat, on_upgrade, user)));
    response.map(|()| axum::body::Body::empty())
}

/// The response of a handshake, and the connection that it leads to.
fn shake_hands(parts: &mut Parts) -> Result<(http::Response<()>, OnUpgrade), Box<Response>> {
    let mut head = http::Request::new(());
    *head.method_mut() = parts.method.clone();
    *head.version_mut() = parts.version;
    std::mem::swap(head.headers_mut(), &mut parts.headers);
    let created = create_response(&head);
    std::mem::swap(head.headers_mut(), &mut parts.headers);
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    match (created, on_upgrade) {
        (Ok(response), Some(on_upgrade)) => Ok((response, on_upgrade)),
        (Ok(_), None) => Err(Box::new(upgrade_required(UPGRADE, "websocket"))),
        (Err(error), _) => Err(Box::new(refuse(&error))),
    }
}

fn refuse(error: &Error) -> Response {
    match error {
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
            upgrade_required(SEC_WEBSOCKET_VERSION, "13")
        }
        Error::Protocol(ProtocolError::MissingSecWebSocketKey | ProtocolError::InvalidSecWebSocketKey) => {
            Deny::new(StatusCode::BAD_REQUEST, "no valid Sec-WebSocket-Key").into_response()
        }
        _ => upgrade_required(UPGRADE, "websocket"),
    }
}

/// What the client would have to ask for (RFC 9110 §15.5.22, RFC 6455 §4.4).
fn upgrade_required(name: HeaderName, value: &'static str) -> Response {
    let mut response = Deny::new(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket").into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(name, HeaderValue::from_static(value));
    response
}

/// Asks the hub.
fn admit<C: Codec>(server: &Server<C>, parts: &Parts) -> Result<Seat<C>, Deny> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let source = (server.shared().hooks.source)(parts);
    let host = once(parts, HOST).map_err(|_| Deny::new(BAD, "no valid Host"))?.unwrap_or_default();
    let lines = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let protocols: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let request = hub::Request { origin: None, host, protocols: &protocols, source };
    let user = Login::default();
    let (conn, protocol) = server.shared().step(|core, now| match core.away() {
        Some((why, wait)) => Err(Deny::new(StatusCode::SERVICE_UNAVAILABLE, why).retry_after(wait)),
        None => core.admit(now, &request, user.clone()).map_err(|denied| denial(&denied)),
    })?;
    Ok(Seat { cx: Cx::new(server.clone(), conn, source, protocol, user) })
}

/// Whether the hub would refuse this login now, because the user is connected.
fn is_taken<C: Codec>(server: &Server<C>, user: &C::User) -> bool {
    server.shared().config.second_login == SecondLogin::Refuse && server.conn_of(user).is_some()
}

fn taken() -> Deny {
    Deny::new(StatusCode::CONFLICT, LoginRefusal::UserOnline.to_string())
}

fn denied(deny: Deny) -> Response {
    telemetry::denied(&deny);
    deny.into_response()
}

fn denial(denied: &hub::Denied) -> Deny {
    let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Deny { retry_after: denied.retry_after, ..Deny::new(status, denied.reason.to_string()) }
}

/// The value of a header that may be there once.
fn once(parts: &Parts, name: HeaderName) -> Result<Option<&str>, ()> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str().map_err(|_| ())).transpose()?;
    if values.next().is_some() { Err(()) } else { Ok(first) }
}

async fn authenticate<C: Codec>(server: &Server<C>, handshake: Handshake) -> Result<Access<C::User>, Deny> {
    let Some(hook) = &server.shared().hooks.authenticate else { return Ok(Access::Later) };
    let access = match Guarded::new(|| hook(handshake)) {
        Ok(work) => work.await,
        Err(panicked) => Err(panicked),
    };
    access.unwrap_or_else(|_| {
        server.shared().panicked();
        Err(Deny::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed"))
    })
}

/// Waits for the socket of a request that was answered, and runs the connection.
async fn begin<C: Codec>(seat: Seat<C>, on_upgrade: OnUpgrade, user: Option<User<C::User>>) {
    let upgraded = select! {
        biased;
        upgraded = on_upgrade => upgraded,
        () = seat.ended() => return,
    };
    if let Ok(upgraded) = upgraded {
        connection::run(seat, hyper_util::rt::TokioIo::new(upgraded), user).await;
    }
}
