//! What a person sees: lines about what happens, and below them the table, which is drawn again in its place on a terminal.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, NodeSight};

pub struct Screen {
    cluster: Arc<Cluster>,
    began: Instant,
    live: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing is drawn any more.
    is_finished: bool,
    /// How many lines the table has that is on the terminal.
    height: usize,
    /// How long agreement took after the last event, or since when it is waited for.
    agreement: Option<Agreement>,
}

enum Agreement {
    Awaited(Instant),
    Took(Duration),
}

const HEAD: &str = "                                                  messages to other nodes
  node  state    clients  online  hears  in step   routed  offline  unknown";

impl Screen {
    pub fn new(cluster: Arc<Cluster>, live: bool) -> Self {
        Self { cluster, began: Instant::now(), live, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line about what happens.
    pub fn say(&self, text: &str) {
        let mut state = self.state();
        let line = format!("{:>6.1} s  {text}", self.began.elapsed().as_secs_f64());
        self.print(&mut state, &line, self.live);
    }

    /// A moment to look at: the table, where it is not always there.
    pub fn show(&self) {
        if !self.live {
            self.print_table(&mut self.state());
        }
    }

    /// The table as it is now, for good.
    pub fn finish(&self) {
        let mut state = self.state();
        state.is_finished = true;
        self.print_table(&mut state);
    }

    fn print_table(&self, state: &mut State) {
        let table = self.table(state);
        self.print(state, &format!("\n{table}\n"), false);
    }

    pub fn awaits_agreement(&self, since: Instant) {
        self.state().agreement = Some(Agreement::Awaited(since));
    }

    pub fn agreed(&self, took: Duration) {
        self.state().agreement = Some(Agreement::Took(took));
    }

    /// Draws the table again and again, on a terminal.
    pub async fn keep_drawing(self: Arc<Self>) {
        while self.live && self.draw() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// False when there is nothing to draw any more.
    fn draw(&self) -> bool {
        let mut state = self.state();
        if !state.is_finished {
            self.print(&mut state, "", true);
        }
        !state.is_finished
    }

    /// Prints a line, if it is one, in the place of the table, and the table below it.
    fn print(&self, state: &mut State, line: &str, with_table: bool) {
        let mut text = String::new();
        if state.height > 0 {
            _ = write!(text, "\x1b[{}F\x1b[J", state.height); // Up to its first line, and clear from there.
            state.height = 0;
        }
        if !line.is_empty() {
            _ = writeln!(text, "{line}");
        }
        if with_table {
            let table = self.table(state);
            state.height = table.lines().count() + 1;
            _ = writeln!(text, "\n{table}");
        }
        print!("{text}"); // By the macro, so that tests capture it.
        _ = stdout().flush();
    }

    fn table(&self, state: &State) -> String {
        let sight = self.cluster.sight();
        let rows: Vec<String> = sight.nodes.iter().map(row).collect();
        let event = match &state.agreement {
            None => String::new(),
            Some(Agreement::Awaited(since)) => format!("; the last event was {} ago", seconds(since.elapsed())),
            Some(Agreement::Took(took)) => format!(", {} after the last event", seconds(*took)),
        };
        let users = format!("all nodes agree on {} of {} users{event}", sight.agreed, sight.users);
        format!("{HEAD}\n{}\n  {users}", rows.join("\n"))
    }
}

pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn row(node: &NodeSight) -> String {
    let NodeSight { name, state, connections, cluster, heard } = node;
    let Some(cluster) = cluster else { return format!("  {name:<4}  {state}") };
    let (told, in_step) = (cluster.directory, heard.iter().filter(|other| other.in_step).count());
    format!(
        "  {name:<4}  {state:<7}  {connections:>7}  {:>6}  {:>5}  {:>7}   {:>6}  {:>7}  {:>7}",
        cluster.online,
        heard.len(),
        in_step,
        told.routed,
        told.offline,
        told.unknown
    )
}
