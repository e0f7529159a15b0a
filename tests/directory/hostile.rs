//! One directory with arbitrary inputs, packets of dishonest nodes included, and what has to hold all the same.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{
    Action, Config, Departure, Destination, Directory, Event, Input, Node, Outcome, Query, RelayRef, RoomHash,
    Settings, UnixTime, User,
};
use heartline::hub::Room;

use crate::packets::{Body, Sender, decode, encode};
use crate::plan::{Plan, WALL, body, conn, mutated, user};

const MILLI: Duration = Duration::from_millis(1);

pub struct Watched {
    directory: Directory,
    /// Is told the same.
    twin: Directory,
    settings: Settings,
    now: Timestamp,
    /// The latest that it was told.
    latest: Timestamp,
    wall: u64,
    /// As its packets say it is.
    own: Sender,
    /// What it published.
    packets: Vec<Vec<u8>>,
    conns: u64,
    /// Nobody takes its name, if not 0.
    calm: usize,
    /// Who is logged in here: connections by user.
    users: BTreeMap<User, u64>,
    closed: BTreeSet<u64>,
    /// Who was told to be online.
    told: BTreeSet<User>,
    tags: u64,
    /// Relays and questions without an outcome.
    pending: BTreeSet<u64>,
    /// Those that need not have one: that of the step was not pulled, or the directory stopped.
    waived: BTreeSet<u64>,
    questions: BTreeSet<u64>,
    deliveries: Vec<RelayRef>,
    queries: Vec<Query>,
    subscribed: HashSet<Destination>,
    unconfirmed: HashSet<Destination>,
    /// The rooms whose subscriptions are in doubt since the node subscribed again to its own packets.
    doubted: HashSet<Destination>,
    /// The highest time of a stamp heard or made.
    highest: u64,
    log: Vec<Action>,
}

/// Does what the bytes say, and watches.
pub fn run(bytes: &[u8]) {
    let mut watched = Watched::new(settings());
    let mut plan = Plan(bytes);
    if plan.byte() >= 64 {
        watched.calm();
    }
    while !plan.0.is_empty() {
        watched.step(&mut plan);
    }
    watched.finish();
}

pub fn settings() -> Settings {
    let batch_bytes = 1024;
    Settings {
        max_nodes: 2,
        max_claims: 3,
        max_relays: 3,
        relay_bytes: 100,
        batch_bytes,
        max_payload: 66_560,
        ..Settings::default()
    }
}

impl Watched {
    pub fn new(settings: Settings) -> Self {
        let config = Config::new(settings.clone()).unwrap();
        let (now, wall) = (Timestamp::after(100 * MILLI), UnixTime::from_millis(WALL));
        let directory = Directory::new(config, Node::new("self").unwrap(), now, wall, 7);
        Self {
            twin: directory.clone(),
            directory,
            settings,
            now,
            latest: now,
            wall: WALL,
            own: Sender { node: "self".into(), epoch: WALL, incarnation: 7 },
            packets: Vec::new(),
            conns: 0,
            calm: 0,
            users: BTreeMap::new(),
            closed: BTreeSet::new(),
            told: BTreeSet::new(),
            tags: 0,
            pending: BTreeSet::new(),
            waived: BTreeSet::new(),
            questions: BTreeSet::new(),
            deliveries: Vec::new(),
            queries: Vec::new(),
            subscribed: HashSet::new(),
            unconfirmed: HashSet::new(),
            doubted: HashSet::new(),
            highest: 0,
            log: Vec::new(),
        }
    }

    // ---- what happens --------------------------------------------------------------------------

    /// Nobody takes its name.
    pub fn calm(&mut self) {
        self.calm = 2;
    }

    /// One thing that happens.
    pub fn step(&mut self, plan: &mut Plan<'_>) {
        let pulled = match plan.below(8) {
            0 => plan.below(3),
            _ => usize::MAX,
        };
        self.time_passes(plan);
        let input = self.input(plan);
        self.feed(input, pulled);
    }

