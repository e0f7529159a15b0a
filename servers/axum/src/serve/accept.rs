//! The accept loop.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Service;
use super::gate::{Gate, Permit};

/// After how long accept is tried again when it failed, if no socket is closed before: short enough for a person, long
/// enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections of a server. Dropped, it closes those that were not upgraded.
pub(super) struct Connections {
    pub(super) service: Arc<Service>,
    pub(super) gate: Arc<Gate>,
    pub(super) tasks: JoinSet<()>,
    pub(super) stop: watch::Sender<bool>,
}

impl Connections {
    /// Accepts until `signal`.
    pub(super) async fn accept(
        &mut self,
        listener: &TcpListener,
        signal: &mut (dyn Future<Output = ()> + Send + Unpin),
    ) {
        loop {
            tokio::select! {
                () = &mut *signal => return,
                Some(joined) = self.tasks.join_next() => self.service.counts.joined(joined),
                accepted = next(listener, &self.gate, &self.service) => self.spawn(accepted),
            }
        }
    }

    fn spawn(&mut self, (tcp, peer, permit): (TcpStream, SocketAddr, Permit)) {
        self.service.counts.accepted.add();
        self.tasks.spawn(self.service.clone().connection(tcp, peer, permit, self.stop.subscribe()));
    }
}

/// The next socket that may stay open. Cancel safe.
///
/// One too many is accepted and reset at once. In the queue of the kernel it would wait for nothing, behind others of the
/// same source, until its client has given up, and clients of other sources behind it; reset, it leaves no trace in the
/// kernel, and its client, or the load balancer, goes elsewhere or comes back later.
async fn next(listener: &TcpListener, gate: &Arc<Gate>, service: &Service) -> (TcpStream, SocketAddr, Permit) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => match gate.enter(peer.ip()) {
                Ok(permit) => {
                    // Without it small messages wait for acknowledgements; where it fails, they do.
                    _ = tcp.set_nodelay(true);
                    return (tcp, peer, permit);
                }
                Err(why) => {
                    service.counts.refused(why);
                    // Where it fails, the socket is closed with FIN instead of RST.
                    _ = SockRef::from(&tcp).set_linger(Some(Duration::ZERO));
                }
            },
            Err(error) => {
                service.counts.accept_errors.add();
                if !concerns_one_socket(&error) {
                    // EMFILE and the like: until a descriptor is free.
                    _ = timeout(PAUSE, gate.left()).await;
                }
            }
        }
    }
}

/// Whether the next socket may do better at once (accept(2), "Error handling").
fn concerns_one_socket(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
