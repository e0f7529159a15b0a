//! Messages for users who may be on other nodes, and for all.

use heartline::ConnId;
use heartline::directory::Outcome;
use heartline::hub::Room;
use tokio::sync::oneshot;
use tungstenite::Message;

use super::frame;
use crate::codec::Codec;
use crate::hub::Shared;
use crate::hub::cluster::RelayRequest;
use crate::outcome::{Reach, SendError};

/// Relays a message from a connection: by the hub if the user is on this node, else by the directory.
pub(crate) async fn relay<C: Codec>(
    shared: &Shared<C>,
    conn: ConnId,
    to: &C::User,
    frame: Message,
    volatile: bool,
) -> Result<(), SendError> {
    let here = shared.step(|core, now| core.relay(now, conn, to, frame.clone(), volatile));
    if here != Err(SendError::Offline) {
        return here;
    }
    let request = relay_request(shared, to, &frame, volatile)?;
    let outcome = shared.step(|core, now| {
        // The user may have logged in here since.
        if core.hub.conn_of(to).is_some() {
            return Err(core.relay(now, conn, to, frame, volatile));
        }
        let cluster = core.cluster.as_mut().ok_or(Err(SendError::Offline))?;
        cluster.relay(Some(conn), request).ok_or(Err(SendError::Closed))
    });
    ended(outcome).await
}

/// Relays a message from the server itself.
pub(crate) async fn relay_from_server<C: Codec>(
    shared: &Shared<C>,
    to: &C::User,
    frame: Message,
    volatile: bool,
) -> Result<(), SendError> {
    let request = relay_request(shared, to, &frame, volatile)?;
    let outcome = shared.step(|core, _| match (core.hub.conn_of(to), &mut core.cluster) {
        (Some(conn), _) => Err(core.send(conn, frame, volatile)),
        (None, Some(cluster)) => cluster.relay(None, request).ok_or(Err(SendError::Offline)),
        (None, None) => Err(Err(SendError::Offline)),
    });
    ended(outcome).await
}

/// Broadcasts to everybody online or in a room, on all nodes. Counts how many it reached on this one.
pub(crate) fn broadcast<C: Codec>(
    shared: &Shared<C>,
    from: Option<ConnId>,
    room: Option<Room>,
    frame: Message,
    volatile: bool,
) -> Result<Reach, SendError> {
    let message = frame::pack(&frame);
    shared.step(|core, now| {
        let reach = core.broadcast(now, from, room.clone(), frame, volatile)?;
        if let Some(cluster) = &mut core.cluster {
            cluster.broadcast(from, room, message, volatile);
        }
        Ok(reach)
    })
}

fn relay_request<C: Codec>(
    shared: &Shared<C>,
    to: &C::User,
    frame: &Message,
    volatile: bool,
) -> Result<RelayRequest, SendError> {
    let to = shared.name_of(to).ok_or(SendError::Offline)?;
    Ok(RelayRequest { to, message: frame::pack(frame), volatile })
}

/// The outcome as a caller gets it: known already, or awaited from the directory.
async fn ended(outcome: Result<oneshot::Receiver<Outcome>, Result<(), SendError>>) -> Result<(), SendError> {
    let outcome = match outcome {
        Ok(outcome) => outcome.await,
        Err(here) => return here,
    };
    match outcome {
        Ok(Outcome::Routed) => Ok(()),
        Ok(Outcome::Offline) => Err(SendError::Offline),
        Ok(Outcome::Full) => Err(SendError::Full),
        Ok(Outcome::Dropped) => Err(SendError::Dropped),
        // Also if the server is gone, so that no outcome comes.
        _ => Err(SendError::Unknown),
    }
}