    fn time_passes(&mut self, plan: &mut Plan<'_>) {
        let by = [0, 0, 0, 1, 20, 50, 200, 1000, 2000, 4000, 5000, 3_600_000];
        match plan.below(16) {
            0..12 => self.now = self.now.saturating_add(MILLI * plan.one(&by)),
            12 => self.now = Timestamp::from_nanos(self.now.as_nanos().saturating_sub(u64::from(plan.byte()) << 28)),
            13 => self.wall = plan.one(&[0, WALL - 5000, WALL, WALL + 5000, WALL + 60_000, u64::MAX]),
            14 if plan.byte() == 255 => self.now = Timestamp::from_nanos(u64::MAX - (u64::from(plan.byte()) << 26)),
            _ => self.now = self.directory.deadline().unwrap_or(self.now),
        }
    }

    fn input(&mut self, plan: &mut Plan<'_>) -> Input {
        match plan.below(32) {
            0..8 => Input::Timer,
            8..11 => self.login(plan),
            11 => self.end(plan),
            12..14 => self.relay(plan),
            14 => {
                let outcome = plan.one(&[Outcome::Routed, Outcome::Offline, Outcome::Full, Outcome::Unknown]);
                match plan.below(self.deliveries.len() + 1) {
                    0 => Input::Timer,
                    nth => Input::Delivered { relay: self.deliveries.remove(nth - 1), outcome },
                }
            }
            15 => Input::Broadcast {
                from: plan.one(&[None, Some(User::from("x"))]),
                room: plan.one(&[None, Some(Room::from("r"))]),
                except: plan.some(2, user),
                message: plan.some(20, Plan::byte),
                volatile: true,
            },
            16 => self.enter_or_leave(plan),
            17 => {
                self.tags += 1;

                Input::AskMembers { room: Room::from("r"), limit: plan.one(&[0, 1, u32::MAX]), tag: self.tags }
            }
            18 => match plan.below(self.queries.len() + 1) {
                0 => Input::Interrupted,
                nth => {
                    let users = plan.some(3, user);
                    Input::MembersHere { query: self.queries.remove(nth - 1), users, total: 3 }
                }
            },
            19 if plan.byte() == 255 => Input::Leave,
            20..24 => match plan.below(self.packets.len() + 1) {
                0 => Input::Timer,
                nth => Input::Received { payload: mutated(self.packets[nth - 1].clone(), plan) },
            },
            _ => self.packet(plan),
        }
    }

    fn login(&mut self, plan: &mut Plan<'_>) -> Input {
        self.conns += 1;
        Input::Login { conn: conn(self.conns), user: user(plan) }
    }

    fn end(&mut self, plan: &mut Plan<'_>) -> Input {
        let user = user(plan);
        let raw = match (plan.below(4), self.users.get(&user)) {
            (1.., Some(raw)) => *raw,
            _ => 1 + plan.below(self.conns as usize + 1) as u64,
        };
        Input::Ended {
            conn: conn(raw),
            user,
            departure: plan.one(&[Departure::Lost, Departure::LoggedOut, Departure::SentAway]),
        }
    }

    fn relay(&mut self, plan: &mut Plan<'_>) -> Input {
        self.tags += 1;

        let message = vec![0; plan.one(&[0, 1, 40, 99, 100, 70_000])];
        let from = plan.one(&["x", "y"]).into();
        Input::Relay { conn: conn(1), from, to: user(plan), message, volatile: false, tag: self.tags }
    }

    fn enter_or_leave(&mut self, plan: &mut Plan<'_>) -> Input {
        let name = plan.one(&[&b"r"[..], b"s", b"", &[7; 255]]);
        let room = Room::from(name);
        match plan.below(3) {
            0 => Input::LeaveRoom { room },
            _ => Input::EnterRoom { room },
        }
    }

    fn packet(&mut self, plan: &mut Plan<'_>) -> Input {
        let epochs = [0, 1, self.own.epoch, self.own.epoch.saturating_add(1), u64::MAX];
        let own = self.own.clone();
        let sender = match plan.below(8).max(self.calm) {
            0 => own.clone(),
            1 => Sender { epoch: plan.one(&epochs), incarnation: plan.one(&[0, 7, u64::MAX]), ..own },
            _ => Sender {
                node: plan.one(&["a", "b", "c"]).into(),
                epoch: plan.one(&[1, 1, 1, 1, 1, 1, 0, 2]),
                incarnation: 0,
            },
        };
        let body = match body(plan, &epochs) {
            Body::Known { .. } if self.calm > 0 => Body::Compare { digests: vec![0; 256] },
            body => body,
        };
        Input::Received { payload: encode(&sender, &body) }
    }

    // ---- what has to hold ----------------------------------------------------------------------

