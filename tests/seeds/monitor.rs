//! The monitor of the notes (002): a feed of which the page keeps what its chart shows, the last 300 points.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use heartline::hub;
use heartline::{Action, Backoff, ConnId, Rhythm, Settings};

use crate::network::Network;
use crate::page::{CONNECT, Page};
use crate::serving::{Desk, Rules, Served, Upgrade};
use crate::support::{pulse, seconds};

const POINTS: usize = 300;

/// A year, and a value.
type Point = (u64, u64);

struct Monitor;

impl Rules for Monitor {
    type Key = ConnId;

    fn opened(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, _upgrade: &Upgrade) {
        desk.input(hub::Input::Login { conn, user: conn });
    }

    fn text(&mut self, desk: &mut Desk<ConnId>, conn: ConnId, _text: &str) {
        desk.say(conn, "welcome to the monitor");
    }
}

/// Only what speaks of the processor is a point, and what is no JSON is not run as a program.
fn point(text: &str) -> Option<Point> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let first = &json["monitorCPU"][0];
    Some((first[0].as_u64()?, first[1].as_u64()?))
}

fn page(chart: Arc<Mutex<VecDeque<Point>>>) -> Page {
    Page {
        opening: vec!["12321".into()],
        on: Box::new(move |_, action, _| {
            let Action::Deliver(message) = action else { return };
            let mut chart = chart.lock().expect("nobody panics here");
            chart.extend(message.to_text().ok().and_then(point));
            while chart.len() > POINTS {
                chart.pop_front();
            }
        }),
        ..Page::at("ws://47.96.224.206:8080/ws/monitor")
    }
}

fn measure(network: &mut Network<Monitor>, points: std::ops::Range<u64>) {
    for value in points {
        network.serve(|_, desk| {
            let message = format!(r#"{{"monitorCPU":[[{},{value}]]}}"#, 2000 + value);
            desk.input(hub::Input::Broadcast { from: None, except: Vec::new(), message, volatile: true });
        });
        network.run(seconds(1));
    }
}

/// [C7] [U7] [P7]
#[test]
fn the_chart_keeps_the_last_three_hundred_points_and_its_connection() {
    let chart = Arc::new(Mutex::new(VecDeque::new()));
    let mut network = Network::new(Served::new(hub::Settings::default(), Monitor));
    let settings = Settings {
        heartbeat: pulse(Rhythm::Listen { window: seconds(60) }),
        backoff: Backoff::constant(seconds(2)),
        ..Settings::default()
    };
    network.join(settings, page(Arc::clone(&chart)));
    network.say(0, CONNECT);
    network.run(seconds(1));
    network.serve(|_, desk| {
        let conns: Vec<_> = desk.hub.online().map(|(_, conn)| conn).collect();
        conns.iter().for_each(|conn| desk.say(*conn, "while(true) { monitorCPU }"));
    });
    measure(&mut network, 0..1000);
    let expected: Vec<_> = (700..1000).map(|value| (2000 + value, value)).collect();
    assert_eq!(Vec::from(chart.lock().expect("nobody panics here").clone()), expected);
    assert_eq!(network.dials.len(), 1);

    network.kill(0);
    measure(&mut network, 1000..1010);
    let kept = chart.lock().expect("nobody panics here").clone();
    // Killed at 1000 s, back 2.1 s later: three points fell into the gap, and none came twice.
    let values: Vec<_> = kept.iter().map(|(_, value)| *value).collect();
    assert_eq!(values[..POINTS - 7], (707..1000).collect::<Vec<_>>());
    assert_eq!(values[POINTS - 7..], [1003, 1004, 1005, 1006, 1007, 1008, 1009]);
}
