use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Wake;

use super::super::boot::{self, Boot};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn at(since_origin: Duration) -> Timestamp {
    Timestamp::after(since_origin)
}

/// A clock that only the test moves, and the alarm it was asked for.
#[derive(Clone, Default)]
struct Manual(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Duration,
    alarm: Option<Timestamp>,
    asked: usize,
    refuses: bool,
}

impl Manual {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn asked(&self) -> usize {
        self.state().asked
    }

    fn alarm(&self) -> Option<Timestamp> {
        self.state().alarm
    }

    /// Moves the clock, and rings if the alarm was set for what was skipped.
    fn advance(&self, by: Duration, sleepers: &Sleepers) {
        let rings = {
            let mut state = self.state();
            state.now += by;
            let now = at(state.now);
            state.alarm.take_if(|alarm| *alarm <= now).is_some()
        };
        if rings {
            sleepers.check();
        }
    }
}

impl Source for Manual {
    fn now(&self) -> Timestamp {
        at(self.state().now)
    }

    fn set_alarm(&self, at: Option<Timestamp>, _: &Watcher) -> io::Result<()> {
        let mut state = self.state();
        state.asked += 1;
        state.alarm = at;
        if state.refuses { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn bed() -> (Manual, Arc<Sleepers>) {
    let source = Manual::default();
    (source.clone(), Sleepers::new(Box::new(source)))
}

fn sleeper(sleepers: &Arc<Sleepers>) -> (Sleeper, Arc<Woken>) {
    let (sleeper, woken) = (Sleeper::of(sleepers), Arc::new(Woken::default()));
    sleeper.register(&woken.clone().into());
    (sleeper, woken)
}

#[test]
fn a_deadline_that_only_moves_later_asks_for_one_alarm() {
    let (source, sleepers) = bed();
    let (sleeper, _) = sleeper(&sleepers);
    for millis in 0..1000 {
        sleeper.set(Some(at(20 * SECOND + Duration::from_millis(millis))));
    }
    assert_eq!(source.asked(), 1);
    assert_eq!(source.alarm(), Some(at(20 * SECOND + SLACK)));
}

#[test]
fn only_a_deadline_before_all_others_brings_the_alarm_forward() {
    let (source, sleepers) = bed();
    let (first, second) = (sleeper(&sleepers).0, sleeper(&sleepers).0);
    first.set(Some(at(20 * SECOND)));
    second.set(Some(at(30 * SECOND)));
    assert_eq!(source.asked(), 1);
    second.set(Some(at(10 * SECOND)));
    assert_eq!(source.alarm(), Some(at(10 * SECOND + SLACK)));
    second.set(None);
    assert_eq!(source.asked(), 2, "an alarm too early does no harm");
}

#[test]
fn a_jump_wakes_each_whose_deadline_it_passed_once_and_asks_for_the_next() {
    let (source, sleepers) = bed();
    let beds = [1, 2, 9].map(|hours| {
        let (sleeper, woken) = sleeper(&sleepers);
        sleeper.set(Some(at(hours * HOUR)));
        (sleeper, woken)
    });
    source.advance(3 * HOUR, &sleepers);
    sleepers.check();
    assert_eq!(beds.each_ref().map(|(_, woken)| woken.times()), [1, 1, 0]);
    assert_eq!(source.alarm(), Some(at(9 * HOUR + SLACK)));
}

#[test]
fn with_no_deadline_left_no_alarm_is_asked_for() {
    let (source, sleepers) = bed();
    let (sleeper, woken) = sleeper(&sleepers);
    sleeper.set(Some(at(HOUR)));
    sleeper.set(None);
    source.advance(2 * HOUR, &sleepers);
    assert_eq!((woken.times(), source.asked(), source.alarm()), (0, 1, None));
    sleeper.set(Some(at(3 * HOUR)));
    assert_eq!(source.alarm(), Some(at(3 * HOUR + SLACK)));
}

#[test]
fn the_alarm_ends_with_the_last_sleeper() {
    let (source, sleepers) = bed();
    let (first, second) = (sleeper(&sleepers).0, sleeper(&sleepers).0);
    first.set(Some(at(HOUR)));
    drop(first);
    assert!(source.alarm().is_some());
    drop(second);
    assert_eq!(source.alarm(), None);
}

#[test]
fn a_source_without_an_alarm_is_asked_again_only_for_the_next_sleeper() {
    let (source, sleepers) = bed();
    source.state().refuses = true;
    let first = sleeper(&sleepers).0;
    for seconds in (1..100).rev() {
        first.set(Some(at(seconds * SECOND)));
    }
    assert_eq!(source.asked(), 1);
    source.state().refuses = false;
    let second = sleeper(&sleepers).0;
    second.set(Some(at(HOUR)));
    assert_eq!((source.asked(), source.alarm()), (2, Some(at(HOUR + SLACK))));
}

#[test]
fn a_watcher_outlives_its_clock_without_harm() {
    let (_, sleepers) = bed();
    let watcher = sleepers.watcher.clone();
    drop(sleepers);
    watcher.check();
}

/// A waker that, when it ends, ends another sleeper and has everybody checked.
struct Ends(Mutex<Option<Sleeper>>, Watcher);

impl Wake for Ends {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Ends {
    fn drop(&mut self) {
        drop(self.0.lock().unwrap().take());
        self.1.check();
    }
}

#[test]
fn a_waker_may_end_sleepers_when_it_is_replaced() {
    let (source, sleepers) = bed();
    let first = Sleeper::of(&sleepers);
    let ends = |other| Arc::new(Ends(Mutex::new(Some(other)), sleepers.watcher.clone()));
    let ends_second = ends(sleeper(&sleepers).0);
    first.register(&ends_second.clone().into());
    first.set(Some(at(HOUR)));
    drop(ends_second);
    source.advance(2 * HOUR, &sleepers);
    assert_eq!(sleepers.table().entries.len(), 2, "kept until replaced");
    first.register(&ends(sleeper(&sleepers).0).into());
    assert_eq!(sleepers.table().entries.len(), 2, "one ended, one new");
    first.set(Some(source.now()));
    first.register(&Arc::new(Woken::default()).into());
    assert_eq!(sleepers.table().entries.len(), 1);
}

struct EndsOnWake(Mutex<Option<Sleeper>>);

impl Wake for EndsOnWake {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_task_that_ends_with_its_sleeper_while_it_is_woken_harms_nobody() {
    let (source, sleepers) = bed();
    let (first, second) = (Sleeper::of(&sleepers), sleeper(&sleepers).0);
    first.register(&Arc::new(EndsOnWake(Mutex::new(Some(second)))).into());
    first.set(Some(at(HOUR)));
    source.advance(2 * HOUR, &sleepers);
    assert_eq!(sleepers.table().entries.len(), 1);
}

/// The same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn whatever_is_set_and_skipped_nobody_sleeps_longer_than_the_slack_and_nobody_is_woken_early() {
    let mut random = Random(7);
    let (source, sleepers) = bed();
    let mut beds: Vec<_> = (0..8).map(|_| (sleeper(&sleepers), None, 0)).collect();
    for _ in 0..50_000 {
        let now = source.now();
        let ((sleeper, woken), deadline, before) = &mut beds[random.below(8) as usize];
        *deadline = (random.below(5) > 0).then(|| now.saturating_add(Duration::from_millis(1 + random.below(4000))));
        sleeper.set(*deadline);
        *before = woken.times();
        source.advance(Duration::from_millis(random.below(600)), &sleepers);
        let now = source.now();
        for ((_, woken), deadline, before) in &beds {
            let over = deadline.map(|deadline| now.saturating_since(deadline));
            match woken.times() - before {
                0 => assert!(over.is_none_or(|over| over < 2 * SLACK), "sleeps {over:?} too long"),
                1 => assert!(deadline.is_some_and(|deadline| deadline <= now), "woken early"),
                times => panic!("woken {times} times for one deadline"),
            }
        }
    }
}

#[test]
fn a_deadline_set_while_a_check_goes_on_is_not_lost() {
    let (source, sleepers) = bed();
    let ((old, _), (new, _)) = (sleeper(&sleepers), sleeper(&sleepers));
    // Makes a check long enough to meet.
    let others: Vec<_> = (0..64).map(|_| sleeper(&sleepers)).collect();
    for _ in 0..5_000 {
        new.set(None);
        old.set(Some(source.now()));
        source.state().now += SLACK;
        let deadline = source.now().saturating_add(SECOND);
        std::thread::scope(|scope| {
            scope.spawn(|| sleepers.check());
            new.set(Some(deadline));
        });
        let alarm = source.alarm();
        assert!(alarm.is_some_and(|alarm| alarm <= deadline.saturating_add(SLACK)), "{alarm:?} for {deadline:?}");
        source.advance(2 * SECOND, &sleepers);
    }
    drop(others);
}

struct Tells(mpsc::Sender<Timestamp>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.send(boot::now()).unwrap();
    }
}

#[test]
fn the_boot_clock_wakes_without_any_other_timer() {
    let sleepers = Sleepers::new(Box::new(Boot::default()));
    let (send, woken) = mpsc::channel();
    let sleeper = Sleeper::of(&sleepers);
    sleeper.register(&Arc::new(Tells(send)).into());
    // The second deadline is set when the alarm already runs.
    for millis in [1, 2] {
        let deadline = sleepers.now().saturating_add(Duration::from_millis(millis));
        sleeper.set(Some(deadline));
        assert!(woken.recv_timeout(20 * SECOND).unwrap() >= deadline);
    }
}
