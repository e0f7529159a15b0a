//! One thread for what blocks: in a process of its own, for it counts threads.
#![cfg(target_os = "linux")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use heartline_blocking::State;
use support::*;

fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "heartline-dial").count()
}

#[test]
fn a_hook_that_is_stuck_is_waited_for_by_the_newest_dial_and_by_no_second_thread() {
    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let (go, wait) = mpsc::channel::<()>();
    let (wait, calls) = (Mutex::new(wait), Arc::new(AtomicUsize::new(0)));
    let called = calls.clone();
    let client = server.client().request(move |dial| {
        if called.fetch_add(1, Ordering::SeqCst) == 0 {
            wait.lock().unwrap().recv()?;
        }
        dial.request()
    });
    let client = client.configure(|options| options.session.connect_timeout = Duration::from_millis(50));
    let mut client = client.build().unwrap();
    poll_until(&mut client, "dials are given up", |client| client.stats().session.lost_to_connect_timeout >= 5);
    assert_eq!((calls.load(Ordering::SeqCst), threads()), (1, 1));
    go.send(()).unwrap();
    until_state(&mut client, State::Open);
    assert!(calls.load(Ordering::SeqCst) <= 3, "not once for each dial");
    poll_until(&mut client, "the thread has ended", |_| threads() == 0);
    drop(client);
    server.join();

    let server = Server::run(|listener| _ = until_end(&mut accept(&listener)));
    let mut client = server.client().build().unwrap();
    assert_eq!(threads(), 0, "none for a literal address");
    until_state(&mut client, State::Open);
    drop(client);
    server.join();
}
