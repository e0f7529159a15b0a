//! One watcher for the process: in a process of its own, for it counts descriptors and threads.
#![cfg(target_os = "linux")]

use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;
use std::time::{Duration, Instant};

use heartline_tokio::clock::{Clock, Sleep};

/// What the kernel says in these files; what vanishes meanwhile is left out.
fn each(directory: &str, file: impl Fn(PathBuf) -> PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.filter_map(|entry| std::fs::read_to_string(file(entry.unwrap().path())).ok()).collect()
}

/// The descriptors of timers.
fn timers() -> Vec<String> {
    each("/proc/self/fdinfo", |path| path).into_iter().filter(|info| info.contains("clockid:")).collect()
}

fn threads() -> usize {
    let names = each("/proc/self/task", |path| path.join("comm"));
    names.iter().filter(|name| name.trim() == "heartline-clock").count()
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn all_sleeps_share_one_timer_on_the_boot_clock_and_one_thread_which_end_with_the_last() {
    for _ in 0..3 {
        let clock = Clock::boot();
        let mut sleeps: Vec<_> = (0..100).map(|_| Sleep::new(&clock)).collect();
        assert_eq!((timers().len(), threads()), (0, 0), "nothing waits yet");
        for (seconds, sleep) in (100..).zip(&mut sleeps) {
            sleep.reset(Some(clock.now().saturating_add(Duration::from_secs(seconds))));
            assert!(poll_fn(|cx| Poll::Ready(sleep.poll(cx))).await.is_pending());
        }
        let timers_now = timers();
        assert_eq!(timers_now.len(), 1, "{timers_now:?}");
        let info = timers_now[0].lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        assert!(info.clone().any(|line| line == ["clockid:", "7"]), "CLOCK_BOOTTIME is 7: {timers_now:?}");
        until("one thread", || threads() == 1);
        let last = sleeps.pop();
        drop(sleeps);
        assert_eq!((timers().len(), threads()), (1, 1), "one still waits");
        drop(last);
        until("the timer and the thread end", || timers().is_empty() && threads() == 0);
    }
}
