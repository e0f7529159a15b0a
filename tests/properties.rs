//! What holds for every config, every sequence of calls and every moment.
//!
//! A run is made of bytes (see `invariants`); `PROPTEST_CASES` sets how many there are.

mod invariants;

use std::collections::HashMap;
use std::time::Duration;

use heartline::{Action, Backoff, Call, Event, Instant, Jitter, Outcome, Retries, Session};
use invariants::{Answer, Driver, HEADER, Message, Plan, Recorded, answer, run};
use proptest::prelude::*;

const PUNCTUAL: u8 = 0;
const TIDY: u8 = 1;
const SLOPPY: u8 = 2;

fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig { cases: if asked { default.cases } else { cases }, ..default }
}

/// A config and up to so many ops, half of the time from an open connection on.
fn runs(habit: impl Strategy<Value = u8>, ops: usize) -> impl Strategy<Value = Vec<u8>> {
    let header = prop::collection::vec(any::<u8>(), HEADER);
    let ops = prop::collection::vec(any::<[u8; 4]>(), 0..ops);
    let opening = prop_oneof![Just(vec![]), Just([[0; 4], [3, 0, 0, 0], [7, 0, 0, 0]].concat())];
    (habit, header, opening, ops).prop_map(|(habit, mut bytes, opening, ops)| {
        bytes[0] = habit;
        bytes.extend(opening);
        bytes.extend(ops.concat());
        bytes
    })
}

/// The same without jumps to the end of time.
fn near(habit: impl Strategy<Value = u8>, ops: usize) -> impl Strategy<Value = Vec<u8>> {
    runs(habit, ops).prop_map(|mut bytes| {
        bytes[1] = 0;
        bytes
    })
}

proptest! {
    #![proptest_config(cases(3000))]

    /// [C1] [C2] [C3] [C4] [C5] [H2] [H3] [H4] [H8] [H9] [X1]
    #[test]
    fn with_timers_on_time_everything_happens_at_its_moment(bytes in runs(Just(PUNCTUAL), 80)) {
        run(&bytes);
    }

    /// [P1] [P4] [P6] [P7] [H6] [R1] [R2] [R3] [R4] [R6] [R7] [Q4] [Q5] [Q6] [X2] [O1]
    #[test]
    fn with_timers_at_any_time_every_step_is_lawful(bytes in runs(Just(TIDY), 80)) {
        run(&bytes);
    }

    /// [P1] [P3] [P6] [C1] [C2] [C3] [Q1] [Q3] [Q4] [Q5] [Q7] [X2]
    #[test]
    fn a_driver_that_pulls_what_it_likes_breaks_nothing(bytes in runs(Just(SLOPPY), 80)) {
        run(&bytes);
    }
}

fn replay(driver: &Driver, seed: u64, calls: Vec<Call<Message>>) -> Vec<Answer> {
    let mut session = Session::new(driver.session.config().clone(), seed);
    let pulls = driver.record.iter().map(|recorded| recorded.pull);
    calls.into_iter().zip(pulls).map(|(call, pull)| answer(&mut session, call, pull)).collect()
}

fn calls(driver: &Driver) -> Vec<Call<Message>> {
    driver.record.iter().map(|recorded| recorded.call.clone()).collect()
}

fn answers(driver: &Driver) -> Vec<Answer> {
    driver.record.iter().map(|recorded| recorded.answer.clone()).collect()
}

fn shifted(call: Call<Message>, by: Duration) -> Call<Message> {
    match call {
        Call::Handle { now, input } => Call::Handle { now: now.saturating_add(by), input },
        Call::Send { now, outgoing } => Call::Send { now: now.saturating_add(by), outgoing },
        Call::Transmit { now } => Call::Transmit { now: now.saturating_add(by) },
        Call::Unsent { now, transmit, why } => Call::Unsent { now: now.saturating_add(by), transmit, why },
    }
}

fn shifted_back(mut answer: Answer, by: Duration) -> Answer {
    if let Answer::Actions(actions) = &mut answer {
        for action in actions {
            if let Action::ScheduleReconnect { at, .. } = action {
                *at = Instant::after(at.saturating_since(Instant::after(by)));
            }
        }
    }
    answer
}

proptest! {
    #![proptest_config(cases(1000))]

    /// [P2]
    #[test]
    fn the_same_calls_lead_to_the_same_actions(bytes in runs(0..4_u8, 80)) {
        let driver = run(&bytes);
        prop_assert_eq!(replay(&driver, Plan::decode(&bytes).seed, calls(&driver)), answers(&driver));
    }

    /// [P2]
    #[test]
    fn moving_all_times_moves_all_times_and_nothing_else(bytes in near(0..4_u8, 80), by in 0..u64::MAX / 2) {
        let (driver, by) = (run(&bytes), Duration::from_nanos(by));
        let calls = calls(&driver).into_iter().map(|call| shifted(call, by)).collect();
        let found = replay(&driver, Plan::decode(&bytes).seed, calls);
        let found: Vec<_> = found.into_iter().map(|answer| shifted_back(answer, by)).collect();
        prop_assert_eq!(found, answers(&driver));
    }

    /// [P2] [O3]
    #[cfg(feature = "serde")]
    #[test]
    fn stored_calls_lead_to_the_same_actions(bytes in runs(0..4_u8, 40)) {
        let driver = run(&bytes);
        let stored = serde_json::to_string(&calls(&driver)).expect("calls are data");
        let read = serde_json::from_str(&stored).expect("what was written can be read");
        prop_assert_eq!(replay(&driver, Plan::decode(&bytes).seed, read), answers(&driver));
    }
}

