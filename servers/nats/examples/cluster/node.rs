//! One node: a chat server that knows the others. In your cluster it is a process. Here it is a runtime, which ends as abruptly as a process that
//! is killed.

use std::future::{IntoFuture as _, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use heartline_axum::heartline::directory::{self, Node};
use heartline_axum::heartline::hub::Settings;
use heartline_axum::serve::Unfinished;
use heartline_axum::tungstenite::Message;
use heartline_axum::{
    Access, Builder, Codec, CodecError, Deny, Handshake, Never, Received, SendError, Server, Shutdown,
};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Failure;
use crate::broker::{Broker, Wire};

/// The protocol: lines of text. If ann sends `bob 17`, bob gets `from ann 17`, on whichever node he is, and ann gets `sent 17 routed`, or another
/// outcome.
pub struct Chat;

impl Codec for Chat {
    type User = String;
    type Login = Never;
    type In = (String, String);
    type Out = String;

    fn decode(&self, frame: Message) -> Result<Received<Self>, CodecError> {
        let Message::Text(line) = frame else { return Err(CodecError::unsupported("only text is taken here")) };
        let words = line.split_once(' ');
        Ok(words.map_or(Received::UnknownMessage, |(to, text)| Received::Message((to.into(), text.into()))))
    }

    fn encode(&self, line: &String) -> Message {
        Message::text(line)
    }
}

/// The chat, which is the same for one node and for several. Anybody may take any name here; an application checks a token.
fn chat() -> Builder<Chat> {
    Server::builder(Chat, Settings::default())
        .authenticate(|request: Handshake| async move {
            request.bearer().map(|name| Access::user(name.to_owned())).ok_or(Deny::unauthorized("a name is needed"))
        })
        .on_message(|cx, (to, text)| async move {
            let from = cx.user().cloned().unwrap_or_default();
            let outcome = match cx.relay(&to, &format!("from {from} {text}")).await {
                Ok(()) => "routed",
                Err(SendError::Offline) => "offline",
                Err(SendError::Unknown) => "unknown",
                Err(_) => "refused",
            };
            cx.reply(&format!("sent {text} {outcome}"))?;
            Ok(())
        })
}

type Serving = JoinHandle<Result<(), Unfinished>>;

/// A node that runs. When it is dropped, it is gone without a goodbye.
pub struct Running {
    _process: Process,
    pub server: Server<Chat>,
    pub wire: Arc<Wire>,
    pub address: SocketAddr,
    /// `None` once it was asked to leave.
    serving: Option<(oneshot::Sender<()>, Serving)>,
}

impl Running {
    pub async fn start(node: Node, broker: Broker) -> Result<Self, Failure> {
        let (process, runtime) = Process::start(&node)?;
        let started = runtime.spawn(async move {
            let wire = Arc::new(broker.connect(&node).await?);
            let server = chat().cluster(node, wire.clone(), directory::Settings::default()).build()?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let serving = serve(listener, server.clone());
            Ok::<_, Failure>((server, wire, address, serving))
        });
        let (server, wire, address, serving) = started.await??;
        Ok(Self { _process: process, server, wire, address, serving: Some(serving) })
    }

    /// Begins a graceful shutdown: nobody is let in, all clients are asked to come back (1012), and the node says goodbye to the others. The task
    /// ends with that.
    pub fn leave(&mut self) -> Option<Serving> {
        let (stop, serving) = self.serving.take()?;
        _ = stop.send(());
        Some(serving)
    }

    pub fn is_leaving(&self) -> bool {
        self.serving.is_none()
    }
}

fn serve(listener: TcpListener, server: Server<Chat>) -> (oneshot::Sender<()>, Serving) {
    let app = Router::new().route("/ws", server.route());
    let (stop, stopped) = oneshot::channel();
    // Shorter than the default, for people who watch.
    let (pace, spread) = (Duration::from_secs(1), Duration::from_secs(1));
    let serving = heartline_axum::serve(listener, app)
        .drain(move |within| async move { server.shutdown(Shutdown { within, pace, spread }).await })
        .shutdown(async {
            if stopped.await.is_err() {
                pending::<()>().await; // The node was killed.
            }
        });
    (stop, tokio::spawn(serving.into_future()))
}

/// Stands for a process: tasks on one thread, all of which end at once.
struct Process(Option<Runtime>);

impl Process {
    fn start(node: &Node) -> Result<(Self, tokio::runtime::Handle), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(node.as_str())
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok((Self(Some(runtime)), handle))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
