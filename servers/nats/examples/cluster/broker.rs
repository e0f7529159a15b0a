//! The broker, within this process or NATS, and a connection to it that can be cut.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use heartline_axum::cluster::LocalBroker;
use heartline_axum::heartline::directory::{self, Destination, Input, Node};
use heartline_nats::Nats;

use crate::Failure;

/// The broker of all nodes.
#[derive(Clone)]
pub enum Broker {
    /// A broker within this process.
    Local(LocalBroker),
    /// A NATS server, by its URL.
    Nats(String),
}

impl Broker {
    pub fn new(url: Option<String>) -> Self {
        url.map_or_else(|| Self::Local(LocalBroker::default()), Self::Nats)
    }

    pub async fn connect(&self, node: &Node) -> Result<Wire, Failure> {
        let broker: Box<dyn directory::Broker> = match self {
            Self::Local(broker) => Box::new(broker.connect(node)),
            Self::Nats(url) => {
                let prefix = format!("heartline-example-{}", std::process::id()); // Two shows do not meet.
                Box::new(Nats::builder(node, [url]).prefix(prefix).connect().await?)
            }
        };
        Ok(Wire { broker, state: Mutex::default() })
    }
}

/// A node's connection to the broker. In an application, which has no faults to show, it is the `Nats` itself.
pub struct Wire {
    broker: Box<dyn directory::Broker>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    /// The node is to be told that something was lost.
    is_healed: bool,
    waker: Option<Waker>,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on packets are lost in both directions, without an error.
    pub fn cut(&self) {
        self.state().is_cut = true;
    }

    /// Packets pass again. The node learns that some were lost.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.is_cut, state.is_healed) = (false, true);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl directory::Broker for Wire {
    fn publish(&self, to: &Destination, payload: Vec<u8>) {
        if !self.state().is_cut {
            self.broker.publish(to, payload);
        }
    }

    fn subscribe(&self, to: &Destination) {
        self.broker.subscribe(to);
    }

    fn unsubscribe(&self, to: &Destination) {
        self.broker.unsubscribe(to);
    }

    fn poll_input(&self, context: &mut Context<'_>) -> Poll<Input> {
        loop {
            let mut state = self.state();
            state.waker = Some(context.waker().clone());
            if std::mem::take(&mut state.is_healed) {
                return Poll::Ready(Input::Interrupted);
            }
            let is_cut = state.is_cut;
            drop(state);
            match self.broker.poll_input(context) {
                Poll::Ready(_) if is_cut => {}
                input => return input,
            }
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.broker.flush()
    }
}
