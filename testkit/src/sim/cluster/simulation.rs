//! The simulated cluster: building it, looking at it, what users do, and how time passes. What happens to nodes and brokers is in `faults`.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use heartline::directory::{self, Departure, Directory, User};
use heartline::hub::{self, Room};
use heartline::{Outgoing, State, Timestamp};

use super::brokers::Brokers;
use super::client::{Client, Home, server_name};
use super::ledger::{Letter, Tally, Violation};
use super::line::Line;
use super::mark::{Kind, Mark};
use super::node::Node;
use super::settings::Settings;
use super::shared::{Common, Shared};
use super::site::{Site, Wall};
use crate::sim::{Happening, HostId, Peer, Random, Sim, Wire};

/// How often the cluster is checked.
const LOOK: Duration = Duration::from_millis(250);
/// After this time without an acknowledgement a letter is sent again.
const REPEAT: Duration = Duration::from_secs(3);

pub(super) struct Seat {
    pub(super) host: HostId,
    pub(super) user: User,
    pub(super) home: Rc<RefCell<Home>>,
}

/// A simulated cluster. Brokers, nodes and sessions are numbered from 0 in the order in which they were made.
///
/// What must always hold is checked all the time: see [`violation`](Self::violation). What must hold after the calm is checked by
/// [`calm`](Self::calm).
pub struct Cluster {
    pub(super) settings: Settings,
    pub(super) sim: Sim<Line>,
    pub(super) common: Common,
    pub(super) sites: Vec<Rc<RefCell<Site>>>,
    pub(super) seats: Vec<Seat>,
    /// When a fault last began or ended.
    pub(super) disturbed: Timestamp,
}

struct At(Rc<RefCell<Site>>);

impl Peer<Line> for At {
    fn on(&mut self, wire: &mut Wire<'_, Line>, happening: Happening<Line>) {
        self.0.borrow_mut().on(wire, happening);
    }
}

/// Building a cluster.
impl Cluster {
    /// A cluster without nodes. The seed decides everything that is random.
    pub fn new(seed: u64, settings: Settings) -> Self {
        let mut sim = Sim::new(seed);
        sim.set_delay(Duration::from_millis(1)..Duration::from_millis(5));
        let mut shared = Shared::new(settings.brokers, sim.random().fork(), settings.traced);
        shared.ledger.counts_are_dropped = settings.directory.max_relays < 1_000;
        let (sites, seats, disturbed) = (Vec::new(), Vec::new(), Timestamp::ORIGIN);
        Self { settings, sim, common: Rc::new(RefCell::new(shared)), sites, seats, disturbed }
    }

    /// A node that starts now, connected to the broker of this number, modulo how many there are. Returns its number. Two of one name are two
    /// processes of which one is to stop (D2).
    ///
    /// # Panics
    /// For a name that a node cannot have.
    pub fn node(&mut self, name: &str, broker: usize) -> usize {
        let name = directory::Node::new(name).expect("the name of a node");
        let port = self.common.borrow_mut().brokers.port(name.clone());
        let site = Rc::new(RefCell::new(Site::new(name, port, self.common.clone())));
        let server = self.sim.serve(server_name(port), At(site.clone()));
        self.common.borrow_mut().servers.push(server);
        self.sites.push(site);
        self.common.borrow_mut().brokers.connect(port, broker, self.sim.now(), false);
        self.start(port, Wall::default());
        port
    }

    /// A session of this user, which does not dial before [`go`](Self::go). Returns its number. A user may have several.
    pub fn session(&mut self, user: &str) -> usize {
        let (user, home) = (User::from(user), Rc::new(RefCell::new(Home::default())));
        let client = Client { user: user.clone(), home: home.clone(), common: self.common.clone() };
        let host = self.sim.host(self.settings.session.clone(), client);
        self.seats.push(Seat { host, user, home });
        self.seats.len() - 1
    }
}