    pub fn feed(&mut self, input: Input, pulled: usize) {
        let (before, was_stopped) = (self.directory.stats(), self.directory.is_stopped());
        self.latest = self.latest.max(self.now);
        self.note(&input, was_stopped);
        let actions = self.both(&input, pulled);
        let lost = self.directory.stats().undelivered - before.undelivered;
        match &input {
            Input::Relay { tag, .. } | Input::AskMembers { tag, .. } if lost > 0 => drop(self.waived.insert(*tag)),
            Input::Login { user, .. } if !was_stopped => self.check_stamp(user),
            _ => {}
        }
        if was_stopped {
            let mut expected = before;
            expected.stale += 1;
            expected.undelivered += lost;
            expected.offline += u64::from(matches!(input, Input::Relay { .. }));
            assert_eq!(self.directory.stats(), expected, "{input:?}");
        }
        let known = self.directory.online().map(|(_, stamp)| stamp.time).max();
        self.highest = self.highest.max(known.unwrap_or(0));
        let is_all = actions.len() < pulled;
        actions.into_iter().for_each(|action| self.act(action));
        self.check_time(input == Input::Timer, is_all);
        if is_all {
            self.check_opinions();
        }
    }

    /// The same calls lead to the same.
    fn both(&mut self, input: &Input, pulled: usize) -> Vec<Action> {
        let wall = UnixTime::from_millis(self.wall);
        let [one, other] = [&mut self.directory, &mut self.twin].map(|directory| {
            let actions: Vec<_> = directory.handle(self.now, wall, input.clone()).take(pulled.min(10_000)).collect();
            assert!(actions.len() < 10_000, "it never ends");
            (actions, directory.stats(), directory.deadline())
        });
        assert_eq!(one, other);
        one.0
    }

    /// What the input means for what is expected.
    fn note(&mut self, input: &Input, was_stopped: bool) {
        match input {
            Input::Relay { tag, .. } => drop(self.pending.insert(*tag)),
            Input::AskMembers { tag, .. } => {
                self.pending.insert(*tag);
                self.questions.insert(*tag);
            }
            _ if was_stopped => {}
            Input::Login { conn, user } => drop(self.users.insert(user.clone(), conn.as_raw())),
            Input::Ended { conn, user, .. } if self.users.get(user) == Some(&conn.as_raw()) => {
                self.users.remove(user);
            }
            _ => {}
        }
    }

    fn check_stamp(&mut self, user: &User) {
        if let Some(stamp) = self.directory.stamp_of(user) {
            let own = stamp.node == *self.directory.node();
            assert!(!own || stamp.time > self.highest || stamp.time == u64::MAX, "{stamp} after {}", self.highest);
            assert!(own || stamp.time == u64::MAX, "a login that is not the highest: {stamp}");
            assert!(!own || stamp.millis() >= self.wall.min(u64::MAX >> 16));
            self.highest = self.highest.max(stamp.time);
        }
    }

    fn subscribes(&mut self, to: Destination) {
        if !matches!(to, Destination::Room(_)) {
            assert!(self.directory.is_cut_off(), "again, though it hears itself");
            self.doubted.clone_from(&self.subscribed);
            return;
        }
        let is_first = self.subscribed.insert(to.clone());
        // At the end of time no room is waited for.
        let waits = self.latest.saturating_add(self.settings.relay_timeout) < Timestamp::MAX;
        let may_be_lost = self.doubted.remove(&to) || self.unconfirmed.contains(&to) || !waits;
        assert!(is_first || may_be_lost, "again, though it was confirmed");
        if self.directory.is_cut_off() {
            self.doubted.insert(to);
        }
    }

