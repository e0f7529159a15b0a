//! What a hub costs with many connections: entering, frames, one round of the heartbeat, a broadcast, a shutdown.
//!
//! Each step is done once over all connections and reported per connection; the figures are ratios to the first line, a
//! lookup in a `HashMap`, the least that a server does for each frame.
//!
//! ```text
//! cargo bench --bench hub
//! ```

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::hub::{Action, Admission, Config, Hub, Input, Origins, Request, Settings};
use heartline::{ConnId, Timestamp};

const CONNECTIONS: u32 = 100_000;
/// For the one measure that is said of a million.
const MILLION: u32 = 1_000_000;
const FRAMES: u32 = 10_000_000;
const REQUEST: Request<'_> = Request { origin: None, host: "example.org", protocols: &[], source: None };

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Reports what one of `times` costs, in nanoseconds and as a ratio to the first figure.
struct Report(Option<f64>);

impl Report {
    fn measure<T>(&mut self, name: &str, times: u32, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = black_box(work());
        let took = start.elapsed();
        let each = took.as_secs_f64() * 1e9 / f64::from(times);
        let ratio = each / *self.0.get_or_insert(each);
        println!("{name:<40} {each:>9.1} ns each {ratio:>7.2} x {:>11.1} ms in all", took.as_secs_f64() * 1e3);
        result
    }
}

fn config(connections: u32) -> Config {
    let mode = HeartbeatMode::WhenIdle { interval: millis(25_000), timeout: millis(10_000) };
    let settings = Settings {
        admission: Admission { origins: Origins::Any, ..Admission::default() },
        max_connections: connections,
        max_anonymous: connections,
        messages: None,
        bytes: None,
        heartbeat: HeartbeatConfig { mode, slow_after: None, late_tolerance: millis(5_000) },
        ..Settings::default()
    };
    Config::new(settings).expect("a valid config")
}

/// Spread over the interval, as connections that came one after another.
fn entered(nth: u32, connections: u32) -> Timestamp {
    Timestamp::after(millis(25_000) * nth / connections)
}

fn enter(hub: &mut Hub<u32, ()>, connections: u32) -> Vec<ConnId> {
    let enter = |user| {
        let now = entered(user, connections);
        let conn = hub.admit(now, &REQUEST).expect("there is room").conn;
        hub.handle(now, Input::Login { conn, user, until: None }).for_each(drop);
        conn
    };
    (0..connections).map(enter).collect()
}

/// One timer, and every client that it pings answers at once; how many these are.
fn beat(hub: &mut Hub<u32, ()>, now: Timestamp, pinged: &mut Vec<ConnId>) -> usize {
    pinged.extend(hub.handle(now, Input::Timer).filter_map(|action| match action {
        Action::Ping { conn, .. } => Some(conn),
        _ => None,
    }));
    let pings = pinged.len();
    for conn in pinged.drain(..) {
        hub.handle(now, Input::Alive { conn, bytes: 16 }).for_each(drop);
    }
    pings
}

fn main() {
    let mut report = Report(None);
    let map: HashMap<u32, u64> = (0..CONNECTIONS).map(|nth| (nth, 0)).collect();
    // A stride that is prime to the number of connections, so that no two in a row are neighbours.
    let order: Vec<u32> = (0..FRAMES).map(|nth| nth.wrapping_mul(7919) % CONNECTIONS).collect();
    report.measure("look up in a HashMap", FRAMES, || order.iter().filter(|nth| map.contains_key(nth)).count());

    let mut hub: Hub<u32, ()> = Hub::new(config(CONNECTIONS), 1);
    let conns = report.measure("admit and log in", CONNECTIONS, || enter(&mut hub, CONNECTIONS));
    let now = entered(CONNECTIONS - 1, CONNECTIONS);
    report.measure("a frame that is only a proof of life", FRAMES, || {
        for nth in &order {
            black_box(hub.alive(now, conns[*nth as usize], 16));
        }
    });
    report.measure("a message to another user", FRAMES / 10, || {
        for nth in order.iter().take(FRAMES as usize / 10) {
            let to = CONNECTIONS - 1 - nth;
            let relay = Input::Relay { conn: conns[*nth as usize], to, message: (), bytes: 1, volatile: false, tag: 0 };
            assert_eq!(black_box(hub.handle(now, relay)).count(), 2);
        }
    });
    report.measure("a broadcast, for each recipient", CONNECTIONS, || {
        let news = Input::Broadcast {
            from: None,
            room: None,
            except: Vec::new(),
            message: (),
            bytes: 16,
            volatile: false,
            tag: 0,
        };
        hub.handle(now, news).count()
    });

    rounds(&mut report);
    million();
    report.measure("a shutdown", CONNECTIONS, || {
        hub.handle(now, Input::Shutdown { within: millis(5_000), pace: Duration::ZERO, spread: millis(30_000) }).count()
    });
}

/// The same heartbeat round with a timer for every deadline and with one every 10 ms.
fn rounds(report: &mut Report) {
    let mut punctual: Hub<u32, ()> = Hub::new(config(CONNECTIONS), 1);
    enter(&mut punctual, CONNECTIONS);
    let mut coarse = punctual.clone();
    let (end, mut pinged) = (Timestamp::after(millis(50_000)), Vec::new());
    let (timers, pings) = report.measure("a heartbeat round, timers on time", CONNECTIONS, || {
        let (mut timers, mut pings) = (0, 0);
        while let Some(due) = punctual.deadline().filter(|due| *due < end) {
            timers += 1;
            pings += beat(&mut punctual, due, &mut pinged);
        }
        (timers, pings)
    });
    println!("{:<40} {timers} timers, {pings} pings", "");
    let pings = report.measure("a heartbeat round, a timer each 10 ms", CONNECTIONS, || {
        let ticks = (1..=5_000).map(|tick| Timestamp::after(millis(10 * tick)));
        ticks.map(|now| beat(&mut coarse, now, &mut pinged)).sum::<usize>()
    });
    println!("{:<40} 5000 timers, {pings} pings", "");
}

/// A heartbeat round of a million connections, timers each 10 ms and every answer included, beside a frame of each.
fn million() {
    let mut report = Report(None);
    let mut hub: Hub<u32, ()> = Hub::new(config(MILLION), 1);
    let conns = enter(&mut hub, MILLION);
    let now = entered(MILLION - 1, MILLION);
    let mut touched = hub.clone();
    report.measure("a frame of each of a million", MILLION, || {
        conns.iter().for_each(|conn| _ = black_box(touched.alive(now, *conn, 16)));
    });
    let mut pinged = Vec::new();
    let pings = report.measure("a heartbeat round of a million", MILLION, || {
        let ticks = (2_500..5_000).map(|tick| Timestamp::after(millis(10 * tick)));
        ticks.map(|now| beat(&mut hub, now, &mut pinged)).sum::<usize>()
    });
    println!("{:<40} 2500 timers, {pings} pings", "");
}
