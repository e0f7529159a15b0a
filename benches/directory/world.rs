//! Nodes and a broker on one simulated clock, which a step advances by the time that it took for real: each node has a processor of
//! its own. What comes while it is busy waits.

use std::collections::VecDeque;
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Action, Config, Destination, Directory, Event, Input, Node, Settings, UnixTime};

use crate::report::{Watch, conn, node, user};
use crate::traffic::Traffic;

/// From publishing to receiving.
const DELAY: Duration = Duration::from_millis(1);
const WALL: u64 = 1_700_000_000_000;

/// One node.
pub struct Place {
    pub directory: Directory,
    /// When each is there to be taken.
    inputs: VecDeque<(Timestamp, Input)>,
    free: Timestamp,
    deadline: Option<Timestamp>,
    /// How many of its users have logged in and not out.
    own: u64,
    pub work: Work,
}

/// What a node has done.
#[derive(Clone, Copy, Default, Debug)]
pub struct Work {
    pub cpu: Duration,
    pub steps: u64,
    /// The longest call of `handle`, and the longest step: the same with all of its actions and the next deadline.
    pub longest_call: Duration,
    pub longest_step: Duration,
    /// The most actions of a step.
    pub most_actions: usize,
    pub online: u64,
    pub offline: u64,
}

impl Place {
    /// When it does something next.
    fn next(&self) -> Option<Timestamp> {
        let input = self.inputs.front().map(|(at, _)| *at);
        [input, self.deadline].into_iter().flatten().min().map(|at| at.max(self.free))
    }

    /// Whether it knows so many users, and so many other nodes with all that they said, and has none of theirs to forget.
    pub fn knows(&self, users: u32, nodes: usize) -> bool {
        let claims: u64 = self.directory.nodes().map(|node| node.users).sum();
        self.directory.online().len() == users as usize
            && claims + self.own == u64::from(users)
            && self.directory.nodes().count() == nodes
            && self.directory.nodes().all(|node| node.in_step)
    }

    /// Gives the room of queues back, which is no directory's.
    pub fn shrink(&mut self) {
        self.inputs.shrink_to_fit();
    }

    /// What it does then.
    fn take(&mut self) -> Input {
        let is_first = |(at, _): &(Timestamp, Input)| self.deadline.is_none_or(|deadline| *at <= deadline);
        let input = self.inputs.front().is_some_and(is_first).then(|| self.inputs.pop_front()).flatten();
        input.map_or(Input::Timer, |(_, input)| input)
    }

    fn step(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        let wall = UnixTime::from_millis(WALL + now.since_origin().as_millis() as u64);
        match input {
            Input::Login { .. } => self.own += 1,
            Input::Ended { .. } => self.own -= 1,
            _ => {}
        }
        let watch = Watch::start();
        let actions = self.directory.handle(now, wall, input);
        let call = watch.elapsed();
        let actions: Vec<Action> = actions.collect();
        self.deadline = self.directory.deadline();
        let step = watch.elapsed();
        self.free = now.saturating_add(step);
        let work = &mut self.work;
        work.cpu += step;
        work.steps += 1;
        work.longest_call = work.longest_call.max(call);
        work.longest_step = work.longest_step.max(step);
        work.most_actions = work.most_actions.max(actions.len());
        actions
    }
}

pub struct World {
    config: Config,
    pub now: Timestamp,
    pub places: Vec<Option<Place>>,
    pub traffic: Traffic,
    /// Of a thousand packets between two nodes, how many are lost.
    pub loss: u32,
    random: u32,
    lives: u64,
}

impl World {
    /// Nodes that hear each other.
    pub fn new(nodes: usize, settings: Settings) -> Self {
        let config = Config::new(settings).expect("a valid config");
        let mut world = Self {
            config,
            now: Timestamp::ORIGIN,
            places: Vec::new(),
            traffic: Traffic::default(),
            loss: 0,
            random: 7,
            lives: 0,
        };
        for _ in 0..nodes {
            world.join();
        }
        world.run(Duration::from_secs(3));
        world
    }