    fn act(&mut self, action: Action) {
        self.log.push(action.clone());
        match action {
            Action::Publish { to, payload } => {
                assert!(payload.len() <= self.settings.max_payload as usize);
                let (sender, _) = decode(&payload);
                assert_eq!(sender.node, "self");
                assert!((sender.epoch, sender.incarnation) >= (self.own.epoch, self.own.incarnation));
                self.own = sender;
                assert!(to != Destination::Node(self.directory.node().clone()), "a packet to itself");
                self.packets.push(payload);
                if self.packets.len() > 16 {
                    self.packets.remove(0);
                }
            }
            Action::Subscribe { to } => self.subscribes(to),
            Action::Unsubscribe { to } => assert!(self.subscribed.remove(&to)),
            Action::Entered { room, confirmed: false } => {
                self.unconfirmed.insert(Destination::Room(RoomHash::of(&room)));
            }
            Action::Entered { room, .. } => _ = self.unconfirmed.remove(&Destination::Room(RoomHash::of(&room))),
            Action::Close { conn, .. } => {
                assert!(self.closed.insert(conn.as_raw()), "{conn:?} closed twice");
                self.users.retain(|_, raw| *raw != conn.as_raw());
            }
            Action::Deliver { relay, .. } => self.deliveries.push(relay),
            Action::Outcome { tag, outcome, message, .. } => {
                assert!(self.pending.remove(&tag), "a second outcome");
                assert_eq!(message.is_none(), outcome == Outcome::Routed);
            }
            Action::Members { tag, nodes, unanswered } => {
                assert!(self.pending.remove(&tag), "a second answer");
                assert!(nodes.is_sorted_by(|a, b| a.node < b.node) && unanswered.is_sorted_by(|a, b| a < b));
            }
            Action::ListMembers { query, limit, .. } => {
                assert!(limit <= 1000);
                self.queries.push(query);
            }
            Action::Event(Event::Online(user)) => assert!(self.told.insert(user), "online twice"),
            Action::Event(Event::Offline(user)) => assert!(self.told.remove(&user), "offline twice"),
            _ => {}
        }
    }

    fn check_time(&self, is_timer: bool, is_all: bool) {
        let deadline = self.directory.deadline();
        if self.directory.is_stopped() {
            assert!(!is_all || deadline.is_none());
        } else if is_all {
            let within = self.latest.saturating_add(self.settings.hello);
            assert!(deadline.is_some_and(|at| at <= within) || within == Timestamp::MAX, "{deadline:?}, {within:?}");
            assert!(!is_timer || deadline.is_none_or(|at| at > self.latest), "{deadline:?} at {:?}", self.latest);
        }
    }

    fn check_opinions(&self) {
        let online: Vec<_> = self.directory.online().collect();
        assert!(online.is_sorted_by(|(one, _), (other, _)| one < other));
        let present = self.directory.present();
        assert_eq!(present.len(), self.told.len());
        assert!(present.eq(&self.told), "who was told to be online is present");
        let nodes: Vec<_> = self.directory.nodes().collect();
        assert!(nodes.is_sorted_by(|one, other| one.node < other.node));
        assert!(nodes.len() <= self.settings.max_nodes as usize);
        assert!(nodes.iter().all(|node| node.users <= u64::from(self.settings.max_claims)));
        // Claims of nodes that are gone go with the next timers.
        if self.directory.is_stopped() || self.directory.deadline().is_some_and(|at| at <= self.latest) {
            return;
        }
        for (user, stamp) in &online {
            let is_own = stamp.node == *self.directory.node();
            assert!(is_own || nodes.iter().any(|node| *node.node == stamp.node), "{user} on a node not heard");
            assert!(!is_own || self.users.contains_key(*user), "{user} is not here");
            assert!(self.told.contains(*user), "{user} was not told");
        }
        for user in self.users.keys().filter(|user| (1..=255).contains(&user.as_bytes().len())) {
            assert_eq!(self.directory.node_of(user), Some(self.directory.node()), "{user:?}");
        }
    }

    /// Everything comes to its end, however it began.
    pub fn finish(mut self) -> Vec<Action> {
        self.feed(Input::Timer, usize::MAX);
        let graces = self.settings.offline_grace.max(self.settings.sent_away_grace);
        let waits = [self.settings.relay_timeout, graces, self.settings.lease];
        let end = self.latest.saturating_add(2 * waits.into_iter().max().unwrap());
        while let Some(at) = self.directory.deadline().filter(|at| *at < end) {
            assert!(at > self.now.min(self.latest), "time stands still");
            self.now = at;
            self.feed(Input::Timer, usize::MAX);
        }
        if end < Timestamp::MAX {
            if self.directory.is_stopped() {
                self.waived.append(&mut self.questions);
            }
            assert!(self.pending.is_subset(&self.waived), "no outcome: {:?}", self.pending);
            if !self.directory.is_stopped() {
                let online: BTreeSet<_> = self.directory.online().map(|(user, _)| user.clone()).collect();
                assert_eq!(online, self.told);
                assert_eq!(self.directory.nodes().count(), 0);
            }
        }
        self.log
    }
}
