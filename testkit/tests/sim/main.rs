//! The simulated network does what it promises, and an application can be tested on it.

mod applications;
mod network;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use heartline::backoff::Backoff;
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::loss::TransportError;
use heartline::message::Reason;
use heartline::{Action, Config, ConnId, Event, Input, Loss, MessageId, Outcome, Outgoing, Settings, State, Timestamp};
use heartline_testkit::sim::{
    App, Context, Dial, Frame, Happening, HostId, LinkId, Request, ServerId, Sim, Wire, dialling, echo, seeds,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MICROSECOND: Duration = Duration::from_micros(1);
const IO: Loss = Loss::Transport(TransportError::Io);

fn settings() -> Settings {
    let mode = HeartbeatMode::WhenIdle { interval: 10 * SECOND, timeout: 5 * SECOND };
    Settings {
        heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: SECOND },
        backoff: Backoff::constant(SECOND),
        ..Settings::default()
    }
}

fn config() -> Config {
    Config::new(settings()).expect("valid")
}

/// A host that is open on an echo server.
fn open(seed: u64) -> (Sim<String>, HostId, ServerId) {
    let mut sim = Sim::new(seed);
    let server = sim.serve("chat.example", echo());
    let host = sim.host(config(), dialling("chat.example"));
    sim.connect(host);
    opens(&mut sim, host);
    (sim, host, server)
}

fn opens(sim: &mut Sim<String>, host: HostId) -> Timestamp {
    sim.run_until(|sim| sim[host].state() == State::Open, 120 * SECOND).unwrap_or_else(|error| panic!("{error}"))
}

fn at_most_once(text: impl Into<String>) -> Outgoing<String> {
    let text = text.into();
    let size = text.len();
    Outgoing::at_most_once(text, size)
}

fn received(sim: &Sim<String>, server: ServerId) -> Vec<String> {
    sim.server(server).messages().map(|(_, _, message)| message.clone()).collect()
}

fn delivered(sim: &Sim<String>, host: HostId) -> Vec<String> {
    sim[host].deliveries().map(|(_, message)| message.clone()).collect()
}

fn losses(sim: &Sim<String>, host: HostId) -> Vec<Loss> {
    use heartline::event::Cause::{Lost, Stopped};
    let events = sim[host].events().filter_map(|(_, event)| match event {
        Event::StateChanged { cause: Lost(loss) | Stopped(loss), .. } => Some(loss),
        _ => None,
    });
    events.collect()
}
