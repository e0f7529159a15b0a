//! A process that was stopped: the nearest to a suspended computer that a test can have.
#![cfg(target_os = "linux")]

use std::future::poll_fn;
use std::time::{Duration, Instant};

use heartline_driver_testing::stopped::{Child, is_child, say};
use heartline_tokio::clock::{Clock, Sleep};

const WAIT: Duration = Duration::from_millis(50);
const STOPPED: Duration = Duration::from_millis(600);

#[test]
fn after_a_stop_the_sleep_ends_at_once_and_the_clock_tells_how_late_it_is() {
    if is_child() {
        return in_child();
    }
    let mut child = Child::run("after_a_stop_the_sleep_ends_at_once_and_the_clock_tells_how_late_it_is");
    assert_eq!(child.hear(), "waiting");
    child.stop();
    // Real time has to pass: no other clock goes on for a process that stands still.
    let start = Instant::now();
    std::thread::sleep(STOPPED);
    let stopped = start.elapsed();
    child.resume();
    let nanos = std::iter::repeat_with(|| child.hear()).find_map(|said| said.parse().ok());
    let late = Duration::from_nanos(nanos.unwrap());
    assert!(late > STOPPED / 2, "{late:?} late after {stopped:?}: the stop was not counted");
    assert!(late < stopped + Duration::from_secs(10), "{late:?} late after {stopped:?}");
}

fn in_child() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::boot();
        let mut sleep = Sleep::new(&clock);
        loop {
            let due = clock.now().saturating_add(WAIT);
            sleep.reset(Some(due));
            say("waiting");
            poll_fn(|cx| sleep.poll(cx)).await;
            let late = clock.now().saturating_since(due);
            // The parent's stop may come a few rounds later.
            if late > STOPPED / 2 {
                return say(late.as_nanos());
            }
        }
    });
}