/// Actions without names, payloads, and what only a person reads: times relative to the call.
fn outline(records: &[Recorded], mut now: Instant) -> Vec<String> {
    let mut lines = Vec::new();
    for Recorded { call, answer, .. } in records {
        let (Call::Handle { now: at, .. }
        | Call::Send { now: at, .. }
        | Call::Transmit { now: at }
        | Call::Unsent { now: at, .. }) = call;
        now = now.max(*at);
        lines.push(match answer {
            Answer::Actions(actions) => actions.iter().map(|action| outline_of(action, now) + ", ").collect(),
            Answer::Sent(sent) => format!("sent {:?}", sent.as_ref().map(drop).map_err(|refused| refused.reason)),
            Answer::Transmit(found) => format!("transmit {:?}", found.as_ref().map(|found| found.redelivery)),
            Answer::Done => String::new(),
        });
    }
    lines
}

fn outline_of(action: &Action<Message>, now: Instant) -> String {
    match action {
        Action::Deliver(_) => "deliver".into(),
        Action::Abort { .. } => "abort".into(),
        Action::Connect { attempt, .. } => format!("connect {attempt}"),
        Action::Ping { .. } => "ping".into(),
        Action::Close { code, .. } => format!("close {code}"),
        Action::Event(Event::StateChanged { from, to, .. }) => format!("{from} to {to}"),
        Action::Event(Event::Slept { .. }) => "slept".into(),
        Action::Event(event) => format!("{event:?}"),
        Action::ScheduleReconnect { attempt, at, .. } => format!("retry {attempt} {:?}", at.saturating_since(now)),
        Action::Outcome { outcome: Outcome::Returned(why, _), .. } => format!("returned {why:?}"),
        Action::Outcome { outcome: Outcome::Unconfirmed(why, _), .. } => format!("unconfirmed {why:?}"),
        Action::Outcome { outcome, .. } => format!("{outcome:?}"),
    }
}

/// Equal but for names: neither has anything to tell, and both have a past connection or none.
fn key(driver: &Driver) -> Option<(heartline::Fingerprint, u64)> {
    let nothing_owed = driver.session.held() == driver.session.queued() && !driver.observer.ledger.is_pending();
    let past = driver.observer.told.map_or(0, |told| told.as_raw().min(2));
    nothing_owed.then(|| (driver.session.fingerprint(), past))
}

proptest! {
    #![proptest_config(cases(1000))]

    /// [P2]
    #[test]
    fn sessions_with_equal_fingerprints_go_the_same_way(
        mut bytes in near(Just(TIDY), 60),
        further in prop::collection::vec(any::<[u8; 4]>(), 1..12),
    ) {
        bytes[HEADER - 13] = 0; // No jitter: else the source of randomness is a part of the state.
        let plan = Plan::decode(&bytes);
        let further = Plan::decode(&[&bytes[..HEADER], &further.concat()].concat()).ops;
        let (mut driver, mut seen) = (Driver::new(&plan), HashMap::new());
        for op in &plan.ops {
            driver.op(op);
            let Some(key) = key(&driver) else { continue };
            let mut other = seen.entry(key).or_insert_with(|| driver.clone()).clone();
            let mut one = driver.clone();
            let (starts, nows) = ([one.record.len(), other.record.len()], [one.now, other.now]);
            further.iter().for_each(|op| { one.op(op); other.op(op); });
            prop_assert_eq!(outline(&one.record[starts[0]..], nows[0]), outline(&other.record[starts[1]..], nows[1]));
        }
    }
}

fn backoffs() -> impl Strategy<Value = Backoff> {
    let time = || prop_oneof![any::<u64>(), 0..1_000_000_u64].prop_map(Duration::from_nanos);
    let jitter = prop::sample::select(vec![Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated]);
    (time(), time(), time(), jitter).prop_map(|(base, one, other, jitter)| Backoff {
        base,
        min: one.min(other),
        max: one.max(other),
        jitter,
    })
}

proptest! {
    /// [R2]
    #[test]
    fn every_delay_lies_within_its_bounds_whatever_the_attempt(
        backoff in backoffs(),
        attempt in prop_oneof![any::<u32>(), 0..70_u32, Just(u32::MAX)],
        previous in any::<u64>(),
        random in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)],
    ) {
        let delay = backoff.delay(attempt, Duration::from_nanos(previous), random);
        prop_assert!((backoff.min..=backoff.max).contains(&delay), "{delay:?} of {backoff:?}");
    }

    /// [R2]
    #[test]
    fn a_row_of_retries_counts_up_within_the_bounds(backoff in backoffs(), randoms in any::<[u64; 32]>()) {
        let mut retries = Retries::default();
        for (attempt, random) in (1..).zip(randoms) {
            let delay = retries.next(&backoff, random);
            prop_assert!((backoff.min..=backoff.max).contains(&delay));
            prop_assert_eq!(retries.attempt(), attempt);
        }
    }
}
