//! Clients and a hub between which everything takes no time, on one clock.

use std::collections::VecDeque;
use std::time::Duration;

use heartline::hub::{self, Hub};
use heartline::{Action, ConnId, Input, Instant, Loss, Session};

use crate::desk::{Name, REQUEST};

pub struct Client {
    pub session: Session<Name>,
    pub user: Name,
    /// Its connection as the client names it, and as the hub does.
    link: Option<(ConnId, ConnId)>,
    pub dials: u32,
}

/// What is under way.
enum Moving {
    ToClient(usize, Input<Name>),
    ToHub(hub::Input<Name, Name>),
}

pub struct Network {
    pub hub: Hub<Name, Name>,
    pub clients: Vec<Client>,
    pub now: Instant,
    moving: VecDeque<Moving>,
}

impl Network {
    pub fn new(settings: hub::Settings) -> Self {
        let hub = Hub::new(hub::Config::new(settings).expect("a valid config"), 7);
        Self { hub, clients: Vec::new(), now: Instant::ORIGIN, moving: VecDeque::new() }
    }

    /// A client with the default config, which logs in as `user` on every connection.
    pub fn join(&mut self, user: Name) -> usize {
        let nth = self.clients.len();
        let session = Session::new(heartline::Config::default(), nth as u64);
        self.clients.push(Client { session, user, link: None, dials: 0 });
        self.moving.push_back(Moving::ToClient(nth, Input::Connect));
        self.settle();
        nth
    }

    pub fn run(&mut self, by: Duration) {
        let until = self.now.saturating_add(by);
        loop {
            let clients = self.clients.iter().filter_map(|client| client.session.deadline());
            let Some(due) = clients.chain(self.hub.deadline()).min().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            self.moving.extend((0..self.clients.len()).map(|nth| Moving::ToClient(nth, Input::Timer)));
            self.moving.push_back(Moving::ToHub(hub::Input::Timer));
            self.settle();
        }
        self.now = until;
    }

    fn settle(&mut self) {
        while let Some(moving) = self.moving.pop_front() {
            match moving {
                Moving::ToClient(nth, input) => {
                    let actions: Vec<_> = self.clients[nth].session.handle(self.now, input).collect();
                    actions.into_iter().for_each(|action| self.of_client(nth, action));
                }
                Moving::ToHub(input) => {
                    let actions: Vec<_> = self.hub.handle(self.now, input).collect();
                    actions.into_iter().for_each(|action| self.of_hub(&action));
                }
            }
        }
    }

    fn of_client(&mut self, nth: usize, action: Action<Name>) {
        let client = &mut self.clients[nth];
        match (action, client.link) {
            (Action::Connect { conn, .. }, _) => {
                client.dials += 1;
                match self.hub.admit(self.now, &REQUEST) {
                    Ok(admitted) => {
                        client.link = Some((conn, admitted.conn));
                        let login = hub::Input::Login { conn: admitted.conn, user: client.user };
                        self.moving.push_back(Moving::ToClient(nth, Input::Opened { conn }));
                        self.moving.push_back(Moving::ToHub(login));
                    }
                    Err(denied) => {
                        let closed = Loss::Status(denied.status()).into();
                        self.moving.push_back(Moving::ToClient(nth, Input::Closed { conn, closed }));
                    }
                }
            }
            (Action::Ping { .. }, Some((_, conn))) => self.moving.push_back(Moving::ToHub(hub::Input::Ping { conn })),
            (Action::Close { .. } | Action::Abort { .. }, Some((_, conn))) => {
                client.link = None;
                self.moving.push_back(Moving::ToHub(hub::Input::Closed { conn }));
            }
            _ => {}
        }
    }

    fn of_hub(&mut self, action: &hub::Action<Name, Name>) {
        let link = |nth: &usize| self.clients[*nth].link.map(|(_, conn)| conn);
        let find = |conn| (0..self.clients.len()).find(|nth| link(nth) == Some(conn));
        match *action {
            hub::Action::Pong { conn } => {
                let Some(nth) = find(conn) else { return };
                let Some((conn, _)) = self.clients[nth].link else { return };
                self.moving.push_back(Moving::ToClient(nth, Input::Pong { conn }));
            }
            hub::Action::Ping { conn } => self.moving.push_back(Moving::ToHub(hub::Input::Alive { conn })),
            hub::Action::Close { conn, code, .. } => {
                let Some(nth) = find(conn) else { return };
                let Some((own, _)) = self.clients[nth].link.take() else { return };
                let closed = Loss::Close(code.get()).into();
                self.moving.push_back(Moving::ToClient(nth, Input::Closed { conn: own, closed }));
                self.moving.push_back(Moving::ToHub(hub::Input::Closed { conn }));
            }
            _ => {}
        }
    }
}
