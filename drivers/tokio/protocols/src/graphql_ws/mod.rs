//! graphql-transport-ws, the subprotocol of the npm package graphql-ws.
//!
//! - A query or mutation ([`execute`]) is sent at least once, with the id of its message as operation id; `complete` and
//!   `error` acknowledge it. If a connection ends before, the server executes a mutation again: let it carry an id of its own.
//! - [`greet`] starts the subscriptions on every connection; what is published between two connections is not seen.
//! - The heartbeat is the `ping` of the subprotocol, with its token as payload.

use heartline_tokio::codec::{Item, Items, Transmission};
use heartline_tokio::{Codec, CodecError, Greeting, HookError, Message, MessageId, Outgoing};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The subprotocol to ask for, by [`Request::protocol`](heartline_tokio::Request::protocol).
pub const PROTOCOL: &str = "graphql-transport-ws";

/// A query or mutation that is sent until the server has completed it.
pub fn execute(operation: Operation) -> Outgoing<Request> {
    Outgoing::at_least_once(Request::Execute(operation))
}

/// What is to be executed.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Operation {
    /// In GraphQL.
    pub query: String,
    /// The values of its variables: an object, or `null`.
    pub variables: Value,
}

impl Operation {
    /// An operation without variables.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), variables: Value::Null }
    }
}

/// What is sent.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// The first message of a connection, with what the server wants to see.
    Init(Value),
    /// A query or mutation; made by [`execute`], whose delivery fits.
    Execute(Operation),
    /// A subscription under a name, which is its id and must not be a number.
    Subscribe(String, Operation),
    /// The end of a subscription.
    Complete(String),
}

/// What is received. The id is the name of a subscription, or the number of the message that was executed
/// ([`Receipt::id`](heartline_tokio::Receipt::id)).
#[derive(Clone, PartialEq, Debug)]
pub enum Received {
    /// `connection_ack`.
    Ready,
    /// A result.
    Next {
        /// The operation's.
        id: String,
        /// `data`, and perhaps `errors`.
        result: Value,
    },
    /// `error`: the operation failed, before or during its execution.
    Failed {
        /// The operation's.
        id: String,
        /// An array of GraphQL errors.
        errors: Value,
    },
    /// A subscription has ended.
    Complete {
        /// The operation's.
        id: String,
    },
}

/// Begins the session with what the server wants to see, and starts the subscriptions.
///
/// # Errors
/// The connection ends: servers refuse by close codes, 4401 and 4403 among them.
pub async fn greet(
    mut link: Greeting<Request, Received>,
    init: Value,
    subscriptions: Vec<(String, Operation)>,
) -> Result<(), HookError> {
    link.send(Request::Init(init)).await?;
    link.until(|received| *received == Received::Ready).await?;
    for (name, operation) in subscriptions {
        link.send(Request::Subscribe(name, operation)).await?;
    }
    Ok(())
}

/// The codec.
#[derive(Clone, Copy, Default, Debug)]
pub struct GraphqlWs;

impl Codec for GraphqlWs {
    type Out = Request;
    type In = Received;

    fn size(request: &Request) -> Result<usize, CodecError> {
        match request {
            Request::Subscribe(name, _) if name.parse::<u64>().is_ok() => {
                Err(CodecError::invalid("a subscription's name must not be a number"))
            }
            request => Ok(encode(request, MessageId::from_raw(0)).len()),
        }
    }

    fn encode(&mut self, request: &Request, transmission: Transmission) -> Result<Message, CodecError> {
        Ok(encode(request, transmission.id))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<Received>) -> Result<(), CodecError> {
        let Message::Text(text) = frame else { return Err(CodecError::unsupported("binary")) };
        let reply = serde_json::from_str(&text).map_err(|error| CodecError::invalid(format!("graphql-ws: {error}")))?;
        match reply {
            Reply::ConnectionAck {} => items.push(Item::Message(Received::Ready)),
            Reply::Ping { payload } => items.push(Item::Reply(with_payload("pong", &payload))),
            Reply::Pong { payload } => items.push(Item::Pong(token(&payload))),
            Reply::Next { id, payload } => items.push(Item::Message(Received::Next { id, result: payload })),
            Reply::Error { id, payload } => {
                items.extend(acknowledged(&id));
                items.push(Item::Message(Received::Failed { id, errors: payload }));
            }
            Reply::Complete { id } => {
                items.push(acknowledged(&id).unwrap_or_else(|| Item::Message(Received::Complete { id })));
            }
        }
        Ok(())
    }

    fn ping(&mut self, token: u32) -> Message {
        with_payload("ping", &json!({ "token": token }))
    }
}

/// A message of the server's.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Reply {
    ConnectionAck {},
    Ping {
        #[serde(default)]
        payload: Value,
    },
    Pong {
        #[serde(default)]
        payload: Value,
    },
    Next {
        id: String,
        payload: Value,
    },
    Error {
        id: String,
        payload: Value,
    },
    Complete {
        id: String,
    },
}

fn encode(request: &Request, id: MessageId) -> Message {
    let subscribe = |id: &str, operation: &Operation| {
        let mut payload = json!({ "query": operation.query });
        if !operation.variables.is_null() {
            payload["variables"] = operation.variables.clone();
        }
        json!({ "type": "subscribe", "id": id, "payload": payload })
    };
    match request {
        Request::Init(payload) => with_payload("connection_init", payload),
        Request::Execute(operation) => {
            let id = id.as_raw().to_string();
            Message::text(subscribe(&id, operation).to_string())
        }
        Request::Subscribe(name, operation) => Message::text(subscribe(name, operation).to_string()),
        Request::Complete(name) => Message::text(json!({ "type": "complete", "id": name }).to_string()),
    }
}

fn with_payload(kind: &str, payload: &Value) -> Message {
    let message = match payload {
        Value::Null => json!({ "type": kind }),
        payload => json!({ "type": kind, "payload": payload }),
    };
    Message::text(message.to_string())
}

/// The operation that was executed is done: the server has had it.
fn acknowledged(id: &str) -> Option<Item<Received>> {
    id.parse().ok().map(|id| Item::Acked(MessageId::from_raw(id)))
}

fn token(payload: &Value) -> Option<u32> {
    payload["token"].as_u64().and_then(|token| u32::try_from(token).ok())
}

#[cfg(test)]
mod tests;