/// Looking at a cluster.
impl Cluster {
    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.sim.now()
    }

    /// The simulation's generator of random numbers.
    pub fn random(&mut self) -> &mut Random {
        self.sim.random()
    }

    /// How many nodes there are, those included that do not run.
    pub fn nodes(&self) -> usize {
        self.sites.len()
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.seats.len()
    }

    /// The state of a session.
    pub fn state(&self, session: usize) -> State {
        self.sim[self.seats[session].host].state()
    }

    /// A node, if its process runs.
    pub fn look(&self, node: usize) -> Option<Ref<'_, Node>> {
        Ref::filter_map(self.sites[node].borrow(), |site| site.node.as_ref()).ok()
    }

    /// What `tell` returns for a node's directory; `None` if its process does not run.
    pub fn directory<T>(&self, node: usize, tell: impl FnOnce(&Directory) -> T) -> Option<T> {
        self.look(node).map(|node| tell(node.directory()))
    }

    /// The brokers, to look at them and to change their `loss` and `delay`. It counts as a fault: a calm begins after it.
    pub fn brokers(&mut self) -> RefMut<'_, Brokers> {
        self.disturbed = self.now();
        RefMut::map(self.common.borrow_mut(), |shared| &mut shared.brokers)
    }

    /// What has happened so far, in numbers.
    pub fn tally(&self) -> Tally {
        self.common.borrow().ledger.tally
    }

    /// How often the letter of this number was received, all but the first time recognised as repeats; and whether its sender has the
    /// acknowledgement.
    pub fn letter(&self, letter: usize) -> (u32, bool) {
        let shared = self.common.borrow();
        let letter = &shared.ledger.letters[letter];
        (letter.received, letter.acknowledged)
    }

    /// The first violation of the specification; `None` if there is none so far.
    pub fn violation(&self) -> Option<Violation> {
        self.common.borrow().ledger.violations.first().cloned()
    }

    /// The last lines of the [trace](Settings::traced): those about everybody, and those about this user or, with `None`, all users.
    pub fn trace(&self, user: Option<&User>, lines: usize) -> String {
        self.common.borrow().trace.about(user, lines)
    }

    /// Fails if there is a violation.
    ///
    /// # Panics
    /// With the violation and the [trace](Settings::traced) before it.
    pub fn verify(&self) {
        if let Some(violation) = self.violation() {
            panic!("{violation}\n{}", self.trace(violation.about.as_ref(), 60));
        }
    }

    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        self.common.borrow_mut().trace.note(self.now(), None, line);
    }
}

/// What users do.
impl Cluster {
    /// A session dials this node, and leaves the one it is on without a log-out. With `roams` each retry dials a random node.
    pub fn go(&mut self, session: usize, node: usize, roams: bool) {
        let seat = &self.seats[session];
        let mut home = seat.home.borrow_mut();
        (home.node, home.roams) = (node, roams);
        drop(home);
        let host = seat.host;
        match self.sim[host].state() {
            State::Idle | State::Closed => {}
            _ => self.sim.reset(host),
        }
        self.sim.connect(host);
    }

    /// The user logs out on this session.
    pub fn log_out(&mut self, session: usize) {
        self.sim.close(self.seats[session].host, Duration::from_secs(1));
    }

    /// The session's connection breaks. With `told` both ends are reset; otherwise it is dead and neither end is told.
    pub fn lose(&mut self, session: usize, told: bool) {
        let host = self.seats[session].host;
        if told { self.sim.reset(host) } else { self.sim.lose(host) }
    }

    /// Writes a letter: a message that is repeated until its recipient's acknowledgement comes. Returns its number.
    pub fn write(&mut self, from: &User, to: &User) -> usize {
        let letters = &mut self.common.borrow_mut().ledger.letters;
        let (from, to) = (from.clone(), to.clone());
        letters.push(Letter { from, to, tried: None, received: 0, acknowledged: false });
        letters.len() - 1
    }

    /// Sends a message once, with this many bytes of padding.
    pub fn say(&mut self, session: usize, to: &User, bytes: usize, volatile: bool) {
        self.transmit(session, to, Kind::Note, 0, bytes, volatile);
    }

    /// The session joins a room, now and each time that it is logged in.
    pub fn join(&mut self, session: usize, room: Room) {
        self.seats[session].home.borrow_mut().rooms.insert(room.clone());
        self.this_connection(session, Line::Join(room));
    }

    /// The session leaves a room.
    pub fn leave(&mut self, session: usize, room: Room) {
        self.seats[session].home.borrow_mut().rooms.remove(&room);
        self.this_connection(session, Line::Leave(room));
    }

    fn this_connection(&mut self, session: usize, line: Line) {
        if self.state(session) == State::Open {
            let _ = self.sim.send(self.seats[session].host, Outgoing::this_connection(line, 16));
        }
    }

