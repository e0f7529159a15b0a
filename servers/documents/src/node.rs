//! The Node servers (002): that of the package `websocket`, that with an array of its connections, and that of the
//! package `ws`. The guests online are the document's array of connections.

use heartline_axum::heartline::hub::{Admission, Settings};
use heartline_axum::tungstenite::Message;
use heartline_axum::{Audience, Deny, FrameLimits, Handshake, Origins, Server};

use crate::guests::{Frames, guests, opened};
use crate::log::Log;

/// What the first server accepts.
pub const PROTOCOL: &str = "echo-protocol";
/// What it sends besides the bytes: "data sent".
pub const SENT: &str = "发送数据";
/// The most that it sends as one message, in bytes.
pub const MOST: usize = 1000;

/// `accept('echo-protocol')`, which throws for a client that did not offer it.
fn accept(request: &Handshake) -> Result<(), Deny> {
    let offered = request.header("Sec-WebSocket-Protocol").unwrap_or_default();
    let accepted = offered.split(',').any(|name| name.trim() == PROTOCOL);
    accepted.then_some(()).ok_or(Deny::forbidden("only echo-protocol is spoken here"))
}

/// The first server: origin, sub-protocol, `sendBytes` and `send` for each message, and handlers of ends and errors.
pub fn echo(log: &Log, origins: Origins) -> Server<Frames> {
    let admission = Admission { protocols: vec![PROTOCOL.into()], ..Admission::default() };
    let most = 2 * MOST;
    let limits = FrameLimits { max_inbound_message: most, max_outbound_message: MOST, ..FrameLimits::default() };
    guests(Settings { admission, ..Settings::default() }, log, accept, |cx, message| {
        cx.reply(&Message::Binary(message.clone().into_data()))?;
        Ok(cx.reply(&Message::text(SENT))?)
    })
    .origins(origins)
    .limits(limits)
    .build()
    .expect("a server")
}

/// The second: what one says, each of the connections gets, its own included.
pub fn to_all(log: &Log) -> Server<Frames> {
    let builder = guests(
        Settings::default(),
        log,
        |_| Ok(()),
        |cx, message| {
            cx.server().broadcast(Audience::All, message)?;
            Ok(())
        },
    );
    builder.build().expect("a server")
}

/// What the third sends.
pub const SOMETHING: &str = "something";

/// The third, of the package `ws`: `something` for each connection, and what it says is received.
pub fn greeting(log: &Log) -> Server<Frames> {
    let starts = log.clone();
    guests(Settings::default(), log, |_| Ok(()), |_, _| Ok(()))
        .on_open(move |cx| {
            opened(&starts, &cx);
            async move { Ok(cx.reply(&Message::text(SOMETHING))?) }
        })
        .build()
        .expect("a server")
}

/// The same once more, for pages that take silence for a dead link.
pub fn beats(_number: u64) -> Vec<String> {
    vec![SOMETHING.into()]
}
