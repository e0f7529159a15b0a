//! The same calls lead to the same actions: again, stored and read back, at another time, and from every state that
//! has the same fingerprint.

use std::collections::HashMap;
use std::time::Duration;

use heartline::Timestamp;
use heartline::event::Event;
use heartline::replay::Call;
use heartline::replay::Fingerprint;
use proptest::prelude::*;

use super::invariants::{Answer, Done, Driver, HEADER, JITTER, Message, Plan, Session, answer, run};
use super::random::{cases, runs};

/// Without jumps to the end of time.
fn near(ops: usize) -> impl Strategy<Value = Vec<u8>> {
    runs(0..4_u8, ops).prop_map(|mut bytes| {
        bytes[1] = 0;
        bytes
    })
}

fn replay(bytes: &[u8], calls: impl IntoIterator<Item = Call<Message>>) -> Vec<Answer> {
    let plan = Plan::decode(bytes);
    let mut session = Session::with_first_id(plan.config, plan.seed, plan.first_id);
    calls.into_iter().map(|call| answer(&mut session, call)).collect()
}

fn split(driver: Driver) -> (Vec<Call<Message>>, Vec<Answer>) {
    driver.record.into_iter().unzip()
}

fn shifted(mut call: Call<Message>, by: Duration) -> Call<Message> {
    match &mut call {
        Call::Handle { now, .. }
        | Call::Received { now, .. }
        | Call::Send { now, .. }
        | Call::Transmit { now }
        | Call::Sent { now, .. }
        | Call::Rejected { now, .. } => *now = now.saturating_add(by),
        _ => {}
    }
    call
}

fn shifted_back(mut answer: Answer, by: Duration) -> Answer {
    if let Answer::Actions(actions) = &mut answer {
        for action in actions {
            if let Done::Schedule { at, .. } = action {
                *at = Timestamp::after(at.since_origin() - by);
            }
        }
    }
    answer
}

proptest! {
    #![proptest_config(cases(300))]

    /// [P2]
    #[test]
    fn the_same_calls_lead_to_the_same_actions(bytes in runs(0..4_u8, 80)) {
        let (calls, answers) = split(run(&bytes));
        prop_assert_eq!(replay(&bytes, calls), answers);
    }

    /// [P2]
    #[test]
    fn moving_all_times_moves_all_times_and_nothing_else(bytes in near(80), by in 0..u64::MAX / 4) {
        let (calls, answers) = split(run(&bytes));
        let by = Duration::from_nanos(by);
        let found = replay(&bytes, calls.into_iter().map(|call| shifted(call, by)));
        let found: Vec<_> = found.into_iter().map(|answer| shifted_back(answer, by)).collect();
        prop_assert_eq!(found, answers);
    }

    /// [P2] [O3]
    #[cfg(feature = "serde")]
    #[test]
    fn stored_calls_lead_to_the_same_actions(bytes in runs(0..4_u8, 40)) {
        let (calls, answers) = split(run(&bytes));
        let stored = serde_json::to_string(&calls).expect("calls are data");
        let read: Vec<Call<Message>> = serde_json::from_str(&stored).expect("what was written can be read");
        prop_assert_eq!(replay(&bytes, read), answers);
    }
}

/// Answers without names and payloads, with times relative to the call.
fn outline(driver: &Driver, from: usize) -> Vec<String> {
    let mut now = Timestamp::ORIGIN;
    let outlines = driver.record.iter().map(|(call, answer)| {
        now = now.max(super::invariants::moment(call).unwrap_or(now));
        match answer {
            Answer::Actions(actions) => actions.iter().map(|action| outline_of(action, now) + ", ").collect(),
            Answer::Send(sent) => format!("{:?}", sent.as_ref().map(drop).map_err(|refused| refused.reason)),
            Answer::Transmit(lent) => format!("{:?}", lent.map(|(_, _, _, redelivery)| redelivery)),
            other => format!("{other:?}"),
        }
    });
    outlines.skip(from).collect()
}

fn outline_of(action: &Done, now: Timestamp) -> String {
    match action {
        Done::Abort(_) => "abort".into(),
        Done::Connect { attempt, last_loss, renew, .. } => format!("connect {attempt} {last_loss:?} {renew}"),
        Done::Ping { .. } => "ping".into(),
        Done::Close(_, code) => format!("close {code}"),
        Done::Event(Event::Slept { .. }) => "slept".into(),
        Done::Schedule { attempt, at, cause } => format!("{attempt} {:?} {cause:?}", at.saturating_since(now)),
        Done::Outcome(_, outcome) => outcome.to_string(),
        other => format!("{other:?}"),
    }
}

/// What decides the future, with what the driver's choices depend on: how many connections there were, and which
/// message it takes for lent. `None` where an abort is owed: which connection it is for is not in the fingerprint.
fn key(driver: &Driver) -> Option<(Fingerprint, u64, Option<bool>)> {
    let model = &driver.model;
    let lent = driver.lent.map(|id| model.outbox.is_lent(id));
    model.owed.aborts.is_empty().then(|| (driver.session.fingerprint(), model.handed_out.min(2), lent))
}

proptest! {
    #![proptest_config(cases(250))]

    /// Two lives under one config, and wherever they are alike, a third that both go on with.
    /// [P2]
    #[test]
    fn sessions_with_equal_fingerprints_go_the_same_way(
        mut bytes in near(60),
        other in prop::collection::vec(any::<[u8; 4]>(), 0..60),
        further in prop::collection::vec(any::<[u8; 4]>(), 1..12),
    ) {
        // No jitter, or the source of randomness would be a part of the state; and no lack of ids.
        (bytes[4 + JITTER], bytes[3]) = (0, 0);
        let plan = Plan::decode(&bytes);
        let ops = |ops: &[[u8; 4]]| Plan::decode(&[&bytes[..HEADER], &ops.concat()].concat()).ops;
        let (other, further) = (ops(&other), ops(&further));
        let mut seen = HashMap::new();
        for ops in [&plan.ops, &other] {
            let mut driver = Driver::new(&plan);
            for op in ops {
                driver.op(op);
                let Some(key) = key(&driver) else { continue };
                let mut known = seen.entry(key).or_insert_with(|| driver.clone()).clone();
                let mut found = driver.clone();
                let starts = [found.record.len(), known.record.len()];
                further.iter().for_each(|op| { found.op(op); known.op(op); });
                prop_assert_eq!(outline(&found, starts[0]), outline(&known, starts[1]));
            }
        }
    }
}