    /// One more node starts.
    pub fn join(&mut self) {
        self.lives += 1;
        let name = Node::new(&node(self.places.len())).expect("a name");
        let wall = UnixTime::from_millis(WALL + self.now.since_origin().as_millis() as u64);
        // As long as one that was drawn at random.
        let incarnation = u64::MAX - self.lives;
        let directory = Directory::new(self.config.clone(), name, self.now, wall, incarnation);
        let deadline = directory.deadline();
        let work = Work::default();
        self.places.push(Some(Place { directory, inputs: VecDeque::new(), free: self.now, deadline, own: 0, work }));
    }

    pub fn crash(&mut self, nth: usize) {
        self.places[nth] = None;
    }

    pub fn place(&self, nth: usize) -> &Place {
        self.places[nth].as_ref().expect("it runs")
    }

    pub fn running(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().flatten()
    }

    /// The users of this node, of whom there are so many, log in now.
    pub fn log_in(&mut self, nth: usize, users: std::ops::Range<u32>) {
        let at = self.now;
        let place = self.places[nth].as_mut().expect("it runs");
        place.inputs.extend(users.map(|nth| (at, Input::Login { conn: conn(nth), user: user(nth) })));
    }

    pub fn feed(&mut self, nth: usize, input: Input) {
        let at = self.now;
        self.places[nth].as_mut().expect("it runs").inputs.push_back((at, input));
    }

    pub fn forget_work(&mut self) {
        self.places.iter_mut().flatten().for_each(|place| place.work = Work::default());
    }

    /// All nodes hold the same opinion on everybody.
    pub fn agrees(&self) -> bool {
        let first = self.running().next().expect("a node");
        self.running().all(|place| place.directory.online().eq(first.directory.online()))
    }

    pub fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Until it is so, which is looked at after each step, and when that was; at most for this time.
    pub fn run_until(&mut self, time: Duration, mut is_so: impl FnMut(&Self) -> bool) -> Option<Timestamp> {
        let end = self.now.saturating_add(time);
        while let Some((at, nth)) = self.next().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            let place = self.places[nth].as_mut().expect("it runs");
            let input = place.take();
            let actions = place.step(self.now, input);
            let done = place.free;
            for action in actions {
                self.carry_out(nth, done, action);
            }
            if is_so(self) {
                return Some(done);
            }
        }
        self.now = end;
        None
    }

    fn next(&self) -> Option<(Timestamp, usize)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(nth, place)| Some((place.as_ref()?.next()?, nth))).min()
    }

    fn carry_out(&mut self, from: usize, done: Timestamp, action: Action) {
        let place = self.places[from].as_mut().expect("it runs");
        match action {
            Action::Publish { to, payload } => self.publish(from, done.saturating_add(DELAY), &to, &payload),
            Action::Event(Event::Online(_)) => place.work.online += 1,
            Action::Event(Event::Offline(_)) => place.work.offline += 1,
            _ => {}
        }
    }

    fn publish(&mut self, from: usize, at: Timestamp, to: &Destination, payload: &[u8]) {
        self.traffic.publish(payload);
        for (nth, place) in self.places.iter_mut().enumerate() {
            let Some(place) = place else { continue };
            if !matches!(to, Destination::All)
                && !matches!(to, Destination::Node(node) if node == place.directory.node())
            {
                continue;
            }
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if nth != from && (self.random >> 8) % 1000 < self.loss {
                self.traffic.lost += 1;
                continue;
            }
            self.traffic.deliver(payload);
            // Nodes are on clocks that run apart while they are busy.
            let at = place.inputs.back().map_or(at, |(last, _)| at.max(*last));
            place.inputs.push_back((at, Input::Received { payload: payload.to_vec() }));
        }
    }
}
