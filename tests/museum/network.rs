//! A driver, a network and a server around a session, on the virtual clock.

use std::time::Duration;

use heartline::{Action, Input, Instant, Loss, Settings, State};

use crate::support::{Message, World};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    Fine,
    /// Takes every byte, delivers none, and reports nothing.
    Dead,
}

/// What a session meets. Dials, pings, messages and their acknowledgements take no time.
pub struct Network {
    pub world: World,
    pub link: Link,
    /// Timers fire only at the multiples of this, as in a throttled browser tab.
    pub throttle: Option<Duration>,
    /// The server sends a message this often.
    pub broadcast: Option<Duration>,
    /// The server closes a client that has sent nothing for so long.
    pub patience: Option<Duration>,
    /// What reached the server.
    pub arrived: Vec<Message>,
    /// When the server last heard and last sent something.
    heard: Instant,
    spoke: Instant,
}

/// What happens next in a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Broadcast,
    Impatience,
    Timer,
}

impl Network {
    pub fn connected(settings: Settings) -> Self {
        let mut network = Self {
            world: World::new(settings),
            link: Link::Fine,
            throttle: None,
            broadcast: None,
            patience: None,
            arrived: Vec::new(),
            heard: Instant::ORIGIN,
            spoke: Instant::ORIGIN,
        };
        network.input(Input::Connect);
        network
    }

    /// One input, and everything that follows from it at once.
    pub fn input(&mut self, input: Input<Message>) {
        for action in self.world.input(input) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action<Message>) {
        match (action, self.link) {
            (Action::Connect { conn, .. }, Link::Fine) => {
                (self.heard, self.spoke) = (self.world.now, self.world.now);
                self.input(Input::Opened { conn });
            }
            (Action::Ping { conn }, Link::Fine) => {
                self.heard = self.world.now;
                self.input(Input::Pong { conn });
            }
            (Action::Close { conn, code }, Link::Fine) => {
                self.input(Input::Closed { conn, closed: Loss::Close(code.get()).into() });
            }
            _ => {}
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, by: Duration) {
        let until = self.world.now.saturating_add(by);
        for steps in 0.. {
            assert!(steps < 100_000, "the session does not let time pass");
            self.write();
            let Some((at, next)) = self.next().filter(|(at, _)| *at <= until) else { break };
            self.world.now = self.world.now.max(at);
            self.happen(next);
        }
        self.world.now = until;
    }

    fn next(&self) -> Option<(Instant, Next)> {
        let open = self.link == Link::Fine && self.world.state() == State::Open;
        let broadcast =
            self.broadcast.filter(|_| open).map(|every| (self.spoke.saturating_add(every), Next::Broadcast));
        let patience = self.patience.filter(|_| open).map(|most| (self.heard.saturating_add(most), Next::Impatience));
        let timer = self.world.session.deadline().map(|due| (self.throttled(due), Next::Timer));
        [broadcast, patience, timer].into_iter().flatten().min()
    }

    fn throttled(&self, due: Instant) -> Instant {
        let Some(grid) = self.throttle else { return due };
        let grid = u64::try_from(grid.as_nanos()).expect("a short time");
        Instant::from_nanos(due.max(self.world.now).as_nanos().next_multiple_of(grid))
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Broadcast => {
                self.spoke = self.world.now;
                self.world.message("news");
            }
            Next::Impatience => {
                self.world.lose(Loss::Close(1001));
            }
            Next::Timer => self.input(Input::Timer),
        }
    }

    /// The socket has room for everything; a server that gets it acknowledges it.
    fn write(&mut self) {
        while let Some(transmit) = self.world.transmit() {
            if self.link == Link::Fine {
                self.heard = self.world.now;
                self.arrived.push(transmit.message);
                // Ignored for a message that expects none.
                self.input(Input::Acked { id: transmit.id });
            }
        }
    }
}
