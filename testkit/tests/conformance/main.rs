//! The suite finds the bugs of drivers, and passes one that has none. This program starts itself as the adapter of the
//! smallest driver, with a bug if its name is given. `cargo test --test conformance -- 'a hot loop'` tries that bug alone.

mod adapter;
mod driver;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use adapter::{PLAIN, Twist};
use driver::{Bugs, Order};
use heartline::backoff::Backoff;
use heartline::event::{Cause, Event};
use heartline::heartbeat::HeartbeatMode;
use heartline::retry::{Pattern, Verdict as Retry};
use heartline::{Action, Loss, Settings};
use heartline_testkit::conformance::{Ability, Suite, Verdict};
use tungstenite::Message;

/// Not an alteration of anything: see `become_adapter`.
const SPINS: &str = "spins";
const SECOND: Duration = Duration::from_secs(1);
/// What `examples/minimal` is known to get wrong: it does not see the bytes of a message that is not complete, and its one
/// thread dials.
const KNOWN: [&str; 3] = ["slow-frame", "dial-hangs", "close-while-dialling"];

struct Bug {
    name: &'static str,
    twist: Twist,
    /// The cases that have to find it.
    found_by: &'static [&'static str],
}

fn settings(name: &'static str, settings: fn(&mut Settings), found_by: &'static [&'static str]) -> Bug {
    Bug { name, twist: Twist { settings, ..PLAIN }, found_by }
}

/// One that says it obeys `Retry-After`.
fn claims(name: &'static str, settings: fn(&mut Settings), found_by: &'static [&'static str]) -> Bug {
    Bug { name, twist: Twist { settings, claims: &[Ability::RetryAfter], ..PLAIN }, found_by }
}

fn orders(name: &'static str, orders: fn(Order) -> Vec<Order>, found_by: &'static [&'static str]) -> Bug {
    Bug { name, twist: Twist { orders, ..PLAIN }, found_by }
}

fn reports(name: &'static str, shows: fn(&Action<Message>) -> bool, found_by: &'static [&'static str]) -> Bug {
    Bug { name, twist: Twist { shows, ..PLAIN }, found_by }
}

fn in_the_loop(name: &'static str, bugs: Bugs, found_by: &'static [&'static str]) -> Bug {
    Bug { name, twist: Twist { bugs, ..PLAIN }, found_by }
}

fn bugs() -> Vec<Bug> {
    let all = [impatient(), stubborn(), slow(), careless(), confused()];
    all.into_iter().flatten().collect()
}

/// The heartbeat, and the pace of dials.
fn impatient() -> Vec<Bug> {
    vec![
        settings(
            "no heartbeat",
            |settings| settings.heartbeat.mode = HeartbeatMode::Off,
            &["silent-link", "silent-and-stalled", "nothing-after-abort", "late-close"],
        ),
        settings(
            "an impatient heartbeat",
            |settings| {
                settings.heartbeat.mode = HeartbeatMode::Listen { timeout: SECOND / 100 };
            },
            &["suspended", "stalled-reader"],
        ),
        settings(
            "no tolerance of lateness",
            |settings| {
                settings.heartbeat.late_tolerance = 3600 * SECOND;
                settings.heartbeat.mode = HeartbeatMode::Listen { timeout: SECOND / 5 };
            },
            &["suspended"],
        ),
        settings(
            "a hot loop",
            |settings| {
                (settings.min_dial_gap, settings.backoff) = (SECOND / 1000, Backoff::constant(SECOND / 1000));
            },
            &["accept-and-close"],
        ),
    ]
}

/// What the server answers.
fn stubborn() -> Vec<Bug> {
    vec![
        settings(
            "no end of redirects",
            |settings| {
                settings.retry = settings.retry.clone().with(Pattern::Status(301, 301), Retry::Retry);
            },
            &["redirect"],
        ),
        settings(
            "no new credentials",
            |settings| {
                settings.retry = settings.retry.clone().with(Pattern::Status(401, 401), Retry::Retry);
            },
            &["unauthorized"],
        ),
    ]
}

/// What takes how long.
fn slow() -> Vec<Bug> {
    vec![
        claims("what Retry-After says is not heard", |_| {}, &["retry-after"]),
        settings(
            "a day for each acknowledgement",
            |settings| settings.outbox.ack_timeout = Some(86_400 * SECOND),
            &["unacknowledged"],
        ),
        settings("a day for each dial", |settings| settings.connect_timeout = 86_400 * SECOND, &["black-hole"]),
        settings("a day for each close", |settings| settings.close_timeout = 86_400 * SECOND, &["close-unanswered"]),
        settings("one retry", |settings| settings.max_retries = Some(0), &["order", "failing-pong"]),
    ]
}

/// Messages and commands.
fn careless() -> Vec<Bug> {
    vec![
        orders(
            "a message gets lost",
            |order| match order {
                Order::Send(3, _) => vec![],
                order => vec![order],
            },
            &["order", "clean-end", "redelivery"],
        ),
        orders(
            "everything twice",
            |order| match order {
                Order::Send(tag, outgoing) => vec![Order::Send(tag, outgoing.clone()), Order::Send(tag, outgoing)],
                order => vec![order],
            },
            &["echo", "order", "clean-end", "redelivery", "stalled-reader"],
        ),
        orders(
            "acknowledgements are not heard",
            |order| match order {
                Order::Acked(_) => vec![],
                order => vec![order],
            },
            &["redelivery"],
        ),
        orders(
            "closing is not heard",
            |order| match order {
                Order::Close(_) => vec![],
                order => vec![order],
            },
            &["echo", "clean-end", "close-unanswered"],
        ),
    ]
}

/// What is reported, and in which order the loop does things.
fn confused() -> Vec<Bug> {
    vec![
        reports(
            "a delivery gets lost",
            |action| !matches!(action, Action::Deliver(text) if text.to_string().contains(['4', 'i'])),
            &["one-byte-writes", "failing-pong", "interrupted-poll", "slow-application", "paused-application"],
        ),
        reports("outcomes get lost", |action| !matches!(action, Action::Outcome { .. }), &["echo", "clean-end"]),
        reports(
            "a loss is hidden",
            |action| {
                let lost = |cause: &Cause| matches!(cause, Cause::Lost(Loss::Transport(_)));
                !matches!(action, Action::Event(Event::StateChanged { cause, .. }) if lost(cause))
            },
            &["oversized"],
        ),
        in_the_loop("the timer is called first", Bugs { timer_first: true, ..Bugs::default() }, &["interrupted-poll"]),
        in_the_loop("a pong hides what can be read", Bugs { read_on: true, ..Bugs::default() }, &["failing-pong"]),
        settings(SPINS, |_| {}, &["idle-spin", "stalled-spin", "waiting-spin"]),
    ]
}

/// Acts as the adapter.
fn become_adapter(bug: Option<&str>) {
    let Some(bug) = bug else { return adapter::serve(PLAIN) };
    let bug = bugs().into_iter().chain([obedient()]).find(|known| known.name == bug).expect("a bug of the list");
    if bug.name == SPINS {
        (0..3).for_each(|_| {
            drop(thread::spawn(|| {
                loop {
                    std::hint::spin_loop()
                }
            }))
        });
    }
    adapter::serve(bug.twist);
}

fn suite(bug: Option<&'static str>) -> Suite {
    Suite::new(move || {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.arg("adapter").args(bug);
        command
    })
}

/// Everything that can be tried passes, but for what is known.
fn the_minimal_driver_fails_only_where_it_is_known_to() {
    let report = suite(None).run(|_| {});
    report.assert_fails_only(&KNOWN);
    let lacks =
        |name, ability| assert_eq!(report.verdict(name), Some(&Verdict::NotApplicable { missing: vec![ability] }));
    lacks("retry-after", Ability::RetryAfter);
    let shown = report.to_string();
    assert!(shown.contains("not applicable  retry-after") && shown.contains("lacks retry-after"), "{shown}");
}

/// The minimal driver does not look at `Retry-After`; with a rule of its own it does what this server asks for.
fn obedient() -> Bug {
    let obey = |settings: &mut Settings| {
        settings.retry = settings.retry.clone().with(Pattern::Status(503, 503), Retry::RetryAfter(2 * SECOND));
    };
    claims("obeys", obey, &[])
}

fn the_case_that_minimal_cannot_try_passes_for_a_driver_that_can() {
    suite(Some("obeys")).only(["retry-after"]).run(|_| {}).assert_passed();
}

fn a_bug_is_found(bug: &Bug) {
    let report = suite(Some(bug.name)).pace(0.3).only(bug.found_by.iter().copied()).run(|_| {});
    assert_eq!(report.cases.len(), bug.found_by.len(), "{}: a case that does not exist", bug.name);
    for case in &report.cases {
        let Verdict::Failed { reason, .. } = &case.verdict else {
            panic!("{}: {} says {:?}", bug.name, case.name, case.verdict)
        };
        println!("{}: {}: {reason}", bug.name, case.name);
    }
}

/// Each case has a bug that it finds, those that fail anyway aside.
fn every_case_can_fail() {
    let found: Vec<&str> = bugs().iter().flat_map(|bug| bug.found_by).copied().chain(KNOWN).collect();
    let never: Vec<&str> = Suite::cases().map(|(name, _)| name).filter(|name| !found.contains(name)).collect();
    assert!(never.is_empty(), "no bug is tried with {never:?}");
}

/// Between its marks the adapter's driver is the example of the core. (This crate's package comes without that one; Cargo adds
/// to a package the manifest as it was written.)
fn the_loop_is_that_of_the_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if here.join("Cargo.toml.orig").exists() {
        return;
    }
    let example = fs::read_to_string(here.join("../examples/minimal/main.rs")).expect("the example of the core");
    let driver = include_str!("driver.rs");
    let (_, ours) = driver.split_once("    // the loop\n").expect("a mark");
    let (ours, _) = ours.split_once("    // the end of the loop\n").expect("a mark");
    assert!(ours.lines().count() > 20 && example.contains(ours), "examples/minimal has changed: follow it");
}

fn what_is_no_adapter_fails_every_case() {
    let report = Suite::new(|| Command::new("/nonexistent/adapter")).only(["echo", "order"]).run(|_| {});
    assert_eq!(report.failed().count(), 2);
    let report = Suite::new(|| {
        let mut command = Command::new("echo");
        command.arg("good morning");
        command
    });
    let report = report.only(["echo"]).run(|_| {});
    let Some(Verdict::Failed { reason, .. }) = report.verdict("echo") else { panic!("{report}") };
    assert!(reason.contains("not a line of the protocol: good morning"), "{reason}");
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "adapter") {
        return become_adapter(arguments.get(1).map(String::as_str));
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return println!("conformance: test");
    }
    if let Some(bug) = bugs().iter().find(|bug| arguments.iter().any(|argument| argument == bug.name)) {
        return a_bug_is_found(bug);
    }
    the_loop_is_that_of_the_example();
    every_case_can_fail();
    what_is_no_adapter_fails_every_case();
    let (spinning, bugs): (Vec<Bug>, Vec<Bug>) = bugs().into_iter().partition(|bug| bug.name == SPINS);
    thread::scope(|scope| {
        scope.spawn(the_minimal_driver_fails_only_where_it_is_known_to);
        scope.spawn(the_case_that_minimal_cannot_try_passes_for_a_driver_that_can);
        // Bugs are mostly waited for.
        for some in bugs.chunks(bugs.len().div_ceil(4)) {
            scope.spawn(|| some.iter().for_each(a_bug_is_found));
        }
    });
    spinning.iter().for_each(a_bug_is_found); // It takes what the others need.
    println!("conformance: every bug was found");
}
