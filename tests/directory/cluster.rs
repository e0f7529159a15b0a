//! Several directories and a broker that loses nothing unless told to.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use heartline::directory::{
    Action, Config, Departure, Destination, Directory, Event, Input, Node, Outcome, Settings, UnixTime, User,
};
use heartline::{CloseCode, Timestamp};

pub use crate::plan::conn;

pub const SECOND: Duration = Duration::from_secs(1);
const WALL: u64 = 1_700_000_000_000;

/// What a node was asked to do, but for packets, which are carried.
pub type Done = Vec<Action>;

pub struct Cluster {
    pub now: Timestamp,
    pub nodes: Vec<Option<Directory>>,
    /// The actions of each node that are not carried out here.
    pub done: Vec<Done>,
    /// Packets under way, by receiver.
    queues: Vec<VecDeque<Vec<u8>>>,
    /// (sender, receiver): packets are lost.
    pub cut: BTreeSet<(usize, usize)>,
    /// How many milliseconds each node's wall clock is ahead.
    pub skew: Vec<i64>,
    /// Who is subscribed to what.
    pub subscriptions: HashSet<(usize, Destination)>,
    /// Whether the broker refuses further subscriptions to rooms.
    pub refuses: bool,
    settings: Settings,
    lives: u64,
}

pub fn name(nth: usize) -> Node {
    Node::new(&format!("n{nth}")).unwrap()
}

impl Cluster {
    pub fn new(nodes: usize) -> Self {
        Self::with(nodes, Settings::default())
    }

    pub fn with(nodes: usize, settings: Settings) -> Self {
        let mut cluster = Self {
            now: Timestamp::ORIGIN,
            nodes: Vec::new(),
            done: Vec::new(),
            queues: Vec::new(),
            cut: BTreeSet::new(),
            skew: Vec::new(),
            subscriptions: HashSet::new(),
            refuses: false,
            settings,
            lives: 0,
        };
        for nth in 0..nodes {
            cluster.nodes.push(None);
            cluster.done.push(Vec::new());
            cluster.queues.push(VecDeque::new());
            cluster.skew.push(0);
            cluster.start(nth);
        }
        cluster.run(3 * SECOND);
        cluster.forget();
        cluster
    }

    pub fn start(&mut self, nth: usize) {
        self.start_as(nth, name(nth));
    }

    pub fn start_as(&mut self, nth: usize, node: Node) {
        self.lives += 1;
        let config = Config::new(self.settings.clone()).unwrap();
        self.subscriptions.retain(|(of, _)| *of != nth);
        self.subscriptions.extend([Destination::All, Destination::Node(node.clone())].map(|to| (nth, to)));
        self.nodes[nth] = Some(Directory::new(config, node, self.now, self.wall(nth), self.lives));
    }

    pub fn crash(&mut self, nth: usize) {
        self.nodes[nth] = None;
        self.queues[nth].clear();
    }

    /// The packets that wait for a node are lost.
    pub fn drop_queue(&mut self, nth: usize) {
        self.queues[nth].clear();
    }

    /// The packet of the next hello of a node, which it alone has not heard.
    pub fn hello_of(&mut self, nth: usize) -> Vec<u8> {
        self.cut.insert((nth, nth));
        let mut due = None;
        while due.is_none() {
            let (now, wall) = (self.now, self.wall(nth));
            let node = self.nodes[nth].as_mut().expect("it runs");
            due = node.handle(now, wall, Input::Timer).find_map(|action| match action {
                Action::Publish { to: Destination::All, payload } => Some(payload),
                _ => None,
            });
            self.now = self.now.saturating_add(SECOND / 10);
        }
        due.expect("a hello")
    }

    pub fn forget(&mut self) {
        self.done.iter_mut().for_each(|done| *done = Vec::new());
    }

    pub fn wall(&self, nth: usize) -> UnixTime {
        let millis = WALL + self.now.since_origin().as_millis() as u64;
        UnixTime::from_millis(millis.saturating_add_signed(self.skew[nth]))
    }

    pub fn node(&self, nth: usize) -> &Directory {
        self.nodes[nth].as_ref().expect("it runs")
    }

    /// One input, without carrying the packets that follow from it.
    pub fn feed(&mut self, nth: usize, input: Input) {
        let (now, wall) = (self.now, self.wall(nth));
        let Some(node) = self.nodes[nth].as_mut() else { return };
        let actions: Vec<_> = node.handle(now, wall, input).collect();
        for action in actions {
            self.carry_out(nth, action);
        }
    }

