//! One server of two: a chat on heartline-axum, and beside it a responder on async-nats alone.

use std::sync::Arc;

use axum::Router;
use heartline_axum::heartline::directory::{self, Node};
use heartline_axum::heartline::hub::Settings;
use heartline_axum::tungstenite::Message;
use heartline_axum::{Access, Builder, Codec, CodecError, Deny, Handshake, Never, Received, Server};
use heartline_nats::Nats;
use tokio::net::TcpListener;

use crate::{Anything, bare};

/// A client sends `bob hello`: bob gets `hello`, and the client what became of it.
struct Chat;

impl Codec for Chat {
    type User = String;
    type Login = Never;
    type In = (String, String);
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let Message::Text(line) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        let (to, text) = line.split_once(' ').ok_or(CodecError::unsupported("to whom?"))?;
        Ok(Received::Message((to.into(), text.into())))
    }

    fn encode(&self, line: &String) -> Message {
        Message::text(line)
    }
}

/// Without the limits, which are what would be measured.
fn chat() -> Builder<Chat> {
    let settings = Settings { per_source: None, messages: None, bytes: None, ..Settings::default() };
    Server::builder(Chat, settings)
        .authenticate(|request: Handshake| async move {
            request.bearer().map(|name| Access::user(name.to_owned())).ok_or(Deny::unauthorized("a name is needed"))
        })
        .on_message(|cx, (to, text)| async move {
            let outcome = cx.relay(&to, &text).await;
            cx.reply(&outcome.map_or_else(|error| error.to_string(), |()| "routed".into()))?;
            Ok(())
        })
}

/// On one thread, so that what it uses does not depend on how many there are.
pub fn run(name: &str, broker: &str) -> Result<(), Anything> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let node: Node = name.parse()?;
        let nats = Nats::builder(&node, [broker]).connect().await?;
        let server = chat().cluster(node, Arc::new(nats), directory::Settings::default()).build()?;
        bare::respond(name, broker).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("serving on http://{}/", listener.local_addr()?);
        let app = Router::new().route("/ws", server.route());
        Ok(heartline_axum::serve(listener, app).await?)
    })
}
