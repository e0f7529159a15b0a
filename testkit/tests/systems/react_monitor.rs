//! The monitor (002), a model of a React application: a feed of which the page keeps what its chart shows, the last
//! 300 points.

use crate::prelude::*;

const POINTS: usize = 300;
const FEED: &str = "monitorCPU";

/// A year, and a value.
type Point = (u64, u64);

struct Monitor;

impl Protocol for Monitor {
    fn user(&mut self, conn: ConnId, _request: &Request) -> Option<String> {
        Some(conn.to_string())
    }

    fn text(&mut self, server: &mut Connections, conn: ConnId, _text: &str) {
        server.send(conn, "welcome to the monitor");
        server.subscribe(conn, FEED);
    }
}

/// Only what is about the processor is a point, and what is no JSON is not run as a program.
fn point(text: &str) -> Option<Point> {
    let first = &parse(text)["monitorCPU"][0];
    Some((first[0].as_u64()?, first[1].as_u64()?))
}

fn page(chart: Arc<Mutex<VecDeque<Point>>>) -> Page {
    Page {
        opening: vec!["12321".into()],
        on: Box::new(move |_, notice, _| {
            let Notice::Text(text) = notice else { return };
            let mut chart = chart.lock().expect("nobody panics here");
            chart.extend(point(text));
            while chart.len() > POINTS {
                chart.pop_front();
            }
        }),
        ..Page::at("ws://47.96.224.206:8080/ws/monitor")
    }
}

fn measure(system: &mut System<Monitor>, points: std::ops::Range<u64>) {
    for value in points {
        let message = format!(r#"{{"monitorCPU":[[{},{value}]]}}"#, 2000 + value);
        system.act(|_, server| server.publish(FEED, message));
        system.run(seconds(1));
    }
}

/// [C7] [U19] [P7]
#[test]
fn the_chart_keeps_the_last_three_hundred_points_and_its_connection() {
    let chart = Arc::new(Mutex::new(VecDeque::new()));
    let heartbeat = listen(seconds(60));
    let settings = Settings { heartbeat, backoff: Backoff::constant(seconds(2)), ..Settings::default() };
    let server = HubServer::new(hub::Settings::default(), Monitor);
    let mut system = System::opened(server, settings, page(Arc::clone(&chart)));
    system.act(|_, server| {
        server.online().into_iter().for_each(|conn| server.send(conn, "while(true) { monitorCPU }"));
    });
    measure(&mut system, 0..1000);
    let values = || chart.lock().expect("nobody panics here").iter().map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!(values(), (700..1000).collect::<Vec<_>>());
    assert_eq!(system.dials(0).len(), 1);

    system.reset(0);
    measure(&mut system, 1000..1010);
    // Back 2.1 s later: three points fell into the gap, and none came twice.
    assert_eq!(values(), (707..1000).chain(1003..1010).collect::<Vec<_>>());
}
