//! What a session costs for each inbound message, beside what it replaces.
//!
//! The figures are ratios to `store a timestamp`, the least that any heartbeat must do.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use heartline::{Action, Config, ConnId, Input, Outgoing, Session, Timestamp};
use tungstenite::Message;

fn open<M>(config: &Config) -> (Session<M, &Config>, ConnId) {
    let mut session = Session::new(config, 1);
    session.handle(Timestamp::ORIGIN, Input::Connect).for_each(drop);
    let conn = session.conn().expect("a dial is under way");
    session.handle(Timestamp::ORIGIN, Input::Opened { conn }).for_each(drop);
    (session, conn)
}

/// A clock that moves a microsecond with each event.
struct Clock(u64);

impl Clock {
    fn tick(&mut self) -> Timestamp {
        self.0 += 1_000;
        Timestamp::from_nanos(self.0)
    }
}

fn inbound(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inbound message");
    let message = Message::text("sixteen bytes !!");

    group.bench_function("store a timestamp", |bencher| {
        let (mut clock, mut last) = (Clock(0), Timestamp::ORIGIN);
        bencher.iter(|| {
            last = clock.tick();
            black_box(&mut last);
        });
    });
    group.bench_function("move the message through a closure", |bencher| {
        let (mut clock, mut last, mut kept) = (Clock(0), Timestamp::ORIGIN, Some(message.clone()));
        bencher.iter(|| {
            last = clock.tick();
            black_box(&mut last);
            kept = black_box(kept.take());
        });
    });
    group.bench_function("session, received", |bencher| {
        let config = Config::default();
        let (mut session, conn) = open::<Message>(&config);
        let (mut clock, mut kept) = (Clock(0), Some(message.clone()));
        bencher.iter(|| {
            let message = kept.take();
            if session.received(clock.tick(), conn) {
                kept = black_box(message);
            }
        });
    });
    group.bench_function("session, message to Deliver", |bencher| {
        let config = Config::default();
        let (mut session, conn) = open(&config);
        let (mut clock, mut kept) = (Clock(0), Some(message.clone()));
        bencher.iter(|| {
            let message = kept.take().expect("delivered every time");
            for action in session.handle(clock.tick(), Input::Message { conn, message }) {
                if let Action::Deliver(message) = action {
                    kept = Some(black_box(message));
                }
            }
        });
    });
    group.bench_function("read the clock", |bencher| bencher.iter(std::time::Instant::now));
    group.finish();
}

fn outbound(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outbound message");
    group.bench_function("push and pop a deque", |bencher| {
        let mut queue = std::collections::VecDeque::new();
        bencher.iter(|| {
            queue.push_back(black_box(7_u64));
            black_box(queue.pop_front())
        });
    });
    group.bench_function("session, send to Transmitted", |bencher| {
        let config = Config::default();
        let (mut session, _) = open(&config);
        let mut clock = Clock(0);
        bencher.iter(|| {
            let now = clock.tick();
            session.send(now, Outgoing::at_most_once(black_box(7), 8)).expect("there is room");
            if let Some(transmit) = session.transmit(now) {
                let id = black_box(transmit).id;
                session.sent(now, id);
            }
            black_box(session.next_action());
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = inbound, outbound
}
criterion_main!(benches);
