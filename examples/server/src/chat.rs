//! What events lead to.

use std::sync::Arc;

use heartline_axum::heartline::hub::Settings;
use heartline_axum::{Audience, BuildError, Cx, NotJoined, Origins, Reach, SendError, Server};

use crate::events::{self, Chat, Event, Request, listed};
use crate::tokens::{NAMES, Tokens};

/// How many users a client is told of.
const LISTED: usize = 200;

/// The server, to be routed.
pub(crate) fn server(tokens: Arc<Tokens>, hub: Settings, origins: Origins) -> Result<Server<Chat>, BuildError> {
    let login = tokens.clone();
    Server::builder(Chat, hub)
        .authenticate(move |request| std::future::ready(tokens.access(&request)))
        .on_login(move |_, token| std::future::ready(login.user(&token)))
        .on_message(|cx, request| async move {
            if let Some(event) = answer(&cx, request).await {
                _ = cx.reply(&event); // Who has gone meanwhile needs no answer.
            }
            Ok(())
        })
        .origins(origins)
        .build()
}

/// Carries out a request. What its sender is told of it, if anything.
async fn answer(cx: &Cx<Chat>, request: Request) -> Option<Event> {
    let Some(me) = cx.user() else { return Some(Event::refused("log in first")) };
    let from = me.to_string();
    match request {
        Request::Send { to, text, id, volatile } => {
            let message = Event::Text { from, to: None, room: None, text, id };
            relay(cx, to, &message, id, volatile).await
        }
        Request::OpenScreen { to_user } => {
            relay(cx, to_user, &Event::OpenScreen { from_user: from }, None, false).await
        }
        Request::StopScreen { to_user } => {
            relay(cx, to_user, &Event::StopScreen { from_user: from }, None, false).await
        }
        Request::Say { text, room, id, volatile } => {
            let to = if room.is_none() { Some("everybody") } else { None };
            let audience = room.as_deref().map_or(Audience::All, Audience::from);
            let message = Event::Text { from, to, room, text, id };
            broadcast(cx, audience, &message, id, volatile)
        }
        Request::Join { room } => match cx.join(room.as_str()) {
            Ok(members) => Some(Event::Joined { room, members }),
            Err(NotJoined::Refused(reason)) => Some(Event::refused(reason)),
            Err(NotJoined::Repeated | NotJoined::Closed) => None,
        },
        Request::Leave { room } => {
            cx.leave(room.as_str());
            Some(Event::Left { room })
        }
        Request::Who { watch: true } => {
            cx.watch_presence();
            None
        }
        Request::Who { watch: false } => {
            let (users, count) = cx.server().online(LISTED);
            Some(Event::Online { seq: None, count, users: listed(&users) })
        }
    }
}

async fn relay(cx: &Cx<Chat>, to: String, message: &Event, id: Option<u64>, volatile: bool) -> Option<Event> {
    let relayed = match NAMES.check(&to) {
        Ok(name) if volatile => cx.relay_volatile(&name, message).await,
        Ok(name) => cx.relay(&name, message).await,
        Err(_) => Err(SendError::Offline), // Nobody has such a name.
    };
    let undelivered = events::SendError { to_user: to, id };
    match relayed {
        Ok(()) => id.map(|id| Event::Sent { id, reached: 1, missed: None }),
        Err(SendError::Offline) => Some(Event::Offline(undelivered)),
        Err(SendError::Full) => Some(Event::Full(undelivered)),
        Err(SendError::Dropped) => Some(Event::Dropped(undelivered)),
        Err(error) => Some(Event::refused(error)),
    }
}

fn broadcast(cx: &Cx<Chat>, to: Audience, message: &Event, id: Option<u64>, volatile: bool) -> Option<Event> {
    let handed = if volatile { cx.broadcast_volatile(to, message) } else { cx.broadcast(to, message) };
    match handed {
        Ok(Reach { reached, missed, .. }) => id.map(|id| Event::Sent { id, reached, missed: Some(missed) }),
        Err(error) => Some(Event::refused(error)),
    }
}