    fn carry_out(&mut self, nth: usize, action: Action) {
        match action {
            Action::Publish { to, payload } => {
                assert!(payload.len() <= self.settings.max_payload as usize);
                for receiver in 0..self.nodes.len() {
                    let runs = self.nodes[receiver].is_some();
                    if runs
                        && self.subscriptions.contains(&(receiver, to.clone()))
                        && !self.cut.contains(&(nth, receiver))
                    {
                        self.queues[receiver].push_back(payload.clone());
                    }
                }
            }
            Action::Subscribe { to } => {
                if !self.refuses || !matches!(to, Destination::Room(_)) {
                    self.subscriptions.insert((nth, to));
                }
            }
            Action::Unsubscribe { to } => _ = self.subscriptions.remove(&(nth, to)),
            other => self.done[nth].push(other),
        }
    }

    pub fn settle(&mut self) {
        while let Some(nth) = (0..self.nodes.len()).find(|nth| !self.queues[*nth].is_empty()) {
            let payload = self.queues[nth].pop_front().unwrap();
            self.feed(nth, Input::Received { payload });
        }
    }

    pub fn act(&mut self, nth: usize, input: Input) {
        self.feed(nth, input);
        self.settle();
    }

    pub fn run(&mut self, time: Duration) {
        self.run_but(time, &[]);
    }

    /// As `run`, but these nodes are suspended, and packets for them wait.
    pub fn run_but(&mut self, time: Duration, suspended: &[usize]) {
        let end = self.now.saturating_add(time);
        loop {
            let awake = (0..self.nodes.len()).filter(|nth| !suspended.contains(nth));
            let due = awake.filter_map(|nth| Some((self.nodes[nth].as_ref()?.deadline()?, nth))).min();
            let Some((at, nth)) = due.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.feed(nth, Input::Timer);
            for nth in (0..self.nodes.len()).filter(|nth| !suspended.contains(nth)) {
                for payload in std::mem::take(&mut self.queues[nth]) {
                    self.feed(nth, Input::Received { payload });
                }
            }
        }
        self.now = end;
    }

    pub fn login(&mut self, nth: usize, raw: u64, user: &str) {
        self.act(nth, Input::Login { conn: conn(raw), user: user.into() });
    }

    pub fn log_out(&mut self, nth: usize, raw: u64, user: &str) {
        self.act(nth, Input::Ended { conn: conn(raw), user: user.into(), departure: Departure::LoggedOut });
    }

    pub fn relay(&mut self, nth: usize, from: &str, to: &str, message: &[u8]) {
        let message = message.to_vec();
        let (from, to) = (from.into(), to.into());
        self.act(nth, Input::Relay { conn: conn(1), from, to, message, volatile: false, tag: 7 });
    }

    // ---- what came of it -------------------------------------------------------------------

    /// Where each node believes a user to be.
    pub fn opinions(&self, user: &str) -> Vec<Option<String>> {
        let nodes = self.nodes.iter().flatten();
        nodes.map(|node| node.node_of(&User::from(user)).map(|node| node.as_str().to_string())).collect()
    }

    /// Where all nodes believe a user to be; fails if they disagree.
    pub fn opinion(&self, user: &str) -> Option<String> {
        let opinions = self.opinions(user);
        assert!(opinions.windows(2).all(|pair| pair[0] == pair[1]), "{user}: {opinions:?}");
        opinions[0].clone()
    }

    pub fn closes(&self, nth: usize) -> BTreeMap<u64, CloseCode> {
        let closes = self.done[nth].iter().filter_map(|action| match action {
            Action::Close { conn, code } => Some((conn.as_raw(), *code)),
            _ => None,
        });
        closes.collect()
    }

    pub fn events(&self, nth: usize) -> Vec<Event> {
        let events = self.done[nth].iter().filter_map(|action| match action {
            Action::Event(event) => Some(event.clone()),
            _ => None,
        });
        events.collect()
    }

    pub fn outcomes(&self, nth: usize) -> Vec<(Outcome, bool)> {
        let outcomes = self.done[nth].iter().filter_map(|action| match action {
            Action::Outcome { outcome, message, .. } => Some((*outcome, message.is_some())),
            _ => None,
        });
        outcomes.collect()
    }
}
