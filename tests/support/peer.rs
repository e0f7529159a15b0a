//! A server for sessions that are tested alone.

use std::time::Duration;

use heartline::{ConnId, Loss, Timestamp};

use super::{Packet, Request, Server};

/// A server that follows the test's script: it accepts dials, unless it is told to refuse them, and sends nothing of
/// its own accord.
#[derive(Debug, Default)]
pub struct Peer {
    /// The answer to dials, instead of accepting them.
    pub refuses: Option<(Loss, Option<Duration>)>,
    /// What arrived.
    pub received: Vec<Packet>,
    pub connections: Vec<ConnId>,
    accepted: u64,
    outputs: Vec<(ConnId, Packet)>,
}

impl Peer {
    /// Sends this on all connections.
    pub fn send(&mut self, packet: &Packet) {
        self.outputs.extend(self.connections.iter().map(|conn| (*conn, packet.clone())));
    }
}

impl Server for Peer {
    fn accept(&mut self, _now: Timestamp, _request: &Request) -> Result<ConnId, (Loss, Option<Duration>)> {
        self.refuses.map_or(Ok(()), Err)?;
        self.accepted += 1;
        let conn = ConnId::from_raw(self.accepted).expect("not zero");
        self.connections.push(conn);
        Ok(conn)
    }

    fn receive(&mut self, _now: Timestamp, conn: ConnId, packet: Packet) {
        if let Packet::End(..) = packet {
            self.connections.retain(|open| *open != conn);
        }
        self.received.push(packet);
    }

    fn outputs(&mut self) -> Vec<(ConnId, Packet)> {
        std::mem::take(&mut self.outputs)
    }
}
