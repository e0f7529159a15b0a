//! The server of the notes (002), and a page for it.

use heartline::hub::{self, Admission, Origins};
use heartline::{ConnId, Input, Instant, MessageId, Rhythm};

use crate::app::Say;
use crate::page::{Notebook, Page, Seen};
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::pulse;

pub const HEART: &str = "123456789";
pub const ORIGIN: &str = "http://127.0.0.1:8000";

/// The Node server: it numbers its connections and greets them.
pub struct Node {
    /// Whether a message comes back to its sender, or makes the server say to each connection what is meant for it.
    echo: bool,
    guests: u32,
}

impl Rules for Node {
    type Key = u32;

    fn opened(&mut self, desk: &mut Desk<u32>, conn: ConnId, _upgrade: &Upgrade) {
        self.guests += 1;
        desk.input(hub::Input::Login { conn, user: self.guests });
        desk.say(conn, "something");
    }

    fn text(&mut self, desk: &mut Desk<u32>, conn: ConnId, text: &str) {
        if self.echo {
            return desk.say(conn, text);
        }
        let guests: Vec<_> = desk.hub.online().map(|(guest, conn)| (*guest, conn)).collect();
        for (guest, conn) in guests {
            desk.say(conn, format!("{text}, for guest {guest}"));
        }
    }
}

pub fn served(heartbeat: Rhythm, echo: bool) -> Served<Node> {
    let admission = Admission {
        origins: Origins::List(vec![ORIGIN.into()]),
        protocols: vec!["echo-protocol".into()],
        ..Admission::default()
    };
    let settings = hub::Settings { admission, heartbeat: pulse(heartbeat), ..Default::default() };
    Served::new(settings, Node { echo, guests: 0 })
}

/// Every text that is no heartbeat, when it comes back, acknowledges itself.
pub fn page(url: impl Into<String>) -> Page {
    let book: Notebook<(Instant, Seen)> = Notebook::default();
    let sent = book.clone();
    let number = move |echo: &str| {
        sent.all().iter().find_map(|(_, seen)| match seen {
            Seen::Accepted(id, text) if text == echo => Some(*id),
            _ => None,
        })
    };
    Page {
        ping: HEART.into(),
        is_pong: |text| text == HEART,
        on: Box::new(move |_, action, answers| {
            let heartline::Action::Deliver(message) = action else { return };
            let id: Option<MessageId> = message.to_text().ok().and_then(&number);
            answers.extend(id.map(|id| Say::Input(Input::Acked { id })));
        }),
        book,
        ..Page::at(url)
    }
}
