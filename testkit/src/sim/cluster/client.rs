//! The clients of a simulated cluster.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use heartline::directory::User;
use heartline::hub::Room;
use heartline::{Action, ConnId, Event, Input, Loss, Outgoing, State};

use super::super::app::{App, Context, Dial};
use super::super::network::Request;
use super::line::Line;
use super::mark::{Kind, Mark};
use super::shared::Common;

/// Where a client dials, and what it wants there.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    /// The number of a node; a retry may go to another one if `roams`.
    pub(super) node: usize,
    pub(super) roams: bool,
    pub(super) rooms: BTreeSet<Room>,
}

/// An application that logs in, acknowledges letters, and joins its rooms each time that it is logged in.
pub(super) struct Client {
    pub(super) user: User,
    pub(super) home: Rc<RefCell<Home>>,
    pub(super) common: Common,
}

impl App<Line> for Client {
    fn request(&mut self, _: &mut Context<'_, Line>, dial: &Dial) -> Result<Request, Loss> {
        let (mut home, mut shared) = (self.home.borrow_mut(), self.common.borrow_mut());
        let nodes = shared.servers.len();
        if dial.attempt > 0 && home.roams {
            home.node = shared.random.below(nodes as u64) as usize;
        }
        Ok(Request::to(server_name(home.node)))
    }

    fn decode(&mut self, conn: ConnId, line: Line) -> Vec<Input<Line>> {
        match line {
            Line::Welcome(_) => vec![Input::Alive { conn }, Input::Ready { conn }],
            message => vec![Input::Message { conn, message }],
        }
    }

    fn on_action(&mut self, context: &mut Context<'_, Line>, action: &Action<Line>) {
        match action {
            Action::Event(Event::StateChanged { to: State::Greeting, .. }) => {
                // A full outbox is a login that fails: the greeting times out.
                let _ = context.send(Outgoing::this_connection(Line::LogIn(self.user.clone()), 16));
            }
            Action::Event(Event::StateChanged { to: State::Open, .. }) => {
                for room in self.home.borrow().rooms.iter().cloned() {
                    let _ = context.send(Outgoing::this_connection(Line::Join(room), 16));
                }
            }
            Action::Deliver(Line::Delivered { from, message, .. }) => {
                let mut shared = self.common.borrow_mut();
                if let Some(letter) = shared.ledger.read(&self.user, from, message) {
                    let mark = Mark { kind: Kind::Receipt, serial: shared.ledger.next_serial(), letter };
                    let (to, message) = (from.clone(), mark.to_bytes(0));
                    let line = Line::Relay { to, tag: mark.serial, volatile: false, message };
                    // A receipt that finds no room is lost, as one that is lost later: the letter comes again.
                    let _ = context.send(Outgoing::at_most_once(line, 32));
                }
            }
            _ => {}
        }
    }
}

/// The name under which a node is dialled. Two nodes of one name are two servers.
pub(super) fn server_name(node: usize) -> String {
    format!("node-{node}")
}
