//! The timer, on clocks that the test moves.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use heartline::Timestamp;
use heartline_tokio::clock::{Clock, Sleep, Source, Watcher};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A computer: its monotonic half is tokio's (paused) clock, its boot half also counts what was slept.
#[derive(Clone)]
struct Computer(Arc<Mutex<State>>);

struct State {
    origin: tokio::time::Instant,
    slept: Duration,
    alarm: Option<(Timestamp, Watcher)>,
    asked: usize,
    broken: bool,
}

impl Computer {
    fn new() -> Self {
        let origin = tokio::time::Instant::now();
        Self(Arc::new(Mutex::new(State { origin, slept: Duration::ZERO, alarm: None, asked: 0, broken: false })))
    }

    /// The monotonic half stands still, the boot half jumps; on resume an alarm that came due rings.
    fn suspend(&self, by: Duration) {
        self.0.lock().unwrap().slept += by;
        let now = self.now();
        let due = self.0.lock().unwrap().alarm.take_if(|(at, _)| *at <= now);
        if let Some((_, watcher)) = due {
            watcher.check();
        }
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

impl Source for Computer {
    fn now(&self) -> Timestamp {
        let state = self.0.lock().unwrap();
        Timestamp::after(state.origin.elapsed() + state.slept)
    }

    fn set_alarm(&self, at: Option<Timestamp>, watcher: &Watcher) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        if state.broken {
            return Err(io::ErrorKind::Unsupported.into());
        }
        state.alarm = at.map(|at| (at, watcher.clone()));
        Ok(())
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that polls a sleep when the test says so, and counts how often it was woken.
struct Task {
    sleep: Sleep,
    woken: Arc<Woken>,
}

impl Task {
    fn new(clock: &Clock) -> Self {
        Self { sleep: Sleep::new(clock), woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<()> {
        self.sleep.poll(&mut Context::from_waker(&self.woken.clone().into()))
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

fn after(clock: &Clock, wait: Duration) -> Option<Timestamp> {
    Some(clock.now().saturating_add(wait))
}

#[tokio::test(start_paused = true)]
async fn a_sleep_ends_when_the_boot_half_jumps_although_the_monotonic_half_stands_still() {
    let computer = Computer::new();
    let clock = Clock::custom(computer.clone());
    let mut task = Task::new(&clock);
    task.sleep.reset(after(&clock, HOUR));
    assert_eq!((task.poll(), task.woken()), (Poll::Pending, 0));
    let monotonic = tokio::time::Instant::now();
    computer.suspend(HOUR / 2);
    assert_eq!((task.woken(), task.poll()), (0, Poll::Pending));
    computer.suspend(8 * HOUR);
    assert_eq!((task.woken(), task.poll()), (1, Poll::Ready(())));
    assert_eq!(monotonic.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_next_wait_is_as_long_as_asked() {
    let computer = Computer::new();
    let clock = Clock::custom(computer.clone());
    let mut task = Task::new(&clock);
    task.sleep.reset(after(&clock, HOUR));
    assert_eq!(task.poll(), Poll::Pending);
    computer.suspend(8 * HOUR);
    assert_eq!(task.poll(), Poll::Ready(()));
    task.sleep.reset(after(&clock, SECOND));
    let monotonic = tokio::time::Instant::now();
    std::future::poll_fn(|cx| task.sleep.poll(cx)).await;
    let waited = monotonic.elapsed();
    assert!(waited >= SECOND && waited < 2 * SECOND, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn without_an_alarm_the_sleep_still_ends_by_the_timer_of_tokio() {
    let computer = Computer::new();
    computer.0.lock().unwrap().broken = true;
    let clock = Clock::custom(computer.clone());
    let mut sleep = Sleep::new(&clock);
    sleep.reset(after(&clock, HOUR));
    let monotonic = tokio::time::Instant::now();
    std::future::poll_fn(|cx| sleep.poll(cx)).await;
    assert!(monotonic.elapsed() >= HOUR && monotonic.elapsed() < HOUR + SECOND);
    assert_eq!(computer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_connection_that_moves_its_deadline_with_every_message_asks_for_no_new_alarm() {
    let computer = Computer::new();
    let clock = Clock::custom(computer.clone());
    let mut task = Task::new(&clock);
    for _ in 0..10_000 {
        tokio::time::advance(Duration::from_millis(1)).await;
        task.sleep.reset(after(&clock, 20 * SECOND));
        assert_eq!(task.poll(), Poll::Pending);
        // An acknowledgement waited for in between is nearer, but not nearer than the alarm.
        task.sleep.reset(after(&clock, 19 * SECOND));
        assert_eq!(task.poll(), Poll::Pending);
    }
    assert_eq!(computer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sleep_follows_the_paused_time_of_tokio_to_the_millisecond() {
    let clock = Clock::tokio();
    assert_eq!(clock.now(), Timestamp::ORIGIN);
    let mut sleep = Sleep::new(&clock);
    for (set, earlier) in [(5, 3), (40, 39), (41, 40)] {
        sleep.reset(Some(Timestamp::after(set * SECOND)));
        assert!(std::future::poll_fn(|cx| Poll::Ready(sleep.poll(cx))).await.is_pending());
        sleep.reset(Some(Timestamp::after(earlier * SECOND)));
        std::future::poll_fn(|cx| sleep.poll(cx)).await;
        let over = clock.now().saturating_since(Timestamp::after(earlier * SECOND));
        assert!(over <= Duration::from_millis(1), "{over:?} after {earlier} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_moved_later_is_not_reached_at_the_earlier_moment() {
    let clock = Clock::tokio();
    let mut task = Task::new(&clock);
    task.sleep.reset(Some(Timestamp::after(10 * SECOND)));
    assert_eq!(task.poll(), Poll::Pending);
    task.sleep.reset(Some(Timestamp::after(15 * SECOND)));
    assert_eq!(task.poll(), Poll::Pending);
    tokio::time::advance(11 * SECOND).await;
    assert_eq!(task.woken(), 1, "what was set for the earlier moment stays set");
    assert_eq!(task.poll(), Poll::Pending);
    tokio::task::yield_now().await;
    assert_eq!(task.woken(), 1, "and comes too early once only");
    tokio::time::advance(5 * SECOND).await;
    assert_eq!((task.woken(), task.poll()), (2, Poll::Ready(())));
}

#[tokio::test(start_paused = true)]
async fn ready_until_reset_and_never_without_a_moment() {
    let clock = Clock::tokio();
    let mut task = Task::new(&clock);
    assert_eq!(task.poll(), Poll::Pending);
    task.sleep.reset(Some(Timestamp::ORIGIN));
    assert_eq!([task.poll(), task.poll()], [Poll::Ready(()); 2]);
    for never in [Some(Timestamp::MAX), None] {
        task.sleep.reset(never);
        tokio::time::advance(100 * HOUR).await;
        assert_eq!((task.poll(), task.woken()), (Poll::Pending, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_moment_centuries_away_is_waited_for_a_day_at_a_time() {
    let clock = Clock::tokio();
    let mut task = Task::new(&clock);
    task.sleep.reset(Some(Timestamp::from_nanos(u64::MAX - 1)));
    assert_eq!(task.poll(), Poll::Pending);
    tokio::time::advance(25 * HOUR).await;
    assert_eq!((task.woken(), task.poll(), task.woken()), (1, Poll::Pending, 1));
}

#[test]
fn the_boot_clock_goes_on_and_is_the_same_for_all() {
    let (first, second) = (Clock::boot(), Clock::default());
    let (before, between, after) = (first.now(), second.now(), first.now());
    assert!(before <= between && between <= after);
    assert!(after.saturating_since(before) < HOUR);
}

#[test]
fn a_sleep_may_be_made_outside_a_runtime_and_go_to_another_thread() {
    let clock = Clock::boot();
    let mut sleep = Sleep::new(&clock);
    sleep.reset(after(&clock, Duration::from_millis(1)));
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(std::future::poll_fn(|cx| sleep.poll(cx)));
        sleep
    };
    // It outlives the runtime in which it waited.
    drop(std::thread::spawn(run).join().unwrap());
}