    /// Publishes a message to a room. Returns its number.
    pub fn publish(&mut self, session: usize, room: Room) -> u64 {
        let serial = self.common.borrow_mut().ledger.next_serial();
        let message = Mark { kind: Kind::Note, serial, letter: 0 }.to_bytes(0);
        self.line(session, Line::Publish { room, message });
        serial
    }

    /// Sends a message from a client to its node, at most once, within 5 s.
    pub fn line(&mut self, session: usize, line: Line) {
        let outgoing = Outgoing::at_most_once(line, 32).expires_in(Duration::from_secs(5));
        // A full outbox loses it, as a network may.
        let _ = self.sim.send(self.seats[session].host, outgoing);
    }

    /// Asks a node who is in a room on the others. The answer is checked, and not returned.
    pub fn ask_members(&mut self, node: usize, room: Room, limit: u32) {
        let tag = self.common.borrow_mut().ledger.next_serial();
        let now = self.now();
        let mut site = self.sites[node].borrow_mut();
        let Some(running) = site.running().filter(|_| !site.suspended) else { return };
        let asked = running.directory().nodes().map(|status| status.node.clone()).collect();
        site.asked.insert(tag, (now, asked));
        let server = self.common.borrow().servers[node];
        site.act(&mut self.sim.wire(server), |node| node.ask_members(room, limit, tag));
    }

    /// This many other users log in on a node and leave at once, without a network between. With more than 2,048 of them the node no longer
    /// keeps its earlier changes (D7).
    pub fn churn(&mut self, node: usize, users: usize) {
        let server = self.server(node);
        let mut site = self.sites[node].borrow_mut();
        if site.suspended {
            return;
        }
        {
            let ledger = &mut self.common.borrow_mut().ledger;
            (ledger.last_change, ledger.churned) = (self.sim.now(), true);
            ledger.rush = ledger.rush.max(2 * users);
        }
        site.act(&mut self.sim.wire(server), |node| {
            for user in 0..users {
                let Ok(conn) = node.dial(&hub::Request::default()) else { return };
                node.line(conn, Line::LogIn(User::from(format!("passer-by {user}"))));
                node.closed(conn, Departure::LoggedOut);
            }
        });
    }

    fn transmit(&mut self, session: usize, to: &User, kind: Kind, letter: u64, bytes: usize, volatile: bool) {
        let serial = self.common.borrow_mut().ledger.next_serial();
        let message = Mark { kind, serial, letter }.to_bytes(bytes);
        self.line(session, Line::Relay { to: to.clone(), tag: serial, volatile, message });
    }

    /// Sends each letter that is due on a session of its sender that is open.
    fn repeat(&mut self) {
        let now = self.now();
        let due: Vec<_> = {
            let shared = self.common.borrow();
            let letters = shared.ledger.letters.iter().enumerate();
            let waits = |letter: &Letter| letter.tried.is_none_or(|tried| now.saturating_since(tried) >= REPEAT);
            let due = letters.filter(|(_, letter)| !letter.acknowledged && waits(letter));
            due.map(|(nth, letter)| (nth, letter.from.clone(), letter.to.clone())).collect()
        };
        for (nth, from, to) in due {
            let is_open = |seat: &Seat| seat.user == from && self.sim[seat.host].state() == State::Open;
            if let Some(session) = self.seats.iter().position(is_open) {
                // Senders that all repeat at once would find the same directories full again.
                let spread = self.sim.random().duration(Duration::ZERO..REPEAT);
                self.common.borrow_mut().ledger.letters[nth].tried = Some(now.saturating_add(spread));
                self.transmit(session, &to, Kind::Letter, nth as u64, 0, false);
            }
        }
    }
}

/// How time passes.
impl Cluster {
    /// Lets this much time pass, or less if there is a violation.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now().saturating_add(time);
        while self.now() < until && self.violation().is_none() {
            let left = until.saturating_since(self.now());
            self.sim.run_for(left.min(LOOK));
            self.common.borrow_mut().ledger.now = self.now();
            self.inspect();
            self.repeat();
        }
    }

    /// Lets time pass until `reached` is true, which is looked at every 250 ms.
    ///
    /// # Panics
    /// If it is not true within this time, or if there is a violation.
    pub fn run_until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool, within: Duration) {
        let until = self.now().saturating_add(within);
        while !reached(self) {
            self.verify();
            assert!(self.now() < until, "waited {within:?} in vain: {what}\n{}", self.trace(None, 60));
            self.run_for(LOOK);
        }
        self.verify();
    }
}
